"""PEM files: certificates and keys in base64, in any order and among other text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives import serialization

from logscan._evidence.certificates import Certificate, certificate_from_der, ordered, public_key_of
from logscan._evidence.keystores.keystore import PEM, Keystore, KeystoreEntry

_PEM_PART = re.compile(
    # A part ends where the next begins: so text without an end is passed once.
    rb"-----BEGIN ((?:[A-Z0-9]{1,20} ){0,4}(?:CERTIFICATE|PRIVATE KEY))-----\s*+"
    rb"([^-]*+(?:-(?!----(?:BEGIN|END) )[^-]*+)*+)-----END \1-----"
)


def pem_certificates(data: bytes, source: str) -> Iterator[Certificate]:
    """The certificates in a text, wherever they stand in it; what cannot be read is skipped."""
    for number, found in enumerate(_PEM_PART.finditer(data), start=1):
        if found[1].endswith(b"CERTIFICATE"):
            try:
                yield certificate_from_der(_from_base64(found[2]), f"{source}, part {number}")
            except ValueError:
                continue


def _from_base64(text: bytes) -> bytes:
    from base64 import b64decode

    return b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", text), validate=True)


def read_pem(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    """The chain of a PEM file, and whether its key belongs to it."""
    certificates: list[Certificate] = []
    keys: list[Any] = []
    notes: list[str] = []
    for number, found in enumerate(_PEM_PART.finditer(data), start=1):
        if found[1].endswith(b"CERTIFICATE"):
            certificates.append(certificate_from_der(_from_base64(found[2]), f"{source}, part {number}"))
        else:
            keys.append(_private_key(found[0], passwords, notes))
    if not keys:
        return Keystore(name, PEM, (KeystoreEntry(name, None, ordered(certificates)),), source)
    chain = ordered(certificates)
    known = [key for key in keys if key is not None]
    if chain and known and not any(_belongs(key, chain[0]) for key in known):
        notes.append(f"the private key does not belong to the certificate of {chain[0].subject}")
        return Keystore(name, PEM, (KeystoreEntry(name, False, chain),), source, notes=tuple(notes))
    return Keystore(name, PEM, (KeystoreEntry(name, True, chain),), source, notes=tuple(notes))


def _private_key(part: bytes, passwords: Sequence[str], notes: list[str]) -> Any:
    """A private key, only to compare its public half; ``None``: no password opens it."""
    for password in (None, *passwords):
        try:
            return serialization.load_pem_private_key(part, password.encode() if password else None)
        except (TypeError, ValueError):
            continue
    notes.append(
        "the private key is locked or of an unknown type: whether it belongs to the certificate is not known"
    )
    return None


def _belongs(key: Any, certificate: Certificate) -> bool:
    from cryptography import x509

    assert certificate.der is not None
    public = x509.load_der_x509_certificate(certificate.der).public_key()
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(*form) == public_key_of(key)
