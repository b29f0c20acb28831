"""Verdicts: what a case comes to, in values that every renderer reads."""

from __future__ import annotations

from dataclasses import dataclass

from logscan.diagnosis.cases import Case
from logscan.diagnosis.causes.all_causes import PROVEN, Finding, excluded, judge
from logscan.diagnosis.facts import Facts, Need, Quote
from logscan.diagnosis.facts_of_case import facts_of
from logscan.diagnosis.needs import needs_of
from logscan.evidence.capture.connections import EMPTY, NOT_ASKED, SENT
from logscan.evidence.collected import Evidence
from logscan.evidence.keystores.read_keystore import Keystore

CERTAIN, INFERRED, OPEN, FINE = "certain", "inferred", "open", "no fault"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a case comes to."""

    case: Case
    facts: Facts
    headline: str
    """What happened, in one sentence."""
    certainty: str
    """:data:`CERTAIN`; :data:`INFERRED` (from sizes of records); :data:`OPEN` (several causes remain);
    :data:`FINE`."""
    findings: tuple[Finding, ...]
    """The cause, or all that remain."""
    excluded: tuple[Finding, ...]
    needs: tuple[Need, ...]
    """What would decide, where that is open."""
    chain: tuple[Quote, ...]
    """The evidence, from the failure to the accepted authorities."""

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the causes."""
        return tuple(finding.cause.name for finding in self.findings)


def verdict_of(case: Case, evidence: Evidence, keystore: Keystore | None, alias: str | None) -> Verdict:
    """Judge one case."""
    facts = facts_of(case, evidence, keystore, alias)
    findings = judge(facts)
    proven = any(finding.answer.state == PROVEN for finding in findings)
    if not findings:
        certainty = FINE if facts.accepted else OPEN
    elif proven:
        certainty = INFERRED if facts.inferred else CERTAIN
    else:
        certainty = OPEN
    kinds = set() if proven else {need for finding in findings for need in finding.answer.needs}
    if not facts.wire and not proven and facts.accepted is None:
        kinds.add("capture")
    if facts.settings is None:
        kinds.discard("reference")  # the bundle must tell its name first
    order = ("log", "trace", "log_keystore", "alert", "settings", "reference", "alias", "keystore", "asked",
    "request", "sent", "backend_ca", "sni_differs")  # fmt: skip
    chain = tuple(dict.fromkeys(facts.quotes[name] for name in order if name in facts.quotes))
    return Verdict(
        case, facts, _headline(facts), certainty, findings, excluded(facts) if facts.refused else (),
        needs_of(kinds, facts, case), chain,
    )  # fmt: skip


def _headline(facts: Facts) -> str:
    """What happened, as far as it is known."""
    alert = f" with {facts.alert}" if facts.alert else ""
    if facts.accepted:
        if facts.sent == EMPTY:
            return "The client sent no certificate, and the backend accepted that: no fault."
        return "The backend accepted the handshake: no fault."
    if facts.received is False:
        return f"The Message Processor ended the handshake{alert}."
    if facts.hello_only:
        return f"The backend refused the ClientHello{alert}."
    if facts.before_request:
        return f"The backend ended the handshake{alert} before the client could answer."
    if facts.sent == EMPTY:
        return f"The client was asked for a certificate and sent none; the backend refused{alert}."
    if facts.sent == SENT:
        return f"The client sent a certificate, and the backend refused it{alert}."
    if facts.sent == NOT_ASKED:
        return f"The backend asked for no client certificate, yet refused{alert}."
    if facts.wire:
        return f"The backend refused the handshake{alert}; what the client sent is not visible."
    if facts.received:
        return f"The backend refused the handshake{alert}; whether a certificate was sent is not known."
    return f"The handshake failed{alert}; whether a certificate was sent is not known."
