"""Store: check, repair, vacuum, history and restore of a store."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from logscan._entries.sample import judge_and_learn
from logscan._jobs._options import Paths, paths_of
from logscan._reading.paths import discover
from logscan._reading.remote import is_remote
from logscan._store import adopt, check, old_manifest, upkeep
from logscan._store.check import Checked, Damage
from logscan._store.contents import Contents
from logscan._store.delta_log import RETENTION_DAYS, Version, create
from logscan._store.parquet_files import table_schema
from logscan._store.records import STATE
from logscan._store.storage import Storage
from logscan.errors import OutputError, reason_of
from logscan.values import Counters, Problem


@dataclass(slots=True)
class StoreCheck:
    """What a check found."""

    checked: Checked
    unnamed: list[tuple[str, int]]
    """Name and bytes of Parquet files that the log does not name."""
    fault: str = ""
    """What is wrong with the log itself: it is older than the files."""


@dataclass(slots=True)
class StoreRepair:
    """What a repair did."""

    adopted: int = 0
    """Files that no log named, and that are the store's now."""
    rows: int = 0
    """Rows that came back."""
    files: int = 0
    """Damaged files in whose place there are sound ones."""
    left: list[Damage] = field(default_factory=list)
    """What could not be repaired."""
    counters: Counters = field(default_factory=Counters)

    @property
    def problems(self) -> list[Problem]:
        """What could not be read."""
        return self.counters.problems


@dataclass(slots=True)
class Vacuumed:
    """What a vacuum did, or would do."""

    files: list[str]
    """Files that a commit had removed."""
    unnamed: list[tuple[str, int]]
    """Name and bytes of files that no log names."""


def check_store(store: str | os.PathLike[str]) -> StoreCheck:
    """Read each file of a store whole, and say what is damaged or missing.

    Args:
        store: its directory or address.

    Raises:
        InputError: there is no store, or its log cannot be read.
    """
    contents = Contents(_address(store), adopts=True)
    checked = check.check(contents)
    has_state = not any(damage.file.kind == STATE for damage in checked.damaged)
    return StoreCheck(checked, adopt.unnamed(contents) if has_state else [], contents.log.fault)


def repair_store(store: str | os.PathLike[str], logs: Paths = ()) -> StoreRepair:
    """Make a store sound again. No row that can be read is removed.

    Without a log, the Parquet files that lie there become the store. Files that no log names are taken in, if
    the store does not hold their rows. Damaged files are made again from their logs.

    Args:
        store: its directory or address.
        logs: files and directories in which logs are looked for, beside the places where they were.

    Raises:
        InputError: there is nothing that could be a store, or a file is damaged on which all depends.
        OutputError: the store cannot be written.
        UsageError: another run changes the store.
    """
    address = _address(store)
    result = StoreRepair()
    storage = Storage(address)
    if (
        not storage.has_log()
        and next(storage.parquet_files(), None) is None
        and not old_manifest.is_old(address)
    ):
        Contents(address)  # says what is there instead
    try:
        with upkeep.changing(address) as work:
            if old_manifest.is_old(address):
                result.adopted += old_manifest.adopt_old(address, result.counters, work)
            elif not storage.has_log():
                create(address, table_schema(), adopts=True)
            contents = Contents(address, adopts=True)
            damaged = check.check(contents).damaged
            states = [damage.file for damage in damaged if damage.file.kind == STATE]
            if states:
                adopt.restore_records(contents, states, result.counters, work)
                result.files += len(states)
                damaged = check.check(contents).damaged
            adopted = adopt.take_in(contents, result.counters, work)
            result.adopted += adopted.files
            result.rows += adopted.rows
            if damaged:
                found = discover(paths_of(logs), result.counters.problems, judge_and_learn) if logs else []
                files = [file for stream in found for file in stream]
                repaired = check.repair(contents, damaged, files, work)
                result.files += repaired.files
                result.rows += repaired.rows
                result.left = repaired.left
            contents.log.is_newest()
    except OSError as error:
        raise OutputError(
            f"{address}: cannot be written: {reason_of(error)}", "what the store held before is still there"
        ) from error
    return result


def vacuum_store(
    store: str | os.PathLike[str],
    *,
    days: float = RETENTION_DAYS,
    unnamed: bool = False,
    dry_run: bool = False,
) -> Vacuumed:
    """Delete bytes that the store does not need any more.

    Args:
        store: its directory or address.
        days: only files that were removed, or written, so many days ago. Readers that began before lose them,
            and earlier versions cannot be restored.
        unnamed: also Parquet files that no log names: of runs that were killed.
        dry_run: delete nothing.

    Raises:
        InputError: there is no store, or its log cannot be read.
        OutputError: a file cannot be deleted.
        UsageError: another run changes the store.
    """
    address = _address(store)
    contents = Contents(address)
    with upkeep.changing(address):
        files = contents.log.vacuum(days, dry_run=dry_run)
        found = upkeep.left_over(contents, adopt.unnamed(contents), days)
        if unnamed and not dry_run:
            contents.storage.remove([name for name, _ in found])
        return Vacuumed(files, found)


def history_of_store(store: str | os.PathLike[str], most: int | None = None) -> list[Version]:
    """The commits of a store, newest first.

    Raises:
        InputError: there is no store, or its log cannot be read.
    """
    return Contents(_address(store)).log.history(most)


def restore_store(store: str | os.PathLike[str], version: int) -> int:
    """Make a store what it was at an earlier version; returns the new version.

    Raises:
        InputError: there is no store, or its log cannot be read.
        UsageError: there is no such version, its bytes are gone, or another run changes the store.
    """
    address = _address(store)
    contents = Contents(address)
    with upkeep.changing(address):
        contents.log.restore(version)
    return contents.log.version


def _address(store: str | os.PathLike[str]) -> str:
    name = os.fspath(store)
    return name if is_remote(name) else os.path.abspath(name)
