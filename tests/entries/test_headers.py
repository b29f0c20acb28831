"""Headers that are read without the grammar: where a line opens an entry, and that most lines are read so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries.arrow import entries_in
from logscan._entries.layouts import LAYOUTS as GRAMMARS
from logscan._entries.layouts import Layout
from logscan._entries.learned import learned_from
from logscan._entries.openers import Openers
from support.layouts import LAYOUTS, printed

LINES = [
    f"2026-11-23 00:00:{n:02},{n:03} org:o env:e api:p{n % 3} rev:{n} messageid:m-{n} NIOThread@{n % 4}"
    f" {level} HTTP.CLIENT - A$B.c() : text {n}\n"
    for n, level in enumerate(("INFO", "WARN", "ERROR", "DEBUG") * 12)
]


@pytest.mark.parametrize("front", ["", "mp01: ", "system.log:12:", "12:", "container-mp-1 | ", "at 12 "])
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_entry_needs_the_grammar(name: str, front: str) -> None:
    """Each regular layout, alone and after what stands before each line."""
    data = printed("".join(LINES).encode(), name)
    data = b"".join(front.encode() + line for line in data.splitlines(keepends=True))
    layout = learned_from(data)
    entries = entries_in(data, layout, 1 << 20)
    assert entries.starts.tolist() == Openers(layout).all(data, 0, len(data))
    if layout.form is not None and len(entries.starts) == len(LINES):
        assert len(entries.slow) == 0


@given(
    fronts=st.lists(
        st.one_of(
            st.text("ab1 :.-|\t", max_size=50), st.text("0123456789", min_size=1, max_size=45),
            st.sampled_from(("at ", "com.", "java.", "Caused by", "...", "org:x env:y ", "2026-11-25 00:49:52 ")),
        ),
        min_size=1, max_size=6,
    ),
    name=st.sampled_from(sorted(LAYOUTS)),
    grammar=st.sampled_from(GRAMMARS),
)  # fmt: skip
def test_entries_begin_where_the_layout_says(fronts: list[str], name: str, grammar: Layout) -> None:
    """Whatever stands before the time, and as far as it may be from the line's beginning."""
    lines = printed("".join(LINES[:18]).encode(), name).splitlines(keepends=True)
    data = b"".join(fronts[n % len(fronts)].encode() + line for n, line in enumerate(lines))
    learned = learned_from(data)
    layout = grammar._replace(form=learned.form, header=learned.header)
    entries = entries_in(data, layout, 1 << 20)
    assert entries.starts.tolist() == Openers(layout).all(data, 0, len(data))
