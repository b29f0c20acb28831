"""The report as one self-contained page: for a phone at night, for a mail on Monday, for the printer."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from logscan.render import charts
from logscan.render.table import footer, headline
from logscan.render.text import counted, safe, safe_lines, show_time
from logscan.values import Incident, Report

STILL = timedelta(hours=1)
"""An incident whose last failure lies so close to the newest is told as going on."""
ROWS = 1_000
"""Incidents in the table; later ones are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One incident for the template."""

    incident: Incident
    name: str
    still: bool
    """It failed until the end of what was read."""
    state: str
    """``still failing`` or the empty text; with a comparison ``new``, ``growing`` …"""
    change: str
    spark: Any
    samples: tuple[tuple[str, list[str]], ...]


def to_html(
    report: Report,
    what: str,
    samples: Mapping[str, list[str]],
    states: Mapping[Incident, tuple[str, str]] | None = None,
    gone: Sequence[str] = (),
    compared: str = "",
    made: datetime | None = None,
) -> str:
    """The page.

    Args:
        report: what was found.
        what: the selection in words.
        samples: message id → its entries.
        states: of each incident against an earlier run: ``new``, ``growing`` …, and the change in words.
        gone: incidents of the earlier run that are no more, in words.
        compared: with what was compared.
        made: when; now, where ``None``.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def trusted(svg: str) -> Any:
        return Markup(svg)  # noqa: S704 (made of escaped parts by our own renderer)

    template = files("logscan.render").joinpath("templates/report.html").read_text(encoding="utf-8")
    script = files("logscan.render").joinpath("templates/report.js").read_text(encoding="utf-8").strip()
    incidents = report.incidents[:ROWS]
    times = [time for incident in incidents for time, _ in incident.hours]
    first, last = (min(times), max(times)) if times else (datetime.min, datetime.min)
    newest = max((incident.last_time for incident in incidents if incident.last_time), default=None)
    rows = []
    for incident in incidents:
        still = newest is not None and incident.last_time is not None and newest - incident.last_time <= STILL
        state, change = (states or {}).get(incident, ("", ""))
        kept = tuple((name, samples[name]) for name in incident.sample_message_ids if name in samples)
        spark = trusted(charts.sparkline(incident.hours, first, last)) if incident.hours else ""
        rows.append(
            Row(
                incident,
                _name(incident),
                still,
                state or ("still failing" if still else ""),
                change,
                spark,
                kept,
            )
        )
    series: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for incident in report.incidents:
        series[f"{incident.proxy or '-'} ({incident.env or '-'})"] += incident.hours
    bars, names = charts.stacked(series)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"line": safe, "lines": safe_lines, "time": show_time, "many": "; ".join}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(template).render(
        title=headline(report, what),
        rows=rows,
        broken=[row for row in rows if row.still][:5],
        marks=Counter(row.state for row in rows if row.state and states),
        left_out=len(report.incidents) - len(rows),
        bars=trusted(bars),
        names=names,
        heat=trusted(charts.heat_map([point for points in series.values() for point in points])),
        gone=gone,
        compared=compared,
        footer=footer(report),
        problems=[str(problem) for problem in report.counters.problems],
        made=f"{made or datetime.now():%Y-%m-%d %H:%M}",
        digest=digest,
        script=Markup(script),  # noqa: S704 (ours)
        counted=counted,
    )


def _name(incident: Incident) -> str:
    """``org / env / proxy``."""
    return " / ".join(part or "-" for part in (incident.org, incident.env, incident.proxy))
