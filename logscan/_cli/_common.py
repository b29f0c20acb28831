"""What the commands share: options, messages, exit codes, output files, the progress bar."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from logscan._cli._errors import complain as complain  # noqa: PLC0414 - commands use it by this module
from logscan._cli._errors import status_of
from logscan._cli._files import output_file as output_file  # noqa: PLC0414
from logscan._cli._files import write_atomically as write_atomically  # noqa: PLC0414
from logscan._cli._groups import expanded
from logscan._cli._progress import progress_line as progress_line  # noqa: PLC0414
from logscan._reading.paths import DEFAULT_PATHS
from logscan._scanning.plan import JOIN_BYTES, JOIN_TIME
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.errors import UsageError, choose_from
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
        "--store",
        metavar="DIR",
        help="Read the store that logscan ingest wrote there. May be repeated.",
        rich_help_panel="Select",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Start of the time range: 2026-11-23, '2026-11-23 02:14', yesterday, '2 hours ago', -24h.",
        rich_help_panel="Time",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="End of the time range (excluded), written like --since.",
        rich_help_panel="Time",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz",
        metavar="ZONE",
        help="Time zone of the log's times, if not this machine's.",
        rich_help_panel="Time",
    ),
]
JoinTime = Annotated[
    float,
    typer.Option(
        "--join-time",
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="Entries of one message that follow each other belong together up to this distance in time.",
        rich_help_panel="Limits",
    ),
]
JoinBytes = Annotated[
    int,
    typer.Option(
        "--join-bytes",
        metavar="BYTES",
        min=1,
        help="Entries of one message that follow each other belong together up to this distance in the log.",
        rich_help_panel="Limits",
    ),
]
MaxEntry = Annotated[
    int,
    typer.Option(
        "--max-entry-bytes",
        min=1024,
        help="Bytes kept of one entry. Further bytes are counted.",
        rich_help_panel="Limits",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that work at the same time. 1: only this one.",
        show_default="the cores that logscan may use",
        rich_help_panel="Limits",
    ),
]
Nice = Annotated[
    bool,
    typer.Option(
        "--nice", help="Run at low priority and drop read data from the page cache.", rich_help_panel="Limits"
    ),
]
Cluster = Annotated[
    str | None,
    ACTS,
    typer.Option(
        "--cluster",
        metavar="URL",
        help="Let the workers of a Dask cluster read, for example tcp://scheduler:8786."
        " They reach the files by the same paths.",
        rich_help_panel="Limits",
    ),
]
Stats = Annotated[
    bool,
    typer.Option(
        "--stats", help="Print all counters of the run to standard error.", rich_help_panel="Limits"
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME[=PATTERN]",
        help="Name of the Message Processor that wrote the files, or those whose path matches PATTERN."
        " May be repeated.",
        rich_help_panel="Select",
    ),
]
Alerts = Annotated[
    list[str] | None,
    typer.Option(
        "--alert",
        metavar="NAME|all",
        help="Alerts or causes to select, with commas between them. logscan alerts lists them.",
        rich_help_panel="Select",
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="FAMILY",
        help="Select all names of one problem. Default: client-certificate. Others: backend-certificate,"
        " protocol-cipher, connection-cut, timeout, other, not-tls.",
        rich_help_panel="Select",
    ),
]
Orgs = Annotated[
    list[str] | None,
    typer.Option(
        "--org",
        metavar="PATTERN",
        help="Only these organizations: names, or patterns such as 'acme*', with commas between them.",
        rich_help_panel="Select",
    ),
]
Envs = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="PATTERN",
        help="Only these environments: names, or patterns such as 'prod*', with commas between them.",
        rich_help_panel="Select",
    ),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(
        "--proxy",
        metavar="PATTERN",
        help="Only these API proxies: names, or patterns such as 'pay*', with commas between them.",
        rich_help_panel="Select",
    ),
]
NotProxies = Annotated[
    list[str] | None,
    typer.Option(
        "--not-proxy",
        metavar="PATTERN",
        help="Leave out these API proxies, written like --proxy.",
        rich_help_panel="Select",
    ),
]
Side = Annotated[
    str | None,
    typer.Option(
        "--side",
        metavar="SIDE",
        help="Only southbound (to backends) or only northbound (from the router).",
        rich_help_panel="Select",
    ),
]
Colour = Annotated[
    str,
    typer.Option(
        "--color",
        metavar="WHEN",
        help="auto, always or never. auto obeys NO_COLOR.",
        rich_help_panel="Output",
    ),
]
Output = Annotated[
    str | None,
    ACTS,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to this file: the whole result or, on failure, nothing.",
        rich_help_panel="Output",
    ),
]

WHEN = ("auto", "always", "never")
"""What ``--color`` takes."""
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
    """Prints the problems of a run as they appear, each once; copies of files in one line.

    Args:
        counters: those of the run.
        lists_copies: each copy has a line; ``None``: the command has no ``--stats`` for that.
        hides_copies: copies have none.
    """

    def __init__(
        self, counters: Counters, *, lists_copies: bool | None = None, hides_copies: bool = False
    ) -> None:
        self._counters = counters
        self._lists_copies, self._hides_copies = lists_copies, hides_copies
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
        new = self._counters.problems[self._printed :]
        self._printed += len(new)
        for problem in new:
            if not problem.is_copy or self._lists_copies:
                complain(f"{display(problem.path)}: {problem.reason}", problem.hint)
        if self._lists_copies or self._hides_copies or not any(problem.is_copy for problem in new):
            return
        from logscan._render.text import copies_line

        several = sum(problem.is_copy for problem in new) > 1
        is_named_elsewhere = several and self._lists_copies is not None
        complain(copies_line(new), "--stats names them" if is_named_elsewhere else "")

    @property
    def nothing_read(self) -> bool:
        """Whether no input could be read: then there is no result either, and none must look like one."""
        return self.fatal and not self._counters.bytes

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


def paths_or_default(paths: Sequence[str] | None, stores: Sequence[str] | None = None) -> list[str]:
    """The given stores and paths, else the log of this machine's Message Processor.

    Raises:
        UsageError: no path is given, and this machine has no such log.
        InputError: a directory is not a store.
    """
    if stores:
        from logscan._store.storage import is_store

        for folder in stores:
            if not is_store(folder):
                from logscan._store.contents import Contents

                Contents(folder)  # says what is there instead
        return [*stores, *expanded(paths or ())]
    if paths:
        return expanded(paths)
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
    check_choice("--color", when, WHEN)
    if when == "auto":
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return when == "always"


def check_choice(option: str, value: str | None, choices: Sequence[str]) -> None:
    """Check that a value is one of the choices.

    Raises:
        UsageError: it is not.
    """
    if value is not None and value not in choices:
        raise UsageError(f"{option} {value}: unknown", choose_from(value, choices))


def print_statistics(counters: Counters, seconds: float) -> None:
    """Print the counters of ``--stats`` to standard error."""
    from logscan._render.text import statistics

    for name, value in statistics(counters, seconds):
        print(f"{name:<36}{value:>16}", file=sys.stderr)
