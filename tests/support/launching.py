"""Many short runs of the command: a process that has imported everything forks one for each, which may be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.command import environment
from support.killing import living

_SCRIPT = """
import json, os, signal, sys, time, traceback
import deltalake, pyarrow.parquet, pyarrow.compute, numpy, typer  # imported, not used: this process forks
import logscan._jobs.ingest, logscan._store.upkeep, logscan._cli, logscan._cli.ingest, logscan._cli._commands

def run(order):
    os.setsid()
    os.chdir(order["cwd"])
    error = os.open(order["error"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(error, 2)
    os.dup2(error, 1)
    sys.argv = ["logscan", *order["arguments"]]
    status = 0
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # as kill -9: nothing can be done before the end
    signal.setitimer(signal.ITIMER_PROF, order["at"])
    try:
        exec(order["code"], {"__name__": "run"})
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 99
    signal.setitimer(signal.ITIMER_PROF, 0)
    with open(order["used"], "w") as file:
        file.write(str(time.process_time()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 98)

for line in sys.stdin:
    child = os.fork()
    if not child:
        run(json.loads(line))
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Launcher:
    """Runs code in processes of their own, one at a time, each with a session of its own.

    Args:
        folder: for what they print.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT],
            env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.error = ""
        """What the last one printed."""
        self.used = 0.0
        """Seconds of the processor that it used, if it was not killed."""

    def run(
        self, code: str, *arguments: str | Path, cwd: Path, at: float = 0, kill: Kill | None = None
    ) -> int:
        """Run some code to its end; its exit status (below 0: killed). No process of it may live longer.

        Args:
            code: what is run.
            arguments: of the command.
            cwd: its working directory.
            at: it is killed when it has used so many seconds of the processor; 0: never.
            kill: how it is killed from outside.
        """
        error, used = self._folder / "error.txt", self._folder / "used.txt"
        used.unlink(missing_ok=True)
        order = {
            "code": code, "arguments": [*map(str, arguments)], "cwd": str(cwd), "at": at, "error": str(error),
            "used": str(used),
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if kill is not None:
            kill.strike(child)
        status = int(self._process.stdout.readline())
        deadline = time.monotonic() + 20
        while (left := living(child)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left, left
        self.error = error.read_text(errors="replace")
        self.used = float(used.read_text()) if used.exists() else 0
        return status

    def close(self) -> None:
        """End the process that forks."""
        with self._process:
            pass


class Kill:
    """kill -9 after a time, of a process or of its group."""

    def __init__(self, seconds: float, group: bool) -> None:
        self._seconds, self._group = seconds, group

    def strike(self, process: int) -> None:
        """Wait, and kill; a process that has ended is left alone."""
        time.sleep(self._seconds)
        with contextlib.suppress(ProcessLookupError):
            # Until its end was waited for, the number is not given to another process.
            (os.killpg if self._group else os.kill)(process, signal.SIGKILL)


@contextmanager
def launcher(folder: Path) -> Iterator[Launcher]:
    """A launcher that is ended."""
    folder.mkdir(exist_ok=True)
    one = Launcher(folder)
    try:
        yield one
    finally:
        one.close()
