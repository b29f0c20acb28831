"""The live view, in a real terminal: what it shows, and its keys."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from logscan._outputs.board import Board
from support.lines import ONE, failure
from support.tailing import append
from support.terminal import Terminal


def test_what_it_shows_and_its_keys(screens: list[Terminal], log: Path) -> None:
    """Incidents, the latest, a filter, a message's entries, a pause, and the end."""
    terminal = Terminal("tail", "--dashboard", "--all", "--from-start", log)
    screens.append(terminal)
    terminal.until("bad_certificate")
    for part in (
        "following 1 file ",
        "1 failed handshake ",
        "not read yet: ",
        "Incidents",
        "Latest",
        "10.1.2.3:443",
    ):
        terminal.until(part)
    append(log, ONE + ONE.replace("m-1", "m-2").replace("bad_certificate", "unknown_ca"))
    terminal.until("3 failed handshakes")
    terminal.until("unknown_ca")
    terminal.press("/")
    terminal.until("words that a line must contain")
    terminal.press("unknown")
    terminal.until("filter: unknown")
    terminal.gone("bad_certificate")
    shown = terminal.until("unknown_ca")
    table = "\n".join(line for line in shown.splitlines() if "a " in line)
    assert "bad_certificate" not in table
    terminal.press("\x1b")
    terminal.gone("filter: unknown")
    terminal.until("bad_certificate")
    terminal.press("\r")
    terminal.until("handshakeFailed()")
    terminal.until("message m-2")
    terminal.press("\x1b")
    terminal.gone("message m-2")
    terminal.press("?")
    terminal.until("Keys of the live view")
    terminal.press("\x1b")
    terminal.gone("Keys of the live view")
    terminal.until("Incidents, by failures")
    terminal.press("s")
    terminal.until("Incidents, by last")
    terminal.press("\t\r")
    terminal.until("o/e/a  the latest")
    terminal.until("handshakeFailed()")
    terminal.press("\x1b")
    terminal.gone("the latest")
    terminal.press("p")
    terminal.until("PAUSED")
    append(log, ONE.replace("m-1", "m-9"))
    shown = terminal.until("4 failed handshakes")
    assert "m-9" not in shown
    terminal.press("p")
    terminal.until("m-9")
    terminal.press("q")
    assert terminal.end() == 0


def test_the_time_of_the_log(screens: list[Terminal], log: Path) -> None:
    """Dates where they differ, the organization where there are several, the latest time, rotated files."""
    log.write_text(ONE.replace("2026", "2027") + ONE.replace("m-1", "m-2") + ONE.replace("org:o ", "org:o2 "))
    log.with_name("system.log.1").write_text(ONE.replace("m-1", "m-0"))
    terminal = Terminal("tail", "--dashboard", "--all", "--from-start", log)
    screens.append(terminal)
    terminal.until("3 failed handshakes")
    shown = terminal.until("all: env e, alert bad_certificate")
    shown = terminal.until("1 rotated file beside the logs is not read")
    first = next(line for line in shown.splitlines() if line.split()[1:3] == ["2", "a"])
    assert "2027-11-23 00:00:01" in first
    assert " o2 " in shown
    assert "failures per 1 s" in shown
    terminal.press("q")
    assert terminal.end() == 0


def test_a_signal_ends_it(screens: list[Terminal], log: Path) -> None:
    """With the checkpoint written."""
    terminal = Terminal("tail", "--dashboard", "--from-start", "--checkpoint", log.with_name("state"), log)
    screens.append(terminal)
    terminal.until("1 failed handshake ")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.end() == 0
    assert log.with_name("state").exists()


@pytest.mark.thorough
def test_as_a_picture(tmp_path: Path) -> None:
    """The screen can be taken as SVG, and shows what the board holds."""
    from logscan._cli._dashboard import Dashboard

    board = Board()
    for number in range(30):
        board.feed(failure(f"proxy-{number % 3}", number=number))
    app = Dashboard(board, lambda: {"lag_bytes": 2048, "lag_seconds": 0.5, "files": 2}, lambda _name: [])

    async def drawn() -> str:
        async with app.run_test(size=(120, 30)) as pilot:
            await pilot.pause(0.5)
            picture = app.export_screenshot()
            await app.query_one("#head").remove()  # as when the screen is closed: the next update skips it
            await pilot.pause(1.0)
            return picture

    picture = asyncio.run(drawn()).replace("&#160;", " ")
    for part in ("following 2 files", "30 failed handshakes", "proxy-1", "m-29", "2.0 KiB, 0.5 s"):
        assert part in picture


def test_the_board_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind, bounded; the latest time is not the one that was read last; three orders."""
    board = Board()
    for number in range(100):
        time = datetime(2026, 11, 23) if number == 50 else datetime(2017, 1, 23)
        board.feed(failure(number=number)._replace(time=time))
    assert board.total == 100
    ((group, row),) = board.rows()
    assert (row.failures, row.last) == (100, datetime(2026, 11, 23))
    assert [each.message_id for each in board.examples(group)] == ["m-99", "m-98", "m-97"]
    board.feed(failure("A", number=100)._replace(time=datetime(2027, 1, 1)))
    assert [group[2] for group, _ in board.rows(sort="failures")] == ["a", "A"]
    assert [group[2] for group, _ in board.rows(sort="last")] == ["A", "a"]
    assert [group[2] for group, _ in board.rows(sort="proxy")] == ["A", "a"]
    board = Board()
    for number in range(100):
        board.feed(failure(number=number))
    assert [one.message_id for one in board.latest(2)] == ["m-99", "m-98"]
    assert board.rows("o BAD_cert") == board.rows()
    assert board.rows("nothing") == []
    monkeypatch.setattr("logscan._outputs.board.GROUPS", 3)
    for number in range(10):
        board.feed(failure(f"p{number}"))
    assert len(board.rows()) == 4
    assert sum(row.failures for _, row in board.rows()) == 110
    assert board.rows()[0][1].last == datetime(2026, 11, 23)


def test_the_window_is_closed(screens: list[Terminal], log: Path) -> None:
    """Nobody reads it any more: it ends, and does not go on at full speed."""
    terminal = Terminal("tail", "--dashboard", "--all", "--from-start", log)
    screens.append(terminal)
    terminal.until("bad_certificate")
    terminal.hang_up()
    deadline = time.monotonic() + 20
    while os.waitpid(terminal.pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.1)
