"""Columns: a chunk of whole entries becomes Arrow columns, without Python objects for usual entries.

Where lines end, where blanks stand and what headers hold is found by numpy over the whole chunk; the
columns are cut out of the chunk's own bytes by Arrow. An entry that is not quite as usual goes through the
grammar (:func:`logscan._entries.parse.parse`), so that the rows are the same, always: a test holds both
together on random logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logscan._entries.header_bounds import CUT, Bools, Header, Ints, Text, blank, same
from logscan._entries.layouts import NEVER_OPENS, PLAIN, Layout
from logscan._entries.openers import Openers
from logscan._entries.parse import parse
from logscan.times import TimeRange
from logscan.values import Counters, Entry, Span

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


_NEVER_OPENS = tuple(literal.encode() for literal in NEVER_OPENS)
_CALL = re.compile(r"[\w$<>]+(?:\.[\w$<>]+)+")


def to_columns(chunk: Span, layout: Layout, max_entry: int) -> tuple[pa.RecordBatch, Counters]:
    """The rows of a chunk in their order (:data:`SCHEMA`), and what was counted on the way.

    Args:
        chunk: consecutive whole entries that begin in one file.
        layout: how they stand there.
        max_entry: bytes kept of an entry.
    """
    counters = Counters()
    text = Text(chunk.data)
    if chunk.orphan or layout.name != PLAIN.name:
        starts = np.zeros(1, np.int64) if chunk.orphan else openers(text, layout)
        usual = None
    else:
        header = Header(text)
        rows = np.flatnonzero(header.usual | opens(text, header.usual, layout))
        starts = text.starts[rows]
        usual = header
    ends = np.append(starts[1:], text.size)
    batches = []
    if usual is None:
        slow = np.ones(len(starts), bool)
    else:
        slow = unusual(text, usual, rows, (starts, ends), max_entry)
        batches.append(cut_out(chunk, text, usual, rows[~slow], ends[~slow]))
    if slow.any():
        batches.append(parsed(chunk, starts[slow], ends[slow], max_entry, counters))
    return in_order(batches, [np.flatnonzero(~slow), np.flatnonzero(slow)]), counters


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
    table = pa.Table.from_batches(batches).combine_chunks()
    return table.take(pa.array(order)).combine_chunks().to_batches()[0]


def cut_out(chunk: Span, text: Text, header: Header, lines: Ints, ends: Ints) -> pa.RecordBatch:
    """The rows of usual entries: columns cut out of the bytes."""
    count = len(lines)
    at = header.row[lines]
    bounds = header.bounds[at]
    begins = np.minimum(text.breaks[lines] + 1, ends)
    several = ends > begins
    bounds[:, -2] = begins
    bounds[:, -1] = np.where(several & (text.raw[ends - 1] == 0x0A), ends - 1, ends)
    offsets = np.append(bounds.ravel(), np.int32(text.size))
    parts = pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32, copy=False)), pa.py_buffer(chunk.data)
    )
    first = np.arange(count, dtype=np.int32) * (2 * len(CUT))
    cut: dict[str, pa.Array] = {}
    for number, name in enumerate(CUT):
        has = several if name == "continuation" else header.has.get(name)
        if has is not None and name != "continuation":
            has = has[at]
        mask = None if has is None or has.all() else ~has
        cut[name] = parts.take(pa.array(first + np.int32(2 * number), mask=mask))
    calls = cut["call"].dictionary_encode()
    names = calls.dictionary.to_pylist()
    not_calls = _codes_in(calls, [_CALL.fullmatch(name) is None for name in names])
    classes, methods = _split(calls, [_class_and_method(name) for name in names], 2)
    contexts = cut["context"].dictionary_encode()
    org, env, proxy, revision = _split(contexts, map(_context, contexts.dictionary.to_pylist()), 4)
    severities = cut["severity"].dictionary_encode()
    levels, loggers = _split(severities, (s.split(" ") for s in severities.dictionary.to_pylist()), 2)
    messages = cut["message"]
    if not_calls.any():
        # What looks like a call is none: it belongs to the text.
        begin = 2 * CUT.index("call")
        whole = [chunk.data[a:b].decode() for a, b in bounds[not_calls][:, (begin, begin + 3)]]
        messages = pc.replace_with_mask(messages, pa.array(not_calls), pa.array(whole, pa.string()))
    file = pa.array([chunk.place.path], pa.string())
    files = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), file)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(header.times[lines], pa.int64()).cast(pa.timestamp("us")),
            _nothing(count),
            org, env, proxy, revision,
            cut["message_id"],
            cut["thread"].dictionary_encode(), levels, loggers,
            classes, methods,
            messages, cut["continuation"],
            files, pa.array(text.starts[lines] + chunk.place.offset),
        ],
        schema=SCHEMA,
    )  # fmt: skip


def parsed(chunk: Span, starts: Ints, ends: Ints, max_entry: int, counters: Counters) -> pa.RecordBatch:
    """The rows of other entries, through the grammar."""
    rows = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        data = chunk.data[start : min(end, start + max_entry)]
        beyond = end - start - len(data)
        if beyond:
            counters.cut_entries += 1
            counters.cut_bytes += beyond
        place = chunk.place._replace(offset=chunk.place.offset + start)
        rows.append(_row(parse(Span(data, place, 0, chunk.orphan, beyond), counters)))
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


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
        "file": entry.place.path,
        "offset": entry.place.offset,
    }


def within(batch: pa.RecordBatch, times: TimeRange, counters: Counters) -> pa.RecordBatch:
    """The rows in a time range; those without a time are left out and counted."""
    if times.since is None and times.until is None:
        return batch
    stamps = batch.column("time")
    keep = stamps.is_valid()
    if times.since is not None:
        keep = pc.and_(keep, pc.greater_equal(stamps, pa.scalar(times.since, stamps.type)))
    if times.until is not None:
        keep = pc.and_(keep, pc.less(stamps, pa.scalar(times.until, stamps.type)))
    keep = pc.fill_null(keep, False)
    counters.untimed += stamps.null_count
    zones = batch.column("zone")
    if zones.null_count < len(zones):  # a printed zone decides by itself
        held = keep.to_pylist()
        for row in np.flatnonzero(zones.is_valid().to_numpy(zero_copy_only=False)).tolist():
            held[row] = bool(times.holds(stamps[row].as_py(), zones[row].as_py()))
        keep = pa.array(held)
    return batch.filter(keep)


def unusual(text: Text, header: Header, rows: Ints, bounds: tuple[Ints, Ints], max_entry: int) -> Bools:
    """Which entries, by their bounds, must go through the grammar."""
    starts, ends = bounds
    slow = ~header.usual[rows] | (ends - starts > max_entry)
    if b"\r" in text.data:
        returns = np.flatnonzero(text.raw[: text.size] == 0x0D)
        breaks = text.breaks[rows]
        slow |= np.searchsorted(returns, breaks) < np.searchsorted(returns, ends)
    if not text.data.isascii():
        try:
            text.data.decode()
        except UnicodeDecodeError:
            high = np.flatnonzero(text.raw[: text.size] >= 0x80)
            held = np.searchsorted(high, starts) < np.searchsorted(high, ends)
            slow |= held
    return slow


def opens(text: Text, usual: Bools, layout: Layout) -> Bools:
    """Which of the other lines open an entry: by the layout's own expression, where it can be at all."""
    starts = text.starts
    word = text.word(starts)
    first = text.raw[starts]
    never = blank(first) & (first != 0)
    for literal in _NEVER_OPENS:
        found = same(word, literal[:8])
        if len(literal) > 8:
            found &= text.has(starts + 8, literal[8:])
        never |= found
    found = np.zeros(len(starts), bool)
    match = layout.opener.match
    for number in np.flatnonzero(~(usual | never)).tolist():
        found[number] = match(text.data, int(starts[number])) is not None
    return found


def openers(text: Text, layout: Layout) -> Ints:
    """Where entries begin, line by line."""
    return np.array(Openers(layout).all(text.data, 0, text.size), np.int64)


def _context(text: str) -> list[str | None]:
    """Org, env, proxy and revision of a usual header's context."""
    held: dict[str, str] = dict(part.split(":", 1) for part in text.split(" ") if part)
    return [held.get(key) for key in ("org", "env", "api", "rev")]


def _class_and_method(call: str) -> tuple[str | None, str | None]:
    if _CALL.fullmatch(call) is None:
        return None, None
    name, _, method = call.rpartition(".")
    return name, method


def _split(
    words: pa.DictionaryArray, parts: Iterable[Sequence[str | None]], count: int
) -> list[pa.DictionaryArray]:
    """One column out of each part of a column's different values."""
    rows = list(parts)
    columns = []
    for number in range(count):
        values = list(dict.fromkeys(row[number] for row in rows if row[number] is not None))
        place = {value: code for code, value in enumerate(values)}
        recoded = pa.array([place.get(row[number]) for row in rows], pa.int32())
        codes = recoded.take(words.indices)
        columns.append(pa.DictionaryArray.from_arrays(codes, pa.array(values, pa.string())))
    return columns


def _codes_in(words: pa.DictionaryArray, marked: list[bool]) -> Bools:
    """Which rows have a marked value."""
    if not any(marked):
        return np.zeros(len(words), bool)
    codes = words.indices.fill_null(len(marked)).to_numpy(zero_copy_only=False)
    return np.asarray(np.array([*marked, False])[codes])


def _nothing(count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.nulls(count, pa.int32()), pa.array([], pa.string()))
