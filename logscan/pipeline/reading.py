"""Reading: all spans of some paths, in the order of the log. What batch verbs begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from logscan.blocks import BLOCK, BlockReader
from logscan.copies import without_copies
from logscan.entries import PLAIN, Layout, begins_entry, layout_of, parse
from logscan.finders import EveryEntryFinder, Finder
from logscan.messages import DEFAULT_WINDOW
from logscan.models import Counters, Entry, Problem, Span
from logscan.pipeline.stored import OfStore, scanned_text, spans_of, stores_among
from logscan.scanner import DEFAULT_MAX_ENTRY, Scanner
from logscan.skipping import Part, part_of
from logscan.sources import Stream, discover, first_bytes
from logscan.timerange import TimeRange
from logscan.workers import Plan, scan_units, units_of, worth_while

Progress = Callable[[Counters], None]
"""Called now and then while a run goes on."""
Instead = Callable[[list[Part], Callable[[list[Part]], Iterator[list[Span]]]], Iterator[list[Span]]]
"""Spans of parts of streams, by an index or on a cluster; takes what scans the parts of which it knows
nothing."""
LAYOUT_SAMPLE = 1 << 16
"""Bytes at a stream's beginning by which its layout is judged."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run. Each has an option and a counter."""

    window: int = DEFAULT_WINDOW
    """Messages open at once."""
    max_entry: int = DEFAULT_MAX_ENTRY
    """Bytes kept of one entry."""
    block: int = BLOCK
    """Bytes read at once."""
    workers: int = 2
    """Threads that scan at the same time."""
    forget: bool = False
    """Tell the kernel that what was read is not needed again, so that it keeps what others need."""


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


def parts_of(paths: Sequence[str], counters: Counters, times: TimeRange) -> list[Part]:
    """What must be read of some paths for a time range, stream by stream.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    streams = without_copies(discover(paths, counters.problems), counters)
    parts = [part_of(stream, times) for stream in streams]
    for part in parts:
        counters.skipped_files += part.skipped_files
        counters.skipped_bytes += part.skipped_bytes
        counters.files += part.start > 0  # a reader counts those that it begins at their first byte
    return parts


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


def layout_at(path: str) -> Layout:
    """The layout of a stream, by the beginning of its first file."""
    return layout_of(first_bytes(path, LAYOUT_SAMPLE))


def no_entries(path: str, size: int) -> Problem:
    """Says that a file holds nothing of what is looked for."""
    return Problem(
        path,
        f"no entry of a Message Processor's log in its {size:,} bytes",
        "is it another kind of file?",
        fatal=False,
    )


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


def read_entries(
    paths: str | Sequence[str], counters: Counters | None = None, limits: Limits = Limits()
) -> Iterator[Entry]:
    """Every entry of the logs, understood, in their order.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    counters = counters or Counters()
    for spans in blocks(as_paths(paths), EveryEntryFinder, counters, limits):
        for span in spans:
            yield parse(span, counters)


def as_paths(paths: str | Sequence[str]) -> Sequence[str]:
    """One path or several, as several."""
    return (paths,) if isinstance(paths, str) else paths
