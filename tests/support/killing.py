"""Processes that send themselves a signal at a counted call: at any moment, and without a clock."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.command import environment

_SCRIPT = """
import os, signal, sys
at, number, report = int(sys.argv.pop(1)), int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it

def hook(frame, event, _):
    global count
    if event in ("call", "c_call") and "/logscan/" in frame.f_code.co_filename:
        count += 1
        if count == at:
            os.kill(os.getpid(), number)

code = sys.argv.pop(1)
sys.setprofile(hook)
try:
    exec(code)
finally:
    sys.setprofile(None)
    with open(report, "w") as file:
        file.write(str(count))
"""
COMMAND = "from logscan._cli import main; main()"
"""Code that runs the command."""


def start(
    at: int, code: str, *arguments: str | Path, cwd: Path, number: int = signal.SIGKILL
) -> subprocess.Popen[bytes]:
    """Start a process, in a session of its own, that runs some code. It sends itself a signal at the ``at``-th
    call that logscan's code makes or receives (of the main thread); 0: never."""
    script = [sys.executable, "-c", _SCRIPT, str(at), str(int(number)), str(cwd / "calls"), code]
    return subprocess.Popen(
        [*script, *map(str, arguments)],
        cwd=cwd, env=environment(), stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def run(
    at: int, code: str, *arguments: str | Path, cwd: Path, number: int = signal.SIGKILL
) -> tuple[int, bytes]:
    """Run such a process to its end: its exit status (-9: killed), and its standard error. No process that it
    started may live longer."""
    process = start(at, code, *arguments, cwd=cwd, number=number)
    _, error = process.communicate(timeout=120)
    deadline = time.monotonic() + 20
    while (left := living(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left
    return process.returncode, error


def living(session: int) -> set[int]:
    """The processes of a session, without those that have ended and are not taken note of."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state not in "ZX":
                found.add(int(folder.name))
    return found


def calls(code: str, *arguments: str | Path, cwd: Path) -> int:
    """The calls of a run that is not killed."""
    status, error = run(0, code, *arguments, cwd=cwd)
    assert status == 0, error.decode()
    return int((cwd / "calls").read_text())
