"""Incidents and failures as data: CSV, JSON, JSON lines, Parquet, and Markdown for tickets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from logscan._failures.frames import (
    COLUMNS,
    FAILURE_COLUMNS,
    as_dict,
    failure_dict,
    failures_to_frame,
    to_frame,
)
from logscan._render.text import safe, safe_lines
from logscan.errors import OutputError
from logscan.values import Counters, Entry, Report, Span, name_text

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets take a cell that begins with one of these for a formula (OWASP, CSV injection)."""
UNCOUNTED = ("problems", "planned_bytes")
"""Fields of the counters that are not results."""


def rows_of(report: Report, each: bool) -> list[dict[str, object]]:
    """The rows of a report: failed handshakes, or incidents."""
    if each:
        return [failure_dict(failure) for failure in report.failures]
    return [as_dict(incident) for incident in report.incidents]


def columns_of(by: Sequence[str], each: bool) -> list[str]:
    """The columns of a report, also when it has no rows."""
    if each:
        return list(FAILURE_COLUMNS)
    at = COLUMNS.index("side") + 1
    extra = [f"by_{name}" if name in COLUMNS else name for name in by]
    return [*COLUMNS[:at], *extra, *COLUMNS[at:]]


def to_json(report: Report, each: bool) -> str:
    """One object: rows, failures outside the selection, counters and problems."""
    name = "failures" if each else "incidents"
    rows = rows_of(report, each)
    if not each:
        for row, incident in zip(rows, report.incidents, strict=True):
            row["different"] = dict(incident.different)
            row["approximate"] = list(incident.approximate)
    whole = {
        name: rows,
        "outside_selection": {
            "alerts": dict(sorted(report.other_alerts.items())),
            "elsewhere": report.elsewhere,
        },
        "counters": counters_dict(report.counters),
        "problems": [str(problem) for problem in report.counters.problems],
    }
    return escaped(json.dumps(whole, indent=2, default=_plain, ensure_ascii=False)) + "\n"


def to_json_lines(rows: Iterable[Mapping[str, object]]) -> str:
    """One object per line."""
    return "".join(json_line(row) + "\n" for row in rows)


def json_line(row: Mapping[str, object]) -> str:
    """One object on one line. Characters that can mislead a terminal are escaped, as JSON allows."""
    return escaped(_ENCODED(row))


def escaped(text: str) -> str:
    """JSON in which characters that can mislead a terminal are escaped, and bytes of names are shown."""
    return text if text.isascii() and "\x7f" not in text else text.translate(_ESCAPES)


def to_csv(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """CSV (RFC 4180) with a header. Lists are joined by ``; ``, formulas become text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return file.getvalue()


def to_markdown(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """A Markdown table, to paste into a ticket."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_markdown(row[name]) for name in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def to_parquet(report: Report, by: Sequence[str], each: bool) -> bytes:
    """Parquet through pandas.

    Raises:
        OutputError: no Parquet engine is installed.
    """
    frame = failures_to_frame(report.failures) if each else to_frame(report.incidents, by)
    file = io.BytesIO()
    try:
        frame.to_parquet(file, index=False)
    except ImportError as error:
        raise OutputError("no Parquet engine is installed", "pip install pyarrow") from error
    return file.getvalue()


def counters_dict(counters: Counters) -> dict[str, int]:
    """The counters by name."""
    return {name: getattr(counters, name) for name in Counters.__dataclass_fields__ if name not in UNCOUNTED}


def entry_row(entry: Entry, span: Span) -> dict[str, Any]:
    """One entry as a row for JSON lines."""
    return {
        **entry.header,
        "method": entry.method,
        "text": entry.text,
        "continuation": entry.continuation.rstrip("\n").split("\n") if entry.continuation else [],
        "path": span.place.path,
        "offset": span.place.offset,
        "line": span.line or None,
        "cut_bytes": span.cut,
    }


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Decimal):
        return str(value) if value % 1 else str(int(value))
    return str(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, (list, tuple)):
        return "; ".join(str(part) for part in value)
    return str(value)


def _cell(value: object) -> str | int:
    if isinstance(value, int):
        return value
    text = safe_lines(_text(value))
    return "'" + text if text.startswith(FORMULA) else text


def _markdown(value: object) -> str:
    text = safe(_text(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_[]|":
        text = text.replace(mark, "\\" + mark)
    return text or " "


_ESCAPES = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x7F, 0xA0), 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
        *range(0x2060, 0x206A), 0xFEFF, *range(0xD800, 0xE000),
    )
} | {code: "\\" + name_text(chr(code)) for code in range(0xDC80, 0xDD00)}  # fmt: skip
_ENCODED = json.JSONEncoder(default=_plain, ensure_ascii=False).encode
