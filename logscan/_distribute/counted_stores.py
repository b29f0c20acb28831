"""The failures of a store are counted by ranges of its text, here or by workers, and put together at the
seams as those of files are."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from logscan._distribute.executors import Executor, Result
from logscan._entries.layouts import PLAIN
from logscan._failures.count_rows import RowCounter
from logscan._failures.count_unit import CountedPart, Seams, UnitCount
from logscan._failures.selection import HostNames
from logscan._failures.tally import Counted, CountRequest
from logscan._scanning.plan import Progress
from logscan._store.failure_rows import RowRange, StoredFailures, rows_of
from logscan._store.needle_bits import NEIGHBOUR, TLS
from logscan.values import Counters

LEAST_ROWS, MOST_ROWS = 16_384, 1 << 19
"""Rows of one unit, at least and at most. What differs in a log is counted once more in each unit, so few
large ones are best."""
UNITS_PER_WORKER = 2
"""Units that each worker has, so that all end at about the same time."""
BYTES_OF_ROW = 8 << 10
"""Bytes of a log that are counted in the time of one row, about: see
:func:`logscan._distribute.executors.executor_for`."""


class RowCall(NamedTuple):
    """All that a task needs to count a unit."""

    request: CountRequest
    part: RowRange
    is_first: bool
    is_last: bool


def count_call(call: RowCall) -> tuple[CountedPart, Counters]:
    """Count a unit in a worker."""
    counters = Counters()
    for some in pieces_of(call, counters):
        part = some
    return part, counters


def pieces_of(call: RowCall, counters: Counters) -> Iterator[CountedPart]:
    """Count a unit: all failures that are complete where they are asked for, and at last the rest."""
    unit = UnitCount(call.request, is_first=call.is_first, is_last=call.is_last)
    counter = RowCounter(unit, counters)
    bits = TLS | NEIGHBOUR if call.request.selection.neighbours else TLS
    for rows in rows_of(call.part, bits, counters.problems):
        counter.feed(rows)
        yield from unit.take([], PLAIN)
    yield unit.part(call.part.size)


@dataclass
class _Stream:
    """Sources that go on in one another."""

    begin: int
    end: int
    begins: dict[int, int] = field(default_factory=dict)
    held: list[tuple[int, int, float, int]] = field(default_factory=list)
    """Where the rows of a file begin and end, how many they are, about, and the number of the file."""

    @property
    def rows(self) -> float:
        """How many rows it has, about."""
        return sum(rows for _, _, rows, _ in self.held)


class StoreRun:
    """The failures of one store.

    Args:
        request: what is counted.
        stored: the store.
        executor: who counts; if this process does, there is one unit, however much there is.
        counters: takes what is counted on the way.
        progress: called after each unit.
    """

    def __init__(
        self,
        request: CountRequest,
        stored: StoredFailures,
        executor: Executor,
        *,
        counters: Counters,
        progress: Progress | None = None,
    ) -> None:
        self._request = request
        self._stored = stored
        self._executor = executor
        self._counters = counters
        self._progress = progress
        streams = [stream for stream in _streams_of(stored, request.rule.size + 1) if stream.held]
        self._share = math.inf
        if not executor.is_inline:
            rows = sum(stream.rows for stream in streams)
            self._share = min(max(rows / (UNITS_PER_WORKER * executor.workers), LEAST_ROWS), MOST_ROWS)
        self._sequences = [self._calls(some) for some in _in_groups(streams, self._share)]
        self._size = sum(source.size for source in stored.sources.values())
        self._before = counters.bytes
        self._weight = sum(call.part.size for calls in self._sequences for call in calls)
        self._done = 0

    def parts(self) -> Iterator[Counted]:
        """What is counted, in the order of the log."""
        results = _Results(self._executor, [call for calls in self._sequences for call in calls])
        for calls in self._sequences:
            if self._executor.is_inline and len(calls) == 1:
                results.drop(1)
                for piece in pieces_of(calls[0], self._counters):
                    yield piece.counted
                self._passed(calls)
            else:
                yield self._sum(calls, results)
        self._counters.files += len(self._stored.sources)
        self._counters.bytes = self._before + self._size

    def _sum(self, calls: list[RowCall], results: _Results) -> Counted:
        """What is counted of some units that follow each other."""
        seams, added = Seams(self._request), Counters()
        for number, call in enumerate(calls):
            part, counted = results.next()
            if not seams.add(part):
                # As with files: only as one unit can it be counted.
                results.drop(len(calls) - number - 1)
                whole = self._whole_of(calls)
                seams = Seams(self._request)
                part, added = self._executor.submit(count_call, whole).result()
                seams.add(part)
                self._passed(calls[number:])
                break
            added.add(counted)
            self._passed([call])
        self._counters.add(added)
        return seams.end()

    def _passed(self, calls: list[RowCall]) -> None:
        """Say how far the run is."""
        self._done += sum(call.part.size for call in calls)
        self._counters.bytes = self._before + self._size * self._done // max(1, self._weight)
        if self._progress is not None:
            self._progress(self._counters)

    def _calls(self, streams: list[_Stream]) -> list[RowCall]:
        """The units of some streams; one that is alone is cut."""
        begins = {number: begin for stream in streams for number, begin in stream.begins.items()}
        held = [part for stream in streams for part in stream.held]
        bounds = [streams[0].begin, streams[-1].end]
        if len(streams) == 1:
            bounds[1:1] = _cuts(streams[0], math.ceil(streams[0].rows / self._share))
        last = len(bounds) - 2
        return [
            self._call(begin, end, begins, held)._replace(is_first=number == 0, is_last=number == last)
            for number, (begin, end) in enumerate(pairwise(bounds))
        ]

    def _call(
        self, begin: int, end: int, begins: dict[int, int], held: list[tuple[int, int, float, int]]
    ) -> RowCall:
        """The unit of a range."""
        sources = self._stored.sources
        own = {
            number: place for number, place in begins.items()
            if place < end and place + sources[number].size >= begin
        }  # fmt: skip
        files = sorted({number for first, last, _, number in held if first < end and last >= begin})
        part = RowRange(tuple(self._stored.files[number] for number in files), own, begin, end)
        return RowCall(self._request_for(part), part, is_first=True, is_last=True)

    def _whole_of(self, calls: list[RowCall]) -> RowCall:
        """Units of one stream as one."""
        files = dict.fromkeys(file for call in calls for file in call.part.files)
        begins = {number: begin for call in calls for number, begin in call.part.begins.items()}
        part = RowRange(tuple(files), begins, calls[0].part.begin, calls[-1].part.end)
        return RowCall(self._request_for(part), part, is_first=True, is_last=True)

    def _request_for(self, part: RowRange) -> CountRequest:
        """The request without the hosts of other sources: a store of thousands does not travel with each
        unit."""
        hosts = self._request.host_of
        if self._executor.is_inline or not isinstance(hosts, HostNames):
            return self._request
        own = hosts.only(self._stored.sources[number].path for number in part.begins)
        return replace(self._request, host_of=own)


class _Results:
    """The results of some units in their order; a few more are under way."""

    def __init__(self, executor: Executor, calls: list[RowCall]) -> None:
        self._executor = executor
        self._upcoming = iter(calls)
        self._under_way: deque[Result] = deque()

    def next(self) -> tuple[CountedPart, Counters]:
        """The result of the next unit."""
        while len(self._under_way) < 2 * self._executor.workers + 1:
            call = next(self._upcoming, None)
            if call is None:
                break
            self._under_way.append(self._executor.submit(count_call, call))
        counted: tuple[CountedPart, Counters] = self._under_way.popleft().result()
        return counted

    def drop(self, count: int) -> None:
        """The results of the next units are not wanted."""
        for _ in range(count):
            if self._under_way:
                self._under_way.popleft().cancel()
            else:
                next(self._upcoming)


def _streams_of(stored: StoredFailures, gap: int) -> list[_Stream]:
    """The streams of a store in the order of reading, and where in them the rows of its files are."""
    begins = stored.begins(gap)
    streams: list[_Stream] = []
    stream_of: dict[int, _Stream] = {}
    for number, begin in begins.items():
        if not streams or begin != streams[-1].end:
            streams.append(_Stream(begin, begin))
        stream_of[number] = streams[-1]
        streams[-1].begins[number] = begin
        streams[-1].end = begin + stored.sources[number].size
    for at, file in enumerate(stored.files):
        spans = [last - first + 1 for _, first, last in file.parts]
        for (number, first, last), span in zip(file.parts, spans, strict=True):
            if number in begins:
                begin = begins[number]
                rows = file.rows * span / sum(spans)
                stream_of[number].held.append((begin + first, begin + last, rows, at))
    return streams


def _in_groups(streams: list[_Stream], share: float) -> Iterator[list[_Stream]]:
    """Streams that make one unit, and streams that make several, each for itself."""
    group: list[_Stream] = []
    count = 0.0
    for stream in streams:
        if group and count + stream.rows > share:
            yield group
            group, count = [], 0.0
        group.append(stream)
        count += stream.rows
    if group:
        yield group


def _cuts(stream: _Stream, count: int) -> list[int]:
    """Where a stream is cut into some parts of about as many rows."""
    if count < 2:
        return []
    share = stream.rows / count
    cuts: set[int] = set()
    before = 0.0
    for first, last, rows, _ in sorted(stream.held):
        while len(cuts) + 1 < count and before + rows > share * (len(cuts) + 1):
            within = (share * (len(cuts) + 1) - before) / rows
            at = first + max(0, int((last - first) * within))
            if at in cuts:
                break
            cuts.add(at)
        before += rows
    return sorted(at for at in cuts if stream.begin < at < stream.end)
