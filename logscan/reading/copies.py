"""Copies: files of one run that hold the same text, so that it is read once.

A rotated file and its packed form, or a log and an earlier copy of it, begin alike, and the shorter
ends where the longer has the same bytes. Told by content, whatever the files are called.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from logscan.errors import InputError
from logscan.reading.fingerprint import HEAD, TAIL
from logscan.reading.paths import LogFile, Stream
from logscan.reading.unpack import (
    STDIN,
    first_bytes,
    open_bytes,
    plain_size,
    read_at,
    unpacking_errors,
)
from logscan.values import Counters, Problem

LEAST = 256
"""Bytes of a file from which on its beginning tells it from others."""
TIME = re.compile(rb"\d\d:\d\d:\d\d")
"""What a beginning must hold: without a time it may be a part of one line that repeats itself."""


class _End(NamedTuple):
    """How long a text is, and its last bytes."""

    size: int
    tail: bytes


def without_copies(streams: Sequence[Stream], counters: Counters) -> list[Stream]:
    """The streams without files whose text stands in another file as well; those are counted and told."""
    groups: dict[bytes, list[LogFile]] = {}
    files = [file for stream in streams for file in stream if file.path != STDIN]
    if len(files) > 1:
        for file in files:
            head = first_bytes(file.path, HEAD)
            if len(head) >= LEAST and TIME.search(head):
                groups.setdefault(head[:LEAST], []).append(file)
    dropped: dict[str, str] = {}
    for alike in groups.values():
        if len(alike) > 1:
            dropped |= _copies(alike)
    for path, kept in dropped.items():
        counters.copies += 1
        counters.problems.append(Problem(path, f"holds the same text as {kept}: counted once", fatal=False))
    if not dropped:
        return list(streams)
    left = [tuple(file for file in stream if file.path not in dropped) for stream in streams]
    return [stream for stream in left if stream]


def _copies(alike: list[LogFile]) -> dict[str, str]:
    """Of files that begin alike those that another holds: path → the other's path."""
    ends = {file.path: _end(file.path) for file in alike}
    known = {path: end for path, end in ends.items() if end is not None}
    # The longest first, and of two that are as long the plain one: it is read faster.
    order = sorted(known, key=lambda path: (-known[path].size, plain_size(path) is None))
    dropped: dict[str, str] = {}
    for number, path in enumerate(order):
        for longer in order[:number]:
            if longer not in dropped and _holds(longer, known[longer], known[path]):
                dropped[path] = longer
                break
    return dropped


def _end(path: str) -> _End | None:
    """A text's end; a packed one is unpacked for it. ``None`` where it cannot be read whole."""
    size = plain_size(path)
    if size is not None:
        with contextlib.suppress(OSError, InputError):
            return _End(size, read_at(path, max(0, size - TAIL), TAIL))
        return None
    return _read_until(path, None)


def _holds(longer: str, whole: _End, part: _End) -> bool:
    """Whether the longer text has the shorter one's end where that ends."""
    if whole.size == part.size:
        return whole.tail == part.tail
    found = bytes_before(longer, part.size)
    return found is not None and found == part.tail


def bytes_before(path: str, position: int) -> bytes | None:
    """The last bytes of a text in front of a position; ``None`` where it does not reach that far."""
    if plain_size(path) is not None:
        with contextlib.suppress(OSError, InputError):
            return read_at(path, max(0, position - TAIL), min(TAIL, position))
        return None
    end = _read_until(path, position)
    return end.tail if end is not None else None


def _read_until(path: str, position: int | None) -> _End | None:
    """Unpack to a position, or to the end: how far that went, and the last bytes."""
    size, tail = 0, b""
    try:
        stream = open_bytes(path)
    except InputError:
        return None
    try:
        with memoryview(bytearray(1 << 18)) as view:
            while position is None or size < position:
                wanted = len(view) if position is None else min(len(view), position - size)
                count = stream.readinto(view[:wanted]) or 0
                if not count:
                    break
                size += count
                tail = (tail + bytes(view[max(0, count - TAIL) : count]))[-TAIL:]
    except unpacking_errors():
        return None
    finally:
        stream.close()
    return _End(size, tail) if position is None or size == position else None
