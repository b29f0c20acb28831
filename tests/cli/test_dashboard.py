"""The live view, in a real terminal: what it shows, and its keys."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyte
import pytest

from logscan._outputs.board import Board
from support.command import ROOT, environment
from support.lines import ONE, failure
from support.tailing import append

COLUMNS, LINES = 150, 40


class Terminal:
    """``logscan tail --dashboard`` on a terminal whose screen can be read."""

    def __init__(self, *arguments: str | Path) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            command = [sys.executable, "-m", "logscan", "tail", "--dashboard", *map(str, arguments)]
            os.execve(sys.executable, command, environment(TERM="xterm-256color", COLORTERM="truecolor"))
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def read(self, seconds: float = 0.2) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.05)[0]:
                try:
                    self._stream.feed(os.read(self._terminal, 1 << 16))
                except OSError:
                    break
        return "\n".join(self.screen.display)

    def until(self, words: str, seconds: float = 25) -> str:
        deadline = time.monotonic() + seconds
        while words not in (shown := self.read()):
            assert time.monotonic() < deadline, shown
        return shown

    def gone(self, words: str, seconds: float = 25) -> None:
        deadline = time.monotonic() + seconds
        while words in (shown := self.read()):
            assert time.monotonic() < deadline, shown

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._terminal)

    def end(self) -> int:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.read(0.1)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self._terminal)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it does not end")


@pytest.fixture
def screens() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for one in made:
        try:
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def test_what_it_shows_and_its_keys(screens: list[Terminal], log: Path) -> None:
    """Incidents, the latest, a filter, a message's entries, a pause, and the end."""
    terminal = Terminal("--all", "--from-start", log)
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
    terminal.press("p")
    terminal.until("PAUSED")
    append(log, ONE.replace("m-1", "m-9"))
    shown = terminal.until("4 failed handshakes")
    assert "m-9" not in shown
    terminal.press("p")
    terminal.until("m-9")
    terminal.press("q")
    assert terminal.end() == 0


def test_a_signal_ends_it(screens: list[Terminal], log: Path) -> None:
    """With the checkpoint written."""
    terminal = Terminal("--from-start", "--checkpoint", log.with_name("state"), log)
    screens.append(terminal)
    terminal.until("1 failed handshake ")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.end() == 0
    assert log.with_name("state").exists()


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
    """By minute, by kind, bounded."""
    board = Board()
    for minute in range(100):
        board.feed(failure(number=minute), now=60.0 * minute)
    assert board.total == 100
    assert board.minutes(now=60.0 * 99) == [1] * 60
    assert board.minutes(now=60.0 * 130) == [1] * 29 + [0] * 31
    assert [row.failures for _, row in board.rows()] == [100]
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
    terminal = Terminal("--all", "--from-start", log)
    screens.append(terminal)
    terminal.until("bad_certificate")
    terminal.hang_up()
    deadline = time.monotonic() + 20
    while os.waitpid(terminal.pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.1)
