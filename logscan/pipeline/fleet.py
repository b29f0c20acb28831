"""Fleet: the stages as tasks of a running Dask cluster, which schedules them and repeats lost ones.

Logs must be reachable by the same paths from every worker (a shared file system, an object store). A task is
a *unit* (:mod:`logscan.workers`): a range of a plain file, a whole packed one. It reads, unpacks, finds and
understands where the worker is; whether it begins where the unit before it ended is judged here, in order,
and where it does not it is scanned again. So the answer is that of one machine. Tasks keep nothing and change
nothing: one that is repeated because its worker was lost gives the same again.

For a report the messages fall into the same parts as on one machine, and each part is counted by a chain of
tasks of its own. What they carry on (messages that are open, counts) comes back here now and then, so that a
lost worker costs a round of units, not all.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from logscan.entries import Layout, parse
from logscan.finders import Finder
from logscan.incidents import Incidents
from logscan.models import Counters, Entry, Place, Span
from logscan.pipeline.cluster import RETRIES, check_paths, connected
from logscan.pipeline.counting import PARTS, Counted, Joining, Tally, merge, needles_of, part_of
from logscan.pipeline.reading import Limits, Progress, layout_at, no_entries, parts_of
from logscan.pipeline.selection import HostNames
from logscan.pipeline.sharing import Asked
from logscan.remote import is_remote
from logscan.scanner import Scanner, WholeScanner
from logscan.skipping import Part
from logscan.sources import LogFile, size_or_zero
from logscan.timerange import TimeRange
from logscan.workers import Plan, Seams, Unit, UnitScan, counters_add, units_of

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
ROUND = 64
"""Units after which entries are counted and the counts come back (four times the threads, where that is
more): what a lost worker costs, against what it costs to carry open messages from task to task."""
HELD = 64 << 20
"""Bytes of entries, a thread of the cluster, that wait to be counted; where there are more they are counted
earlier."""


class Job(Protocol):
    """What is made of a unit's spans, as a value that travels."""

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
class Entries(Spans):
    """The entries, understood, by the part that their messages belong to."""

    def made(self, spans: list[Span], _layout: Layout, counters: Counters) -> list[Entry]:  # type: ignore[override]
        """See :class:`Job`."""
        counters.candidates += len(spans)
        return [parse(span, counters) for span in spans]

    def whole(self, made: list[list[Entry]]) -> tuple[list[Entry], ...]:  # type: ignore[override]
        """See :class:`Job`: a piece a part."""
        parts: tuple[list[Entry], ...] = tuple([] for _ in range(PARTS))
        for entries in made:
            for entry in entries:
                parts[part_of(entry.message_id)].append(entry)
        return parts


@dataclass(frozen=True)
class Columns:
    """Every entry in Arrow columns."""

    max_entry: int
    times: TimeRange

    def scanner(self, layout: Layout, *args: Any, **more: Any) -> Scanner:
        """See :class:`Job`."""
        return WholeScanner(layout, *args, **more)

    def made(self, spans: list[Span], layout: Layout, counters: Counters) -> list[pa.RecordBatch]:
        """See :class:`Job`."""
        from logscan.columns import to_columns, within

        batches: list[pa.RecordBatch] = []
        for span in spans:
            batch, counted = to_columns(span, layout, self.max_entry)
            counters_add(counters, counted)
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


class _Fleet:
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
        size = sum(size_or_zero(file.path) for part in parts for file in part.stream)
        spread = min(RANGE, max(LEAST, size // (AHEAD * self.threads)))
        self.held = 0
        """Bytes of the spans of all units that were given; whoever uses them may set it back."""
        self._shown: dict[str, str] = {}
        self._units = [unit for part in parts for unit in self._units_of(part, spread)]

    def _units_of(self, part: Part, spread: int) -> list[Unit]:
        """Units whose files have paths that do not depend on where this process stands."""
        layout = part.layout or layout_at(part.stream[0].path)
        files: list[LogFile] = []
        for file in part.stream:
            path = file.path if is_remote(file.path) else os.path.abspath(file.path)
            self._shown[path] = file.path
            files.append(file._replace(path=path))
        return units_of(part._replace(stream=tuple(files)), layout, spread)

    def scanned(self) -> Iterator[list[Any]]:
        """Futures of what the job made of each unit, in the order of the log, a list of pieces each time."""
        seams = Seams()
        begun = self._counters.bytes
        upcoming = iter(self._units)
        under_way: deque[tuple[Unit, Any]] = deque()
        try:
            for number, unit in enumerate(self._units):
                while len(under_way) < AHEAD * self.threads and (following := next(upcoming, None)):
                    under_way.append((following, self._submit(following, following.inherits)))
                _, future = under_way.popleft()
                outcome, pieces = self._ended(unit, future, unit.inherits)
                files = outcome.counters.files  # counted where the file was opened, however often it is read
                again = seams.again(unit, outcome.first)
                if again is not None and again.at is None and not again.fresh:
                    outcome, pieces = _NOTHING, []  # all of it belongs to the entry in front
                elif again is not None:
                    future = self._submit(unit, inherits=False, at=again.at)
                    outcome, pieces = self._ended(unit, future, inherits=False, at=again.at)
                self.held += outcome.size
                yield pieces
                counters_add(self._counters, replace(outcome.counters, files=files))
                while outcome.rest is not None:
                    at = outcome.rest
                    future = self._submit(unit, inherits=False, at=at)
                    outcome, pieces = self._ended(unit, future, inherits=False, at=at)
                    self.held += outcome.size
                    yield pieces
                    counters_add(self._counters, replace(outcome.counters, files=0))
                seams.ended(outcome.seen_entry, outcome.last, outcome.broken)
                if number + 1 == len(self._units) or self._units[number + 1].first:
                    if not seams.seen and self._counters.bytes > begun:
                        size = self._counters.bytes - begun
                        self._counters.problems.append(no_entries(unit.stream[-1].path, size))
                    begun = self._counters.bytes
                if self._progress:
                    self._progress(self._counters)
        finally:
            for _, future in under_way:
                future.cancel()

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
        count = PARTS if isinstance(self._job, Entries) else 1
        return outcome, [self._piece(future, number + 1) for number in range(count)]

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


def spans_on_cluster(
    client: Any,
    finder_of: Callable[[Layout], Finder],
    limits: Limits,
    counters: Counters,
    progress: Progress | None,
) -> Callable[[list[Part], object], Iterator[list[Span]]]:
    """What gives the spans of parts of streams in the order of the log."""

    def spans(parts: list[Part], _scan: object) -> Iterator[list[Span]]:
        for pieces in _Fleet(client, Spans(finder_of), parts, limits, counters, progress).scanned():
            for piece in pieces:
                yield from piece.result()

    return spans


def batches_on_cluster(
    address: str,
    paths: Sequence[str],
    counters: Counters,
    times: TimeRange,
    limits: Limits,
    progress: Progress | None,
) -> Iterator[pa.RecordBatch]:
    """All entries of some logs in columns, in the order of the log."""
    parts = _parts(paths, counters, times)
    with connected(address) as client:
        job = Columns(limits.max_entry, times)
        for pieces in _Fleet(client, job, parts, limits, counters, progress).scanned():
            for piece in pieces:
                yield from piece.result()


def count_on_cluster(address: str, asked: Asked, progress: Progress | None = None) -> Counted:
    """Count the selected failed handshakes of some logs.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column, standard input, or a store.
        InputError: as :func:`connected`.
    """
    done = Counted([Incidents(asked.by) for _ in range(PARTS)])
    parts = _parts(asked.paths, done.counters, asked.selection.times)
    with connected(address) as client:
        job = Entries(needles_of(asked.selection.neighbours))
        fleet = _Fleet(client, job, parts, asked.limits, done.counters, progress)
        chains = [_Chain(client, asked) for _ in range(PARTS)]
        most = max(ROUND, 4 * fleet.threads)
        for pieces in fleet.scanned():
            for chain, piece in zip(chains, pieces, strict=bool(pieces)):
                chain.held.append(piece)
            if len(chains[0].held) >= most or fleet.held >= HELD * fleet.threads:
                fleet.held = 0
                for chain in chains:
                    chain.fold()
        for future in [chain.end() for chain in chains]:
            merge(done, future.result())
    return done


class _Counting(NamedTuple):
    """What a chain of tasks carries on: the messages of a part that are open, and its counts."""

    joining: Joining
    tally: Tally


class _Chain:
    """The tasks that count the messages of one part."""

    def __init__(self, client: Any, asked: Asked) -> None:
        self.held: list[Any] = []
        """Futures of entries that are not counted yet."""
        self._client = client
        self._state: Any = _packed(_begun(asked))

    def fold(self) -> None:
        """Count what is held, behind what was counted before."""
        self._state = self._submit(_fold)
        self.held = []

    def end(self) -> Any:
        """A future of all that was counted."""
        return self._submit(_finish)

    def _submit(self, task: Callable[..., Any]) -> Any:
        before = self._state if isinstance(self._state, bytes) else self._state.result()
        return self._client.submit(task, before, *self.held, retries=RETRIES, pure=False, priority=5)


def _begun(asked: Asked) -> _Counting:
    selection = asked.selection
    tally = Tally(selection, asked.by, asked.horizon, asked.each)
    hosts = asked.host_of or HostNames()
    return _Counting(Joining(hosts, selection.neighbours, asked.limits.window, tally.done.counters), tally)


def _fold(state: bytes, *pieces: list[Entry]) -> bytes:
    """A chain's next task: a value in and a value out, so that repeating it counts nothing twice."""
    return _packed(_counted(state, pieces))


def _finish(state: bytes, *pieces: list[Entry]) -> Counted:
    """Its last: what was counted, with the messages that are still open."""
    counting = _counted(state, pieces)
    for failures in counting.joining.drain():
        counting.tally.feed(failures)
    return counting.tally.done


def _counted(state: bytes, pieces: Sequence[list[Entry]]) -> _Counting:
    counting: _Counting = pickle.loads(zlib.decompress(state))  # noqa: S301 - from our own tasks
    for entries in pieces:
        for entry in entries:
            for failures in counting.joining.feed(entry):
                counting.tally.feed(failures)
    return counting


def _packed(counting: _Counting) -> bytes:
    return zlib.compress(pickle.dumps(counting), 1)


def _parts(paths: Sequence[str], counters: Counters, times: TimeRange) -> list[Part]:
    check_paths(paths)
    return parts_of(paths, counters, times)
