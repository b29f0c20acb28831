"""The messages of a report are counted on a cluster: a chain of tasks for each part of the messages.

The parts are those of one machine. The state of a chain (open messages, counts) comes back here now and then.
So after the loss of a worker only one round of units is counted again.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from logscan._distribute.dask_connection import RETRIES, connected
from logscan._distribute.dask_units import Fleet, SpanJob
from logscan._entries.layouts import Layout
from logscan._entries.parse import parse
from logscan._failures.incidents import Incidents
from logscan._failures.joining import SHARDS, Joining, needles_of, shard_of
from logscan._failures.selection import HostNames
from logscan._failures.tally import Counted, CountRequest, Tally, merge
from logscan._scanning.plan import Progress
from logscan.values import Counters, Entry, Span

ROUND_UNITS = 64
"""Units after which entries are counted and the counts come back; four times the threads, if that is more.
With more, a lost worker costs more; with fewer, open messages are carried from task to task more often."""
WAITING_BYTES = 64 << 20
"""Bytes of entries, for each thread of the cluster, that may wait to be counted; more end a round early."""


@dataclass(frozen=True)
class EntryJob(SpanJob):
    """Returns the parsed entries, a piece for each part of the messages."""

    pieces: ClassVar[int] = SHARDS

    def made(self, spans: list[Span], _layout: Layout, counters: Counters) -> list[Entry]:  # type: ignore[override]
        """See :class:`Job`."""
        counters.candidates += len(spans)
        return [parse(span, counters) for span in spans]

    def whole(self, made: list[list[Entry]]) -> tuple[list[Entry], ...]:  # type: ignore[override]
        """See :class:`Job`: a piece for each part."""
        parts: tuple[list[Entry], ...] = tuple([] for _ in range(SHARDS))
        for entries in made:
            for entry in entries:
                parts[shard_of(entry.message_id)].append(entry)
        return parts


def count_on_cluster(address: str, request: CountRequest, progress: Progress | None = None) -> Counted:
    """Count the selected failed handshakes of some logs.

    Raises:
        UsageError: an unknown column.
        InputError: the cluster cannot be used (:func:`connected`).
    """
    counted = Counted([Incidents(request.by) for _ in range(SHARDS)])
    counted.counters.add(request.planned)
    with connected(address) as client:
        job = EntryJob(needles_of(request.selection.neighbours))
        fleet = Fleet(
            client, job, request.inputs.slices, request.limits, counters=counted.counters, progress=progress
        )
        chains = [_Chain(client, request) for _ in range(SHARDS)]
        most_units = max(ROUND_UNITS, 4 * fleet.threads)
        waiting_bytes = 0
        for pieces, size in fleet.scanned():
            waiting_bytes += size
            for chain, piece in zip(chains, pieces, strict=bool(pieces)):
                chain.waiting.append(piece)
            if len(chains[0].waiting) >= most_units or waiting_bytes >= WAITING_BYTES * fleet.threads:
                waiting_bytes = 0
                for chain in chains:
                    chain.fold()
        for future in [chain.end() for chain in chains]:
            merge(counted, future.result())
    return counted


class _Counting(NamedTuple):
    """The state of a chain: the open messages of its part, and its counts."""

    joining: Joining
    tally: Tally


class _Chain:
    """The tasks that count the messages of one part."""

    def __init__(self, client: Any, request: CountRequest) -> None:
        self.waiting: list[Any] = []
        """Futures of entries that are not counted yet."""
        self._client = client
        self._state: Any = _packed(_begun(request))

    def fold(self) -> None:
        """Count the entries that wait."""
        self._state = self._submit(_fold)
        self.waiting = []

    def end(self) -> Any:
        """A future of all that was counted."""
        return self._submit(_finish)

    def _submit(self, task: Callable[..., Any]) -> Any:
        before = self._state if isinstance(self._state, bytes) else self._state.result()
        return self._client.submit(task, before, *self.waiting, retries=RETRIES, pure=False, priority=5)


def _begun(request: CountRequest) -> _Counting:
    selection = request.selection
    tally = Tally(selection, request.by, request.horizon, request.each)
    hosts = request.host_of or HostNames()
    return _Counting(Joining(hosts, selection.neighbours, request.limits.window, tally.done.counters), tally)


def _fold(state: bytes, *pieces: list[Entry]) -> bytes:
    """A task of a chain, from state to state: a repeated task counts nothing twice."""
    return _packed(_counted(state, pieces))


def _finish(state: bytes, *pieces: list[Entry]) -> Counted:
    """The last task of a chain: its counts, with the messages that are still open."""
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
