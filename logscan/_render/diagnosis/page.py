"""Verdicts as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from logscan._diagnosis.likelihood import likelihoods
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import Verdict
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.keystores import keystore_page, summaries
from logscan._render.diagnosis.words import (
    NOTHING_FOUND,
    Short,
    amount_of,
    by_file,
    footer,
    is_open_list,
    mark_of,
    others,
    path_heading,
    place_of,
    sentence,
    verdict_words,
)
from logscan._render.text import counted
from logscan.shown import safe

ORDER = ("Certain", "Likely", "Open", "Fine")
"""Decided cases come first."""
FOLDED = 12
"""With more cases than these, undecided ones are closed until they are asked for."""


def as_html(diagnosis: Diagnosis) -> str:
    """One self-contained page: no request, a script for its buttons only, all evidence escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    short = Short(diagnosis)
    environment.filters |= {"safe_text": safe, "short": short, "sentence": sentence}
    verdicts = sorted(diagnosis.verdicts, key=lambda verdict: ORDER.index(mark_of(verdict)))
    script = _read("diagnosis.js").strip()
    style = _read("common.css") + _read("diagnosis.css")
    return environment.from_string(_read("diagnosis.html")).render(
        cases=[_case(number, verdict) for number, verdict in enumerate(verdicts, 1)],
        keystores=[keystore_page(kept) for kept in summaries(diagnosis)], nothing=NOTHING_FOUND,
        summary=summary(verdicts), folded=len(verdicts) > FOLDED, beginning=short.beginning,
        footer=footer(diagnosis), problems=[str(p) for p in diagnosis.counters.problems],
        files=diagnosis.evidence.files, style=Markup(style), script=Markup(script),  # noqa: S704 (our own files)
        style_hash=_digest(style), script_hash=_digest(script),
    )  # fmt: skip


def _read(name: str) -> str:
    return files("logscan._render").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _case(number: int, verdict: Verdict) -> dict[str, Any]:
    from markupsafe import Markup

    connection, best, listed = verdict.facts.connection, verdict.leading, is_open_list(verdict)
    return {
        "number": number, "verdict": verdict, "place": place_of(verdict), "amount": amount_of(verdict),
        "words": verdict_words(verdict), "mark": mark_of(verdict), "kind": mark_of(verdict).lower(),
        "leading": () if listed else best,
        "others": [("Possible causes", best), *others(verdict)] if listed else others(verdict),
        "usual": likelihoods(verdict.facts, verdict.findings) if listed else (),
        "contradictions": verdict.contradictions,
        "path": verdict.path, "path_heading": path_heading(verdict),
        "evidence": by_file(verdict.chain),
        # Made of escaped parts by our own renderer.
        "svg": Markup(sequence.as_svg(connection)) if connection else None,  # noqa: S704
    }  # fmt: skip


def summary(verdicts: Iterable[Verdict]) -> str:
    """How many cases are decided."""
    marks = [mark_of(verdict) for verdict in verdicts]
    words = {"Certain": "certain", "Likely": "likely", "Open": "not decided", "Fine": "without a fault"}
    parts = [f"{marks.count(mark):,} {words[mark]}" for mark in ORDER if mark in marks]
    return ", ".join([counted(len(marks), "case"), *parts])
