"""Part of the agent (:mod:`logscan._hosts.agent`): what is written from now on."""

import os
import re
import time


class Followed:
    """A file that grows."""

    def __init__(self, number, path, opens, question, wire):
        self.number, self.path, self.opens = number, path, opens
        self.needles = [each.encode("latin-1") for each in question["needles"]]
        self.out = Entries(number, question, wire, [-(1 << 60)])
        self.file = None
        self.held, self.at, self.grown = b"", 0, 0.0
        self.open(True)

    def open(self, at_end):
        try:
            self.file = open(self.path, "rb")
        except Exception:
            self.file = None
            return
        self.held, self.at = b"", self.file.seek(0, 2) if at_end else 0

    def look(self):
        """Read what is new; whether there was any."""
        if self.file is None:
            self.open(False)
            if self.file is None:
                return False
        data = self.file.read(BLOCK)
        if data:
            self.held += data
            self.grown = time.time()
            self.take(self.last())
            return True
        if self.held and time.time() - self.grown > 1:
            self.take(self.held.rfind(b"\n") + 1)
        try:
            about, own = os.stat(self.path), os.fstat(self.file.fileno())
            is_other = (about.st_dev, about.st_ino) != (own.st_dev, own.st_ino)
            if is_other or about.st_size < self.at + len(self.held):
                self.take(len(self.held))
                self.file.close()
                self.open(False)
                return True
        except Exception:
            pass
        return False

    def last(self):
        """Where the last entry begins that may go on."""
        end = len(self.held)
        while True:
            at = self.held.rfind(b"\n", 0, end) + 1
            if not at or (at < len(self.held) and self.opens(self.held, at)):
                return at if len(self.held) < 2 * BLOCK else len(self.held)
            end = at - 1

    def take(self, end):
        """Send the entries of the first bytes that hold a needle."""
        data = self.held[:end]
        if any(needle in data for needle in self.needles):
            starts, at = [0], data.find(b"\n") + 1
            while 0 < at < end:
                if self.opens(data, at):
                    starts.append(at)
                at = data.find(b"\n", at) + 1
            for begin, until in zip(starts, starts[1:] + [end]):
                part = data[begin:until][: self.out.question["most"]]
                if any(needle in part for needle in self.needles):
                    self.out.rows.append((self.at + begin, 0, self.at + begin, len(part), 0, 0, 0, 0))
                    self.out.parts.append(part)
            self.out.flush()
        self.held = self.held[end:]
        self.at += end


def followed(question, wire):
    files = [
        Followed(
            number,
            name(each["path"]),
            re.compile(each["opener"].encode("latin-1"), re.VERBOSE).match,
            question,
            wire,
        )
        for number, each in enumerate(question["files"])
    ]
    wire.send("tick")
    quiet = 9
    while True:
        quiet = 0 if any([file.look() for file in files]) else quiet + 1
        if quiet:
            time.sleep(0.3)
        if 0 < quiet < 6:
            wire.send("tick")
