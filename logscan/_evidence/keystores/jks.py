"""JKS and JCEKS files: Java's own formats. Certificates are read without the password."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from hmac import compare_digest

from logscan._evidence.capture.tls import Reader
from logscan._evidence.certificates import Certificate, certificate_from_der
from logscan._evidence.keystores.keystore import JKS, Keystore, KeystoreEntry

MAX_CHAIN = 1_000
"""Certificates of one entry."""


def read_jks(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    """The entries of a JKS or JCEKS file. A digest over all of it shows whether a password is right."""
    reader = Reader(data)
    reader.take(4)
    version, count = reader.number(4), reader.number(4)
    entries: list[KeystoreEntry] = []
    notes: list[str] = []

    def certificates(length: int, alias: str) -> Iterator[Certificate]:
        for number in range(1, length + 1):
            if version == 2:
                reader.vector(2)  # its type
            der = reader.vector(4)
            try:
                yield certificate_from_der(der, source)
            except ValueError as error:
                notes.append(f"certificate {number} of alias {alias} cannot be read: {error}")

    complete = True
    for _ in range(count):
        tag = reader.number(4)
        if tag == 3:
            notes.append(
                "it holds a secret key, after which this format cannot be read: later aliases are missing"
            )
            complete = False
            break
        if tag not in (1, 2):
            raise ValueError(f"an entry of an unknown type ({tag})")
        alias = reader.vector(2).decode("utf-8", "replace")
        reader.take(8)  # time of creation
        length = 1
        if tag == 1:
            reader.vector(4)  # the key, which is never looked at
            length = reader.number(4)
        if length > MAX_CHAIN:
            raise ValueError(f"a chain of {length:,} certificates")
        entries.append(KeystoreEntry(alias, tag == 1, tuple(certificates(length, alias))))
    if complete and passwords:
        at = len(data) - reader.left
        digests = (_jks_digest(data[:at], password) for password in passwords)
        if not any(compare_digest(data[at : at + 20], digest) for digest in digests):
            notes.append(
                "the given password is not the one of this keystore; its certificates are read without one"
            )
    return Keystore(name, JKS, tuple(entries), source, complete, tuple(notes))


def _jks_digest(data: bytes, password: str) -> bytes:
    return sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + data).digest()  # noqa: S324 (its format)
