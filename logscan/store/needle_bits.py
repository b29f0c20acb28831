"""Needles: which known failures an entry may be, as bits: when it is ingested, joined or looked at again."""

from __future__ import annotations

from hashlib import blake2b

from logscan.failures import catalog
from logscan.scanning.needles import finder_for

TLS, NEIGHBOUR, GONE = 1, 2, 4
"""Bits: a needle of TLS; one of a fault next to it; counts for nothing, but takes the place of an earlier
row."""
_SETS = ((TLS, catalog.NEEDLES), (NEIGHBOUR, catalog.NEIGHBOUR_NEEDLES))


def needles_digest() -> str:
    """What failures are picked by: another version of logscan may know more."""
    words = b"\0".join((*catalog.NEEDLES, b"", *catalog.NEIGHBOUR_NEEDLES))
    return blake2b(words, digest_size=8).hexdigest()


class Needles:
    """All needles that failures are picked by."""

    def __init__(self) -> None:
        self._finders = [(bit, finder_for(needles, rare=True)) for bit, needles in _SETS]

    def hits(self, data: bytes) -> list[tuple[int, list[int]]]:
        """Each bit, and the offsets behind its needles."""
        buffer = bytearray(data)
        return [(bit, finder.find(buffer, 0, len(buffer))) for bit, finder in self._finders]

    def within(self, data: bytes) -> int:
        """The bits of the needles that stand in some bytes."""
        return sum(bit for bit, hits in self.hits(data) if hits)
