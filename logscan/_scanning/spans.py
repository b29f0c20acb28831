"""What is looked for in streams, and who gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from logscan._entries.layouts import Layout
from logscan._scanning.needles import Finder
from logscan._scanning.plan import Limits, Progress
from logscan._scanning.time_slices import StreamSlice
from logscan.values import Counters, Span

if TYPE_CHECKING:  # a search by message ids alone does without
    from logscan._scanning.conditions import Conditions


class SpanSource(Protocol):
    """Gives the spans of streams: by scanning them, through an index, on a cluster."""

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of slices of streams, in the order of the log."""
        ...


@dataclass(frozen=True, slots=True)
class Scan:
    """What is looked for in streams, how they are read, and what takes the counts."""

    finder_of: Callable[[Layout], Finder]
    """Makes what finds the entries that matter."""
    counters: Counters
    limits: Limits = Limits()
    progress: Progress | None = None
    count_lines: bool = False
    """Give each span its line number, and count lines."""
    is_broad: bool = False
    """Whether most entries may matter: to pass them between processes would cost more than to find them."""
    conditions: Conditions | None = None
    """What each entry must fulfil; it is judged where it is found."""
