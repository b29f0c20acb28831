"""Joining: entries in, failed handshakes out, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from zlib import crc32

from logscan._failures import catalog
from logscan._failures.handshakes import Joiner
from logscan._failures.message_window import MessageWindow
from logscan._scanning.needles import Literals
from logscan.values import Counters, Entry, FailedHandshake, Message

SHARDS = 4
"""Parts into which messages fall by their id; the most processes that can share the work."""


def needles_of(neighbours: bool) -> Literals:
    """Finds the entries that may report a failure."""
    return Literals(catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if neighbours else ()), rare=True)


class Joining:
    """Entries in, failed handshakes out, message by message.

    Args:
        host_of: names the Message Processor of a file path.
        neighbours: also faults next to TLS.
        window: messages open at once.
        counters: takes what is joined.
    """

    def __init__(
        self, host_of: Callable[[str], str], neighbours: bool, window: int, counters: Counters
    ) -> None:
        self._joiner = Joiner(host_of, neighbours)
        self._windows = [MessageWindow(counters, window // SHARDS) for _ in range(SHARDS)]
        self._counters = counters

    def feed(self, entry: Entry) -> Iterator[list[FailedHandshake]]:
        """The failed handshakes of each message that an entry completes."""
        return self._joined(self._windows[shard_of(entry.message_id)].feed(entry))

    def drain(self) -> Iterator[list[FailedHandshake]]:
        """Those of all messages that are still open."""
        for window in self._windows:
            yield from self._joined(window.drain())
        rest = self._joiner.drain()
        if rest:
            self._counters.messages += len(rest)
            self._counters.failures += len(rest)
            yield rest

    def _joined(self, messages: Iterable[Message]) -> Iterator[list[FailedHandshake]]:
        for message in messages:
            failures = self._joiner.feed(message)
            if failures:
                self._counters.messages += 1
                self._counters.failures += len(failures)
                yield failures


def shard_of(message_id: str | None) -> int:
    """The shard that a message belongs to."""
    return 0 if message_id is None else crc32(message_id.encode("utf-8", "surrogateescape")) % SHARDS
