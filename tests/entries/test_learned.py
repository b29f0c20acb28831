"""A learned layout reads what the grammar reads, or nothing."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries.layouts import PLAIN
from logscan._entries.learned import Learner, learned, learned_from
from logscan._entries.parse import parse
from logscan.values import Counters
from support.layouts import LAYOUTS, printed
from support.logs import entries, logs
from support.reference import split_entries


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_learned(name: str) -> None:
    """All of its usual headers are read by the expression, every field as the grammar has it."""
    lines = [
        f"2026-11-23 00:00:{n:02},{n:03} org:o env:e api:p{n % 3} rev:{n} messageid:m-{n} NIOThread@{n % 4}"
        f" {level} HTTP.CLIENT - A$B.c() : text {n}\n"
        for n, level in enumerate(("INFO", "WARN", "ERROR", "DEBUG") * 12)
    ]
    data = printed("".join(lines).encode(), name)
    layout = learned_from(data)
    assert layout.header is not None
    spans, _ = split_entries(data)
    assert len(spans) == len(lines)
    for span in spans:
        assert layout.header.match(span.data), span.data
        assert parse(span, Counters(), layout.header) == parse(span, Counters())
    assert pickle.loads(pickle.dumps(layout)) == layout


@given(
    data=st.one_of(entries(), logs()),
    sample=st.one_of(entries(), logs()),
    names=st.tuples(st.sampled_from(sorted(LAYOUTS)), st.sampled_from(sorted(LAYOUTS))),
)
def test_learned_and_grammar_agree(data: bytes, sample: bytes, names: tuple[str, str]) -> None:
    """Whatever a layout was learned from, and whatever it is used on."""
    layout = learned_from(printed(sample, names[0]))
    if layout.header is None:
        return
    for text in (data, printed(data, names[0]), printed(data, names[1])):
        for span in split_entries(text)[0]:
            by_grammar, by_expression = Counters(), Counters()
            entry = parse(span, by_grammar)
            assert parse(span, by_expression, layout.header) == entry
            assert by_expression == by_grammar
            if layout.name == PLAIN.name and layout.header.match(span.data):
                assert PLAIN.opener.match(span.data)


def test_what_is_missed_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log whose headers change after its sample is fast again after a few of them."""
    monkeypatch.setattr("logscan._entries.learned._LATEST", {})  # what another test learned may be wide
    line = b"2026-11-23 00:00:01,006 org:o env:e api:p rev:1 messageid:m-1 NIOThread@7 INFO L - x\n"
    layout = learned_from(line * 3)
    other = LAYOUTS["padded"](line)
    assert layout.header is not None
    assert not layout.header.match(other)
    learner, read = Learner([]), 0
    found = None
    while found is None:
        read += 1
        assert read < 100
        layout = learner.again(layout, other + b"more\n", read)
        assert layout.header is not None
        found = layout.header.match(other)
    assert layout.header is not None
    assert layout.header.match(line)
    assert learned(layout, [line]).form == layout.form
