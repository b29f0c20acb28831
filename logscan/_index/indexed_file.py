"""What an index knows of a file, and whether a file on disk is that one."""

from __future__ import annotations

import os
from typing import NamedTuple

from logscan._reading.fingerprint import Stamp, edges_of


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
    changed: int
    """The same with changes of its name and rights; nobody can set it back."""
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

    def is_at(self, path: str, stamp: Stamp, packed: bool) -> bool:
        """Whether the file at a path is this one, unchanged or grown: by its stamp, and by its edges.

        Raises:
            OSError: the file cannot be read.
        """
        same = (stamp.device, stamp.inode) == (self.device, self.inode)
        if stamp.size != self.size or stamp.modified != self.modified:
            if packed or not same or stamp.size <= self.size:
                return False
        elif same and stamp.changed != self.changed and os.path.realpath(path) == self.path:
            return False  # not renamed: the middle of its text may be another one
        return edges_of(path, self.mark) == (self.head, self.tail)


class Extent(NamedTuple):
    """A range of a file's text, in blocks that begin where entries begin."""

    start: int
    stop: int
    starts: list[int]
    """Offsets of its blocks."""
