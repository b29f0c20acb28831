"""The letter of a report: what Gmail, Outlook and a phone's list show of it, for none, one and thousands of incidents."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

import logscan
from logscan._failures.history import Comparison, key_of
from logscan._render.letter import letter
from logscan._render.subject import LONGEST_SUBJECT, Sender, check_subject, subject_of
from logscan.errors import UsageError
from logscan.overviews import Event, Onset, Overview, Shared
from logscan.values import Counters, Incident, Problem, Report
from support.command import SAMPLES
from support.mails import faults_of_html, faults_of_text

SENDER = Sender(what="client-certificate", host="mp03.example.com")


@pytest.fixture(scope="module")
def incident() -> Incident:
    return logscan.report(SAMPLES / "interleaved").incidents[0]


def report_of(incident: Incident, number: int, name: str = "payments-{}") -> Report:
    """A report of so many incidents."""
    made = [
        replace(incident, proxy=name.format(n), failed_handshakes=number - n, key_aliases=("payments-key",))
        for n in range(number)
    ]
    return Report(made, [], Counter(unknown_ca=7, timeout=2), 0, Counters(files=8))


def changes_of(report: Report) -> Comparison:
    """The first is new, the others go on, and one is gone."""
    states = {
        incident: ("new", "") if not n else ("continuing", "3 before")
        for n, incident in enumerate(report.incidents)
    }
    gone = ((("acme", "prod", "old", "bad_certificate", "southbound"), 5),)
    return Comparison("2026-11-22", states, gone, (9, 2))


@pytest.mark.parametrize("number", [0, 1, 12, 1_500])
@pytest.mark.parametrize("name", ["payments-{}", "x" * 5_000 + "{}", "<b>&'{}\u202e\"\U0001f4a9\t"])
def test_every_size(number: int, name: str, incident: Incident) -> None:
    """No part is dropped, clipped or broken, whatever the report, and it stays below 80 KB."""
    report = report_of(incident, number, name)
    for changes in (None, changes_of(report)):
        made = letter(report, SENDER, changes)
        assert faults_of_html(made.html) == []
        assert len(made.html.encode()) < 80_000
        assert faults_of_text(made.text) == []
        assert len(made.text) < 20_000
        assert len(made.subject) <= LONGEST_SUBJECT
    assert made.html.count("<th ") == (3 if number else 0)
    assert made.html.count('align="right"') == min(number, 10)


def test_what_it_says(incident: Incident) -> None:
    """Text and HTML: how much, when, what is shared, what happened, what is new and resolved, what is outside."""
    time = datetime(2026, 11, 23, 8)
    overview = Overview(
        "client-certificate", failed=412, possible=9, first=time, last=time.replace(hour=9), log_end=time.replace(hour=23),
        is_over=True, zone="Europe/Berlin", findings=("96 % go to one backend, 10.0.45.15:443",),
        shared=(Shared("alias", (("payments-key", 400),), 2, 412),),
        onset=Onset(time, (Event("restart", time, "the Message Processor restarted"),)),
    )  # fmt: skip
    report = report_of(incident, 12)._replace(overview=overview)
    made = letter(report, SENDER, changes_of(report))
    assert (
        made.subject
        == "[prod] 1 new, 1 resolved, others rose: 412 failed handshakes, 9 possible, bad_certificate"
    )
    for words in (
        "412 failed handshakes: client-certificate; 9 more may have another cause (marked ?)",
        "over: since 2026-11-23 08:00:00, last 09:00:00; the logs end 23:00:00; Europe/Berlin",
        "96 % go to one backend, 10.0.45.15:443", "08:00:00 the Message Processor restarted",
        "Since 2026-11-22:", "acme / prod / payments-0: bad_certificate (12)", "acme / prod / old: bad_certificate (5 then)",
        "The worst 10 of 12 incidents; report.html lists the others.",
        "Outside this selection: 9 TLS failures (7 unknown_ca, 2 timeout), 2 in the run before.",
        "Sent by logscan on mp03.example.com",
    ):  # fmt: skip
        assert words in " ".join(made.text.split()), words
        assert words in made.html, words


def test_subjects(incident: Incident) -> None:
    """The important first; nothing new and nothing found are said."""
    report = report_of(incident, 3)
    quiet = Comparison("x", dict.fromkeys(report.incidents, ("continuing", "")), ())
    empty = report_of(incident, 0)
    elsewhere = report._replace(
        incidents=[replace(i, env=f"env-{n}") for n, i in enumerate(report.incidents)]
    )
    lost = report._replace(counters=Counters(problems=[Problem("mp07/system.log", "no such file")]))
    for some, changes, subject in (
        (report, None, "[prod] 6 failed handshakes, bad_certificate (payments-key)"),
        (report, changes_of(report), "[prod] 1 new, 1 resolved, others rose: 6 failed handshakes, bad_certificate (payments-key)"),
        (report, quiet, "[prod] nothing new: 6 failed handshakes, bad_certificate (payments-key)"),
        (empty, None, "no failed handshakes, client-certificate"),
        (empty, changes_of(empty), "1 resolved, others rose: no failed handshakes, client-certificate"),
        (elsewhere, None, "[env-0, env-1, env-2] 6 failed handshakes, bad_certificate (payments-key)"),
        (lost, None, "[prod] INCOMPLETE: 6 failed handshakes, bad_certificate (payments-key)"),
    ):  # fmt: skip
        assert subject_of(some, SENDER, changes) == subject
    assert "mp07/system.log: no such file" in letter(lost, SENDER).text
    assert "First run: nothing to compare with." in letter(report, replace(SENDER, is_first=True)).text


def test_subjects_of_ones_own(incident: Incident) -> None:
    """Fields in braces; a line break of a name does not end the subject."""
    report = report_of(incident, 3)
    own = "{{MP A}} {environments}: {failed} {new} {growing} {resolved} {incidents} {possible} {host} {route}| {subject}"
    check_subject(own)
    made = subject_of(report, replace(SENDER, subject=own, route="team\na"), changes_of(report))
    assert made.startswith("{MP A} prod: 6 1 0 1 3 0 mp03.example.com team a| [prod] 1 new")
    assert subject_of(report, replace(SENDER, subject="{new}")) == "-"


@pytest.mark.parametrize(
    "subject", ["{faild}", "{failed.real}", "{failed!r}", "{failed:>9999999}", "{", "{}", "{0}"]
)
def test_wrong_subjects(subject: str) -> None:
    """An error, and no access to anything but the fields."""
    with pytest.raises(UsageError):
        check_subject(subject)


def test_what_the_parser_finds() -> None:
    """The check can fail: of each thing that Gmail or Outlook drops."""
    for html in (
        "<svg></svg>", "<style>td{}</style>", "<script></script>", '<img src="data:image/png;base64,x">', '<a href="x">x</a>',
        '<td style="display:grid"></td>', '<td style="color:var(--ink)"></td>', '<td style="position:absolute"></td>',
        '<span style="padding:3px"></span>', '<td class="x"></td>', '<td style="padding:1em"></td>', "<td>", "x" * 110_000,
        '<td style="background-image:url(x)"></td>', "<!-- x -->",
    ):  # fmt: skip
        assert faults_of_html(html), html
    assert faults_of_text("x" * 77)
    assert faults_of_text("a │ b")


def test_keys_of_changes(incident: Incident) -> None:
    """A part of a comparison has only its own incidents."""
    report = report_of(incident, 3)
    part = changes_of(report).of(lambda key: key[2] == "payments-0")
    assert [key_of(each)[2] for each in part.states] == ["payments-0"]
    assert (part.gone, part.outside) == ((), None)
