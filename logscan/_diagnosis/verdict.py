"""The verdict of one case, as a value for every renderer."""

from __future__ import annotations

from dataclasses import dataclass

from logscan._diagnosis.cases import Case
from logscan._diagnosis.causes import LIKELY, PROVEN, Finding
from logscan._diagnosis.certainty import judge
from logscan._diagnosis.contradictions import contradictions
from logscan._diagnosis.facts import Facts, Need, Quote
from logscan._diagnosis.facts_of_case import facts_of
from logscan._diagnosis.needs import needs_of
from logscan._diagnosis.path import NextStep, path_of
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, SENT
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.keystore import Keystore
from logscan.errors import not_understood

CERTAIN, LEANS, OPEN, FINE = "certain", "likely", "open", "no fault"

_CHAIN = (
    "log", "hurt", "trace", "log_keystore", "alert", "closed", "silent", "not_tls", "foreign", "settings",
    "reference",
    "alias", "keystore", "old_keystore", "truststore", "certificate_requested", "request", "sent", "why_none",
    "backend_ca", "sni_differs", "offer", "chosen", "server_chain", "other_server_chain",
)  # fmt: skip
"""The facts whose evidence is quoted, from the failure to the accepted authorities."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The causes of a case, and the evidence for them."""

    case: Case
    facts: Facts
    headline: str
    """What happened, in one sentence."""
    certainty: str
    """:data:`CERTAIN` (a cause is proven); :data:`LEANS` (one or more are likely); :data:`OPEN` (several are
    possible); :data:`FINE`."""
    findings: tuple[Finding, ...]
    """The causes that remain: proven, then likely, then possible."""
    ruled_out: tuple[Finding, ...]
    needs: tuple[Need, ...]
    """What would decide, where that is open."""
    chain: tuple[Quote, ...]
    """The evidence, from the failure to the accepted authorities."""
    contradictions: tuple[Quote, ...] = ()
    """Pieces of evidence that cannot both hold."""
    path: tuple[NextStep, ...] = ()
    """What to do, step by step."""

    @property
    def leading(self) -> tuple[Finding, ...]:
        """The findings of the best state that there is: those that are proven, else likely, else possible."""
        return _leading(self.findings)

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the causes."""
        return tuple(finding.cause.name for finding in self.findings)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of how the evidence was joined."""
        return (*self.case.notes, *self.facts.notes, *self.facts.faults)


def verdict_of(case: Case, evidence: Evidence, keystore: Keystore | None, alias: str | None) -> Verdict:
    """Judge one case; one that cannot be judged is open, and ``facts.faults`` say why."""
    try:
        return _judged(case, facts_of(case, evidence, keystore, alias), evidence)
    except Exception as error:  # noqa: BLE001 (a net: no case ends a run)
        facts = Facts(faults=[f"this case is {not_understood(error)}"])
        return Verdict(case, facts, "This case could not be judged.", OPEN, (), (), (), ())


def _leading(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.state == findings[0].state)


def _judged(case: Case, facts: Facts, evidence: Evidence) -> Verdict:
    findings, ruled_out = judge(facts)
    states = {finding.state for finding in findings}
    proven = PROVEN in states
    if not findings:
        certainty = FINE if facts.accepted else OPEN
    else:
        certainty = CERTAIN if proven else LEANS if LIKELY in states else OPEN
    kinds = {need for finding in _leading(findings) if finding.state != PROVEN for need in finding.needs}
    if not facts.wire and not proven and facts.accepted is None:
        kinds.add("capture")
    if facts.settings is None:
        kinds.discard("reference")  # the bundle names it
    return Verdict(
        case,
        facts,
        headline=_headline(facts),
        certainty=certainty,
        findings=findings,
        ruled_out=() if facts.accepted else ruled_out,
        needs=needs_of(kinds, facts, case, evidence),
        path=path_of(kinds, findings, facts, case, evidence),
        chain=tuple(dict.fromkeys(facts.quote(*_CHAIN))),
        contradictions=contradictions(facts),
    )


def _headline(facts: Facts) -> str:
    """What happened, as far as it is known."""
    if facts.accepted:
        if facts.sent == EMPTY and facts.alert is not None:
            return f"The backend accepted an empty certificate; the connection failed later ({facts.alert})."
        if facts.sent == EMPTY:
            return "The client sent no certificate, and the backend accepted that: no fault."
        return "The backend accepted the handshake: no fault."
    return _where_it_ended(facts) or _what_was_sent(facts)


def _where_it_ended(facts: Facts) -> str:
    """What happened where it was not at the client certificate; empty: it may have been."""
    alert = _with(facts)
    if facts.not_tls is not None:
        return "The backend answered in clear: it does not speak TLS on this port."
    if facts.silent_after is not None:
        return f"The backend did not answer the client's {facts.silent_after}."
    if facts.received is False:
        return f"The Message Processor ended the handshake{f': {facts.alert}' if facts.alert else ''}."
    if facts.hello_only:
        return f"The backend stopped at the first message (ClientHello){alert}."
    if facts.before_request:
        return f"The backend ended the handshake{alert} before the client could answer."
    if facts.unanswered:
        return "The backend did not answer in time."
    if facts.is_alien:
        return f"The connection failed beside TLS: {facts.alert}."
    return ""


def _what_was_sent(facts: Facts) -> str:
    """What happened where the client certificate may be the reason."""
    alert = _with(facts)
    if facts.sent is None and not facts.refused and facts.cut:
        how = facts.alert or facts.closed
        return f"The connection ended without an alert ({how}); who ended it is not known."
    refused = facts.refused or facts.received
    ended = f"the backend refused{alert}" if refused else "the connection ended without an alert"
    if facts.sent == EMPTY:
        return f"The client was asked for a certificate and sent none; {ended}."
    if facts.sent == SENT:
        return f"The client sent a certificate; {ended}."
    if facts.sent == NOT_ASKED:
        return f"The backend asked for no client certificate; {ended}."
    if facts.wire:
        return f"The backend refused the handshake{alert}; what the client sent is not visible."
    if facts.received:
        return f"The backend refused the handshake{alert}; whether a certificate was sent is not known."
    return f"The handshake failed ({facts.alert}); whether a certificate was sent is not known."


def _with(facts: Facts) -> str:
    return f" with {facts.alert}" if facts.alert and facts.received else ""
