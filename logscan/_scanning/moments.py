"""Moments: where in the plain files of a stream a moment lies, and when a stream ends, by looking at few places."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.sample import printed_times
from logscan._reading.paths import LogFile
from logscan._reading.unpack import read_at
from logscan._scanning.time_slices import StreamSlice
from logscan.errors import InputError
from logscan.times import TimeRange, in_zone

_LOOK = 1 << 16
"""Bytes looked at for a time."""
_STEPS = 40
"""Halvings of a file, at most: a terabyte takes 24."""


class Before(NamedTuple):
    """The text of a stream before a moment."""

    path: str
    offset: int
    """Of its first byte in the file."""
    text: bytes
    begins_file: bool
    """Whether it begins where the file does."""


def end_of(part: StreamSlice, times: TimeRange) -> datetime | None:
    """The latest time in the last bytes of a stream; ``None`` where they are packed, a pipe, or have no time."""
    layout = part.layout or PLAIN
    for file in reversed(part.stream):
        size = file.probe.plain_size
        if size is None or not file.probe.is_file:
            return None
        seen = list(_times(file, max(0, size - _LOOK), layout, times))
        if seen:
            return max(seen)
    return None


def text_before(part: StreamSlice, moment: datetime, size: int, times: TimeRange) -> Before | None:
    """At most so many bytes of a stream before a moment, from one file; ``None`` where it is packed, or no pipe
    can be read twice.

    Args:
        part: the stream.
        moment: in the zone of the range.
        size: bytes, at most.
        times: the range with the zone of the log.
    """
    layout = part.layout or PLAIN
    chosen: LogFile | None = None
    for file in part.stream:
        first = file.probe.notes.first if file.probe.notes else None
        if chosen is None or (first and in_zone(first.time, first.zone, times.zone) < moment):
            chosen = file
    if chosen is None or chosen.probe.plain_size is None or not chosen.probe.is_file:
        return None
    at = _offset_of(chosen, moment, layout, times)
    begin = max(0, at - size)
    with contextlib.suppress(OSError, InputError):
        return Before(chosen.path, begin, read_at(chosen.path, begin, at - begin), begin == 0)
    return None


def _offset_of(file: LogFile, moment: datetime, layout: Layout, times: TimeRange) -> int:
    """An offset of a plain file before which all entries are as early as a moment, within one look."""
    low, high = 0, file.probe.plain_size or 0
    for _ in range(_STEPS):
        if high - low <= _LOOK:
            break
        middle = (low + high) // 2
        seen = next(_times(file, middle, layout, times), None)
        if seen is None or seen >= moment:
            high = middle
        else:
            low = middle
    return high


def _times(file: LogFile, at: int, layout: Layout, times: TimeRange) -> Iterator[datetime]:
    with contextlib.suppress(OSError, InputError):
        for printed in printed_times(read_at(file.path, at, _LOOK), layout):
            yield in_zone(printed.time, printed.zone, times.zone)
