"""Reports: failed handshakes and incidents of logs that are complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack

from logscan._failures.frames import failures_to_frame, to_frame
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.incidents import MOST_INCIDENTS, OTHERS, PERIODS, Incidents
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import Counted, CountRequest
from logscan._jobs._counting import count, failures_of, with_hosts
from logscan._jobs._options import (
    Names,
    Paths,
    check_names,
    limits_of,
    paths_of,
    several,
    with_counters,
)
from logscan._jobs._overview import FIRST, overview_of
from logscan._jobs._selecting import Choosing, hosts_of, rule_of, selection_of
from logscan._jobs._spans import inputs_of, split_paths
from logscan._scanning.plan import Inputs, Limits, Progress
from logscan.errors import UsageError, caught
from logscan.overviews import Overview
from logscan.values import Counters, FailedHandshake, Incident, Report, Results

if TYPE_CHECKING:
    import pandas as pd

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A failure this much later than the clock of this machine is in the future."""


def report(
    paths: Paths,
    *,
    by: Names = (),
    group: Names = (),
    each: bool = False,
    max_incidents: int = MOST_INCIDENTS,
    now: datetime | None = None,
    **choosing: Unpack[Choosing],
) -> Report:
    """Count the selected failed handshakes as incidents, and what lies outside the selection.

    Args:
        paths: logs, or stores of ``logscan ingest``.
        by: further columns of incidents: ``target``, ``alias``, ``keystore``, ``host``, ``hour`` …
        group: columns that replace the key of incidents (organization, environment, API proxy, alert, side):
            ``target``, ``env``, ``minute`` …; incidents with a time in it are in order of time.
        each: also keep every selected failed handshake (memory then grows with their number).
        max_incidents: incidents that are listed; the smallest of more are counted together, in the last one.
        now: wall time of the log's zone, to notice a future clock; the machine's when ``None``.
        **choosing: the selection and limits: :class:`logscan.Choosing`.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown alert, column, family or zone, or a time that cannot be read.
        InputError: the cluster cannot be used, or was lost.
    """
    check_names(choosing, Choosing)
    return report_selected(
        paths_of(paths), selection_of(choosing),
        by=several(by), group=several(group), each=each, max_incidents=max_incidents, now=now,
        limits=limits_of(choosing),
        rule=rule_of(choosing), host_of=hosts_of(choosing), progress=choosing.get("progress"),
        cluster=choosing.get("cluster"),
    )  # fmt: skip


def incidents(
    paths: Paths, *, by: Names = (), max_incidents: int = MOST_INCIDENTS, **choosing: Unpack[Choosing]
) -> Results[Incident]:
    """The incidents of some logs, most failed handshakes first: see :func:`report`."""
    done = report(paths, by=by, max_incidents=max_incidents, **choosing)
    return Results(iter(done.incidents), done.counters)


def failures(paths: Paths, **choosing: Unpack[Choosing]) -> Results[FailedHandshake]:
    """Every selected failed handshake as soon as its message is complete, in bounded memory.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: see :func:`report`.
    """
    check_names(choosing, Choosing)
    selection, counters = selection_of(choosing), Counters()
    inputs = inputs_of(paths_of(paths), counters, selection.times)
    request = CountRequest(selection, (), datetime.max, hosts_of(choosing), rule=rule_of(choosing))
    found = failures_of(
        inputs, request, counters, limits=limits_of(choosing), progress=choosing.get("progress")
    )
    return Results(filter(selection.selects, found), counters)


def read_failures(paths: Paths, **choosing: Unpack[Choosing]) -> pd.DataFrame:
    """Every selected failed handshake as a row, ordered by time. Columns: docs/fields.md.

    What could not be read is in ``frame.attrs["problems"]``, the counters in ``frame.attrs["counters"]``.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: see :func:`report`.
    """
    done = report(paths, each=True, **choosing)
    return with_counters(failures_to_frame(done.failures), done.counters)


def read_incidents(
    paths: Paths, *, by: Names = (), max_incidents: int = MOST_INCIDENTS, **choosing: Unpack[Choosing]
) -> pd.DataFrame:
    """Incidents as a frame: one row for each org, environment, proxy, alert and side (and ``by``).

    Columns and dtypes: docs/fields.md; ``attrs`` as in :func:`read_failures`.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: see :func:`report`.
    """
    done = report(paths, by=by, max_incidents=max_incidents, **choosing)
    return with_counters(to_frame(done.incidents, several(by)), done.counters)


def report_selected(
    paths: Sequence[str],
    selection: Selection = Selection(),
    *,
    by: Sequence[str] = (),
    group: Sequence[str] = (),
    limits: Limits = Limits(),
    rule: Rule = DEFAULT_RULE,
    host_of: Callable[[str], str] | None = None,
    each: bool = False,
    max_incidents: int = MOST_INCIDENTS,
    progress: Progress | None = None,
    count_lines: bool = False,
    now: datetime | None = None,
    cluster: str | None = None,
    hosts_at_once: int = 0,
    pull: bool = False,
) -> Report:
    """:func:`report`, for a selection that was made already.

    Args:
        rule: which entries of one message belong together.
        count_lines: also count the lines that were read.
        hosts_at_once: hosts that are asked at the same time; 0: the default.
        pull: read the bytes of the files of hosts here.
    """
    if by and group:
        raise UsageError("by and group exclude each other", "group alone names the columns", argument="group")
    horizon = (now or datetime.now(selection.times.zone).replace(tzinfo=None)) + CLOCK_TOLERANCE
    request = CountRequest(
        selection, tuple(group or by), horizon, host_of or HostNames(), each, rule, max_incidents, bool(group)
    )
    Incidents(request.by, group=request.group)  # an unknown column is named before anything is read
    if cluster is not None:
        from logscan._distribute.dask_executor import check

        check(paths, cluster)

    here, elsewhere = split_paths(paths, hosts_at_once, pull=pull)
    ends: dict[str, datetime | None] = {}

    def counted_once() -> tuple[Counted, Inputs]:
        counters = Counters()
        inputs = inputs_of(here, counters, selection.times, elsewhere=elsewhere)
        return count(
            inputs, request, counters, limits=limits, progress=progress, lines=count_lines, cluster=cluster,
            elsewhere=elsewhere, ends=ends,
        ), inputs  # fmt: skip

    counted, inputs = counted_once()
    if (folded := selection.folded(counted.places.seen)) is not None:
        # A name was asked for that is only there in other letters. Which there are is known now.
        selection, request = folded, replace(request, selection=folded)
        counted, inputs = counted_once()
    counted.failures.sort(key=_by_time)
    overview = Overview(selection.words, counted.certain.count, counted.possible.count)
    with caught(counted.counters, "the first lines of the report"):
        overview = overview_of(counted, inputs, selection, with_hosts(request, inputs).host_of, ends)
    incidents = ranked(counted.incidents.emit(forget=True), selection, request)
    counted.counters.incidents_together = (
        incidents[-1].together if incidents and incidents[-1].alert == OTHERS else 0
    )
    return Report(
        incidents, counted.failures, counted.others.counter(), counted.elsewhere, counted.counters, overview
    )


def ranked(incidents: list[Incident], selection: Selection, request: CountRequest) -> list[Incident]:
    """Incidents in the order of a report: those whose name may have another cause last; ``bad_certificate``
    first where a family was asked for; most failures first. Grouped by time they are in its order."""
    if request.group and set(request.by) & PERIODS.keys():
        return sorted(incidents, key=lambda each: tuple(value or "" for _, value in each.by))
    if request.group or selection.alerts or selection.family is None:
        return incidents
    return sorted(incidents, key=lambda each: (each.alert == OTHERS, each.is_ambiguous, each.alert != FIRST))


def _by_time(failure: FailedHandshake) -> tuple[datetime, str, int]:
    return (failure.time or datetime.max, failure.place.path, failure.place.offset)
