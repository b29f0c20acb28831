"""Many failures of one kind: the first are printed, the others counted, and nothing gets lost."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._outputs import repeats
from logscan._outputs.curve import Curve
from logscan._outputs.repeats import Repeats
from logscan.values import FailedHandshake
from support.lines import failure

START = datetime(2026, 11, 23)


class Recorder:
    """Takes what is printed, and has a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.printed: list[tuple[str, int, int]] = []
        self.repeats = Repeats(self.print_one, lambda: self.now)

    def print_one(self, failure: FailedHandshake, count: int, seconds: float) -> None:
        self.printed.append((failure.proxy or "", count, round(seconds)))

    def take(self, second: float | None, proxy: str = "a") -> None:
        time = None if second is None else START + timedelta(seconds=second)
        self.repeats.take(failure(proxy)._replace(time=time))

    @property
    def total(self) -> int:
        return sum(count or 1 for _, count, _ in self.printed)


def test_a_quiet_log() -> None:
    """Fewer than three of a kind in ten seconds: a line each, at once."""
    recorder = Recorder()
    for second in (0, 6, 12, 18, 24):
        recorder.now = second
        recorder.take(second)
        recorder.repeats.look()
    assert recorder.printed == [("a", 0, 0)] * 5


def test_a_storm_by_the_clock() -> None:
    """Two lines, then a line each ten seconds; when it stops, what is left; then a failure is news again."""
    recorder = Recorder()
    for tenth in range(250):
        recorder.now = tenth / 10
        recorder.take(tenth / 10)
        recorder.repeats.look()
    recorder.now = 31
    recorder.repeats.look()
    assert recorder.printed == [("a", 0, 0), ("a", 0, 0), ("a", 98, 10), ("a", 100, 10), ("a", 50, 5)]
    recorder.now = 45
    recorder.repeats.look()
    recorder.take(45)
    assert recorder.printed[-1] == ("a", 0, 0)
    assert recorder.total == 251


def test_the_past_by_the_time_of_the_log() -> None:
    """Read in no time: counted as it happened, other kinds in between."""
    recorder = Recorder()
    for second in range(25):
        recorder.take(second)
        recorder.take(second, "b")
    recorder.repeats.close()
    assert [line for line in recorder.printed if line[0] == "a"] == [
        ("a", 0, 0), ("a", 0, 0), ("a", 8, 9), ("a", 10, 9), ("a", 5, 4),
    ]  # fmt: skip
    assert recorder.total == 50


def test_one_more_is_printed_itself() -> None:
    """Its line says more than a number."""
    recorder = Recorder()
    for second in range(3):
        recorder.take(second)
    recorder.repeats.close()
    assert recorder.printed == [("a", 0, 0)] * 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefg"),
            st.none() | st.integers(-10, 10_000),
            st.sampled_from((0.0, 0.5, 3.0, 20.0)),
        ),
        max_size=60,
    )
)
def test_nothing_gets_lost(taken: list[tuple[str, int | None, float]]) -> None:
    """Lines and numbers add up to the failures, whatever their times, with few kinds remembered."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(repeats, "KINDS", 3)
        recorder = Recorder()
        for proxy, second, pause in taken:
            recorder.now += pause
            recorder.take(second, proxy)
            recorder.repeats.look()
        recorder.repeats.close()
    for name in "abcdefg":
        lines = [line for line in recorder.printed if line[0] == name]
        assert sum(count or 1 for _, count, _ in lines) == sum(proxy == name for proxy, *_ in taken)


def test_the_last_time_there_is() -> None:
    """A time at the end of the calendar is counted like others."""
    recorder = Recorder()
    for _ in range(5):
        recorder.repeats.take(failure()._replace(time=datetime.max))
    recorder.repeats.close()
    assert recorder.total == 5


def test_the_curve_fits_the_latest_episode() -> None:
    """By the time of the log: old strays stand beside it, spans fit its length, nothing is kept for ever."""
    curve = Curve()
    assert curve.bars(120, START).counts == ()
    curve.add(datetime(2017, 1, 23))
    for second in range(0, 1_200, 2):
        curve.add(START + timedelta(seconds=second))
    bars = curve.bars(120, START + timedelta(days=3))
    assert (bars.width, len(bars.counts), sum(bars.counts), bars.others) == (15, 80, 600, 1)
    assert (bars.begin, bars.end) == (START, START + timedelta(minutes=20))
    # Half an hour later nothing has failed: the curve shows that.
    bars = curve.bars(120, START + timedelta(minutes=50))
    assert (bars.width, bars.counts[-2:], bars.end) == (60, (0, 0), START + timedelta(minutes=51))
    # A clock that is wrong draws no curve.
    curve.add(datetime(2099, 1, 1))
    assert sum(curve.bars(120, START).counts) == 600


def test_the_curve_of_months() -> None:
    """Bounded; where fine spans are not kept any more, longer ones show all of it."""
    curve = Curve()
    for hour in range(24 * 60):
        for minute in range(0, 60, 10):
            curve.add(START + timedelta(hours=hour, minutes=minute))
    bars = curve.bars(120, START)
    assert sum(bars.counts) + bars.others == 24 * 60 * 6
    assert bars.width == 86_400
    assert 30 <= len(bars.counts) <= 60
    assert sum(map(len, curve._spans.values())) < 9 * 4_001
