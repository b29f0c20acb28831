"""In common: which values the selected failed handshakes have, dimension by dimension, and when.

Counted beside incidents, for the first lines of a report. All is bounded, and parts add up to the whole.
"""

from __future__ import annotations

from logscan._failures.distinct import Number, Values
from logscan._failures.incidents import BY, KEY
from logscan._failures.seen import Seen
from logscan._failures.timeline import Timeline
from logscan.overviews import Bars, Shared
from logscan.values import FailedHandshake

DIMENSIONS = {
    name: {**KEY, **BY}[name]
    for name in (
        "target", "alias", "keystore", "truststore", "host", "org", "env", "proxy", "revision", "alert",
    )
}  # fmt: skip
"""What failures may have in common."""
MOST_SPANS = 2_000
"""Spans of time shorter than an hour that are counted one by one of an alert."""
MOST_ALERTS = 100
"""Alerts whose failures are counted over time; those of others only in sums."""
MOST_PAIRS = 4_000
"""Pairs of values that are counted exactly."""
LISTED = 10
"""Values of a dimension that are shown."""
_BREAK = "\0"
"""Stands between the values that are joined."""


class Timed:
    """How often values were seen, and from when to when. Bounded as :class:`Values` are."""

    __slots__ = ("_spans", "values")

    def __init__(self, most: int) -> None:
        self.values = Values(most)
        self._spans: dict[str, tuple[int, int]] = {}
        """Value → its earliest and latest time, in microseconds since 1970."""

    def add(self, value: str, times: int, first: int, last: int) -> None:
        """Count a value."""
        self.values.add(value, times)
        self._note(value, first, last)

    def merge(self, other: Timed) -> None:
        """Add what another has counted."""
        self.values.merge(other.values)
        for value, span in other._spans.items():
            self._note(value, *span)

    def spans(self) -> dict[str, tuple[int, int]]:
        """Value → its earliest and latest time, in microseconds since 1970."""
        self.values.number()
        return {value: self._spans[value] for value in self.values.counts}

    def _note(self, value: str, first: int, last: int) -> None:
        counts = self.values.counts
        if value in counts:
            held = self._spans.get(value)
            self._spans[value] = (first, last) if held is None else (min(held[0], first), max(held[1], last))
        if len(self._spans) > 2 * len(counts) + LISTED:
            self._spans = {value: span for value, span in self._spans.items() if value in counts}


class InCommon:
    """The values of some failed handshakes.

    Attributes:
        count: the failures.
        first: the earliest time, in microseconds since 1970.
        last: the latest.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None
        self._values = {name: Values() for name in DIMENSIONS}
        self._timelines: dict[str, Timeline] = {}
        self._every = Timeline(MOST_SPANS)
        self._pairs = {("target", "proxy"): Values(MOST_PAIRS), ("alias", "proxy"): Values(MOST_PAIRS)}
        self.keystores = Timed(MOST_PAIRS)
        """Host, alias and keystore object."""
        self.revisions = Timed(MOST_PAIRS)
        """Environment, API proxy and revision."""
        self.hosts = Timed(MOST_PAIRS)

    def take(self, failure: FailedHandshake, seen: Seen) -> None:
        """Count what was seen of failures like this one."""
        self.count += seen.count
        values = {name: read(failure) for name, read in DIMENSIONS.items()}
        for name, value in values.items():
            if value is not None:
                self._values[name].add(value, seen.count)
        for (one, other), pairs in self._pairs.items():
            if values[one] is not None and values[other] is not None:
                pairs.add(joined(values[one], values[other]), seen.count)
        self._over_time(failure.alert, seen.timeline)
        if seen.first > seen.last:
            return
        self.first = seen.first if self.first is None else min(self.first, seen.first)
        self.last = seen.last if self.last is None else max(self.last, seen.last)
        self.hosts.add(failure.host, seen.count, seen.first, seen.last)
        if values["keystore"] not in {None, "null"}:
            key = joined(values["host"], values["alias"], values["keystore"])
            self.keystores.add(key, seen.count, seen.first, seen.last)
        if failure.proxy is not None and failure.revision is not None:
            key = joined(failure.env, failure.proxy, failure.revision)
            self.revisions.add(key, seen.count, seen.first, seen.last)

    def merge(self, other: InCommon) -> None:
        """Add what another part has counted."""
        self.count += other.count
        for name, values in other._values.items():
            self._values[name].merge(values)
        for pair, values in other._pairs.items():
            self._pairs[pair].merge(values)
        for alert, timeline in other._timelines.items():
            if alert in self._timelines or len(self._timelines) < MOST_ALERTS:
                self._timelines.setdefault(alert, Timeline(MOST_SPANS)).merge(timeline)
        self._every.merge(other._every)
        ends = [part for part in (self.first, other.first) if part is not None]
        self.first = min(ends, default=None)
        ends = [part for part in (self.last, other.last) if part is not None]
        self.last = max(ends, default=None)
        self.keystores.merge(other.keystores)
        self.revisions.merge(other.revisions)
        self.hosts.merge(other.hosts)

    def shared(self) -> tuple[Shared, ...]:
        """What was counted, for each dimension in which a failure has a value."""
        made = []
        for name, values in self._values.items():
            number = values.number()
            if number.total:
                counts = values.counts
                made.append(
                    Shared(
                        name,
                        tuple((value, counts[value]) for value in values.most(LISTED)),
                        number.total,
                        sum(counts.values()),
                        number.exact,
                    )
                )
        return tuple(made)

    def beside(self, one: str, value: str, other: str) -> Number:
        """How many different values of another dimension stand beside a value."""
        values = self._pairs[one, other]
        number = values.number()
        held = sum(pair.startswith(value + _BREAK) for pair in values.counts)
        if number.exact:
            return Number(held, True)
        return Number(round(held * number.total / len(values.counts)), False)

    def alerts(self) -> list[tuple[str, int]]:
        """Alerts with their failures, most first."""
        values = self._values["alert"]
        return [(name, values.counts[name]) for name in values.most(MOST_ALERTS)]

    def bars(self) -> tuple[tuple[str, Bars], ...]:
        """Alert → failures over time, most failures first."""
        names = [name for name, _ in self.alerts() if name in self._timelines]
        return tuple((name, self._timelines[name].bars()) for name in names)

    @property
    def timeline(self) -> Bars:
        """All failures over time."""
        return self._every.bars()

    def _over_time(self, alert: str, timeline: Timeline) -> None:
        self._every.merge(timeline)
        if alert not in self._timelines and len(self._timelines) >= MOST_ALERTS:
            return
        self._timelines.setdefault(alert, Timeline(MOST_SPANS)).merge(timeline)


def joined(*values: str | None) -> str:
    """Several values as one."""
    return _BREAK.join([value.replace(_BREAK, "") if value is not None else "" for value in values])


def parts(value: str) -> list[str]:
    """The values that were joined."""
    return value.split(_BREAK)
