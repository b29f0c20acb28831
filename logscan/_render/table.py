"""The report for people: what must be known first, a table, each incident in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from logscan._render.live_lines import failure_line
from logscan._render.summary import (
    alerts_line,
    headline,
    histogram,
    is_possible,
    onset_lines,
    possible_line,
    state_line,
)
from logscan._render.text import counted, show_mapping, show_time, warnings
from logscan.shown import safe
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison
    from logscan._render.formats import Shape


WIDEST = 60
"""Characters to which the cells of a column are padded where nothing is cut."""
LABEL = 11
"""Columns of the words before what must be known first."""


class Page(Protocol):
    """Takes the lines and tables of a report."""

    def line(self, text: str = "", bold: bool = False) -> None:
        """A line of text."""
        ...

    def hanging(self, label: str, text: str) -> None:
        """A label, and text whose further lines begin below the text, not below the label."""
        ...

    def table(self, headers: Sequence[str], numbers: frozenset[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; the columns in ``numbers`` are aligned to the right."""
        ...


class PlainPage:
    """A file or a pipe: no line is folded, and no library is needed."""

    def __init__(self, file: TextIO, colour: bool = False) -> None:
        self._file = file
        self._colour = colour

    def line(self, text: str = "", bold: bool = False) -> None:
        """See :class:`Page`."""
        self._file.write((f"\x1b[1m{text}\x1b[0m" if bold and self._colour else text) + "\n")

    def hanging(self, label: str, text: str) -> None:
        """See :class:`Page`."""
        self.line(label + text)

    def table(self, headers: Sequence[str], numbers: frozenset[str], rows: Sequence[Sequence[str]]) -> None:
        """See :class:`Page`."""
        # A longer cell moves the rest of its own row only: one long name does not widen every row.
        widths = [min(WIDEST, max(map(len, column))) for column in zip(headers, *rows, strict=True)]
        aligned = [str.rjust if name in numbers else str.ljust for name in headers]

        def laid_out(cells: Sequence[str]) -> str:
            parts = (align(cell, width) for align, cell, width in zip(aligned, cells, widths, strict=True))
            return (" " + "   ".join(parts)).rstrip()

        self.line()
        self.line(laid_out(headers), bold=True)
        self.line(" " + "─" * (sum(widths) + 3 * (len(widths) - 1)))
        for row in rows:
            self.line(laid_out(row))
        self.line()


def write_report(report: Report, page: Page, shape: Shape) -> None:
    """Write the whole report to a page that cuts nothing."""
    write_top(report, page, shape, width=0)
    if shape.each:
        page.line()
        for failure in report.failures:
            page.line(failure_line(failure))
        page.line()
    elif report.incidents:
        shown = report.incidents[: shape.rows]
        doubted = [at for at, incident in enumerate(shown) if is_possible(incident, report.overview)]
        first = doubted[0] if doubted and doubted == list(range(doubted[0], len(shown))) else len(shown)
        if first:
            _incidents(page, shown[:first], shape)
        if first < len(shown):
            page.line("Possibly, since these names may have another cause:")
            _incidents(page, shown[first:], shape, first)
        if len(shown) < len(report.incidents):
            page.line(f"{len(report.incidents) - len(shown):,} more incidents are not listed.")
        details = shape.details or 0
        for number, incident in enumerate(report.incidents[:details], 1):
            write_details(page, number, incident)
        if 0 < details < len(report.incidents):
            more = f"Details of the first {details} of {len(report.incidents):,} incidents"
            page.line(f"{more} (--details N shows more).")
    for line in footer(report):
        page.line(line)


def write_top(report: Report, page: Page, shape: Shape, width: int) -> None:
    """What must be known first."""
    overview = report.overview
    head = headline(report, shape.what, brief=bool(width))
    page.line(head, bold=bool(report.incidents))
    lines = [
        ("alerts", alerts_line(overview, possible=False) if not overview.what.startswith("TLS") else ""),
        ("possibly", possible_line(overview)),
        ("when", state_line(overview, brief=bool(width)) if report.incidents else ""),
        ("course", histogram(overview, width - LABEL) if width else ""),
        *(("in common" if not at else "", safe(text)) for at, text in enumerate(overview.findings)),
        *(("at onset" if not at else "", text) for at, text in enumerate(onset_lines(overview))),
        *(("note" if not at else "", safe(text)) for at, text in enumerate(overview.unmatched)),
    ]
    for label, text in lines:
        if text:
            page.hanging(f"{label:<{LABEL}}", text)


def footer(report: Report, *, brief: bool = False) -> list[str]:
    """The failures outside the selection, and the warnings of the run.

    Args:
        brief: the number of other failures without their kinds.
    """
    lines: list[str] = []
    if report.other_alerts:
        others = report.other_alerts
        named = "" if brief else f"{show_mapping(others)}; "
        lines.append(f"Other TLS failures: {others.total():,} ({named}--alert all shows them).")
    if report.elsewhere:
        lines.append(
            f"Elsewhere: {counted(report.elsewhere, 'TLS failure')} in organizations, environments,"
            " proxies or on a side that are not selected."
        )
    lines += [f"Note: {line}." for line in warnings(report.counters)]
    return lines


def comparison_lines(changes: Comparison) -> Iterator[str]:
    """A comparison with an earlier run, an incident per line."""
    from logscan._failures.history import key_of, name_of

    yield f"Since {changes.label}:"
    states: dict[str, list[str]] = {}
    for incident, (state, words) in changes.states.items():
        count = f"{incident.failed_handshakes:,}" + (f", {words}" if words else "")
        states.setdefault(state, []).append(f"{name_of(key_of(incident))} ({count})")
    if changes.gone:
        states["resolved"] = [f"{name_of(key)} ({count:,} then)" for key, count in changes.gone]
    for state in ("new", "growing", "continuing", "shrinking", "resolved"):
        for name in states.get(state, ()):
            yield f"  {state:<10}  {safe(name)}"
    if not states:
        yield "  no incident then, no incident now"
    if changes.outside:
        yield rise_line(changes)


def rise_line(changes: Comparison) -> str:
    """That the TLS failures outside the selection have grown; empty if they have not."""
    if changes.outside is None:
        return ""
    now, before = changes.outside
    return f"TLS failures outside the selection rose: {now:,}, {before:,} before (--alert all shows them)."


def _incidents(page: Page, incidents: Sequence[Incident], shape: Shape, before: int = 0) -> None:
    """A table of incidents, after so many others."""
    by = shape.by
    several = len({incident.alert for incident in incidents}) > 1
    north = any(incident.side == "northbound" for incident in incidents)
    key = [] if shape.grouped else ["org", "env", "API proxy"]
    headers = [
        "#", *key, *(["alert"] if several else []), *(["side"] if north else []), *by,
        *(["API proxies"] if shape.grouped else []), "failed", "messages", "first", "last",
    ]  # fmt: skip
    rows = [
        [
            str(number),
            *([] if shape.grouped else map(cell_of, (incident.org, incident.env, incident.proxy))),
            *([cell_of(incident.alert)] if several else []),
            *([incident.side] if north else []),
            *(cell_of(value) for _, value in incident.by),
            *([", ".join(map(safe, incident.proxies))] if shape.grouped else []),
            number_of(incident, "failed_handshakes", incident.failed_handshakes),
            number_of(incident, "messages", incident.messages),
            show_time(incident.first_time),
            show_time(incident.last_time),
        ]
        for number, incident in enumerate(incidents, before + 1)
    ]
    page.table(headers, frozenset(("#", "failed", "messages")), rows)


def write_details(page: Page, number: int, incident: Incident, *, brief: bool = False) -> None:
    """An incident in a few lines; brief: without identity hashes that tell nothing."""
    where = " / ".join(safe(part or "-") for part in (incident.org, incident.env, incident.proxy))
    if incident.proxies:
        where = " / ".join(safe(value or "-") for _, value in incident.by)
    page.line(f"{number}  {where}: {safe(incident.alert)}", bold=True)
    facts = (
        ("keystore", "keystores", _objects(incident, incident.keystores) if brief else incident.keystores),
        ("alias", "key_aliases", incident.key_aliases),
        (
            "truststore",
            "truststores",
            _objects(incident, incident.truststores) if brief else incident.truststores,
        ),
        ("target" if incident.side == "southbound" else "router", "targets", incident.targets),
        ("revision", "revisions", incident.revisions),
        ("logged by", "hosts", incident.hosts),
        ("messages", "messages", incident.sample_message_ids),
        ("next", "hint", (incident.hint,)),
    )
    different = dict(incident.different)
    for name, field, values in facts:
        text = ", ".join(safe(value) for value in values) if values else "not logged"
        if field in different:
            text += f", … of {number_of(incident, field, different[field])}"
        page.hanging(f"   {name:<11}", text)
    page.line()


def _objects(incident: Incident, names: Sequence[str]) -> tuple[str, ...]:
    """Keystore objects without their identity hashes, unless one host had several: it was loaded anew."""
    objects = [name for name in names if name != "null"]
    if len(objects) > max(1, len(incident.hosts)):
        return tuple(names)
    known = ("configured",) if objects else ()
    return (
        *known,
        *(["null (none) in some"] if known and "null" in names else ["null (none)"] * ("null" in names)),
    )


def number_of(incident: Incident, field: str, number: int) -> str:
    """A number of an incident; an estimate says so."""
    return f"about {number:,}" if field in incident.approximate else f"{number:,}"


def cell_of(value: str | None) -> str:
    return safe(value) if value is not None else "-"
