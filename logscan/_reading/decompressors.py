"""Decompressors of gzip, zstd, bzip2 and xz with one interface, found by magic bytes."""

from __future__ import annotations

import bz2
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

from logscan.errors import InputError

MAGIC = 32
"""Bytes of a file's beginning that show its packing."""


class Decompressor(Protocol):
    """What the unpackers of bz2, lzma, zstd and igzip have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


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


def _gzip() -> Decompressor:
    try:
        from isal import igzip_lib
    except ImportError:
        return _ZlibGzip()
    make: Any = igzip_lib.IgzipDecompressor
    return cast("Decompressor", make(flag=igzip_lib.DECOMP_GZIP))


def _zstd() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    return cast("Decompressor", ZstdDecompressor())


CODECS: tuple[tuple[bytes, str, Callable[[], Decompressor]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMADecompressor),
)
"""Magic bytes, name and decompressor of each codec."""


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


class TrailingError(ValueError):
    """A packed text was read to its end, and something else follows it."""


class Unpacked(io.RawIOBase):
    """A packed file as its unpacked bytes, member after member.

    All that can be unpacked is delivered before damage raises: the bytes before it are good.
    """

    CHUNK = 1 << 17

    def __init__(self, raw: io.RawIOBase, make: Callable[[], Decompressor]) -> None:
        super().__init__()
        self._raw = raw
        self._make = make
        self._member = make()
        self._input = b""
        self._begin: bytes | None = None
        """First bytes of a further member of which nothing was unpacked yet."""

    def readinto(self, view: Any, /) -> int:
        """See :class:`io.RawIOBase`."""
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
                if len(self._input) < MAGIC:
                    self._input += self._raw.read(MAGIC) or b""
                self._begin = self._input[:MAGIC]
                member = self._member = self._make()
            if member.needs_input and not self._input:
                self._input = self._raw.read(self.CHUNK) or b""
                if not self._input:
                    raise self._fault(EOFError("it ends in the middle"))
            data, self._input = self._input, b""
            try:
                unpacked = member.decompress(data, size)
            except unpacking_errors() as error:
                fault = self._fault(error)
                if fault is error:
                    raise
                raise fault from error
            if unpacked:
                self._begin = None
                return unpacked

    def _fault(self, error: Exception) -> Exception:
        """What is wrong: damage, or something else after the last member."""
        if self._begin is None or any(self._begin.startswith(magic) for magic, *_ in CODECS):
            return error
        return TrailingError("bytes that are not packed follow its packed text")

    def close(self) -> None:
        """Release the file."""
        self._raw.close()
        super().close()
