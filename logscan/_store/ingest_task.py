"""One task of an ingest: a range of one source becomes Parquet files in the store's incoming directory.

A task runs in a process of its own, or on a machine of a cluster: it takes and returns plain values. What it
writes counts only when a commit names it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logscan._entries.buffers import blobs, coded, flags, numbers
from logscan._entries.layouts import Layout, begins_entry
from logscan._entries.openers import Openers
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.fingerprint import TAIL
from logscan._reading.planned import PlannedFile
from logscan._reading.ranges import RangeDigest
from logscan._reading.unpack import open_bytes, read_at
from logscan._store.ingest_progress import ReadMark
from logscan._store.layout_bits import PIECE
from logscan._store.needle_bits import Needles
from logscan._store.parquet_files import ENTRY_SCHEMA, FAILURE_SCHEMA, Partitions, Target
from logscan._store.records import ENTRIES, FAILURES, DataFile
from logscan._store.roundtrip import as_piece, to_rows
from logscan._store.storage import Storage
from logscan.errors import first_line
from logscan.values import Counters, name_text

CHUNK_BYTES = 2 << 20
"""Bytes turned into rows at once."""
LONGEST_ROW = 8 << 20
"""Bytes of an entry in one row; the bytes beyond are in further rows."""
LONGEST_FAILURE = 1 << 20
"""Bytes kept of an entry among the failures, and of an entry at the edge of a task."""
_OVERLAP = 4096
"""Bytes searched again where lines are added to an entry, so that no needle is cut in two."""
_OPENER_SEARCH_BYTES = 1 << 18
"""Bytes in which :func:`cut_at` looks for an entry."""
LINE, FILE, MIDDLE = "line", "file", "middle"
"""What the first byte of a task is: the beginning of a line, of the file, or the middle of a line."""


@dataclass(frozen=True, slots=True)
class IngestTask:
    """What one task ingests: bytes of one source."""

    path: str
    """The file to read."""
    shown: str
    """The file's name in rows."""
    source: int
    """Number of the source in the store."""
    layout: Layout
    begin: int
    end: int | None
    """Start of the next task's range; ``None``: read to the end."""
    target: Target
    start: str = LINE
    """:data:`LINE`, :data:`FILE` or :data:`MIDDLE`."""
    store: str = ""
    """An object store, to which the task brings its files itself: its machine may be another one."""
    planned: PlannedFile | None = None
    """The file as it was when this task was made: a worker on another machine may see another one."""


@dataclass(slots=True)
class Edge:
    """An entry at the beginning or end of a task, which may continue in another task."""

    offset: int
    data: bytes
    """Its first bytes, at most :data:`LONGEST_FAILURE`."""
    size: int
    found: int = 0
    """Bits of the needles that it holds."""
    doubtful: bool = False
    """Looks like an entry, but may be the rest of a line of another file."""


@dataclass(slots=True)
class TaskResult:
    """What came of a task."""

    task: IngestTask
    files: list[DataFile] = field(default_factory=list)
    size: int = 0
    """Bytes read of the source, from ``begin`` on."""
    rows: int = 0
    head: Edge | None = None
    """Lines before its first entry."""
    last: Edge | None = None
    """Its last entry; ``None`` if it has none."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Rows that continue an entry: offset of the entry, offset of the row."""
    tail: bytes = b""
    """Its last bytes, at most :data:`TAIL`."""
    digest: str = ""
    """Digest of the bytes that were read."""
    damage: str = ""
    """Why it could not be read to its end."""
    counters: Counters = field(default_factory=Counters)
    """Entries that were not understood."""


class _Chunk(NamedTuple):
    """Whole lines of a source that end where an entry ends."""

    offset: int
    data: bytes
    is_first: bool
    """First chunk of its task."""


class _Rows(NamedTuple):
    """The rows of a chunk."""

    batch: pa.RecordBatch
    starts: npt.NDArray[np.int64]
    """Where each row begins in the chunk."""
    ends: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    """Bits of the needles in each row."""


def run_task(task: IngestTask) -> TaskResult:
    """Ingest the range of a task.

    Raises:
        OSError: the Parquet files cannot be written.
        InputError: the source cannot be opened.
    """
    result = TaskResult(task)
    # Another attempt of this task may still run on a machine that was given up.
    target = replace(task.target, name=f"{task.target.name}-{secrets.token_hex(4)}")
    entries, failures = Partitions(target, ENTRIES), Partitions(target, FAILURES)
    needles = Needles()
    try:
        for chunk in _chunks(task, result):
            rows = _rows_of(chunk, task, needles, result.counters)
            is_piece = rows.batch.column("form")[0].as_py() & PIECE != 0
            doubtful = chunk.is_first and not is_piece and _is_doubtful(task, chunk.data)
            if is_piece or doubtful:
                edge = _edge(chunk, rows, 0)
                edge.doubtful = doubtful and task.start == FILE
                if doubtful:
                    rows = rows._replace(batch=as_piece(rows.batch))
                _continue(result, edge, failures, needles, chunk.is_first)
                rows.found[0] = 0
            entries.add(_with_source(rows.batch, task.source))
            if len(rows.starts) > (is_piece or doubtful):
                result.last = _edge(chunk, rows, len(rows.starts) - 1)
            if rows.found.any():
                failures.add(_failures(task, chunk, rows))
            result.rows += rows.batch.num_rows
        result.files = entries.close() + failures.close()
        if task.store:
            storage = Storage(task.store)
            for file in result.files:
                storage.place_with_list(target.folder, file.name)
    finally:
        entries.abandon()
        failures.abandon()
    return result


def cut_at(path: str, layout: Layout, offset: int) -> int | None:
    """Offset ≥ ``offset`` in a plain file at which an entry begins; ``None`` if there is none near."""
    data = read_at(path, offset, _OPENER_SEARCH_BYTES)
    at = Openers(layout).next(data, 1, len(data))
    return None if at is None else offset + at


def lengthen(edge: Edge, piece: Edge, needles: Needles) -> None:
    """Add lines to the entry that they continue. A needle may stand across the seam."""
    seam = (edge.data[-_OVERLAP:] if edge.size <= LONGEST_FAILURE else b"") + piece.data
    edge.found |= piece.found | needles.within(seam)
    edge.data = (edge.data + piece.data)[:LONGEST_FAILURE]
    edge.size += piece.size


def failure_row(source: int, path: str, edge: Edge, orphan: bool = False) -> pa.RecordBatch:
    """An entry as one row of ``failures``. It replaces earlier rows of the same entry.

    Args:
        source: number of the source.
        path: the source's name in rows.
        edge: the entry.
        orphan: lines that belong to no entry.
    """
    data, hole = _after_hole(edge.data)
    beyond = edge.size - len(edge.data)
    columns = [
        numbers(np.array([source]), pa.int32()), numbers(np.array([edge.offset + hole]), pa.int64()),
        numbers(np.array([edge.found]), pa.int8()), flags(np.array([orphan])),
        numbers(np.array([beyond]), pa.int64()), coded([name_text(path)]), blobs([data]),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=FAILURE_SCHEMA)


def _after_hole(data: bytes) -> tuple[bytes, int]:
    """An entry without the NUL bytes that a truncation left before it, and their number."""
    kept = data.lstrip(b"\0")
    return kept, len(data) - len(kept)


def _rows_of(chunk: _Chunk, task: IngestTask, needles: Needles, counters: Counters) -> _Rows:
    batch, starts = to_rows(chunk.data, task.shown, chunk.offset, task.layout, counters)
    found = np.zeros(len(starts), np.int64)
    for bit, hits in needles.hits(chunk.data):
        if hits:
            rows = np.unique(np.searchsorted(starts, np.asarray(hits) - 1, "right") - 1)
            found[rows] |= bit
    return _Rows(batch, starts, np.append(starts[1:], len(chunk.data)), found)


def _edge(chunk: _Chunk, rows: _Rows, number: int) -> Edge:
    """One row of a chunk."""
    begin, end = int(rows.starts[number]), int(rows.ends[number])
    data = chunk.data[begin : min(end, begin + LONGEST_FAILURE)]
    return Edge(chunk.offset + begin, data, end - begin, int(rows.found[number]))


def _is_doubtful(task: IngestTask, data: bytes) -> bool:
    """Whether the first line may continue the previous file's last line, though it looks like an entry."""
    if task.start == FILE:
        return not begins_entry(data, 0, len(data))
    return task.start == MIDDLE


def _continue(
    result: TaskResult, piece: Edge, failures: Partitions, needles: Needles, is_first: bool
) -> None:
    """Lines that continue the entry before them: the last one of this task, or one of another task."""
    if result.last is None and is_first:
        result.head = piece
        return
    before = result.last or result.head
    assert before is not None
    result.pieces.append((before.offset, piece.offset))
    lengthen(before, piece, needles)
    if result.last is not None and before.found:
        failures.add(failure_row(result.task.source, result.task.shown, before))


def _chunks(task: IngestTask, result: TaskResult) -> Iterator[_Chunk]:
    """The chunks of a task, up to its end or to damage."""
    if task.planned is not None:
        stream = task.planned.open(task.begin)
    else:
        stream = open_bytes(task.path, task.begin, ahead=True)
    left = None if task.end is None else task.end - task.begin
    openers = Openers(task.layout)
    unused = bytearray()
    offset = task.begin
    is_first = True
    block = memoryview(bytearray(CHUNK_BYTES))
    mark = ReadMark(task.target)
    digest = RangeDigest()
    try:
        while left is None or left > 0:
            try:
                count = stream.readinto(block if left is None else block[: min(CHUNK_BYTES, left)]) or 0
            except unpacking_errors() as error:
                result.damage = first_line(error)
                break
            if not count:
                break
            result.size += count
            mark.move(result.size)
            digest.add(block[:count])
            result.tail = (result.tail + bytes(block[max(0, count - TAIL) : count]))[-TAIL:]
            left = None if left is None else left - count
            unused += block[:count]
            if len(unused) < CHUNK_BYTES and (left is None or left > 0):
                continue
            cut = openers.last(unused, len(unused))
            if not cut and len(unused) > LONGEST_ROW:
                cut = unused.rfind(b"\n") + 1 or len(unused)
            if cut:
                yield _Chunk(offset, bytes(unused[:cut]), is_first)
                is_first = False
                offset += cut
                del unused[:cut]
        if unused:
            yield _Chunk(offset, bytes(unused), is_first)
        result.digest = digest.text()
    finally:
        mark.close()
        stream.close()


def _with_source(batch: pa.RecordBatch, source: int) -> pa.RecordBatch:
    ids = numbers(np.full(batch.num_rows, source), pa.int32())
    return pa.RecordBatch.from_arrays([ids, *batch.columns], schema=ENTRY_SCHEMA)


def _failures(task: IngestTask, chunk: _Chunk, rows: _Rows) -> pa.RecordBatch:
    """The rows of ``failures`` for the entries with needles, and their times, from which the date follows."""
    picked = np.flatnonzero(rows.found)
    starts, ends = rows.starts[picked], rows.ends[picked]
    rows_picked = numbers(picked, pa.int64())
    whole = [
        _after_hole(chunk.data[begin:end]) for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    starts = starts + np.array([hole for _, hole in whole], np.int64)
    kept = [data[:LONGEST_FAILURE] for data, _ in whole]
    columns = [
        numbers(np.full(len(picked), task.source), pa.int32()),
        numbers(starts + chunk.offset, pa.int64()),
        numbers(rows.found[picked], pa.int8()),
        flags(np.zeros(len(picked), bool)),
        numbers(ends - starts - [len(data) for data in kept], pa.int64()),
        rows.batch.column("file").take(rows_picked),
        blobs(kept),
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=FAILURE_SCHEMA)
    return batch.append_column("time", rows.batch.column("time").take(rows_picked))
