"""Bloom filters of Parquet: which row groups may hold a message id, without opening the file's footer.

A split-block bloom filter is an array of 32-byte blocks; a value is looked for in one of them, by eight bits
that its 64-bit xxHash gives (the Parquet format's BloomFilter.md). So a look-up is one read of 32 bytes a row
group. Any reader of Parquet may use the same filters.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

import xxhash

_BLOCK = 32
_SALTS = (
    0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31,
)  # fmt: skip
LEAST, MOST = 1 << 10, 1 << 20
"""Bytes of a filter."""


class Sought:
    """A message id, and the bits that it sets."""

    __slots__ = ("_high", "_mask")

    def __init__(self, name: str) -> None:
        value = xxhash.xxh64_intdigest(name.encode("utf-8", "surrogateescape"))
        self._high = value >> 32
        low = value & 0xFFFFFFFF
        self._mask = 0
        for word, salt in enumerate(_SALTS):
            self._mask |= 1 << (32 * word + ((low * salt & 0xFFFFFFFF) >> 27))

    def groups(self, descriptor: int, filters: Sequence[tuple[int, int]]) -> Iterator[int]:
        """The row groups of a Parquet file whose filters have all of these bits in the id's block.

        Args:
            descriptor: the file.
            filters: offset and length of each row group's filter, its header included: its bits are the last
                power of two of these bytes. Without a length there is none.
        """
        high, mask, read, number_of = self._high, self._mask, os.pread, int.from_bytes
        for number, (offset, length) in enumerate(filters):
            size = 1 << length.bit_length() >> 1
            at = offset + length - size + (high * (size >> 5) >> 32 << 5)
            if not length or number_of(read(descriptor, _BLOCK, at), "little") & mask == mask:
                yield number


def groups_with(path: str, filters: Sequence[tuple[int, int]], sought: Sequence[Sought]) -> list[int]:
    """The row groups of a file that may hold one of some ids.

    Raises:
        OSError: the file cannot be read, or is shorter than it was.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        last = max((offset + length for offset, length in filters), default=0)
        if os.fstat(descriptor).st_size < last:
            raise OSError(errno.EIO, "it is shorter than it was")
        return sorted({number for one in sought for number in one.groups(descriptor, filters)})
    finally:
        os.close(descriptor)


def options_for(distinct: int) -> dict[str, float]:
    """What to ask of a writer: about 18 bits a value, one false answer in some thousands."""
    size = LEAST
    while size < MOST and size * 8 < 14 * distinct:
        size *= 2
    # The writer computes the size from the number of values and the rate of false answers, and rounds up.
    bits = size * 8 * 0.9 / max(1, distinct)
    rate = (1 - 2.718281828 ** (-8 / bits)) ** 8
    return {"ndv": max(1, distinct), "fpp": min(0.5, max(1e-12, rate))}
