"""No text takes more than linear time: every expression of the package on texts made against it.

Processor time is compared between sizes, the best of some tries, with a wide margin: a busy machine cannot
make these tests fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from zlib import crc32

import pytest

from support.expressions import Expression, expressions, texts_for
from support.profiles import sampled

SIZES = (16 << 10, 64 << 10, 256 << 10)
CERTAIN = 0.004
"""Seconds for 64 KiB below which no growth but the linear is possible: a quadratic one takes ten times that."""
ENOUGH = 0.1
"""Seconds for 256 KiB that are always good."""
MARGIN = 10
"""Growth from 64 to 256 KiB: linear is 4, quadratic 16."""
MOST_TEXTS = 5
"""Texts made of one expression; the thorough run takes all."""
OWN_TESTS = ("logscan._support.redact",)
"""Modules whose expressions have a test of their own."""

COMMON = (
    ("", " ", "\1"), ("", "a.", "\1"), ("", "a", "\1"), ("", "\0", "\1"), ("", "9", "\1"), ("", "\n", "\1"),
    ("", "a\n", "\1"), ("", "a.b\n", "\1"), ("", "[", "\1"), ("", "org:a ", "\1"), ("", "ERROR ", "\1"),
    ("", "javax.net.ssl.SSL", "\1"), ("", "ClientChannel[", "\1"), ("", "2026-11-23 02:14:07,640 ", "\1"),
)  # fmt: skip

GROUPS = 48
"""Parts of all expressions, one a test: they are looked for when the first one runs, not by each process that collects."""


@cache
def found() -> list[Expression]:
    """All expressions but those that have a test of their own."""
    return [each for each in expressions() if not each.where.startswith(OWN_TESTS)]


def runs(expression: Expression) -> list[Callable[[Any], object]]:
    """How an expression is used."""
    pattern, made = expression.pattern, list[Callable[[Any], object]]()
    for use in expression.uses:
        if use in ("search", "match", "fullmatch"):
            made.append(getattr(pattern, use))
        elif use == "sub":
            made.append(lambda text: pattern.sub(text[:0], text))
        else:
            made.append(lambda text: sum(1 for _ in pattern.finditer(text)))
    return made


def seconds(run: Callable[[Any], object], text: Any, tries: int = 1) -> float:
    best = float("inf")
    for _ in range(tries):
        begun = time.process_time()
        run(text)
        best = min(best, time.process_time() - begun)
    return best


def make(expression: Expression, parts: tuple[str, str, str], size: int) -> Any:
    """A text of some size: what stands before, what is repeated, and what stands after."""
    before, repeated, after = parts
    text = before + repeated * (size // len(repeated)) + after
    return text if isinstance(expression.pattern.pattern, str) else text.encode("latin-1", "replace")


def grows(run: Callable[[Any], object], make: Callable[[int], Any]) -> str | None:
    """What is wrong with the growth of a run's time; ``None``: it is linear."""
    if (small := seconds(run, make(4 << 10))) > 0.3:
        return f"{small:.2f} s for 4 KiB"
    middle = seconds(run, make(SIZES[1]))
    if middle < CERTAIN or (middle < ENOUGH and seconds(run, make(SIZES[2])) < 2 * ENOUGH):
        return None
    times = [seconds(run, make(size), tries=2) for size in SIZES[:2]]
    if times[1] > 2:
        return f"{times[0]:.3f}, {times[1]:.3f} s for 16, 64 KiB"
    times.append(seconds(run, make(SIZES[2]), tries=2))
    if times[2] < ENOUGH or times[2] < MARGIN * max(times[1], 0.005):
        return None
    return ", ".join(f"{each:.3f}" for each in times) + " s for 16, 64, 256 KiB"


def test_all_are_found() -> None:
    """The walk finds expressions of each kind: of a module, of a table, written where used, and made."""
    names = " ".join(each.where for each in found())
    for name in (".HEADER", "catalog._COMPILED", "PLAIN.opener", "api_answers:", "learned from"):
        assert name in names
    assert len(found()) > 100


@pytest.mark.parametrize("group", sampled(list(range(GROUPS)), 2))
def test_expressions_are_linear(group: int, request: pytest.FixtureRequest) -> None:
    """H1, H2: no expression costs more than linear time, whatever the text."""
    own = [each for each in found() if crc32(repr(each.pattern.pattern).encode()) % GROUPS == group]
    for expression in own:
        texts = texts_for(expression)
        step = 1 if request.config.getoption("thorough") else 1 + len(texts) // MOST_TEXTS
        for text in (*texts[::step], *COMMON):
            for run in runs(expression):
                wrong = grows(run, partial(make, expression, text))
                assert wrong is None, f"{expression.where}: {text[0]!r} + {text[1]!r}… + {text[2]!r}: {wrong}"
