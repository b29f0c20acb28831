"""Which files were read under one path, each by a running number in the order of reading."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from logscan._reading.fingerprint import Identity

FILES = 64
"""Files of one path whose identity is remembered."""


class ReadFiles:
    """The identities of the files that were read under one path."""

    def __init__(self) -> None:
        self._identities: dict[int, Identity] = {}

    def add(self, number: int, identity: Identity) -> None:
        """Note what the file of a number is known by, now that more of it was read."""
        self._identities[number] = identity

    def identity(self, number: int) -> Identity | None:
        """What the file of a number is known by; ``None``: it was not read here, or is forgotten."""
        return self._identities.get(number)

    def but_later(self, seen: Iterable[Identity], number: int | None) -> list[Identity]:
        """Those of some files that were not read after the file of a number."""
        later = {each.text for at, each in self._identities.items() if number is not None and at > number}
        return [identity for identity in seen if identity.text not in later]

    def forget(self, number: int, kept: AbstractSet[int | None]) -> None:
        """Forget the files before one, but for some."""
        for old in [known for known in self._identities if known < number and known not in kept]:
            del self._identities[old]

    def limit(self) -> None:
        """Forget the oldest of too many."""
        for old in sorted(self._identities)[:-FILES]:
            del self._identities[old]
