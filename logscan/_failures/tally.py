"""Counting: failed handshakes out of logs, message by message, and what a report counts of them.

The work can be shared out among processes by message id (:mod:`logscan._distribute.count_processes`). So that
the result does not depend on how many there are, messages always belong to one of
:data:`SHARDS` shards by their id, and each shard has a window and counts of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from logscan._failures.incidents import Incidents
from logscan._failures.joining import SHARDS, shard_of
from logscan._failures.selection import Selection
from logscan._scanning.plan import Inputs, Limits
from logscan.times import in_zone
from logscan.values import Counters, FailedHandshake


@dataclass
class Counted:
    """What a report counts, of all messages or of a share of them."""

    incidents: list[Incidents]
    """By shard."""
    failures: list[FailedHandshake] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    counters: Counters = field(default_factory=Counters)


class Tally:
    """Failed handshakes in, counts out.

    Attributes:
        done: what was counted so far.

    Args:
        selection: which are asked for.
        by: further columns of incidents.
        horizon: later failures are in the future.
        each: also keep every selected failed handshake.

    Raises:
        UsageError: an unknown column in ``by``.
    """

    def __init__(self, selection: Selection, by: Sequence[str], horizon: datetime, each: bool) -> None:
        self.done = Counted([Incidents(by) for _ in range(SHARDS)])
        self._selection = selection
        self._horizon = horizon
        self._each = each

    def feed(self, failures: list[FailedHandshake]) -> None:
        """Count the failed handshakes of one message."""
        done, selection = self.done, self._selection
        times, counters = selection.times, done.counters
        selected: list[FailedHandshake] = []
        for failure in failures:
            held = times.holds(failure.time, failure.zone)
            if held is None:
                counters.untimed += 1
            if not held:
                continue
            when = failure.time
            if when and in_zone(when, failure.zone, times.zone) > self._horizon:
                counters.future_times += 1
            if not selection.covers(failure):
                done.elsewhere += 1
            elif selection.names(failure):
                selected.append(failure)
            else:
                done.others[failure.alert] += 1
        if selected:
            done.incidents[shard_of(selected[0].message_id)].feed(selected)
            if self._each:
                done.failures += selected


def merge(done: Counted, other: Counted) -> None:
    """Add the counts of other messages."""
    for ours, theirs in zip(done.incidents, other.incidents, strict=True):
        ours.merge(theirs)
    done.failures += other.failures
    done.others.update(other.others)
    done.elsewhere += other.elsewhere
    done.counters.add(other.counters)


Share = tuple[int, int]
"""A process's number, and how many there are: shard ``n`` is counted by process ``n % processes``. Entries
without an id belong to shard 0."""
ALONE: Share = (0, 1)


@dataclass(frozen=True)
class CountRequest:
    """What is to be counted: the arguments of :func:`logscan._jobs._counting.count`."""

    inputs: Inputs
    planned: Counters
    """What was counted while the inputs were found."""
    selection: Selection
    by: tuple[str, ...]
    limits: Limits
    horizon: datetime
    host_of: Callable[[str], str] | None
    each: bool
    count_lines: bool
