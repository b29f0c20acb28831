"""Logs of several hosts that are followed as one: each host in a thread, what they find in one queue.

A connection that is lost is made again. An installed logscan says where the next session goes on, so that
nothing is lost and nothing comes twice; a checkpoint keeps that for the next run. With an agent, what was
written meanwhile is missing, as a line says.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Self

from logscan._failures.count_unit import needles_of
from logscan._failures.frames import failure_id
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import CountRequest
from logscan._hosts.agent_client import AgentClient
from logscan._hosts.fan_out import Asked
from logscan._hosts.questions import of_count
from logscan._hosts.rows import read_failures
from logscan._hosts.session import Session
from logscan._hosts.tallies import read_problems
from logscan._hosts.wire import WireError
from logscan._jobs._elsewhere import Elsewhere, named, note_clock, shift_of
from logscan._jobs.tail import REMEMBERED, Watcher, WatchUpdate
from logscan._live.checkpoint import NOT_ONE, Checkpoint, HostState, as_data, save, state_of_host
from logscan._live.live_joiner import LiveJoiner
from logscan._live.options import FollowOptions
from logscan.errors import REPORT, InputError, LogscanError, not_understood, problem_of
from logscan.times import TimeRange, moved
from logscan.values import Counters, FailedHandshake, Problem

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a lost connection is made again: at first, and at most."""
MOST_GIVEN = 1_000_000
"""Failures of a host between two places to go on from."""
_TICK = 0.2
_WAITING = 1_000


class _Given(NamedTuple):
    """A failure that a host has sent."""

    failure: FailedHandshake
    name: str
    """What the host knows it by; empty where it has no place to go on from."""


Item = _Given | Checkpoint | Problem
"""What comes of a host; a checkpoint: where the next session goes on."""


class _StoppedError(Exception):
    """Nobody follows any more."""


@dataclass
class _Stand:
    """How far the logs of a host are read."""

    state: Checkpoint | None = None
    """As the host has said it; ``None``: it has not yet."""
    given: list[str] = field(default_factory=list)
    """Names of the failures that came after that."""

    def take(self, item: Item) -> None:
        """Go on by what has come."""
        if isinstance(item, Checkpoint):
            self.state, self.given = item, []
        elif isinstance(item, _Given) and item.name:
            self.given.append(item.name)

    def checkpoint(self) -> Checkpoint | None:
        """Where a session goes on that gives nothing twice."""
        return self.state and replace(self.state, given=(*self.state.given, *self.given)[-REMEMBERED:])


@dataclass
class _Line:
    """One host."""

    asked: Asked
    name: str
    stand: _Stand
    """Where the next session goes on."""
    saved: _Stand
    """The same, of what was given to the caller: where the next run goes on."""
    lost: float | None = None
    """When the connection was lost."""
    session: Session | None = None
    has_answered: bool = False

    @property
    def key(self) -> str:
        """Its name in a checkpoint."""
        return " ".join((self.asked.host.address, *self.asked.paths))


class HostsWatcher:
    """Logs of hosts, and of this machine, that are followed: see :class:`logscan._jobs.tail.Watcher`.

    Args:
        here: paths of this machine.
        elsewhere: hosts with theirs.
        selection: which failed handshakes to give.
        options: how the files are followed.
        host_of: names the Message Processor of a file path.
        rule: which entries of one message belong together.
        checkpoint: where an earlier run stopped.
    """

    def __init__(
        self,
        here: Sequence[str],
        elsewhere: Elsewhere,
        selection: Selection,
        options: FollowOptions,
        *,
        host_of: Callable[[str], str],
        rule: Rule = DEFAULT_RULE,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.counters = Counters()
        self.open_messages = 0
        self._selection, self._options, self._rule = selection, options, rule
        self._selected = replace(selection, fold=True)
        self._queue: queue.Queue[tuple[_Line, Item]] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        self._earlier = {} if checkpoint is None else dict(checkpoint.hosts)
        self._is_resumable = checkpoint is not None
        self._lines = [_Line(each, named(each.host, host_of), _Stand(), _Stand()) for each in elsewhere.asked]
        for line in self._lines:
            if line.key in self._earlier:
                line.stand.state = line.saved.state = self._earlier[line.key].checkpoint
        self._stands = 0
        """Times that a host has said how far it is."""
        # What hosts send does not wait longer for quiet files of this machine.
        how = replace(options, wake_interval=_TICK)
        self._local = (
            Watcher(here, selection, how, host_of=host_of, rule=rule, checkpoint=checkpoint) if here else None
        )
        self._threads = [
            threading.Thread(target=self._keep, args=(line,), daemon=True, name=f"host {line.name}")
            for line in self._lines
        ]

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Generator[WatchUpdate]:
        """Follow until ``stopped`` is true: see :meth:`logscan._jobs.tail.Watcher.run`."""
        for thread in self._threads:
            thread.start()
        local = self._local.run(stopped) if self._local is not None else None
        while not stopped():
            failures = list(self._taken(0 if local is not None else _TICK))
            if local is not None:
                update = next(local, None)
                local = None if update is None else local
                failures += update.failures if update is not None else []
            yield WatchUpdate(failures, [])
        if local is not None:
            yield from local  # what was not complete yet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all sessions."""
        self._stopped.set()
        sessions = [line.session for line in self._lines if line.session is not None]
        for session in sessions:
            session.stop()
        for session in sessions:
            session.close()
        if self._local is not None:
            self._local.close()

    @property
    def problems(self) -> list[Problem]:
        """What could not be followed or read."""
        return self.counters.problems

    @property
    def lag(self) -> tuple[int, float]:
        """Nothing: what a host has not read yet is not known here."""
        return (0, 0.0)

    @property
    def files(self) -> int:
        """Hosts that are connected, and files of this machine."""
        local = 0 if self._local is None else self._local.files
        return local + sum(line.session is not None for line in self._lines)

    @property
    def progress(self) -> tuple[int, ...]:
        """See :attr:`logscan._jobs.tail.Watcher.progress`."""
        local = self._local.progress if self._local is not None else ()
        return (self.counters.failures, len(self.problems), self._stands, *local)

    def checkpoint(self) -> Checkpoint:
        """How far this run has come: see :meth:`logscan._jobs.tail.Watcher.checkpoint`."""
        now = time.time()
        stands = {line.key: line.saved.checkpoint() for line in self._lines}
        hosts = {name: HostState(state, now) for name, state in stands.items() if state is not None}
        local = self._local.checkpoint() if self._local is not None else Checkpoint()
        return replace(local, hosts=self._earlier | hosts)

    def save(self, path: str) -> None:
        """Write how far this run has come: see :meth:`logscan._jobs.tail.Watcher.save`.

        Raises:
            OutputError: it cannot be written; the old one is unchanged.
        """
        save(path, self.checkpoint())

    def search(self) -> None:
        """Look for new files of this machine now."""
        if self._local is not None:
            self._local.search()

    def _taken(self, seconds: float) -> Iterator[FailedHandshake]:
        """What has come; wait so long for the first."""
        if self._local is not None:
            self.counters.problems += self._local.problems
            self._local.problems.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                line, item = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
                seconds = 0
                line.saved.take(item)
                if isinstance(item, Problem):
                    self.counters.problems.append(item)
                elif isinstance(item, _Given):
                    self.counters.failures += 1
                    yield item.failure
                else:
                    self._stands += 1

    def _put(self, line: _Line, item: Item) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put((line, item), timeout=_TICK)
                line.stand.take(item)
                return

    def _keep(self, line: _Line) -> None:
        """Follow one host, and connect again where the connection is lost."""
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            line.has_answered = False
            try:
                with Session(line.asked.host, keep=partial(self._keep_session, line)) as session:
                    self._follow(line, session)
            except _StoppedError:
                return
            except Exception as fault:  # noqa: BLE001 - what a host sends ends no thread
                if self._stopped.is_set():
                    return
                error = (
                    fault if isinstance(fault, LogscanError) else InputError(not_understood(fault), REPORT)
                )
                if line.lost is None:
                    problem = problem_of(line.asked.host.address, error)
                    reason = f"{problem.reason}: logscan tries to connect again"
                    self._put(line, Problem(problem.path, reason, problem.hint, fatal=False))
                    line.lost = time.monotonic()
            finally:
                line.session = None
            pause = FIRST_PAUSE if line.has_answered else min(LONGEST_PAUSE, 2 * pause)
            self._stopped.wait(pause)

    def _keep_session(self, line: _Line, session: Session) -> None:
        """Take a session as soon as it runs, so that it can be ended."""
        line.session = session
        if self._stopped.is_set():
            raise _StoppedError

    def _follow(self, line: _Line, session: Session) -> None:
        """One session with a host."""
        session.follow()
        shift = timedelta(seconds=shift_of(session, self._selection.times))
        source = self._by_agent if session.way == "agent" else self._by_logscan
        resumes = line.stand.state is not None
        for item in source(line, session):
            if not line.has_answered:
                line.has_answered = True
                self._say_again(line, session, resumes=resumes)
            if isinstance(item, _Given) and item.failure.time is not None and item.failure.zone is None:
                item = item._replace(failure=item.failure._replace(time=moved(item.failure.time, shift)))
            if item is not None:
                self._put(line, item)

    def _say_again(self, line: _Line, session: Session, *, resumes: bool) -> None:
        """Say that a lost connection is there again, and what is missing."""
        if line.lost is None:
            counters = Counters()
            note_clock(session, counters)
            for problem in counters.problems:
                self._put(line, problem)
            if self._is_resumable and session.way == "agent":
                reason = "no logscan is there, so that a checkpoint does not say where to go on"
                hint = "what is logged there between two runs is missing; install logscan there"
                self._put(line, Problem(line.asked.host.address, reason, hint, fatal=False))
            return
        seconds, line.lost = time.monotonic() - line.lost, None
        reason = f"connected again after {seconds:,.0f} s"
        if session.way == "agent":
            reason += ": what was logged meanwhile is missing"
        elif resumes:
            reason += ": nothing is missing"
        self._put(line, Problem(line.asked.host.address, reason, fatal=False))

    def _by_logscan(self, line: _Line, session: Session) -> Iterator[Item | None]:
        """What an installed logscan finds."""
        hosts = HostNames((f"{line.name}=*",))
        request = CountRequest(self._selection, (), datetime.max, hosts, rule=self._rule)
        stand = line.stand.checkpoint()
        session.ask({
            **of_count(request, None, line.name), "do": "tail", "paths": list(line.asked.paths),
            "state": None if stand is None else as_data(stand), "poll": self._options.poll,
            "from_start": self._options.from_start, "max_entry": self._options.max_entry_bytes,
        })  # fmt: skip
        address = session.host.address
        while True:
            frame = session.receive()
            try:
                if frame.get("k") == "state":
                    problems = read_problems(frame, address)
                    yield state_in(frame)
                    yield from problems
                else:
                    for failure in read_failures(frame, address, line.name):
                        if len(line.stand.given) >= MOST_GIVEN:
                            raise WireError("failures without a place to go on from")  # noqa: TRY301
                        yield _Given(failure, failure_id(failure))
            except WireError as error:
                raise session.refusal(error) from error

    def _by_agent(self, line: _Line, session: Session) -> Iterator[Item | None]:
        """What the entries say that an agent sends."""
        counters = Counters()
        client = AgentClient(session, counters, TimeRange(None, None, None))
        client.discover(line.asked.paths)
        if not client.slices:
            raise InputError(f"{session.host.address}: no log there to follow", "check the path")
        yield None
        yield from counters.problems
        joiner = LiveJoiner(counters, lambda _: line.name, self._rule, self._options)
        needles = needles_of(self._selection.neighbours)
        for entries in client.follow(needles, self._options.max_entry_bytes):
            found = joiner.feed(client.slices[entries.stream].stream[0].path, entries.spans())
            found += joiner.release()
            yield from (_Given(failure, "") for failure in found if self._selected.selects(failure))


def state_in(frame: Mapping[str, Any]) -> Checkpoint:
    """How far a host has read, as a frame says it.

    Raises:
        WireError: it does not say that.
    """
    try:
        return state_of_host(frame["state"])
    except NOT_ONE as error:
        raise WireError("no place to go on from") from error
