"""Reading: rows of a store in the order of the log, and the bytes that they were made of."""

from __future__ import annotations

import array
import contextlib
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from logscan.errors import InputError, first_line
from logscan.store.blooms import Sought, groups_with
from logscan.store.layout_bits import row_bytes
from logscan.store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile, Join, Manifest, Source, load
from logscan.store.needle_bits import NEIGHBOUR, TLS
from logscan.values import Counters, Place, Problem, Span

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8192
"""Rows in memory at once, of each file that is open."""
WORDS = (
    "org", "env", "proxy", "revision", "thread", "level", "logger", "class", "method", "file",
)  # fmt: skip
"""Columns of few different values, read as dictionaries."""
_SHIFT = 44
"""Bits of a key that hold the offset: a source may have 16 TiB."""


class Where(NamedTuple):
    """A row's place in the order of reading."""

    source: int
    offset: int


class Store:
    """A store that is read.

    Args:
        folder: its directory.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.manifest: Manifest = load(folder)
        self.sources: dict[int, Source] = {source.id: source for source in self.manifest.sources}
        self._order = self.manifest.order()
        self._ids = sorted(self._order, key=self._order.__getitem__)

    @property
    def ordered(self) -> list[Source]:
        """Its sources in the order of reading."""
        return [self.sources[name] for name in self._ids]

    def path(self, file: DataFile) -> str:
        """Where one of its files stands."""
        return os.path.join(self.folder, file.name)

    def text(self, source: int, counters: Counters) -> Iterator[bytes]:
        """The bytes of a source, as they were ingested, some at a time.

        Raises:
            InputError: a file of the store is missing or damaged.
        """
        from logscan.store.roundtrip import to_bytes

        files = list(self.manifest.of_kind(ENTRIES, [source]))
        for batch in self._merged(files, {source}, None, counters, strict=True):
            yield b"".join(to_bytes(batch).to_pylist())

    def failures(
        self, neighbours: bool, dates: tuple[str | None, str | None], counters: Counters
    ) -> Iterator[list[Span]]:
        """The entries that hold a needle, in the order of the log.

        Args:
            neighbours: also those of faults next to TLS.
            dates: the first and last date to look at.
            counters: takes what cannot be read.
        """
        low, high = dates
        bits = TLS | NEIGHBOUR if neighbours else TLS
        files = [
            file
            for file in self.manifest.of_kind(FAILURES)
            if file.date == NO_DATE
            or ((low is None or file.date >= low) and (high is None or file.date <= high))
        ]
        held: tuple[int, Span] | None = None
        for batch in self._merged(files, None, None, counters):
            spans: list[Span] = []
            for row in batch.to_pylist():
                place = Place(row["file"], row["offset"])
                span = Span(row["raw"], place, 0, row["orphan"], row["beyond"])
                # Of rows of one entry the last is whole.
                if held is not None and (held[0] != row["source"] or held[1].place != place):
                    spans.append(held[1])
                wanted = row["needles"] & bits
                held = (row["source"], span) if wanted else None
            yield spans
        if held is not None:
            yield [held[1]]

    def find(self, ids: Sequence[str], counters: Counters) -> list[Span]:
        """The entries of some messages, whole, in the order of the log: through the bloom filters."""
        sought = [Sought(name) for name in ids]
        found: dict[Where, Span] = {}
        for file in self.manifest.of_kind(ENTRIES):
            try:
                groups = groups_with(self.path(file), file.blooms, sought)
            except OSError as error:
                counters.problems.append(self._lost(file, error))
                continue
            if groups:
                self._rows_of(file, groups, ids, found, counters)
        for join in self.manifest.joins:
            for where in join.rows[1:]:
                found.pop(Where(*where), None)  # it may look like an entry of its own
        wanted = frozenset(ids)
        for join in self.manifest.joins:
            if join.id in wanted or Where(join.source, join.offset) in found:
                span = self._joined(join, counters)
                if span is not None:
                    found[Where(join.source, join.offset)] = span
        return [found[where] for where in sorted(found, key=self._key)]

    def rows(self, files: Sequence[DataFile]) -> Iterator[pa.RecordBatch]:
        """The rows of some files in the order of the log.

        Raises:
            InputError: one is missing or damaged.
        """
        return self._merged(files, None, None, Counters(), strict=True)

    def entry(self, source: int, offset: int) -> Span | None:
        """The entry that begins at a place, whole; ``None`` where its rows cannot be read."""
        counters = Counters()
        for join in self.manifest.joins:
            if (join.source, join.offset) == (source, offset):
                return self._joined(join, counters)
        return self._row(Where(source, offset), counters)

    def date_of(self, source: int, offset: int) -> str:
        """The date under which the row at a place stands."""
        for file in self.manifest.of_kind(ENTRIES, [source]):
            if any(part[0] == source and part[1] <= offset <= part[2] for part in file.parts):
                return file.date
        return NO_DATE

    def _key(self, where: Where) -> tuple[int, int]:
        return self._order[where.source], where.offset

    def _rows_of(
        self,
        file: DataFile,
        groups: list[int],
        ids: Sequence[str],
        found: dict[Where, Span],
        counters: Counters,
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            reader = pq.ParquetFile(self.path(file), pre_buffer=False, read_dictionary=["message_id"])
            for group in groups:
                names = reader.read_row_group(group, ["message_id"], use_threads=False).column(0)
                rows = _rows_with(names, ids)
                if rows:
                    table = reader.read_row_group(group, use_threads=False)
                    found.update(_span(table, row) for row in rows)
        except (OSError, pa.ArrowException) as error:
            counters.problems.append(self._lost(file, error))

    def _joined(self, join: Join, counters: Counters) -> Span | None:
        """An entry out of all its rows."""
        wholes = [self._row(Where(*where), counters) for where in join.rows]
        spans = [span for span in wholes if span is not None]
        if not spans:
            return None
        data = b"".join(span.data for span in spans)[join.skip :][: join.size]
        return spans[0]._replace(data=data, place=spans[0].place._replace(offset=join.offset))

    def fragments(self, source: int, offset: int) -> list[tuple[int, int, int]]:
        """Where the bytes of an entry stand: source, offset and number of each run of them."""
        counters = Counters()
        join = next((j for j in self.manifest.joins if (j.source, j.offset) == (source, offset)), None)
        if join is None:
            span = self._row(Where(source, offset), counters)
            return [] if span is None else [(source, offset, len(span.data))]
        found = [(where, self._row(Where(*where), counters)) for where in join.rows]
        sizes = [(s, o, len(span.data)) for (s, o), span in found if span is not None]
        if sizes:
            first = sizes[0]
            sizes[0] = (first[0], first[1] + join.skip, first[2] - join.skip)
        return sizes

    def _row(self, where: Where, counters: Counters) -> Span | None:
        """The row at a place."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for file in self.manifest.of_kind(ENTRIES, [where.source]):
            if not any(part[0] == where.source and part[1] <= where.offset <= part[2] for part in file.parts):
                continue
            try:
                reader = pq.ParquetFile(self.path(file), pre_buffer=False)
                for group in range(reader.num_row_groups):
                    keys = reader.read_row_group(group, ["source", "offset"], use_threads=False)
                    places = zip(keys["source"].to_pylist(), keys["offset"].to_pylist(), strict=True)
                    row = next((n for n, place in enumerate(places) if place == where), None)
                    if row is not None:
                        return _span(reader.read_row_group(group, use_threads=False), row)[1]
            except (OSError, pa.ArrowException) as error:
                counters.problems.append(self._lost(file, error))
        return None

    def bytes_before(self, source: int, offset: int, size: int) -> bytes:
        """Some bytes of a source in front of an offset; none where they cannot be read."""
        from logscan.store.roundtrip import to_bytes

        kept = b""
        counters = Counters()
        files = [
            file
            for file in self.manifest.of_kind(ENTRIES, [source])
            if any(part[0] == source and part[1] < offset for part in file.parts)
        ]
        try:
            for batch in self._merged(
                files, {source}, (source, max(0, offset - size)), counters, strict=True
            ):
                first = batch.column("offset")[0].as_py()
                text = b"".join(to_bytes(batch).to_pylist())
                kept = (kept + text[: max(0, offset - first)])[-size:]
                if first + len(text) >= offset:
                    break
        except InputError:
            return b""
        return kept

    def _merged(
        self,
        files: Sequence[DataFile],
        sources: set[int] | None,
        begin: tuple[int, int] | None,
        counters: Counters,
        strict: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of files in the order of the log, batch by batch; files that are not due are not open.

        Args:
            sources: only their rows.
            begin: not the row groups that end in front of this source and offset.
            strict: raise at damage; else it is told and the rest is read.
        """
        ready = sorted(
            (min(self._order[s] << _SHIFT | at for s, at, _ in file.parts), number)
            for number, file in enumerate(files)
        )
        waiting = deque(ready)
        active: list[_Cursor] = []
        while waiting or active:
            least = min(active, key=lambda cursor: cursor.key, default=None)
            if least is None or (waiting and waiting[0][0] < least.key):
                file = files[waiting.popleft()[1]]
                cursor = _Cursor(self, file, sources, begin, self._order)
                if self._advanced(cursor, counters, strict):
                    active.append(cursor)
                continue
            bounds = [cursor.key for cursor in active if cursor is not least]
            bounds += [waiting[0][0]] if waiting else []
            yield least.take(min(bounds) if bounds else None)
            if least.empty and not self._advanced(least, counters, strict):
                active.remove(least)

    def _advanced(self, cursor: _Cursor, counters: Counters, strict: bool) -> bool:
        import pyarrow as pa

        try:
            return cursor.advance()
        except (OSError, pa.ArrowException) as error:
            problem = self._lost(cursor.file, error)
            if strict:
                raise InputError(f"{problem.path}: {problem.reason}", problem.hint) from error
            counters.problems.append(problem)
            return False

    def _lost(self, file: DataFile, error: Exception) -> Problem:
        return Problem(
            self.path(file),
            f"cannot be read ({first_line(error)})",
            f"its {file.rows:,} rows of {file.date} are left out; restore it, or logscan ingest --repair with"
            " the logs at hand",
        )


class _Cursor:
    """The rows of one file, some at a time."""

    def __init__(
        self,
        store: Store,
        file: DataFile,
        sources: set[int] | None,
        begin: tuple[int, int] | None,
        order: dict[int, int],
    ) -> None:
        self.file = file
        self._path = store.path(file)
        self._sources, self._begin = sources, begin
        self._order = order
        self._batches: Iterator[Any] | None = None
        self._batch: Any = None
        self._keys: Any = None
        self._at = 0

    @property
    def key(self) -> int:
        """Where its next row stands in the order of reading."""
        return int(self._keys[self._at])

    @property
    def empty(self) -> bool:
        """Whether all that was read has been taken."""
        return self._at >= len(self._keys)

    def advance(self) -> bool:
        """Read some rows; ``False`` at the end."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        if self._batches is None:
            reader = pq.ParquetFile(
                self._path,
                pre_buffer=False,
                read_dictionary=list(WORDS if self.file.kind == ENTRIES else WORDS[-1:]),
            )
            groups = [n for n in range(reader.num_row_groups) if self._due(reader.metadata.row_group(n))]
            self._batches = iter(reader.iter_batches(BATCH, groups, use_threads=False) if groups else ())
        for batch in self._batches:
            if self._sources is not None and len(self.file.sources) > len(self._sources):
                batch = batch.filter(pc.is_in(batch.column("source"), pa.array(self._sources, pa.int32())))
            if not batch.num_rows:
                continue
            sources = batch.column("source").to_numpy(zero_copy_only=False)
            places = np.array([self._order.get(n, 0) for n in range(int(sources.max()) + 1)], np.int64)
            offsets = batch.column("offset").to_numpy(zero_copy_only=False)
            self._keys = places[sources] << _SHIFT | offsets
            self._batch, self._at = batch, 0
            return True
        return False

    def take(self, bound: int | None) -> Any:
        """The next rows, of which all stand in front of a key."""
        import numpy as np

        end = len(self._keys) if bound is None else int(np.searchsorted(self._keys, bound))
        end = max(end, self._at + 1)
        rows = self._batch.slice(self._at, end - self._at)
        self._at = end
        return rows

    def _due(self, group: Any) -> bool:
        if self._begin is None or len(self.file.parts) > 1:
            return True
        names = [group.column(n).path_in_schema for n in range(group.num_columns)]
        statistics = group.column(names.index("offset")).statistics
        return statistics is None or statistics.max is None or statistics.max >= self._begin[1] - (16 << 20)


def _rows_with(names: pa.ChunkedArray, ids: Sequence[str]) -> list[int]:
    """The rows of a column of dictionaries that have one of some values; without numpy, and without Arrow's
    functions, which take long to import."""
    rows: list[int] = []
    begin = 0
    for chunk in names.chunks:
        numbers = _ints(chunk.indices.buffers()[1], chunk.offset, len(chunk))
        for number in _numbers_of(chunk.dictionary, ids):
            at = -1
            with contextlib.suppress(ValueError):
                while True:
                    at = numbers.index(number, at + 1)
                    if chunk.indices[at].is_valid:
                        rows.append(begin + at)
        begin += len(chunk)
    return sorted(rows)


def _numbers_of(words: pa.StringArray, wanted: Sequence[str]) -> list[int]:
    """Where some values stand in a dictionary: by their bytes, for making text of all takes longer."""
    _, ends, text = words.buffers()
    offsets = _ints(ends, words.offset, len(words) + 1)
    data = b"" if text is None else text.to_pybytes()
    found: list[int] = []
    for name in wanted:
        value = name.encode("utf-8", "surrogateescape")
        at = data.find(value)
        while at >= 0:
            number = bisect_left(offsets, at)
            if offsets[number : number + 2].tolist() == [at, at + len(value)]:
                found.append(number)
                break
            at = data.find(value, at + 1)
    return found


def _ints(buffer: pa.Buffer, offset: int, count: int) -> array.array[int]:
    held = array.array("i")
    held.frombytes(memoryview(buffer)[4 * offset : 4 * (offset + count)])
    return held


def _span(table: pa.Table, row: int) -> tuple[Where, Span]:
    """An entry, by its place."""
    (values,) = table.slice(row, 1).to_pylist()
    place = Place(values["file"], values["offset"])
    return Where(values["source"], values["offset"]), Span(row_bytes(values), place)
