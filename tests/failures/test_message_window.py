"""The window: bounded, ordered, nothing lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.message_window import FINISHED, MAX_ENTRIES, MessageWindow
from logscan.values import Counters, Entry, Message, Place


def entry(message_id: str | None, number: int) -> Entry:
    return Entry(
        None, None, None, None, None, None, message_id, None, None, None, None, "", Place("x", number)
    )


@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=60), st.integers(1, 5))
def test_every_entry_leaves_once_in_order(ids: list[str | None], limit: int) -> None:
    """Whatever the limit, each entry leaves in exactly one message, in order; evictions are counted."""
    counters = Counters()
    window = MessageWindow(counters, limit)
    out: list[Message] = []
    for number, name in enumerate(ids):
        out += window.feed(entry(name, number))
        assert len(window) <= limit
    released = len([message for message in out if message.message_id is not None])
    out += window.drain()
    assert sorted(e.place.offset for m in out for e in m.entries) == list(range(len(ids)))
    for message in out:
        assert {e.message_id for e in message.entries} == {message.message_id}
        assert [e.place.offset for e in message.entries] == sorted(e.place.offset for e in message.entries)
        if message.message_id is None:
            assert len(message.entries) == 1
    assert counters.evicted_messages == released
    if limit >= 4:
        assert released == 0
        assert len({m.message_id for m in out if m.message_id}) == len({n for n in ids if n})


def test_quiet_messages_are_released() -> None:
    """Live, a message ends when it has been quiet."""
    window = MessageWindow(Counters())
    window.feed(entry("a", 0), now=1.0)
    window.feed(entry("b", 1), now=2.0)
    window.feed(entry("a", 2), now=3.0)
    assert [place.offset for place in window.firsts()] == [1, 0]
    assert [message.message_id for message in window.release(2.5)] == ["b"]
    assert [len(message.entries) for message in window.release(3.0)] == [2]


def test_one_message_cannot_grow_for_ever() -> None:
    """Beyond its limit it leaves in parts, counted."""
    counters = Counters()
    window = MessageWindow(counters)
    out = [message for number in range(MAX_ENTRIES) for message in window.feed(entry("a", number))]
    assert [len(message.entries) for message in out] == [MAX_ENTRIES]
    assert counters.evicted_messages == 1


def test_only_messages_that_may_go_on_count_as_evicted() -> None:
    """One that has been quiet for more than two minutes of the log's own time is over."""
    begin = datetime(2026, 11, 23)
    for quiet, evicted in ((FINISHED, 1), (FINISHED + timedelta(seconds=1), 0)):
        counters = Counters()
        window = MessageWindow(counters, limit=1)
        window.feed(entry("a", 0)._replace(time=begin))
        (message,) = window.feed(entry("b", 1)._replace(time=begin + quiet))
        assert (message.message_id, counters.evicted_messages) == ("a", evicted)
