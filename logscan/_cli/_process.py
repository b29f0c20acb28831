"""The process that runs a command: its standard streams, the signals that end it, its end."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import IO, Any, NoReturn

from logscan.atomic import OneWay
from logscan.errors import OutputError, reason_of

TRACEBACK = "LOGSCAN_TRACEBACK"
"""Environment variable: if set, an error that nobody expected is printed with its traceback."""
AGAIN_SECONDS = 1.0
"""A second signal this long after the first ends the process at once. An earlier one is the same request,
sent to the process and to its group."""

RETRY_SECONDS = 0.01
"""When a signal that was lost in the end of an object is sent again."""


class StoppedError(KeyboardInterrupt):
    """A signal asks the command to end: what it began is undone as after Ctrl-C."""


class ReaderGoneError(Exception):
    """The reader of standard output (``head``, ``less``) has ended: no ``OSError``, for which libraries have
    answers of their own."""


class Signals:
    """The signals that end a command. The first raises :class:`StoppedError`.

    Attributes:
        number: the one that came; 0: none.
        are_late: the command has ended: one that comes now ends the process at once.
    """

    def __init__(self) -> None:
        self.number = 0
        self.are_late = False
        self._came = 0.0

    def catch(self) -> None:
        """Catch them, unless the process that started this one ignores them (``nohup``)."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)
        sys.unraisablehook = self._ignore

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self.are_late or (self.number and time.monotonic() - self._came > AGAIN_SECONDS):
            os._exit(128 + number)
        if not self.number:
            self.number, self._came = number, time.monotonic()
            raise StoppedError

    def _ignore(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Take an error that Python cannot raise, at the end of an object: it is a consequence of another.
        But a signal that came there must not be lost: it is sent once more."""
        if isinstance(unraisable.exc_value, StoppedError):
            number, self.number = self.number, 0
            threading.Timer(
                RETRY_SECONDS, os.kill, (os.getpid(), number)
            ).start()  # not here: it is lost again
        elif os.environ.get(TRACEBACK):
            sys.__unraisablehook__(unraisable)


SIGNALS = Signals()
"""Those of this process."""


def end(status: int) -> NoReturn:
    """End the process with a status: 128 and the number of the signal where one came, as shells count it."""
    SIGNALS.are_late = True
    sys.exit(128 + SIGNALS.number if SIGNALS.number else status)


def open_streams() -> None:
    """Open the standard streams so that each fault of theirs is one line, or none.

    A stream that is closed is replaced, so that no file of the run gets its number: a command that uses it
    then fails, and another does not.
    """
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _text(_StandardOutput(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_StandardError(2, "w", closefd=False), sys.stderr)


def give_up_output() -> None:
    """What is not written to standard output is dropped: Python would try it again when it ends."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


class _StandardOutput(OneWay):
    """Standard output, whose faults have names."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        except OSError as error:
            reason = "it is closed" if error.errno == errno.EBADF else reason_of(error)
            raise OutputError(f"standard output: cannot be written: {reason}") from error


class _StandardError(io.FileIO):
    """Standard error: what cannot be written is lost, because nobody is left to whom to say it."""

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OSError):
            return super().write(data) or 0
        return len(memoryview(data).cast("B"))


def _text(raw: io.FileIO, before: IO[str] | None) -> io.TextIOWrapper:
    """A text stream like the one before. Characters that it cannot encode are shown as escapes."""
    is_error = isinstance(raw, _StandardError)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="backslashreplace",
        newline=None,
        line_buffering=is_error or raw.isatty(),
        write_through=False,
    )
