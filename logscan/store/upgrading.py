"""Upgrading: a store's files made again from its own rows: merged, or picked by newer needles."""

from __future__ import annotations

import pyarrow as pa

from logscan.rows import PIECE, to_bytes
from logscan.store.manifest import ENTRIES, DataFile
from logscan.store.needles import Needles
from logscan.store.reading import Store
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


def merged_file(store: Store, files: list[DataFile], folder: str, name: str) -> DataFile:
    """Files of one kind, date and host as one, in the order of the log.

    Raises:
        InputError: one cannot be read.
        OSError: the new one cannot be written.
    """
    first = files[0]
    output = Output(folder, first.kind, first.date, first.host, name)
    try:
        for batch in store.rows(files):
            output.add(batch.cast(SCHEMAS[first.kind]))
        whole = output.close()
    finally:
        output.abandon()
    # What the output noted is of whole batches, in which sources may follow each other.
    whole.parts = sorted(part for one in files for part in one.parts)
    return whole


def pick_failures(store: Store, folder: str) -> list[DataFile]:
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
        found = needles.within(span.data) if span is not None else 0
        if span is not None and found:
            part = _part(store, join.source, folder, f"picked-{number:06d}-joined")
            edge = Edge(join.offset, span.data[:LONG], len(span.data), found)
            made.append(write_rows(part, store.date_of(join.source, join.offset), failure_rows(part, edge)))
    return made


def _part(store: Store, source: int, folder: str, name: str) -> Part:
    about = store.sources[source]
    return Part("", about.path, source, about.host, about.layout, 0, None, folder, name)
