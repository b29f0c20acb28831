"""Columns: a chunk of whole entries becomes Arrow columns, without Python objects for usual entries.

Where lines end and where the parts of headers stand is found by numpy over the whole chunk. What a part says
is read once by the grammar (:mod:`logscan._entries.headers`), and the columns are cut out of the chunk's own
bytes by Arrow. An entry that is not quite as usual goes through the grammar as a whole
(:func:`logscan._entries.parse.parse`), so that the rows are the same, always: a test holds both together on
random logs of every layout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logscan._entries import header_parts
from logscan._entries.buffers import coded as coded_words
from logscan._entries.buffers import flags, numbers, present, texts, values_of, words
from logscan._entries.chunk_text import Bools, Ints, Text
from logscan._entries.header_parts import NO_CALL, Call
from logscan._entries.headers import (
    Coded,
    Headers,
    coded,
    columns_of,
    few_slices,
    headers_of,
    never_opens,
    slices,
)
from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.openers import Openers
from logscan._entries.parse import parse, similar_to
from logscan.times import TimeRange
from logscan.values import Counters, Entry, Span, name_text

WORDS = pa.dictionary(pa.int32(), pa.string())
"""The type of columns with few different values."""
SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us")),
        ("zone", WORDS),
        ("org", WORDS),
        ("env", WORDS),
        ("proxy", WORDS),
        ("revision", WORDS),
        ("message_id", pa.string()),
        ("thread", WORDS),
        ("level", WORDS),
        ("logger", WORDS),
        ("class", WORDS),
        ("method", WORDS),
        ("message", pa.string()),
        ("continuation", pa.string()),
        ("file", WORDS),
        ("offset", pa.int64()),
    ]
)
"""One row an entry. ``time`` is the log's wall time; columns of few different values are dictionaries."""


def plain_schema() -> pa.Schema:
    """The same with plain strings, for formats without dictionaries."""
    return pa.schema([(f.name, pa.string() if f.type == WORDS else f.type) for f in SCHEMA])


_HEAD = re.compile(rb"[^0-9:]*")
"""What prefixes like one begin with: their numbers differ, and grep's colons."""


class Entries(NamedTuple):
    """The entries of a chunk."""

    text: Text
    starts: Ints
    ends: Ints
    lines: Ints
    """Number of the line that opens each, and of the line after the last."""
    headers: Headers
    """Of the usual ones."""
    usual: Ints
    """Their numbers."""
    slow: Ints
    """Numbers of those that the grammar must read."""


class Rows(NamedTuple):
    """The rows of usual entries."""

    batch: pa.RecordBatch
    calls: Coded[Call]
    prefixes: dict[int, list[str]]
    """Row → what stood before each of its lines, where that was taken off lines below the first."""


def to_columns(chunk: Span, layout: Layout, max_entry: int) -> tuple[pa.RecordBatch, Counters]:
    """The rows of a chunk in their order (:data:`SCHEMA`), and what was counted on the way.

    Args:
        chunk: consecutive whole entries that begin in one file.
        layout: how they stand there.
        max_entry: bytes kept of an entry.
    """
    counters = Counters()
    if chunk.orphan:
        whole = np.zeros(1, np.int64), np.full(1, len(chunk.data))
        return parsed(chunk, whole, layout, max_entry, counters), counters
    try:
        entries = entries_in(chunk.data, layout, max_entry)
        batches = [usual_rows(chunk, entries).batch]
    except Exception as error:  # noqa: BLE001
        counters.note_not_understood(chunk.place, error)
        bounds = bounds_by_grammar(chunk.data, layout)
        return parsed(chunk, bounds, layout, max_entry, counters), counters
    if len(entries.slow):
        bounds = entries.starts[entries.slow], entries.ends[entries.slow]
        batches.append(parsed(chunk, bounds, layout, max_entry, counters))
    return in_order(batches, [entries.usual, entries.slow]), counters


def bounds_by_grammar(data: bytes, layout: Layout) -> tuple[Ints, Ints]:
    """Where the entries of a chunk begin and end, found line by line: where reading them all at once failed.
    Lines before the first belong to none of them."""
    starts = np.array(Openers(layout).all(data, 0, len(data)), np.int64)
    return starts, np.append(starts[1:], len(data))[: len(starts)]


def entries_in(data: bytes, layout: Layout, max_entry: int) -> Entries:
    """The entries of a chunk, and their headers.

    Args:
        data: whole lines.
        layout: how entries stand there.
        max_entry: longer ones are for the grammar.
    """
    text = Text(data)
    headers = headers_of(text, layout)
    opening = np.zeros(len(text.starts), bool)
    opening[headers.bounds.lines] = True
    read = opening.copy()
    opening |= _opens(text, read, layout)
    lines = np.flatnonzero(opening)
    starts = text.starts[lines]
    ends = np.append(starts[1:], text.size)
    usual = read[lines] & (ends - starts <= max_entry)
    if not text.is_utf8:
        usual &= ~text.has_high(starts, ends)
    kept = usual[read[lines]]
    return Entries(
        text, starts, ends, np.append(lines, len(text.starts)), headers if kept.all() else headers.only(kept),
        np.flatnonzero(usual), np.flatnonzero(~usual),
    )  # fmt: skip


def in_order(batches: Sequence[pa.RecordBatch], places: Sequence[Ints]) -> pa.RecordBatch:
    """Batches as one whose rows stand where they belong.

    Args:
        batches: one at least.
        places: which rows of the whole each batch has, those of absent ones empty.
    """
    if len(batches) == 1:
        return batches[0]
    belongs = np.concatenate(places)
    order = np.empty(len(belongs), np.int64)
    order[belongs] = np.arange(len(belongs))
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.take(numbers(order, pa.int64())).combine_chunks().to_batches()[0]


def usual_rows(chunk: Span, entries: Entries) -> Rows:
    """The rows of usual entries: columns cut out of the bytes."""
    text, headers = entries.text, entries.headers
    bounds = headers.bounds
    has_id = bounds.id_ends > bounds.context_ends
    calls = coded(text, bounds.bodies, bounds.call_ends, header_parts.calls)
    begins = bounds.message_begins
    no_calls = [call is NO_CALL for call in calls.parts]
    if any(no_calls):
        begins = np.where(np.array(no_calls)[calls.codes], bounds.bodies, begins)  # the call is text
    continuations, prefixes = _continuations(entries)
    zone, org, env, proxy, revision = columns_of(headers.contexts, 5)
    names, zones = columns_of(headers.threads, 2)
    if len(zones.dictionary):
        zone = _zones(headers)
    level, logger = columns_of(headers.severities, 2)
    class_name, method = columns_of(calls, 2)
    batch = pa.RecordBatch.from_arrays(
        [
            numbers(bounds.times, pa.timestamp("us")),
            zone, org, env, proxy, revision,
            slices(text, bounds.context_ends, bounds.id_ends, has_id),
            names, level, logger,
            class_name, method,
            slices(text, begins, bounds.message_ends),
            continuations,
            words(np.zeros(len(entries.usual), np.int32), [name_text(chunk.place.path)]),
            numbers(entries.starts[entries.usual] + chunk.place.offset, pa.int64()),
        ],
        schema=SCHEMA,
    )  # fmt: skip
    return Rows(batch, calls, prefixes)


def parsed(
    chunk: Span,
    bounds: tuple[Ints, Ints],
    layout: Layout,
    max_entry: int,
    counters: Counters,
    *,
    keeps_holes: bool = False,
) -> pa.RecordBatch:
    """The rows of other entries, through the grammar.

    Args:
        chunk: the bytes.
        bounds: where the entries begin and end in them.
        layout: how entries stand there.
        max_entry: bytes that are read of an entry.
        counters: takes what cannot be understood.
        keeps_holes: NUL bytes before an entry are part of it, as its offset says; else it begins after them.
    """
    entries = []
    for start, end in zip(*(column.tolist() for column in bounds), strict=True):
        begin = start
        if chunk.data[start : start + 1] == b"\0" and not chunk.orphan:  # a hole that a truncation left
            begin = end - len(chunk.data[start:end].lstrip(b"\0"))
        data = chunk.data[begin : min(end, begin + max_entry)]
        beyond = end - begin - len(data)
        if beyond:
            counters.cut_entries += 1
            counters.cut_bytes += beyond
        place = chunk.place._replace(offset=chunk.place.offset + (start if keeps_holes else begin))
        entries.append(_row(parse(Span(data, place, 0, chunk.orphan, beyond), counters, layout.header)))
    columns: list[pa.Array] = []
    for field in SCHEMA:
        values: list[Any] = [row[field.name] for row in entries]
        if field.type == WORDS:
            columns.append(coded_words(values))
        elif field.type == pa.string():
            columns.append(texts(values))
        elif field.type == pa.int64():
            columns.append(numbers(np.array(values, np.int64), field.type))
        else:
            stamps = np.array([value or 0 for value in values], "datetime64[us]").astype(np.int64)
            columns.append(
                numbers(stamps, field.type, np.array([value is not None for value in values], bool))
            )
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _row(entry: Entry) -> dict[str, object]:
    """One entry as a row."""
    first, line_break, rest = entry.body.partition("\n")
    class_name, _, method = (entry.method or "").rpartition(".")
    return {
        **entry.header,
        "class": class_name or None,
        "method": method or None,
        "message": first.rstrip(),
        "continuation": rest.removesuffix("\n") if line_break and rest else None,
        "file": name_text(entry.place.path),
        "offset": entry.place.offset,
    }


def within(batch: pa.RecordBatch, times: TimeRange, counters: Counters) -> pa.RecordBatch:
    """The rows in a time range; those without a time are left out and counted."""
    if times.since is None and times.until is None:
        return batch
    column = batch.column("time")
    stamps = values_of(column)
    keep = np.ones(len(stamps), bool)
    if times.since is not None:
        keep &= stamps >= np.datetime64(times.since, "us").astype(np.int64)
    if times.until is not None:
        keep &= stamps < np.datetime64(times.until, "us").astype(np.int64)
    keep &= present(column)
    counters.untimed += column.null_count
    zones = batch.column("zone")
    if zones.null_count < len(zones):  # a printed zone decides by itself
        for row, zone in enumerate(zones.to_pylist()):
            if zone is not None:
                keep[row] = times.holds(column[row].as_py(), zone)
    return batch.filter(flags(keep))


def _opens(text: Text, read: Bools, layout: Layout) -> Bools:
    """Which of the lines that are not read open an entry: by the layout's own expression, where it can be."""
    starts = text.starts
    if layout.name == PLAIN.name:
        others = np.flatnonzero(~read)
        others = others[~never_opens(text, starts[others])]
    else:
        others = np.unique(text.times[1][~read[text.times[1]]])  # no opener is without a time
    opening = np.zeros(len(starts), bool)
    match = layout.opener.match
    for line in others.tolist():
        opening[line] = match(text.data, int(starts[line])) is not None
    return opening


def _continuations(entries: Entries) -> tuple[pa.StringArray, dict[int, list[str]]]:
    """The lines below the first of usual entries, and what was taken off these lines."""
    text, bounds = entries.text, entries.headers.bounds
    ends = entries.ends[entries.usual]
    begins = np.minimum(text.breaks[bounds.lines] + 1, ends)
    several = ends > begins
    stops = np.where(several & (text.raw[ends - 1] == 0x0A), ends - 1, ends)
    column = few_slices(text, begins, stops, several)
    changed = several & (bounds.begins > entries.starts[entries.usual])
    if b"\r" in text.data:
        returns = np.concatenate([[0], np.cumsum(text.raw[text.breaks - 1] == 0x0D)])
        changed |= several & (returns[entries.lines[entries.usual + 1]] > returns[bounds.lines + 1])
    if not changed.any():
        return column, {}
    values: list[str | None] = []
    prefixes = {}
    for row in np.flatnonzero(changed).tolist():
        below = text.data[begins[row] : ends[row]]
        prefix = text.data[entries.starts[entries.usual[row]] : bounds.begins[row]]
        value = below.decode().replace("\r\n", "\n").removesuffix("\n")
        head = _HEAD.match(prefix)
        if prefix and head and head[0] in below:
            value, taken = _without_prefixes(prefix.decode(), value)
            if taken:
                prefixes[row] = taken
        values.append(value)
    return pc.replace_with_mask(column, flags(changed), texts(values)), prefixes


def _without_prefixes(prefix: str, below: str) -> tuple[str, list[str]]:
    """Lines without the prefix of the line above them, and what was taken off each, if anything was."""
    count = below.count("\n") + 1
    marked = "\n" + below
    if marked.count("\n" + prefix) == count:  # exactly the same, as with a shipper
        return marked.replace("\n" + prefix, "\n")[1:], [prefix] * count
    match = _expression(similar_to(prefix)).match
    lines = [(line, match(line)) for line in below.split("\n")]
    if not any(found for _, found in lines):
        return below, []
    taken = [found[0] if found else "" for _, found in lines]
    return "\n".join(line[found.end() :] if found else line for line, found in lines), taken


@lru_cache(maxsize=64)
def _expression(similar: str) -> re.Pattern[str]:
    return re.compile(similar)


def _zones(headers: Headers) -> pa.DictionaryArray:
    """Zones, of the context or before the thread."""
    contexts, threads = headers.contexts, headers.threads
    before = np.array([part.zone is not None for part in threads.parts], bool)[threads.codes]
    parts = [*((part.zone,) for part in contexts.parts), *((part.zone,) for part in threads.parts)]
    codes = np.where(before, threads.codes + np.int32(len(contexts.parts)), contexts.codes)
    (column,) = columns_of(Coded(codes, parts), 1)
    return column
