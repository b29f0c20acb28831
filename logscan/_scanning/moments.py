"""Moments: where in the plain files of a stream a moment lies, and when the stream ends, from few looks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.openers import Openers
from logscan._entries.sample import printed_times
from logscan._reading.paths import LogFile
from logscan._scanning.time_slices import StreamSlice
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
    """The latest time in the last bytes of a stream; ``None`` where they are packed, a pipe, or have none."""
    layout = part.layout or PLAIN
    for file in reversed(part.stream):
        size = file.probe.plain_size
        if size is None or not file.probe.is_local:
            return None
        with contextlib.suppress(OSError), open(file.path, "rb", buffering=0) as opened:
            seen = list(_times(opened.fileno(), max(0, size - _LOOK), layout, times))
            if seen:
                return max(seen)
    return None


def text_before(part: StreamSlice, moment: datetime, size: int, times: TimeRange) -> Before | None:
    """At most so many bytes of a stream before a moment, from one file; ``None`` where it is packed, a pipe,
    or on another machine.

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
    if chosen is None or chosen.probe.plain_size is None or not chosen.probe.is_local:
        return None
    with contextlib.suppress(OSError), open(chosen.path, "rb", buffering=0) as opened:
        at = _offset_of(opened.fileno(), chosen.probe.plain_size, moment, layout, times)
        begin = max(0, at - size)
        return Before(chosen.path, begin, os.pread(opened.fileno(), at - begin, begin), begin == 0)
    return None


def _offset_of(descriptor: int, size: int, moment: datetime, layout: Layout, times: TimeRange) -> int:
    """Where in a plain file the first entry begins that is not earlier than a moment."""
    low, high = 0, size
    for _ in range(_STEPS):
        if high - low <= _LOOK:
            break
        middle = (low + high) // 2
        seen = next(_times(descriptor, middle, layout, times), None)
        if seen is None or seen >= moment:
            high = middle
        else:
            low = middle
    data = os.pread(descriptor, high - low + _LOOK, low)
    openers = Openers(layout)
    at = openers.next(data, 0, len(data))
    while at is not None:
        line = data.find(b"\n", at) + 1 or len(data)
        seen = next(_printed(data[at:line], layout, times), None)
        if seen is not None and seen >= moment:
            return low + at
        at = openers.next(data, line, len(data))
    return high


def _times(descriptor: int, at: int, layout: Layout, times: TimeRange) -> Iterator[datetime]:
    yield from _printed(os.pread(descriptor, _LOOK, at), layout, times)


def _printed(data: bytes, layout: Layout, times: TimeRange) -> Iterator[datetime]:
    for printed in printed_times(data, layout):
        yield in_zone(printed.time, printed.zone, times.zone)
