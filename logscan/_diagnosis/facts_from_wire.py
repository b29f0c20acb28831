"""Facts from the connection of a capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from logscan._diagnosis.cases import client_gave_up, server_stalled
from logscan._diagnosis.facts import JUDGING, SHOWN_NAMES, AskedFor, Quote, Quotes, names_of
from logscan._evidence.capture.connection import (
    ALERT_SIZES,
    CLIENT,
    EMPTY,
    ENCRYPTED,
    NOT_ASKED,
    SENT,
    SERVER,
    Connection,
)
from logscan._evidence.certificates import Certificate, certificate_from_der, host_names

_LATEST = 32_503_680_000
"""Seconds since 1970 of the year 3000: a later time is damage."""


_ALERTS_BY_SIZE = tuple(f"encrypted record of {size} bytes" for size in ALERT_SIZES)
"""Of OpenSSL and others, and of Java (RFC 8446 section 5.4)."""
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
    """Whether the server sent it; ``False``: the client did; ``None``: there is no alert."""
    refused: bool = False
    """The server sent a fatal alert after the client's answer."""
    silent_after: str | None = None
    """The client's message that had no answer, or no whole one."""
    silent_seconds: float = 0.0
    closed: str | None = None
    """``fin`` or ``reset`` of the server, without an alert."""
    hello_only: bool | None = None
    before_request: bool = False
    sent_chain: tuple[Certificate, ...] = ()
    server_chain: tuple[Certificate, ...] = ()
    incomplete: tuple[str, ...] = ()
    asked_for: AskedFor | None = None
    quotes: Quotes = field(default_factory=dict)


def facts_from_wire(connection: Connection | None) -> WireFacts:
    """The facts of one connection."""
    if connection is None:
        return WireFacts()
    alert, received, quotes = _alert(connection)
    place = f"{connection.capture}, packet {connection.client_certificate_packet}"
    sent_chain, unread = _chain(connection.client_chain or (), "client", place)
    server_chain, unread_too = _chain(connection.server_chain, "server", connection.capture)
    quotes |= _quotes_of_sent(connection, sent_chain) | _quotes_of_rest(connection, server_chain)
    closed = _closed(connection) if received is None else None
    if closed is not None:
        after = " after the client's answer" if connection.client_flight else ""
        words = "reset" if closed == "reset" else "closed"
        quotes["closed"] = _quote(
            connection, f"the backend {words} the connection{after}", connection.closed_packet
        )
    refusal = connection.refusal if received else None
    said = refusal is not None and refusal.level != "warning" and connection.client_flight
    stalled = server_stalled(connection)
    return WireFacts(
        connection=connection,
        silent_after="ClientHello but the beginning of an answer" if stalled else connection.silent_after,
        silent_seconds=stalled or connection.silent_seconds,
        target=f"{connection.server[0]}:{connection.server[1]}",
        time=datetime.fromtimestamp(connection.begun, UTC) if 0 <= connection.begun < _LATEST else None,
        alert=alert,
        received=received,
        refused=said
        or (received is None and connection.client_flight and _sent_an_alert_by_size(connection)),
        closed=closed,
        hello_only=_hello_only(connection),
        before_request=(refusal is not None or _ended_by_server(connection))
        and _ends_before_request(connection),
        sent_chain=sent_chain,
        server_chain=server_chain,
        incomplete=(*_gap(connection), *unread, *unread_too),
        asked_for=asked_for(connection),
        quotes=quotes,
    )


def _closed(connection: Connection) -> str | None:
    """How the server ended a connection that was not accepted; ``None``: it did not, or that is not known."""
    if not _ended_by_server(connection) or _sent_an_alert_by_size(connection):
        return None
    return connection.ends[0].how


def _ended_by_server(connection: Connection) -> bool:
    """Whether the server ended first, and nothing hides that it accepted before."""
    first = connection.ends[0] if connection.ends else None
    return first is not None and first.by == SERVER and not connection.accepted and not connection.gaps


def _sent_an_alert_by_size(connection: Connection) -> bool:
    """TLS 1.3: whether the last record of a server that did not accept has the size of an alert."""
    if connection.version != "TLS 1.3" or connection.accepted is True:
        return False
    last = next((step.text for step in reversed(connection.steps) if step.by == SERVER), "")
    return last in _ALERTS_BY_SIZE


def _hello_only(connection: Connection) -> bool | None:
    """Whether the server refused the ClientHello itself; ``None``: what is missing may have come after it."""
    if connection.hello_refused:
        return True
    answered = any(step.by == SERVER and "Alert" not in step.text for step in connection.steps)
    return False if answered or connection.client_flight else None


def _gap(connection: Connection) -> tuple[str, ...]:
    return (connection.gap_reason,) if connection.gap_reason else connection.faults


def _quotes_of_rest(connection: Connection, chain: tuple[Certificate, ...]) -> dict[str, Quote]:
    """What the client offered, what the server chose and sent, and how it ended."""
    first, last, quotes = connection.first_packet, connection.last_packet, dict[str, Quote]()
    if offer := connection.offer:
        name = f"the name {connection.sni}" if connection.sni else "no name (SNI)"
        suites = ", ".join(offer.suites[:4]) + (
            f" and {len(offer.suites) - 4} more" if len(offer.suites) > 4 else ""
        )
        text = f"the client offers {', '.join(offer.versions)}, {suites}, and sends {name}"
        quotes["offer"] = _quote(connection, text, first)
    if connection.version:
        text = f"the server chose {connection.version}, {connection.suite}"
        quotes["chosen"] = _quote(connection, text, first)
    if chain:
        text = f"the backend sent {len(chain)} certificate(s): {words_of(chain)}"
        quotes["server_chain"] = _quote(connection, text, first)
    if connection.not_tls is not None:
        quotes["not_tls"] = _quote(
            connection, f"the backend answered in clear: {connection.not_tls}", connection.not_tls_packet
        )
    if connection.foreign_end is not None:
        quotes["foreign"] = _quote(connection, connection.foreign_end, connection.closed_packet or last)
    if connection.silent:
        text = (
            f"no answer came to the client's {connection.silent_after} for {connection.silent_seconds:.0f} s"
        )
        quotes["silent"] = _quote(connection, text, last)
    elif stalled := server_stalled(connection):
        text = f"the server's answer stopped in its middle; the client waited for {stalled:.0f} s"
        quotes["silent"] = _quote(connection, text, last)
    return quotes


def words_of(chain: tuple[Certificate, ...]) -> str:
    """The leaf of a chain and where the chain ends, for a quote."""
    leaf, top = chain[0], chain[-1]
    dates = f", valid to {leaf.not_after:%Y-%m-%d}" if leaf.not_after else ""
    names = ", ".join((host_names(leaf) or ())[:3])
    dates += f", for {names}" if names else ""
    more = f"; the chain ends at {top.subject}, issued by {top.issuer}" if top is not leaf else ""
    return f"{leaf.subject}, issued by {leaf.issuer}{dates}{more}"


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
    ended = connection.ends[0] if connection.ends else None
    if refusal is not None and ended is not None and ended.by == CLIENT and ended.packet < refusal.packet:
        # The client had ended it already; an alert that judges a certificate may have crossed its end.
        refusal = refusal if refusal.name in JUDGING else None
    if refusal is not None:
        unread = refusal.name == ENCRYPTED
        words = "an alert that is encrypted" if unread else f"the {refusal.level} alert {refusal.name}"
        quote = _quote(connection, f"the backend sent {words}", refusal.packet)
        return None if unread else refusal.name, True, {"alert": quote}
    if (own := connection.own_alert) is not None:
        unread = own.name == ENCRYPTED
        words = "an alert, by the size of its record" if unread else f"the alert {own.name}"
        return (
            None if unread else own.name,
            False,
            {"alert": _quote(connection, f"the client sent {words}", own.packet)},
        )
    if ended is not None and client_gave_up(connection):
        text = "the client closed the connection, though it had not answered yet"
        return None, False, {"alert": _quote(connection, text, ended.packet)}
    return None, None, {}


def _ends_before_request(connection: Connection) -> bool:
    return (
        connection.version == "TLS 1.3"
        and not connection.gaps
        and connection.own_alert is None
        and connection.request is None
        and not connection.client_flight_1_3
        and connection.accepted is not True
    )


def _chain(
    ders: tuple[bytes, ...], whose: str, place: str
) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The certificates that one side sent, and what of them cannot be read."""
    chain: tuple[Certificate, ...] = ()
    unread: tuple[str, ...] = ()
    for der in ders:
        try:
            chain += (certificate_from_der(der, place),)
        except ValueError:
            unread += (f"a certificate of the {whose} cannot be read ({place})",)
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
