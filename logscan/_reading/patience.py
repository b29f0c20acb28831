"""Waiting for an answer, but not for ever: a server that accepts and never answers must not stop a run.

Libraries have time-outs of their own, and repeat what timed out: one silent server then takes minutes or
hours. So what asks a server runs in another thread, and the thread that needs the answer waits as long as it
wants to.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_OWN = threading.local()


class SilentError(Exception):
    """No answer came in time. What was asked may still be under way; nobody waits for it."""


class _Answer(NamedTuple):
    value: Any
    error: BaseException | None


class _Asked(NamedTuple):
    action: Callable[[], Any]
    answer: queue.SimpleQueue[_Answer]


class _Helper:
    """A thread that asks for one other thread. It ends with it: some libraries keep connections by thread."""

    def __init__(self) -> None:
        self.is_busy = False
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        threading.Thread(target=_run, args=(self._asked,), name="ask", daemon=True).start()

    def __del__(self) -> None:
        self._asked.put(None)

    def ask(self, action: Callable[[], T], seconds: float) -> T:
        answer: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self.is_busy = True
        self._asked.put(_Asked(action, answer))
        try:
            value, error = answer.get(timeout=seconds)
        except queue.Empty:
            raise SilentError(f"no answer for {seconds:g} s") from None
        self.is_busy = False
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]


def _run(asked: queue.SimpleQueue[_Asked | None]) -> None:
    _OWN.is_helper = True
    while (each := asked.get()) is not None:
        try:
            answer = _Answer(each.action(), None)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
            answer = _Answer(None, error)
        each.answer.put(answer)
        del each, answer


def within(seconds: float, action: Callable[[], T]) -> T:
    """What an action returns, if it does within some seconds. It runs in a thread that the calling one keeps.
    An action may call this, too.

    Raises:
        SilentError: it does not.
        Exception: what the action raises.
    """
    if getattr(_OWN, "is_helper", False):  # the thread that waits for this one has the limit
        return action()
    helper: _Helper | None = getattr(_OWN, "helper", None)
    if helper is None or helper.is_busy:  # one that is still busy waits for a server that is silent
        helper = _OWN.helper = _Helper()
    return helper.ask(action, seconds)
