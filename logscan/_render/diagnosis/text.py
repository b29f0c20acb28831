"""Verdicts as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from logscan._diagnosis.causes import GROUPS, PROVEN, Finding
from logscan._diagnosis.facts import Quote
from logscan._diagnosis.keymanager import Choice
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict
from logscan._evidence.keystores.keystore import Keystore
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.words import amount_of, footer, place_of, verdict_words
from logscan.shown import safe

MANY = 4
"""More causes than these are listed by title only."""

Folded = Callable[[str, str, str], Iterator[str]]
"""A text in lines that fit: the text, the indent of its first line and of the others."""


def _quote(quote: Quote) -> str:
    return f"{safe(quote.text)}  [{safe(quote.source)}]"


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
        if all_causes and verdict.ruled_out:
            yield "   RULED OUT"
            for finding in verdict.ruled_out:
                yield from folded(f"{finding.cause.name}: {safe(finding.why)}", "     - ", "       ")
        if diagram and verdict.facts.connection is not None:
            yield "   HANDSHAKE"
            for line in sequence.as_text(verdict.facts.connection, width - 3):
                yield f"   {line}".rstrip()
    lines = footer(diagnosis)
    yield from ["", *lines] if lines else ()


def _further_lines(verdict: Verdict, folded: Folded) -> Iterator[str]:
    """Evidence that was not quoted yet, what would decide, and remarks."""
    quoted = verdict.findings[0].quotes if len(verdict.findings) == 1 else ()
    further = [quote for quote in verdict.chain if quote not in quoted]
    if further:
        yield "   FURTHER EVIDENCE" if quoted else "   EVIDENCE"
        for quote in further:
            yield from folded(_quote(quote), "     - ", "       ")
    if verdict.needs:
        yield "   WHAT WOULD DECIDE"
        for need in verdict.needs[:4]:
            yield from folded(need.what, "     - ", "       ")
            yield f"       {safe(need.how)}"
    for fault in verdict.facts.incomplete:
        yield from folded(f"incomplete capture: {safe(fault)}", "   ! ", "     ")
    for note in verdict.notes:
        yield from folded(safe(note), "   note: ", "         ")


def _many_lines(findings: tuple[Finding, ...], folded: Folded) -> Iterator[str]:
    """Many causes that are left: their titles, by what the client would have done."""
    for group in GROUPS:
        titles = [finding.cause.title for finding in findings if finding.cause.group == group]
        if titles:
            yield f"     {group}:"
            for title in titles:
                yield from folded(title, "       - ", "         ")


def _finding_lines(finding: Finding, several: bool, folded: Folded) -> Iterator[str]:
    if several:
        yield from folded(f"{finding.cause.title}: {safe(finding.why)}", "     - ", "       ")
        if finding.state == PROVEN:
            yield from folded(finding.cause.remedy, "       remedy: ", "         ")
        return
    yield from folded(safe(finding.why) + ".", "   BECAUSE  ", "            ")
    for quote in finding.quotes:
        yield from folded(_quote(quote), "            ", "              ")
    yield from folded(finding.cause.remedy, "   REMEDY   ", "            ")


def choice_lines(keystore: Keystore, choice: Choice) -> Iterator[str]:
    """What Java would do, for ``--simulate``."""
    if choice.alias is not None:
        yield f"Java sends the certificate of alias {safe(choice.alias)}."
    elif choice.certain:
        yield "Java sends an empty Certificate message: no entry fits."
    else:
        yield "Whether Java sends a certificate is not known: evidence is missing."
    if not keystore.entries:
        yield f"  the keystore {safe(keystore.name)} has no entries"
    for seen in choice.considered:
        yield f"  {safe(seen.alias)}: {seen.outcome} ({safe(seen.detail)})"
