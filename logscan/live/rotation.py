"""Family: which rotated files beside a path hold what was not read yet.

Between two looks at a log several things may happen to it: it is renamed, copied and truncated, packed,
renamed again. What stood beside the path before is remembered by inode and content, so that what came since
can be told from what was read, under whatever name it stands now.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from logscan.errors import InputError
from logscan.reading.fingerprint import Identity, Mark, begins_as, identify_path, open_at
from logscan.reading.paths import LogFile, describe
from logscan.reading.unpack import ByteStream, open_bytes

Inode = tuple[int, int]
"""Device and inode."""

REMEMBERED = 64
"""Files that are remembered after they have gone."""
RENAMING = 50
"""How often the files are listed anew while they are being renamed."""
_TICK = 50_000_000
"""Nanoseconds within which a folder's time may not show a second change."""


class Listing(NamedTuple):
    """The rotated files of a path, oldest first, and when their folders had been changed last."""

    changed: tuple[int, int]
    files: list[tuple[LogFile, Inode]]

    def has(self, inode: Inode) -> bool:
        """Whether one of them has this inode."""
        return any(other == inode for _, other in self.files)


class Opened(NamedTuple):
    """A file to read, opened where it is to be read from."""

    path: str
    stream: ByteStream
    identity: Identity


class Family:
    """The rotated files of one path.

    Args:
        path: the live file's.
        known: those that stood beside it when an earlier run ended; ``None``: this is the first.
    """

    def __init__(self, path: str, known: Iterable[Identity] | None = None) -> None:
        self._path = path
        self.learned = known is not None
        """Whether it is known what stood there before."""
        self._known: dict[Inode, Identity] = {}
        for identity in known or ():
            self.know(identity)
        self._time = (0, 0)

    @property
    def known(self) -> list[Identity]:
        """The files that are known."""
        return list(self._known.values())

    def know(self, identity: Identity) -> None:
        """This file was read, or is older than reading."""
        self._known[identity.device, identity.inode] = identity

    def changed(self) -> bool:
        """Whether something was renamed, made or removed in the folders since ``commit``."""
        return self._time != self._folders()

    def listing(self) -> Listing:
        """The files that stand there now."""
        changed = self._folders()  # before the list is made: what changes after it is seen next time
        files = ((file, inode_of(file.path)) for file in _rotated(self._path))
        return Listing(changed, [(file, inode) for file, inode in files if inode is not None])

    def commit(self, listing: Listing) -> None:
        """What was listed is known: either it was read, or it is older than reading."""
        known: dict[Inode, Identity] = {}
        for file, _ in listing.files:
            identity = identify_path(file.path)
            if identity is not None:
                known[identity.device, identity.inode] = identity
        for inode, identity in list(self._known.items())[-REMEMBERED:]:
            known.setdefault(inode, identity)  # gone from here, or packed
        self._known = known
        self.learned = True
        fresh = time.time_ns() - max(listing.changed) < _TICK
        self._time = (-1, -1) if fresh else listing.changed

    def gather(
        self,
        mark: Mark | None,
        open_here: Iterable[Inode],
        older_than: Inode | None = None,
        resuming: bool = False,
    ) -> tuple[Listing, Opened | None, list[Opened]]:
        """Open what is to be read: the rest of the file with the mark, and those that are not known, oldest
        first.

        Files may be renamed while this goes on; then it is done again, so that what is opened is what one
        list showed.

        Args:
            mark: where reading had come to.
            open_here: files that are being read anyway.
            older_than: only those in front of the file with this inode.
            resuming: all that is newer than the mark, known or not.
        """
        here = set(open_here)
        for attempt in range(RENAMING):
            listing = self.listing()
            wanted = self._unread(listing, mark, here)
            # Of which nothing was read, it cannot be told where it is: all that is not known is read.
            nameable = mark is not None and mark.identity.head_size > 0
            found = self._locate(listing, wanted, mark) if mark is not None and nameable else None
            if found is not None:
                if resuming:
                    by_age = {file.age: file for file, _ in listing.files}
                    wanted = [file for file in by_age.values() if file.age > found[0].age]
                wanted = [file for file in wanted if file.age != found[0].age]
            if older_than is not None:
                age = next((file.age for file, inode in listing.files if inode == older_than), (0, "", 0))
                wanted = [file for file in wanted if file.age < age]
            inodes = dict(listing.files)
            opened = [_open(file.path, inodes[file]) for file in wanted]
            steady = None not in opened and self._folders() == listing.changed
            if steady or attempt + 1 == RENAMING:
                break
            for one in opened:
                if one is not None:
                    one.stream.close()
            if found is not None:
                found[1].close()
            time.sleep(0.002)
        for one in opened:
            if one is not None:
                self.know(one.identity)
        rest = None
        if found is not None and mark is not None:
            rest = Opened(found[0].path, found[1], mark.identity)
        return listing, rest, [one for one in opened if one is not None and one.identity.head_size]

    def _unread(self, listing: Listing, mark: Mark | None, open_here: set[Inode]) -> list[LogFile]:
        """The files that are not known: they stood at the path between two looks, or hold what was read up
        to the mark."""
        own = mark.identity.head if mark is not None else ""
        known = [identity for identity in self._known.values() if identity.head != own]
        found: dict[tuple[int, str, int], LogFile] = {}
        for file, inode in listing.files:
            if inode not in open_here and not begins_as(file.path, inode, known):
                found[file.age] = file
        return list(found.values())

    def _locate(
        self, listing: Listing, unread: list[LogFile], mark: Mark
    ) -> tuple[LogFile, ByteStream] | None:
        """Where what was read under the path stands now, opened at the mark: the file with the mark's inode,
        or the oldest with its content that is not known otherwise: packed, or a copy."""
        own = (mark.identity.device, mark.identity.inode)
        candidates = [file for file, inode in listing.files if inode == own]
        candidates += [file for file in unread if file not in candidates]
        for file in candidates:
            stream = open_at(file.path, mark)
            if stream is not None:
                return file, stream
        return None

    def _folders(self) -> tuple[int, int]:
        times = [0, 0]
        for number, place in enumerate((self._path, os.path.realpath(self._path))):
            with contextlib.suppress(OSError):
                times[number] = os.stat(os.path.dirname(place) or ".").st_mtime_ns
        return times[0], times[1]


def inode_of(path: str) -> Inode | None:
    """Device and inode of the file that stands at a path now."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _rotated(path: str) -> list[LogFile]:
    """The rotated files of a path, oldest first; of two of one age the plain one last.

    Where the path is a symbolic link they may stand beside it or beside what it leads to.
    """
    found: list[LogFile] = []
    for place in dict.fromkeys((path, os.path.realpath(path))):
        directory = os.path.dirname(place)
        stem = describe(place).stem
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(directory or "."), reverse=True)
        files = [describe(os.path.join(directory, name)) for name in names if not name.startswith(".")]
        found += [file for file in files if file.stem == stem and file.path != place]
    return sorted(found, key=lambda file: file.age)


def _open(path: str, inode: Inode) -> Opened | None:
    """A whole rotated file, plain or packed; ``None`` when it is not there any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        same = f"/dev/fd/{descriptor}"
        identity = identify_path(same)
        if (about.st_dev, about.st_ino) != inode or identity is None:
            return None
        os.lseek(descriptor, 0, os.SEEK_SET)  # where such names share their position
        return Opened(path, open_bytes(same), identity)
    except (InputError, OSError):
        return None
    finally:
        os.close(descriptor)
