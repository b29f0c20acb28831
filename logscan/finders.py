"""Finders: where, in a block of bytes, do needles stand? The only room that knows how it is fast.

A finder takes a buffer and gives the offsets *behind* each needle found, ascending. Two of them do the
same with different means: :class:`HyperscanFinder` (compiled, 3 GB/s for a dozen needles, releases the
interpreter's lock) and :class:`PlainFinder` (Python alone, where no wheel of hyperscan is). A third
finds every entry, for jobs to which every entry matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from logscan.entries import Layout


class Finder(Protocol):
    """Needles in, offsets out."""

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """Offsets in ``buffer`` behind each occurrence within ``start`` to ``end``, ascending."""
        ...

    def twin(self) -> Finder:
        """The same, for another thread."""
        ...


class HyperscanFinder:
    """Literals through hyperscan in block mode. Not for use by two threads at once."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        import hyperscan

        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(needles),
            ids=list(range(len(needles))),
            elements=len(needles),
            flags=0,
            literal=True,
        )
        self._scratch: Any = hyperscan.Scratch(self._database)

    def twin(self) -> HyperscanFinder:
        """See :class:`Finder`: the compiled needles are shared, the working memory is not."""
        import hyperscan

        other = object.__new__(HyperscanFinder)
        other._database = self._database
        other._scratch = hyperscan.Scratch(self._database)
        return other

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`."""
        ends: list[int] = []
        add = ends.append

        def on_match(_id: int, _from: int, to: int, _flags: int, _context: object) -> None:
            add(start + to)

        with memoryview(buffer) as whole, whole[start:end] as view:
            self._database.scan(view, on_match, scratch=self._scratch)
        return ends


class PlainFinder:
    """The same in pure Python: one pass of ``bytes.find`` a needle, or a set of many in one pass."""

    MANY = 24
    """From here on one pass of a compiled set is faster than a pass a needle (measured)."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        self._needles = tuple(dict.fromkeys(needles))
        self._set: Any = None
        if len(self._needles) > self.MANY:
            import regex

            self._set = regex.compile(rb"\L<needles>", needles=list(self._needles))

    def twin(self) -> PlainFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`."""
        if self._set is not None:
            return [found.end() for found in self._set.finditer(buffer, start, end, overlapped=True)]
        ends: list[int] = []
        for needle in self._needles:
            at = buffer.find(needle, start, end)
            while at >= 0:
                ends.append(at + len(needle))
                at = buffer.find(needle, at + 1, end)
        ends.sort()
        return ends


class EveryEntryFinder:
    """Finds each line that opens an entry."""

    def __init__(self, layout: Layout) -> None:
        self._opener = layout.opener
        self._lines = layout.candidates

    def twin(self) -> EveryEntryFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`; the offset stands one byte into each opener."""
        opener = self._opener
        found = [start + 1] if opener.match(buffer, start, end) else []
        for line in self._lines.finditer(buffer, start, end):
            at = line.end()
            if opener.match(buffer, at, end):
                found.append(at + 1)
        return found


def finder_for(needles: Iterable[bytes]) -> Finder:
    """The fastest finder that this machine has for these needles (none may be empty)."""
    wanted = tuple(dict.fromkeys(needles))
    try:
        return HyperscanFinder(wanted)
    except ImportError:
        return PlainFinder(wanted)
