"""``logscan report --watch``: the same report again and again, on a terminal."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import typer

from logscan._cli import _common as common
from logscan._render.fit import cut_to
from logscan.errors import LogscanError, UsageError

REFUSED = ("output", "email", "routes", "history", "fail_on")
"""Options that say what a report does once it is made: a watched one is only looked at."""
HEAD = 2
"""Lines above the report."""


class _Page(io.TextIOWrapper):
    """Takes what a terminal would show."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)

    def isatty(self) -> bool:
        """The report is written for a terminal."""
        return True

    @property
    def text(self) -> str:
        """All of it."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def repeat(command: Callable[..., object], options: Mapping[str, Any]) -> NoReturn:
    """Print a report every ``options["watch"]`` seconds, until Ctrl-C ends it.

    The report before stays on the screen until the new one is complete.

    Args:
        command: prints a report by these options; not one that :func:`common.guarded` guards.
        options: those of the command, by name.

    Raises:
        LogscanError: standard output is no terminal, another option contradicts, or the first report cannot
            be made.
    """
    _check(options)
    seconds = float(options["watch"])
    options = {**options, "watch": None, "no_pager": True}
    title = f"every {seconds:g} s, Ctrl-C ends it"
    _draw(["reading the logs …"], title)
    is_first = True
    while True:
        begun = time.monotonic()
        page, complaints = _Page(), io.StringIO()
        try:
            with (
                _size_of_the_report(),
                contextlib.redirect_stdout(page),
                contextlib.redirect_stderr(complaints),
            ):
                command(**options)
        except LogscanError as error:
            if is_first:
                _draw([], title)
                sys.stderr.write(complaints.getvalue())
                raise
            complaints.write(f"logscan: {error}\n" + f"  {error.hint}\n" * bool(error.hint))
        except typer.Exit:
            pass  # an input that could not be read: its complaint is shown, and it is tried again
        is_first = False
        _draw([*page.text.splitlines(), *common.shown(complaints.getvalue()).splitlines()], title)
        gc.unfreeze()
        gc.collect()  # what a report leaves must not add up
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))


def _check(options: Mapping[str, Any]) -> None:
    """End the command where it cannot watch.

    Raises:
        UsageError: standard output is no terminal, or another option contradicts.
    """
    for name in REFUSED:
        if options.get(name):
            raise UsageError(
                f"--watch and --{name.replace('_', '-')} exclude each other",
                "leave out --watch, and let cron or a timer repeat the report",
            )
    if "-" in (options.get("paths") or ()):
        raise UsageError("--watch reads the logs again and again, standard input only once", "name the logs")
    if not sys.stdout.isatty():
        raise UsageError(
            "--watch draws on a terminal",
            "leave out --watch, and let cron, a timer or a loop of the shell repeat the report",
        )


@contextlib.contextmanager
def _printed_to(page: _Page, complaints: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(page), contextlib.redirect_stderr(complaints):
        yield


@contextlib.contextmanager
def _size_of_the_report() -> Iterator[None]:
    """The terminal, for the report, without the lines above it."""
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    before = {name: os.environ.get(name) for name in ("COLUMNS", "LINES")}
    os.environ.update(COLUMNS=str(columns or 80), LINES=str(max(1, (lines or 24) - HEAD)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _draw(lines: list[str], title: str) -> None:
    """Show lines on the whole screen; what it has no lines for is said."""
    columns, height = os.get_terminal_size(sys.stdout.fileno())
    most = max(1, (height or 24) - HEAD - 1)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"… {len(lines) - most + 1} more lines: without --watch all are shown"]
    head = cut_to(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}  {title}", columns or 80)
    shown = "".join(f"{line}\x1b[0m\x1b[K\n" for line in (head, "", *lines))
    sys.stdout.write(f"\x1b[H{shown}\x1b[J")
    sys.stdout.flush()
