"""Seen: the running counts of failed handshakes that have something in common.

What is kept is bounded, however many there are. Counts merge in any order.
"""

from __future__ import annotations

import heapq

from logscan._failures.distinct import Distinct, Values, hash_of
from logscan._failures.names import LONGEST_NAME, cut_bytes
from logscan._failures.timeline import Timeline
from logscan.values import FailedHandshake

SAMPLES = 3
"""Sample message ids kept of an incident."""
MOST_SPANS = 64
"""Spans of time shorter than an hour that are counted one by one of an incident."""
MOST_KINDS = 8
"""Different combinations of what an incident lists that are counted as such; else each list by itself."""
LISTED = (
    "keystores", "key_aliases", "truststores", "targets", "revisions", "hosts",
    "proxies", "envs", "alerts", "sides",
)  # fmt: skip
"""The columns of an incident that list different values; the last four where something else is its key."""
LATEST = 1 << 63
"""The time of nothing; so is its negative."""
EARLIEST = -LATEST


class Seen:
    """The running counts of failed handshakes that agree in all but their times and message ids."""

    __slots__ = ("_latest", "count", "first", "ids", "last", "samples", "timeline", "unnamed")

    def __init__(self, spans: int = MOST_SPANS) -> None:
        self.count = 0
        self.first = LATEST
        """Microseconds since 1970, as all times here."""
        self.last = EARLIEST
        self.timeline = Timeline(spans)
        self.ids = Distinct()
        self.unnamed = 0
        """Those without a message id: each counts as a message of its own."""
        self.samples: dict[bytes, int] = {}
        """Message ids with their earliest time."""
        self._latest = LATEST
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
            moment = LATEST
        else:
            if moment < self.first:
                self.first = moment
            if moment > self.last:
                self.last = moment
            self.timeline.add(moment)
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
        self.timeline.merge(other.timeline)
        self.ids.merge(other.ids)
        self.unnamed += other.unnamed
        for name, moment in other.samples.items():
            self._sample(name, moment)

    def earliest(self) -> list[bytes]:
        """The first few message ids by time."""
        return heapq.nsmallest(SAMPLES, self.samples, key=lambda name: (self.samples[name], name))

    def _sample(self, name: bytes, moment: int) -> None:
        if moment > self._latest:
            return
        if len(name) > LONGEST_NAME:
            name = cut_bytes(name)
        held = self.samples.get(name)
        if held is None or moment < held:
            self.samples[name] = moment
        if len(self.samples) > 4 * SAMPLES:
            self.samples = {name: self.samples[name] for name in self.earliest()}
            self._latest = max(self.samples.values())


Kind = tuple[tuple[str, ...], tuple[str | None, ...]]
"""The families of a failure, and its values in the order of :data:`LISTED`."""


class IncidentCount(Seen):
    """The running counts of one incident."""

    __slots__ = ("families", "hash_", "is_whole", "kinds", "values")

    def __init__(self) -> None:
        super().__init__()
        self.hash_ = 0
        """Of its key, once it was needed."""
        self.is_whole = True
        """No failure of the incident was counted with others before."""
        self.families: dict[tuple[str, ...], int] | None = None
        self.kinds: dict[Kind, int] = {}
        """Most incidents have one or two, which takes less memory than a count for each list."""
        self.values: dict[str, Values] = {}

    def take(self, failure: FailedHandshake, seen: Seen, has_other_key: bool = False) -> None:
        """Count what was seen of failures like this one.

        Args:
            has_other_key: their API proxy, environment, alert and side are counted, too.
        """
        Seen.merge(self, seen)
        info = failure.ssl_info or (None, None, None)
        values = (*info, failure.target, failure.revision, failure.host)
        if has_other_key:
            values += (failure.proxy, failure.env, failure.alert, failure.side)
        self._count((failure.families, values), seen.count)

    def merge(self, other: Seen) -> None:
        """Add what another has counted."""
        super().merge(other)
        assert isinstance(other, IncidentCount)
        for kind, count in other.kinds.items():
            self._count(kind, count)
        if other.families is not None:
            self._spread()
            assert self.families is not None
            for families, count in other.families.items():
                self.families[families] = self.families.get(families, 0) + count
            for name, values in other.values.items():
                self.values.setdefault(name, Values()).merge(values)

    def hash_of(self, key: tuple[object, ...]) -> int:
        """A hash of its key."""
        self.hash_ = self.hash_ or hash_of(repr(tuple(key)).encode("utf-8", "surrogatepass"))
        return self.hash_

    def counts(self) -> tuple[dict[tuple[str, ...], int], dict[str, Values]]:
        """The families, and the values of each list, with how often they were seen."""
        if self.families is not None:
            return self.families, self.values
        spread = IncidentCount()
        spread.kinds = self.kinds
        spread._spread()
        return spread.families or {}, spread.values

    def _count(self, kind: Kind, count: int) -> None:
        kinds = self.kinds
        kinds[kind] = kinds.get(kind, 0) + count
        if self.families is not None or len(kinds) > MOST_KINDS:
            self._spread()

    def _spread(self) -> None:
        """From now on count each list for itself."""
        if self.families is None:
            self.families = {}
            columns = max((len(values) for _, values in self.kinds), default=0)
            self.values = {name: Values() for name in LISTED[:columns]}
        for (families, values), count in self.kinds.items():
            self.families[families] = self.families.get(families, 0) + count
            for name, value in zip(LISTED, values, strict=False):
                if value is not None:
                    self.values[name].add(value, count)
        self.kinds = {}
