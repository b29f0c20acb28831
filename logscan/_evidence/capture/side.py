"""One end of a connection that is being followed: what it has sent, and what of it is missing."""

from __future__ import annotations

from typing import NamedTuple

from logscan._evidence.capture.keylog import RecordDecryptor
from logscan._evidence.capture.reassembly import Direction

MAX_ORIGINS = 8


class Origin(NamedTuple):
    """What a packet shows of where it came from."""

    hops: int
    """Time to live, or hop limit."""
    hardware: bytes
    """Source address of the link; empty where the link layer has none."""


class Side:
    """One end of a connection, and what it has sent."""

    __slots__ = (
        "buffer", "decryptor", "direction", "encrypted", "finished", "gap", "handshake", "heard", "is_tls",
        "key", "lost", "name", "origins", "packet", "plain", "resent", "time",
    )  # fmt: skip

    def __init__(self, name: str, key: bytes) -> None:
        self.name = name
        """:data:`CLIENT` or :data:`SERVER`, as far as is known."""
        self.key = key
        """Addresses and ports, its own first."""
        self.direction = Direction()
        self.buffer = bytearray()
        self.handshake = bytearray()
        self.heard = False
        """A packet of it is in the capture."""
        self.origins: dict[Origin, int] = {}
        """Where packets of it came from, with the first such packet; at most :data:`MAX_ORIGINS`."""
        self.plain = 0
        """Bytes of another protocol before TLS."""
        self.resent = 0.0
        """When it last sent again what it had sent."""
        self.packet = 0
        """Of the last bytes."""
        self.time = 0.0
        self.encrypted = self.finished = False
        self.lost = False
        """Bytes were lost: look for the next record."""
        self.gap = 0
        """Bytes missing that matter for the handshake."""
        self.decryptor: RecordDecryptor | None = None
        self.is_tls = False
        """A first record was seen; before it there may be HTTP CONNECT."""
