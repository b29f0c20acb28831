"""Where entries begin in a buffer: the next, the last, all of them, and the bounds of one."""

from __future__ import annotations

from logscan._entries.layouts import LAYOUTS, PLAIN, Layout, begins_entry

Buffer = bytes | bytearray


class Openers:
    """Finds the lines that open an entry in one layout.

    An offset that a method takes is the start of a line, if not said otherwise.
    """

    def __init__(self, layout: Layout) -> None:
        self.opens = layout.opener.match
        """``opens(buffer, at, end)``: whether a line opens an entry."""
        self._candidates = layout.candidates

    def next(self, buffer: Buffer, start: int, end: int) -> int | None:
        """The first opener at an offset ≥ ``start``, which may lie within a line."""
        at = start
        if at and buffer[at - 1] != 0x0A:
            at = buffer.find(b"\n", at, end) + 1
            if not at:
                return None
        while at < end:
            if self.opens(buffer, at, end):
                return at
            at = buffer.find(b"\n", at, end) + 1
            if not at:
                break
        return None

    def last(self, buffer: Buffer, end: int) -> int:
        """The last opener whose line is whole; 0 where only the first line can be one."""
        complete = buffer.rfind(b"\n", 0, end)
        while complete > 0:
            start = buffer.rfind(b"\n", 0, complete) + 1
            if self.opens(buffer, start, complete + 1):
                return start
            complete = start - 1
        return 0

    def all(self, buffer: Buffer, start: int, end: int) -> list[int]:
        """All openers from an offset on."""
        opens = self.opens
        found = [start] if opens(buffer, start, end) else []
        for line in self._candidates.finditer(buffer, start, end):
            if opens(buffer, at := line.end(), end):
                found.append(at)  # noqa: PERF401 - without a list of all candidates
        return found

    def enclosing(self, buffer: Buffer, low: int, start: int, end: int) -> int:
        """The opener of the entry that a line belongs to, at an offset ≥ ``low``."""
        while True:
            start = buffer.rfind(b"\n", low, start - 1) + 1 or low
            if start <= low or self.opens(buffer, start, end):
                return start

    def end_of_entry(self, buffer: Buffer, at: int, end: int) -> int:
        """Where the entry that goes on at an offset ends: at the next opener, or at ``end``."""
        for line in self._candidates.finditer(buffer, at, end):
            start = line.end()
            if start >= end or self.opens(buffer, start, end):
                return start
        return end


def has_entry(data: bytes) -> bool:
    """Whether a line of some bytes opens an entry, in any layout."""
    return any(Openers(layout).next(data, 0, len(data)) is not None for layout in LAYOUTS)


def layout_of(head: bytes | bytearray | memoryview) -> Layout:
    """The layout of a stream, by its first bytes: plain, if no other opens more than twice as many lines."""
    text = bytes(head)
    first = Openers(PLAIN).next(text, 0, len(text))
    if first is not None and begins_entry(text, first, len(text)):
        return PLAIN
    # Some lines of another layout may look like plain ones, as lines of a plain log may quote others.
    opened = [len(Openers(layout).all(text, 0, len(text))) for layout in LAYOUTS]
    best = opened.index(max(opened))
    return LAYOUTS[best] if opened[best] > 2 * opened[0] else PLAIN
