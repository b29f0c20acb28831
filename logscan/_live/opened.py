"""Rotated files that are opened to be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from logscan._live.piece_queue import Piece
from logscan._live.rotated_files import Rotated
from logscan._reading.fingerprint import Identity, MissingIsFine, open_text
from logscan._reading.unpack import ByteStream

AT_ONCE = 16
"""Files that are open at once to be read."""


class Opened(NamedTuple):
    """A file to read, opened at the place where reading begins."""

    path: str
    stream: ByteStream
    identity: Identity
    offset: int
    """Of that place."""
    size: int
    """Of the file as it lies there."""
    modified: float
    """When it was last changed, in seconds since 1970."""
    skipped: int = 0
    """NUL bytes before its text, which are not read."""
    is_whole: bool = True
    """Whether nothing of it was read before."""

    def piece(self, number: int) -> Piece:
        """What is to be read of it, under a running number."""
        return Piece(
            self.path, self.stream, number, self.offset, is_new=self.is_whole, size=self.size,
            modified=self.modified,
        )  # fmt: skip


def open_some(files: Sequence[Rotated], located: tuple[Rotated, ByteStream] | None) -> list[Opened | None]:
    """Open the first files, as many as may be open at once.

    Raises:
        OSError: no descriptors are left, not even for the first.
    """
    opened: list[Opened | None] = []
    try:
        opened.extend(_open(file) for file in files[:AT_ONCE])
    except OSError:
        if not opened:
            if located is not None:
                located[1].close()
            raise
    return opened


def _open(file: Rotated) -> Opened | None:
    """A whole rotated file, plain or packed; ``None`` when it is not there any more.

    Raises:
        OSError: no descriptors are left.
    """
    with MissingIsFine():
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != file.inode:
                return None
            stream, skipped = open_text(f"/dev/fd/{descriptor}")
            return Opened(file.path, stream, file.identity, skipped, file.size, file.changed, skipped)
        finally:
            os.close(descriptor)
    return None
