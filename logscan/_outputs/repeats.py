"""Repeats: of many failures of one kind the first are printed, and then how many more there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from logscan.values import FailedHandshake

WINDOW = 10.0
"""Seconds over which failures of a kind are counted."""
FIRST = 2
"""Failures of a kind that are printed at once; further ones within the same window are counted."""
KINDS = 1_000
"""Kinds that are remembered. For one more, the count of the oldest is printed early."""

Print = Callable[[FailedHandshake, int, float], None]
"""Prints a failure (with 0 and 0), or that there are so many more like it within so many seconds."""
_Kind = tuple[str | None, ...]
_WINDOW = timedelta(seconds=WINDOW)


@dataclass(slots=True)
class _Window:
    """The failures of one kind within some seconds."""

    opened: float
    """By the clock of this machine."""
    first: datetime | None
    """When it begins, by the time of the log; ``None``: its first failure has no time."""
    free: int
    """Failures that are printed at once."""
    count: int = 0
    """Failures that were counted."""
    newest: FailedHandshake | None = None
    """The failure that was counted last."""
    last: float = 0.0
    """When that was, by the clock of this machine."""

    def is_over(self, now: float, moment: datetime | None) -> bool:
        """Whether it has ended: by the clock, or by the time of a failure."""
        if now - self.opened >= WINDOW:
            return True
        return bool(self.first and moment and moment - self.first >= _WINDOW)

    @property
    def seconds(self) -> float:
        """From its beginning to the failure that was counted last."""
        if self.first is not None and self.newest is not None and self.newest.time is not None:
            seconds = (self.newest.time - self.first).total_seconds()
        else:
            seconds = self.last - self.opened
        return min(max(seconds, 0.0), WINDOW)


class Repeats:
    """Takes failures, prints the first ones of a kind, and counts the others.

    Nothing gets lost: the lines and the numbers in them add up to the failures. A window ends ten seconds of
    the log after it began, so that what is read late is counted as it happened; or ten seconds later by the
    clock. Other kinds do not end it: the clocks of two hosts may differ. Where a window counted failures, the
    next ones of the kind are counted from the first on.

    Args:
        print_one: prints a failure, or a number of them.
        clock: seconds since any moment.
    """

    def __init__(self, print_one: Print, clock: Callable[[], float] = time.monotonic) -> None:
        self._print = print_one
        self._clock = clock
        self._windows: dict[_Kind, _Window] = {}
        """In the order in which they were opened."""

    def take(self, failure: FailedHandshake) -> None:
        """Print or count a failure."""
        now, moment, kind = self._clock(), failure.time, _kind_of(failure)
        while (own := self._windows.get(kind)) is not None and own.is_over(now, moment):
            self._end(kind, now)
        if own is None:
            if len(self._windows) >= KINDS:
                self._print_count(self._windows.pop(next(iter(self._windows))))
            own = self._windows[kind] = _Window(now, moment, FIRST)
        if own.free:
            own.free -= 1
            self._print(failure, 0, 0.0)
        else:
            own.count += 1
            own.newest, own.last = failure, now

    def look(self) -> None:
        """Print the counts that are due by the clock."""
        now = self._clock()
        while self._windows:
            kind, oldest = next(iter(self._windows.items()))
            if not oldest.is_over(now, None):
                break
            self._end(kind, now)

    def close(self) -> None:
        """Print what was counted and not printed."""
        for window in self._windows.values():
            self._print_count(window)
        self._windows.clear()

    def _end(self, kind: _Kind, now: float) -> None:
        """End a window; the next begins where it counted any."""
        window = self._windows.pop(kind)
        if window.count:
            self._print_count(window)
            begin = window.first
            if begin is not None:
                begin = begin + _WINDOW if begin.year < datetime.max.year else None
            self._windows[kind] = _Window(now, begin, 0)

    def _print_count(self, window: _Window) -> None:
        if window.newest is None:
            return
        if window.count == 1:  # its own line is no longer, and says more
            self._print(window.newest, 0, 0.0)
        else:
            self._print(window.newest, window.count, window.seconds)


def _kind_of(failure: FailedHandshake) -> _Kind:
    """What failures agree in that share one line."""
    return (
        failure.org, failure.env, failure.proxy, failure.alert, failure.side, failure.target,
    )  # fmt: skip
