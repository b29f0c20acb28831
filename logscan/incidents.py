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
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from logscan.errors import UsageError
from logscan.hints import NO_KEYSTORE, hint_for
from logscan.models import FailedHandshake, Incident, Place, SslInfo

if TYPE_CHECKING:
    import pandas as pd

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
            raise UsageError(f"--by {unknown[0]}: no such column", "choose from " + ", ".join(sorted(BY)))
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
            targets[0] if targets else None, families, key.side,
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


COLUMNS = (
    "org", "env", "proxy", "alert", "side", "family", "failed_handshakes", "messages",
    "first_time", "last_time", "keystores", "key_aliases", "truststores", "targets", "revisions",
    "hosts", "sample_message_ids", "hint",
)  # fmt: skip
"""The columns of an incident, in every format; those of ``--by`` stand behind ``side``."""

_LISTS = ("keystores", "key_aliases", "truststores", "targets", "revisions", "hosts", "sample_message_ids")


def as_dict(incident: Incident) -> dict[str, object]:
    """One incident with its columns in order; lists as lists, times as ``datetime``."""
    row: dict[str, object] = {}
    for name in COLUMNS:
        value = getattr(incident, name)
        row[name] = list(value) if isinstance(value, tuple) else value
        if name == "side":
            row |= {f"by_{key}" if key in COLUMNS else key: value for key, value in incident.by}
    return row


def to_frame(incidents: Iterable[Incident], by: Sequence[str] = ()) -> pd.DataFrame:
    """Incidents as a frame: one row each, columns as :data:`COLUMNS` with those of ``by`` behind side.

    Dtypes: strings are pandas' ``str``, with missing values as NA; counts ``int64``; times
    ``datetime64[ms]`` without a zone (the log's wall time); lists are Python lists of ``str``.
    """
    import pandas as pd

    rows = [as_dict(incident) for incident in incidents]
    extra = [f"by_{name}" if name in COLUMNS else name for name in by]
    at = COLUMNS.index("side") + 1
    frame = pd.DataFrame(rows, columns=[*COLUMNS[:at], *extra, *COLUMNS[at:]])
    return typed(frame, counts=("failed_handshakes", "messages"), lists=_LISTS)


def failure_id(failure: FailedHandshake) -> str:
    """A name for a failed handshake that stays: whatever its file is called later, packed or not, and
    however often it is read. Made of the first line's offset and what stands in its header."""
    what = (
        failure.time, failure.org, failure.env, failure.proxy, failure.message_id, failure.thread,
        failure.place.offset,
    )  # fmt: skip
    return blake2b(repr(what).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def failure_dict(failure: FailedHandshake) -> dict[str, object]:
    """One failed handshake as a flat row, in the order of the frame's columns."""
    channel, info, thrown = failure.channel, failure.ssl_info, failure.exception
    return {
        "id": failure_id(failure),
        "time": failure.time,
        "zone": failure.zone,
        "org": failure.org,
        "env": failure.env,
        "proxy": failure.proxy,
        "revision": failure.revision,
        "message_id": failure.message_id,
        "thread": failure.thread,
        "alert": failure.alert,
        "family": failure.family,
        "families": list(failure.families),
        "side": failure.side,
        "refused_by": failure.refused_by,
        "reason": failure.reason,
        "channel_kind": channel.kind if channel else None,
        "channel_id": channel.id if channel else None,
        "remote_host": channel.remote_host if channel else None,
        "remote_port": channel.remote_port if channel else None,
        "local_host": channel.local_host if channel else None,
        "local_port": channel.local_port if channel else None,
        "use_count": channel.use_count if channel else None,
        "bytes_read": channel.bytes_read if channel else None,
        "bytes_written": channel.bytes_written if channel else None,
        "age_ms": channel.age_ms if channel else None,
        "last_io_ms": channel.last_io_ms if channel else None,
        "is_open": channel.is_open if channel else None,
        "keystore": info.keystore if info else None,
        "key_alias": info.key_alias if info else None,
        "truststore": info.truststore if info else None,
        "exception_type": thrown.type if thrown else None,
        "exception_message": thrown.message if thrown else None,
        "exception_causes": list(thrown.causes) if thrown else [],
        "exception_frames": list(thrown.frames) if thrown else [],
        "host": failure.host,
        "path": failure.place.path,
        "offset": failure.place.offset,
        "hint": hint_for(
            failure.alert, failure.family, info.keystore if info else None, failure.target,
            failure.families, failure.side,
        ),
    }  # fmt: skip


_NUMBERS = (
    "channel_id", "remote_port", "local_port", "use_count", "bytes_read", "bytes_written", "age_ms",
    "last_io_ms", "offset",
)  # fmt: skip


def failures_to_frame(failures: Iterable[FailedHandshake]) -> pd.DataFrame:
    """Failed handshakes as a frame, one row each; columns and order as :func:`failure_dict`.

    Dtypes: strings ``str`` with NA; numbers ``Int64``; ``is_open`` ``boolean``; ``time``
    ``datetime64[ms]`` without a zone; ``families``, ``exception_causes`` and ``exception_frames`` are
    lists of ``str``.
    """
    import pandas as pd

    rows = [failure_dict(failure) for failure in failures]
    frame = pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))
    lists = ("families", "exception_causes", "exception_frames")
    frame = typed(frame, counts=(), lists=(*lists, *_NUMBERS, "is_open"))
    return frame.astype(dict.fromkeys(_NUMBERS, "Int64") | {"is_open": "boolean"})


def typed(frame: pd.DataFrame, counts: Sequence[str], lists: Sequence[str]) -> pd.DataFrame:
    """The same frame with fixed dtypes, empty or not."""
    dtypes: dict[str, str] = {}
    for name in frame.columns:
        if name in counts:
            dtypes[name] = "int64"
        elif name in ("first_time", "last_time", "time"):
            dtypes[name] = "datetime64[ms]"
        elif name in lists:
            dtypes[name] = "object"
        else:
            dtypes[name] = "str"
    return frame.astype(dtypes)


FAILURE_COLUMNS = tuple(
    failure_dict(
        FailedHandshake(
            None, None, None, None, None, None, None, None, "", ("",), "southbound", "", "", None,
            None, None, "", Place("", 0),
        )
    )
)  # fmt: skip
"""The columns of a failed handshake, in every format."""
