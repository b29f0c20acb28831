"""Reads what is appended to one path, through everything that happens to logs.

They are renamed and created anew, copied and truncated, deleted, packed, rotated several times between two
looks; a symbolic link is switched, a file is not there yet. What was written before is always read to its
end before what was written after it. Where bytes are certainly lost, a problem says how many.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from logscan._live.descriptors import Descriptors
from logscan._live.followed_input import FollowedInput, file_numbers
from logscan._live.open_file import OpenFile
from logscan._live.options import FollowOptions
from logscan._live.piece_queue import Piece, PieceQueue
from logscan._live.rotation import Opened, RotationSet, Unread, inode_of
from logscan._reading.fingerprint import SHORTAGE, Identity, Mark, continues, identify
from logscan._reading.unpack import open_bytes
from logscan.errors import reason_of
from logscan.values import Counters, Problem

FILES = 64
"""Files of one path whose identity is remembered."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all followed files of a run share."""

    counters: Counters
    """Takes bytes, files, gaps and problems."""
    options: FollowOptions
    descriptors: Descriptors = field(default_factory=Descriptors)
    paths: set[str] = field(default_factory=set)
    """The absolute paths that are followed: what stands there is no rotated file of another path."""


class FollowedFile(FollowedInput):
    """The growing file at one path.

    Args:
        path: a file, there or not yet.
        run: what it shares with others.
        from_start: begin with what is in the file already.
        mark: go on there, wherever that file stands now.
        beside: the rotated files that stood beside it then.
    """

    def __init__(
        self,
        path: str,
        run: Run,
        *,
        from_start: bool,
        mark: Mark | None = None,
        beside: Sequence[Identity] | None = None,
    ) -> None:
        super().__init__(path, run.counters, run.options)
        self._run = run
        self._clock = run.options.clock
        self._from_start = from_start
        self._resume_mark = mark
        self._file: OpenFile | None = None
        """The file that is read at the path."""
        self._renamed: list[OpenFile] = []
        """Files that were renamed away, for as long as a writer may have them open."""
        self._queue = PieceQueue(run.counters)
        self._identities: dict[int, Identity] = {}
        """Of the files that were read, by number."""
        self._rotation = RotationSet(path, beside, run.options.rotated, run.paths)
        self._complaint = ""
        self._quiet: tuple[int, ...] | None = None
        """What changes when the file at the path does, at a look that found nothing new."""

    def begin(self) -> None:
        """See :meth:`FollowedInput.begin`."""
        if self._resume_mark is None:
            try:
                self._open()
            except OSError as error:
                self._fault(error)

    @property
    def is_at_rest(self) -> bool:
        """See :attr:`FollowedInput.is_at_rest`."""
        return self._quiet is not None

    def has_news(self) -> bool:
        """See :meth:`FollowedInput.has_news`."""
        return self._quiet is None or self._quiet != _stamp(self.followed)

    def poll(self) -> int:
        """See :meth:`FollowedInput.poll`."""
        if self.restarted:
            return 0
        self._quiet = None
        stamp = _stamp(self.followed)  # before the look: a change after it is seen next time
        try:
            count = self._poll()
        except OSError as error:
            self._fault(error)
            return 0
        is_quiet = not (count or self._renamed or self._queue or self.restarted)
        if is_quiet and self._file is not None and not self._rotation.changed():
            self._quiet = stamp
        return count

    def _poll(self) -> int:
        if self._resume_mark is not None:
            self._resume_at(self._resume_mark)
            self._resume_mark = None
        while True:
            while self._queue:
                if self._queue.take_break():
                    self.restarted = True
                    return 0
                if count := self._read_piece():
                    return count
            if self._file is None and not self._open():
                return 0
            if self._queue_predecessors():
                continue
            if count := self._read_file():
                return count
            if not self._queue and not self._look_around():
                return 0

    def close(self) -> None:
        """See :meth:`FollowedInput.close`."""
        for file in self._open_files:
            self._close(file)
        self._file = None
        self._renamed.clear()
        self._queue.close()

    @property
    def lag(self) -> tuple[int, float]:
        """See :attr:`FollowedInput.lag`."""
        unread, age = self._queue.unread, 0.0
        if unread:
            age = max(0.0, time.time() - self._queue.modified)
        if self._file is not None:
            unread += max(0, self._file.size - self._file.position)
            since = self._file.unread_since()
            age = max(age, 0.0 if since is None else self._clock.monotonic() - since)
        return unread, age

    def beside(self, number: int | None) -> Sequence[Identity]:
        """See :meth:`FollowedInput.beside`."""
        later = {each[2:] for at, each in self._identities.items() if number is not None and at > number}
        return [identity for identity in self._rotation.seen if identity[2:] not in later]

    def has_read(self, number: int) -> bool:
        """See :meth:`FollowedInput.has_read`."""
        return number in self._identities

    def oldest(self) -> tuple[int, int] | None:
        """See :meth:`FollowedInput.oldest`."""
        if self.end:
            place = self.place(0)
            return place.file, place.offset
        if piece := self._queue.first:
            return piece.number, piece.offset
        return (self._file.number, self._file.position) if self._file else None

    def mark_at(self, number: int, offset: int) -> Mark | None:
        """See :meth:`FollowedInput.mark_at`."""
        identity = self._identities.get(number)
        if identity is None:
            return None
        for file in self._open_files:
            if file.number == number:
                return file.mark_at(offset)
        return Mark(identity, offset, b"")

    def forget(self, number: int) -> None:
        """See :meth:`FollowedInput.forget`."""
        for old in [known for known in self._identities if known < number]:
            if old != self._last_number and not any(file.number == old for file in self._renamed):
                del self._identities[old]

    @property
    def _open_files(self) -> list[OpenFile]:
        """The files that are open: those renamed away, and the one at the path."""
        return [*self._renamed, *([self._file] if self._file else [])]

    @property
    def _open_inodes(self) -> list[tuple[int, int]]:
        return [file.inode for file in self._open_files]

    # Reading

    def _read_file(self) -> int:
        file = self._file
        assert file is not None
        if not file.head:
            self._counters.nul_bytes += file.skip_nul()
        keep = len(file.tail)
        before = bytearray(keep)
        if os.fstat(file.descriptor).st_size > file.position:
            with self._free_space() as view:
                # What was read last is read again with what follows: if it has changed, so has the file.
                size = os.preadv(file.descriptor, [before, view], file.position - keep)
        else:  # a file that has not grown needs no room in the buffer
            size = os.preadv(file.descriptor, [before], file.position - keep)
        # Entries may be alike to their last byte, and end where others ended: the beginning counts too.
        # It is looked at afterwards, so that nothing of another text passes for what follows.
        is_same = size >= keep and before == file.tail and file.has_same_begin()
        old_size = file.size
        new_size = os.fstat(file.descriptor).st_size
        if not is_same or new_size < file.position:
            self._replaced(file, old_size)
            return 0
        file.see_size(new_size, self._clock.monotonic())
        count = size - keep
        if count:
            self._append(self.followed, file.number, file.position, count)
            file.advance(count, self.buffer, self.end)
            self._identities[file.number] = file.identity
        return count

    def _read_piece(self) -> int:
        piece = self._queue.first
        assert piece is not None
        with self._free_space() as view:
            count = self._queue.read(view)
        if count:
            self._append(piece.path, piece.number, piece.offset - count, count)
        elif not self._queue:
            self._watch(piece)
        return count

    def _watch(self, piece: Piece) -> None:
        """Look for some time at the newest rotated file, which was read to its end: its writer may not have
        opened the new one yet."""
        identity = self._identities.get(piece.number)
        known = {file.number for file in self._open_files}
        if identity is None or piece.number in known or piece.is_packed or not self._run.descriptors.take():
            return
        file: OpenFile | None = None
        try:
            descriptor = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            file = OpenFile(descriptor, identify(descriptor, b""), piece.number, piece.offset)
            if file.inode == identity[:2]:
                file.identity = identity
                file.until = self._clock.monotonic() + self._run.options.rotate_wait
                self._renamed.append(file)
                return
        except OSError:
            pass  # it is gone, or renamed once more: nobody writes there now
        if file is None:
            self._run.descriptors.give_back()
        else:
            self._close(file)

    # What happens to files

    def _look_around(self) -> bool:
        """At the end of the file: was it rotated? Whether there is something else to read now."""
        file = self._file
        assert file is not None
        try:
            at_path = os.stat(self.followed)
        except OSError:
            return self._look_at_renamed()  # moved away, and the new file is not there yet
        if (at_path.st_dev, at_path.st_ino) != file.inode:
            if os.fstat(file.descriptor).st_size == file.position:
                self._rotated(file)
            return True  # else lines were written between our last read and the rename: first those
        if self._rotation.changed():
            listing = self._rotation.listing()
            # Only when nothing had been truncated by the time of the list: else it may hold what is unread.
            if continues(file.descriptor, file.mark) and inode_of(self.followed) == file.inode:
                self._rotation.commit(listing)
        return self._look_at_renamed()

    def _queue_predecessors(self) -> bool:
        """Queue what comes before the open file, of which nothing was read yet: between two looks it may
        have been filled, copied and truncated, or others may have stood at the path."""
        file = self._file
        assert file is not None
        if file.position or not self._rotation.changed():
            return False
        if self._is_gone(file):
            return False  # what stands at the path came after it
        unread = self._open_predecessors(file, None)
        if unread.files:
            self._enqueue(unread.files)
            self._number(file)  # numbers are in the order of the text
        return bool(unread.files)

    def _open_predecessors(self, file: OpenFile, mark: Mark | None) -> Unread:
        """Open what comes before the beginning of the open file.

        When it was renamed itself, what came after it is queued when it has been read.
        """
        is_at_path = inode_of(self.followed) == file.inode
        now = None if is_at_path else identify(file.descriptor)
        unread = self._rotation.open_unread(mark, self._open_inodes, older_than=now)
        if unread.is_all and (now is None or not unread.listing.has(now)):
            self._rotation.commit(unread.listing)
        return unread

    def _is_gone(self, file: OpenFile) -> bool:
        """Whether a file stands neither at the path nor, packed or not, beside it."""
        if inode_of(self.followed) == file.inode:
            return False
        return not self._rotation.listing().has(identify(file.descriptor))

    def _rotated(self, file: OpenFile) -> None:
        """Another file stands at the path: first those that stood there in between, then that one."""
        unread = self._rotation.open_unread(file.mark, self._open_inodes)
        if unread.rest is not None:
            unread.rest.stream.close()  # its end has been read through the descriptor that is open
        self._rotation.mark_seen(file.identity)
        self._enqueue(unread.files)
        if unread.is_all:
            self._rotation.commit(unread.listing)
        file.until = self._clock.monotonic() + self._run.options.rotate_wait
        self._renamed.append(file)
        self._file = None
        self._from_start = True

    def _replaced(self, file: OpenFile, size: int) -> None:
        """The file was truncated or written anew: what was not read of it may stand in a copy."""
        unread = self._open_predecessors(file, file.mark)
        self._rotation.mark_seen(file.identity)
        if unread.rest is not None:
            self._queue.add(_piece(unread.rest, file.number))
        else:
            self._queue.add_break()
            gap = max(0, size - file.position)
            self._counters.gap_bytes += gap
            lost = f"{gap:,} bytes are lost" if gap else "what came since the last look is lost"
            self._report(
                f"was truncated, and no copy of it was found: after byte {file.position:,} {lost}",
                "rotate by renaming, or keep the copy beside it",
            )
        self._enqueue(unread.files)
        self._begin_anew(file)

    def _enqueue(self, files: Sequence[Opened]) -> None:
        """Queue files that were opened."""
        for file in files:
            number = next(file_numbers)
            self._identities[number] = file.identity
            self._counters.nul_bytes += file.skipped
            self._queue.add(_piece(file, number))

    def _begin_anew(self, file: OpenFile) -> None:
        """Read the same file from its beginning, after the hole that a writer's old position leaves."""
        file.head = file.tail = b""
        file.identity = identify(file.descriptor, b"")
        file.position = file.begin = 0
        file.size = os.fstat(file.descriptor).st_size
        self._number(file)

    def _number(self, file: OpenFile) -> None:
        file.number = next(file_numbers)
        self._identities[file.number] = file.identity

    def _look_at_renamed(self) -> bool:
        """Queue lines that were written after a file was renamed away, once the buffer is between lines."""
        now = self._clock.monotonic()
        for file in list(self._renamed):
            size = os.fstat(file.descriptor).st_size
            if size > file.position and (not self.end or self.buffer[self.end - 1] == 0x0A):
                stream = open_bytes(f"/dev/fd/{file.descriptor}", file.position)
                self._queue.add_break()
                late = Piece(
                    self.followed, stream, file.number, file.position, size=size, modified=time.time()
                )
                self._queue.add(late)
                self._queue.add_break()
                file.position, file.tail = size, b""
                file.until = now + self._run.options.rotate_wait
                return True
            if now > file.until:
                self._renamed.remove(file)
                self._close(file)
        return False

    # Opening

    def _open(self) -> bool:
        self.lacks_descriptor = not self._run.descriptors.take()
        if self.lacks_descriptor:
            return False
        descriptor = -1
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                self._take_up(self._opened(descriptor, status))
                self._complaint = ""
                return True
            self._complain("is no regular file")
        except OSError as error:
            if error.errno in SHORTAGE:
                raise
            self._from_start = True  # a file that appears later is new
            self._complain(reason_of(error))
        finally:
            if self._file is None:
                self._run.descriptors.give_back()
                if descriptor >= 0:
                    os.close(descriptor)
        return False

    def _opened(self, descriptor: int, status: os.stat_result) -> OpenFile:
        file = OpenFile(descriptor, identify(descriptor, b""), next(file_numbers))
        if not self._from_start and status.st_size:
            file.start_at(status.st_size)
            self.at_line_start = file.tail.endswith(b"\n")
        self._see_first(file, status)
        return file

    def _see_first(self, file: OpenFile, status: os.stat_result) -> None:
        """Note the size of a file that was opened: what is unread of it is at least as old as its change."""
        file.see_size(status.st_size, self._clock.monotonic() - max(0.0, time.time() - status.st_mtime))

    def _close(self, file: OpenFile) -> None:
        os.close(file.descriptor)
        self._run.descriptors.give_back()

    def _take_up(self, file: OpenFile) -> None:
        """Read on in a file that was opened."""
        if not self._rotation.is_initialized:
            self._rotation.commit(self._rotation.listing())
        self._file = file
        self._identities[file.number] = file.identity
        self._counters.files += 1
        if len(self._identities) > FILES:
            self.forget(sorted(self._identities)[-FILES])

    def _resume_at(self, mark: Mark) -> None:
        """Go on where another run stopped: what was read then may have been rotated since."""
        self._from_start = True
        if self._resume_at_path(mark, is_same_inode=True):
            return
        unread = self._rotation.open_unread(mark, ())
        if unread.rest is not None:
            self._rotation.mark_seen(mark.identity)
            self._enqueue([unread.rest])
        elif mark.identity.head_size:
            if self._resume_at_path(mark, is_same_inode=False):  # moved from another disk, or restored
                return
            self._report(
                "the file that was read under this name before is not there any more",
                "the file that stands there now is read from its beginning; lines in between may be lost",
            )
        if unread.rest is not None or self._rotation.is_initialized:
            self._enqueue(unread.files)
        else:
            for file in unread.files:
                file.stream.close()

    def _resume_at_path(self, mark: Mark, *, is_same_inode: bool) -> bool:
        """Go on in the file that stands at the path, when it holds what was read up to the mark."""
        if not self._run.descriptors.take():
            self.lacks_descriptor = True
            raise OSError(SHORTAGE[0], os.strerror(SHORTAGE[0]))
        descriptor = -1
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            file = OpenFile(descriptor, identify(descriptor), next(file_numbers))
            same = file.inode == (mark.identity.device, mark.identity.inode)
            if same == is_same_inode and continues(descriptor, mark):
                file.start_at(mark.position)
                self.at_line_start = not mark.position or file.tail.endswith(b"\n")
                self._see_first(file, os.fstat(descriptor))
                self._take_up(file)
        except OSError as error:
            if error.errno in SHORTAGE:
                raise
        finally:
            if self._file is None:
                self._run.descriptors.give_back()
                if descriptor >= 0:
                    os.close(descriptor)
        return self._file is not None

    def _fault(self, error: OSError) -> None:
        """No descriptors are left, or a disk or its server fails: it is tried again later. Then the file is
        opened anew, and read on where it was."""
        if error.errno in SHORTAGE:
            self.lacks_descriptor = True
            return
        self._complain(reason_of(error))
        self._renamed, renamed = [], self._renamed
        for file in renamed:
            self._close(file)
        if self._file is not None:
            self._resume_mark = self._file.mark
            self._close(self._file)
            self._file = None

    def _complain(self, reason: str) -> None:
        """Report once why a path cannot be followed; it is tried again all the same."""
        if reason != self._complaint:
            self._complaint = reason
            self._report(reason, "waiting for it" if "no such file" in reason else "trying again")

    def _report(self, reason: str, hint: str) -> None:
        self._counters.problems.append(Problem(self.followed, reason, hint, fatal=False))


def unread_of(
    path: str, mark: Mark, beside: Sequence[Identity], rotated: Sequence[str] = ()
) -> tuple[str | None, int]:
    """The file in which a run goes on that stopped at a mark, and how much it has to read; ``None`` where
    what was read is not there any more."""
    size = 0
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        pass
    else:
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            if identify(file.fileno())[:2] == mark.identity[:2] and continues(descriptor, mark):
                return path, size - mark.position
    unread = RotationSet(path, beside, rotated).open_unread(mark, ())
    files = [*unread.files, *([unread.rest] if unread.rest else [])]
    for each in files:
        each.stream.close()
    left = sum(max(0, each.size - each.offset) for each in files) + size
    return unread.rest.path if unread.rest else None, left


def _piece(file: Opened, number: int) -> Piece:
    return Piece(
        file.path, file.stream, number, file.offset, is_new=file.is_whole, size=file.size,
        modified=file.modified,
    )  # fmt: skip


def _stamp(path: str) -> tuple[int, ...] | None:
    """What changes when the file at a path does; ``None`` when there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
