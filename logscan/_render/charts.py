"""Charts as SVG text: they need no script, print well and are small.

Colours come from the style sheet of the page, by class, so that they follow its light and dark schemes. The
label of each chart says in words what it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from logscan._render import timeaxis
from logscan._render.timeaxis import Axis, Counted
from logscan.shown import safe

SERIES = 6
"""Series with a colour of their own; all others are one series."""
OTHERS = "others"
BARS = 120
"""Highest number of bars: a longer time range gets wider bars."""


class Bins(NamedTuple):
    """Equal spans of time."""

    start: datetime
    width: timedelta
    number: int

    def at(self, time: datetime) -> int:
        """Number of the span that contains a time."""
        return min(self.number - 1, max(0, (time - self.start) // self.width))

    @property
    def words(self) -> str:
        """Length of a span: ``an hour``, ``a day``, ``6 hours``."""
        hours = self.width // timedelta(hours=1)
        if hours < 24:
            return "an hour" if hours == 1 else f"{hours} hours"
        return "a day" if hours == 24 else f"{hours // 24} days"


def bins_for(first: datetime, last: datetime, most: int = BARS) -> Bins:
    """Spans of hours, quarters of days, days, weeks … years: the shortest that give at most ``most`` bars."""
    for hours in (1, 2, 6, 24, 24 * 7, 24 * 28, 24 * 364):
        width = timedelta(hours=hours)
        start = first.replace(minute=0, second=0, microsecond=0)
        start = start.replace(hour=0) if hours >= 24 else start.replace(hour=start.hour // hours * hours)
        count = (last - start) // width + 1
        if count <= most:
            break
    return Bins(start, width, count)


def stacked(
    series: Mapping[str, Sequence[Counted]], axis: Axis, marks: Sequence[tuple[int, str]] = ()
) -> tuple[str, list[str]]:
    """Bars over time, a colour for each series; the names in the order of their colours (``s0``, ``s1`` …).

    Args:
        series: name → failures over time.
        axis: the spans; between its pieces the axis is cut.
        marks: moments that get a line, and their words.
    """
    totals = {name: sum(point.failures for point in points) for name, points in series.items()}
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    names = ranked[:SERIES] + ([OTHERS] if len(ranked) > SERIES else [])
    counts = {name: axis.counts(series[name]) for name in ranked[:SERIES]}
    if len(ranked) > SERIES:
        rest = [point for name in ranked[SERIES:] for point in series[name]]
        counts[OTHERS] = axis.counts(rest)
    sums = [sum(column) for column in zip(*counts.values(), strict=True)]
    highest = max(1, *(round(number) for number in sums))
    width, height, bottom = 1200, 240, 28
    left = 14 + 7 * len(f"{highest:,}")
    base, plot_height = height - bottom, height - bottom - 22
    places, step = _places(axis, left, width - 8)
    parts = _grid(highest, left=left, width=width, base=base, plot_height=plot_height)
    heights = [float(base)] * axis.number
    for index, name in enumerate(names):
        path = []
        for at, number in enumerate(counts[name]):
            if number >= 0.05:
                size = max(1.0, number / highest * plot_height)
                heights[at] -= size
                path.append(
                    f"M{places[at]:.1f} {heights[at]:.1f}h{step * 0.86:.1f}v{size:.1f}h-{step * 0.86:.1f}z"
                )
        parts.append(f'<path class="s{6 if name == OTHERS else index}" d="{"".join(path)}"/>')
    starts = axis.starts()
    for at, number in enumerate(sums):
        if number:
            title = f"{timeaxis.shown(starts[at], 'date')}: {round(number):,}"
            parts.append(
                f'<rect class="hit" x="{places[at]:.1f}" y="22" width="{step:.1f}" height="{plot_height}">'
                f"<title>{escape(safe(title))}</title></rect>"
            )
    parts += _ticks(axis, places, step, height)
    words = f"Failed handshakes over time, {axis.words} a bar, at most {highest:,}; by " + ", ".join(names)
    return _svg("bars", width, height, words, [*parts, *_marks(axis, places, step, base, marks)]), names


CUT = 26
"""Width of a cut in an axis."""
NARROWEST = 74
"""Least width of a piece, so that its label fits."""


def _places(axis: Axis, left: float, right: float) -> tuple[list[float], float]:
    """Where each span begins, and the width of one."""
    free = right - left - CUT * (len(axis.pieces) - 1)
    wide = [piece.number for piece in axis.pieces]
    step = free / sum(wide)
    for _ in wide:  # narrow pieces get more than their share
        narrow = [number for number in wide if number * step < NARROWEST]
        rest = sum(wide) - sum(narrow)
        if not narrow or not rest:
            break
        step = (free - NARROWEST * len(narrow)) / rest
    places, at = [], left
    for number in wide:
        places += [at + index * step for index in range(number)]
        at += max(NARROWEST if len(wide) > 1 else 0.0, number * step) + CUT
    return places, step


def _ticks(axis: Axis, places: Sequence[float], step: float, height: int) -> list[str]:
    """Labels below the bars, and a mark at each cut."""
    parts, at = [], 0
    before: int | None = None
    starts = axis.starts()
    between = timeaxis.between_ticks(axis.width, 76 / step)
    for number, piece in enumerate(axis.pieces):
        if number:
            x = places[at] - CUT / 2
            parts.append(f'<path class="cut" d="M{x - 6:.1f} {height - 22}l5 -12m3 12l5 -12"/>')
        free = places[at]
        for index in range(piece.number):
            moment, x = starts[at + index], places[at + index]
            is_first = len(axis.pieces) > 1 and not index
            if x < free or (moment % between and not is_first):
                continue
            text = timeaxis.tick(moment, timeaxis.DAY if is_first else between, None if is_first else before)
            if x + 6.4 * len(text) <= 1200:
                before = moment
                free = x + 6.4 * len(text) + 10
                parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 8}">{text}</text>')
        at += piece.number
    return parts


def _marks(
    axis: Axis, places: Sequence[float], step: float, base: int, marks: Sequence[tuple[int, str]]
) -> list[str]:
    parts = []
    starts = axis.starts()
    for moment, words in marks:
        for at, start in enumerate(starts):
            if start <= moment < start + axis.width:
                x = places[at] + (moment - start) / axis.width * step
                turned = ' text-anchor="end"' if x > 900 else ""
                parts.append(
                    f'<path class="mark" d="M{x:.1f} 16V{base}"/>'
                    f'<text class="tick" x="{x:.1f}" y="11"{turned}>{escape(safe(words))}</text>'
                )
                break
    return parts


def _grid(highest: int, *, left: int, width: int, base: int, plot_height: int) -> list[str]:
    step = _nice(highest)
    parts = []
    value = 0
    while value <= highest:
        y = base - value / highest * plot_height
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{width - 8}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
        value += step
    return parts


def _nice(highest: int) -> int:
    step = 1
    while highest / step > 4:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step


def heat_map(points: Sequence[tuple[datetime, int]]) -> str:
    """A row for each day and a column for each hour; rows are weekdays if there are more than 31 days."""
    if not points:
        return ""
    days = sorted({time.date() for time, _ in points})
    first, last = days[0], days[-1]
    span = (last - first).days + 1
    by_weekday = span > 31
    rows = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] if by_weekday else [
        f"{first + timedelta(days=number):%a %m-%d}" for number in range(span)
    ]  # fmt: skip
    counts: Counter[tuple[int, int]] = Counter()
    for time, number in points:
        counts[time.weekday() if by_weekday else (time.date() - first).days, time.hour] += number
    highest = max(counts.values())
    cell, left, top = 26, 78, 22
    parts = [
        f'<text class="tick" x="{left + hour * cell + cell // 2}" y="14"'
        f' text-anchor="middle">{hour:02}</text>'
        for hour in range(0, 24, 3)
    ]
    for row, name in enumerate(rows):
        y = top + row * cell
        parts.append(f'<text class="tick" x="{left - 8}" y="{y + 17}" text-anchor="end">{name}</text>')
        for hour in range(24):
            number = counts[row, hour]
            level = 0 if not number else 1 + min(4, number * 5 // (highest + 1))
            parts.append(
                f'<rect class="h{level}" x="{left + hour * cell}" y="{y}" width="{cell - 2}"'
                f' height="{cell - 2}" rx="3">'
                f"<title>{name} {hour:02}:00: {number:,}</title></rect>"
            )
    (row, hour), _ = counts.most_common(1)[0]
    days_are = "weekday" if by_weekday else "day"
    words = f"Failed handshakes by {days_are} and hour; most at {rows[row]} {hour:02}:00, {highest:,}"
    return _svg("heat", left + 24 * cell, top + len(rows) * cell, words, parts)


def sparkline(points: Sequence[Counted], axis: Axis) -> str:
    """A row of small bars over the whole axis."""
    counts = axis.counts(points)
    highest = max(counts, default=0) or 1
    step = 120 / max(1, axis.number)
    wide = max(1.0, step * 0.85)
    path = []
    for at, count in enumerate(counts):
        if count:
            size = max(1.5, count / highest * 20)
            path.append(f"M{at * step:.1f} {22 - size:.1f}h{wide:.1f}v{size:.1f}h-{wide:.1f}z")
    words = f"at most {max(1, round(highest)):,} in {axis.words}"
    return _svg("spark", 120, 22, words, [f'<path d="{"".join(path)}"/>'])


def _svg(kind: str, width: int, height: int, words: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(safe(words))}"'
        f' xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    )
