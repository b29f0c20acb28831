"""Decompressors of gzip, zstd, bzip2 and xz with one interface, found by magic bytes."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

from logscan.errors import InputError


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
