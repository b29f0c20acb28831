"""Verdicts as Markdown, for a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from logscan._diagnosis.causes import POSSIBLE, Finding
from logscan._diagnosis.likelihood import likelihoods
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.keystores import keystore_markdown, summaries
from logscan._render.diagnosis.words import (
    NOTHING_FOUND,
    Short,
    amount_of,
    footer,
    is_open_list,
    mark_of,
    others,
    path_heading,
    place_of,
    sentence,
    verdict_words,
)
from logscan._render.safe import markdown
from logscan.shown import safe


def as_markdown(diagnosis: Diagnosis) -> Iterator[str]:
    """For a ticket."""
    short, kept = Short(diagnosis), summaries(diagnosis)
    for summary in kept:
        yield from keystore_markdown(summary)
    if not diagnosis.verdicts and not kept:
        yield NOTHING_FOUND
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        yield from _case(number, verdict, short)
    lines = footer(diagnosis)
    if short.beginning and diagnosis.verdicts:
        lines.append(f"Paths begin with {safe(short.beginning)}")
    yield from (f"{markdown(line)}  " for line in lines)


def _case(number: int, verdict: Verdict, short: Short) -> Iterator[str]:
    best = verdict.leading
    yield f"## {number}. {markdown(place_of(verdict))}"
    yield ""
    yield f"**{mark_of(verdict).upper()}: {markdown(sentence(verdict_words(verdict)))}**"
    yield ""
    if is_open_list(verdict):
        for place, cause in enumerate(likelihoods(verdict.facts, verdict.findings), start=1):
            yield f"{place}. {markdown(cause.title)}: {markdown(cause.reason)}."
    else:
        yield from _findings(best, short)
    for quote in verdict.contradictions:
        yield f"- Against: {markdown(short(quote.text))} ({markdown(short(quote.source))})"
    yield ""
    yield f"{markdown(short(verdict.headline))} {markdown(sentence(amount_of(verdict)))}"
    yield from _path(verdict, short)
    if is_open_list(verdict):
        yield from ("", "### Possible causes", "")
        yield from _findings(best, short)
    for name, findings in others(verdict):
        yield from ("", f"### {name}", "")
        yield from _findings(findings, short)
    if verdict.chain:
        yield from ("", "| Evidence | Where |", "|---|---|")
        for quote in verdict.chain:
            yield f"| {markdown(short(quote.text))} | {markdown(short(quote.source))} |"
    for note in (*verdict.facts.incomplete, *verdict.notes):
        yield ""
        yield f"Note: {markdown(short(note))}"
    if verdict.facts.connection is not None:
        yield from ("", "```")
        yield from (
            line.rstrip().replace("```", "'''") for line in sequence.as_text(verdict.facts.connection)
        )
        yield "```"
    yield ""


def _findings(findings: tuple[Finding, ...], short: Short) -> Iterator[str]:
    for finding in findings:
        title = "" if len(findings) == 1 and finding.state != POSSIBLE else f"{finding.cause.title}: "
        yield f"- {markdown(sentence(title + short(finding.why)))}"
        if finding.doubt:
            yield f"  - Doubt: {markdown(sentence(short(finding.doubt)))}"
        if finding.state != POSSIBLE or len(findings) == 1:
            yield f"  - Remedy: {markdown(finding.cause.remedy)}"


def _path(verdict: Verdict, short: Short) -> Iterator[str]:
    path = verdict.path
    if path:
        yield from ("", f"### {path_heading(verdict)}", "")
    for step in path:
        yield f"{step.number}. {markdown(short(step.what))}{':' if step.command else '.'}"
        if step.command:
            # Indented, not fenced: a name from a log cannot end it.
            yield from ("", f"       {safe(step.command)}", "")
        for answer, meaning in step.meanings:
            yield f"   - {markdown(answer)} → {markdown(meaning)}."
