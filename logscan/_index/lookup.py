"""The entries of some messages, looked up in the light index; what it does not cover is scanned.

The result is that of scanning all. The index covers a file from one entry to another. The text before,
between and after is scanned, across files: from an entry that is known to begin there, up to an entry of the
next covered range. If that is not the first entry of the range (a file is missing, rotation cut a header),
the file is scanned as if it were not indexed.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._index.places import index_of
from logscan._reading.paths import LogFile, Stream
from logscan._reading.remote import is_remote
from logscan._reading.unpack import ByteStream, open_bytes
from logscan._scanning.plan import no_entries
from logscan._scanning.scanner import Scanner
from logscan._scanning.spans import Scan, SpanSource
from logscan._scanning.time_slices import StreamSlice
from logscan._scanning.units import Plan, Unit, UnitScan
from logscan.errors import InputError, problem_of
from logscan.values import Place, Problem, Span

if TYPE_CHECKING:  # without an index, a search does not wait for SQLite
    from logscan._index.database import IndexDatabase
    from logscan._index.indexed_file import IndexedFile
    from logscan._index.seek_points import Point

_READ_BYTES = 128 << 10
"""Bytes read at once: about a block of the index."""


class Lookup:
    """Finds entries of some messages.

    Args:
        ids: the message ids.
        index: the directory of the index; "": the indexes beside the logs.
        scan: what is looked for in the blocks that an index names.
        others: gives the spans of files that no index covers.
    """

    def __init__(self, ids: Sequence[bytes], index: str, scan: Scan, others: SpanSource) -> None:
        self._others = others
        self._ids = ids
        self._index = index
        self._scan = scan
        self._databases: dict[str, IndexDatabase | None] = {}

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of streams in their order; streams without an index are scanned."""
        unknown: list[StreamSlice] = []
        try:
            for part in slices:
                files = {file.path: cover for file in part.stream if (cover := self._cover(file))}
                if not files:
                    unknown.append(part)
                    continue
                yield from self._others.spans(unknown)
                unknown = []
                files_left: Stream = part.stream
                while files_left:
                    stream = _CoveredStream(files_left, part.layout or PLAIN, files, self._scan)
                    yield from stream.spans()
                    files_left = stream.remaining
            yield from self._others.spans(unknown)
        finally:
            for index in self._databases:
                self._close(index)

    def _cover(self, file: LogFile) -> _Cover | None:
        """All that the index says of a file: damage of the index is found before any text is skipped."""
        path = file.path
        if not file.probe.is_file or is_remote(path):
            return None
        index = index_of(path, self._index)
        try:
            database = self._database(index)
            packed = file.probe.plain_size is None
            known = database.known(path, packed) if database is not None else None
            if database is None or known is None:
                return None
            ranges = database.ranges(known, self._ids)
            points = [point for begin, _ in ranges if (point := database.point(known, begin))]
            if packed and not points and ranges:
                ranges = [(ranges[0][0], ranges[-1][1])]  # unpack it from its beginning, but only once
            return _Cover(known, ranges, {point.at: point for point in points})
        except InputError as error:
            self._close(index)
            problem = problem_of(index, error)
            self._scan.counters.problems.append(
                replace(problem, reason=f"{problem.reason}: not used", fatal=False)
            )
            return None

    def _close(self, index: str) -> None:
        database = self._databases.get(index)
        if database is not None:
            database.close()
        self._databases[index] = None

    def _database(self, index: str) -> IndexDatabase | None:
        """An index, opened once; ``None`` if there is none."""
        if index not in self._databases:
            self._databases[index] = None
            if os.path.exists(index):
                from logscan._index.database import IndexDatabase

                self._databases[index] = IndexDatabase(index)
            elif self._index:
                hint = "index the logs into this directory, or name the directory of their index"
                problem = Problem(index, "no index is there: all is read", hint, fatal=False)
                self._scan.counters.problems.append(problem)
        return self._databases[index]


class _Cover(NamedTuple):
    """What the index says of a file."""

    file: IndexedFile
    ranges: list[tuple[int, int]]
    """The ranges of its text that may hold entries of the messages, as far as it is covered."""
    points: dict[int, Point]
    """Offset → seek point from which a packed file is unpacked for these ranges."""

    def open(self, path: str, skip: int) -> ByteStream | None:
        """Its text from an offset on, without unpacking all before it; ``None`` if that is not possible."""
        if self.file.rest is not None and skip == self.file.stop:
            return io.BytesIO(self.file.rest)
        point = self.points.get(max((at for at in self.points if at <= skip), default=-1))
        if not skip or point is None:
            return None
        from logscan._index.seek_points import open_at

        with contextlib.suppress(ImportError, OSError, ValueError):
            return open_at(path, point, skip)
        return None


_Point = tuple[int, int]
"""A file of the stream, and an offset in its text."""


class _CoveredStream:
    """One stream with files that an index covers.

    Attributes:
        remaining: the files after a missing or damaged one: they continue nothing.
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
        self._plan = Plan(scan.limits.max_entry, _READ_BYTES, scan.limits.forget)
        self._stream = tuple(
            file._replace(opened=partial(self._open, file.path, self._covers[number]))
            if number in self._covers
            else file
            for number, file in enumerate(stream)
        )
        self._ended: _Point | None = None
        self._seen = False

    def spans(self) -> Iterator[list[Span]]:
        """The spans of the files in their order, up to the first missing or damaged file."""
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
            skipped = cover.file.stop - cover.file.start
            for begin, end in cover.ranges:
                skipped -= end - begin
                yield from self._scan((number, begin), (number, end), exact=True)
                if self.remaining:
                    return
            self._counters.indexed_bytes += skipped
            at = (number, cover.file.stop)
        if not seen and self._counters.bytes > begun:
            self._counters.problems.append(no_entries(self._stream[-1].path, self._counters.bytes - begun))

    def _scan(self, start: _Point, stop: _Point | None, exact: bool) -> Iterator[list[Span]]:
        """The spans of the entries that begin at ``start`` or after it, and before ``stop``."""
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
