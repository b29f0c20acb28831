"""Indexed: the entries of some messages through the light index; what it does not cover is scanned.

The result is that of scanning all. A file is covered from an entry to an entry. What lies before, between
and behind is scanned from an entry that is known to begin there, across files, until one opens that belongs
to the next covered stretch; where that is not the stretch's first (a file is missing, a header was cut by
rotation) the file is scanned as if it were not indexed.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from logscan.entries.layouts import PLAIN, Layout
from logscan.errors import InputError, problem_of
from logscan.index.places import place_of
from logscan.reading.paths import LogFile, Stream
from logscan.reading.remote import is_remote
from logscan.reading.unpack import ByteStream, open_bytes
from logscan.scanning.plan import no_entries
from logscan.scanning.scanner import Scanner
from logscan.scanning.spans import Scan
from logscan.scanning.time_slices import Part
from logscan.scanning.units import Plan, Unit, UnitScan
from logscan.values import Place, Problem, Span

if TYPE_CHECKING:  # a search where no index lies must not wait for SQLite
    from logscan.index.database import Catalogue, Known
    from logscan.index.seek_points import Point

_READ = 128 << 10
"""Bytes read at once: a block."""


class Lookup:
    """Finds entries of some messages.

    Args:
        ids: the message ids.
        index: the directory of the index; "" for those beside the logs.
        scan: scans what no index knows, and the blocks that an index names.
    """

    def __init__(self, ids: Sequence[bytes], index: str, scan: Scan) -> None:
        self._ids = ids
        self._index = index
        self._scan = scan
        self._catalogues: dict[str, Catalogue | None] = {}

    def spans(self, parts: Sequence[Part]) -> Iterator[list[Span]]:
        """The spans of streams in their order; those that no index knows are scanned."""
        unknown: list[Part] = []
        try:
            for part in parts:
                files = {file.path: cover for file in part.stream if (cover := self._cover(file))}
                if not files:
                    unknown.append(part)
                    continue
                yield from self._scan.spans(unknown)
                unknown = []
                files_left: Stream = part.stream
                while files_left:
                    stream = _Stream(files_left, part.layout or PLAIN, files, self._scan)
                    yield from stream.spans()
                    files_left = stream.remaining
            yield from self._scan.spans(unknown)
        finally:
            for catalogue in self._catalogues.values():
                if catalogue is not None:
                    catalogue.close()

    def _cover(self, file: LogFile) -> _Cover | None:
        """What the index says of a file, in full: an index that is damaged is found out before anything is
        passed over."""
        path = file.path
        if not file.probe.is_file or is_remote(path):
            return None
        place = place_of(path, self._index)
        try:
            catalogue = self._catalogue(place)
            packed = file.probe.plain_size is None
            known = catalogue.known(path, packed) if catalogue is not None else None
            if catalogue is None or known is None:
                return None
            ranges = catalogue.ranges(known, self._ids)
            points = [point for begin, _ in ranges if (point := catalogue.point(known, begin))]
            if packed and not points and ranges:
                ranges = [(ranges[0][0], ranges[-1][1])]  # it is unpacked from its beginning: once
            return _Cover(known, ranges, {point.at: point for point in points})
        except InputError as error:
            self._catalogues[place] = None
            problem = problem_of(place, error)
            self._scan.counters.problems.append(
                replace(problem, reason=f"{problem.reason}: not used", fatal=False)
            )
            return None

    def _catalogue(self, place: str) -> Catalogue | None:
        """An index, opened once; ``None`` where there is none."""
        if place not in self._catalogues:
            self._catalogues[place] = None
            if os.path.exists(place):
                from logscan.index.database import Catalogue

                self._catalogues[place] = Catalogue(place)
            elif self._index:
                hint = f"logscan index --index {self._index} PATH… makes one"
                self._scan.counters.problems.append(
                    Problem(place, "no index is there: all is read", hint, False)
                )
        return self._catalogues[place]


class _Cover(NamedTuple):
    """What the index says of a file."""

    file: Known
    ranges: list[tuple[int, int]]
    """Where in its text entries of the messages may begin, as far as it is covered."""
    points: dict[int, Point]
    """By their place: from where a packed file is unpacked for these."""

    def open(self, path: str, skip: int) -> ByteStream | None:
        """Its text from an offset on by a short way; ``None`` where there is none."""
        if self.file.rest is not None and skip == self.file.stop:
            return io.BytesIO(self.file.rest)
        point = self.points.get(max((at for at in self.points if at <= skip), default=-1))
        if not skip or point is None:
            return None
        from logscan.index.seek_points import open_at

        with contextlib.suppress(ImportError, OSError, ValueError):
            return open_at(path, point, skip)
        return None


_Point = tuple[int, int]
"""A file of the stream, and an offset in its text."""


class _Stream:
    """One stream with files that are covered.

    Attributes:
        remaining: files behind one that is missing or damaged: what they hold continues nothing.
    """

    def __init__(self, stream: Stream, layout: Layout, covers: Mapping[str, _Cover], scan: Scan) -> None:
        self.remaining: Stream = ()
        self._layout = layout
        self._covers = {
            number: cover
            for number, file in enumerate(stream)
            if (cover := covers.get(file.path)) and cover.file.layout == layout.name
        }
        self._finder = scan.finder_of(layout)
        self._counters = scan.counters
        self._plan = Plan(scan.limits.max_entry, _READ, scan.limits.forget)
        self._stream = tuple(
            file._replace(opened=partial(self._open, file.path, self._covers[number]))
            if number in self._covers
            else file
            for number, file in enumerate(stream)
        )
        self._ended: _Point | None = None

    def spans(self) -> Iterator[list[Span]]:
        """The spans of the files in their order, up to the first that is missing or damaged."""
        seen = False
        begun = self._counters.bytes
        at: _Point = (0, 0)
        exact = False
        while True:
            number = next((n for n, cover in self._covers.items() if (n, cover.file.start) >= at), None)
            next_cover = None if number is None else (number, self._covers[number].file.start)
            if not exact or at != next_cover:
                yield from self._scan(at, next_cover, exact)
                seen = seen or self._seen
                if self._ended is None:
                    break
                at, exact = self._ended, True
                if at != next_cover:
                    continue
            assert number is not None
            seen = True
            cover = self._covers[number]
            self._counters.files += not cover.file.start  # else the reader has counted it
            passed = cover.file.stop - cover.file.start
            for begin, end in cover.ranges:
                passed -= end - begin
                yield from self._scan((number, begin), (number, end), exact=True)
                if self.remaining:
                    return
            self._counters.indexed_bytes += passed
            at = (number, cover.file.stop)
        if not seen and self._counters.bytes > begun:
            self._counters.problems.append(no_entries(self._stream[-1].path, self._counters.bytes - begun))

    def _scan(self, start: _Point, stop: _Point | None, exact: bool) -> Iterator[list[Span]]:
        """The spans of entries that begin from one point up to another."""
        self._ended = None
        unit = Unit(self._stream, self._layout, start, stop, first=not exact, inherits=False)
        at = Place(self._stream[start[0]].path, start[1]) if exact else None
        finder = partial(Scanner, self._finder)
        scan = UnitScan(unit, self._plan, finder, self._counters, inherits=False, at=at)
        with contextlib.closing(scan):
            yield from scan
        self.remaining = scan.remaining
        self._seen = scan.seen_entry
        if scan.last is not None:
            self._ended = unit.point(scan.last)

    def _open(self, path: str, cover: _Cover, skip: int) -> ByteStream:
        return cover.open(path, skip) or open_bytes(path, skip, forget=self._plan.forget)
