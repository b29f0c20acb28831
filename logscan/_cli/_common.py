"""What the commands share: options, messages, exit codes, output files, the progress bar."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Annotated, Any, ParamSpec, TypeVar

import typer

from logscan import atomic
from logscan._cli._errors import complain as complain  # noqa: PLC0414 - commands use it by this module
from logscan._cli._errors import status_of
from logscan._reading.paths import DEFAULT_PATHS
from logscan._scanning.plan import JOIN_BYTES, JOIN_TIME
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.errors import UsageError
from logscan.nodes import descriptor_named
from logscan.values import Counters

P = ParamSpec("P")
R = TypeVar("R")

ACTS = object()
"""The mark of an option that starts a program, sends, writes, removes, or says whom to trust with a secret:
a file of the working directory never sets it (docs/configuration.md)."""

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Files, directories, quoted patterns, or - for standard input."
        " Files packed as .gz, .zst, .bz2 or .xz are unpacked."
        " Default: the Message Processor log of this machine.",
        show_default=False,
    ),
]
Stores = Annotated[
    list[str] | None,
    ACTS,
    typer.Option(
        "--store", metavar="DIR", help="Read the store that logscan ingest wrote there. May be repeated."
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Begin of the time range: 2026-11-23, '2026-11-23 02:14', yesterday, '2 hours ago', -24h.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="End of the time range (excluded), written like --since."),
]
Zone = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Time zone of the log, if not this machine's.")
]
JoinTime = Annotated[
    float,
    typer.Option(
        "--join-time",
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="Entries of one message that follow each other belong together up to this distance in time.",
    ),
]
JoinBytes = Annotated[
    int,
    typer.Option(
        "--join-bytes",
        metavar="BYTES",
        min=1,
        help="Entries of one message that follow each other belong together up to this distance in the log.",
    ),
]
MaxEntry = Annotated[
    int,
    typer.Option("--max-entry-bytes", min=1024, help="Bytes kept of one entry. Further bytes are counted."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that work at the same time. 1: only this one.",
        show_default="the cores that logscan may use",
    ),
]
Nice = Annotated[
    bool, typer.Option("--nice", help="Run at low priority and drop read data from the page cache.")
]
Cluster = Annotated[
    str | None,
    ACTS,
    typer.Option(
        "--cluster",
        metavar="URL",
        help="Let the workers of a Dask cluster read, for example tcp://scheduler:8786."
        " They reach the files by the same paths.",
    ),
]
Stats = Annotated[bool, typer.Option("--stats", help="Print all counters of the run to standard error.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME[=PATTERN]",
        help="Name of the Message Processor that wrote the files, or those whose path matches PATTERN."
        " May be repeated.",
    ),
]
Alerts = Annotated[
    list[str] | None,
    typer.Option(
        "--alert",
        metavar="NAME|all",
        help="Alert or cause to select. May be repeated. Default: bad_certificate.",
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="FAMILY",
        help="Select all names of one problem instead: client-certificate, backend-certificate,"
        " protocol-cipher, connection-cut, timeout, other, not-tls.",
    ),
]
Orgs = Annotated[
    list[str] | None,
    typer.Option("--org", metavar="PATTERN", help="Only organizations that match. May be repeated."),
]
Envs = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="PATTERN", help="Only environments that match. May be repeated."),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option("--proxy", metavar="PATTERN", help="Only API proxies that match. May be repeated."),
]
NotProxies = Annotated[
    list[str] | None,
    typer.Option("--not-proxy", metavar="PATTERN", help="Not the API proxies that match. May be repeated."),
]
Side = Annotated[
    str | None,
    typer.Option(
        "--side", metavar="SIDE", help="Only southbound (to backends) or only northbound (from the router)."
    ),
]
Colour = Annotated[
    str, typer.Option("--color", metavar="WHEN", help="auto, always or never. auto obeys NO_COLOR.")
]
Output = Annotated[
    str | None,
    ACTS,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write to this file: the whole result or, on failure, nothing."
    ),
]

JOIN_SECONDS, JOIN_SIZE = JOIN_TIME.total_seconds(), JOIN_BYTES
MAX_ENTRY = DEFAULT_MAX_ENTRY


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """End a command with an exit code whatever it raises, and with a message for each error."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            try:
                result = command(*args, **kwargs)
            except Exception:
                sys.stdout.flush()  # what was found before an error
                raise
            else:
                sys.stdout.flush()
                return result
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(status_of(error)) from error

    return run


def lower_priority(nice: bool) -> None:
    """Run at low priority if ``nice`` is set and the system can do it."""
    if nice and hasattr(os, "nice"):
        os.nice(10)


class Complaints:
    """Prints the problems of a run as they appear, each once."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._printed = 0
        self._paused = False

    def pause(self) -> None:
        """Print nothing until :meth:`resume`: the screen is in use."""
        self._paused = True

    def resume(self) -> None:
        """Print the problems that appeared during the pause, and go on printing."""
        self._paused = False
        self.print_new()

    def print_new(self) -> None:
        """Print the problems that are new."""
        if self._paused:
            return
        for problem in self._counters.problems[self._printed :]:
            self._printed += 1
            complain(f"{display(problem.path)}: {problem.reason}", problem.hint)

    @property
    def fatal(self) -> bool:
        """Whether an input could not be read in full."""
        return any(problem.fatal for problem in self._counters.problems)


def shown(text: str, colour: bool = False) -> str:
    """What comes from a log, or names a file: harmless where a terminal may show it, else as it is.

    Args:
        text: one line.
        colour: colour is on, so what reads the output passes codes of the terminal on.
    """
    if not colour and not sys.stdout.isatty():
        return text
    from logscan.shown import safe

    return safe(text)


def display(path: str) -> str:
    """A path as messages show it."""
    return "standard input" if path == "-" else path


_PATH_LIKE = re.compile(r"/|^-$|\.log(?:$|[.-])|\.(?:gz|zst|bz2|xz|txt)$|[*?\[]")


def is_path(argument: str) -> bool:
    """Whether an argument exists as a path, or looks like one."""
    return bool(_PATH_LIKE.search(argument)) or os.path.exists(argument)


def paths_or_default(paths: Sequence[str] | None, stores: Sequence[str] | None = None) -> list[str]:
    """The given stores and paths, else the log of this machine's Message Processor.

    Raises:
        UsageError: no path is given, and this machine has no such log.
        InputError: a directory is not a store.
    """
    if stores:
        from logscan._store.manifest import is_store, load

        for folder in stores:
            if not is_store(folder):
                load(folder)
        return [*stores, *(paths or ())]
    if paths:
        return list(paths)
    for path in DEFAULT_PATHS:
        if os.path.exists(path):
            return [path]
    raise UsageError(
        "no path given, and this machine has no Message Processor log at " + " or ".join(DEFAULT_PATHS),
        "give files or directories, or - for standard input",
    )


def wants_colour(when: str, stream: Any) -> bool:
    """Whether to colour the output.

    Raises:
        UsageError: another word than auto, always, never.
    """
    check_choice("--color", when, ("auto", "always", "never"))
    if when == "auto":
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return when == "always"


def check_choice(option: str, value: str | None, choices: Sequence[str]) -> None:
    """Check that a value is one of the choices.

    Raises:
        UsageError: it is not.
    """
    if value is not None and value not in choices:
        raise UsageError(f"{option} {value}: unknown", "choose from " + ", ".join(choices))


def write_atomically(path: str, data: bytes) -> None:
    """Write a file atomically (:func:`output_file`).

    Raises:
        OutputError: the file cannot be written; the old one is unchanged.
    """
    with output_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def output_file(path: str, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write atomically: a reader sees the old or the new one. ``-`` is standard output. A device, a
    FIFO or a socket is written to.

    Args:
        path: where to write.
        private: only its owner may read it.

    Raises:
        OutputError: the file cannot be written; the old one is unchanged.
    """
    if path == "-" or descriptor_named(path) == 1:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    mode = 0o600 if private else atomic.PUBLIC_FILE
    with atomic.output_file(path, mode=mode, is_exact=private) as file:
        yield file


@contextlib.contextmanager
def progress_line(quiet: bool = False) -> Iterator[Callable[[Counters], None] | None]:
    """A progress bar on standard error, if that is a terminal and the run takes longer than half a second."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    begun = time.monotonic()
    bar: Any = None
    task: Any = None

    def show(counters: Counters) -> None:
        nonlocal bar, task
        if bar is None:
            if time.monotonic() - begun < 0.5:
                return
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            bar = Progress(
                TextColumn("scanning"), BarColumn(), DownloadColumn(binary_units=True),
                TransferSpeedColumn(), TimeRemainingColumn(),
                console=Console(file=sys.stderr), transient=True,
            )  # fmt: skip
            bar.start()
            task = bar.add_task("", total=None)
        bar.update(task, completed=counters.bytes, total=counters.planned_bytes or None)

    try:
        yield show
    finally:
        if bar is not None:
            bar.stop()


def print_statistics(counters: Counters, seconds: float) -> None:
    """Print the counters of ``--stats`` to standard error."""
    from logscan._render.text import statistics

    for name, value in statistics(counters, seconds):
        print(f"{name:<36}{value:>16}", file=sys.stderr)
