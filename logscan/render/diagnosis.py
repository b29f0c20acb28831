"""Verdicts as text, Markdown, JSON and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from logscan.diagnosis.causes.all_causes import EMPTY_CAUSES, PROVEN, SENT_CAUSES, Finding
from logscan.diagnosis.facts import Quote
from logscan.diagnosis.keymanager import Choice
from logscan.diagnosis.verdict import FINE, Verdict
from logscan.evidence.certificates import Certificate
from logscan.evidence.keystores.read_keystore import Keystore
from logscan.failures.frames import failure_id
from logscan.jobs.diagnose import Diagnosis
from logscan.render import sequence
from logscan.render.text import counted, safe, show_mapping

VERSION = 1
"""Of the JSON: raised when a field changes its meaning or goes away."""


MANY = 4
"""More causes than these are listed by title only."""
Folded = Callable[[str, str, str], Iterator[str]]
"""A text in lines that fit: the text, what stands in front of its first line and of the others."""


def utc(time: datetime | None) -> str:
    """A time in UTC for people."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def place_of(verdict: Verdict) -> str:
    """Which proxy, environment and backend, for a heading."""
    group, facts = verdict.case.group, verdict.facts
    parts = []
    if group is not None:
        parts.append(f"{group.proxy or '-'} in {group.org or '-'}/{group.env or '-'}")
    parts.append(f"to {facts.target or 'an unknown backend'}" + (f" ({facts.sni})" if facts.sni else ""))
    return " ".join(parts)


def amount_of(verdict: Verdict) -> str:
    """How many, and when."""
    case = verdict.case
    parts = []
    if case.group is not None:
        parts.append(counted(case.failures, "failure") + " in the log")
    if case.connections:
        parts.append(counted(len(case.connections), "connection") + " in the capture")
    if case.lost:
        parts.append(counted(case.lost, "alert") + " that the log does not name")
    facts = verdict.facts
    if facts.begun is not None:
        last = f" to {utc(facts.ended)}" if facts.ended and facts.ended != facts.begun else ""
        parts.append(f"{utc(facts.begun)}{last}")
    return ", ".join(parts)


def verdict_words(verdict: Verdict) -> str:
    """The verdict in one line."""
    if verdict.certainty == FINE:
        return "no fault"
    if len(verdict.findings) == 1:
        finding = verdict.findings[0]
        sure = (
            ""
            if verdict.certainty == "certain"
            else " (inferred)"
            if verdict.certainty == "inferred"
            else " (likely: nothing else is left)"
        )
        return finding.cause.title + sure
    if verdict.findings and all(finding.answer.state == PROVEN for finding in verdict.findings):
        return f"{counted(len(verdict.findings), 'cause')}, each of them enough"
    if verdict.findings:
        return f"not decided: {counted(len(verdict.findings), 'cause')} left"
    return "not a client certificate failure that is known"


def _quote(quote: Quote) -> str:
    return f"{safe(quote.text)}  [{safe(quote.source)}]"


def footer(diagnosis: Diagnosis) -> list[str]:
    """What was looked at, and what was not."""
    capture = diagnosis.capture
    lines = []
    if diagnosis.captures:
        lines.append(
            f"{counted(capture.packets, 'packet')}, {counted(capture.connections, 'TLS handshake')}:"
            f" {capture.asked:,} with a client certificate asked for, {diagnosis.accepted:,} accepted"
            + (
                f" ({diagnosis.accepted_empty:,} with an empty certificate, which is no fault)"
                if diagnosis.accepted_empty
                else ""
            )
        )
        for number, words in (
            (diagnosis.hidden, "of which what the client sent is not visible"),
            (capture.mid, "that began before the capture"),
            (capture.given_up, "given up, because more were open at once than --max-open-connections"),
            (capture.left_out, "read but not kept, because there were more than --max-connections"),
        ):
            if number:
                lines.append(f"{counted(number, 'connection')} {words}")
        if capture.skipped:
            lines.append("not read: " + show_mapping(capture.skipped))
    if diagnosis.lost_alerts:
        lines.append(
            f"{counted(diagnosis.lost_alerts, 'alert')} on the wire that the log does not name: its count"
            f" is a lower bound"
        )
    if diagnosis.northbound:
        lines.append(
            f"{counted(diagnosis.northbound, 'failure')} between Router and Message Processor"
            f" (northbound): not"
            " diagnosed"
        )
    if diagnosis.failures_left_out:
        lines.append(
            f"{counted(diagnosis.failures_left_out, 'failure')} beyond the number of groups that is kept"
        )
    return lines


def as_text(
    diagnosis: Diagnosis, width: int = 100, diagram: bool = True, all_causes: bool = False
) -> Iterator[str]:
    """Lines for a terminal."""
    from textwrap import wrap

    def folded(text: str, first: str, rest: str) -> Iterator[str]:
        yield from wrap(
            text,
            max(40, width),
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    if not diagnosis.verdicts:
        yield "No refused client certificate was found."
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        if number > 1:
            yield ""
        yield from folded(safe(place_of(verdict)), f"{number}. ", "   ")
        yield from folded(amount_of(verdict), "   ", "   ")
        yield from folded(safe(verdict.headline), "   ", "   ")
        yield ""
        yield from folded(safe(verdict_words(verdict)), "   VERDICT  ", "            ")
        if len(verdict.findings) > MANY:
            yield from _many_lines(verdict.findings, folded)
        else:
            for finding in verdict.findings:
                yield from _finding_lines(finding, len(verdict.findings) > 1, folded)
        yield from _further_lines(verdict, folded)
        if all_causes and verdict.excluded:
            yield "   RULED OUT"
            for finding in verdict.excluded:
                yield from folded(f"{finding.cause.name}: {safe(finding.answer.why)}", "     - ", "       ")
        if diagram and verdict.facts.connection is not None:
            yield "   HANDSHAKE"
            for line in sequence.as_text(verdict.facts.connection, width - 3):
                yield f"   {line}".rstrip()
    told = footer(diagnosis)
    yield from ["", *told] if told else ()


def _further_lines(verdict: Verdict, folded: Folded) -> Iterator[str]:
    """Evidence that was not quoted yet, what would decide, and what a reader should know."""
    told = verdict.findings[0].answer.quotes if len(verdict.findings) == 1 else ()
    further = [quote for quote in verdict.chain if quote not in told]
    if further:
        yield "   FURTHER EVIDENCE" if told else "   EVIDENCE"
        for quote in further:
            yield from folded(_quote(quote), "     - ", "       ")
    if verdict.needs:
        yield "   WHAT WOULD DECIDE"
        for need in verdict.needs[:4]:
            yield from folded(need.what, "     - ", "       ")
            yield f"       {safe(need.how)}"
    for fault in verdict.facts.incomplete:
        yield from folded(f"incomplete capture: {safe(fault)}", "   ! ", "     ")
    for note in verdict.case.notes:
        yield from folded(safe(note), "   note: ", "         ")


def _many_lines(findings: tuple[Finding, ...], folded: Folded) -> Iterator[str]:
    """Many causes that are left: their titles, by what the client would have done."""
    groups = (
        ("if the client sent no certificate", [f for f in findings if f.cause.name in EMPTY_CAUSES]),
        ("if it sent one that was refused", [f for f in findings if f.cause.name in SENT_CAUSES]),
        ("otherwise", [f for f in findings if f.cause.name not in EMPTY_CAUSES | SENT_CAUSES]),
    )
    for words, held in groups:
        if held:
            yield f"     {words}:"
            for finding in held:
                yield from folded(finding.cause.title, "       - ", "         ")


def _finding_lines(finding: Finding, several: bool, folded: Folded) -> Iterator[str]:
    if several:
        yield from folded(f"{finding.cause.title}: {safe(finding.answer.why)}", "     - ", "       ")
        if finding.answer.state == PROVEN:
            yield from folded(finding.cause.remedy, "       remedy: ", "         ")
        return
    yield from folded(safe(finding.answer.why) + ".", "   BECAUSE  ", "            ")
    for quote in finding.answer.quotes:
        yield from folded(_quote(quote), "            ", "              ")
    yield from folded(finding.cause.remedy, "   REMEDY   ", "            ")


def _cell(text: str) -> str:
    """Text that Markdown takes for text."""
    escaped = safe(text)
    for letter in "\\`*_{}[]<>|#":
        escaped = escaped.replace(letter, "\\" + letter)
    return escaped


def as_markdown(diagnosis: Diagnosis) -> Iterator[str]:
    """For a ticket."""
    if not diagnosis.verdicts:
        yield "No refused client certificate was found."
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        yield f"## {number}. {_cell(place_of(verdict))}"
        yield ""
        yield f"{_cell(amount_of(verdict))}. {_cell(verdict.headline)}"
        yield ""
        yield f"**Verdict: {_cell(verdict_words(verdict))}**"
        yield ""
        for finding in verdict.findings:
            yield f"- {_cell(finding.cause.title)}: {_cell(finding.answer.why)}"
            if finding.answer.state == PROVEN or len(verdict.findings) == 1:
                yield f"  - Remedy: {_cell(finding.cause.remedy)}"
        if verdict.chain:
            yield ""
            yield "| Evidence | Where |"
            yield "|---|---|"
            for quote in verdict.chain:
                yield f"| {_cell(quote.text)} | {_cell(quote.source)} |"
        if verdict.needs:
            yield ""
            yield "What would decide:"
            yield ""
            for need in verdict.needs:
                yield f"- {_cell(need.what)}: `{safe(need.how).replace('`', '')}`"
        for note in (*verdict.facts.incomplete, *verdict.case.notes):
            yield ""
            yield f"Note: {_cell(note)}"
        if verdict.facts.connection is not None:
            yield ""
            yield "```"
            yield from (
                line.rstrip().replace("```", "'''") for line in sequence.as_text(verdict.facts.connection)
            )
            yield "```"
        yield ""
    yield from (f"{_cell(line)}  " for line in footer(diagnosis))


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
        "version": connection.version,
        "cipher_suite": connection.suite,
        "first_packet": connection.first_packet,
        "last_packet": connection.last_packet,
        "visibility": connection.sight,
        "certificate_requested": connection.asked,
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
                "cause": finding.cause.name, "title": finding.cause.title, "state": finding.answer.state,
                "why": finding.answer.why, "evidence": _quotes(finding.answer.quotes),
                "remedy": finding.cause.remedy,
            }
            for finding in verdict.findings
        ],
        "ruled_out": {finding.cause.name: finding.answer.why for finding in verdict.excluded},
        "needs": [{"kind": need.kind, "what": need.what, "how": need.how} for need in verdict.needs],
        "evidence": _quotes(verdict.chain),
        "keystore": facts.keystore.name if facts.keystore else facts.keystore_name,
        "alias": facts.alias,
        "client_chain": [certificate_dict(certificate) for certificate in facts.sent_chain],
        "keystore_chain": [certificate_dict(certificate) for certificate in stored],
        "accepted_authorities": authorities,
        "notes": [*facts.incomplete, *case.notes],
        "connection": _connection_dict(verdict),
    }  # fmt: skip


def as_json(diagnosis: Diagnosis) -> str:
    """The whole diagnosis."""
    capture = diagnosis.capture
    return json.dumps(
        {
            "version": VERSION,
            "verdicts": [verdict_dict(verdict) for verdict in diagnosis.verdicts],
            "files": diagnosis.evidence.files,
            "not_recognized": diagnosis.evidence.unrecognized,
            "problems": [str(problem) for problem in diagnosis.counters.problems],
            "capture": {
                "packets": capture.packets, "bytes": capture.bytes, "handshakes": capture.connections,
                "certificate_requested": capture.asked, "accepted": diagnosis.accepted,
                "accepted_with_empty_certificate": diagnosis.accepted_empty, "not_visible": diagnosis.hidden,
                "began_before": capture.mid, "given_up": capture.given_up, "left_out": capture.left_out,
                "skipped_packets": dict(capture.skipped),
            },
            "alerts_not_in_log": diagnosis.lost_alerts,
        },
        indent=2, ensure_ascii=False,
    )  # fmt: skip


def as_html(diagnosis: Diagnosis) -> str:
    """One self-contained page: no script, no request, everything from the evidence escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    source = files("logscan.render").joinpath("templates/diagnosis.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["safe_text"] = safe
    cases = [
        {
            "verdict": verdict, "place": place_of(verdict), "amount": amount_of(verdict),
            "words": verdict_words(verdict),
            "proven": all(f.answer.state == PROVEN for f in verdict.findings) and bool(verdict.findings),
            # Made of escaped parts by our own renderer.
            "svg": Markup(sequence.as_svg(verdict.facts.connection)) if verdict.facts.connection else None,  # noqa: S704
        }
        for verdict in diagnosis.verdicts
    ]  # fmt: skip
    return environment.from_string(source).render(
        cases=cases, footer=footer(diagnosis), problems=[str(p) for p in diagnosis.counters.problems],
        files=diagnosis.evidence.files,
    )  # fmt: skip


def choice_lines(keystore: Keystore, choice: Choice) -> Iterator[str]:
    """What Java would do, for ``--simulate``."""
    if choice.alias is not None:
        yield f"Java sends the certificate of alias {safe(choice.alias)}."
    elif choice.certain:
        yield "Java sends an empty Certificate message: no entry fits."
    else:
        yield "Whether Java sends a certificate cannot be told: something is not known."
    if not keystore.entries:
        yield f"  the keystore {safe(keystore.name)} has no entries"
    for seen in choice.considered:
        yield f"  {safe(seen.alias)}: {seen.outcome} ({safe(seen.detail)})"


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
