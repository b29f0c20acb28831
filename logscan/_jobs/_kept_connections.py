"""Which connections of captures are kept when there are more than may be: those that failed, first."""

from __future__ import annotations

from heapq import merge
from operator import itemgetter

from logscan._evidence.capture.connection import Connection


class KeptConnections:
    """Connections in, as they end; those that are kept out, in the same order.

    Each costs the same, however many are left out. What is kept of others changes nothing in a connection.

    Args:
        limit: connections kept.
        size: bytes kept of their certificates and names.
    """

    def __init__(self, limit: int, size: int) -> None:
        self._limit, self._size = limit, size
        self._bytes = self._number = 0
        self._failed: list[tuple[int, Connection]] = []
        """With their places among all."""
        self._accepted: list[tuple[int, Connection]] = []
        self.failed_left_out = 0
        """Left out although the server may not have accepted them."""

    def add(self, connection: Connection) -> None:
        """Keep a connection if there is a place; an accepted one leaves its place to one that was not."""
        self._number += 1
        accepted = connection.accepted is True
        size = connection.size
        while not accepted and self._accepted and not self._fits(size):
            _, other = self._accepted.pop()
            self._bytes -= other.size
        if self._fits(size):
            self._bytes += size
            (self._accepted if accepted else self._failed).append((self._number, connection))
        elif not accepted:
            self.failed_left_out += 1

    def _fits(self, size: int) -> bool:
        kept = len(self._accepted) + len(self._failed)
        return kept < self._limit and self._bytes + size <= self._size

    @property
    def left_out(self) -> int:
        """Connections that are not kept."""
        return self._number - len(self._accepted) - len(self._failed)

    def emit(self) -> list[Connection]:
        """The connections that are kept."""
        return [connection for _, connection in merge(self._accepted, self._failed, key=itemgetter(0))]
