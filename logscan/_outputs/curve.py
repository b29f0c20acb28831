"""Curve: failures over time, by the times of the log, in spans that fit their range and a number of bars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1)
WIDTHS = (1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400)
"""Seconds of a span."""
KEPT = 4_000
"""Spans of each width that are kept: the latest."""
GAP = 3_600
"""Seconds without a failure between two episodes."""
AHEAD = timedelta(days=1)
"""A failure so far beyond this machine's clock has a wrong time, and draws no curve if others do."""
_COARSE = 900
"""The width that separates episodes."""


class Bars(NamedTuple):
    """The latest episode of failures: those with less than an hour between them."""

    begin: datetime | None = None
    """Where the first bar begins; ``None``: there is no failure with a time."""
    end: datetime | None = None
    """Where the last one ends."""
    width: int = 0
    """Seconds of a bar."""
    counts: tuple[int, ...] = ()
    others: int = 0
    """Failures before and after this episode."""


class Curve:
    """Times of failures in, bars out; in bounded memory."""

    def __init__(self) -> None:
        self._spans: dict[int, dict[int, int]] = {width: {} for width in WIDTHS}
        """Width → number of the span since 1970 → failures."""
        self._lost: dict[int, int] = dict.fromkeys(WIDTHS, -1 << 62)
        """Width → the last span that is not kept."""
        self._total = 0

    def add(self, time: datetime) -> None:
        """Count a failure."""
        self._total += 1
        second = int((time - EPOCH).total_seconds() // 1)
        for width, spans in self._spans.items():
            span = second // width
            spans[span] = spans.get(span, 0) + 1
            if len(spans) > KEPT:
                oldest = sorted(spans)[: KEPT // 4]
                self._lost[width] = max(self._lost[width], oldest[-1])
                for each in oldest:
                    del spans[each]

    def bars(self, most: int, now: datetime) -> Bars:
        """The latest episode in ``most`` bars or fewer; up to now, if it is not over for an hour.

        Args:
            most: bars.
            now: wall time of the log.
        """
        begin, end = self._episode(now)
        if begin is None or end is None:
            return Bars()
        for width in WIDTHS:
            spans = {
                span: number
                for span, number in self._spans[width].items()
                if begin <= span * width + width - 1
            }
            spans = {span: number for span, number in spans.items() if span * width < end}
            if not spans or (self._lost[width] >= begin // width and width != WIDTHS[-1]):
                continue
            first, last = min(spans), max(spans)
            present = int((now - EPOCH).total_seconds()) // width
            if last < present <= last + GAP // width:
                last = present
            if last - first < most or width == WIDTHS[-1]:
                first = max(first, last - most + 1)
                counts = tuple(spans.get(span, 0) for span in range(first, last + 1))
                edges = (_time(first * width), _time((last + 1) * width))
                return Bars(*edges, width, counts, self._total - sum(counts))
        raise AssertionError("unreachable")

    def _episode(self, now: datetime) -> tuple[int | None, int | None]:
        """Seconds between which the latest episode lies."""
        spans = sorted(self._spans[_COARSE])
        limit = (now + AHEAD - EPOCH).total_seconds() // _COARSE
        spans = [span for span in spans if span <= limit] or spans
        if not spans:
            return None, None
        first = last = spans[-1]
        for span in reversed(spans):
            if (first - span - 1) * _COARSE >= GAP:
                break
            first = span
        return first * _COARSE, (last + 1) * _COARSE


def _time(second: int) -> datetime | None:
    try:
        return EPOCH + timedelta(seconds=second)
    except OverflowError:
        return None
