"""Batch: failed handshakes and incidents of logs that are complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from logscan import catalog
from logscan.entries import parse
from logscan.finders import finder_for
from logscan.handshakes import Joiner
from logscan.incidents import Incidents, failures_to_frame, to_frame
from logscan.messages import MessageWindow
from logscan.models import Counters, FailedHandshake, Incident, Message
from logscan.pipeline.reading import Limits, Progress, as_paths, blocks
from logscan.pipeline.selection import HostNames, Selection
from logscan.timerange import TimeRange, in_zone

if TYPE_CHECKING:
    import pandas as pd

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A failure this much later than the clock of this machine is said to be in the future."""


class Report(NamedTuple):
    """What ``report`` found."""

    incidents: list[Incident]
    failures: list[FailedHandshake]
    """The selected failed handshakes one by one; only when they were asked for."""
    other_alerts: Counter[str]
    """TLS failures of other kinds in the same places and time: alert → count."""
    elsewhere: int
    """TLS failures in other orgs, environments, proxies or on the other side, in the same time."""
    counters: Counters


def scan(
    paths: Sequence[str],
    counters: Counters,
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    neighbours: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    times: TimeRange = TimeRange(None, None, None),
) -> Iterator[list[FailedHandshake]]:
    """The failed handshakes of each message that has any, messages in the order they end.

    Faults of single inputs are added to ``counters.problems``; the rest is read. With ``times`` what cannot
    hold entries of that range is not read; failures outside it may still come.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    needles = catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if neighbours else ())
    finder = finder_for(needles, rare=True)
    joiner = Joiner(host_of or HostNames().name, neighbours)
    window = MessageWindow(counters, limits.window)

    def joined(messages: Iterable[Message]) -> Iterator[list[FailedHandshake]]:
        for message in messages:
            failures = joiner.feed(message)
            if failures:
                counters.messages += 1
                counters.failures += len(failures)
                yield failures

    for spans in blocks(paths, lambda _: finder, counters, limits, progress, count_lines, times):
        for span in spans:
            counters.candidates += 1
            yield from joined(window.feed(parse(span, counters)))
    yield from joined(window.drain())
    rest = joiner.drain()
    if rest:
        counters.messages += len(rest)
        counters.failures += len(rest)
        yield rest


def report(
    paths: Sequence[str],
    selection: Selection = Selection(),
    by: Sequence[str] = (),
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    each: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    now: datetime | None = None,
) -> Report:
    """Count the selected failed handshakes, and what lies outside the selection.

    Args:
        each: also keep every selected failed handshake (memory then grows with their number).
        now: wall time of the log's zone, to notice a future clock; the machine's when ``None``.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    counters = Counters()
    incidents = Incidents(by)
    kept: list[FailedHandshake] = []
    others: Counter[str] = Counter()
    elsewhere = 0
    horizon = (now or datetime.now(selection.times.zone).replace(tzinfo=None)) + CLOCK_TOLERANCE
    for failures in scan(
        paths, counters, limits, host_of, selection.neighbours, progress, count_lines, selection.times
    ):
        selected: list[FailedHandshake] = []
        for failure in failures:
            held = selection.times.holds(failure.time, failure.zone)
            if held is None:
                counters.untimed += 1
            if not held:
                continue
            when = failure.time
            if when and in_zone(when, failure.zone, selection.times.zone) > horizon:
                counters.future_times += 1
            if not selection.covers(failure):
                elsewhere += 1
            elif selection.names(failure):
                selected.append(failure)
            else:
                others[failure.alert] += 1
        if selected:
            incidents.feed(selected)
            if each:
                kept += selected
    kept.sort(key=_by_time)
    return Report(incidents.emit(), kept, others, elsewhere, counters)


def read_failures(
    paths: str | Sequence[str],
    selection: Selection = Selection(alerts=frozenset()),
    limits: Limits = Limits(),
) -> pd.DataFrame:
    """Every selected failed handshake as a row, ordered by time. Columns: docs/fields.md.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    done = report(as_paths(paths), selection, limits=limits, each=True)
    frame = failures_to_frame(done.failures)
    frame.attrs["problems"] = [str(problem) for problem in done.counters.problems]
    return frame


def read_incidents(
    paths: str | Sequence[str],
    selection: Selection = Selection(),
    by: Sequence[str] = (),
    limits: Limits = Limits(),
) -> pd.DataFrame:
    """Incidents as a frame: one row for each org, environment, proxy, alert and side (and ``by``).

    Columns and dtypes: docs/fields.md. What could not be read is in ``frame.attrs["problems"]``.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    done = report(as_paths(paths), selection, by, limits)
    frame = to_frame(done.incidents, by)
    frame.attrs["problems"] = [str(problem) for problem in done.counters.problems]
    return frame


def _by_time(failure: FailedHandshake) -> tuple[datetime, str, int]:
    return (failure.time or datetime.max, failure.place.path, failure.place.offset)
