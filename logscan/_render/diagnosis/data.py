"""Verdicts as JSON; the fields are in docs/diagnose.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from logscan._diagnosis.facts import Quote
from logscan._diagnosis.keymanager import Choice
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict
from logscan._evidence.certificates import Certificate, host_names
from logscan._failures.frames import failure_id
from logscan._render.diagnosis.keystores import keystore_dict, summaries
from logscan._render.safe import safe_json

VERSION = 2
"""Of the JSON: raised when a field changes its meaning or goes away."""


def _quotes(quotes: tuple[Quote, ...]) -> list[dict[str, str]]:
    return [{"text": quote.text, "source": quote.source} for quote in quotes]


def certificate_dict(certificate: Certificate) -> dict[str, Any]:
    """A certificate in JSON."""
    return {
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
        "serial_number": f"{certificate.serial:x}" if certificate.serial is not None else None,
        "not_before": _iso(certificate.not_before),
        "not_after": _iso(certificate.not_after),
        "key_algorithm": certificate.key_algorithm,
        "key_bits": certificate.key_bits,
        "signature_algorithm": certificate.signature_algorithm,
        "extended_key_usages": list(certificate.extended_key_usages)
        if certificate.extended_key_usages is not None
        else None,
        "sha256": certificate.fingerprint,
        "source": certificate.source,
    }


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def _connection_dict(verdict: Verdict) -> dict[str, Any] | None:
    connection = verdict.facts.connection
    if connection is None:
        return None
    request = connection.request
    return {
        "capture": connection.capture,
        "client": "{}:{}".format(*connection.client),
        "server": "{}:{}".format(*connection.server),
        "sni": connection.sni,
        "tunnel": connection.tunnel,
        "protocol": connection.protocol,
        "offer": connection.offer._asdict() if connection.offer else None,
        "version": connection.version,
        "cipher_suite": connection.suite,
        "first_packet": connection.first_packet,
        "last_packet": connection.last_packet,
        "visibility": connection.sight,
        "certificate_requested": connection.certificate_requested,
        "certificate_request_packet": request.packet if request else None,
        "accepted_authorities": [str(name) for name in request.authorities] if request else None,
        "certificate_types": list(request.key_types) if request else None,
        "signature_schemes": list(request.signature_schemes) if request else None,
        "client_certificate": connection.client_certificate,
        "client_certificate_packet": connection.client_certificate_packet or None,
        "client_certificate_length": None
        if connection.client_chain is None
        else len(connection.client_chain),
        "encrypted_record_sizes": list(connection.sizes),
        "alerts": [alert._asdict() for alert in connection.alerts],
        "accepted": connection.accepted,
        "resumed": connection.resumed,
        "renegotiated": connection.renegotiated,
        "closed_by": connection.closed_by,
        "ends": [{"packet": end.packet, "by": end.by, "how": end.how} for end in connection.ends],
        "not_tls": connection.not_tls,
        "foreign_end": connection.foreign_end,
        "silent_after": connection.silent_after,
        "gap": connection.gap_reason,
        "faults": list(connection.faults),
        "steps": [{"packet": s.packet, "by": s.by, "text": s.text} for s in connection.steps],
    }


def verdict_dict(verdict: Verdict) -> dict[str, Any]:
    """One verdict in JSON; the fields are in docs/diagnose.md."""
    case, facts, group = verdict.case, verdict.facts, verdict.case.group
    stored = facts.entry.chain if facts.entry else ()
    authorities = None if facts.authorities is None else [str(name) for name in facts.authorities]
    return {
        "org": facts.org,
        "env": facts.env,
        "proxy": group.proxy if group else None,
        "revisions": [name for name, _ in group.revisions.most_common()] if group else [],
        "side": group.side if group else "southbound",
        "target": facts.target,
        "sni": facts.sni,
        "alert": facts.alert,
        "failures": case.failures,
        "connections": len(case.connections),
        "alerts_not_in_log": case.lost,
        "first_time": _iso(facts.begun),
        "last_time": _iso(facts.ended),
        "message_ids": sorted(group.messages)[:10] if group else [],
        "failure_ids": [failure_id(failure) for failure in case.samples],
        "headline": verdict.headline,
        "certainty": verdict.certainty,
        "causes": [
            {
                "cause": finding.cause.name, "title": finding.cause.title, "state": finding.state,
                "why": finding.why, "doubt": finding.doubt,
                "evidence": _quotes(finding.quotes), "remedy": finding.cause.remedy,
            }
            for finding in verdict.findings
        ],
        "ruled_out": {finding.cause.name: finding.why for finding in verdict.ruled_out},
        "needs": [{"kind": need.kind, "what": need.what, "how": need.how} for need in verdict.needs],
        "path": [
            {
                "number": step.number, "what": step.what, "command": step.command,
                "meanings": [{"answer": answer, "means": meaning} for answer, meaning in step.meanings],
            }
            for step in verdict.path
        ],
        "evidence": _quotes(verdict.chain),
        "contradictions": _quotes(verdict.contradictions),
        "keystore": facts.keystore.name if facts.keystore else facts.keystore_name,
        "alias": facts.alias,
        "client_chain": [certificate_dict(certificate) for certificate in facts.sent_chain],
        "server_chain": [
            {**certificate_dict(certificate), "names": list(host_names(certificate) or ())}
            for certificate in facts.server_chain
        ],
        "keystore_chain": [certificate_dict(certificate) for certificate in stored],
        "accepted_authorities": authorities,
        "notes": [*facts.incomplete, *verdict.notes],
        "connection": _connection_dict(verdict),
    }  # fmt: skip


def as_json(diagnosis: Diagnosis) -> str:
    """The whole diagnosis."""
    capture = diagnosis.capture
    return safe_json(json.dumps(
        {
            "version": VERSION,
            "verdicts": [verdict_dict(verdict) for verdict in diagnosis.verdicts],
            "files": diagnosis.evidence.files,
            "not_recognized": diagnosis.evidence.unrecognized,
            "problems": [str(problem) for problem in diagnosis.counters.problems],
            "capture": {
                "packets": capture.packets, "bytes": capture.bytes, "handshakes": capture.connections,
                "certificate_requested": capture.certificate_requested, "accepted": diagnosis.accepted,
                "accepted_with_empty_certificate": diagnosis.accepted_empty, "not_visible": diagnosis.hidden,
                "began_before": capture.mid, "given_up": capture.given_up, "left_out": capture.left_out,
                "skipped_packets": dict(capture.skipped), "other_protocols": dict(capture.other_protocols),
            },
            "alerts_not_in_log": diagnosis.lost_alerts,
            "left_out": dict(diagnosis.left_out),
            "keystores": [keystore_dict(kept, certificate_dict) for kept in summaries(diagnosis)],
        },
        indent=2, ensure_ascii=False,
    ))  # fmt: skip


def choice_dict(choice: Choice) -> dict[str, Any]:
    """The same in JSON."""
    return {
        "alias": choice.alias,
        "certain": choice.certain,
        "considered": [
            {
                "alias": s.alias,
                "outcome": s.outcome,
                "detail": s.detail,
                "matched": str(s.matched) if s.matched else None,
            }
            for s in choice.considered
        ],
    }
