"""Postings: message id → blocks of text. A look-up may name a block too many, never one too few."""

from __future__ import annotations

import array
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

import xxhash

from logscan._entries.layouts import ID_IN_TEXT, KEYS

BUCKET_POSTINGS = 2048
"""Postings of a bucket, about: what a look-up reads."""
_ID_BYTES = 64
"""Bytes of an id that are hashed."""
MOST_BLOCKS = 1 << 16
"""Blocks of an extent, at most: what the postings can number."""
_IDS = re.compile(rf"{KEYS['message_id']}(\S+)".encode())
_IN_TEXT = re.compile(rf"{ID_IN_TEXT}\s*(\S+)".encode())
_HASH_BITS = 32
_BLOCK_BITS = 16


def ids_in(data: bytes) -> set[bytes]:
    """All message ids that may own an entry in some bytes; also ids that are only mentioned."""
    found = set(_IDS.findall(data))
    if ID_IN_TEXT.encode() in data:
        found.update(_IN_TEXT.findall(data))
    return found


def hash_of(name: bytes) -> int:
    """32 bits of an id."""
    return xxhash.xxh64_intdigest(name[:_ID_BYTES]) >> 32


class Collector:
    """Collects the postings of an extent, block by block."""

    def __init__(self) -> None:
        self._found: list[int] = []
        self._blocks = 0

    def add(self, data: bytes) -> None:
        """Add the text of the next block."""
        number = self._blocks
        self._found += [hash_of(name) << _BLOCK_BITS | number for name in ids_in(data)]
        self._blocks += 1

    def extend(self, hashes: bytes, blocks: bytes) -> None:
        """Add postings that were packed before, of blocks before the next one."""
        pairs = zip(_unpacked("I", hashes), _unpacked("H", blocks), strict=True)
        self._found += [value << _BLOCK_BITS | number for value, number in pairs]

    def skip(self, blocks: int) -> None:
        """Count blocks whose postings were added by :meth:`extend`."""
        self._blocks += blocks

    def buckets(self) -> Iterator[tuple[bytes, bytes]]:
        """The buckets in their order, a power of two of them: packed hashes, packed block numbers."""
        found = sorted(set(self._found))
        bits = 0
        while BUCKET_POSTINGS << bits < len(found):
            bits += 1
        shift = _HASH_BITS + _BLOCK_BITS - bits
        begin = 0
        for number in range(1 << bits):
            end = bisect_left(found, (number + 1) << shift, begin)
            part = list(islice(found, begin, end))
            hashes = array.array("I", [value >> _BLOCK_BITS for value in part])
            blocks = array.array("H", [value & (1 << _BLOCK_BITS) - 1 for value in part])
            yield _packed(hashes), _packed(blocks)
            begin = end


def bucket_of(value: int, buckets: int) -> int:
    """Number of the bucket that holds a hash."""
    return value * buckets >> _HASH_BITS


def blocks_of(value: int, hashes: bytes, blocks: bytes) -> Iterable[int]:
    """The blocks that a bucket names for a hash, ascending."""
    sorted_hashes = _unpacked("I", hashes)
    begin = end = bisect_left(sorted_hashes, value)
    while end < len(sorted_hashes) and sorted_hashes[end] == value:
        end += 1
    return _unpacked("H", blocks[2 * begin : 2 * end])


def pack_offsets(offsets: Iterable[int]) -> bytes:
    """Offsets as eight bytes each."""
    return _packed(array.array("Q", offsets))


def unpack_offsets(data: bytes) -> array.array[int]:
    """The offsets that :func:`pack_offsets` packed."""
    return _unpacked("Q", data)


def _packed(values: array.array[int]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _unpacked(kind: str, data: bytes) -> array.array[int]:
    values = array.array(kind)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
