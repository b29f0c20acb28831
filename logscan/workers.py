"""Workers: parts of a stream are scanned at the same time, and their spans come out in order.

A stream is cut into *units*: ranges of plain files, and whole files where bytes cannot be skipped because
they are packed. A unit owns the entries that open within it; its worker reads on behind it until the next
entry opens. Each worker says where its first entry begins and where the first begins that is not its own;
where two neighbours do not agree (a file that is missing or damaged between them, a cut through a header)
the later unit is scanned again, in order, from where the earlier one ended. So the result is that of one
worker, always.

Threads serve, not processes: reading, unpacking and the search for needles release the interpreter's lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import NamedTuple

from logscan.blocks import BlockReader
from logscan.entries import Layout, begins_entry
from logscan.finders import Finder
from logscan.models import Counters, Place, Span
from logscan.scanner import Scanner
from logscan.skipping import Part
from logscan.sources import STDIN, Stream, plain_size

RANGE = 32 << 20
"""Bytes of a plain file that a worker takes at once."""
AHEAD = 16 << 20
"""Bytes of spans that a worker may be ahead of their use; then it waits."""


class Plan(NamedTuple):
    """How streams are read."""

    max_entry: int
    block: int
    forget: bool
    finder: Callable[[Layout], Finder]


class Unit(NamedTuple):
    """A part of a stream; ``stop`` is where the next part begins."""

    stream: Stream
    layout: Layout
    start: tuple[int, int]
    stop: tuple[int, int] | None
    first: bool
    """The first of what is read of its stream."""
    inherits: bool
    """Lines before its first entry belong to an entry in front of it."""


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
        """Whether a file was missing or damaged: what stands behind it continues nothing."""
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


def units_of(part: Part, layout: Layout) -> list[Unit]:
    """The units of a part of a stream."""
    starts: list[tuple[int, int]] = []
    last = len(part.stream) - 1
    for index, file in enumerate(part.stream):
        size = plain_size(file.path) if file.path != STDIN else None
        end = (size or 1) if part.stop is None or index < last else part.stop
        starts += [(index, offset) for offset in range(part.start if index == 0 else 0, end, RANGE)]
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
    files = [file.path for stream in streams for file in stream]
    sizes = [os.path.getsize(path) for path in files if path != "-" and os.path.isfile(path)]
    return sum(sizes) >= RANGE // 4 and (len(sizes) > 1 or max(sizes) > RANGE)


def scan_units(units: Sequence[Unit], plan: Plan, workers: int, counters: Counters) -> Iterator[Scanned]:
    """The spans of all units in order.

    Args:
        units: parts of streams, in order.
        plan: how they are read.
        workers: threads.
        counters: takes what the units counted, as if one worker had read all.
    """
    crew = _Crew(units, plan, workers)
    expected: Place | None = None
    broken = False
    seen = False
    try:
        for number, work in enumerate(crew.works):
            crew.turn(number)
            begins_stream = work.unit.first
            if begins_stream:
                expected, broken, seen = None, False, False
            work.begun()
            files = work.counters.files  # counted where the file was opened, however often it is read
            if not (begins_stream or broken or (expected is not None and _agrees(work, expected))):
                work = _again(work, plan, crew.finders, expected)
            elif broken:
                work = _again(work, plan, crew.finders, None, fresh=True)
            for spans in work.take():
                yield Scanned(spans, None)
            work.counters.files = files
            counters_add(counters, work.counters)
            if work.seen_entry:
                seen, expected = True, work.last
            broken = work.broken
            if number + 1 == len(units) or units[number + 1].first:
                yield Scanned([], seen)
    finally:
        crew.dismiss()


class _Crew:
    """The threads, and the units they work through in order, not too far ahead of their use."""

    def __init__(self, units: Sequence[Unit], plan: Plan, workers: int) -> None:
        self.works = [_Work(unit) for unit in units]
        self.finders = {layout.name: plan.finder(layout) for layout in {unit.layout for unit in units}}
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


def _again(
    work: _Work, plan: Plan, finders: dict[str, Finder], at: Place | None, fresh: bool = False
) -> _Work:
    """A unit once more, from where the one before it ended: ``None`` for its end of the stream."""
    work.abandon()
    again = _Work(work.unit)
    if at is None and not fresh:
        again.finish()
    else:
        finder = finders[work.unit.layout.name].twin()
        threading.Thread(
            target=_guarded, name="scan-again", args=(again, plan, finder, False, at), daemon=True
        ).start()
    return again


def _agrees(work: _Work, expected: Place) -> bool:
    """Whether a unit begins where the one before it ended."""
    if work.first is not None:
        return work.first == expected
    # It saw no entry: right, unless the one before it says that one begins within.
    unit = work.unit
    place = (next(n for n, file in enumerate(unit.stream) if file.path == expected.path), expected.offset)
    return unit.stop is not None and place >= unit.stop


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
    unit = work.unit
    start = unit.start
    fresh = True
    mid_line = False
    if at is not None:
        index = next(n for n, file in enumerate(unit.stream) if file.path == at.path)
        start, fresh = (index, at.offset), False
    elif inherits and start[1]:
        # One byte earlier: it tells whether a line begins at the start.
        start, mid_line = (start[0], start[1] - 1), True
    reader = BlockReader(
        unit.stream, work.counters, plan.max_entry, begins_entry, False, plan.block, start, unit.stop,
        plan.forget,
    )  # fmt: skip
    scanner = Scanner(finder, unit.layout, work.counters, plan.max_entry, False, mid_line, inherits, fresh)
    try:
        for spans in scanner.scan(reader):
            work.first = scanner.first
            if spans:
                work.put(spans)
            if work.abandoned:
                break
    finally:
        reader.close()
    work.first, work.last = scanner.first, scanner.last
    work.seen_entry = scanner.seen_entry or scanner.first is not None
    work.broken = reader.broken


def counters_add(total: Counters, part: Counters) -> None:
    """Add one run's counts to another's; a problem that both met is kept once."""
    for field in fields(Counters):
        if field.name != "problems":
            setattr(total, field.name, getattr(total, field.name) + getattr(part, field.name))
    total.problems += [problem for problem in part.problems if problem not in total.problems]
