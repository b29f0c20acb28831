"""What a killed run leaves: files at their places that no commit names, which the next run removes.

Only what a run has noted is removed: a file that no log names may also be one whose log was lost.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable

from logscan._store.delta_log import DeltaLog
from logscan._store.storage import LOG, Storage
from logscan.errors import InputError

_NOTE = "placed"
"""The file in a run's directory that says what it has brought to its place: the log's version, and a name."""
_ANOTHERS_SECONDS = 7 * 86_400
"""After that, unfinished files of another machine's run are left over."""
_TEMPORARY_SECONDS = 3600
"""The same for unfinished files of the log, which exist for a moment; clocks may differ."""
_TEMPORARY = re.compile(r"_commit_.*\.tmp|.*#\d+", re.DOTALL)
"""Unfinished files of the log: a commit's, and what is to replace another file."""


def note(work: str, version: int, names: Iterable[str]) -> None:
    """Note files that are about to be brought to their places, for a commit that follows a version.

    Raises:
        OSError: it cannot be noted.
    """
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, _NOTE), "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write("".join(f"{version} {name}\n" for name in names))


def committed(work: str) -> None:
    """What was noted belongs to the store now, or was removed again."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(work, _NOTE))


def prefix() -> str:
    """How the names of the directories of this machine's runs begin."""
    return f"{socket.gethostname()}-"


def remove(storage: Storage, incoming: str) -> None:
    """Remove what killed runs left. This run holds the store's lock.

    Args:
        storage: the store's.
        incoming: the directory of the directories of all runs.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(incoming):
            path = os.path.join(incoming, name)
            if name.startswith(prefix()) or time.time() - os.stat(path).st_mtime > _ANOTHERS_SECONDS:
                _remove_placed(storage, os.path.join(path, _NOTE))
                shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(storage.path(LOG))):
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > _TEMPORARY_SECONDS:
                        os.unlink(entry.path)


def _remove_placed(storage: Storage, note_path: str) -> None:
    """Remove the files of a note that never became part of the store."""
    try:
        with open(note_path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").partition(" ") for line in file if line.endswith("\n")]
        log = DeltaLog(storage.address)
        belongs = {file.name for file in log.files} | set(log.vacuum(0, dry_run=True))
    except (OSError, InputError):
        return
    # An older log than the run's does not know what became of the files.
    storage.remove(
        [
            name
            for version, _, name in lines
            if version.isdecimal() and int(version) <= log.version and name not in belongs
        ]
    )
