"""The headers of a chunk: where their parts stand, and what these say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logscan._entries import header_parts
from logscan._entries.buffers import bitmap, numbers, values_of, words
from logscan._entries.chunk_text import Bools, Ints, Text, matches, same
from logscan._entries.header_bounds import Bounds, bounds_of
from logscan._entries.header_parts import (
    NO_CONTEXT,
    NO_SEVERITY,
    NO_THREAD,
    Context,
    Remembered,
    Severity,
    Thread,
)
from logscan._entries.layouts import KEYS, NEVER_OPENS, PLAIN, TIME_SHAPE, Layout

Part = TypeVar("Part")

_MOST_TIMES = 4
"""Times of a line that may be the entry's own."""
_LONGEST_PREFIX = 200
_NEAR, _LONGEST_OPENER = 41, 250
"""What may stand before org in an opener, and in all of its header (that is less than what is allowed)."""
_MOST_INDENT = 8
"""Blanks before org in an opener that a document sets in."""
_ORG = KEYS["org"].encode()
_NEVER_OPENS = tuple(literal.encode() for literal in NEVER_OPENS)
_MOST_PREFIXES = 64
"""Different prefixes in a chunk, apart from their digits; entries with others go through the grammar."""


class Coded(NamedTuple, Generic[Part]):
    """A part of each header, by its number among the different ones."""

    codes: npt.NDArray[np.int32]
    parts: Sequence[Part]

    def only(self, which: Bools | Ints) -> Coded[Part]:
        """The parts of some of the headers."""
        return Coded(self.codes[which], self.parts)


class Headers(NamedTuple):
    """The headers of a chunk that are read."""

    bounds: Bounds
    contexts: Coded[Context]
    threads: Coded[Thread]
    severities: Coded[Severity]

    def only(self, which: Bools | Ints) -> Headers:
        """Some of the headers."""
        return Headers(
            self.bounds.only(which), self.contexts.only(which), self.threads.only(which),
            self.severities.only(which),
        )  # fmt: skip


def headers_of(text: Text, layout: Layout) -> Headers:
    """All headers of a chunk that are read, in their order; the others are for the grammar."""
    if layout.name == PLAIN.name:
        if layout.form is not None and layout.form.prefixes:
            found = _prefixed(text, layout)
            opening = _opening(text, found, layout)
            return found if opening.all() else found.only(opening)
        starts = text.starts
        first = text.byte(starts) - np.uint8(0x30)
        lines = np.flatnonzero(first < 10)
        return _read(text, bounds_of(text, layout.form, lines, starts[lines]))
    return _prefixed(text, layout)


def slices(text: Text, begins: Ints, ends: Ints, valid: Bools | None = None) -> pa.StringArray:
    """The texts between offsets in ascending order; null where they are not valid."""
    count = len(begins)
    offsets = np.empty(2 * count + 1, np.int32)
    offsets[:-1:2], offsets[1::2] = begins, ends
    offsets[-1] = text.size
    parts = pa.StringArray.from_buffers(2 * count, pa.py_buffer(offsets), pa.py_buffer(text.data))
    return parts.take(numbers(np.arange(0, 2 * count, 2, dtype=np.int32), pa.int32(), valid))


def few_slices(text: Text, begins: Ints, ends: Ints, valid: Bools) -> pa.StringArray:
    """The same where mostly few are valid."""
    rows = np.flatnonzero(valid)
    if 4 * len(rows) > len(valid):
        return slices(text, begins, ends, valid)
    held = slices(text, begins[rows], ends[rows])
    sizes = np.zeros(len(valid) + 1, np.int32)
    sizes[rows + 1] = (ends - begins)[rows]
    return pa.Array.from_buffers(
        pa.string(),
        len(valid),
        [bitmap(valid), pa.py_buffer(np.cumsum(sizes, dtype=np.int32)), held.buffers()[2]],
    )


def columns_of(coded: Coded[Any], count: int) -> list[pa.DictionaryArray]:
    """The first values of each part as columns."""
    columns = []
    codes = coded.codes.astype(np.intp)  # once, not for each column
    for values in islice(zip(*coded.parts, strict=True), count) if coded.parts else [()] * count:
        different = dict.fromkeys(values)
        different.pop(None, None)
        places = dict(zip(different, range(len(different)), strict=True))
        places[None] = -1
        table = np.fromiter(map(places.__getitem__, values), np.int32, len(values))
        columns.append(words(table[codes] if len(table) else coded.codes, list(different)))
    return columns


def coded(text: Text, begins: Ints, ends: Ints, read: Remembered[Part]) -> Coded[Part]:
    """The texts between offsets, each different one read once."""
    different = slices(text, begins, ends).dictionary_encode()
    return Coded(values_of(different.indices), read(different.dictionary.to_pylist()))


def _read(text: Text, bounds: Bounds) -> Headers:
    """Those headers whose parts the grammar reads as such."""
    contexts = coded(text, bounds.stamp_ends, bounds.context_ends, header_parts.contexts)
    severities = coded(text, bounds.thread_ends, bounds.bodies, header_parts.severities)
    names = slices(text, bounds.thread_begins, bounds.thread_ends).dictionary_encode()
    values = names.dictionary.to_pylist()
    threads, codes = header_parts.threads(values), values_of(names.indices)
    if bounds.bare.any():
        threads = [*threads, *header_parts.bare_threads(values)]
        codes = codes + np.int32(len(values)) * bounds.bare
    found = Headers(bounds, contexts, Coded(codes, threads), severities)
    good = None
    for part, unknown in ((contexts, NO_CONTEXT), (found.threads, NO_THREAD), (severities, NO_SEVERITY)):
        if unknown in part.parts:
            known = np.array([one is not unknown for one in part.parts])[part.codes]
            good = known if good is None else good & known
    zoned = [part.zone is not None for part in threads]
    if any(zoned):
        single = ~np.array(zoned)[codes] | (bounds.gaps == 1)
        good = single if good is None else good & single
    return found if good is None or good.all() else found.only(good)


def _prefixed(text: Text, layout: Layout) -> Headers:
    """The headers of lines that begin with something else. One of the times in a line is the entry's own."""
    times, lines = text.times
    near = times - text.starts[lines] <= _LONGEST_PREFIX
    times, lines = times[near], lines[near]
    firsts = np.flatnonzero(np.diff(lines, prepend=-1))
    done = np.zeros(len(text.starts), bool)
    rounds: list[Headers] = []
    for number in _order_of_times(text, layout, times, lines):
        at = firsts + number
        at = at[at < len(lines)]
        rows = firsts[: len(at)]
        left = lines[at] == lines[rows]
        at, rows = at[left], rows[left]
        found = _read(text, bounds_of(text, layout.form, lines[at], times[at]))
        found = found.only(_prefixes_known(text, text.starts[found.bounds.lines], found.bounds.begins))
        rounds.append(found)
        if len(found.bounds.lines) == len(firsts):
            break
        done[found.bounds.lines] = True
        firsts = firsts[~done[lines[firsts]]]
    held = [found for found in rounds if len(found.bounds.lines)]
    if len(held) == 1:
        return held[0]
    if not held:
        return _read(text, bounds_of(text, layout.form, lines[:0], times[:0]))
    lines = np.concatenate([found.bounds.lines for found in held])
    begins = np.concatenate([found.bounds.begins for found in held])
    order = np.argsort(lines)
    return _read(text, bounds_of(text, layout.form, lines[order], begins[order]))


def _opening(text: Text, headers: Headers, layout: Layout) -> Bools:
    """Which lines with a header open an entry in the plain layout, where few of those with a prefix do: those
    that begin with a digit, or in which org and env stand near."""
    bounds = headers.bounds
    starts = text.starts[bounds.lines]
    near = bounds.bodies - starts < _LONGEST_OPENER
    org = np.array([-1 if part.org_at is None else part.org_at for part in headers.contexts.parts])
    org = org[headers.contexts.codes]
    named = (org >= 0) & (bounds.stamp_ends + org - starts <= _NEAR)
    first = text.byte(starts)
    numbered = ((first - np.uint8(0x30)) < 10) & (bounds.begins - starts <= _NEAR - len(TIME_SHAPE))
    opening = (bounds.begins == starts) | (near & ~never_opens(text, starts) & (named | numbered))
    for row in np.flatnonzero(~opening).tolist():
        opening[row] = layout.opener.match(text.data, int(starts[row])) is not None
    return np.asarray(opening)


def never_opens(text: Text, starts: Ints) -> Bools:
    """Which lines begin as no entry does in the plain layout."""
    word, first = text.word(starts), text.byte(starts)
    never = (first == 0x20) | ((first - np.uint8(9)) < 5)
    rows = np.flatnonzero(never & (first != 0x0A))
    if len(rows):
        at = starts[rows] + 1
        for _ in range(_MOST_INDENT - 1):
            byte = text.byte(at)
            indented = (byte == 0x20) | (byte == 0x09)
            if not indented.any():
                break
            at = at + indented
        never[rows] = ~same(text.word(at), _ORG)
    for literal in _NEVER_OPENS:
        found = same(word, literal[:8])
        if len(literal) > 8:
            found &= same(text.word(starts + 8), literal[8:])
        never |= found
    return np.asarray(never)


def _order_of_times(text: Text, layout: Layout, times: Ints, lines: Ints) -> list[int]:
    """Numbers of times in a line: first those that the learned layout says."""
    found: list[int] = []
    if layout.header is not None:
        firsts = np.flatnonzero(np.diff(lines, prepend=-1))
        for first in firsts[:: 1 + len(firsts) // 8].tolist():
            line = int(lines[first])
            header = layout.header.match(text.data, int(text.starts[line]))
            if header is not None:
                begins = times[first : first + _MOST_TIMES].tolist()
                found += [begins.index(header.start(1))] if header.start(1) in begins else []
    return list(dict.fromkeys([*found, *range(_MOST_TIMES)]))


def _prefixes_known(text: Text, starts: Ints, ends: Ints) -> Bools:
    """Whether the grammar takes what stands before each time for a prefix."""
    sizes = ends - starts
    known = sizes == 0
    left = np.flatnonzero(~known)
    for _ in range(_MOST_PREFIXES):
        if not len(left):
            break
        size = int(sizes[left[0]])
        prefix = text.data[starts[left[0]] : starts[left[0]] + size]
        like = sizes[left] == size
        rows = left if like.all() else left[like]
        alike = np.ones(len(rows), bool)
        for at in range(0, size, 8):
            part = prefix[at : at + 8]
            digits = bytes(0xFF if 0x30 <= byte <= 0x39 else 0 for byte in part)
            alike &= matches(text.word(starts[rows] + at), part, digits)
        (is_prefix,) = header_parts.prefixes([re.sub(r"\d", "0", prefix.decode("latin-1"))])
        if is_prefix:
            known[rows[alike]] = True
        left = (
            np.setdiff1d(left, rows[alike], assume_unique=True)
            if not alike.all() or len(rows) < len(left)
            else left[:0]
        )
    return np.asarray(known)
