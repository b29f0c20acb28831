"""The entries of one growing input, as soon as they are whole."""

from __future__ import annotations

from collections.abc import Iterator

from logscan._entries.openers import layout_of
from logscan._failures.count_unit import needles_of
from logscan._live.followed_input import FollowedInput
from logscan._live.options import FollowOptions
from logscan._reading.probe import SAMPLE
from logscan._scanning.needles import EveryEntryFinder
from logscan._scanning.scanner import Scanner
from logscan.values import Counters, Span

AT_ONCE = 8
"""Blocks read of one input before the others have their turn."""


class LiveScanner:
    """A growing input with its scanner.

    Attributes:
        is_busy: whether the last look found something new.
        is_flushed: whether everything that was read was given.
    """

    def __init__(self, source: FollowedInput, counters: Counters, options: FollowOptions) -> None:
        self.source = source
        self.is_busy = False
        self.is_flushed = True
        self._counters = counters
        self._options = options
        self._scanner: Scanner | None = None
        self._last_read = 0.0

    def look(self) -> Iterator[list[Span]]:
        """The spans that have become whole, a block at a time."""
        clock = self._options.clock
        self.is_busy = False
        for _ in range(AT_ONCE):
            if self.source.poll():
                self.is_busy = True
                self.is_flushed = False
                self._last_read = clock.monotonic()
                spans = self._scan().feed(self.source, final=False)
            elif self.source.restarted:
                self.is_busy = True
                spans = self._scanner.restart(self.source) if self._scanner else []
                self.source.resume()
            else:
                break
            if spans:
                yield spans
        is_quiet = clock.monotonic() - self._last_read >= self._options.quiet_time
        if not self.is_busy and not self.is_flushed and is_quiet:
            spans = self._scan().flush(self.source)
            # A line that is not whole yet waits in the buffer, and costs no look.
            self.is_flushed = True
            self.source.shrink()
            if spans:
                yield spans

    def drain(self) -> list[Span]:
        """What is left when following ends."""
        return self._scan().restart(self.source) if self.source.end else []

    def oldest(self) -> tuple[int, int] | None:
        """Number and offset of the first byte that was not given."""
        begun = self._scanner.begun if self._scanner else None
        return (begun.file, begun.offset) if begun else self.source.oldest()

    def _scan(self) -> Scanner:
        if self._scanner is None:
            options, source = self._options, self.source
            layout = layout_of(source.buffer[: min(source.end, SAMPLE)])
            finder_of = EveryEntryFinder if options.entries else needles_of(options.neighbours)
            self._scanner = Scanner(
                finder_of(layout), layout, self._counters, max_entry=options.max_entry_bytes,
                lines=options.entries, mid_line=not source.at_line_start,
            )  # fmt: skip
        return self._scanner
