"""Causes in what the two sides offer: versions, cipher suites, names, and messages too long for Java."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_EMPTY,
    IF_NOT_AGREED,
    Assessment,
    cause,
    excluded,
    likely,
    possible,
    proven,
)
from logscan._diagnosis.facts import Facts, Quote

MOST_OF_JAVA = 32_768
"""Bytes of a handshake message that Java takes (``jdk.tls.maxHandshakeMessageSize``)."""
EARLY_ALERTS = ("handshake_failure", "internal_error", "illegal_parameter", "decode_error", "access_denied")
"""Alerts with which servers also refuse a ClientHello, beside those that are about nothing else."""
_VERSION_NAMES = (
    "protocol_version",
    "inappropriate_fallback",
    "no_appropriate_protocol",
    "protocol_not_accepted",
)
_CIPHER_NAMES = (
    "insufficient_security",
    "no_cipher_suites_in_common",
    "weak_dh_key",
    "no_application_protocol",
)


def _out(facts: Facts) -> Assessment | None:
    """Why the two sides did agree; ``None``: they may not have."""
    if facts.accepted:
        return excluded("the handshake was completed")
    if facts.not_tls is not None:
        return excluded("the backend does not speak TLS on this port")
    if facts.unanswered or facts.is_alien:
        return excluded("nobody refused")
    return None


def _may_be_the_hello(facts: Facts) -> bool:
    """Whether the backend may have refused the ClientHello."""
    if facts.hello_only is not None:
        return facts.hello_only
    return facts.received is not False and (facts.alert in EARLY_ALERTS or facts.cut)


def _offered(facts: Facts) -> tuple[Quote, ...]:
    return facts.quote("offer", "chosen", "alert")


@cause(
    IF_NOT_AGREED,
    title="The two sides have no TLS version in common",
    remedy=(
        "Compare <Protocols> of the target's SSLInfo with the versions that the backend allows. Edge 4.54 has"
        " TLS 1.0 and 1.1 off by default."
    ),
)
def protocol_mismatch(facts: Facts) -> Assessment:
    """The alert is protocol_version, or Java says that a version is not enabled."""
    if out := _out(facts):
        return out
    if facts.alert in _VERSION_NAMES:
        return proven(facts.text or f"the alert is {facts.alert}", _offered(facts))
    offered = facts.offer.versions if facts.offer else ()
    if facts.version is not None and offered and facts.version not in offered and not facts.accepted:
        why = f"the server chose {facts.version}, the client offers {', '.join(offered)}"
        return likely(
            why, _offered(facts), ("log",), doubt="the client may take an older version all the same"
        )
    if facts.version is not None and facts.hello_only is False:
        return excluded(f"the server chose {facts.version}")
    if _may_be_the_hello(facts):
        why = f"the client offers {', '.join(offered)}" if offered else "the offers are not known"
        return possible(why, _offered(facts), ("s_client", "capture"))
    return excluded("nothing points to it")


@cause(
    IF_NOT_AGREED,
    title="The two sides have no cipher suite, group or protocol name in common",
    remedy=(
        "Compare <Ciphers> of the target's SSLInfo with the suites that the backend allows:"
        " openssl s_client -cipher, or nmap --script ssl-enum-ciphers."
    ),
)
def cipher_mismatch(facts: Facts) -> Assessment:
    """The alert is insufficient_security or no_application_protocol, or Java says that no suite is common."""
    if out := _out(facts):
        return out
    if facts.alert in _CIPHER_NAMES:
        return proven(facts.text or f"the alert is {facts.alert}", _offered(facts))
    if facts.suite is not None and facts.hello_only is False:
        return excluded(f"the server chose {facts.suite}")
    if facts.hello_only and facts.alert == "handshake_failure":
        count = f"it offered {len(facts.offer.suites)} suites" if facts.offer else "its offer is not known"
        why = f"servers answer so to a ClientHello without a common suite; {count}"
        return likely(why, _offered(facts), ("backend-log",), doubt="a server may refuse a name (SNI) so too")
    if _may_be_the_hello(facts):
        return possible("the offers cannot be compared", _offered(facts), ("s_client", "capture"))
    return excluded("nothing points to it")


@cause(
    IF_NOT_AGREED,
    title="The host name (SNI) leads to another host, or is missing",
    remedy=(
        "Use the host name of the backend in the target's URL, not its address; compare it with SNI in a"
        " capture. Behind one address each name may have its own certificate and list of authorities."
    ),
)
def wrong_sni(facts: Facts) -> Assessment:
    """The alert is unrecognized_name."""
    if facts.accepted or facts.not_tls is not None or facts.unanswered or facts.is_alien:
        return excluded("nothing was refused")
    name = f"the name {facts.sni} was sent" if facts.sni else "no name was sent"
    if facts.alert == "unrecognized_name" and facts.received is not False:
        said = name if facts.offer else "the backend does not know the name that was sent"
        return proven(f"the alert is unrecognized_name; {said}", _offered(facts))
    if named := facts.quotes.get("sni_differs"):
        return possible(named.text, (named,), ("s_client",))
    if facts.alert == "hostname_mismatch":
        why = "a backend that has several certificates may have sent that of another name"
        return possible(f"{why}; {name}" if facts.offer else why, _offered(facts), ("s_client",))
    if _may_be_the_hello(facts):
        return possible(
            name if facts.offer else "the name that was sent is not known", _offered(facts), ("capture",)
        )
    return excluded("nothing points to it")


@cause(
    IF_EMPTY,
    title="The backend's list of accepted authorities is too long for Java",
    remedy=(
        "Have the backend's list of client authorities shortened,"
        " or set -Djdk.tls.maxHandshakeMessageSize on the Message Processor."
    ),
)
def ca_list_too_long(facts: Facts) -> Assessment:
    """Never proven: Java says that a message is too long, or the CertificateRequest has over 32,768 bytes."""
    if facts.accepted:
        return excluded("the server accepted it")
    if facts.request_size > MOST_OF_JAVA:
        text = f"the CertificateRequest has {facts.request_size:,} bytes; Java takes {MOST_OF_JAVA:,}"
        doubt = "jdk.tls.maxHandshakeMessageSize may be larger"
        return likely(text, facts.quote("request", "alert"), doubt=doubt)
    if facts.request_size:
        return excluded(f"the CertificateRequest has {facts.request_size:,} bytes")
    if facts.alert == "ca_list_too_long" and facts.flight_size <= MOST_OF_JAVA:
        why = facts.text or "Java says that a message is too long"
        doubt = "the backend's certificate chain may be the message that is too long"
        return likely(why, facts.quote("alert"), ("capture",), doubt=doubt)
    if facts.received is False and facts.alert is None and facts.version == "TLS 1.3":
        return possible("TLS 1.3 hides how long the list is", facts.quote("alert"), ("s_client", "log"))
    return excluded("no message is that long")


@cause(
    IF_EMPTY,
    title="The backend asks for the certificate late, in a second handshake",
    remedy=(
        "Have the backend ask in the first handshake (IIS: netsh http … clientcertnegotiation=enable; Apache:"
        " SSLVerifyClient for the whole host), or use TLS 1.3 with authentication at the start."
    ),
)
def renegotiation_late(facts: Facts) -> Assessment:
    """Never proven: Java refused a renegotiation, or a second handshake began and failed."""
    if facts.accepted:
        return excluded("the server accepted it")
    if facts.alert in ("renegotiation_refused", "no_renegotiation"):
        why = facts.text or f"the alert is {facts.alert}"
        return likely(
            why, facts.quote("alert"), ("backend-log",), doubt="only the backend knows what it wanted"
        )
    if facts.hello_request or facts.renegotiated:
        why = "after the first handshake a second one began; it is encrypted, and the connection failed in it"
        quotes = facts.quote("certificate_requested", "alert")
        return likely(why, quotes, ("key-log",), doubt="what was asked for in it is not visible")
    return excluded("no second handshake was seen")
