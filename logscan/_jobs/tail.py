"""Tail: failed handshakes, or all entries, of logs that are being written."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Self, Unpack

from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.selection import Selection
from logscan._jobs._options import Paths, check_names, paths_of
from logscan._jobs._selecting import Selecting, hosts_of, rule_of, selection_of
from logscan._live.checkpoint import Checkpoint, load, save
from logscan._live.followed_paths import FollowedPaths
from logscan._live.live_joiner import LiveJoiner, name_of
from logscan._live.merge import Merge, time_of
from logscan._live.options import LOOK_BACK, POLL_INTERVAL, QUIET_TIME, ROTATE_WAIT, FollowOptions
from logscan._live.unread import unread_of
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.errors import InputError, UsageError
from logscan.values import Counters, FailedHandshake, Place, Problem, Span

REMEMBERED = 100_000
"""Ids remembered of failures that stand after the checkpoint's marks."""


class WatchUpdate(NamedTuple):
    """What is new in the logs; both lists are empty when nothing is."""

    failures: list[FailedHandshake]
    spans: list[Span]
    """Every entry, when entries were requested."""


def tail(
    paths: Paths,
    *,
    entries: bool = False,
    from_start: bool = False,
    last: int = 0,
    poll: bool = False,
    poll_interval: float = POLL_INTERVAL,
    quiet_time: float = QUIET_TIME,
    rotate_wait: float = ROTATE_WAIT,
    rotated: Sequence[str] = (),
    exclude: Sequence[str] = (),
    max_entry_bytes: int = DEFAULT_MAX_ENTRY,
    checkpoint: str | os.PathLike[str] | None = None,
    **selecting: Unpack[Selecting],
) -> Watcher:
    """Follow logs through rotation and truncation: failed handshakes as soon as their message is complete.

    ::

        with logscan.tail("system.log", alert="all") as watcher:
            for update in watcher:
                ...  # update.failures

    Args:
        paths: files, folders and patterns, or ``-`` for standard input.
        entries: give every entry instead of failed handshakes.
        from_start: begin with what is in the files already; else at their end.
        last: begin with so many failures: the last ones in the last 16 MiB of the files.
        poll: look at the files by the clock, for file systems without events (NFS).
        poll_interval: seconds between two such looks.
        quiet_time: seconds without a new line after which a message is complete.
        rotate_wait: seconds for which a file that was renamed away is still read.
        rotated: patterns of names of rotated files, beside those that look like the log's. One with a folder
            in it, as seen from the log's folder, takes files from there.
        exclude: patterns of names, or of paths, that folders and patterns do not give.
        max_entry_bytes: bytes kept of one entry.
        checkpoint: a file of :meth:`Watcher.save`: begin where that run stopped, and do not give its failures
            again. Without one that exists, begin as usual; save to it.
        **selecting: which failed handshakes: :class:`logscan.Selecting`. With ``since``, begin with what was
            logged from then on, rotated files too.

    Raises:
        InputError: the checkpoint is damaged or of another version.
        UsageError: an unknown alert, family or side, a time that cannot be read, or several of
            ``from_start``, ``since``, ``last`` and ``checkpoint``, of which all but the first and the last
            exclude each other.
    """
    check_names(selecting, Selecting)
    options = FollowOptions(
        entries=entries, from_start=from_start, last=last, poll=poll, poll_interval=poll_interval,
        quiet_time=quiet_time, rotate_wait=rotate_wait, rotated=tuple(rotated), exclude=tuple(exclude),
        max_entry_bytes=max_entry_bytes,
    )  # fmt: skip
    begins = (from_start, bool(last), selecting.get("since") is not None)
    if sum(begins) > 1 or (any(begins[1:]) and checkpoint is not None):
        raise UsageError("from_start, last, since and checkpoint exclude each other", "give one of them")
    state = None if checkpoint is None else load(os.fspath(checkpoint)) or Checkpoint()
    return Watcher(
        paths_of(paths), selection_of(selecting), options,
        host_of=hosts_of(selecting), rule=rule_of(selecting), checkpoint=state,
    )  # fmt: skip


class FollowedState(NamedTuple):
    """How far a followed path was read when its checkpoint was written."""

    path: str
    read_from: str | None
    """The file in which reading goes on: the path, or a rotated file; ``None``: it is not there any more."""
    position: int
    """Offset in that file's text of the first byte that is not read."""
    unread: int | None
    """Bytes that are not read, as far as the sizes of the files show it; ``None``: another host knows."""
    age: float
    """Seconds since the checkpoint was written for it."""


def status(checkpoint: str | os.PathLike[str], rotated: Sequence[str] = ()) -> list[FollowedState]:
    """How far the logs of a checkpoint are read.

    Raises:
        InputError: there is none, it is damaged, or of another version.
    """
    name = os.fspath(checkpoint)
    state = load(name)
    if state is None:
        raise InputError(f"{name}: no such file", "is this the file of a run with --checkpoint?")
    now = time.time()
    states: list[FollowedState] = []
    for path, file in state.files.items():
        read_from, unread = unread_of(path, file.mark, file.beside, rotated)
        states.append(FollowedState(path, read_from, file.mark.position, unread, now - file.followed))
    for host, (there, followed) in state.hosts.items():
        address = host.partition(" ")[0]
        for path, file in there.files.items():
            name = address + path
            states.append(FollowedState(name, name, file.mark.position, None, now - followed))
    return states


class Watcher:
    """Logs that are followed, as :func:`tail` gives them: iterate over it, or over ``run``; then close it.

    Attributes:
        counters: what was seen so far.

    Args:
        selection: which failed handshakes to give.
        options: how the files are followed.
        host_of: names the Message Processor of a file path.
        rule: which entries of one message belong together.
        checkpoint: where an earlier run stopped.
    """

    def __init__(
        self,
        paths: Sequence[str],
        selection: Selection,
        options: FollowOptions,
        *,
        host_of: Callable[[str], str],
        rule: Rule = DEFAULT_RULE,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.counters = Counters()
        self._gives_entries = options.entries
        self._is_resumable = checkpoint is not None
        # Nobody knows which names will come, so that their case decides nothing.
        self._selection = replace(selection, fold=True)
        if selection.times.since is not None:
            options = replace(options, since=selection.times)
            self._selection = replace(self._selection, times=selection.times._replace(since=None))
        start = checkpoint or Checkpoint()
        self._hosts = start.hosts
        self._earlier = Counter(start.given)
        """Ids of failures that an earlier run gave, each as often as it gave it."""
        self._given: dict[tuple[str, int], Place] = {}
        """Id and file of the failures that this run gave, with their places. Where two files have equal
        entries at equal offsets, both count."""
        self._options = options = replace(options, neighbours=selection.neighbours)
        self._names = paths
        self._zone = selection.times.zone
        self._recent: set[str] = set()
        """The paths of which all that comes was logged since the time with which the run begins."""
        self._joiner = LiveJoiner(self.counters, host_of, rule, options)
        self._paths = FollowedPaths(paths, self.counters, options, start)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Generator[WatchUpdate]:
        """Follow until ``stopped`` is true or standard input, followed alone, has ended.

        Gives an update at each look, also when nothing is new, so that the caller can do other work.
        At the end it gives what is left; not with a checkpoint: the next run reads that again, whole.
        """
        options = self._options
        is_merged = options.since or options.last or (options.from_start and len(self._paths) > 1)
        if is_merged and not self._gives_entries and not self._is_resumable:
            yield from self._begin(stopped)
        while not stopped():
            for followed, spans in self._paths.look():
                yield self._update(followed, spans)
            failures = self._joiner.release()
            yield WatchUpdate(self._new(failures), [])
            if self._paths.has_ended:
                break
            self._paths.wait(has_open_messages=bool(len(self._joiner)))
        if not self._is_resumable:
            for followed, spans in self._paths.drain():
                yield self._update(followed, spans)
            yield WatchUpdate(self._new(self._joiner.drain()), [])

    def __iter__(self) -> Iterator[WatchUpdate]:
        """Follow for ever, or until standard input has ended."""
        return self.run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and watches."""
        self._paths.close()

    @property
    def problems(self) -> list[Problem]:
        """What could not be followed or read, in the order in which it was met."""
        return self.counters.problems

    @property
    def lag(self) -> tuple[int, float]:
        """Bytes that are there and were not read, and for how many seconds the first has been there."""
        return self._paths.lag

    @property
    def open_messages(self) -> int:
        """Messages whose lines may not be complete."""
        return len(self._joiner)

    @property
    def files(self) -> int:
        """Paths that are followed."""
        return len(self._paths)

    def search(self) -> None:
        """Look for new files now."""
        self._paths.search()

    def checkpoint(self) -> Checkpoint:
        """How far this run has come: a run that begins there gives all that this one has not given yet."""
        lowest = self._paths.lowest(self._joiner.firsts())
        files = self._paths.states_at(lowest)
        for name, place in list(self._given.items()):
            if not self._paths.is_read_again(place, lowest):
                del self._given[name]
        given = (*self._earlier.elements(), *(name for name, _ in self._given))
        return Checkpoint(files, given[-REMEMBERED:], self._hosts)

    @property
    def progress(self) -> tuple[int, ...]:
        """Numbers that change when the checkpoint does."""
        seen = self.counters
        counts = (seen.bytes, seen.files, seen.failures, seen.gap_bytes, seen.nul_bytes, len(seen.problems))
        return (*counts, len(self._joiner), self._joiner.waiting)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write how far this run has come, atomically, for the ``checkpoint`` of a later :func:`tail`.

        Raises:
            OutputError: it cannot be written; the old one is unchanged.
        """
        save(os.fspath(path), self.checkpoint())

    def _begin(self, stopped: Callable[[], bool]) -> Generator[WatchUpdate]:
        """Follow until what stood in the logs at the beginning is read: its failures in order of time."""
        options, clock = self._options, self._options.clock
        merge = Merge(self._zone, options.since, options.last, ends=self._paths.ends())
        unread = set(self._paths.unread())
        read = ended = math.inf
        while not stopped():
            pending = unread.union(self._paths.unflushed())
            next_one = {merge.next(unread)} if unread else set()
            for followed, spans in self._paths.look(next_one | (pending - unread) if unread else None):
                merge.see(followed, spans)
                merge.add(self._new(self._joiner.feed(followed, spans)))
            merge.add(self._new(self._joiner.release()))
            unread -= {path for path in next_one if not (self._paths.is_busy and self._paths.is_unread(path))}
            now, open_since = clock.monotonic(), self._joiner.open_since
            read = min(read, math.inf if unread else now)
            # In a log that is never quiet the last entry is whole when the next one comes.
            pending = set() if now - read > 2 * options.quiet_time else unread.union(self._paths.unflushed())
            ended = min(ended, math.inf if pending else now)
            yield WatchUpdate(merge.take(now, open_since, pending), [])
            if ended < math.inf and (open_since is None or open_since > ended):
                break
            if not unread:
                self._paths.wait(has_open_messages=True)
        if stopped():
            for followed, spans in self._paths.drain():
                merge.add(self._new(self._joiner.feed(followed, spans)))
            merge.add(self._new(self._joiner.drain()))
        if len(merge) < options.last and not stopped():
            reason = f"only {len(merge):,} such failures in the last {LOOK_BACK >> 20} MiB of each log"
            hint = "--since looks further back, and into rotated files"
            self.counters.problems.append(Problem(self._names[0], reason, hint, fatal=False))
        yield WatchUpdate(merge.rest(), [])

    def _since(self, followed: str, spans: list[Span]) -> list[Span]:
        """The entries that were logged since the time with which the run begins."""
        since = self._options.since and self._options.since.since
        if since is None or followed in self._recent:
            return spans
        for number, span in enumerate(spans):
            time = time_of(span, self._zone)
            if time is not None and time >= since:
                self._recent.add(followed)
                return spans[number:]
        if followed not in self._paths.unflushed() and not self._paths.is_unread(followed):
            self._recent.add(followed)  # what comes from now on is new, whatever its time
        return []

    def _update(self, followed: str, spans: list[Span]) -> WatchUpdate:
        if self._gives_entries:
            return WatchUpdate([], self._since(followed, spans))
        return WatchUpdate(self._new(self._joiner.feed(followed, spans)), [])

    def _new(self, failures: list[FailedHandshake]) -> list[FailedHandshake]:
        """Count the failures that were not given before; give the selected ones."""
        selected = []
        for failure in failures:
            try:
                if not self._remember(failure):
                    continue
                self.counters.failures += 1
                if self._selection.selects(failure):
                    selected.append(failure)
            except Exception as error:  # noqa: BLE001
                self.counters.note_not_understood(failure.place, error)
        return selected

    def _remember(self, failure: FailedHandshake) -> bool:
        """Whether a failure was not given before; now it is."""
        name = name_of(failure)
        if name in self._given:
            return False
        self._given[name] = failure.place
        if len(self._given) > REMEMBERED:
            del self._given[next(iter(self._given))]
        if not self._earlier[name[0]]:
            return True
        self._earlier[name[0]] -= 1
        return False
