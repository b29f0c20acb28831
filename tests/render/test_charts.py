"""Charts: what their labels say to a reader who cannot see them."""

from __future__ import annotations

from datetime import datetime

from logscan._render.charts import heat_map, sparkline, stacked
from logscan._render.timeaxis import Counted, axis_for


def label(svg: str) -> str:
    """The label of a chart."""
    return svg.partition('aria-label="')[2].partition('"')[0]


def test_the_heat_map_names_its_worst_hour() -> None:
    """Day or weekday, hour and count."""
    points = [(datetime(2026, 11, 23, 2), 3), (datetime(2026, 11, 24, 14), 1_200)]
    assert label(heat_map(points)) == "Failed handshakes by day and hour; most at Tue 11-24 14:00, 1,200"
    points.append((datetime(2026, 9, 21, 2), 2_000))
    assert label(heat_map(points)) == "Failed handshakes by weekday and hour; most at Mon 02:00, 2,003"


def test_bars_name_their_width_height_and_series() -> None:
    """In the order of their colours; names and words of marks are escaped."""
    hours = [Counted(7_200, 3_600, 5), Counted(10_800, 3_600, 7)]
    axis = axis_for(hours)
    svg, names = stacked({"a<b": hours, "c": hours[:1]}, axis, [(8_000, "<onset>")])
    assert names == ["a<b", "c"]
    assert label(svg) == "Failed handshakes over time, an hour a bar, at most 10; by a&lt;b, c"
    assert "&lt;onset&gt;" in svg
    assert label(sparkline(hours, axis)) == "at most 7 in an hour"


def test_series_beyond_the_colours_are_counted_together() -> None:
    """The most frequent ones have their own."""
    series = {f"n{at}": [Counted(at, 1, 10 - at)] for at in range(9)}
    _, names = stacked(series, axis_for([point for points in series.values() for point in points]))
    assert names == [*(f"n{at}" for at in range(6)), "others"]
