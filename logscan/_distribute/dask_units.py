"""The stages as tasks of a running Dask cluster, which schedules the tasks and repeats lost ones.

Every worker must reach the logs by the same paths (a shared file system, an object store). A task is a *unit*
(:mod:`logscan._scanning.units`): a range of a plain file, or a whole packed file. The worker reads, unpacks,
scans and parses it. This process checks, in order, whether a unit begins where the unit before it ended; if
not, the unit is scanned again. So the result is that of one machine. Tasks keep nothing and change nothing: a
repeated task gives the same result.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from logscan._distribute.dask_connection import RETRIES, check_paths, connected
from logscan._entries.layouts import Layout
from logscan._reading.paths import LogFile
from logscan._reading.remote import is_remote
from logscan._scanning.needles import Finder
from logscan._scanning.plan import Limits, Progress, no_entries, slices_of
from logscan._scanning.scanner import Scanner, WholeScanner
from logscan._scanning.spans import Scan
from logscan._scanning.time_slices import StreamSlice
from logscan._scanning.units import (
    Plan,
    Unit,
    UnitEdges,
    UnitScan,
    units_of,
)
from logscan.times import TimeRange
from logscan.values import Counters, Place, Span

if TYPE_CHECKING:
    import pyarrow as pa

UNIT_BYTES = 128 << 20
"""Bytes of a plain file that one task scans: so many that the scheduler's cost for a task does not matter."""
LEAST_UNIT_BYTES = 8 << 20
"""The same for small inputs, so that all workers have something to do."""
RESULT_BYTES = 64 << 20
"""Bytes of entries that a task returns; if there are more, another task continues after them."""
_UNITS_PER_THREAD = 3
"""Units under way for each thread of the cluster."""


class Job(Protocol):
    """What a task makes of a unit's spans. A job travels to the workers.

    Attributes:
        pieces: number of pieces into which the result of a unit is divided.
    """

    pieces: ClassVar[int]

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """The scanner of a layout."""
        ...

    def made(self, spans: list[Span], layout: Layout, counters: Counters) -> Any:
        """What is made of some spans."""
        ...

    def whole(self, made: list[Any]) -> tuple[Any, ...]:
        """The result of a unit, in pieces that are fetched one by one."""
        ...


@dataclass(frozen=True)
class SpanJob:
    """Returns the spans."""

    pieces: ClassVar[int] = 1
    finder_of: Callable[[Layout], Finder]

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """See :class:`Job`."""
        return Scanner(self.finder_of(layout), layout, *args, **more)

    def made(self, spans: list[Span], _layout: Layout, _counters: Counters) -> list[Span]:
        """See :class:`Job`."""
        return spans

    def whole(self, made: list[list[Span]]) -> tuple[list[list[Span]]]:
        """See :class:`Job`: one piece."""
        return (made,)


@dataclass(frozen=True)
class ColumnJob:
    """Returns every entry in Arrow columns."""

    pieces: ClassVar[int] = 1
    max_entry: int
    times: TimeRange

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """See :class:`Job`."""
        return WholeScanner(layout, *args, **more)

    def made(self, spans: list[Span], layout: Layout, counters: Counters) -> list[pa.RecordBatch]:
        """See :class:`Job`."""
        from logscan._entries.arrow import to_columns, within

        batches: list[pa.RecordBatch] = []
        for span in spans:
            batch, counted = to_columns(span, layout, self.max_entry)
            counters.add(counted)
            batches.append(within(batch, self.times, counters))
        return batches

    def whole(self, made: list[list[pa.RecordBatch]]) -> tuple[list[pa.RecordBatch]]:
        """See :class:`Job`: one piece."""
        return ([batch for batches in made for batch in batches],)


class Outcome(NamedTuple):
    """What this process must know of a unit that was scanned."""

    counters: Counters
    first: Place | None
    last: Place | None
    seen_entry: bool
    broken: bool
    rest: Place | None
    """The entry at which another task must continue."""
    size: int
    """Bytes of the spans from which the result was made."""


_NOTHING = Outcome(Counters(), None, None, seen_entry=False, broken=False, rest=None, size=0)


def scan_unit(
    job: Job, unit: Unit, shown: dict[str, str], plan: Plan, *, inherits: bool, at: Place | None = None
) -> tuple[Any, ...]:
    """Scan a unit, or the rest of it from an entry on.

    Args:
        job: what is made of its spans.
        unit: its files have absolute paths.
        shown: absolute path → path in the result.
        plan: how it is read.
        inherits: lines before its first entry belong to the last entry of another unit.
        at: begin with the entry at this place.

    Returns:
        Its :class:`Outcome`, and the pieces of the job's result.
    """
    counters = Counters()
    scan = UnitScan(unit, plan, job.scanner, counters, inherits=inherits, at=at)
    made: list[Any] = []
    size = 0
    rest: Place | None = None
    with contextlib.closing(scan):
        for spans in scan:
            if spans:
                named = [
                    span._replace(place=span.place._replace(path=shown[span.place.path])) for span in spans
                ]
                made.append(job.made(named, unit.layout, counters))
                size += sum(len(span.data) for span in spans)
            if size >= RESULT_BYTES and (rest := scan.next_entry) is not None:
                break
    counters.problems = [
        replace(problem, path=shown.get(problem.path, problem.path)) for problem in counters.problems
    ]
    outcome = Outcome(counters, scan.first, scan.last, scan.seen_entry, scan.broken, rest, size)
    return outcome, *job.whole(made)


class Fleet:
    """The units of some logs on a cluster."""

    def __init__(
        self,
        client: Any,
        job: Job,
        slices: Sequence[StreamSlice],
        limits: Limits,
        *,
        counters: Counters,
        progress: Progress | None,
    ) -> None:
        self._client = client
        self._job = job
        self._plan = Plan(limits.max_entry, limits.block, limits.forget)
        self._counters = counters
        self._progress = progress
        self.threads = max(1, sum(client.nthreads().values()))
        size = sum(file.probe.size for part in slices for file in part.stream)
        spread = min(UNIT_BYTES, max(LEAST_UNIT_BYTES, size // (_UNITS_PER_THREAD * self.threads)))
        self._shown: dict[str, str] = {}
        self._units = [unit for part in slices for unit in self._units_of(part, spread)]

    def _units_of(self, part: StreamSlice, spread: int) -> list[Unit]:
        """The units of a stream, with absolute paths: workers may have another working directory."""
        files: list[LogFile] = []
        for file in part.stream:
            path = file.path if is_remote(file.path) else os.path.abspath(file.path)
            self._shown[path] = file.path
            files.append(file._replace(path=path))
        return units_of(part._replace(stream=tuple(files)), spread)

    def scanned(self) -> Iterator[tuple[list[Any], int]]:
        """For each unit, in the order of the log: futures of the pieces of its result, and the bytes of the
        spans from which it was made."""
        edges = UnitEdges()
        begun = self._counters.bytes
        upcoming = iter(self._units)
        under_way: deque[Any] = deque()
        try:
            for number, unit in enumerate(self._units):
                while len(under_way) < _UNITS_PER_THREAD * self.threads and (
                    following := next(upcoming, None)
                ):
                    under_way.append(self._submit(following, following.inherits))
                outcome, pieces = self._ended(unit, under_way.popleft(), unit.inherits)
                files = outcome.counters.files  # a file is counted once, however often it is read
                again = edges.again(unit, outcome.first)
                if again is not None and again.at is None and not again.fresh:
                    outcome, pieces = _NOTHING, []  # all of it belongs to the entry before
                elif again is not None:
                    outcome, pieces = self._scan_again(unit, again.at)
                yield pieces, outcome.size
                self._counters.add(replace(outcome.counters, files=files))
                while outcome.rest is not None:
                    outcome, pieces = self._scan_again(unit, outcome.rest)
                    yield pieces, outcome.size
                    self._counters.add(replace(outcome.counters, files=0))
                edges.ended(outcome.seen_entry, outcome.last, outcome.broken)
                if number + 1 == len(self._units) or self._units[number + 1].first:
                    if not edges.seen and self._counters.bytes > begun:
                        size = self._counters.bytes - begun
                        self._counters.problems.append(no_entries(unit.stream[-1].path, size))
                    begun = self._counters.bytes
                if self._progress:
                    self._progress(self._counters)
        finally:
            for future in under_way:
                future.cancel()

    def _scan_again(self, unit: Unit, at: Place | None) -> tuple[Outcome, list[Any]]:
        """Scan a unit again: from an entry on, or as if nothing came before it."""
        return self._ended(unit, self._submit(unit, inherits=False, at=at), inherits=False, at=at)

    def _ended(
        self, unit: Unit, future: Any, inherits: bool, at: Place | None = None
    ) -> tuple[Outcome, list[Any]]:
        """The outcome of a task, and futures of the pieces of its result."""
        outcome: Outcome = self._piece(future, 0).result()
        ended = outcome.last is not None or outcome.rest is not None or outcome.broken
        if not ended and _cut(unit, at).stream[-1] != unit.stream[-1]:
            # Its last entry fills all files that the task was given.
            future = self._send(_cut(unit, at, len(unit.stream)), inherits, at)
            outcome = self._piece(future, 0).result()
        return outcome, [self._piece(future, number + 1) for number in range(self._job.pieces)]

    def _submit(self, unit: Unit, inherits: bool, at: Place | None = None) -> Any:
        return self._send(_cut(unit, at), inherits, at)

    def _send(self, unit: Unit, inherits: bool, at: Place | None) -> Any:
        shown = {file.path: self._shown[file.path] for file in unit.stream}
        return self._client.submit(
            scan_unit,
            self._job,
            unit,
            shown,
            self._plan,
            inherits=inherits,
            at=at,
            retries=RETRIES,
            pure=False,
        )

    def _piece(self, future: Any, number: int) -> Any:
        return self._client.submit(_item, future, number, pure=False, priority=10)


def _cut(unit: Unit, at: Place | None, more: int = 1) -> Unit:
    """A unit with the files that its task needs: its own, and so many after them."""
    first = unit.start[0]
    if unit.stop is None:
        return unit._replace(stream=unit.stream[first:], start=(0, unit.start[1]))
    last = unit.stop[0] if at is None else max(unit.stop[0], unit.point(at)[0])
    stop = (unit.stop[0] - first, unit.stop[1])
    return unit._replace(stream=unit.stream[first : last + 1 + more], start=(0, unit.start[1]), stop=stop)


def _item(made: tuple[Any, ...], number: int) -> Any:
    return made[number]


class ClusterScan(NamedTuple):
    """Gives the spans of streams, scanned by the workers of a cluster."""

    client: Any
    scan: Scan

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """See :class:`logscan._scanning.spans.SpanSource`."""
        scan = self.scan
        job = SpanJob(scan.finder_of)
        fleet = Fleet(self.client, job, slices, scan.limits, counters=scan.counters, progress=scan.progress)
        for pieces, _ in fleet.scanned():
            for piece in pieces:
                yield from piece.result()


def batches_on_cluster(
    address: str,
    paths: Sequence[str],
    counters: Counters,
    *,
    times: TimeRange,
    limits: Limits,
    progress: Progress | None,
) -> Iterator[pa.RecordBatch]:
    """All entries of some logs in columns, in the order of the log."""
    slices = slices_for(paths, counters, times)
    with connected(address) as client:
        job = ColumnJob(limits.max_entry, times)
        fleet = Fleet(client, job, slices, limits, counters=counters, progress=progress)
        for pieces, _ in fleet.scanned():
            for piece in pieces:
                yield from piece.result()


def slices_for(paths: Sequence[str], counters: Counters, times: TimeRange) -> list[StreamSlice]:
    """The slices of some paths that must be read, if workers can read them.

    Raises:
        NoLogsError: there are no logs at these paths.
        UsageError: a path is standard input or a store.
    """
    check_paths(paths)
    return slices_of(paths, counters, times)
