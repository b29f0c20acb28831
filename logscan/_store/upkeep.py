"""Upkeep of a store: place files, merge small ones, drop old dates, pick failures again, repair."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from logscan._store.ingest_task import LONGEST_FAILURE, Edge, failure_row
from logscan._store.layout_bits import PIECE
from logscan._store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile, Manifest, is_store, load, save
from logscan._store.needle_bits import Needles, needles_digest
from logscan._store.open_store import Store
from logscan._store.parquet_files import FAILURE_SCHEMA, SCHEMAS, OpenFile, Target, write_failures
from logscan._store.picked_rows import damage_errors
from logscan._store.roundtrip import to_bytes
from logscan.atomic import Lock, make_private_folder
from logscan.errors import OutputError, UsageError, reason_of

SMALL_FILE, MANY_FILES = 8 << 20, 16
"""Files of fewer bytes are merged if a date has so many of them."""


def incoming(folder: str) -> str:
    """The directory of a store in which an ingest writes files, until they are finished."""
    return os.path.join(folder, ".incoming")


def lock(folder: str) -> Lock:
    """Lock a store: one run at a time changes it.

    Raises:
        UsageError: another run changes it.
    """
    return Lock(os.path.join(folder, ".ingest"))


def place(folder: str, files: Sequence[DataFile]) -> None:
    """Move finished files from the incoming directory to their places."""
    for file in files:
        target = os.path.join(folder, file.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(os.path.join(incoming(folder), file.name), target)


def clean(folder: str, manifest: Manifest) -> None:
    """Remove the files of a run that was killed."""
    kept = {os.path.join(folder, file.name) for file in manifest.files}
    shutil.rmtree(incoming(folder), ignore_errors=True)
    for kind in (ENTRIES, FAILURES):
        for parent, _, names in os.walk(os.path.join(folder, kind)):
            for name in names:
                path = os.path.join(parent, name)
                if path not in kept and name.endswith(".parquet"):
                    with contextlib.suppress(OSError):
                        os.unlink(path)


def upgrade(folder: str, manifest: Manifest) -> None:
    """Pick the failures again if this version of logscan has other needles."""
    if manifest.needles != needles_digest():
        manifest.needles = needles_digest()
        _replace(folder, manifest, list(manifest.of_kind(FAILURES)), _picked_failures(Store(folder)))


def drop(folder: str, manifest: Manifest, keep: int, today: date) -> int:
    """Remove dates that are more than ``keep`` days before ``today``; returns the number of files."""
    oldest = (today - timedelta(days=keep)).isoformat()
    old = [file for file in manifest.files if file.date != NO_DATE and file.date < oldest]
    if old:
        _replace(folder, manifest, old, [])
    return len(old)


def merge(folder: str, manifest: Manifest) -> int:
    """Merge the small files of a date and host if there are many; returns the number of files."""
    groups: dict[tuple[str, str, str], list[DataFile]] = {}
    for file in manifest.files:
        if file.size < SMALL_FILE:
            groups.setdefault((file.kind, file.date, file.host), []).append(file)
    merged = 0
    for number, files in enumerate(groups.values()):
        if len(files) >= MANY_FILES:
            name = f"merged-{max(s for f in files for s in f.sources):06d}-{len(files)}-{number}"
            _replace(folder, manifest, files, [_merged_file(Store(folder), files, name)])
            merged += len(files)
    return merged


def repair(folder: str) -> list[str]:
    """Remove missing and damaged files from a store, with all of their sources.

    The next ingest reads these sources again.

    Returns:
        The paths of the sources.

    Raises:
        InputError: the manifest is damaged.
        OutputError: the store cannot be written.
        UsageError: another run changes the store.
    """
    manifest = load(folder)
    held = lock(folder)
    try:
        bad = {source for file in manifest.files if not _is_sound(folder, file) for source in file.sources}
        # A merged file holds several sources, and a source is in several files.
        while (
            more := {s for file in manifest.files if not bad.isdisjoint(file.sources) for s in file.sources}
            - bad
        ):
            bad |= more
        removed = [source.path for source in manifest.sources if source.id in bad]
        if removed:
            manifest.sources = [source for source in manifest.sources if source.id not in bad]
            manifest.files = [file for file in manifest.files if bad.isdisjoint(file.sources)]
            manifest.joins = [join for join in manifest.joins if join.source not in bad]
            manifest.seen = {path: seen for path, seen in manifest.seen.items() if seen[4] not in bad}
            save(folder, manifest)
            clean(folder, manifest)
        return removed
    finally:
        held.release()


def _is_sound(folder: str, file: DataFile) -> bool:
    try:
        reader = pq.ParquetFile(os.path.join(folder, file.name))
        return bool(file.rows == sum(len(reader.read_row_group(n)) for n in range(reader.num_row_groups)))
    except damage_errors():
        return False


def _replace(folder: str, manifest: Manifest, old: Sequence[DataFile], new: Sequence[DataFile]) -> None:
    """Replace files by finished ones, in one step."""
    names = {file.name for file in old}
    place(folder, new)
    manifest.files = [file for file in manifest.files if file.name not in names]
    manifest.files += new
    save(folder, manifest)
    for name in names - {file.name for file in new}:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, name))


def _merged_file(store: Store, files: Sequence[DataFile], name: str) -> DataFile:
    """Files of one kind, date and host as one file, in the order of the log.

    Raises:
        InputError: a file cannot be read.
        OSError: the new file cannot be written.
    """
    first = files[0]
    merged = OpenFile(Target(incoming(store.folder), first.host, name), first.kind, first.date)
    try:
        for batch in store.rows(files):
            merged.add(batch.cast(SCHEMAS[first.kind]))
        finished = merged.close()
    finally:
        merged.abandon()
    # A batch may hold several sources; what was noted while it was added counts them as one.
    finished.parts = sorted(part for file in files for part in file.parts)
    return finished


def _picked_failures(store: Store) -> list[DataFile]:
    """The failures of all entries, by the needles of this version of logscan.

    Raises:
        InputError: a file cannot be read.
        OSError: a new file cannot be written.
    """
    needles = Needles()
    files: list[DataFile] = []
    joined = {row for join in store.manifest.joins for row in join.rows[1:]}
    for number, file in enumerate(store.manifest.of_kind(ENTRIES)):
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
                    path = store.sources[sources[row]].path
                    picked.append(failure_row(sources[row], path, edge, is_piece))
        if picked:
            table = pa.Table.from_batches(picked, FAILURE_SCHEMA).unify_dictionaries().combine_chunks()
            target = _target(store, file.sources[0], f"picked-{number:06d}")
            written = write_failures(target, file.date, table.to_batches()[0])
            written.parts = file.parts
            files.append(written)
    for number, join in enumerate(store.manifest.joins):
        span = store.entry(join.source, join.offset)
        found = needles.within(span.data) if span is not None else 0
        if span is not None and found:
            edge = Edge(join.offset, span.data[:LONGEST_FAILURE], len(span.data), found)
            row = failure_row(join.source, store.sources[join.source].path, edge)
            target = _target(store, join.source, f"picked-{number:06d}-joined")
            files.append(write_failures(target, store.date_of(join.source, join.offset), row))
    return files


def _target(store: Store, source: int, name: str) -> Target:
    return Target(incoming(store.folder), store.sources[source].host, name)


def make(folder: str) -> None:
    """Make the directory of a store.

    Raises:
        OutputError: it cannot be made.
        UsageError: it holds other files.
    """
    try:
        make_private_folder(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: {reason_of(error)}", "name a directory that you may write to"
        ) from error
    if not is_store(folder) and any(not name.startswith(".") for name in os.listdir(folder)):
        left = set(os.listdir(folder)) - {ENTRIES, FAILURES}
        if any(not name.startswith(".") for name in left):
            raise UsageError(
                f"{folder}: holds other files", "name an empty directory, or one that does not exist"
            )
