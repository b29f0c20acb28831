"""Formats: a report as the bytes of any of its formats."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import IO, TYPE_CHECKING

from logscan.values import Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

FORMATS = ("table", "markdown", "csv", "json", "jsonl", "parquet", "html", "xlsx", "ecs", "otel")
BINARY = ("parquet", "xlsx")
EACH = ("ecs", "otel")
"""Formats that consist of single failed handshakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a report is shown."""

    format: str
    """One of :data:`FORMATS`."""
    what: str
    """The selection in words: ``bad_certificate``."""
    by: tuple[str, ...] = ()
    """Further columns."""
    each: bool = False
    """Failed handshakes instead of incidents."""
    grouped: bool = False
    """``by`` replaces the key of incidents."""
    details: int | None = 10
    """Incidents described in detail by the table; ``None``: those that the terminal has a place for."""
    rows: int | None = None
    """Incidents in the table; ``None``: all, on a terminal as many as its height leaves."""
    colour: bool = False
    terminal: bool = False
    """The table is laid out for this terminal."""
    width: int = 80
    """Columns of the terminal."""
    height: int = 24
    """Its lines."""
    wide: bool = False
    """Every value whole, also on a terminal."""
    paths: tuple[str, ...] = ()
    """What was read, for the command to type next."""
    zone: tzinfo | None = None
    """Zone of the log's times; the machine's when ``None``."""


def render(
    report: Report,
    shape: Shape,
    changes: Comparison | None = None,
    entries: Mapping[str, list[str]] | None = None,
) -> bytes:
    """A report in one format: see :func:`write`."""
    file = io.BytesIO()
    write(file, report, shape, changes, entries)
    return file.getvalue()


def write(
    file: IO[bytes],
    report: Report,
    shape: Shape,
    changes: Comparison | None = None,
    entries: Mapping[str, list[str]] | None = None,
) -> None:
    """Write a report in one format, row by row where the format allows it.

    Args:
        file: takes the bytes.
        report: the report.
        shape: format and columns.
        changes: the comparison with an earlier run, for the page.
        entries: message id → entries of the message, for the page.

    Raises:
        OutputError: the format needs a package that is not installed.
    """
    from logscan._render import data

    name, each = shape.format, shape.each
    if name == "parquet":
        data.to_parquet(report, shape.by, each, file)
    elif name == "xlsx":
        from logscan._render.workbook import to_xlsx

        title = "failures" if each else "incidents"
        to_xlsx(data.rows_of(report, each), data.columns_of(shape.by, each), title, file)
    else:
        for text in _texts(report, shape, changes, entries or {}):
            file.write(text.encode("utf-8", "backslashreplace"))


def _texts(
    report: Report, shape: Shape, changes: Comparison | None, entries: Mapping[str, list[str]]
) -> Iterable[str]:
    """The text, in pieces."""
    from logscan._render import data

    name, each = shape.format, shape.each
    if name == "table":
        return _table(report, shape)
    if name == "html":
        from logscan._render.page import to_html

        return (to_html(report, shape.what, entries, changes),)
    if name == "json":
        return data.to_json(report, each)
    if name in EACH:
        from logscan._render import siem

        to_events = siem.to_ecs if name == "ecs" else siem.to_otel
        return to_events(report.failures, shape.zone)
    rows, columns = data.rows_of(report, each), data.columns_of(shape.by, each)
    if name == "csv":
        return data.to_csv(rows, columns)
    if name == "markdown":
        return data.to_markdown(rows, columns)
    return data.to_json_lines(rows)


def _table(report: Report, shape: Shape) -> Iterator[str]:
    from logscan._render.table import PlainPage, write_report

    if shape.terminal and not shape.wide:
        from logscan._render.screen import screen

        return (f"{line.rstrip()}\n" for line in screen(report, shape))
    text = io.StringIO()
    write_report(report, PlainPage(text, shape.colour), shape)
    text.seek(0)
    return (f"{line.rstrip()}\n" for line in text)
