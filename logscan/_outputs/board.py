"""Board: counts of a live run for the live view: by proxy and environment, over time, the latest.

The thread that reads fills it; the thread that draws reads it.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from logscan._outputs.curve import Bars, Curve
from logscan.values import FailedHandshake

LATEST = 500
"""Failures kept for the list of the latest."""
GROUPS = 2_000
"""Rows of the incident table. Failures of further groups are counted in one row, "others"."""
EXAMPLES = 3
"""Failures kept of each row, whose entries can be opened."""
SORTS = ("failures", "last", "proxy")
"""Orders of the incident table."""

Group = tuple[str, str, str, str]
"""Organization, environment, proxy, alert."""


@dataclass
class Row:
    """One line of the incident table."""

    failures: int = 0
    last: datetime | None = None
    """The latest time of a failure, whichever was read last."""
    target: str = ""


class Board:
    """Counts of a live run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Group, Row] = {}
        self._examples: dict[Group, deque[FailedHandshake]] = {}
        self._latest: deque[FailedHandshake] = deque(maxlen=LATEST)
        self._curve = Curve()
        self.total = 0
        self.note = ""
        """The latest problem."""

    def feed(self, failure: FailedHandshake) -> None:
        """Count a failure."""
        group = (failure.org or "?", failure.env or "?", failure.proxy or "?", failure.alert)
        with self._lock:
            if group not in self._rows and len(self._rows) >= GROUPS:
                group = ("…", "…", "others", "…")
            row = self._rows.setdefault(group, Row())
            row.failures += 1
            row.target = failure.target or row.target
            self._examples.setdefault(group, deque(maxlen=EXAMPLES)).append(failure)
            self._latest.append(failure)
            if failure.time is not None:
                row.last = failure.time if row.last is None else max(row.last, failure.time)
                self._curve.add(failure.time)
            self.total += 1

    def rows(self, words: str = "", sort: str = SORTS[0]) -> list[tuple[Group, Row]]:
        """The incident table; with words: only the rows that contain all of them.

        Args:
            words: parts of any cell, separated by blanks.
            sort: one of :data:`SORTS`: most failures first, latest first, or by the name of the proxy.
        """
        with self._lock:
            rows = [(group, replace(row)) for group, row in self._rows.items()]
        rows = [(group, row) for group, row in rows if _contains((*group, row.target), words)]
        rows.sort(key=lambda pair: (-pair[1].failures, pair[0]))
        if sort == "last":
            rows.sort(key=lambda pair: pair[1].last or datetime.min, reverse=True)
        elif sort == "proxy":
            rows.sort(key=lambda pair: (pair[0][2], pair[0]))
        return rows

    def examples(self, group: Group) -> list[FailedHandshake]:
        """The latest failures of a row, newest first."""
        with self._lock:
            return list(reversed(self._examples.get(group, ())))

    def latest(self, count: int, words: str = "") -> list[FailedHandshake]:
        """The latest failures, newest first."""
        with self._lock:
            newest_first = list(reversed(self._latest))
        matching: list[FailedHandshake] = []
        for failure in newest_first:
            parts = (
                failure.org, failure.env, failure.proxy, failure.alert, failure.message_id, failure.target,
            )  # fmt: skip
            if _contains(tuple(part or "" for part in parts), words):
                matching.append(failure)
                if len(matching) >= count:
                    break
        return matching

    def bars(self, most: int, now: datetime) -> Bars:
        """Failures over time, by the times of the log: see :meth:`Curve.bars`."""
        with self._lock:
            return self._curve.bars(most, now)


def _contains(parts: tuple[str, ...], words: str) -> bool:
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())
