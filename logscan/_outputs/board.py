"""Board: counts of a live run for the live view: by proxy and environment, of the last hour, the latest.

The thread that reads fills it; the thread that draws reads it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime

from logscan.values import FailedHandshake

MINUTES = 60
LATEST = 500
"""Failures kept for the list of the latest."""
GROUPS = 2_000
"""Rows of the incident table. Failures of further groups are counted in one row, "others"."""

Group = tuple[str, str, str, str]
"""Organization, environment, proxy, alert."""


@dataclass
class Row:
    """One line of the incident table."""

    failures: int = 0
    last: datetime | None = None
    target: str = ""


class Board:
    """Counts of a live run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Group, Row] = {}
        self._latest: deque[FailedHandshake] = deque(maxlen=LATEST)
        self._minutes: Counter[int] = Counter()
        self.total = 0
        self.note = ""
        """The latest problem."""

    def feed(self, failure: FailedHandshake, now: float | None = None) -> None:
        """Count a failure."""
        moment = time.time() if now is None else now
        group = (failure.org or "?", failure.env or "?", failure.proxy or "?", failure.alert)
        with self._lock:
            if group not in self._rows and len(self._rows) >= GROUPS:
                group = ("…", "…", "others", "…")
            row = self._rows.setdefault(group, Row())
            row.failures += 1
            row.last = failure.time
            row.target = failure.target or row.target
            self._latest.append(failure)
            self._minutes[int(moment // 60)] += 1
            self.total += 1
            for minute in [m for m in self._minutes if m <= moment // 60 - MINUTES]:
                del self._minutes[minute]

    def rows(self, words: str = "") -> list[tuple[Group, Row]]:
        """The incident table, most failures first; with words: only the rows that contain all of them."""
        with self._lock:
            rows = [(group, Row(**vars(row))) for group, row in self._rows.items()]
        rows = [(group, row) for group, row in rows if _contains((*group, row.target), words)]
        return sorted(rows, key=lambda pair: (-pair[1].failures, pair[0]))

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

    def minutes(self, now: float | None = None) -> list[int]:
        """Failures in each of the last minutes, oldest first."""
        this = int((time.time() if now is None else now) // 60)
        with self._lock:
            return [self._minutes.get(this - MINUTES + 1 + number, 0) for number in range(MINUTES)]


def _contains(parts: tuple[str, ...], words: str) -> bool:
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())
