"""The report as one self-contained HTML page, for screens, phones, mails and printers.

Without scripts it shows the summary and the first incidents. Its script has all incidents as data
(:mod:`logscan._render.page_data`) and draws tables, panels and charts again for what the reader selects.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from logscan._failures.history import name_of
from logscan._render import charts, page_data, timeaxis
from logscan._render.page_summary import (
    DIMENSIONS,
    figures,
    is_apart,
    next_steps,
    panels,
    possible_title,
    same_in_all,
    series_by,
    subtitle,
)
from logscan._render.summary import headline, onset_lines
from logscan._render.table import footer
from logscan._render.text import copies_line, counted, show_time
from logscan.shown import safe, safe_lines
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

ROWS = 50
"""Incidents on a page of the table, and those that are shown without scripts."""
LARGEST = 1_950_000
"""Bytes of the whole page."""
SCRIPTS = ("data", "axis", "chart", "select", "rows", "download", "start")
"""Parts of the script, in order."""


@dataclass(frozen=True, slots=True)
class Row:
    """One incident for the template."""

    incident: Incident
    id: str
    number: int
    backend: str
    """The first one, and how many more."""
    began: str
    state: str
    """``still``, ``over`` or empty."""
    state_words: str
    mark: str
    """With a comparison: ``new``, ``growing`` …"""
    change: str
    spark: Any
    details: tuple[tuple[str, str], ...]
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

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "line": safe,
        "lines": safe_lines,
        "time": show_time,
    }
    template = environment.from_string(_read("report.html"))
    incidents = sorted(report.incidents, key=lambda each: is_apart(each, report))
    report = report._replace(incidents=incidents)
    context = _context(report, what, entries, changes)
    states = changes.states if changes else {}
    empty = template.render(**context, data="", is_packed=False)
    facts = _facts(report, what, changes)
    data = page_data.encode(report, facts, states, LARGEST - len(empty.encode("utf-8", "backslashreplace")))
    context["cut"] = data.cut
    context["left_out"] = len(incidents) - data.rows
    return template.render(**context, data=_trusted(data.text), is_packed=data.is_packed)


def _read(name: str) -> str:
    return files("logscan._render").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _context(
    report: Report, what: str, entries: Mapping[str, list[str]], changes: Comparison | None
) -> dict[str, Any]:
    script = (
        "(async () => {\n" + "\n".join(_read(f"report/{name}.js").strip() for name in SCRIPTS) + "\n})();"
    )
    style = _read("common.css") + _read("report.css")
    series = series_by(report)
    points = [point for each in series.values() for point in each]
    axis = timeaxis.axis_for(points, [moment for moment, _ in marks_of(report)]) if points else None
    bars, names = charts.stacked(series, axis, marks_of(report)) if axis else ("", [])
    hours = [hour for incident in report.incidents for hour in incident.hours]
    several_days = len({time.date() for time, _ in hours}) > 1
    rows = _rows(report, entries, changes, axis)
    return {
        "title": headline(report, what, brief=True),
        "subtitle": subtitle(report),
        "figures": figures(report),
        "panels": panels(report),
        "same": same_in_all(report),
        "steps": next_steps(report),
        "overview": report.overview,
        "onset": onset_words(report),
        "events": onset_lines(report.overview),
        "rows": rows,
        "first_apart": next((row.number for row in rows if is_apart(row.incident, report)), 0),
        "possible": possible_title(report),
        "by": [name for name, _ in report.incidents[0].by] if report.incidents else [],
        "marks": Counter(row.mark for row in rows if row.mark),
        "gone": [f"{name_of(key)} ({count:,} then)" for key, count in changes.gone] if changes else [],
        "compared": changes.label if changes else "",
        "number": len(report.incidents),
        "left_out": 0,
        "cut": False,
        "bars": _trusted(bars),
        "bar_words": axis.words if axis else "",
        "names": names,
        "heat": _trusted(charts.heat_map(hours) if several_days else ""),
        "footer": footer(report),
        "problems": [
            *(str(problem) for problem in report.counters.problems if not problem.is_copy),
            *filter(None, [copies_line(report.counters.problems)]),
        ],
        "created": f"{datetime.now():%Y-%m-%d %H:%M}",
        "script": _trusted(script),
        "style": _trusted(style),
        "script_hash": _digest(script),
        "style_hash": _digest(style),
        "counted": counted,
    }


def onset_words(report: Report) -> str:
    """When the failures began, with the date where they last for more than that day."""
    onset, (_, last) = report.overview.onset, range_of(report)
    if onset is None:
        return ""
    return f"{onset.time:%H:%M:%S}" if last and onset.time.date() == last.date() else show_time(onset.time)


def marks_of(report: Report) -> list[tuple[int, str]]:
    """Moments that the chart marks."""
    overview = report.overview
    marks = []
    if overview.onset is not None:
        marks.append((timeaxis.seconds(overview.onset.time), f"onset {overview.onset.time:%H:%M:%S}"))
    if overview.log_end is not None:
        marks.append((timeaxis.seconds(overview.log_end), f"the log ends {overview.log_end:%H:%M:%S}"))
    return marks


def _facts(report: Report, what: str, changes: Comparison | None) -> dict[str, Any]:
    """What the script needs beside the rows."""
    first, last = range_of(report)
    return {
        "what": safe(what),
        "form": timeaxis.form_for(first, last),
        "marks": marks_of(report),
        "possible": possible_title(report),
        "by": [name for name, _ in report.incidents[0].by] if report.incidents else [],
        "page": ROWS,
        "dimensions": DIMENSIONS,
        "compared": bool(changes),
        "hosts": report.overview.hosts,
    }


def range_of(report: Report) -> tuple[datetime | None, datetime | None]:
    """First and last failure."""
    times = [t for i in report.incidents for t in (i.first_time, i.last_time) if t is not None]
    return (min(times), max(times)) if times else (None, None)


def _rows(
    report: Report,
    entries: Mapping[str, list[str]],
    changes: Comparison | None,
    axis: timeaxis.Axis | None,
) -> list[Row]:
    """The first rows of the table."""
    form = timeaxis.form_for(*range_of(report))
    rows = []
    for number, incident in enumerate(report.incidents[:ROWS], 1):
        mark, change = changes.states.get(incident, ("", "")) if changes else ("", "")
        state = page_data.state_of(incident, report)
        rows.append(
            Row(
                incident,
                f"i{number}-{page_data.row_id(incident)}",
                number,
                first_of(incident.targets, dict(incident.different).get("targets")),
                _moment(incident.first_time, form),
                state,
                state_words(incident, state, form),
                mark,
                change,
                _trusted(charts.sparkline(timeaxis.points_of(incident), axis)) if axis else "",
                details_of(incident),
                tuple((name, entries[name]) for name in incident.sample_message_ids if name in entries),
            )
        )
    return rows


def state_words(incident: Incident, state: str, form: str) -> str:
    """``over since 03:34:00``, or that it still failed."""
    if state == page_data.STILL:
        return "still at the end of the log"
    last = _moment(incident.last_time, form)
    return f"over since {last}" if state == page_data.OVER else f"last {last}"


def _moment(time: datetime | None, form: str) -> str:
    return "-" if time is None else timeaxis.shown(timeaxis.seconds(time), form)


def first_of(values: Sequence[str], different: int | None = None) -> str:
    """The first value, and how many more there are."""
    number = different or len(values)
    return "-" if not values else values[0] + (f" + {number - 1:,} more" if number > 1 else "")


def details_of(incident: Incident) -> tuple[tuple[str, str], ...]:
    """What is shown of an incident when its row is opened: label and text."""
    different = dict(incident.different)

    def listed(name: str, values: Sequence[str]) -> str:
        more = f"; … of {different[name]:,}" if name in different else ""
        return "; ".join(values) + more

    details = [
        ("Keystore", keystore_words(incident)),
        ("Truststore", store_words(incident.truststores, "truststore")),
        (("Backend" if incident.side == "southbound" else "Router"), listed("targets", incident.targets)),
        ("Revision", listed("revisions", incident.revisions)),
        ("Message Processor", listed("hosts", incident.hosts)),
        ("Message ids", "; ".join(incident.sample_message_ids)),
        ("Failure", f"{incident.family}, {incident.side}"),
        ("Next", incident.hint),
    ]
    return tuple((label, text) for label, text in details if text)


def keystore_words(incident: Incident) -> str:
    """The keystores, by their identity only where it differs within the incident."""
    aliases = ", ".join(alias for alias in incident.key_aliases if alias != "null")
    stores = store_words(incident.keystores, "keystore")
    return f"{stores}, alias {aliases}" if aliases and stores else stores


def store_words(stores: Sequence[str], kind: str) -> str:
    """``none``, ``one``, or each of several by its identity."""
    if not stores:
        return ""
    if len(stores) == 1:
        return "none is configured" if stores[0] == "null" else f"one {kind}"
    return ", ".join("none" if store == "null" else store.removeprefix("java.security.") for store in stores)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 (our own files, and what our renderers escaped)
