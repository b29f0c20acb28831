"""Board: what a person who watches wants to see: counts by proxy and environment, the last hour, the latest.

Filled by the thread that reads, read by the one that draws.
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
"""Failures kept to be looked at."""
KINDS = 2_000
"""Rows counted apart; further ones are counted in the last."""

Kind = tuple[str, str, str, str]
"""Organization, environment, proxy, alert."""


@dataclass
class Row:
    """One line of the incident table."""

    failures: int = 0
    last: datetime | None = None
    target: str = ""
    seen: float = 0.0


class Board:
    """Counts of a live run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Kind, Row] = {}
        self._latest: deque[FailedHandshake] = deque(maxlen=LATEST)
        self._minutes: Counter[int] = Counter()
        self.total = 0
        self.note = ""
        """Trouble that came up last."""

    def feed(self, failure: FailedHandshake, now: float | None = None) -> None:
        """Count a failure."""
        moment = time.time() if now is None else now
        kind = (failure.org or "?", failure.env or "?", failure.proxy or "?", failure.alert)
        with self._lock:
            if kind not in self._rows and len(self._rows) >= KINDS:
                kind = ("…", "…", "others", "…")
            row = self._rows.setdefault(kind, Row())
            row.failures += 1
            row.last = failure.time
            row.target = failure.target or row.target
            row.seen = moment
            self._latest.append(failure)
            self._minutes[int(moment // 60)] += 1
            self.total += 1
            for minute in [m for m in self._minutes if m <= moment // 60 - MINUTES]:
                del self._minutes[minute]

    def rows(self, words: str = "") -> list[tuple[Kind, Row]]:
        """The incident table, most failures first; with words only lines that hold all of them."""
        with self._lock:
            rows = [(kind, Row(**vars(row))) for kind, row in self._rows.items()]
        rows = [one for one in rows if _holds((*one[0], one[1].target), words)]
        return sorted(rows, key=lambda one: (-one[1].failures, one[0]))

    def latest(self, count: int, words: str = "") -> list[FailedHandshake]:
        """The latest failures, newest first."""
        with self._lock:
            kept = list(self._latest)
        found: list[FailedHandshake] = []
        for failure in reversed(kept):
            parts = (
                failure.org, failure.env, failure.proxy, failure.alert, failure.message_id, failure.target,
            )  # fmt: skip
            if _holds(tuple(part or "" for part in parts), words):
                found.append(failure)
                if len(found) >= count:
                    break
        return found

    def minutes(self, now: float | None = None) -> list[int]:
        """Failures in each of the last minutes, oldest first."""
        this = int((time.time() if now is None else now) // 60)
        with self._lock:
            return [self._minutes.get(this - MINUTES + 1 + number, 0) for number in range(MINUTES)]


def _holds(parts: tuple[str, ...], words: str) -> bool:
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())
