"""Workers: slices of a stream are scanned at the same time, and their spans come out in order.

A stream is cut into *units*: ranges of plain files, and whole files where bytes cannot be skipped because
they are packed. A unit owns the entries that open within it; its worker reads on after it until the next
entry opens. Each worker says where its first entry begins and where the first begins that is not its own;
where two neighbours do not agree (a file that is missing or damaged between them, a cut through a header)
the later unit is scanned again, in order, from where the earlier one ended. So the result is that of one
worker, always.

Threads serve, not processes: reading, unpacking and the search for needles release the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from logscan._entries.layouts import PLAIN, Layout, begins_entry
from logscan._reading.buffer import BlockReader
from logscan._reading.paths import Stream
from logscan._scanning.needles import Finder
from logscan._scanning.scanner import Scanner
from logscan._scanning.time_slices import StreamSlice
from logscan.values import Counters, Place, Span

RANGE = 32 << 20
"""Bytes of a plain file that a worker takes at once."""
AHEAD = 16 << 20
"""Bytes of spans that a worker may be ahead of their use; then it waits."""


class Plan(NamedTuple):
    """How streams are read."""

    max_entry: int
    block: int
    forget: bool


class Unit(NamedTuple):
    """A range of a stream; ``stop`` is where the next begins."""

    stream: Stream
    layout: Layout
    start: tuple[int, int]
    stop: tuple[int, int] | None
    first: bool
    """The first of what is read of its stream."""
    inherits: bool
    """Lines before its first entry belong to an earlier entry."""

    def point(self, place: Place) -> tuple[int, int]:
        """A place as a file of the stream and an offset."""
        return next(n for n, file in enumerate(self.stream) if file.path == place.path), place.offset


class Scanned(NamedTuple):
    """Some spans; at the end of a stream none, and whether it has shown any entry at all."""

    spans: list[Span]
    stream_has_entries: bool | None


class _Work:
    """A unit under way: spans in, spans out, in order."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.counters = Counters()
        self.first: Place | None = None
        self.last: Place | None = None
        self.broken = False
        """Whether a file was missing or damaged: what comes after it continues nothing."""
        self.seen_entry = False
        self.error: BaseException | None = None
        self.abandoned = False
        self._ready: deque[list[Span]] = deque()
        self._size = 0
        self._done = False
        self._change = threading.Condition()

    def put(self, spans: list[Span]) -> None:
        """Hand over spans; waits while too many lie unused."""
        size = sum(len(span.data) for span in spans)
        with self._change:
            while self._size > AHEAD and not self.abandoned:
                self._change.wait()
            self._ready.append(spans)
            self._size += size
            self._change.notify_all()

    def finish(self) -> None:
        """There are no more."""
        with self._change:
            self._done = True
            self._change.notify_all()

    def abandon(self) -> None:
        """The result is not wanted."""
        with self._change:
            self.abandoned = True
            self._change.notify_all()

    def begun(self) -> None:
        """Wait until the first spans or the end are there: then ``first`` is known."""
        with self._change:
            while not (self._ready or self._done):
                self._change.wait()

    def take(self) -> Iterator[list[Span]]:
        """The spans as they come."""
        while True:
            with self._change:
                while not (self._ready or self._done):
                    self._change.wait()
                if not self._ready:
                    break
                spans = self._ready.popleft()
                self._size -= sum(len(span.data) for span in spans)
                self._change.notify_all()
            yield spans
        if self.error is not None:
            raise self.error


def units_of(part: StreamSlice, size_of_range: int = 0) -> list[Unit]:
    """The units of a part of a stream, plain files in ranges of some bytes (:data:`RANGE`)."""
    layout = part.layout or PLAIN  # nothing could be read
    starts: list[tuple[int, int]] = []
    last = len(part.stream) - 1
    for index, file in enumerate(part.stream):
        size = file.probe.plain_size
        end = (size or 1) if part.stop is None or index < last else part.stop
        starts += [
            (index, offset) for offset in range(part.start if index == 0 else 0, end, size_of_range or RANGE)
        ]
    if not starts:
        starts = [(0, part.start)]
    end_of_all = None if part.stop is None else (last, part.stop)
    stops: list[tuple[int, int] | None] = [*starts[1:], end_of_all]
    return [
        Unit(part.stream, layout, start, stop, number == 0, number > 0 or part.headless)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def worth_while(streams: Sequence[Stream], workers: int) -> bool:
    """Whether there is enough to share out."""
    if workers < 2:
        return False
    probes = [file.probe for stream in streams for file in stream]
    if any(probe.is_stream for probe in probes):
        return False  # its layout is judged when it is read
    sizes = [probe.size for probe in probes if probe.is_local]
    return sum(sizes) >= RANGE // 4 and (len(sizes) > 1 or max(sizes) > RANGE)


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


def scan_units(
    units: Sequence[Unit],
    plan: Plan,
    finder_of: Callable[[Layout], Finder],
    workers: int,
    counters: Counters,
) -> Iterator[Scanned]:
    """The spans of all units in order.

    Args:
        units: slices of streams, in order.
        plan: how they are read.
        finder_of: what is looked for.
        workers: threads.
        counters: takes what the units counted, as if one worker had read all.
    """
    crew = _Crew(units, plan, finder_of, workers)
    edges = UnitEdges()
    try:
        for number, work in enumerate(crew.works):
            crew.turn(number)
            work.begun()
            files = work.counters.files  # counted where the file was opened, however often it is read
            again = edges.again(work.unit, work.first)
            if again is not None:
                work = _again(work, plan, crew.finders, again)
            for spans in work.take():
                yield Scanned(spans, None)
            work.counters.files = files
            counters.add(work.counters)
            edges.ended(work.seen_entry, work.last, work.broken)
            if number + 1 == len(units) or units[number + 1].first:
                yield Scanned([], edges.seen)
    finally:
        crew.dismiss()


class _Crew:
    """The threads, and the units they work through in order, not too far ahead of their use."""

    def __init__(
        self, units: Sequence[Unit], plan: Plan, finder_of: Callable[[Layout], Finder], workers: int
    ) -> None:
        self.works = [_Work(unit) for unit in units]
        self.finders = {layout.name: finder_of(layout) for layout in {unit.layout for unit in units}}
        self._plan = plan
        self._ahead = 2 * workers
        self._upcoming = iter(enumerate(self.works))
        self._current = 0
        self._stopping = False
        self._change = threading.Condition()
        for number in range(min(workers, len(units))):
            threading.Thread(target=self._run, name=f"scan-{number}", daemon=True).start()

    def turn(self, number: int) -> None:
        """The spans of this unit are wanted now."""
        with self._change:
            self._current = number
            self._change.notify_all()

    def dismiss(self) -> None:
        """No more is wanted."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        for work in self.works:
            work.abandon()

    def _run(self) -> None:
        finders = {name: finder.twin() for name, finder in self.finders.items()}
        while (work := self._next()) is not None:
            _guarded(work, self._plan, finders[work.unit.layout.name], work.unit.inherits)

    def _next(self) -> _Work | None:
        with self._change:
            number, work = next(self._upcoming, (0, None))
            while work and number > self._current + self._ahead and not self._stopping:
                self._change.wait()
            return None if self._stopping else work


def _again(work: _Work, plan: Plan, finders: dict[str, Finder], how: Again) -> _Work:
    """A unit once more, from where the one before it ended: ``None`` for its end of the stream."""
    work.abandon()
    again = _Work(work.unit)
    if how.at is None and not how.fresh:
        again.finish()
    else:
        finder = finders[work.unit.layout.name].twin()
        threading.Thread(
            target=_guarded, name="scan-again", args=(again, plan, finder, False, how.at), daemon=True
        ).start()
    return again


def _agrees(unit: Unit, first: Place | None, expected: Place) -> bool:
    """Whether a unit begins where the one before it ended."""
    if first is not None:
        return first == expected
    # It saw no entry: right, unless the one before it says that one begins within.
    return unit.stop is not None and unit.point(expected) >= unit.stop


def _guarded(work: _Work, plan: Plan, finder: Finder, inherits: bool, at: Place | None = None) -> None:
    """Scan one unit in a thread: an error is kept for where the spans are used."""
    try:
        _scan(work, plan, finder, inherits, at)
    except BaseException as error:  # noqa: BLE001 - raised again by take()
        work.error = error
    finally:
        work.finish()


def _scan(work: _Work, plan: Plan, finder: Finder, inherits: bool, at: Place | None = None) -> None:
    """Scan one unit; with ``at``, exactly from an entry that begins there."""
    scan = UnitScan(work.unit, plan, partial(Scanner, finder), work.counters, inherits=inherits, at=at)
    with contextlib.closing(scan):
        for spans in scan:
            work.first = scan.first
            if spans:
                work.put(spans)
            if work.abandoned:
                break
    work.first, work.last, work.seen_entry, work.broken = scan.first, scan.last, scan.seen_entry, scan.broken


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
            block=plan.block, start=start, stop=unit.stop, forget=plan.forget,
        )  # fmt: skip
        self._scanner = scanner_of(
            unit.layout, counters, plan.max_entry, mid_line=mid_line, inherits=inherits, fresh=at is None
        )

    def __iter__(self) -> Iterator[list[Span]]:
        return self._scanner.scan(self._reader)

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
    def remaining(self) -> Stream:
        """Files after one that is missing or damaged."""
        return self._reader.remaining

    @property
    def next_entry(self) -> Place | None:
        """Between two blocks: where the entry begins that comes next, if that is known."""
        return self._reader.place(0) if self._scanner.at_entry and self._reader.end else None
