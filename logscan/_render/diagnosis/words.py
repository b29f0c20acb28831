"""What every output says in the same words."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from logscan._diagnosis.causes import GROUPS, POSSIBLE, PROVEN, Finding
from logscan._diagnosis.facts import Quote
from logscan._diagnosis.path import is_repair
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import CERTAIN, FINE, OPEN, Verdict
from logscan._render.text import counted, show_mapping
from logscan.shown import safe

NOTHING_FOUND = "No failed TLS handshake of a backend was found."
MANY = 4
"""More causes than these are listed by title only."""
SHORTEST = 8
"""Characters that a common beginning of paths must have to be named once."""
NAMED = 4
"""Names of failures that the line of those left out has; for more of them ``--alert all``."""
_PLACE = re.compile(r"(.*), ((?:line|lines|byte|packet|packets|entry) [\d, -]+)", re.DOTALL)


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
    facts = verdict.facts
    if facts.begun is not None:
        last = f" to {utc(facts.ended)}" if facts.ended and facts.ended != facts.begun else ""
        parts.append(f"{utc(facts.begun)}{last}")
    return ", ".join(parts)


def mark_of(verdict: Verdict) -> str:
    """How sure the verdict is, in one word: ``Certain``, ``Likely``, ``Open`` or ``Fine``."""
    if verdict.certainty == FINE:
        return "Fine"
    if verdict.certainty == CERTAIN:
        return "Certain"
    return "Open" if verdict.certainty == OPEN else "Likely"


def verdict_words(verdict: Verdict) -> str:
    """The verdict in one line, without its mark."""
    if verdict.certainty == FINE:
        return "no fault"
    best = verdict.leading
    if verdict.certainty != OPEN:
        if len(best) == 1:
            return best[0].cause.title
        if best[0].state == PROVEN:
            return f"{counted(len(best), 'cause')}, each of them enough"
        return f"one of {counted(len(best), 'cause')}, the likeliest first"
    if not verdict.findings:
        return "not a failure whose cause is known"
    if len(verdict.findings) == 1:
        return f"{verdict.findings[0].cause.title} (possible: nothing else is left)"
    return f"not enough evidence yet, {counted(len(verdict.findings), 'cause')} are possible"


def others(verdict: Verdict) -> list[tuple[str, tuple[Finding, ...]]]:
    """The findings beside the leading ones, by state: a heading, and its findings."""
    best = verdict.leading
    by_state: dict[str, list[Finding]] = {}
    for finding in verdict.findings[len(best) :]:
        by_state.setdefault(finding.state, []).append(finding)
    return [(f"Also {state}", tuple(found)) for state, found in by_state.items()]


def by_group(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings by what happened, for a list of titles."""
    groups = [(group, [f for f in findings if f.cause.group == group]) for group in GROUPS]
    return [(group, found) for group, found in groups if found]


def is_open_list(verdict: Verdict) -> bool:
    """Whether the causes are a list of possibilities, which comes after what to do."""
    best = verdict.leading
    return len(best) > 1 and best[0].state == POSSIBLE


def path_heading(verdict: Verdict) -> str:
    """Over the numbered steps."""
    if is_repair(verdict.findings):
        return "How to repair and check it"
    if verdict.certainty == CERTAIN:
        return "To know more"
    return "Do this first" if verdict.certainty == OPEN else "To be certain"


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!", ":")) else ".")


def common_beginning(paths: Iterable[str]) -> str:
    """The folders that all paths begin with, and the slash after them; empty where that saves little."""
    folders = [os.path.dirname(path) for path in paths if "://" not in path]
    if not folders or len({folder.startswith("/") for folder in folders}) > 1:
        return ""
    beginning = os.path.commonpath(folders)
    return beginning + "/" if len(beginning) >= SHORTEST else ""


class Short:
    """Paths without their common beginning, which is named once.

    Args:
        diagnosis: whose files.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.beginning = common_beginning(diagnosis.evidence.files)
        self._begins = re.compile(r"(?<![\w./-])" + re.escape(self.beginning))

    def __call__(self, text: str) -> str:
        """A text to show."""
        return safe(self._begins.sub("", text) if self.beginning else text)


def by_file(quotes: Iterable[Quote]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Evidence by its file, so that a path is named once: file, and where in it and what it says."""
    files: dict[str, list[tuple[str, str]]] = {}
    for quote in quotes:
        found = _PLACE.fullmatch(quote.source)
        file, place = (found[1], found[2]) if found else (quote.source, "")
        files.setdefault(file, []).append((place, quote.text))
    return list(files.items())


_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s'"])+"""
_PART = re.compile(rf"-{_WORD}(?: (?!-|'http){_WORD})?(?: \d?>\S+)*|{_WORD}")
"""A word of a command, or an option with its value: they stay together."""


def command_lines(command: str, width: int) -> list[str]:
    """A command in lines that a shell puts together again: each but the last ends in a backslash."""
    lines: list[str] = []
    line = ""
    for part in _PART.findall(command):
        joined = f"{line} {part}" if line else part
        if line and len(joined) > width - 2:
            lines.append(f"{line} \\")
            joined = f"  {part}"
        line = joined
    return [*lines, line]


def footer(diagnosis: Diagnosis) -> list[str]:
    """What was looked at, and what was not."""
    capture, empty = diagnosis.capture, diagnosis.accepted_empty
    lines = []
    if diagnosis.captures:
        lines.append(
            f"{counted(capture.packets, 'packet')}, {counted(capture.connections, 'TLS handshake')}:"
            f" {capture.certificate_requested:,} with a client certificate asked for,"
            f" {diagnosis.accepted:,} accepted"
            + (f" ({empty:,} of them with an empty certificate)" if empty else "")
        )
        for number, words in (
            (diagnosis.hidden, "in which what the client sent is not visible"),
            (capture.mid, "that began before the capture"),
            (capture.given_up, "given up, because more were open at once than --max-open-connections"),
            (capture.unreadable, "whose packets are cut or lost, so that no handshake can be read"),
            (capture.left_out, "read but not kept, because there were more than --max-connections"),
            (capture.failed_left_out, "of those may have failed: set --max-connections higher"),
        ):
            if number:
                lines.append(f"{counted(number, 'connection')} {words}")
        if capture.skipped:
            lines.append("not read: " + show_mapping(capture.skipped))
        other = getattr(capture, "other_protocols", None)
        if other:
            lines.append("other protocols around TLS: " + show_mapping(other))
    lines += _lost_lines(diagnosis.verdicts)
    lines += _other_evidence_lines(diagnosis)
    if diagnosis.left_out:
        lines.append(_left_out_line(diagnosis.left_out))
    if diagnosis.northbound:
        lines.append(
            f"{counted(diagnosis.northbound, 'failure')} between Router and Message Processor (northbound):"
            " not diagnosed"
        )
    if diagnosis.not_grouped:
        lines.append(f"{counted(diagnosis.not_grouped, 'failure')} beyond the number of groups that is kept")
    return lines


def _other_evidence_lines(diagnosis: Diagnosis) -> list[str]:
    """Handshakes that may have been refused after TLS, the Routers' access logs, Java's debug output."""
    lines = []
    if late := diagnosis.late_refusals:
        named = ", ".join(safe(place) for place in late[:NAMED]) + (" …" if len(late) > NAMED else "")
        lines.append(
            f"{named} accepted an empty or expired client certificate in TLS. Some servers (nginx, HAProxy,"
            " IIS) then answer with HTTP status 400, 403, 495 or 496: look at the status of the responses."
        )
    hurt = diagnosis.evidence.hurt
    if hurt.requests:
        statuses = show_mapping({f"with {status}": number for status, number in hurt.by_status.items()})
        lines.append(
            f"Router access logs: {counted(hurt.requests, 'request')}, {hurt.failed:,} failed"
            + (f" ({statuses})" if statuses else "")
            + (f", of {counted(len(hurt.clients), 'client')}" if hurt.clients else "")
            + (", or more" if hurt.more_clients else "")
        )
    engine = diagnosis.evidence.engine_counters
    if engine.handshakes:
        lines.append(
            f"Java's debug output: {counted(engine.handshakes, 'handshake')}, {engine.completed:,} completed"
        )
    return lines


def _lost_lines(verdicts: Iterable[Verdict]) -> list[str]:
    """Alerts on the wire that the log does not name: what it says instead."""
    lost: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        case = verdict.case
        refusal = next((c.refusal for c in case.connections if c.refusal is not None), None)
        if case.lost and refusal is not None:
            said = case.samples[0].reason.rpartition("Exception: ")[2] if case.samples else "another failure"
            lost[said[:80], refusal.name] += case.lost
    return [
        f"The log says {said}, the capture shows {name}. The real number of alerts is at least"
        f" {number:,} higher than in the log."
        for (said, name), number in lost.most_common(NAMED)
    ]


def _left_out_line(left_out: Counter[str]) -> str:
    """Failures of other names, and the command that shows them."""
    ranked = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    named = [name for name, _ in ranked[:NAMED]]
    total = left_out.total()
    names = named[0] if len(ranked) == 1 else show_mapping(dict(ranked[:NAMED]))
    more = f" and {len(ranked) - NAMED:,} more names" if len(ranked) > NAMED else ""
    option = "--alert all" if more else " ".join(f"--alert {name}" for name in named)
    return f"{counted(total, 'other TLS failure')} ({names}{more}): logscan diagnose {option}"
