"""Upgrading: a store's files made again from its own rows: merged, or picked by newer needles."""

from __future__ import annotations

import os
from urllib.parse import quote

import pyarrow as pa

from logscan import catalog
from logscan.finders import Finder, finder_for
from logscan.rows import PIECE, to_bytes
from logscan.store.manifest import ENTRIES, DataFile
from logscan.store.reading import Store
from logscan.store.writing import (
    ENTRY_SCHEMA,
    FAILURE_SCHEMA,
    LONG,
    NEIGHBOUR,
    ROW_GROUP,
    TLS,
    Edge,
    Part,
    failure_rows,
    filters_of,
    write_rows,
    writer_of,
)


def merged_file(store: Store, files: list[DataFile], folder: str, name: str) -> DataFile:
    """Files of one kind, date and host as one, in the order of the log.

    Raises:
        InputError: one cannot be read.
        OSError: the new one cannot be written.
    """
    first = files[0]
    where = f"{first.kind}/date={first.date}/host={quote(first.host, safe='.-_')}/{name}.parquet"
    path = os.path.join(folder, where)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    schema = ENTRY_SCHEMA if first.kind == ENTRIES else FAILURE_SCHEMA
    held: list[pa.RecordBatch] = []
    rows = total = 0
    writer = None
    try:
        for batch in [*store.rows(files), None]:
            if batch is not None:
                held.append(batch.cast(schema))
                rows += batch.num_rows
            if held and (rows >= ROW_GROUP or batch is None):
                table = pa.Table.from_batches(held, schema).unify_dictionaries()
                writer = writer or writer_of(path, first.kind, table)
                whole = rows if batch is None else rows // ROW_GROUP * ROW_GROUP
                writer.write_table(table.slice(0, whole), row_group_size=ROW_GROUP)
                total += whole
                held, rows = table.slice(whole).to_batches(), rows - whole
    finally:
        if writer is not None:
            writer.close()
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    parts = sorted(part for one in files for part in one.parts)
    return DataFile(
        where, first.kind, first.date, first.host, total, os.path.getsize(path), parts, filters_of(path)
    )


def pick_failures(store: Store, folder: str) -> list[DataFile]:
    """The failures of all entries, by the needles that this version of logscan knows.

    Raises:
        InputError: a file cannot be read.
        OSError: the new ones cannot be written.
    """
    finders = [finder_for(needles, rare=True) for needles in (catalog.NEEDLES, catalog.NEIGHBOUR_NEEDLES)]
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
                found = _found(finders, text)
                if found:
                    part = _part(store, sources[row], folder, "")
                    edge = Edge(offsets[row], text[:LONG], len(text), found)
                    picked.append(failure_rows(part, edge, piece))
        if picked:
            part = _part(store, file.sources[0], folder, f"picked-{number:06d}")
            table = pa.Table.from_batches(picked, FAILURE_SCHEMA).unify_dictionaries().combine_chunks()
            whole = write_rows(part, file.date, table.to_batches()[0])
            whole.parts = file.parts
            made.append(whole)
    for number, join in enumerate(store.manifest.joins):
        span = store.entry(join.source, join.offset)
        found = _found(finders, span.data) if span is not None else 0
        if span is not None and found:
            part = _part(store, join.source, folder, f"picked-{number:06d}-joined")
            edge = Edge(join.offset, span.data[:LONG], len(span.data), found)
            made.append(write_rows(part, store.date_of(join.source, join.offset), failure_rows(part, edge)))
    return made


def _found(finders: list[Finder], data: bytes) -> int:
    found = 0
    for bit, finder in zip((TLS, NEIGHBOUR), finders, strict=True):
        found |= bit if finder.find(bytearray(data), 0, len(data)) else 0
    return found


def _part(store: Store, source: int, folder: str, name: str) -> Part:
    about = store.sources[source]
    return Part("", about.path, source, about.host, about.layout, 0, None, folder, name)
