"""The report on a terminal: all that matters on one screen, and no word or number broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from logscan._render.fit import Column, cut_to, fits, row_of, widths_for, wrapped
from logscan._render.live_lines import failure_line
from logscan._render.summary import is_possible, next_command, state_of
from logscan._render.table import LABEL, cell_of, footer, number_of, write_details, write_top
from logscan._render.text import show_time
from logscan.shown import safe
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._render.formats import Shape

NARROW = 100
"""Columns of a terminal below which a row takes two lines."""
SHORT = 22
"""Characters of a backend that is never cut: an address of IPv4 with its port."""
LEAST_ROWS = 3
"""Incidents that are listed on a terminal, however low it is."""
BOLD, DIM, RED, YELLOW, CYAN = "1", "2", "1;31", "33", "36"
"""Codes of a terminal."""


class ScreenPage:
    """A terminal: text is folded between words, and what does not fit is cut.

    Args:
        width: columns.
        colour: whether it has colours.
        tight: cut each text to one line.

    Attributes:
        lines: what was written.
    """

    def __init__(self, width: int, colour: bool, *, tight: bool = False) -> None:
        self.lines: list[str] = []
        self._tight = tight
        self._width = width
        self._colour = colour

    def line(self, text: str = "", bold: bool = False) -> None:
        """See :class:`Page`."""
        for part in wrapped(text, self._width):
            self.lines.append(self.painted(part, BOLD) if bold else part)

    def hanging(self, label: str, text: str) -> None:
        """See :class:`Page`."""
        indent = len(label)
        width = max(20, self._width - indent)
        for number, part in enumerate(
            [cut_to(text, width)] if self._tight and label.strip() != "when" else wrapped(text, width)
        ):
            self.lines.append((" " * indent if number else self.painted(label, CYAN)) + part)

    def table(self, headers: Sequence[str], numbers: frozenset[str], rows: Sequence[Sequence[str]]) -> None:
        """See :class:`Page`."""
        columns = [Column(name, name in numbers, name in numbers) for name in headers]
        widths = widths_for(columns, rows, self._width)
        self.lines.append(self.painted(row_of(columns, headers, widths), BOLD))
        self.lines += [row_of(columns, row, widths) for row in rows]

    def painted(self, text: str, code: str) -> str:
        """A text in a colour, where there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text.strip() else text


def screen(report: Report, shape: Shape) -> list[str]:
    """The report as lines for a terminal: what must be known first, the worst incidents, the next command.

    As many rows as its height leaves, where no number was asked for; details where they find a place. Where
    all of it does not fit, what is said first is cut to a line each, but for the times.
    """
    lines = _screen(report, shape, tight=False)
    is_free = shape.rows is None and not shape.details and not shape.each
    return _screen(report, shape, tight=True) if is_free and len(lines) >= shape.height else lines


def _screen(report: Report, shape: Shape, *, tight: bool) -> list[str]:
    page = ScreenPage(shape.width, shape.colour, tight=tight)
    write_top(report, page, shape, width=shape.width)
    if shape.each:
        page.line()
        for failure in report.failures:
            page.lines.append(failure_line(failure, shape.width))
    foot = ScreenPage(shape.width, shape.colour)
    if report.incidents and (command := next_command(report, shape.paths)):
        foot.hanging(f"{'next':<{LABEL}}", command)
    for line in footer(report, brief=True):
        foot.line(line)
    if report.incidents and not shape.each:
        free = shape.height - 1 - len(page.lines) - len(foot.lines)
        _rows(report, page, shape, free)
    return page.lines + foot.lines


def _rows(report: Report, page: ScreenPage, shape: Shape, free: int) -> None:
    """The incidents on a terminal, in so many lines where no number was asked for."""
    incidents = report.incidents
    layout = _layout(incidents[: shape.rows], report, shape)
    head = 1 + (len(wrapped(layout.constants, shape.width - LABEL)) if layout.constants else 0)
    number = shape.rows
    if number is None:
        fitting = (free - head - (1 if len(incidents) * layout.lines > free - head else 0)) // layout.lines
        number = max(LEAST_ROWS, fitting)
    shown = incidents[:number]
    layout = _layout(shown, report, shape)
    if layout.constants:
        page.hanging(f"{'all':<{LABEL}}", layout.constants)
    layout.write(page)
    left = len(incidents) - len(shown)
    if left:
        rest = sum(incident.failed_handshakes for incident in incidents[number:])
        page.line(f"{left:,} more incidents with {rest:,} failures (--top N, --group target)")
    space = free - head - len(shown) * layout.lines - bool(left)
    for at, incident in enumerate(shown if shape.details is None else incidents[: shape.details], 1):
        block = ScreenPage(shape.width, shape.colour)
        write_details(block, at, incident, brief=not shape.wide)
        if shape.details is None and len(block.lines) + 1 > space:
            break
        page.lines += ["", *block.lines[:-1]]
        space -= len(block.lines)


class _Layout:
    """The rows of some incidents, as a table or as records of two lines."""

    def __init__(self, columns: list[Column], rows: list[list[str]], alerts: list[str], width: int) -> None:
        several = len(rows) > 1
        constant = [
            at for at, column in enumerate(columns)
            if several and not column.is_number and len({row[at] for row in rows}) == 1
        ]  # fmt: skip
        said = [f"{columns[at].name} {rows[0][at]}" for at in constant if rows[0][at] not in ("-", "")]
        self.constants = ", ".join(said)
        kept = [at for at in range(len(columns)) if at not in constant]
        self._columns = [columns[at] for at in kept]
        self._rows = [[row[at] for at in kept] for row in rows]
        equal = [column._replace(weight=1) for column in self._columns]
        self._alerts = alerts
        self._width = width
        self.lines = 1 if width >= NARROW and fits(equal, self._rows, width) else 2
        """Lines of a row."""
        if self.lines == 1:
            self._columns = equal

    def write(self, page: ScreenPage) -> None:
        """Write the rows."""
        if self.lines == 1:
            widths = widths_for(self._columns, self._rows, self._width)
            head = row_of(self._columns, [column.name for column in self._columns], widths)
            page.lines.append(page.painted(head, BOLD))
            for row, alert in zip(self._rows, self._alerts, strict=True):
                page.lines.append(_coloured(row_of(self._columns, row, widths), alert, page))
            return
        first = [at for at, column in enumerate(self._columns) if column.weight < SECOND]
        second = [at for at, column in enumerate(self._columns) if column.weight >= SECOND]
        columns = [self._columns[at] for at in first]
        cells = [[row[at] for at in first] for row in self._rows]
        widths = widths_for(columns, cells, self._width)
        page.lines.append(page.painted(row_of(columns, [column.name for column in columns], widths), BOLD))
        for row, cell, alert in zip(self._rows, cells, self._alerts, strict=True):
            page.lines.append(_coloured(row_of(columns, cell, widths), alert, page))
            words = [self._said(at, row[at]) for at in second if row[at] not in ("-", "")]
            page.lines.append(page.painted(cut_to("     " + "  ".join(words), self._width), DIM))

    def _said(self, at: int, cell: str) -> str:
        """A cell of a second line, with the name of its column where it does not say it itself."""
        column = self._columns[at]
        if column.is_number:
            return f"{cell} {column.name}"
        return cell if column.is_whole and column.name != "backend" else f"{column.name} {cell}"


SECOND = 10
"""The weight from which on a column stands in the second line of a record."""


def _coloured(line: str, alert: str, page: ScreenPage) -> str:
    """A row in which the alert has its colour."""
    if not alert or alert not in line:
        return line
    begin, _, end = line.partition(alert)
    return begin + page.painted(alert, RED if alert == "bad_certificate" else YELLOW) + end


def _layout(incidents: Sequence[Incident], report: Report, shape: Shape) -> _Layout:
    """Which columns rows have on a terminal, and what stands in them."""
    times = [t for i in incidents for t in (i.first_time, i.last_time) if t is not None]
    clock = _clock_for(times)
    columns = _columns(incidents, report, shape, clock)
    rows = [
        [str(number), *(cell(incident) for _, cell in columns)]
        for number, incident in enumerate(incidents, 1)
    ]
    layout = _Layout(
        [Column("#", True, True), *(column for column, _ in columns)],
        rows,
        [safe(incident.alert) for incident in incidents],
        shape.width,
    )
    days = {time.date() for time in times}
    if len(days) == 1 and len(incidents) > 1:
        layout.constants = ", ".join(part for part in (layout.constants, f"{days.pop()}") if part)
    return layout


def _columns(
    incidents: Sequence[Incident], report: Report, shape: Shape, clock: Callable[[datetime | None], str]
) -> list[tuple[Column, Callable[[Incident], str]]]:
    """The columns after the number, each with what stands in it."""

    def by(at: int) -> Callable[[Incident], str]:
        return lambda incident: cell_of(incident.by[at][1])

    further = [(Column(name, weight=2), by(at)) for at, name in enumerate(shape.by)]
    alert = Column("alert", is_whole=True)
    columns: list[tuple[Column, Callable[[Incident], str]]] = [
        (Column("failed", True, True), lambda i: number_of(i, "failed_handshakes", i.failed_handshakes))
    ]
    if shape.grouped:
        columns += [
            *further,
            (alert, lambda i: _listed(i.alerts)),
            (Column("API proxies", weight=SECOND), lambda i: _listed(i.proxies)),
        ]
    else:
        columns += [
            (Column("org", weight=3), lambda i: cell_of(i.org)),
            (Column("env", weight=2), lambda i: cell_of(i.env)),
            (Column("API proxy"), lambda i: cell_of(i.proxy)),
            (alert, lambda i: cell_of(i.alert) + (" ?" if is_possible(i, report.overview) else "")),
            *further,
        ]
    if any(incident.side == "northbound" for incident in incidents):
        columns.append((Column("side", is_whole=True), lambda i: i.side))
    if shape.width < NARROW:
        between = Column("from", is_whole=True, weight=SECOND)
        columns.append((between, lambda i: f"{clock(i.first_time)} to {clock(i.last_time)}"))
    else:
        columns.append((Column("since", is_whole=True, weight=SECOND), lambda i: clock(i.first_time)))
        columns.append((Column("last", is_whole=True, weight=SECOND), lambda i: clock(i.last_time)))
    columns.append((Column("state", is_whole=True, weight=SECOND), lambda i: state_of(i, report.overview)))
    if "target" not in shape.by:
        # An address is of no use without its end.
        is_short = all(len(target) <= SHORT for incident in incidents for target in incident.targets[:1])
        backend = Column("backend", is_whole=is_short, weight=SECOND + 1)
        columns.append((backend, lambda i: _listed(i.targets)))
    if "alias" not in shape.by:
        columns.append((Column("alias", weight=SECOND + 2), lambda i: _listed(i.key_aliases)))
    columns.append((Column("messages", True, True, SECOND), lambda i: number_of(i, "messages", i.messages)))
    return columns


def _listed(values: Sequence[str]) -> str:
    """The first of several values, and how many more there are."""
    if not values:
        return "-"
    return safe(values[0]) + (f" +{len(values) - 1}" if len(values) > 1 else "")


def _clock_for(times: Sequence[datetime]) -> Callable[[datetime | None], str]:
    """Shows times as short as they differ: the clock on one day, the day of one year, else the minute."""
    form = "%Y-%m-%d %H:%M"
    if len({time.date() for time in times}) == 1:
        form = "%H:%M:%S"
    elif len({time.year for time in times}) == 1:
        form = "%m-%d %H:%M:%S"
    return lambda time: "-" if time is None else show_time(time) if time.year < 1000 else f"{time:{form}}"
