"""Distinct values: how many there are, exactly up to a limit and about beyond it, in bounded memory.

Both kinds keep the values of smallest hash when there are too many. Which these are depends on the values
alone, not on their order or on who counted them, so parts add up to the same as the whole. The number of
all follows from how small the kept hashes are (k minimum values: Bar-Yossef et al., 2002); with 16,384 of
them it is right to about 1 %.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import NamedTuple

MOST_IDS = 16_384
"""Message ids of one incident that are counted exactly."""
MOST_VALUES = 1_000
"""Different values of one column of an incident that are counted exactly."""
_ALL = 1 << 64


def hash_of(value: bytes) -> int:
    """A hash of 64 bits that is the same in every process."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "little")


class Number(NamedTuple):
    """How many there are."""

    total: int
    exact: bool

    def __str__(self) -> str:
        """For a person."""
        return f"{self.total:,}" if self.exact else f"about {self.total:,}"


class Distinct:
    """Hashes in, the number of different ones out. Eight bytes each, at most four times the limit of them."""

    __slots__ = ("_hashes", "_most", "_threshold")

    def __init__(self, most: int = MOST_IDS) -> None:
        self._most = most
        self._hashes = array("Q")
        self._threshold = _ALL
        """Only smaller hashes are kept."""

    def add(self, hash_: int) -> None:
        """Count a hash."""
        if hash_ < self._threshold:
            self._hashes.append(hash_)
            if len(self._hashes) >= 4 * self._most:
                self._compact()

    def merge(self, other: Distinct) -> None:
        """Count what another has counted."""
        self._threshold = min(self._threshold, other._threshold)
        self._hashes.extend(other._hashes)
        if len(self._hashes) >= 4 * self._most:
            self._compact()

    def number(self) -> Number:
        """How many were counted."""
        self._compact()
        if self._threshold == _ALL:
            return Number(len(self._hashes), True)
        return Number(round(len(self._hashes) * _ALL / self._threshold), False)

    def _compact(self) -> None:
        kept = sorted({hash_ for hash_ in self._hashes if hash_ < self._threshold})
        if len(kept) > self._most:
            self._threshold = kept[self._most]
            del kept[self._most :]
        self._hashes = array("Q", kept)


class Values:
    """How often different values were seen. Beyond the limit those of smallest hash are kept, counted
    exactly."""

    __slots__ = ("_most", "_threshold", "counts")

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self.counts: dict[str, int] = {}
        self._threshold = _ALL

    def add(self, value: str, times: int = 1) -> None:
        """Count a value."""
        if value in self.counts or self._threshold == _ALL or _hash(value) < self._threshold:
            self.counts[value] = self.counts.get(value, 0) + times
            if len(self.counts) >= 2 * self._most:
                self._compact()

    def merge(self, other: Values) -> None:
        """Count what another has counted."""
        self._threshold = min(self._threshold, other._threshold)
        counts = self.counts
        for value, times in other.counts.items():
            counts[value] = counts.get(value, 0) + times
        if len(self.counts) >= 2 * self._most:
            self._compact()

    def number(self) -> Number:
        """How many different values were seen."""
        self._compact()
        if self._threshold == _ALL:
            return Number(len(self.counts), True)
        return Number(round(len(self.counts) * _ALL / self._threshold), False)

    def most(self, count: int) -> tuple[str, ...]:
        """The most frequent values, ties by name: the same whatever the order of counting."""
        self._compact()
        return tuple(sorted(self.counts, key=lambda value: (-self.counts[value], value))[:count])

    def _compact(self) -> None:
        if len(self.counts) <= self._most and self._threshold == _ALL:
            return
        hashes = {value: _hash(value) for value in self.counts}
        kept = sorted((value for value in hashes if hashes[value] < self._threshold), key=hashes.__getitem__)
        if len(kept) > self._most:
            self._threshold = hashes[kept[self._most]]
            del kept[self._most :]
        self.counts = {value: self.counts[value] for value in kept}


def _hash(value: str) -> int:
    return hash_of(value.encode("utf-8", "surrogateescape"))
