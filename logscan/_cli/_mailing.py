"""``--email``, ``--subject`` and ``--routes`` of a report: who gets which part of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from logscan._cli import _common as common
from logscan._cli._routes import Route, configured
from logscan._failures.hosts import this_machine
from logscan._failures.incidents import OTHERS
from logscan._render.formats import Shape, render
from logscan._render.subject import Sender, check_subject
from logscan._render.text import counted
from logscan.errors import LogscanError, UsageError
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

NOTICE_LINES = 40
"""Lines of a notice."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one team gets."""

    route: Route
    """That of ``--email`` has no name."""
    report: Report
    changes: Comparison | None


class Mailing:
    """The mails and notices of a run. Their addresses and subjects are checked before anything is read.

    Args:
        email: addresses of ``--email``.
        subject: ``--subject``.
        routes: ``--routes``: the configuration's routes are used.
        is_grouped: ``--group`` replaces the key of incidents, by which routes choose.

    Raises:
        UsageError: an address or a subject cannot be understood, or there is no route.
    """

    def __init__(
        self, email: Sequence[str], subject: str | None, routes: bool, *, is_grouped: bool = False
    ) -> None:
        if routes and is_grouped:
            raise UsageError(
                "--routes and --group exclude each other", "routes choose by environment and API proxy"
            )
        self._routes = configured() if routes else ()
        self._rest = Route("", subject or "", email=tuple(email))
        check_subject(self._rest.subject)
        senders = (*self._routes, self._rest)
        if any(route.email for route in senders):
            from logscan._outputs import mail

            for route in senders:
                mail.check(route.email)
        if any(route.notify for route in senders):
            from logscan._outputs import notify

            for target in (target for route in senders for target in route.notify):
                notify.check(target)

    def __bool__(self) -> bool:
        """Whether anything is sent."""
        return bool(self._routes or self._rest.email)

    def send(
        self,
        report: Report,
        shape: Shape,
        changes: Comparison | None,
        entries: Mapping[str, list[str]],
        *,
        is_first: bool,
        quiet: bool,
    ) -> None:
        """Send each team its part. A mail that is not taken is printed, and the others are sent.

        Args:
            report: the whole report.
            shape: how it is shown.
            changes: the comparison with an earlier run.
            entries: message id → entries, for the pages.
            is_first: there is no earlier run to compare with.
            quiet: send nothing to those for whom nothing failed.

        Raises:
            LogscanError: a mail or notice was not taken.
        """
        failed: LogscanError | None = None
        receivers: list[str] = []
        for message in self._messages(report, changes):
            if quiet and not message.report.incidents and not (message.changes and message.changes.outside):
                continue
            try:
                receivers += _send(message, shape, entries, is_first)
            except LogscanError as error:
                if failed is not None:
                    common.complain(str(failed), failed.hint)
                failed = error
        if failed is not None:
            raise failed
        if receivers and sys.stderr.isatty():
            print(f"Mailed to {common.shown(', '.join(receivers))}.", file=sys.stderr)

    def _messages(self, report: Report, changes: Comparison | None) -> Iterator[Message]:
        if not self._routes:
            yield Message(self._rest, report, changes)
            return
        for route in self._routes:
            taken = [incident for incident in report.incidents if _is_for(route, incident)]
            part = _part_of(report, taken)._replace(other_alerts=Counter(), elsewhere=0)
            yield Message(route, part, _changes_of(changes, route))
        left = [
            incident
            for incident in report.incidents
            if not any(_is_for(route, incident) for route in self._routes)
        ]
        if self._rest.email:
            rest = (
                changes.of(lambda key: not any(route.takes(*key[:3]) for route in self._routes))
                if changes
                else None
            )
            if rest is not None and changes is not None:
                rest = replace(rest, outside=changes.outside)
            yield Message(self._rest, _part_of(report, left), rest)
        elif left:
            number = counted(sum(incident.failed_handshakes for incident in left), "failed handshake")
            common.complain(
                f"{number} in {counted(len(left), 'incident')} that no route takes",
                "give those an address with --email, or add a [[route]] without env and proxy",
            )


def _changes_of(changes: Comparison | None, route: Route) -> Comparison | None:
    return None if changes is None else changes.of(lambda key: route.takes(*key[:3]))


def _is_for(route: Route, incident: Incident) -> bool:
    return incident.alert != OTHERS and route.takes(incident.org, incident.env, incident.proxy)


def _part_of(report: Report, incidents: list[Incident]) -> Report:
    """A report of some of its incidents. What the whole has in common, the part need not have."""
    if len(incidents) == len(report.incidents):
        return report
    whole = report.overview
    times = [time for i in incidents for time in (i.first_time, i.last_time) if time is not None]
    possible = sum(i.failed_handshakes for i in incidents if i.is_ambiguous) if whole.possible else 0
    overview = replace(
        whole,
        failed=sum(incident.failed_handshakes for incident in incidents) - possible,
        possible=possible,
        alerts=(), bars=(), shared=(), findings=(), onset=None,
        first=min(times, default=None), last=max(times, default=None),
        is_over=whole.is_over or None,  # where all is over, so is a part
    )  # fmt: skip
    return report._replace(incidents=incidents, failures=[], overview=overview)


def _send(
    message: Message, shape: Shape, entries: Mapping[str, list[str]], is_first: bool
) -> tuple[str, ...]:
    """Send one message; returns its receivers.

    Raises:
        LogscanError: it was not taken. Its text is then printed: cron sends it.
    """
    from logscan._outputs import mail
    from logscan._render.letter import letter

    route = message.route
    sender = Sender(
        what=shape.what,
        host=this_machine(),
        route=route.name,
        subject=route.subject,
        is_first=is_first,
        paths=shape.paths,
    )
    made = letter(message.report, sender, message.changes)
    calls: list[Callable[[], None]] = []
    if route.email:
        page = render(message.report, replace(shape, format="html", each=False), message.changes, entries)
        composed = mail.compose(
            made.subject, made.text, made.html, route.email, page=page.decode("utf-8", "backslashreplace")
        )
        calls.append(partial(mail.send, composed))
    if route.notify:
        from logscan._outputs.notify import notify

        body = "\n".join(made.text.splitlines()[:NOTICE_LINES])
        calls += [partial(notify, target, made.subject, body) for target in route.notify]
    failed: LogscanError | None = None
    for call in calls:
        try:
            call()
        except LogscanError as error:
            failed = failed or error
    if failed is not None:
        print(made.text, end="")
        raise failed
    return route.email
