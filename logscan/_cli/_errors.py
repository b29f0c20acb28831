"""Errors as messages on standard error, and as exit codes."""

from __future__ import annotations

import os
import signal
import sys

from logscan._cli._process import SIGNALS, TRACEBACK, ReaderGoneError, give_up_output
from logscan.errors import ExitCode, LogscanError, UsageError, first_line, missing

_NO_MEMORY = ("failed to map segment", "can't start new thread", "cannot allocate memory", "malloc of size")
"""What the errors of libraries say where there is no memory."""


def status_of(error: BaseException) -> int:
    """The exit code for what ended a command; the message of an error is printed."""
    if isinstance(error, ReaderGoneError):
        give_up_output()
        return ExitCode.OK
    if SIGNALS.number or isinstance(error, KeyboardInterrupt):  # libraries turn it into errors of theirs
        give_up_output()
        complain(f"ended by {signal.Signals(SIGNALS.number or signal.SIGINT).name}")
        return ExitCode.INTERRUPTED
    error = missing(error) or error
    if isinstance(error, LogscanError):
        complain(in_options(error), error.hint)
    elif isinstance(error, MemoryError) or any(text in str(error).lower() for text in _NO_MEMORY):
        complain("there is not enough memory", "give logscan fewer workers (--workers 1), or more memory")
    elif os.environ.get(TRACEBACK):
        raise error
    else:
        complain(
            _unforeseen(error), f"please report it, with the output of the same command after {TRACEBACK}=1"
        )
    give_up_output()
    return ExitCode.FAULT


def _unforeseen(error: BaseException) -> str:
    """An error that nobody expected, with the line that raised it."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        if "logscan" in (path := trace.tb_frame.f_code.co_filename):
            where = f" ({os.path.basename(path)}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"fault of logscan: {type(error).__name__}: {first_line(error)}{where}"


def in_options(error: LogscanError) -> str:
    """The message of an error, with the name of the option in place of the argument of the library."""
    argument = error.argument if isinstance(error, UsageError) else ""
    if not argument:
        return str(error)
    return f"--{argument.replace('_', '-')} {str(error).removeprefix(argument).lstrip()}"


def complain(message: str, hint: str = "") -> None:
    """Print an error or a warning to standard error, and on the next line what to do about it."""
    from logscan.shown import safe, without_password

    print(f"logscan: {safe(without_password(message))}", file=sys.stderr)
    if hint:
        print(f"  {safe(without_password(hint))}", file=sys.stderr)
