"""What an index knows of a file, and whether a file on disk is that one."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import NamedTuple

_EDGE_BYTES = 1024
"""Bytes by which a file's beginning, and the place to which it is covered, are recognised."""


class FileStat(NamedTuple):
    """What the system says of a file."""

    device: int
    inode: int
    size: int
    modified: int
    """In nanoseconds."""


class IndexedFile(NamedTuple):
    """A file in the index."""

    id: int
    path: str
    device: int
    inode: int
    size: int
    """Bytes on disk, before it was indexed."""
    modified: int
    """Time of its last change before it was indexed, in nanoseconds."""
    head: bytes
    mark: int
    """Offset on disk at which ``tail`` ends."""
    tail: bytes
    layout: str
    start: int
    """Offset of its first entry, in its text."""
    stop: int
    """Offset of the first entry that is not covered; the last entry of the file never is."""
    whole: int
    """1: the file was read to its end."""
    rest: bytes | None
    """Of a packed file: its text from ``stop`` on, which is then not unpacked."""

    def is_at(self, path: str, stat: FileStat, packed: bool) -> bool:
        """Whether the file at a path is this one, unchanged or grown: by its stat, and by its edges.

        Raises:
            OSError: the file cannot be read.
        """
        if stat.size != self.size or stat.modified != self.modified:
            same = (stat.device, stat.inode) == (self.device, self.inode)
            if packed or not same or stat.size <= self.size:
                return False
        return edges_of(path, self.mark) == (self.head, self.tail)


class Extent(NamedTuple):
    """A range of a file's text, in blocks that begin where entries begin."""

    start: int
    stop: int
    starts: list[int]
    """Offsets of its blocks."""


def stat_of(path: str) -> FileStat:
    """What the system says of a file.

    Raises:
        OSError: the file is missing or forbidden.
    """
    stat = os.stat(path)
    return FileStat(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def edges_of(path: str, mark: int) -> tuple[bytes, bytes]:
    """Digests of a file's beginning, and of the bytes before an offset.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        head = os.pread(file.fileno(), min(_EDGE_BYTES, mark), 0)
        tail = os.pread(file.fileno(), min(_EDGE_BYTES, mark), max(0, mark - _EDGE_BYTES))
    return blake2b(head, digest_size=16).digest(), blake2b(tail, digest_size=16).digest()
