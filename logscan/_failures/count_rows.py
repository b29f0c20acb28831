"""Entries that are whole already are counted by the same engine: rows of a store, in place of blocks of a
file."""

from __future__ import annotations

from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout
from logscan._entries.learned import LEARNED_LINES, learned
from logscan._failures.count_unit import UnitCount
from logscan._failures.reader import MemberReader
from logscan._failures.readings import EXCEPTION, FAILED
from logscan.values import Counters, Place, Span


class Rows(NamedTuple):
    """Entries in the order of the log; one element of each list for each entry."""

    text: bytes
    """The bytes of all of them."""
    starts: list[int]
    """Where each begins in the text."""
    ends: list[int]
    """Where each ends in the text."""
    ats: list[int]
    """Bytes of the log before each, counted from the beginning of the unit."""
    offsets: list[int]
    """Where each begins in its own file."""
    paths: list[str]
    """The file of each."""
    odd: dict[int, tuple[bool, int]]
    """Number of an entry → whether it is an orphan, and its bytes beyond the limit; of those that are not as
    usual."""


class RowCounter:
    """Rows of one unit in.

    Args:
        unit: counts their members.
        counters: takes what is counted on the way.
    """

    def __init__(self, unit: UnitCount, counters: Counters) -> None:
        self._unit = unit
        self._counters = counters
        self._reader: MemberReader | None = None

    def feed(self, rows: Rows) -> None:
        """Count some rows, which follow those that were counted before."""
        reader = self._reader
        if reader is None:
            reader = self._reader = MemberReader(_layout_of(rows), self._unit.readings, self._counters)
        text, odd, seconds, readings = rows.text, rows.odd, reader.seconds, self._unit.readings
        feed, kinds = self._unit.feed, readings.kinds
        quick = reader.is_plain
        candidates = 0
        for number, (start, end, at, offset, path) in enumerate(
            zip(rows.starts, rows.ends, rows.ats, rows.offsets, rows.paths, strict=True)
        ):
            found = said = None
            try:
                found = reader.match(text, start, end)
                if (
                    quick and found is not None and number not in odd
                    and (found[1] in seconds or reader.exists(found[1]))
                ):  # fmt: skip
                    method, begin = found[9], found.end()
                    kind = kinds[method]
                    if kind == FAILED:
                        if (text.find(b"\n", begin, end) + 1 or end) == end:
                            said = readings.failed(method, found[7], text, begin, end)
                    elif kind == EXCEPTION:
                        known = readings.thrown(method, found[7], text, begin, end)
                        if known is not None and known[1] == end:
                            said = known[0]
            except Exception:  # noqa: BLE001
                said = None  # the longer way has a net of its own
            try:
                if found is not None and said is not None:
                    candidates += 1
                    feed(reader.matched(found, said, at, (path, offset, 0)))
                    continue
                orphan, beyond = odd.get(number, (False, 0))
                member = reader.of_span(Span(text[start:end], Place(path, offset), 0, orphan, beyond), at)
                if member is not None:
                    feed(member)
                quick = reader.is_plain  # it may have learned more
            except Exception as error:  # noqa: BLE001
                self._counters.note_not_understood(Place(path, offset), error)
        self._counters.candidates += candidates


def _layout_of(rows: Rows) -> Layout:
    """How the first of some entries stand in their files."""
    lines = []
    for start, end in zip(rows.starts[:LEARNED_LINES], rows.ends, strict=False):
        lines.append(rows.text[start : rows.text.find(b"\n", start, end) + 1 or end])
    return learned(PLAIN, lines)
