"""``logscan sql``: queries a store in SQL."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode

FORMATS = ("table", "markdown", "csv", "json", "jsonl")


@common.guarded
def sql(
    *,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A SELECT over entries, handshakes and incidents.")
    ],
    store: common.Stores = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, markdown, csv, json or jsonl.",
            rich_help_panel="Output",
        ),
    ] = "table",
    output: common.Output = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Highest number of rows printed.", rich_help_panel="Output")
    ] = 10_000,
    memory: Annotated[
        str,
        typer.Option(
            "--memory", metavar="SIZE", help="Memory that the query may use.", rich_help_panel="Limits"
        ),
    ] = "1GB",
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Threads of the query.", rich_help_panel="Limits")
    ] = 2,
) -> None:
    """Query a store in SQL (DuckDB), read-only.

    Views: entries (a row per entry), handshakes (a row per failed handshake), incidents. Exit status: 0 ran,
    2 usage or a store that could not be read.
    """
    from logscan._jobs.sql import sql as run
    from logscan._render import data
    from logscan.errors import UsageError

    common.check_choice("--format", output_format, FORMATS)
    if not store:
        raise UsageError("no store given", "add --store DIR")
    common.paths_or_default(None, store)
    answer = run(query, stores=store, memory=memory, workers=workers, limit=limit)
    complaints = common.Complaints(answer.counters)
    complaints.print_new()
    rows: list[dict[str, Any]] = answer.rows
    if output_format == "csv":
        text = "".join(data.to_csv(rows, answer.columns))
    elif output_format == "markdown":
        text = "".join(data.to_markdown(rows, answer.columns))
    elif output_format == "jsonl":
        text = "".join(data.to_json_lines(rows))
    elif output_format == "json":
        text = "[" + ",\n ".join(map(data.json_line, rows)) + "]\n"
    else:
        text = _table(rows, answer.columns)
    with common.output_file(output or "-") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    if answer.more:
        print(f"logscan: only the first {limit:,} rows are printed (--limit)", file=sys.stderr)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)


def _table(rows: list[dict[str, Any]], columns: list[str]) -> str:
    import io

    from logscan._render.table import PlainPage
    from logscan.shown import safe

    text = io.StringIO()
    cells = [["" if row[name] is None else safe(str(row[name])) for name in columns] for row in rows]
    numbers = frozenset(
        name for name in columns if rows and all(isinstance(row[name], int | float | None) for row in rows)
    )
    PlainPage(text).table(columns, numbers, cells)
    return text.getvalue().lstrip("\n")
