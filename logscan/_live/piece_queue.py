"""The queue of what is to be read before the file that stands at a path."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from logscan._reading.decompressors import unpacking_errors
from logscan._reading.unpack import ByteStream
from logscan.values import Counters, Problem


@dataclass
class Piece:
    """A rotated file, or the unread end of one."""

    path: str
    stream: ByteStream
    number: int
    """The running number by which places name it."""
    offset: int = 0
    """Of the next byte of its text."""
    is_new: bool = False
    """Whether the file is still to be counted."""
    size: int = 0
    """Of the file as it lies there."""
    modified: float = 0.0
    """When it was last changed, in seconds since 1970."""

    @property
    def unread(self) -> int:
        """Bytes that were not read, as far as the size shows it."""
        return max(0, self.size - self.offset)


class PieceQueue:
    """Pieces in the order of their text, and the breaks between those that do not continue each other.

    Args:
        counters: takes files, and problems of damaged ones.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._steps: deque[Piece | None] = deque()
        """``None`` is a break."""

    def __bool__(self) -> bool:
        """Whether something is queued."""
        return bool(self._steps)

    @property
    def first(self) -> Piece | None:
        """The piece that is read next."""
        return next((step for step in self._steps if step is not None), None)

    @property
    def unread(self) -> int:
        """Bytes of all pieces that were not read, as far as their sizes show it."""
        return sum(step.unread for step in self._steps if step is not None)

    @property
    def modified(self) -> float:
        """When the first piece was last changed."""
        first = self.first
        return first.modified if first else 0.0

    def add(self, piece: Piece) -> None:
        """Queue a piece."""
        self._steps.append(piece)

    def add_break(self) -> None:
        """Queue a break: the next piece does not continue the last one."""
        self._steps.append(None)

    def take_break(self) -> bool:
        """Remove the break at the head of the queue; ``False`` when there is none."""
        if not self._steps or self._steps[0] is not None:
            return False
        self._steps.popleft()
        return True

    def read(self, view: memoryview) -> int:
        """Read from the piece at the head of the queue; at its end remove it and return 0."""
        piece = self._steps[0]
        assert piece is not None
        try:
            count = piece.stream.readinto(view) or 0
        except unpacking_errors() as error:
            reason = f"damaged after byte {piece.offset:,} of its text ({error})"
            self._counters.problems.append(Problem(piece.path, reason, fatal=False))
            count = 0
        if not count:
            piece.stream.close()
            self._steps.popleft()
            return 0
        self._counters.files += piece.is_new
        piece.is_new = False
        piece.offset += count
        return count

    def close(self) -> None:
        """Release the files."""
        for piece in self._steps:
            if piece is not None:
                piece.stream.close()
        self._steps.clear()
