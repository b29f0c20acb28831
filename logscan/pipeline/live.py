"""Live: failed handshakes, or all entries, of logs that are being written."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from logscan import catalog
from logscan.entries import layout_of, parse
from logscan.errors import NoLogsError
from logscan.finders import EveryEntryFinder, finder_for
from logscan.follow import FollowedFile
from logscan.handshakes import Joiner
from logscan.messages import MessageWindow
from logscan.models import Counters, FailedHandshake, Message, Problem, Span
from logscan.pipeline.reading import LAYOUT_SAMPLE, Limits
from logscan.pipeline.selection import HostNames
from logscan.scanner import Scanner
from logscan.sources import STDIN, discover

RESTING = 5.0
"""Seconds without a new line in any file after which it is looked at less often."""


@dataclass(frozen=True, slots=True)
class Live:
    """How a live file is followed. Times in seconds."""

    poll: float = 0.1
    """Between two looks at a quiet file."""
    rest: float = 0.25
    """Between two looks once nothing has been written for :data:`RESTING` seconds."""
    quiet: float = 0.2
    """After this long without a new line an entry, and a message, are taken as whole."""


class Watched(NamedTuple):
    """What ``watch`` gives each time something happened (or nothing, for a look around)."""

    failures: list[FailedHandshake]
    spans: list[Span]
    """Every entry, when they were asked for."""


def watch(
    paths: Sequence[str],
    counters: Counters,
    entries: bool = False,
    from_start: bool = False,
    limits: Limits = Limits(),
    live: Live = Live(),
    host_of: Callable[[str], str] | None = None,
    neighbours: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Watched]:
    """Follow live files: failed handshakes as soon as their message has been quiet for a moment.

    Yields also when nothing happened (both lists empty), so that the caller can look around. Ends when
    ``stopped`` says so, or when all inputs have ended (standard input).

    Args:
        entries: give every entry instead of failed handshakes.
        from_start: begin with what is in the files already.

    Raises:
        NoLogsError: no path gave anything to follow.
    """
    watcher = _Watcher(
        _live_paths(paths, counters), counters, entries, from_start, limits, host_of, neighbours
    )
    wrote = time.monotonic()
    try:
        while not stopped():
            busy = False
            for follower in watcher.followers:
                spans = follower.look(time.monotonic(), live.quiet)
                busy = busy or follower.busy
                if spans:
                    yield watcher.take(spans)
            yield Watched(watcher.quiet(live.quiet, busy), [])
            if all(follower.file.ended for follower in watcher.followers):
                break
            now = time.monotonic()
            if busy:
                wrote = now
            else:
                time.sleep(live.poll if now - wrote < RESTING else max(live.poll, live.rest))
        yield watcher.finish()
    finally:
        for follower in watcher.followers:
            follower.file.close()


class _Watcher:
    """The stages behind the followed files, joined."""

    def __init__(
        self,
        paths: list[str],
        counters: Counters,
        entries: bool,
        from_start: bool,
        limits: Limits,
        host_of: Callable[[str], str] | None,
        neighbours: bool,
    ) -> None:
        self.followers = [
            _Follower(path, entries, from_start, counters, limits, neighbours) for path in paths
        ]
        self._counters = counters
        self._entries = entries
        self._joiner = Joiner(host_of or HostNames(), neighbours)
        self._window = MessageWindow(counters, limits.window)

    def take(self, spans: list[Span]) -> Watched:
        """What follows from some spans at once."""
        if self._entries:
            return Watched([], spans)
        done: list[Message] = []
        for span in spans:
            self._counters.candidates += 1
            done += self._window.feed(parse(span, self._counters), time.monotonic())
        return Watched(self._joined(done), [])

    def quiet(self, seconds: float, busy: bool) -> list[FailedHandshake]:
        """The failures of messages that have been quiet for so long."""
        failures = self._joined(self._window.release(time.monotonic() - seconds))
        if not busy and not len(self._window):
            failures += self._rest()
        return failures

    def finish(self) -> Watched:
        """What is left when following ends."""
        last = self.take([span for follower in self.followers for span in follower.finish()])
        return Watched(last.failures + self._joined(self._window.drain()) + self._rest(), last.spans)

    def _joined(self, messages: Iterable[Message]) -> list[FailedHandshake]:
        failures: list[FailedHandshake] = []
        for message in messages:
            failures += self._joiner.feed(message)
        self._counters.failures += len(failures)
        return failures

    def _rest(self) -> list[FailedHandshake]:
        failures = self._joiner.drain()
        self._counters.failures += len(failures)
        return failures


class _Follower:
    """A followed file with its scanner."""

    def __init__(
        self, path: str, entries: bool, from_start: bool, counters: Counters, limits: Limits,
        neighbours: bool,
    ) -> None:  # fmt: skip
        self.file = FollowedFile(path, counters, limits.max_entry, from_start, entries, limits.block)
        self.busy = False
        self._entries = entries
        self._counters = counters
        self._limits = limits
        self._neighbours = neighbours
        self._scanner: Scanner | None = None
        self._last = 0.0
        self._flushed = True

    def look(self, now: float, quiet: float) -> list[Span]:
        """The spans that have become whole."""
        count = self.file.poll()
        self.busy = count > 0
        if count:
            self._last = now
            self._flushed = False
            return self._scan().feed(self.file, final=False)
        if self.file.restarted:
            spans = self._scan().restart(self.file)
            self.file.resume()
            return spans
        if not self._flushed and now - self._last >= quiet:
            self._flushed = True
            return self._scan().flush(self.file)
        return []

    def finish(self) -> list[Span]:
        """What is left when following ends."""
        return self._scan().restart(self.file) if self.file.end else []

    def _scan(self) -> Scanner:
        if self._scanner is None:
            layout = layout_of(self.file.buffer[: min(self.file.end, LAYOUT_SAMPLE)])
            needles = catalog.NEEDLES + (catalog.NEIGHBOUR_NEEDLES if self._neighbours else ())
            finder = EveryEntryFinder(layout) if self._entries else finder_for(needles, rare=True)
            self._scanner = Scanner(
                finder, layout, self._counters, self._limits.max_entry, self._entries,
                not self.file.at_line_start,
            )  # fmt: skip
        return self._scanner


def _live_paths(paths: Sequence[str], counters: Counters) -> list[str]:
    """The paths to follow: of a rotated family only the file that is still written."""
    names: list[str] = []
    for path in paths:
        if path == STDIN or (not os.path.isdir(path) and not glob.has_magic(path)):
            names.append(path)
            continue
        for stream in discover([path], counters.problems):
            newest = stream[-1]
            if newest.age[0] == _LIVE_AGE:
                names.append(newest.path)
    if not names:
        first = counters.problems[0] if counters.problems else Problem(paths[0], "no live log here")
        raise NoLogsError(f"{first.path}: {first.reason}", first.hint)
    return list(dict.fromkeys(names))


_LIVE_AGE = 2
