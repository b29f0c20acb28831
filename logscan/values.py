"""The values that travel between the stages, left to right.

Hot ones, made for each entry that matters, are NamedTuples; cold ones are frozen dataclasses. None has
behaviour beyond properties. Times are wall times of the log's host without a zone, as Message
Processors print them (docs/times.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from logscan.overviews import NO_BARS, Bars, Overview

T = TypeVar("T")

SHOWN_PLACES = 5
"""Entries that were not understood whose places are kept for the reader; further ones are counted."""
NOT_UNDERSTOOD = "the run went on; please report this as a fault of logscan"
"""The hint of a problem that is an entry at which a stage failed."""


_NO_TEXT = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""What Python makes of a byte in a file name that is no UTF-8 → the same byte as it is shown."""


def name_text(name: str) -> str:
    r"""A file name as text for any format: bytes that are no UTF-8 become ``\xNN``, as in texts of a log."""
    return name if name.isascii() else name.translate(_NO_TEXT)


class Place(NamedTuple):
    """Where an entry begins: a file and the offset of its first byte in the *unpacked* file."""

    path: str
    offset: int
    file: int = 0
    """Live: which of the files that were read under that path, by a running number; else 0."""


class Span(NamedTuple):
    """The bytes of one whole entry that matters, not yet understood."""

    data: bytes
    place: Place
    line: int = 0
    """Number of the first line in its file, from 1; 0 when nobody asked for line numbers."""
    orphan: bool = False
    """Lines without a header: they stood before the first entry of their stream."""
    cut: int = 0
    """Bytes that the entry has beyond ``data`` because it is longer than the limit."""


class Entry(NamedTuple):
    """One entry of a Message Processor's log. Fields that its header does not have are ``None``."""

    time: datetime | None
    zone: str | None
    """The zone printed after the time (seen: ``UTC``); Message Processors print none."""
    org: str | None
    env: str | None
    proxy: str | None
    revision: str | None
    message_id: str | None
    """From the header, or from the text of a northbound line (``Message id:…``)."""
    thread: str | None
    level: str | None
    logger: str | None
    method: str | None
    """``Class.method`` that logged, when the text begins with ``Class.method() :``."""
    body: str
    """The text after ``Class.method() :`` with all continuation lines."""
    place: Place

    @property
    def header(self) -> dict[str, Any]:
        """The fields of its header by name: from the time to the logger."""
        return dict(zip(self._fields[:10], self, strict=False))

    @property
    def text(self) -> str:
        """The text of the entry's own line."""
        end = self.body.find("\n")
        return (self.body if end < 0 else self.body[:end]).rstrip()

    @property
    def continuation(self) -> str:
        """The continuation lines: stack trace, causes, the rest of a several-line message."""
        return self.body.partition("\n")[2]


class Message(NamedTuple):
    """All entries of one message id that were let through, in the order of the log."""

    message_id: str | None
    entries: tuple[Entry, ...]


class Channel(NamedTuple):
    """One connection as the log describes it. Absent parts are ``None``."""

    kind: str
    """``SSLClientChannel`` (TLS) or ``ClientChannel``."""
    id: int
    """The running number of the connection in its JVM: the same in all its lines."""
    remote_host: str | None
    remote_port: int | None
    local_host: str | None
    local_port: int | None
    use_count: int | None
    """1: first use; more: a pooled connection."""
    bytes_read: int | None
    """Application bytes: 0 during a handshake, however many TLS records went by."""
    bytes_written: int | None
    age_ms: int | None
    last_io_ms: int | None
    is_open: bool | None


class SslInfo(NamedTuple):
    """The ``SSLInfo`` line: what the target's TLS configuration held. The log's text, ``null`` too."""

    keystore: str
    key_alias: str
    truststore: str


class ThrownException(NamedTuple):
    """A logged exception."""

    type: str
    message: str
    causes: tuple[str, ...]
    """``Caused by`` lines, outermost first, as ``Type: message``."""
    frames: tuple[str, ...]
    """The first frames, without packaging data."""


class FailedHandshake(NamedTuple):
    """One failed handshake, joined from its lines."""

    time: datetime | None
    zone: str | None
    org: str | None
    env: str | None
    proxy: str | None
    revision: str | None
    message_id: str | None
    thread: str | None
    alert: str
    """The standard name of the TLS alert, or a stable cause name (:mod:`logscan._failures.catalog`)."""
    families: tuple[str, ...]
    """What kind of failure it is, likeliest first; more than one where the log does not decide."""
    side: str
    """``southbound`` (Message Processor to backend) or ``northbound`` (Router to it)."""
    refused_by: str
    """``peer`` (alert received), ``us`` (raised here), ``nobody`` (time ran out), ``unknown``."""
    reason: str
    """The log's own words for the failure, as specific as it gets."""
    channel: Channel | None
    ssl_info: SslInfo | None
    exception: ThrownException | None
    host: str
    """The Message Processor that logged it: by file, or as named with ``--host``."""
    place: Place

    @property
    def family(self) -> str:
        """The likeliest family."""
        return self.families[0]

    @property
    def target(self) -> str | None:
        """``host:port`` of the other end of the connection."""
        if self.channel is None or self.channel.remote_host is None:
            return None
        port = self.channel.remote_port
        return self.channel.remote_host + (f":{port}" if port is not None else "")


@dataclass(frozen=True, slots=True)
class Incident:
    """All failed handshakes that agree in org, env, proxy, alert and side (and what ``by`` adds)."""

    org: str | None
    env: str | None
    proxy: str | None
    alert: str
    side: str
    by: tuple[tuple[str, str | None], ...]
    """The further columns that were asked for, with their values."""
    family: str
    failed_handshakes: int
    messages: int
    """Different message ids; see ``approximate``."""
    first_time: datetime | None
    last_time: datetime | None
    keystores: tuple[str, ...]
    """Distinct values, most frequent first; ``null`` where none is configured; at most ten."""
    key_aliases: tuple[str, ...]
    truststores: tuple[str, ...]
    targets: tuple[str, ...]
    revisions: tuple[str, ...]
    hosts: tuple[str, ...]
    sample_message_ids: tuple[str, ...]
    """The first few by time."""
    hint: str
    """What the log alone says of the cause, and what to look at next."""
    bars: Bars = NO_BARS
    """Failed handshakes over time: at most 64 spans of less than an hour."""
    families: tuple[str, ...] = ()
    """All families that its alert may be a face of, likeliest first: with more than one, the name may have
    another cause."""
    different: tuple[tuple[str, int], ...] = ()
    """Lists that show only their most frequent values, with the number of all."""
    approximate: tuple[str, ...] = ()
    """Which numbers are estimates, because there were too many to count exactly: ``messages``, or a list;
    ``failed_handshakes``: some are counted in the row of all others."""
    together: int = 1
    """How many incidents are counted in this one: the last row of a report that has too many."""
    proxies: tuple[str, ...] = ()
    """API proxies, most frequent first; only where ``group`` replaced the key, as the next two."""
    envs: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()

    @property
    def hours(self) -> tuple[tuple[datetime, int], ...]:
        """Failed handshakes by the hour in which they happened, in order."""
        return self.bars.hours

    @property
    def is_ambiguous(self) -> bool:
        """Whether the name may have another cause than the likeliest (``handshake_failure``, a reset)."""
        return len(self.families) > 1


@dataclass(frozen=True, slots=True)
class Problem:
    """An input, or a part of it, that could not be read. The rest of the run went on."""

    path: str
    reason: str
    hint: str = ""
    fatal: bool = True
    """Whether something was left unread: the run then ends with exit code 2."""
    is_copy: bool = False
    """Whether it is only a file that holds the text of another."""

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.path}: {self.reason}" + (f" ({self.hint})" if self.hint else "")


@dataclass(slots=True)
class Counters:
    """What a run saw. Each limit that took effect has its number here, so that nothing hides."""

    files: int = 0
    bytes: int = 0
    """Bytes scanned, after unpacking."""
    planned_bytes: int = 0
    """Bytes that the run will scan; 0 where that is unknown, because an input is packed or a pipe."""
    skipped_files: int = 0
    """Files that cannot hold entries of the time range, by the times in and around them."""
    skipped_bytes: int = 0
    """What was not read for that reason, as it lies on disk."""
    indexed_bytes: int = 0
    """Text that was not read because an index says that nothing sought stands there."""
    copies: int = 0
    """Files that hold the text of another, and were not read again."""
    lines: int = 0
    """Counted only with ``--stats``."""
    candidates: int = 0
    """Entries that held a needle and were understood in full."""
    unparsed_entries: int = 0
    """Candidates that begin like an entry but whose header cannot be read."""
    not_understood: int = 0
    """Entries, and pieces of evidence (a file, a certificate, an answer, a cause), at which logscan failed;
    they are left out, and the run went on. The first of them are among the problems."""
    orphan_lines: int = 0
    """Lines that open no entry and continue none."""
    bad_times: int = 0
    """Candidates whose time does not parse."""
    future_times: int = 0
    """Failures later than the clock of this machine."""
    untimed: int = 0
    """Failures without a time, left out because a time range was asked for."""
    cut_entries: int = 0
    """Entries longer than ``--max-entry-bytes``."""
    cut_bytes: int = 0
    """What they had beyond it."""
    nul_bytes: int = 0
    """NUL bytes skipped before entries (copytruncate leaves them)."""
    gap_bytes: int = 0
    """Live: bytes that are lost for certain, because a file was truncated before they were read."""
    late_entries: int = 0
    """Live: entries that came after their failure had been reported, and belong to it."""
    early_failures: int = 0
    """Failures that counted as complete before all lines had come: too many of one message were open."""
    incidents_together: int = 0
    """Incidents that are counted together, because there were more than ``--max-incidents``."""
    messages: int = 0
    """Messages with a failure: different ids, and failures without one. Live: not counted."""
    failures: int = 0
    """Failed handshakes, of all alerts."""
    mentions: int = 0
    """``search``: entries that name an id in their text but belong to another message."""
    left_out: int = 0
    """``search``: entries of the messages that another condition leaves out."""
    problems: list[Problem] = field(default_factory=list)
    hosts: tuple[tuple[str, int, bool], ...] = ()
    """While hosts are asked: the name of each, bytes that it has read, whether it is through."""

    def note_not_understood(self, place: Place, error: Exception) -> None:
        """Count an entry at which a stage failed; the places of the first few are kept as problems.

        Called where the exception was caught. Lack of memory is no fault of an entry, and raised again.
        """
        if isinstance(error, MemoryError):
            raise error
        self.not_understood += 1
        why = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        reason = f"the entry at byte {place.offset:,} was not understood ({why})"
        self._keep([Problem(place.path, reason, NOT_UNDERSTOOD, fatal=False)])

    def add_not_understood(self, part: Counters) -> None:
        """Add only what another run did not understand."""
        self.not_understood += part.not_understood
        self._keep([problem for problem in part.problems if problem.hint == NOT_UNDERSTOOD])

    def _keep(self, problems: list[Problem]) -> None:
        """Keep problems, each once, and of those that are only entries not understood the first few."""
        for problem in problems:
            shown = sum(held.hint == NOT_UNDERSTOOD for held in self.problems)
            if problem not in self.problems and (problem.hint != NOT_UNDERSTOOD or shown < SHOWN_PLACES):
                self.problems.append(problem)

    def add(self, part: Counters) -> None:
        """Add another run's counts to these; a problem that both met is kept once."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self._keep(part.problems)

    def remove(self, part: Counters) -> None:
        """Take counts away that were added; problems stay."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) - getattr(part, name))


_COUNTS = tuple(each.name for each in fields(Counters) if each.type == "int")


class Results(Iterator[T]):
    """What a function of the library yields, one value at a time.

    Attributes:
        counters: what the run has counted so far; complete when the values are through.
    """

    def __init__(self, values: Iterator[T], counters: Counters) -> None:
        self._values = values
        self.counters = counters

    def __next__(self) -> T:
        return next(self._values)

    @property
    def problems(self) -> list[Problem]:
        """Inputs, or parts of them, that could not be read so far."""
        return self.counters.problems


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
    overview: Overview = Overview("")
    """What is said first: see :class:`logscan.Overview`."""

    @property
    def problems(self) -> list[Problem]:
        """Inputs, or parts of them, that could not be read."""
        return self.counters.problems


class Found(NamedTuple):
    """One entry that ``search`` gives: its bytes as they stand, and whether it is only context."""

    span: Span
    matches: bool
