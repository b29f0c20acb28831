"""Which files beside a path hold text of it that was not read yet.

Between two looks at a log several things may happen to it: it is renamed, copied and truncated, packed,
renamed again. Content decides what a file is: the files that were read, or stood beside the path before
following began, are known by their beginning, so that their text is recognised under every name. A name only
hints at which of the other files may hold text of this log, and at their order.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from logscan._live.open_file import OpenFile, inode_of
from logscan._live.opened import Opened, open_some
from logscan._live.rotated_files import (
    Inode,
    Listing,
    NameTest,
    Rotated,
    in_order,
    is_better,
    is_copy,
)
from logscan._reading.fingerprint import (
    LEAST,
    TIME,
    Identity,
    Mark,
    MissingIsFine,
    begins_as,
    digest,
    head_of,
    identify,
    open_at,
    text_begin,
)
from logscan._reading.paths import describe
from logscan._reading.probe import HEAD
from logscan._reading.unpack import ByteStream

REMEMBERED = 64
"""Files that are remembered after they have gone."""
RENAMING = 50
"""How often at most the files are listed anew while they are being renamed."""
_TICK = 50_000_000
"""Nanoseconds within which a folder's time may not show a second change."""


class Unread(NamedTuple):
    """What is to be read of one listing."""

    listing: Listing
    rest: Opened | None
    """The file that holds what was read up to a mark, opened at the mark."""
    files: list[Opened]
    """Whole files, oldest first."""
    is_all: bool
    """Whether no more than these are to be read; else the rest is still unread."""


class RotationSet:
    """The rotated files of one path.

    Args:
        path: that of the file that is written.
        seen: the files that stood beside it when an earlier run ended; ``None``: this is the first run.
        patterns: names of rotated files, beside those that look like it; with a folder in it, relative to
            that of the path, files of that folder too.
        others: absolute paths that are followed themselves.
    """

    def __init__(
        self,
        path: str,
        seen: Iterable[Identity] | None = None,
        patterns: Sequence[str] = (),
        others: Collection[str] = (),
    ) -> None:
        self._path = path
        self._patterns = patterns
        self._others = others
        self.is_initialized = seen is not None
        """Whether the files are known that stood there before following began."""
        self._seen: dict[Identity, None] = dict.fromkeys(seen or ())
        self._changed: tuple[int, ...] = ()
        self._heads: dict[Inode, tuple[tuple[int, int], bytes]] = {}
        """Inode → size and time of change, and beginning: renaming changes none of them."""

    @property
    def seen(self) -> list[Identity]:
        """The files that were read, or existed before following began."""
        return list(self._seen)

    def mark_seen(self, identity: Identity) -> None:
        """Mark a file as handled: it was read, or existed before following began."""
        self._seen.pop(identity, None)
        self._seen[identity] = None

    def changed(self) -> bool:
        """Whether something was renamed, created or removed in the folders since ``commit``."""
        return self._changed != self._folder_times()

    def listing(self, *, every: bool = False) -> Listing:
        """The files that stand there now: those whose names hint at the path, or every regular file."""
        changed = self._folder_times()  # before the list: a change after it is seen next time
        found: dict[str, Rotated] = {}
        own = {os.path.abspath(place) for place in self._places()}
        for folder, is_hinted in self._folders():
            with MissingIsFine():
                for name in os.listdir(folder or "."):
                    path = os.path.join(folder, name)
                    hinted = is_hinted(name)
                    if (hinted or every) and path not in found and not self._is_followed(path, own):
                        file = self._look_at(path, hinted)
                        if file is not None:
                            found[path] = file
        if not every:
            listed = {file.inode for file in found.values()}
            self._heads = {inode: known for inode, known in self._heads.items() if inode in listed}
        return Listing(changed, in_order(list(found.values())))

    def commit(self, listing: Listing, unread: Collection[Rotated] = ()) -> None:
        """Mark every listed file as handled: it was read, or existed before following began.

        Args:
            unread: files that are yet to be read.
        """
        gone = list(self._seen)[-REMEMBERED:]  # gone from here, or packed
        handled = (file for file in listing.files if file.is_hinted and file not in unread)
        listed = dict.fromkeys(file.identity for file in handled)
        known = {each[:4] for each in listed}
        self._seen = {**dict.fromkeys(each for each in gone if each[:4] not in known), **listed}
        self.is_initialized = True
        is_fresh = time.time_ns() - max(listing.changed) < _TICK
        self._changed = () if is_fresh or unread else listing.changed

    def open_before(self, descriptor: int, mark: Mark | None, open_files: Iterable[OpenFile]) -> Unread:
        """Open what comes before the beginning of an open file: see :meth:`open_unread`.

        When it was renamed itself, what came after it is opened when it has been read. Of a file that is gone
        and of which nothing was read, what stands there came after it.
        """
        unread = self.open_unread(mark, open_files, before=descriptor)
        if unread.is_all:
            self.commit(unread.listing)
        return unread

    def open_unread(
        self,
        mark: Mark | None,
        open_files: Iterable[OpenFile],
        *,
        before: int | None = None,
        is_ended: bool = False,
    ) -> Unread:
        """Open what is to be read: the rest of the file with the mark, and the files that were not seen.

        Files may be renamed at the same time; then this starts again, so that everything opened is of one
        listing.

        Args:
            mark: the place up to which was read.
            open_files: files that are being read anyway.
            before: the descriptor of an open file: only what comes before it.
            is_ended: the file with the mark ends there: a copy that goes on is that of another file, which
                begins alike.

        Raises:
            OSError: no descriptors are left.
        """
        inodes = {file.inode for file in open_files}
        # A file of which nothing was read has no place of its own: all that was not seen is read.
        can_locate = mark is not None and mark.identity.head_size > 0
        for attempt in range(RENAMING):
            listing = self.listing()
            wanted = self._unread(listing, mark, inodes)
            located = None
            if mark is not None and can_locate:
                located = self._locate(listing, wanted, mark, is_ended)
                if located is None:  # under a name that says nothing?
                    located = self._locate(self.listing(every=True), [], mark, is_ended)
            if located is not None:
                same = located[0]
                wanted = [file for file in wanted if file.path != same.path and not is_copy(file, same)]
            is_all = True
            if before is not None:
                wanted, is_all = self._older(listing, wanted, before, has_mark=mark is not None)
            opened = open_some(wanted, located)
            is_steady = None not in opened and self._is_steady(listing)
            if is_steady or attempt + 1 == RENAMING:
                break
            for each in opened:
                if each is not None:
                    each.stream.close()
            if located is not None:
                located[1].close()
            time.sleep(0.002)
        is_all = is_all and len(opened) == len(wanted)
        files = [each for each in opened if each is not None]
        for each in files:
            self.mark_seen(each.identity)
        rest = None
        if located is not None and mark is not None:
            file, stream = located
            self.mark_seen(file.identity)
            place = (mark.position, file.size, file.changed)
            rest = Opened(file.path, stream, file.identity, *place, is_whole=False)
        return Unread(listing, rest, files, is_all)

    def _is_steady(self, listing: Listing) -> bool:
        """Whether the files are still those of a listing. A list of a folder in which files are renamed may
        miss one, and the folder's time may not show it: then two lists of the same files say it."""
        if self._folder_times() != listing.changed:
            return False
        is_fresh = time.time_ns() - max(listing.changed) < _TICK
        return not is_fresh or self.listing().inodes == listing.inodes

    def _unread(self, listing: Listing, mark: Mark | None, open_inodes: set[Inode]) -> list[Rotated]:
        """The files that were not seen: they stood at the path between two looks, or hold what was read up
        to the mark. Of several with the same text, packed and not, one."""
        own = mark.identity.head if mark is not None else ""
        seen = [identity for identity in self._seen if identity.head != own]
        unread: list[Rotated] = []
        for file in listing.files:
            if not file.head or file.inode in open_inodes:
                continue
            if not begins_as(file.head, file.inode, file.seconds, seen):
                same = next((n for n, other in enumerate(unread) if is_copy(file, other)), None)
                if same is None:
                    unread.append(file)
                elif is_better(file, unread[same]):
                    unread[same] = file
        return unread

    def _older(
        self, listing: Listing, wanted: list[Rotated], descriptor: int, *, has_mark: bool
    ) -> tuple[list[Rotated], bool]:
        """Those files that come before the text of an open file, and whether these are all.

        A copy of that text is not read twice, but it is not handled yet either: when the file is truncated
        before it is read, the copy is all that is left. The file is looked at after the list was made: if it
        is listed packed, it had its last size by then.
        """
        head = os.pread(descriptor, HEAD, text_begin(descriptor))
        now = identify(descriptor, head)
        older = [file for file in wanted if not (head.startswith(file.head) and TIME.search(file.head))]
        is_all = len(older) == len(wanted)
        if inode_of(self._path) == now[:2]:
            return older, is_all
        place = listing.find(now)
        if place is None:  # gone
            return (older, is_all) if has_mark else ([], False)
        before = set(listing.files[:place])
        return [file for file in older if file in before], False

    def _locate(
        self, listing: Listing, unread: list[Rotated], mark: Mark, is_ended: bool
    ) -> tuple[Rotated, ByteStream] | None:
        """The file that holds what was read under the path, opened at the mark.

        It has the mark's inode, or is the oldest unread one with its content: packed, or a copy. Else it is
        the newest seen one: a copy whose rest was being read when the earlier run ended.
        """
        size, own = mark.identity.head_size, (mark.identity.device, mark.identity.inode)
        candidates = [file for file in listing.files if file.inode == own]
        candidates += [file for file in unread if file not in candidates]
        if size >= LEAST:
            candidates += [file for file in reversed(listing.files) if file not in candidates]
        for file in candidates:
            if len(file.head) >= size and digest(file.head[:size]) == mark.identity.head:
                stream = open_at(file.path, mark)
                if stream is None:
                    continue
                if is_ended and file.inode != own and stream.readinto(memoryview(bytearray(1))):
                    stream.close()
                    continue
                return file, stream
        return None

    def _look_at(self, path: str, hinted: bool) -> Rotated | None:
        """One file as it is now; its beginning is read again only when it has changed."""
        try:
            about = os.stat(path)
        except OSError:
            return None
        if not stat.S_ISREG(about.st_mode):
            return None
        inode, stamp = (about.st_dev, about.st_ino), (about.st_size, about.st_mtime_ns)
        known = self._heads.get(inode)
        if known is None or known[0] != stamp:
            found = head_of(path)
            if found is None or found[0] != inode:
                return None
            known = self._heads[inode] = (stamp, found[1])
        return Rotated(path, inode, describe(path).age, *stamp, known[1], hinted)

    def _is_followed(self, path: str, own: set[str]) -> bool:
        place = os.path.abspath(path)
        return place in own or place in self._others

    def _places(self) -> list[str]:
        """The path, and where it leads if it is a link: rotated files stand beside either."""
        return list(dict.fromkeys((self._path, os.path.realpath(self._path))))

    def _folders(self) -> list[tuple[str, NameTest]]:
        """The folders in which rotated files may stand, and which names hint at the path."""
        folders: list[tuple[str, NameTest]] = []
        for place in self._places():
            folder, name = os.path.split(place)
            here = [pattern for pattern in self._patterns if not os.path.dirname(pattern)]
            folders.append((folder, NameTest(name, here)))
            for pattern in self._patterns:
                if os.path.dirname(pattern):
                    below, names = os.path.split(os.path.join(folder, pattern))
                    folders.append((below, NameTest("", [names])))
        return folders

    def _folder_times(self) -> tuple[int, ...]:
        times: list[int] = []
        for folder, _ in self._folders():
            try:
                times.append(os.stat(folder or ".").st_mtime_ns)
            except OSError:
                times.append(0)
        return tuple(times)
