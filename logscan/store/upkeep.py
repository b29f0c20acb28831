"""Upkeep: a store kept in order: files put in their places, merged, dropped, picked again, repaired."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from logscan.atomic import Lock
from logscan.store.layout_bits import PIECE
from logscan.store.manifest import ENTRIES, FAILURES, NO_DATE, DataFile, Manifest, load, save
from logscan.store.needle_bits import Needles, needles_digest
from logscan.store.reading import Store
from logscan.store.roundtrip import to_bytes
from logscan.store.writing import (
    FAILURE_SCHEMA,
    LONG,
    SCHEMAS,
    Edge,
    Output,
    Part,
    failure_rows,
    write_rows,
)

SMALL, MANY = 8 << 20, 16
"""Files smaller than that are merged when a date has so many of them."""
_INCOMING = ".incoming"


def incoming(folder: str) -> str:
    """The directory aside, in which files are written."""
    return os.path.join(folder, _INCOMING)


def lock(folder: str) -> Lock:
    """One run at a time changes a store.

    Raises:
        UsageError: another is at it.
    """
    return Lock(os.path.join(folder, ".ingest"))


def place(folder: str, files: Sequence[DataFile]) -> None:
    """Move finished files to where they belong."""
    for file in files:
        target = os.path.join(folder, file.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(os.path.join(incoming(folder), file.name), target)


def clean(folder: str, manifest: Manifest) -> None:
    """Remove what a run that was killed left behind."""
    kept = {os.path.join(folder, file.name) for file in manifest.files}
    shutil.rmtree(incoming(folder), ignore_errors=True)
    for kind in (ENTRIES, FAILURES):
        for where, _, names in os.walk(os.path.join(folder, kind)):
            for name in names:
                path = os.path.join(where, name)
                if path not in kept and name.endswith(".parquet"):
                    with contextlib.suppress(OSError):
                        os.unlink(path)


def upgrade(folder: str, manifest: Manifest) -> None:
    """Pick the failures again, where this version of logscan knows more needles."""
    if manifest.needles != needles_digest():
        manifest.needles = needles_digest()
        _exchange(folder, manifest, list(manifest.of_kind(FAILURES)), pick_failures(Store(folder)))


def drop(folder: str, manifest: Manifest, keep: int, today: date) -> int:
    """Remove dates that are older than so many days; how many files that were."""
    oldest = (today - timedelta(days=keep)).isoformat()
    old = [file for file in manifest.files if file.date != NO_DATE and file.date < oldest]
    if old:
        _exchange(folder, manifest, old, [])
    return len(old)


def merge(folder: str, manifest: Manifest) -> int:
    """Merge the small files of a date and host, where there are many; how many files that were."""
    groups: dict[tuple[str, str, str], list[DataFile]] = {}
    for file in manifest.files:
        if file.size < SMALL:
            groups.setdefault((file.kind, file.date, file.host), []).append(file)
    merged = 0
    for number, files in enumerate(groups.values()):
        if len(files) >= MANY:
            name = f"merged-{max(s for f in files for s in f.sources):06d}-{len(files)}-{number}"
            _exchange(folder, manifest, files, [merged_file(Store(folder), files, name)])
            merged += len(files)
    return merged


def repair(folder: str) -> list[str]:
    """Take files that are missing or damaged out of a store, with all of their sources: those are read again
    by the next ingest. The sources' paths.

    Raises:
        InputError: the manifest itself is damaged.
        OutputError: the store cannot be written.
        UsageError: another run is at work on it.
    """
    manifest = load(folder)
    held = lock(folder)
    try:
        bad = {source for file in manifest.files if not _is_sound(folder, file) for source in file.sources}
        # A file that was merged holds several sources; a source stands in several files.
        while (
            more := {s for file in manifest.files if not bad.isdisjoint(file.sources) for s in file.sources}
            - bad
        ):
            bad |= more
        gone = [source.path for source in manifest.sources if source.id in bad]
        if gone:
            manifest.sources = [source for source in manifest.sources if source.id not in bad]
            manifest.files = [file for file in manifest.files if bad.isdisjoint(file.sources)]
            manifest.joins = [join for join in manifest.joins if join.source not in bad]
            manifest.seen = {path: seen for path, seen in manifest.seen.items() if seen[4] not in bad}
            save(folder, manifest)
            clean(folder, manifest)
        return gone
    finally:
        held.release()


def _is_sound(folder: str, file: DataFile) -> bool:
    try:
        reader = pq.ParquetFile(os.path.join(folder, file.name))
        return bool(file.rows == sum(len(reader.read_row_group(n)) for n in range(reader.num_row_groups)))
    except (OSError, pa.ArrowException):
        return False


def _exchange(folder: str, manifest: Manifest, old: Sequence[DataFile], new: Sequence[DataFile]) -> None:
    """Let finished files take the place of others, in one step."""
    names = {file.name for file in old}
    place(folder, new)
    manifest.files = [file for file in manifest.files if file.name not in names]
    manifest.files += new
    save(folder, manifest)
    for name in names - {file.name for file in new}:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, name))


def merged_file(store: Store, files: Sequence[DataFile], name: str) -> DataFile:
    """Files of one kind, date and host as one, in the order of the log.

    Raises:
        InputError: one cannot be read.
        OSError: the new one cannot be written.
    """
    first = files[0]
    output = Output(incoming(store.folder), first.kind, first.date, first.host, name)
    try:
        for batch in store.rows(files):
            output.add(batch.cast(SCHEMAS[first.kind]))
        whole = output.close()
    finally:
        output.abandon()
    # What the output noted is of whole batches, in which sources may follow each other.
    whole.parts = sorted(part for one in files for part in one.parts)
    return whole


def pick_failures(store: Store) -> list[DataFile]:
    """The failures of all entries, by the needles that this version of logscan knows.

    Raises:
        InputError: a file cannot be read.
        OSError: the new ones cannot be written.
    """
    needles = Needles()
    made: list[DataFile] = []
    joined = {where for join in store.manifest.joins for where in join.rows[1:]}
    for number, file in enumerate(store.manifest.of_kind(ENTRIES)):
        picked: list[pa.RecordBatch] = []
        for batch in store.rows([file]):
            forms = batch.column("form").to_numpy(zero_copy_only=False)
            data = to_bytes(batch).to_pylist()
            sources, offsets = batch.column("source").to_pylist(), batch.column("offset").to_pylist()
            for row, text in enumerate(data):
                piece = bool(forms[row] & PIECE)
                if piece and (sources[row], offsets[row]) in joined:
                    continue
                found = needles.within(text)
                if found:
                    part = _part(store, sources[row], "")
                    edge = Edge(offsets[row], text[:LONG], len(text), found)
                    picked.append(failure_rows(part, edge, piece))
        if picked:
            part = _part(store, file.sources[0], f"picked-{number:06d}")
            table = pa.Table.from_batches(picked, FAILURE_SCHEMA).unify_dictionaries().combine_chunks()
            whole = write_rows(part, file.date, table.to_batches()[0])
            whole.parts = file.parts
            made.append(whole)
    for number, join in enumerate(store.manifest.joins):
        span = store.entry(join.source, join.offset)
        found = needles.within(span.data) if span is not None else 0
        if span is not None and found:
            part = _part(store, join.source, f"picked-{number:06d}-joined")
            edge = Edge(join.offset, span.data[:LONG], len(span.data), found)
            made.append(write_rows(part, store.date_of(join.source, join.offset), failure_rows(part, edge)))
    return made


def _part(store: Store, source: int, name: str) -> Part:
    about = store.sources[source]
    return Part("", about.path, source, about.host, about.layout, 0, None, incoming(store.folder), name)
