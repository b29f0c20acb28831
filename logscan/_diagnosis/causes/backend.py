"""Causes at the backend: no evidence of this side can prove them."""

from __future__ import annotations

from logscan._diagnosis.causes._base import (
    IF_SENT,
    OTHERWISE,
    Assessment,
    cause,
    excluded,
    excluded_unless_sent,
    possible,
)
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import NOT_ASKED


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
    why = (
        "revocation, pinned certificates and lists of allowed subjects live at the backend:"
        " they cannot be seen from here"
    )
    return possible(why, facts.quote("alert"), ("backend-log",))


@cause(
    OTHERWISE,
    title="Another host than the one meant may have answered",
    remedy=(
        "Compare the host name of the target's URL with the one in SNI; "
        "a load balancer may present another host's list of authorities."
    ),
)
def wrong_sni(facts: Facts) -> Assessment:
    """Never proven: another host was asked, or the backend named other authorities there."""
    if facts.accepted or facts.received is False or facts.sent == NOT_ASKED:
        return excluded("no certificate was refused")
    named = facts.quotes.get("sni_differs")
    if named is not None:
        return possible(named.text, (named,), ("s_client",))
    return excluded("nothing points to it")


@cause(
    OTHERWISE,
    title="The backend ended the handshake by itself",
    remedy="Look at the backend's log at that time: it had nothing from the client to refuse yet.",
)
def backend_failed(facts: Facts) -> Assessment:
    """Never proven: the server ended a TLS 1.3 handshake before the client could answer."""
    if facts.accepted or not facts.before_request:
        return excluded("the server did not end the handshake before the client's answer")
    return possible(
        "the server ended the handshake before it had the client's answer",
        facts.quote("alert"),
        ("backend-log",),
    )
