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

from logscan._live.beginning import Beginning, beginning_in, set_rotated
from logscan._live.followed_input import FollowedInput, file_numbers
from logscan._live.open_file import OpenFile, inode_of, stamp_at
from logscan._live.opened import Opened
from logscan._live.piece_queue import PieceQueue
from logscan._live.read_files import ReadFiles
from logscan._live.renamed_files import RenamedFiles
from logscan._live.rotation import RotationSet
from logscan._live.run import Run
from logscan._reading.fingerprint import SHORTAGE, Identity, Mark, continues, identify
from logscan.errors import reason_of
from logscan.values import Problem


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
        self._renamed = RenamedFiles(run)
        self._queue = PieceQueue(run.counters)
        self._read = ReadFiles()
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
        return self._quiet is None or self._quiet != stamp_at(self.followed)

    def poll(self) -> int:
        """See :meth:`FollowedInput.poll`."""
        if self.restarted:
            return 0
        self._quiet = None
        stamp = stamp_at(self.followed)  # before the look: a change after it is seen next time
        try:
            count = self._poll()
        except OSError as error:
            self._fault(error)
            return 0
        is_quiet = not (count or self._renamed.files or self._queue or self.restarted)
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
            if count := self._read_file():
                return count
            if not self._queue and not self._look_around():
                return 0

    def close(self) -> None:
        """See :meth:`FollowedInput.close`."""
        self._renamed.close()
        if self._file is not None:
            self._run.close(self._file.descriptor)
            self._file = None
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
        return self._read.but_later(self._rotation.seen, number)

    def has_read(self, number: int) -> bool:
        """See :meth:`FollowedInput.has_read`."""
        return self._read.identity(number) is not None

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
        for file in self._open_files:
            if file.number == number and self.has_read(number):
                return file.mark_at(offset)
        identity = self._read.identity(number)
        return None if identity is None else Mark(identity, offset, b"")

    def forget(self, number: int) -> None:
        """See :meth:`FollowedInput.forget`."""
        self._read.forget(number, {file.number for file in self._renamed.files} | {self._last_number})

    @property
    def _open_files(self) -> list[OpenFile]:
        """The files that are open: those renamed away, and the one at the path."""
        return [*self._renamed.files, *([self._file] if self._file else [])]

    # Reading

    def _read_file(self) -> int:
        file = self._file
        assert file is not None
        if not file.head:
            self._counters.nul_bytes += file.skip_nul()
        keep = len(file.tail)
        before = bytearray(keep)
        if (unread := os.fstat(file.descriptor).st_size - file.position) > 0:
            with self._free_space(unread) as view:
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
        # Looked at after reading: what is read was written after all that was listed, or is listed with it.
        if not file.head and self._queue_predecessors():
            return 0
        file.see_size(new_size, self._clock.monotonic())
        count = size - keep
        if count:
            self._append(self.followed, file.number, file.position, count)
            file.advance(count, self.buffer, self.end)
            self._read.add(file.number, file.identity)
        return count

    def _read_piece(self) -> int:
        piece = self._queue.first
        assert piece is not None
        with self._free_space() as view:
            count = self._queue.read(view)
        if count:
            self._append(piece.path, piece.number, piece.offset - count, count)
        elif not self._queue and piece.number not in {file.number for file in self._open_files}:
            identity = self._read.identity(piece.number)
            if identity is not None:
                self._renamed.watch(piece, identity)
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
        """Queue what comes before the open file, of which nothing was read: others stood there."""
        file = self._file
        assert file is not None
        if not self._rotation.changed():
            return False
        unread = self._rotation.open_before(file.descriptor, None, self._open_files)
        if unread.files:
            self._enqueue(unread.files)
            self._number(file)  # numbers are in the order of the text
        return bool(unread.files)

    def _rotated(self, file: OpenFile) -> None:
        """Another file stands at the path: first those that stood there in between, then that one."""
        unread = self._rotation.open_unread(file.mark, self._open_files, is_ended=True)
        if unread.rest is not None:
            unread.rest.stream.close()  # its end has been read through the descriptor that is open
        self._rotation.mark_seen(file.identity)
        self._enqueue(unread.files)
        if unread.is_all:
            self._rotation.commit(unread.listing)
        self._renamed.add(file)
        self._file = None
        self._from_start = True

    def _replaced(self, file: OpenFile, size: int) -> None:
        """The file was truncated or written anew: what was not read of it may stand in a copy."""
        unread = self._rotation.open_before(file.descriptor, file.mark, self._open_files)
        self._rotation.mark_seen(file.identity)
        if unread.rest is not None:
            self._enqueue([unread.rest], file.number)
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
        file.begin_anew()
        self._number(file)

    def _enqueue(self, files: Sequence[Opened], rest_of: int = 0) -> None:
        """Queue files that were opened, or the rest of the one with a number, now known by the whole copy."""
        for file in files:
            number = rest_of or next(file_numbers)
            self._read.add(number, file.identity)
            self._counters.nul_bytes += file.skipped
            self._queue.add(file.piece(number))

    def _number(self, file: OpenFile) -> None:
        file.number = next(file_numbers)
        self._read.add(file.number, file.identity)

    def _look_at_renamed(self) -> bool:
        """Queue lines that were written after a file was renamed away, once the buffer is between lines."""
        if self.end and self.buffer[self.end - 1] != 0x0A:
            return False
        if (late := self._renamed.late(self.followed)) is None:
            return False
        self._queue.add_break()
        self._queue.add(late)
        self._queue.add_break()
        return True

    # Opening

    def _open(self) -> bool:
        try:
            descriptor, status = self._run.open(self.followed)
        except OSError as error:
            if error.errno in SHORTAGE:
                raise
            self._from_start = True  # a file that appears later is new
            self._complain(reason_of(error))
            return False
        if not stat.S_ISREG(status.st_mode):
            self._run.close(descriptor)
            self._complain("is no regular file")
            return False
        self._take_up(descriptor, status, Beginning(0) if self._from_start else None)
        self._complaint = ""
        return True

    def _take_up(self, descriptor: int, status: os.stat_result, begin: Beginning | None) -> None:
        """Read on in a file that was opened; ``None``: from where the options say."""
        try:
            begin = begin or beginning_in(descriptor, status.st_size, self._run.options, self._report)
            file = OpenFile(descriptor, identify(descriptor, b""), next(file_numbers))
            if begin.position:
                file.start_at(begin.position)
            self.at_line_start = not begin.position or file.tail.endswith(b"\n")
            # What is unread of it is at least as old as its last change.
            file.see_size(status.st_size, self._clock.monotonic() - max(0.0, time.time() - status.st_mtime))
            if not self._rotation.is_initialized:
                set_rotated(self._rotation, begin, self._report)
        except OSError:
            self._run.close(descriptor)
            raise
        self._file = file
        self.lacks_descriptor = False
        self._read.add(file.number, file.identity)
        self._counters.files += 1
        self._read.limit()

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
            descriptor, status = self._run.open(self.followed)
        except OSError as error:
            if error.errno in SHORTAGE:
                raise
            return False
        is_same = (status.st_dev, status.st_ino) == (mark.identity.device, mark.identity.inode)
        if is_same != is_same_inode or not continues(descriptor, mark):
            self._run.close(descriptor)
            return False
        self._take_up(descriptor, status, Beginning(mark.position))
        return True

    def _fault(self, error: OSError) -> None:
        """No descriptors are left, or a disk fails: the file is opened anew later, where it was."""
        if error.errno in SHORTAGE:
            self.lacks_descriptor = True
            return
        self._complain(reason_of(error))
        self._renamed.close()
        if self._file is not None:
            self._resume_mark = self._file.mark
            self._run.close(self._file.descriptor)
            self._file = None

    def _complain(self, reason: str) -> None:
        """Report once why a path cannot be followed; it is tried again all the same."""
        if reason != self._complaint:
            self._complaint = reason
            self._report(reason, "waiting for it" if "no such file" in reason else "trying again")

    def _report(self, reason: str, hint: str) -> None:
        self._counters.problems.append(Problem(self.followed, reason, hint, fatal=False))
