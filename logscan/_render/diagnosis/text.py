"""Verdicts as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from logscan._diagnosis.causes import LIKELY, Finding
from logscan._diagnosis.facts import Quote
from logscan._diagnosis.keymanager import Choice
from logscan._diagnosis.likelihood import likelihoods
from logscan._diagnosis.path import is_repair
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict
from logscan._evidence.keystores.keystore import Keystore
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.keystores import keystore_lines, summaries
from logscan._render.diagnosis.words import (
    MANY,
    NOTHING_FOUND,
    Short,
    amount_of,
    by_file,
    by_group,
    command_lines,
    footer,
    is_open_list,
    mark_of,
    others,
    path_heading,
    place_of,
    sentence,
    verdict_words,
)
from logscan.shown import safe

Folded = Callable[[str, str, str], Iterator[str]]
"""A text in lines that fit: the text, the indent of its first line and of the others."""
BOLD, CYAN = "1", "36"
COLOURS = {"Certain": "1;31", "Likely": "1;33", "Open": "1;36", "Fine": "1;32"}
"""Codes of a terminal, by how sure a verdict is. The word always says it too."""
FIRST_STEPS = 3
"""Steps of the cases after the first one."""
TEXT = "            "
"""Beside a label."""


def as_text(
    diagnosis: Diagnosis,
    width: int = 100,
    diagram: bool = True,
    all_causes: bool = False,
    colour: bool = False,
) -> Iterator[str]:
    """Lines for a terminal.

    Args:
        diagnosis: what to print.
        width: columns.
        diagram: draw each handshake.
        all_causes: list the causes that are ruled out, too.
        colour: whether it has colours.
    """
    page = _Page(diagnosis, max(40, width), colour)
    kept = summaries(diagnosis)
    for summary in kept:
        yield from keystore_lines(summary, page.folded, page.painted)
    if not kept and not diagnosis.verdicts:
        yield NOTHING_FOUND
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        if number > 1:
            yield ""
        yield from page.verdict_lines(number, verdict)
        if all_causes:
            yield from page.ruled_out_lines(verdict)
        if diagram and verdict.facts.connection is not None:
            yield page.label("HANDSHAKE")
            for line in sequence.as_text(verdict.facts.connection, width - 3):
                yield f"   {line}".rstrip()
    yield from page.footer_lines(diagnosis)


class _Page:
    """A terminal of some width, with or without colours."""

    def __init__(self, diagnosis: Diagnosis, width: int, colour: bool) -> None:
        self._width, self._colour = width, colour
        self.short = Short(diagnosis)

    def painted(self, text: str, code: str) -> str:
        """A text in a colour, where there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text else text

    def label(self, text: str) -> str:
        """A heading of a part."""
        return "   " + self.painted(text, CYAN)

    def folded(self, text: str, first: str, rest: str) -> Iterator[str]:
        """See :data:`Folded`."""
        from textwrap import wrap

        yield from wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def labelled(self, label: str, text: str, code: str = CYAN, indent: str = "") -> Iterator[str]:
        """A label, and a text beside it."""
        for number, line in enumerate(self.folded(text, TEXT, TEXT + indent)):
            yield line if number else f"   {self.painted(label, code)}{line[3 + len(label) :]}"

    def verdict_lines(self, number: int, verdict: Verdict) -> Iterator[str]:
        """One case: the verdict first, then why, what to do, and the evidence."""
        heading = list(self.folded(safe(place_of(verdict)), f"{number}. ", "   "))
        yield from (self.painted(line, BOLD) for line in heading)
        mark = mark_of(verdict)
        yield from self.labelled(mark.upper(), safe(sentence(verdict_words(verdict))), COLOURS[mark])
        best = verdict.leading
        if is_open_list(verdict):
            yield from self._usual_lines(verdict)
        elif len(best) == 1:
            yield from self._only_lines(best[0])
        else:
            for finding in best:
                yield from self._one_of_lines(finding)
        for quote in verdict.contradictions:
            yield from self.labelled("AGAINST", self._quote(quote))
        yield from self.labelled("HAPPENED", self.short(verdict.headline))
        yield from self.folded(safe(amount_of(verdict)), TEXT, TEXT)
        yield from self._path_lines(number, verdict)
        if verdict.path:
            yield ""
        if is_open_list(verdict):
            yield from self._list_lines("POSSIBLE CAUSES", best)
        for name, findings in others(verdict):
            yield from self._list_lines(name.upper(), findings)
        yield from self._evidence_lines(verdict)
        for fault in verdict.facts.incomplete:
            yield from self.folded(f"incomplete capture: {self.short(fault)}", "   ! ", "     ")
        for note in verdict.notes:
            yield from self.folded(self.short(note), "   note: ", "         ")

    def footer_lines(self, diagnosis: Diagnosis) -> Iterator[str]:
        """What was looked at, and what was not."""
        lines = footer(diagnosis)
        if self.short.beginning and diagnosis.verdicts:
            lines.append(f"Paths begin with {self.short.beginning}")
        if lines:
            yield ""
        for line in lines:
            yield from self.folded(safe(line), "", "  ")

    def ruled_out_lines(self, verdict: Verdict) -> Iterator[str]:
        """The causes that the evidence contradicts."""
        if verdict.ruled_out:
            yield self.label("RULED OUT")
        for finding in verdict.ruled_out:
            yield from self.folded(f"{finding.cause.name}: {self.short(finding.why)}", "     - ", "       ")

    def _quote(self, quote: Quote) -> str:
        return f"{self.short(quote.text)}  [{self.short(quote.source)}]"

    def _only_lines(self, finding: Finding) -> Iterator[str]:
        """The one cause."""
        yield from self.labelled("BECAUSE", self.short(sentence(finding.why)))
        for quote in finding.quotes:
            yield from self.folded(self._quote(quote), f"{TEXT}- ", f"{TEXT}  ")
        if finding.doubt:
            yield from self.labelled("DOUBT", self.short(sentence(finding.doubt)))
        yield from self.labelled("REMEDY", finding.cause.remedy)

    def _one_of_lines(self, finding: Finding) -> Iterator[str]:
        """One of several causes."""
        title = f"{finding.cause.title}: {self.short(finding.why)}"
        yield from self.folded(sentence(title), "     - ", "       ")
        if finding.doubt:
            yield from self.folded(f"doubt: {self.short(finding.doubt)}", "       ", "         ")
        yield from self.folded(f"remedy: {finding.cause.remedy}", "       ", "         ")

    def _usual_lines(self, verdict: Verdict) -> Iterator[str]:
        """The two causes of the playbook."""
        for number, cause in enumerate(likelihoods(verdict.facts, verdict.findings), start=1):
            text = f"{number}. {cause.title}: {cause.reason}."
            yield from self.labelled("" if number > 1 else "USUALLY", text, indent="   ")

    def _path_lines(self, number: int, verdict: Verdict) -> Iterator[str]:
        """The steps; what an answer means, of the first one only. Of later cases the first steps."""
        path = verdict.path
        if not path:
            return
        yield ""
        yield self.label(path_heading(verdict).upper())
        shows = not is_repair(verdict.findings)
        for step in path if number == 1 else path[:FIRST_STEPS]:
            yield from self.folded(
                self.short(step.what) + (":" if step.command else "."), f"    {step.number}. ", "       "
            )
            lines = command_lines(safe(step.command), self._width - 9) if step.command else ()
            yield from (f"         {self.painted(line, BOLD)}" for line in lines)
            if shows and step.number == 1:
                for answer, meaning in step.meanings:
                    yield from self.folded(f"{safe(answer)} → {safe(meaning)}.", "       - ", "         ")
        if number > 1 and len(path) > FIRST_STEPS:
            yield f"    … {len(path) - FIRST_STEPS} more steps: --format html has them"

    def _list_lines(self, heading: str, findings: Sequence[Finding]) -> Iterator[str]:
        """Causes that are left: with their reasons, or, where they are many, by title."""
        yield self.label(heading)
        if findings[0].state == LIKELY and len(findings) <= MANY:
            for finding in findings:
                yield from self._one_of_lines(finding)
            return
        if len(findings) <= MANY:
            for finding in findings:
                why = f"{finding.cause.title}: {self.short(finding.why)}"
                yield from self.folded(sentence(why), "     - ", "       ")
            return
        for group, found in by_group(findings):
            yield f"     {group}:"
            for finding in found:
                yield from self.folded(finding.cause.title, "       - ", "         ")

    def _evidence_lines(self, verdict: Verdict) -> Iterator[str]:
        """Evidence that was not quoted yet, by its file."""
        best = verdict.leading
        quoted = best[0].quotes if len(best) == 1 else ()
        further = [quote for quote in verdict.chain if quote not in quoted]
        if further:
            yield self.label("FURTHER EVIDENCE" if quoted else "EVIDENCE")
        for file, quotes in by_file(further):
            yield from self.folded(f"{self.short(file)}", "     ", "       ")
            for place, text in quotes:
                said = f"{place}: {self.short(text)}" if place else self.short(text)
                yield from self.folded(said, "       - ", "         ")


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
