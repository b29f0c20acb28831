"""Single rows of a Parquet file of a store, picked without numpy and without Arrow's functions.

Their import takes longer than a look-up.
"""

from __future__ import annotations

import array
import contextlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from logscan._store.layout_bits import row_bytes
from logscan.values import Place, Span

if TYPE_CHECKING:
    import pyarrow as pa


class RowPlace(NamedTuple):
    """Where a row belongs: its source, and its offset in the source's text."""

    source: int
    offset: int


def damage_errors() -> tuple[type[Exception], ...]:
    """What reading a damaged file raises. Imports pyarrow: call it in an ``except`` clause only."""
    import pyarrow as pa

    return OSError, pa.ArrowException


def rows_with_ids(path: str, groups: Sequence[int], ids: Sequence[str]) -> Iterator[tuple[RowPlace, Span]]:
    """The entries of some messages in some row groups of a file.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(path, pre_buffer=False, read_dictionary=["message_id"])
    for group in groups:
        names = reader.read_row_group(group, ["message_id"], use_threads=False).column(0)
        rows = _rows_with(names, ids)
        if rows:
            table = reader.read_row_group(group, use_threads=False)
            yield from (_entry(table, row) for row in rows)


def row_at(path: str, place: RowPlace) -> Span | None:
    """The row of a file at a place; ``None`` if the file has none there.

    Raises:
        Exception: as :func:`damage_errors`.
    """
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(path, pre_buffer=False)
    for group in range(reader.num_row_groups):
        keys = reader.read_row_group(group, ["source", "offset"], use_threads=False)
        places = zip(keys["source"].to_pylist(), keys["offset"].to_pylist(), strict=True)
        row = next((number for number, key in enumerate(places) if key == place), None)
        if row is not None:
            return _entry(reader.read_row_group(group, use_threads=False), row)[1]
    return None


def _rows_with(names: pa.ChunkedArray, ids: Sequence[str]) -> list[int]:
    """The rows of a column of dictionaries that hold one of some values."""
    rows: list[int] = []
    begin = 0
    for chunk in names.chunks:
        numbers = _ints(chunk.indices.buffers()[1], chunk.offset, len(chunk))
        for number in _numbers_of(chunk.dictionary, ids):
            at = -1
            with contextlib.suppress(ValueError):
                while True:
                    at = numbers.index(number, at + 1)
                    if chunk.indices[at].is_valid:
                        rows.append(begin + at)
        begin += len(chunk)
    return sorted(rows)


def _numbers_of(words: pa.StringArray, wanted: Sequence[str]) -> list[int]:
    """The numbers of some values in a dictionary. Compares bytes: making str objects of all takes longer."""
    _, ends, text = words.buffers()
    offsets = _ints(ends, words.offset, len(words) + 1)
    data = b"" if text is None else text.to_pybytes()
    numbers: list[int] = []
    for name in wanted:
        value = name.encode("utf-8", "surrogateescape")
        at = data.find(value)
        while at >= 0:
            number = bisect_left(offsets, at)
            if offsets[number : number + 2].tolist() == [at, at + len(value)]:
                numbers.append(number)
                break
            at = data.find(value, at + 1)
    return numbers


def _ints(buffer: pa.Buffer, offset: int, count: int) -> array.array[int]:
    numbers = array.array("i")
    numbers.frombytes(memoryview(buffer)[4 * offset : 4 * (offset + count)])
    return numbers


def _entry(table: pa.Table, row: int) -> tuple[RowPlace, Span]:
    (values,) = table.slice(row, 1).to_pylist()
    place = Place(values["file"], values["offset"])
    return RowPlace(values["source"], values["offset"]), Span(row_bytes(values), place)
