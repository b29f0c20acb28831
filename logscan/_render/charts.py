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


def stacked(series: Mapping[str, Sequence[tuple[datetime, int]]]) -> tuple[str, list[str]]:
    """Bars over time, a colour for each series; the names in the order of their colours (``s0``, ``s1`` …).

    Args:
        series: name → (hour, count).
    """
    totals = {name: sum(number for _, number in points) for name, points in series.items()}
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    names = ranked[:SERIES] + ([OTHERS] if len(ranked) > SERIES else [])
    times = [time for points in series.values() for time, _ in points]
    if not times:
        return "", []
    bins = bins_for(min(times), max(times))
    counts: list[Counter[str]] = [Counter() for _ in range(bins.number)]
    for name, points in series.items():
        for time, number in points:
            counts[bins.at(time)][name if name in names else OTHERS] += number
    highest = max(counter.total() for counter in counts)
    width, height, left, bottom = 720, 220, 46, 28
    step = (width - left - 8) / bins.number
    plot_height = height - bottom - 12
    parts = []
    for number, counter in enumerate(counts):
        base = float(height - bottom)
        x = left + number * step
        for index, name in enumerate(names):
            if counter[name]:
                bar_height = max(1.0, counter[name] / highest * plot_height)
                base -= bar_height
                title = f"{_moment(bins, number)}: {counter[name]:,} {name}"
                parts.append(
                    f'<rect class="s{index}" x="{x:.1f}" y="{base:.1f}" width="{max(1.0, step - 1):.1f}"'
                    f' height="{bar_height:.1f}"><title>{escape(safe(title))}</title></rect>'
                )
    grid = _grid(highest, left=left, width=width, base=height - bottom, plot_height=plot_height)
    labels = _labels(bins, left, step, height)
    words = f"Failed handshakes over time, {bins.words} a bar, at most {highest:,}; by " + ", ".join(names)
    return _svg("bars", width, height, words, [*grid, *parts, *labels]), names


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


def _labels(bins: Bins, left: int, step: float, height: int) -> list[str]:
    every = max(1, -(-bins.number // 7))
    return [
        f'<text class="tick" x="{left + number * step:.1f}" y="{height - 8}">{_moment(bins, number)}</text>'
        for number in range(0, bins.number, every)
    ]


def _moment(bins: Bins, number: int) -> str:
    time = bins.start + number * bins.width
    return f"{time:%m-%d %H:00}" if bins.width < timedelta(days=1) else time.date().isoformat()


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


def sparkline(points: Sequence[tuple[datetime, int]], first: datetime, last: datetime) -> str:
    """A row of small bars over the time range of the report."""
    bins = bins_for(first, last)
    counts = [0] * bins.number
    for time, number in points:
        counts[bins.at(time)] += number
    highest = max(counts) or 1
    step = 120 / bins.number
    bars = [
        f'<rect x="{number * step:.1f}" y="{22 - max(1.5, count / highest * 20):.1f}"'
        f' width="{max(1.0, step - 0.5):.1f}"'
        f' height="{max(1.5, count / highest * 20):.1f}"/>'
        for number, count in enumerate(counts)
        if count
    ]
    return _svg("spark", 120, 22, f"at most {highest:,} in {bins.words}", bars)


def _svg(kind: str, width: int, height: int, words: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(safe(words))}"'
        f' xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    )
