"""The engine's inner functions over paths, for tests that look below the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from logscan._entries.layouts import Layout
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import CountRequest
from logscan._jobs._counting import failures_of
from logscan._jobs._spans import inputs_of, spans_of_inputs
from logscan._scanning.needles import Finder
from logscan._scanning.plan import Limits
from logscan._scanning.spans import Scan
from logscan.values import Counters, FailedHandshake, Span

EVERY_ALERT = Selection(family=None)


def scan(
    paths: Sequence[str], counters: Counters, limits: Limits = Limits(), **more: Any
) -> Iterator[FailedHandshake]:
    """All failed handshakes."""
    more.setdefault("host_of", HostNames())
    request = CountRequest(more.pop("selection", EVERY_ALERT), (), datetime.max, **more)
    return failures_of(inputs_of(paths, counters), request, counters, limits=limits)


def blocks(
    paths: Sequence[str],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits = Limits(),
) -> Iterator[list[Span]]:
    """The spans of some paths, block by block."""
    return spans_of_inputs(inputs_of(paths, counters), Scan(finder_of, counters, limits))
