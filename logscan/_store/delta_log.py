"""The commit layer: which Parquet files are the store, by a Delta Lake table's log.

One table holds all kinds of rows, in partitions of kind, date and host. logscan writes the Parquet files
itself and registers them. Each commit carries the next number of :data:`GUARD`, and the log refuses a commit
if another one with that application came after what its writer had read: so no two runs change the same
state. deltalake must not be used in a process before that process forks (its threads do not survive).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from logscan._store.delta_actions import added, removed, transactions
from logscan._store.delta_faults import ADOPT, MEND, absent, conflict, faults, has_old_manifest, library
from logscan._store.records import DataFile, is_name, list_of
from logscan._store.storage import LOG, Storage, options
from logscan.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

GUARD = "logscan"
"""The application whose number each commit raises by one."""
_NEEDLES = "logscan:needles"
"""The application whose number says by which needles the failures were picked."""
PARTITIONS = ("kind", "date", "host")
FORMAT = 3
"""Version of the format: of the columns, and of what the records say. A reader refuses newer ones."""
_FORMAT = "Logs of Apigee Message Processors, byte for byte. logscan store, format"
RETENTION_DAYS = 7
"""Days after which bytes that a commit removed may go: so long readers and time travel find them."""
_CONFIGURATION = {
    "delta.checkpointInterval": "50",
    # Longer than the retention: what a vacuum has not removed yet must still be named.
    "delta.deletedFileRetentionDuration": "interval 90 days",
    "delta.logRetentionDuration": "interval 90 days",
}


class Version(NamedTuple):
    """One commit of a store."""

    version: int
    time: datetime
    """Without a zone, in UTC."""
    what: str
    """What made it: ``ingest``, ``merge`` …; of other programs, the operation's name."""
    details: dict[str, object]


class DeltaLog:
    """The log of a store at one version.

    Args:
        address: of the store.
        version: an earlier version; default: the newest.
        adopts: the next commit takes in what lies beside the log.

    Raises:
        InputError: there is no log, it is damaged, or it names files outside the store; or a store of version
            0.1.0 lies there that was not taken in; or an older log was put in the place of the newest.
    """

    def __init__(self, address: str, version: int | None = None, *, adopts: bool = False) -> None:
        self.storage = Storage(address)
        newest = self.storage.newest()  # before the log is read: another run may commit between
        if self.storage.is_remote and not self.storage.has_log():  # says what is wrong with a server
            raise InputError(*absent(address))
        empty = self.storage.empty_commits()
        if empty:
            raise InputError(f"{address}: {LOG}/{empty[0]} is empty: a commit is lost", MEND.format(address))
        with faults(address):
            self._table: Any = library().DeltaTable(
                address, version=version, storage_options=options() if self.storage.is_remote else None
            )
        self._actions: tuple[int, Any] | None = None
        self.files: list[DataFile] = []
        self.guard = self.needles = 0
        """The number of the last commit; by which needles the failures were picked (0: a new store)."""
        self._load()
        self.fault = ""
        """What is wrong with a log that can be read; a store is opened in spite of it only to be mended."""
        if version is None and (self.version < newest[0] or self.guard < newest[1]):
            self.fault = (
                f"{address}: its log ({LOG}) does not end with the newest commit, which made version"
                f" {newest[0]}: commits are lost, or an older log was put in its place"
            )
            if not adopts:
                raise InputError(
                    self.fault, f"{ADOPT.format(address)} takes in the files that the log does not name"
                )
        if not adopts and not self.guard and has_old_manifest(self.storage):
            raise InputError(*absent(address))

    @property
    def version(self) -> int:
        """The version that was read."""
        return int(self._table.version())

    @property
    def schema(self) -> Any:
        """The columns of all kinds of rows."""
        return self._table.schema()

    def bounds(self, column: str) -> dict[str, tuple[object, object]]:
        """File → least and greatest value of a column, of the files whose statistics say it."""
        actions = self._add_actions()
        if f"min.{column}" not in actions.schema.names:
            return {}
        names = [unquote(path) for path in actions.column("path").to_pylist()]
        least, most = (actions.column(f"{end}.{column}").to_pylist() for end in ("min", "max"))
        return {
            name: (low, high)
            for name, low, high in zip(names, least, most, strict=True)
            if low is not None and high is not None
        }

    def commit(
        self, what: str, adds: Sequence[DataFile], removes: Sequence[DataFile] = (), **details: object
    ) -> None:
        """Change the table in one step. The files that are added must be at their places.

        Args:
            what: what this change is, for the history.
            adds: new files.
            removes: files that are no longer the store; their bytes stay until a vacuum.
            details: more for the history.

        Raises:
            ConflictError: another run has changed the store; nothing is changed.
            OutputError: the log cannot be written.
        """
        live = {file.name for file in self.files}
        gone = [file.name for file in removes if file.name not in live]
        with faults(self.storage.address, writes=True):
            if gone or self._guard_of_log() != self.guard:
                raise conflict(self.storage.address)
            before, number = self.version, self.guard + 1
            transaction = transactions()
            actions = [*map(added, adds), *map(removed, removes)]
            properties = library().CommitProperties(
                custom_metadata={
                    "logscan": what, **{key: str(value) for key, value in details.items()}
                },
                app_transactions=[
                    transaction.Transaction(GUARD, number),
                    transaction.Transaction(_NEEDLES, self.needles),
                ],
            )  # fmt: skip
            self._table.create_write_transaction(
                actions, "append", self._table.schema(), list(PARTITIONS), commit_properties=properties
            )
        self.guard = number
        self.storage.sync_log(before)
        with faults(self.storage.address):
            self._table.update_incremental()
            names = {file.name for file in removes}
            self.files = [file for file in self.files if file.name not in names]
            self.files += adds
        self.is_newest()

    def is_newest(self) -> None:
        """Note that the version that was read, or made, is the newest that ever was."""
        self.storage.note_newest(self.version, self.guard)

    def vacuum(self, days: float = RETENTION_DAYS, *, dry_run: bool = False) -> list[str]:
        """Delete the bytes of files that a commit removed more than ``days`` ago.

        Files that no log named stay.

        Returns:
            Their names.

        Raises:
            OutputError: a file cannot be deleted.
        """
        hours = max(0, round(24 * days))
        with faults(self.storage.address, writes=True):
            named = self._table.vacuum(hours, dry_run=True, enforce_retention_duration=False)
            names = [_below(self.storage.address, path) for path in named]
            if names and not dry_run:
                self._table.vacuum(hours, dry_run=False, enforce_retention_duration=False)
                self.storage.remove([name for name in map(list_of, names) if name])
                self.storage.sync_log(-1)
            return names

    def restore(self, version: int) -> None:
        """Make the store what it was at a version. This is a commit, too: it can be undone.

        Raises:
            ConflictError: another run changes the store.
            UsageError: there is no such version, or its bytes are gone.
        """
        transaction = transactions().Transaction(GUARD, self.guard + 1)
        before = self.version
        properties = library().CommitProperties(
            custom_metadata={"logscan": "restore", "to": str(version)}, app_transactions=[transaction]
        )
        if not 0 <= version <= before:
            raise UsageError(
                f"no version {version}", f"the versions are 0 to {before}: logscan store history"
            )
        try:
            with faults(self.storage.address, writes=True):
                self._table.restore(version, commit_properties=properties)
        except OutputError as error:
            raise UsageError(
                f"version {version} cannot be restored: {error}",
                "its bytes may be gone by a vacuum; logscan store history lists the versions",
            ) from error
        self.storage.sync_log(before)
        self.__init__(self.storage.address)  # type: ignore[misc]
        self.is_newest()

    def history(self, most: int | None = None) -> list[Version]:
        """The commits, newest first.

        Raises:
            InputError: the log cannot be read.
        """
        with faults(self.storage.address):
            commits = self._table.history(most)
        versions = []
        for commit in commits:
            known = {
                "timestamp",
                "operation",
                "operationParameters",
                "engineInfo",
                "clientVersion",
                "version",
            }
            details = {key: value for key, value in commit.items() if key not in known and key != "logscan"}
            details.pop("operationMetrics", None)
            details = dict(sorted(details.items()))
            moment = datetime.fromtimestamp(commit.get("timestamp", 0) / 1000, UTC).replace(tzinfo=None)
            versions.append(
                Version(commit["version"], moment, str(commit.get("logscan", commit["operation"])), details)
            )
        return versions

    def _add_actions(self) -> Any:
        """The files of the version that was read, and their statistics, as columns."""
        if self._actions is None or self._actions[0] != self.version:
            with faults(self.storage.address):
                self._actions = self.version, self._table.get_add_actions(flatten=True)
        return self._actions[1]

    def _load(self) -> None:
        with faults(self.storage.address):
            actions = self._add_actions()
            self.guard = self._guard_of_log()
            self.needles = int(self._table.transaction_version(_NEEDLES) or 0)
            text, _, number = (self._table.metadata().description or "").rpartition(" ")
        if text != _FORMAT or not number.isdecimal():
            raise InputError(
                f"{self.storage.address}: a Delta table that logscan did not make",
                "is it the right directory?",
            )
        if int(number) > FORMAT:
            raise InputError(
                f"{self.storage.address}: a store of format {number}; this logscan reads up to {FORMAT}",
                "use the logscan that made it, or ingest the logs into a new directory",
            )
        columns = [actions.column(name).to_pylist() for name in ("path", "size_bytes", "num_records")]
        for path, size, rows in zip(*columns, strict=True):
            name = unquote(path) if "%" in path else path
            if not is_name(name):
                raise InputError(
                    f"{self.storage.address}: its log names {name[:200]!r}, which is no path of a store",
                    f"another program has changed it: {MEND.format(self.storage.address)}",
                )
            self.files.append(DataFile(name, rows or 0, size))

    def _guard_of_log(self) -> int:
        return int(self._table.transaction_version(GUARD) or 0)


def create(address: str, schema: pa.Schema, *, adopts: bool = False) -> None:
    """Make the log of a new store; does nothing if there is one.

    Args:
        address: of the store.
        schema: the columns of all kinds of rows.
        adopts: files that lie there become the store with the next commit.

    Raises:
        OutputError: it cannot be written.
        UsageError: the directory holds Parquet files that no log names, or other files.
    """
    library()
    storage = Storage(address)
    storage.make()
    if storage.has_log():
        return
    # Another run may make the store at this moment.
    if not adopts and next(storage.parquet_files(), None) is not None and not storage.has_log():
        raise UsageError(
            f"{address}: holds Parquet files, but no log ({LOG}) that says which of them are a store",
            f"restore {LOG} from a backup; or {ADOPT.format(address)} takes the files as a store",
        )
    if not adopts and storage.foreign_names() and not storage.has_log():
        raise UsageError(
            f"{address}: holds other files", "name an empty directory, or one that does not exist"
        )
    with faults(address, writes=True):
        library().DeltaTable.create(
            address, schema=schema, mode="ignore", partition_by=list(PARTITIONS), name="logscan",
            description=f"{_FORMAT} {FORMAT}",
            configuration=_CONFIGURATION, storage_options=options() if storage.is_remote else None,
        )  # fmt: skip
    storage.sync_log(-1)


def _below(address: str, path: str) -> str:
    """A path of a vacuum, below the store.

    Raises:
        InputError: it leads outside.
    """
    name = unquote(path).removeprefix(address.rstrip("/") + "/")
    if not is_name(name):
        raise InputError(
            f"{address}: its log names {name[:200]!r}, which is no path of a store", "nothing was deleted"
        )
    return name
