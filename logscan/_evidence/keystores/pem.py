"""PEM files: certificates and keys in base64, in any order and among other text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from logscan._evidence.certificates import Certificate, certificate_from_der, ordered, public_key_of
from logscan._evidence.keystores.keystore import PEM, Keystore, KeystoreEntry

MAX_KEYS = 100
"""Private keys of one file that are compared with its certificate."""
MAX_CERTIFICATES = 10_000
"""Certificates of one text; further ones are counted in a note."""
_PEM_PART = re.compile(
    # A part ends where the next begins: so text without an end is passed once.
    rb"-----BEGIN ((?:[A-Z0-9]{1,20} ){0,4}(?:CERTIFICATE|PRIVATE KEY))-----\s*+"
    rb"([^-]*+(?:-(?!----(?:BEGIN|END) )[^-]*+)*+)-----END \1-----"
)


def pem_certificates(data: bytes, source: str, notes: list[str] | None = None) -> Iterator[Certificate]:
    """The certificates in a text, wherever they stand in it.

    Args:
        data: the text.
        source: where it stands, for a person.
        notes: takes what cannot be read.
    """
    notes = notes if notes is not None else []
    count = 0
    for number, found in enumerate(_PEM_PART.finditer(data), start=1):
        if not found[1].endswith(b"CERTIFICATE"):
            continue
        count += 1
        if count > MAX_CERTIFICATES:
            continue
        try:
            yield certificate_from_der(_from_base64(found[2]), f"{source}, part {number}")
        except ValueError as error:
            notes.append(f"part {number} cannot be read: {error}")
    if count > MAX_CERTIFICATES:
        notes.append(
            f"{count - MAX_CERTIFICATES:,} certificates after the first {MAX_CERTIFICATES:,}: not read"
        )


def _from_base64(text: bytes) -> bytes:
    from base64 import b64decode

    return b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", text), validate=True)


def read_pem(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    """The chain of a PEM file, and whether its key belongs to it."""
    notes: list[str] = []
    certificates = list(pem_certificates(data, source, notes))
    private = [found[0] for found in _PEM_PART.finditer(data) if not found[1].endswith(b"CERTIFICATE")]
    keys = [_private_key(part, passwords, notes) for part in private[:MAX_KEYS]]
    if not keys and not certificates:
        raise ValueError(notes[0] if notes else "no part of it is whole")
    if not keys:
        entry = KeystoreEntry(name, None, ordered(certificates))
        return Keystore(name, PEM, (entry,), source, notes=tuple(notes))
    chain = ordered(certificates)
    known = [key for key in keys if key is not None]
    if chain and known and all(_belongs(key, chain[0]) is False for key in known):
        notes.append(f"the private key does not belong to the certificate of {chain[0].subject}")
        return Keystore(name, PEM, (KeystoreEntry(name, False, chain),), source, notes=tuple(notes))
    return Keystore(name, PEM, (KeystoreEntry(name, True, chain),), source, notes=tuple(notes))


def _private_key(part: bytes, passwords: Sequence[str], notes: list[str]) -> Any:
    """A private key, only to compare its public half; ``None``: no password opens it."""
    from cryptography.hazmat.primitives import serialization

    for password in (None, *passwords):
        try:
            return serialization.load_pem_private_key(part, password.encode() if password else None)
        except Exception:  # noqa: BLE001, S112 (another password, or whatever a library raises on an odd key)
            continue
    notes.append(
        "the private key is locked or of an unknown type: whether it belongs to the certificate is not known"
    )
    return None


def _belongs(key: Any, certificate: Certificate) -> bool | None:
    """Whether a key is that of a certificate; ``None``: one of both cannot be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    assert certificate.der is not None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        public = x509.load_der_x509_certificate(certificate.der).public_key()
        return public.public_bytes(*form) == public_key_of(key)
    except Exception:  # noqa: BLE001 (whatever the library raises on an odd certificate or key)
        return None
