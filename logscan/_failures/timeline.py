"""Timelines: how many failures there were when, in spans as short as a bounded number of them allows."""

from __future__ import annotations

import heapq
from datetime import timedelta

from logscan._failures.members import EPOCH
from logscan.overviews import Bars

WIDTHS = tuple(seconds * 1_000_000 for seconds in (1, 10, 60, 600, 3600))
"""Microseconds of a span. Each is a multiple of the one before, and so are their beginnings."""
MOST_HOURS = 24 * 366
"""Spans of an hour that are counted one by one, the earliest; failures in others count in sums only."""


class Timeline:
    """Times in, numbers by spans of time out. Parts add up to the same as the whole, in any order.

    Spans get longer while there are more than ``most`` of them. Of the longest ones many more are kept.
    """

    __slots__ = ("_most", "counts", "width")

    def __init__(self, most: int) -> None:
        self._most = most
        self.width = WIDTHS[0]
        self.counts: dict[int, int] = {}
        """Number of the span since 1970 → failures."""

    def add(self, moment: int) -> None:
        """Count one, by its microseconds since 1970."""
        span, counts = moment // self.width, self.counts
        if span in counts:
            counts[span] += 1
        else:
            counts[span] = 1
            if len(counts) > self._most:
                self._shorten()

    def merge(self, other: Timeline) -> None:
        """Add what another has counted."""
        if other.width > self.width:
            self._widen(other.width)
        counts = self.counts
        if other.width == self.width:
            for span, number in other.counts.items():
                counts[span] = counts.get(span, 0) + number
        else:
            factor = self.width // other.width
            for span, number in other.counts.items():
                counts[span // factor] = counts.get(span // factor, 0) + number
        if len(counts) > self._most:
            self._shorten()

    def bars(self) -> Bars:
        """What was counted."""
        counts = self.counts
        spans = heapq.nsmallest(MOST_HOURS, counts)
        width = timedelta(microseconds=self.width)
        return Bars(width, tuple((EPOCH + span * width, counts[span]) for span in spans))

    def _shorten(self) -> None:
        """Fewer spans: longer ones, and of the longest the earliest."""
        while len(self.counts) > self._most and self.width < WIDTHS[-1]:
            self._widen(WIDTHS[WIDTHS.index(self.width) + 1])
        if len(self.counts) > 2 * MOST_HOURS:
            # What is counted once more of a later hour is dropped again: the earliest ones are right.
            self.counts = {span: self.counts[span] for span in heapq.nsmallest(MOST_HOURS, self.counts)}

    def _widen(self, width: int) -> None:
        factor, self.width = width // self.width, width
        counts: dict[int, int] = {}
        for span, number in self.counts.items():
            counts[span // factor] = counts.get(span // factor, 0) + number
        self.counts = counts
