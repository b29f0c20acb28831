"""Verdicts as Markdown, for a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from logscan._diagnosis.causes import PROVEN
from logscan._diagnosis.result import Diagnosis
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.words import amount_of, footer, place_of, verdict_words
from logscan._render.safe import markdown
from logscan.shown import safe


def as_markdown(diagnosis: Diagnosis) -> Iterator[str]:
    """For a ticket."""
    if not diagnosis.verdicts:
        yield "No refused client certificate was found."
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        yield f"## {number}. {markdown(place_of(verdict))}"
        yield ""
        yield f"{markdown(amount_of(verdict))}. {markdown(verdict.headline)}"
        yield ""
        yield f"**Verdict: {markdown(verdict_words(verdict))}**"
        yield ""
        for finding in verdict.findings:
            yield f"- {markdown(finding.cause.title)}: {markdown(finding.why)}"
            if finding.state == PROVEN or len(verdict.findings) == 1:
                yield f"  - Remedy: {markdown(finding.cause.remedy)}"
        if verdict.chain:
            yield ""
            yield "| Evidence | Where |"
            yield "|---|---|"
            for quote in verdict.chain:
                yield f"| {markdown(quote.text)} | {markdown(quote.source)} |"
        if verdict.needs:
            yield ""
            yield "What would decide:"
            yield ""
            for need in verdict.needs:
                yield f"- {markdown(need.what)}: `{safe(need.how).replace('`', '')}`"
        for note in (*verdict.facts.incomplete, *verdict.notes):
            yield ""
            yield f"Note: {markdown(note)}"
        if verdict.facts.connection is not None:
            yield ""
            yield "```"
            yield from (
                line.rstrip().replace("```", "'''") for line in sequence.as_text(verdict.facts.connection)
            )
            yield "```"
        yield ""
    yield from (f"{markdown(line)}  " for line in footer(diagnosis))
