"""Columns: a chunk of whole entries becomes Arrow columns, without Python objects for usual entries.

Where lines end, where blanks stand and what headers hold is found by numpy over the whole chunk; the
columns are cut out of the chunk's own bytes by Arrow. An entry that is not quite as usual goes through the
grammar (:func:`logscan.entries.parse.parse`), so that the rows are the same, always: a test holds both
together on random logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logscan.entries.layouts import ID_IN_TEXT, KEYS, LEVELS, NEVER_OPENS, PLAIN, TIME_SHAPE, Layout
from logscan.entries.parse import parse
from logscan.times import TimeRange
from logscan.values import Counters, Entry, Span

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

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


_CUT = ("context", "message_id", "thread", "severity", "call", "message", "continuation")
"""What is cut out of the bytes, in the order in which it stands there: ``context`` from ``org:`` to the
revision, ``severity`` level and logger, ``call`` class and method."""
_KEYS = tuple(key.encode() for key in KEYS.values())
_LEVELS = tuple(f"{level} ".encode() for level in LEVELS)
_NEVER_OPENS = tuple(literal.encode() for literal in NEVER_OPENS)
_CALL = re.compile(r"[\w$<>]+(?:\.[\w$<>]+)+")
_LONGEST_HEADER = 300
_PADDING = 32
"""Bytes behind the chunk that may be looked at."""
_BLANK_ENDS = frozenset((0x85, 0xA0, *range(0x80, 0x8B), 0xA8, 0xA9, 0xAF, 0x9F))
"""Last bytes of the blanks beyond ASCII."""


def to_columns(chunk: Span, layout: Layout, max_entry: int) -> tuple[pa.RecordBatch, Counters]:
    """The rows of a chunk in their order (:data:`SCHEMA`), and what was counted on the way.

    Args:
        chunk: consecutive whole entries that begin in one file.
        layout: how they stand there.
        max_entry: bytes kept of an entry.
    """
    counters = Counters()
    text = Text(chunk.data)
    if chunk.orphan or layout is not PLAIN:
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
        slow = unusual(text, usual, rows, starts, ends, max_entry)
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


class Text:
    """A chunk's bytes, and where its lines are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.raw = np.zeros(self.size + _PADDING, np.uint8)
        self.raw[: self.size] = np.frombuffer(data, np.uint8)
        self._words = np.ndarray((self.size + _PADDING - 7,), np.dtype("<u8"), self.raw, 0, (1,))
        odd = self.raw[: self.size] - np.uint8(0x20)
        self.odd = np.flatnonzero(np.greater(odd, 0x5E, out=odd.view(bool)))
        """Where anything but blanks and visible ASCII stands: line breaks, control characters, more."""
        breaks = self.odd[self.raw[self.odd] == 0x0A]
        if self.size and data[-1] != 0x0A:
            breaks = np.append(breaks, self.size)
        self.breaks = breaks
        """Where each line ends: its line break, or the end."""
        self.starts = np.concatenate([np.zeros(1, np.int64), breaks[:-1] + 1])

    def word(self, at: Ints) -> Words:
        """The eight bytes at each offset."""
        return self._words[at]

    def has(self, at: Ints, literal: bytes) -> Bools:
        """Whether up to eight bytes stand at each offset."""
        return _same(self.word(at), literal)


class Header:
    """The headers of the lines that begin as usual: bounds of their parts, by line.

    Bounds of other lines are of no meaning; ``usual`` says which lines count.
    """

    def __init__(self, text: Text) -> None:
        raw, all_starts = text.raw, text.starts
        stamps = text.word(all_starts), text.word(all_starts + 8), text.word(all_starts + 16)
        timed = np.flatnonzero(_usual_time(*stamps))
        starts, line_ends = all_starts[timed], text.breaks[timed]
        blanks = np.append(np.flatnonzero(raw[: text.size] == 0x20), np.full(16, text.size))
        at = np.searchsorted(blanks, starts + 23)
        last = len(blanks) - 10
        good = np.ones(len(starts), bool)
        position = starts + 24
        twice = raw[position] == 0x20
        self.twice = twice
        """Whether two blanks stand behind the time, by row of ``bounds``."""
        at, position = at + twice, position + twice
        bounds = np.empty((len(starts), 2 * len(_CUT)), np.int32)
        self.has: dict[str, Bools] = {}

        def token(name: str, begin: Ints, end: Ints) -> None:
            column = 2 * _CUT.index(name)
            bounds[:, column], bounds[:, column + 1] = begin, end

        began, context_end = position, position
        for key in _KEYS:
            has = text.has(position, key[:8])
            if len(key) > 8:
                has &= text.has(position + 8, key[8:])
            begin = position + len(key)
            at = np.minimum(at + has, last)
            end = np.where(has, blanks[at], position)
            good &= ~has | (end > begin)
            if key == _KEYS[-1]:
                token("context", began, context_end)
                token("message_id", np.where(has, begin, position), end)
                self.has["message_id"] = has
            context_end = np.where(has, end, context_end)
            position = np.minimum(np.where(has, end + 1, position), text.size)
        wide = raw[position] == 0x20
        at, position = np.minimum(at + wide, last), position + wide
        self.wide = wide
        """The same in front of the thread."""
        word = text.word(position)
        for key in _KEYS:  # out of their order, or twice
            good &= ~_same(word, key[:8])
        severity = position
        for name in ("thread", "level", "logger"):
            at = np.minimum(at + 1, last)
            end = blanks[at]
            good &= end > position
            if name == "thread":
                token(name, position, end)
            elif name == "logger":
                token("severity", severity, end)
            else:
                severity = position
                word = text.word(position)
                good &= np.logical_or.reduce([_same(word, level) for level in _LEVELS])
            position = np.minimum(end + 1, text.size)
        good &= text.has(position, b"- ")
        at = np.minimum(at + 1, last)
        position += 2
        good &= (position < line_ends) & (position - starts < _LONGEST_HEADER)
        position = np.minimum(position, text.size)
        good &= _visible(raw[position])
        at = np.minimum(at + 1, last)
        end = np.minimum(blanks[at], line_ends)
        good &= ~_odd_within(text, starts, np.maximum(end, position))
        called = text.has(np.maximum(end - 2, 0), b"()")
        call = called & text.has(end, b" : ") & _visible(raw[np.minimum(end + 3, text.size)])
        call &= end + 3 < line_ends
        good &= ~called | call
        token("call", position, np.where(call, end - 2, position))
        body = np.where(call, end + 3, position)
        good &= self.has["message_id"] | ~text.has(body, ID_IN_TEXT[:8].encode())
        stop = line_ends
        while (trailing := _blank(raw[stop - 1]) & (stop > body)).any():
            stop = stop - trailing
        good &= ~(_ends_oddly(raw[stop - 1]))
        token("message", body, np.maximum(stop, body))
        self.has["call"] = call
        self.bounds = bounds
        self.usual = np.zeros(len(all_starts), bool)
        self.usual[timed[good]] = True
        self.row = np.full(len(all_starts), -1, np.int64)
        """Which row of ``bounds`` a line has."""
        self.row[timed] = np.arange(len(timed))
        self.times = np.zeros(len(all_starts), np.int64)
        times, exist = _times(*(word[timed] for word in stamps))
        self.times[timed] = times
        self.usual[timed[~exist]] = False


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
    first = np.arange(count, dtype=np.int32) * (2 * len(_CUT))
    cut: dict[str, pa.Array] = {}
    for number, name in enumerate(_CUT):
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
        begin = 2 * _CUT.index("call")
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


def unusual(text: Text, header: Header, rows: Ints, starts: Ints, ends: Ints, max_entry: int) -> Bools:
    """Which entries must go through the grammar."""
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
    never = _blank(first) & (first != 0)
    for literal in _NEVER_OPENS:
        found = _same(word, literal[:8])
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
    match = layout.opener.match
    found = [start for start in text.starts.tolist() if match(text.data, start)]
    return np.array(found, np.int64)


def _usual_time(date: Words, middle: Words, rest: Words) -> Bools:
    """Whether ``2026-11-23 05:28:57,813`` and a blank stand in three words."""
    return np.asarray(
        _shaped(date, TIME_SHAPE[:8].encode())
        & _shaped(middle, TIME_SHAPE[8:16].encode())
        & (_shaped(rest, b":dd,ddd ") | _shaped(rest, b":dd.ddd "))
    )


def _times(date: Words, middle: Words, rest: Words) -> tuple[Ints, Bools]:
    """Microseconds since 1970 of usual times, and which of them exist."""

    def number(word: Words, *places: int) -> Ints:
        value = np.zeros(len(word), np.int64)
        for place in places:
            value = value * 10 + ((word >> np.uint64(8 * place)) & np.uint64(0xF)).astype(np.int64)
        return value

    year, month, day = number(date, 0, 1, 2, 3), number(date, 5, 6), number(middle, 0, 1)
    hour, minute, second = number(middle, 3, 4), number(middle, 6, 7), number(rest, 1, 2)
    exist = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    exist &= (hour < 24) & (minute < 60) & (second < 60)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    exist &= day <= following - first
    seconds = (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    return (seconds * 1000 + number(rest, 4, 5, 6)) * 1000, exist


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


def _same(words: Words, literal: bytes) -> Bools:
    mask = np.uint64((1 << 8 * len(literal)) - 1)
    return np.asarray((words & mask) == np.uint64(int.from_bytes(literal, "little")))


def _shaped(words: Words, shape: bytes) -> Bools:
    """Whether words have digits where the shape has ``d``, and its other bytes elsewhere."""
    digits = int.from_bytes(bytes(0xFF if byte == 0x64 else 0 for byte in shape), "little")
    others = int.from_bytes(bytes(0 if byte == 0x64 else byte for byte in shape), "little")
    fixed = np.uint64(digits ^ 0xFFFFFFFFFFFFFFFF)
    value = (words ^ np.uint64(0x3030303030303030)) & np.uint64(digits)
    high = np.uint64(0xF0F0F0F0F0F0F0F0)
    over = ((value + np.uint64(0x0606060606060606 & digits)) | value) & high
    return np.asarray(((words & fixed) == np.uint64(others)) & (over == 0))


def _visible(byte: npt.NDArray[np.uint8]) -> Bools:
    return np.asarray((byte > 0x20) & (byte < 0x7F))


def _blank(byte: npt.NDArray[np.uint8]) -> Bools:
    """What Python's text calls blank, of ASCII."""
    return np.asarray((byte == 0x20) | ((byte >= 9) & (byte <= 13)) | ((byte >= 28) & (byte <= 31)))


def _ends_oddly(byte: npt.NDArray[np.uint8]) -> Bools:
    """Whether a text may end with a blank beyond ASCII."""
    return np.asarray((byte >= 0x80) & np.isin(byte, list(_BLANK_ENDS)))


def _odd_within(text: Text, begins: Ints, ends: Ints) -> Bools:
    """Whether anything but visible ASCII and blanks stands between offsets."""
    odd = np.append(text.odd, text.size + 1)
    return np.asarray(odd[np.searchsorted(odd, begins)] < ends)
