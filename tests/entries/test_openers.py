"""Where entries begin: each search over a buffer against a reading line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logscan._entries.layouts import PLAIN, PREFIXED
from logscan._entries.openers import Openers, has_entry, layout_of
from support.logs import logs

OPENERS = Openers(PLAIN)


def by_lines(data: bytes) -> tuple[list[int], list[int]]:
    """Where lines start, and which of them open an entry."""
    starts = [0, *(at + 1 for at, byte in enumerate(data) if byte == 0x0A)]
    starts = [at for at in starts if at < len(data)]
    return starts, [at for at in starts if OPENERS.opens(data, at, len(data))]


@given(logs(), st.data())
def test_the_same_as_line_by_line(data: bytes, draw: st.DataObject) -> None:
    """From any offset, to any end."""
    cut = draw.draw(st.integers(0, len(data)))
    data = data[:cut] if draw.draw(st.booleans()) else data
    starts, opening = by_lines(data)
    at = draw.draw(st.integers(0, len(data)))
    assert OPENERS.next(data, at, len(data)) == next((start for start in opening if start >= at), None)
    whole = [start for start in opening if b"\n" in data[start:] and start]
    assert OPENERS.last(data, len(data)) == max(whole, default=0)
    assert OPENERS.all(data, 0, len(data)) == opening
    assert has_entry(data) == bool(opening)
    if starts:
        line = draw.draw(st.sampled_from(starts))
        assert OPENERS.all(data, line, len(data)) == [start for start in opening if start >= line]
        if line:
            enclosing = max((start for start in opening if start < line), default=0)
            assert OPENERS.enclosing(data, 0, line, len(data)) == enclosing
        later = [start for start in opening if start > line]
        assert OPENERS.end_of_entry(data, line, len(data)) == min(later, default=len(data))


def test_a_text_without_entries_is_plain() -> None:
    assert layout_of(b"nothing\nof\nours") is PLAIN
    assert not has_entry(b"nothing\nof\nours")


def test_a_prefix_that_is_short_once() -> None:
    """Some lines behind a short prefix look like entries of a plain log: the layout that opens more is right."""
    entry = "2026-11-23 05:28:57,813 org:o env:e api:a rev:1 messageid:m main ERROR L - text"
    lines = [f"logs/edge-message-processor/system.log:{number}:{entry}\n" for number in range(1, 30)]
    assert layout_of("".join(lines).encode()) is PREFIXED
    untimed = "Nov 23 mp01 org:o env:e api:a rev:1 messageid:m main ERROR L - text\n"
    assert layout_of((untimed + "".join(lines)).encode()) is PREFIXED
    quoted = f"{entry}\n\tit said {entry}\n"
    assert layout_of(f"\tlost\n{quoted * 5}".encode()) is PLAIN
