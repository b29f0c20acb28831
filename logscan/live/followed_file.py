"""Follow: the same buffer over a file that is still being written.

One :class:`FollowedFile` reads what is appended to a path, through everything that happens to logs: renamed
and created anew, copied and truncated, deleted, packed, rotated several times between two looks, a symbolic
link that is switched, a file that is not there yet. What was written before is always read to its end before
what came after it. Where bytes are lost for certain, that is said with their number.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as counter

from logscan.entries.layouts import begins_entry
from logscan.errors import reason_of
from logscan.live.rotation import Family, Opened, inode_of
from logscan.reading.buffer import BLOCK, Buffer
from logscan.reading.decompressors import unpacking_errors
from logscan.reading.fingerprint import (
    TAIL,
    Identity,
    Mark,
    continues,
    identify,
)
from logscan.reading.probe import HEAD
from logscan.reading.unpack import STDIN, ByteStream, open_bytes
from logscan.values import Counters, Problem

LATE = 5.0
"""Seconds for which a file that was renamed away is still looked at: a writer may have it open."""
FILES = 64
"""Files of one path whose identity is remembered."""

_TIME = b"dddd-dd-dd dd:dd:dd"

_numbers = counter(1)


@dataclass
class _Live:
    """The file that stands, or stood, at the path."""

    descriptor: int
    identity: Identity
    number: int
    position: int = 0
    head: bytes = b""
    """The first bytes, as far as they were read: what stands there later may be another text."""
    tail: bytes = b""
    """The last bytes read: they must still be there when more is read."""
    size: int = 0
    """When last looked at."""
    until: float = 0.0
    """Renamed away: when it need not be looked at any more."""

    @property
    def inode(self) -> tuple[int, int]:
        return self.identity.device, self.identity.inode

    @property
    def mark(self) -> Mark:
        return Mark(self.identity, self.position, self.tail)

    def begin(self, position: int) -> None:
        """Begin to read at a position."""
        self.position = position
        size = min(TAIL, position)
        self.tail = os.pread(self.descriptor, size, position - size)
        self.head = os.pread(self.descriptor, min(HEAD, position), 0)
        self.identity = identify(self.descriptor, self.head)

    def took(self, count: int, buffer: bytearray, end: int) -> None:
        """So many bytes were read; they stand in front of the buffer's end."""
        if len(self.head) == self.position < HEAD:
            begin = end - count
            self.head += bytes(buffer[begin : begin + min(count, HEAD - self.position)])
            self.identity = identify(self.descriptor, self.head)
        self.position += count
        self.tail = (self.tail + bytes(buffer[end - min(count, TAIL) : end]))[-TAIL:]


@dataclass
class _Piece:
    """A file, or what is left of one, that is to be read before going on at the path."""

    path: str
    stream: ByteStream
    identity: Identity
    number: int
    offset: int
    begun: bool = False


class _Barrier:
    """What comes behind does not continue what is in front."""


class FollowedFile(Buffer):
    """The growing bytes of one path.

    Attributes:
        followed: the path that is followed; ``path`` is the file that was read last.
        restarted: set by ``poll`` when what follows does not continue what is in the buffer: scan the
            buffer to its end, then call ``resume``.
        ended: standard input has been closed; nothing comes any more.
        lag: bytes that are known to be there and were not read yet.

    Args:
        path: a file, there or not yet, or ``-``.
        counters: takes bytes, files, gaps and problems.
        keep: the most that can be carried over to the next block.
        from_start: read what is in the file already; else begin at its end.
        count_lines: keep line numbers.
        block: bytes read at once.
        mark: go on there, wherever that file stands now.
        beside: the rotated files that stood beside it then.
        late: seconds for which a file that was renamed away is still looked at.
    """

    def __init__(
        self,
        path: str,
        counters: Counters,
        keep: int,
        from_start: bool = False,
        count_lines: bool = False,
        block: int = BLOCK,
        mark: Mark | None = None,
        beside: Sequence[Identity] | None = None,
        late: float = LATE,
    ) -> None:
        super().__init__(keep + block + 1, counters, count_lines)
        self.followed = path
        self.restarted = False
        self.ended = False
        self.at_line_start = True
        """Whether reading began where a line begins; else the first line is not whole."""
        self._counters = counters
        self._block = block
        self._from_start = from_start
        self._given = mark
        self._late_seconds = late
        self._live: _Live | None = None
        self._late: list[_Live] = []
        self._steps: deque[_Piece | _Barrier] = deque()
        self._began: int | None = None
        """Number of the file whose bytes are being put into the buffer."""
        self._identities: dict[int, Identity] = {}
        self._family = Family(path, beside)
        self._scratch = bytearray(TAIL)
        self._complaint = ""

    def poll(self) -> int:
        """Read what has been appended, up to a block; 0 when there is nothing now."""
        if self.restarted or self.ended:
            return 0
        if self.followed == STDIN:
            return self._read_stdin()
        if self._given is not None:
            self._go_on_at(self._given)
            self._given = None
        while True:
            while self._steps:
                step = self._steps[0]
                if isinstance(step, _Barrier):
                    self._steps.popleft()
                    self.restarted = True
                    return 0
                if count := self._read_piece(step):
                    return count
            if self._live is None and not self._open():
                return 0
            if self._came_before():
                continue
            if count := self._read_live():
                return count
            if not self._steps and not self._look_around():
                return 0

    def resume(self) -> None:
        """Go on: the buffer has been scanned to its end."""
        self.restarted = False

    def close(self) -> None:
        """Release the files."""
        for live in self._opened:
            os.close(live.descriptor)
        self._live = None
        self._late.clear()
        for step in self._steps:
            if isinstance(step, _Piece):
                step.stream.close()
        self._steps.clear()

    @property
    def lag(self) -> int:
        """See the class."""
        return max(0, self._live.size - self._live.position) if self._live else 0

    def mark_at(self, number: int, offset: int) -> Mark | None:
        """A mark at an offset of one of the files that were read; ``None`` when it is not known any more."""
        identity = self._identities.get(number)
        if identity is None:
            return None
        for live in self._opened:
            if live.number == number:
                mark = live.mark
                if offset == live.position:
                    return mark
                size = min(TAIL, offset)
                return Mark(mark.identity, offset, os.pread(live.descriptor, size, offset - size))
        return Mark(identity, offset, b"")

    def oldest(self) -> tuple[int, int] | None:
        """Number and offset of the first byte that is in the buffer, or will come into it next."""
        if self.end:
            place = self.place(0)
            return place.file, place.offset
        for step in self._steps:
            if isinstance(step, _Piece):
                return step.number, step.offset
        return (self._live.number, self._live.position) if self._live else None

    @property
    def beside(self) -> list[Identity]:
        """The rotated files that are known."""
        return self._family.known

    def knows(self, number: int) -> bool:
        """Whether a file was read under this path."""
        return number in self._identities

    def forget(self, number: int) -> None:
        """Nothing of files before this one is asked for any more."""
        for old in [known for known in self._identities if known < number]:
            if old != self._began and not any(live.number == old for live in self._late):
                del self._identities[old]

    # Reading

    def _read_live(self) -> int:
        live = self._live
        assert live is not None
        keep = len(live.tail)
        room = min(self._block, len(self.buffer) - self.end - 1)
        with (
            memoryview(self._scratch) as scratch,
            scratch[:keep] as before,
            memoryview(self.buffer) as whole,
            whole[self.end : self.end + room] as view,
        ):
            # What was read last is read again with what follows: if it has changed, so has the file.
            got = os.preadv(live.descriptor, [before, view], live.position - keep)
            same = got >= keep and before == live.tail
        live_size = live.size
        live.size = os.fstat(live.descriptor).st_size
        if not same or live.size < live.position:
            self._replaced(live, live_size)
            return 0
        count = got - keep
        if count:
            self._taken(self.followed, live.number, live.position, count)
            live.took(count, self.buffer, self.end)
            self._identities[live.number] = live.identity
        return count

    def _read_piece(self, piece: _Piece) -> int:
        room = min(self._block, len(self.buffer) - self.end - 1)
        try:
            with memoryview(self.buffer) as whole, whole[self.end : self.end + room] as view:
                count = piece.stream.readinto(view) or 0
        except unpacking_errors() as error:
            self._counters.problems.append(
                Problem(piece.path, f"damaged after byte {piece.offset:,} of its text ({error})", fatal=False)
            )
            count = 0
        if not count:
            piece.stream.close()
            self._steps.popleft()
            return 0
        if not piece.begun:
            piece.begun = True
            if not piece.offset:
                self._counters.files += 1
        self._taken(piece.path, piece.number, piece.offset, count)
        piece.offset += count
        return count

    def _taken(self, path: str, number: int, offset: int, count: int) -> None:
        """Bytes have been read behind the buffer's end: make them part of it."""
        if self._began != number:
            self._began = number
            if self._cut_clean(count):
                self.buffer[self.end + 1 : self.end + 1 + count] = self.buffer[self.end : self.end + count]
                self.buffer[self.end] = 0x0A
                self._counters.bytes -= 1  # it stands in no file
                self.end += 1
            self.begin_file(path, self.end, offset, number)
        self.end += count

    def _cut_clean(self, count: int) -> bool:
        """Whether the file before ended without a line break, and not within a line."""
        if not self.end or self.buffer[self.end - 1] == 0x0A:
            return False
        if begins_entry(self.buffer, self.end, self.end + count):
            return True
        # Perhaps not enough to judge by: what looks like the beginning of a time opens an entry.
        start = bytes(self.buffer[self.end : self.end + min(count, len(_TIME))])
        return len(start) < len(_TIME) and all(
            byte in b"0123456789" if shape == 0x64 else byte == shape
            for byte, shape in zip(start, _TIME, strict=False)
        )

    # What happens to files

    def _look_around(self) -> bool:
        """At the end of the file: was it rotated? Whether there is something else to read now."""
        live = self._live
        assert live is not None
        try:
            there = os.stat(self.followed)
        except OSError:
            return self._look_at_late()  # moved away, and the new file is not there yet
        if (there.st_dev, there.st_ino) != live.inode:
            if os.fstat(live.descriptor).st_size == live.position:
                self._rotated(live)
            return True  # else lines were written between our last read and the rename: first those
        if self._family.changed():
            listing = self._family.listing()
            # Only when nothing had been truncated by the time of the list: else it may hold what is unread.
            if continues(live.descriptor, live.mark) and inode_of(self.followed) == live.inode:
                self._family.commit(listing)
        return self._look_at_late()

    def _came_before(self) -> bool:
        """Whether something is to be read before the open file, of which nothing was read yet: between two
        looks it may have been filled, copied and truncated, or others may have stood at the path."""
        live = self._live
        assert live is not None
        if live.position or not self._family.changed():
            return False
        at_path = inode_of(self.followed) == live.inode
        if not at_path and not self._family.listing().has(live.inode):
            return False  # it is gone: what stands there came after it
        # When it was renamed itself, what came after it has its turn when it has been read.
        listing, _, files = self._family.gather(None, self._open_here, None if at_path else live.inode)
        if at_path:
            self._family.commit(listing)
        self._add(files)
        return bool(files)

    def _rotated(self, live: _Live) -> None:
        """Another file stands at the path: first those that stood there in between, then that one."""
        listing, rest, files = self._family.gather(live.mark, self._open_here)
        if rest is not None:
            rest.stream.close()  # its end has been read through the descriptor that is open
        self._family.know(live.identity)
        self._add(files)
        self._family.commit(listing)
        live.until = time.monotonic() + self._late_seconds
        self._late.append(live)
        self._live = None
        self._from_start = True

    def _replaced(self, live: _Live, size: int) -> None:
        """The file was truncated or written anew: what was not read of it may stand in a copy."""
        unread = max(0, size - live.position)
        listing, rest, files = self._family.gather(live.mark, self._open_here)
        self._family.know(live.identity)
        if rest is not None:
            self._steps.append(
                _Piece(rest.path, rest.stream, live.identity, live.number, live.position, begun=True)
            )
        else:
            self._steps.append(_Barrier())
        if rest is None:
            self._counters.gap_bytes += unread
            lost = f"{unread:,} bytes are lost" if unread else "what came since the last look is lost"
            self._counters.problems.append(
                Problem(
                    self.followed,
                    f"was truncated, and no copy of it was found: behind byte {live.position:,} {lost}",
                    "rotate by renaming, or keep the copy beside it",
                    fatal=False,
                )
            )
        self._add(files)
        self._family.commit(listing)
        self._begin_anew(live)

    def _add(self, files: list[Opened], offset: int = 0) -> None:
        """Files that are to be read, from where they stand, before going on."""
        for file in files:
            piece = _Piece(file.path, file.stream, file.identity, next(_numbers), offset)
            self._identities[piece.number] = piece.identity
            self._steps.append(piece)

    @property
    def _open_here(self) -> list[tuple[int, int]]:
        return [live.inode for live in self._opened]

    @property
    def _opened(self) -> list[_Live]:
        """The files that are open: renamed away, and at the path."""
        return [*self._late, *([self._live] if self._live else [])]

    def _begin_anew(self, live: _Live) -> None:
        """The same file from its beginning, without the hole that a writer's old position leaves."""
        live.head = b""
        live.identity = identify(live.descriptor, b"")
        live.number = next(_numbers)
        live.position, live.tail = 0, b""
        live.size = os.fstat(live.descriptor).st_size
        if live.size and hasattr(os, "SEEK_DATA"):
            with contextlib.suppress(OSError):
                live.position = os.lseek(live.descriptor, 0, os.SEEK_DATA)
                self._counters.nul_bytes += live.position
        self._identities[live.number] = live.identity

    def _look_at_late(self) -> bool:
        """Lines that came into a file after it was renamed away, once the buffer is between lines."""
        now = time.monotonic()
        for late in list(self._late):
            size = os.fstat(late.descriptor).st_size
            if size > late.position and (not self.end or self.buffer[self.end - 1] == 0x0A):
                stream = open_bytes(f"/dev/fd/{late.descriptor}", late.position)
                self._steps += (
                    _Barrier(),
                    _Piece(self.followed, stream, late.identity, late.number, late.position, begun=True),
                    _Barrier(),
                )
                late.position, late.tail = size, b""
                late.until = now + self._late_seconds
                return True
            if now > late.until:
                os.close(late.descriptor)
                self._late.remove(late)
        return False

    # Opening

    def _open(self) -> bool:
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            self._from_start = True  # whatever comes to stand there is new
            self._complain(reason_of(error))
            return False
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            os.close(descriptor)
            self._complain("is no regular file")
            return False
        self._complaint = ""
        live = _Live(descriptor, identify(descriptor, b""), next(_numbers), size=about.st_size)
        if not self._from_start and about.st_size:
            live.begin(about.st_size)
            self.at_line_start = live.tail.endswith(b"\n")
        self._take_up(live)
        return True

    def _take_up(self, live: _Live) -> None:
        if not self._family.learned:
            self._family.commit(self._family.listing())
        self._live = live
        self._identities[live.number] = live.identity
        self._counters.files += 1
        if len(self._identities) > FILES:
            self.forget(sorted(self._identities)[-FILES])

    def _go_on_at(self, mark: Mark) -> None:
        """Take up where another run stopped: what was read then may have been rotated since."""
        self._from_start = True
        if self._take_up_at(mark, same_inode=True):
            return
        _, rest, files = self._family.gather(mark, (), resuming=True)
        if rest is not None:
            self._family.know(mark.identity)
            self._add([rest], mark.position)
        elif mark.identity.head_size:
            if self._take_up_at(mark, same_inode=False):  # moved from another disk, or restored
                return
            self._counters.problems.append(
                Problem(
                    self.followed,
                    "the file that was read under this name before is not there any more",
                    "what is there now is read from its beginning; lines in between may be lost",
                    fatal=False,
                )
            )
        if rest is not None or self._family.learned:
            self._add(files)
        else:
            for file in files:
                file.stream.close()

    def _take_up_at(self, mark: Mark, same_inode: bool) -> bool:
        """Go on in the file that stands at the path, when it holds what was read up to the mark."""
        try:
            descriptor = os.open(self.followed, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        live = _Live(descriptor, identify(descriptor), next(_numbers), size=os.fstat(descriptor).st_size)
        same = live.inode == (mark.identity.device, mark.identity.inode)
        if same != same_inode or not continues(descriptor, mark):
            os.close(descriptor)
            return False
        live.begin(mark.position)
        self.at_line_start = not mark.position or live.tail.endswith(b"\n")
        self._take_up(live)
        return True

    def _read_stdin(self) -> int:
        if self._live is None:
            self._live = _Live(os.dup(sys.stdin.fileno()), Identity(0, 0, 0, ""), next(_numbers))
        descriptor = self._live.descriptor
        if not select.select([descriptor], [], [], 0)[0]:
            return 0
        room = min(self._block, len(self.buffer) - self.end - 1)
        with memoryview(self.buffer) as whole, whole[self.end : self.end + room] as view:
            count = os.readv(descriptor, [view])
        if count:
            self._taken(STDIN, self._live.number, 0, count)
        self.ended = not count
        return count

    def _complain(self, reason: str) -> None:
        """Tell once why a path cannot be followed; it is tried again all the same."""
        if reason != self._complaint:
            self._complaint = reason
            hint = "waiting for it" if "no such file" in reason else "trying again"
            self._counters.problems.append(Problem(self.followed, reason, hint, fatal=False))
