"""Causes outside the client certificate: the handshake ended for another reason."""

from __future__ import annotations

from logscan._diagnosis.causes._base import OTHERWISE, Assessment, cause, excluded, possible, proven
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import NOT_ASKED

_EARLY_ALERTS = (
    "handshake_failure",
    "protocol_version",
    "insufficient_security",
    "unrecognized_name",
    "internal_error",
)


@cause(
    OTHERWISE,
    title="The handshake ended before client certificates were exchanged",
    remedy=(
        "Compare the target's Protocols and Ciphers, and the host name that is sent in SNI, with the backend."
    ),
)
def not_a_client_certificate_matter(facts: Facts) -> Assessment:
    """The server refused the ClientHello."""
    if facts.accepted or facts.hello_only is False or facts.received is False:
        return excluded("the handshake went on after the ClientHello")
    if facts.hello_only is None:
        if facts.alert in _EARLY_ALERTS:
            why = "servers send this alert for protocols and ciphers as well"
            return possible(why, facts.quote("alert"), ("capture",))
        return excluded("servers do not answer a ClientHello with this alert")
    return proven("the server refused the ClientHello itself", facts.quote("alert"))


@cause(
    OTHERWISE,
    title="The Message Processor refused the backend, not the other way round",
    remedy=(
        "Look at the backend's certificate and the target's truststore; "
        "the client certificate is not in question."
    ),
)
def refused_by_message_processor(facts: Facts) -> Assessment:
    """The alert came from the Message Processor."""
    if facts.received is False and not facts.accepted:
        return proven("the alert was sent by the Message Processor", facts.quote("alert"))
    return excluded("the alert did not come from this side")


@cause(
    OTHERWISE,
    title="The backend asked for no client certificate: another layer refused",
    remedy=(
        "Look at what answers after the TLS layer of this host:"
        " a proxy, gateway or application there may want a certificate."
    ),
)
def no_client_certificate_asked(facts: Facts) -> Assessment:
    """The handshake has no CertificateRequest: another layer refused."""
    refused = not facts.accepted and facts.received is not False
    if refused and facts.sent is None and facts.certificate_requested is False:
        why = "a connection of another client was asked for none; the Message Processor's may have been"
        return possible(why, facts.quote("certificate_requested"), ("capture",))
    if not refused or facts.sent != NOT_ASKED:
        return excluded("the server asked for a certificate, or it is not known")
    quotes = facts.quote("certificate_requested", "alert")
    if facts.renegotiated:
        return possible(
            "it may have asked in a later handshake, inside the encryption (as IIS does)",
            quotes,
            ("key-log",),
        )
    if facts.inferred:
        return proven("by the sizes of records the server asked for no certificate", quotes)
    return proven("the server asked for no certificate in this handshake", quotes)
