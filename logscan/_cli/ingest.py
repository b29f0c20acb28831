"""``logscan ingest``: logs into a store."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode, UsageError, check_installed

if TYPE_CHECKING:
    from logscan._jobs.ingest import Ingested


@common.guarded
def ingest(
    *,
    paths: common.Paths = None,
    store: Annotated[
        str,
        common.ACTS,
        typer.Option(
            "--store",
            metavar="DIR",
            help="The store. It is created if it does not exist.",
            rich_help_panel="Store",
        ),
    ],
    keep: Annotated[
        str | None,
        common.ACTS,
        typer.Option(
            "--keep",
            metavar="DAYS",
            help="Drop older dates: 90d. Default: keep all dates.",
            rich_help_panel="Store",
        ),
    ] = None,
    host: common.Hosts = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not print what was ingested.", rich_help_panel="Output")
    ] = False,
    stats: common.Stats = False,
    cluster: common.Cluster = None,
    workers: common.Workers = None,
    nice: common.Nice = False,
) -> None:
    """Add what is new in these logs to a store; nothing is read twice.

    A file is recognised by its text: it counts once, even if it is renamed, packed or copied. A log that has
    grown is read from its old end. What was read is committed every few seconds, with the note of what it
    was: if the run is killed, the next one goes on there. Exit status: 0 ran, 2 usage, an input that could
    not be read (the others are ingested), or a store that could not be written.
    """
    check_installed("ingest", "pyarrow", "deltalake", "numpy")
    from logscan._jobs.ingest import ingest as run

    begun = time.monotonic()
    days = _days_of(keep)
    common.lower_priority(nice)
    names = common.paths_or_default(paths) if paths or not days else []
    with common.progress_line(quiet) as progress:
        result = run(
            names,
            store=store,
            keep=days,
            host=host or (),
            workers=workers or 0,
            cluster=cluster,
            progress=progress,
        )
    complaints = common.Complaints(result.counters, lists_copies=stats)
    complaints.print_new()
    if not quiet:
        _print_summary(result)
    if stats:
        common.print_statistics(result.counters, time.monotonic() - begun)
    if complaints.fatal:
        raise typer.Exit(ExitCode.FAULT)


def _days_of(keep: str | None) -> int | None:
    """The number of days of ``--keep 90d``.

    Raises:
        UsageError: the text is written in another way.
    """
    if keep is None:
        return None
    match = re.fullmatch(r"(\d+)d", keep)
    if match is None or not int(match[1]):
        raise UsageError(f"--keep {keep}: expected a number of days", "write --keep 90d")
    return int(match[1])


def _print_summary(result: Ingested) -> None:
    from logscan._render.text import counted, show_bytes

    parts = [
        f"{counted(result.new, 'new file')}, {result.grown:,} grown, {result.known:,} known:"
        f" {show_bytes(result.bytes)}, {result.rows:,} rows"
    ]
    parts += [f"{result.merged:,} files merged"] if result.merged else []
    parts += [f"{counted(result.dropped, 'file')} of older dates dropped"] if result.dropped else []
    print("; ".join(parts), file=sys.stderr)
