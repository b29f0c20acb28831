"""One direction of a TCP connection: segments in any order become the bytes that were sent.

Retransmissions and overlaps are dropped (what came first stays), what came early waits. Bytes that the
capture never saw become a gap, once it is certain that they will not come: the other side acknowledged
them and several packets went by, too much waits, or the capture ends.
"""

from __future__ import annotations

from collections.abc import Iterator

PENDING = 512
"""Segments that may wait for one before them."""
PENDING_BYTES = 1 << 20
PATIENCE = 16
"""Packets of a connection that may go by before acknowledged bytes are taken for lost."""
_WRAP = 0xFFFFFFFF
_HALF = 0x80000000


class Direction:
    """Puts one direction together."""

    __slots__ = ("_bytes", "_next", "_overdue", "_waiting")

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, tuple[bytes, int, int]] = {}
        """Sequence number → payload, bytes missing after it, packet."""
        self._bytes = 0
        self._overdue = 0

    @property
    def waiting(self) -> int:
        """Bytes that wait for those before them."""
        return self._bytes

    @property
    def begun(self) -> bool:
        """Whether a first byte is known."""
        return self._next is not None

    def begin(self, sequence: int) -> None:
        """The sequence number of the first byte."""
        self._next = sequence & _WRAP

    def feed(
        self, sequence: int, payload: bytes, missing: int, packet: int
    ) -> Iterator[tuple[bytes, int, int]]:
        """Take a segment; yield what is in order now: (bytes, packet, bytes lost before them)."""
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) & _WRAP
        if ahead == 0 and not self._waiting:
            self._next = (sequence + len(payload) + missing) & _WRAP
            if payload:
                yield payload, packet, 0
            if missing:
                yield b"", packet, missing
            return
        if ahead >= _HALF:  # sent before
            old = (self._next - sequence) & _WRAP
            if old >= len(payload) + missing:
                return
            payload, missing = payload[old:], missing - max(0, old - len(payload))
            sequence = self._next
        held = self._waiting.get(sequence)
        if held is None or len(held[0]) < len(payload):
            self._waiting[sequence] = (payload, missing, packet)
            self._bytes += len(payload) - (len(held[0]) if held else 0)
        yield from self._ready()
        if len(self._waiting) > PENDING or self._bytes > PENDING_BYTES:
            yield from self.skip()

    def _ready(self) -> Iterator[tuple[bytes, int, int]]:
        """The segments that no longer wait."""
        while self._waiting:
            assert self._next is not None
            position = self._next
            payload_at = min(self._waiting, key=lambda number: (number - position + _HALF) & _WRAP)
            ahead = (payload_at - position) & _WRAP
            if 0 < ahead < _HALF:
                return
            payload, missing, packet = self._waiting.pop(payload_at)
            self._bytes -= len(payload)
            old = (position - payload_at) & _WRAP
            if old >= len(payload) + missing and (payload or missing):
                continue
            fresh = payload[old:]
            missing -= max(0, old - len(payload))
            self._next = (position + len(fresh) + missing) & _WRAP
            self._overdue = 0
            if fresh:
                yield fresh, packet, 0
            if missing:
                yield b"", packet, missing

    def acknowledged(self, number: int) -> Iterator[tuple[bytes, int, int]]:
        """The other side has every byte before ``number``: those that are not here are overdue."""
        if self._next is None or not self._waiting:
            return
        ahead = (number - self._next) & _WRAP
        if 0 < ahead < _HALF:
            self._overdue += 1
            if self._overdue > PATIENCE:
                yield from self.skip()

    def skip(self) -> Iterator[tuple[bytes, int, int]]:
        """Give up what is missing before the segments that wait."""
        if self._waiting and self._next is not None:
            position = self._next
            first = min(self._waiting, key=lambda number: (number - position + _HALF) & _WRAP)
            self._overdue = 0
            packet = self._waiting[first][2]
            self._next = first
            yield b"", packet, (first - position) & _WRAP
            yield from self._ready()

    def finish(self) -> Iterator[tuple[bytes, int, int]]:
        """The connection or the capture has ended: everything that waits, with the gaps between."""
        while self._waiting:
            yield from self.skip()
