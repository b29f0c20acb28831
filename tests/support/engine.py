"""The engine's inner functions over paths, for tests that look below the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from logscan._entries.layouts import Layout
from logscan._jobs._counting import failures_of
from logscan._jobs._spans import inputs_of, spans_of_inputs
from logscan._scanning.needles import Finder
from logscan._scanning.plan import Limits
from logscan._scanning.spans import Scan
from logscan.values import Counters, FailedHandshake, Span


def scan(
    paths: Sequence[str], counters: Counters, limits: Limits = Limits(), **more: Any
) -> Iterator[list[FailedHandshake]]:
    """The failed handshakes of each message that has any."""
    return failures_of(inputs_of(paths, counters), counters, limits=limits, **more)


def blocks(
    paths: Sequence[str],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits = Limits(),
) -> Iterator[list[Span]]:
    """The spans of some paths, block by block."""
    return spans_of_inputs(inputs_of(paths, counters), Scan(finder_of, counters, limits))
