"""Which client certificate Java would send: the rule of its own key manager.

``SunX509KeyManagerImpl`` (the default of ``KeyManagerFactory``) takes an entry with a private key when its
key's algorithm is asked for and, if the server names authorities, *any* certificate of its chain was issued
by one of them; no authorities accept every issuer. Validity, key usage and extended key usage are not
looked at: an expired certificate is sent. Read in the sources of JDK 8 to 25, and checked against a real
JVM by ``tests/diagnosis/test_keymanager.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logscan._evidence.distinguished_names import Name, find
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry

CHOSEN, NO_KEY, NO_CERTIFICATE, OTHER_ALIAS, KEY_TYPE, ISSUER, UNKNOWN = (
    "chosen", "no private key", "no certificate", "another alias is configured", "key type not asked for",
    "no issuer among the accepted authorities", "not known",
)  # fmt: skip

_ALGORITHMS = {"rsa": "RSA", "ecdsa": "EC", "dsa": "DSA", "ed25519": "EdDSA", "ed448": "EdDSA"}
_TYPES = {"RSA": "RSA", "ECDSA": "EC", "DSA": "DSA"}


@dataclass(frozen=True, slots=True)
class Considered:
    """One entry as the key manager sees it."""

    alias: str
    outcome: str
    """:data:`CHOSEN` or why not."""
    detail: str
    matched: Name | None = None
    """The accepted authority that decided for it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the key manager does."""

    alias: str | None
    """The alias whose certificate is sent; ``None``: an empty Certificate message."""
    considered: tuple[Considered, ...]
    certain: bool
    """Whether nothing needed was unknown."""


def requested_algorithms(key_types: Sequence[str], schemes: Sequence[str]) -> frozenset[str] | None:
    """The key algorithms that a CertificateRequest admits, as Java calls them; ``None``: all.

    From TLS 1.2 on the signature schemes decide, before it the certificate types.
    """
    if schemes:
        found = set()
        for scheme in schemes:
            if scheme.startswith("rsa_pss_pss"):
                found.add("RSASSA-PSS")
            else:
                found.add(_ALGORITHMS.get(scheme.partition("_")[0], scheme))
        return frozenset(found)
    if key_types:
        return frozenset(_TYPES.get(kind, kind) for kind in key_types)
    return None


def choose(
    keystore: Keystore,
    alias: str | None,
    authorities: Sequence[Name] | None,
    key_types: Sequence[str] = (),
    schemes: Sequence[str] = (),
) -> Choice:
    """What Java's key manager would choose.

    Args:
        keystore: its entries.
        alias: the one that is configured; ``None``: any.
        authorities: accepted by the server; empty: all; ``None``: not known.
        key_types: certificate types that the server asks for.
        schemes: signature schemes that it accepts.
    """
    wanted = keystore.entry(alias) if alias is not None else None
    admitted = requested_algorithms(key_types, schemes)
    considered = []
    chosen: str | None = None
    certain = keystore.complete or wanted is not None
    certain |= alias is not None and keystore.has_alias(alias) is False
    for entry in keystore.entries:
        if alias is not None and entry is not wanted:
            considered.append(Considered(entry.alias, OTHER_ALIAS, f"the target names the alias {alias}"))
            continue
        seen = _consider(entry, authorities, admitted)
        considered.append(seen)
        certain &= seen.outcome != UNKNOWN
        if seen.outcome == CHOSEN and chosen is None:
            chosen = entry.alias
    return Choice(chosen, tuple(considered), certain)


def _consider(
    entry: KeystoreEntry, authorities: Sequence[Name] | None, admitted: frozenset[str] | None
) -> Considered:
    if entry.has_key is False:
        return Considered(entry.alias, NO_KEY, "a certificate alone cannot be sent")
    if not entry.chain:
        outcome = UNKNOWN if entry.has_key is None else NO_CERTIFICATE
        return Considered(entry.alias, outcome, "its certificate is not among the evidence")
    leaf = entry.chain[0]
    if admitted is not None and leaf.key_algorithm is not None and leaf.key_algorithm not in admitted:
        return Considered(
            entry.alias,
            KEY_TYPE,
            f"its key is {leaf.key_algorithm}; asked for: {', '.join(sorted(admitted))}",
        )
    if authorities is None:
        return Considered(entry.alias, UNKNOWN, "the accepted authorities are not known")
    if not authorities:
        outcome, detail, matched = CHOSEN, "the server names no authorities: every issuer will do", None
    else:
        matched = next(
            (name for certificate in entry.chain if (name := find(certificate.issuer, tuple(authorities)))),
            None,
        )
        if matched is None:
            issuers = "; ".join(dict.fromkeys(str(certificate.issuer) for certificate in entry.chain))
            return Considered(entry.alias, ISSUER, f"issued by: {issuers}")
        outcome, detail = CHOSEN, f"issued by {matched}"
    if entry.has_key is None:
        return Considered(
            entry.alias, UNKNOWN, f"{detail}; whether it has its private key is not known", matched
        )
    return Considered(entry.alias, outcome, detail, matched)
