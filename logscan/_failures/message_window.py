"""Messages: entries are grouped by message id in a window of bounded size.

A group stays open until the end of input (or, live, until it has been quiet), because a later entry of
any thread or file may belong to it. When more groups are open than the limit allows, the one that has
been quiet longest is closed; if more of its entries may still come, that is counted. A later entry of the
same message opens a new group.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import timedelta

from logscan._scanning.plan import DEFAULT_WINDOW
from logscan.values import Counters, Entry, Message, Place

FINISHED = timedelta(minutes=2)
"""A message that has been quiet for so long in the log's own time is taken to be over: letting it go
loses nothing. Connections wait for 55 seconds by default."""
MAX_ENTRIES = 1_000
"""Entries kept of one message; a longer one is closed in parts."""


class MessageWindow:
    """Entries in, messages out; ``feed`` and ``drain``, and ``release`` for quiet groups when live."""

    def __init__(self, counters: Counters, limit: int = DEFAULT_WINDOW) -> None:
        self._counters = counters
        self._limit = max(1, limit)
        self._open: OrderedDict[str, tuple[list[Entry], float]] = OrderedDict()

    def __len__(self) -> int:
        """Messages open now."""
        return len(self._open)

    def feed(self, entry: Entry, now: float = 0.0) -> list[Message]:
        """Add an entry seen at ``now`` (any steady clock); the messages that this closes.

        An entry without a message id is a message of one and passes at once.
        """
        key = entry.message_id
        if key is None:
            return [Message(None, (entry,))]
        held = self._open.pop(key, None)
        entries = held[0] if held else []
        entries.append(entry)
        self._open[key] = (entries, now)
        if len(entries) >= MAX_ENTRIES:
            self._counters.evicted_messages += 1
            return [self._close(key)]
        if len(self._open) > self._limit:
            quietest, (held_entries, _) = next(iter(self._open.items()))
            if not _over(held_entries[-1], entry):
                self._counters.evicted_messages += 1
            return [self._close(quietest)]
        return []

    def release(self, before: float) -> list[Message]:
        """The messages whose last entry was seen before that moment."""
        done = []
        while self._open:
            key, (_, seen) = next(iter(self._open.items()))
            if seen > before:
                break
            done.append(self._close(key))
        return done

    def firsts(self) -> Iterator[Place]:
        """Where the first entry of each open message stands."""
        for entries, _ in self._open.values():
            yield entries[0].place

    def drain(self) -> list[Message]:
        """All messages still open, the one that has been quiet longest first."""
        return [self._close(key) for key in list(self._open)]

    def _close(self, key: str) -> Message:
        return Message(key, tuple(self._open.pop(key)[0]))


def _over(last: Entry, now: Entry) -> bool:
    """Whether a message whose last entry this is can be taken to be over."""
    return last.time is not None and now.time is not None and now.time - last.time > FINISHED
