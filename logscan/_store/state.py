"""What a store knows beside its rows, as rows of their own: records of sources, files and split entries.

Each commit adds one small Parquet file with the records that it changes. Of several records of one thing the
newest counts. A record becomes a Python object only when somebody asks for it: a store may have a hundred
thousand of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from logscan._store.records import DataFile, Join, Source
from logscan._store.storage import opened

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE, FILE, JOIN = "source", "file", "join"
"""Kinds of records. Each has row groups of its own in a file, so that a look-up reads the joins alone."""
_TEXTS = ("name", "stem", "host", "layout", "head", "tail", "place", "stamp", "digest")
_NUMBERS = ("offset", "head_size", "size", "rank", "last_offset", "skip")
_SOURCES = ("source", "after", "last_source")
_Row = dict[str, Any]


def state_type() -> pa.StructType:
    """The type of a record."""
    import pyarrow as pa

    part = pa.struct([("source", pa.int32()), ("first", pa.int64()), ("last", pa.int64())])
    return pa.struct(
        [
            ("record", pa.string()),
            ("version", pa.int64()),
            *((name, pa.int32()) for name in _SOURCES),
            *((name, pa.int64()) for name in _NUMBERS),
            *((name, pa.binary()) for name in _TEXTS),  # a path is bytes
            ("parts", pa.list_(part)),
        ]
    )


class Records:
    """The records of one kind, the newest of each thing.

    Args:
        kind: one of :data:`SOURCE`, :data:`FILE`, :data:`JOIN`.
        paths: of the files of state.
        names: the columns that are read; default: all.

    Raises:
        Exception: as :func:`logscan._store.picked_rows.damage_errors`.
    """

    def __init__(self, kind: str, paths: Sequence[str], names: Sequence[str] = ()) -> None:
        self.kind = kind
        names = names or _names_of(kind)
        read = [columns for path in paths if (columns := _columns_of(path, kind, names)) is not None]
        self._table = {name: [value for one in read for value in one[name]] for name in names}
        newest: dict[Any, int] = {}
        versions = self._table["version"]
        for row, key in enumerate(self._keys()):
            old = newest.get(key)
            if old is None or versions[old] <= versions[row]:
                newest[key] = row
        self.rows = newest
        """The thing → its row."""

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[Any]:
        """A value of all records, also of older ones; by row."""
        return self._table[name]

    def _keys(self) -> Iterable[Any]:
        if self.kind == SOURCE:
            return self._table["source"]
        if self.kind == FILE:
            return self._table["name"]
        return zip(self._table["source"], self._table["offset"], strict=True)

    def row(self, number: int) -> _Row:
        """A record."""
        return {name: values[number] for name, values in self._table.items()}

    def newest(self) -> Iterator[_Row]:
        """All records that count."""
        for number in self.rows.values():
            yield self.row(number)


class State:
    """What a store knows.

    Args:
        paths: of its files of state.
    """

    def __init__(self, paths: Sequence[str] = ()) -> None:
        self._paths = list(paths)
        self._made: dict[int, Source] = {}
        # What this process has changed; of these, what is not written yet.
        self._new_sources: dict[int, Source] = {}
        self._new_joins: dict[tuple[int, int], Join] = {}
        self._new_files: dict[str, DataFile] = {}
        self._new_ranks: dict[str, tuple[int, int]] = {}
        self._new_removed: dict[str, int] = {}
        self._due: dict[str, dict[Any, None]] = {SOURCE: {}, FILE: {}, JOIN: {}}

    @cached_property
    def _sources(self) -> Records:
        return Records(SOURCE, self._paths)

    @cached_property
    def _files(self) -> Records:
        return Records(FILE, self._paths)

    @cached_property
    def _joins(self) -> Records:
        return Records(JOIN, self._paths)

    @cached_property
    def _totals(self) -> tuple[int, int]:
        records = Records(SOURCE, self._paths, ("version", "source", "size"))
        sizes = records.column("size")
        return len(records), sum(sizes[row] for row in records.rows.values())

    def totals(self) -> tuple[int, int]:
        """The number of sources, and their bytes; as they were when the store was opened."""
        return self._totals

    def source(self, number: int) -> Source | None:
        """A source."""
        found = self._new_sources.get(number) or self._made.get(number)
        if found is None and number in self._sources.rows:
            found = self._made[number] = _source(self._sources.row(self._sources.rows[number]))
        return found

    def sources(self) -> list[Source]:
        """All sources."""
        numbers = [*self._sources.rows, *(new for new in self._new_sources if new not in self._sources.rows)]
        return [source for number in numbers if (source := self.source(number)) is not None]

    def known_by(self, column: str) -> dict[Any, list[int]]:
        """A value → the sources that have it."""
        known: dict[Any, list[int]] = {}
        values = self._sources.column("name" if column == "path" else column)
        for number, row in self._sources.rows.items():
            if number not in self._new_sources:
                known.setdefault(values[row], []).append(number)
        for number, source in self._new_sources.items():
            known.setdefault(getattr(source, column), []).append(number)
        return known

    def pairs(self, column: str, other: str) -> dict[Any, Any]:
        """A value of a source → another value of it."""
        values, others = self._sources.column(column), self._sources.column(other)
        return {values[row]: others[row] for row in self._sources.rows.values()}

    def next_rank(self) -> int:
        """The place of the next source in the order of ingestion."""
        ranks = [self._sources.column("rank")[row] for row in self._sources.rows.values()]
        ranks += [-1, *(source.rank for source in self._new_sources.values())]
        return 1 + int(max(ranks))

    def joins(self) -> list[Join]:
        """All split entries."""
        old = [_join(row) for row in self._joins.newest()]
        return [join for join in old if (join.source, join.offset) not in self._new_joins] + [
            *self._new_joins.values()
        ]

    def joins_of(
        self, rows: Container[tuple[int, int]], is_asked: Callable[[str | None], bool]
    ) -> list[Join]:
        """The split entries that have one of some rows, or whose message id is asked for.

        Args:
            rows: source and offset of each.
            is_asked: message id → whether it is.
        """
        names, parts = self._joins.column("name"), self._joins.column("parts")
        old = [
            _join(self._joins.row(number))
            for key, number in self._joins.rows.items()
            if key not in self._new_joins
            and (is_asked(names[number]) or any((p["source"], p["first"]) in rows for p in parts[number]))
        ]
        new = self._new_joins.values()
        return old + [join for join in new if is_asked(join.id) or any(row in rows for row in join.rows)]

    def join_at(self, source: int, offset: int) -> Join | None:
        """The split entry at a place."""
        key = (source, offset)
        if key in self._new_joins:
            return self._new_joins[key]
        row = self._joins.rows.get(key)
        return None if row is None else _join(self._joins.row(row))

    def parts(self, name: str) -> list[tuple[int, int, int]] | None:
        """The parts of a file, as :attr:`DataFile.parts`; ``None``: not known."""
        if name in self._new_files:
            return self._new_files[name].parts
        row = self._files.rows.get(name)
        if row is None or self._files.column("size")[row]:
            return None
        return [(part["source"], part["first"], part["last"]) for part in self._files.column("parts")[row]]

    def removed(self) -> set[str]:
        """The files that a commit has removed, and whose bytes may still lie there."""
        sizes = self._files.column("size")
        old = {name for name, row in self._files.rows.items() if sizes[row]}
        return old - self._new_files.keys() | self._new_removed.keys()

    def file_rank(self, name: str) -> tuple[int, int]:
        """When a file was added: of two, the later one has the greater rank."""
        if name in self._new_ranks:
            return self._new_ranks[name]
        row = self._files.rows.get(name)
        if row is None:
            return 0, 0
        return self._files.column("version")[row], self._files.column("rank")[row] or 0

    def note(
        self, sources: Iterable[Source] = (), files: Iterable[DataFile] = (), joins: Iterable[Join] = ()
    ) -> None:
        """Change records; they are written with the next commit."""
        for source in sources:
            self._new_sources[source.id] = source
            self._due[SOURCE][source.id] = None
        for file in files:
            self._new_files[file.name] = file
            self._due[FILE][file.name] = None
        for join in joins:
            self._new_joins[join.source, join.offset] = join
            self._due[JOIN][join.source, join.offset] = None

    def note_removed(self, names: Iterable[str], seconds: int) -> None:
        """Files that the next commit removes, and when (since 1970)."""
        for name in names:
            self._new_removed[name] = seconds
            self._new_files.pop(name, None)
            self._due[FILE][name] = None

    @property
    def changed(self) -> bool:
        """Whether records were changed since they were written."""
        return any(self._due.values())

    def new_tables(self, version: int) -> list[pa.Table]:
        """The changed records as rows, a table for each kind."""
        self._new_ranks |= {key: (version, n) for n, key in enumerate(self._due[FILE])}
        rows = {
            SOURCE: [_source_row(self._new_sources[key], version) for key in self._due[SOURCE]],
            FILE: [self._file_row(key, version, n) for n, key in enumerate(self._due[FILE])],
            JOIN: [_join_row(self._new_joins[key], version) for key in self._due[JOIN]],
        }
        return [_table(kind, some) for kind, some in rows.items() if some]

    def _file_row(self, name: str, version: int, rank: int) -> _Row:
        row: _Row = {"version": version, "name": name, "rank": rank, "size": None, "parts": []}
        if name in self._new_removed:
            return row | {"size": self._new_removed[name]}
        parts = self._new_files[name].parts
        return row | {"parts": [{"source": part[0], "first": part[1], "last": part[2]} for part in parts]}

    def wrote(self) -> None:
        """The changed records are in the store."""
        for due in self._due.values():
            due.clear()


def merged_tables(paths: Sequence[str], live: set[str], since: int) -> list[pa.Table]:
    """The newest records of some files of state, a table for each kind.

    Args:
        paths: the files.
        live: names of the files that the store has.
        since: of files that were removed before (seconds since 1970), no record is kept.

    Raises:
        Exception: as :func:`logscan._store.picked_rows.damage_errors`.
    """
    tables = []
    for kind in (SOURCE, FILE, JOIN):
        rows = list(Records(kind, paths).newest())
        if kind == FILE:
            rows = [row for row in rows if row["name"] in live or (row["size"] or 0) > since]
        if rows:
            tables.append(_table(kind, rows))
    return tables


def _names_of(kind: str) -> tuple[str, ...]:
    """The columns that a kind of record uses."""
    if kind == FILE:
        return ("version", "name", "rank", "size", "parts")
    if kind == JOIN:
        return ("version", "source", "offset", "name", "skip", "size", "parts")
    return (
        "version", "source", "name", "stem", "host", "layout", "head", "head_size", "size", "tail", "rank",
        "after", "last_source", "last_offset", "place", "stamp", "digest",
    )  # fmt: skip


def _columns_of(path: str, kind: str, names: Sequence[str]) -> dict[str, list[Any]] | None:
    """Some columns of the records of a kind in a file of state."""
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(opened(path), pre_buffer=False)
    groups = [n for n in range(reader.num_row_groups) if _has_record(reader.metadata.row_group(n), kind)]
    if not groups:
        return None
    table = reader.read_row_groups(groups, [f"state.{name}" for name in names], use_threads=False)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for chunk in table.column("state").chunks:
        for name in names:
            values = chunk.field(name)
            columns[name] += _texts(values) if name in _TEXTS else values.to_pylist()
    return columns


def _texts(values: pa.Array) -> list[str | None]:
    """Bytes as text. A path may be none; all at once is three times as fast."""
    import pyarrow as pa

    try:
        return list(values.view(pa.string()).to_pylist())
    except UnicodeDecodeError:
        return [v if v is None else v.decode("utf-8", "surrogateescape") for v in values.to_pylist()]


def _has_record(group: Any, kind: str) -> bool:
    """Whether a row group holds records of a kind."""
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == "state.record":
            statistics = column.statistics
            return statistics is None or statistics.min is None or statistics.min <= kind <= statistics.max
    return False


def _table(kind: str, rows: Iterable[_Row]) -> pa.Table:
    import pyarrow as pa

    records = [
        {
            name: value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            for name, value in row.items()
        }
        | {"record": kind}
        for row in rows
    ]
    return pa.table({"state": pa.array(records, state_type())})


def _source(row: _Row) -> Source:
    last = None if row["last_source"] is None else (row["last_source"], row["last_offset"])
    return Source(
        row["source"], row["name"], row["stem"], row["host"], row["layout"], row["head"], row["head_size"],
        row["size"], row["tail"], row["rank"], row["after"], last, row["place"] or "", row["stamp"] or "",
        row["digest"] or "",
    )  # fmt: skip


def _source_row(source: Source, version: int) -> _Row:
    owner, offset = source.last or (None, None)
    return {
        "version": version, "source": source.id, "name": source.path, "stem": source.stem,
        "host": source.host, "layout": source.layout, "head": source.head, "head_size": source.head_size,
        "size": source.size, "tail": source.tail, "rank": source.rank, "after": source.after,
        "last_source": owner, "last_offset": offset, "place": source.place, "stamp": source.stamp,
        "digest": source.digest,
    }  # fmt: skip


def _join(row: _Row) -> Join:
    rows = [(part["source"], part["first"]) for part in row["parts"]]
    return Join(row["source"], row["offset"], row["name"], rows, row["skip"], row["size"])


def _join_row(join: Join, version: int) -> _Row:
    parts = [{"source": source, "first": offset, "last": None} for source, offset in join.rows]
    return {
        "version": version, "source": join.source, "offset": join.offset, "name": join.id,
        "skip": join.skip, "size": join.size, "parts": parts,
    }  # fmt: skip
