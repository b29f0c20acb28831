"""Counting: the failed handshakes of some paths, and what a report counts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zlib import crc32

from logscan._entries.parse import header_id, parse
from logscan._failures.joining import SHARDS, Joining, needles_of, shard_of
from logscan._failures.selection import HostNames
from logscan._failures.tally import ALONE, Counted, CountRequest, Share, Tally
from logscan._jobs._spans import spans_of_inputs
from logscan._scanning.plan import Inputs, Limits, Progress
from logscan._scanning.spans import Scan
from logscan._store.inputs import failures_in, hosts_of
from logscan.times import TimeRange
from logscan.values import Counters, Entry, FailedHandshake, Span


def failures_of(
    inputs: Inputs,
    counters: Counters,
    *,
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    neighbours: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    times: TimeRange = TimeRange(None, None, None),
    share: Share = ALONE,
) -> Iterator[list[FailedHandshake]]:
    """The failed handshakes of each message that has any.

    Faults of single inputs are added to ``counters.problems``; the rest is read. With ``times`` failures
    outside that range may still come. With ``share`` only the messages of that share come, and only they are
    counted (bytes, files and what else is not a message's are counted in the first).
    """
    hosts = host_of or HostNames()
    of_store = None
    if inputs.stores:
        of_store = None if count_lines else failures_in(neighbours, times)
        hosts = hosts.knowing(hosts_of(inputs.stores)) if isinstance(hosts, HostNames) else hosts
    joining = Joining(hosts, neighbours, limits.window, counters)
    read = counters if share[0] == 0 else Counters()
    scan = Scan(needles_of(neighbours), read, limits, progress, count_lines)
    for spans in spans_of_inputs(inputs, scan, of_store=of_store):
        for span in spans:
            entry = _mine(span, share, counters)
            if entry is not None:
                counters.candidates += 1
                yield from joining.feed(entry)
    yield from joining.drain()


def _mine(span: Span, share: Share, counters: Counters) -> Entry | None:
    """The entry, when it belongs to this share; ``None`` otherwise."""
    number, of = share
    if of == 1:
        return parse(span, counters)
    name = header_id(span.data)
    if name is not None and name.isascii():
        return parse(span, counters) if crc32(name) % SHARDS % of == number else None
    entry = parse(span, Counters())
    return parse(span, counters) if shard_of(entry.message_id) % of == number else None


def count(request: CountRequest, share: Share = ALONE, progress: Progress | None = None) -> Counted:
    """Count the selected failed handshakes of a share of the messages, and what lies outside the selection.

    Raises:
        UsageError: an unknown column in ``by``.
    """
    selection = request.selection
    tally = Tally(selection, request.by, request.horizon, request.each)
    counters = tally.done.counters
    if share[0] == 0:
        counters.add(request.planned)
    for failures in failures_of(
        request.inputs, counters,
        limits=request.limits, host_of=request.host_of, neighbours=selection.neighbours, progress=progress,
        count_lines=request.count_lines, times=selection.times, share=share,
    ):  # fmt: skip
        tally.feed(failures)
    return tally.done
