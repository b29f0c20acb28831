"""Entries of growing files in, failed handshakes out, once their message has been quiet for a moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from logscan._entries.parse import parse
from logscan._failures.frames import failure_id
from logscan._failures.handshakes import Joiner
from logscan._failures.message_window import MAX_ENTRIES, MessageWindow
from logscan._live.options import FollowOptions
from logscan.values import Counters, Entry, FailedHandshake, Message, Place, Span

LATE = 10.0
"""Seconds for which a message whose failure was given still takes entries."""
RECENT = 1_000
"""Messages that are kept for that."""


class _Recent(NamedTuple):
    """A message whose failures were given."""

    entries: tuple[Entry, ...]
    failure_ids: set[str]
    since: float


class LiveJoiner:
    """Entries in, failed handshakes out, message by message.

    :class:`logscan._failures.joining.Joining` cannot serve here. It is done with a message once it is
    complete, but a live message is only quiet: late lines are joined with it again. Its window is cut into
    shards, which would change the order in which messages become complete, and which of them leave early.

    Args:
        counters: takes candidates, late entries and messages that leave early.
        host_of: names the Message Processor of a file path.
        window: messages open at once.
        options: how files are followed.
    """

    def __init__(
        self, counters: Counters, host_of: Callable[[str], str], window: int, options: FollowOptions
    ) -> None:
        self._counters = counters
        self._options = options
        self._window = MessageWindow(counters, window)
        self._joiner = Joiner(host_of, options.neighbours)
        self._recent: OrderedDict[str, _Recent] = OrderedDict()

    def __len__(self) -> int:
        """Messages that are open."""
        return len(self._window)

    def feed(self, spans: Iterable[Span]) -> list[FailedHandshake]:
        """The failures that some entries complete."""
        messages: list[Message] = []
        for span in spans:
            self._counters.candidates += 1
            entry = parse(span, self._counters)
            messages += self._window.feed(entry, self._options.clock.monotonic())
        return self._join(messages)

    def release(self) -> list[FailedHandshake]:
        """Those of the messages that have been quiet for long enough."""
        return self._join(self._window.release(self._options.clock.monotonic() - self._options.quiet_time))

    def release_without_id(self) -> list[FailedHandshake]:
        """Those of entries without a message id, in a quiet moment."""
        return self._joiner.drain()

    def drain(self) -> list[FailedHandshake]:
        """Those of all messages that are still open."""
        return self._join(self._window.drain()) + self._joiner.drain()

    def firsts(self) -> Iterator[Place]:
        """The place of the first entry of each message that is open or may take late lines."""
        yield from self._window.firsts()
        yield from self._joiner.firsts()
        for recent in self._recent.values():
            yield recent.entries[0].place

    def _join(self, messages: Iterable[Message]) -> list[FailedHandshake]:
        new: list[FailedHandshake] = []
        now = self._options.clock.monotonic()
        for message in messages:
            name = message.message_id
            recent = self._recent.pop(name, None) if name is not None else None
            entries = (*recent.entries, *message.entries) if recent else message.entries
            message = Message(name, _latest(entries))
            failures = self._joiner.feed(message)
            ids = [failure_id(failure) for failure in failures]
            given = recent.failure_ids if recent else set()
            fresh = [failure for failure, key in zip(failures, ids, strict=True) if key not in given]
            if recent and not fresh:
                self._counters.late_entries += len(message.entries) - len(recent.entries)
            if name is not None and failures and len(message.entries) < MAX_ENTRIES:
                self._recent[name] = _Recent(message.entries, set(ids), now)
            new += fresh
        while self._recent:
            name, oldest = next(iter(self._recent.items()))
            if len(self._recent) <= RECENT and now - oldest.since < LATE:
                break
            del self._recent[name]
        return new


def _latest(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Of an entry that was given again with more lines, the last: in the place of the first."""
    places = {entry.place: entry for entry in entries}
    return tuple(places.values()) if len(places) < len(entries) else entries
