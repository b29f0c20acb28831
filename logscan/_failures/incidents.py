"""Incidents: failed handshakes counted by org, env, proxy, alert and side, and by more on request.

Counts merge in any order: two partial tallies give the same incidents as one over all, which parallel
workers rely on. What is kept of a group is bounded, so memory grows with the number of *incidents*, not
of failures. :func:`to_frame` is the one place where pandas enters.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from logscan._failures.hints import NO_KEYSTORE, hint_for
from logscan.errors import UsageError
from logscan.values import FailedHandshake, Incident, SslInfo

SAMPLES = 3
"""Sample message ids kept of an incident."""
MAX_DISTINCT = 200
"""Distinct combinations of keystore, alias, truststore, target, revision and host counted of an
incident; those beyond are left out of its lists."""
MAX_HOURS = 24 * 366
"""Hours counted one by one of an incident; failures in others count in its sum only."""
SHOWN = 10
"""How many of them an incident lists."""

BY: dict[str, Callable[[FailedHandshake], str | None]] = {
    "revision": lambda f: f.revision,
    "target": lambda f: f.target,
    "alias": lambda f: f.ssl_info.key_alias if f.ssl_info else None,
    "keystore": lambda f: f.ssl_info.keystore if f.ssl_info else None,
    "truststore": lambda f: f.ssl_info.truststore if f.ssl_info else None,
    "host": lambda f: f.host,
    "family": lambda f: f.family,
    "refused_by": lambda f: f.refused_by,
    "reason": lambda f: f.reason,
    "day": lambda f: f.time.strftime("%Y-%m-%d") if f.time else None,
    "hour": lambda f: f.time.strftime("%Y-%m-%d %H:00") if f.time else None,
}
"""What ``--by`` accepts, and where its value comes from."""


class _Key(NamedTuple):
    org: str | None
    env: str | None
    proxy: str | None
    alert: str
    side: str
    by: tuple[str | None, ...]


_Shape = tuple[tuple[str, ...], SslInfo | None, str | None, str | None, str]


class _Tally:
    """The running counts of one incident."""

    __slots__ = ("_latest", "first", "handshakes", "hours", "last", "messages", "samples", "shapes")

    def __init__(self) -> None:
        self.handshakes = 0
        self.messages = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.hours: dict[int, int] = {}
        """Hours since the first day of the calendar → failed handshakes."""
        self.shapes: Counter[_Shape] = Counter()
        """What came together with what: families, SSLInfo, target, revision, host."""
        self.samples: dict[str, datetime] = {}
        """Message ids with their earliest time."""
        self._latest = datetime.max
        """Of the samples worth keeping; later ones need not be looked at."""

    def add(self, failure: FailedHandshake) -> None:
        self.handshakes += 1
        time = failure.time
        if time is not None:
            if self.first is None or time < self.first:
                self.first = time
            if self.last is None or time > self.last:
                self.last = time
            hour = time.toordinal() * 24 + time.hour
            if hour in self.hours or len(self.hours) < MAX_HOURS:
                self.hours[hour] = self.hours.get(hour, 0) + 1
        shape = (failure.families, failure.ssl_info, failure.target, failure.revision, failure.host)
        if shape in self.shapes or len(self.shapes) < MAX_DISTINCT:
            self.shapes[shape] += 1
        if failure.message_id is not None:
            self._sample(failure.message_id, time or datetime.max)

    def merge(self, other: _Tally) -> None:
        self.handshakes += other.handshakes
        self.messages += other.messages
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        self.shapes.update(other.shapes)
        for hour, number in other.hours.items():
            self.hours[hour] = self.hours.get(hour, 0) + number
        for name, time in other.samples.items():
            self._sample(name, time)

    def earliest(self) -> list[str]:
        """The first few message ids by time."""
        return heapq.nsmallest(SAMPLES, self.samples, key=lambda name: (self.samples[name], name))

    def families(self) -> tuple[str, ...]:
        """The families of most of its failures."""
        counts: Counter[tuple[str, ...]] = Counter()
        for shape, number in self.shapes.items():
            counts[shape[0]] += number
        return min(counts, key=lambda families: (-counts[families], families))

    def distinct(self) -> tuple[Counter[str], ...]:
        """How often each keystore, alias, truststore, target, revision and host was seen."""
        seen: tuple[Counter[str], ...] = tuple(Counter() for _ in range(6))
        for (_, info, target, revision, host), number in self.shapes.items():
            values = (*(info or (None, None, None)), target, revision, host)
            for counter, value in zip(seen, values, strict=True):
                if value is not None:
                    counter[value] += number
        return seen

    def _sample(self, name: str, time: datetime) -> None:
        if time > self._latest:
            return
        held = self.samples.get(name)
        if held is None or time < held:
            self.samples[name] = time
        if len(self.samples) > 4 * SAMPLES:
            self.samples = {name: self.samples[name] for name in self.earliest()}
            self._latest = max(self.samples.values())


class Incidents:
    """Failed handshakes in, incidents out: ``feed`` the failures of one message at a time, ``emit``.

    Args:
        by: further columns to group by (:data:`BY`).

    Raises:
        UsageError: an unknown column.
    """

    def __init__(self, by: Sequence[str] = ()) -> None:
        unknown = [name for name in by if name not in BY]
        if unknown:
            raise UsageError(
                f"{unknown[0]}: no such column", "choose from " + ", ".join(sorted(BY)), argument="by"
            )
        self._by = tuple(dict.fromkeys(by))
        self._tallies: dict[_Key, _Tally] = {}

    def feed(self, failures: Iterable[FailedHandshake]) -> None:
        """Count the failed handshakes of one message (each its own, where they have no id)."""
        touched: set[_Key] = set()
        for failure in failures:
            key = _Key(
                failure.org, failure.env, failure.proxy, failure.alert, failure.side,
                tuple(BY[name](failure) for name in self._by),
            )  # fmt: skip
            tally = self._tallies.get(key)
            if tally is None:
                tally = self._tallies[key] = _Tally()
            tally.add(failure)
            if key not in touched or failure.message_id is None:
                touched.add(key)
                tally.messages += 1

    def merge(self, other: Incidents) -> None:
        """Add the counts of another part of the input (of other messages)."""
        for key, tally in other._tallies.items():
            self._tallies.setdefault(key, _Tally()).merge(tally)

    def emit(self) -> list[Incident]:
        """The incidents, most failed handshakes first."""
        done = [self._incident(key, tally) for key, tally in self._tallies.items()]
        done.sort(
            key=lambda i: (
                -i.failed_handshakes, i.org or "", i.env or "", i.proxy or "", i.alert, i.side,
                tuple(value or "" for _, value in i.by),
            )
        )  # fmt: skip
        return done

    def _incident(self, key: _Key, tally: _Tally) -> Incident:
        seen = tally.distinct()
        keystores, aliases, truststores, targets, revisions, hosts = map(_most, seen)
        families = tally.families()
        configured = [name for name in keystores if name != "null"]
        hint = hint_for(
            key.alert, families[0], configured[0] if configured else next(iter(keystores), None),
            targets[0] if targets else None, families=families, side=key.side,
        )  # fmt: skip
        if configured and "null" in keystores:
            hint = f"{NO_KEYSTORE} in {seen[0]['null']:,} of them; elsewhere {hint}"
        return Incident(
            key.org,
            key.env,
            key.proxy,
            key.alert,
            key.side,
            tuple(zip(self._by, key.by, strict=True)),
            families[0],
            tally.handshakes,
            tally.messages,
            tally.first,
            tally.last,
            keystores,
            aliases,
            truststores,
            targets,
            revisions,
            hosts,
            tuple(tally.earliest()),
            hint,
            tuple(
                (datetime.fromordinal(hour // 24) + timedelta(hours=hour % 24), number)
                for hour, number in sorted(tally.hours.items())
            ),
        )


def _most(counter: Counter[str]) -> tuple[str, ...]:
    """Values, most frequent first, ties by name: the same whatever the order of counting."""
    return tuple(sorted(counter, key=lambda value: (-counter[value], value))[:SHOWN])
