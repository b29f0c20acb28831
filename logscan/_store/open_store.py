"""A store that is open for reading: its text, its failures, the entries of some messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from logscan._store.blooms import IdBits, groups_with
from logscan._store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile, Join, Manifest, Source, load
from logscan._store.merged_rows import Located, MergedRows
from logscan._store.needle_bits import NEIGHBOUR, TLS
from logscan._store.picked_rows import RowPlace, damage_errors, row_at, rows_with_ids
from logscan.errors import InputError, first_line
from logscan.values import Counters, Place, Problem, Span

if TYPE_CHECKING:
    import pyarrow as pa


class Store:
    """A store that is open for reading.

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
        """The path of one of its files."""
        return os.path.join(self.folder, file.name)

    def text(self, source: int) -> Iterator[bytes]:
        """The bytes of a source as they were ingested, some at a time.

        Raises:
            InputError: a file of the store is missing or damaged.
        """
        from logscan._store.roundtrip import to_bytes

        files = list(self.manifest.of_kind(ENTRIES, [source]))
        for batch in self._merged(files, self._refuse, sources={source}):
            yield b"".join(to_bytes(batch).to_pylist())

    def failures(
        self, neighbours: bool, dates: tuple[str | None, str | None], counters: Counters
    ) -> Iterator[list[tuple[int, Span]]]:
        """The entries that hold a needle, in the order of the log, each with its source.

        Args:
            neighbours: also the needles of faults next to TLS.
            dates: first and last date to look at.
            counters: problems are added to them; the files that cannot be read are left out.
        """
        first, last = dates
        bits = TLS | NEIGHBOUR if neighbours else TLS
        files = [
            file
            for file in self.manifest.of_kind(FAILURES)
            if file.date == NO_DATE
            or ((first is None or file.date >= first) and (last is None or file.date <= last))
        ]
        pending: tuple[int, Span] | None = None
        for batch in self._merged(files, self._adds_to(counters)):
            spans: list[tuple[int, Span]] = []
            for row in batch.to_pylist():
                place = Place(row["file"], row["offset"])
                # Of several rows of one entry, the last is whole.
                if pending is not None and (pending[0] != row["source"] or pending[1].place != place):
                    spans.append(pending)
                span = Span(row["raw"], place, 0, row["orphan"], row["beyond"])
                pending = (row["source"], span) if row["needles"] & bits else None
            yield spans
        if pending is not None:
            yield [pending]

    def find(self, ids: Sequence[str], counters: Counters) -> list[Span]:
        """The entries of some messages, whole, in the order of the log. Uses the bloom filters.

        Args:
            ids: whole message ids.
            counters: problems are added to them; the files that cannot be read are left out.
        """
        found = self._rows_of(ids, counters)
        for join in self.manifest.joins:
            for row in join.rows[1:]:
                found.pop(RowPlace(*row), None)  # it may look like an entry of its own
        wanted = frozenset(ids)
        for join in self.manifest.joins:
            place = RowPlace(join.source, join.offset)
            if join.id in wanted or place in found:
                span = self._joined(join, counters)
                if span is not None:
                    found[place] = span
        return [found[place] for place in sorted(found, key=self._key)]

    def rows(self, files: Sequence[DataFile]) -> Iterator[pa.RecordBatch]:
        """The rows of some files of one kind, in the order of the log.

        Raises:
            InputError: a file is missing or damaged.
        """
        return self._merged(files, self._refuse)

    def entry(self, source: int, offset: int) -> Span | None:
        """The entry that begins at an offset, whole; ``None`` if its rows cannot be read."""
        join = self._join_at(source, offset)
        if join is not None:
            return self._joined(join, Counters())
        return self._row(RowPlace(source, offset), Counters())

    def date_of(self, source: int, offset: int) -> str:
        """The date of the partition that holds the row at an offset."""
        for file in self.manifest.of_kind(ENTRIES, [source]):
            if _holds(file, source, offset):
                return file.date
        return NO_DATE

    def fragments(self, source: int, offset: int) -> list[tuple[int, int, int]]:
        """The rows of an entry: source, offset, and number of bytes of each."""
        join = self._join_at(source, offset)
        if join is None:
            span = self._row(RowPlace(source, offset), Counters())
            return [] if span is None else [(source, offset, len(span.data))]
        rows = [(row, self._row(RowPlace(*row), Counters())) for row in join.rows]
        sizes = [(*row, len(span.data)) for row, span in rows if span is not None]
        if sizes:
            owner, begin, size = sizes[0]
            sizes[0] = (owner, begin + join.skip, size - join.skip)
        return sizes

    def bytes_before(self, source: int, offset: int, size: int) -> bytes:
        """The last ``size`` bytes of a source before an offset; none if they cannot be read."""
        from logscan._store.roundtrip import to_bytes

        kept = b""
        files = [
            file
            for file in self.manifest.of_kind(ENTRIES, [source])
            if any(part[0] == source and part[1] < offset for part in file.parts)
        ]
        begin = max(0, offset - size)
        try:
            for batch in self._merged(files, self._refuse, sources={source}, begin=begin):
                first = batch.column("offset")[0].as_py()
                text = b"".join(to_bytes(batch).to_pylist())
                kept = (kept + text[: max(0, offset - first)])[-size:]
                if first + len(text) >= offset:
                    break
        except InputError:
            return b""
        return kept

    def _key(self, place: RowPlace) -> tuple[int, int]:
        return self._order[place.source], place.offset

    def _join_at(self, source: int, offset: int) -> Join | None:
        place = (source, offset)
        return next((join for join in self.manifest.joins if (join.source, join.offset) == place), None)

    def _rows_of(self, ids: Sequence[str], counters: Counters) -> dict[RowPlace, Span]:
        """The rows that have one of the ids."""
        bits = [IdBits(name) for name in ids]
        found: dict[RowPlace, Span] = {}
        for file in self.manifest.of_kind(ENTRIES):
            try:
                groups = groups_with(self.path(file), file.blooms, bits)
                if groups:
                    found.update(rows_with_ids(self.path(file), groups, ids))
            except damage_errors() as error:
                counters.problems.append(self._problem(file, error))
        return found

    def _joined(self, join: Join, counters: Counters) -> Span | None:
        """An entry made of all its rows."""
        rows = [self._row(RowPlace(*row), counters) for row in join.rows]
        spans = [span for span in rows if span is not None]
        if not spans:
            return None
        data = b"".join(span.data for span in spans)[join.skip :][: join.size]
        return spans[0]._replace(data=data, place=spans[0].place._replace(offset=join.offset))

    def _row(self, place: RowPlace, counters: Counters) -> Span | None:
        """The row at a place."""
        for file in self.manifest.of_kind(ENTRIES, [place.source]):
            if not _holds(file, place.source, place.offset):
                continue
            try:
                span = row_at(self.path(file), place)
            except damage_errors() as error:
                counters.problems.append(self._problem(file, error))
                continue
            if span is not None:
                return span
        return None

    def _merged(
        self,
        files: Sequence[DataFile],
        on_damage: Callable[[DataFile, Exception], None],
        *,
        sources: Collection[int] | None = None,
        begin: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        located = [Located(self.path(file), file) for file in files]
        return iter(MergedRows(located, self._order, on_damage, sources=sources, begin=begin))

    def _refuse(self, file: DataFile, error: Exception) -> None:
        problem = self._problem(file, error)
        raise InputError(f"{problem.path}: {problem.reason}", problem.hint) from error

    def _adds_to(self, counters: Counters) -> Callable[[DataFile, Exception], None]:
        return lambda file, error: counters.problems.append(self._problem(file, error))

    def _problem(self, file: DataFile, error: Exception) -> Problem:
        return Problem(
            self.path(file),
            f"cannot be read ({first_line(error)})",
            f"its {file.rows:,} rows of {file.date} are left out; restore it, or repair the store with its"
            " logs at hand",
        )


def _holds(file: DataFile, source: int, offset: int) -> bool:
    """Whether the row at an offset of a source is in a file, if it is anywhere."""
    return any(part[0] == source and part[1] <= offset <= part[2] for part in file.parts)
