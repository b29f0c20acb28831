"""Chains: a report's messages are counted on a cluster, each part by a chain of tasks.

Messages fall into the same parts as on one machine. What a chain carries on (messages that are open, counts)
comes back here now and then, so that a lost worker costs a round of units, not all.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from logscan.distribute.dask_connection import RETRIES, connected
from logscan.distribute.dask_units import Fleet, Spans
from logscan.entries.layouts import Layout
from logscan.entries.parse import parse
from logscan.failures.incidents import Incidents
from logscan.failures.joining import PARTS, Joining, needles_of, part_of
from logscan.failures.selection import HostNames
from logscan.failures.tally import Counted, CountRequest, Tally, merge
from logscan.scanning.plan import Progress
from logscan.values import Counters, Entry, Span

ROUND = 64
"""Units after which entries are counted and the counts come back (four times the threads, where that is
more): what a lost worker costs, against what it costs to carry open messages from task to task."""
HELD = 64 << 20
"""Bytes of entries, a thread of the cluster, that wait to be counted; where there are more they are counted
earlier."""


@dataclass(frozen=True)
class Entries(Spans):
    """The entries, understood, by the part that their messages belong to."""

    pieces: ClassVar[int] = PARTS

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


def count_on_cluster(address: str, request: CountRequest, progress: Progress | None = None) -> Counted:
    """Count the selected failed handshakes of some logs.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column, standard input, or a store.
        InputError: as :func:`connected`.
    """
    done = Counted([Incidents(request.by) for _ in range(PARTS)])
    done.counters.add(request.planned)
    with connected(address) as client:
        job = Entries(needles_of(request.selection.neighbours))
        fleet = Fleet(client, job, request.inputs.parts, request.limits, done.counters, progress)
        chains = [_Chain(client, request) for _ in range(PARTS)]
        most = max(ROUND, 4 * fleet.threads)
        held = 0
        for pieces, size in fleet.scanned():
            held += size
            for chain, piece in zip(chains, pieces, strict=bool(pieces)):
                chain.held.append(piece)
            if len(chains[0].held) >= most or held >= HELD * fleet.threads:
                held = 0
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

    def __init__(self, client: Any, request: CountRequest) -> None:
        self.held: list[Any] = []
        """Futures of entries that are not counted yet."""
        self._client = client
        self._state: Any = _packed(_begun(request))

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


def _begun(request: CountRequest) -> _Counting:
    selection = request.selection
    tally = Tally(selection, request.by, request.horizon, request.each)
    hosts = request.host_of or HostNames()
    return _Counting(Joining(hosts, selection.neighbours, request.limits.window, tally.done.counters), tally)


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
