"""The Parquet files that an ingest writes: their columns, one file for each date, the writer's options."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logscan._entries.arrow import WORDS
from logscan._entries.buffers import present, values_of
from logscan._store.blooms import options_for
from logscan._store.records import (
    ENTRIES,
    FAILURES,
    NO_DATE,
    DataFile,
    Source,
    filters_in_name,
    folder_of,
)
from logscan._store.roundtrip import ROW_SCHEMA
from logscan._store.state import state_type
from logscan._store.write_id_lists import ListWriter
from logscan.atomic import make_private_file

ROW_GROUP = 32_768
"""Rows of a row group: what a look-up unpacks."""
ENTRY_SCHEMA = pa.schema([pa.field("source", pa.int32()), *ROW_SCHEMA])
"""The columns of ``entries``; date and host are the directories."""
FAILURE_SCHEMA = pa.schema(
    [
        ("source", pa.int32()),
        ("offset", pa.int64()),
        ("needles", pa.int8()),
        ("orphan", pa.bool_()),
        ("beyond", pa.int64()),
        ("file", WORDS),
        ("raw", pa.binary()),
    ]
)
"""The columns of ``failures``: the entry's bytes, and how many it has beyond them."""
SCHEMAS = {ENTRIES: ENTRY_SCHEMA, FAILURES: FAILURE_SCHEMA}
ABOUT = b"logscan"
"""The key in a file's footer under which it says, as JSON, what its sources are and which rows of them it
holds: so a store whose log is lost can be made again of its files."""
_IN_LOG = ("time", "message_id", "org", "env", "proxy", "source")
"""Columns whose least and greatest value the table's log has."""
_LEVEL = 8
"""Of zstd. Measured on texts: level 3 makes them no smaller than 1 does, 8 by a sixth; 12 takes twice the
time of 8 for 3 %."""
_FEW_WORDS = 1000
"""Different values that are always put into a dictionary."""
_MICROSECONDS_PER_DAY = 86_400_000_000
_NO_DAY = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Target:
    """Where Parquet files are written, before the store's log names them."""

    folder: str
    """A directory for unfinished files."""
    host: str
    name: str
    """Name of the files, without the ending: no other file of the store may have it."""
    sources: tuple[Source, ...] = ()
    """The sources of the rows, as far as the files say it themselves."""


def table_schema() -> pa.Schema:
    """The columns of the table: of all kinds of rows, with the columns that are directories."""
    columns: dict[str, pa.DataType] = {"kind": pa.string(), "date": pa.date32(), "host": pa.string()}
    for field in (*ENTRY_SCHEMA, *FAILURE_SCHEMA):
        columns.setdefault(field.name, pa.string() if field.type == WORDS else field.type)
    return pa.schema([*columns.items(), ("state", state_type())])


def completed(batch: pa.RecordBatch, kind: str) -> pa.RecordBatch:
    """Rows with all columns of their kind: those that a file of an earlier version does not have are null."""
    schema = SCHEMAS[kind]
    for field in schema:
        if field.name not in batch.schema.names:
            batch = batch.append_column(field, pa.nulls(batch.num_rows, field.type))
    return batch.select(schema.names)


class OpenFile:
    """One Parquet file of the store, while it is written: rows of one kind and one date."""

    def __init__(self, target: Target, kind: str, date: str) -> None:
        self._target, self.kind, self.date = target, kind, date
        self._path = os.path.join(target.folder, f"{kind}-{date}-{target.name}.unfinished")
        os.makedirs(target.folder, exist_ok=True)
        self._file = DataFile("", 0, 0)
        self._schema = SCHEMAS[kind]
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._writer: Any = None
        self._list = ListWriter() if kind == ENTRIES else None

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows of one source, in the order of the log."""
        source, offsets = batch.column("source")[0].as_py(), batch.column("offset")
        parts = self._file.parts
        if parts and parts[-1][0] == source:
            parts[-1] = (source, parts[-1][1], offsets[-1].as_py())
        else:
            parts.append((source, offsets[0].as_py(), offsets[-1].as_py()))
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush()

    def close(self, parts: Iterable[tuple[int, int, int]] | None = None) -> DataFile:
        """Finish the file, on disk in the directory for unfinished files; returns its description.

        Args:
            parts: what it holds of which source, if a batch had rows of several; default: as they were added.
        """
        if parts is not None:
            self._file.parts = sorted(parts)
        self._flush(everything=True)
        self._writer.add_key_value_metadata({ABOUT.decode(): _about(self._target, self._file)})
        self._writer.close()
        self._writer = None
        metadata = pq.read_metadata(self._path)
        name = f"{self._target.name}{filters_in_name(_filters_of(metadata))}.parquet"
        self._file.name = f"{folder_of(self.kind, self.date, self._target.host)}/{name}"
        self._file.size = os.path.getsize(self._path)
        self._file.statistics = bounds_of(metadata)
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())
        path = os.path.join(self._target.folder, self._file.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(self._path, path)
        if self._list is not None:
            self._list.write(self._target.folder, self._file)
        return self._file

    def abandon(self) -> None:
        """Close a file that is not finished; does nothing to a finished one."""
        if self._writer is not None:
            self._writer.close()

    def _flush(self, everything: bool = False) -> None:
        # With several dictionaries in a row group, the writer would fall back to plain strings.
        table = pa.Table.from_batches(self._waiting, self._schema).unify_dictionaries()
        count = len(table) if everything else len(table) // ROW_GROUP * ROW_GROUP
        if self._writer is None:
            self._writer = _writer_of(self._path, self.kind, table)
        if count:
            rows = table.slice(0, count)
            self._writer.write_table(rows, row_group_size=ROW_GROUP)
            self._file.rows += count
            if self._list is not None:
                ids = rows.column("message_id")
                for begin in range(0, count, ROW_GROUP):
                    self._list.add(ids.slice(begin, ROW_GROUP))
        rest = table.slice(count)
        self._waiting, self._waiting_rows = rest.to_batches(), len(rest)


class Partitions:
    """The Parquet files of one kind that a task writes: one for each date."""

    def __init__(self, target: Target, kind: str) -> None:
        self._target, self._kind = target, kind
        self._open: dict[str, OpenFile] = {}
        self._date = NO_DATE

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows in the order of the log. A row without a time follows the row before it."""
        for date, rows in self._by_date(batch):
            if date not in self._open:
                self._open[date] = OpenFile(self._target, self._kind, date)
            self._open[date].add(rows.select(SCHEMAS[self._kind].names))

    def close(self) -> list[DataFile]:
        """Finish all files."""
        return [file.close() for file in self._open.values()]

    def abandon(self) -> None:
        """Close the files that are not finished."""
        for file in self._open.values():
            file.abandon()

    def _by_date(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        if "time" not in batch.schema.names:
            yield self._date, batch
            return
        times = batch.column("time")
        days = values_of(times) // _MICROSECONDS_PER_DAY
        if times.null_count:
            last_known = np.maximum.accumulate(np.where(present(times), np.arange(len(days)), -1))
            days = np.where(last_known >= 0, days[np.maximum(last_known, 0)], _NO_DAY)
        changes = np.flatnonzero(np.diff(days)) + 1
        for begin, end in pairwise([0, *changes.tolist(), len(days)]):
            if days[begin] != _NO_DAY:
                self._date = str(np.datetime64(int(days[begin]), "D"))
            yield self._date, batch.slice(begin, end - begin)


def write_failures(target: Target, date: str, batch: pa.RecordBatch) -> DataFile:
    """Write some failures of one date as a file."""
    file = OpenFile(target, FAILURES, date)
    try:
        file.add(batch)
        return file.close()
    finally:
        file.abandon()


def _writer_of(path: str, kind: str, table: pa.Table) -> Any:
    """A Parquet writer with options that suit these rows."""
    names = table.schema.names
    coded = [name for name in names if table.schema.field(name).type == WORDS] + ["form", "source", "prefix"]
    more: dict[str, Any] = {}
    if kind == ENTRIES:
        sample = table.column("message_id").slice(0, ROW_GROUP)
        more["bloom_filter_options"] = {"message_id": options_for(pc.count_distinct(sample).as_py())}
    make_private_file(path)
    return pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=[name for name in coded if name in names and _repeats(table.column(name))],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in ("time", "offset") if name in names},
        write_statistics=[name for name in names if name not in ("message", "continuation", "raw", "prefix")],
        store_schema=False,  # readers get plain strings: not all of them can read dictionaries
        write_page_checksum=True,
        **more,
    )


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether the values of a column stand again and again, so that a dictionary of them is short."""
    sample = column.slice(0, ROW_GROUP)
    if sample.type == WORDS:
        sample = pa.chunked_array([chunk.indices for chunk in sample.chunks], pa.int32())
    different = pc.count_distinct(sample).as_py()
    return bool(different <= max(_FEW_WORDS, len(sample) // 2))


def _filters_of(metadata: pq.FileMetaData) -> list[tuple[int, int]]:
    """Offset and length of each row group's bloom filter of message ids."""
    if "message_id" not in metadata.schema.names:
        return []
    number = metadata.schema.names.index("message_id")
    columns = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)]
    return [(column.bloom_filter_offset or 0, column.bloom_filter_length or 0) for column in columns]


def bounds_of(metadata: pq.FileMetaData) -> dict[str, tuple[object, object]]:
    """Column → least and greatest value, of the columns that the table's log describes."""
    bounds: dict[str, tuple[object, object]] = {}
    for name in _IN_LOG:
        if name not in metadata.schema.names:
            continue
        number = metadata.schema.names.index(name)
        groups = [
            metadata.row_group(group).column(number).statistics for group in range(metadata.num_row_groups)
        ]
        values = [(group.min, group.max) for group in groups if group is not None and group.has_min_max]
        all_known = all(
            group is not None and (group.has_min_max or group.num_values == 0) for group in groups
        )
        if values and all_known:
            bounds[name] = min(low for low, _ in values), max(high for _, high in values)
    return bounds


def _about(target: Target, file: DataFile) -> str:
    """What a file says of itself in its footer."""
    held = set(file.sources)
    sources = [asdict(source) for source in target.sources if source.id in held]
    return json.dumps({"sources": sources, "parts": file.parts})


def about(path: Any) -> tuple[list[Source], list[tuple[int, int, int]]] | None:
    """What a file says of itself: its sources, as they were when it was written, and its parts. ``None``:
    nothing.

    Raises:
        Exception: as :func:`logscan._store.picked_rows.damage_errors`.
    """
    metadata = pq.read_metadata(path).metadata or {}
    try:
        content = json.loads(metadata[ABOUT])
        sources = [
            Source(**{**one, "last": None if one["last"] is None else tuple(one["last"])})
            for one in content["sources"]
        ]
        return sources, [(int(part[0]), int(part[1]), int(part[2])) for part in content["parts"]]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return None
