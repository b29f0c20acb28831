"""Where a run begins in a log that stood there before: at its end, at its start, or at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.openers import layout_of
from logscan._entries.sample import printed_times
from logscan._live.options import LOOK_BACK, FollowOptions
from logscan._live.rotated_files import Rotated
from logscan._live.rotation import RotationSet
from logscan._reading.probe import SAMPLE
from logscan._scanning.time_slices import begin_in, entry_from
from logscan.times import TimeRange, in_utc, in_zone

_TAIL = 1 << 16
"""Bytes at the end of a file that are looked at for the time of its last entry."""
_CLOCKS = timedelta(minutes=10)
"""How far the clocks of files and of entries may differ."""

Report = Callable[[str, str], None]
"""Takes a problem, and what to do about it."""


class Beginning(NamedTuple):
    """Where reading of a followed file begins."""

    position: int
    since: TimeRange | None = None
    """The time from which on more is wanted than the file has; ``None``: rotated files are not wanted."""
    first: datetime | None = None
    """Time of the file's first entry."""


def beginning_in(descriptor: int, size: int, options: FollowOptions, report: Report) -> Beginning:
    """Where reading of a file begins that stood there when the run began, by the options.

    Raises:
        OSError: it cannot be read.
    """
    if not options.since and not options.last:
        return Beginning(size)

    def look(offset: int, count: int) -> bytes:
        return os.pread(descriptor, count, offset)

    head = look(0, SAMPLE)
    layout = layout_of(head)
    if options.since is None or options.since.since is None:
        return Beginning(entry_from(look, max(0, size - LOOK_BACK), layout))
    times, moment = options.since, options.since.since
    first = _first(head, layout, times)
    ending = look(max(0, size - _TAIL), _TAIL)
    last = [in_zone(*printed, times.zone) for printed in printed_times(ending + b"\n", layout)][-1:]
    if last and last[0] < moment:
        report(
            f"nothing is logged since {_shown(moment)}: its last entry is of {_shown(last[0])}",
            "if its times are of another zone, name it with --tz",
        )
    if first is not None and first <= moment:
        return Beginning(begin_in(look, size, layout, moment, times.zone))
    return Beginning(0, times, first)


def set_rotated(rotation: RotationSet, beginning: Beginning, report: Report) -> None:
    """Mark the rotated files that are not read: all, but for those of the time that is wanted."""
    listing = rotation.listing()
    if beginning.since is None or beginning.since.since is None:
        rotation.commit(listing)
        return
    moment = beginning.since.since
    wanted: list[Rotated] = []
    first = beginning.first
    for file in reversed(listing.files):
        if _ended_before(file, beginning.since):
            break
        wanted.append(file)
        first = _first(file.head, layout_of(file.head), beginning.since) or first
        if first is not None and first <= moment:
            break
    rotation.commit(listing, unread=wanted)
    if first is not None and first > moment:
        report(
            f"nothing from before {_shown(first)} was found",
            "if its rotated files have other names, give them with --rotated PATTERN",
        )


def _shown(time: datetime) -> str:
    return time.isoformat(" ", "seconds")


def _first(head: bytes, layout: Layout | None, times: TimeRange) -> datetime | None:
    """Time of the first entry of a text that has one."""
    whole = head[: head.rfind(b"\n") + 1] or head + b"\n"
    printed = next(printed_times(whole, layout or PLAIN), None)
    return None if printed is None else in_zone(*printed, times.zone)


def _ended_before(file: Rotated, times: TimeRange) -> bool:
    """Whether a file was last written before a time."""
    moment = times.since and in_utc(times.since, None, times.zone)
    return moment is not None and file.changed < (moment - _CLOCKS).timestamp()
