"""Follow: the same buffer over a file that is still being written.

One :class:`FollowedFile` reads what is appended to a path. A rename rotation (another file stands at the
path) is followed to the end of the old file, then into the new one as its continuation; a truncation
begins anew. Polling only looks at the file's size and identity.
"""

from __future__ import annotations

import os
import select
import stat
import sys

from logscan.blocks import BLOCK, Buffer
from logscan.models import Counters, Problem
from logscan.sources import STDIN, reason_of


class FollowedFile(Buffer):
    """The growing bytes of one path.

    Attributes:
        restarted: set by ``poll`` when what follows does not continue what is in the buffer (the file
            was truncated): scan the buffer to its end, then call ``resume``.
        ended: standard input has been closed; nothing comes any more.

    Args:
        path: a file, there or not yet, or ``-``.
        counters: takes bytes, files and problems.
        keep: the most that can be carried over to the next block.
        from_start: read what is in the file already; else begin at its end.
        count_lines: keep line numbers.
        block: bytes read at once.
    """

    def __init__(
        self,
        path: str,
        counters: Counters,
        keep: int,
        from_start: bool = False,
        count_lines: bool = False,
        block: int = BLOCK,
    ) -> None:
        super().__init__(keep + block + 1, counters, count_lines)
        self.path = path
        self.restarted = False
        self.ended = False
        self.at_line_start = True
        """Whether reading began where a line begins; else the first line is not whole."""
        self._block = block
        self._from_start = from_start
        self._descriptor: int | None = None
        self._identity = (0, 0)
        self._position = 0
        self._complaint = ""

    def poll(self) -> int:
        """Read what has been appended, up to a block; 0 when there is nothing now."""
        if self.restarted or self.ended:
            return 0
        if self.path == STDIN:
            return self._read_stdin()
        if self._descriptor is None and not self._open():
            return 0
        count = self._read()
        if count:
            return count
        return self._look_around()

    def resume(self) -> None:
        """Go on at the beginning of the truncated file."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._position = 0
        self.restarted = False
        self.begin_file(self.path, self.end)

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self) -> int:
        assert self._descriptor is not None
        room = min(self._block, len(self.buffer) - self.end)
        with memoryview(self.buffer) as whole, whole[self.end : self.end + room] as view:
            count = os.readv(self._descriptor, [view])
        self.end += count
        self._position += count
        return count

    def _look_around(self) -> int:
        """At the end of the file: was it rotated or truncated?"""
        assert self._descriptor is not None
        try:
            there = os.stat(self.path)
        except OSError:
            return 0  # moved away, and the new file is not there yet
        if (there.st_dev, there.st_ino) != self._identity:
            # Lines may have been written between our last read and the rename: first the old file's end.
            count = self._read()
            if count:
                return count
            self.close()
            self._from_start = True
            if self.end and self.buffer[self.end - 1] != 0x0A:
                self.buffer[self.end] = 0x0A
                self.end += 1
            return self._read() if self._open() else 0
        if there.st_size < self._position:
            self.restarted = True
        return 0

    def _open(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._from_start = True  # whatever comes to stand there is new
            self._complain(reason_of(error))
            return False
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            os.close(descriptor)
            self._complain("is no regular file")
            self.ended = True
            return False
        self._descriptor = descriptor
        self._identity = (about.st_dev, about.st_ino)
        self._position = 0
        self._complaint = ""
        if not self._from_start and about.st_size:
            self._position = about.st_size
            self.at_line_start = os.pread(descriptor, 1, about.st_size - 1) == b"\n"
            os.lseek(descriptor, about.st_size, os.SEEK_SET)
        self._counters.files += 1
        self.begin_file(self.path, self.end, self._position)
        return True

    def _read_stdin(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.dup(sys.stdin.fileno())
            self.begin_file(STDIN, 0)
        if not select.select([self._descriptor], [], [], 0)[0]:
            return 0
        count = self._read()
        self.ended = not count
        return count

    def _complain(self, reason: str) -> None:
        """Tell once why a path cannot be followed; it is tried again all the same."""
        if reason != self._complaint:
            self._complaint = reason
            hint = "waiting for it" if "no such file" in reason else ""
            self._counters.problems.append(Problem(self.path, reason, hint, fatal=False))
