"""What log, capture and Java's debug output say together of one handshake: which is believed for what."""

from __future__ import annotations

from dataclasses import dataclass

from logscan._diagnosis.facts import Quote
from logscan._diagnosis.facts_from_engine import EngineFacts
from logscan._diagnosis.facts_from_log import LogFacts
from logscan._diagnosis.facts_from_wire import WireFacts
from logscan._evidence.capture.connection import DECRYPTED, FULL, INFERRED
from logscan._failures import catalog


@dataclass(frozen=True, slots=True)
class HandshakeFacts:
    """What is known of the handshake itself. ``None`` always means: not known."""

    alert: str | None
    families: tuple[str, ...]
    received: bool | None
    refused: bool
    """A fatal alert of the backend came after the client's answer."""
    requested: bool | None
    sent: str | None
    inferred: bool
    accepted: bool | None
    quotes: dict[str, Quote]


def facts_of_handshake(log: LogFacts, wire: WireFacts, engine: EngineFacts) -> HandshakeFacts:
    """Join three views.

    What a capture shows in clear goes first, then what Java prints, then what is inferred from sizes. Java's
    own reason in the log, and what the log says after a handshake, go before all.
    """
    connection = wire.connection
    seen = connection is not None and connection.sight in (FULL, DECRYPTED)
    sent = connection.client_certificate if connection else None
    requested = connection.certificate_requested if connection else None
    if not seen and engine.sent is not None:
        sent = engine.sent
    if requested is None or (not seen and engine.certificate_requested is not None):
        requested = engine.certificate_requested
    alert, families = _alert(log, wire)
    received = log.received if wire.received is None or log.received is False else wire.received
    if received is None and engine.received is not None:
        received, alert = engine.received, engine.alert or alert
        families = _families(alert, received=received, otherwise=families)
    inferred = connection is not None and connection.sight == INFERRED and engine.sent is None
    accepted = connection.accepted if connection else engine.accepted
    later = connection is not None and connection.renegotiated
    if accepted and log.alert is not None and (later or (inferred and log.received)):
        accepted = None  # what was accepted is the first handshake, or inferred: the log says what came after
    return HandshakeFacts(
        alert=alert,
        families=families,
        received=received,
        refused=wire.refused or bool(engine.received and engine.sent is not None),
        requested=requested,
        sent=sent,
        inferred=inferred,
        accepted=accepted,
        quotes={**engine.quotes, **log.quotes, **wire.quotes}
        if seen
        else {**log.quotes, **wire.quotes, **engine.quotes},
    )


def _alert(log: LogFacts, wire: WireFacts) -> tuple[str | None, tuple[str, ...]]:
    """The alert's name and families: the log's; the wire's, where the log names another fault or none."""
    says = log.alert in catalog.ALERTS or log.received is False  # the alert's name, or Java's own reason
    if log.alert is not None and (says or not wire.received or wire.alert is None):
        return log.alert, log.families
    name = wire.alert or log.alert
    return name, _families(name, received=wire.received, otherwise=log.families)


def _families(name: str | None, *, received: bool | None, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The families of an alert that was received."""
    return catalog.ALERTS[name].families if received and name in catalog.ALERTS else otherwise
