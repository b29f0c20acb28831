"""Unpacking: a file, an address or standard input becomes the bytes of its text, whatever packs it."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import io
import lzma
import os
import queue
import stat
import sys
import threading
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

from logscan.errors import InputError, reason_of
from logscan.reading.remote import is_remote

STDIN = "-"


class ByteStream(Protocol):
    """Unpacked bytes of one file."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Fill a buffer as far as bytes are at hand; 0 at the end."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class _Raw(io.RawIOBase):
    """The bytes of a descriptor."""

    def __init__(self, descriptor: int, forget: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._forget = forget and hasattr(os, "posix_fadvise")

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any, /) -> int:
        return os.readv(self._descriptor, [view])

    def close(self) -> None:
        if not self.closed and self._descriptor != 0:
            if self._forget:
                # A host that serves traffic wants its page cache for that, not for last night's log.
                with contextlib.suppress(OSError):
                    os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(self._descriptor)
        super().close()


class _Whole(io.RawIOBase):
    """Bytes that were already read, to see what they are, and the rest behind them."""

    def __init__(self, head: bytes, rest: ByteStream) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any, /) -> int:
        if self._head:
            count = min(len(self._head), len(view))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        return self._rest.readinto(view) or 0

    def close(self) -> None:
        if not self.closed:
            self._rest.close()
        super().close()


class _Transcoded(io.RawIOBase):
    """UTF-16 turned into UTF-8, so that the same needles are found."""

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
        count = min(len(self._rest), len(view))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Decompressor(Protocol):
    """What the unpackers of bz2, lzma, zstd and igzip have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """A packed file as its unpacked bytes, member after member.

    All that can be unpacked is delivered before damage raises: the bytes in front of it are good.
    """

    CHUNK = 1 << 17

    def __init__(self, raw: io.RawIOBase, make: Callable[[], _Decompressor]) -> None:
        super().__init__()
        self._raw = raw
        self._make = make
        self._member = make()
        self._input = b""

    def readinto(self, view: Any, /) -> int:
        unpacked = self.block(len(view))
        view[: len(unpacked)] = unpacked
        return len(unpacked)

    def block(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while True:
            member = self._member
            if member.eof:
                self._input = (member.unused_data or b"").lstrip(b"\0") or self._input.lstrip(b"\0")
                while not self._input:
                    more = self._raw.read(self.CHUNK)
                    if not more:
                        return b""
                    self._input = more.lstrip(b"\0")
                member = self._member = self._make()
            if member.needs_input and not self._input:
                self._input = self._raw.read(self.CHUNK) or b""
                if not self._input:
                    raise EOFError("it ends in the middle")
            data, self._input = self._input, b""
            unpacked = member.decompress(data, size)
            if unpacked:
                return unpacked

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Ahead(io.RawIOBase):
    """A packed file that is unpacked in a thread of its own, while what it gave is being scanned."""

    BLOCK = 1 << 19
    BLOCKS = 4

    def __init__(self, packed: _Unpacked) -> None:
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
        count = min(len(view), len(self._block))
        view[:count] = self._block[:count]
        self._block = self._block[count:]
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


class _ZlibGzip:
    """igzip's interface over the standard library's slower unpacker, where isal has no wheel."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max(0, max_length))


def _gzip() -> _Decompressor:
    try:
        from isal import igzip_lib
    except ImportError:
        return _ZlibGzip()
    make: Any = igzip_lib.IgzipDecompressor
    return cast("_Decompressor", make(flag=igzip_lib.DECOMP_GZIP))


def _zstd() -> _Decompressor:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    return cast("_Decompressor", ZstdDecompressor())


_UNPACKERS: tuple[tuple[bytes, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b", _gzip),
    (b"\x28\xb5\x2f\xfd", _zstd),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
)


def open_bytes(path: str, skip: int = 0, forget: bool = False, ahead: bool = False) -> ByteStream:
    """Open a file (or ``-``) for its unpacked bytes; what packs them is told by content.

    Args:
        path: the file.
        skip: begin at this unpacked byte; where bytes cannot be skipped they are read and dropped.
        forget: tell the kernel that what was read will not be needed again.
        ahead: unpack in a thread of its own.

    Raises:
        InputError: the file cannot be opened.
    """
    if skip and plain_size(path) is None:
        stream = open_bytes(path, ahead=ahead)
        with memoryview(bytearray(1 << 16)) as dropped:
            while skip and (count := stream.readinto(dropped[: min(skip, len(dropped))])):
                skip -= count
        return stream
    if is_remote(path):
        return _open_remote(path, skip, ahead)
    descriptor = _open(path)
    if skip:
        os.lseek(descriptor, skip, os.SEEK_SET)
        return _Raw(descriptor, forget=forget)
    head = b""
    while len(head) < _MAGIC:
        try:
            more = os.read(descriptor, 64)
        except OSError as error:
            raise InputError(f"{path}: {reason_of(error)}") from error
        if not more:
            break
        head += more
    return _unpacked(head, _Raw(descriptor, forget), ahead)


_MAGIC = 32
"""Bytes of a beginning that tell what packs a file."""

Opener = Callable[[str], "ByteStream"]

_OPENERS: dict[str, Opener] = {}


def register(scheme: str, opener: Opener) -> None:
    """Let addresses of a scheme be read by other means than fsspec: their text, from its beginning."""
    _OPENERS[scheme] = opener


def _open_remote(path: str, skip: int, ahead: bool) -> ByteStream:
    own = _OPENERS.get(path.partition("://")[0])
    if own is not None:
        return own(path)
    from logscan.reading.remote import RemoteFile

    file = RemoteFile(path, skip)
    if skip:
        return file
    head = b""
    while len(head) < _MAGIC and (more := file.read(64)):
        head += more
    return _unpacked(head, file, ahead)


def _unpacked(head: bytes, rest: ByteStream, ahead: bool) -> ByteStream:
    """A file's text, by what its first bytes say of it."""
    for magic, unpack in _UNPACKERS:
        if head.startswith(magic):
            packed = _Unpacked(_Whole(head, rest), unpack)
            return _Ahead(packed) if ahead else packed
    encoding = _wide_encoding(head)
    if encoding:
        return _Transcoded(_Whole(head, rest), encoding)
    return _Whole(head.removeprefix(codecs.BOM_UTF8), rest)


def size_of(path: str) -> int:
    """The size of a file as it lies there; 0 where that cannot be told.

    Raises:
        OSError: a file that cannot be looked at.
        InputError: the same, beyond the disk.
    """
    if is_remote(path):
        from logscan.reading import remote

        return remote.size(path) or 0
    return os.path.getsize(path)


def size_or_zero(path: str) -> int:
    """The same, 0 where a file cannot be looked at: whoever reads it is told that."""
    with contextlib.suppress(OSError, InputError):
        return size_of(path)
    return 0


def read_at(path: str, offset: int, size: int) -> bytes:
    """Some bytes of a plain file, fewer at its end.

    Raises:
        OSError: a file that cannot be read.
        InputError: the same, beyond the disk.
    """
    if is_remote(path):
        from logscan.reading import remote

        return remote.read_at(path, offset, size)
    with open(path, "rb") as file:
        return os.pread(file.fileno(), size, offset)


def first_bytes(path: str, size: int) -> bytes:
    """The first bytes of an unpacked file, fewer where it is shorter or damaged, none where it cannot be
    opened: whoever reads the file is told that."""
    head = bytearray(size)
    end = 0
    with contextlib.suppress(InputError):
        file = open_bytes(path)
        try:
            with contextlib.suppress(*unpacking_errors()), memoryview(head) as view:
                while end < size and (count := file.readinto(view[end:])):
                    end += count
        finally:
            file.close()
    return bytes(head[:end])


def plain_size(path: str) -> int | None:
    """The size of a regular file whose bytes are the log's own, neither packed nor in another encoding."""
    if is_remote(path):
        return _remote_plain_size(path)
    try:
        with open(path, "rb") as file:
            about = os.fstat(file.fileno())
            head = file.read(_MAGIC)
    except OSError:
        return None
    return about.st_size if stat.S_ISREG(about.st_mode) and _is_plain(head) else None


def _is_plain(head: bytes) -> bool:
    packed = any(head.startswith(magic) for magic, _ in _UNPACKERS)
    return not packed and not _wide_encoding(head) and not head.startswith(codecs.BOM_UTF8)


def _remote_plain_size(path: str) -> int | None:
    from logscan.reading import remote

    if path.partition("://")[0] in _OPENERS:
        return None
    try:
        return remote.size(path) if _is_plain(remote.read_at(path, 0, _MAGIC)) else None
    except InputError:
        return None


def _open(path: str) -> int:
    if path == STDIN:
        return sys.stdin.fileno()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
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


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16, by its mark or by the zero bytes between Latin letters."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:32]
    if len(sample) >= 8:
        if not any(sample[1::2]) and all(sample[0::2]):
            return "utf-16-le"
        if not any(sample[0::2]) and all(sample[1::2]):
            return "utf-16-be"
    return None


def unpacking_errors() -> tuple[type[Exception], ...]:
    """What the unpackers raise on damaged data."""
    errors: list[type[Exception]] = [EOFError, InputError, lzma.LZMAError, OSError, ValueError, zlib.error]
    for module, name in (
        ("isal.isal_zlib", "error"),
        ("isal.igzip_lib", "IsalError"),
        ("backports.zstd", "ZstdError"),
        ("compression.zstd", "ZstdError"),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and hasattr(loaded, name):
            errors.append(getattr(loaded, name))
    return tuple(errors)
