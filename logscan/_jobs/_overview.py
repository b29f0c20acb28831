"""Overview: the first lines of a report, from what was counted, the end of the logs, and the text before the
onset."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from logscan._failures.findings import findings_of
from logscan._failures.in_common import InCommon
from logscan._failures.members import EPOCH, MICROSECOND
from logscan._failures.onsets import (
    MOST_EVENTS,
    events_of_failures,
    events_of_text,
    onset_of,
    sharpened,
)
from logscan._failures.selection import Selection
from logscan._failures.tally import Counted, Places
from logscan._scanning.moments import end_of, text_before
from logscan._scanning.plan import Inputs
from logscan._store.inputs import hosts_of
from logscan.overviews import Onset, Overview, have_stopped
from logscan.times import TimeRange, in_zone
from logscan.values import Place

LOOK_BACK = 16 << 20
"""Bytes of all logs before the onset that are looked at, at most."""
MOST_STREAMS = 32
"""Logs that are looked at before the onset."""
FIRST = "bad_certificate"
"""The alert that is named first."""


def overview_of(
    counted: Counted,
    inputs: Inputs,
    selection: Selection,
    host_of: Callable[[str], str],
    elsewhere: Mapping[str, datetime | None] = MappingProxyType({}),
) -> Overview:
    """What a report says first.

    Args:
        counted: what was counted.
        inputs: what was read.
        selection: what was asked for.
        host_of: the Message Processor that wrote a file.
        elsewhere: other hosts that counted, and when their logs end.
    """
    times = selection.times
    main = counted.certain if counted.certain.count else counted.possible
    hosts = {host_of(file.path) for part in inputs.slices for file in part.stream}
    if inputs.stores:
        hosts |= set(hosts_of(inputs.stores).values())
    hosts |= elsewhere.keys()
    log_end = _latest(inputs, elsewhere, times)
    both = [moment for group in (counted.certain, counted.possible) for moment in _ends(group)]
    first, last = (_time(min(both)), _time(max(both))) if both else (None, None)
    alerts = [(name, number, False) for name, number in counted.certain.alerts()]
    alerts += [(name, number, True) for name, number in counted.possible.alerts()]
    return Overview(
        what=selection.words,
        failed=counted.certain.count,
        possible=counted.possible.count,
        alerts=tuple(sorted(alerts, key=lambda each: (each[2], each[0] != FIRST, -each[1], each[0]))),
        first=first,
        last=last,
        log_end=log_end,
        is_over=_is_over(main, last, log_end),
        zone=zone_words(times),
        bars=(*counted.certain.bars(), *counted.possible.bars()),
        shared=main.shared(),
        findings=findings_of(main, len(hosts)),
        hosts=len(hosts),
        onset=_onset(main, inputs, times, host_of, is_elsewhere=bool(elsewhere)),
        unmatched=tuple(_unmatched(selection, counted.places)),
    )


def zone_words(times: TimeRange) -> str:
    """The zone of the log's times."""
    if times.zone is not None:
        name = getattr(times.zone, "_filename", None) or times.zone.tzname(None) or times.zone
        return str(name)
    return f"{clock.tzname[clock.localtime().tm_isdst > 0]} (this machine's zone)"


def _latest(inputs: Inputs, elsewhere: Mapping[str, datetime | None], times: TimeRange) -> datetime | None:
    """When the logs of this machine and of other hosts end."""
    ends = list(elsewhere.values())
    if inputs.slices or inputs.stores or not ends:
        ends.append(end_of_inputs(inputs, times))
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def end_of_inputs(inputs: Inputs, times: TimeRange) -> datetime | None:
    """When the logs end, as far as they or the range show it."""
    latest: datetime | None = None
    unknown: list[datetime] = []
    for part in inputs.slices:
        end = end_of(part, times)
        if end is not None:
            latest = end if latest is None else max(latest, end)
            continue
        notes = part.stream[-1].probe.notes
        if notes is None or notes.first is None:
            return None
        unknown.append(in_zone(notes.first.time, notes.first.zone, times.zone))
    # A packed file ends nobody knows when: not later than the others, if it began before they ended.
    if inputs.stores or latest is None or any(begin > latest for begin in unknown):
        return None
    return latest if times.until is None else min(latest, times.until)


def _is_over(common: InCommon, last: datetime | None, log_end: datetime | None) -> bool | None:
    """Whether the failures had stopped before the logs end."""
    if last is None or log_end is None:
        return None
    episode = onset_of(common.timeline)
    usual = timedelta(0)
    if episode is not None and common.count > 1:
        usual = (episode[1] - episode[0]) / common.count
    return have_stopped(last, log_end, usual)


def _onset(
    common: InCommon,
    inputs: Inputs,
    times: TimeRange,
    host_of: Callable[[str], str],
    *,
    is_elsewhere: bool,
) -> Onset | None:
    bars = common.timeline
    episode = onset_of(bars)
    if episode is None:
        return None
    onset = sharpened(episode[0], bars.width, common)
    events = events_of_failures(common, onset)
    failing = set(common.hosts.values.counts)
    parts = [part for part in inputs.slices if any(host_of(file.path) in failing for file in part.stream)]
    looked = 0
    for part in parts[:MOST_STREAMS]:
        before = text_before(part, onset, LOOK_BACK // min(len(parts), MOST_STREAMS), times)
        if before is None or not before.text:
            continue
        looked += len(before.text)
        events += events_of_text(
            before.text, Place(before.path, before.offset),
            host=host_of(before.path), common=common, onset=onset, times=times,
        )  # fmt: skip
    known = {(event.kind, event.text): event for event in reversed(events)}
    ordered = sorted(known.values(), key=lambda event: (event.time or datetime.min, event.kind, event.text))
    note = ""
    if not looked:
        note = "the logs begin there" if parts else "packed logs, pipes and stores are not looked at"
        if is_elsewhere:
            note = "logs of other hosts are not looked at"
    return Onset(onset, tuple(ordered[-MOST_EVENTS:]), looked, note)


def _ends(common: InCommon) -> list[int]:
    return [moment for moment in (common.first, common.last) if moment is not None]


def _time(moment: int) -> datetime:
    return EPOCH + moment * MICROSECOND


def _unmatched(selection: Selection, places: Places) -> list[str]:
    """A sentence for each name that was asked for and not seen, with the names that were."""
    import difflib

    lines = []
    for kind, word, patterns in selection.patterns():
        seen = places.seen(kind)
        for pattern in patterns:
            if selection.finds(pattern, seen):
                continue
            near = difflib.get_close_matches(pattern, seen, 1, 0.6)
            listed = ", ".join(seen[:8]) + (", …" if len(seen) > 8 else "") if seen else "none"
            hint = f"; did you mean {near[0]}?" if near else ""
            lines.append(f"no TLS failure in {word} {pattern}: seen {listed}{hint}")
    return lines
