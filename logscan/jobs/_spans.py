"""Reading: all spans of some paths, in the order of the log. What batch verbs begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from logscan.entries.layouts import PLAIN, Layout, begins_entry, layout_of
from logscan.reading.buffer import BlockReader
from logscan.reading.paths import Stream
from logscan.scanning.needles import Finder
from logscan.scanning.plan import LAYOUT_SAMPLE, Limits, Progress, layout_at, no_entries, parts_of
from logscan.scanning.scanner import Scanner
from logscan.scanning.time_slices import Part
from logscan.scanning.units import Plan, scan_units, units_of, worth_while
from logscan.store.scan import OfStore, scanned_text, spans_of, stores_among
from logscan.times import TimeRange
from logscan.values import Counters, Span

Instead = Callable[[list[Part], Callable[[list[Part]], Iterator[list[Span]]]], Iterator[list[Span]]]
"""Spans of parts of streams, by an index or on a cluster; takes what scans the parts of which it knows
nothing."""


def blocks(
    paths: Sequence[str],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    count_lines: bool = False,
    times: TimeRange = TimeRange(None, None, None),
    of_store: OfStore | None = None,
    instead: Instead | None = None,
) -> Iterator[list[Span]]:
    """The spans of all paths, block by block, in the order of the log; those of stores first.

    With ``times`` what cannot hold entries of that range is not read; more than it is.

    Args:
        of_store: gives the same spans of a store by shorter ways; without it its text is read like files.
        instead: gives the same spans of files by other ways; takes what scans those that have none.

    Raises:
        NoLogsError: no path gave anything to read.
        InputError: a store is damaged or of another version.
    """
    folders, paths = stores_among(paths)

    def of_streams(streams: Sequence[Stream]) -> Iterator[list[Span]]:
        parts = [Part(stream) for stream in streams]
        return _in_turn(parts, finder_of, counters, limits, progress, count_lines)

    for folder in folders:
        if of_store is None:
            yield from scanned_text(folder, of_streams, counters)
        else:
            yield from spans_of(folder, of_store, counters)
    if folders and not paths:
        return
    parts = parts_of(paths, counters, times)

    def scan(parts: list[Part]) -> Iterator[list[Span]]:
        if not count_lines and worth_while([part.stream for part in parts], limits.workers):
            yield from _shared_out(parts, finder_of, counters, limits, progress)
        else:
            yield from _in_turn(parts, finder_of, counters, limits, progress, count_lines)

    yield from scan(parts) if instead is None else instead(parts, scan)


def _in_turn(
    parts: Sequence[Part],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits,
    progress: Progress | None,
    count_lines: bool,
) -> Iterator[list[Span]]:
    """The spans of streams, in this thread."""

    def scanner_of(layout: Layout) -> Scanner:
        return Scanner(finder_of(layout), layout, counters, limits.max_entry, count_lines)

    for _, spans in scanned(parts, scanner_of, counters, limits, progress, count_lines):
        yield spans


def scanned(
    parts: Sequence[Part],
    scanner_of: Callable[[Layout], Scanner],
    counters: Counters,
    limits: Limits,
    progress: Progress | None = None,
    count_lines: bool = False,
) -> Iterator[tuple[Layout, list[Span]]]:
    """What scanners give of streams, one after the other in this thread, with each stream's layout."""
    for part in parts:
        rest: Stream = part.stream
        start, headless = part.start, part.headless
        while rest:
            stop = None if part.stop is None else (len(rest) - 1, part.stop)
            # One byte earlier: it tells whether a line begins at the start.
            reader = BlockReader(
                rest, counters, limits.max_entry, begins_entry, count_lines, limits.block,
                (0, max(0, start - 1)), stop, limits.forget,
            )  # fmt: skip
            try:
                yield from _read(
                    reader, scanner_of, counters, limits, progress, part.layout, headless, start > 0
                )
            finally:
                reader.close()
            rest = reader.remaining
            start, headless = 0, False


def _shared_out(
    parts: list[Part],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits,
    progress: Progress | None,
) -> Iterator[list[Span]]:
    """The same through several workers."""
    units = [unit for part in parts for unit in units_of(part, part.layout or layout_at(part.stream[0].path))]
    plan = Plan(limits.max_entry, limits.block, limits.forget)
    ended = iter(parts)
    begun = counters.bytes
    for done in scan_units(units, plan, finder_of, limits.workers, counters):
        yield done.spans
        if done.stream_has_entries is not None:
            part = next(ended)
            if not done.stream_has_entries and counters.bytes > begun:
                counters.problems.append(no_entries(part.stream[-1].path, counters.bytes - begun))
            begun = counters.bytes
        if progress:
            progress(counters)


def _read(
    reader: BlockReader,
    scanner_of: Callable[[Layout], Scanner],
    counters: Counters,
    limits: Limits,
    progress: Progress | None,
    layout: Layout | None,
    headless: bool,
    mid_line: bool,
) -> Iterator[tuple[Layout, list[Span]]]:
    begun = counters.bytes
    while reader.end < min(LAYOUT_SAMPLE, limits.block) and reader.fill():
        pass  # a pipe gives a little at a time
    if layout is None:
        layout = layout_of(reader.buffer[: min(reader.end, LAYOUT_SAMPLE)]) if reader.end else PLAIN
    scanner = scanner_of(layout)
    if headless:
        scanner.inherit(mid_line)
    for spans in scanner.scan(reader):
        yield layout, spans
        if progress:
            progress(counters)
    if progress:
        progress(counters)
    if not scanner.seen_entry and counters.bytes > begun:
        counters.problems.append(no_entries(reader.path, counters.bytes - begun))
