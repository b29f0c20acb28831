"""Execute: runs a command for each failed handshake, with its JSON on standard input."""

from __future__ import annotations

import queue
import shlex
import shutil
import subprocess
import threading

from logscan.errors import UsageError, reason_of

WAITING = 1_000
"""Failures that may wait for the command. When as many wait, further ones are dropped and counted."""
TIMEOUT = 60.0
"""Seconds after which a command is killed."""


class Executor:
    """Runs commands one after the other, in a thread.

    Args:
        command: a program and its arguments, quoted as for a shell; no shell runs it.

    Raises:
        UsageError: it is empty, a quote is not closed, or there is no such command.
    """

    def __init__(self, command: str) -> None:
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--exec {command}: {error}") from error
        if not self._argv:
            raise UsageError("--exec: no command")
        if shutil.which(self._argv[0]) is None:
            raise UsageError(f"--exec {self._argv[0]}: no such command", "check its name and PATH")
        self.dropped = 0
        self.failed = 0
        self.problem = ""
        """The latest problem; the caller clears it."""
        self._waiting: queue.Queue[str | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="exec", daemon=True)
        self._thread.start()

    def feed(self, line: str) -> None:
        """Run the command later, with this line on its standard input."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float = 10.0) -> None:
        """Run the commands that wait, for this many seconds at most."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            self.dropped += self._waiting.qsize()
        self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                ended = subprocess.run(  # noqa: S603 - the user's own command
                    self._argv,
                    input=line.encode() + b"\n",
                    timeout=TIMEOUT,
                    stdout=subprocess.DEVNULL,
                    check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                self.failed += 1
                self.problem = f"--exec: {self._argv[0]} took more than {TIMEOUT:.0f} s and was ended"
                continue
            except OSError as error:
                self.failed += 1
                self.problem = f"--exec: {self._argv[0]}: {reason_of(error)}"
                continue
            if ended.returncode:
                self.failed += 1
                self.problem = f"--exec: {self._argv[0]} ended with status {ended.returncode}"
