"""What may be called certain: the rule that every cause is held to.

A cause of a refused client certificate is *proven* only if evidence shows that (a) a client certificate was
asked for, (b) this handshake was refused, and (c) the cause explains what was seen and every rival is
contradicted. An alert of the backend that judges a certificate shows (a) and (b). ``handshake_failure``, a
reset and an end of file do not. All else is *likely*, with what is missing, or *possible*. A cause outside
the client certificate is proven where the log or a capture shows it.

More evidence only adds: no cause is ruled out because another one explains the failure too.
"""

from __future__ import annotations

from dataclasses import replace

from logscan._diagnosis.causes import CAUSES
from logscan._diagnosis.causes._base import (
    EXCLUDED,
    IF_EMPTY,
    IF_SENT,
    LIKELY,
    OF_CLIENT_CERTIFICATE,
    POSSIBLE,
    PROVEN,
    STATES,
    Assessment,
    Cause,
    Finding,
    possible,
)
from logscan._diagnosis.facts import Facts
from logscan._evidence.capture.connection import EMPTY, SENT
from logscan.errors import not_understood

NAMED = {
    "expired": {"certificate_expired"},
    "wrong_key_usage": {"unsupported_certificate"},
    "unknown_ca": {"unknown_ca"},
    "ca_same_name_other_key": {"unknown_ca"},
    "chain_incomplete": {"unknown_ca"},
    "revoked_or_not_registered": {"certificate_revoked"},
}
"""Causes of a certificate that was sent, and the alert that names each (RFC 8446 section 6.2)."""
USUAL_FIRST = (
    "no_keystore_configured", "ca_mismatch", "keystore_empty", "alias_not_found", "chain_incomplete",
    "client_auth_disabled", "certificate_without_key", "expired", "unknown_ca",
)  # fmt: skip
"""Possible causes in the order in which they are met: the two of the playbook first (no client certificate;
an authority that the backend does not accept)."""


def judge(facts: Facts) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The causes that remain in a case, and those that the evidence rules out.

    Those that remain are sorted: proven, likely, possible; each by how well the alert fits, and by how often
    it is met. None remains where the server accepted the handshake. A cause that cannot be assessed is
    possible: nothing rules it out.
    """
    assessed = [(cause, _assessed(cause, facts)) for cause in CAUSES]
    findings = [_weighed(cause, found, facts, assessed) for cause, found in assessed]
    findings = _by_the_alert(findings, facts)
    remain = [finding for finding in findings if finding.state != EXCLUDED]
    remain.sort(key=lambda finding: (STATES.index(finding.state), *_rank(finding, facts)))
    return tuple(remain), tuple(finding for finding in findings if finding.state == EXCLUDED)


def _assessed(cause: Cause, facts: Facts) -> Assessment:
    try:
        return cause.assess(facts)
    except Exception as error:  # noqa: BLE001 (a net: no cause ends a run)
        facts.faults.append(f"the cause {cause.name} is {not_understood(error)}")
        return possible("it could not be assessed")


def _weighed(
    cause: Cause, found: Assessment, facts: Facts, assessed: list[tuple[Cause, Assessment]]
) -> Finding:
    """An assessment held to the rule."""
    finding = Finding(cause, found.state, found.why, found.quotes, found.needs, found.doubt)
    if found.state != PROVEN or cause.group not in OF_CLIENT_CERTIFICATE:
        return finding
    doubt = _doubt(cause, found, facts, assessed)
    if not doubt:
        return finding
    shown = facts.asked or facts.asked_elsewhere
    state = POSSIBLE if found.usual and not shown else LIKELY
    return replace(finding, state=state, doubt=doubt, needs=_needs(facts, found))


def _doubt(cause: Cause, found: Assessment, facts: Facts, assessed: list[tuple[Cause, Assessment]]) -> str:
    """Why a cause that fits is not proven, in one sentence; empty: it is."""
    named = facts.alert if facts.received else None
    if cause.group == IF_EMPTY and facts.says_sent and facts.sent != EMPTY:
        return f"the alert {named} is for a certificate that was sent: it contradicts this"
    if cause.group == IF_SENT and facts.says_empty and facts.sent != SENT:
        return f"the alert {named} is for a certificate that is missing: it contradicts this"
    if not facts.asked:
        return "nothing shows that the backend asked for a client certificate"
    if not facts.refused:
        return "nothing shows that the backend refused: something between may have cut the connection"
    if facts.inferred:
        return "what the client sent is inferred from the sizes of records"
    if facts.sent is None and not found.seen:
        return "what the Message Processor sent was not seen: it may have used another keystore then"
    if cause.group == IF_SENT and named not in NAMED.get(cause.name, ()):
        rivals = [
            other.title for other, state in assessed
            if other.group == IF_SENT and other is not cause and state.state in (POSSIBLE, LIKELY)
        ]  # fmt: skip
        if rivals:
            return f"another cause is not ruled out: {_small(rivals[0])}"
    return ""


def _small(title: str) -> str:
    return title[:1].lower() + title[1:]


def _needs(facts: Facts, found: Assessment) -> tuple[str, ...]:
    """What would remove the doubt."""
    if facts.inferred:
        return ("key-log", *found.needs)
    if facts.sent is None:
        return ("s_client", "capture", *found.needs) if not facts.asked else ("capture", *found.needs)
    return ("backend-log", *found.needs)


def _by_the_alert(findings: list[Finding], facts: Facts) -> list[Finding]:
    """What an alert says makes causes likely where nothing shows more."""
    if not facts.received or any(finding.state in (PROVEN, LIKELY) for finding in findings):
        return findings
    made = []
    for finding in findings:
        if finding.state == POSSIBLE and facts.alert in NAMED.get(finding.cause.name, ()):
            doubt = finding.doubt or f"only the alert {facts.alert} points to it"
            finding = replace(finding, state=LIKELY, doubt=doubt)
        made.append(finding)
    return made


def _rank(finding: Finding, facts: Facts) -> tuple[int, int, int]:
    """How early a cause stands among those of its state."""
    name, group = finding.cause.name, finding.cause.group
    fits = 0 if facts.alert in NAMED.get(name, ()) else 1
    other_side = (group == IF_EMPTY and facts.says_sent) or (group == IF_SENT and facts.says_empty)
    usual = USUAL_FIRST.index(name) if name in USUAL_FIRST else len(USUAL_FIRST)
    return fits, int(other_side), usual
