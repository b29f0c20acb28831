"""The pager: text that is longer than the terminal goes through it, as git does it."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys

PAGER = "LOGSCAN_PAGER"
"""Environment variable: the pager of logscan. Without it ``PAGER``, else ``less``. ``cat`` or empty: none."""


def print_paged(text: str, height: int, *, wanted: bool = True) -> None:
    """Print text; through the pager where it is longer than the terminal.

    Args:
        text: lines.
        height: of the terminal.
        wanted: whether a pager may be used.
    """
    command = _command() if wanted and text.count("\n") >= height and sys.stdin.isatty() else []
    if command:
        # As git has it: quit where one screen is enough, pass colours on, leave the text on the screen.
        environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
        with contextlib.suppress(OSError):
            _run(command, environment, text)
            return
    print(text, end="")


def _run(command: list[str], environment: dict[str, str], text: str) -> None:
    """Let a pager show text. Ctrl-C is the pager's.

    Raises:
        OSError: it cannot be started.
    """
    sys.stdout.flush()
    before = signal.getsignal(signal.SIGINT)
    process = subprocess.Popen(  # noqa: S603 - what the user has set as pager
        command, env=environment, stdin=subprocess.PIPE
    )
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(BrokenPipeError):  # it was left before its end
            process.communicate(text.encode("utf-8", "backslashreplace"))
    finally:
        signal.signal(signal.SIGINT, before)
        process.wait()


def _command() -> list[str]:
    """The pager and its arguments; empty: none."""
    given = os.environ.get(PAGER, os.environ.get("PAGER", "less"))
    try:
        words = shlex.split(given)
    except ValueError:
        return []
    return words if words and words[0] != "cat" and shutil.which(words[0]) else []
