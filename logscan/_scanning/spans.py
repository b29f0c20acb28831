"""The spans of streams, in the order of the log: by threads where that pays, else in this thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from logscan._entries.layouts import PLAIN, Layout, begins_entry
from logscan._entries.openers import layout_of
from logscan._reading.buffer import BlockReader
from logscan._reading.paths import Stream
from logscan._reading.probe import SAMPLE
from logscan._scanning.needles import Finder
from logscan._scanning.plan import Limits, Progress, no_entries
from logscan._scanning.scanner import Scanner
from logscan._scanning.time_slices import StreamSlice
from logscan._scanning.units import Plan, scan_units, units_of, worth_while
from logscan.values import Counters, Span


class SpanSource(Protocol):
    """Gives the spans of streams: by scanning them, through an index, on a cluster."""

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of slices of streams, in the order of the log."""
        ...


@dataclass(frozen=True, slots=True)
class Scan:
    """How streams are scanned, and what takes the counts."""

    finder_of: Callable[[Layout], Finder]
    """Makes what finds the entries that matter."""
    counters: Counters
    limits: Limits = Limits()
    progress: Progress | None = None
    count_lines: bool = False
    """Give each span its line number, and count lines."""

    def spans(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """See :class:`SpanSource`."""
        if not self.count_lines and worth_while([part.stream for part in slices], self.limits.workers):
            return self._by_threads(slices)
        return self.in_turn(slices)

    def in_turn(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of streams, in this thread."""

        def scanner_of(layout: Layout) -> Scanner:
            return Scanner(
                self.finder_of(layout), layout, self.counters, self.limits.max_entry, lines=self.count_lines
            )

        for _, spans in self.scanned(slices, scanner_of):
            yield spans

    def scanned(
        self, slices: Sequence[StreamSlice], scanner_of: Callable[[Layout], Scanner]
    ) -> Iterator[tuple[Layout, list[Span]]]:
        """What scanners give of streams, one after the other in this thread, with each stream's layout."""
        for part in slices:
            files: Stream = part.stream
            while files:
                reader = self._reader(part, files)
                try:
                    yield from self._read(reader, scanner_of, part)
                finally:
                    reader.close()
                files = reader.remaining
                part = part._replace(start=0, headless=False)

    def _reader(self, part: StreamSlice, files: Stream) -> BlockReader:
        return BlockReader(
            files,
            self.counters,
            self.limits.max_entry,
            begins_entry,
            count_lines=self.count_lines,
            block=self.limits.block,
            # One byte earlier: it shows whether a line begins at the start.
            start=(0, max(0, part.start - 1)),
            stop=None if part.stop is None else (len(files) - 1, part.stop),
            forget=self.limits.forget,
        )

    def _read(
        self, reader: BlockReader, scanner_of: Callable[[Layout], Scanner], part: StreamSlice
    ) -> Iterator[tuple[Layout, list[Span]]]:
        begun = self.counters.bytes
        while reader.end < min(SAMPLE, self.limits.block) and reader.fill():
            pass  # a pipe gives a little at a time
        layout = part.layout
        if layout is None:
            layout = layout_of(reader.buffer[: min(reader.end, SAMPLE)]) if reader.end else PLAIN
        scanner = scanner_of(layout)
        if part.headless:
            scanner.inherit(part.start > 0)
        for spans in scanner.scan(reader):
            yield layout, spans
            self._report_progress()
        self._report_progress()
        if not scanner.seen_entry and self.counters.bytes > begun:
            self.counters.problems.append(no_entries(reader.path, self.counters.bytes - begun))

    def _by_threads(self, slices: Sequence[StreamSlice]) -> Iterator[list[Span]]:
        """The spans of streams, by several threads."""
        counters = self.counters
        units = [unit for part in slices for unit in units_of(part)]
        plan = Plan(self.limits.max_entry, self.limits.block, self.limits.forget)
        ended = iter(slices)
        begun = counters.bytes
        for scanned in scan_units(units, plan, self.finder_of, self.limits.workers, counters):
            yield scanned.spans
            if scanned.stream_has_entries is not None:
                part = next(ended)
                if not scanned.stream_has_entries and counters.bytes > begun:
                    counters.problems.append(no_entries(part.stream[-1].path, counters.bytes - begun))
                begun = counters.bytes
            self._report_progress()

    def _report_progress(self) -> None:
        if self.progress is not None:
            self.progress(self.counters)
