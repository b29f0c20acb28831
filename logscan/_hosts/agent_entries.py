"""Part of the agent (:mod:`logscan._hosts.agent`): which entries of a log matter."""

import array
import bisect
import calendar
import os
import re
import subprocess

BLOCK = 4 << 20
MOST_HITS = 1 << 20  # 8 MiB of them; where there are more, most blocks are searched anyway
BATCH = 1 << 20
LOOK = 1 << 16
SAMPLES = 64
CLOSE = 1 << 20
SLACK = 5400
TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)")


class LimitError(Exception):
    """More bytes matter than may be sent."""


def has_grep():
    try:
        out = subprocess.check_output(["grep", "--version"], stderr=subprocess.DEVNULL)
    except Exception:
        return False
    return b"GNU grep" in out


def hits_by_grep(path, needles):
    """Offsets at which needles begin, ascending; None: grep does not say, or there are too many."""
    process = None
    try:
        process = subprocess.Popen(
            ["grep", "-aboF", "-f", "-", "--", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C"),
        )  # fmt: skip
        process.stdin.write(b"\n".join(needles) + b"\n")
        process.stdin.close()
        found = array.array("Q")
        for line in process.stdout:
            at = line.partition(b":")[0]
            if at.isdigit():
                if len(found) == MOST_HITS:
                    return None
                found.append(int(at))
        return found if process.wait() in (0, 1) else None
    except Exception:
        return None
    finally:
        if process is not None:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()


def within(found, begin, end):
    """Those of some ascending offsets that lie in a range, from its beginning."""
    begin = max(0, begin)
    return [at - begin for at in found[bisect.bisect_left(found, begin) : bisect.bisect_left(found, end)]]


def seconds_in(data, opens):
    """The time of the first entry that opens in some bytes, after their first line break."""
    at = data.find(b"\n") + 1
    while 0 < at < len(data):
        if opens(data, at):
            found = TIME.search(data, at, at + 300)
            if found:
                return calendar.timegm(tuple(int(part) for part in found.groups()) + (0, 0, 0))
        at = data.find(b"\n", at) + 1
    return None


def bounds(path, size, low, high, opens):
    """Offsets in a plain file: before the first no entry is as late as low, from the second on all are as late
    as high. Where times do not ascend, all of it."""
    if size < BLOCK or (low is None and high is None):
        return 0, size
    with open(path, "rb") as file:

        def at(offset):
            file.seek(offset)
            return seconds_in((b"\n" if not offset else b"") + file.read(LOOK), opens)

        sampled = []
        for number in range(SAMPLES):
            seconds = at(size * number // SAMPLES)
            if seconds is not None:
                if sampled and max(each for _, each in sampled) - seconds > SLACK:
                    return 0, size
                sampled.append((size * number // SAMPLES, seconds))

        def narrow(before, beyond, moment):
            while beyond - before > CLOSE:
                middle = (before + beyond) // 2
                seconds = at(middle)
                if seconds is None:
                    break
                if seconds < moment:
                    before = middle
                else:
                    beyond = middle
            return before, beyond

        begin, end = 0, size
        if low is not None:
            begin = max([offset for offset, seconds in sampled if seconds < low] or [0])
            later = [offset for offset, seconds in sampled if seconds >= low and offset > begin]
            begin = narrow(begin, later[0] if later else size, low)[0]
        if high is not None:
            before = max([offset for offset, seconds in sampled if seconds < high] or [0])
            later = [offset for offset, seconds in sampled if seconds >= high and offset >= before]
            if later:
                end = narrow(before, later[0], high)[1] + 1  # the entry that opens right there may be earlier
        return begin, end


class Block:
    """Some bytes of a stream. ``hits``: offsets in it at which needles begin; None: nobody has looked."""

    def __init__(self, base, data, fresh, hits, line):
        self.base, self.data, self.fresh, self.hits = base, data, fresh, hits
        self.line = line


class Stream:
    """The files of one log, oldest first, as blocks; those without a needle are left out where grep says so."""

    def __init__(self, question, stream, wire, use_grep):
        self.question, self.wire = question, wire
        self.opens = re.compile(stream["opener"].encode("latin-1"), re.VERBOSE).match
        self.files = [name(path) for path in stream["files"]]
        self.headless = stream["headless"]
        self.needles = [each.encode("latin-1") for each in question["needles"]]
        self.caseless = question["caseless"]
        self.lines = question["lines"]
        self.use_grep = use_grep and self.needles and not self.caseless and not self.lines
        self.begins = []
        self.read = 0
        self.orphans = 0
        self.last = None
        self.middle = None

    def blocks(self):
        base, fresh = 0, True
        for number, path in enumerate(self.files):
            try:
                with open(path, "rb") as file:
                    kind = packing(file.read(8))
                    size = os.fstat(file.fileno()).st_size
                begin, end = 0, None
                line = 1
                if not kind:
                    low = self.question["low"] if not number else None
                    high = self.question["high"] if number + 1 == len(self.files) else None
                    begin, end = bounds(path, size, low, high, self.opens)
                    if self.lines:
                        begin = 0
                    self.last = (path, size)
                if begin and not number:
                    self.headless = True
                if not number and not begin and not self.headless:
                    with opened(path, kind) as file:
                        self.orphans = self.before_first(file.read(BLOCK).lstrip(b"\0"))
                found = hits_by_grep(path, self.needles) if self.use_grep and not kind else None
                self.begins.append((base, path))
                with opened(path, kind) as file:
                    at = begin
                    while end is None or at < end:
                        block = at // BLOCK
                        until = (block + 1) * BLOCK - at
                        if found is not None and not within(found, (block - 1) * BLOCK, (block + 2) * BLOCK):
                            at = min((block + 1) * BLOCK, size)
                            self.wire.bytes += until
                            fresh = True
                            if at >= size:
                                break
                            continue
                        if end is not None:
                            file.seek(at)
                        data = file.read(until)
                        if not data:
                            break
                        self.read += len(data)
                        self.wire.bytes += len(data)
                        hits = None if found is None else within(found, at, at + len(data))
                        yield Block(base + at, data, fresh, hits, line)
                        fresh = False
                        line += data.count(b"\n") if self.lines else 0
                        at += len(data)
                    base += at
            except Exception as error:
                problem(self.wire, path, words(error))
                fresh = True
                self.headless = True

    def before_first(self, data):
        """Lines before the first that opens an entry."""
        at = count = 0
        while at < len(data) and not self.opens(data, at):
            count += 1
            at = data.find(b"\n", at) + 1 or len(data)
        return count

    def place(self, at):
        """The number of the file, and the offset in it, of an offset in the stream."""
        number = len(self.begins) - 1
        while number and self.begins[number][0] > at:
            number -= 1
        return number, at - self.begins[number][0]

    def hits(self, data, begin, end):
        """Offsets within needles, ascending; of every line where there are none."""
        found = []
        if not self.needles:
            at = begin
            while 0 <= at < end:
                found.append(at)
                at = data.find(b"\n", at, end) + 1 or end
            return found
        if self.caseless:
            data = data.lower()
        for needle in self.needles:
            needle = needle.lower() if self.caseless else needle
            at = data.find(needle, begin, end + len(needle) - 1)
            while at >= 0:
                found.append(at)
                at = data.find(needle, at + 1, end + len(needle) - 1)
        found.sort()
        return found


class Entries:
    """Entries go out in batches."""

    def __init__(self, number, question, wire, sent):
        self.number, self.question, self.wire, self.sent = number, question, wire, sent
        self.lost = 0
        self.clear()

    def clear(self):
        self.rows, self.parts, self.size = [], [], 0

    def add(self, stream, text_, shift, begin, end, orphan, line):
        data = text_[begin:end]
        nuls = len(data) - len(data.lstrip(b"\0"))
        data = data[nuls:]
        cut = max(0, len(data) - self.question["most"])
        if cut:
            data = data[: self.question["most"]]
        file, offset = stream.place(shift + begin + nuls)
        self.rows.append((shift + begin + nuls, file, offset, len(data), int(orphan), cut, nuls, line))
        self.parts.append(data)
        self.size += len(data)
        self.sent[0] += len(data)
        if self.sent[0] > self.question["limit"]:
            raise LimitError
        if self.size >= BATCH:
            self.flush()

    def flush(self):
        if self.rows:
            self.wire.send("entries", stream=self.number, rows=self.rows, data=text(b"".join(self.parts)))
        self.clear()


def scan_stream(stream, out):
    """Send the entries around needles."""
    past = 0
    before = None
    source = stream.blocks()
    block = next(source, None)
    while block is not None:
        if block.fresh:
            before = None
        after = next(source, None)
        follows = after is not None and not after.fresh
        if block.hits is None or block.hits:
            stream.middle = block
            past = around(
                stream, out, [each for each in (before, block, after if follows else None) if each], past
            )
        before = block if follows else None
        block = after
    out.flush()


def line_at(stream, blocks, at):
    """The number of the line in its file that begins at an offset in the stream; 0: nobody asked."""
    if not stream.lines:
        return 0
    block = [each for each in blocks if each.base <= at][-1]
    return block.line + block.data.count(b"\n", 0, at - block.base)


def around(stream, out, blocks, past):
    """Send the entries around the needles of the block in the middle; returns where the last of them ends."""
    data = b"".join(each.data for each in blocks)
    shift = blocks[0].base
    block = stream.middle
    first = block.base - shift
    opens = stream.opens
    if block.hits is None:
        hits = stream.hits(data, first, first + len(block.data))
    else:
        hits = [first + hit for hit in block.hits]
    for hit in hits:
        if shift + hit < past:
            continue
        low = max(0, past - shift)
        start = data.rfind(b"\n", low, hit) + 1 or low
        while start > low and not opens(data, start):
            start = data.rfind(b"\n", low, start - 1) + 1 or low
        orphan = False
        if not opens(data, start):
            if shift + start or stream.headless:
                if not block.fresh and start != past - shift:
                    out.lost += 1
                at = data.find(b"\n", hit) + 1
                if not at:
                    continue
                while at and at < len(data) and not opens(data, at):
                    at = data.find(b"\n", at) + 1
                past = shift + (at or len(data))
                continue
            orphan = True
        at = data.find(b"\n", hit) + 1
        while at and at < len(data) and not opens(data, at):
            at = data.find(b"\n", at) + 1
        end = at or len(data)
        if orphan and not stream.needles:
            past = shift + end
            continue
        out.add(stream, data, shift, start, end, orphan, line_at(stream, blocks, shift + start))
        past = shift + end
    return past


def scanned(question, wire):
    """Send the entries of all streams in which a needle stands."""
    use_grep = has_grep()
    sent = [0]
    for number, each in enumerate(question["streams"]):
        stream = Stream(question, each, wire, use_grep)
        out = Entries(number, question, wire, sent)
        try:
            scan_stream(stream, out)
        except LimitError:
            wire.send("limit", bytes=sent[0])
            return
        end = ""
        if stream.last is not None:
            path, size = stream.last
            try:
                with open(path, "rb") as file:
                    file.seek(max(0, size - LOOK))
                    end = text(file.read(LOOK))
            except Exception as error:
                problem(wire, path, words(error))
        size = sum(1 for _ in stream.begins)
        wire.send(
            "scanned",
            stream=number,
            bytes=stream.read,
            files=size,
            lost=out.lost,
            end=end,
            orphans=stream.orphans,
        )
    wire.send("end")
