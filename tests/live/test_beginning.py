"""Where tail begins: at a time, with the last failures, with several logs in order of time; and how it prints
many failures."""

from __future__ import annotations

import gzip
import os
import re
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import logscan
from logscan.errors import UsageError
from support.command import logscan as command
from support.lines import ONE
from support.tailing import Tail, append, until
from support.terminal import Terminal

START = datetime(2026, 11, 23)
TAIL = ("--alert", "bad_certificate")


def failed(name: str, minute: float, proxy: str = "a") -> str:
    """The lines of a failure some minutes after midnight."""
    moment = START + timedelta(minutes=minute)
    return (
        ONE.replace("2026-11-23 00:00:01", f"{moment:%Y-%m-%d %H:%M:%S}")
        .replace("m-1", name).replace("api:a", f"api:{proxy}")
    )  # fmt: skip


def quiet(minutes: range, size: int = 400) -> str:
    """Entries without a failure."""
    line = " org:o env:e api:a rev:1 messageid:x NIOThread@0 INFO X - A.b() : " + "x" * size
    return "".join(f"{START + timedelta(minutes=n):%Y-%m-%d %H:%M:%S},000{line}\n" for n in minutes)


def names(tail: Tail, count: int) -> list[str]:
    """The message ids of the next lines."""
    return [tail.line().rpartition("messageid:")[2] for _ in range(count)]


def test_since(follow: list[Tail], tmp_path: Path) -> None:
    """A large log is not read from its start; then it goes on live, whatever the times are."""
    log = tmp_path / "system.log"
    log.write_text(failed("early", 0) + quiet(range(1, 30_000)) + failed("late", 29_999))
    at = log.stat().st_size
    since = f"{START + timedelta(minutes=29_990):%Y-%m-%d %H:%M}"
    with logscan.tail([log], since=since, alert="all", quiet_time=0.05, poll_interval=0.02) as watcher:
        found = next(update.failures for update in watcher if update.failures)
        assert [failure.message_id for failure in found] == ["late"]
        assert watcher.counters.bytes < at / 2
        assert not watcher.problems
    tail = Tail(*TAIL, "--since", since, log)
    follow.append(tail)
    assert names(tail, 1) == ["late"]
    append(log, failed("of-yesterday", -1_000))
    assert names(tail, 1) == ["of-yesterday"]


def test_since_reads_rotated_files(follow: list[Tail], tmp_path: Path) -> None:
    """Those that reach into the time, packed or not; what is older than all of them is said."""
    log = tmp_path / "system.log"
    log.write_text(failed("now", 130))
    log.with_name("system.log.1").write_text(failed("hour-1", 70))
    with gzip.open(log.with_name("system.log.2.gz"), "wb") as file:
        file.write((quiet(range(1, 60)) + failed("hour-0", 59)).encode())
    log.with_name("system.log.3").write_text(failed("older", -60))
    for age, path in enumerate(sorted(tmp_path.iterdir())):
        os.utime(path, (time.time() - age, time.time() - age))
    tail = Tail(*TAIL, "--since", "2026-11-23 00:30", log)
    follow.append(tail)
    assert names(tail, 3) == ["hour-0", "hour-1", "now"]
    assert tail.look().errors.empty()
    tail = Tail(*TAIL, "--since", "2026-11-20", log)
    follow.append(tail)
    assert names(tail, 4) == ["older", "hour-0", "hour-1", "now"]
    assert "nothing from before 2026-11-22 23:00:00 was found" in tail.error()


def test_since_when_nothing_was_logged(follow: list[Tail], log: Path) -> None:
    """The last entry is named, in case the zone is another; what comes is printed, whatever its time."""
    tail = Tail(*TAIL, "--since", "2026-11-24", log)
    follow.append(tail)
    assert (
        "nothing is logged since 2026-11-24 00:00:00: its last entry is of 2026-11-23 00:00:01"
        in tail.error()
    )
    assert "--tz" in tail.error()
    assert tail.look().prints_no_more(log)


def test_since_with_entries(follow: list[Tail], log: Path) -> None:
    """Every entry from then on."""
    log.write_text(quiet(range(5), 3))
    tail = Tail("--entries", "--since", "2026-11-23 00:03", log)
    follow.append(tail)
    assert [tail.line()[11:16], tail.line()[11:16]] == ["00:03", "00:04"]
    tail.look()
    append(log, quiet(range(1), 3))
    assert tail.line()[11:16] == "00:00"


def test_the_last_failures(follow: list[Tail], tmp_path: Path) -> None:
    """Of all logs together, by time; then what comes. Fewer than that: it is said."""
    for number in range(3):
        text = "".join(failed(f"m-{number}-{minute}", minute) for minute in range(number, 9, 3))
        (tmp_path / f"mp{number}.log").write_text(text)
    tail = Tail(*TAIL, "-n", "4", tmp_path)
    follow.append(tail)
    assert names(tail, 4) == ["m-2-5", "m-0-6", "m-1-7", "m-2-8"]
    assert tail.prints_no_more(tmp_path / "mp0.log")
    tail = Tail(*TAIL, "-n", "40", tmp_path)
    follow.append(tail)
    assert len(names(tail, 10)) == 10
    assert "only 10 such failures in the last 16 MiB of each log" in tail.error()


def test_several_logs_in_order_of_time(follow: list[Tail], tmp_path: Path) -> None:
    """However much there is in each, whichever is read first."""
    for number in range(4):
        text = "".join(failed(f"m-{minute}", minute) for minute in range(number, 400, 4))
        (tmp_path / f"mp{number}.log").write_text(text + quiet(range(400, 400 + 2_000 * number)))
    tail = Tail(*TAIL, "--from-start", tmp_path)
    follow.append(tail)
    assert names(tail, 400) == [f"m-{minute}" for minute in range(400)]
    append(tmp_path / "mp1.log", failed("m-400", 0))
    assert names(tail, 1) == ["m-400"]


def test_ctrl_c_while_it_begins(follow: list[Tail], tmp_path: Path) -> None:
    """What was read is printed, in order."""
    for number in range(2):
        (tmp_path / f"mp{number}.log").write_text("".join(failed(f"m-{n}", n) for n in range(number, 6, 2)))
    tail = Tail(*TAIL, "--quiet-time", "60", "--from-start", tmp_path)
    follow.append(tail)
    tail.look()
    code, _ = tail.stop(signal.SIGINT)
    assert code == 130
    assert names(tail, 6) == [f"m-{n}" for n in range(6)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "-10m", "--from-start"),
        ("-n", "3", "--since", "-10m"),
        ("-n", "3", "--checkpoint", "state"),
        ("--since", "-10m", "--checkpoint", "state"),
        ("--since", "-10m", "-"),
        ("-n", "3", "--entries"),
    ],
)
def test_what_excludes_each_other(arguments: tuple[str, ...], log: Path) -> None:
    """A usage error with what to do."""
    done = command("tail", *arguments, log, cwd=log.parent)
    assert done.returncode == 2
    assert b"leave out" in done.stderr or b"use " in done.stderr
    if "--checkpoint" in arguments:
        with pytest.raises(UsageError):
            logscan.tail([log], since="-10m", checkpoint=log.with_name("state"))


def test_a_storm_adds_up(follow: list[Tail], log: Path) -> None:
    """The first of a kind at once, then numbers; at the end what was counted. All of it adds up."""
    tail = Tail(*TAIL, "--from-start", log, each=False)
    follow.append(tail)
    assert "messageid:old" in tail.line()
    append(log, "".join(failed(f"b-{n}", 1, "b") + failed(f"c-{n}", 1 + n, "c") for n in range(50)))
    lines = [tail.line() for _ in range(1 + 2 + 49)]
    code, stderr = tail.stop()
    assert (code, stderr) == (0, "")
    while not tail.lines.empty():
        lines.append(tail.line())
    more = [
        int(found[1]) for line in lines if (found := re.match(r"… (\d+) more like this in \d+ s: ", line))
    ]
    assert more == [48]
    assert sum(" b " in line or "/b " in line for line in lines) == 3
    assert sum("/c " in line for line in lines) == 50
    assert sum(more) + len(lines) - len(more) == 100


def test_lines_fit_the_terminal(screens: list[Terminal], log: Path) -> None:
    """No line is folded; the id is whole."""
    name = "router01.example.com-6402-100004-1"
    log.write_text(ONE.replace("m-1", name))
    terminal = Terminal("tail", *TAIL, "--from-start", log, columns=80, lines=10)
    screens.append(terminal)
    shown = terminal.until(name)
    (line,) = [line for line in shown.splitlines() if line.strip()]
    assert "bad_certificate" in line
    until(lambda: terminal.read().count(name) == 1)
