"""The writer of lists of ids (:mod:`logscan._store.id_lists`)."""

from __future__ import annotations

import os
import zlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logscan._store.id_lists import LONGEST, MORE_BYTES, MOST_GROUPS, Block, written
from logscan._store.records import DataFile, list_of
from logscan.atomic import make_private_file

BLOCK_IDS = 1024
_LEVEL = 3


class ListWriter:
    """Collects the ids of a file of entries while it is written, and makes its list."""

    def __init__(self) -> None:
        self._ids: list[pa.Array] = []

    def add(self, ids: pa.ChunkedArray) -> None:
        """Add the ids of the next row group."""
        self._ids.append(pc.unique(ids).drop_null())

    def write(self, folder: str, file: DataFile) -> None:
        """Write the list of a finished file, below the directory for unfinished files.

        Raises:
            OSError: it cannot be written.
        """
        data = self.made(file.size)
        if data is None:
            return
        path = os.path.join(folder, list_of(file.name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make_private_file(path)
        with open(path, "wb") as output:
            output.write(data)

    def made(self, entries_size: int) -> bytes | None:
        """The list's bytes; ``None``: the file has too many row groups for one."""
        if len(self._ids) > MOST_GROUPS:
            return None
        groups = np.repeat(np.arange(len(self._ids), dtype=np.uint16), [len(ids) for ids in self._ids])
        keys, sizes = _matrix(pa.concat_arrays(self._ids or [pa.array([], pa.string())]))
        blocks: list[tuple[Block, bytes]] = []
        if len(keys):
            order = _order(keys)
            blocks = _blocks(keys[order], sizes[order], groups[order])
        return written(entries_size, len(self._ids), blocks)


def _matrix(ids: pa.StringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The first bytes of ids, a row for each, and their number."""
    _, ends, text = ids.buffers()
    offsets = np.frombuffer(ends, np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
    sizes = np.minimum(np.diff(offsets), LONGEST)
    width = int(sizes.max(initial=1)) or 1
    if len(ids) and int(np.diff(offsets).max()) <= LONGEST:
        padded = pc.ascii_rpad(ids.cast(pa.string()), width, "\0")
        keys = np.frombuffer(padded.buffers()[2], np.uint8, len(ids) * width).reshape(-1, width)
    else:
        letters = np.frombuffer(text, np.uint8) if text is not None else np.zeros(0, np.uint8)
        letters = np.concatenate([letters, np.zeros(width, np.uint8)])
        keys = letters[offsets[:-1, None] + np.arange(width)]
        keys[np.arange(width) >= sizes[:, None]] = 0
    if b"\0" in text.to_pybytes() if text is not None else False:
        # What follows a NUL does not count: it is what shorter ids end with here.
        sizes = np.where((keys == 0).any(1), (keys == 0).argmax(1), sizes)
        keys = np.where(np.arange(width) < sizes[:, None], keys, np.uint8(0))
    return keys, sizes


def _order(keys: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The order of ids: sorted as big-endian words, which is three times as fast as bytes."""
    words = np.zeros((len(keys), -(-keys.shape[1] // 8) * 8), np.uint8)
    words[:, : keys.shape[1]] = keys
    return np.lexsort(words.view(">u8").astype(np.uint64).T[::-1])


def _blocks(
    keys: npt.NDArray[np.uint8], sizes: npt.NDArray[np.int64], groups: npt.NDArray[np.uint16]
) -> list[tuple[Block, bytes]]:
    """Sorted ids as blocks."""
    count, width = keys.shape
    differs = keys[1:] != keys[:-1]
    is_new = np.concatenate([[True], differs.any(1)])
    number = np.cumsum(is_new) - 1
    common = np.zeros(int(number[-1]) + 2, np.int64)
    # Of each different id: bytes that it has in common with the one before it.
    common[1:-1] = differs[is_new[1:]].argmax(1)
    common[[0, -1]] = 0
    kept = np.maximum(common[:-1], common[1:]) + 1 + MORE_BYTES
    kept = np.minimum(kept[number], sizes)
    starts_block = is_new & (number % BLOCK_IDS == 0)
    lengths = np.where(is_new, np.minimum(common[:-1][number], kept), kept)
    lengths[starts_block] = 0
    sizes = kept - lengths
    ends = np.cumsum(sizes)
    firsts = np.arange(count) * width + lengths - (ends - sizes)
    text = keys.reshape(-1)[np.repeat(firsts, sizes) + np.arange(int(ends[-1]))]
    begins = np.flatnonzero(starts_block)
    blocks: list[tuple[Block, bytes]] = []
    offset = 0
    codec = pa.Codec("zstd", _LEVEL)
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), count], strict=True):
        plain = b"".join(
            [
                lengths[begin:end].astype(np.uint8).tobytes(),
                sizes[begin:end].astype(np.uint8).tobytes(),
                (groups[begin:end] & 0xFF).astype(np.uint8).tobytes(),
                (groups[begin:end] >> 8).astype(np.uint8).tobytes(),
                text[(ends[begin - 1] if begin else 0) : ends[end - 1]].tobytes(),
            ]
        )
        packed = codec.compress(plain, asbytes=True)
        first = keys[begin, : kept[begin]].tobytes()
        block = Block(first, end - begin, offset, len(packed), len(plain), zlib.crc32(packed))
        blocks.append((block, packed))
        offset += len(packed)
    return blocks
