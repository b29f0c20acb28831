"""Time axes: spans of time that fit the range, and cuts where nothing happened for long.

Times are seconds since 1970 of the log's wall time. ``templates/report/axis.js`` does the same in the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from logscan.values import Incident

EPOCH = datetime(1970, 1, 1)
MINUTE, HOUR, DAY = 60, 3600, 86400
WIDTHS = (
    *(1, 2, 3, 5, 10, 15, 20, 30),
    *(MINUTE * minutes for minutes in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(HOUR * hours for hours in (1, 2, 3, 4, 6, 8, 12)),
    *(DAY * days for days in (1, 2, 4, 7, 14, 28, 56, 112, 364)),
)
"""Seconds of a span."""
MOST = 120
"""Highest number of spans on an axis."""
FEWEST = 20
"""Spans of the axis of a single moment."""
CUTS = 3
"""Highest number of cuts in an axis."""
EMPTY = 0.9
"""An axis is cut where one or two gaps are at least this part of it."""
FINE = 0.6
"""Spans are at least as long as those in which this part of the failures is known."""


class Counted(NamedTuple):
    """Failures within a span of time."""

    start: int
    width: int
    failures: int


class Piece(NamedTuple):
    """A part of an axis without a cut."""

    start: int
    number: int
    """Spans in it."""


class Axis(NamedTuple):
    """Equal spans of time in one or more pieces."""

    width: int
    pieces: tuple[Piece, ...]

    @property
    def number(self) -> int:
        """Spans of all pieces."""
        return sum(piece.number for piece in self.pieces)

    def starts(self) -> list[int]:
        """Beginning of each span."""
        return [piece.start + at * self.width for piece in self.pieces for at in range(piece.number)]

    def counts(self, points: Iterable[Counted]) -> list[float]:
        """Failures of each span; those of a longer span are spread over it."""
        sums = [0.0] * self.number
        for point in points:
            end = point.start + point.width
            before = 0
            for piece in self.pieces:
                first = max(0, (point.start - piece.start) // self.width)
                last = min(piece.number - 1, (end - 1 - piece.start) // self.width)
                for at in range(first, last + 1):
                    start = piece.start + at * self.width
                    part = min(end, start + self.width) - max(point.start, start)
                    sums[before + at] += point.failures * part / point.width
                before += piece.number
        return sums

    @property
    def words(self) -> str:
        """Length of a span: ``10 seconds``, ``a minute``, ``6 hours``."""
        for unit, seconds in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", 1)):
            if self.width % seconds == 0:
                number = self.width // seconds
                one = f"{'an' if unit == 'hour' else 'a'} {unit}"
                return one if number == 1 else f"{number} {unit}s"
        raise AssertionError("unreachable")


def seconds(time: datetime) -> int:
    """Seconds since 1970."""
    return (time - EPOCH) // timedelta(seconds=1)


def points_of(incident: Incident) -> list[Counted]:
    """The failures of an incident over time; without bars: spread from its first to its last."""
    width = incident.bars.width // timedelta(seconds=1)
    points = [Counted(seconds(time), width, count) for time, count in incident.bars.counts]
    if not points and incident.first_time is not None:
        first = seconds(incident.first_time)
        last = seconds(incident.last_time or incident.first_time)
        points = [Counted(first, max(1, last - first + 1), incident.failed_handshakes)]
    return points


def axis_for(points: Sequence[Counted], moments: Sequence[int] = (), most: int = MOST) -> Axis:
    """The axis with the shortest spans that are as long as the failures are known, at most ``most`` or so.

    Failures that are known only in longer spans are spread over them. Moments that are near (within a quarter
    of the range) are on the axis, too.
    """
    ordered = sorted((point.start, point.start + point.width) for point in points)
    first, last = ordered[0][0], max(end for _, end in ordered)
    near = (last - first) / 4
    ordered = sorted([*ordered, *((at, at + 1) for at in moments if first - near <= at <= last + near)])
    parts: list[list[int]] = []
    for start, end in ordered:
        if parts and start <= parts[-1][1]:
            parts[-1][1] = max(parts[-1][1], end)
        else:
            parts.append([start, end])
    least = _resolution(points)
    ranges = _cut(parts, least)
    for width in WIDTHS:
        pieces = tuple(_piece(start, end, width) for start, end in ranges)
        if (width >= least and sum(piece.number for piece in pieces) <= most) or width == WIDTHS[-1]:
            break
    if len(pieces) == 1 and pieces[0].number < FEWEST:
        missing = FEWEST - pieces[0].number
        pieces = (Piece(pieces[0].start - missing // 2 * width, FEWEST),)
    return Axis(width, pieces)


def _piece(start: int, end: int, width: int) -> Piece:
    first = start // width * width
    return Piece(first, -(-(end - first) // width))


def _resolution(points: Sequence[Counted]) -> int:
    """Length of the spans in which most failures are known."""
    whole = sum(point.failures for point in points)
    seen = 0
    for width, count in sorted((point.width, point.failures) for point in points):
        seen += count
        if seen >= FINE * whole:
            return width
    return 1


def _cut(parts: Sequence[Sequence[int]], least: int) -> list[tuple[int, int]]:
    """The ranges between the cuts: while one or two gaps are nearly all of the axis, it is cut there."""
    cuts: set[int] = set()
    gaps = [
        (parts[at + 1][0] - parts[at][1], at)
        for at in range(len(parts) - 1)
        if parts[at + 1][0] - parts[at][1] >= max(HOUR, 10 * least)
    ]
    gaps.sort(key=lambda gap: (-gap[0], gap[1]))
    left = parts[-1][1] - parts[0][0]
    while gaps:
        number = 1 if gaps[0][0] >= EMPTY * left else 2
        taken = gaps[:number]
        length = sum(gap for gap, _ in taken)
        if length < EMPTY * left or len(cuts) + len(taken) > CUTS:
            break
        cuts |= {at for _, at in taken}
        left -= length
        gaps = gaps[number:]
    ranges = []
    start = parts[0][0]
    for at in sorted(cuts):
        ranges.append((start, parts[at][1]))
        start = parts[at + 1][0]
    return [*ranges, (start, parts[-1][1])]


def form_for(first: datetime | None, last: datetime | None) -> str:
    """The shortest form that tells the moments of a range apart."""
    if first is None or last is None or first.date() == last.date():
        return "time"
    return "day" if first.year == last.year else "date"


def shown(moment: int, form: str) -> str:
    """A moment in one of the forms."""
    time = EPOCH + timedelta(seconds=moment)
    return (
        f"{time:%H:%M:%S}" if form == "time" else time.isoformat(" ", "minutes")[0 if form == "date" else 5 :]
    )


def between_ticks(width: int, least: float) -> int:
    """Seconds between two labels: a round number of spans, at least so many."""
    return next((each for each in WIDTHS if each >= least * width and each % width == 0), WIDTHS[-1])


def tick(moment: int, width: int, before: int | None) -> str:
    """A label of the axis, as fine as the time between labels; without the day or year of the one before."""
    text = (EPOCH + timedelta(seconds=moment)).isoformat(" ", "seconds")
    last = "" if before is None else (EPOCH + timedelta(seconds=before)).isoformat(" ", "seconds")
    if width >= DAY:
        return text[5:10] if text[:4] == last[:4] else text[:10]
    time = text[11:] if width < MINUTE else text[11:16]
    return time if text[:10] == last[:10] else f"{text[5:10]} {time}"
