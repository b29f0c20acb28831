"""Causes in the backend's certificate: the Message Processor refuses it."""

from __future__ import annotations

from datetime import UTC, datetime

from logscan._diagnosis.causes._base import (
    IF_REFUSED_HERE,
    Assessment,
    cause,
    excluded,
    likely,
    possible,
    proven,
)
from logscan._diagnosis.causes._chains import anchor, names_host
from logscan._diagnosis.facts import Facts
from logscan._evidence.certificates import Certificate

UNTRUSTED = ("untrusted_certificate", "path_validation_failed", "ssl_engine_problem", "empty_truststore")
"""What the log says where Java found no way from the chain to its truststore, or does not say why."""
OTHER_FAULTS = (
    "wrong_extended_key_usage", "certificate_revoked_locally", "signature_invalid", "no_server_certificate",
    "server_chain_too_long", "not_a_certificate_authority",
)  # fmt: skip
_WIRE_UNKNOWN = (
    "certificate_unknown", "unknown_ca", "bad_certificate", "unsupported_certificate", "certificate_revoked",
    "handshake_failure", "internal_error", "encrypted",
)  # fmt: skip
"""Alerts of Java that do not say which fault the certificate has."""
INSPECTORS = (
    "zscaler", "palo alto", "fortinet", "fortigate", "blue coat", "bluecoat", "symantec web", "netskope",
    "cisco umbrella", "forcepoint", "websense", "sophos", "check point", "mcafee web", "skyhigh", "squid",
    "mitmproxy", "barracuda", "iboss", "ssl inspection", "tls inspection", "ssl proxy", "decrypt",
    "interception",
)  # fmt: skip
"""Words in the names of issuers that proxies use which open TLS."""


def _out(facts: Facts) -> Assessment | None:
    """Why the backend's certificate was not refused; ``None``: it may have been."""
    if facts.accepted:
        return excluded("the handshake was completed")
    if facts.received is not False:
        return excluded("the Message Processor did not refuse the backend")
    return None


def _open(facts: Facts) -> bool:
    """Whether neither log nor alert say which fault the certificate has."""
    return facts.alert is None or facts.alert in UNTRUSTED or facts.alert in _WIRE_UNKNOWN


def _words(certificate: Certificate) -> str:
    return f"{certificate.subject}, issued by {certificate.issuer}"


@cause(
    IF_REFUSED_HERE,
    title="The backend's certificate, or one of its chain, has expired or is not valid yet",
    remedy="Have the backend's operator renew the certificate; compare the clocks of both hosts.",
)
def backend_certificate_expired(facts: Facts) -> Assessment:
    """The log says so, or the chain had expired and the Message Processor sent certificate_expired."""
    if out := _out(facts):
        return out
    quotes = facts.quote("alert", "server_chain")
    if facts.alert in ("certificate_past_validity", "certificate_not_yet_valid"):
        return proven(facts.text or "Java says so", quotes)
    time = facts.begun or datetime.now(UTC)
    for certificate in facts.server_chain:
        low, high = certificate.not_before, certificate.not_after
        if low is None or high is None:
            return possible("its dates cannot be read", quotes)
        if not low <= time <= high:
            why = f"{certificate.subject} is valid from {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} UTC"
            if facts.alert == "certificate_expired":
                return proven(why, quotes)
            if _open(facts):
                return likely(
                    why, quotes, ("log",), doubt="the log's text would say whether this was the reason"
                )
    if facts.server_chain:
        return excluded("the dates cover the time of the failure")
    if facts.alert == "certificate_expired":
        return likely(
            "the Message Processor sent certificate_expired",
            quotes,
            ("s_client",),
            doubt="its certificate was not seen",
        )
    return (
        possible("its dates are not known", quotes, ("s_client",))
        if _open(facts)
        else excluded("Java names another reason")
    )


@cause(
    IF_REFUSED_HERE,
    title="The target's truststore does not hold the authority that issued the backend's certificate",
    remedy=(
        "Add the issuing authority to the target's truststore (a new alias), and point the TrustStore"
        " reference to it; or restart the Message Processors after a change under the same name."
    ),
)
def backend_certificate_untrusted(facts: Facts) -> Assessment:
    """The truststore is known and holds no authority of a chain that reaches its root."""
    if out := _out(facts):
        return out
    if not _open(facts):
        return excluded("Java names another reason")
    quotes, chain = facts.quote("alert", "server_chain", "truststore"), facts.server_chain
    if not chain:
        return possible("the backend's certificate is not known", quotes, ("s_client", "bundle"))
    top = chain[-1]
    if facts.trusted is None:
        if top.self_issued or len(chain) > 1:
            why = f"the chain ends at {_words(top)}; what the truststore holds is not known"
            return likely(
                why, quotes, ("bundle", "truststore"), doubt="the truststore is not among the evidence"
            )
        return possible(
            f"{_words(top)}; what the truststore holds is not known", quotes, ("bundle", "truststore")
        )
    if anchor(chain, facts.trusted) is not None:
        return excluded("the truststore holds an authority of the chain")
    held = "; ".join(str(item.subject) for item in facts.trusted[:5]) or "nothing"
    why = f"the chain ends at {_words(top)}; the truststore holds {held}"
    if top.self_issued:
        return proven(why, quotes)
    return likely(why, quotes, ("intermediate",), doubt="the chain does not reach a root")


@cause(
    IF_REFUSED_HERE,
    title="The backend does not send its intermediate certificate",
    remedy=(
        "Have the backend send its whole chain; until then, add the intermediate to the target's truststore."
    ),
)
def backend_chain_incomplete(facts: Facts) -> Assessment:
    """The chain ends below an authority of the truststore; the certificate between is among the evidence."""
    if out := _out(facts):
        return out
    if not _open(facts):
        return excluded("Java names another reason")
    quotes, chain = facts.quote("alert", "server_chain", "truststore"), facts.server_chain
    if not chain:
        return possible("the chain that the backend sends is not known", quotes, ("s_client",))
    top = chain[-1]
    if top.self_issued:
        return excluded("the chain that the backend sent reaches its root")
    if facts.trusted and anchor(chain, facts.trusted) is not None:
        return excluded("the truststore holds an authority of the chain")
    link = next(
        (item for item in facts.known if item.subject.same(top.issuer) and not item.self_issued), None
    )
    if link is not None:
        why = f"the chain ends before {link.subject}, which {link.issuer} issued"
        if facts.trusted and any(link.issuer.same(item.subject) for item in facts.trusted):
            return proven(why, quotes)
        return likely(why, quotes, ("truststore",), doubt="the truststore is not known")
    if len(chain) == 1:
        why = f"the backend sent one certificate alone: {_words(top)}"
        return likely(
            why,
            quotes,
            ("s_client", "truststore"),
            doubt="its issuer may be a root that the truststore lacks",
        )
    return possible(f"the chain ends at {_words(top)}", quotes, ("truststore",))


@cause(
    IF_REFUSED_HERE,
    title="The backend's certificate is for another host name",
    remedy=(
        "Use a host name of the certificate in the target's URL,"
        " or have the backend send a certificate for the name that is used (SNI)."
    ),
)
def backend_name_mismatch(facts: Facts) -> Assessment:
    """The log says that no name of the certificate matches."""
    if out := _out(facts):
        return out
    quotes = facts.quote("alert", "server_chain", "offer")
    if facts.alert == "hostname_mismatch":
        return proven(facts.text or "Java says so", quotes)
    if not _open(facts) or facts.alert in UNTRUSTED:
        return excluded("Java names another reason")
    if not facts.server_chain:
        return possible("the names of its certificate are not known", quotes, ("s_client",))
    host = facts.sni
    if host is None:
        return possible("the host name that was meant is not known", quotes, ("log",))
    if names_host(facts.server_chain[0], host) is False:
        why = f"the certificate is for {facts.server_chain[0].subject}, the name sent was {host}"
        return likely(why, quotes, ("log",), doubt="the log's text would say whether this was the reason")
    return excluded(f"the certificate is for {host}")


@cause(
    IF_REFUSED_HERE,
    title="The backend's certificate is too weak for Java",
    remedy="Have it reissued with SHA-256 and an RSA key of 2048 bits or more, or an EC key.",
)
def backend_certificate_weak(facts: Facts) -> Assessment:
    """The log says so."""
    if out := _out(facts):
        return out
    quotes = facts.quote("alert", "server_chain")
    if facts.alert == "weak_algorithm":
        return proven(facts.text or "Java says so", quotes)
    if not _open(facts):
        return excluded("Java names another reason")
    for certificate in facts.server_chain:
        if found := weakness(certificate):
            why = f"{certificate.subject}: {found}"
            return likely(why, quotes, ("log",), doubt="the log's text would say whether this was the reason")
    if facts.server_chain or facts.alert in ("untrusted_certificate", "empty_truststore"):
        return excluded("no weak algorithm is in the chain")
    return possible("its algorithms are not known", quotes, ("s_client",))


def weakness(certificate: Certificate) -> str:
    """Why a certificate may be refused as too weak; empty: it is not."""
    signed = certificate.signature_algorithm or ""
    if signed.startswith(("MD2", "MD5", "SHA1")) and not certificate.self_issued:
        return f"signed with {signed}"
    if certificate.key_algorithm == "RSA" and (certificate.key_bits or 4096) < 2048:
        return f"an RSA key of {certificate.key_bits} bits"
    return ""


@cause(
    IF_REFUSED_HERE,
    title="A proxy between opens TLS and shows a certificate of its own",
    remedy=(
        "Ask the network's operator to let this connection pass unopened: a client certificate cannot work"
        " through such a proxy. Compare the issuer with that seen from elsewhere."
    ),
)
def tls_inspected(facts: Facts) -> Assessment:
    """Never proven: the issuer is one of a known proxy, or another one than elsewhere."""
    if out := _out(facts):
        return out
    if not _open(facts):
        return excluded("Java names another reason")
    quotes, chain = facts.quote("alert", "server_chain", "other_server_chain"), facts.server_chain
    if not chain:
        return possible("the issuer of the certificate is not known", quotes, ("s_client",))
    issuers = " ".join(str(item.issuer) for item in chain).casefold()
    if word := next((word for word in INSPECTORS if word in issuers), None):
        why = f"the issuer {chain[0].issuer} has the name of such a proxy ({word})"
        return likely(why, quotes, ("s_client",), doubt="a name shows no sender")
    other = facts.other_server_chain
    if other and other[0].subject.same(chain[0].subject) and not other[0].issuer.same(chain[0].issuer):
        why = f"here the certificate is issued by {chain[0].issuer}, elsewhere by {other[0].issuer}"
        return likely(
            why, quotes, ("backend-log",), doubt="the certificate may have been renewed by another authority"
        )
    if other:
        return excluded("the certificate is the one that is seen elsewhere")
    return possible(
        f"issued by {chain[0].issuer}: compare it with what is seen elsewhere", quotes, ("s_client",)
    )


@cause(
    IF_REFUSED_HERE,
    title="The Message Processor refused the backend's certificate for the reason that Java names",
    remedy="Have the backend's operator correct the certificate as the text says.",
)
def backend_certificate_faulty(facts: Facts) -> Assessment:
    """The log names a fault of the certificate that has no cause of its own here."""
    if out := _out(facts):
        return out
    if facts.alert in OTHER_FAULTS:
        return proven(facts.text or f"the log says {facts.alert}", facts.quote("alert", "server_chain"))
    return excluded("Java names no such fault")
