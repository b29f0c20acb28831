"""Reading: all spans of some paths, in the order of the log. What batch verbs begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from logscan.blocks import BLOCK, BlockReader
from logscan.entries import PLAIN, Layout, begins_entry, layout_of, parse
from logscan.finders import EveryEntryFinder, Finder
from logscan.messages import DEFAULT_WINDOW
from logscan.models import Counters, Entry, Problem, Span
from logscan.scanner import DEFAULT_MAX_ENTRY, Scanner
from logscan.sources import Stream, discover

Progress = Callable[[Counters], None]
"""Called now and then while a run goes on."""
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


def blocks(
    paths: Sequence[str],
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    count_lines: bool = False,
) -> Iterator[list[Span]]:
    """The spans of all paths, block by block, in the order of the log."""
    for stream in discover(paths, counters.problems):
        rest: Stream = stream
        while rest:
            reader = BlockReader(rest, counters, limits.max_entry, begins_entry, count_lines, limits.block)
            try:
                yield from _read(reader, finder_of, counters, limits, progress, count_lines)
            finally:
                reader.close()
            rest = reader.remaining


def _read(
    reader: BlockReader,
    finder_of: Callable[[Layout], Finder],
    counters: Counters,
    limits: Limits,
    progress: Progress | None,
    count_lines: bool,
) -> Iterator[list[Span]]:
    begun = counters.bytes
    while reader.end < min(LAYOUT_SAMPLE, limits.block) and reader.fill():
        pass  # a pipe gives a little at a time
    layout = layout_of(reader.buffer[: min(reader.end, LAYOUT_SAMPLE)]) if reader.end else PLAIN
    scanner = Scanner(finder_of(layout), layout, counters, limits.max_entry, count_lines)
    for spans in scanner.scan(reader):
        yield spans
        if progress:
            progress(counters)
    if progress:
        progress(counters)
    if not scanner.seen_entry and counters.bytes > begun:
        counters.problems.append(
            Problem(
                reader.path,
                f"no entry of a Message Processor's log in its {counters.bytes - begun:,} bytes",
                "is it another kind of file?",
                fatal=False,
            )
        )


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
