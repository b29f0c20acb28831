"""Key logs (``SSLKEYLOGFILE``, RFC 9850) and the TLS 1.3 records that they decrypt.

Secrets are kept in memory only and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from logscan._evidence.json_text import begin_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

LABELS = (
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0",
)  # fmt: skip
_LINE = re.compile(rb"^([A-Z][A-Z0-9_]+) ([0-9a-fA-F]{64}) ((?:[0-9a-fA-F]{2}){16,64})\s*$", re.MULTILINE)
MAX_SECRETS = 1_000_000
"""Secrets kept at once; later ones are left out."""


def is_key_log(head: bytes) -> bool:
    """Whether a file begins like a key log."""
    lines = [line for line in head.split(b"\n")[:-1] if line.strip() and not line.startswith(b"#")]
    return bool(lines) and all(_LINE.match(line) for line in lines[:4])


class KeyLog:
    """Secrets by label and client random."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, bytes], bytes] = {}

    def add(self, data: bytes) -> int:
        """Take lines; how many were secrets of TLS 1.3."""
        before = len(self._secrets)
        for found in _LINE.finditer(begin_of(data)):
            label = found[1].decode()
            if label in LABELS and len(self._secrets) < MAX_SECRETS:
                self._secrets[label, bytes.fromhex(found[2].decode())] = bytes.fromhex(found[3].decode())
        return len(self._secrets) - before

    def add_all(self, parts: Iterable[bytes]) -> None:
        """Take lines of several sources."""
        for part in parts:
            self.add(part)

    def secret(self, side: str, stage: str, random: bytes) -> bytes | None:
        """The secret of the ``client``'s or ``server``'s records, ``handshake`` or ``application``."""
        label = f"{side.upper()}_" + (
            "HANDSHAKE_TRAFFIC_SECRET" if stage == "handshake" else "TRAFFIC_SECRET_0"
        )
        return self._secrets.get((label, random))

    def __len__(self) -> int:
        return len(self._secrets)


class RecordDecryptor:
    """Decrypts the records of one side with one secret (RFC 8446 sections 5.2, 5.3 and 7.3)."""

    def __init__(self, secret: bytes, suite: int) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

        self._faults = (InvalidTag, ValueError)
        algorithm: hashes.HashAlgorithm = hashes.SHA384() if suite == 0x1302 else hashes.SHA256()
        size = 16 if suite in (0x1301, 0x1304, 0x1305) else 32
        key = _expand(secret, b"key", size, algorithm)
        self._iv = int.from_bytes(_expand(secret, b"iv", 12, algorithm), "big")
        self._number = 0
        self._cipher: AESGCM | AESCCM | ChaCha20Poly1305
        if suite == 0x1303:
            self._cipher = ChaCha20Poly1305(key)
        elif suite in (0x1304, 0x1305):
            self._cipher = AESCCM(key, tag_length=8 if suite == 0x1305 else 16)
        else:
            self._cipher = AESGCM(key)

    def decrypt(self, header: bytes, data: bytes) -> tuple[int, bytes] | None:
        """Content type and content of a record; ``None``: the secret does not fit."""
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        try:
            plain = self._cipher.decrypt(nonce, data, header).rstrip(b"\0")
        except self._faults:
            return None
        self._number += 1
        return (plain[-1], plain[:-1]) if plain else None


def _expand(secret: bytes, label: bytes, size: int, algorithm: hashes.HashAlgorithm) -> bytes:
    """HKDF-Expand-Label with an empty context."""
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    name = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(algorithm, size, info).derive(secret)
