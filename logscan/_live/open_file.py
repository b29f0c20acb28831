"""One open log file: how far it was read, and by what it is known."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from logscan._reading.fingerprint import TAIL, Identity, Mark, identify, text_begin
from logscan._reading.probe import HEAD

GROWTHS = 64
"""Sizes that are remembered with their moments."""


@dataclass
class OpenFile:
    """The file that stands, or stood, at a followed path."""

    descriptor: int
    identity: Identity
    number: int
    """The running number by which places name it."""
    position: int = 0
    begin: int = 0
    """Where its text begins: after the NUL bytes that a writer's old position leaves."""
    head: bytes = b""
    """The first bytes of its text, as far as they were read: later another text may stand there."""
    tail: bytes = b""
    """The last bytes read: they must still be there when more is read."""
    size: int = 0
    """At the last look."""
    grown: list[tuple[float, int]] = field(default_factory=list)
    """When, by the clock, a size was seen first, for sizes beyond the position."""
    until: float = 0.0
    """Renamed away: when looking at it ends."""

    @property
    def inode(self) -> tuple[int, int]:
        """Device and inode."""
        return self.identity.device, self.identity.inode

    @property
    def mark(self) -> Mark:
        """The place up to which it was read."""
        return Mark(self.identity, self.position, self.tail)

    def mark_at(self, offset: int) -> Mark:
        """A mark at any offset that was read."""
        if offset == self.position:
            return self.mark
        size = min(TAIL, offset)
        return Mark(self.identity, offset, os.pread(self.descriptor, size, offset - size))

    def see_size(self, size: int, now: float) -> None:
        """Note how long the file is now."""
        self.size = size
        if size > (self.grown[-1][1] if self.grown else self.position):
            self.grown.append((now, size))
            if len(self.grown) > GROWTHS:  # of two the earlier moment and the later size
                pairs = zip(self.grown[::2], self.grown[1::2], strict=False)
                self.grown = [(early, large) for (early, _), (_, large) in pairs] + self.grown[-1:]

    def unread_since(self) -> float | None:
        """When the first byte was there that is not read yet; ``None``: all is read."""
        while self.grown and self.grown[0][1] <= self.position:
            del self.grown[0]
        return self.grown[0][0] if self.grown else None

    def start_at(self, position: int) -> None:
        """Begin to read at a position."""
        self.position = position
        size = min(TAIL, position)
        self.tail = os.pread(self.descriptor, size, position - size)
        self.begin = min(text_begin(self.descriptor), position)
        self.head = os.pread(self.descriptor, min(HEAD, position - self.begin), self.begin)
        self.identity = identify(self.descriptor, self.head)

    def begin_anew(self) -> None:
        """Read it from its beginning: it was truncated, or written anew."""
        self.head = self.tail = b""
        self.identity = identify(self.descriptor, b"")
        self.position = self.begin = 0
        self.size = os.fstat(self.descriptor).st_size
        self.grown.clear()

    def has_same_begin(self) -> bool:
        """Whether the file still begins as it did when that was read."""
        return os.pread(self.descriptor, len(self.head), self.begin) == self.head

    def skip_nul(self) -> int:
        """Go to where the text of a file begins of which nothing was read; the bytes that are left out."""
        if self.position > os.fstat(self.descriptor).st_size:
            self.position = 0
        before = self.position
        self.begin = self.position = text_begin(self.descriptor, before)
        return self.position - before

    def advance(self, count: int, buffer: bytearray, end: int) -> None:
        """Note that ``count`` bytes were read; they are the last before ``end`` in the buffer."""
        if self.begin + len(self.head) == self.position and len(self.head) < HEAD:
            at = end - count
            self.head += bytes(buffer[at : at + min(count, HEAD - len(self.head))])
            self.identity = identify(self.descriptor, self.head)
        self.position += count
        self.tail = (self.tail + bytes(buffer[end - min(count, TAIL) : end]))[-TAIL:]


def stamp_at(path: str) -> tuple[int, ...] | None:
    """What changes when the file at a path does; ``None`` when there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def inode_of(path: str) -> tuple[int, int] | None:
    """Device and inode of the file that stands at a path now."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
