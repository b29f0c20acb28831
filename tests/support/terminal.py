"""The program on a terminal whose screen can be read."""

from __future__ import annotations

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
from pathlib import Path

import pyte
import pytest

from support.command import ROOT, environment

COLUMNS, LINES = 150, 40


class Terminal:
    """``logscan`` on a terminal whose screen can be read."""

    def __init__(self, *arguments: str | Path, columns: int = COLUMNS, lines: int = LINES) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            fcntl.ioctl(1, termios.TIOCSWINSZ, size)
            os.chdir(ROOT)
            command = [sys.executable, "-m", "logscan", *map(str, arguments)]
            os.execve(sys.executable, command, environment(TERM="xterm-256color", COLORTERM="truecolor"))

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
                self.read(0.1)
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
