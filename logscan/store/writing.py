"""Writing: a part of one source becomes Parquet files, one for each date, in a directory aside.

Runs in processes of its own, or on the machines of a cluster: it takes and gives plain values, and nothing it
writes counts before the manifest names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logscan.entries.arrow import WORDS
from logscan.entries.layouts import Layout, begins_entry, layout_named
from logscan.errors import first_line
from logscan.reading.decompressors import unpacking_errors
from logscan.reading.fingerprint import TAIL
from logscan.reading.unpack import open_bytes, read_at
from logscan.store.blooms import options_for
from logscan.store.layout_bits import PIECE
from logscan.store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile
from logscan.store.needle_bits import Needles
from logscan.store.roundtrip import ROW_SCHEMA, as_piece, to_rows

ROW_GROUP = 32_768
"""Rows of a row group: what a look-up has to unpack."""
BLOCK = 2 << 20
"""Bytes turned into rows at once."""
LONGEST = 8 << 20
"""Bytes of an entry in one row; what it has beyond that stands in further rows."""
LONG = 1 << 20
"""Bytes kept of an entry where it stands in the failures, or may go on elsewhere."""
OVERLAP = 4096
"""Bytes looked at again, so that no needle is cut in two."""
LINE, FILE, MIDDLE = "line", "file", "middle"
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


@dataclass(frozen=True, slots=True)
class Part:
    """What one task ingests: bytes of one source."""

    path: str
    """Where it is read."""
    shown: str
    """What it is called in rows."""
    source: int
    host: str
    layout: str
    begin: int
    end: int | None
    """Where the next part begins; ``None``: to its end."""
    folder: str
    """The directory aside."""
    name: str
    """Of its files."""
    start: str = LINE
    """What its first byte is: the beginning of a line, of the file, or the middle of a line."""


@dataclass(slots=True)
class Edge:
    """An entry at the beginning or end of a part, that may go on in another."""

    offset: int
    data: bytes
    """Its first bytes, :data:`LONG` at most."""
    size: int
    found: int = 0
    """Which needles it holds."""
    alone: bool = False
    """Looks like an entry, but may be the rest of a line of another file."""


@dataclass(slots=True)
class Written:
    """What became of a part."""

    part: Part
    files: list[DataFile] = field(default_factory=list)
    size: int = 0
    """Bytes of the source behind ``begin``."""
    rows: int = 0
    head: Edge | None = None
    """Lines in front of its first entry."""
    last: Edge | None = None
    """Its last entry; ``None`` where it has none."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Rows that go on with an entry: its offset, theirs."""
    tail: bytes = b""
    """Its last bytes, :data:`TAIL` at most."""
    damage: str = ""
    """Why it could not be read to its end."""


def write_part(part: Part) -> Written:
    """Ingest a part.

    Raises:
        OSError: its files cannot be written.
        InputError: the source cannot be opened.
    """
    done = Written(part)
    layout = layout_named(part.layout)
    entries, failures = _Partitions(part, ENTRIES, done), _Partitions(part, FAILURES, done)
    needles = Needles()
    try:
        for offset, data, begins in _chunks(part, layout, done):
            batch, starts = to_rows(data, part.shown, offset, layout)
            found = _found(needles, data, starts)
            ends = np.append(starts[1:], len(data))
            piece = batch.column("form")[0].as_py() & PIECE != 0
            alone = begins and not piece and _is_doubtful(part, data)
            if piece or alone:
                size = int(ends[0])
                own = alone and part.start == FILE
                edge = Edge(offset, data[: min(size, LONG)], size, int(found[0]), own)
                batch = as_piece(batch) if alone else batch
                piece = True
                _go_on(done, edge, failures, needles, begins)
                found[0] = 0
            entries.add(_with_source(batch, part.source))
            picked = np.flatnonzero(found)
            whole = len(starts) - 1
            if len(starts) > piece:
                begin, end = int(starts[whole]), int(ends[whole])
                data_of_last = data[begin : begin + min(end - begin, LONG)]
                done.last = Edge(offset + begin, data_of_last, end - begin, int(found[whole]))
            if len(picked):
                failures.add(_failures(part, batch, data, offset, picked, starts, ends, found))
            done.rows += batch.num_rows
        for group in (entries, failures):
            group.close()
    finally:
        entries.abandon()
        failures.abandon()
    return done


def _is_doubtful(part: Part, data: bytes) -> bool:
    """Whether a part's first line may be the rest of another, though it looks like an entry."""
    if part.start == FILE:
        return not begins_entry(data, 0, len(data))
    return part.start == MIDDLE


def _go_on(done: Written, piece: Edge, failures: _Partitions, needles: Needles, begins: bool) -> None:
    """Lines that go on with the entry before them: the one of the chunk before, or another part's."""
    if done.last is None and begins:
        done.head = piece
        return
    before = done.last or done.head
    assert before is not None
    done.pieces.append((before.offset, piece.offset))
    lengthen(before, piece, needles)
    if done.last is not None and before.found:
        failures.add(failure_rows(done.part, before))


def lengthen(edge: Edge, piece: Edge, needles: Needles) -> None:
    """Add lines to an entry that they go on with; a needle may stand across the seam."""
    seam = (edge.data[-OVERLAP:] if edge.size <= LONG else b"") + piece.data
    edge.found |= piece.found | needles.within(seam)
    edge.data = (edge.data + piece.data)[:LONG]
    edge.size += piece.size


def failure_rows(part: Part, edge: Edge, orphan: bool = False) -> pa.RecordBatch:
    """An entry as the one row of ``failures`` that holds all of it; it takes the place of earlier ones."""
    row = {
        "source": part.source, "offset": edge.offset, "needles": edge.found, "orphan": orphan,
        "beyond": edge.size - len(edge.data), "file": part.shown, "raw": edge.data,
    }  # fmt: skip
    return pa.RecordBatch.from_pylist([row], FAILURE_SCHEMA)


def _chunks(part: Part, layout: Layout, done: Written) -> Iterator[tuple[int, bytes, bool]]:
    """Whole lines that end where an entry does, their offset, and whether they are the first; damage ends
    them."""
    stream = open_bytes(part.path, part.begin, ahead=True)
    left = None if part.end is None else part.end - part.begin
    held = bytearray()
    offset = part.begin
    first = True
    block = memoryview(bytearray(BLOCK))
    try:
        while left is None or left > 0:
            try:
                count = stream.readinto(block if left is None else block[: min(BLOCK, left)]) or 0
            except unpacking_errors() as error:
                done.damage = first_line(error)
                break
            if not count:
                break
            done.size += count
            done.tail = (done.tail + bytes(block[max(0, count - TAIL) : count]))[-TAIL:]
            left = None if left is None else left - count
            held += block[:count]
            if len(held) < BLOCK and (left is None or left > 0):
                continue
            cut = _last_opener(held, layout)
            if not cut and len(held) > LONGEST:
                cut = held.rfind(b"\n") + 1 or len(held)
            if cut:
                yield offset, bytes(held[:cut]), first
                first = False
                offset += cut
                del held[:cut]
        if held:
            yield offset, bytes(held), first
    finally:
        stream.close()


def _last_opener(data: bytearray, layout: Layout) -> int:
    """Where the last entry begins whose line is whole; 0 where that is the first byte."""
    line = data.rfind(b"\n")
    while line > 0:
        line = data.rfind(b"\n", 0, line)
        if line < 0:
            return 0
        if layout.opener.match(data, line + 1):
            return line + 1
    return 0


def _found(needles: Needles, data: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The bits of the needles in each row."""
    found = np.zeros(len(starts), np.int64)
    for bit, hits in needles.hits(data):
        if hits:
            rows = np.unique(np.searchsorted(starts, np.asarray(hits) - 1, "right") - 1)
            found[rows] |= bit
    return found


def _with_source(batch: pa.RecordBatch, source: int) -> pa.RecordBatch:
    ids = pa.array(np.full(batch.num_rows, source, np.int32))
    return pa.RecordBatch.from_arrays([ids, *batch.columns], schema=ENTRY_SCHEMA)


def _failures(
    part: Part,
    batch: pa.RecordBatch,
    data: bytes,
    offset: int,
    picked: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
) -> pa.RecordBatch:
    """The rows of ``failures`` for some entries, with their times for the partition."""
    raw = [data[a : min(b, a + LONG)] for a, b in zip(starts[picked], ends[picked], strict=True)]
    count = len(picked)
    columns = [
        pa.array(np.full(count, part.source, np.int32)),
        pa.array(starts[picked] + offset),
        pa.array(found[picked].astype(np.int8)),
        pa.array(np.zeros(count, bool)),
        pa.array(np.maximum(ends[picked] - starts[picked] - LONG, 0)),
        batch.column("file").take(pa.array(picked)),
        pa.array(raw, pa.binary()),
    ]
    made = pa.RecordBatch.from_arrays(columns, schema=FAILURE_SCHEMA)
    return made.append_column("time", batch.column("time").take(pa.array(picked)))


class _Partitions:
    """The Parquet files of one kind that a part is writing, one a date."""

    def __init__(self, part: Part, kind: str, done: Written) -> None:
        self._part, self._kind, self._done = part, kind, done
        self._open: dict[str, Output] = {}
        self._date = NO_DATE

    def add(self, batch: pa.RecordBatch) -> None:
        """Rows in the order of the log; those without a time go where the row before them went."""
        for date, rows in self._by_date(batch):
            if date not in self._open:
                self._open[date] = _output(self._part, self._kind, date)
            self._open[date].add(rows.select(SCHEMAS[self._kind].names))

    def close(self) -> None:
        """Finish all files."""
        for output in self._open.values():
            self._done.files.append(output.close())

    def abandon(self) -> None:
        """Leave no file open."""
        for output in self._open.values():
            output.abandon()

    def _by_date(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        if "time" not in batch.schema.names:
            yield self._date, batch
            return
        times = batch.column("time").cast(pa.int64())
        days = times.to_numpy(zero_copy_only=False) // 86_400_000_000 if not times.null_count else None
        if days is None:
            filled = times.fill_null(-1).to_numpy(zero_copy_only=False) // 86_400_000_000
            known = times.is_valid().to_numpy(zero_copy_only=False)
            at = np.maximum.accumulate(np.where(known, np.arange(len(filled)), -1))
            days = np.where(at >= 0, filled[np.maximum(at, 0)], np.iinfo(np.int64).min)
        changes = np.flatnonzero(np.diff(days)) + 1
        bounds = [0, *changes.tolist(), len(days)]
        for begin, end in pairwise(bounds):
            if days[begin] != np.iinfo(np.int64).min:
                self._date = str(np.datetime64(int(days[begin]), "D"))
            yield self._date, batch.slice(begin, end - begin)


class Output:
    """One Parquet file of the store that is being written: rows of one kind, date and host.

    Args:
        folder: the directory aside.
        kind: of the rows.
        date: their partition.
        host: the same.
        name: of the file.
    """

    def __init__(self, folder: str, kind: str, date: str, host: str, name: str) -> None:
        path = f"{kind}/date={date}/host={quote(host, safe='.-_')}/{name}.parquet"
        self._file = os.path.join(folder, path)
        os.makedirs(os.path.dirname(self._file), exist_ok=True)
        self._about = DataFile(path, kind, date, host, 0, 0, [])
        self._schema = SCHEMAS[kind]
        self._held: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer: Any = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Rows of one source, behind those before."""
        source, offsets = batch.column("source")[0].as_py(), batch.column("offset")
        parts = self._about.parts
        if parts and parts[-1][0] == source:
            parts[-1] = (source, parts[-1][1], offsets[-1].as_py())
        else:
            parts.append((source, offsets[0].as_py(), offsets[-1].as_py()))
        self._held.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> DataFile:
        """Finish it; what it holds."""
        self._flush(everything=True)
        self._writer.close()
        self._writer = None
        self._about.size = os.path.getsize(self._file)
        self._about.blooms = _filters_of(self._file)
        with open(self._file, "rb") as file:
            os.fsync(file.fileno())
        return self._about

    def abandon(self) -> None:
        """Leave it; nothing where it is finished."""
        if self._writer is not None:
            self._writer.close()

    def _flush(self, everything: bool = False) -> None:
        # Of a row group with several dictionaries the writer would keep plain strings.
        table = pa.Table.from_batches(self._held, self._schema).unify_dictionaries()
        whole = len(table) if everything else len(table) // ROW_GROUP * ROW_GROUP
        if self._writer is None:
            self._writer = _writer_of(self._file, self._about.kind, table)
        if whole:
            self._writer.write_table(table.slice(0, whole), row_group_size=ROW_GROUP)
            self._about.rows += whole
        rest = table.slice(whole)
        self._held, self._rows = rest.to_batches(), len(rest)


def _output(part: Part, kind: str, date: str) -> Output:
    return Output(part.folder, kind, date, part.host, part.name)


def write_rows(part: Part, date: str, batch: pa.RecordBatch) -> DataFile:
    """A file of some failures of one date."""
    output = _output(part, FAILURES, date)
    try:
        output.add(batch)
        return output.close()
    finally:
        output.abandon()


def _writer_of(path: str, kind: str, table: pa.Table) -> Any:
    """A writer of one of the store's files, fitted to rows like these."""
    words = [name for name in table.schema.names if table.schema.field(name).type == WORDS]
    statistics = [name for name in table.schema.names if name not in ("message", "continuation", "raw")]
    more: dict[str, Any] = {}
    if kind == ENTRIES:
        few = table.column("message_id").slice(0, ROW_GROUP)
        more["bloom_filter_options"] = {"message_id": options_for(pc.count_distinct(few).as_py())}
    return pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        compression_level=1,  # higher ones cost more than they save (measured)
        use_dictionary=[*words, *(name for name in ("form", "source") if name in table.schema.names)],
        column_encoding={
            name: "DELTA_BINARY_PACKED" for name in ("time", "offset") if name in table.schema.names
        },
        write_statistics=statistics,
        store_schema=False,  # readers get plain strings: not all of them join dictionaries
        **more,
    )


def _filters_of(path: str) -> list[tuple[int, int]]:
    """Where a file's bloom filters of message ids stand, row group by row group."""
    about = pq.read_metadata(path)
    if "message_id" not in about.schema.names:
        return []
    at = about.schema.names.index("message_id")
    columns = [about.row_group(number).column(at) for number in range(about.num_row_groups)]
    return [(column.bloom_filter_offset or 0, column.bloom_filter_length or 0) for column in columns]


def cut_at(path: str, layout: Layout, offset: int) -> int | None:
    """A place in a plain file, at an offset or behind it, at which an entry begins; ``None`` where none is
    near."""
    data = read_at(path, offset, 1 << 18)
    line = data.find(b"\n") + 1
    while 0 < line < len(data):
        if layout.opener.match(data, line):
            return offset + line
        line = data.find(b"\n", line) + 1
    return None
