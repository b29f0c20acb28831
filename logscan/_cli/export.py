"""``logscan export``: every entry as typed columns."""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode, InputError, UsageError


@common.guarded
def export(
    *,
    paths: common.Paths = None,
    output: Annotated[
        str,
        common.ACTS,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write. - is standard output (needs --format).",
            rich_help_panel="Output",
        ),
    ],
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="parquet, arrow, csv or jsonl. Default: from the name of the file.",
            rich_help_panel="Output",
        ),
    ] = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Do not print how much was written.", rich_help_panel="Output"),
    ] = False,
    stats: common.Stats = False,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = None,
    cluster: common.Cluster = None,
    nice: common.Nice = False,
) -> None:
    """Write every entry as typed columns: Parquet, Arrow, CSV, JSON.

    Memory does not grow with the logs. The file is written atomically. Exit status: 0 ran, 2 usage, an input
    that could not be read (the others are written) or an output that could not be written.
    """
    from logscan._jobs.export import entry_batches
    from logscan._render import files
    from logscan._scanning.plan import Limits
    from logscan.times import time_range
    from logscan.values import Counters

    begun = time.monotonic()
    file_format = output_format or files.SUFFIXES.get(PurePath(output).suffix)
    if file_format is None:
        raise UsageError(
            f"--output {output}: cannot infer the format from the file name",
            "end the name in " + ", ".join(files.SUFFIXES) + " or add --format",
        )
    common.check_choice("--format", file_format, files.FORMATS)
    times = time_range(since, until, tz)
    names = common.paths_or_default(paths)
    common.lower_priority(nice)
    counters = Counters()
    limits = Limits(max_entry=max_entry_bytes, workers=workers or 0, forget=nice)
    complaints = common.Complaints(counters, lists_copies=stats)
    with common.output_file(output) as file:
        with common.progress_line(quiet or output == "-") as progress:
            batches = entry_batches(
                names, counters, times=times, limits=limits, progress=progress, cluster=cluster
            )
            rows = files.write_entries(batches, file, file_format)
        complaints.print_new()
        if complaints.nothing_read:
            raise InputError("nothing was read, so nothing is written")
    if not quiet and output != "-":
        print(f"{rows:,} entries written to {output}", file=sys.stderr)
    if stats:
        common.print_statistics(counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
