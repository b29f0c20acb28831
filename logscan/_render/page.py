"""The report as one self-contained HTML page, for screens, phones, mails and printers."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from logscan._failures.history import name_of
from logscan._render import charts
from logscan._render.summary import headline
from logscan._render.table import footer
from logscan._render.text import copies_line, counted, show_time
from logscan.shown import safe, safe_lines
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

STILL = timedelta(hours=1)
"""An incident still fails if its last failure is at most this much before the newest of the report."""
ROWS = 1_000
"""Incidents in the table; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One incident for the template."""

    incident: Incident
    name: str
    still: bool
    """It failed until the end of the logs."""
    state: str
    """``still failing`` or empty; with a comparison: ``new``, ``growing`` …"""
    change: str
    spark: Any
    samples: tuple[tuple[str, list[str]], ...]


def to_html(
    report: Report,
    what: str,
    entries: Mapping[str, list[str]],
    changes: Comparison | None = None,
) -> str:
    """The page.

    Args:
        report: the report.
        what: the selection in words.
        entries: message id → entries of the message, for some messages of each incident.
        changes: the comparison with an earlier run.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def read(name: str) -> str:
        return files("logscan._render").joinpath(f"templates/{name}").read_text(encoding="utf-8")

    script = read("report.js").strip()
    rows = _rows(report.incidents[:ROWS], entries, changes)
    series: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for incident in report.incidents:
        series[f"{incident.proxy or '-'} ({incident.env or '-'})"] += incident.hours
    bars, names = charts.stacked(series)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"line": safe, "lines": safe_lines, "time": show_time, "many": "; ".join}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(read("report.html")).render(
        title=headline(report, what),
        rows=rows,
        broken=[row for row in rows if row.still][:5],
        marks=Counter(row.state for row in rows if row.state and changes),
        left_out=len(report.incidents) - len(rows),
        bars=_trusted(bars),
        names=names,
        heat=_trusted(charts.heat_map([point for points in series.values() for point in points])),
        gone=[f"{name_of(key)} ({count:,} then)" for key, count in changes.gone] if changes else [],
        compared=changes.label if changes else "",
        footer=footer(report),
        problems=[
            *(str(problem) for problem in report.counters.problems if not problem.is_copy),
            *filter(None, [copies_line(report.counters.problems)]),
        ],
        created=f"{datetime.now():%Y-%m-%d %H:%M}",
        digest=digest,
        script=Markup(script),  # noqa: S704 (our own file)
        counted=counted,
    )


def _rows(
    incidents: Sequence[Incident], entries: Mapping[str, list[str]], changes: Comparison | None
) -> list[Row]:
    """The rows of the table."""
    times = [time for incident in incidents for time, _ in incident.hours]
    first, last = (min(times), max(times)) if times else (datetime.min, datetime.min)
    newest = max((incident.last_time for incident in incidents if incident.last_time), default=None)
    rows = []
    for incident in incidents:
        still = newest is not None and incident.last_time is not None and newest - incident.last_time <= STILL
        state, change = changes.states.get(incident, ("", "")) if changes else ("", "")
        rows.append(
            Row(
                incident,
                _name(incident),
                still,
                state or ("still failing" if still else ""),
                change,
                _trusted(charts.sparkline(incident.hours, first, last)) if incident.hours else "",
                tuple((name, entries[name]) for name in incident.sample_message_ids if name in entries),
            )
        )
    return rows


def _trusted(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 (our renderer escapes every part of it)


def _name(incident: Incident) -> str:
    """``org / env / proxy``."""
    return " / ".join(part or "-" for part in (incident.org, incident.env, incident.proxy))
