"""report --watch: the report again and again, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import logscan
from support.lines import ONE
from support.tailing import append
from support.terminal import Terminal

REPORT = ("report", "--alert", "bad_certificate", "--watch", "1", "--workers", "1")


def test_it_is_drawn_again(screens: list[Terminal], log: Path) -> None:
    """With what is new, on one screen, without a pager; Ctrl-C ends it."""
    terminal = Terminal(*REPORT, log, columns=100, lines=24)
    screens.append(terminal)
    shown = terminal.until("1 failed handshake ")
    assert "every 1 s" in shown.splitlines()[0]
    append(log, ONE + ONE.replace("api:a", "api:b"))
    shown = terminal.until("3 failed handshakes ")
    assert "1 failed handshake " not in shown
    log.rename(log.with_name("gone"))
    terminal.until("no such file")
    log.with_name("gone").rename(log)
    terminal.until("3 failed handshakes ")
    terminal.press("\x03")
    assert terminal.end() == 130


def test_a_report_that_cannot_be_made(screens: list[Terminal], log: Path) -> None:
    """Ends it at once when it is the first."""
    terminal = Terminal(*REPORT, log.with_name("none"), columns=100, lines=24)
    screens.append(terminal)
    assert terminal.end() == 2
    assert "no such file" in "\n".join(terminal.screen.display)


@pytest.mark.parametrize("arguments", [(), ("-o", "x.txt"), ("--fail-on", "1"), ("-",)])
def test_where_it_is_refused(arguments: tuple[str, ...], log: Path) -> None:
    """No terminal, or an option for reports that are kept: with what to do instead."""
    done = logscan(*REPORT, *arguments, log, cwd=log.parent)
    assert done.returncode == 2
    assert b"--watch" in done.stderr
    assert b"leave out" in done.stderr or b"name the logs" in done.stderr
    assert not done.stdout
