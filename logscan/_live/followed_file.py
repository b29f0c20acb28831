"""Reads what is appended to one path, through everything that happens to logs.

They are renamed and created anew, copied and truncated, deleted, packed, rotated several times between two
looks; a symbolic link is switched, a file is not there yet. What was written before is always read to its
end before what was written after it. Where bytes are certainly lost, a problem says how many.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from logscan._live.followed_input import FollowedInput, FollowedStdin, file_numbers
from logscan._live.open_file import OpenFile
from logscan._live.options import FollowOptions
from logscan._live.piece_queue import Piece, PieceQueue
from logscan._live.rotation import Opened, RotationSet, Unread, inode_of
from logscan._reading.fingerprint import TAIL, Identity, Mark, continues, identify
from logscan._reading.unpack import STDIN, open_bytes
from logscan.errors import reason_of
from logscan.values import Counters, Problem

LATE = 5.0
"""Seconds for which a file that was renamed away is still looked at: a writer may have it open."""
FILES = 64
"""Files of one path whose identity is remembered."""


def follow_input(
    path: str,
    counters: Counters,
    options: FollowOptions,
    mark: Mark | None = None,
    beside: Sequence[Identity] | None = None,
) -> FollowedInput:
    """Follow a file, there or not yet, or ``-``. Arguments as :class:`FollowedFile`."""
    if path == STDIN:
        return FollowedStdin(counters, options)
    return FollowedFile(path, counters, options, mark, beside)


class FollowedFile(FollowedInput):
    """The growing file at one path.

    Args:
        path: a file, there or not yet.
        counters: takes bytes, files, gaps and problems.
        options: how it is followed.
        mark: go on there, wherever that file stands now.
        beside: the rotated files that stood beside it then.
    """

    def __init__(
        self,
        path: str,
        counters: Counters,
        options: FollowOptions,
        mark: Mark | None,
        beside: Sequence[Identity] | None,
    ) -> None:
        super().__init__(path, counters, options)
        self._clock = options.clock
        self._from_start = options.from_start
        self._resume_mark = mark
        self._file: OpenFile | None = None
        """The file that is read at the path."""
        self._renamed: list[OpenFile] = []
        """Files that were renamed away, for as long as a writer may have them open."""
        self._queue = PieceQueue(counters)
        self._identities: dict[int, Identity] = {}
        """Of the files that were read, by number."""
        self._rotation = RotationSet(path, beside)
        self._scratch = bytearray(TAIL)
        self._complaint = ""

    def poll(self) -> int:
        """See :meth:`FollowedInput.poll`."""
        if self.restarted:
            return 0
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
            os.close(file.descriptor)
        self._file = None
        self._renamed.clear()
        self._queue.close()

    @property
    def lag(self) -> int:
        """See :attr:`FollowedInput.lag`."""
        return max(0, self._file.size - self._file.position) if self._file else 0

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
        with memoryview(self._scratch) as scratch, scratch[:keep] as before, self._free_space() as view:
            # What was read last is read again with what follows: if it has changed, so has the file.
            size = os.preadv(file.descriptor, [before, view], file.position - keep)
            # Entries may be alike to their last byte, and end where others ended: the beginning counts too.
            # It is looked at afterwards, so that nothing of another text passes for what follows.
            is_same = size >= keep and before == file.tail and file.has_same_begin()
        old_size = file.size
        file.size = os.fstat(file.descriptor).st_size
        if not is_same or file.size < file.position:
            self._replaced(file, old_size)
            return 0
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
        return count

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
        if now is None or not unread.listing.has(now):
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
        self._rotation.commit(unread.listing)
        file.until = self._clock.monotonic() + LATE
        self._renamed.append(file)
        self._file = None
        self._from_start = True

    def _replaced(self, file: OpenFile, size: int) -> None:
        """The file was truncated or written anew: what was not read of it may stand in a copy."""
        unread = self._open_predecessors(file, file.mark)
        self._rotation.mark_seen(file.identity)
        if unread.rest is not None:
            self._queue.add(Piece(unread.rest.path, unread.rest.stream, file.number, file.position))
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
            self._queue.add(Piece(file.path, file.stream, number, file.offset, is_new=file.is_whole))

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
                self._queue.add(Piece(self.followed, stream, file.number, file.position))
                self._queue.add_break()
                file.position, file.tail = size, b""
                file.until = now + LATE
                return True
            if now > file.until:
                os.close(file.descriptor)
                self._renamed.remove(file)
        return False

    # Opening

    def _open(self) -> bool:
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            self._from_start = True  # a file that appears later is new
            self._complain(reason_of(error))
            return False
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            self._complain("is no regular file")
            return False
        self._complaint = ""
        file = OpenFile(descriptor, identify(descriptor, b""), next(file_numbers), size=status.st_size)
        if not self._from_start and file.size:
            file.start_at(file.size)
            self.at_line_start = file.tail.endswith(b"\n")
        self._take_up(file)
        return True

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
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        size = os.fstat(descriptor).st_size
        file = OpenFile(descriptor, identify(descriptor), next(file_numbers), size=size)
        same = file.inode == (mark.identity.device, mark.identity.inode)
        if same != is_same_inode or not continues(descriptor, mark):
            os.close(descriptor)
            return False
        file.start_at(mark.position)
        self.at_line_start = not mark.position or file.tail.endswith(b"\n")
        self._take_up(file)
        return True

    def _complain(self, reason: str) -> None:
        """Report once why a path cannot be followed; it is tried again all the same."""
        if reason != self._complaint:
            self._complaint = reason
            self._report(reason, "waiting for it" if "no such file" in reason else "trying again")

    def _report(self, reason: str, hint: str) -> None:
        self._counters.problems.append(Problem(self.followed, reason, hint, fatal=False))
