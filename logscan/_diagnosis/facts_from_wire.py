"""Facts from the connection of a capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from logscan._diagnosis.cases import client_alert
from logscan._diagnosis.facts import SHOWN_NAMES, AskedFor, Quote, Quotes, names_of
from logscan._evidence.capture.connection import CLIENT, EMPTY, NOT_ASKED, SENT, SERVER, Connection
from logscan._evidence.certificates import Certificate, certificate_from_der

_LATEST = 32_503_680_000
"""Seconds since 1970 of the year 3000: a later time is damage."""


_INFERRED = {
    EMPTY: "was asked for a certificate and sent an empty one",
    SENT: "sent a certificate",
    NOT_ASKED: "was not asked for a certificate",
}


@dataclass(frozen=True, slots=True)
class WireFacts:
    """What a connection shows."""

    connection: Connection | None = None
    target: str | None = None
    time: datetime | None = None
    alert: str | None = None
    """That can be read."""
    received: bool | None = None
    """Whether the server sent it; ``None``: there is no alert."""
    hello_only: bool | None = None
    before_request: bool = False
    sent_chain: tuple[Certificate, ...] = ()
    incomplete: tuple[str, ...] = ()
    asked_for: AskedFor | None = None
    quotes: Quotes = field(default_factory=dict)
    closed: Quote | None = None
    """That the server closed the connection: quoted where nothing says more of the failure."""


def facts_from_wire(connection: Connection | None) -> WireFacts:
    """The facts of one connection."""
    if connection is None:
        return WireFacts()
    alert, received, quotes = _alert(connection)
    sent_chain, unread = _sent_chain(connection)
    quotes |= _quotes_of_sent(connection, sent_chain)
    refused = connection.refusal is not None or connection.closed_by == SERVER
    closed = None
    if received is None and connection.accepted is False:
        after = " after the client's answer" if connection.client_flight else ""
        closed = _quote(connection, f"the backend closed the connection{after}", connection.closed_packet)
    return WireFacts(
        connection=connection,
        target=f"{connection.server[0]}:{connection.server[1]}",
        time=datetime.fromtimestamp(connection.begun, UTC) if 0 <= connection.begun < _LATEST else None,
        alert=alert,
        received=received,
        hello_only=refused and _ends_with_hello(connection),
        before_request=refused and _ends_before_request(connection),
        sent_chain=sent_chain,
        incomplete=(*connection.faults, *unread),
        asked_for=asked_for(connection),
        quotes=quotes,
        closed=closed,
    )


def asked_for(connection: Connection, prefix: str = "") -> AskedFor | None:
    """What the CertificateRequest of a connection asks for; ``None``: it was not seen."""
    request = connection.request
    if request is None:
        return None
    text = "CertificateRequest names no authorities: any is accepted"
    if request.authorities:
        text = f"CertificateRequest accepts: {names_of(request.authorities)}"
    more = len(request.authorities) - SHOWN_NAMES
    text = prefix + text + (f" and {more:,} more" if more > 0 else "")
    return AskedFor(
        request.authorities,
        request.key_types,
        request.signature_schemes,
        _quote(connection, text, request.packet),
    )


def _quote(connection: Connection, text: str, packet: int) -> Quote:
    return Quote(text, f"{connection.capture}, packet {packet}")


def _alert(connection: Connection) -> tuple[str | None, bool | None, dict[str, Quote]]:
    """The name of the alert, whether the server sent it, and the quote."""
    refusal = connection.refusal
    if refusal is not None:
        unread = refusal.name == "encrypted"
        words = "an alert that is encrypted" if unread else f"the {refusal.level} alert {refusal.name}"
        quote = _quote(connection, f"the backend sent {words}", refusal.packet)
        return None if unread else refusal.name, True, {"alert": quote}
    if client_alert(connection):
        own = next(alert for alert in connection.alerts if alert.by == CLIENT)
        quote = _quote(connection, f"the client sent the alert {own.name}", own.packet)
        return own.name, False, {"alert": quote}
    return None, None, {}


def _ends_with_hello(connection: Connection) -> bool:
    answered = any(step.by == SERVER and "Alert" not in step.text for step in connection.steps)
    hello = any(step.by == CLIENT and step.text.startswith("ClientHello") for step in connection.steps)
    return hello and not answered


def _ends_before_request(connection: Connection) -> bool:
    return (
        connection.version == "TLS 1.3"
        and connection.request is None
        and not connection.client_flight_1_3
        and connection.accepted is not True
    )


def _sent_chain(connection: Connection) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The certificates that the client sent, and what of them cannot be read."""
    place = f"{connection.capture}, packet {connection.client_certificate_packet}"
    chain: tuple[Certificate, ...] = ()
    unread: tuple[str, ...] = ()
    for der in connection.client_chain or ():
        try:
            chain += (certificate_from_der(der, place),)
        except ValueError:
            unread += (f"a certificate of the client cannot be read ({place})",)
    return chain, unread


def _quotes_of_sent(connection: Connection, chain: tuple[Certificate, ...]) -> dict[str, Quote]:
    """What shows whether a certificate was requested and sent."""
    if connection.client_chain is not None:
        leaf = f": {chain[0].subject}, issued by {chain[0].issuer}" if chain else ""
        words = f"the client sent {len(connection.client_chain)} certificate(s){leaf}"
        if not connection.client_chain:
            words = "the client's Certificate message is empty (Certificate Length: 0)"
        return {"sent": _quote(connection, words, connection.client_certificate_packet)}
    if connection.inferred is not None:
        words = _INFERRED[connection.inferred]
        sizes = ", ".join(str(size) for size in connection.sizes[:2])
        text = f"inferred from record sizes ({sizes} bytes, {connection.suite}): the client {words}"
        quote = _quote(connection, text, connection.first_packet)
        return {"sent": quote, "certificate_requested": quote}
    if connection.certificate_requested is False:
        text = "the handshake has no CertificateRequest"
        return {"certificate_requested": _quote(connection, text, connection.first_packet)}
    return {}
