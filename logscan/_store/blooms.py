"""Bloom filters of Parquet: which row groups may hold a message id, without opening the file's footer.

A split-block bloom filter is an array of 32-byte blocks. A value belongs to one block, and its 64-bit xxHash
gives eight bits of it (the Parquet format's BloomFilter.md). So a look-up is one read of 32 bytes for each
row group. Any reader of Parquet can use the same filters.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator, Sequence

import xxhash

from logscan._reading import remote

_BLOCK_BYTES = 32
_SALTS = (
    0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31,
)  # fmt: skip
Read = Callable[[int, int], bytes]
"""Gives so many bytes at a place."""
_LEAST_FILTER_BYTES, _MOST_FILTER_BYTES = 1 << 10, 1 << 20


class IdBits:
    """The bits that a message id sets in a filter."""

    __slots__ = ("_high", "_mask")

    def __init__(self, message_id: str) -> None:
        value = xxhash.xxh64_intdigest(message_id.encode("utf-8", "surrogateescape"))
        self._high = value >> 32
        low = value & 0xFFFFFFFF
        self._mask = 0
        for word, salt in enumerate(_SALTS):
            self._mask |= 1 << (32 * word + ((low * salt & 0xFFFFFFFF) >> 27))

    def groups(self, read: Read, filters: Sequence[tuple[int, int]]) -> Iterator[int]:
        """The row groups of a Parquet file whose filters have all of these bits in the id's block.

        Args:
            read: gives so many bytes of the file at a place.
            filters: offset and length of each row group's filter, its header included; the bits are the last
                power of two of these bytes. Length 0: the row group has no filter.
        """
        high, mask, number_of = self._high, self._mask, int.from_bytes
        for number, (offset, length) in enumerate(filters):
            size = 1 << length.bit_length() >> 1
            block = offset + length - size + (high * (size >> 5) >> 32 << 5)
            if not length or number_of(read(_BLOCK_BYTES, block), "little") & mask == mask:
                yield number


def groups_with(path: str, filters: Sequence[tuple[int, int]], ids: Sequence[IdBits]) -> list[int]:
    """The row groups of a file that may hold one of some ids.

    Raises:
        OSError: the file cannot be read, or is shorter than it was.
        InputError: an object store does not give it.
    """
    end = max((offset + length for offset, length in filters), default=0)
    if remote.is_remote(path):
        begin = min((offset for offset, _ in filters), default=0)
        data = remote.read_at(path, begin, end - begin)  # one request costs more than the filters
        if len(data) < end - begin:
            raise OSError(errno.EIO, "it is shorter than it was")

        def read(count: int, at: int) -> bytes:
            return data[at - begin : at - begin + count]

        return sorted({number for bits in ids for number in bits.groups(read, filters)})
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size < end:
            raise OSError(errno.EIO, "it is shorter than it was")

        def read_here(count: int, at: int) -> bytes:
            return os.pread(descriptor, count, at)

        return sorted({number for bits in ids for number in bits.groups(read_here, filters)})
    finally:
        os.close(descriptor)


def options_for(distinct: int) -> dict[str, float]:
    """Options of a Parquet writer for so many distinct values: about 18 bits a value, so that one answer in
    some thousands is wrong."""
    size = _LEAST_FILTER_BYTES
    while size < _MOST_FILTER_BYTES and size * 8 < 14 * distinct:
        size *= 2
    # The writer computes the size from the number of values and the rate of wrong answers, and rounds up.
    bits = size * 8 * 0.9 / max(1, distinct)
    rate = (1 - math.exp(-8 / bits)) ** 8
    return {"ndv": max(1, distinct), "fpp": min(0.5, max(1e-12, rate))}
