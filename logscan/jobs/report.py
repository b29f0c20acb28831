"""Batch: failed handshakes and incidents of logs that are complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from logscan.distribute.count_processes import count_shared
from logscan.failures.frames import failures_to_frame, to_frame
from logscan.failures.incidents import Incidents
from logscan.failures.selection import Selection
from logscan.failures.tally import CountRequest
from logscan.jobs._counting import count
from logscan.scanning.plan import Limits, Progress
from logscan.values import FailedHandshake, Report, as_paths

if TYPE_CHECKING:
    import pandas as pd

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A failure this much later than the clock of this machine is said to be in the future."""


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
    cluster: str | None = None,
) -> Report:
    """Count the selected failed handshakes, and what lies outside the selection.

    Args:
        each: also keep every selected failed handshake (memory then grows with their number).
        now: wall time of the log's zone, to notice a future clock; the machine's when ``None``.
        cluster: address of a Dask scheduler whose workers do it; the same is found.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
        InputError: the cluster cannot be used, or was lost.
    """
    horizon = (now or datetime.now(selection.times.zone).replace(tzinfo=None)) + CLOCK_TOLERANCE
    request = CountRequest(tuple(paths), selection, tuple(by), limits, horizon, host_of, each, count_lines)
    if cluster is None:
        counted = count_shared(request, count, progress)
    else:
        from logscan.distribute.count_dask import count_on_cluster

        counted = count_on_cluster(cluster, request, progress)
    incidents = Incidents(by)
    for part in counted.incidents:
        incidents.merge(part)
    counted.failures.sort(key=_by_time)
    return Report(incidents.emit(), counted.failures, counted.others, counted.elsewhere, counted.counters)


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
