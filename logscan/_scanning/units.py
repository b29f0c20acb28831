"""Units of work: ranges of plain files, and whole files where bytes cannot be skipped because they are
packed.

A unit owns the entries that open within it; whoever scans it reads on after it until the next entry opens.
Each scan says where its first entry begins and where the first begins that is not its own. Where two
neighbours do not agree (a file that is missing or damaged between them, a cut through a header) the later
unit is scanned again, in order, from where the earlier one ended. So the result is that of one scan over
all, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout, begins_entry
from logscan._reading.buffer import BlockReader
from logscan._reading.paths import Stream
from logscan._reading.probe import SAMPLE
from logscan._scanning.scanner import Scanner
from logscan._scanning.time_slices import StreamSlice
from logscan.values import Counters, Place, Span


class Plan(NamedTuple):
    """How streams are read."""

    max_entry: int
    block: int
    forget: bool
    lines: bool = False
    """Count lines."""


class Unit(NamedTuple):
    """A range of a stream; ``stop`` is where the next begins."""

    stream: Stream
    layout: Layout | None
    """``None``: it is judged when it is read."""
    start: tuple[int, int]
    stop: tuple[int, int] | None
    first: bool
    """The first of what is read of its stream."""
    inherits: bool
    """Lines before its first entry belong to an earlier entry."""

    def point(self, place: Place) -> tuple[int, int]:
        """A place as a file of the stream and an offset."""
        return next(n for n, file in enumerate(self.stream) if file.path == place.path), place.offset


def whole_of(part: StreamSlice) -> Unit:
    """A part of a stream as one unit."""
    stop = None if part.stop is None else (len(part.stream) - 1, part.stop)
    return Unit(part.stream, part.layout, (0, part.start), stop, first=True, inherits=part.headless)


def units_of(part: StreamSlice, size_of_range: int) -> list[Unit]:
    """The units of a part of a stream, plain files in ranges of some bytes."""
    layout = part.layout or PLAIN  # nothing could be read
    starts: list[tuple[int, int]] = []
    last = len(part.stream) - 1
    for index, file in enumerate(part.stream):
        size = file.probe.plain_size
        end = (size or 1) if part.stop is None or index < last else part.stop
        starts += [(index, offset) for offset in range(part.start if index == 0 else 0, end, size_of_range)]
    if not starts:
        starts = [(0, part.start)]
    end_of_all = None if part.stop is None else (last, part.stop)
    stops: list[tuple[int, int] | None] = [*starts[1:], end_of_all]
    return [
        Unit(part.stream, layout, start, stop, number == 0, number > 0 or part.headless)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


class UnitEdges:
    """Whether each unit begins where the one before it ended."""

    def __init__(self) -> None:
        self.seen = False
        """Whether the stream has shown any entry so far."""
        self._expected: Place | None = None
        self._broken = False

    def again(self, unit: Unit, first: Place | None) -> Again | None:
        """How the unit must be scanned once more; ``None`` where what it found is right.

        Args:
            unit: the next one.
            first: where its first entry begins, as it was scanned by itself.
        """
        if unit.first:
            self._expected, self._broken, self.seen = None, False, False
        elif self._broken:
            return Again(None, fresh=True)
        elif self._expected is None or not _agrees(unit, first, self._expected):
            return Again(self._expected)
        return None

    def ended(self, seen_entry: bool, last: Place | None, broken: bool) -> None:
        """The unit is through: whether it has shown an entry, where the first begins that is not its own,
        whether a file of it is missing or damaged."""
        if seen_entry:
            self.seen, self._expected = True, last
        self._broken = broken


class Again(NamedTuple):
    """How a unit is scanned once more."""

    at: Place | None
    """Exactly from an entry that begins there; ``None``: there is nothing of it left, unless fresh."""
    fresh: bool = False
    """From its beginning: it continues nothing."""


def _agrees(unit: Unit, first: Place | None, expected: Place) -> bool:
    """Whether a unit begins where the one before it ended."""
    if first is not None:
        return first == expected
    # It saw no entry: right, unless the one before it says that one begins within.
    return unit.stop is not None and unit.point(expected) >= unit.stop


class UnitScan:
    """One unit as its spans, and then what the next one must know.

    Args:
        unit: the part of a stream.
        plan: how it is read.
        scanner_of: makes the scanner: layout, counters, longest entry, then what stands at its beginning.
        counters: takes what is counted.
        inherits: lines before the first entry belong to another unit's last.
        at: begin exactly with an entry that begins there.
    """

    def __init__(
        self,
        unit: Unit,
        plan: Plan,
        scanner_of: Callable[..., Scanner],
        counters: Counters,
        *,
        inherits: bool,
        at: Place | None = None,
    ) -> None:
        start, mid_line = unit.start, False
        if at is not None:
            start = unit.point(at)
        elif inherits and start[1]:
            # One byte earlier: it shows whether a line begins at the start.
            start, mid_line = (start[0], start[1] - 1), True
        self._reader = BlockReader(
            unit.stream, counters, plan.max_entry, begins_entry,
            count_lines=plan.lines, block=plan.block, start=start, stop=unit.stop, forget=plan.forget,
        )  # fmt: skip
        self.layout = unit.layout or self._judged(plan.block)
        """How entries stand in it."""
        self._scanner = scanner_of(
            self.layout, counters, plan.max_entry, mid_line=mid_line, inherits=inherits, fresh=at is None
        )

    def __iter__(self) -> Iterator[list[Span]]:
        return self._scanner.scan(self._reader)

    def _judged(self, block: int) -> Layout:
        """The layout by the first bytes."""
        from logscan._entries.learned import learned_from  # a search of files does without

        reader = self._reader
        while reader.end < min(SAMPLE, block) and reader.fill():
            pass  # a pipe gives a little at a time
        return learned_from(bytes(reader.buffer[: min(reader.end, SAMPLE)])) if reader.end else PLAIN

    def close(self) -> None:
        """Release the file."""
        self._reader.close()

    @property
    def first(self) -> Place | None:
        """Where the first entry begins."""
        return self._scanner.first

    @property
    def last(self) -> Place | None:
        """Where the first entry begins that is the next unit's."""
        return self._scanner.last

    @property
    def seen_entry(self) -> bool:
        """Whether any line opened an entry."""
        return self._scanner.seen_entry or self._scanner.first is not None

    @property
    def broken(self) -> bool:
        """Whether a file was missing or damaged: what comes after it continues nothing."""
        return self._reader.broken

    @property
    def path(self) -> str:
        """The file that was read last."""
        return self._reader.path

    @property
    def remaining(self) -> Stream:
        """Files after one that is missing or damaged."""
        return self._reader.remaining

    @property
    def next_entry(self) -> Place | None:
        """Between two blocks: where the entry begins that comes next, if that is known."""
        return self._reader.place(0) if self._scanner.at_entry and self._reader.end else None
