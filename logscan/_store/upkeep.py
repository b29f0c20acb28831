"""Upkeep of a store: place new files, merge small ones, drop old dates, pick failures again."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import pyarrow as pa

from logscan._store import unfinished
from logscan._store.contents import Contents, split_over
from logscan._store.delta_faults import ConflictError
from logscan._store.delta_log import create
from logscan._store.ingest_task import LONGEST_FAILURE, Edge, failure_row
from logscan._store.layout_bits import PIECE
from logscan._store.needle_bits import Needles, needles_digest
from logscan._store.open_store import Store
from logscan._store.parquet_files import (
    FAILURE_SCHEMA,
    SCHEMAS,
    OpenFile,
    Target,
    table_schema,
    write_failures,
)
from logscan._store.records import ENTRIES, FAILURES, NO_DATE, STATE, DataFile, is_name
from logscan._store.roundtrip import to_bytes
from logscan._store.storage import Storage
from logscan.atomic import Lock
from logscan.errors import InputError, problem_of
from logscan.values import Counters

SMALL_FILE, MANY_FILES = 8 << 20, 16
"""Files of fewer bytes are merged if a date has so many of them."""


@contextlib.contextmanager
def changing(address: str) -> Iterator[str]:
    """A run that changes a store: it holds the lock, and has a directory for unfinished files.

    In an object store there is no lock; what two runs do at once is decided by the log.

    Args:
        address: of the store, which exists.

    Yields:
        The directory.

    Raises:
        UsageError: another run of this machine changes the store.
    """
    with contextlib.ExitStack() as stack:
        if Storage(address).is_remote:
            yield stack.enter_context(tempfile.TemporaryDirectory(prefix="logscan-"))
            return
        stack.callback(Lock(os.path.join(address, ".ingest")).release)
        incoming = os.path.join(address, ".incoming")
        unfinished.remove(Storage(address), incoming)
        work = os.path.join(incoming, f"{unfinished.prefix()}{secrets.token_hex(4)}")
        stack.callback(_removed, incoming, work)
        yield work


def _removed(incoming: str, work: str) -> None:
    shutil.rmtree(work, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(incoming)


def make(address: str) -> None:
    """Make a store, if there is none.

    Raises:
        OutputError: it cannot be made.
        UsageError: the directory holds other files.
    """
    with contextlib.suppress(ConflictError):  # another run has made it
        create(address, table_schema())


def place(contents: Contents, work: str, files: Sequence[DataFile]) -> None:
    """Bring finished files to their places; those that a task has brought there itself are."""
    here = [file.name for file in files if os.path.exists(os.path.join(work, file.name))]
    if here:
        unfinished.note(work, contents.log.version, here)
    for name in here:
        contents.storage.place_with_list(work, name)


def upgrade(contents: Contents, work: str) -> None:
    """Pick the failures again if this version of logscan has other needles."""
    digest = int(needles_digest()[:15], 16)
    if contents.log.needles == digest:
        return
    files = contents.of_kind(ENTRIES)
    contents.log.needles = digest
    if files:
        picked = picked_failures(Store(contents.address, contents), files, work)
        place(contents, work, picked)
        contents.commit("pick failures", picked, contents.of_kind(FAILURES), work=work)


def drop(contents: Contents, keep: int, today: date, work: str) -> int:
    """Remove dates that are more than ``keep`` days before ``today``; returns the number of files."""
    oldest = (today - timedelta(days=keep)).isoformat()
    old = [file for file in contents.log.files if file.kind != STATE and NO_DATE < file.date < oldest]
    if old:
        contents.commit("keep", (), old, work=work, days=keep, before=oldest)
    return len(old)


def merge(contents: Contents, counters: Counters, work: str) -> int:
    """Merge the small files of a date and host if there are many; returns the number of files.

    A file that cannot be read is a problem, and stays as it is with its neighbours.
    """
    groups: dict[str, list[DataFile]] = {}
    for kind in (ENTRIES, FAILURES):
        small = [file for file in contents.named(kind) if file.size < SMALL_FILE]
        for file in small:
            groups.setdefault(file.name.rpartition("/")[0], []).append(file)
    due = {folder: files for folder, files in groups.items() if len(files) >= MANY_FILES}
    if not due:
        return 0
    ordered = {file.name: number for number, file in enumerate(_with_parts(contents))}
    new: list[DataFile] = []
    old: list[DataFile] = []
    for files in due.values():
        files.sort(key=lambda file: ordered.get(file.name, 0))
        try:
            new.append(_merged_file(Store(contents.address, contents), files, work))
        except InputError as error:
            counters.problems.append(problem_of(contents.address, error))
        else:
            old += files
    if old:
        place(contents, work, new)
        contents.commit("merge", new, old, work=work)
    return len(old)


def left_over(contents: Contents, unnamed: Sequence[tuple[str, int]], days: float) -> list[tuple[str, int]]:
    """Those of the files that no log names that have names of a store, and are older than so many days."""
    old = time.time() - 86_400 * days
    return [
        (name, size) for name, size in unnamed if is_name(name) and contents.storage.modified(name) <= old
    ]


def _with_parts(contents: Contents) -> list[DataFile]:
    """The files of entries and failures with their parts, oldest commit first."""
    return [*contents.of_kind(ENTRIES), *contents.of_kind(FAILURES)]


def _merged_file(store: Store, files: Sequence[DataFile], work: str) -> DataFile:
    """Files of one kind, date and host as one file, in the order of the log.

    Raises:
        InputError: a file cannot be read.
        OSError: the new file cannot be written.
    """
    first = files[0]
    numbers = {part[0] for file in files for part in file.parts}
    known = tuple(source for number in sorted(numbers) if (source := store.contents.sources.get(number)))
    target = Target(work, first.host, f"merged-{secrets.token_hex(8)}", known)
    merged = OpenFile(target, first.kind, first.date)
    try:
        for batch in store.rows(files):
            merged.add(batch.cast(SCHEMAS[first.kind]))
        return merged.close([part for file in files for part in file.parts])
    finally:
        merged.abandon()


def picked_failures(store: Store, entries: Sequence[DataFile], work: str) -> list[DataFile]:
    """The failures among some files of entries, by the needles of this version of logscan.

    Raises:
        InputError: a file cannot be read.
        OSError: a new file cannot be written.
    """
    needles = Needles()
    files: list[DataFile] = []
    run = secrets.token_hex(4)
    with store.contents.readable():
        joins = store.contents.state.joins()
    joined = split_over(joins)
    for number, file in enumerate(entries):
        picked: list[pa.RecordBatch] = []
        for batch in store.rows([file]):
            bits = batch.column("form").to_pylist()
            data = to_bytes(batch).to_pylist()
            sources, offsets = batch.column("source").to_pylist(), batch.column("offset").to_pylist()
            for row, text in enumerate(data):
                is_piece = bool(bits[row] & PIECE)
                if is_piece and (sources[row], offsets[row]) in joined:
                    continue
                found = needles.within(text)
                if found:
                    edge = Edge(offsets[row], text[:LONGEST_FAILURE], len(text), found)
                    path = store.contents.source(sources[row]).path
                    picked.append(failure_row(sources[row], path, edge, is_piece))
        if picked:
            table = pa.Table.from_batches(picked, FAILURE_SCHEMA).unify_dictionaries().combine_chunks()
            target = _target(store, file.sources, work, f"picked-{run}-{number:06d}")
            written = write_failures(target, file.date, table.to_batches()[0])
            written.parts = file.parts
            files.append(written)
    held = {part[0] for file in entries for part in file.parts}
    for number, join in enumerate(joins):
        if join.source not in held:
            continue
        span = store.entry(join.source, join.offset)
        found = needles.within(span.data) if span is not None else 0
        if span is not None and found:
            edge = Edge(join.offset, span.data[:LONGEST_FAILURE], len(span.data), found)
            row = failure_row(join.source, store.contents.source(join.source).path, edge)
            target = _target(store, [join.source], work, f"picked-{run}-{number:06d}-joined")
            files.append(write_failures(target, store.date_of(join.source, join.offset), row))
    return files


def _target(store: Store, sources: Sequence[int], work: str, name: str) -> Target:
    known = tuple(store.contents.source(number) for number in sources)
    return Target(work, known[0].host, name, known)
