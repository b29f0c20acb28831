"""The pipeline: the verbs that join the stages. The only room that sees the whole way.

::

    scan    paths → failed handshakes, message by message        (report, the library)
    report  paths → incidents and what lies outside the selection
    find    message ids, paths → their entries                   (search)

Every verb takes a :class:`Limits` and a :class:`~logscan.models.Counters`; nothing prints.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from logscan import catalog
from logscan.blocks import BLOCK, BlockReader
from logscan.entries import PLAIN, Layout, begins_entry, layout_of, parse
from logscan.errors import UsageError
from logscan.finders import EveryEntryFinder, Finder, finder_for
from logscan.handshakes import Joiner
from logscan.incidents import Incidents, failures_to_frame, to_frame
from logscan.messages import DEFAULT_WINDOW, MessageWindow
from logscan.models import Counters, Entry, FailedHandshake, Incident, Message, Problem, Span
from logscan.scanner import DEFAULT_MAX_ENTRY, Scanner
from logscan.sources import Stream, describe, discover
from logscan.timerange import TimeRange, in_zone

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[Counters], None]
CLOCK_TOLERANCE = timedelta(minutes=5)
"""A failure this much later than the clock of this machine is said to be in the future."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run. Each has an option and a counter."""

    window: int = DEFAULT_WINDOW
    """Messages open at once."""
    max_entry: int = DEFAULT_MAX_ENTRY
    """Bytes kept of one entry."""
    block: int = BLOCK
    """Bytes read at once."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed handshakes count. Names may be patterns (``payments-*``); empty means any."""

    alerts: frozenset[str] = frozenset({"bad_certificate"})
    """Names of the catalogue; empty: every TLS failure."""
    family: str | None = None
    """All faces of one fault, in place of alerts."""
    orgs: tuple[str, ...] = ()
    envs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    side: str | None = None
    times: TimeRange = TimeRange(None, None, None)

    @property
    def neighbours(self) -> bool:
        """Whether faults next to TLS are asked for by name."""
        names = {cause.name for cause in catalog.NEIGHBOURS} - {c.name for c in catalog.CAUSES}
        return bool(self.alerts & names) or self.family == catalog.NOT_TLS

    def names(self, failure: FailedHandshake) -> bool:
        """Whether the kind of failure is asked for."""
        if self.family is not None:
            return self.family in failure.families
        return not self.alerts or failure.alert in self.alerts

    def covers(self, failure: FailedHandshake) -> bool:
        """Whether it happened where it was asked for."""
        return (
            _any_matches(self.orgs, failure.org)
            and _any_matches(self.envs, failure.env)
            and _any_matches(self.proxies, failure.proxy)
            and (self.side is None or failure.side == self.side)
        )


def select_alerts(names: Sequence[str]) -> frozenset[str]:
    """The alerts of ``--alert``; ``all`` gives the empty set, which means every TLS failure.

    Raises:
        UsageError: a name that the catalogue does not have.
    """
    if "all" in names:
        return frozenset()
    known = catalog.known_names()
    for name in names:
        if name not in known and not name.startswith("alert_"):
            import difflib

            near = difflib.get_close_matches(name, known, 3, 0.5)
            raise UsageError(
                f"--alert {name}: no such alert or cause",
                f"did you mean {', '.join(near)}?" if near else "'all' takes every TLS failure",
            )
    return frozenset(names)


class HostNames:
    """Names the Message Processor that wrote a file: by rules, else by the file's live name.

    Args:
        rules: ``NAME`` for all files, or ``NAME=PATTERN`` for those whose path matches.

    Raises:
        UsageError: a rule without a name.
    """

    def __init__(self, rules: Sequence[str] = ()) -> None:
        self._rules: list[tuple[str, str]] = []
        for rule in rules:
            name, _, pattern = rule.partition("=")
            if not name:
                raise UsageError(f"--host {rule}: no name", "write --host mp01 or --host mp01='logs/mp01/*'")
            self._rules.append((name, pattern or "*"))
        self.name = lru_cache(maxsize=10_000)(self._name)

    def _name(self, path: str) -> str:
        for name, pattern in self._rules:
            if fnmatch.fnmatchcase(path, pattern):
                return name
        return describe(path).stem if path != "-" else "standard input"


class Report(NamedTuple):
    """What ``report`` found."""

    incidents: list[Incident]
    failures: list[FailedHandshake]
    """The selected failed handshakes one by one; only when they were asked for."""
    other_alerts: Counter[str]
    """TLS failures of other kinds in the same places and time: alert → count."""
    elsewhere: int
    """TLS failures in other orgs, environments, proxies or on the other side, in the same time."""
    counters: Counters


def scan(
    paths: Sequence[str],
    counters: Counters,
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    neighbours: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
) -> Iterator[list[FailedHandshake]]:
    """The failed handshakes of each message that has any, messages in the order they end.

    Faults of single inputs are added to ``counters.problems``; the rest is read.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    needles = catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if neighbours else ())
    finder = finder_for(needles)
    joiner = Joiner(host_of or HostNames().name, neighbours)
    window = MessageWindow(counters, limits.window)

    def joined(messages: Iterable[Message]) -> Iterator[list[FailedHandshake]]:
        for message in messages:
            failures = joiner.feed(message)
            if failures:
                counters.messages += 1
                counters.failures += len(failures)
                yield failures

    for spans in blocks(paths, lambda _: finder, counters, limits, progress, count_lines):
        for span in spans:
            counters.candidates += 1
            yield from joined(window.feed(parse(span, counters)))
    yield from joined(window.drain())
    rest = joiner.drain()
    if rest:
        counters.messages += len(rest)
        counters.failures += len(rest)
        yield rest


def report(
    paths: Sequence[str],
    selection: Selection = Selection(),
    by: Sequence[str] = (),
    limits: Limits = Limits(),
    host_of: Callable[[str], str] | None = None,
    each: bool = False,
    progress: Progress | None = None,
    count_lines: bool = False,
    now: datetime | None = None,
) -> Report:
    """Count the selected failed handshakes, and what lies outside the selection.

    Args:
        each: also keep every selected failed handshake (memory then grows with their number).
        now: wall time of the log's zone, to notice a future clock; the machine's when ``None``.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    counters = Counters()
    incidents = Incidents(by)
    kept: list[FailedHandshake] = []
    others: Counter[str] = Counter()
    elsewhere = 0
    horizon = (now or datetime.now(selection.times.zone).replace(tzinfo=None)) + CLOCK_TOLERANCE
    for failures in scan(
        paths, counters, limits, host_of, selection.neighbours, progress, count_lines
    ):
        selected: list[FailedHandshake] = []
        for failure in failures:
            held = selection.times.holds(failure.time, failure.zone)
            if held is None:
                counters.untimed += 1
            if not held:
                continue
            time = failure.time
            if time and in_zone(time, failure.zone, selection.times.zone) > horizon:
                counters.future_times += 1
            if not selection.covers(failure):
                elsewhere += 1
            elif selection.names(failure):
                selected.append(failure)
            else:
                others[failure.alert] += 1
        if selected:
            incidents.feed(selected)
            if each:
                kept += selected
    kept.sort(key=_by_time)
    return Report(incidents.emit(), kept, others, elsewhere, counters)


class Found(NamedTuple):
    """One entry that ``find`` gives: its bytes as they stand, and whether it is only context."""

    span: Span
    matches: bool


def find(
    ids: Iterable[str],
    paths: Sequence[str],
    counters: Counters,
    prefix: bool = False,
    mentions: bool = False,
    before: int = 0,
    after: int = 0,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    lines: bool = False,
) -> Iterator[Found]:
    """The entries of these messages, whole, in the order of the log.

    An entry belongs to a message when its header says ``messageid:ID``, or its text begins with
    ``Message id:ID`` (northbound lines).

    Args:
        ids: message ids, or their beginnings with ``prefix``.
        mentions: also entries that name an id anywhere in their text.
        before: context: entries in front of each that matches.
        after: context: entries behind it.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    wanted = tuple(dict.fromkeys(name.encode("utf-8", "surrogateescape") for name in ids))
    belongs = _Belongs(wanted, prefix)
    context = before > 0 or after > 0
    finder = None if context else finder_for(wanted)
    held: list[Span] = []
    owed = 0
    stream: object = None
    for spans in blocks(
        paths, lambda layout: finder or EveryEntryFinder(layout), counters, limits, progress, lines
    ):
        for span in spans:
            kind = belongs.kind(span.data)
            counters.mentions += kind == _MENTIONED
            if kind == _MEMBER or (mentions and kind == _MENTIONED):
                counters.candidates += 1
                yield from (Found(one, False) for one in held)
                held = []
                yield Found(span, True)
                owed = after
            elif context:
                if owed and describe(span.place.path).stem == stream:
                    owed -= 1
                    yield Found(span, False)
                elif before:
                    if held and describe(span.place.path).stem != stream:
                        held = []
                    held = [*held[-(before - 1) :], span] if before > 1 else [span]
                else:
                    owed = 0
            if context:
                stream = describe(span.place.path).stem


def blocks(
    paths: Sequence[str],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    count_lines: bool = False,
) -> Iterator[list[Span]]:
    """The spans of all paths, block by block, in the order of the log."""
    for stream in discover(paths, counters.problems):
        rest: Stream = stream
        while rest:
            reader = BlockReader(
                rest, counters, limits.max_entry, begins_entry, count_lines, limits.block
            )
            try:
                yield from _read(reader, finder_of, counters, limits, progress, count_lines)
            finally:
                reader.close()
            rest = reader.remaining


def _read(
    reader: BlockReader,
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits,
    progress: Progress | None,
    count_lines: bool,
) -> Iterator[list[Span]]:
    begun = counters.bytes
    reader.fill()
    layout = layout_of(reader.buffer[: min(reader.end, 1 << 16)]) if reader.end else PLAIN
    scanner = Scanner(finder_of(layout), layout, counters, limits.max_entry, count_lines)
    for spans in scanner.scan(reader):
        yield spans
        if progress:
            progress(counters)
    if progress:
        progress(counters)
    if not scanner.seen_entry and counters.bytes > begun:
        counters.problems.append(
            Problem(
                reader.path,
                f"no entry of a Message Processor's log in its {counters.bytes - begun:,} bytes",
                "is it another kind of file?",
                fatal=False,
            )
        )


def read_failures(
    paths: str | Sequence[str],
    selection: Selection = Selection(alerts=frozenset()),
    limits: Limits = Limits(),
) -> pd.DataFrame:
    """Every selected failed handshake as a row, ordered by time. Columns: docs/fields.md.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    done = report(_paths(paths), selection, limits=limits, each=True)
    frame = failures_to_frame(done.failures)
    frame.attrs["problems"] = [str(problem) for problem in done.counters.problems]
    return frame


def read_incidents(
    paths: str | Sequence[str],
    selection: Selection = Selection(),
    by: Sequence[str] = (),
    limits: Limits = Limits(),
) -> pd.DataFrame:
    """Incidents as a frame: one row for each org, environment, proxy, alert and side (and ``by``).

    Columns and dtypes: docs/fields.md. What could not be read is in ``frame.attrs["problems"]``.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column in ``by``.
    """
    done = report(_paths(paths), selection, by, limits)
    frame = to_frame(done.incidents, by)
    frame.attrs["problems"] = [str(problem) for problem in done.counters.problems]
    return frame


def read_entries(
    paths: str | Sequence[str], counters: Counters | None = None, limits: Limits = Limits()
) -> Iterator[Entry]:
    """Every entry of the logs, understood, in their order.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    counters = counters or Counters()
    for spans in blocks(_paths(paths), EveryEntryFinder, counters, limits):
        for span in spans:
            yield parse(span, counters)


_NOT, _MENTIONED, _MEMBER = range(3)


class _Belongs:
    """Whether a span is an entry of one of some messages. Looks at bytes only."""

    def __init__(self, ids: tuple[bytes, ...], prefix: bool) -> None:
        self._ids = ids
        self._set = frozenset(ids)
        self._prefix = prefix
        self._longest = max(map(len, ids), default=0)

    def kind(self, data: bytes) -> int:
        """Member, mentioned, or neither."""
        owner = _owner(data)
        if owner is not None and self._is_wanted(owner):
            return _MEMBER
        return _MENTIONED if self._mentioned(data) else _NOT

    def _is_wanted(self, owner: bytes) -> bool:
        if self._prefix:
            return owner.startswith(self._ids)
        return owner in self._set

    def _mentioned(self, data: bytes) -> bool:
        return any(name in data for name in self._ids) if len(self._ids) < 64 else True


def _owner(data: bytes) -> bytes | None:
    """The message id that an entry's header or the beginning of its text gives."""
    at = data.find(b"messageid:", 0, 2048)
    mark = b"messageid:"
    dash = data.find(b" - ", 0, 2048)
    if at < 0 or (0 <= dash < at):
        at = data.find(b"Message id:", 0, 4096)
        mark = b"Message id:"
        if at < 0 or not data[:at].rstrip().endswith((b":", b"-")):
            return None
    rest = data[at + len(mark) : at + len(mark) + 1024].lstrip(b" ").split(None, 1)
    return rest[0] if rest else None


def _any_matches(patterns: tuple[str, ...], value: str | None) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(value or "", pattern) for pattern in patterns)


def _by_time(failure: FailedHandshake) -> tuple[datetime, str, int]:
    return (failure.time or datetime.max, failure.place.path, failure.place.offset)


def _paths(paths: str | Sequence[str]) -> Sequence[str]:
    return (paths,) if isinstance(paths, str) else paths


__all__ = [
    "Found", "HostNames", "Limits", "Report", "Selection", "blocks", "field", "find", "read_entries",
    "read_failures", "read_incidents", "report", "scan", "select_alerts",
]  # fmt: skip
