"""Counting: the failed handshakes of some paths, and what a report counts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

from logscan.entries.parse import header_id, parse
from logscan.failures.joining import PARTS, Joining, needles_of, part_of
from logscan.failures.selection import HostNames
from logscan.failures.tally import ALONE, Counted, CountRequest, Share, Tally
from logscan.jobs._spans import blocks
from logscan.scanning.plan import Limits, Progress
from logscan.store.scan import failures_in, hosts_of, stores_among
from logscan.times import TimeRange
from logscan.values import Counters, Entry, FailedHandshake, Span


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


def count(request: CountRequest, share: Share = ALONE, progress: Progress | None = None) -> Counted:
    """Count the selected failed handshakes of a share of the messages, and what lies outside the selection.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    selection = request.selection
    tally = Tally(selection, request.by, request.horizon, request.each)
    for failures in scan(
        request.paths, tally.done.counters, request.limits, request.host_of, selection.neighbours, progress,
        request.count_lines, selection.times, share,
    ):  # fmt: skip
        tally.feed(failures)
    return tally.done
