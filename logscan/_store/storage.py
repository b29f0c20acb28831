"""Where the bytes of a store lie: a directory, or a prefix of an object store."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from logscan._reading import remote
from logscan._reading.remote import is_remote
from logscan._store.records import list_of
from logscan.atomic import PRIVATE_FILE, make_private_file, make_private_folder
from logscan.errors import InputError, OutputError, reason_of

LOG = "_delta_log"
"""The directory of the table's log, below the store."""
_NEWEST = ".newest"
"""The file that names the newest commit."""
_HINT = "_last_checkpoint"
_VERSION = re.compile(r"(\d{20})\.", re.ASCII)
"""How the names of the log's files begin: commits, and checkpoints of all before."""
_FOLDERS = ("kind=", "entries/", "failures/")
"""How the folders of a store's files begin; the latter two are of version 0.1.0."""


class Storage:
    """The files of a store, by their names below it.

    Args:
        address: the store's directory, or its address in an object store.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_remote = is_remote(address)

    def path(self, name: str) -> str:
        """Where a file lies."""
        return f"{self.address.rstrip('/')}/{name}" if self.is_remote else os.path.join(self.address, name)

    def has_log(self) -> bool:
        """Whether a table's log is there.

        Raises:
            InputError: the object store cannot be asked.
        """
        path = self.path(LOG)
        if self.is_remote:
            return bool(remote.names_below(path, 1))
        with contextlib.suppress(OSError):  # a run may have been killed before its first commit
            return any(_VERSION.match(name) for name in os.listdir(path))
        return False

    def parquet_files(self) -> Iterator[tuple[str, int]]:
        """Name and bytes of each Parquet file in the folders of a store, whether a log names it or not.

        Raises:
            InputError: the object store cannot be asked.
        """
        if self.is_remote:
            for name, size in remote.names_below(self.address):
                if name.endswith(".parquet") and name.startswith(_FOLDERS):
                    yield name, size
            return
        for parent, folders, names in os.walk(self.address):
            is_top = parent == self.address
            folders[:] = sorted(name for name in folders if not is_top or f"{name}/".startswith(_FOLDERS))
            for name in () if is_top else sorted(names):
                if name.endswith(".parquet"):
                    path = os.path.join(parent, name)
                    with contextlib.suppress(OSError):
                        yield os.path.relpath(path, self.address), os.stat(path).st_size

    def modified(self, name: str) -> float:
        """When a file was written, in seconds since 1970; infinite if nobody knows."""
        with contextlib.suppress(OSError, InputError):
            return remote.modified(self.path(name)) if self.is_remote else os.stat(self.path(name)).st_mtime
        return float("inf")

    def place(self, local: str, name: str) -> None:
        """Bring a finished file to its place in the store.

        Raises:
            OSError: it cannot be written.
            InputError: the object store refuses it.
        """
        if self.is_remote:
            remote.put(local, self.path(name))
            os.unlink(local)
            return
        target = self.path(name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.replace(local, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(local, f"{target}.part")
            os.replace(f"{target}.part", target)
            os.unlink(local)
        # The name must last as the log does, which names it.
        _synced_folder(os.path.dirname(target))

    def place_with_list(self, folder: str, name: str) -> None:
        """Bring a finished file of rows to its place, with its list of ids (:mod:`logscan._store.id_lists`).

        Args:
            folder: the directory for unfinished files, in which it lies under its name.
            name: its name.

        Raises:
            OSError: it cannot be written.
            InputError: the object store refuses it.
        """
        for one in (list_of(name), name):
            local = os.path.join(folder, one)
            if one and os.path.exists(local):
                self.place(local, one)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files and their lists of ids; one that is not there is left out."""
        for name in [*names, *filter(None, map(list_of, names))]:
            if self.is_remote:
                remote.remove(self.path(name))
            else:
                with contextlib.suppress(OSError):
                    os.unlink(self.path(name))

    def sync_log(self, after: int) -> None:
        """Make the commits of a local log last: those of versions above ``after``."""
        if self.is_remote:
            return
        folder = self.path(LOG)
        for name in os.listdir(folder):
            found = _VERSION.match(name)
            if name == _HINT or (found is not None and int(found[1]) > after):
                path = os.path.join(folder, name)
                with contextlib.suppress(FileNotFoundError):  # another run has cleaned up
                    os.chmod(path, os.stat(path).st_mode & PRIVATE_FILE)
                    _synced(path)
        _synced_folder(folder)

    def newest(self) -> tuple[int, int]:
        """Version and number of a commit that was made: the log has no older end, unless an older log was put
        in its place. 0 and 0: not known."""
        if not self.is_remote:
            with contextlib.suppress(OSError, ValueError):
                with open(self.path(_NEWEST), encoding="ascii") as file:
                    version, guard = map(int, file.read().split())
                return version, guard
        return 0, 0

    def note_newest(self, version: int, guard: int) -> None:
        """Note the newest commit."""
        if not self.is_remote:
            with contextlib.suppress(OSError):  # the commit is made
                make_private_file(self.path(_NEWEST))
                with open(self.path(_NEWEST), "w", encoding="ascii") as file:
                    file.write(f"{version} {guard}\n")

    def empty_commits(self) -> list[str]:
        """Commits of a local log, after its last checkpoint, without a byte: they would count as commits of
        nothing."""
        found: list[str] = []
        if not self.is_remote:
            with contextlib.suppress(OSError):
                for name in sorted(os.listdir(self.path(LOG)), reverse=True):
                    if name.endswith(".checkpoint.parquet"):
                        break
                    if name.endswith(".json") and not os.stat(os.path.join(self.path(LOG), name)).st_size:
                        found.append(name)
        return found

    def make(self) -> None:
        """Make the directory.

        Raises:
            OutputError: it cannot be made.
        """
        if self.is_remote:
            return
        try:
            make_private_folder(self.address)
        except OSError as error:
            raise OutputError(
                f"{self.address}: {reason_of(error)}", "name a directory that you may write to"
            ) from error

    def foreign_names(self) -> list[str]:
        """What lies in the directory and is not a store's.

        Raises:
            InputError: the object store cannot be asked.
        """
        if self.is_remote:
            names = {name.partition("/")[0] for name, _ in remote.names_below(self.address, 100)}
        else:
            names = set(os.listdir(self.address))
        return sorted(name for name in names if not name.startswith((".", "_")))


def opened(path: str) -> Any:
    """What pyarrow reads a Parquet file from: a local path, or an open file of an object store.

    Raises:
        InputError: the object store does not give it.
    """
    return remote.seekable(path) if is_remote(path) else path


def options() -> dict[str, str]:
    """Options of the table's own client of object stores; what else it needs is in the environment."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    chosen = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    if endpoint.startswith("http://"):
        chosen["AWS_ALLOW_HTTP"] = "true"
    return chosen


def is_store(path: str) -> bool:
    """Whether a path is a store: a directory with a table's log, or with the manifest of version 0.1.0."""
    if not is_remote(path):
        return os.path.isdir(os.path.join(path, LOG)) or os.path.isfile(os.path.join(path, OLD_MANIFEST))
    if not path.startswith(("s3://", "s3a://", "gs://", "gcs://", "abfs://", "abfss://", "az://")):
        return False
    if any(mark in path for mark in "*?["):
        return False
    try:
        return Storage(path).has_log()
    except InputError:
        return False


OLD_MANIFEST = "logscan-store.json"
"""What a store of version 0.1.0 had in place of a log."""


def _synced(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _synced_folder(path: str) -> None:
    with contextlib.suppress(OSError):  # not every file system can do this
        _synced(path)
