"""Blocks: one reused buffer moves over a stream of files.

The buffer keeps what the scanner has not finished with (the beginning of an entry whose end was not yet
read) before the bytes that are read next, so that an entry is always whole in memory, across blocks and
across the files of a rotated family.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from operator import itemgetter

from logscan._reading.decompressors import TrailingError, unpacking_errors
from logscan._reading.paths import LogFile, Stream
from logscan._reading.unpack import ByteStream
from logscan.errors import InputError, first_line
from logscan.values import Counters, Place, Problem

BLOCK = 1 << 20
"""Bytes read at once: small enough to stay in the processor's cache while it is scanned."""
_HEADER_BYTES = 4096
"""Enough of a file to see whether an entry begins with it."""


class Buffer:
    """Bytes of consecutive files, with the knowledge of which byte of which file each is.

    Attributes:
        buffer: the bytes; only ``buffer[:end]`` counts.
        end: how many bytes are in it.
        path: the file that was read last.

    Args:
        size: the most that it can hold.
        counters: takes lines.
        count_lines: keep line numbers and count lines.
    """

    def __init__(self, size: int, counters: Counters, count_lines: bool = False) -> None:
        self.buffer = bytearray(size)
        self.end = 0
        self.path = ""
        self._counters = counters
        self._count_lines = count_lines
        self._base = 0
        """Offset in the stream of the buffer's first byte."""
        self._segments: list[tuple[int, str, int, int]] = []
        """Where each file begins in the stream, its path, the offset in it that this is, its number."""
        self._line = (0, 1)
        """A stream offset and the number of the line there."""

    def consume(self, count: int, own: bool = True) -> None:
        """Forget the first bytes of the buffer; with ``own`` they count as scanned."""
        if own:
            self._counters.bytes += count
        if self._count_lines and count:
            self._counters.lines += self.buffer.count(b"\n", 0, count)
            self.line(count)
        rest = self.end - count
        self.buffer[:rest] = self.buffer[count : self.end]
        self._base += count
        self.end = rest

    def stop_at(self) -> int | None:
        """Offset in the buffer from which on entries are another reader's; ``None``: not read yet."""
        return None

    def place(self, offset: int) -> Place:
        """The file and the offset in it of a byte of the buffer."""
        begin, path, skipped, number = self._segment(offset)
        return Place(path, self._base + offset - begin + skipped, number)

    def boundaries(self, end: int) -> list[int]:
        """Where, within the first bytes, another file begins."""
        if len(self._segments) == 1:
            return []
        begins = (segment[0] - self._base for segment in self._segments)
        return [begin for begin in begins if 0 < begin < end]

    def line(self, offset: int) -> int:
        """The number, in its file, of the line at an offset. Ask in ascending order."""
        begin = self._segment(offset)[0]
        known, number = self._line
        if begin > known:
            known, number = begin, 1
        number += self.buffer.count(b"\n", known - self._base, offset)
        self._line = (self._base + offset, number)
        return number

    def begin_file(self, path: str, at: int, skipped: int = 0, number: int = 0) -> None:
        """The bytes from an offset on come from this file, from its byte ``skipped`` on."""
        self.path = path
        del self._segments[: self._index(0)]  # files that have left the buffer
        self._segments.append((self._base + at, path, skipped, number))

    def _segment(self, offset: int) -> tuple[int, str, int, int]:
        return self._segments[self._index(offset)]

    def _index(self, offset: int) -> int:
        if len(self._segments) == 1:
            return 0
        return max(0, bisect_right(self._segments, self._base + offset, key=itemgetter(0)) - 1)


class BlockReader(Buffer):
    """The bytes of consecutive files in one buffer: ``fill``, look, ``consume``.

    Attributes:
        final: whether nothing comes after the bytes in the buffer.
        broken: whether a file is missing or damaged.
        remaining: files of the stream that were not begun because a file before them is missing or
            damaged: what they hold does not continue what was read.

    Args:
        stream: files, oldest first.
        counters: takes files, bytes, lines and problems.
        keep: the most that can be carried over to the next block.
        begins_entry: whether an entry begins at an offset of the buffer; asked where one file ends
            without a line break and the next begins.
        count_lines: keep line numbers and count lines.
        block: bytes read at once.
        start: where to begin: the index of a file in the stream, and a byte of that file.
        stop: the index and the byte from which on entries are another reader's.
        forget: advise the kernel that these bytes will not be needed again.
    """

    def __init__(
        self,
        stream: Stream,
        counters: Counters,
        keep: int,
        begins_entry: Callable[[bytearray, int, int], bool],
        *,
        count_lines: bool = False,
        block: int = BLOCK,
        start: tuple[int, int] = (0, 0),
        stop: tuple[int, int] | None = None,
        forget: bool = False,
    ) -> None:
        super().__init__(keep + block + _HEADER_BYTES, counters, count_lines)
        self.final = False
        self.broken = False
        self.remaining: Stream = ()
        self._block = block
        self._file_index, self._skip = start
        self._stop = stop
        self._stop_base: int | None = None
        """Offset in the stream of the stop, once its file has been reached."""
        self._files = list(stream[self._file_index :])
        self._begins_entry = begins_entry
        self._forget = forget
        self._open: ByteStream | None = None

    def fill(self) -> bool:
        """Append the next block; ``False`` when there is no more."""
        while not self.final:
            if self._open is None:
                before = self.end
                if not self._next():
                    break
                if self.end > before:
                    return True
                continue
            room = min(self._block, len(self.buffer) - self.end)
            count = self._read(self.end, room)
            if count:
                self.end += count
                return True
        return False

    def stop_at(self) -> int | None:
        """See :meth:`Buffer.stop_at`."""
        return None if self._stop_base is None else self._stop_base - self._base

    def close(self) -> None:
        """Release the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _next(self) -> bool:
        """Open the next file; at a fault, end here and leave the files after it for later."""
        if not self._files:
            self.final = True
            return False
        file = self._files.pop(0)
        skip, self._skip = self._skip, 0
        index = self._file_index
        self._file_index += 1
        try:
            self._open = file.open(skip, forget=self._forget)
        except InputError as error:
            self._fault(file, str(error).removeprefix(f"{file.path}: "), error.hint)
            return False
        self.path = file.path
        if not skip and (self._stop is None or (index, 0) < self._stop):
            self._counters.files += 1
        last_line = self.buffer[self.buffer.rfind(b"\n", 0, self.end) + 1 : self.end]
        unfinished = bool(last_line.lstrip(b"\0"))
        begin = self.end
        if unfinished:
            # The file before ended within a line. Was it cut there, or left without a line break?
            count = 0
            while count < _HEADER_BYTES and self._open is not None:
                count += self._read(begin + 1 + count, _HEADER_BYTES - count)
            if self._begins_entry(self.buffer, begin + 1, begin + 1 + count):
                self.buffer[begin] = 0x0A
                self._counters.bytes -= 1  # it stands in no file
                begin += 1
                self.end = begin + count
            else:
                self.buffer[begin : begin + count] = self.buffer[begin + 1 : begin + 1 + count]
                self.end = begin + count
        self.begin_file(file.path, begin, skip)
        if self._stop is not None and index == self._stop[0]:
            self._stop_base = self._base + begin + self._stop[1] - skip
        return True

    def _read(self, at: int, room: int) -> int:
        """Read into the buffer; damage ends the stream here, with what was read before it."""
        assert self._open is not None
        try:
            with memoryview(self.buffer) as whole, whole[at : at + room] as view:
                count = self._open.readinto(view) or 0
        except TrailingError as error:
            self.close()
            self._fault(
                LogFile(self.path, "", (0, "", 0)), f"{first_line(error)}: they were not read",
                "all of the packed text was read; are two files in one?",
            )  # fmt: skip
            return 0
        except unpacking_errors() as error:
            self.close()
            self._fault(
                LogFile(self.path, "", (0, "", 0)),
                f"damaged after byte {self._unpacked():,} of its unpacked text ({first_line(error)})",
                "what stands before was read; the rest of this file is lost",
            )
            return 0
        if not count:
            self.close()
        return count

    def _unpacked(self) -> int:
        return self.place(self.end).offset if self._segments else 0

    def _fault(self, file: LogFile, reason: str, hint: str) -> None:
        self._counters.problems.append(Problem(file.path, reason, hint))
        self.broken = True
        self.remaining = tuple(self._files)
        self._files.clear()
        self.final = True
