"""``logscan store``: what a store holds is checked, repaired, cleaned, listed and taken back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from logscan._store.check import Damage

ACTIONS = ("check", "repair", "vacuum", "history", "restore")


@common.guarded
def store(
    *,
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION", help="check, repair, vacuum, history or restore.", show_default=False
        ),
    ],
    folder: Annotated[
        str,
        common.ACTS,
        typer.Argument(metavar="STORE", help="The store's directory or address.", show_default=False),
    ],
    logs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOG]...",
            help="repair: where logs are, if they are not where they were.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        float,
        common.ACTS,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            min=0,
            help="vacuum: delete what was removed so many days ago. Default: 7.",
            show_default=False,
            rich_help_panel="Store",
        ),
    ] = 7.0,
    unnamed: Annotated[
        bool,
        common.ACTS,
        typer.Option(
            "--unnamed",
            help="vacuum: also delete files that no log names (of runs that were killed).",
            rich_help_panel="Store",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        common.ACTS,
        typer.Option(
            "--dry-run", "-n", help="vacuum: only list what would be deleted.", rich_help_panel="Store"
        ),
    ] = False,
    version: Annotated[
        int | None,
        common.ACTS,
        typer.Option(
            "--version",
            metavar="N",
            min=0,
            help="restore: the version to go back to.",
            rich_help_panel="Store",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print problems only.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Check, repair, clean or take back a store.

    check reads every file and names damaged rows by their log. repair reads them again from the logs, and
    takes in files that no log names; it never removes rows that can be read. vacuum deletes bytes that no
    version of the last days needs. history lists the versions, restore goes back to one. Exit status: 0 all
    is well, 2 usage, or something is damaged.
    """
    common.check_choice("ACTION", action, ACTIONS)
    if action != "repair" and logs:
        raise UsageError(f"logscan store {action} takes one store and no logs", "give only the store")
    if action == "restore" and version is None:
        raise UsageError("restore needs --version N", f"logscan store history {folder} lists the versions")
    actions = {
        "check": lambda: _check(folder, quiet),
        "repair": lambda: _repair(folder, logs or [], quiet),
        "vacuum": lambda: _vacuum(folder, days, unnamed, dry_run, quiet),
        "history": lambda: _history(folder),
        "restore": lambda: _restore(folder, version or 0, quiet),
    }
    if not actions[action]():
        raise typer.Exit(ExitCode.FAULT)


def _check(folder: str, quiet: bool) -> bool:
    from logscan._jobs.store import check_store
    from logscan._render.text import counted, show_bytes

    found = check_store(folder)
    _print_damage(folder, found.checked.damaged)
    if found.fault:
        common.complain(
            found.fault, f"logscan store repair {folder} takes in the files that it does not name"
        )
    if found.unnamed:
        size = show_bytes(sum(size for _, size in found.unnamed))
        common.complain(
            f"{folder}: {counted(len(found.unnamed), 'Parquet file')} ({size}) that no log names",
            f"logscan store repair {folder} takes in those whose rows the store does not hold",
        )
    if not quiet:
        print(
            f"{counted(found.checked.files, 'file')}, {found.checked.rows:,} rows,"
            f" {show_bytes(found.checked.bytes)}: {counted(len(found.checked.damaged), 'damaged file')}",
            file=sys.stderr,
        )
    return not found.checked.damaged and not found.fault


def _repair(folder: str, logs: list[str], quiet: bool) -> bool:
    from logscan._jobs.store import repair_store
    from logscan._render.text import counted

    done = repair_store(folder, logs)
    complaints = common.Complaints(done.counters)
    complaints.print_new()
    _print_damage(folder, done.left)
    if not quiet:
        print(
            f"{counted(done.files, 'damaged file')} replaced, {counted(done.adopted, 'file')} taken in,"
            f" {done.rows:,} rows; {counted(len(done.left), 'damaged file')} left",
            file=sys.stderr,
        )
    return not done.left and not complaints.fatal


def _print_damage(folder: str, damaged: Sequence[Damage]) -> None:
    for damage in damaged:
        rows = [f"{common.shown(part.path)} bytes {part.begin:,} to {part.end:,}" for part in damage.ranges]
        more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
        held = f"; it holds {damage.file.rows:,} rows of {', '.join(rows[:3])}{more}" if rows else ""
        common.complain(
            f"{damage.file.name}: {damage.reason}{held}",
            f"logscan store repair {folder} [LOG]... reads them again where the log is at hand",
        )


def _vacuum(folder: str, days: float, unnamed: bool, dry_run: bool, quiet: bool) -> bool:
    from logscan._jobs.store import vacuum_store
    from logscan._render.text import counted, show_bytes

    done = vacuum_store(folder, days=days, unnamed=unnamed, dry_run=dry_run)
    if dry_run:
        for name in done.files:
            print(common.shown(name))
        for name, _ in done.unnamed if unnamed else ():
            print(common.shown(name))
    if not quiet:
        word = "would be deleted" if dry_run else "deleted"
        parts = [f"{counted(len(done.files), 'removed file')} {word}"]
        if done.unnamed:
            size = show_bytes(sum(size for _, size in done.unnamed))
            count = counted(len(done.unnamed), "file")
            parts.append(
                f"{count} ({size}) that no log names {word}" if unnamed
                else f"{count} ({size}) that no log names stay (--unnamed deletes them)"
            )  # fmt: skip
        print("; ".join(parts), file=sys.stderr)
    return True


def _history(folder: str) -> bool:
    from logscan._jobs.store import history_of_store

    for one in history_of_store(folder):
        details = ", ".join(f"{name} {value}" for name, value in one.details.items())
        print(
            f"{one.version}\t{one.time:%Y-%m-%d %H:%M:%S}Z\t{common.shown(one.what)}\t{common.shown(details)}"
        )
    return True


def _restore(folder: str, version: int, quiet: bool) -> bool:
    from logscan._jobs.store import restore_store

    now = restore_store(folder, version)
    if not quiet:
        print(f"version {now} holds what version {version} held", file=sys.stderr)
    return True
