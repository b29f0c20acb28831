"""One way to read a keystore, whatever its format: PEM, DER, PKCS#12, JKS or JCEKS.

Private keys are never kept, shown or written: an entry only says whether it has one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logscan._evidence.certificates import certificate_from_der
from logscan._evidence.keystores.jks import read_jks
from logscan._evidence.keystores.keystore import DER, JKS, PEM, PKCS12, Keystore, KeystoreEntry
from logscan._evidence.keystores.pem import read_pem
from logscan._evidence.keystores.pkcs12 import read_pkcs12
from logscan.errors import InputError, first_line

DEFAULT_PASSWORDS = ("changeit", "")
"""Tried when none was given: Java's own, and none."""


def format_of(head: bytes) -> str | None:
    """The format of a keystore or certificate file that begins like this; ``None``: it is none."""
    if head[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        return JKS
    if re.search(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}(?:CERTIFICATE|PRIVATE KEY)-----", head):
        return PEM
    if head[:1] == b"\x30" and len(head) > 32:
        return PKCS12 if b"\x02\x01\x03\x30" in head[:16] or b"\x02\x01\x03\x30\x80" in head[:16] else DER
    return None


def read_keystore(data: bytes, name: str, source: str, passwords: Sequence[str] = ()) -> Keystore:
    """A keystore from the bytes of its file.

    Args:
        data: the file.
        name: of the keystore.
        source: where it stands, for a person.
        passwords: tried in this order, then :data:`DEFAULT_PASSWORDS`.

    Raises:
        WrongPasswordError: it is locked, and no password opens it.
        InputError: it cannot be read.
    """
    form = format_of(data[:65_536])
    tried = tuple(dict.fromkeys((*passwords, *DEFAULT_PASSWORDS)))
    try:
        if form == PEM:
            return read_pem(data, name, source, tried)
        if form == JKS:
            return read_jks(data, name, source, passwords)
        if form == PKCS12:
            return _pkcs12(data, name, source, tried)
        if form == DER:
            chain = (certificate_from_der(data, source),)
            return Keystore(name, DER, (KeystoreEntry(name, None, chain),), source)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise InputError(
            f"{source}: the {form} file cannot be read: {first_line(error)}",
            "is it whole? compare its size and checksum",
        ) from error
    raise InputError(f"{source}: no keystore (PEM, DER, PKCS#12, JKS or JCEKS)", "give another file")


def _pkcs12(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    try:
        return read_pkcs12(data, name, source, passwords)
    except InputError:
        raise
    except Exception as error:  # its library raises errors of every kind on damage, AttributeError too
        raise ValueError(first_line(error)) from error
