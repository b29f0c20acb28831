"""Summary: the first lines of a report: how much, since when, what in common, what happened."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from logscan._render.text import counted, show_bytes, show_time
from logscan.overviews import Bars, Overview, have_stopped
from logscan.shown import safe
from logscan.times import moved
from logscan.values import Incident, Report

BLOCKS = "▁▂▃▄▅▆▇█"
_SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800)
"""Seconds of a bar of a histogram."""


def headline(report: Report, what: str, *, brief: bool = False) -> str:
    """The number of failures and incidents in one sentence: of those whose name has no other cause.

    Args:
        report: the report.
        what: the selection in words.
        brief: without times.
    """
    counters, overview = report.counters, report.overview
    read = f"{counted(counters.files, 'file')}, {show_bytes(counters.bytes)}"
    sure = [incident for incident in report.incidents if not is_possible(incident, overview)]
    if not report.incidents:
        return f"No {what} failures in {read}."
    if not sure and not overview.failed:
        number = sum(incident.failed_handshakes for incident in report.incidents)
        return f"No certain {what} failures, {number:,} possible ones ({read}){_span(report.incidents)}"
    handshakes = overview.failed or sum(incident.failed_handshakes for incident in sure)
    number = sum(incident.together for incident in sure)
    amount = f"{counted(handshakes, 'failed handshake')} in {counted(number, 'incident')}"
    return f"{what}: {amount} ({read}){'' if brief else _span(sure)}"


def is_possible(incident: Incident, overview: Overview) -> bool:
    """Whether an incident stands in the group of those whose name may have another cause."""
    return overview.possible > 0 and incident.is_ambiguous


def _span(incidents: Sequence[Incident]) -> str:
    times = [t for i in incidents for t in (i.first_time, i.last_time) if t is not None]
    return f", {show_time(min(times))} to {show_time(max(times))}" if times else ""


def alerts_line(overview: Overview, *, possible: bool) -> str:
    """``11 bad_certificate, 2 certificate_required``; empty where there is nothing to add to the headline."""
    parts = [f"{number:,} {safe(name)}" for name, number, doubt in overview.alerts if doubt is possible]
    return ", ".join(parts) if possible or len(parts) > 1 else ""


def possible_line(overview: Overview) -> str:
    """The failures whose name may have another cause; empty without any."""
    if not overview.possible:
        return ""
    return f"{alerts_line(overview, possible=True)} (these names may have another cause)"


def state_line(overview: Overview, *, brief: bool = False) -> str:
    """Since when, and whether it goes on at the end of the logs; brief: only the name of the zone."""
    if overview.last is None:
        return ""
    name = overview.zone.partition(" ")[0] if brief else overview.zone
    zone = f"; {name}" if name else ""
    begin = overview.onset.time if overview.onset is not None else overview.first
    since = f"since {show_time(begin)}" if begin is not None else ""
    if overview.log_end is None or overview.is_over is None:
        return f"{since}, last {_short(overview.last, begin)}{zone}"
    if overview.is_over:
        end = _short(overview.log_end, begin)
        return f"over: {since}, last {_short(overview.last, begin)}; the logs end {end}{zone}"
    return f"{since}, still failing at the logs' end, {_short(overview.log_end, begin)}{zone}"


def state_of(incident: Incident, overview: Overview) -> str:
    """Whether an incident goes on: ``over`` or ``goes on``; empty where that is not known."""
    if incident.last_time is None or overview.log_end is None:
        return ""
    usual = timedelta(0)
    if incident.first_time is not None and incident.failed_handshakes > 1:
        usual = (incident.last_time - incident.first_time) / incident.failed_handshakes
    return "over" if have_stopped(incident.last_time, overview.log_end, usual) else "goes on"


def onset_lines(overview: Overview) -> list[str]:
    """What happened at the onset, a line each."""
    onset = overview.onset
    if onset is None:
        return []
    lines = []
    for event in onset.events:
        time = _short(event.time, onset.time) if event.time is not None else ""
        place = f" ({safe(event.place)})" if event.place else ""
        lines.append(f"{time} {safe(event.text)}{place}".strip())
    if not lines and not onset.looked_at:
        return [onset.note] if onset.note else []
    if not lines:
        lines.append(
            f"no deployment, revision, keystore or start is seen in {show_bytes(onset.looked_at)} before"
            f" {show_time(onset.time)}"
        )
    return lines


def _short(time: datetime, beside: datetime | None) -> str:
    """A time; without its date where that stands beside it."""
    if beside is not None and time.date() == beside.date():
        return f"{time:%H:%M:%S}"
    return show_time(time)


def histogram(overview: Overview, width: int) -> str:
    """Failures over time on one line; empty where all are in one span.

    Spans are fit to the episode: failures long before it are left out, and said.
    """
    merged = _merged([bars for _, bars in overview.bars])
    if merged is None:
        return ""
    points, finest = merged
    onset = overview.onset.time if overview.onset is not None else points[0][0]
    shown = [point for point in points if moved(point[0], finest) > onset]
    begin, end = shown[0][0], shown[-1][0]
    places = max(20, width - 46)
    seconds = next(
        (
            span
            for span in _SPANS
            if span >= finest.total_seconds() and (end - begin).total_seconds() < span * places
        ),
        _SPANS[-1],
    )
    span = timedelta(seconds=seconds)
    start = _floor(begin, span)
    number = min(places, (end - start) // span + 1)
    if number < 2:
        return ""
    counts = [0] * number
    for time, count in shown:
        counts[min(number - 1, (time - start) // span)] += count
    most = max(counts)
    blocks = "".join(BLOCKS[-(-count * len(BLOCKS) // most) - 1] if count else " " for count in counts)
    last = moved(start, number * span)
    clock = "%H:%M:%S" if seconds < 60 else "%H:%M" if last - start < timedelta(days=2) else "%m-%d"
    earlier = sum(count for _, count in points) - sum(counts)
    before = f"; {earlier:,} earlier" if earlier else ""
    return f"{start:{clock}} {blocks} {last:{clock}}  at most {most:,} in {_words(seconds)}{before}"


def _merged(all_bars: Sequence[Bars]) -> tuple[list[tuple[datetime, int]], timedelta] | None:
    """The failures of all alerts over time, in the longest of their spans."""
    if not any(bars.counts for bars in all_bars):
        return None
    width = max(bars.width for bars in all_bars)
    counts: dict[datetime, int] = {}
    for bars in all_bars:
        for time, count in bars.counts:
            start = _floor(time, width)
            counts[start] = counts.get(start, 0) + count
    return sorted(counts.items()), width


def _floor(time: datetime, span: timedelta) -> datetime:
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (time - day) // span * span if span < timedelta(days=1) else day


def _words(seconds: int) -> str:
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = seconds // size
            return ("an hour" if name == "hour" else f"a {name}") if number == 1 else f"{number} {name}s"
    return ""


def next_command(report: Report, paths: Sequence[str]) -> str:
    """What to type next: the diagnosis of the worst incident."""
    if not report.incidents or not paths:
        return ""
    worst = report.incidents[0]
    words = ["logscan", "diagnose", *paths[:3]]
    if worst.proxy and worst.proxy.isprintable():
        words += ["--proxy", worst.proxy]
    more = " …" if len(paths) > 3 else ""
    return safe(shlex.join(words)) + more
