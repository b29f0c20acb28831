"""Puts the failures of what stands in several logs at the beginning in order of time."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import count

from logscan._entries.parse import parse
from logscan.times import TimeRange, in_zone
from logscan.values import Counters, FailedHandshake, Place, Span

MOST = 50_000
"""Failures that wait for their turn. Of more, the earliest is given, whatever may come of other files."""


class Merge:
    """Failures of several logs in, the same in order of time out.

    The log that has come least far is to be read next. So a failure waits for those of the other logs only
    until each has come as far as itself.

    Args:
        zone: that of the logs; ``None``: this machine's.
        since: failures before its ``since`` are left out, of what stood in the logs at the beginning.
        last: give only so many, the last ones, when all is read; 0: all.
        ends: path → size at the beginning. Of other paths all stood there.
    """

    def __init__(
        self, zone: tzinfo | None, since: TimeRange | None = None, last: int = 0, *, ends: Mapping[str, int]
    ) -> None:
        self._zone = zone
        self._since = since.since if since else None
        self._last = last
        self._ends = ends
        self._most = last or MOST
        self._waiting: list[tuple[datetime, int, FailedHandshake]] = []
        self._numbers = count()
        self._reached: dict[str, datetime] = {}
        """Path → time of the last entry that was read of it."""
        self._marks: deque[tuple[float, datetime]] = deque()
        """When by the clock all logs had come as far as a time; later ones last."""
        self._early: list[FailedHandshake] = []
        """Those that are given before their turn."""

    def __len__(self) -> int:
        """Failures that wait."""
        return len(self._waiting)

    def next(self, unread: Collection[str]) -> str:
        """The path to read next: the one that has come least far."""
        return min(unread, key=lambda path: self._reached.get(path, datetime.min))

    def see(self, path: str, spans: Sequence[Span]) -> None:
        """Note how far a log has been read."""
        if not spans:
            return
        time = time_of(spans[-1], self._zone)
        if time is not None:
            self._reached[path] = max(time, self._reached.get(path, time))

    def add(self, failures: Sequence[FailedHandshake]) -> None:
        """Take failures, as they are found."""
        for failure in failures:
            time = datetime.min
            if failure.time is not None:
                time = in_zone(failure.time, failure.zone, self._zone)
                if self._since is not None and time < self._since and self._is_old(failure.place):
                    continue
            heapq.heappush(self._waiting, (time, next(self._numbers), failure))
            if len(self._waiting) > self._most:
                earliest = heapq.heappop(self._waiting)[2]
                if not self._last:
                    self._early.append(earliest)

    def _is_old(self, place: Place) -> bool:
        return place.offset < self._ends.get(place.path, place.offset + 1)

    def take(self, now: float, open_since: float | None, pending: Collection[str]) -> list[FailedHandshake]:
        """The failures whose turn has come.

        Args:
            now: by the clock.
            open_since: when the message got its last entry that has been waiting for longer than all others;
                ``None``: none is waiting.
            pending: the paths of which entries may come that stood there at the beginning.
        """
        mark = min((self._reached.get(path, datetime.min) for path in pending), default=datetime.max)
        if not self._marks or self._marks[-1][1] != mark:
            self._marks.append((now, mark))
        reached = datetime.min
        while self._marks and (open_since is None or self._marks[0][0] < open_since):
            reached = self._marks.popleft()[1]
        given, self._early = self._early, []
        while not self._last and self._waiting and self._waiting[0][0] < reached:
            given.append(heapq.heappop(self._waiting)[2])
        return given

    def rest(self) -> list[FailedHandshake]:
        """Those that are left."""
        given, self._early = self._early, []
        given += [failure for *_, failure in sorted(self._waiting)]
        self._waiting.clear()
        return given


def time_of(span: Span, zone: tzinfo | None) -> datetime | None:
    """Wall time of an entry in the zone of its log."""
    line = span.data.find(b"\n") + 1
    entry = parse(span._replace(data=span.data[:line] if line else span.data), Counters())
    return None if entry.time is None else in_zone(entry.time, entry.zone, zone)
