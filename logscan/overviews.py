"""Overview: what a report says first: how much, since when, what the failures have in common, what
happened then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

QUIET, LONGEST_QUIET = timedelta(minutes=1), timedelta(hours=1)
"""Without a failure for so long before the logs end they are over: ten times their distance, within these
bounds."""


def have_stopped(last: datetime, log_end: datetime, usual: timedelta) -> bool:
    """Whether failures had stopped before the logs end.

    Args:
        last: the last of them.
        log_end: time of the last entry of the logs.
        usual: how far they are apart.
    """
    return log_end - last > min(LONGEST_QUIET, max(QUIET, 10 * usual))


@dataclass(frozen=True, slots=True)
class Bars:
    """Numbers of failed handshakes over time."""

    width: timedelta
    """Of each span of time: 1 s, 10 s, 1 min, 10 min or 1 h."""
    counts: tuple[tuple[datetime, int], ...] = ()
    """Where a span begins, and the failures in it; in order, without spans that have none."""

    @property
    def hours(self) -> tuple[tuple[datetime, int], ...]:
        """The same by the hour."""
        if self.width >= timedelta(hours=1):
            return self.counts
        hours: dict[datetime, int] = {}
        for time, number in self.counts:
            hour = time.replace(minute=0, second=0, microsecond=0)
            hours[hour] = hours.get(hour, 0) + number
        return tuple(hours.items())


NO_BARS = Bars(timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Shared:
    """The values that failed handshakes have in one dimension."""

    dimension: str
    """``target``, ``alias``, ``keystore``, ``truststore``, ``host``, ``org``, ``env``, ``proxy``,
    ``revision`` or ``alert``."""
    values: tuple[tuple[str, int], ...]
    """The most frequent ones with their failures, at most ten; ``null``: none is configured."""
    different: int
    """The number of all of them."""
    known: int
    """Failures that have a value."""
    exact: bool = True
    """Whether ``different`` is; it is about 3 % off beyond 1,000."""

    @property
    def share(self) -> float:
        """The part of the failures that has the most frequent value; 0 where none has one."""
        return self.values[0][1] / self.known if self.values else 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the onset, or shortly before."""

    kind: str
    """``revision``, ``keystore``, ``restart`` or ``deployment``."""
    time: datetime | None
    """Wall time of the log."""
    text: str
    """In one sentence without a full stop."""
    place: str = ""
    """``FILE:LINE`` or ``FILE``, where it stands; empty: it follows from the failures."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When the failures began that matter most, and what happened then.

    A stray failure long before does not count: failures with less than an hour between them are one episode,
    and this is the beginning of the one with the most failures.
    """

    time: datetime
    events: tuple[Event, ...] = ()
    """In order of time."""
    looked_at: int = 0
    """Bytes of the logs before the onset that were looked at for events."""
    note: str = ""
    """Why nothing was looked at, or not all: ``the log begins there``."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What a report says first."""

    what: str
    """The selection in words: ``client-certificate``."""
    failed: int = 0
    """Selected failures whose name has no other cause than the one that was asked for."""
    possible: int = 0
    """Selected failures whose name may have another cause (``handshake_failure``, a reset)."""
    alerts: tuple[tuple[str, int, bool], ...] = ()
    """Name, failures, whether the name may have another cause; ``bad_certificate`` first, else by number."""
    first: datetime | None = None
    last: datetime | None = None
    log_end: datetime | None = None
    """Time of the last entry of the logs; ``None`` where that is not known."""
    is_over: bool | None = None
    """Whether the failures had stopped before the logs end; ``None``: not known."""
    zone: str = ""
    """The zone of all times, in words: ``UTC``, ``Europe/Berlin``, ``CET (this machine's zone)``."""
    bars: tuple[tuple[str, Bars], ...] = ()
    """Alert → failures over time, most failures first."""
    shared: tuple[Shared, ...] = ()
    """One for each dimension that any failure has a value in."""
    findings: tuple[str, ...] = ()
    """What the failures have in common, a sentence each, the most telling first; or that it is nothing."""
    hosts: int = 0
    """Message Processors whose logs were read."""
    onset: Onset | None = None
    unmatched: tuple[str, ...] = ()
    """A sentence for each organization, environment and API proxy that was asked for and not seen."""
