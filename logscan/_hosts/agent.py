"""The agent: what runs on a host that has no logscan. It needs Python 3.6 and leaves nothing on disk.

Its text, after those of ``agent_entries`` and ``agent_follow``, is sent through ssh and run by ``python3 -c``: the
three are one program, and each constant stands once. So it imports the standard library only, and is written for
Python 3.6. It lists files, and sends the entries in which needles stand, byte for byte. What an entry means is
decided where logscan runs. docs/hosts.md says what crosses.
"""

import calendar
import glob
import json
import os
import re
import stat
import struct
import sys
import threading
import time
import zlib

SAMPLE = 1 << 16
ALIVE = 2.0
MOST_FILES = 20000
LOG_NAME = re.compile(r"\.log(?:$|[.-])")
PACKINGS = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "lzma"), (b"\x28\xb5\x2f\xfd", "zstd"))


def text(data):
    return data.decode("latin-1")


def name(value):
    return os.fsdecode(value.encode("latin-1"))


class Wire:
    """Frames out and in."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bytes = 0

    def send(self, kind, **value):
        value["k"] = kind
        data = zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 1)
        with self.lock:
            out = sys.stdout.buffer
            out.write(struct.pack(">I", len(data)) + data)
            out.flush()

    def receive(self):
        head = sys.stdin.buffer.read(4)
        if len(head) < 4:
            return None
        data = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
        return json.loads(zlib.decompress(data).decode("ascii"))

    def alive(self):
        """Say every few seconds that the host lives. Where nobody listens any more, end."""
        while True:
            time.sleep(ALIVE)
            try:
                self.send("alive", bytes=self.bytes)
            except Exception:
                os._exit(1)


def packing(head):
    for magic, kind in PACKINGS:
        if head.startswith(magic):
            return kind
    return ""


def opened(path, kind):
    """The text of a file."""
    if kind == "gzip":
        import gzip

        return gzip.open(path, "rb")
    if kind == "bz2":
        import bz2

        return bz2.open(path, "rb")
    if kind == "lzma":
        import lzma

        return lzma.open(path, "rb")
    if kind:
        raise ValueError("is packed as " + kind + ", which the Python of this host cannot read")
    return open(path, "rb")


def words(error):
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]


def problem(wire, path, reason):
    wire.send("problem", path=text(os.fsencode(path)), reason=reason)


# ---- which files there are


def below(path, wire):
    def failed(error):
        problem(wire, str(error.filename), words(error))

    for folder, folders, names in os.walk(path, onerror=failed):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in sorted(names):
            if LOG_NAME.search(each) and not each.startswith("."):
                yield os.path.join(folder, each)


def expanded(path, wire):
    if os.path.isdir(path):
        return sorted(below(path, wire))
    if os.path.exists(path) or not glob.has_magic(path):
        return [path]
    found = []
    for each in sorted(glob.glob(path, recursive=True)):
        found += sorted(below(each, wire)) if os.path.isdir(each) else [each]
    return found


def listed(question, wire):
    """Say what files there are: of each its size, time, packing and beginning."""
    seen = set()
    for wish in question["paths"]:
        for pattern in wish:  # alternatives: the first that is there
            paths = expanded(name(pattern), wire)
            if any(os.path.exists(path) for path in paths):
                break
        if not paths:
            problem(wire, name(wish[0]), "no logs there")
        for path in paths:
            key = os.path.realpath(path)
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_FILES:
                problem(wire, path, "more than {:,} files: the others are not read".format(MOST_FILES))
                return
            try:
                about = os.stat(path)
                if not stat.S_ISREG(about.st_mode):
                    problem(wire, path, "is no file: skipped")
                    continue
                with open(path, "rb") as file:
                    kind = packing(file.read(8))
                with opened(path, kind) as file:
                    sample = file.read(SAMPLE)
            except Exception as error:
                problem(wire, path, words(error))
                continue
            wire.send(
                "file", path=text(os.fsencode(path)), size=about.st_size, time=int(about.st_mtime),
                packing=kind, sample=text(sample),
            )  # fmt: skip
    wire.send("listed")


def shorter(one, other):
    """Which of two texts is the beginning of the other; None: neither."""
    if not one[1] and not other[1]:
        size = min(one[2], other[2])
        ends = []
        for path, _, _ in (one, other):
            with open(name(path), "rb") as file:
                file.seek(max(0, size - 1024))
                ends.append(file.read(min(1024, size)))
        if ends[0] != ends[1]:
            return None
    with opened(name(one[0]), one[1]) as first, opened(name(other[0]), other[1]) as second:
        while True:
            parts = first.read(1 << 18), second.read(1 << 18)
            size = min(len(parts[0]), len(parts[1]))
            if parts[0][:size] != parts[1][:size]:
                return None
            if size < 1 << 18:
                return one if len(parts[0]) < len(parts[1]) else other


def compared(question, wire):
    """Of files that begin alike, say which hold the text of another."""
    for group in question["groups"]:
        kept, gone = [], {}
        for file in sorted(group, key=lambda each: (bool(each[1]), -each[2])):
            for other in kept:
                try:
                    less = shorter(other, file)
                except Exception:
                    less = None
                if less is file:
                    gone[file[0]] = other[0]
                    break
                if less is other:
                    gone[other[0]] = file[0]
            if file[0] not in gone:
                kept = [each for each in kept if each[0] not in gone] + [file]
        for path, other in gone.items():
            wire.send("copy", path=path, other=gone.get(other, other))
    wire.send("compared")


def main():
    wire = Wire()
    now = time.time()
    local = time.localtime(now)
    wire.send("hello", now=int(now), offset=calendar.timegm(local) - int(now))
    threading.Thread(target=wire.alive, daemon=True).start()
    while True:
        question = wire.receive()
        if question is None:
            return
        if question["do"] == "list":
            listed(question, wire)
        elif question["do"] == "compare":
            compared(question, wire)
        elif question["do"] == "follow":
            followed(question, wire)
        elif question["do"] == "scan":
            scanned(question, wire)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)
