"""Seek points of a gz file: an entry is reached without unpacking the text before it.

indexed_gzip makes and uses them. It keeps all points of a file in one piece, 32 KiB each, but a look-up needs
one point. So the index keeps them one by one, and gives indexed_gzip an index of a single point, in the
format that it exports (``GZIDX``: https://github.com/pauldmccarthy/indexed_gzip, zran.c).
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, NamedTuple

SPACING = 4 << 20
"""Bytes of text between two points, about; a look-up unpacks no more."""
_MAGIC = b"\x1f\x8b"
_WINDOW = 1 << 15
_NAME = b"GZIDX\1\0"
_HEAD = struct.Struct("<QQIII")
_POINT = struct.Struct("<QQBB")
_FIRST = struct.Struct("<QQBBQQ")


class Point(NamedTuple):
    """A place from which a file can be unpacked."""

    at: int
    """Offset in its text."""
    state: bytes
    """What is needed to unpack there: mostly the 32 KiB of text before it, packed."""


class Points(NamedTuple):
    """The seek points of a file."""

    size: int
    """Bytes of its text."""
    points: list[Point]


def points_of(path: str) -> Points | None:
    """The seek points of a gz file; ``None`` if it is packed otherwise or damaged, or without the library."""
    try:
        import indexed_gzip
    except ImportError:
        return None
    try:
        with open(path, "rb") as file:
            if file.read(2) != _MAGIC:
                return None
        with indexed_gzip.IndexedGzipFile(path, spacing=SPACING, window_size=_WINDOW) as packed:
            packed.build_full_index()
            size = packed.seek(0, io.SEEK_END)
            exported = io.BytesIO()
            packed.export_index(fileobj=exported)
    except (OSError, ValueError):
        return None
    return Points(size, _points_in(exported.getvalue()))


def _points_in(data: bytes) -> list[Point]:
    if not data.startswith(_NAME):
        return []  # a later format: look-ups unpack from the beginning
    packed_size, size, _, window, count = _HEAD.unpack_from(data, len(_NAME))
    begin = len(_NAME) + _HEAD.size
    heads = list(_POINT.iter_unpack(data[begin : begin + count * _POINT.size]))
    at = begin + count * _POINT.size
    points: list[Point] = []
    for packed_at, text_at, bits, has_text in heads:
        text = data[at : at + window] if has_text else b""
        at += len(text)
        state = _FIRST.pack(packed_size, size, bits, has_text, packed_at, heads[0][0]) + zlib.compress(
            text, 6
        )
        points.append(Point(text_at, state))
    return points


def open_at(path: str, point: Point, position: int) -> io.RawIOBase:
    """The text of a gz file from a position ≥ the point's on.

    Raises:
        OSError: the file cannot be read, or is another file.
        ValueError: the point is damaged.
        ImportError: the library is missing.
    """
    import indexed_gzip

    try:
        packed_size, size, bits, has_text, packed_at, first = _FIRST.unpack_from(point.state)
        text = zlib.decompress(point.state[_FIRST.size :])
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    points = [_POINT.pack(first, 0, 0, 0)] if point.at else []
    points.append(_POINT.pack(packed_at, point.at, bits, has_text))
    head = _HEAD.pack(packed_size, size, SPACING, _WINDOW, len(points))
    packed: Any = indexed_gzip.IndexedGzipFile(path, spacing=SPACING, drop_handles=False, buffer_size=1 << 16)
    try:
        packed.import_index(fileobj=io.BytesIO(_NAME + head + b"".join(points) + text))
        packed.seek(position)
    except BaseException:
        packed.close()
        raise
    return packed  # type: ignore[no-any-return]
