"""Fleet: the stages as tasks of a running Dask cluster, which schedules them and repeats lost ones.

Logs must be reachable by the same paths from every worker (a shared file system, an object store). A task is
a *unit* (:mod:`logscan.scanning.units`): a range of a plain file, a whole packed one. It reads, unpacks,
finds and understands where the worker is; whether it begins where the unit before it ended is judged here, in
order, and where it does not it is scanned again. So the answer is that of one machine. Tasks keep nothing and
change nothing: one that is repeated because its worker was lost gives the same again."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from logscan.distribute.dask_connection import RETRIES, check_paths, connected
from logscan.entries.layouts import Layout
from logscan.reading.paths import LogFile
from logscan.reading.remote import is_remote
from logscan.scanning.needles import Finder
from logscan.scanning.plan import Limits, Progress, no_entries, parts_of
from logscan.scanning.scanner import Scanner, WholeScanner
from logscan.scanning.spans import Scan
from logscan.scanning.time_slices import Part
from logscan.scanning.units import (
    Plan,
    Seams,
    Unit,
    UnitScan,
    units_of,
)
from logscan.times import TimeRange
from logscan.values import Counters, Place, Span

if TYPE_CHECKING:
    import pyarrow as pa

RANGE = 128 << 20
"""Bytes of a plain file that one task scans: enough that what a task costs the scheduler does not count."""
LEAST = 8 << 20
"""The same where there is little: so that all workers have some."""
MOST = 64 << 20
"""Bytes of entries that a task gives; where there are more a further task goes on behind them."""
AHEAD = 3
"""Units under way, a thread of the cluster."""


class Job(Protocol):
    """What is made of a unit's spans, as a value that travels.

    Attributes:
        pieces: how many it makes of all that came of a unit.
    """

    pieces: ClassVar[int]

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """What scans."""
        ...

    def made(self, spans: list[Span], layout: Layout, counters: Counters) -> Any:
        """What comes of some of them."""
        ...

    def whole(self, made: list[Any]) -> tuple[Any, ...]:
        """All that came of a unit, in pieces that are fetched one by one."""
        ...


@dataclass(frozen=True)
class Spans:
    """The spans as they are."""

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
class Columns:
    """Every entry in Arrow columns."""

    pieces: ClassVar[int] = 1
    max_entry: int
    times: TimeRange

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """See :class:`Job`."""
        return WholeScanner(layout, *args, **more)

    def made(self, spans: list[Span], layout: Layout, counters: Counters) -> list[pa.RecordBatch]:
        """See :class:`Job`."""
        from logscan.entries.arrow import to_columns, within

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
    """What must be known of a unit that was scanned."""

    counters: Counters
    first: Place | None
    last: Place | None
    seen_entry: bool
    broken: bool
    rest: Place | None
    """Where the entry begins with which a further task must go on."""
    size: int
    """Bytes of the spans that something was made of."""


_NOTHING = Outcome(Counters(), None, None, seen_entry=False, broken=False, rest=None, size=0)


def scan_unit(
    job: Job, unit: Unit, shown: dict[str, str], plan: Plan, inherits: bool, at: Place | None = None
) -> tuple[Any, ...]:
    """Scan a unit, or what is left of it from an entry on: its :class:`Outcome`, and what the job made.

    Args:
        job: what is made of its spans.
        unit: its files by the paths that this machine knows.
        shown: those paths → what they are called in what is made.
        plan: how it is read.
        inherits: lines before its first entry belong to another unit's last.
        at: begin exactly with an entry that begins there.
    """
    counters = Counters()
    scan = UnitScan(unit, plan, job.scanner, counters, inherits, at)
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
            if size >= MOST and (rest := scan.next_entry) is not None:
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
        parts: Sequence[Part],
        limits: Limits,
        counters: Counters,
        progress: Progress | None,
    ) -> None:
        self._client = client
        self._job = job
        self._plan = Plan(limits.max_entry, limits.block, limits.forget)
        self._counters = counters
        self._progress = progress
        self.threads = max(1, sum(client.nthreads().values()))
        size = sum(file.probe.size for part in parts for file in part.stream)
        spread = min(RANGE, max(LEAST, size // (AHEAD * self.threads)))
        self._shown: dict[str, str] = {}
        self._units = [unit for part in parts for unit in self._units_of(part, spread)]

    def _units_of(self, part: Part, spread: int) -> list[Unit]:
        """Units whose files have paths that do not depend on where this process stands."""
        files: list[LogFile] = []
        for file in part.stream:
            path = file.path if is_remote(file.path) else os.path.abspath(file.path)
            self._shown[path] = file.path
            files.append(file._replace(path=path))
        return units_of(part._replace(stream=tuple(files)), spread)

    def scanned(self) -> Iterator[tuple[list[Any], int]]:
        """Futures of what the job made of each unit, in the order of the log, a list of pieces each time, and
        the bytes of the spans that it was made of."""
        seams = Seams()
        begun = self._counters.bytes
        upcoming = iter(self._units)
        under_way: deque[Any] = deque()
        try:
            for number, unit in enumerate(self._units):
                while len(under_way) < AHEAD * self.threads and (following := next(upcoming, None)):
                    under_way.append(self._submit(following, following.inherits))
                outcome, pieces = self._ended(unit, under_way.popleft(), unit.inherits)
                files = outcome.counters.files  # counted where the file was opened, however often it is read
                again = seams.again(unit, outcome.first)
                if again is not None and again.at is None and not again.fresh:
                    outcome, pieces = _NOTHING, []  # all of it belongs to the entry in front
                elif again is not None:
                    outcome, pieces = self._once_more(unit, again.at)
                yield pieces, outcome.size
                self._counters.add(replace(outcome.counters, files=files))
                while outcome.rest is not None:
                    outcome, pieces = self._once_more(unit, outcome.rest)
                    yield pieces, outcome.size
                    self._counters.add(replace(outcome.counters, files=0))
                seams.ended(outcome.seen_entry, outcome.last, outcome.broken)
                if number + 1 == len(self._units) or self._units[number + 1].first:
                    if not seams.seen and self._counters.bytes > begun:
                        size = self._counters.bytes - begun
                        self._counters.problems.append(no_entries(unit.stream[-1].path, size))
                    begun = self._counters.bytes
                if self._progress:
                    self._progress(self._counters)
        finally:
            for future in under_way:
                future.cancel()

    def _once_more(self, unit: Unit, at: Place | None) -> tuple[Outcome, list[Any]]:
        """A unit from an entry on, or as if nothing stood in front of it."""
        return self._ended(unit, self._submit(unit, inherits=False, at=at), inherits=False, at=at)

    def _ended(
        self, unit: Unit, future: Any, inherits: bool, at: Place | None = None
    ) -> tuple[Outcome, list[Any]]:
        """What must be known of a task's unit, and futures of its pieces."""
        outcome: Outcome = self._piece(future, 0).result()
        ended = outcome.last is not None or outcome.rest is not None or outcome.broken
        if not ended and _cut(unit, at).stream[-1] != unit.stream[-1]:
            # Its last entry goes on through all files that it was given.
            future = self._send(_cut(unit, at, len(unit.stream)), inherits, at)
            outcome = self._piece(future, 0).result()
        return outcome, [self._piece(future, number + 1) for number in range(self._job.pieces)]

    def _submit(self, unit: Unit, inherits: bool, at: Place | None = None) -> Any:
        return self._send(_cut(unit, at), inherits, at)

    def _send(self, unit: Unit, inherits: bool, at: Place | None) -> Any:
        shown = {file.path: self._shown[file.path] for file in unit.stream}
        return self._client.submit(
            scan_unit, self._job, unit, shown, self._plan, inherits, at, retries=RETRIES, pure=False
        )

    def _piece(self, future: Any, number: int) -> Any:
        return self._client.submit(_item, future, number, pure=False, priority=10)


def _cut(unit: Unit, at: Place | None, more: int = 1) -> Unit:
    """A unit with the files that its task needs: its own, and so many behind them."""
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

    def spans(self, parts: Sequence[Part]) -> Iterator[list[Span]]:
        """See :class:`logscan.scanning.spans.SpanSource`."""
        scan = self.scan
        job = Spans(scan.finder_of)
        fleet = Fleet(self.client, job, parts, scan.limits, scan.counters, scan.progress)
        for pieces, _ in fleet.scanned():
            for piece in pieces:
                yield from piece.result()


def batches_on_cluster(
    address: str,
    paths: Sequence[str],
    counters: Counters,
    times: TimeRange,
    limits: Limits,
    progress: Progress | None,
) -> Iterator[pa.RecordBatch]:
    """All entries of some logs in columns, in the order of the log."""
    parts = parts_for(paths, counters, times)
    with connected(address) as client:
        job = Columns(limits.max_entry, times)
        for pieces, _ in Fleet(client, job, parts, limits, counters, progress).scanned():
            for piece in pieces:
                yield from piece.result()


def parts_for(paths: Sequence[str], counters: Counters, times: TimeRange) -> list[Part]:
    """What must be read of some paths, all of which workers can read.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: standard input, or a store.
    """
    check_paths(paths)
    return parts_of(paths, counters, times)
