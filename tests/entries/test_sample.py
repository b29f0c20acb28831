"""What the first bytes of a text show: its layout, and the first time in it."""

from __future__ import annotations

from datetime import datetime

from logscan._entries.layouts import PLAIN
from logscan._entries.sample import judge, printed_times

FIRST = b"2026-11-23 00:00:01,006 UTC org:o env:e main INFO L - A.b() : one\n"
BAD = b"2026-02-30 00:00:01,006 org:o env:e main INFO L - A.b() : no such day\n"


def test_lines_before_the_first_entry_and_entries_without_a_time_are_skipped() -> None:
    text = b"\tat a.b.C.d(C.java:1)\n" + BAD + FIRST
    sample = judge(text)
    assert (sample.size, sample.layout.name) == (len(text), PLAIN.name)
    assert sample.first == (datetime(2026, 11, 23, 0, 0, 1, 6000), "UTC")


def test_a_line_that_is_cut_has_no_time() -> None:
    """The sample ends within it."""
    assert judge(FIRST[:-1]).first is None
    assert judge(b"").first is None
    second = FIRST.replace(b"00:00:01", b"00:00:02")
    times = [printed.time.second for printed in printed_times(FIRST + second + FIRST[:-1], PLAIN)]
    assert times == [1, 2]
