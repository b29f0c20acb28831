"""Counting: failed handshakes out of logs, message by message, and what a report counts of them.

The work can be shared out among processes by message id (:mod:`logscan.pipeline.sharing`). So that the result
does not depend on how many there are, messages always belong to one of :data:`PARTS` parts by their id,
and each part has a window and counts of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

from logscan import catalog
from logscan.entries import header_id, parse
from logscan.finders import Literals
from logscan.handshakes import Joiner
from logscan.incidents import Incidents
from logscan.messages import MessageWindow
from logscan.models import Counters, Entry, FailedHandshake, Message, Span
from logscan.pipeline.reading import Limits, Progress, blocks
from logscan.pipeline.selection import HostNames, Selection
from logscan.pipeline.stored import failures_in, hosts_of, stores_among
from logscan.timerange import TimeRange, in_zone
from logscan.workers import counters_add

PARTS = 4
"""Parts into which messages fall by their id; the most processes that can share the work."""
Share = tuple[int, int]
"""This process's number, and how many there are: part ``n`` is the process's whose number is ``n`` modulo
that. Entries without an id belong to part 0."""
ALONE: Share = (0, 1)


@dataclass
class Counted:
    """What a report counts, of all messages or of a share of them."""

    incidents: list[Incidents]
    """By part."""
    failures: list[FailedHandshake] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    counters: Counters = field(default_factory=Counters)


def scan(
    paths: Sequence[str],
    counters: Counters,
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    neighbours: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    times: TimeRange = TimeRange(None, None, None),
    share: Share = ALONE,
) -> Iterator[list[FailedHandshake]]:
    """The failed handshakes of each message that has any.

    Faults of single inputs are added to ``counters.problems``; the rest is read. With ``times`` what cannot
    hold entries of that range is not read; failures outside it may still come. With ``share`` only the
    messages of that share come, and only they are counted (bytes, files and what else is not a message's
    are counted in the first).

    Raises:
        NoLogsError: no path gave anything to read.
    """
    hosts = host_of or HostNames()
    of_store = None
    if stores_among(paths)[0]:
        of_store = None if count_lines else failures_in(neighbours, times)
        hosts = hosts.knowing(hosts_of(paths)) if isinstance(hosts, HostNames) else hosts
    joining = Joining(hosts, neighbours, limits.window, counters)
    read = counters if share[0] == 0 else Counters()
    for spans in blocks(paths, needles_of(neighbours), read, limits, progress, count_lines, times, of_store):
        for span in spans:
            entry = _mine(span, share, counters)
            if entry is not None:
                counters.candidates += 1
                yield from joining.feed(entry)
    yield from joining.drain()


def needles_of(neighbours: bool) -> Literals:
    """Finds the entries that may tell of a failure."""
    return Literals(catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if neighbours else ()), rare=True)


class Joining:
    """Entries in, failed handshakes out, message by message.

    Args:
        host_of: names the Message Processor of a file path.
        neighbours: also faults next to TLS.
        window: messages open at once.
        counters: takes what is joined.
    """

    def __init__(
        self, host_of: Callable[[str], str], neighbours: bool, window: int, counters: Counters
    ) -> None:
        self._joiner = Joiner(host_of, neighbours)
        self._windows = [MessageWindow(counters, window // PARTS) for _ in range(PARTS)]
        self._counters = counters

    def feed(self, entry: Entry) -> Iterator[list[FailedHandshake]]:
        """The failed handshakes of each message that an entry completes."""
        return self._joined(self._windows[part_of(entry.message_id)].feed(entry))

    def drain(self) -> Iterator[list[FailedHandshake]]:
        """Those of all messages that are still open."""
        for window in self._windows:
            yield from self._joined(window.drain())
        rest = self._joiner.drain()
        if rest:
            self._counters.messages += len(rest)
            self._counters.failures += len(rest)
            yield rest

    def _joined(self, messages: Iterable[Message]) -> Iterator[list[FailedHandshake]]:
        for message in messages:
            failures = self._joiner.feed(message)
            if failures:
                self._counters.messages += 1
                self._counters.failures += len(failures)
                yield failures


def part_of(message_id: str | None) -> int:
    """The part that a message belongs to."""
    return 0 if message_id is None else crc32(message_id.encode("utf-8", "surrogateescape")) % PARTS


def _mine(span: Span, share: Share, counters: Counters) -> Entry | None:
    """The entry, when it belongs to this share; ``None`` otherwise."""
    number, of = share
    if of == 1:
        return parse(span, counters)
    name = header_id(span.data)
    if name is not None and name.isascii():
        return parse(span, counters) if crc32(name) % PARTS % of == number else None
    entry = parse(span, Counters())
    return parse(span, counters) if part_of(entry.message_id) % of == number else None


def count(
    paths: Sequence[str],
    selection: Selection,
    by: Sequence[str],
    limits: Limits,
    horizon: datetime,
    host_of: Callable[[str], str] | None = None,
    each: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    share: Share = ALONE,
) -> Counted:
    """Count the selected failed handshakes of a share of the messages, and what lies outside the selection.

    Args:
        horizon: later failures are in the future.
        each: also keep every selected failed handshake.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    tally = Tally(selection, by, horizon, each)
    for failures in scan(
        paths, tally.done.counters, limits, host_of, selection.neighbours, progress, count_lines,
        selection.times, share,
    ):  # fmt: skip
        tally.feed(failures)
    return tally.done


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
        self.done = Counted([Incidents(by) for _ in range(PARTS)])
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
            done.incidents[part_of(selected[0].message_id)].feed(selected)
            if self._each:
                done.failures += selected


def merge(done: Counted, other: Counted) -> None:
    """Add the counts of other messages."""
    for ours, theirs in zip(done.incidents, other.incidents, strict=True):
        ours.merge(theirs)
    done.failures += other.failures
    done.others.update(other.others)
    done.elsewhere += other.elsewhere
    counters_add(done.counters, other.counters)
