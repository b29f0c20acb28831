"""Arrow arrays made of numpy's and Python's values through their buffers.

``pa.array`` imports pandas, which takes 0.2 s and 40 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NUMPY: dict[pa.DataType, np.dtype[Any]] = {
    pa.int8(): np.dtype(np.int8), pa.int32(): np.dtype(np.int32), pa.int64(): np.dtype(np.int64),
    pa.timestamp("us"): np.dtype(np.int64),
}  # fmt: skip
Bools = npt.NDArray[np.bool_]


def numbers(values: npt.NDArray[Any], kind: pa.DataType, valid: Bools | None = None) -> pa.Array:
    """Numbers of an Arrow type; null where they are not valid."""
    data = np.ascontiguousarray(values, _NUMPY[kind])
    return pa.Array.from_buffers(kind, len(data), [bitmap(valid), pa.py_buffer(data)])


def values_of(array: pa.Array) -> npt.NDArray[Any]:
    """Numbers of an array, not copied; those of nulls have no meaning."""
    if not len(array):
        return np.empty(0, _NUMPY[array.type])
    kind = _NUMPY[array.type]
    return np.ndarray((len(array),), kind, array.buffers()[1], array.offset * kind.itemsize)


def present(array: pa.Array) -> Bools:
    """Which rows have a value."""
    if not array.null_count:
        return np.ones(len(array), bool)
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :].view(bool)


def flags(values: Bools) -> pa.BooleanArray:
    """Truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """Strings."""
    return blobs(
        [None if value is None else value.encode("utf-8", "surrogatepass") for value in values], pa.string()
    )


def blobs(values: Sequence[bytes | None], kind: pa.DataType | None = None) -> pa.Array:
    """Byte strings, or strings that are encoded already."""
    offsets = np.fromiter(
        accumulate((len(value or b"") for value in values), initial=0), np.int32, len(values) + 1
    )
    valid = bitmap(np.array([value is not None for value in values], bool)) if None in values else None
    data = b"".join(value for value in values if value)
    return pa.Array.from_buffers(
        kind or pa.binary(), len(values), [valid, pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def repeated(value: bytes, count: int) -> pa.BinaryArray:
    """One value, so many times."""
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(len(value))
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(value * count)]
    )


def words(codes: npt.NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    """A dictionary of different values; a code below 0 is null."""
    valid = None if not len(codes) or codes.min() >= 0 else np.asarray(codes >= 0)
    return pa.DictionaryArray.from_arrays(numbers(codes, pa.int32(), valid), texts(values), safe=False)


def coded(values: Sequence[str | None]) -> pa.DictionaryArray:
    """Values as a dictionary of the different ones."""
    places: dict[str, int] = {}
    codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
    return words(np.array(codes, np.int32), list(places))


def bitmap(valid: Bools | None) -> pa.Buffer | None:
    """Bits for what is valid; none where all is."""
    return None if valid is None or valid.all() else _bits(valid)


def _bits(values: Bools) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
