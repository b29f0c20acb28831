"""Identity: is this the file that was read before, wherever it stands now?

A path says little: logs are renamed, copied, truncated, packed, deleted, and an inode that was freed is given
to the next file. So a file is known by device and inode *and* by a fingerprint of its beginning, and a place
in it by the last bytes in front of it as well. Fingerprint and last bytes are of the unpacked text, so that
``system.log`` is found again as ``system.log.1.gz``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from logscan.errors import InputError
from logscan.reading.unpack import ByteStream, first_bytes, open_bytes, plain_size, unpacking_errors

HEAD = 1024
"""Bytes of a file's beginning that its fingerprint covers; of a shorter file those that it has."""
TAIL = 1024
"""Bytes in front of a place that must be the same: more than a stack trace's last lines, which are the
same in many places."""


class Identity(NamedTuple):
    """What a file is known by."""

    device: int
    inode: int
    head_size: int
    head: str
    """Digest of the first ``head_size`` bytes."""


class Mark(NamedTuple):
    """A place in a file."""

    identity: Identity
    position: int
    tail: bytes
    """Up to :data:`TAIL` bytes in front of it; fewer where they are not known."""


def identify(descriptor: int, head: bytes | None = None) -> Identity:
    """The identity of an open file, by its beginning as far as that was read, or as it stands now."""
    about = os.fstat(descriptor)
    text = os.pread(descriptor, HEAD, 0) if head is None else head
    return Identity(about.st_dev, about.st_ino, len(text), _digest(text))


def identify_path(path: str) -> Identity | None:
    """The identity of a file, packed or not: its fingerprint is that of the text. ``None`` when it cannot
    be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        identity = identify(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if plain_size(path) is not None:
        return identity
    head = first_bytes(path, HEAD)
    return identity._replace(head_size=len(head), head=_digest(head))


def begins_as(path: str, inode: tuple[int, int], known: Iterable[Identity]) -> bool:
    """Whether a file, packed or not, holds the text of one that is known, by its beginning.

    A short beginning is that of many files. It tells for the same inode only (an inode alone does not: it
    may have been freed and given to this file), or where it is the whole text.
    """
    text = first_bytes(path, HEAD)
    return any(
        0 < identity.head_size <= len(text)
        and (identity.head_size in (HEAD, len(text)) or (identity.device, identity.inode) == inode)
        and _digest(text[: identity.head_size]) == identity.head
        for identity in known
    )


def continues(descriptor: int, mark: Mark) -> bool:
    """Whether an open plain file still holds what was read up to a mark."""
    if os.fstat(descriptor).st_size < mark.position:
        return False
    head = os.pread(descriptor, mark.identity.head_size, 0)
    if _digest(head) != mark.identity.head:
        return False
    size = len(mark.tail)
    return not size or os.pread(descriptor, size, mark.position - size) == mark.tail


def open_at(path: str, mark: Mark) -> ByteStream | None:
    """A file, plain or packed, opened at a mark; ``None`` when it does not hold what was read up to there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    # Under this name it stays the file that was looked at, whatever the path is given to meanwhile.
    same = f"/dev/fd/{descriptor}"
    try:
        if plain_size(same) is None:
            return _unpacked_at(same, descriptor, mark)
        return open_bytes(same, mark.position) if continues(descriptor, mark) else None
    except (InputError, OSError):
        return None
    finally:
        os.close(descriptor)


def _unpacked_at(path: str, descriptor: int, mark: Mark) -> ByteStream | None:
    head = first_bytes(path, mark.identity.head_size)
    if len(head) < mark.identity.head_size or _digest(head) != mark.identity.head:
        return None
    os.lseek(descriptor, 0, os.SEEK_SET)  # where such names share their position
    stream = open_bytes(path)
    tail = _passed(stream, mark.position)
    if tail is None or not tail.endswith(mark.tail):
        stream.close()
        return None
    return stream


def _passed(stream: ByteStream, size: int) -> bytes | None:
    """Read so many bytes; the last of them. ``None`` where there are not so many."""
    last = b""
    at = 0
    with contextlib.suppress(*unpacking_errors()), memoryview(bytearray(1 << 16)) as view:
        while at < size:
            count = stream.readinto(view[: min(len(view), size - at)]) or 0
            if not count:
                return None
            last = (last + bytes(view[:count]))[-TAIL:]
            at += count
        return last
    return None


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
