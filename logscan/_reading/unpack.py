"""Unpacking: a file, an address or standard input becomes the bytes of its text, whatever packs it."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import queue
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from logscan._reading.decompressors import CODECS, MAGIC, Unpacked, unpacking_errors
from logscan._reading.remote import is_remote
from logscan.errors import InputError, reason_of
from logscan.nodes import Kind, descriptor_named, kind_of, logged_wait

STDIN = "-"


class ByteStream(Protocol):
    """Unpacked bytes of one file."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Fill a buffer as far as bytes are at hand; 0 at the end."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


Kept = TypeVar("Kept", bytes, memoryview)


def take(view: memoryview, kept: Kept) -> tuple[int, Kept]:
    """Move as many bytes as fit into a buffer: their number, and what is left."""
    count = min(len(view), len(kept))
    view[:count] = kept[:count]
    return count, kept[count:]


class RawBytes(io.RawIOBase):
    """The bytes of a descriptor.

    Args:
        descriptor: closed with this object, but for standard input.
        forget: advise the kernel, at the end, that the bytes will not be needed again.
    """

    def __init__(self, descriptor: int, forget: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._forget = forget and hasattr(os, "posix_fadvise")

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def readinto(self, view: Any, /) -> int:
        """See :class:`ByteStream`."""
        return os.readv(self._descriptor, [view])

    def close(self) -> None:
        """See :class:`ByteStream`."""
        is_closed = self.closed
        super().close()  # first, so that a signal in between has no descriptor closed twice
        if not is_closed and self._descriptor != 0:
            if self._forget:
                # A host that serves traffic wants its page cache for that, not for last night's log.
                with contextlib.suppress(OSError):
                    os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(self._descriptor)


class Rejoined(io.RawIOBase):
    """Bytes that were already read, to see what they are, and the stream after them."""

    def __init__(self, head: bytes, rest: ByteStream) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def readinto(self, view: Any, /) -> int:
        """See :class:`ByteStream`."""
        if self._head:
            count, self._head = take(view, self._head)
            return count
        return self._rest.readinto(view) or 0

    def close(self) -> None:
        """See :class:`ByteStream`."""
        if not self.closed:
            self._rest.close()
        super().close()

    def __del__(self) -> None: ...  # in the end of an object a signal would be lost


class _Transcoded(io.RawIOBase):
    """UTF-16 or UTF-32 turned into UTF-8, so that the same needles are found."""

    def __init__(self, raw: io.RawIOBase, encoding: str) -> None:
        super().__init__()
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readinto(self, view: Any, /) -> int:
        while not self._rest:
            data = self._raw.read(1 << 16) or b""
            self._rest = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data and not self._rest:
                return 0
        count, self._rest = take(view, self._rest)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Ahead(io.RawIOBase):
    """A packed file that is unpacked in a thread of its own, while what it gave is being scanned."""

    BLOCK = 1 << 19
    BLOCKS = 4

    def __init__(self, packed: Unpacked) -> None:
        super().__init__()
        self._packed = packed
        self._ready: queue.Queue[bytes | Exception] = queue.Queue(self.BLOCKS)
        self._block = memoryview(b"")
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="unpack", daemon=True)
        self._thread.start()

    def readinto(self, view: Any, /) -> int:
        if not self._block and not self._ended:
            block = self._ready.get()
            if isinstance(block, Exception):
                self._ended = True
                raise block
            self._ended = not block
            self._block = memoryview(block)
        count, self._block = take(view, self._block)
        return count

    def close(self) -> None:
        self._ended = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._ready.get(timeout=0.01)
        self._packed.close()
        super().close()

    def _run(self) -> None:
        try:
            while block := self._packed.block(self.BLOCK):
                self._ready.put(block)
                if self._ended:
                    return
            self._ready.put(b"")
        except Exception as error:  # noqa: BLE001 - raised where the bytes are used
            self._ready.put(error)


class Packing(NamedTuple):
    """How a file's bytes hold its text."""

    codec: str
    """``gzip``, ``zstd``, ``bzip2``, ``xz``; empty: not packed."""
    encoding: str
    """Python's name of the encoding where it is not the log's own: ``utf-16``, ``utf-32``, ``utf-8-sig`` …"""

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are the text: any offset can be read at once."""
        return not self.codec and not self.encoding


PLAIN = Packing("", "")


def packing_of(head: bytes) -> Packing:
    """The packing that a file's first :data:`MAGIC` bytes show."""
    for magic, codec, _ in CODECS:
        if head.startswith(magic):
            return Packing(codec, "")
    return Packing("", "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else _wide_encoding(head))


def open_bytes(path: str, skip: int = 0, *, forget: bool = False, ahead: bool = False) -> ByteStream:
    """Open a file (or ``-``) for its unpacked bytes; its content shows its packing.

    Args:
        path: the file.
        skip: begin at this unpacked byte; where the file is packed, the bytes before are read and dropped.
        forget: advise the kernel that these bytes will not be needed again.
        ahead: unpack in a thread of its own.

    Raises:
        InputError: the file cannot be opened.
    """
    raw, head = _opened(path, skip, forget)
    if head is None:
        return raw
    stream = text_of(head, raw, ahead)
    with memoryview(bytearray(1 << 16)) as dropped:
        while skip and (count := stream.readinto(dropped[: min(skip, len(dropped))])):
            skip -= count
    return stream


def _opened(path: str, skip: int, forget: bool) -> tuple[ByteStream, bytes | None]:
    """A file's raw bytes, and those that were read to see its packing; ``None`` where it is plain and stands
    at ``skip``."""
    if is_remote(path):
        from logscan._reading import remote

        if skip and packing_of(remote.read_at(path, 0, MAGIC)).is_plain:
            return remote.open_file(path, skip), None
        file = remote.open_file(path)
        return file, read_up_to(file, MAGIC)
    descriptor = open_descriptor(path)
    raw = RawBytes(descriptor, forget)
    try:
        if skip and stat.S_ISREG(os.fstat(descriptor).st_mode):
            if packing_of(os.pread(descriptor, MAGIC, 0)).is_plain:
                os.lseek(descriptor, skip, os.SEEK_SET)
                return raw, None
            os.lseek(descriptor, 0, os.SEEK_SET)
        return raw, read_up_to(raw, MAGIC)
    except OSError as error:
        raw.close()
        raise InputError(f"{path}: {reason_of(error)}") from error


def read_up_to(stream: ByteStream, size: int, errors: tuple[type[Exception], ...] = ()) -> bytes:
    """So many bytes of a stream; fewer at its end, or where one of some errors ends it."""
    data = bytearray(size)
    end = 0
    with contextlib.suppress(*errors), memoryview(data) as view:
        while end < size and (count := stream.readinto(view[end:])):
            end += count
    return bytes(data[:end])


def text_of(head: bytes, rest: ByteStream, ahead: bool = False) -> ByteStream:
    """The text of a stream whose first bytes were read to see its packing."""
    codec, encoding = packing_of(head)
    if codec:
        make = next(make for _, name, make in CODECS if name == codec)
        packed = Unpacked(Rejoined(head, rest), make)
        return _Ahead(packed) if ahead else packed
    if encoding.startswith(("utf-16", "utf-32")):
        return _Transcoded(Rejoined(head, rest), encoding)
    return Rejoined(head.removeprefix(codecs.BOM_UTF8), rest)


def read_at(path: str, offset: int, size: int) -> bytes:
    """Some bytes of a plain file, fewer at its end.

    Raises:
        OSError: a local file that cannot be read.
        InputError: a remote file that cannot be read.
    """
    with open_at_offsets(path) as read:
        return read(offset, size)


@contextlib.contextmanager
def open_at_offsets(path: str) -> Iterator[Callable[[int, int], bytes]]:
    """A function that gives bytes of a plain file by offset and size, for several looks at one opened file.

    Raises:
        OSError: a local file that cannot be opened or read.
        InputError: a remote file that cannot be read.
    """
    if is_remote(path):
        from logscan._reading import remote

        yield partial(remote.read_at, path)
        return
    with open(path, "rb", buffering=0) as file:
        yield lambda offset, size: os.pread(file.fileno(), size, offset)


def first_bytes(path: str, size: int) -> bytes:
    """The first bytes of a file's text, fewer where it is shorter or damaged, none where it cannot be opened:
    its reader reports that."""
    with contextlib.suppress(InputError), contextlib.closing(open_bytes(path)) as stream:
        return read_up_to(stream, size, unpacking_errors())
    return b""


def open_descriptor(path: str) -> int:
    """Open a local file, or standard input. A FIFO waits for its writer; after a second that is logged.

    Raises:
        InputError: it cannot be opened, or is a directory.
    """
    if path == STDIN:
        return sys.stdin.fileno()
    try:
        with logged_wait(path, "a writer"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        own = descriptor_named(path)
        if error.errno == errno.ENXIO and own is not None:
            return os.dup(own)  # a socket that this process has open
        if kind_of(path) is Kind.SOCKET:
            raise InputError(f"{path}: is a socket", "let a program read it, and give its output") from error
        hint = ""
        if isinstance(error, FileNotFoundError):
            hint = "check the path"
        elif isinstance(error, PermissionError):
            hint = "run as a user who may read it, with sudo for instance"
        raise InputError(f"{path}: {reason_of(error)}", hint) from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: is a directory")
    return descriptor


def _wide_encoding(head: bytes) -> str:
    """UTF-32 or UTF-16, by its mark or by the zero bytes between Latin letters."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:32]
    if len(sample) >= 8:
        for name, letter in (("utf-32-le", 0), ("utf-32-be", 3)):
            others = [sample[at::4] for at in range(4) if at != letter]
            if all(sample[letter::4]) and not any(map(any, others)):
                return name
        if not any(sample[1::2]) and all(sample[0::2]):
            return "utf-16-le"
        if not any(sample[0::2]) and all(sample[1::2]):
            return "utf-16-be"
    return ""
