"""Notify: sends notices to people through apprise (chat, mail, pagers), without flooding them.

Failures are grouped by organization, environment, proxy, alert and side. Each group gets one notice when it
begins, one at intervals while it goes on, with the number of failures since the last notice, and one when it
has recovered. Counting goes on while the target cannot be reached: notices come later, no failure is lost.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from logscan._failures.names import cut
from logscan._render.safe import chat, to_paste
from logscan.errors import OutputError, UsageError, need
from logscan.values import FailedHandshake

GROUPS = 1_000
"""Groups of failures. Failures of further groups are counted together, as one group more."""
LONGEST = 80
"""Characters of a name in a notice."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""Seconds before a target that failed is tried again: at first, and at most."""
SETTLE = 1.0
"""Seconds between a group's first failure and its notice, which then counts all failures of that second."""

Group = tuple[str | None, str | None, str | None, str, str]
"""Organization, environment, proxy, alert and side."""


_FURTHER: Group = (None, None, "others", "other groups", "southbound")


@dataclass
class _State:
    """Notification state of one group of failures. Times of the monotonic clock in seconds."""

    pending: int = 0
    """Failures since the last notice."""
    notified: int = 0
    """Failures in all notices since the group began."""
    first: datetime | None = None
    last: datetime | None = None
    sample: str | None = None
    target: str | None = None
    began: float = 0.0
    notified_at: float | None = None
    seen_at: float = 0.0


def _target(url: str) -> tuple[Any, Any, str]:
    """The library, a target of it, and what the target is called in messages.

    Raises:
        UsageError: apprise does not understand the target.
        MissingPackageError: apprise is not installed.
    """
    apprise = need("apprise", "--notify")
    # The address may contain a password, so messages show its scheme only.
    name = f"--notify {url.partition(':')[0]}://…"
    target = apprise.Apprise.instantiate(url)
    if target is None:
        raise UsageError(
            f"{name}: apprise does not understand this address",
            "see https://github.com/caronc/apprise/wiki for the form of addresses",
        )
    return apprise, target, name


def check(url: str) -> None:
    """Check a target before there is a notice.

    Raises:
        UsageError: apprise is not installed, or does not understand the target.
    """
    _target(url)


def notify(url: str, title: str, body: str) -> None:
    """Send one notice. What others wrote in it is made harmless.

    Raises:
        UsageError: see :func:`check`.
        OutputError: the target does not take it.
    """
    apprise, target, name = _target(url)
    lines = [chat(line) for line in body.splitlines()]
    try:
        sent = bool(
            target.notify(
                title=chat(title), body="\n".join(lines), notify_type=apprise.NotifyType.FAILURE,
                body_format=apprise.NotifyFormat.TEXT,
            )
        )  # fmt: skip
    except Exception as error:  # whatever a target's library raises
        raise OutputError(f"{name}: {error}") from error
    if not sent:
        raise OutputError(f"{name}: the target does not accept the notice")


class Notifier:
    """Counts failures and sends notices to one target, in a thread.

    Args:
        url: the target, as apprise writes it.
        every: seconds between two notices of one group.
        recovered: seconds without a failure after which a group has recovered.
        step: seconds between two looks for notices that are due.

    Raises:
        UsageError: apprise is not installed, or does not understand the target.
    """

    def __init__(self, url: str, every: float, recovered: float, step: float = 0.25) -> None:
        apprise, self._target, self._name = _target(url)
        self._type: Any = apprise.NotifyType
        self._format: Any = apprise.NotifyFormat.TEXT
        self._every = every
        self._recovered = recovered
        self._step = step
        self._states: dict[Group, _State] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.sent = 0
        self.failed = 0
        self.dropped = 0
        self.problem = ""
        """The latest problem; the caller clears it."""
        self._wait = 0.0
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def feed(self, failure: FailedHandshake) -> None:
        """Count a failure. Never waits for the target."""
        group = (failure.org, failure.env, failure.proxy, failure.alert, failure.side)
        now = time.monotonic()
        with self._lock:
            state = self._states.get(group)
            if state is None:
                if len(self._states) >= GROUPS:
                    group = _FURTHER
                state = self._states.get(group) or _State(began=now, first=failure.time)
                self._states[group] = state
            state.pending += 1
            state.seen_at = now
            state.last = failure.time
            state.sample = failure.message_id
            state.target = failure.target

    def close(self, seconds: float = 5.0) -> None:
        """Send the pending notices, for this many seconds at most."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.wait(self._step):
            self._look(time.monotonic())
        self._look(time.monotonic(), ending=True)

    def _look(self, now: float, ending: bool = False) -> None:
        if now < self._retry_at and not ending:
            return
        with self._lock:
            due = [
                (group, state.pending)
                for group, state in self._states.items()
                if state.pending and (ending or self._is_due(state, now))
            ]
            recovered = [
                group
                for group, state in self._states.items()
                if not state.pending and now - state.seen_at >= self._recovered
            ]
        for group, count in due:
            state = self._states[group]
            title, body = _failing(group, state, count)
            if not self._send(title, body, self._type.FAILURE, now):
                return
            with self._lock:
                state.pending -= count
                state.notified += count
                state.notified_at = now
        for group in recovered:
            state = self._states[group]
            title, body = _recovery(group, state, now - state.seen_at)
            if not self._send(title, body, self._type.SUCCESS, now):
                return
            with self._lock:
                if not state.pending:
                    del self._states[group]

    def _is_due(self, state: _State, now: float) -> bool:
        if state.notified_at is None:
            return now - state.began >= SETTLE
        return now - state.notified_at >= self._every

    def _send(self, title: str, body: str, notice_type: Any, now: float) -> bool:
        """Send a notice; ``False`` when that failed. The target is then tried again later."""
        problem = f"{self._name}: the target does not accept the notice"
        try:
            sent = bool(
                self._target.notify(title=title, body=body, notify_type=notice_type, body_format=self._format)
            )
        except Exception as error:  # noqa: BLE001 - whatever a target's library raises, reading goes on
            sent, problem = False, f"{self._name}: {error}"
        if sent:
            self.sent += 1
            self._wait = 0.0
            return True
        self.failed += 1
        self.problem = problem
        self._wait = min(LONGEST_WAIT, max(FIRST_WAIT, self._wait * 2))
        self._retry_at = now + self._wait
        return False


def _shown(name: str | None) -> str:
    """A name from the log, which others may have chosen."""
    return chat(cut(name, LONGEST)) if name else "?"


def _where(group: Group) -> str:
    org, env, proxy, _, side = group
    place = "/".join(_shown(part) for part in (org, env, proxy))
    return place if side == "southbound" else f"{place} ({side})"


def _failing(group: Group, state: _State, count: int) -> tuple[str, str]:
    """Title and body of a notice that a group fails."""
    more = f" ({state.notified + count:,} since it began)" if state.notified else ""
    title = f"{_shown(group[3])}: {_where(group)}"
    lines = [f"{count:,} failed handshake{'s' if count != 1 else ''}{more}."]
    if state.target:
        lines.append(f"Backend: {_shown(state.target)}")
    if state.first:
        lines.append(f"First {state.first}, last {state.last} (log time)")
    if state.sample:
        lines.append(_see(state.sample))
    return title, "\n".join(lines)


def _see(message_id: str) -> str:
    """How to find the failure: a command to paste, if the id is one that cannot do harm."""
    command = to_paste("logscan", "search", message_id)
    if command is not None and _shown(message_id) == message_id:
        return f"See: {command}"
    return f"See message {_shown(message_id)}"


def _recovery(group: Group, state: _State, seconds: float) -> tuple[str, str]:
    """Title and body of a notice that a group has recovered."""
    return (
        f"recovered: {_shown(group[3])}: {_where(group)}",
        f"No failed handshake for {seconds / 60:.0f} minutes, after {state.notified:,} in all."
        f" Last {state.last} (log time).",
    )
