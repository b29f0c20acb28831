"""Verdicts as one self-contained page."""

from __future__ import annotations

from importlib.resources import files

from logscan._diagnosis.causes import PROVEN
from logscan._diagnosis.result import Diagnosis
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.words import amount_of, footer, place_of, verdict_words
from logscan.shown import safe


def as_html(diagnosis: Diagnosis) -> str:
    """One self-contained page: no script, no request, everything from the evidence escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    source = files("logscan._render").joinpath("templates/diagnosis.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["safe_text"] = safe
    cases = [
        {
            "verdict": verdict, "place": place_of(verdict), "amount": amount_of(verdict),
            "words": verdict_words(verdict),
            "proven": all(f.state == PROVEN for f in verdict.findings) and bool(verdict.findings),
            # Made of escaped parts by our own renderer.
            "svg": Markup(sequence.as_svg(verdict.facts.connection)) if verdict.facts.connection else None,  # noqa: S704
        }
        for verdict in diagnosis.verdicts
    ]  # fmt: skip
    return environment.from_string(source).render(
        cases=cases, footer=footer(diagnosis), problems=[str(p) for p in diagnosis.counters.problems],
        files=diagnosis.evidence.files,
    )  # fmt: skip
