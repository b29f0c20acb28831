"""The report for people: a table that fits the terminal, then each incident in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from logscan.models import FailedHandshake, Incident
from logscan.pipeline import Report
from logscan.render.text import counted, safe, show_bytes, show_mapping, show_time, warnings

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200
"""Columns to lay out for when the output is no terminal."""


def print_report(
    report: Report,
    what: str,
    by: Sequence[str],
    each: bool,
    file: TextIO,
    colour: bool | None,
    details: int = 10,
) -> None:
    """Write the whole report.

    Args:
        what: the selection in words, as ``bad_certificate``.
        by: the further columns.
        each: list failed handshakes instead of incidents.
        details: tell more of that many incidents.
        file: where to.
        colour: force or forbid colour; ``None`` decides by terminal and ``NO_COLOR``.
    """
    console = _console(file, colour)
    headline(console, report, what)
    if each:
        _failures(console, report.failures)
    elif report.incidents:
        _incidents(console, report.incidents, by)
        for number, incident in enumerate(report.incidents[:details], 1):
            _details(console, number, incident)
        if 0 < details < len(report.incidents):
            more = f"Details of the first {details} of {len(report.incidents):,} incidents"
            console.print(f"{more} (--details N shows more).", markup=False, highlight=False)
    for line in footer(report):
        console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def headline(console: Console, report: Report, what: str) -> None:
    """What was found, in one sentence."""
    incidents = report.incidents
    counters = report.counters
    read = f"{counted(counters.files, 'file')}, {show_bytes(counters.bytes)}"
    if not incidents:
        console.print(f"No {what} failures in {read}.", markup=False, highlight=False)
        return
    handshakes = sum(incident.failed_handshakes for incident in incidents)
    times = [t for i in incidents for t in (i.first_time, i.last_time) if t is not None]
    span = f", {show_time(min(times))} to {show_time(max(times))}" if times else ""
    console.print(
        f"{what}: {counted(handshakes, 'failed handshake')} in {counted(len(incidents), 'incident')}"
        f" ({read}){span}",
        markup=False, highlight=False, style="bold", soft_wrap=not console.is_terminal,
    )  # fmt: skip


def footer(report: Report) -> list[str]:
    """What lies outside the selection, and what the reader must know of the run."""
    lines: list[str] = []
    if report.other_alerts:
        lines.append(f"Outside this selection: {show_mapping(report.other_alerts)} (--alert all shows them).")
    if report.elsewhere:
        lines.append(
            f"Elsewhere: {counted(report.elsewhere, 'TLS failure')} in organizations, environments,"
            " proxies or on a side that were not asked for."
        )
    lines += [f"Note: {line}." for line in warnings(report.counters)]
    return lines


def failure_line(failure: FailedHandshake) -> str:
    """One failed handshake on one line, for ``tail``."""
    where = "/".join(part or "-" for part in (failure.org, failure.env, failure.proxy))
    parts = [show_time(failure.time, milliseconds=True), failure.alert, where]
    if failure.revision:
        parts.append(f"rev:{failure.revision}")
    if failure.target:
        parts.append(f"{'from' if failure.side == 'northbound' else 'to'} {failure.target}")
    if failure.side == "northbound":
        parts.append("northbound")
    info = failure.ssl_info
    if info is not None:
        parts.append(
            "no keystore"
            if info.keystore == "null"
            else f"keystore {info.keystore.removeprefix('java.security.')} alias {info.key_alias}"
        )
    if failure.alert not in failure.reason:
        parts.append(f"“{failure.reason}”")
    parts.append(f"messageid:{failure.message_id or '-'}")
    return safe("  ".join(parts))


def _console(file: TextIO, colour: bool | None) -> Console:
    from rich.console import Console

    width = None if file.isatty() else PIPE_WIDTH
    return Console(
        file=file, width=width, force_terminal=colour, no_color=True if colour is False else None,
        emoji=False,
    )  # fmt: skip


def _incidents(console: Console, incidents: Sequence[Incident], by: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table

    several = len({incident.alert for incident in incidents}) > 1
    north = any(incident.side == "northbound" for incident in incidents)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    names = ["org", "env", "API proxy", *(["alert"] if several else []), *(["side"] if north else [])]
    for name in (*names, *by):
        table.add_column(name, overflow="fold")
    for name in ("failed", "messages"):
        table.add_column(name, justify="right")
    for name in ("first", "last"):
        table.add_column(name)
    for number, incident in enumerate(incidents, 1):
        table.add_row(
            str(number),
            *(_cell(value) for value in (incident.org, incident.env, incident.proxy)),
            *([_cell(incident.alert)] if several else []),
            *([incident.side] if north else []),
            *(_cell(value) for _, value in incident.by),
            f"{incident.failed_handshakes:,}",
            f"{incident.messages:,}",
            show_time(incident.first_time),
            show_time(incident.last_time),
        )
    console.print(table)


def _details(console: Console, number: int, incident: Incident) -> None:
    where = " / ".join(safe(part or "-") for part in (incident.org, incident.env, incident.proxy))
    console.print(
        f"{number}  {where}: {safe(incident.alert)}", markup=False, highlight=False, style="bold",
        soft_wrap=not console.is_terminal,
    )  # fmt: skip
    facts = (
        ("keystore", incident.keystores),
        ("alias", incident.key_aliases),
        ("truststore", incident.truststores),
        ("target" if incident.side == "southbound" else "router", incident.targets),
        ("revision", incident.revisions),
        ("logged by", incident.hosts),
        ("messages", incident.sample_message_ids),
        ("next", (incident.hint,)),
    )
    for name, values in facts:
        text = ", ".join(safe(value) for value in values) if values else "not logged"
        _hanging(console, f"   {name:<11}", text)
    console.print()


def _failures(console: Console, failures: Sequence[FailedHandshake]) -> None:
    console.print()
    for failure in failures:
        console.print(failure_line(failure), markup=False, highlight=False, soft_wrap=not console.is_terminal)
    console.print()


def _hanging(console: Console, label: str, text: str) -> None:
    """A label, and text that is folded beside it rather than under it."""
    from rich.padding import Padding
    from rich.text import Text

    if not console.is_terminal:
        console.print(label + text, markup=False, highlight=False, soft_wrap=not console.is_terminal)
        return
    body = Text(text, overflow="fold").wrap(console, max(20, console.width - len(label)))
    for at, line in enumerate(body):
        console.print(Padding(Text((label if not at else " " * len(label)) + line.plain), 0))


def _cell(value: str | None) -> str:
    from rich.markup import escape

    return escape(safe(value)) if value is not None else "-"
