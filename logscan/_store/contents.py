"""What a store holds at one version, and how it changes: Parquet files and records in one commit."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from logscan._store import unfinished
from logscan._store.delta_faults import ConflictError
from logscan._store.delta_log import DeltaLog
from logscan._store.records import (
    MOST_SOURCES,
    NO_DATE,
    NO_HOST,
    STATE,
    DataFile,
    Join,
    Source,
    folder_of,
    reading_order,
)
from logscan._store.state import State, merged_tables
from logscan.errors import InputError, LogscanError, OutputError, first_line

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_SECONDS = 90 * 86_400
"""Seconds for which a store knows that it has removed a file."""
_MERGED_STATES = 8
"""Files of state of about one size that become one."""


class Contents:
    """What a store holds. It does not change while others write; :meth:`commit` changes it.

    Args:
        address: the store's directory, or its address.
        version: an earlier version; default: the newest.
        adopts: the next commit takes in what lies beside the log.

    Raises:
        InputError: there is no store, or its log is damaged.
    """

    def __init__(self, address: str, version: int | None = None, *, adopts: bool = False) -> None:
        self.address = address
        self.log = DeltaLog(address, version, adopts=adopts)
        self.storage = self.log.storage
        self.state = State([self.storage.path(file.name) for file in self._files(STATE)])

    def of_kind(self, kind: str, sources: Iterable[int] | None = None) -> list[DataFile]:
        """The files of a kind, of all sources or of some, with their parts; oldest commit first.

        Raises:
            InputError: the records of the files cannot be read.
        """
        if sources is not None:
            wanted = {name for source in sources for name in self._names_of.get(source, ())}
            files = [file for file in self._files(kind) if file.name in wanted]
        else:
            files = list(self._files(kind))
        with self.readable():
            for file in files:
                if not file.parts:
                    file.parts = self.state.parts(file.name) or []
            files.sort(key=lambda file: self.state.file_rank(file.name))
        return files

    def named(self, kind: str) -> list[DataFile]:
        """The files of a kind, without their parts: no record is read."""
        return list(self._files(kind))

    def source(self, number: int) -> Source:
        """A source.

        Raises:
            InputError: the store does not know it.
        """
        with self.readable():
            found = self.state.source(number)
        if found is None:
            raise InputError(f"{self.address}: its records do not know the source {number}", self._advice())
        return found

    @cached_property
    def sources(self) -> dict[int, Source]:
        """All sources, by their numbers."""
        with self.readable():
            return {source.id: source for source in self.state.sources()}

    @cached_property
    def order(self) -> dict[int, int]:
        """Source → its number in the order of reading."""
        return reading_order(self.sources.values())

    def new_number(self) -> int:
        """A number for a source."""
        while True:
            number = 1 + secrets.randbelow(MOST_SOURCES)
            if self.state.source(number) is None:
                return number

    def commit(
        self,
        what: str,
        adds: Sequence[DataFile] = (),
        removes: Sequence[DataFile] = (),
        *,
        work: str,
        **details: object,
    ) -> None:
        """Change the store in one step: files, and the records that were noted.

        Args:
            what: what this change is, for the history.
            adds: new files, at their places.
            removes: files that are no longer the store.
            work: a directory for unfinished files.
            details: more for the history.

        Raises:
            ConflictError: another run has changed the store; nothing is changed, the new files are removed.
            OutputError: the store cannot be written.
        """
        self.state.note_removed((file.name for file in removes), int(time.time()))
        self.state.note(files=adds)
        fresh, replaced = self._state_file(adds, removes, work)
        try:
            self.log.commit(what, [*adds, *fresh], [*removes, *replaced], **details)
        except (ConflictError, OutputError) as error:
            if not self._is_committed([file.name for file in (*adds, *fresh)], error):
                raise
        unfinished.committed(work)
        self.state.wrote()
        self.forget()

    def tried_with(
        self, sources: Iterable[Source], files: Sequence[DataFile], joins: Iterable[Join] = ()
    ) -> Contents:
        """The same store as if some more were in it: to read it that way before it is committed."""
        tried = Contents(self.address, adopts=True)
        tried.log.files += files
        tried.state.note(sources, files, joins)
        return tried

    def forget(self) -> None:
        """Records were noted: what was derived of the earlier ones is derived again."""
        for name in ("_names_of", "sources", "order"):
            self.__dict__.pop(name, None)

    def _is_committed(self, names: Sequence[str], error: LogscanError) -> bool:
        """Whether a commit that seems to have failed was made: its answer may be lost, or what follows it may
        have failed. If not, its new files are removed."""
        try:
            log = DeltaLog(self.address)
            if any(file.name in names for file in log.files):
                self.log = log
                return True
            belongs = set(log.vacuum(0, dry_run=True))
        except LogscanError:
            return False  # nobody knows: the files stay
        # What was sent to a server may still arrive, unless another commit stands in its place.
        if isinstance(error, ConflictError) or not self.storage.is_remote:
            self.storage.remove([name for name in names if name not in belongs])
        return False

    def _state_file(
        self, adds: Sequence[DataFile], removes: Sequence[DataFile], work: str
    ) -> tuple[list[DataFile], list[DataFile]]:
        """The file with the changed records, at its place, and the files of state that it replaces."""
        from logscan._store.picked_rows import damage_errors

        if not self.state.changed:
            return [], []
        os.makedirs(work, exist_ok=True)
        local = os.path.join(work, f"state-{secrets.token_hex(8)}.parquet")
        rows = _write(local, self.state.new_tables(self.log.guard + 1))
        replaced = self._small_states(rows)
        if replaced:
            live = {file.name for file in self.log.files} - {file.name for file in removes}
            live |= {file.name for file in adds}
            paths = [*(self.storage.path(file.name) for file in replaced), local]
            try:
                rows = _write(local, merged_tables(paths, live, int(time.time()) - KEPT_SECONDS))
            except damage_errors():
                replaced = []  # the damaged file stays as it is: a check reports it
                rows = _write(local, self.state.new_tables(self.log.guard + 1))
        name = f"{folder_of(STATE, NO_DATE, NO_HOST)}/{self.log.guard + 1:08d}-{secrets.token_hex(4)}.parquet"
        file = DataFile(name, rows, os.path.getsize(local))
        unfinished.note(work, self.log.version, [name])
        self.storage.place(local, name)
        return [file], replaced

    def _small_states(self, rows: int) -> list[DataFile]:
        """The files of state that become one with some new records: so their number grows as a logarithm,
        and each record is written a few times."""
        chosen: list[DataFile] = []
        for file in sorted(self._files(STATE), key=lambda file: file.rows):
            if file.rows > 2 * rows:
                break
            rows += file.rows
            chosen.append(file)
        return chosen if len(chosen) >= _MERGED_STATES else []

    def _files(self, kind: str) -> Iterator[DataFile]:
        begin = f"kind={kind}/"
        return (file for file in self.log.files if file.name.startswith(begin))

    @cached_property
    def _names_of(self) -> dict[int, set[str]]:
        """Source → names of its files."""
        names: dict[int, set[str]] = {}
        with self.readable():
            for file in self.log.files:
                for part in self.state.parts(file.name) or ():
                    names.setdefault(part[0], set()).add(file.name)
        return names

    def readable(self) -> _Readable:
        """A block in which damage of the files of state is one error."""
        return _Readable(self.address, self._advice())

    def _advice(self) -> str:
        return f"logscan store check {self.address} says what is damaged"


class _Readable:
    """Damage becomes an :class:`InputError`."""

    def __init__(self, address: str, advice: str) -> None:
        self._address, self._advice = address, advice

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, InputError):
            return
        from logscan._store.picked_rows import damage_errors

        if isinstance(error, (*damage_errors(), KeyError, UnicodeError)):
            raise InputError(
                f"{self._address}: its records cannot be read ({first_line(error)})", self._advice
            ) from error


def _write(path: str, tables: Sequence[pa.Table]) -> int:
    """Write records, each kind in row groups of its own; returns their number."""
    import pyarrow.parquet as pq

    from logscan.atomic import make_private_file

    make_private_file(path)
    with pq.ParquetWriter(
        path,
        tables[0].schema,
        compression="zstd",
        write_statistics=["state.record"],
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sum(len(table) for table in tables)


def split_over(joins: Iterable[Join]) -> set[tuple[int, int]]:
    """The rows that continue an entry of other rows."""
    return {row for join in joins for row in join.rows[1:]}


def more_rows(joins: Iterable[Join]) -> list[tuple[int, int]]:
    """The rows that a reader leaves out who wants one row for each entry. An entry that opens within a row of
    the entry before it has its next row as its own."""
    rows = {
        row for join in joins for row in join.rows[1 if join.rows[0] == (join.source, join.offset) else 2 :]
    }
    return sorted(rows)
