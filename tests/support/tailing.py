"""A running ``logscan tail``, and the file that it follows."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from support.command import started as started_command
from support.lines import ONE


class Tail:
    """A running ``logscan tail`` whose lines, and looks at its files, can be waited for.

    Args:
        stdin: its standard input.
        before: a command that runs it.
        each: print each failure, however many there are of a kind.
    """

    def __init__(
        self,
        *arguments: str | Path,
        stdin: int = subprocess.DEVNULL,
        before: Sequence[str] = (),
        each: bool = True,
    ) -> None:
        self._service = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._address = f"logscan-{uuid.uuid4()}"
        self._service.bind("\0" + self._address)
        env = {"NOTIFY_SOCKET": "@" + self._address, "WATCHDOG_USEC": "20000"}
        env |= {name: os.environ[name] for name in env if name in os.environ}  # a test's own socket
        self.process = started_command(
            "tail", "--poll-interval", "0.02", "--quiet-time", "0.1", *(["--each"] if each else []), *arguments,
            stdin=stdin, before=before, **env,
        )  # fmt: skip
        assert self.process.stdout
        assert self.process.stderr
        self.lines: queue.Queue[str] = queue.Queue()
        self.errors: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._looks = 0
        self.is_ready = False
        """Whether it has sent READY=1."""
        self._readers = [
            threading.Thread(target=self._pump, args=(self.process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._pump, args=(self.process.stderr, self.errors), daemon=True),
        ]
        self._counter = threading.Thread(target=self._count_looks, daemon=True)
        for thread in (*self._readers, self._counter):
            thread.start()

    @staticmethod
    def _pump(stream: IO[bytes], lines: queue.Queue[str]) -> None:
        for line in stream:
            lines.put(line.decode().rstrip("\n"))

    def _count_looks(self) -> None:
        while (state := self._service.recv(100)) != b"END":
            self._looks += state == b"WATCHDOG=1"
            self.is_ready = self.is_ready or state == b"READY=1"

    def line(self, timeout: float = 20.0) -> str:
        return self.lines.get(timeout=timeout)

    def error(self, timeout: float = 20.0) -> str:
        self._errors.append(self.errors.get(timeout=timeout))
        return self._errors[-1]

    def look(self) -> Tail:
        """Wait until it has looked at its files, from now on, and is waiting for news.

        It sends a sign of life after each step; one look may have several.
        """
        looks = self._looks
        until(lambda: self._looks >= looks + 3)
        return self

    def prints_no_more(self, path: Path) -> bool:
        """Whether what it prints next is a failure that is written to a file now, and nothing before it."""
        append(path, ONE.replace("m-1", "last"))
        return "messageid:last" in self.line()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=10)
        while not self.errors.empty():
            self.error()
        return code, "\n".join(self._errors)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join(timeout=10)
        for stream in (self.process.stdout, self.process.stderr, self.process.stdin):
            if stream:
                stream.close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"END", "\0" + self._address)
        self._counter.join(timeout=10)
        self._service.close()


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
        tail.close()


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
