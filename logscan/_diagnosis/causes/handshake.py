"""Where the handshake ended, when it was not at the client certificate."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_NOT_AGREED,
    IF_REFUSED_HERE,
    OTHERWISE,
    Assessment,
    cause,
    excluded,
    likely,
    possible,
    proven,
)
from logscan._diagnosis.causes.agreement import EARLY_ALERTS
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import NOT_ASKED
from logscan._failures.catalog import BACKEND_CERTIFICATE


@cause(
    IF_NOT_AGREED,
    title="The server stopped at the first message: this is not a client certificate problem",
    remedy="Check the TLS versions, the cipher suites, the host name (SNI) and firewalls.",
)
def not_a_client_certificate_matter(facts: Facts) -> Assessment:
    """The server refused the ClientHello, or its alert is about the ClientHello."""
    if facts.accepted or facts.hello_only is False or facts.received is False or facts.not_tls is not None:
        return excluded("the handshake went on after the ClientHello")
    if facts.unanswered or facts.is_alien:
        return excluded("the server did not refuse")
    if facts.hello_only:
        return proven("the server refused the ClientHello itself", facts.quote("alert"))
    if facts.of_the_hello:
        return proven(f"the alert {facts.alert} is about the ClientHello", facts.quote("alert"))
    if facts.alert in EARLY_ALERTS or facts.cut:
        why = "servers end a handshake like this for versions and ciphers as well"
        return possible(why, facts.quote("alert"), ("capture",))
    return excluded("servers do not answer a ClientHello with this alert")


@cause(
    IF_REFUSED_HERE,
    title="The Message Processor refused the backend, not the other way round",
    remedy=(
        "Look at the backend's certificate and the target's truststore; "
        "the client certificate is not in question."
    ),
)
def refused_by_message_processor(facts: Facts) -> Assessment:
    """The Message Processor sent the alert, or its log says why it ended the handshake."""
    other = bool(facts.families) and BACKEND_CERTIFICATE not in facts.families
    if facts.received is False and not facts.accepted and not other and facts.not_tls is None:
        if facts.alert is None and facts.version == "TLS 1.3":
            why = "the client's first encrypted record has the size of an alert, or it closed the connection"
            return likely(why, facts.quote("alert"), ("log", "key-log"), doubt="this is inferred from sizes")
        return proven("the Message Processor ended the handshake", facts.quote("alert"))
    return excluded("the alert did not come from this side")


@cause(
    OTHERWISE,
    title="The backend asked for no client certificate: something else refused",
    remedy=(
        "Look at what answers after the TLS layer of this host:"
        " a proxy, gateway or application there may want a certificate."
    ),
)
def no_client_certificate_asked(facts: Facts) -> Assessment:
    """The handshake has no CertificateRequest, and the backend sent an alert after the client's answer."""
    refused = (
        not facts.accepted and facts.received is not False and not facts.hello_only and not facts.unanswered
        and not facts.of_the_hello and facts.not_tls is None and not facts.is_alien
    )  # fmt: skip
    if (
        refused
        and facts.sent is None
        and facts.certificate_requested is None
        and facts.asked_elsewhere is False
    ):
        why = "the backend asked another client for no certificate; it may have asked the Message Processor"
        return possible(why, facts.quote("certificate_requested"), ("capture",))
    if not refused or facts.sent != NOT_ASKED:
        return excluded("the server asked for a certificate, or it is not known")
    quotes = facts.quote("certificate_requested", "alert")
    if facts.renegotiated or facts.hello_request:
        return possible("it may have asked in a later handshake, inside the encryption", quotes, ("key-log",))
    if not facts.refused_on_wire:
        why = "the server asked for no certificate, and the connection ended without an alert"
        return likely(why, quotes, ("backend-log",), doubt="something between may have cut the connection")
    if facts.inferred:
        doubt = "this is inferred from the sizes of records"
        return likely("the server asked for no certificate", quotes, ("key-log",), doubt=doubt)
    return proven("the server asked for no certificate in this handshake", quotes)
