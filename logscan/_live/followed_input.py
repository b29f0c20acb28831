"""The growing bytes of one input in a buffer: what files and standard input have in common."""

from __future__ import annotations

import os
import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count as counter

from logscan._entries.layouts import begins_entry
from logscan._live.options import FollowOptions
from logscan._reading.buffer import Buffer
from logscan._reading.fingerprint import Identity, Mark
from logscan._reading.unpack import STDIN
from logscan.values import Counters

SMALL = 1 << 17
"""Bytes of a quiet input's buffer; more than the sample by which its layout is judged."""
_TIME = b"dddd-dd-dd dd:dd:dd"

file_numbers = counter(1)
"""Numbers each file, and each text that stands in one after another, in the order of reading."""


class FollowedInput(Buffer, ABC):
    """An input that grows.

    Attributes:
        followed: the path that is followed; ``path`` is the file that was read last.
        restarted: set by ``poll`` when what follows does not continue what is in the buffer: scan the
            buffer to its end, then call ``resume``.
        ended: standard input has been closed; nothing follows.
        at_line_start: whether reading began where a line begins; else the first line is not whole.
        is_stream: whether it is a pipe, of which nothing can be read again.
        lacks_descriptor: whether it cannot be opened because too many files are open.
    """

    is_stream = False

    def __init__(self, path: str, counters: Counters, options: FollowOptions) -> None:
        self._most = options.max_entry_bytes + options.block + 1
        super().__init__(0, counters, count_lines=options.entries)
        self.followed = path
        self.restarted = False
        self.ended = False
        self.lacks_descriptor = False
        self.at_line_start = True
        self._block = options.block
        self._last_number: int | None = None
        """Number of the file that was read last."""

    @abstractmethod
    def poll(self) -> int:
        """Read what was appended, up to a block; 0 when there is nothing now."""

    @abstractmethod
    def close(self) -> None:
        """Release the files."""

    def begin(self) -> None:
        """Settle where reading begins: what is written from now on is read."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is to be done until something happens at the path."""
        return False

    def has_news(self) -> bool:
        """Whether there may be something to read, by one cheap look."""
        return True

    def resume(self) -> None:
        """Go on: the buffer has been scanned to its end."""
        self.restarted = False

    def shrink(self) -> None:
        """Give back memory that a quiet input does not need."""
        del self.buffer[self.end :]

    # What a checkpoint needs: standard input has none of it.

    @property
    def lag(self) -> tuple[int, float]:
        """Bytes that are known to be there and were not read yet, and for how many seconds the first of them
        has been there: at least, where it was there before it was looked at."""
        return 0, 0.0

    def beside(self, number: int | None) -> Sequence[Identity]:  # noqa: ARG002 - standard input has none
        """The rotated files that a run which begins in the file of a number need not read: those that were
        not read after it. Without a number: all that are known."""
        return ()

    def has_read(self, number: int) -> bool:  # noqa: ARG002 - of a file
        """Whether this file was read under this path."""
        return False

    def oldest(self) -> tuple[int, int] | None:
        """Number and offset of the first byte that is in the buffer, or is read next."""
        return None

    def mark_at(self, number: int, offset: int) -> Mark | None:  # noqa: ARG002 - of a file
        """A mark at an offset of a file that was read; ``None`` when it is not known any more."""
        return None

    def forget(self, number: int) -> None:
        """Forget the files before this one: nobody needs marks in them."""

    @contextmanager
    def _free_space(self, wanted: int = SMALL) -> Iterator[memoryview]:
        """The place in the buffer for so many bytes, a block at most."""
        missing = min(wanted, self._block) - (len(self.buffer) - self.end - 1)
        if missing > 0:  # no more than that: many files may have a few new lines at once
            self.buffer.extend(bytes(max(0, min(missing, self._most - len(self.buffer)))))
        size = min(self._block, len(self.buffer) - self.end - 1)
        with memoryview(self.buffer) as whole, whole[self.end : self.end + size] as view:
            yield view

    def _append(self, path: str, number: int, offset: int, count: int) -> None:
        """Make bytes that were read into the free space part of the buffer; ``offset``: in their file."""
        if self._last_number != number:
            self._last_number = number
            if self._lacks_line_break(count):
                self.buffer[self.end + 1 : self.end + 1 + count] = self.buffer[self.end : self.end + count]
                self.buffer[self.end] = 0x0A
                self._counters.bytes -= 1  # it stands in no file
                self.end += 1
            self.begin_file(path, self.end, offset, number)
        self.end += count
        if self.end + 1 >= len(self.buffer):  # perhaps there is more: up to a block is read at once
            self.buffer.extend(bytes(min(len(self.buffer), self._most - len(self.buffer))))

    def _lacks_line_break(self, count: int) -> bool:
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


class FollowedStream(FollowedInput):
    """Standard input until it is closed, or a named pipe, whose writers may come and go."""

    is_stream = True

    def __init__(self, path: str, counters: Counters, options: FollowOptions) -> None:
        super().__init__(path, counters, options)
        if path == STDIN:
            self.descriptor = os.dup(sys.stdin.fileno())
        else:
            try:  # with a writer of its own a pipe never ends: the next writer's lines are read as well
                self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            except PermissionError:
                self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._number = next(file_numbers)

    def poll(self) -> int:
        """See :meth:`FollowedInput.poll`."""
        if self.restarted or self.ended or not select.select([self.descriptor], [], [], 0)[0]:
            return 0
        with self._free_space() as view:
            count = os.readv(self.descriptor, [view])
        if count:
            self._append(self.followed, self._number, 0, count)
        self.ended = not count and self.followed == STDIN
        return count

    def close(self) -> None:
        """See :meth:`FollowedInput.close`."""
        os.close(self.descriptor)
