"""Chains of certificates: which could be sent, where they end, and what would continue them."""

from __future__ import annotations

from datetime import UTC, datetime

from logscan._diagnosis.facts import Facts
from logscan._evidence.certificates import Certificate, host_names, same_certificate, signed_by
from logscan._evidence.distinguished_names import Name, find
from logscan._evidence.keystores.keystore import KeystoreEntry

MAX_LINKS = 100
"""Certificates that are tried to continue one chain."""


def candidates(facts: Facts) -> tuple[KeystoreEntry, ...]:
    """Entries that could be sent: the configured alias, else every one that may have a key."""
    if facts.entry is not None:
        return (facts.entry,) if facts.entry.has_key is not False else ()
    if facts.keystore is None or (facts.alias is not None and facts.keystore.has_alias(facts.alias) is False):
        return ()
    return tuple(entry for entry in facts.keystore.entries if entry.has_key is not False)


def missing_link(facts: Facts) -> Certificate | None:
    """A certificate of the evidence that would join the chain to an accepted authority."""
    for entry in candidates(facts):
        if entry.chain and facts.authorities and (link := link_to(entry.chain[-1], facts, facts.authorities)):
            return link
    return None


def link_to(top: Certificate, facts: Facts, accepted: tuple[Name, ...]) -> Certificate | None:
    """The certificate above ``top``, if it is among the evidence and leads to an accepted authority."""
    return _issuer_of(top, facts.known, accepted, set())


def _issuer_of(
    top: Certificate, known: tuple[Certificate, ...], accepted: tuple[Name, ...], seen: set[int]
) -> Certificate | None:
    """The same; authorities that certify each other are looked at once."""
    if top.self_issued or len(seen) > MAX_LINKS:
        return None
    for item in known:
        issues = item.subject.same(top.issuer) and not item.self_issued and signed_by(top, item) is not False
        if issues and id(item) not in seen:
            seen.add(id(item))
            if find(item.issuer, accepted) or _issuer_of(item, known, accepted, seen):
                return item
    return None


def anchor(chain: tuple[Certificate, ...], trusted: tuple[Certificate, ...]) -> Certificate | None:
    """The trusted authority that the chain reaches: one of its own, or one that signed one of it."""
    for certificate in chain:
        for authority in trusted:
            if same_certificate(certificate, authority):
                return authority
            if certificate.issuer.same(authority.subject) and signed_by(certificate, authority) is not False:
                return authority
    return None


def namesake(chain: tuple[Certificate, ...], trusted: tuple[Certificate, ...]) -> Certificate | None:
    """A trusted authority with the name of an issuer of the chain."""
    return next(
        (authority for item in chain for authority in trusted if item.issuer.same(authority.subject)), None
    )


def younger_leaf(facts: Facts) -> Certificate | None:
    """The leaf of the keystore, if it came into force between the last failure and now."""
    if facts.entry is None or not facts.entry.chain or facts.ended is None:
        return None
    leaf = facts.entry.chain[0]
    made = leaf.not_before
    return leaf if made is not None and facts.ended < made <= datetime.now(UTC) else None


def names_host(certificate: Certificate, host: str) -> bool | None:
    """Whether a certificate is for a host, as Java compares (RFC 2818, RFC 6125); ``None``: not known."""
    names = host_names(certificate)
    if names is None:
        return None
    wanted = host.casefold().rstrip(".")
    return any(_matches(name.casefold(), wanted) for name in names)


def _matches(pattern: str, host: str) -> bool:
    """Whether a name, or a wildcard for its first label, covers a host."""
    if pattern == host:
        return True
    first, _, rest = pattern.partition(".")
    label, _, domain = host.partition(".")
    return first == "*" and bool(label) and rest == domain
