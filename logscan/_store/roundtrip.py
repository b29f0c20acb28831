"""Bytes of a log as Arrow rows, from which the same bytes can be made again.

A row is an entry with the columns of :mod:`logscan._entries.arrow`. What these do not say of its bytes is in
three more: ``shape``, the entry's own line with names of columns in place of their values; ``prefix``, what a
shipper or grep put before its lines; ``form``, some bits (:mod:`logscan._store.layout_bits`). If they are not
enough, the bytes themselves are in ``raw``. Lines before the first entry are a row of their own
(:data:`PIECE`): they continue the entry before them, which may be in another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logscan._entries.arrow import (
    SCHEMA,
    WORDS,
    Entries,
    Rows,
    bounds_by_grammar,
    entries_in,
    in_order,
    parsed,
    usual_rows,
)
from logscan._entries.buffers import blobs, flags, numbers, present, repeated, texts, values_of, words
from logscan._entries.chunk_text import Bools, Ints
from logscan._entries.header_parts import NO_CALL
from logscan._entries.headers import slices
from logscan._entries.layouts import Layout
from logscan._store.layout_bits import CRLF, OPEN_END, PIECE, Shape, row_bytes, shape_from, shape_of_bits
from logscan.values import Counters, Place, Span

ROW_SCHEMA = pa.schema(
    [*SCHEMA, ("form", pa.int8()), ("raw", pa.binary()), ("shape", WORDS), ("prefix", pa.string())]
)
"""The columns of an entry, and what is needed to make its bytes again."""
_PARSED_BYTES = 1 << 20
"""Bytes of an entry that are parsed; all are kept."""
_MOST_BLANKS = 9
"""Blanks in one place that a shape holds."""
_OLD_BITS = 0x1F
_IN_SHAPES = tuple(name for name in SCHEMA.names if name not in ("zone", "continuation", "file", "offset"))


def to_rows(
    data: bytes, path: str, offset: int, layout: Layout, counters: Counters | None = None
) -> tuple[pa.RecordBatch, Ints]:
    """The rows of some whole lines, and where each begins in the data.

    Args:
        data: consecutive lines; the first may continue an entry before them.
        path: name of their file.
        offset: of the first byte in the file.
        layout: how entries are written there.
        counters: takes entries that were not understood; their bytes are kept.
    """
    chunk = Span(data, Place(path, offset))
    own = Counters()
    batches: list[pa.RecordBatch] = []
    order: list[Ints] = []
    try:
        entries = entries_in(data, layout, _PARSED_BYTES)
        starts, ends, slow = entries.starts, entries.ends, entries.slow
        if len(entries.usual):
            batches.append(_with_shapes(entries, usual_rows(chunk, entries)))
            order.append(entries.usual)
    except Exception as error:  # noqa: BLE001
        own.note_not_understood(chunk.place, error)
        starts, ends = bounds_by_grammar(data, layout)
        slow = np.arange(len(starts))
    if len(slow):
        bounds = starts[slow], ends[slow]
        batch = parsed(chunk, bounds, layout, _PARSED_BYTES, own, keeps_holes=True)
        batches.append(_with_bytes(batch, data, bounds, 0))
        order.append(slow)
    first = int(starts[0]) if len(starts) else len(data)
    if first or not batches:
        batches.append(_piece(chunk._replace(data=data[:first]), layout))
        order = [*(rows + 1 for rows in order), np.zeros(1, np.int64)]
        starts = np.concatenate([np.zeros(1, np.int64), starts])
    if counters is not None:
        counters.add_not_understood(own)
    return in_order(batches, order), starts


def to_bytes(batch: pa.RecordBatch) -> pa.BinaryArray:
    """The bytes of each row as they stood in the file."""
    codes, shapes = _shapes(batch)
    groups = [(shape, np.flatnonzero(codes == code)) for code, shape in enumerate(shapes)]
    others = np.flatnonzero(codes < 0)
    arrays = [
        _made(batch if len(rows) == len(codes) else batch.take(numbers(rows, pa.int64())), shape_from(shape))
        for shape, rows in groups
    ]
    if len(others):
        left = batch.take(numbers(others, pa.int64())).to_pylist()
        arrays.append(blobs([row_bytes(row) for row in left]))
    if len(arrays) == 1:
        return arrays[0]
    belongs = np.concatenate([*(rows for _, rows in groups), others])
    order = np.empty(len(codes), np.int64)
    order[belongs] = np.arange(len(codes))
    return pa.concat_arrays(arrays or [blobs([])]).take(numbers(order, pa.int64()))


def as_piece(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows; the first is marked to continue the entry before it."""
    at = batch.schema.get_field_index("form")
    form = values_of(batch.column(at)).copy()
    form[0] |= PIECE
    return batch.set_column(at, batch.schema.field(at), numbers(form, pa.int8()))


# From bytes to rows.


class _HasShape(Protocol):
    @property
    def shape(self) -> str | None: ...


class _Part(NamedTuple):
    """What stands in one place of each line, as the number of one of some texts; below 0: none of them."""

    codes: Ints
    texts: Sequence[str]


def _with_shapes(entries: Entries, rows: Rows) -> pa.RecordBatch:
    """Rows with their shapes; rows that cannot be made again byte for byte keep their raw bytes."""
    text, bounds = entries.text, entries.headers.bounds
    starts, ends = entries.starts[entries.usual], entries.ends[entries.usual]
    open_end = np.asarray(text.raw[ends - 1] != 0x0A)
    crlf, exact = _returns(entries, open_end)
    codes, shapes = _combined(_parts(entries, rows, crlf))
    exact &= codes >= 0
    prefixes = slices(text, starts, bounds.begins, bounds.begins > starts)
    if rows.prefixes:
        several = np.zeros(len(starts), bool)
        several[list(rows.prefixes)] = True
        lines = [
            "\n".join([text.data[starts[row] : bounds.begins[row]].decode(), *below])
            for row, below in rows.prefixes.items()
        ]
        prefixes = pc.replace_with_mask(prefixes, flags(several), texts(lines))
    form = open_end * np.int64(OPEN_END) + crlf * np.int64(CRLF)
    raw = pa.nulls(len(starts), pa.binary())
    if not exact.all():
        codes = np.where(exact, codes, -1)
        kept = zip(exact.tolist(), starts.tolist(), ends.tolist(), strict=True)
        raw = blobs([None if good else text.data[begin:end] for good, begin, end in kept])
    return _row_batch(rows.batch, form, raw, words(codes, shapes), prefixes)


def _returns(entries: Entries, open_end: Bools) -> tuple[Bools, Bools]:
    r"""Which entries end all lines with ``\r\n``, and which all or none."""
    text, count = entries.text, len(entries.usual)
    if b"\r" not in text.data:
        return np.zeros(count, bool), np.ones(count, bool)
    breaks = text.breaks - (text.breaks == text.size)
    returns = (text.raw[np.maximum(breaks - 1, 0)] == 0x0D) & (text.raw[breaks] == 0x0A)
    before = np.concatenate([[0], np.cumsum(returns)])
    first, last = entries.lines[entries.usual], entries.lines[entries.usual + 1]
    found, lines = before[last] - before[first], last - first - open_end
    crlf = (found == lines) & (lines > 0)
    return crlf, crlf | (found == 0)


def _parts(entries: Entries, rows: Rows, crlf: Bools) -> list[_Part]:
    """What stands in each line, from left to right."""
    text, headers = entries.text, entries.headers
    bounds = headers.bounds
    marks = (text.raw[bounds.begins + 10] == 0x54) * 2 + (text.byte(bounds.begins + 19) == 0x2E)
    stamps = np.where(bounds.digits > 6, -1, np.maximum(bounds.digits, 0) * 4 + marks)
    stamps = np.where(bounds.digits < 0, marks & 2, stamps)
    has_id = (bounds.id_ends > bounds.context_ends).astype(np.int64)
    gaps = np.where(bounds.gaps < 0, _MOST_BLANKS + 1, np.where(bounds.gaps > 0, bounds.gaps, -1))
    blanks = ["", *(" " * count for count in range(1, _MOST_BLANKS + 1)), "\t"]
    called = np.array([call is not NO_CALL for call in rows.calls.parts], bool)[rows.calls.codes]
    colons = np.where(called, bounds.message_begins - bounds.call_ends - 4, 0)
    calls = [
        "{message}",
        *(f"{{class}}.{{method}}() :{blanks[n]}{{message}}" for n in range(1, _MOST_BLANKS + 1)),
    ]
    return [
        _Part(stamps, [_stamp(code) for code in range(28)]),
        _shape_part(headers.contexts.codes, headers.contexts.parts),
        _Part(has_id, ["", "{message_id}"]),
        _Part(gaps, blanks),
        _shape_part(headers.threads.codes, headers.threads.parts),
        _shape_part(headers.severities.codes, headers.severities.parts),
        _Part(np.where(colons > _MOST_BLANKS, -1, colons), calls),
        _Part(_trailing(entries, crlf), blanks),
    ]


def _stamp(code: int) -> str:
    digits, marks = divmod(code, 4)
    fraction = f"{'.' if marks & 1 else ','}{digits}" if digits else ""
    return f"{{time:{'T' if marks & 2 else ' '}{fraction}}}"


def _shape_part(codes: npt.NDArray[np.int32], parts: Sequence[_HasShape]) -> _Part:
    """The shapes of parts, each different one once."""
    numbers_of: dict[str, int] = {}
    table = [
        -1 if part.shape is None else numbers_of.setdefault(part.shape, len(numbers_of)) for part in parts
    ]
    return _Part(np.array(table, np.int64)[codes], list(numbers_of))


def _trailing(entries: Entries, crlf: Bools) -> Ints:
    """Number of blanks after each message; -1 where there are others, or too many."""
    text, bounds = entries.text, entries.headers.bounds
    ends = text.breaks[bounds.lines] - crlf
    count = ends - bounds.message_ends
    rows = np.flatnonzero(count)
    if len(rows):
        at = np.arange(_MOST_BLANKS)
        blanks = text.byte(bounds.message_ends[rows][:, None] + at) == 0x20
        good = (blanks | (at >= count[rows][:, None])).all(1) & (count[rows] <= _MOST_BLANKS)
        count[rows] = np.where(good, count[rows], -1)
    return count


def _combined(parts: Sequence[_Part]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Parts side by side as one."""
    key, bad = np.zeros(len(parts[0].codes), np.int64), np.zeros(len(parts[0].codes), bool)
    for part in parts:
        key = key * max(1, len(part.texts)) + part.codes
        bad |= part.codes < 0
    if bad.any():
        key[bad] = -1
    different = numbers(key, pa.int64()).dictionary_encode()
    whole = []
    for value in different.dictionary.to_pylist():
        pieces = []
        for part in reversed(parts) if value >= 0 else ():
            value, number = divmod(value, max(1, len(part.texts)))
            pieces.append(part.texts[number])
        whole.append("".join(reversed(pieces)))
    codes = values_of(different.indices)
    return np.where(bad, np.int32(-1), codes), whole


def _with_bytes(batch: pa.RecordBatch, data: bytes, bounds: tuple[Ints, Ints], form: int) -> pa.RecordBatch:
    raw = [data[begin:end] for begin, end in zip(*(column.tolist() for column in bounds), strict=True)]
    shapes = words(np.full(len(raw), -1, np.int32), [])
    return _row_batch(batch, np.full(len(raw), form), blobs(raw), shapes, pa.nulls(len(raw), pa.string()))


def _piece(chunk: Span, layout: Layout) -> pa.RecordBatch:
    whole = np.array([0]), np.array([len(chunk.data)])
    batch = parsed(chunk._replace(orphan=True), whole, layout, _PARSED_BYTES, Counters(), keeps_holes=True)
    return _with_bytes(batch, chunk.data, whole, PIECE)


def _row_batch(
    batch: pa.RecordBatch, form: Ints, raw: pa.Array, shapes: pa.Array, prefixes: pa.Array
) -> pa.RecordBatch:
    columns = [*batch.columns, numbers(form, pa.int8()), raw, shapes, prefixes]
    return pa.RecordBatch.from_arrays(columns, schema=ROW_SCHEMA)


# From rows to bytes.


def _shapes(batch: pa.RecordBatch) -> tuple[Ints, list[str]]:
    """The number of each row's shape, and the shapes; -1 where one row must be looked at by itself."""
    alone = present(batch.column("raw"))
    codes, shapes = np.full(batch.num_rows, -1), list[str]()
    if "shape" in batch.schema.names:
        column = batch.column("shape")
        column = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
        shapes = column.dictionary.to_pylist()
        codes = np.where(present(column), values_of(column.indices), -1).astype(np.int64)
    if "prefix" in batch.schema.names and batch.column("prefix").null_count < batch.num_rows:
        many = pc.match_substring(batch.column("prefix"), "\n")
        alone |= np.array([value is True for value in many.to_pylist()], bool)
    old = np.flatnonzero((codes < 0) & ~alone)
    if len(old):
        key = values_of(batch.column("form")).astype(np.int64) & _OLD_BITS
        for name in _IN_SHAPES:
            key = key * 2 + present(batch.column(name))
        different, numbers_of = np.unique(key[old], return_inverse=True)
        codes[old] = numbers_of + len(shapes)
        for value in different.tolist():
            bits = zip(_IN_SHAPES, f"{value & (1 << len(_IN_SHAPES)) - 1:0{len(_IN_SHAPES)}b}", strict=True)
            names = frozenset(name for name, bit in bits if bit == "1")
            shapes.append(shape_of_bits(value >> len(_IN_SHAPES), names))
    codes[alone] = -1
    used = np.unique(codes[codes >= 0])
    places = np.full(len(shapes) + 1, -1)
    places[used] = np.arange(len(used))
    return places[codes], [shapes[code] for code in used.tolist()]


def _made(batch: pa.RecordBatch, shape: Shape) -> pa.BinaryArray:
    """The bytes of rows of one shape."""
    count = batch.num_rows
    form = values_of(batch.column("form"))
    parts = []
    if "prefix" in batch.schema.names and batch.column("prefix").null_count < count:
        parts.append(_bytes(batch.column("prefix")))
    for piece in shape.pieces:
        column, literal = batch.column(piece.name), piece.literal.encode()
        if piece.name == "time":
            column = _times(column, *piece.stamp)
        if isinstance(column, pa.DictionaryArray):
            values = [literal + value.encode() for value in column.dictionary.to_pylist()]
            parts.append(blobs(values).take(column.indices))
        else:
            parts += [repeated(literal, count)] if literal else []
            parts.append(_bytes(column))
    below = batch.column("continuation")
    if shape.end:
        parts.append(repeated(shape.end.encode(), count))
    if below.null_count < count:
        parts += [_either(b"", b"\n", present(below)), _bytes(below)]
    parts.append(_either(b"\n", b"", form & OPEN_END != 0))
    whole = pc.binary_join_element_wise(*parts, repeated(b"", count))
    crlf = form & CRLF != 0
    if crlf.any():
        printed = pc.replace_substring(whole, "\n", "\r\n")
        whole = printed if crlf.all() else pc.if_else(flags(crlf), printed, whole)
    return whole


def _either(no: bytes, yes: bytes, which: Bools) -> pa.Array:
    return blobs([no, yes]).take(numbers(which, pa.int32()))


def _bytes(column: pa.Array) -> pa.Array:
    """The bytes of texts; none for a missing one."""
    column = column.cast(pa.binary())
    return pc.coalesce(column, repeated(b"", len(column))) if column.null_count else column


def _times(column: pa.Array, between: str, sign: str, digits: int) -> pa.Array:
    """``2026-11-23 05:28:57,813`` for each time."""
    days, within = np.divmod(values_of(column), 86_400_000_000)
    different, where = np.unique(days, return_inverse=True)
    dates = different.astype("datetime64[D]").astype("S10")
    size = 19 + len(sign) + digits
    out = np.empty((len(days), size), np.uint8)
    out[:, :10] = dates.view(np.uint8).reshape(-1, 10)[where]
    seconds, micros = np.divmod(within, 1_000_000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    out[:, 10] = ord(between)
    for at, value in ((11, hours), (14, minutes), (17, seconds)):
        out[:, at] = 0x30 + value // 10
        out[:, at + 1] = 0x30 + value % 10
    out[:, 13] = out[:, 16] = 0x3A
    if sign:
        out[:, 19] = ord(sign)
    for digit in range(digits):
        out[:, 20 + digit] = 0x30 + micros // 10 ** (5 - digit) % 10
    kind = pa.binary(size)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(days), [None, pa.py_buffer(out)]).cast(pa.binary())
