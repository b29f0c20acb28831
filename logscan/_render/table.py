"""The report for people: a table that fits the terminal, then each incident in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from logscan._render.live_lines import failure_line
from logscan._render.text import counted, show_bytes, show_mapping, show_time, warnings
from logscan.shown import safe
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison
    from logscan._render.formats import Shape


WIDEST = 60
"""Characters to which the cells of a column are padded."""


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


class TerminalPage:
    """A terminal, through rich: lines are folded to its width."""

    def __init__(self, file: TextIO, colour: bool) -> None:
        from rich.console import Console

        self._console: Any = Console(
            file=file, force_terminal=True, no_color=None if colour else True, emoji=False
        )

    def line(self, text: str = "", bold: bool = False) -> None:
        """See :class:`Page`."""
        self._console.print(text, markup=False, highlight=False, style="bold" if bold else None)

    def hanging(self, label: str, text: str) -> None:
        """See :class:`Page`."""
        from rich.text import Text

        width = max(20, self._console.width - len(label))
        for number, line in enumerate(Text(text, overflow="fold").wrap(self._console, width)):
            self._console.print(Text((" " * len(label) if number else label) + line.plain))

    def table(self, headers: Sequence[str], numbers: frozenset[str], rows: Sequence[Sequence[str]]) -> None:
        """See :class:`Page`."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name in headers:
            table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)


def write_report(report: Report, page: Page, shape: Shape) -> None:
    """Write the whole report to a page."""
    page.line(headline(report, shape.what), bold=bool(report.incidents))
    if shape.terminal and (spark := sparkline(report.incidents)):
        page.line(spark)
    if shape.each:
        page.line()
        for failure in report.failures:
            page.line(failure_line(failure))
        page.line()
    elif report.incidents:
        shown = report.incidents[: shape.rows]
        _incidents(page, shown, shape.by)
        if len(shown) < len(report.incidents):
            page.line(f"{len(report.incidents) - len(shown):,} more incidents are not listed.")
        for number, incident in enumerate(report.incidents[: shape.details], 1):
            _details(page, number, incident)
        if 0 < shape.details < len(report.incidents):
            more = f"Details of the first {shape.details} of {len(report.incidents):,} incidents"
            page.line(f"{more} (--details N shows more).")
    for line in footer(report):
        page.line(line)


def headline(report: Report, what: str) -> str:
    """The number of failures and incidents in one sentence."""
    incidents = report.incidents
    counters = report.counters
    read = f"{counted(counters.files, 'file')}, {show_bytes(counters.bytes)}"
    if not incidents:
        return f"No {what} failures in {read}."
    handshakes = sum(incident.failed_handshakes for incident in incidents)
    times = [t for i in incidents for t in (i.first_time, i.last_time) if t is not None]
    span = f", {show_time(min(times))} to {show_time(max(times))}" if times else ""
    number = sum(incident.together for incident in incidents)
    amount = f"{counted(handshakes, 'failed handshake')} in {counted(number, 'incident')}"
    return f"{what}: {amount} ({read}){span}"


BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(incidents: Sequence[Incident]) -> str:
    """Failures over time on one line of 80 columns; empty if all of them are in one hour."""
    from logscan._render.charts import bins_for

    points = [point for incident in incidents for point in incident.hours]
    if not points:
        return ""
    times = [time for time, _ in points]
    bins = bins_for(min(times), max(times), most=48)
    if bins.number < 2:
        return ""
    counts = [0] * bins.number
    for time, number in points:
        counts[bins.at(time)] += number
    most = max(counts)
    bars = "".join(BLOCKS[-(-count * len(BLOCKS) // most) - 1] if count else " " for count in counts)
    return f"{bars}  at most {most:,} in {bins.words}"


def footer(report: Report) -> list[str]:
    """The failures outside the selection, and the warnings of the run."""
    lines: list[str] = []
    if report.other_alerts:
        lines.append(f"Outside this selection: {show_mapping(report.other_alerts)} (--alert all shows them).")
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


def _incidents(page: Page, incidents: Sequence[Incident], by: Sequence[str]) -> None:
    several = len({incident.alert for incident in incidents}) > 1
    north = any(incident.side == "northbound" for incident in incidents)
    headers = [
        "#", "org", "env", "API proxy", *(["alert"] if several else []), *(["side"] if north else []), *by,
        "failed", "messages", "first", "last",
    ]  # fmt: skip
    rows = [
        [
            str(number),
            *(_cell(value) for value in (incident.org, incident.env, incident.proxy)),
            *([_cell(incident.alert)] if several else []),
            *([incident.side] if north else []),
            *(_cell(value) for _, value in incident.by),
            _number(incident, "failed_handshakes", incident.failed_handshakes),
            _number(incident, "messages", incident.messages),
            show_time(incident.first_time),
            show_time(incident.last_time),
        ]
        for number, incident in enumerate(incidents, 1)
    ]
    page.table(headers, frozenset(("#", "failed", "messages")), rows)


def _details(page: Page, number: int, incident: Incident) -> None:
    where = " / ".join(safe(part or "-") for part in (incident.org, incident.env, incident.proxy))
    page.line(f"{number}  {where}: {safe(incident.alert)}", bold=True)
    facts = (
        ("keystore", "keystores", incident.keystores),
        ("alias", "key_aliases", incident.key_aliases),
        ("truststore", "truststores", incident.truststores),
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
            text += f", … of {_number(incident, field, different[field])}"
        page.hanging(f"   {name:<11}", text)
    page.line()


def _number(incident: Incident, field: str, number: int) -> str:
    """A number of an incident; an estimate says so."""
    return f"about {number:,}" if field in incident.approximate else f"{number:,}"


def _cell(value: str | None) -> str:
    return safe(value) if value is not None else "-"
