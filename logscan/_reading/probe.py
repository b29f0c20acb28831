"""A probe: one look at a file, made once, when it is discovered.

It holds what the system and the first bytes say, so that no later stage opens the file only to learn that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from logscan._reading.decompressors import MAGIC, unpacking_errors
from logscan._reading.remote import is_remote
from logscan._reading.ssh import is_ssh
from logscan._reading.unpack import (
    PLAIN,
    ByteStream,
    Packing,
    RawBytes,
    open_descriptor,
    packing_of,
    read_up_to,
    text_of,
)
from logscan.errors import InputError
from logscan.nodes import is_stream

HEAD = 1024
"""Bytes of a text's beginning that a probe keeps: enough to know the text again."""
SAMPLE = 1 << 16
"""Bytes of a text's beginning that a probe looks at."""
IN_ORDER = Packing("ssh", "")
"""In place of the packing of files of hosts: each look at an offset would be a connection."""
_ARCHIVES = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"),
)  # fmt: skip
"""Magic bytes and names of archives."""
_TAR_AT = 257
"""Where a tar archive has its mark."""
Judge = Callable[[bytes], Any]
"""Reads a sample of a text; what it returns is kept in :attr:`Probe.notes`."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look at a file found. A stream (a pipe, standard input) is not read for it."""

    is_file: bool = False
    """Whether it has a size and can be read again."""
    is_stream: bool = False
    """Whether it is a pipe, a device or standard input, which can be read once."""
    size: int = 0
    """Bytes as it lies there; 0 where that is unknown."""
    packing: Packing = PLAIN
    head: bytes = b""
    """The first bytes of its text, at most :data:`HEAD`."""
    notes: Any = None
    """What the judge made of the first :data:`SAMPLE` bytes of its text; ``None`` where nothing was read."""
    inode: tuple[int, int] = (0, 0)
    """Device and inode; zeros for an address."""
    archive: str = ""
    """What packs several files in it (``zip``, ``tar`` …): it is not read. Empty: nothing does."""

    @property
    def is_local(self) -> bool:
        """Whether it is a file on a disk of this machine."""
        return self.is_file and self.inode != (0, 0)

    @property
    def plain_size(self) -> int | None:
        """The size of a file whose bytes are the text; ``None`` where any offset cannot be read at once."""
        return self.size if self.is_file and self.packing.is_plain else None


def probe(path: str, judge: Judge | None = None) -> Probe:
    """Look at a file, an address or a stream. A file that cannot be read gives a probe without a size: its
    reader reports that."""
    with contextlib.suppress(InputError, OSError):
        if is_remote(path):
            from logscan._reading import remote

            with contextlib.closing(remote.open_file(path)) as file:
                seen = _look(file, remote.size(path) or 0, (0, 0), judge)
            return replace(seen, packing=IN_ORDER) if is_ssh(path) else seen
        if is_stream(path):
            return Probe(is_stream=True)
        descriptor = open_descriptor(path)
        about = os.fstat(descriptor)
        with contextlib.closing(RawBytes(descriptor)) as file:
            return _look(file, about.st_size, (about.st_dev, about.st_ino), judge)
    return Probe()


def _look(raw: ByteStream, size: int, inode: tuple[int, int], judge: Judge | None) -> Probe:
    magic = read_up_to(raw, MAGIC)
    text = text_of(magic, raw)
    sample = read_up_to(text, SAMPLE if judge else HEAD, unpacking_errors())
    notes = judge(sample) if judge else None
    return Probe(True, False, size, packing_of(magic), sample[:HEAD], notes, inode, _archive(magic, sample))


def _archive(magic: bytes, sample: bytes) -> str:
    """The kind of an archive, by the first bytes of a file and of its text."""
    if sample[_TAR_AT:].startswith(b"ustar"):
        return "tar"
    return next((name for mark, name in _ARCHIVES if magic.startswith(mark)), "")
