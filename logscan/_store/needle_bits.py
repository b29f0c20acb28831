"""Which needles an entry holds, as bits: set when it is ingested, joined, or picked again."""

from __future__ import annotations

from hashlib import blake2b

from logscan._failures import catalog
from logscan._scanning.needles import finder_for

TLS, NEIGHBOUR, GONE = 1, 2, 4
"""Bits: a needle of TLS; a needle of a fault next to TLS; the row is no failure, but replaces an earlier row
of the same entry."""
_SETS = ((TLS, catalog.NEEDLES), (NEIGHBOUR, catalog.NEIGHBOUR_NEEDLES))


def needles_digest() -> str:
    """Digest of the needles by which failures are picked: another version of logscan may have more."""
    words = b"\0".join((*catalog.NEEDLES, b"", *catalog.NEIGHBOUR_NEEDLES))
    return blake2b(words, digest_size=8).hexdigest()


class Needles:
    """Finds all needles by which failures are picked."""

    def __init__(self) -> None:
        self._finders = [(bit, finder_for(needles, rare=True)) for bit, needles in _SETS]

    def hits(self, data: bytes) -> list[tuple[int, list[int]]]:
        """Each bit, and the offsets at which its needles end."""
        buffer = bytearray(data)
        return [(bit, finder.find(buffer, 0, len(buffer))) for bit, finder in self._finders]

    def within(self, data: bytes) -> int:
        """The bits of the needles in some bytes."""
        return sum(bit for bit, hits in self.hits(data) if hits)
