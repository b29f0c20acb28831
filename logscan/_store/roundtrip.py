"""Bytes of a log as Arrow rows, from which the same bytes can be made again.

A row is an entry with the columns of :mod:`logscan._entries.arrow`. What these do not say of its bytes (one
blank or two, comma or point, whether a line break ends it) is in a few layout bits, column ``form``. If they
are not enough, the bytes themselves are in ``raw``. Lines before the first entry are a row of their own
(:data:`PIECE`): they continue the entry before them, which may be in another file.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logscan._entries.arrow import (
    SCHEMA,
    cut_out,
    in_order,
    openers,
    opens,
    parsed,
    unusual,
)
from logscan._entries.header_bounds import Header, Ints, Text
from logscan._entries.layouts import KEYS, PLAIN, Layout
from logscan._store.layout_bits import (
    OPEN_END,
    PIECE,
    POINT,
    TRAILING,
    TWO_BLANKS,
    WIDE,
)
from logscan.values import Counters, Place, Span

ROW_SCHEMA = SCHEMA.append(pa.field("form", pa.int8())).append(pa.field("raw", pa.binary()))
"""The columns of an entry, and what is needed to make its bytes again."""
_PARSED_BYTES = 1 << 20
"""Bytes of an entry that are parsed; all are kept."""


class _Lines(NamedTuple):
    """Entries with a usual header."""

    numbers: Ints
    """Number of the header's line, of each."""
    starts: Ints
    ends: Ints


def to_rows(data: bytes, path: str, offset: int, layout: Layout) -> tuple[pa.RecordBatch, Ints]:
    """The rows of some whole lines, and where each begins in the data.

    Args:
        data: consecutive lines; the first may continue an entry before them.
        path: name of their file.
        offset: of the first byte in the file.
        layout: how entries are written there.
    """
    chunk = Span(data, Place(path, offset))
    text = Text(data)
    header = Header(text) if layout.name == PLAIN.name else None
    if header is not None:
        lines = np.flatnonzero(header.usual | opens(text, header.usual, layout))
        starts = text.starts[lines]
    else:
        starts = openers(text, layout)
    ends = np.append(starts[1:], text.size)
    batches: list[pa.RecordBatch] = []
    if header is not None:
        slow = unusual(text, header, lines, (starts, ends), _PARSED_BYTES)
        usual = np.flatnonzero(~slow)
        batch = cut_out(chunk, text, header, lines[usual], ends[usual])
        batches.append(_with_form(batch, text, header, _Lines(lines[usual], starts[usual], ends[usual])))
    else:
        slow = np.ones(len(starts), bool)
        usual = np.empty(0, np.int64)
    order = [usual]
    if slow.any():
        others = np.flatnonzero(slow)
        batch = parsed(chunk, starts[slow], ends[slow], _PARSED_BYTES, Counters())
        batches.append(_with_bytes(batch, data, starts[slow], ends[slow], 0))
        order.append(others)
    first = int(starts[0]) if len(starts) else text.size
    if first:
        batches.append(_piece(chunk._replace(data=data[:first])))
        order = [np.concatenate(order) + 1, np.zeros(1, np.int64)]
        starts = np.concatenate([np.zeros(1, np.int64), starts])
    return in_order(batches, order), starts


def to_bytes(batch: pa.RecordBatch) -> pa.BinaryArray:
    """The bytes of each row as they stood in the file."""
    form = batch.column("form").to_numpy(zero_copy_only=False)

    def flag(bit: int, yes: bytes, no: bytes) -> pa.Array:
        return pa.array([no, yes], pa.binary()).take(pa.array((form & bit != 0).astype(np.int8)))

    parts = [_times(batch.column("time"), form), flag(TWO_BLANKS, b"  ", b" ")]
    parts += [_wrapped(batch.column(name), key.encode(), b" ") for name, key in KEYS.items()]
    parts.append(flag(WIDE, b" ", b""))
    parts += [_wrapped(batch.column(name), b"", b" ") for name in ("thread", "level")]
    parts.append(_wrapped(batch.column("logger"), b"", b" - "))
    parts += [_wrapped(batch.column("class"), b"", b"."), _wrapped(batch.column("method"), b"", b"() : ")]
    parts += [_plain(batch.column("message")), flag(TRAILING, b" ", b"")]
    below = batch.column("continuation")
    parts.append(pc.if_else(below.is_valid(), pa.scalar(b"\n"), pa.scalar(b"")))
    parts += [_plain(below), flag(OPEN_END, b"", b"\n")]
    whole = pc.binary_join_element_wise(*parts, pa.scalar(b""))
    return pc.coalesce(batch.column("raw"), whole)


def as_piece(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows; the first is marked to continue the entry before it."""
    at = batch.schema.get_field_index("form")
    form = batch.column(at).to_numpy(zero_copy_only=False).copy()
    form[0] |= PIECE
    return batch.set_column(at, batch.schema.field(at), pa.array(form, pa.int8()))


def _with_form(batch: pa.RecordBatch, text: Text, header: Header, entries: _Lines) -> pa.RecordBatch:
    """Rows with layout bits; rows that cannot be rebuilt byte for byte keep their raw bytes."""
    lines, starts, ends = entries
    at = header.row[lines]
    trailing = np.zeros(len(lines), np.int64)
    last = text.breaks[lines]
    open_end = text.raw[ends - 1] != 0x0A
    form = np.where(text.raw[starts + 19] == 0x2E, POINT, 0)
    form |= np.where(header.twice[at], TWO_BLANKS, 0) | np.where(header.wide[at], WIDE, 0)
    form |= np.where(open_end, OPEN_END, 0)
    length = 24 + header.twice[at].astype(np.int64) + header.wide[at] + ~open_end
    for name, key in KEYS.items():
        length += _lengths(batch.column(name), len(key) + 1)
    for name, more in (("thread", 1), ("level", 1), ("logger", 3), ("class", 1), ("method", 5)):
        length += _lengths(batch.column(name), more)
    length += _lengths(batch.column("message"), 0) + _lengths(batch.column("continuation"), 1)
    trailing = (ends - starts - length == 1) & (text.raw[np.maximum(last - 1, 0)] == 0x20)
    form |= np.where(trailing, TRAILING, 0)
    exact = length + trailing == ends - starts
    raw = pa.nulls(len(lines), pa.binary())
    if not exact.all():
        kept = [None if good else text.data[a:b] for good, a, b in zip(exact, starts, ends, strict=True)]
        raw = pa.array(kept, pa.binary())
    return _row_batch(batch, form, raw)


def _with_bytes(batch: pa.RecordBatch, data: bytes, starts: Ints, ends: Ints, form: int) -> pa.RecordBatch:
    raw = [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return _row_batch(batch, np.full(len(raw), form), pa.array(raw, pa.binary()))


def _piece(chunk: Span) -> pa.RecordBatch:
    whole = np.array([0]), np.array([len(chunk.data)])
    batch = parsed(chunk._replace(orphan=True), *whole, _PARSED_BYTES, Counters())
    return _with_bytes(batch, chunk.data, *whole, PIECE)


def _row_batch(batch: pa.RecordBatch, form: npt.NDArray[np.int64], raw: pa.Array) -> pa.RecordBatch:
    columns = [*batch.columns, pa.array(form.astype(np.int8)), raw]
    return pa.RecordBatch.from_arrays(columns, schema=ROW_SCHEMA)


def _lengths(column: pa.Array, more: int) -> Ints:
    """Number of bytes of each value, plus ``more``; 0 for a missing value."""
    if isinstance(column, pa.DictionaryArray):
        sizes = pc.add(pc.binary_length(column.dictionary), more).take(column.indices)
    else:
        sizes = pc.add(pc.binary_length(column), more)
    return np.asarray(sizes.fill_null(0).to_numpy(zero_copy_only=False), np.int64)


def _wrapped(column: pa.Array, before: bytes, after: bytes) -> pa.Array:
    """Each value between two texts; empty for a missing value."""
    if isinstance(column, pa.DictionaryArray):
        values = [before + value.encode() + after for value in column.dictionary.to_pylist()]
        return pa.array(values, pa.binary()).take(column.indices).fill_null(b"")
    joined = pc.binary_join_element_wise(
        pa.scalar(before), column.cast(pa.binary()), pa.scalar(after), pa.scalar(b"")
    )
    return joined.fill_null(b"")


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(pa.binary()).fill_null(b"")


def _times(column: pa.Array, form: npt.NDArray[np.int64]) -> pa.Array:
    """``2026-11-23 05:28:57,813`` for each time; a missing time gives 23 bytes without meaning."""
    stamps = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) // 1000
    days, within = np.divmod(stamps, 86_400_000)
    different, where = np.unique(days, return_inverse=True)
    dates = different.astype("datetime64[D]").astype("S10")
    out = np.empty((len(stamps), 23), np.uint8)
    out[:, :10] = dates.view(np.uint8).reshape(-1, 10)[where]
    seconds, millis = np.divmod(within, 1000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    out[:, 10] = 0x20
    for at, value in ((11, hours), (14, minutes), (17, seconds), (21, millis % 100)):
        out[:, at] = 0x30 + value // 10
        out[:, at + 1] = 0x30 + value % 10
    out[:, 13] = out[:, 16] = 0x3A
    out[:, 19] = np.where(form & POINT != 0, 0x2E, 0x2C)
    out[:, 20] = 0x30 + millis // 100
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(23), len(stamps), [None, pa.py_buffer(out.tobytes())]
    ).cast(pa.binary())
