"""Incidents: failed handshakes counted by org, env, proxy, alert and side, and by more on request.

Counts merge in any order: partial tallies give the same incidents as one over all, which units of work rely
on. What is kept of a group is bounded, so memory grows with the number of *incidents*, not of failures.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from logscan._failures.distinct import Distinct, Values, hash_of
from logscan._failures.hints import NO_KEYSTORE, hint_for
from logscan._failures.members import EPOCH, MICROSECOND
from logscan.errors import UsageError
from logscan.values import FailedHandshake, Incident

SAMPLES = 3
"""Sample message ids kept of an incident."""
MAX_HOURS = 24 * 366
"""Hours counted one by one of an incident, the earliest; failures in others count in its sum only."""
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
    "day": lambda f: f.time.date().isoformat() if f.time else None,
    "hour": lambda f: f"{f.time.date().isoformat()} {f.time.hour:02}:00" if f.time else None,
}
"""What ``--by`` accepts, and where its value comes from."""


class _Key(NamedTuple):
    org: str | None
    env: str | None
    proxy: str | None
    alert: str
    side: str
    by: tuple[str | None, ...]


LISTED = ("keystores", "key_aliases", "truststores", "targets", "revisions", "hosts")
"""The columns of an incident that list different values."""
_HOUR = 3_600_000_000
_LATEST = 1 << 63
_EARLIEST = -_LATEST


class Seen:
    """The running counts of failed handshakes that agree in all but their times and message ids."""

    __slots__ = ("_latest", "count", "first", "hours", "ids", "last", "samples", "unnamed")

    def __init__(self) -> None:
        self.count = 0
        self.first = _LATEST
        """Microseconds since 1970, as all times here."""
        self.last = _EARLIEST
        self.hours: dict[int, int] = {}
        """Hours since 1970 → failed handshakes."""
        self.ids = Distinct()
        self.unnamed = 0
        """Those without a message id: each counts as a message of its own."""
        self.samples: dict[bytes, int] = {}
        """Message ids with their earliest time."""
        self._latest = _LATEST
        """Of the samples worth keeping; later ones need not be looked at."""

    def add(self, moment: int | None, message_id: bytes | None, hash_: int) -> None:
        """Count one.

        Args:
            moment: of the failure, in microseconds since 1970.
            message_id: its message id.
            hash_: of the message id.
        """
        self.count += 1
        if moment is None:
            moment = _LATEST
        else:
            if moment < self.first:
                self.first = moment
            if moment > self.last:
                self.last = moment
            hour = moment // _HOUR
            hours = self.hours
            if hour in hours:
                hours[hour] += 1
            else:
                self._hour(hour, 1)
        if message_id is None:
            self.unnamed += 1
            return
        self.ids.add(hash_)
        if moment <= self._latest:
            self._sample(message_id, moment)

    def merge(self, other: Seen) -> None:
        """Add what another has counted."""
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        for hour, number in other.hours.items():
            self._hour(hour, number)
        self.ids.merge(other.ids)
        self.unnamed += other.unnamed
        for name, moment in other.samples.items():
            self._sample(name, moment)

    def earliest(self) -> list[bytes]:
        """The first few message ids by time."""
        return heapq.nsmallest(SAMPLES, self.samples, key=lambda name: (self.samples[name], name))

    def _hour(self, hour: int, number: int) -> None:
        self.hours[hour] = self.hours.get(hour, 0) + number
        if len(self.hours) > 2 * MAX_HOURS:
            # What is counted once more of a later hour is dropped again: the earliest ones are right.
            self.hours = {hour: self.hours[hour] for hour in heapq.nsmallest(MAX_HOURS, self.hours)}

    def _sample(self, name: bytes, moment: int) -> None:
        if moment > self._latest:
            return
        held = self.samples.get(name)
        if held is None or moment < held:
            self.samples[name] = moment
        if len(self.samples) > 4 * SAMPLES:
            self.samples = {name: self.samples[name] for name in self.earliest()}
            self._latest = max(self.samples.values())


class _Tally(Seen):
    """The running counts of one incident."""

    __slots__ = ("families", "values")

    def __init__(self) -> None:
        super().__init__()
        self.families: dict[tuple[str, ...], int] = {}
        self.values = {name: Values() for name in LISTED}

    def take(self, failure: FailedHandshake, seen: Seen) -> None:
        """Count what was seen of failures like this one."""
        Seen.merge(self, seen)
        self.families[failure.families] = self.families.get(failure.families, 0) + seen.count
        info = failure.ssl_info or (None, None, None)
        for name, value in zip(LISTED, (*info, failure.target, failure.revision, failure.host), strict=True):
            if value is not None:
                self.values[name].add(value, seen.count)

    def merge(self, other: Seen) -> None:
        """Add what another has counted."""
        super().merge(other)
        assert isinstance(other, _Tally)
        for families, count in other.families.items():
            self.families[families] = self.families.get(families, 0) + count
        for name, values in other.values.items():
            self.values[name].merge(values)


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
        """Count failed handshakes one by one."""
        for failure in failures:
            seen = Seen()
            name = failure.message_id
            encoded = None if name is None else name.encode("utf-8", "surrogateescape")
            moment = None if failure.time is None else (failure.time - EPOCH) // MICROSECOND
            seen.add(moment, encoded, hash_of(encoded or b""))
            self.take(failure, seen)

    def take(self, failure: FailedHandshake, seen: Seen) -> None:
        """Count what was seen of failures like this one: they differ from it in time and message id only,
        and agree in what ``by`` says of their time."""
        key = _Key(
            failure.org, failure.env, failure.proxy, failure.alert, failure.side,
            tuple(BY[name](failure) for name in self._by),
        )  # fmt: skip
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        tally.take(failure, seen)

    @property
    def by_time(self) -> bool:
        """Whether ``by`` asks for the time of failures."""
        return bool({"day", "hour"} & set(self._by))

    def merge(self, other: Incidents) -> None:
        """Add the counts of another part of the input, which is not used any more."""
        for key, tally in other._tallies.items():
            ours = self._tallies.get(key)
            if ours is None:
                self._tallies[key] = tally
            else:
                ours.merge(tally)

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
        lists = {name: values.most(SHOWN) for name, values in tally.values.items()}
        numbers = {name: values.number() for name, values in tally.values.items()}
        keystores, targets = lists["keystores"], lists["targets"]
        families = min(tally.families, key=lambda families: (-tally.families[families], families))
        messages = tally.ids.number()
        approximate = () if messages.exact else ("messages",)
        configured = [name for name in keystores if name != "null"]
        hint = hint_for(
            key.alert, families[0], configured[0] if configured else next(iter(keystores), None),
            targets[0] if targets else None, families=families, side=key.side,
        )  # fmt: skip
        if configured and "null" in keystores:
            absent = tally.values["keystores"].counts["null"]
            hint = f"{NO_KEYSTORE} in {absent:,} of them; elsewhere {hint}"
        return Incident(
            key.org,
            key.env,
            key.proxy,
            key.alert,
            key.side,
            tuple(zip(self._by, key.by, strict=True)),
            families[0],
            tally.count,
            messages.total + tally.unnamed,
            _time(tally.first),
            _time(tally.last),
            keystores,
            lists["key_aliases"],
            lists["truststores"],
            targets,
            lists["revisions"],
            lists["hosts"],
            tuple(name.decode("utf-8", "surrogateescape") for name in tally.earliest()),
            hint,
            tuple(
                (EPOCH + timedelta(hours=hour), tally.hours[hour])
                for hour in heapq.nsmallest(MAX_HOURS, tally.hours)
            ),
            tuple((name, number.total) for name, number in numbers.items() if number.total > SHOWN),
            (*approximate, *(name for name, number in numbers.items() if not number.exact)),
        )


def _time(moment: int) -> datetime | None:
    return None if moment in {_LATEST, _EARLIEST} else EPOCH + moment * MICROSECOND
