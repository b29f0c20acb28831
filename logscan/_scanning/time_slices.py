"""Skipping: which part of a stream can hold entries of a time range, so that the rest is not read.

Logs are written in the order of time, but for milliseconds between threads and the hour that is repeated
when clocks go back. So files whose successor begins before the range, and the head of a plain file, need not
be read for a report of the last hour. The order is not believed blindly: times are sampled over the whole
stream, and where they fall by more than :data:`SLACK` (several logs in one file, a clock that was set) all is
read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.openers import Openers
from logscan._entries.sample import Printed, layout_in, printed_times
from logscan._reading.paths import LogFile, Stream
from logscan._reading.unpack import open_at_offsets, read_at
from logscan.errors import InputError
from logscan.times import TimeRange, in_zone, moved

SLACK = timedelta(minutes=90)
"""How far times may fall in a log that counts as ordered: the repeated hour, and a message that began
before it."""
WORTH_WHILE = 4 << 20
"""Bytes of a file from which on its inside is searched."""
SAMPLES = 64
"""Times looked at in a plain file."""
CLOSE = 1 << 20
"""Bytes to which a bound is narrowed down."""
_LOOK = 1 << 16
"""Bytes looked at for a time."""
_MESSAGE = timedelta(minutes=1)
"""How long before a moment the message of a failure may have begun."""


class StreamSlice(NamedTuple):
    """A part of a stream: its files, where to begin in the first, and where to end in the last."""

    stream: Stream
    start: int = 0
    stop: int | None = None
    """Entries that open at an offset ≥ ``stop`` are not wanted; ``None``: all are."""
    headless: bool = False
    """The slice starts mid-stream: ignore lines before its first entry."""
    layout: Layout | None = None
    """How entries stand in the stream; ``None`` where only reading it shows that."""
    skipped_files: int = 0
    skipped_bytes: int = 0

    @property
    def size(self) -> int | None:
        """Bytes of text in it; ``None`` where a file is packed or a pipe."""
        sizes = [file.probe.plain_size for file in self.stream]
        if None in sizes:
            return None
        after_stop = 0 if self.stop is None else (sizes[-1] or 0) - self.stop
        return sum(filter(None, sizes)) - self.start - after_stop


def slice_of(stream: Stream, times: TimeRange) -> StreamSlice:
    """The part of a stream, oldest file first, that can hold entries of a time range."""
    layout = layout_in(*stream)
    whole = StreamSlice(stream, layout=layout)
    if (times.since is None and times.until is None) or not all(file.probe.is_file for file in stream):
        return whole
    layout = layout or PLAIN
    sizes = [file.probe.size for file in stream]
    if sum(sizes) < WORTH_WHILE:
        return whole

    def local(printed: Printed | None) -> datetime | None:
        return None if printed is None else in_zone(printed.time, printed.zone, times.zone)

    def time_in(data: bytes) -> datetime | None:
        return local(next(printed_times(data, layout), None))

    heads = [local(file.probe.notes.first if file.probe.notes else None) for file in stream]
    if not _ascending(heads):
        return whole
    low = moved(times.since, -SLACK) if times.since is not None else None
    high = moved(times.until, SLACK) if times.until is not None else None
    first, after = _files(heads, low, high)
    if low is not None and any(_reaches(file, low, layout, times) for file in stream[:first]):
        return whole
    begin, _ = _bounds(stream[first], low, None, time_in)
    # An entry that begins before the stop may end after it: the file of the stop is opened.
    last, end = (after, 0) if after < len(stream) else (after - 1, None)
    if last and end == 0:
        _, inside = _bounds(stream[last - 1], None, high, time_in)
        if inside is not None:
            last, end = last - 1, inside
    elif end is None:
        _, end = _bounds(stream[last], None, high, time_in)
    if last < first or (last == first and end is not None and end <= begin):
        last, end = first, begin
    left_out = sum(sizes[:first]) + begin + sum(sizes[last + 1 :])
    left_out += 0 if end is None else sizes[last] - end
    files = first + len(stream) - last - 1 + (end == 0)
    return StreamSlice(
        stream[first : last + 1], begin, end, bool(first or begin), layout, files, max(0, left_out)
    )


def _files(heads: Sequence[datetime | None], low: datetime | None, high: datetime | None) -> tuple[int, int]:
    """By the files' first times: the last that begins before ``low``, the first that begins at or after
    ``high``."""
    first = max((n for n, head in enumerate(heads) if head and low and head < low), default=0)
    later = (n for n, head in enumerate(heads) if head and high and head >= high)
    return first, next(later, len(heads))


def _bounds(
    file: LogFile, low: datetime | None, high: datetime | None, time_in: Callable[[bytes], datetime | None]
) -> tuple[int, int | None]:
    """Offsets in a plain file: before the first no entry is as late as ``low``, from the second on
    all are as late as ``high``."""
    size = file.probe.plain_size
    if size is None or size < WORTH_WHILE:
        return 0, None
    with contextlib.suppress(OSError, InputError), contextlib.ExitStack() as stack:
        look = stack.enter_context(open_at_offsets(file.path))

        def time_at(offset: int) -> datetime | None:
            data = look(offset, _LOOK)
            return time_in(data[data.find(b"\n") + 1 :] if offset else data)

        offsets = [size * number // SAMPLES for number in range(SAMPLES)]
        sampled = [(offset, time) for offset in offsets if (time := time_at(offset)) is not None]
        if not _ascending([time for _, time in sampled]):
            return 0, None
        begin = 0 if low is None else _begin(sampled, size, low, time_at)
        end: int | None = None
        if high is not None:
            before = max((o for o, t in sampled if t < high), default=0)
            later = [o for o, t in sampled if t >= high and o >= before]
            if later:
                # A look begins after a line break: the entry that opens right there may be earlier.
                end = _narrow(before, later[0], high, time_at)[1] + 1
        return begin, end
    return 0, None


def begin_in(
    look: Callable[[int, int], bytes], size: int, layout: Layout, moment: datetime, zone: tzinfo | None
) -> int:
    """Offset of an entry in a plain text that is growing: none before it is as late as a moment.

    The order of times is believed as far as samples show it.

    Args:
        look: returns some bytes at an offset.
        size: bytes of the text.
        layout: how its entries stand in it.
        moment: wall time of the log.
        zone: that of the log; ``None``: this machine's.
    """
    if size < WORTH_WHILE:
        return 0

    def time_at(offset: int) -> datetime | None:
        data = look(offset, _LOOK)
        printed = next(printed_times(data[data.find(b"\n") + 1 :] if offset else data, layout), None)
        return None if printed is None else in_zone(*printed, zone)

    offsets = [size * number // SAMPLES for number in range(SAMPLES)]
    sampled = [(offset, time) for offset in offsets if (time := time_at(offset)) is not None]
    times = [time for _, time in sampled]
    if not _ascending(times):
        return 0
    falls = (earlier - later for earlier, later in pairwise(times))
    low = moved(moment, -max(_MESSAGE, *falls, timedelta()))
    return entry_from(look, _begin(sampled, size, low, time_at), layout)


def entry_from(look: Callable[[int, int], bytes], offset: int, layout: Layout) -> int:
    """Offset of the first entry after an offset, if one opens soon; else the offset itself. 0 stays 0."""
    data = look(offset, _LOOK) if offset else b""
    line = data.find(b"\n") + 1
    found = Openers(layout).next(data, line, len(data)) if line else None
    return offset if found is None else offset + found


def _begin(
    sampled: Sequence[tuple[int, datetime]],
    size: int,
    low: datetime,
    time_at: Callable[[int], datetime | None],
) -> int:
    """Offset before which no entry is as late as ``low``, by the times at some offsets."""
    begin = max((offset for offset, time in sampled if time < low), default=0)
    later = [offset for offset, time in sampled if time >= low and offset > begin]
    return _narrow(begin, later[0] if later else size, low, time_at)[0]


def _narrow(
    before: int, beyond: int, moment: datetime, time_at: Callable[[int], datetime | None]
) -> tuple[int, int]:
    """Halve the way between an offset with an earlier time and one with a later time."""
    while beyond - before > CLOSE:
        middle = (before + beyond) // 2
        time = time_at(middle)
        if time is None:
            break
        if time < moment:
            before = middle
        else:
            beyond = middle
    return before, beyond


def _ascending(times: Sequence[datetime | None]) -> bool:
    """Whether times never fall by more than the slack, and there are any."""
    known = [time for time in times if time is not None]
    highest = known[0] if known else None
    for earlier, later in pairwise(known):
        highest = max(highest or earlier, earlier)
        if highest - later > SLACK:
            return False
    return bool(known)


def _reaches(file: LogFile, moment: datetime, layout: Layout, times: TimeRange) -> bool:
    """Whether a plain file ends with entries as late as a moment: then the next does not continue it."""
    size = file.probe.plain_size
    if not size:
        return False
    try:
        data = read_at(file.path, max(0, size - _LOOK), _LOOK)
    except (OSError, InputError):
        return False
    if size > _LOOK:
        data = data[data.find(b"\n") + 1 :]
    return any(in_zone(*printed, times.zone) >= moment for printed in printed_times(data, layout))
