"""A store that is open for reading: its text, its failures, the entries of some messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from logscan._store.contents import Contents, split_over
from logscan._store.lookups import MOST_ROWS, Asked, Group, files_for, groups_for
from logscan._store.merged_rows import Located, MergedRows
from logscan._store.picked_rows import RowPlace, after_hole, damage_errors, entries_at, row_at
from logscan._store.records import ENTRIES, NO_DATE, DataFile, Join, Source
from logscan.errors import InputError, first_line
from logscan.values import Counters, Problem, Span

if TYPE_CHECKING:
    import pyarrow as pa


class Store:
    """A store that is open for reading.

    Args:
        folder: its directory, or its address.
        contents: what it holds, if that is known; default: its newest version.

    Raises:
        InputError: there is none, or its log is damaged.
    """

    def __init__(self, folder: str, contents: Contents | None = None) -> None:
        self.folder = folder
        self.contents = contents or Contents(folder)

    @property
    def ordered(self) -> list[Source]:
        """Its sources in the order of reading."""
        order = self.contents.order
        return sorted(self.contents.sources.values(), key=lambda source: order[source.id])

    def path(self, file: DataFile) -> str:
        """The path of one of its files."""
        return self.contents.storage.path(file.name)

    def text(self, source: int) -> Iterator[bytes]:
        """The bytes of a source as they were ingested, some at a time.

        Raises:
            InputError: a file of the store is missing or damaged.
        """
        from logscan._store.roundtrip import to_bytes

        files = self.contents.of_kind(ENTRIES, [source])
        for batch in self._merged(files, self._refuse, sources={source}):
            yield b"".join(to_bytes(batch).to_pylist())

    def pieces(self, source: int) -> Iterator[tuple[int, bytes]]:
        """The same bytes, row by row, each with its offset.

        Raises:
            InputError: a file of the store is missing or damaged.
        """
        from logscan._store.roundtrip import to_bytes

        files = self.contents.of_kind(ENTRIES, [source])
        for batch in self._merged(files, self._refuse, sources={source}):
            yield from zip(batch.column("offset").to_pylist(), to_bytes(batch).to_pylist(), strict=True)

    def find(self, ids: Sequence[str], counters: Counters) -> list[Span]:
        """The entries of some messages, whole, in the order of the log.

        Args:
            ids: whole message ids.
            counters: as those of :meth:`look_up`.
        """
        asked = Asked(tuple(name.encode("utf-8", "surrogateescape") for name in ids))
        return self.look_up(asked, counters) or []

    def look_up(self, asked: Asked, counters: Counters) -> list[Span] | None:
        """The entries of some messages, whole, in the order of the log; perhaps others, which the caller
        leaves out. ``None``: so many that the text should be scanned.

        Args:
            asked: what is looked for.
            counters: problems are added to them; the files that cannot be read are left out.
        """
        keys = asked.keys()
        if asked.prefix and not all(keys):
            return None
        found = self._rows_of(asked, keys, counters)
        if found is None:
            return None
        is_asked = asked.judge(keys)
        with self.contents.readable():
            joins = self.contents.state.joins_of(found, is_asked)
        for row in split_over(joins):
            found.pop(RowPlace(*row), None)  # it may look like an entry of its own
        for join in joins:
            place = RowPlace(join.source, join.offset)
            if place in found or is_asked(join.id):
                span = self._joined(join, counters)
                if span is not None:
                    found[place] = span
        order = self.contents.order if len({place.source for place in found}) > 1 else {}
        places = sorted(found, key=lambda at: (order.get(at.source, 0), at.offset))
        return [after_hole(found[place]) for place in places]

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
        for file in self.contents.of_kind(ENTRIES, [source]):
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
            for file in self.contents.of_kind(ENTRIES, [source])
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

    def _join_at(self, source: int, offset: int) -> Join | None:
        with self.contents.readable():
            return self.contents.state.join_at(source, offset)

    def _rows_of(self, asked: Asked, keys: Sequence[str], counters: Counters) -> dict[RowPlace, Span] | None:
        """The rows that have one of the ids; ``None``: too many."""
        groups: list[tuple[DataFile, list[Group]]] = []
        count = 0
        for file in files_for(self.contents, asked, keys):
            try:
                in_file = list(groups_for(self.contents, file, asked, keys))
            except damage_errors() as error:
                counters.problems.append(self._problem(file, error))
                continue
            count += sum(len(group.rows) for group in in_file)
            if asked.prefix and count > MOST_ROWS:
                return None
            if in_file:
                groups.append((file, in_file))
        found: dict[RowPlace, Span] = {}
        for file, in_file in groups:
            try:
                found.update(entries_at(self.path(file), in_file))
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
        orphan = spans[0].orphan and not join.skip
        return spans[0]._replace(data=data, place=spans[0].place._replace(offset=join.offset), orphan=orphan)

    def _row(self, place: RowPlace, counters: Counters) -> Span | None:
        """The row at a place."""
        for file in self.contents.of_kind(ENTRIES, [place.source]):
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
        return iter(MergedRows(located, self.contents.order, on_damage, sources=sources, begin=begin))

    def _refuse(self, file: DataFile, error: Exception) -> None:
        problem = self._problem(file, error)
        raise InputError(f"{problem.path}: {problem.reason}", problem.hint) from error

    def _adds_to(self, counters: Counters) -> Callable[[DataFile, Exception], None]:
        return lambda file, error: counters.problems.append(self._problem(file, error))

    def _problem(self, file: DataFile, error: Exception) -> Problem:
        return Problem(
            self.path(file),
            f"cannot be read ({first_line(error)})",
            f"its {file.rows:,} rows of {file.date} are left out; logscan store check {self.folder} says of"
            " which log they are",
        )


def _holds(file: DataFile, source: int, offset: int) -> bool:
    """Whether the row at an offset of a source is in a file, if it is anywhere."""
    return any(part[0] == source and part[1] <= offset <= part[2] for part in file.parts)
