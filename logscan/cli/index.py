"""``logscan index``: a light index beside logs that are kept as files."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode


@common.guarded
def index(
    paths: common.Paths = None,
    folder: Annotated[
        str,
        typer.Option("--index", metavar="DIR", help="Keep the index there. Default: beside the logs."),
    ] = "",
    listing: Annotated[
        bool,
        typer.Option("--list", "-l", help="Only list files: bytes covered, bytes, state, name."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say what was indexed.")] = False,
    stats: common.Stats = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = common.WORKERS,
    nice: common.Nice = False,
) -> None:
    """Note where the entries of each message stand, so that a search for its id reads only those.

    What is indexed already is not read again: run it from cron. A search uses the index by itself; what it
    does not cover (what a log has grown by, files that were changed) is scanned as ever. Exit status: 0 ran,
    2 usage, an input that could not be read (the rest was indexed), or an index that could not be written.
    """
    from logscan.jobs.index import index as run
    from logscan.jobs.index import states
    from logscan.render.text import counted, show_bytes

    begun = time.monotonic()
    names = common.paths_or_default(paths)
    if listing:
        for state in states(names, directory=folder):
            print(f"{state.covered}\t{state.size}\t{state.word}\t{state.path}")
        return
    common.stand_back(nice)
    with common.progress_line(names, quiet) as progress:
        done = run(names, directory=folder, workers=workers, progress=progress)
    complaints = common.Complaints(done.counters)
    complaints.tell()
    if not quiet:
        print(
            f"{counted(done.new, 'new file')}, {done.grown:,} grown, {done.known:,} known, {done.removed:,}"
            f" removed: {show_bytes(done.counters.bytes)} read, index {show_bytes(done.size)}",
            file=sys.stderr,
        )
    if stats:
        common.print_statistics(done.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
