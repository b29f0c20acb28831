"""Charts: what their labels say to a reader who cannot see them."""

from __future__ import annotations

from datetime import datetime

from logscan._render.charts import heat_map, sparkline, stacked
from logscan._render.timeaxis import Axis, Counted, Piece


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
    """In the order of their colours; names are escaped."""
    hours = [Counted(0, 3600, 5), Counted(3600, 3600, 7)]
    axis = Axis(3600, (Piece(0, 2),))
    svg, names = stacked({"a<b": hours, "c": hours[:1]}, axis)
    assert names == ["a<b", "c"]
    assert "a&lt;b" in label(svg)
    assert "most 10" in label(svg)
    assert label(sparkline(hours, axis)) == "at most 7 in an hour"
