"""Subjects of mails: what is new, how much and where, with the important first, for a phone's list."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logscan._failures.incidents import OTHERS
from logscan._render.text import counted
from logscan.errors import UsageError
from logscan.shown import safe
from logscan.values import Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

LONGEST_SUBJECT = 90
MOST = 0.9
"""The part of the failures that has a value which stands for all in the subject."""
LONGEST_OWN = 200
"""Characters of a subject of one's own."""
FIELDS = (
    "subject", "environments", "failed", "possible", "incidents", "new", "growing", "resolved", "host",
    "route",
)  # fmt: skip
"""What a subject of one's own may hold in braces."""
_SUMMARY = ("new", "growing", "resolved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes, and for whom."""

    what: str
    """The selection in words."""
    host: str
    """This machine."""
    route: str = ""
    """Name of the route; empty: the mail of ``--email``."""
    subject: str = ""
    """A subject of one's own, with fields in braces; empty: the usual one."""
    is_first: bool = False
    """There is no earlier run to compare with."""
    paths: tuple[str, ...] = ()
    """What was read, for the command to type next."""


def check_subject(subject: str) -> None:
    """Check the fields of a subject.

    Raises:
        UsageError: one is unknown, or the braces do not match.
    """
    try:
        parts = list(string.Formatter().parse(subject))
    except ValueError as error:
        raise UsageError(f"{subject}: {error}", "write {{ for a brace", argument="subject") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in FIELDS or form or conversion):
            field = f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
            raise UsageError(
                f"{field}: no such field", "choose from {" + "}, {".join(FIELDS) + "}", argument="subject"
            )


def subject_of(report: Report, sender: Sender, changes: Comparison | None = None) -> str:
    """The subject of a report's mail: the sender's own with its fields filled, else the usual one."""
    usual = _usual(report, sender, changes)
    return _filled(usual, report, sender, changes) if sender.subject else usual


def _filled(usual: str, report: Report, sender: Sender, changes: Comparison | None) -> str:
    """The subject of the sender's own with its fields."""
    numbers: Mapping[str, object] = dict.fromkeys(_SUMMARY, "-") if changes is None else _numbers(changes)
    failed, possible = amounts(report)
    values = {
        "failed": f"{failed:,}", "possible": f"{possible:,}", "environments": environments(report) or "-",
        "incidents": f"{sum(incident.together for incident in report.incidents):,}",
        "host": sender.host, "route": sender.route, "subject": usual,
        **{state: str(number) for state, number in numbers.items()},
    }  # fmt: skip
    return short(sender.subject.format(**values), LONGEST_OWN)


def amounts(report: Report) -> tuple[int, int]:
    """Failures whose name has no other cause than the one asked for, and those whose name may have one."""
    overview = report.overview
    if overview.what:
        return overview.failed, overview.possible
    return sum(incident.failed_handshakes for incident in report.incidents), 0


def _numbers(changes: Comparison) -> dict[str, int]:
    return {"new": changes.number("new"), "growing": changes.number("growing"), "resolved": len(changes.gone)}


def environments(report: Report) -> str:
    """Names of the environments, most failures first; of more than three the number."""
    counts: dict[str, int] = {}
    for incident in report.incidents:
        if incident.alert != OTHERS:
            for name in incident.envs or (incident.env or "no environment",):
                counts[name] = counts.get(name, 0) + incident.failed_handshakes
    names = sorted(counts, key=lambda name: -counts[name])
    if len(names) > 3:
        return f"{len(names):,} environments"
    return ", ".join(short(name, 16) for name in names)


def _usual(report: Report, sender: Sender, changes: Comparison | None) -> str:
    """``[prod] 3 new, 1 resolved: 412 failed handshakes, bad_certificate (payments-key)``."""
    failed, possible = amounts(report)
    where = f"[{places}] " if (places := environments(report)) else ""
    if unread(report):
        where += "INCOMPLETE: "
    news = _news(changes) or ("nothing new" if changes and report.incidents else "")
    news += ": " if news else ""
    amount = counted(failed, "failed handshake") if failed or not possible else ""
    if possible:
        amount += f"{', ' if amount else ''}{possible:,} possible"
    if not report.incidents:
        return short(f"{where}{news}no failed handshakes, {sender.what}", LONGEST_SUBJECT)
    names = [name for name, _, _ in report.overview.alerts]
    names = names or list(dict.fromkeys(i.alert for i in report.incidents if i.alert != OTHERS))
    names = names or [sender.what]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    key = f" ({key})" if (key := _key_of_all(report)) else ""
    begin, alert = f"{where}{news}{amount}", f", {short(names[0], 40)}"
    for ending in (alert + more + key, alert + key, alert + more, alert):
        if len(begin + ending) <= LONGEST_SUBJECT:
            return begin + ending
    return short(begin, LONGEST_SUBJECT)


def _news(changes: Comparison | None) -> str:
    """What has changed, in a few words; empty if nothing has."""
    if changes is None:
        return ""
    words = [f"{number:,} {state}" for state, number in _numbers(changes).items() if number]
    return ", ".join([*words, *(["others rose"] if changes.outside else [])])


def _key_of_all(report: Report) -> str:
    """The alias, else the API proxy, else the backend that most failures have; empty if there is none."""
    known = {shared.dimension: shared for shared in report.overview.shared}
    for dimension in ("alias", "proxy", "target"):
        shared = known.get(dimension)
        if shared is not None and shared.share >= MOST and shared.values[0][0] != "null":
            return short(shared.values[0][0], 30)
    for values in (
        [incident.key_aliases for incident in report.incidents],
        [(incident.proxy or "",) for incident in report.incidents],
        [incident.targets for incident in report.incidents],
    ):
        different = {value for some in values for value in some}
        if len(different) == 1 and (value := different.pop()) not in ("null", "") and all(values):
            return short(value, 30)
    return ""


def unread(report: Report) -> list[str]:
    """Inputs that could not be read."""
    return [f"{problem.path}: {problem.reason}" for problem in report.problems if problem.fatal]


def short(text: str, most: int) -> str:
    """One safe line of so many characters at most, without the beginning of a link."""
    text = re.sub(r":(?=//)", "\uff1a", safe(" ".join(text.split())))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
