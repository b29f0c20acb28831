"""What crosses ssh: frames of packed JSON, each bounded, and the checks of what a host says.

A host is a stranger: what it sends is checked for its type, size and range where it is unpacked. Nothing of
it is executed or unpickled. Bytes travel as text in Latin-1.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from logscan.errors import LogscanError

WIRE = 1
"""Version of all that crosses. A host of another version is asked by the agent."""
MOST_PACKED = 16 << 20
"""Bytes of a frame as it travels."""
MOST_FRAME = 48 << 20
"""The same unpacked."""
MOST_PARTS = 4 << 20
"""Elements of a frame, about: each takes more memory than it has bytes as it travels."""
LARGEST = 1 << 62
"""Numbers are smaller."""
_HEAD = struct.Struct(">I")
T = TypeVar("T")


class WireError(LogscanError):
    """What a host sent is not what it may send."""


def packed(value: Any) -> bytes:
    """A frame."""
    data = zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 1)
    return _HEAD.pack(len(data)) + data


class Frames:
    """Bytes of a host in, the values of its frames out.

    Args:
        read: gives some bytes; none at the end.
        most: bytes of all frames, unpacked.
    """

    def __init__(self, read: Callable[[], bytes], most: int) -> None:
        self._read, self._left = read, most
        self._held = bytearray()
        self.ended = False
        """Whether the stream has ended."""
        self.is_bounded = True
        """Whether all frames together are: not while logs are followed."""

    def line(self, most: int) -> bytes:
        """The next line without its end; empty at the end of the stream.

        Raises:
            WireError: none within so many bytes.
        """
        seen = 0
        while (at := self._held.find(b"\n", seen)) < 0:
            seen = len(self._held)
            if seen > most:
                raise WireError("it sends a line without an end")
            if not self._fill():
                return b""
        line = bytes(self._held[:at])
        del self._held[: at + 1]
        return line

    def next(self) -> dict[str, Any] | None:
        """The next frame; ``None`` at the end of the stream.

        Raises:
            WireError: it is damaged, or too large.
        """
        while len(self._held) < _HEAD.size:
            if not self._fill():
                return None
        (size,) = _HEAD.unpack_from(self._held)
        if size > MOST_PACKED:
            raise WireError(f"a frame of {size:,} bytes")
        while len(self._held) < _HEAD.size + size:
            if not self._fill():
                return None
        data = bytes(self._held[_HEAD.size : _HEAD.size + size])
        del self._held[: _HEAD.size + size]
        return self._unpacked(data)

    def _unpacked(self, data: bytes) -> dict[str, Any]:
        unpacker = zlib.decompressobj()
        try:
            text = unpacker.decompress(data, MOST_FRAME)
            if not unpacker.eof:
                raise WireError(f"a frame of more than {MOST_FRAME:,} bytes, or half of one")
            if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_PARTS:
                raise WireError("a frame of too many parts")
            value = json.loads(text.decode("ascii"), parse_constant=_refuse, parse_float=_refuse)
        except (zlib.error, ValueError, RecursionError) as error:
            raise WireError("a frame that is damaged") from error
        self._left -= len(text) if self.is_bounded else 0
        if self._left < 0:
            raise WireError("it sends more than it may")
        if not isinstance(value, dict):
            raise WireError("a frame that is no object")
        return value

    def _fill(self) -> bool:
        data = self._read()
        self._held += data
        self.ended = not data
        return bool(data)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text[:20])


def number(value: Any, low: int = 0, high: int = LARGEST) -> int:
    """A whole number within bounds.

    Raises:
        WireError: it is none; so do the others here.
    """
    if type(value) is not int or not low <= value <= high:
        raise WireError("a number out of its bounds")
    return value


def flag(value: Any) -> bool:
    """Yes or no."""
    if type(value) is not bool:
        raise WireError("no yes or no")
    return value


def text(value: Any, most: int = 8192) -> str:
    """A text of at most so many characters; bytes of a path that are no UTF-8 are half characters."""
    if type(value) is not str or len(value) > most:
        raise WireError("a text that is none, or too long")
    return _encodable(value, "surrogateescape")


def words(value: Any, most: int = 8192) -> str:
    """A text as it is read from a log: without half characters."""
    return _encodable(text(value, most), "strict")


def _encodable(value: str, errors: str) -> str:
    if not value.isascii():
        try:
            value.encode("utf-8", errors)
        except UnicodeEncodeError as error:
            raise WireError("a text with half a character") from error
    return value


def maybe(check: Callable[..., T], value: Any, *more: Any) -> T | None:
    """What a check gives, or nothing where nothing was sent."""
    return None if value is None else check(value, *more)


def data_of(value: Any, most: int = MOST_FRAME) -> bytes:
    """Bytes, which travel as text."""
    try:
        return text(value, most).encode("latin-1")
    except UnicodeEncodeError as error:
        raise WireError("bytes that are none") from error


def text_of(data: bytes) -> str:
    """Bytes as they travel."""
    return data.decode("latin-1")


def name_of(value: Any) -> str:
    """The path of a file on a host.

    Raises:
        WireError: it does not begin at the root: after the address of the host it could name another.
    """
    return rooted(os.fsdecode(data_of(value, 4096)))


def rooted(path: str) -> str:
    """A path that begins at the root."""
    if not path.startswith("/"):
        raise WireError("a path that does not begin at the root")
    return path


def items(value: Any, most: int, size: int | None = None) -> list[Any]:
    """A list of at most so many elements; each a list of a size, where one is given."""
    if type(value) is not list or len(value) > most:
        raise WireError("a list that is none, or too long")
    if size is not None and not all(type(each) is list and len(each) == size for each in value):
        raise WireError("an element of another form")
    return value


def pairs(value: Any, most: int) -> Iterator[tuple[Any, Any]]:
    """A list of pairs."""
    yield from ((first, second) for first, second in items(value, most, 2))
