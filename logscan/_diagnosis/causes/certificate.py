"""Causes in the certificate that was sent: the backend refuses it."""

from __future__ import annotations

from datetime import UTC, datetime

from logscan._diagnosis.causes._base import (
    IF_SENT,
    Assessment,
    cause,
    certificate_unknown,
    excluded,
    excluded_unless_sent,
    likely,
    needs_of_the_wire,
    possible,
    proven,
)
from logscan._diagnosis.causes._chains import anchor, link_to, namesake, younger_leaf
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import SENT
from logscan._evidence.certificates import CLIENT_AUTH
from logscan._evidence.distinguished_names import find


@cause(
    IF_SENT,
    title="The client certificate, or one of its chain, has expired",
    remedy="Have the certificate renewed, upload it to a new keystore and point the reference to that.",
)
def expired(facts: Facts) -> Assessment:
    """A certificate of the chain had expired *when the handshake failed*."""
    return _validity(facts, "expired")


@cause(
    IF_SENT,
    title="The client certificate, or one of its chain, is not valid yet",
    remedy=(
        "Wait until it is valid, use the one before it, or have it reissued; "
        "compare the clocks of both hosts."
    ),
)
def not_yet_valid(facts: Facts) -> Assessment:
    """A certificate of the chain was not valid yet *when the handshake failed*."""
    return _validity(facts, "not yet valid")


def _validity(facts: Facts, which: str) -> Assessment:
    """Whether a certificate of the chain was ``expired``, or ``not yet valid``."""
    if out := excluded_unless_sent(facts):
        return out
    chain = facts.presented
    if not chain:
        return certificate_unknown(facts)
    time = facts.begun or datetime.now(UTC)
    quotes = facts.quote("sent") or facts.quote("keystore")
    for certificate in chain:
        limit = certificate.not_after if which == "expired" else certificate.not_before
        if limit is None:
            return possible(f"the dates of {certificate.subject} are not known", quotes, ("keystore",))
        if which != "expired" and not facts.sent_chain and younger_leaf(facts):
            return excluded("the certificate was made after the failure: it cannot have been sent")
        late = time > limit if which == "expired" else time < limit
        if late:
            word = "expired on" if which == "expired" else "is valid only from"
            when = f"{limit:%Y-%m-%d %H:%M} UTC; the handshake failed at {time:%Y-%m-%d %H:%M} UTC"
            return proven(f"{certificate.subject} {word} {when}", quotes)
    return excluded("the dates cover the time of the failure")


@cause(
    IF_SENT,
    title="The client certificate is not made for client authentication",
    remedy="Have it reissued with extended key usage clientAuth and key usage digital signature.",
)
def wrong_key_usage(facts: Facts) -> Assessment:
    """Extended key usage is without ``clientAuth``, or key usage without digital signature."""
    if out := excluded_unless_sent(facts):
        return out
    chain = facts.presented
    if not chain:
        return certificate_unknown(facts)
    leaf = chain[0]
    quotes = facts.quote("sent") or facts.quote("keystore")
    if leaf.extended_key_usages is None:
        return possible(
            "the management API does not show usages: export the certificate", quotes, ("certificate",)
        )
    if leaf.extended_key_usages and not {CLIENT_AUTH, "any"} & set(leaf.extended_key_usages):
        return proven(
            f"extended key usage is {', '.join(leaf.extended_key_usages)}, without {CLIENT_AUTH}", quotes
        )
    if leaf.key_usages and "digital_signature" not in leaf.key_usages:
        return proven(f"key usage is {', '.join(sorted(leaf.key_usages))}, without digital signature", quotes)
    return excluded("the usages allow client authentication")


@cause(
    IF_SENT,
    title="The backend does not trust the issuer of the certificate that was sent",
    remedy="Have the issuing authority added to the backend's truststore, and send the complete chain.",
)
def unknown_ca(facts: Facts) -> Assessment:
    """The chain that was sent leads to none of the backend's authorities."""
    if out := excluded_unless_sent(facts):
        return out
    chain = facts.presented
    if not facts.backend_cas:
        return possible(
            "the backend's trusted authorities are not known", facts.quote("sent"), ("backend-ca",)
        )
    if not chain:
        return certificate_unknown(facts)
    if anchor(chain, facts.backend_cas) is not None:
        return excluded("the chain reaches an authority of the backend")
    if namesake(chain, facts.backend_cas) is not None:
        return excluded("an authority of the same name is trusted, with another key")
    if link_to(chain[-1], facts, tuple(item.subject for item in facts.backend_cas)):
        return excluded("only an intermediate is missing")
    if not _surely_sent(facts):
        why = "the backend trusts none of the issuers, but whether the certificate was sent is not known"
        return possible(why, facts.quote("keystore", "backend_ca"), ("s_client", *needs_of_the_wire(facts)))
    if not chain[-1].self_issued and not any(find(chain[-1].issuer, (item.subject,)) for item in facts.known):
        why = f"the chain ends at {chain[-1].subject}: what is above it is not known"
        return likely(
            why, facts.quote("sent", "keystore", "backend_ca"), ("intermediate",),
            doubt="only an intermediate may be missing",
        )  # fmt: skip
    issuers = "; ".join(dict.fromkeys(str(item.issuer) for item in chain))
    trusted = "; ".join(str(item.subject) for item in facts.backend_cas[:5])
    return proven(
        f"issued by {issuers}; the backend trusts {trusted}", facts.quote("sent", "keystore", "backend_ca")
    )


@cause(
    IF_SENT,
    title="The backend trusts an authority of the same name, but with another key",
    remedy=(
        "Have the authority's new certificate added to the backend's truststore"
        " (keep the old one while certificates of both are in use)."
    ),
)
def ca_same_name_other_key(facts: Facts) -> Assessment:
    """The backend trusts an authority of that name whose key did not sign the chain."""
    if out := excluded_unless_sent(facts):
        return out
    chain = facts.presented
    if facts.backend_cas:
        if not chain:
            return certificate_unknown(facts)
        if anchor(chain, facts.backend_cas) is None and (other := namesake(chain, facts.backend_cas)):
            if not _surely_sent(facts):
                doubt = "but whether the certificate was sent is not known"
                why = f"{other.subject} has another key there, {doubt}"
                return possible(why, facts.quote("backend_ca"), ("s_client", *needs_of_the_wire(facts)))
            return proven(
                f"the backend's {other.subject} did not sign this chain: same name, another key",
                facts.quote("sent", "keystore", "backend_ca"),
            )
        return excluded("no authority of the backend has that name with another key")
    if facts.authorities and chain and not any(find(item.issuer, facts.authorities) for item in chain):
        return excluded("no issuer is among the accepted names")
    return possible(
        "names agree or are not known; only the backend's own authority can show it",
        facts.quote("request"),
        ("backend-ca",),
    )


def _surely_sent(facts: Facts) -> bool:
    """Whether the certificate was sent: as seen, or because Java would."""
    would = facts.choice is not None and facts.choice.certain and facts.choice.alias is not None
    return facts.sent == SENT or would


@cause(
    IF_SENT,
    title="The chain uses an algorithm or key that the backend may refuse as too weak",
    remedy="Have the certificate reissued with SHA-256 and an RSA key of 2048 bits or more, or an EC key.",
)
def weak_client_certificate(facts: Facts) -> Assessment:
    """Never proven: MD2, MD5, SHA-1 or a short RSA key in the chain make it possible."""
    if out := excluded_unless_sent(facts):
        return out
    for certificate in facts.presented:
        if certificate.self_issued and certificate is not facts.presented[0]:
            continue  # nobody checks a root's own signature
        signed = certificate.signature_algorithm or ""
        weak = signed.startswith(("MD2", "MD5", "SHA1"))
        small = certificate.key_algorithm == "RSA" and (certificate.key_bits or 4096) < 2048
        if weak or small:
            what = f"signed with {signed}" if weak else f"an RSA key of {certificate.key_bits} bits"
            return possible(
                f"{certificate.subject}: {what}", facts.quote("sent", "keystore"), ("backend-log",)
            )
    return excluded("no weak algorithm is in the chain")
