"""Errors of the library of the store's log become logscan's, with what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from logscan._store.storage import LOG, OLD_MANIFEST, Storage
from logscan.errors import InputError, LogscanError, OutputError, first_line, need, reason_of

MEND = (
    f"restore {LOG} from a backup; or move it away: logscan store repair {{}} makes one of the Parquet files"
)
_UNHINTED = (
    f"a checkpoint is damaged: if {LOG} still has 00000000000000000000.json, move {LOG}/_last_checkpoint and"
    f" the *.checkpoint.parquet files away; else restore {LOG} from a backup"
)
_LONGEST_WORDS = 200
"""Characters of the library's words that are shown."""


class ConflictError(LogscanError):
    """Another run has changed the store since this one read it."""


ADOPT = "logscan store repair {}"
"""The command that makes a store of Parquet files without a log."""


def library() -> Any:
    """The library of the log.

    Raises:
        MissingPackageError: it is not installed.
    """
    return need("deltalake", "a store")


@contextmanager
def faults(address: str, writes: bool = False) -> Iterator[None]:
    """Errors of the library become logscan's.

    Raises:
        ConflictError: another run has changed the store.
        OutputError: while it is written.
        InputError: while it is read.
    """
    try:
        yield
    except LogscanError:
        raise
    except Exception as error:
        exceptions = __import__("deltalake.exceptions", fromlist=["DeltaError"])
        if not isinstance(error, (exceptions.DeltaError, OSError, ValueError)):
            raise
        if isinstance(error, exceptions.CommitFailedError) and re.search(
            "oncurrent|changed since", str(error)
        ):
            raise conflict(address) from error
        words = _words(error)
        if isinstance(error, exceptions.TableNotFoundError) or (not writes and not _has_log(address)):
            raise InputError(*absent(address)) from error
        if writes:
            raise OutputError(
                f"{address}: cannot be written: {words}", "what the store held before is still there"
            ) from error
        raise InputError(
            f"{address}: its log ({LOG}) cannot be read: {words[:_LONGEST_WORDS]}",
            _UNHINTED if "heckpoint" in words or "footer" in words else MEND.format(address),
        ) from error


def _words(error: Exception) -> str:
    """What the library says, in one line: it draws a tree, with the cause at its end."""
    cause = re.search(r"\(os error (\d+)\)", str(error))
    if cause:
        return reason_of(OSError(int(cause[1]), os.strerror(int(cause[1]))))
    return first_line(error)


def _has_log(address: str) -> bool:
    try:
        return Storage(address).has_log()
    except InputError:
        return True


def absent(address: str) -> tuple[str, str]:
    """The message for a path without a log, and the hint."""
    storage = Storage(address)
    if has_old_manifest(storage):
        return (
            f"{address}: a store of version 0.1.0, which has another format",
            f"{ADOPT.format(address)} makes it a store of this version (its files are linked, not copied)",
        )
    if not storage.is_remote and os.path.isdir(address) and next(storage.parquet_files(), None) is not None:
        return (
            f"{address}: holds Parquet files, but no log ({LOG}) that says which of them are a store",
            f"restore {LOG} from a backup; or {ADOPT.format(address)} takes the files as a store",
        )
    return f"{address}: no store is there", "ingest logs into this directory to make one"


def has_old_manifest(storage: Storage) -> bool:
    """Whether a store of version 0.1.0 lies there."""
    return not storage.is_remote and os.path.isfile(storage.path(OLD_MANIFEST))


def conflict(address: str) -> ConflictError:
    """The error of a run that came too late."""
    return ConflictError(f"{address}: another run has changed the store", "run it again")
