"""The spans of streams, scanned by whoever is fastest: a source for searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logscan._distribute.executors import Executor, Inline, executor_for
from logscan._distribute.run_units import UnitRun, Work, text_size, unit_count
from logscan._entries.layouts import Layout
from logscan._scanning.needles import EveryEntryFinder, Finder
from logscan._scanning.scanner import Scanner
from logscan._scanning.spans import Scan
from logscan._scanning.time_slices import StreamSlice
from logscan.values import Counters, Span

if TYPE_CHECKING:  # a search by message ids alone does without
    from logscan._scanning.conditions import Conditions, Judge

CHEAPER = 4
"""Times that a byte costs less to search than to count: so many more bytes pay for other processes."""


@dataclass(frozen=True)
class SpanTask:
    """Gives the spans of units: see :class:`logscan._distribute.run_units.Task`."""

    finder_of: Callable[[Layout], Finder]
    lines: bool = False
    conditions: Conditions | None = None

    def made(self, *, is_first: bool, is_last: bool, counters: Counters) -> Work:  # noqa: ARG002
        """Begin with a unit: nothing is kept of it."""
        if self.conditions is None:
            return self
        from logscan._scanning.conditions import Judge

        return _JudgedSpans(self, Judge(self.conditions, counters))

    def scanner(self, layout: Layout, counters: Counters, *more: Any, **options: Any) -> Scanner:
        """See :class:`logscan._distribute.run_units.Work`."""
        return Scanner(self.finder_of(layout), layout, counters, *more, lines=self.lines, **options)

    def take(self, spans: list[Span], layout: Layout) -> Iterator[list[Span]]:  # noqa: ARG002
        """See :class:`logscan._distribute.run_units.Work`."""
        if spans:
            yield spans

    def end(self) -> Iterator[list[Span]]:
        """See :class:`logscan._distribute.run_units.Work`."""
        yield from ()


class _JudgedSpans:
    """Gives the spans of a unit that fulfil conditions: see :class:`logscan._distribute.run_units.Work`."""

    def __init__(self, task: SpanTask, judge: Judge) -> None:
        self._judge = judge
        self.scanner = task.scanner
        self.end = task.end

    def take(self, spans: list[Span], layout: Layout) -> Iterator[list[Span]]:
        """The spans of a block that fulfil them."""
        holds, header = self._judge.holds, layout.header
        held = [span for span in spans if holds(span, header)]
        if held:
            yield held


@dataclass(frozen=True)
class ScannedSpans:
    """Scans streams: see :class:`logscan._scanning.spans.SpanSource`."""

    scan: Scan
    executor: Executor | None = None
    """Who scans; by default who is fastest on this machine."""

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of slices of streams, in the order of the log."""
        if self.executor is not None:
            yield from self._by(self.executor, slices, remote=True)
            return
        scan = self.scan
        workers = 1 if scan.count_lines or scan.is_broad else scan.limits.workers
        size = text_size(slices) // (1 if scan.finder_of is EveryEntryFinder else CHEAPER)
        with executor_for(workers, unit_count(slices, workers), size) as executor:
            yield from self._by(executor, slices)

    def in_turn(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The same, scanned in this process."""
        yield from self._by(Inline(), slices)

    def _by(
        self, executor: Executor, slices: Sequence[StreamSlice], *, remote: bool = False
    ) -> Iterator[list[Span]]:
        scan = self.scan
        run = UnitRun(
            executor, SpanTask(scan.finder_of, scan.count_lines, scan.conditions), slices,
            limits=scan.limits, counters=scan.counters, progress=scan.progress, lines=scan.count_lines,
            remote=remote,
        )  # fmt: skip
        yield from run.pieces()
