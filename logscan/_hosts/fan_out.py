"""Several hosts at once, one thread each; what they answer is given in the order in which they were named."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from logscan._hosts.session import Session
from logscan._reading.ssh import Host
from logscan._reading.ssh_process import END_SECONDS

AT_ONCE = 8
"""Hosts that are asked at the same time."""
MOST_WAITING = 8
"""Answers of one host that wait to be taken; then it waits."""
_TICK = 0.1
T = TypeVar("T")


class Asked(NamedTuple):
    """A host, and what is wanted of it."""

    host: Host
    paths: tuple[str, ...]
    """Paths there, as they were given."""


class State(NamedTuple):
    """How far a host is."""

    label: str
    bytes: int
    """Bytes that it has read."""
    ended: bool


class _StoppedError(Exception):
    """Nobody takes answers any more."""


class Lane(Generic[T]):
    """What one host answers.

    Attributes:
        error: why it could not answer in full.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.error: BaseException | None = None
        self.session: Session | None = None
        self._queue: queue.Queue[tuple[T] | None] = queue.Queue(MOST_WAITING)
        self._stopped = threading.Event()
        self.ended = False

    def put(self, value: T) -> None:
        """Give an answer to who waits for it."""
        self._offer((value,))

    def _offer(self, value: tuple[T] | None) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(value, timeout=_TICK)
                return
        raise _StoppedError

    def values(self, meanwhile: Callable[[], None]) -> Iterator[T]:
        """The answers as they come.

        Args:
            meanwhile: called while none is there.

        Raises:
            InputError: the host could not answer in full; what came before was given.
        """
        while True:
            try:
                value = self._queue.get(timeout=_TICK)
            except queue.Empty:
                meanwhile()
                continue
            if value is None:
                break
            yield value[0]
        if self.error is not None:
            raise self.error

    def keep(self, session: Session) -> None:
        """Take a session that has begun, so that it is ended when nobody waits any more."""
        self.session = session
        if self._stopped.is_set():
            raise _StoppedError

    def run(self, work: Callable[[Lane[T]], None]) -> None:
        """Ask the host, in a thread."""
        try:
            if not self._stopped.is_set():
                work(self)
        except _StoppedError:
            return
        except BaseException as error:  # noqa: BLE001 - raised where the answers are taken
            self.error = error
        finally:
            self.ended = True
            if self.session is not None:
                self.session.close()
        with contextlib.suppress(_StoppedError):
            self._offer(None)

    def stop(self) -> None:
        """Let it end, without waiting for it."""
        self._stopped.set()
        if self.session is not None:
            self.session.stop()

    def close(self) -> None:
        """End it."""
        if self.session is not None:
            self.session.close()


class FanOut(Generic[T]):
    """Several hosts that are asked the same.

    Args:
        asked: hosts, and what is wanted of each.
        work: asks one of them: sets ``lane.session``, and puts what it answers.
        at_once: hosts that are asked at the same time.
    """

    def __init__(
        self, asked: Sequence[Asked], work: Callable[[Lane[T]], None], at_once: int = AT_ONCE
    ) -> None:
        self.lanes = [Lane[T](each) for each in asked]
        self._waiting = iter(self.lanes)
        self._next = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(work,), daemon=True, name=f"hosts {number}")
            for number in range(min(max(1, at_once), len(self.lanes)))
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, work: Callable[[Lane[T]], None]) -> None:
        """Ask one host after the other, as they were named: no host whose answers wait to be taken keeps one
        from beginning that was named before."""
        while True:
            with self._next:
                lane = next(self._waiting, None)
            if lane is None:
                return
            lane.run(work)

    def states(self) -> tuple[State, ...]:
        """How far each host is."""
        return tuple(
            State(lane.asked.host.label, lane.session.progress if lane.session else 0, lane.ended)
            for lane in self.lanes
        )

    def __enter__(self) -> FanOut[T]:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self.lanes:
            lane.stop()
        for lane in self.lanes:
            lane.close()
        for thread in self._threads:
            thread.join(END_SECONDS)


def opened(lane: Lane[Any], *, agent_only: bool = False) -> Session:
    """The session of a lane.

    Raises:
        InputError: the host cannot be reached, or cannot answer.
    """
    return Session(lane.asked.host, agent_only=agent_only, keep=lane.keep)
