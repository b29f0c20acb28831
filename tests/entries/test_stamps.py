"""Times that numpy reads of many lines are those that Python reads of each."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries.chunk_text import Text
from logscan._entries.layouts import moment
from logscan._entries.stamps import Stamps

TIME = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,](\d{1,9})(?!\d))?(?![.,])")
PRINTED = st.builds(
    lambda time, between, fraction: f"{time:%Y-%m-%d}{between}{time:%H:%M:%S}{fraction}".zfill(19),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
    st.sampled_from(" T"),
    st.one_of(
        st.from_regex(r"[.,][0-9]{3}", fullmatch=True), st.from_regex(r"([.,][0-9]{0,11})?", fullmatch=True)
    ),
)
ODD = st.sampled_from(
    ("2026-02-30 00:00:01,006", "2024-02-29 23:59:59,999", "2026-11-23 24:00:00,000", "2026-11-23 23:60:00,000",
     "2026-11-23 23:59:60,000", "0000-11-23 00:00:01,006", "2026-13-01 00:00:01,006", "2026-00-01 00:00:01,006",
     "2026-11-00 00:00:01,006", "2026-11-23x00:00:01,006", "2026-11-23 00:00:0a,006", "2026-11-23 99:00:01,006", "x")
)  # fmt: skip


@given(
    stamps=st.lists(st.one_of(PRINTED, ODD), min_size=1, max_size=20),
    after=st.sampled_from((" main", "+02:00 main", "")),
)
def test_as_python_reads_them(stamps: list[str], after: str) -> None:
    """Those that stand there and exist, to the microsecond, with the number of their digits."""
    text = Text("".join(f"{stamp}{after}\n" for stamp in stamps).encode())
    read = Stamps(text, text.starts)
    expected = []
    for number, stamp in enumerate(stamps):
        found = TIME.match(stamp.encode())
        if found is None:
            continue
        try:
            time = moment(stamp)
        except ValueError:
            continue
        digits = -1 if found[1] is None else len(found[1])
        expected.append((number, (time - datetime(1970, 1, 1)) // timedelta(microseconds=1), digits))
    assert list(zip(read.rows.tolist(), read.times.tolist(), read.digits.tolist(), strict=True)) == expected


@given(st.lists(st.integers(0, 86_399_999), min_size=2, max_size=50))
def test_times_of_one_day(milliseconds: list[int]) -> None:
    """As most logs have them."""
    day = datetime(2026, 11, 23)
    times = [day + timedelta(milliseconds=value) for value in milliseconds]
    text = Text(
        "".join(f"{time.isoformat(' ', 'milliseconds').replace('.', ',')} x\n" for time in times).encode()
    )
    read = Stamps(text, text.starts)
    assert read.times.tolist() == np.array(times, "datetime64[us]").astype(np.int64).tolist()
    assert set(read.digits.tolist()) == {3}
