"""Finders: the offsets of needles in a block of bytes, by the fastest means that the machine has.

A finder takes a buffer and gives the offsets *after* needles, ascending: at least one in each
line that holds any. Three do the same with different means, as fast as was measured (1 GiB, one thread, with
reading): :class:`AhoCorasickFinder` for needles whose first bytes are rare (a dozen: 0.20 s, one: 0.13 s),
:class:`HyperscanFinder` for many that begin alike, as message ids do (3,000: 0.49 s, where the former takes
1.2 s), and :class:`PlainFinder` in Python alone, where a wheel of these is missing. The first two release the
interpreter's lock. A fourth finds every entry, for jobs to which every entry matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from logscan._entries.layouts import Layout
from logscan._entries.openers import Openers


class Finder(Protocol):
    """Needles in, offsets out."""

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """Offsets in ``buffer`` after occurrences within ``start`` to ``end``, ascending."""
        ...

    def twin(self) -> Finder:
        """The same, for another thread."""
        ...


class AhoCorasickFinder:
    """Literals through the Rust crate aho-corasick, whose vector code looks for their first bytes.

    Of needles that overlap it gives the one that begins first. Any number of threads may use it.
    """

    def __init__(self, needles: Sequence[bytes]) -> None:
        import ahocorasick_rs

        kind = ahocorasick_rs.MatchKind.LeftmostFirst
        self._set: Any = ahocorasick_rs.BytesAhoCorasick(list(needles), matchkind=kind)

    def twin(self) -> AhoCorasickFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`."""
        with memoryview(buffer) as whole, whole[start:end] as view:
            return [start + to for _, _, to in self._set.find_matches_as_indexes(view)]


class HyperscanFinder:
    """Literals through hyperscan in block mode. Not for use by two threads at once."""

    def __init__(self, needles: Sequence[bytes], caseless: bool = False) -> None:
        import hyperscan

        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(needles),
            ids=list(range(len(needles))),
            elements=len(needles),
            flags=hyperscan.HS_FLAG_CASELESS if caseless else 0,
            literal=True,
        )
        self._scratch: Any = hyperscan.Scratch(self._database)

    def twin(self) -> HyperscanFinder:
        """See :class:`Finder`: the compiled needles are shared, the working memory is not."""
        import hyperscan

        other = object.__new__(type(self))
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

    def __init__(self, needles: Sequence[bytes], caseless: bool = False) -> None:
        self._needles = tuple(dict.fromkeys(needles))
        self._set: Any = None
        if len(self._needles) > self.MANY or caseless:
            import regex

            flags = regex.IGNORECASE if caseless else 0
            self._set = regex.compile(rb"\L<needles>", flags, needles=list(self._needles))

    def twin(self) -> PlainFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`."""
        if self._set is not None:
            return sorted(found.end() for found in self._set.finditer(buffer, start, end, overlapped=True))
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
        self._openers = Openers(layout)

    def twin(self) -> EveryEntryFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`; the offset stands one byte into each opener."""
        return [at + 1 for at in self._openers.all(buffer, start, end)]


class EverythingFinder:
    """Reports a hit at the end of every range that is not empty."""

    def twin(self) -> EverythingFinder:
        """See :class:`Finder`: it keeps nothing while it searches."""
        return self

    def find(self, _buffer: bytearray, start: int, end: int) -> list[int]:
        """See :class:`Finder`."""
        return [end] if end > start else []


def finder_for(needles: Iterable[bytes], rare: bool = False, caseless: bool = False) -> Finder:
    """The fastest finder that this machine has for these needles.

    Args:
        needles: literals, none empty, without line breaks.
        rare: their first bytes are rare in logs.
        caseless: the case of ASCII letters does not matter.
    """
    wanted = tuple(dict.fromkeys(needles))
    if caseless:
        try:
            return HyperscanFinder(wanted, caseless)
        except ImportError:
            return PlainFinder(wanted, caseless)
    kinds: list[type[AhoCorasickFinder | HyperscanFinder]] = [HyperscanFinder, AhoCorasickFinder]
    if rare or len(wanted) == 1:
        kinds.reverse()
    for kind in kinds:
        try:
            return kind(wanted)
        except ImportError:
            continue
    return PlainFinder(wanted)


@dataclass(frozen=True)
class Literals:
    """What to look for, as a value that can travel to where it is looked for.

    It makes the finder for a layout, compiled once in a process, for one thread.
    """

    needles: tuple[bytes, ...]
    rare: bool = False
    """Their first bytes are."""
    caseless: bool = False
    """The case of their letters does not matter."""

    def __call__(self, layout: Layout) -> Finder:  # noqa: ARG002 - the same for all
        """The finder."""
        return _literals(self).twin()


@lru_cache(maxsize=16)
def _literals(wanted: Literals) -> Finder:
    return finder_for(wanted.needles, wanted.rare, wanted.caseless)
