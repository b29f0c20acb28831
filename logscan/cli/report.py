"""``logscan report``: incidents by organization, environment and API proxy."""

from __future__ import annotations

import gc
import io
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from logscan.cli import common
from logscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from logscan.pipeline import Report

FORMATS = ("table", "markdown", "csv", "json", "jsonl", "parquet")


@common.guarded
def report(
    paths: common.Paths = None,
    alert: common.Alerts = None,
    family: common.Family = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN[,COLUMN]",
            help="Group by more: revision, target, alias, keystore, truststore, host, family, refused_by,"
            " reason, day, hour.",
        ),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="List every failed handshake.")] = False,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    org: common.Orgs = None,
    env: common.Envs = None,
    proxy: common.Proxies = None,
    side: common.Side = None,
    host: common.Hosts = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, markdown, csv, json, jsonl, parquet.")
    ] = "table",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file, as a whole or not at all."),
    ] = None,
    fail_on: Annotated[
        int | None,
        typer.Option("--fail-on", min=1, metavar="N", help="Exit 1 at N or more selected failures."),
    ] = None,
    details: Annotated[
        int, typer.Option("--details", min=0, metavar="N", help="Incidents told in detail by the table.")
    ] = 10,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing when nothing was selected.")
    ] = False,
    stats: common.Stats = False,
    color: common.Colour = "auto",
    window: common.Window = common.WINDOW,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = common.WORKERS,
    nice: common.Nice = False,
) -> None:
    """Report bad_certificate incidents by organization, environment and API proxy.

    A footer counts the TLS failures outside the selection. Exit status: 0 ran, 1 --fail-on matched, 2 usage
    or an input that could not be read (the rest is reported).
    """
    from logscan import catalog, pipeline
    from logscan.render.text import warnings
    from logscan.timerange import time_range

    begun = time.monotonic()
    gc.disable()  # values in flight hold no cycles, and looking for some takes a fifth of a busy run
    common.check_choice("--format", output_format, FORMATS)
    common.check_choice("--family", family, catalog.FAMILIES)
    common.check_choice("--side", side, ("southbound", "northbound"))
    if alert and family:
        raise UsageError("--alert and --family select in two ways", "leave one of them out")
    if output_format == "parquet" and output is None:
        raise UsageError("--format parquet is no text", "say where to with --output FILE")
    columns = [name.strip() for text in by or () for name in text.split(",") if name.strip()]
    alerts = pipeline.select_alerts(alert or ["bad_certificate"])
    selection = pipeline.Selection(
        alerts=alerts if family is None else frozenset(),
        family=family,
        orgs=tuple(org or ()),
        envs=tuple(env or ()),
        proxies=tuple(proxy or ()),
        side=side,
        times=time_range(since, until, tz),
    )
    names = common.paths_or_default(paths)
    common.stand_back(nice)
    with common.progress_line(names, quiet) as progress:
        done = pipeline.report(
            names,
            selection,
            columns,
            pipeline.Limits(window=window, max_entry=max_entry_bytes, workers=workers, forget=nice),
            pipeline.HostNames(host or ()),
            each,
            progress,
            stats,
        )
    complaints = common.Complaints(done.counters)
    complaints.tell()
    selected = sum(incident.failed_handshakes for incident in done.incidents)
    if selected or not quiet:
        what = family or (", ".join(sorted(alerts)) if alerts else "TLS")
        colour = common.wants_colour(color, sys.stdout) if output is None else False
        data = _rendered(done, what, columns, each, output_format, colour, details)
        if output is not None:
            common.write_atomically(output, data)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
        if output_format not in ("table", "json"):
            from logscan.render.table import footer

            for line in footer(done):
                print(line, file=sys.stderr)
    elif quiet:
        for line in warnings(done.counters):
            common.complain(line)
    if stats:
        common.print_statistics(done.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
    if fail_on is not None and selected >= fail_on:
        raise typer.Exit(ExitCode.NOT_FOUND)


def _rendered(
    done: Report, what: str, by: list[str], each: bool, output_format: str, colour: bool, details: int
) -> bytes:
    if output_format == "table":
        from logscan.render.table import print_report

        text = _Text(sys.stdout.isatty())
        print_report(done, what, by, each, text, colour, details)
        lines = (line.rstrip() for line in text.getvalue().splitlines())
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
    from logscan.render import data

    if output_format == "parquet":
        return data.to_parquet(done, by, each)
    if output_format == "json":
        return data.to_json(done, each).encode("utf-8", "backslashreplace")
    rows = data.rows_of(done, each)
    columns = data.columns_of(by, each)
    if output_format == "csv":
        return data.to_csv(rows, columns).encode("utf-8", "backslashreplace")
    if output_format == "markdown":
        return data.to_markdown(rows, columns).encode("utf-8", "backslashreplace")
    return data.to_json_lines(rows).encode("utf-8", "backslashreplace")


class _Text(io.StringIO):
    """Text that is laid out for the terminal it will be written to."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
