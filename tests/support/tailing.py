"""A running ``logscan tail``, and the file that it follows."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from support.command import ROOT, environment
from support.lines import ONE


class Tail:
    """A running ``logscan tail`` whose lines can be waited for."""

    def __init__(self, *arguments: str | Path, stdin: int = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "logscan", "tail", "--poll-interval", "0.02", "--quiet-time", "0.1",
             *map(str, arguments)],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment(),
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout
        self.errors: queue.Queue[str] = queue.Queue()
        self._told: list[str] = []
        self._readers = [
            threading.Thread(target=self._pump, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _pump(stream: IO[bytes], lines: queue.Queue[str]) -> None:
        for line in stream:
            lines.put(line.decode().rstrip("\n"))

    def line(self, timeout: float = 20.0) -> str:
        return self.lines.get(timeout=timeout)

    def error(self, timeout: float = 20.0) -> str:
        self._told.append(self.errors.get(timeout=timeout))
        return self._told[-1]

    def opened(self, path: Path) -> Tail:
        """Wait until the process has opened a file, so that what is appended from now on is new."""
        deadline = time.monotonic() + 20
        fds = Path(f"/proc/{self.process.pid}/fd")
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if any(os.path.realpath(fd) == str(path.resolve()) for fd in fds.iterdir()):
                    time.sleep(0.1)
                    return self
            time.sleep(0.02)
        raise AssertionError(f"{path} was not opened")

    def nothing(self, seconds: float = 0.5) -> bool:
        time.sleep(seconds)
        return self.lines.empty()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=10)
        while not self.errors.empty():
            self.error()
        return code, "\n".join(self._told)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "system.log"
    path.write_text(ONE.replace("m-1", "old"))
    return path


@pytest.fixture
def follow() -> Iterator[list[Tail]]:
    running: list[Tail] = []
    yield running
    for tail in running:
        if tail.process.poll() is None:
            tail.process.kill()
            tail.process.wait()
        for stream in (tail.process.stdout, tail.process.stderr, tail.process.stdin):
            if stream:
                stream.close()


def started(running: list[Tail], path: Path, *arguments: str) -> Tail:
    """A tail that has certainly reached the end of its file."""
    tail = Tail(*arguments, "--from-start", path)
    running.append(tail)
    assert "messageid:old" in tail.line()
    return tail


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
