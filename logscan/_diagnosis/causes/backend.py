"""Causes at the backend: no evidence of this side can prove them."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_SENT,
    OTHERWISE,
    Assessment,
    cause,
    excluded,
    excluded_unless_sent,
    likely,
    possible,
)
from logscan._diagnosis.causes._chains import anchor
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import EMPTY


@cause(
    IF_SENT,
    title="The certificate is revoked, or not registered at the backend",
    remedy=(
        "Ask the backend's operator for the entry of its log, and the authority for the certificate's state."
    ),
)
def revoked_or_not_registered(facts: Facts) -> Assessment:
    """Never proven: only the backend knows."""
    if out := excluded_unless_sent(facts):
        return out
    if facts.received and facts.alert == "certificate_revoked":
        why = "the alert certificate_revoked says so"
        return likely(
            why, facts.quote("alert", "sent"), ("backend-log",), doubt="only the backend knows its list"
        )
    chain = facts.presented
    if facts.backend_cas and chain and chain[-1].self_issued and anchor(chain, facts.backend_cas) is None:
        return excluded("the backend does not know the issuer, so it asks for no state of the certificate")
    why = (
        "revocation, pinned certificates and lists of allowed subjects live at the backend:"
        " they cannot be seen from here"
    )
    return possible(why, facts.quote("alert"), ("backend-log",))


@cause(
    OTHERWISE,
    title="The backend ended the handshake by itself",
    remedy="Look at the backend's log at that time.",
)
def backend_failed(facts: Facts) -> Assessment:
    """Never proven: the server ended the handshake for a reason of its own."""
    if (
        facts.accepted
        or facts.received is False
        or facts.unanswered
        or facts.not_tls is not None
        or facts.is_alien
    ):
        return excluded("the server did not end the handshake")
    quotes = facts.quote("alert", "closed")
    if facts.before_request:
        return possible(
            "the server ended the handshake before it had the client's answer", quotes, ("backend-log",)
        )
    if facts.alert in ("internal_error", "decode_error", "illegal_parameter", "unexpected_message"):
        why = f"the alert {facts.alert} is for faults of the server or of a message"
        return possible(why, quotes, ("backend-log",))
    if facts.hello_only and (facts.cut or facts.closed):
        return possible("the server closed the connection at the first message", quotes, ("backend-log",))
    if facts.alert == "access_denied":
        return possible(
            "the backend refused access, without a word on the certificate", quotes, ("backend-log",)
        )
    return excluded("nothing points to it")


@cause(
    OTHERWISE,
    title="The backend accepted the handshake and refused afterwards",
    remedy=(
        "Look at the status of the backend's responses (400, 403, 495, 496) and at its log: some servers"
        " accept an empty or expired certificate in TLS, and refuse the request."
    ),
)
def refused_after_handshake(facts: Facts) -> Assessment:
    """Never proven: the connection failed after a handshake in which no certificate was sent."""
    if not facts.accepted or facts.sent != EMPTY or facts.alert is None:
        return excluded("no handshake without a certificate was accepted before the failure")
    why = "the backend accepted an empty certificate, and the connection failed afterwards"
    doubt = "the connection may have ended for another reason"
    return likely(why, facts.quote("sent", "log"), ("backend-log",), doubt=doubt)
