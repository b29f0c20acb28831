"""``logscan export``: every entry as typed columns."""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode, UsageError


@common.guarded
def export(
    paths: common.Paths = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; - for standard output, with --format."
        ),
    ] = ...,  # type: ignore[assignment]
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="parquet, arrow, csv or jsonl. Default: by the name of the file.",
        ),
    ] = None,
    since: common.Since = None,
    until: common.Until = None,
    tz: common.Zone = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say how much was written.")] = False,
    stats: common.Stats = False,
    max_entry_bytes: common.MaxEntry = common.MAX_ENTRY,
    workers: common.Workers = common.WORKERS,
    cluster: common.Cluster = None,
    nice: common.Nice = False,
) -> None:
    """Write every entry of the logs as typed columns: to Parquet, Arrow, CSV or JSON lines.

    Streams: memory does not grow with the logs. The file appears as a whole or not at all. Exit status: 0
    ran, 2 usage, an input that could not be read (the rest is written) or an output that could not be
    written.
    """
    from logscan.jobs.export import entry_batches
    from logscan.render import files
    from logscan.scanning.plan import Limits
    from logscan.times import time_range
    from logscan.values import Counters

    begun = time.monotonic()
    kind = output_format or files.SUFFIXES.get(PurePath(output).suffix)
    if kind is None:
        raise UsageError(
            f"--output {output}: its name tells no format",
            "end it in " + ", ".join(files.SUFFIXES) + " or say --format",
        )
    common.check_choice("--format", kind, files.FORMATS)
    times = time_range(since, until, tz)
    names = common.paths_or_default(paths)
    common.stand_back(nice)
    counters = Counters()
    limits = Limits(max_entry=max_entry_bytes, workers=workers, forget=nice)
    with (
        common.progress_line(names, quiet or output == "-") as progress,
        common.output_file(output) as file,
    ):
        rows = files.write_entries(
            entry_batches(names, counters, times=times, limits=limits, progress=progress, cluster=cluster),
            file,
            kind,
        )
    complaints = common.Complaints(counters)
    complaints.tell()
    if not quiet and output != "-":
        print(f"{rows:,} entries written to {output}", file=sys.stderr)
    if stats:
        common.print_statistics(counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
