"""``logscan ingest``: logs into a store."""

from __future__ import annotations

import re
import sys
import time
from typing import Annotated

import typer

from logscan.cli import _common as common
from logscan.errors import ExitCode, UsageError

_KEEP = re.compile(r"(\d+)d")


@common.guarded
def ingest(
    paths: common.Paths = None,
    store: Annotated[
        str, typer.Option("--store", metavar="DIR", help="The store; made where there is none.")
    ] = ...,  # type: ignore[assignment]
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep", metavar="DAYS", help="Drop dates older than that: 90d. Default: all are kept."
        ),
    ] = None,
    host: common.Hosts = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="First take out what is missing or damaged; it is read again from its logs."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say what was ingested.")] = False,
    stats: common.Stats = False,
    cluster: common.Cluster = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = common.WORKERS,
    nice: common.Nice = False,
) -> None:
    """Bring a store up to date: what is new in these logs is added, what it has is not read again.

    A file is known by its text: renamed, packed or copied it counts once, and a log that has grown is
    read from where it ended. Killed at any time, the store is as it was before or after a file. Exit
    status: 0 ran, 2 usage, an input that could not be read (the rest was ingested), or a store that could
    not be written.
    """
    from logscan.jobs.ingest import ingest as run
    from logscan.render.text import counted, show_bytes
    from logscan.store.upkeep import repair as mend

    begun = time.monotonic()
    days = None
    if keep is not None:
        found = _KEEP.fullmatch(keep)
        if found is None or not int(found[1]):
            raise UsageError(f"--keep {keep}: not a number of days", "write --keep 90d")
        days = int(found[1])
    common.stand_back(nice)
    if repair:
        for path in mend(store):
            common.complain(
                f"{path}: taken out of {store}", "name it, or what it is called now, to ingest it again"
            )
    names = common.paths_or_default(paths) if paths or not (repair or days) else []
    with common.progress_line(names, quiet) as progress:
        done = run(
            names,
            store=store,
            keep=days,
            host=host or (),
            workers=workers,
            cluster=cluster,
            progress=progress,
        )
    complaints = common.Complaints(done.counters)
    complaints.tell()
    if not quiet:
        more = [f"{done.merged:,} files merged"] if done.merged else []
        more += [f"{counted(done.dropped, 'file')} of older dates dropped"] if done.dropped else []
        said = (
            f"{counted(done.new, 'new file')}, {done.grown:,} grown, {done.known:,} known:"
            f" {show_bytes(done.bytes)}, {done.rows:,} rows"
        )
        print("; ".join([said, *more]), file=sys.stderr)
    if stats:
        common.print_statistics(done.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)
