"""Is this the same text? The one answer for files that were renamed, copied, packed, truncated or replaced.

A path says little, and an inode that was freed is given to the next file. So a text is known by a digest of
its beginning, and a place in it by the bytes before that place as well. Both are of the *unpacked* text, so
that ``system.log`` is found again as ``system.log.1.gz``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from logscan._reading.decompressors import MAGIC, unpacking_errors
from logscan._reading.paths import LogFile, Stream
from logscan._reading.probe import HEAD
from logscan._reading.remote import is_remote
from logscan._reading.unpack import (
    ByteStream,
    Rejoined,
    open_bytes,
    packing_of,
    read_at,
    read_up_to,
)
from logscan.errors import InputError
from logscan.values import Counters, Problem

TAIL = 1024
"""Bytes before a place that must be the same: more than the last lines of a stack trace, which stand in many
places."""
LEAST = 256
"""Bytes of a beginning that can distinguish one text from others."""
TIME = re.compile(rb"\d\d:\d\d:\d\d")
_CHUNK = 1 << 18
SHORTAGE = (errno.EMFILE, errno.ENFILE)
"""The errors of a process, and of a system, without descriptors."""


class Identity(NamedTuple):
    """What a file is known by."""

    device: int
    inode: int
    head_size: int
    head: str
    """Digest of its first ``head_size`` bytes; NUL bytes before the text do not count."""
    modified: int = 0
    """When it was last changed, in seconds since 1970: renaming and packing keep that. 0: not known."""

    @property
    def text(self) -> tuple[int, str]:
        """What it has in common with its copies, packed or not."""
        return self.head_size, self.head


class Mark(NamedTuple):
    """A place in a file."""

    identity: Identity
    position: int
    tail: bytes
    """Up to :data:`TAIL` bytes before it; fewer where they are not known."""


class Stamp(NamedTuple):
    """What changes when a file does, without reading it."""

    device: int
    inode: int
    """Of an address: a number made from its tag or time."""
    size: int
    modified: int
    """Nanoseconds; 0 for an address."""
    changed: int
    """When the file or what is known of it (its name, its rights) was changed, in nanoseconds: nobody can set
    that back. 0 for an address."""


def digest(data: bytes) -> str:
    """The digest by which a piece of text is known."""
    return blake2b(data, digest_size=16).hexdigest()


def is_distinctive(head: bytes) -> bool:
    """Whether a beginning can distinguish one log from others: without a time it may be a part of a line that
    repeats itself."""
    return len(head) >= LEAST and TIME.search(head) is not None


def stamp_of(path: str) -> Stamp:
    """The stamp of a file or an address as it is now.

    Raises:
        OSError: a local file that does not exist.
        InputError: an address without a tag or time, or that cannot be reached.
    """
    if is_remote(path):
        from logscan._reading import remote

        stamp = remote.stamp(path)
        if stamp is None:
            raise InputError(f"{path}: the server gives neither a tag nor a time")
        return Stamp(0, stamp[0], stamp[1], 0, 0)
    about = os.stat(path)
    return Stamp(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def edges_of(path: str, position: int) -> tuple[bytes, bytes]:
    """Digests of a file as it lies on disk, packed or not: of its beginning, and of the bytes before a place.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        head = os.pread(file.fileno(), min(HEAD, position), 0)
        tail = os.pread(file.fileno(), min(TAIL, position), max(0, position - TAIL))
    return bytes.fromhex(digest(head)), bytes.fromhex(digest(tail))


def identify(descriptor: int, head: bytes | None = None) -> Identity:
    """The identity of an open plain file, by its beginning as far as that was read, or as it is now."""
    about = os.fstat(descriptor)
    text = os.pread(descriptor, HEAD, text_begin(descriptor)) if head is None else head
    return Identity(about.st_dev, about.st_ino, len(text), digest(text))


def text_begin(descriptor: int, start: int = 0) -> int:
    """Where the text of an open plain file begins, at or after an offset: after the NUL bytes that the old
    position of a writer leaves when a file is truncated. In a file of nothing else: its size."""
    at = start
    chunk = os.pread(descriptor, HEAD, at)
    if chunk and not chunk.lstrip(b"\0") and hasattr(os, "SEEK_DATA"):
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole
            return os.fstat(descriptor).st_size
    while chunk := os.pread(descriptor, _CHUNK, at):
        if text := chunk.lstrip(b"\0"):
            return at + len(chunk) - len(text)
        at += len(chunk)
    return at


class MissingIsFine:
    """A block that is left where a file cannot be opened or read.

    Raises:
        OSError: no descriptors are left: that says nothing of the file.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> bool:
        if not isinstance(error, InputError | OSError):
            return False
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in SHORTAGE:
            raise cause from None
        return True


def head_of(path: str) -> tuple[tuple[int, int], bytes] | None:
    """Inode and beginning, after leading NUL bytes, of the text of a file, packed or not; ``None`` when it
    cannot be opened, or is no regular file.

    Raises:
        OSError: no descriptors are left.
    """
    with MissingIsFine():
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                return None
            inode = (about.st_dev, about.st_ino)
            if packing_of(os.pread(descriptor, MAGIC, 0)).is_plain:
                return inode, os.pread(descriptor, HEAD, text_begin(descriptor))
            with contextlib.closing(open_bytes(f"/dev/fd/{descriptor}")) as stream:
                return inode, _begin(stream, HEAD)[1][:HEAD]
        finally:
            os.close(descriptor)
    return None


def begins_as(head: bytes, inode: tuple[int, int], modified: int, known: Iterable[Identity]) -> bool:
    """Whether the file of a beginning, an inode and a time of change is one that is known.

    A short beginning is that of many files. It counts for the same inode only (an inode alone does not: it
    may have been freed and given to this file), or where it is the whole text and has a time of an entry, or
    was changed when the known one was: pieces of one entry that several rotations cut may be those of
    another, too.
    """
    size = len(head)
    is_timed = TIME.search(head) is not None
    return any(
        0 < identity.head_size <= size
        and (
            identity.head_size == HEAD
            or (identity.head_size == size and (is_timed or 0 < identity.modified == modified))
            or (identity.device, identity.inode) == inode
        )
        and digest(head[: identity.head_size]) == identity.head
        for identity in known
    )


def continues(descriptor: int, mark: Mark) -> bool:
    """Whether an open plain file still holds what was read up to a mark."""
    if os.fstat(descriptor).st_size < mark.position:
        return False
    if mark.identity.head_size:
        head = os.pread(descriptor, mark.identity.head_size, text_begin(descriptor))
        if digest(head) != mark.identity.head:
            return False
    size = len(mark.tail)
    return not size or os.pread(descriptor, size, mark.position - size) == mark.tail


def open_at(path: str, mark: Mark) -> ByteStream | None:
    """A file, plain or packed, opened at a mark; ``None`` when it does not hold what was read up to there.

    Raises:
        OSError: no descriptors are left.
    """
    with MissingIsFine():
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        # Under this name it stays the file that was looked at, whatever the path is given to meanwhile.
        same = f"/dev/fd/{descriptor}"
        try:
            if not packing_of(os.pread(descriptor, MAGIC, 0)).is_plain:
                return _unpacked_at(same, mark)
            return open_bytes(same, mark.position) if continues(descriptor, mark) else None
        finally:
            os.close(descriptor)
    return None


def open_text(path: str) -> tuple[ByteStream, int]:
    """A file, plain or packed, opened where its text begins, and the number of NUL bytes before that.

    Raises:
        InputError: it cannot be opened.
    """
    stream = open_bytes(path)
    skipped, head = _begin(stream, 1)
    return Rejoined(head, stream), skipped


def _begin(stream: ByteStream, size: int) -> tuple[int, bytes]:
    """Read the beginning of a text: the NUL bytes before it, and at least so many bytes after them, where it
    has them."""
    skipped, head = 0, b""
    while not head:
        chunk = read_up_to(stream, _CHUNK, unpacking_errors())
        head = chunk.lstrip(b"\0")
        skipped += len(chunk) - len(head)
        if len(chunk) < _CHUNK:
            return skipped, head
    if len(head) < size:
        head += read_up_to(stream, size - len(head), unpacking_errors())
    return skipped, head


def _unpacked_at(path: str, mark: Mark) -> ByteStream | None:
    """The rest of a packed text after a mark: its beginning and the bytes before the mark are compared."""
    stream = open_bytes(path)
    skipped, head = _begin(stream, mark.identity.head_size)
    position = mark.position - skipped
    if position >= 0 and digest(head[: mark.identity.head_size]) == mark.identity.head:
        if position <= len(head):
            # The bytes before the mark that are NUL were skipped: they need no second look.
            if head[:position].endswith(mark.tail[-position:] if position else b""):
                return Rejoined(head[position:], stream)
        else:
            tail = _read_until(stream, position - len(head), head[-TAIL:])
            if tail is not None and tail.endswith(mark.tail[-position:]):
                return stream
    stream.close()
    return None


def _read_until(stream: ByteStream, count: int, tail: bytes) -> bytes | None:
    """Read so many bytes: the last of all that was read; ``None`` where the stream ends or breaks before."""
    with contextlib.suppress(*unpacking_errors()), memoryview(bytearray(_CHUNK)) as view:
        while count:
            size = stream.readinto(view[: min(len(view), count)])
            if not size:
                return None
            tail = (tail + view[:size])[-TAIL:]
            count -= size
        return tail[-TAIL:]
    return None


def bytes_before(file: LogFile, position: int) -> bytes | None:
    """The last bytes of a text before a position; ``None`` where it does not reach that far."""
    with contextlib.suppress(OSError, InputError):
        if file.probe.plain_size is not None:
            size = min(TAIL, position)
            tail = read_at(file.path, position - size, size)
            return tail if len(tail) == size else None
        with contextlib.closing(open_bytes(file.path, ahead=True)) as stream:
            return _read_until(stream, position, b"")
    return None


def without_copies(streams: Sequence[Stream], counters: Counters) -> list[Stream]:
    """The streams without files whose whole text is the beginning of another's: it is read once. Those are
    counted and reported."""
    groups: dict[bytes, list[LogFile]] = {}
    for stream in streams:
        for file in stream:
            if is_distinctive(file.probe.head):
                groups.setdefault(file.probe.head[:LEAST], []).append(file)
    copies: dict[str, str] = {}
    for alike in groups.values():
        if len(alike) > 1:
            copies |= _copies(alike)
    for path, kept in copies.items():
        counters.copies += 1
        reason = f"holds the same text as {kept}: counted once"
        counters.problems.append(Problem(path, reason, fatal=False, is_copy=True))
    left = [tuple(file for file in stream if file.path not in copies) for stream in streams]
    return [stream for stream in left if stream]


def _copies(alike: list[LogFile]) -> dict[str, str]:
    """Of files that begin alike those that another holds: path → the other's path."""
    copies: dict[str, str] = {}
    kept: list[LogFile] = []
    # Plain files first, the longest of them first: of two equal texts the one that is read faster is kept.
    for file in sorted(alike, key=lambda each: (each.probe.plain_size is None, -each.probe.size)):
        for other in kept:
            shorter = _shorter(other, file)
            if shorter is file:
                copies[file.path] = other.path
                break
            if shorter is other:
                copies[other.path] = file.path
        if file.path not in copies:
            kept = [other for other in kept if other.path not in copies]
            kept.append(file)
    return {path: copies.get(other, other) for path, other in copies.items()}


def _shorter(one: LogFile, other: LogFile) -> LogFile | None:
    """Which of two texts is the beginning of the other, the second where they are equal; ``None`` where they
    differ, or where one cannot be read to its end."""
    sizes = one.probe.plain_size, other.probe.plain_size
    if sizes[0] is not None and sizes[1] is not None:
        end = min(sizes[0], sizes[1])  # a look at the end is cheap and settles most cases
        if bytes_before(one, end) != bytes_before(other, end):
            return None
    with contextlib.suppress(*unpacking_errors()), contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(contextlib.closing(open_bytes(file.path, ahead=True)))
            for file in (one, other)
        ]
        while True:
            first, second = (read_up_to(stream, _CHUNK) for stream in streams)
            size = min(len(first), len(second))
            if first[:size] != second[:size]:
                return None
            if size < _CHUNK:
                return one if len(first) < len(second) else other
    return None
