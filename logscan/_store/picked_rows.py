"""Single rows of a Parquet file of a store, picked without numpy and without Arrow's functions.

Their import takes longer than a look-up.
"""

from __future__ import annotations

import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from logscan._entries.layouts import begins_entry
from logscan._store.layout_bits import PIECE, row_bytes
from logscan._store.storage import opened
from logscan.values import Place, Span

if TYPE_CHECKING:
    import pyarrow as pa

_MANY = 64
"""Ids from which on it is faster to look up each row's than to look for each."""
WORDS = (
    "org", "env", "proxy", "revision", "thread", "level", "logger", "class", "method", "shape", "file",
)  # fmt: skip
"""Columns with few different values, read as dictionaries."""


class RowPlace(NamedTuple):
    """Where a row belongs: its source, and its offset in the source's text."""

    source: int
    offset: int


def damage_errors() -> tuple[type[Exception], ...]:
    """What reading a damaged file raises. Imports pyarrow: call it in an ``except`` clause only."""
    import pyarrow as pa

    return OSError, pa.ArrowException


def matching_rows(
    path: str, groups: Sequence[int], ids: Sequence[bytes], *, prefix: bool
) -> Iterator[tuple[int, list[int]]]:
    """The rows of some row groups of a file whose message ids are asked for; groups without one are left out.

    Args:
        path: of the file.
        groups: the row groups.
        ids: whole ids, or beginnings of ids.
        prefix: they are beginnings.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(opened(path), pre_buffer=False)
    for group in groups:
        rows: list[int] = []
        begin = 0
        for chunk in reader.read_row_group(group, ["message_id"], use_threads=False).column(0).chunks:
            rows += [begin + row for row in sorted(_rows_with(chunk, ids, prefix))]
            begin += len(chunk)
        if rows:
            yield group, rows


def entries_at(path: str, groups: Sequence[tuple[int, list[int]]]) -> Iterator[tuple[RowPlace, Span]]:
    """The entries in some rows of row groups of a file.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    file = opened(path)
    metadata = pq.ParquetFile(file, pre_buffer=False).metadata
    # As dictionaries, these are read in half the time.
    words = [name for name in WORDS if name in metadata.schema.names]
    reader = pq.ParquetFile(file, metadata=metadata, pre_buffer=False, read_dictionary=words)
    for group, rows in groups:
        table = reader.read_row_group(group, use_threads=False)
        yield from (_entry(table, row) for row in rows)


def group_count(path: str) -> int:
    """The number of a file's row groups.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(opened(path), pre_buffer=False).num_row_groups)


def filters_of(path: str) -> list[tuple[int, int]]:
    """Offset and length of each row group's bloom filter of message ids, by its own metadata; length 0: none.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(opened(path), pre_buffer=False).metadata
    number = metadata.schema.names.index("message_id")
    columns = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)]
    return [(column.bloom_filter_offset or 0, column.bloom_filter_length or 0) for column in columns]


def row_at(path: str, place: RowPlace) -> Span | None:
    """The row of a file at a place; ``None`` if the file has none there.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(opened(path), pre_buffer=False)
    for group in range(reader.num_row_groups):
        keys = reader.read_row_group(group, ["source", "offset"], use_threads=False)
        places = zip(keys["source"].to_pylist(), keys["offset"].to_pylist(), strict=True)
        row = next((number for number, key in enumerate(places) if key == place), None)
        if row is not None:
            return _entry(reader.read_row_group(group, use_threads=False), row)[1]
    return None


def after_hole(span: Span) -> Span:
    """An entry without the NUL bytes that a truncation left before it: its place is after them."""
    data = span.data.lstrip(b"\0")
    hole = len(span.data) - len(data)
    return (
        span._replace(data=data, place=span.place._replace(offset=span.place.offset + hole)) if hole else span
    )


def _rows_with(names: pa.StringArray, ids: Sequence[bytes], prefix: bool) -> set[int]:
    """The rows of a column that hold one of some ids. Compares bytes: making str objects takes longer."""
    _, ends, text = names.buffers()
    offsets = _ints(ends, names.offset, len(names) + 1)
    data = b"" if text is None else text.to_pybytes()
    if len(ids) > _MANY and not prefix:
        some = frozenset(ids)
        return {row for row in range(len(names)) if data[offsets[row] : offsets[row + 1]] in some}
    rows: set[int] = set()
    for value in ids:
        at = data.find(value)
        while at >= 0:
            row = bisect_right(offsets, at) - 1  # rows without an id have no bytes
            if offsets[row] == at and (prefix or offsets[row + 1] == at + len(value)):
                rows.add(row)
            at = data.find(value, at + 1)
    return rows


def _ints(buffer: pa.Buffer, offset: int, count: int) -> array.array[int]:
    numbers = array.array("i")
    numbers.frombytes(memoryview(buffer)[4 * offset : 4 * (offset + count)])
    return numbers


def _entry(table: pa.Table, row: int) -> tuple[RowPlace, Span]:
    (values,) = table.slice(row, 1).to_pylist()
    place = Place(values["file"], values["offset"])
    data = row_bytes(values)
    # A piece may open an entry: the store could not know that when it was read.
    is_orphan = bool(values["form"] & PIECE) and not begins_entry(data, 0, len(data))
    return RowPlace(values["source"], values["offset"]), Span(data, place, 0, is_orphan)
