"""What the page says before its table: headline, key figures, panels by value, next steps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from logscan._render import timeaxis
from logscan._render.page_data import BACKEND, hint_of
from logscan._render.summary import is_possible
from logscan._render.text import show_time
from logscan._render.timeaxis import Counted
from logscan.overviews import Shared
from logscan.values import Incident, Report

DIMENSIONS = (
    ("alert", "Alert"), ("target", "Backend"), ("env", "Environment"), ("proxy", "API proxy"),
    ("host", "Message Processor"), ("alias", "Keystore alias"), ("keystore", "Keystore"),
    ("org", "Organization"),
)  # fmt: skip
"""Panels, in this order."""
LISTED = ("target", "host", "alias", "keystore")
"""Dimensions in which an incident may have several values."""
SHOWN = 6
"""Values of a panel; further ones are counted."""
STEPS = 4
"""Hints above the table."""
CLIENT = "client-certificate"
"""The selection of all faces of a refused client certificate."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that matters."""

    key: str
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a panel."""

    text: str
    shown: str
    count: int
    exact: bool
    """Else an upper bound: an incident with several values counts for each of them."""
    per_mille: int
    """Of the largest."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The most frequent values of one dimension."""

    dimension: str
    title: str
    values: tuple[Value, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Step:
    """A hint that some incidents share."""

    text: str
    incidents: int
    failed: int


def is_apart(incident: Incident, report: Report) -> bool:
    """Whether it stands in the group of those whose name may have another cause, below the others."""
    return is_possible(incident, report.overview)


def possible_title(report: Report) -> str:
    """The heading of that group; empty without one."""
    if not any(is_apart(incident, report) for incident in report.incidents):
        return ""
    is_client = report.overview.what == CLIENT
    return "Possibly a refused client certificate" if is_client else "The name may have another cause"


def failed_of(report: Report) -> int:
    """Failures that the headline counts."""
    if report.overview.failed:
        return report.overview.failed
    return sum(each.failed_handshakes for each in report.incidents if not is_apart(each, report))


def possible_of(report: Report) -> int:
    """Failures of the group below."""
    return sum(each.failed_handshakes for each in report.incidents if is_apart(each, report))


def subtitle(report: Report) -> str:
    """When, and in which zone."""
    overview = report.overview
    times = [t for i in report.incidents for t in (i.first_time, i.last_time) if t is not None]
    parts = []
    if times:
        first, last = min(times), max(times)
        end = f"{last:%H:%M:%S}" if first.date() == last.date() else show_time(last)
        parts.append(f"{show_time(first)} to {end}")
        parts[-1] += f", times in {overview.zone}" if overview.zone else ", times as in the log"
    if overview.log_end is not None and times:
        still = overview.is_over is False
        ends = show_time(overview.log_end)
        parts.append(
            f"still failing when the log ends at {ends}" if still
            else f"over since {show_time(max(times))}; the log goes on until {ends}" if overview.is_over
            else f"the log ends at {ends}"
        )  # fmt: skip
    return " · ".join(parts)


def values_of(incident: Incident, dimension: str) -> Sequence[str | None]:
    """The values of an incident in one dimension, most frequent first."""
    match dimension:
        case "alert":
            return incident.alerts or (incident.alert,)
        case "env":
            return incident.envs or (incident.env,)
        case "proxy":
            return incident.proxies or (incident.proxy,)
        case "org":
            return (incident.org,)
        case "target":
            return incident.targets
        case "host":
            return incident.hosts
        case "alias":
            return incident.key_aliases
        case _:
            return incident.keystores


def _shared(report: Report, dimension: str) -> Shared | None:
    """Exact numbers where an incident may have several values; ``None`` where they lack the possible ones."""
    if dimension not in LISTED or report.overview.possible:
        return None
    return next((each for each in report.overview.shared if each.dimension == dimension), None)


def _different(report: Report, dimension: str) -> int:
    """How many values there are; at least so many, where only the most frequent are known."""
    shared = _shared(report, dimension)
    if shared is not None:
        return shared.different
    values = {
        value for each in report.incidents if each.together == 1 for value in values_of(each, dimension)
    }
    return len(values - {None})


def figures(report: Report) -> list[Figure]:
    """The numbers that matter."""
    incidents = report.incidents
    if not incidents:
        return []
    possible, overview = possible_of(report), report.overview
    number = sum(each.together for each in incidents)
    apart = sum(each.together for each in incidents if is_apart(each, report))
    hosts = _different(report, "host")
    of = f" of {overview.hosts:,}" if overview.hosts > hosts else ""
    maybe = f"+ {possible:,} possibly" if possible else ""
    return [
        Figure("failed", "failed handshakes", f"{failed_of(report):,}", maybe),
        Figure("incidents", "incidents", f"{number - apart:,}", f"+ {apart:,} possibly" if apart else ""),
        Figure("proxies", "API proxies", f"{_different(report, 'proxy'):,}"),
        Figure("targets", "backends", f"{_different(report, 'target'):,}"),
        Figure("hosts", "Message Processors", f"{hosts:,}{of}"),
        *_times(report),
    ]  # fmt: skip


def _times(report: Report) -> list[Figure]:
    overview = report.overview
    times = [t for i in report.incidents for t in (i.first_time, i.last_time) if t is not None]
    if not times:
        return []
    begun = overview.onset.time if overview.onset else min(times)
    by_day = begun.date() != max(times).date()
    found = [Figure("since", "since", *moment(begun, by_day=by_day))]
    if overview.is_over is None and overview.log_end is None:
        found.append(Figure("last", "last", *moment(max(times), by_day=by_day)))
    elif overview.is_over:
        found.append(Figure("over", "over since", *moment(max(times), by_day=by_day)))
    else:
        found.append(Figure("still", "at the end of the log", "still failing"))
    return found


def moment(time: datetime, *, by_day: bool) -> tuple[str, str]:
    """Time of day and date; with ``by_day`` the date comes first."""
    date, clock = time.date().isoformat(), f"{time:%H:%M:%S}"
    return (date, clock) if by_day else (clock, date)


def tells(report: Report, dimension: str) -> bool:
    """Whether a panel of it tells rows apart. Keystores do where an incident has several."""
    if dimension == "keystore":
        return any(len(each.keystores) > 1 for each in report.incidents)
    return _different(report, dimension) > 1


def panels(report: Report) -> list[Panel]:
    """A panel for each dimension that tells rows apart."""
    return [_panel(report, name, title) for name, title in DIMENSIONS if tells(report, name)]


def _panel(report: Report, dimension: str, title: str) -> Panel:
    shared = _shared(report, dimension)
    if shared is not None:
        ranked, inexact = list(shared.values), set[str]()
        different = shared.different
    else:
        ranked, inexact = _added(report.incidents, dimension)
        different = len(ranked)
    most = max((count for _, count in ranked), default=1)
    values = tuple(
        Value(text, value_words(dimension, text), count, text not in inexact, count * 1000 // most)
        for text, count in ranked[:SHOWN]
    )
    return Panel(dimension, title, values, max(0, different - len(values)))


def value_words(dimension: str, text: str) -> str:
    """How a value is shown: a keystore without its package, ``null`` and a missing one as what they mean."""
    if text == "-":
        return "not logged"
    if dimension not in ("alias", "keystore"):
        return text
    return "none" if text == "null" else text.removeprefix("java.security.")


def _added(incidents: Sequence[Incident], dimension: str) -> tuple[list[tuple[str, int]], set[str]]:
    """Value → failures of the incidents that have it; those values that others stand beside."""
    sums: Counter[str] = Counter()
    inexact = set()
    for incident in incidents:
        values = values_of(incident, dimension) or ("-",)
        for value in values:
            text = "-" if value is None else value
            sums[text] += incident.failed_handshakes
            if len(values) > 1:
                inexact.add(text)
    return sorted(sums.items(), key=lambda item: (-item[1], item[0])), inexact


def same_in_all(report: Report) -> list[tuple[str, str]]:
    """What does not tell them apart: dimension and value."""
    found = []
    for name, title in DIMENSIONS:
        if name == "keystore" or tells(report, name):
            continue
        ranked, _ = _added(report.incidents, name)
        if ranked and ranked[0][0] != "-":
            found.append((title, value_words(name, ranked[0][0])))
    return found


def next_steps(report: Report) -> list[Step]:
    """The hints, each once, of those with most failures."""
    groups: dict[str, list[Incident]] = defaultdict(list)
    for incident in report.incidents:
        if incident.hint:
            groups[hint_of(incident)].append(incident)
    steps = []
    for hint, some in groups.items():
        backends = {each.targets[0] for each in some if each.targets}
        name = next(iter(backends)) if len(backends) == 1 else "BACKEND"
        failed = sum(each.failed_handshakes for each in some)
        steps.append(Step(hint.replace(BACKEND, name), sum(each.together for each in some), failed))
    return sorted(steps, key=lambda step: -step.failed)[:STEPS]


def series_dimension(report: Report) -> str:
    """By what the chart is coloured: the first of these that tells failures apart."""
    return next((name for name in ("alert", "target", "proxy", "host") if tells(report, name)), "alert")


def series_by(report: Report) -> Mapping[str, list[Counted]]:
    """Value → failures over time, in the dimension by which the chart is coloured."""
    dimension = series_dimension(report)
    series: dict[str, list[Counted]] = defaultdict(list)
    if dimension == "alert" and report.overview.bars:
        for alert, bars in report.overview.bars:
            width = bars.width // timedelta(seconds=1)
            series[alert] += [Counted(timeaxis.seconds(time), width, count) for time, count in bars.counts]
        return series
    for incident in report.incidents:
        values = values_of(incident, dimension)
        series[(values[0] if values else None) or "-"] += timeaxis.points_of(incident)
    return {name: points for name, points in series.items() if points}
