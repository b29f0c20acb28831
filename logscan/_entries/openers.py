"""Where entries begin in a buffer: the next, the last, all of them, and the bounds of one."""

from __future__ import annotations

from logscan._entries.layouts import LAYOUTS, PLAIN, Layout, begins_entry

Buffer = bytes | bytearray
_STEPS = 64
"""Lines that are gone back one by one: a stack trace has few."""
_LOOK_BACK = 2048
"""Bytes that are looked at first for the line that opens an entry, from its end."""


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
        if at < end and self.opens(buffer, at, end):
            return at
        for line in self._candidates.finditer(buffer, at, end):
            at = line.end()
            if at < end and self.opens(buffer, at, end):
                return at
        return None

    def last(self, buffer: Buffer, end: int) -> int:
        """The last opener whose line is whole; 0 where only the first line can be one."""
        complete = buffer.rfind(b"\n", 0, end)
        return self._last_in(buffer, 0, complete, complete + 1) if complete > 0 else 0

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
        for _ in range(_STEPS):
            start = buffer.rfind(b"\n", low, start - 1) + 1 or low
            if start <= low or self.opens(buffer, start, end):
                return start
        return self._last_in(buffer, low, start - 1, end)

    def _last_in(self, buffer: Buffer, low: int, high: int, end: int) -> int:
        """The last opener after a line break at an offset from ``low`` on and before ``high``; ``low`` where
        there is none. It looks back further and further, so that short lines cost no step each."""
        size = _LOOK_BACK
        while high > low:
            begin = max(low, high - size)
            for at in reversed([line.end() for line in self._candidates.finditer(buffer, begin, high)]):
                if self.opens(buffer, at, end):
                    return at
            high, size = begin, 4 * size
        return low

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
