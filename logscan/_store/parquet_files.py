"""The Parquet files that an ingest writes: their columns, one file for each date, the writer's options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logscan._entries.arrow import WORDS
from logscan._entries.buffers import present, values_of
from logscan._store.blooms import options_for
from logscan._store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile
from logscan._store.roundtrip import ROW_SCHEMA
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
_MICROSECONDS_PER_DAY = 86_400_000_000
_NO_DAY = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Target:
    """Where Parquet files are written, before the manifest names them."""

    folder: str
    """The store's incoming directory."""
    host: str
    name: str
    """Name of the files, without the ending."""


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
        host = quote(target.host, safe=".-_")
        name = f"{kind}/date={date}/host={host}/{target.name}.parquet"
        self._path = os.path.join(target.folder, name)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._file = DataFile(name, kind, date, target.host, 0, 0, [])
        self._schema = SCHEMAS[kind]
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._writer: Any = None

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

    def close(self) -> DataFile:
        """Finish the file, on disk; returns its description for the manifest."""
        self._flush(everything=True)
        self._writer.close()
        self._writer = None
        self._file.size = os.path.getsize(self._path)
        self._file.blooms = _filters_of(self._path)
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())
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
            self._writer = _writer_of(self._path, self._file.kind, table)
        if count:
            self._writer.write_table(table.slice(0, count), row_group_size=ROW_GROUP)
            self._file.rows += count
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
    words = [name for name in names if table.schema.field(name).type == WORDS]
    more: dict[str, Any] = {}
    if kind == ENTRIES:
        sample = table.column("message_id").slice(0, ROW_GROUP)
        more["bloom_filter_options"] = {"message_id": options_for(pc.count_distinct(sample).as_py())}
    make_private_file(path)
    return pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=1,  # higher ones cost more than they save (measured)
        use_dictionary=[*words, *(name for name in ("form", "source", "prefix") if name in names)],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in ("time", "offset") if name in names},
        write_statistics=[name for name in names if name not in ("message", "continuation", "raw", "prefix")],
        store_schema=False,  # readers get plain strings: not all of them can read dictionaries
        **more,
    )


def _filters_of(path: str) -> list[tuple[int, int]]:
    """Offset and length of each row group's bloom filter of message ids."""
    metadata = pq.read_metadata(path)
    if "message_id" not in metadata.schema.names:
        return []
    number = metadata.schema.names.index("message_id")
    columns = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)]
    return [(column.bloom_filter_offset or 0, column.bloom_filter_length or 0) for column in columns]
