"""Units of work are run, and what comes of them is put in order: the one loop for all jobs that read streams.

A task is a value that says what is made of a unit. It travels to whoever executes it. Here neighbours are
compared (see :mod:`logscan._scanning.units`), units are run again where they do not agree, and counters are
added.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from logscan._distribute.executors import Executor, Result
from logscan._entries.layouts import Layout
from logscan._reading.paths import LogFile
from logscan._reading.planned import PlannedFile, planned
from logscan._scanning.plan import Limits, Progress, no_entries
from logscan._scanning.scanner import Scanner
from logscan._scanning.time_slices import StreamSlice
from logscan._scanning.units import Plan, Unit, UnitEdges, UnitScan, units_of, whole_of
from logscan.values import Counters, Place, Span

MOST_RANGE = 64 << 20
"""Bytes of a plain file in one unit."""
LEAST_RANGE = 8 << 20
"""The same for small inputs, so that all workers have something to do."""
UNITS_PER_WORKER = 4
"""Units that each worker should have at least, so that all end at about the same time."""
PACKING = 10
"""Bytes of text for each packed byte, about."""
RESULT_BYTES = 16 << 20
"""Bytes of entries from which a result is made; if there are more, another task continues after them."""


class Work(Protocol):
    """What is made of one unit, while it is read."""

    def scanner(self, layout: Layout, counters: Counters, *more: Any, **options: Any) -> Scanner:
        """The scanner of the unit."""
        ...

    def take(self, spans: list[Span], layout: Layout) -> Iterator[Any]:
        """What is made of the spans of a block."""
        ...

    def end(self) -> Iterator[Any]:
        """What is made at the end of the unit."""
        ...


class Task(Protocol):
    """What is made of units: a value that travels to workers."""

    def made(self, *, is_first: bool, is_last: bool, counters: Counters) -> Work:
        """Begin with a unit: whether it is the first, or the last, of what is read of its stream."""
        ...


class Outcome(NamedTuple):
    """What must be known of a unit that was run."""

    counters: Counters
    first: Place | None
    last: Place | None
    seen_entry: bool
    broken: bool
    rest: Place | None
    """The entry at which another task must continue."""
    remaining: int
    """Files after one that is missing or damaged."""
    path: str
    """The file that was read last."""

    @property
    def ended(self) -> bool:
        """Whether it is known where it ends."""
        return self.last is not None or self.rest is not None or self.broken


class Call(NamedTuple):
    """All that a task needs to run a unit."""

    task: Task
    unit: Unit
    plan: Plan
    inherits: bool
    is_first: bool
    is_last: bool
    at: Place | None = None
    """Begin with the entry at this place."""


def pieces_of(
    call: Call, counters: Counters, *, most: int | None = None, after_block: Callable[[], None] | None = None
) -> Iterator[Any]:
    """Run a unit: the pieces that are made of it, and at last its :class:`Outcome`.

    Args:
        call: what to run.
        counters: takes what is counted.
        most: bytes of spans after which another task must continue.
        after_block: called after each block.
    """
    work = call.task.made(is_first=call.is_first, is_last=call.is_last, counters=counters)
    scan = UnitScan(call.unit, call.plan, work.scanner, counters, inherits=call.inherits, at=call.at)
    size = 0
    rest: Place | None = None
    with contextlib.closing(scan):
        for spans in scan:
            yield from work.take(spans, scan.layout)
            if after_block is not None:
                after_block()
            size += sum(len(span.data) for span in spans) if most is not None else 0
            if most is not None and size >= most and (rest := scan.next_entry) is not None:
                break
    yield from work.end()
    yield Outcome(
        counters, scan.first, scan.last, scan.seen_entry, scan.broken, rest, len(scan.remaining),
        scan.path,
    )  # fmt: skip


def run_call(call: Call) -> list[Any]:
    """Run a unit in a worker: its pieces, and at last its :class:`Outcome`."""
    return list(pieces_of(call, Counters(), most=RESULT_BYTES))


class UnitRun:
    """The units of some streams.

    Args:
        executor: who runs them.
        task: what is made of each.
        slices: what is read.
        limits: how.
        counters: takes what is counted.
        progress: called after each unit, and while one is read here.
        most_range: bytes of a plain file in one unit; 0: :data:`MOST_RANGE`.
        remote: workers may be on other machines.
    """

    def __init__(
        self,
        executor: Executor,
        task: Task,
        slices: Sequence[StreamSlice],
        *,
        limits: Limits,
        counters: Counters,
        progress: Progress | None = None,
        lines: bool = False,
        most_range: int = 0,
        remote: bool = False,
    ) -> None:
        self.executor = executor
        self.task = task
        self.counters = counters
        self._plan = Plan(limits.max_entry, limits.block, limits.forget, lines)
        self._progress = progress
        self._planned: dict[str, PlannedFile] = {}
        """Of remote workers: what they must find."""
        if remote:
            self._planned = {file.path: planned(file) for part in slices for file in part.stream}
        self._slices = slices
        size = range_size(slices, executor.workers, most_range)
        self._units = [[whole_of(part)] if executor.is_inline else units_of(part, size) for part in slices]
        self._upcoming = iter([self._call(units, n) for units in self._units for n in range(len(units))])
        self._under_way: deque[Result] = deque()

    def streams(self) -> Iterator[StreamRun]:
        """Each stream in its order; its pieces must be taken before the next."""
        for part, units in zip(self._slices, self._units, strict=True):
            yield StreamRun(self, part, units)

    def pieces(self) -> Iterator[Any]:
        """The pieces of all streams."""
        for stream in self.streams():
            yield from stream.pieces()

    def next_result(self) -> Result | None:
        """The result of the next unit; a few more are under way. ``None``: it is run here."""
        if self.executor.is_inline:
            return None
        while len(self._under_way) < 2 * self.executor.workers + 1:
            call = next(self._upcoming, None)
            if call is None:
                break
            self._under_way.append(self.executor.submit(run_call, call))
        return self._under_way.popleft()

    def report_progress(self) -> None:
        """Say how far the run is."""
        if self._progress is not None:
            self._progress(self.counters)

    def drop(self, count: int) -> None:
        """The results of the next units are not wanted."""
        for _ in range(count):
            if self._under_way:
                self._under_way.popleft().cancel()
            else:
                next(self._upcoming)

    def call_of(
        self,
        unit: Unit,
        *,
        inherits: bool,
        is_first: bool,
        is_last: bool,
        at: Place | None = None,
        more: int = 1,
    ) -> Call:
        """The call that runs a unit.

        Args:
            unit: a part of a stream.
            inherits: lines before its first entry belong to an earlier one.
            is_first: nothing of its stream was read before it.
            is_last: nothing of its stream is read after it.
            at: begin with an entry that begins there.
            more: files after its own that travel with it, because its last entry may end in them.
        """
        if not self.executor.is_inline:
            unit = _cut(unit, at, more)
        if self._planned:
            unit = unit._replace(stream=tuple(map(self._anywhere, unit.stream)))
        return Call(self.task, unit, self._plan, inherits, is_first, is_last, at)

    def _anywhere(self, file: LogFile) -> LogFile:
        """A file that is opened by a path that holds everywhere, if it is the same there."""
        return file._replace(opened=partial(self._planned[file.path].open, forget=self._plan.forget))

    def _call(self, units: list[Unit], number: int) -> Call:
        unit = units[number]
        return self.call_of(
            unit, inherits=unit.inherits, is_first=number == 0, is_last=number + 1 == len(units)
        )


def _cut(unit: Unit, at: Place | None, more: int) -> Unit:
    """A unit with the files that its task needs, without what was found when they were discovered."""
    first = unit.start[0]
    stop = unit.stop
    end = len(unit.stream)
    if stop is not None:
        last = stop[0] if at is None else max(stop[0], unit.point(at)[0])
        end = min(end, last + 1 + more)
        stop = (stop[0] - first, stop[1])
    stream = tuple(
        file._replace(probe=replace(file.probe, head=b"", notes=None)) for file in unit.stream[first:end]
    )
    return unit._replace(stream=stream, start=(0, unit.start[1]), stop=stop)


class StreamRun:
    """The units of one stream in their order.

    Args:
        run: all streams.
        part: what is read of this one.
        units: its units.
    """

    def __init__(self, run: UnitRun, part: StreamSlice, units: list[Unit]) -> None:
        self._run, self._part, self._units = run, part, units
        self._added: list[Counters] = []
        self._done = 0
        """Units whose results were taken."""

    def pieces(self) -> Iterator[Any]:
        """What is made of the stream."""
        begun = self._run.counters.bytes
        seen, path = yield from self._here() if self._run.executor.is_inline else self._elsewhere()
        size = self._run.counters.bytes - begun
        if not seen and size > 0:
            self._run.counters.problems.append(no_entries(path, size))

    def whole(self) -> Iterator[Any]:
        """In place of all that was made so far: the stream as one unit, run here."""
        for counters in self._added:
            self._run.counters.remove(counters)
        self._run.drop(len(self._units) - self._done)
        self._done = len(self._units)
        yield from self._here()

    def _here(self) -> Generator[Any, None, tuple[bool, str]]:
        """The pieces of the stream, run here as they come; whether it has an entry, and its last path."""
        run, unit = self._run, whole_of(self._part)
        seen = False
        while True:
            call = run.call_of(unit, inherits=unit.inherits, is_first=True, is_last=True)
            for piece in pieces_of(call, run.counters, after_block=run.report_progress):
                if isinstance(piece, Outcome):
                    outcome = piece
                else:
                    yield piece
            run.report_progress()
            seen = seen or outcome.seen_entry
            if not outcome.remaining:
                return seen, outcome.path
            # Files after one that is missing or damaged: they continue nothing.
            unit = unit._replace(
                stream=unit.stream[-outcome.remaining :], start=(0, 0),
                stop=None if unit.stop is None else (outcome.remaining - 1, unit.stop[1]), inherits=False,
            )  # fmt: skip

    def _elsewhere(self) -> Generator[Any, None, tuple[bool, str]]:
        """The same by workers: the units in their order."""
        run, edges = self._run, UnitEdges()
        path = ""
        for number, unit in enumerate(self._units):
            is_last = number + 1 == len(self._units)
            result = run.next_result()
            self._done += 1
            assert result is not None
            pieces = result.result()
            outcome: Outcome = pieces.pop()
            if not outcome.ended and _cut(unit, None, 1).stream[-1].path != unit.stream[-1].path:
                # Its last entry fills all files that the task was given.
                pieces = self._there(unit, number == 0, is_last, None, inherits=unit.inherits)
                outcome = pieces.pop()
            files = outcome.counters.files  # a file is counted once, however often it is read
            again = edges.again(unit, outcome.first)
            if again is not None and again.at is None and not again.fresh:
                pieces, outcome = [], _nothing(outcome.path)  # all of it belongs to the entry before
            elif again is not None:
                pieces = self._there(unit, number == 0 or again.fresh, is_last, again.at)
                outcome = pieces.pop()
            yield from pieces
            self._add(replace(outcome.counters, files=files))
            while outcome.rest is not None:
                pieces = self._there(unit, False, is_last, outcome.rest)
                outcome = pieces.pop()
                yield from pieces
                self._add(replace(outcome.counters, files=0))
            edges.ended(outcome.seen_entry, outcome.last, outcome.broken)
            path = outcome.path or path
            run.report_progress()
        return edges.seen, path

    def _there(
        self, unit: Unit, is_first: bool, is_last: bool, at: Place | None, *, inherits: bool = False
    ) -> list[Any]:
        """Run a unit once more, with all files after it: from an entry on, or from its beginning."""
        call = self._run.call_of(
            unit, inherits=inherits, is_first=is_first, is_last=is_last, at=at, more=len(unit.stream)
        )
        pieces: list[Any] = self._run.executor.submit(run_call, call).result()
        return pieces

    def _add(self, counters: Counters) -> None:
        self._added.append(counters)
        self._run.counters.add(counters)


def _nothing(path: str) -> Outcome:
    return Outcome(Counters(), None, None, False, False, None, 0, path)


def range_size(slices: Sequence[StreamSlice], workers: int, most: int = 0) -> int:
    """Bytes of a plain file in one unit."""
    share = text_size(slices) // (UNITS_PER_WORKER * workers)
    return min(most or MOST_RANGE, max(LEAST_RANGE, share))


def text_size(slices: Sequence[StreamSlice]) -> int:
    """Bytes of text, about; 0 if a pipe is among them: it can be read once, here."""
    files = [file for part in slices for file in part.stream]
    if any(file.probe.is_stream for file in files):
        return 0
    return sum(
        part.size if part.size is not None
        else sum(file.probe.size * (1 if file.probe.packing.is_plain else PACKING) for file in part.stream)
        for part in slices
    )  # fmt: skip


def unit_count(slices: Sequence[StreamSlice], workers: int, most: int = 0) -> int:
    """How many units there are."""
    size = range_size(slices, max(1, workers), most)
    return sum(len(units_of(part, size)) for part in slices)
