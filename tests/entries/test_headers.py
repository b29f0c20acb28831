"""Headers that are read without the grammar: where a line opens an entry, and that most lines are read so."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries import arrow as columns
from logscan._entries.arrow import entries_in, to_columns
from logscan._entries.layouts import LAYOUTS as GRAMMARS
from logscan._entries.layouts import Layout
from logscan._entries.learned import learned_from
from logscan._entries.openers import Openers
from logscan._entries.parse import parse
from logscan.values import Counters, Place, Span
from support.layouts import LAYOUTS, printed
from support.profiles import sampled

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


TIME = "2026-11-23 00:00:01,006"
TRICKY = (
    "2026-11-23 00:00:01000 org:o env:e main INFO L - digits after the seconds",
    "2026-11-23 00:00:01,0060000000 org:o main INFO L - too many digits",
    f"{TIME} a ERROR b -  INFO L - two blanks after a dash",
    f"{TIME} org:o a ERROR b -  INFO L - the same after a context",
    f"{TIME} a ERROR b - INFO L - x",
    f"{TIME} org:o a ERROR b INFO L - a level in the thread",
    f"{TIME} ERROR b INFO L - a level as thread",
    f"{TIME} org:o main 2026-11-23 x INFO L - a date in the thread",
    f"{TIME} - INFO L - a dash as thread",
    f"{TIME} UTC main INFO L - a zone without context",
    f"{TIME}  UTC main INFO L - two blanks before the zone",
    f"{TIME}\tUTC main INFO L - a tab before the zone",
    f"{TIME} UTC  main pool INFO L - blanks in the thread",
    f"{TIME} UTC INFO L - a zone as thread",
    f"{TIME} UTC INFO  L - a zone as thread, padded",
    f"{TIME} UTC INFO  L - a zone as thread ERROR x - and what looks like a header in the text",
    f"{TIME} UTC WARN INFO L - a zone, and a level as thread",
    f"{TIME}+02:00 main INFO L - a zone that is joined",
    f"{TIME}Zulu main INFO L - no zone",
    f"{TIME} ABC org:o main INFO L - letters before a key",
    f"{TIME} abc org:o main INFO L - a word before a key",
    f"{TIME} org:o messageidX:1 main INFO L - no key",
    f"{TIME} org:o messageid: main INFO L - Message id: mm-2 x",
    f"{TIME} org:o messageid: main INFO L - x",
    f"{TIME} org:o messageid:m org:p main INFO L - a key after the id",
    f"{TIME} org:o env:e env:f messageid:m main INFO L - a key twice",
    f"{TIME} messageid:m messageid:n main INFO L - an id twice",
    f"{TIME} org:o \t main INFO L - blanks and a tab",
    f"{TIME} org:o{' ' * 12}main INFO L - many blanks",
    f"{TIME} org:o main INFO{' ' * 12}L - many blanks",
    f"{TIME} org:o main INFO L{' ' * 12}- many blanks",
    f"{TIME} org:o main INFO L - A.b() :{' ' * 12}many blanks",
    f"{TIME} org:o main INFO L - A.b() :  two blanks",
    f"{TIME} org:o main INFO L - A.b() : \ttab",
    f"{TIME} org:o main\x0bINFO L - a vertical tab",
    f"{TIME} org:o m\x1cain INFO L - a separator",
    f"{TIME} org:o m\x7fain INFO L - a control character",
    f"{TIME} org:o messageid:m\x00n main INFO L - a NUL in the id",
    f"{TIME} org:o messageid:m\x7fn main INFO L - a control character in the id",
    f"{TIME} org:o messageid:\xe9 main INFO L - beyond ASCII",
    f"{TIME} org:o main INFO L - \xa0x",
    f"{TIME} org:o main INFO L - x\x85",
    f"{TIME} org:o main INFO L - {{message}}",
    f"{TIME} org:{{org}} env:{{zone}} main INFO {{level}} - A.b() : {{x",
    f"{TIME} org:o main INFO 2026-11-23T00:00:01 - a date as logger",
    f"{TIME} " + "t" * 201 + " INFO L - a long thread",
    f"{TIME} org:" + "o" * 1100 + " main INFO L - a long context",
    f"{TIME} org:o main INFO L - x \r",
    "2026-11-25T00:00:00 mp01 INFO x - " + TIME + " main ERROR L - a time that is an entry before it",
)
"""Headers that look regular, and mean something else, or nearly do."""


@pytest.mark.parametrize("line", sampled(TRICKY, 3))
@pytest.mark.parametrize("front", ["", "mp01: ", "a " * 30])
def test_what_looks_regular(line: str, front: str) -> None:
    """Alone, and after a regular line, which says what is tried first."""
    for before in ("", *(printed(LINES[0].encode(), name).decode() for name in LAYOUTS)):
        data = "".join(front + one for one in ((before, line) if before else (line,))).encode()
        for layout in (learned_from(data), *GRAMMARS):
            starts = Openers(layout).all(data, 0, len(data))
            batch, _ = to_columns(Span(data, Place("x", 0)), layout, 1 << 20)
            expected = [
                columns._row(parse(Span(data[begin:end], Place("x", begin)), Counters()))
                for begin, end in pairwise([*starts, len(data)])
            ]
            assert batch.to_pylist() == expected
