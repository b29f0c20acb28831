"""The verdict of one case, as a value for every renderer."""

from __future__ import annotations

from dataclasses import dataclass

from logscan._diagnosis.cases import Case
from logscan._diagnosis.causes import PROVEN, Finding, judge
from logscan._diagnosis.facts import Facts, Need, Quote
from logscan._diagnosis.facts_of_case import facts_of
from logscan._diagnosis.needs import needs_of
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, SENT
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.keystore import Keystore
from logscan.errors import not_understood

CERTAIN, INFERRED, OPEN, FINE = "certain", "inferred", "open", "no fault"

_CHAIN = (
    "log", "trace", "log_keystore", "alert", "settings", "reference", "alias", "keystore",
    "certificate_requested", "request", "sent", "backend_ca", "sni_differs",
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
    """:data:`CERTAIN`; :data:`INFERRED` (from sizes of records); :data:`OPEN` (several causes remain);
    :data:`FINE`."""
    findings: tuple[Finding, ...]
    """The cause, or all that are possible."""
    ruled_out: tuple[Finding, ...]
    needs: tuple[Need, ...]
    """What would decide, where that is open."""
    chain: tuple[Quote, ...]
    """The evidence, from the failure to the accepted authorities."""

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
        return _judged(case, facts_of(case, evidence, keystore, alias))
    except Exception as error:  # noqa: BLE001 (a net: no case ends a run)
        facts = Facts(faults=[f"this case is {not_understood(error)}"])
        return Verdict(case, facts, "This case could not be judged.", OPEN, (), (), (), ())


def _judged(case: Case, facts: Facts) -> Verdict:
    findings, ruled_out = judge(facts)
    proven = any(finding.state == PROVEN for finding in findings)
    if not findings:
        certainty = FINE if facts.accepted else OPEN
    elif proven:
        certainty = INFERRED if facts.inferred else CERTAIN
    else:
        certainty = OPEN
    kinds = set() if proven else {need for finding in findings for need in finding.needs}
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
        needs=needs_of(kinds, facts, case),
        chain=tuple(dict.fromkeys(facts.quote(*_CHAIN))),
    )


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
