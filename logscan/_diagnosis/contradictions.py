"""Pieces of evidence that cannot both hold: shown, and never turned into a cause."""

from __future__ import annotations

from logscan._diagnosis.causes._base import keystore_explains
from logscan._diagnosis.facts import Facts, Quote
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, SENT


def contradictions(facts: Facts) -> tuple[Quote, ...]:
    """What of the evidence contradicts what else of it."""
    return tuple(Quote(text, _places(facts, *names)) for text, *names in _found(facts))


def _places(facts: Facts, *names: str) -> str:
    return "; ".join(dict.fromkeys(quote.source for quote in facts.quote(*names)))


def _found(facts: Facts) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    alert = facts.alert
    if facts.says_sent and facts.sent == EMPTY:
        found.append(
            (
                f"The alert {alert} is for a certificate that was sent, yet the client sent none",
                "alert",
                "sent",
            )
        )
    if facts.says_empty and facts.sent == SENT:
        found.append(
            (f"The alert {alert} is for a missing certificate, yet the client sent one", "alert", "sent")
        )
    if facts.judged and facts.sent == NOT_ASKED:
        text = f"The alert {alert} judges a client certificate, yet the server asked for none"
        found.append((text, "alert", "certificate_requested"))
    if facts.judged and facts.accepted:
        found.append(
            (
                f"The backend sent {alert}, yet the capture shows that it finished the handshake",
                "alert",
                "sent",
            )
        )
    if facts.sent is None and facts.says_sent and keystore_explains(facts):
        text = f"The alert {alert} is for a certificate that was sent, yet with this keystore Java sends none"
        found.append((text, "alert", "keystore"))
    if facts.received and alert == "certificate_expired" and facts.presented and facts.begun is not None:
        dates = [(item.not_before, item.not_after) for item in facts.presented]
        if all(low and high and low <= facts.begun <= high for low, high in dates):
            text = (
                "The alert is certificate_expired, yet every certificate of the chain was valid then:"
                " compare the backend's clock, and ask for the age of its revocation list"
            )
            found.append((text, "alert", "sent"))
    return found
