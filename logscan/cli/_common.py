"""What the commands share: options, messages, exit codes, output files, the progress line."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Annotated, Any, ParamSpec, TypeVar

import typer

from logscan.atomic import written
from logscan.errors import ExitCode, LogscanError, UsageError
from logscan.reading.paths import DEFAULT_PATHS
from logscan.scanning.plan import DEFAULT_WINDOW
from logscan.scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.values import Counters, Problem

P = ParamSpec("P")
R = TypeVar("R")

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Files, directories, quoted patterns, or - for standard input; .gz, .zst, .bz2 and .xz are"
        " unpacked. Default: this machine's Message Processor log.",
        show_default=False,
    ),
]
Stores = Annotated[
    list[str] | None,
    typer.Option("--store", metavar="DIR", help="Read what logscan ingest put there; may be repeated."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From then on: ISO, yesterday, '2 hours ago', -24h."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then; read the same way.")]
Zone = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="The log's time zone, if not this machine's.")
]
Window = Annotated[
    int, typer.Option("--window", min=1, help="Messages kept open at once while their entries are joined.")
]
MaxEntry = Annotated[
    int, typer.Option("--max-entry-bytes", min=1024, help="Bytes kept of one entry; the rest is counted.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Threads that scan at the same time.")]
Nice = Annotated[
    bool,
    typer.Option("--nice", help="Stand back for others: low priority, and nothing stays in the page cache."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="URL",
        help="Let the workers of a Dask cluster do it, which reach the files by the same paths:"
        " tcp://scheduler:8786.",
    ),
]
Stats = Annotated[bool, typer.Option("--stats", help="Print what was read and counted to standard error.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME[=PATTERN]",
        help="Name the Message Processor of all files, or of those whose path matches.",
    ),
]
Alerts = Annotated[
    list[str] | None,
    typer.Option(
        "--alert",
        metavar="NAME|all",
        help="Alert or cause to select; may be repeated. Default: bad_certificate.",
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        help="Select all faces of one fault instead: client-certificate, backend-certificate,"
        " protocol-cipher, connection-cut, timeout, other, not-tls.",
    ),
]
Orgs = Annotated[list[str] | None, typer.Option("--org", help="Only these organizations (patterns).")]
Envs = Annotated[list[str] | None, typer.Option("--env", help="Only these environments (patterns).")]
Proxies = Annotated[list[str] | None, typer.Option("--proxy", help="Only these API proxies (patterns).")]
NotProxies = Annotated[
    list[str] | None, typer.Option("--not-proxy", help="Without these API proxies (patterns).")
]
Side = Annotated[str | None, typer.Option("--side", help="Only southbound or northbound.")]
Colour = Annotated[
    str, typer.Option("--color", metavar="WHEN", help="auto, always or never; NO_COLOR is obeyed.")
]

WINDOW = DEFAULT_WINDOW
WORKERS = 2
MAX_ENTRY = DEFAULT_MAX_ENTRY


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into messages and exit codes; a closed pipe into a quiet end."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
        except LogscanError as error:
            complain(in_options(error), error.hint)
            raise typer.Exit(ExitCode.FAULT) from error
        except BrokenPipeError as error:
            # The reader (head, less) has seen enough. Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        return result

    return run


def in_options(error: LogscanError) -> str:
    """An error's message, with the option's name in place of the argument's."""
    argument = error.argument if isinstance(error, UsageError) else ""
    return (
        f"--{argument.replace('_', '-')} {str(error).removeprefix(argument).lstrip()}"
        if argument
        else str(error)
    )


def stand_back(nice: bool) -> None:
    """Lower this process's priority, when asked to and where that is possible."""
    if nice and hasattr(os, "nice"):
        os.nice(10)


def complain(message: str, hint: str = "") -> None:
    """An error or warning, as one line on standard error and its remedy on the next."""
    from logscan.render.text import safe

    print(f"logscan: {safe(message)}", file=sys.stderr)
    if hint:
        print(f"  {safe(hint)}", file=sys.stderr)


class Complaints:
    """Problems told as they turn up, once each; ``fatal`` remembers whether any cost something."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._told = 0
        self._held = False

    def hold(self) -> None:
        """Print nothing for now: the screen is in use."""
        self._held = True

    def release(self) -> None:
        """Print what was held back."""
        self._held = False
        self.tell()

    def tell(self) -> None:
        """Print the problems that are new."""
        if self._held:
            return
        for problem in self._counters.problems[self._told :]:
            self._told += 1
            complain(f"{display(problem.path)}: {problem.reason}", problem.hint)

    @property
    def fatal(self) -> bool:
        """Whether something was left unread."""
        return any(problem.fatal for problem in self._counters.problems)


def display(path: str) -> str:
    """A path for a message."""
    return "standard input" if path == "-" else path


def paths_or_default(paths: Sequence[str] | None, stores: Sequence[str] | None = None) -> list[str]:
    """The stores and paths given, or where a Message Processor of this machine writes.

    Raises:
        UsageError: none were given and none is there.
        InputError: a store is none.
    """
    if stores:
        from logscan.store.manifest import is_store, load

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
        "name files or directories, or - for standard input",
    )


def wants_colour(when: str, stream: Any) -> bool:
    """Whether to colour.

    Raises:
        UsageError: another word than auto, always, never.
    """
    if when not in ("auto", "always", "never"):
        raise UsageError(f"--color {when}: unknown", "choose auto, always or never")
    if when == "auto":
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return when == "always"


def check_choice(option: str, value: str | None, choices: Sequence[str]) -> None:
    """Refuse a word that is none of the choices.

    Raises:
        UsageError: it is not.
    """
    if value is not None and value not in choices:
        raise UsageError(f"{option} {value}: unknown", "choose from " + ", ".join(choices))


def write_atomically(path: str, data: bytes) -> None:
    """Write a file as a whole or not at all (:func:`output_file`).

    Raises:
        OutputError: it cannot be written; what stood there is unchanged.
    """
    with output_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def output_file(path: str) -> Iterator[IO[bytes]]:
    """A file to write that appears as a whole or not at all: a reader sees the old or the new one, never
    a part. ``-`` is standard output.

    Raises:
        OutputError: it cannot be written; what stood there is unchanged.
    """
    if path == "-":
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with written(path) as file:
        yield file


@contextlib.contextmanager
def progress_line(paths: Sequence[str], quiet: bool) -> Iterator[Callable[[Counters], None] | None]:
    """A progress bar on standard error, when that is a terminal and the run takes a while."""
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
            task = bar.add_task("", total=_total_size(paths))
        bar.update(task, completed=counters.bytes)

    try:
        yield show
    finally:
        if bar is not None:
            bar.stop()


def _total_size(paths: Sequence[str]) -> int | None:
    """Bytes to scan, when no input is packed or a pipe."""
    from logscan.reading.paths import discover

    total = 0
    ignored: list[Problem] = []
    try:
        streams = discover(paths, ignored)
    except LogscanError:
        return None
    for stream in streams:
        for file in stream:
            if file.path == "-" or file.path.endswith((".gz", ".zst", ".bz2", ".xz")):
                return None
            with contextlib.suppress(OSError):
                total += os.path.getsize(file.path)
    return total


def print_statistics(counters: Counters, seconds: float) -> None:
    """The counters of ``--stats`` on standard error."""
    from logscan.render.text import statistics

    for name, value in statistics(counters, seconds):
        print(f"{name:<36}{value:>16}", file=sys.stderr)
