"""Which of the two causes of the playbook is likelier, where the evidence shows neither.

No certificate was sent; or one was sent, and the backend does not accept it.

The reasons are measurements: docs/diagnose.md has the table of servers and alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logscan._diagnosis.causes._base import IF_EMPTY, IF_SENT, Finding
from logscan._diagnosis.facts import Facts

NONE_SENT, NOT_ACCEPTED, ANOTHER = "none sent", "not accepted", "another"


@dataclass(frozen=True, slots=True)
class Likelihood:
    """One of the two, or what is left beside them, and why it stands where it stands."""

    kind: str
    """:data:`NONE_SENT`, :data:`NOT_ACCEPTED` or :data:`ANOTHER`."""
    title: str
    reason: str


_TITLES = {
    NONE_SENT: "The Message Processor sent no client certificate",
    NOT_ACCEPTED: "The backend does not accept the certificate or its issuer",
    ANOTHER: "It is not the client certificate",
}
_NONE = {
    "bad_certificate": "Java servers (7 to 17) and Go send this alert when they get no certificate",
    "handshake_failure": "OpenSSL, Apache, HAProxy, Node and Java 25 send this alert when they get no"
    " certificate",
    "certificate_required": "this alert means that none was sent (RFC 8446)",
    "no_certificate": "this alert means that none was sent",
}
_SENT = {
    "unknown_ca": "OpenSSL, Apache and HAProxy send this alert only for a certificate that they got",
    "certificate_unknown": "Java servers send this alert for a certificate that they got",
    "certificate_expired": "this alert is for a certificate that they got",
    "certificate_revoked": "this alert is for a certificate that they got",
    "unsupported_certificate": "OpenSSL, Apache and HAProxy send this alert for a certificate that they got",
    "access_denied": "this alert is for a certificate that they got and know",
    "decrypt_error": "this alert is for a signature that they got",
}
_SOMETIMES = {
    "bad_certificate": "Go also sends this alert for a certificate that it got",
    "handshake_failure": "few servers send this alert for a certificate that they got",
}


def likelihoods(facts: Facts, findings: Sequence[Finding]) -> tuple[Likelihood, ...]:
    """Those of the two that remain, the likelier one first, and what else remains; none where the evidence
    shows which it is."""
    if facts.sent is not None or not facts.client_certificate_matter:
        return ()
    groups = {finding.cause.group for finding in findings}
    alert, found = facts.alert or "", []
    none, sent = _NONE.get(alert, ""), _SENT.get(alert, "")
    if IF_EMPTY in groups:
        if facts.log_keystore == "null":
            none = "the log says KeyStore:null, so there is none to send"
        elif not none:
            none = "the alert does not fit well" if sent else "the log does not show it; this one is met most"
        found.append(Likelihood(NONE_SENT, _TITLES[NONE_SENT], none + _condition(facts)))
    if IF_SENT in groups:
        usual = _SOMETIMES.get(alert, "possible, if the keystore has the certificate with its key")
        found.insert(
            0 if sent else len(found), Likelihood(NOT_ACCEPTED, _TITLES[NOT_ACCEPTED], sent or usual)
        )
    if groups - {IF_EMPTY, IF_SENT} and found:
        why = "TLS versions, ciphers or the host name can end in this alert too"
        if facts.cut:
            why = "a firewall, a load balancer or the backend may have cut the connection"
        found.append(Likelihood(ANOTHER, _TITLES[ANOTHER], why))
    return tuple(found)


def _condition(facts: Facts) -> str:
    return "" if facts.asked or facts.asked_elsewhere else ". It matters only if the backend asks for one"
