"""Following: one live file with its scanner: the spans that have become whole."""

from __future__ import annotations

import time
from collections.abc import Iterator

from logscan.entries.openers import layout_of
from logscan.failures import catalog
from logscan.live.followed_file import FollowedFile
from logscan.reading.fingerprint import Mark
from logscan.reading.probe import SAMPLE
from logscan.scanning.needles import EveryEntryFinder, finder_for
from logscan.scanning.plan import Limits
from logscan.scanning.scanner import Scanner
from logscan.values import Counters, Span

AT_ONCE = 8
"""Blocks read of one file before the others have their turn."""


class Follower:
    """A followed file with its scanner."""

    def __init__(
        self,
        file: FollowedFile,
        entries: bool,
        counters: Counters,
        limits: Limits,
        neighbours: bool,
        mark: Mark | None,
    ) -> None:
        self.file = file
        self.given = mark
        self.busy = False
        self.flushed = True
        """Whether everything that was read has been given on."""
        self.level = time.monotonic()
        """When all that was there had been read."""
        self._entries = entries
        self._counters = counters
        self._limits = limits
        self._neighbours = neighbours
        self._scanner: Scanner | None = None
        self._last = 0.0

    def look(self, quiet: float) -> Iterator[list[Span]]:
        """The spans that have become whole, a block at a time."""
        self.busy = False
        for _ in range(AT_ONCE):
            count = self.file.poll()
            if count:
                self.busy = True
                self.flushed = False
                self._last = time.monotonic()
                spans = self._scan().feed(self.file, final=False)
            elif self.file.restarted:
                self.busy = True
                spans = self._scanner.restart(self.file) if self._scanner else []
                self.file.resume()
            else:
                self.level = time.monotonic()
                break
            if spans:
                yield spans
        if not self.busy and not self.flushed and time.monotonic() - self._last >= quiet:
            spans = self._scan().flush(self.file)
            # A line that is not whole yet waits in the buffer, and costs no look.
            self.flushed = True
            if spans:
                yield spans

    def finish(self) -> list[Span]:
        """What is left when following ends."""
        return self._scan().restart(self.file) if self.file.end else []

    def oldest(self) -> tuple[int, int] | None:
        """Number and offset of the first byte that was not given on."""
        begun = self._scanner.begun if self._scanner else None
        return (begun.file, begun.offset) if begun else self.file.oldest()

    def _scan(self) -> Scanner:
        if self._scanner is None:
            layout = layout_of(self.file.buffer[: min(self.file.end, SAMPLE)])
            needles = catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if self._neighbours else ())
            finder = EveryEntryFinder(layout) if self._entries else finder_for(needles, rare=True)
            self._scanner = Scanner(
                finder, layout, self._counters, self._limits.max_entry,
                lines=self._entries, mid_line=not self.file.at_line_start,
            )  # fmt: skip
        return self._scanner
