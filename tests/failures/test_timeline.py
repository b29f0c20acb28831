"""Timelines: parts add up to the whole, and the number of spans is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.timeline import WIDTHS, Timeline

MOMENTS = st.lists(
    st.one_of(
        st.integers(0, 10**7), st.integers(0, 10**12), st.integers(-(10**15), 10**16).map(lambda n: n // 7)
    ),
    max_size=200,
)


def counted(moments: list[int], most: int) -> Timeline:
    timeline = Timeline(most)
    for moment in moments:
        timeline.add(moment)
    return timeline


@given(moments=MOMENTS, most=st.integers(1, 20), cut=st.integers(0, 200))
def test_parts_add_up(moments: list[int], most: int, cut: int) -> None:
    whole = counted(moments, most)
    for parts in ((moments[:cut], moments[cut:]), (moments[cut:], moments[:cut])):
        merged = counted(parts[0], most)
        merged.merge(counted(parts[1], most))
        assert (merged.width, merged.counts) == (whole.width, whole.counts)
    assert sum(whole.counts.values()) == len(moments)
    assert whole.width == WIDTHS[-1] or len(whole.counts) <= most
    if whole.width > WIDTHS[0]:  # the shortest spans that are few enough
        finer = WIDTHS[WIDTHS.index(whole.width) - 1]
        assert len({moment // finer for moment in moments}) > most


def test_hours_of_short_spans() -> None:
    bars = counted([0, 1_000_000, 3_600_000_000, 3_601_000_000], 10).bars()
    assert [number for _, number in bars.hours] == [2, 2]
    assert len(bars.counts) == 4
