"""Bytes of a log as Arrow rows, from which the same bytes can be made again.

A row is an entry with the columns of :mod:`logscan._entries.arrow`. What these do not say of its bytes is in
three more: ``shape``, the entry's own line with names of columns in place of their values; ``prefix``, what a
shipper or grep put before its lines; ``form``, some bits (:mod:`logscan._store.layout_bits`). If they are not
enough, the bytes themselves are in ``raw``. Lines before the first entry are a row of their own
(:data:`PIECE`): they continue the entry before them, which may be in another file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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
from logscan._entries.buffers import blobs, coded, flags, numbers, present, repeated, texts, values_of, words
from logscan._entries.chunk_text import Bools, Ints
from logscan._entries.headers import slices
from logscan._entries.layouts import Layout
from logscan._entries.parse import decode, header_id, owner_of
from logscan._store.layout_bits import (
    CRLF,
    ESCAPED,
    OPEN_END,
    PIECE,
    Shape,
    row_bytes,
    shape_from,
    shape_of_bits,
)
from logscan._store.row_shapes import Known, kept_in_columns
from logscan._store.usual_shapes import shapes_of
from logscan.values import Counters, Place, Span

ROW_SCHEMA = pa.schema(
    [*SCHEMA, ("form", pa.int8()), ("raw", pa.binary()), ("shape", WORDS), ("prefix", pa.string())]
)
"""The columns of an entry, and what is needed to make its bytes again."""
_PARSED_BYTES = 1 << 20
"""Bytes of an entry that are parsed; all are kept."""
_MANY_SHAPES, _FEW_ROWS = 64, 16
"""With so many shapes, rows of those that fewer rows have are made one by one."""
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


def _with_shapes(entries: Entries, rows: Rows) -> pa.RecordBatch:
    """Rows with their shapes; rows that cannot be made again byte for byte keep their raw bytes."""
    text, bounds = entries.text, entries.headers.bounds
    starts, ends = entries.starts[entries.usual], entries.ends[entries.usual]
    open_end = np.asarray(text.raw[ends - 1] != 0x0A)
    crlf, exact = _returns(entries, open_end)
    codes, shapes = shapes_of(entries, rows, crlf)
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
    batch = _row_batch(rows.batch, form, raw, words(np.where(exact, codes, np.int32(-1)), shapes), prefixes)
    if exact.all():
        return batch
    odd = np.flatnonzero(~exact)
    others = _with_bytes(rows.batch.take(numbers(odd, pa.int64())), text.data, (starts[odd], ends[odd]), 0)
    return in_order([batch.filter(flags(exact)), others], [np.flatnonzero(exact), odd])


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


def _with_bytes(batch: pa.RecordBatch, data: bytes, bounds: tuple[Ints, Ints], form: int) -> pa.RecordBatch:
    """Rows one by one: with a shape of their own, or with their bytes where there is none."""
    whole = [data[begin:end] for begin, end in zip(*(column.tolist() for column in bounds), strict=True)]
    batch = _with_owners(batch, whole, is_piece=form == PIECE)
    known: Known = {}
    kept = [kept_in_columns(row, own, known) for row, own in zip(batch.to_pylist(), whole, strict=True)]
    return _row_batch(
        batch,
        np.array([form | (one.form if one else 0) for one in kept]),
        blobs([None if one else own for one, own in zip(kept, whole, strict=True)]),
        coded([one.shape if one else None for one in kept]),
        texts([one.prefix if one else None for one in kept]),
    )


def _with_owners(batch: pa.RecordBatch, raw: Sequence[bytes], *, is_piece: bool) -> pa.RecordBatch:
    """The ids by which a search of the file finds these rows: it looks without the grammar first, and also in
    lines that open no entry."""
    at = batch.schema.get_field_index("message_id")
    names: list[str | None] = batch.column(at).to_pylist()
    owners = [
        owner_of(data[:_PARSED_BYTES])
        if is_piece
        else name
        if (plain := header_id(data.lstrip(b"\0"))) is None
        else decode(plain)
        for data, name in zip(raw, names, strict=True)
    ]
    return batch if owners == names else batch.set_column(at, batch.schema.field(at), texts(owners))


def _piece(chunk: Span, layout: Layout) -> pa.RecordBatch:
    whole = np.array([0]), np.array([len(chunk.data)])
    batch = parsed(chunk._replace(orphan=True), whole, layout, len(chunk.data), Counters(), keeps_holes=True)
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
        alone |= (codes >= 0) & (values_of(batch.column("form")) & ESCAPED != 0)
        alone |= _rare(codes, shapes)
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


def _rare(codes: Ints, shapes: Sequence[str]) -> Bools:
    """Which rows have a shape that few have where there are many shapes, or one of a wrapped message."""
    if len(shapes) <= _MANY_SHAPES:
        alone = np.zeros(len(shapes), bool)
    else:
        alone = np.bincount(codes[codes >= 0], minlength=len(shapes)) < _FEW_ROWS
    for number, shape in enumerate(shapes):
        if "/" in shape and not alone[number]:
            alone[number] = shape_from(shape).is_wrapped
    return np.asarray(np.append(alone, False)[codes])


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
