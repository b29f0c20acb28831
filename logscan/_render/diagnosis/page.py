"""Verdicts as one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from logscan._diagnosis.causes import PROVEN
from logscan._diagnosis.result import Diagnosis
from logscan._diagnosis.verdict import CERTAIN, FINE, INFERRED, OPEN, Verdict
from logscan._render.diagnosis import sequence
from logscan._render.diagnosis.words import amount_of, footer, place_of, verdict_words
from logscan._render.text import counted
from logscan.shown import safe

ORDER = (CERTAIN, INFERRED, OPEN, FINE)
"""Decided cases come first."""
FOLDED = 12
"""With more cases than these, undecided ones are closed until they are asked for."""
SHORTEST = 8
"""Characters that a common beginning of paths must have to be named once."""


def as_html(diagnosis: Diagnosis) -> str:
    """One self-contained page: no request, a script for its buttons only, all evidence escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    beginning = common_beginning(diagnosis.evidence.files)
    begins = re.compile(r"(?<![\w./-])" + re.escape(beginning))

    def short(text: str) -> str:
        return safe(begins.sub("", text) if beginning else text)

    environment.filters |= {"safe_text": safe, "short": short}
    verdicts = sorted(diagnosis.verdicts, key=lambda verdict: ORDER.index(verdict.certainty))
    script = _read("diagnosis.js").strip()
    style = _read("common.css") + _read("diagnosis.css")
    return environment.from_string(_read("diagnosis.html")).render(
        cases=[_case(number, verdict) for number, verdict in enumerate(verdicts, 1)],
        summary=summary(verdicts), folded=len(verdicts) > FOLDED, beginning=beginning,
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

    connection = verdict.facts.connection
    return {
        "number": number, "verdict": verdict, "place": place_of(verdict), "amount": amount_of(verdict),
        "words": verdict_words(verdict),
        "kind": "fine" if verdict.certainty == FINE else "decided" if verdict.certainty != OPEN else "open",
        "proven": all(f.state == PROVEN for f in verdict.findings) and bool(verdict.findings),
        # Made of escaped parts by our own renderer.
        "svg": Markup(sequence.as_svg(connection)) if connection else None,  # noqa: S704
    }  # fmt: skip


def summary(verdicts: Iterable[Verdict]) -> str:
    """How many cases are decided."""
    kinds = [verdict.certainty for verdict in verdicts]
    decided = sum(kind in (CERTAIN, INFERRED) for kind in kinds)
    parts = [counted(len(kinds), "case"), f"{decided:,} decided"]
    for kind, words in ((OPEN, "not decided"), (FINE, "without a fault")):
        if kind in kinds:
            parts.append(f"{kinds.count(kind):,} {words}")
    return ", ".join(parts)


def common_beginning(paths: Iterable[str]) -> str:
    """The folders that all paths begin with, and the slash after them; empty where that saves little."""
    folders = [os.path.dirname(path) for path in paths if not path.startswith("http")]
    if len(folders) < 2 or len({folder.startswith("/") for folder in folders}) > 1:
        return ""
    beginning = os.path.commonpath(folders)
    return beginning + "/" if len(beginning) >= SHORTEST else ""
