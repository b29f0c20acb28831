"""Bloom filters of Parquet: which row groups may hold a message id, without opening the file's footer.

A split-block bloom filter is an array of 32-byte blocks; a value is looked for in one of them, by eight bits
that its 64-bit xxHash gives (the Parquet format's BloomFilter.md). So a look-up is one read of 32 bytes a row
group. Any reader of Parquet may use the same filters.
"""

from __future__ import annotations

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

    def may_be_in(self, descriptor: int, offset: int, length: int) -> bool:
        """Whether a filter's block has all its bits.

        Args:
            descriptor: the Parquet file.
            offset: of the filter, its header included.
            length: the same; the bits are the last power of two of its bytes.
        """
        size = 1 << (length.bit_length() - 1)
        block = self._high * (size // _BLOCK) >> 32
        data = os.pread(descriptor, _BLOCK, offset + length - size + block * _BLOCK)
        return int.from_bytes(data, "little") & self._mask == self._mask


def groups_with(path: str, filters: Sequence[tuple[int, int]], sought: Sequence[Sought]) -> Iterator[int]:
    """The row groups of a file that may hold one of some ids.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if len(sought) == 1:
            find = sought[0].may_be_in
            yield from (
                number
                for number, (offset, length) in enumerate(filters)
                if not length or find(descriptor, offset, length)
            )
            return
        for number, (offset, length) in enumerate(filters):
            if not length or any(one.may_be_in(descriptor, offset, length) for one in sought):
                yield number
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
