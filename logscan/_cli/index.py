"""``logscan index``: a light index beside logs that stay files."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode


@common.guarded
def index(
    *,
    paths: common.Paths = None,
    folder: Annotated[
        str,
        common.ACTS,
        typer.Option(
            "--index",
            metavar="DIR",
            help="Write the index to DIR. Default: beside the logs.",
            rich_help_panel="Index",
        ),
    ] = "",
    listing: Annotated[
        bool,
        typer.Option(
            "--list",
            "-l",
            help="List the files instead: bytes indexed, bytes, state, name.",
            rich_help_panel="Index",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not print what was indexed.", rich_help_panel="Output")
    ] = False,
    stats: common.Stats = False,
    workers: common.Workers = None,
    nice: common.Nice = False,
) -> None:
    """Note where the entries of each message are: searches get quick.

    Indexed files are not read again: run it from cron. A search uses the index without an option, and scans
    what the index does not cover: new bytes of a log, and files that have changed. Exit status: 0 ran, 2
    usage, an input that could not be read (the others are indexed), or an index that could not be written.
    """
    from logscan._jobs.index import index as run
    from logscan._jobs.index import states
    from logscan._render.text import counted, show_bytes

    begun = time.monotonic()
    names = common.paths_or_default(paths)
    if listing:
        for state in states(names, directory=folder):
            print(f"{state.covered}\t{state.size}\t{state.word}\t{common.shown(state.path)}")
        return
    common.lower_priority(nice)
    with common.progress_line(quiet) as progress:
        result = run(names, directory=folder, workers=workers or 0, progress=progress)
    complaints = common.Complaints(result.counters, lists_copies=stats)
    complaints.print_new()
    if not quiet:
        print(
            f"{counted(result.new, 'new file')}, {result.grown:,} grown, {result.known:,} known,"
            f" {result.removed:,} removed: {show_bytes(result.counters.bytes)} read,"
            f" index {show_bytes(result.size)}",
            file=sys.stderr,
        )
    if stats:
        common.print_statistics(result.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
