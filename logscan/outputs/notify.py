"""Notify: tell people, through whatever apprise can reach, without flooding them.

Failures are counted by organization, environment, proxy, alert and side. For each there is one notice when it
begins, then one every so often while it goes on, with the number since the last, and one when it has stopped.
While the target cannot be reached counting goes on, so nothing is lost but time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from logscan.errors import UsageError
from logscan.values import FailedHandshake

KINDS = 1_000
"""Kinds of failure counted apart; further ones are dropped and counted."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""Seconds before a target that failed is tried again: at first, and at most."""
SETTLE = 1.0
"""Seconds between a kind's first failure and its notice, so that it says how many came at once."""

Kind = tuple[str | None, str | None, str | None, str, str]


@dataclass
class _Course:
    """How a kind of failure goes."""

    pending: int = 0
    """Failures since the last notice."""
    told: int = 0
    """Failures told of since it began."""
    first: datetime | None = None
    last: datetime | None = None
    sample: str | None = None
    target: str | None = None
    began: float = 0.0
    noticed: float | None = None
    seen: float = 0.0


class Notifier:
    """Counts failures and sends notices to one target beside the reading.

    Args:
        url: the target, as apprise writes it.
        every: seconds between two notices of one kind.
        recovered: seconds without a failure after which a kind is told to have stopped.

    Raises:
        UsageError: apprise is not installed, or does not understand the target.
    """

    def __init__(self, url: str, every: float, recovered: float, step: float = 0.25) -> None:
        try:
            import apprise
        except ImportError as error:
            raise UsageError(
                "--notify needs the package apprise", "install logscan with it: pip install 'logscan[live]'"
            ) from error
        self._type: Any = apprise.NotifyType
        self._target: Any = apprise.Apprise.instantiate(url)
        # The address may hold a password: it is not repeated whole.
        self._name = f"--notify {url.partition(':')[0]}://…"
        if self._target is None:
            raise UsageError(
                f"{self._name}: this address is not understood",
                "see https://github.com/caronc/apprise/wiki for the form of addresses",
            )
        self._every = every
        self._recovered = recovered
        self._step = step
        self._courses: dict[Kind, _Course] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.sent = 0
        self.failed = 0
        self.dropped = 0
        self.problem = ""
        """What went wrong last; the caller takes it."""
        self._wait = 0.0
        self._again = 0.0
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def feed(self, failure: FailedHandshake) -> None:
        """Count a failure; never waits for a target."""
        kind = (failure.org, failure.env, failure.proxy, failure.alert, failure.side)
        now = time.monotonic()
        with self._lock:
            course = self._courses.get(kind)
            if course is None:
                if len(self._courses) >= KINDS:
                    self.dropped += 1
                    return
                course = self._courses[kind] = _Course(began=now, first=failure.time)
            course.pending += 1
            course.seen = now
            course.last = failure.time
            course.sample = failure.message_id
            course.target = failure.target

    def close(self, seconds: float = 5.0) -> None:
        """Send what is pending, for so long at most."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._step):
            self._look(time.monotonic())
        self._look(time.monotonic(), ending=True)

    def _look(self, now: float, ending: bool = False) -> None:
        if now < self._again and not ending:
            return
        with self._lock:
            due = [
                (kind, course.pending)
                for kind, course in self._courses.items()
                if course.pending and (ending or self._due(course, now))
            ]
            over = [
                kind
                for kind, course in self._courses.items()
                if not course.pending and now - course.seen >= self._recovered
            ]
        for kind, count in due:
            course = self._courses[kind]
            title, body = _words(kind, course, count)
            if not self._send(title, body, self._type.FAILURE, now):
                return
            with self._lock:
                course.pending -= count
                course.told += count
                course.noticed = now
        for kind in over:
            course = self._courses[kind]
            title, body = _recovery(kind, course, now - course.seen)
            if not self._send(title, body, self._type.SUCCESS, now):
                return
            with self._lock:
                if not course.pending:
                    del self._courses[kind]

    def _due(self, course: _Course, now: float) -> bool:
        if course.noticed is None:
            return now - course.began >= SETTLE
        return now - course.noticed >= self._every

    def _send(self, title: str, body: str, kind: Any, now: float) -> bool:
        """Send a notice; whether it went. A target that failed is tried again later."""
        problem = f"{self._name}: the target does not take the notice"
        try:
            gone = bool(self._target.notify(title=title, body=body, notify_type=kind))
        except Exception as error:  # noqa: BLE001 - whatever a target's library raises, reading goes on
            gone, problem = False, f"{self._name}: {error}"
        if gone:
            self.sent += 1
            self._wait = 0.0
            return True
        self.failed += 1
        self.problem = problem
        self._wait = min(LONGEST_WAIT, max(FIRST_WAIT, self._wait * 2))
        self._again = now + self._wait
        return False


def _where(kind: Kind) -> str:
    org, env, proxy, _, side = kind
    place = "/".join(part or "?" for part in (org, env, proxy))
    return place if side == "southbound" else f"{place} ({side})"


def _words(kind: Kind, course: _Course, count: int) -> tuple[str, str]:
    more = f" ({course.told + count:,} since it began)" if course.told else ""
    title = f"{kind[3]}: {_where(kind)}"
    lines = [f"{count:,} failed handshake{'s' if count != 1 else ''}{more}."]
    if course.target:
        lines.append(f"Backend: {course.target}")
    if course.first:
        lines.append(f"First {course.first}, last {course.last} (log time)")
    if course.sample:
        lines.append(f"See: logscan search {course.sample}")
    return title, "\n".join(lines)


def _recovery(kind: Kind, course: _Course, seconds: float) -> tuple[str, str]:
    return (
        f"recovered: {kind[3]}: {_where(kind)}",
        f"No failed handshake for {seconds / 60:.0f} minutes, after {course.told:,} in all."
        f" Last {course.last} (log time).",
    )
