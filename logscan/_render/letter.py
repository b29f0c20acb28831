"""The letter: a report as a short mail, in words that a phone's list, Gmail and Outlook show.

Its HTML is made of tables with styles of their own, because mail programs drop style sheets, pictures made of
markup, and scripts. Its size has a bound, whatever the report; the whole page comes as a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from logscan._failures.incidents import OTHERS
from logscan._render.safe import to_paste
from logscan._render.subject import Sender, amounts, environments, short, subject_of, unread
from logscan._render.summary import is_possible, next_command, onset_lines, state_line, state_of
from logscan._render.text import FIRST_RUN, counted, show_mapping, show_time, warnings
from logscan.values import Incident, Report

if TYPE_CHECKING:
    from logscan._failures.history import Comparison

ROWS = 10
"""Incidents in the table."""
NAMED = 10
"""Incidents named for each kind of change."""
LONGEST_LINE = 76
LONGEST_NAME = 60
LONGEST_SENTENCE = 400
LONGEST_COMMAND = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its receivers."""

    subject: str
    text: str
    html: str


def letter(report: Report, sender: Sender, changes: Comparison | None = None) -> Letter:
    """The mail of a report.

    Args:
        report: the report.
        sender: who writes, and for whom.
        changes: the comparison with an earlier run.
    """
    subject = subject_of(report, sender, changes)
    parts = _Parts(report, sender, changes)
    return Letter(subject, _text(parts), _html(parts))


# What it says, for both forms.


@dataclass(frozen=True, slots=True)
class _Row:
    """An incident."""

    failed: str
    where: str
    alert: str
    details: str
    state: str


class _Parts:
    """The parts of a letter, each made safe and short."""

    def __init__(self, report: Report, sender: Sender, changes: Comparison | None) -> None:
        failed, possible = amounts(report)
        number = sum(incident.together for incident in report.incidents)
        self.title = f"{counted(failed, 'failed handshake')}: {short(sender.what, LONGEST_NAME)}"
        if possible:
            self.title += f"; {possible:,} more may have another cause (marked ?)"
        if not report.incidents:
            self.title = f"No failed handshakes: {short(sender.what, LONGEST_NAME)}"
        self.facts = list(_facts(report))
        self.changed = list(_changed(changes))
        self.compared = FIRST_RUN if sender.is_first else ""
        if changes is not None:
            self.compared = f"Since {short(changes.label, LONGEST_NAME)}:"
            if not self.changed:
                self.compared += " nothing has changed."
        self.rows = [_row(incident, report, changes) for incident in report.incidents[:ROWS]]
        self.left_out = ""
        if len(report.incidents) > ROWS:
            self.left_out = f"The worst {ROWS} of {number:,} incidents; report.html lists the others."
        self.notes = list(_notes(report, changes))
        self.next = list(_next(report, sender))
        self.end = f"Sent by logscan on {short(sender.host, LONGEST_NAME)}"
        if sender.route:
            self.end += f", route {short(sender.route, LONGEST_NAME)}"


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """Label and sentence."""
    overview, incidents = report.overview, report.incidents
    for problem in unread(report)[:3]:
        yield "Not read", short(problem, LONGEST_SENTENCE)
    if (hidden := len(unread(report)) - 3) > 0:
        yield "Not read", f"{counted(hidden, 'further input')}"
    if not incidents:
        yield "Read", f"{counted(report.counters.files, 'file')}, nothing of this selection"
        return
    yield "When", _when(report)
    yield "Where", f"{environments(report)}: {_proxies(incidents)}"
    findings = overview.findings or tuple(_in_common(incidents))
    for number, sentence in enumerate(findings[:5]):
        yield "" if number else "In common", short(sentence, LONGEST_SENTENCE)
    for number, sentence in enumerate(onset_lines(overview)[:3]):
        yield "" if number else "Onset", short(sentence, LONGEST_SENTENCE)


def _when(report: Report) -> str:
    """Since when, and whether it goes on at the end of the logs."""
    if sentence := state_line(report.overview):
        return sentence
    times = [t for i in report.incidents for t in (i.first_time, i.last_time) if t is not None]
    return f"{show_time(min(times))} to {show_time(max(times))} (time of the log)" if times else "not known"


def _proxies(incidents: Sequence[Incident]) -> str:
    all_names = (i.proxies or (i.proxy or "no API proxy",) for i in incidents if i.alert != OTHERS)
    names = list(dict.fromkeys(name for some in all_names for name in some))
    shown = ", ".join(short(name, 40) for name in names[:3])
    return f"{shown} and {len(names) - 3:,} more API proxies" if len(names) > 3 else shown


def _in_common(incidents: Sequence[Incident]) -> Iterator[str]:
    """What all incidents have, where nothing more is known."""
    found = []
    for name, values in (
        ("backend", [incident.targets for incident in incidents]),
        ("alias", [incident.key_aliases for incident in incidents]),
        ("Message Processor", [incident.hosts for incident in incidents]),
    ):
        different = {value for some in values for value in some}
        if len(different) == 1 and all(values):
            value = different.pop()
            found.append(_named(name, value))
    if found:
        yield "all have " + ", ".join(found)


def _named(name: str, value: str) -> str:
    """A value with the name of what it is; ``null``: none is configured."""
    return f"no {name}" if value == "null" else f"{name} {short(value, LONGEST_NAME)}"


def _changed(changes: Comparison | None) -> Iterator[tuple[str, list[str]]]:
    """State and incidents; continuing ones need no words."""
    from logscan._failures.history import key_of, name_of

    if changes is None:
        return
    for wanted in ("new", "growing", "shrinking"):
        names = [
            f"{name_of(key_of(incident))} ({incident.failed_handshakes:,}{', ' + words if words else ''})"
            for incident, (state, words) in changes.states.items()
            if state == wanted
        ]
        if names:
            yield wanted, _some(names)
    if changes.gone:
        yield "resolved", _some([f"{name_of(key)} ({count:,} then)" for key, count in changes.gone])


def _some(names: Sequence[str]) -> list[str]:
    shown = [short(name, 2 * LONGEST_NAME) for name in names[:NAMED]]
    return [*shown, f"and {len(names) - NAMED:,} more"] if len(names) > NAMED else shown


def _row(incident: Incident, report: Report, changes: Comparison | None) -> _Row:
    several = len({each.org for each in report.incidents}) > 1
    names = [incident.env, incident.proxy]
    if several:
        names.insert(0, incident.org)
    if incident.alerts:  # grouped: other columns are the key
        names = [value for _, value in incident.by]
    far = "backend" if incident.side == "southbound" else "router"
    lists = [(far, incident.targets), ("alias", incident.key_aliases)]
    if incident.alerts:
        lists.insert(0, ("API proxy", incident.proxies))
    details = []
    for name, values in lists:
        if values:
            more = f" and {len(values) - 1} more" if len(values) > 1 else ""
            details.append(_named(name, values[0]) + more)
    if not incident.alerts:
        details += [f"{name} {short(value or '-', LONGEST_NAME)}" for name, value in incident.by]
    last, newest = incident.last_time, report.overview.last
    is_same_day = last is not None and newest is not None and last.date() == newest.date()
    details.append(f"last {show_time(last)[11:] if is_same_day else show_time(last)}")
    if state := state_of(incident, report.overview):
        details.append(state)
    change, _ = changes.states.get(incident, ("", "")) if changes else ("", "")
    alert = ", ".join(incident.alerts[:3]) or incident.alert
    return _Row(
        f"{incident.failed_handshakes:,}",
        " / ".join(short(name or "-", LONGEST_NAME) for name in names),
        short(alert, LONGEST_NAME) + (" ?" if is_possible(incident, report.overview) else ""),
        ", ".join(details),
        change if change in ("new", "growing") else "",
    )


def _notes(report: Report, changes: Comparison | None) -> Iterator[str]:
    """What is outside the selection, and what the reader must know of the run."""
    outside = sum(report.other_alerts.values())
    if outside:
        kinds = dict(report.other_alerts.most_common(3))
        names = short(show_mapping(kinds), LONGEST_SENTENCE)
        names += f" and {len(report.other_alerts) - 3} other kinds" if len(report.other_alerts) > 3 else ""
        rise = ""
        if changes is not None and changes.outside:
            rise = f", {changes.outside[1]:,} in the run before"
        yield f"Outside this selection: {counted(outside, 'TLS failure')} ({names}){rise}."
    for line in warnings(report.counters)[:5]:
        yield f"Note: {short(line, LONGEST_SENTENCE)}."


def _next(report: Report, sender: Sender) -> Iterator[str]:
    """Where to look next."""
    if not report.incidents:
        return
    worst = report.incidents[0]
    hint = short(worst.hint, LONGEST_SENTENCE)
    yield f"{hint[:1].upper()}{hint[1:]}."
    if sender.paths and (command := next_command(report, sender.paths)) and len(command) < LONGEST_COMMAND:
        yield f"Why: {command}"
    for name in worst.sample_message_ids[:1]:
        command = to_paste("logscan", "search", name, *sender.paths[:1]) or ""
        if 0 < len(command) < LONGEST_COMMAND:
            yield f"One of them: {command}"
    yield "The attached report.html has each incident with its entries."


# The text.


def _text(parts: _Parts) -> str:
    """Lines of at most :data:`LONGEST_LINE` characters."""
    lines: list[str] = []

    def add(text: str, first: str = "", rest: str = "") -> None:
        lines.extend(
            textwrap.wrap(text, LONGEST_LINE, initial_indent=first, subsequent_indent=rest)
            or [first.rstrip()]
        )

    add(parts.title)
    lines.append("")
    for label, sentence in parts.facts:
        add(sentence, f"{label:<11}", " " * 11)
    if parts.compared:
        lines.append("")
        add(parts.compared)
    for state, names in parts.changed:
        for number, name in enumerate(names):
            add(name, f"  {'' if number else state:<11}", " " * 15)
    if parts.rows:
        lines.append("")
    width = max((len(row.failed) for row in parts.rows), default=0)
    for row in parts.rows:
        state = f" [{row.state}]" if row.state else ""
        add(f"{row.where}  {row.alert}{state}", f"{row.failed:>{width}}  ", " " * (width + 2))
        add(row.details, " " * (width + 4), " " * (width + 4))
    if parts.left_out:
        add(parts.left_out)
    for group in (parts.notes, parts.next, [parts.end]):
        if group:
            lines.append("")
        for sentence in group:
            add(sentence)
    return "\n".join(lines) + "\n"


# The page. Every value of a style stands at its element, and every length is in pixels.

_FONT = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:20px;color:#1f2933"
_TITLE = f"{_FONT};font-size:20px;line-height:26px;padding:0 0 8px 0"
_CELL = f"{_FONT};padding:6px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #d9dfe5"
_HEAD = f"{_CELL};font-weight:bold;background-color:#eef2f5"
_LABEL = f"{_FONT};padding:3px 12px 3px 0;text-align:left;vertical-align:top;color:#52606d"
_PLAIN = f"{_FONT};padding:3px 0;text-align:left;vertical-align:top"
_SMALL = "font-size:12px;color:#52606d"
_STATES = {"new": "#b42318", "growing": "#b54708", "resolved": "#067647"}


def _html(parts: _Parts) -> str:
    blocks = [f'<tr><td style="{_TITLE}">{_b(parts.title)}</td></tr>']
    blocks.append(_nested(_pair(label, sentence) for label, sentence in parts.facts))
    if parts.compared:
        blocks.append(_line(_b(parts.compared)))
    blocks.append(
        _nested(
            _pair("" if number else state, name, _STATES.get(state, "#52606d"))
            for state, names in parts.changed
            for number, name in enumerate(names)
        )
    )
    if parts.rows:
        head = "".join(
            f'<th align="left" style="{_HEAD}">{name}</th>' for name in ("Failed", "Where", "Alert")
        )
        blocks.append(_nested([f"<tr>{head}</tr>", *map(_html_row, parts.rows)], border=True))
    blocks += [_line(_e(sentence)) for sentence in filter(None, (parts.left_out, *parts.notes))]
    if parts.next:
        blocks.append(_line(_b("Next")))
        blocks += [_line(_e(sentence)) for sentence in parts.next]
    blocks.append(_line(f'<span style="{_SMALL}">{_e(parts.end)}</span>'))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_e(parts.title)}</title></head>\n"
        '<body bgcolor="#ffffff" style="margin:0;padding:0;background-color:#ffffff">\n'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">'
        '<tr><td style="padding:16px">\n'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">\n'
        + "\n".join(filter(None, blocks))
        + "\n</table>\n</td></tr></table>\n</body></html>\n"
    )


def _e(text: str) -> str:
    return escape(text)


def _b(text: str) -> str:
    return f"<b>{_e(text)}</b>"


def _line(html: str) -> str:
    return f'<tr><td style="{_PLAIN}">{html}</td></tr>'


def _nested(rows: Iterator[str] | Sequence[str], border: bool = False) -> str:
    """A table in a row of the outer one; nothing for no rows."""
    inside = "\n".join(rows)
    if not inside:
        return ""
    role, width = ("", ' width="100%"') if border else (' role="presentation"', "")
    return (
        f'<tr><td style="padding:8px 0"><table{role}{width} cellpadding="0" cellspacing="0" border="0"'
        f' style="border-collapse:collapse">\n{inside}\n</table></td></tr>'
    )


def _pair(label: str, text: str, colour: str = "#52606d") -> str:
    style = _LABEL if colour == "#52606d" else f"{_LABEL};color:{colour};font-weight:bold"
    shown = _e(label).replace(" ", "&nbsp;")
    return f'<tr><td style="{style}">{shown}</td><td style="{_PLAIN}">{_e(text)}</td></tr>'


def _html_row(row: _Row) -> str:
    state = f' <b style="color:{_STATES[row.state]}">{row.state}</b>' if row.state else ""
    return (
        f'<tr><td align="right" style="{_CELL};text-align:right">{_b(row.failed)}</td>'
        f'<td style="{_CELL}">{_e(row.where)}{state}<br><span style="{_SMALL}">{_e(row.details)}</span></td>'
        f'<td style="{_CELL}">{_e(row.alert)}</td></tr>'
    )
