"""Incidents and failures as data: CSV, JSON, JSON lines, Parquet, and Markdown for tickets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from logscan._failures.frames import (
    COLUMNS,
    FAILURE_COLUMNS,
    LISTS,
    as_dict,
    failure_dict,
    failures_to_frame,
    to_frame,
)
from logscan._render.safe import csv_cell, markdown, safe_json
from logscan.errors import need
from logscan.overviews import Overview
from logscan.values import Counters, Entry, Incident, Report, Span

ROWS = 1_000
"""Rows that are made into columns at once; a row group has up to ten times as many."""
AT_ONCE = 200
"""Rows that are made into indented JSON at once."""
UNCOUNTED = ("problems", "hosts", "planned_bytes")
"""Fields of the counters that are not results."""


def rows_of(report: Report, each: bool) -> Iterator[dict[str, object]]:
    """The rows of a report: failed handshakes, or incidents."""
    return map(failure_dict, report.failures) if each else map(as_dict, report.incidents)


def columns_of(by: Sequence[str], each: bool) -> list[str]:
    """The columns of a report, also when it has no rows."""
    if each:
        return list(FAILURE_COLUMNS)
    at = COLUMNS.index("side") + 1
    extra = [f"by_{name}" if name in COLUMNS else name for name in by]
    return [*COLUMNS[:at], *extra, *COLUMNS[at:]]


def to_json(report: Report, each: bool) -> Iterator[str]:
    """One object, piece by piece: rows, failures outside the selection, counters and problems."""
    name = "failures" if each else "incidents"
    rows = rows_of(report, each) if each else map(_whole, report.incidents)
    rest = {
        "overview": _overview(report.overview),
        "outside_selection": {
            "alerts": dict(sorted(report.other_alerts.items())),
            "elsewhere": report.elsewhere,
        },
        "counters": counters_dict(report.counters),
        "problems": [str(problem) for problem in report.counters.problems],
    }
    yield f'{{\n  "{name}": ['
    begin = ""
    while some := list(islice(rows, AT_ONCE)):
        yield begin + _indented(some)[1:-2].replace("\n", "\n  ")
        begin = ","
    yield ("\n  ]" if begin else "]") + "," + _indented(rest)[1:] + "\n"


def _overview(overview: Overview) -> dict[str, object]:
    """What is said first, without what is empty."""
    whole = asdict(overview)
    whole["bars"] = [
        {
            "alert": alert,
            "seconds": bars.width.total_seconds(),
            "failed_handshakes": [[time, number] for time, number in bars.counts],
        }
        for alert, bars in overview.bars
    ]
    whole["alerts"] = [
        {"alert": name, "failed_handshakes": number, "possible": doubt}
        for name, number, doubt in overview.alerts
    ]
    return whole


def _whole(incident: Incident) -> dict[str, object]:
    """An incident with what JSON alone says of it."""
    return {
        **as_dict(incident),
        "families": list(incident.families),
        **({"alerts": list(incident.alerts)} if incident.alerts else {}),
        **({"envs": list(incident.envs)} if incident.alerts else {}),
        **({"proxies": list(incident.proxies)} if incident.alerts else {}),
        "different": dict(incident.different),
        "approximate": list(incident.approximate),
    }


def _indented(value: object) -> str:
    return safe_json(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def to_json_lines(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """One object per line."""
    return (json_line(row) + "\n" for row in rows)


def json_line(row: Mapping[str, object]) -> str:
    """One object on one line. Characters that can mislead a terminal are escaped, as JSON allows."""
    return safe_json(_ENCODED(row))


class _Pieces:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text


def to_csv(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Iterator[str]:
    """CSV (RFC 4180) with a header. Lists are joined by ``; ``, formulas become text."""
    pieces: Any = _Pieces()
    writer: Any = csv.writer(pieces, lineterminator="\r\n")
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(row[name]) for name in columns])


def to_markdown(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> Iterator[str]:
    """A Markdown table, to paste into a ticket."""
    yield "| " + " | ".join(columns) + " |\n"
    yield "|" + " --- |" * len(columns) + "\n"
    for row in rows:
        yield "| " + " | ".join(markdown(_text(row[name])) or " " for name in columns) + " |\n"


def to_parquet(report: Report, by: Sequence[str], each: bool, file: IO[bytes]) -> None:
    """Parquet through pandas, some rows at a time.

    Raises:
        MissingPackageError: pyarrow or pandas is not installed.
    """
    need("pandas", "Parquet")
    need("pyarrow", "Parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: Sequence[Any] = report.failures if each else report.incidents
    schema = writer = None
    waiting: list[Any] = []
    for start in range(0, len(rows) or 1, ROWS):
        some = rows[start : start + ROWS]
        frame = failures_to_frame(some) if each else to_frame(some, by)
        if writer is None:
            schema = pa.Schema.from_pandas(frame, preserve_index=False)
            for name in LISTS:  # what a list holds is not known from an empty one
                if name in schema.names:
                    schema = schema.set(schema.get_field_index(name), pa.field(name, pa.list_(pa.string())))
            writer = pq.ParquetWriter(file, schema)
        waiting.append(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
        if len(waiting) == 10:
            writer.write_table(pa.concat_tables(waiting))
            waiting.clear()
    if writer is not None and schema is not None:
        writer.write_table(pa.concat_tables(waiting or [schema.empty_table()]))
        writer.close()


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
    return csv_cell(_text(value))


_ENCODED = json.JSONEncoder(default=_plain, ensure_ascii=False).encode
