"""What every output says in the same words."""

from __future__ import annotations

from datetime import datetime

from logscan._diagnosis.causes import PROVEN
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import FINE, INFERRED, OPEN, Verdict
from logscan._render.text import counted, show_mapping

_CERTAINTY = {INFERRED: " (inferred)", OPEN: " (likely: nothing else is left)"}


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
        return finding.cause.title + _CERTAINTY.get(verdict.certainty, "")
    if verdict.findings and all(finding.state == PROVEN for finding in verdict.findings):
        return f"{counted(len(verdict.findings), 'cause')}, each of them enough"
    if verdict.findings:
        return f"not decided: {counted(len(verdict.findings), 'cause')} left"
    return "not a client certificate failure that is known"


def footer(diagnosis: Diagnosis) -> list[str]:
    """What was looked at, and what was not."""
    capture, empty = diagnosis.capture, diagnosis.accepted_empty
    lines = []
    if diagnosis.captures:
        lines.append(
            f"{counted(capture.packets, 'packet')}, {counted(capture.connections, 'TLS handshake')}:"
            f" {capture.certificate_requested:,} with a client certificate asked for,"
            f" {diagnosis.accepted:,} accepted"
            + (f" ({empty:,} with an empty certificate, which is no fault)" if empty else "")
        )
        for number, words in (
            (diagnosis.hidden, "in which what the client sent is not visible"),
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
            f"{counted(diagnosis.lost_alerts, 'alert')} on the wire that the log does not name:"
            " its count is a lower bound"
        )
    if diagnosis.northbound:
        lines.append(
            f"{counted(diagnosis.northbound, 'failure')} between Router and Message Processor (northbound):"
            " not diagnosed"
        )
    if diagnosis.not_grouped:
        lines.append(f"{counted(diagnosis.not_grouped, 'failure')} beyond the number of groups that is kept")
    return lines
