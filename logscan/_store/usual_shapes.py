"""The shapes of a chunk's usual entries, all at once: what stands in each line, as numbers of few texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logscan._entries.arrow import Entries, Rows
from logscan._entries.buffers import numbers, values_of
from logscan._entries.chunk_text import Bools, Ints
from logscan._entries.header_parts import NO_CALL
from logscan._entries.headers import slices

_MOST_BLANKS = 9
"""Blanks in one place that a shape holds."""


class _HasShape(Protocol):
    @property
    def shape(self) -> str | None: ...


class _Part(NamedTuple):
    """What stands in one place of each line, as the number of one of some texts; below 0: none of them."""

    codes: Ints
    texts: Sequence[str]


def shapes_of(entries: Entries, rows: Rows, crlf: Bools) -> tuple[npt.NDArray[np.int32], list[str]]:
    """The number of each usual entry's shape, below 0 where it has none, and the shapes.

    Args:
        entries: of a chunk.
        rows: of the usual ones.
        crlf: which of them end their lines with CR LF.
    """
    return _combined(_parts(entries, rows, crlf))


def _parts(entries: Entries, rows: Rows, crlf: Bools) -> list[_Part]:
    """What stands in each line, from left to right."""
    text, headers = entries.text, entries.headers
    bounds = headers.bounds
    marks = (text.raw[bounds.begins + 10] == 0x54) * 2 + (text.byte(bounds.begins + 19) == 0x2E)
    stamps = np.where(bounds.digits > 6, -1, np.maximum(bounds.digits, 0) * 4 + marks)
    stamps = np.where(bounds.digits < 0, marks & 2, stamps)
    has_id = (bounds.id_ends > bounds.context_ends).astype(np.int64)
    gaps = np.where(bounds.gaps < 0, _MOST_BLANKS + 1, np.where(bounds.gaps > 0, bounds.gaps, -1))
    blanks = ["", *(" " * count for count in range(1, _MOST_BLANKS + 1)), "\t"]
    called = np.array([call is not NO_CALL for call in rows.calls.parts], bool)[rows.calls.codes]
    colons = np.where(called, bounds.message_begins - bounds.call_ends - 4, 0)
    calls = [
        "{message}",
        *(f"{{class}}.{{method}}() :{blanks[n]}{{message}}" for n in range(1, _MOST_BLANKS + 1)),
    ]
    return [
        _Part(stamps, [_stamp(code) for code in range(28)]),
        _shape_part(headers.contexts.codes, headers.contexts.parts),
        _Part(has_id, ["", "{message_id}"]),
        _Part(gaps, blanks),
        _shape_part(headers.threads.codes, headers.threads.parts),
        _shape_part(headers.severities.codes, headers.severities.parts),
        _Part(np.where(colons > _MOST_BLANKS, -1, colons), calls),
        _trailing(entries, crlf),
    ]


def _stamp(code: int) -> str:
    digits, marks = divmod(code, 4)
    fraction = f"{'.' if marks & 1 else ','}{digits}" if digits else ""
    return f"{{time:{'T' if marks & 2 else ' '}{fraction}}}"


def _shape_part(codes: npt.NDArray[np.int32], parts: Sequence[_HasShape]) -> _Part:
    """The shapes of parts, each different one once."""
    numbers_of: dict[str, int] = {}
    table = [
        -1 if part.shape is None else numbers_of.setdefault(part.shape, len(numbers_of)) for part in parts
    ]
    return _Part(np.array(table, np.int64)[codes], list(numbers_of))


def _trailing(entries: Entries, crlf: Bools) -> _Part:
    """The blanks after each message; none of the texts where there are too many."""
    text, bounds = entries.text, entries.headers.bounds
    ends = text.breaks[bounds.lines] - crlf
    count = ends - bounds.message_ends
    rows = np.flatnonzero(count)
    codes = np.zeros(len(count), np.int64)
    if not len(rows):
        return _Part(codes, [""])
    good = count[rows] <= _MOST_BLANKS
    begins = bounds.message_ends[rows]
    different = slices(text, begins, np.where(good, ends[rows], begins)).dictionary_encode()
    codes[rows] = np.where(good, values_of(different.indices).astype(np.int64) + 1, -1)
    return _Part(codes, ["", *different.dictionary.to_pylist()])


def _combined(parts: Sequence[_Part]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Parts side by side as one."""
    key, bad = np.zeros(len(parts[0].codes), np.int64), np.zeros(len(parts[0].codes), bool)
    for part in parts:
        key = key * max(1, len(part.texts)) + part.codes
        bad |= part.codes < 0
    if bad.any():
        key[bad] = -1
    different = numbers(key, pa.int64()).dictionary_encode()
    whole = []
    for value in different.dictionary.to_pylist():
        pieces = []
        for part in reversed(parts) if value >= 0 else ():
            value, number = divmod(value, max(1, len(part.texts)))
            pieces.append(part.texts[number])
        whole.append("".join(reversed(pieces)))
    codes = values_of(different.indices)
    return np.where(bad, np.int32(-1), codes), whole
