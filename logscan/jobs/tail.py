"""Live: failed handshakes, or all entries, of logs that are being written."""

from __future__ import annotations

import glob
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from logscan.entries.parse import parse
from logscan.errors import LogscanError, NoLogsError
from logscan.failures.frames import failure_id
from logscan.failures.handshakes import Joiner
from logscan.failures.message_window import MAX_ENTRIES, MessageWindow
from logscan.failures.selection import HostNames
from logscan.live.checkpoint import State
from logscan.live.events import Waker
from logscan.live.followed_file import FollowedFile
from logscan.live.follower import Follower
from logscan.reading.paths import discover
from logscan.reading.unpack import STDIN
from logscan.scanning.plan import Limits
from logscan.values import (
    Counters,
    Entry,
    FailedHandshake,
    Message,
    Place,
    Problem,
    Span,
)

RESTING = 5.0
"""Seconds without a new line in any file after which it is looked at less often."""
SEARCH = 2.0
"""Seconds between two searches of folders and patterns for new files, where no event tells of them."""
RESEARCH = 0.2
"""The same where one does."""
LATE = 10.0
"""Seconds for which a message whose failure was told still takes entries."""
RECENT = 1_000
"""Messages that are kept for that."""
TOLD = 100_000
"""Ids remembered of failures that stand behind the checkpoint's mark."""


@dataclass(frozen=True, slots=True)
class Live:
    """How live files are followed. Times in seconds."""

    poll: float = 0.1
    """Between two looks at a quiet file, where the kernel does not tell of new lines."""
    rest: float = 0.25
    """The same once nothing has been written for :data:`RESTING` seconds."""
    quiet: float = 0.2
    """After this long without a new line an entry, and a message, are taken as whole."""
    events: bool = True
    """Wake by the kernel's file events."""
    sweep: float = 1.0
    """Between two looks at a quiet file where the kernel does tell: events only save time."""


class Watched(NamedTuple):
    """What watching gives each time something happened (or nothing, for a look around)."""

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
    with Watcher(paths, counters, entries, from_start, limits, live, host_of, neighbours) as watcher:
        yield from watcher.run(stopped)


class Watcher:
    """Live files, and the stages behind them, joined. Arguments as :func:`watch`.

    Args:
        state: where an earlier run stood; what it has told is not given again.
    """

    def __init__(
        self,
        paths: Sequence[str],
        counters: Counters,
        entries: bool = False,
        from_start: bool = False,
        limits: Limits = Limits(),
        live: Live = Live(),
        host_of: Callable[[str], str] | None = None,
        neighbours: bool = False,
        state: State | None = None,
    ) -> None:
        self._paths = list(paths)
        self._counters = counters
        self._entries = entries
        self._limits = limits
        self._live = live
        self._neighbours = neighbours
        self._joiner = Joiner(host_of or HostNames(), neighbours)
        self._window = MessageWindow(counters, limits.window)
        self._waker = Waker(live.events)
        self._state = state or State()
        self._remembers = state is not None
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self._told: dict[str, Place | None] = dict.fromkeys(self._state.told)
        """Ids of failures told, with their places; ``None`` for those of an earlier run."""
        self._followers: dict[str, Follower] = {}
        self._searched = time.monotonic()
        for path in _live_paths(self._paths, counters):
            self._follow(path, from_start or bool(self._state.marks))
        for path in self._paths:
            if os.path.isdir(path):
                for folder, _, _ in os.walk(path):
                    self._waker.watch_folder(os.path.abspath(folder))

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Generator[Watched]:
        """Follow until ``stopped`` says so or all inputs have ended; then give what is left.

        With a state what is left is not given: it stands behind the marks, and the next run gives it whole.
        """
        wrote = time.monotonic()
        touched: set[str] | None = None
        while not stopped():
            busy = False
            for path, follower in list(self._followers.items()):
                if touched is not None and path not in touched and follower.flushed:
                    continue
                for spans in follower.look(self._live.quiet):
                    yield self._take(spans)
                busy = busy or follower.busy
            yield Watched(self._quiet(busy), [])
            if all(follower.file.ended for follower in self._followers.values()):
                break
            now = time.monotonic()
            if busy:
                wrote = now
                more = self._waker.wait(0)
                touched = None if touched is None or more is None else touched | more
                continue
            touched = self._waker.wait(self._pause(now - wrote)) or None
            self._search(now)
        if not self._remembers:
            yield self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and watches."""
        for follower in self._followers.values():
            follower.file.close()
        self._waker.close()

    @property
    def lag(self) -> tuple[int, float]:
        """Bytes that are there and were not read, and seconds since all that was there had been read."""
        followers = self._followers.values()
        behind = sum(follower.file.lag for follower in followers)
        since = min((follower.level for follower in followers if follower.file.lag), default=None)
        return behind, 0.0 if since is None else time.monotonic() - since

    @property
    def open_messages(self) -> int:
        """Messages whose lines may not be complete."""
        return len(self._window)

    @property
    def files(self) -> int:
        """Paths that are followed."""
        return len(self._followers)

    def search(self) -> None:
        """Look for new files now."""
        self._searched = 0.0
        self._search(time.monotonic())

    def state(self) -> State:
        """Where this run stands: marks in front of all that was not given yet, and what was behind them."""
        lowest = self._lowest()
        now = time.time()
        old = self._state
        state = State(dict(old.marks), dict(old.beside), [], dict(old.seen))
        for path, follower in self._followers.items():
            place = lowest.get(path)
            mark = follower.file.mark_at(*place) if place else follower.given
            if mark is not None and path != STDIN:
                state.marks[os.path.abspath(path)] = mark
                state.seen[os.path.abspath(path)] = now
                state.beside[os.path.abspath(path)] = follower.file.beside
            if place:
                follower.file.forget(place[0])
        for name, told in list(self._told.items()):
            if told is not None and not self._stands_behind(told, lowest):
                del self._told[name]
        state.told = list(self._told)
        return state

    def _lowest(self) -> dict[str, tuple[int, int]]:
        """For each path number and offset of the first byte that was not given on in full."""
        lowest: dict[str, tuple[int, int]] = {}
        owners = [(path, follower.file) for path, follower in self._followers.items()]
        for path, follower in self._followers.items():
            place = follower.oldest()
            if place is not None:
                lowest[path] = place
        recent = (kept.entries[0].place for kept in self._recent.values())
        for first in (*self._window.firsts(), *self._joiner.firsts(), *recent):
            for path, file in owners:
                if file.knows(first.file):
                    place = (first.file, first.offset)
                    lowest[path] = min(lowest.get(path, place), place)
                    break
        return lowest

    def _stands_behind(self, place: Place, lowest: dict[str, tuple[int, int]]) -> bool:
        """Whether a run that begins at the marks would come to a place again."""
        for path, follower in self._followers.items():
            if follower.file.knows(place.file):
                return (place.file, place.offset) >= lowest.get(path, (0, 0))
        return False

    def _follow(self, path: str, from_start: bool) -> None:
        name = os.path.abspath(path)
        file = FollowedFile(
            path, self._counters, self._limits.max_entry, from_start, self._entries, self._limits.block,
            self._state.marks.get(name), self._state.beside.get(name),
        )  # fmt: skip
        self._followers[path] = Follower(
            file, self._entries, self._counters, self._limits, self._neighbours, self._state.marks.get(name)
        )
        self._waker.watch([path])

    def _search(self, now: float) -> None:
        """Follow files that have appeared in folders and patterns, from their beginning."""
        if now - self._searched < (RESEARCH if self._waker.new else SEARCH):
            return
        self._searched, self._waker.new = now, False
        if not any(os.path.isdir(path) or glob.has_magic(path) for path in self._paths):
            return
        try:
            found = _live_paths(self._paths, Counters())
        except LogscanError:
            return
        for path in found:
            if path not in self._followers:
                self._follow(path, from_start=True)
                self._waker.watch_folder(os.path.dirname(os.path.abspath(path)))

    def _pause(self, idle: float) -> float:
        """Seconds until something must be done at the latest."""
        if len(self._window) or not all(follower.flushed for follower in self._followers.values()):
            return min(self._live.quiet / 4, self._live.poll)
        if self._waker.events:
            return self._live.sweep
        return self._live.poll if idle < RESTING else max(self._live.poll, self._live.rest)

    def _take(self, spans: list[Span]) -> Watched:
        """What follows from some spans at once."""
        if self._entries:
            return Watched([], spans)
        done: list[Message] = []
        for span in spans:
            self._counters.candidates += 1
            done += self._window.feed(parse(span, self._counters), time.monotonic())
        return Watched(self._joined(done), [])

    def _quiet(self, busy: bool) -> list[FailedHandshake]:
        """The failures of messages that have been quiet for so long."""
        failures = self._joined(self._window.release(time.monotonic() - self._live.quiet))
        if not busy and not len(self._window):
            failures += self._new(self._joiner.drain())
        return failures

    def _finish(self) -> Watched:
        """What is left when following ends."""
        last = self._take([span for follower in self._followers.values() for span in follower.finish()])
        failures = last.failures + self._joined(self._window.drain()) + self._new(self._joiner.drain())
        return Watched(failures, last.spans)

    def _joined(self, messages: Iterable[Message]) -> list[FailedHandshake]:
        failures: list[FailedHandshake] = []
        now = time.monotonic()
        for message in messages:
            name = message.message_id
            kept = self._recent.pop(name, None) if name is not None else None
            if kept is not None:  # late lines join what they belong to; that is not told again
                message = Message(name, (*kept.entries, *message.entries))
            message = message._replace(entries=_latest(message.entries))
            found = self._joiner.feed(message)
            new = [one for one in found if kept is None or failure_id(one) not in kept.told]
            if kept is not None and not new:
                self._counters.late_entries += len(message.entries) - len(kept.entries)
            if name is not None and found and len(message.entries) < MAX_ENTRIES:
                told = {failure_id(one) for one in found}
                self._recent[name] = _Recent(message.entries, told, now)
            failures += new
        while self._recent:
            name, kept = next(iter(self._recent.items()))
            if len(self._recent) <= RECENT and now - kept.since < LATE:
                break
            del self._recent[name]
        return self._new(failures)

    def _new(self, failures: list[FailedHandshake]) -> list[FailedHandshake]:
        """Those that were not given before."""
        if not self._remembers:
            self._counters.failures += len(failures)
            return failures
        new = []
        for failure in failures:
            name = failure_id(failure)
            if name not in self._told:
                new.append(failure)
            self._told[name] = failure.place
            if len(self._told) > TOLD:
                del self._told[next(iter(self._told))]
        self._counters.failures += len(new)
        return new


def _latest(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Of an entry that was given again with more lines, the last: in the place of the first."""
    places = {entry.place: entry for entry in entries}
    return tuple(places.values()) if len(places) < len(entries) else entries


class _Recent(NamedTuple):
    """A message whose failures were told."""

    entries: tuple[Entry, ...]
    told: set[str]
    since: float


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
