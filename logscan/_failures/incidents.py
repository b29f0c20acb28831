"""Incidents: failed handshakes counted by org, env, proxy, alert and side, and by more on request.

Counts merge in any order: partial tallies give the same incidents as one over all, which units of work rely
on. What is kept of an incident is bounded, and so is the number of incidents (:class:`Incidents`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from logscan._failures.distinct import Distinct, Number, hash_of
from logscan._failures.hints import NO_KEYSTORE, hint_for
from logscan._failures.members import EPOCH, MICROSECOND
from logscan._failures.names import cut
from logscan._failures.seen import EARLIEST, LATEST, IncidentCount, Seen
from logscan.errors import UsageError, choose_from
from logscan.values import FailedHandshake, Incident

MOST_INCIDENTS = 50_000
"""Incidents that are listed; the smallest of more are counted together."""
OTHERS = "others"
"""The alert of the row in which they are counted."""
SLACK = 1.5
"""Counting goes on up to this many times as many, before the smallest are put together."""
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
    "reason": lambda f: cut(f.reason),
    "day": lambda f: f.time.date().isoformat() if f.time else None,
    "hour": lambda f: f"{f.time.date().isoformat()} {f.time.hour:02}:00" if f.time else None,
    "minute": lambda f: f.time.isoformat(" ", "minutes") if f.time else None,
}
"""What ``--by`` accepts, and where its value comes from."""
KEY: dict[str, Callable[[FailedHandshake], str | None]] = {
    "org": lambda f: f.org,
    "env": lambda f: f.env,
    "proxy": lambda f: f.proxy,
    "alert": lambda f: f.alert,
    "side": lambda f: f.side,
}
"""The key of an incident. ``--group`` accepts these and all of :data:`BY`, and replaces the key."""
PERIODS = {"day": 3_600_000_000, "hour": 3_600_000_000, "minute": 60_000_000}
"""Columns that ask for the time: failures of so many microseconds have the same value."""


class _Key(NamedTuple):
    org: str | None
    env: str | None
    proxy: str | None
    alert: str
    side: str
    by: tuple[str | None, ...]


MOST_TOGETHER = 65_536
"""Incidents counted together whose number is exact."""
T = TypeVar("T")


class Incidents:
    """Failed handshakes in, incidents out: ``feed`` the failures of one message at a time, ``emit``.

    Where there are more than ``most`` incidents, the smallest are counted together in one. Wherever the input
    is cut, the number of all failures then is exact, and so is the number of incidents (± 1 % if there are
    more than 65,536). Which of the small ones are listed may differ. An incident that was small when it was
    put together, and came again, shows only the rest of its failures, and says that its number is about that.

    Args:
        by: further columns to group by (:data:`BY`).
        most: incidents that are listed.
        group: ``by`` replaces the key of incidents; it may name its parts, too.

    Raises:
        UsageError: an unknown column.
    """

    def __init__(self, by: Sequence[str] = (), most: int = MOST_INCIDENTS, *, group: bool = False) -> None:
        known = {**KEY, **BY} if group else BY
        for name in by:
            if name not in known:
                argument = "group" if group else "by"
                hint = choose_from(name, known)
                if not group and name in KEY:
                    hint = f"it is in the key of every incident; --group {name} makes it the only column"
                raise UsageError(f"{name}: no such column", hint, argument=argument)
        self._by = tuple(dict.fromkeys(by))
        self._values = [known[name] for name in self._by]
        self._group = group
        self._most = most
        self._tallies: dict[_Key, IncidentCount] = {}
        self._others: IncidentCount | None = None
        """The incidents that were put together."""
        self._together = Distinct(MOST_TOGETHER)
        """Their keys."""

    def __getstate__(self) -> dict[str, object]:
        """Functions do not travel to another process; their names do."""
        return {**self.__dict__, "_values": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._values = [(KEY | BY if self._group else BY)[name] for name in self._by]

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
        by = tuple(value(failure) for value in self._values)
        key = (
            _Key(None, None, None, "", "", by)
            if self._group
            else _Key(failure.org, failure.env, failure.proxy, failure.alert, failure.side, by)
        )
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = IncidentCount()
            tally.is_whole = self._others is None
        tally.take(failure, seen, self._group)
        if len(self._tallies) > SLACK * self._most:
            self._put_together()

    def merge(self, other: Incidents) -> None:
        """Add the counts of another part of the input, which is not used any more."""
        if other._others is not None or self._others is not None:
            for key, tally in self._tallies.items():
                tally.is_whole &= key in other._tallies or other._others is None
            for key, tally in other._tallies.items():
                tally.is_whole &= key in self._tallies or self._others is None
        for key, tally in other._tallies.items():
            ours = self._tallies.get(key)
            if ours is None:
                self._tallies[key] = tally
            else:
                ours.is_whole &= tally.is_whole
                ours.merge(tally)
        if other._others is not None:
            self._together.merge(other._together)
            if self._others is None:
                self._others = other._others
            else:
                self._others.merge(other._others)
        if len(self._tallies) > SLACK * self._most:
            self._put_together()

    def emit(self, *, forget: bool = False) -> list[Incident]:
        """The incidents, most failed handshakes first; the one of all others is last.

        Args:
            forget: give the memory of each count back as soon as its incident is made; the last call.
        """
        if len(self._tallies) > self._most:
            self._put_together()
        same: dict[object, Any] = {}
        rest = [] if self._others is None else [self._rest(self._others, same)]
        done = []
        for key in list(self._tallies):
            done.append(self._incident(key, self._tallies[key], same))
            if forget:
                del self._tallies[key]
        done.sort(key=by_number)
        return done + rest

    def _put_together(self) -> None:
        """Keep the largest; of equal ones those of smallest hash, whatever order they came in."""
        sizes = {key: tally.count for key, tally in self._tallies.items()}
        least = heapq.nlargest(self._most, sizes.values())[-1]
        hashes = {key: self._tallies[key].hash_of(key) for key, size in sizes.items() if size <= least}
        room = self._most - (len(sizes) - len(hashes))
        equal = sorted((key for key in hashes if sizes[key] == least), key=hashes.__getitem__)
        kept = set(equal[:room])
        others = self._others = self._others or IncidentCount()
        for key, hash_ in hashes.items():
            if key not in kept:
                others.merge(self._tallies.pop(key))
                self._together.add(hash_)

    def _rest(self, others: IncidentCount, same: dict[object, Any]) -> Incident:
        """The row of the incidents that are counted together."""
        every = Distinct(MOST_TOGETHER)
        every.merge(self._together)
        for listed, tally in self._tallies.items():
            every.add(tally.hash_of(listed))
        total, exact = every.number()
        number = Number(max(0, total - len(self._tallies)), exact)
        key = _Key(None, None, f"{OTHERS} ({number} incidents)", OTHERS, "", (None,) * len(self._by))
        return replace(
            self._incident(key, others, same),
            family=OTHERS,
            hint=f"{number} incidents with few failures each are counted together: there are more than"
            f" {self._most:,} (--max-incidents)",
            together=number.total,
        )

    def _incident(self, key: _Key, tally: IncidentCount, same: dict[object, Any]) -> Incident:
        """One incident.

        Args:
            same: equal values of many incidents are one object, by these.
        """
        families_of, values_of = tally.counts()
        lists = {name: one(same, values.most(SHOWN)) for name, values in values_of.items()}
        numbers = {name: values.number() for name, values in values_of.items()}
        keystores, targets = lists["keystores"], lists["targets"]
        families = min(families_of, key=lambda families: (-families_of[families], families))
        messages = tally.ids.number()
        approximate: tuple[str, ...] = () if messages.exact else ("messages",)
        if not tally.is_whole:
            approximate = ("failed_handshakes", "messages")
        configured = [name for name in keystores if name != "null"]
        alert, side = key.alert, key.side
        if self._group:
            alert, side = next(iter(lists["alerts"]), OTHERS), next(iter(lists["sides"]), "")
        hint = hint_for(
            alert, families[0], configured[0] if configured else next(iter(keystores), None),
            targets[0] if targets else None, families=families, side=side,
        )  # fmt: skip
        if configured and "null" in keystores:
            absent = values_of["keystores"].counts["null"]
            hint = f"{NO_KEYSTORE} in {absent:,} of them; elsewhere {hint}"
        return Incident(
            key.org,
            key.env,
            key.proxy,
            alert,
            side,
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
            one(same, hint),
            tally.timeline.bars(),
            families,
            tuple((name, number.total) for name, number in numbers.items() if number.total > SHOWN),
            (*approximate, *(name for name, number in numbers.items() if not number.exact)),
            proxies=lists.get("proxies", ()),
            envs=lists.get("envs", ()),
            alerts=lists.get("alerts", ()),
        )


def by_number(incident: Incident) -> tuple[object, ...]:
    """Sorts incidents: most failures first, equal ones by their key."""
    return (
        -incident.failed_handshakes, incident.org or "", incident.env or "", incident.proxy or "",
        incident.alert, incident.side, tuple(value or "" for _, value in incident.by),
    )  # fmt: skip


SORTS: dict[str, Callable[[Incident], Any]] = {
    "failed": by_number,
    "messages": lambda i: (-i.messages, *by_number(i)),
    "first": lambda i: (i.first_time or datetime.max, *by_number(i)),
    "last": lambda i: (datetime.max - (i.last_time or datetime.min), *by_number(i)),
    "org": lambda i: (i.org or "", *by_number(i)),
    "env": lambda i: (i.env or "", *by_number(i)),
    "proxy": lambda i: (i.proxy or "", *by_number(i)),
    "alert": lambda i: (i.alert, *by_number(i)),
    "target": lambda i: (i.targets, *by_number(i)),
    "alias": lambda i: (i.key_aliases, *by_number(i)),
    "host": lambda i: (i.hosts, *by_number(i)),
}
"""What ``--sort`` accepts: numbers and the last time from the highest on, all else from the lowest on."""


def one(same: dict[object, Any], value: T) -> T:
    """The first value that was equal to this one."""
    found: T = same.setdefault(value, value)
    return found


def _time(moment: int) -> datetime | None:
    return None if moment in {LATEST, EARLIEST} else EPOCH + moment * MICROSECOND
