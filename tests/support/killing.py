"""Processes that kill themselves at a counted call: at any moment, and without a clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.command import environment

_SCRIPT = """
import os, signal, sys
at, report = int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0

def hook(frame, event, _):
    global count
    if event in ("call", "c_call") and "/logscan/" in frame.f_code.co_filename:
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

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


def start(at: int, code: str, *arguments: str | Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a process that runs some code, and kills itself at the ``at``-th call that logscan's code makes or
    receives (of the main thread); 0: never."""
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(at), str(cwd / "calls"), code, *map(str, arguments)],
        cwd=cwd, env=environment(), stderr=subprocess.PIPE,
    )  # fmt: skip


def run(at: int, code: str, *arguments: str | Path, cwd: Path) -> tuple[int, bytes]:
    """Run such a process to its end: its exit status (-9: killed), and its standard error."""
    process = start(at, code, *arguments, cwd=cwd)
    _, error = process.communicate(timeout=120)
    return process.returncode, error


def calls(code: str, *arguments: str | Path, cwd: Path) -> int:
    """The calls of a run that is not killed."""
    status, error = run(0, code, *arguments, cwd=cwd)
    assert status == 0, error.decode()
    return int((cwd / "calls").read_text())
