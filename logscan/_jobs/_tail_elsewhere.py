"""Logs of several hosts that are followed as one: each host in a thread, what they find in one queue.

A connection that is lost is made again. An installed logscan says where the next session goes on, so that
nothing is lost and nothing comes twice. With an agent, what was written meanwhile is missing, as a line says.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

from logscan._failures.count_unit import needles_of
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
from logscan._jobs.tail import Watcher, WatchUpdate
from logscan._live.live_joiner import LiveJoiner, name_of
from logscan._live.options import FollowOptions
from logscan.errors import REPORT, InputError, LogscanError, UsageError, not_understood, problem_of
from logscan.times import TimeRange, moved
from logscan.values import Counters, FailedHandshake, Problem

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a lost connection is made again: at first, and at most."""
MOST_GIVEN = 1_000_000
"""Failures of a host between two places to go on from."""
_TICK = 0.2
_WAITING = 1_000
Item = tuple[str, FailedHandshake | Problem]


class _StoppedError(Exception):
    """Nobody follows any more."""


@dataclass
class _Line:
    """One host."""

    asked: Asked
    name: str
    state: dict[str, Any] | None = None
    """Where the next session goes on."""
    given: set[tuple[str, int]] = field(default_factory=set)
    """What came since then."""
    lost: float | None = None
    """When the connection was lost."""
    session: Session | None = None
    has_answered: bool = False


class HostsWatcher:
    """Logs of hosts, and of this machine, that are followed: see :class:`logscan._jobs.tail.Watcher`.

    Args:
        here: paths of this machine.
        elsewhere: hosts with theirs.
        selection: which failed handshakes to give.
        options: how the files are followed.
        host_of: names the Message Processor of a file path.
        rule: which entries of one message belong together.
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
    ) -> None:
        self.counters = Counters()
        self.open_messages = 0
        self._selection, self._options, self._rule = selection, options, rule
        self._selected = replace(selection, fold=True)
        self._queue: queue.Queue[Item] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        self._lines = [_Line(each, named(each.host, host_of)) for each in elsewhere.asked]
        self._local = Watcher(here, selection, options, host_of=host_of, rule=rule) if here else None
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
        return (self.counters.failures, len(self.problems))

    def save(self, path: str) -> None:
        """Refuse: where each host stands is known while this run lasts.

        Raises:
            UsageError: always.
        """
        raise UsageError("--checkpoint is not for hosts", f"leave out {path}, or run logscan tail there")

    def search(self) -> None:
        """Look for new files of this machine now."""
        if self._local is not None:
            self._local.search()

    def _taken(self, seconds: float) -> Iterator[FailedHandshake]:
        """What has come; wait so long for the first."""
        if self._local is not None:
            new = self._local.problems[: len(self._local.problems)]
            self._local.counters.problems.clear()
            self.counters.problems += new
        with contextlib.suppress(queue.Empty):
            while True:
                _, item = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
                seconds = 0
                if isinstance(item, Problem):
                    self.counters.problems.append(item)
                else:
                    self.counters.failures += 1
                    yield item

    def _put(self, line: _Line, item: FailedHandshake | Problem) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put((line.name, item), timeout=_TICK)
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
        resumes = line.state is not None
        for item in source(line, session):
            if not line.has_answered:
                line.has_answered = True
                self._say_again(line, session, resumes=resumes)
            if isinstance(item, FailedHandshake) and item.time is not None and item.zone is None:
                item = item._replace(time=moved(item.time, shift))
            if item is not None:
                self._put(line, item)

    def _say_again(self, line: _Line, session: Session, *, resumes: bool) -> None:
        """Say that a lost connection is there again, and what is missing."""
        if line.lost is None:
            counters = Counters()
            note_clock(session, counters)
            for problem in counters.problems:
                self._put(line, problem)
            return
        seconds, line.lost = time.monotonic() - line.lost, None
        reason = f"connected again after {seconds:,.0f} s"
        if session.way == "agent":
            reason += ": what was logged meanwhile is missing"
        elif resumes:
            reason += ": nothing is missing"
        self._put(line, Problem(line.asked.host.address, reason, fatal=False))

    def _by_logscan(self, line: _Line, session: Session) -> Iterator[FailedHandshake | Problem | None]:
        """What an installed logscan finds."""
        hosts = HostNames((f"{line.name}=*",))
        request = CountRequest(self._selection, (), datetime.max, hosts, rule=self._rule)
        session.ask({
            **of_count(request, None, line.name), "do": "tail", "paths": list(line.asked.paths),
            "state": line.state, "from_start": self._options.from_start, "poll": self._options.poll,
            "max_entry": self._options.max_entry_bytes,
        })  # fmt: skip
        address = session.host.address
        while True:
            frame = session.receive()
            try:
                if frame.get("k") == "state":
                    problems = read_problems(frame, address)
                    if not isinstance(frame.get("state"), dict):
                        raise WireError("no place to go on from")  # noqa: TRY301
                    line.state = frame["state"]
                    line.given = set()
                    yield None
                    yield from problems
                else:
                    for failure in read_failures(frame, address, line.name):
                        if name_of(failure) not in line.given:
                            if len(line.given) >= MOST_GIVEN:
                                raise WireError("failures without a place to go on from")  # noqa: TRY301
                            line.given.add(name_of(failure))
                            yield failure
            except WireError as error:
                raise session.refusal(error) from error

    def _by_agent(self, line: _Line, session: Session) -> Iterator[FailedHandshake | Problem | None]:
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
            yield from filter(self._selected.selects, found)
