"""The scanner: which bytes matter. Needles are found over a whole block, then widened to entries.

Python looks only at the surroundings of a needle: back to the line that opens the entry, forward to
the line that opens the next. Lines that do not matter are never touched. The result does not depend on
where blocks end: an entry that is not whole yet stays in the reader's buffer until it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logscan._entries.layouts import Layout
from logscan._entries.openers import Openers
from logscan._reading.buffer import BlockReader, Buffer
from logscan._scanning.needles import EverythingFinder, Finder
from logscan.values import Counters, Place, Span

DEFAULT_MAX_ENTRY = 1 << 20
"""Bytes of an entry that are kept. A stack trace has a few thousand."""
_OVERLAP = 4096
"""Bytes kept of a line that is being skipped, so that no needle is cut in two."""
_HEADER = 1024
"""Bytes of a line that show whether it opens an entry."""


_NULS = re.compile(rb"\0++")


class _Overlong:
    """An entry longer than the limit: its beginning is kept, the rest runs by."""

    def __init__(self, head: bytes, place: Place, line: int, orphan: bool, nuls: int) -> None:
        self.head = head
        self.place = place
        self.line = line
        self.orphan = orphan
        self.nuls = nuls
        """Bytes of a hole before it, which are no part of it."""
        self.beyond = 0
        self.wanted = False


class Scanner:
    """Spans out of the blocks of one reader.

    Args:
        finder: what matters.
        layout: how entries stand in this stream.
        counters: takes orphan lines, NUL bytes, entries beyond the limit.
        max_entry: bytes kept of an entry.
        lines: give each span its line number.
        mid_line: the first line is not whole.
        inherits: lines before the first entry belong to another scanner's last entry.
        fresh: whether such lines may stand there at all.
    """

    def __init__(
        self,
        finder: Finder,
        layout: Layout,
        counters: Counters,
        max_entry: int = DEFAULT_MAX_ENTRY,
        *,
        lines: bool = False,
        mid_line: bool = False,
        inherits: bool = False,
        fresh: bool = True,
    ) -> None:
        self._finder = finder
        self._openers = Openers(layout)
        self._counters = counters
        self._max_entry = max_entry
        self._lines = lines
        self.seen_entry = False
        """Whether any line of the stream opened an entry."""
        self.first: Place | None = None
        """Where the first entry begins."""
        self.last: Place | None = None
        """Start of the first entry past ``stop``."""
        self.done = False
        """Whether the reader's stop was reached."""
        self._inherits = inherits
        self._fresh = fresh
        """No entry seen yet: such lines are orphans."""
        self._mid_line = mid_line
        """The buffer begins within a line whose beginning was dropped."""
        self._over: _Overlong | None = None
        self._flushed: Span | None = None
        """The entry that was given before the next line was there: more lines of it may come."""

    def inherit(self, mid_line: bool) -> None:
        """Lines before the first entry belong to one that was left out; the first may not be whole."""
        self._inherits = True
        self._mid_line = mid_line

    def scan(self, reader: BlockReader) -> Iterator[list[Span]]:
        """All spans of a reader, block by block (often none)."""
        while not self.done and reader.fill():
            yield self.feed(reader, final=False)
        if not self.done:
            yield self.feed(reader, final=True)

    def feed(self, reader: Buffer, final: bool) -> list[Span]:
        """The spans that are whole in the reader's buffer; consumes what is finished.

        With ``final`` nothing follows the buffer, so its last entry is whole.
        """
        spans: list[Span] = []
        while True:
            if self._over is not None:
                going_on = self._skip(reader, final, spans)
            elif self._fresh:
                going_on = self._begin(reader, final, spans)
            else:
                going_on = self._entries(reader, final, spans)
            if not going_on:
                return spans

    def flush(self, reader: Buffer) -> list[Span]:
        """The entries whose lines are whole, without waiting for the line that opens the next.

        For a live file that has been quiet. When lines that continue the last of them come later on, it
        is given again with them, at the same place.
        """
        spans = self.feed(reader, final=False)
        complete = reader.buffer.rfind(b"\n", 0, reader.end) + 1
        if self._over is not None or not complete:
            return spans
        if not self._fresh:
            line = reader.line(0) if self._lines else 0
            data = bytes(reader.buffer[: min(complete, self._max_entry)])
            self._flushed = Span(data, reader.place(0), line)
            self._cut(reader, complete, spans)
            self._fresh = True
        elif self._flushed is not None and not self._mid_line:
            self._continue(self._flushed, reader, complete, spans)
            reader.consume(complete)
        return spans

    def restart(self, reader: Buffer) -> list[Span]:
        """All that is in the buffer, because what comes next does not continue it."""
        spans = self.feed(reader, final=True)
        self._fresh = True
        self._mid_line = False
        self._flushed = None
        return spans

    @property
    def at_entry(self) -> bool:
        """Whether the buffer begins with an entry, of which nothing was given yet."""
        return not self._fresh and self._over is None

    @property
    def begun(self) -> Place | None:
        """Where an entry begins whose beginning has left the buffer, and that may go on: because it is
        beyond the limit, or was flushed."""
        begun = self._over or self._flushed
        return begun.place if begun is not None else None

    def _entries(self, reader: Buffer, final: bool, spans: list[Span]) -> bool:
        """The usual case: the buffer begins with an entry."""
        buffer, end = reader.buffer, reader.end
        if self.first is None and end:
            self.first = reader.place(0)
        stop = reader.stop_at()
        if stop is not None and stop < end:
            beyond = self._openers.next(buffer, max(0, stop), self._judged(buffer, end, final))
            if beyond is not None:
                self._cut(reader, beyond, spans)
                self.last = reader.place(0)
                self.done = True
                return False
        cut = end if final else self._openers.last(buffer, end)
        if not cut:
            if final or self._must_wait(buffer, end):
                return False
            line = buffer.rfind(b"\n", 0, end) + 1
            if line and self._openers.opens(buffer, line, end):
                self._cut(reader, line, spans)
                return True
            if line < end and _after_nuls(buffer, line, end) == end:
                self._cut(reader, line, spans)  # a hole: what opens an entry after it is no part of this one
                self._fresh = True
                return True
            nuls = _after_nuls(buffer, 0, end)
            if nuls and self._must_wait(buffer, end, nuls):
                return False
            self._over = self._overlong(reader, orphan=False, nuls=nuls)
            return True
        self._cut(reader, cut, spans)
        return False

    def _cut(self, reader: Buffer, cut: int, spans: list[Span]) -> None:
        """The spans of the first bytes, which hold whole entries."""
        buffer = reader.buffer
        hits = self._finder.find(buffer, 0, cut)
        if hits:
            spans += self._around(reader, hits, cut)
        reader.consume(cut)

    def _around(self, reader: Buffer, hits: list[int], cut: int) -> Iterator[Span]:
        """The entries around hits. The usual one, of a line or with a line of another below, is passed
        through without a call of our own."""
        buffer, opener, lines, most = reader.buffer, self._openers.opens, self._lines, self._max_entry
        boundaries = reader.boundaries(cut)
        path, shift, number = reader.place(0)
        past = 0
        with memoryview(buffer) as view:
            for hit in hits:
                if hit <= past:
                    continue
                start = buffer.rfind(b"\n", past, hit) + 1 or past
                if start > past and not opener(buffer, start, cut):
                    start = self._openers.enclosing(buffer, past, start, cut)
                past = buffer.find(b"\n", hit, cut) + 1 or cut
                if past < cut and not opener(buffer, past, cut):
                    past = self._openers.end_of_entry(buffer, past - 1, cut)
                if lines or boundaries or past - start > most or not buffer[start]:
                    yield self._span(reader, start, past, orphan=False)
                else:
                    yield Span(bytes(view[start:past]), Place(path, shift + start, number))

    def _begin(self, reader: Buffer, final: bool, spans: list[Span]) -> bool:
        """Before the first entry: drop and count the lines that belong to none."""
        buffer, end = reader.buffer, reader.end
        nuls = _after_nuls(buffer, 0, end)
        if nuls and not self._mid_line and not self._inherits:
            self._counters.nul_bytes += nuls
            reader.consume(nuls)
            end = reader.end
        complete = self._judged(buffer, end, final)
        first = self._first_opener(buffer, complete)
        self._mid_line = self._mid_line and first is None
        if first is None and not final and not self._inherits:
            if self._must_wait(buffer, end):
                return False
            self._over = self._overlong(reader, orphan=True)
            return True
        if self._inherits:
            at = reader.stop_at()
            gone = complete if first is None else first
            if gone:
                self._mid_line = buffer[gone - 1] != 0x0A
            reader.consume(gone, own=False)
            if first is None:
                self.done = at is not None and at <= complete
                return False
            self._fresh = False
            self.seen_entry = True
            if at is not None and first >= at:
                self.last = reader.place(0)
                self.done = True
                return False
            return True
        stop = complete if first is None else first
        if stop:
            self._before_first(reader, stop, spans)
        if first is None:
            return False
        self._flushed = None
        self._fresh = False
        self.seen_entry = True
        return True

    def _before_first(self, reader: Buffer, stop: int, spans: list[Span]) -> None:
        """Lines that open no entry: they go on with one that was given already, or belong to none."""
        if self._flushed is not None:
            self._continue(self._flushed, reader, stop, spans)
        else:
            self._counters.orphan_lines += _lines_in(reader.buffer, stop)
            if self._finder.find(reader.buffer, 0, stop):
                spans.append(self._span(reader, 0, stop, orphan=True))
        reader.consume(stop)

    def _continue(self, flushed: Span, reader: Buffer, stop: int, spans: list[Span]) -> None:
        """Lines that came after their entry had been given: give it again, whole."""
        data = (flushed.data + bytes(reader.buffer[:stop]))[: self._max_entry]
        self._flushed = flushed._replace(data=data)
        if self._finder.find(bytearray(data), 0, len(data)):
            spans.append(self._flushed)

    def _skip(self, reader: Buffer, final: bool, spans: list[Span]) -> bool:
        """Within an entry beyond the limit: look for needles, and for the next entry."""
        over = self._over
        assert over is not None
        buffer, end = reader.buffer, reader.end
        complete = end if final else buffer.rfind(b"\n", 0, end) + 1
        at = self._first_opener(buffer, self._judged(buffer, end, final))
        gone = at if at is not None else (complete or max(0, end - _OVERLAP))
        if not over.wanted and gone:
            look = gone if (at is not None or complete) else end
            over.wanted = bool(self._finder.find(buffer, 0, look))
        over.beyond += gone
        if over.orphan:
            last = at is not None or final
            self._counters.orphan_lines += _lines_in(buffer, gone) if last else buffer.count(b"\n", 0, gone)
        self._mid_line = at is None and not complete and (gone > 0 or self._mid_line)
        reader.consume(gone)
        if at is None and not final:
            return False
        if over.wanted:
            self._counters.nul_bytes += over.nuls
            self._counters.cut_entries += 1
            self._counters.cut_bytes += over.beyond
            spans.append(Span(over.head, over.place, over.line, over.orphan, over.beyond))
        self._over = None
        self._mid_line = False
        if at is not None:
            self._fresh = False
            self.seen_entry = True
        return at is not None

    def _overlong(self, reader: Buffer, orphan: bool, nuls: int = 0) -> _Overlong:
        stop = nuls + self._max_entry
        line = reader.line(nuls) if self._lines else 0
        over = _Overlong(bytes(reader.buffer[nuls:stop]), reader.place(nuls), line, orphan, nuls)
        over.beyond = -stop
        # Position 0 opens this very entry: the search for the next one starts after its first byte.
        over.wanted = bool(self._finder.find(reader.buffer, 0, stop))
        reader.consume(1)
        over.beyond += 1
        self._mid_line = True
        return over

    def _span(self, reader: Buffer, start: int, stop: int, orphan: bool) -> Span:
        if start < stop and not reader.buffer[start]:
            begin = _after_nuls(reader.buffer, start, stop)
            self._counters.nul_bytes += begin - start
            start = begin
        cut = max(0, stop - start - self._max_entry)
        if cut:
            self._counters.cut_entries += 1
            self._counters.cut_bytes += cut
        line = reader.line(start) if self._lines else 0
        return Span(bytes(reader.buffer[start : stop - cut]), reader.place(start), line, orphan, cut)

    def _judged(self, buffer: bytearray, end: int, final: bool) -> int:
        """The offset up to which it is clear which lines open an entry: the end of the last whole line, or of
        the buffer when the line that is not whole is long enough to hold a header."""
        if final:
            return end
        complete = buffer.rfind(b"\n", 0, end) + 1
        return end if end - complete >= _HEADER else complete

    def _must_wait(self, buffer: bytearray, end: int, start: int = 0) -> bool:
        """Whether more must be read before what is in the buffer can be called too long."""
        complete = max(start, buffer.rfind(b"\n", start, end) + 1)
        if complete - start > self._max_entry:
            return False
        return end - start <= self._max_entry or end - complete < _HEADER

    def _first_opener(self, buffer: bytearray, end: int) -> int | None:
        at = buffer.find(b"\n", 0, end) + 1 if self._mid_line else 0
        if self._mid_line and not at:
            return None
        return self._openers.next(buffer, at, end)


class WholeScanner(Scanner):
    """For jobs to which every entry matters: a span is all entries of a block that begin in one file."""

    def __init__(
        self,
        layout: Layout,
        counters: Counters,
        max_entry: int = DEFAULT_MAX_ENTRY,
        *,
        mid_line: bool = False,
        inherits: bool = False,
        fresh: bool = True,
    ) -> None:
        super().__init__(
            EverythingFinder(), layout, counters, max_entry,
            mid_line=mid_line, inherits=inherits, fresh=fresh,
        )  # fmt: skip

    def _cut(self, reader: Buffer, cut: int, spans: list[Span]) -> None:
        start = 0
        for boundary in (*reader.boundaries(cut), cut):
            stop = self._openers.next(reader.buffer, boundary, cut) if boundary < cut else cut
            stop = cut if stop is None else stop
            if stop > start:
                spans.append(Span(bytes(reader.buffer[start:stop]), reader.place(start)))
                start = stop
        reader.consume(cut)


def _after_nuls(buffer: bytearray, start: int, end: int) -> int:
    """The first offset from ``start`` on at which no NUL stands."""
    found = _NULS.match(buffer, start, end)
    return start if found is None else found.end()


def _lines_in(buffer: bytearray, end: int) -> int:
    """Lines in the first bytes of a buffer; the last may lack its line break."""
    return buffer.count(b"\n", 0, end) + (end > 0 and buffer[end - 1] != 0x0A)
