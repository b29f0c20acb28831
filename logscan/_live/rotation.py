"""Which rotated files beside a path hold text that was not read yet.

Between two looks at a log several things may happen to it: it is renamed, copied and truncated, packed,
renamed again. The files that stood beside the path are remembered by inode and content, so that new text is
recognised under every name.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from logscan._reading.fingerprint import LEAST, Identity, Mark, begins_as, identify_path, open_at
from logscan._reading.paths import LogFile, describe
from logscan._reading.unpack import ByteStream, open_bytes
from logscan.errors import InputError

Inode = tuple[int, int]
"""Device and inode."""

REMEMBERED = 64
"""Files that are remembered after they have gone."""
RENAMING = 50
"""How often at most the files are listed anew while they are being renamed."""
_TICK = 50_000_000
"""Nanoseconds within which a folder's time may not show a second change."""


class Listing(NamedTuple):
    """The rotated files of a path, oldest first, and when their folders were last changed."""

    changed: tuple[int, int]
    files: list[tuple[LogFile, Inode]]

    def has(self, inode: Inode) -> bool:
        """Whether one of them has this inode."""
        return any(other == inode for _, other in self.files)


class Opened(NamedTuple):
    """A file to read, opened at the place where reading begins."""

    path: str
    stream: ByteStream
    identity: Identity


class Unread(NamedTuple):
    """What is to be read of one listing."""

    listing: Listing
    rest: Opened | None
    """The file that holds what was read up to a mark, opened at the mark."""
    files: list[Opened]
    """Whole files, oldest first."""


class RotationSet:
    """The rotated files of one path.

    Args:
        path: that of the file that is written.
        seen: the files that stood beside it when an earlier run ended; ``None``: this is the first run.
    """

    def __init__(self, path: str, seen: Iterable[Identity] | None = None) -> None:
        self._path = path
        self.is_initialized = seen is not None
        """Whether the files are known that stood there before following began."""
        self._seen: dict[Inode, Identity] = {}
        for identity in seen or ():
            self.mark_seen(identity)
        self._changed = (0, 0)

    @property
    def seen(self) -> list[Identity]:
        """The files that were read, or existed before following began."""
        return list(self._seen.values())

    def mark_seen(self, identity: Identity) -> None:
        """Mark a file as handled: it was read, or existed before following began."""
        self._seen[identity.device, identity.inode] = identity

    def changed(self) -> bool:
        """Whether something was renamed, created or removed in the folders since ``commit``."""
        return self._changed != self._folder_times()

    def listing(self) -> Listing:
        """The files that stand there now."""
        changed = self._folder_times()  # before the list: a change after it is seen next time
        files = ((file, inode_of(file.path)) for file in _rotated(self._path))
        return Listing(changed, [(file, inode) for file, inode in files if inode is not None])

    def commit(self, listing: Listing) -> None:
        """Mark every listed file as handled: it was read, or existed before following began."""
        seen: dict[Inode, Identity] = {}
        for file, _ in listing.files:
            identity = identify_path(file.path)
            if identity is not None:
                seen[identity.device, identity.inode] = identity
        for inode, identity in list(self._seen.items())[-REMEMBERED:]:
            seen.setdefault(inode, identity)  # gone from here, or packed
        self._seen = seen
        self.is_initialized = True
        is_fresh = time.time_ns() - max(listing.changed) < _TICK
        self._changed = (-1, -1) if is_fresh else listing.changed

    def open_unread(
        self,
        mark: Mark | None,
        open_inodes: Iterable[Inode],
        *,
        older_than: Inode | None = None,
        newer_than_mark: bool = False,
    ) -> Unread:
        """Open what is to be read: the rest of the file with the mark, and the files that were not seen.

        Files may be renamed at the same time; then this starts again, so that everything opened is of one
        listing.

        Args:
            mark: the place up to which was read.
            open_inodes: files that are being read anyway.
            older_than: only files older than the one with this inode, where it is listed.
            newer_than_mark: all files newer than the mark, seen or not.
        """
        inodes = set(open_inodes)
        for attempt in range(RENAMING):
            listing = self.listing()
            wanted = self._unread(listing, mark, inodes)
            # A file of which nothing was read has no place of its own: all that was not seen is read.
            can_locate = mark is not None and mark.identity.head_size > 0
            located = self._locate(listing, wanted, mark) if mark is not None and can_locate else None
            if located is not None:
                if newer_than_mark:
                    by_age = {file.age: file for file, _ in listing.files}
                    wanted = [file for file in by_age.values() if file.age > located[0].age]
                wanted = [file for file in wanted if file.age != located[0].age]
            if older_than is not None:
                age = next((file.age for file, inode in listing.files if inode == older_than), None)
                wanted = [file for file in wanted if age is None or file.age < age]
            listed = dict(listing.files)
            opened = [_open(file.path, listed[file]) for file in wanted]
            is_steady = None not in opened and self._folder_times() == listing.changed
            if is_steady or attempt + 1 == RENAMING:
                break
            for file in opened:
                if file is not None:
                    file.stream.close()
            if located is not None:
                located[1].close()
            time.sleep(0.002)
        files = [file for file in opened if file is not None]
        for file in files:
            self.mark_seen(file.identity)
        rest = None
        if located is not None and mark is not None:
            rest = Opened(located[0].path, located[1], mark.identity)
        return Unread(listing, rest, [file for file in files if file.identity.head_size])

    def _unread(self, listing: Listing, mark: Mark | None, open_inodes: set[Inode]) -> list[LogFile]:
        """The files that were not seen: they stood at the path between two looks, or hold what was read up
        to the mark."""
        own = mark.identity.head if mark is not None else ""
        seen = [identity for identity in self._seen.values() if identity.head != own]
        unread: dict[tuple[int, str, int], LogFile] = {}
        for file, inode in listing.files:
            if inode not in open_inodes and not begins_as(file.path, inode, seen):
                unread[file.age] = file
        return list(unread.values())

    def _locate(
        self, listing: Listing, unread: list[LogFile], mark: Mark
    ) -> tuple[LogFile, ByteStream] | None:
        """The file that holds what was read under the path, opened at the mark.

        It has the mark's inode, or is the oldest unread one with its content: packed, or a copy. Else it is
        the newest seen one: a copy whose rest was being read when the earlier run ended.
        """
        own = (mark.identity.device, mark.identity.inode)
        candidates = [file for file, inode in listing.files if inode == own]
        candidates += [file for file in unread if file not in candidates]
        if mark.identity.head_size >= LEAST:
            candidates += [file for file, _ in reversed(listing.files) if file not in candidates]
        for file in candidates:
            stream = open_at(file.path, mark)
            if stream is not None:
                return file, stream
        return None

    def _folder_times(self) -> tuple[int, int]:
        times = [0, 0]
        for number, place in enumerate((self._path, os.path.realpath(self._path))):
            with contextlib.suppress(OSError):
                times[number] = os.stat(os.path.dirname(place) or ".").st_mtime_ns
        return times[0], times[1]


def inode_of(path: str) -> Inode | None:
    """Device and inode of the file that stands at a path now."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _rotated(path: str) -> list[LogFile]:
    """The rotated files of a path, oldest first; of two of one age the plain one last.

    Where the path is a symbolic link they may stand beside the link or beside its target.
    """
    rotated: list[LogFile] = []
    for place in dict.fromkeys((path, os.path.realpath(path))):
        directory = os.path.dirname(place)
        stem = describe(place).stem
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(directory or "."), reverse=True)
        files = [describe(os.path.join(directory, name)) for name in names if not name.startswith(".")]
        rotated += [file for file in files if file.stem == stem and file.path != place]
    return sorted(rotated, key=lambda file: file.age)


def _open(path: str, inode: Inode) -> Opened | None:
    """A whole rotated file, plain or packed; ``None`` when it is not there any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        own_name = f"/dev/fd/{descriptor}"
        identity = identify_path(own_name)
        if (status.st_dev, status.st_ino) != inode or identity is None:
            return None
        os.lseek(descriptor, 0, os.SEEK_SET)  # where such names share their position
        return Opened(path, open_bytes(own_name), identity)
    except (InputError, OSError):
        return None
    finally:
        os.close(descriptor)
