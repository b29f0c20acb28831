"""Lists of ids: which row groups of a file of entries hold message ids that begin in some way.

Each file of entries has a small file, below ``_ids``, with the ids of its rows in their order. Of an id it
has as much as tells it from its neighbours, and :data:`MORE_BYTES` more: so it may name a row group without
such an id, once in some hundred files, and never leaves one out. It is no part of the table: all that it says
stands in the file of entries, and where it is missing or damaged the column of that file is read.

The file is a header, an index with the first id of each block, and the blocks. A block has, for each of its
ids, the number of bytes in common with the one before, the number of further bytes, and the row group (the
low bytes of all, then the high ones); then the further bytes of all. It is packed with zstd.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from logscan._reading import remote
from logscan.errors import InputError

LONGEST = 96
"""Bytes of an id that are looked at."""
MORE_BYTES = 2
MOST_GROUPS = 65_535
"""Row groups of a file that has a list."""
_MAGIC = b"logscan ids 1\n\0\0"
_HEADER = struct.Struct("<16sQIIII")
"""Magic, bytes and row groups of the file of entries, number of blocks, bytes of the index; and the CRC of
these and of the index."""
_CRC_BYTES = 4
_BLOCK = struct.Struct("<HIIIIB")
"""Of a block: ids, offset, bytes, unpacked bytes, CRC of the packed bytes, bytes of its first id."""
_FIRST_READ = 16 << 10
_MOST_BYTES = 64 << 20


class Block(NamedTuple):
    """A block of a list."""

    first: bytes
    rows: int
    offset: int
    size: int
    plain_size: int
    crc: int


class DamagedListError(Exception):
    """A list that cannot be used: the column must be read."""


def written(entries_size: int, groups: int, blocks: Sequence[tuple[Block, bytes]]) -> bytes:
    """A list's bytes.

    Args:
        entries_size: bytes of the file of entries.
        groups: its row groups.
        blocks: the blocks, their offsets counted from the end of the index, with their packed bytes.
    """
    index = b"".join(
        _BLOCK.pack(one.rows, one.offset, one.size, one.plain_size, one.crc, len(one.first)) + one.first
        for one, _ in blocks
    )
    fields = (_MAGIC, entries_size, groups, len(blocks), len(index))
    crc = zlib.crc32(index, zlib.crc32(_HEADER.pack(*fields, 0)[:-_CRC_BYTES]))
    return b"".join([_HEADER.pack(*fields, crc), index, *(data for _, data in blocks)])


class IdList:
    """A list that is read for a search.

    Args:
        path: of the list.
        entries_size: bytes of its file of entries.

    Raises:
        DamagedListError: it is missing, or does not belong to that file.
    """

    def __init__(self, path: str, entries_size: int) -> None:
        self._path = path
        self._descriptor = -1
        self._data = b""
        if remote.is_remote(path):
            try:
                self._data = remote.read_at(path, 0, _MOST_BYTES)  # one request costs more than the list
            except InputError as error:
                raise DamagedListError from error
        try:
            self._open(entries_size)
        except BaseException:
            self.close()
            raise

    def _open(self, entries_size: int) -> None:
        if not remote.is_remote(self._path):
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise DamagedListError from error
        begin = self._read(0, _FIRST_READ)
        if len(begin) < _HEADER.size:
            raise DamagedListError
        magic, size, self.groups, count, length, crc = _HEADER.unpack_from(begin)
        if magic != _MAGIC or size != entries_size or length > _MOST_BYTES:
            raise DamagedListError
        self._base = _HEADER.size + length
        if len(begin) < self._base:
            begin = self._read(0, self._base)
        index = begin[_HEADER.size : self._base]
        if len(index) < length or zlib.crc32(index, zlib.crc32(begin[: _HEADER.size - _CRC_BYTES])) != crc:
            raise DamagedListError
        self._blocks: list[Block] = []
        at = 0
        for _ in range(count):
            rows, offset, packed, plain, check, letters = _BLOCK.unpack_from(index, at)
            at += _BLOCK.size
            self._blocks.append(Block(index[at : at + letters], rows, offset, packed, plain, check))
            at += letters
        self._firsts = [block.first for block in self._blocks]

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def groups_with(self, prefix: bytes) -> set[int]:
        """The row groups that may hold an id that begins so.

        Raises:
            DamagedListError: a block cannot be read.
        """
        prefix = prefix[:LONGEST]
        found: set[int] = set()
        number = max(0, bisect_left(self._firsts, prefix) - 1)
        while number < len(self._blocks) and len(found) < self.groups:
            block = self._blocks[number]
            if block.first > prefix and not block.first.startswith(prefix):
                break
            following = self._firsts[number + 1 : number + 2]
            lengths, sizes, groups, text = self._unpacked(block)
            if block.first.startswith(prefix) and following and following[0].startswith(prefix):
                found.update(groups)
            else:
                found.update(_matching(prefix, lengths, sizes, groups, text))
            number += 1
        return found

    def _unpacked(self, block: Block) -> tuple[bytes, bytes, list[int], bytes]:
        import pyarrow as pa

        packed = self._read(self._base + block.offset, block.size)
        if len(packed) < block.size or zlib.crc32(packed) != block.crc:
            raise DamagedListError
        try:
            data: bytes = pa.decompress(packed, block.plain_size, codec="zstd", asbytes=True)
        except (OSError, pa.ArrowException) as error:
            raise DamagedListError from error
        rows = block.rows
        lengths, sizes, low, high = (data[n * rows : (n + 1) * rows] for n in range(4))
        return lengths, sizes, [a | b << 8 for a, b in zip(low, high, strict=True)], data[4 * rows :]

    def _read(self, offset: int, size: int) -> bytes:
        if self._descriptor < 0:
            return self._data[offset : offset + size]
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise DamagedListError from error


def _matching(
    prefix: bytes, lengths: bytes, sizes: bytes, groups: Sequence[int], text: bytes
) -> Iterable[int]:
    """The row groups of the ids of a block that begin with a prefix, or that a prefix begins with."""
    key = b""
    begin = 0
    for length, end, group in zip(lengths, accumulate(sizes), groups, strict=True):
        key = key[:length] + text[begin:end]
        begin = end
        if key.startswith(prefix) or prefix.startswith(key):
            yield group
        elif key > prefix:
            return
