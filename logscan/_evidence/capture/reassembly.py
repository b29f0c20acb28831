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
NEAR = 1 << 24
"""Bytes within which a FIN or reset must stand to say that bytes before it are missing."""
_WRAP = 0xFFFFFFFF
_HALF = 0x80000000


class Direction:
    """Puts one direction together."""

    __slots__ = ("_bytes", "_end", "_first", "_next", "_overdue", "_waiting", "acked", "hole", "start")

    def __init__(self) -> None:
        self._next: int | None = None
        self.start: int | None = None
        """The sequence number of the first byte that is known."""
        self.hole: int | None = None
        """Where the first bytes are missing that did not come."""
        self.acked: int | None = None
        """The highest sequence number that the other side has acknowledged."""
        self._end: int | None = None
        """The sequence number after the last byte, as a FIN or a reset says."""
        self._waiting: dict[int, tuple[bytes, int, int]] = {}
        """Sequence number → payload, bytes missing after it, packet."""
        self._first = 0
        """The lowest of these numbers, where any waits."""
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

    def has(self, end: int) -> bool:
        """Whether every byte before this sequence number is known already."""
        return self._next is not None and (self._next - end) & _WRAP < _HALF

    def lacks(self, end: int) -> bool:
        """Whether bytes before this sequence number have not come yet, more than a FIN counts for."""
        return self._next is not None and 1 < (end - self._next) & _WRAP < _HALF

    def begin(self, sequence: int) -> None:
        """The sequence number of the first byte."""
        self._next = self.start = sequence & _WRAP

    def feed(
        self, sequence: int, payload: bytes, missing: int, packet: int
    ) -> Iterator[tuple[bytes, int, int]]:
        """Take a segment; yield what is in order now: (bytes, packet, bytes lost before them)."""
        if self._next is None:
            self._next = self.start = sequence
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
        if not self._waiting or (self._first - sequence) & _WRAP < _HALF:
            self._first = sequence
        if held is None or len(held[0]) < len(payload):
            self._waiting[sequence] = (payload, missing, packet)
            self._bytes += len(payload) - (len(held[0]) if held else 0)
        yield from self._ready()
        if len(self._waiting) > PENDING or self._bytes > PENDING_BYTES:
            yield from self.skip()

    def _ready(self) -> Iterator[tuple[bytes, int, int]]:
        """The segments that no longer wait."""
        position = self._next
        if position is None or not self._waiting or 0 < (self._first - position) & _WRAP < _HALF:
            return
        for first in self._in_order(position):
            ahead = (first - position) & _WRAP
            if 0 < ahead < _HALF:
                self._first = first
                return
            payload, missing, packet = self._waiting.pop(first)
            self._bytes -= len(payload)
            old = (position - first) & _WRAP
            if old >= len(payload) + missing and (payload or missing):
                continue
            fresh = payload[old:]
            missing -= max(0, old - len(payload))
            self._next = position = (position + len(fresh) + missing) & _WRAP
            self._overdue = 0
            if fresh:
                yield fresh, packet, 0
            if missing:
                yield b"", packet, missing

    def _in_order(self, position: int) -> list[int]:
        """Where the segments that wait begin, lowest first."""
        return sorted(self._waiting, key=lambda number: (number - position + _HALF) & _WRAP)

    def acknowledged(self, number: int) -> bool:
        """The other side has every byte before ``number``: whether one before it has been missing for so
        long that it will not come (:meth:`skip`)."""
        acked = self.acked
        if acked is None or (number - acked) & _WRAP < _HALF:
            self.acked = number
        if not self._waiting or self._next is None or (number - self._next - 1) & _WRAP >= _HALF:
            return False
        self._overdue += 1
        return self._overdue > PATIENCE

    def ends(self, sequence: int) -> None:
        """A FIN or a reset stands at this sequence number."""
        if self._end is None:
            self._end = sequence & _WRAP

    def is_after(self, number: int | None, left: int) -> bool:
        """Whether all but the last ``left`` of the bytes in order end after a sequence number."""
        return (
            number is not None and self._next is not None and 0 < (self._next - left - number) & _WRAP < _HALF
        )

    @property
    def arrived(self) -> bool:
        """Whether the other side acknowledged what the capture lacks, so that only the capture lacks it."""
        return self.hole is None or self.acked is None or 0 < (self.acked - self.hole) & _WRAP < _HALF

    def is_end(self, number: int | None) -> bool:
        """Whether this acknowledges the FIN."""
        return number is not None and self._end is not None and number == (self._end + 1) & _WRAP

    @property
    def unseen(self) -> int:
        """Bytes after the last known one that were sent, but are not in the capture; a FIN that was
        acknowledged and is not in the capture is one byte."""
        if self._next is None:
            return 0
        beyond = 0 if self.acked is None else (self.acked - self._next) & _WRAP
        if beyond >= _HALF:
            beyond = 0
        if self._end is None:
            return beyond
        before = (self._end - self._next) & _WRAP
        return max(before if before < NEAR else 0, beyond - 1)

    def skip(self) -> Iterator[tuple[bytes, int, int]]:
        """Give up what is missing before the segments that wait."""
        if self._waiting and self._next is not None:
            position = self._next
            first = self._first
            self._overdue = 0
            if self.hole is None:
                self.hole = position
            packet = self._waiting[first][2]
            self._next = first
            yield b"", packet, (first - position) & _WRAP
            yield from self._ready()

    def finish(self) -> Iterator[tuple[bytes, int, int]]:
        """The connection or the capture has ended: everything that waits, with the gaps between."""
        while self._waiting:
            yield from self.skip()
