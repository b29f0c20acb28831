"""What can go wrong, in one tree, and the exit codes that say it to the shell.

::

    LogscanError
    ├── UsageError            the request itself is off: an unknown alert, a time nobody can read
    ├── InputError            an input could not be read: missing, forbidden, damaged
    │   └── NoLogsError       a directory or pattern that holds no log
    ├── OutputError           a result could not be written
    └── MissingPackageError   a package of an extra is not installed

Each carries a ``hint``: what the person who reads it can do next. A fault of one input among several
does not raise: it travels as a :class:`logscan.values.Problem` while the rest goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import IntEnum, unique
from typing import Any

from logscan.shown import without_password
from logscan.values import Counters, Problem


@unique
class ExitCode(IntEnum):
    """What a command's exit status means; the same for every command."""

    OK = 0
    """Ran; for ``search``: found."""
    NOT_FOUND = 1
    """``search``: no such message; ``report``: ``--fail-on`` matched."""
    FAULT = 2
    """Usage, an input that could not be read (the rest was), or an output that could not be written."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and the number of the signal (143 after SIGTERM)."""


class LogscanError(Exception):
    """Base of every error that logscan raises on purpose. Its texts show no password of an address."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(without_password(message))
        self.hint = without_password(hint)


class UsageError(LogscanError):
    """The request cannot be understood or contradicts itself.

    Args:
        message: what is wrong.
        hint: what to do.
        argument: the argument that is wrong, by the library's name; the command line shows its option.
    """

    def __init__(self, message: str, hint: str = "", *, argument: str = "") -> None:
        super().__init__(f"{argument} {message}" if argument else message, hint)
        self.argument = argument


class InputError(LogscanError):
    """An input cannot be read."""


class NoLogsError(InputError):
    """A directory or pattern in which no log is found."""


class OutputError(LogscanError):
    """A result cannot be written; whatever stood there before is unchanged."""


DISTRIBUTION = "apigee-logscan"
"""What pip calls logscan: in the package index, another project has the name logscan."""
EXTRA_OF = {
    "asn1crypto": "diagnose", "cryptography": "diagnose", "defusedxml": "diagnose", "httpx": "diagnose",
    "pyarrow": "archive", "deltalake": "archive", "duckdb": "archive",
    "apprise": "live", "prometheus_client": "live", "textual": "live",
    "fsspec": "remote", "s3fs": "remote", "aiohttp": "remote",
    "distributed": "cluster", "dask": "cluster", "xlsxwriter": "excel", "indexed_gzip": "seek", "mcp": "mcp",
    "numpy": "", "pandas": "",
}  # fmt: skip
"""Package, as it is imported → the extra of logscan that installs it. pandas needs none; but a host may have
logscan without the packages that only frames need."""


class MissingPackageError(LogscanError):
    """A package that logscan does not need for its main job is missing. The message is one line, with the
    command that adds it.

    Args:
        package: as it is imported.
        what: what needs it, for a person: an option, a file.
        pip: what pip installs, where that is no extra of logscan.
    """

    def __init__(self, package: str, what: str = "this command", *, pip: str = "") -> None:
        extra = EXTRA_OF.get(package, "")
        asked = pip or (f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION)
        super().__init__(
            f"{what} needs the package {package}, which is not installed; add it: {install_command(asked)}"
        )


def install_command(asked: str) -> str:
    """The command that adds packages to the Python that runs this.

    It is the same where logscan came from a checkout, an index or a wheelhouse: pip finds logscan installed,
    and adds what its extra asks for.
    """
    import shlex

    return f"{shlex.quote(sys.executable or 'python3')} -m pip install {shlex.quote(asked)}"


def need(package: str, what: str = "this command") -> Any:
    """Import a package of an extra.

    Args:
        package: as it is imported.
        what: what needs it, for the message.

    Raises:
        MissingPackageError: it is not installed, or something that it needs is not.
    """
    from importlib import import_module

    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingPackageError(package, what) from error


def check_installed(what: str, *packages: str) -> None:
    """Check that packages of extras are there, without the time that it takes to import them.

    Args:
        what: what needs them, for the message.
        packages: as they are imported.

    Raises:
        MissingPackageError: one of them is not installed.
    """
    from importlib.util import find_spec

    for package in packages:
        try:
            is_there = package in sys.modules or find_spec(package) is not None
        except ModuleNotFoundError:
            is_there = False
        if not is_there:
            raise MissingPackageError(package, what)


def missing(error: BaseException) -> MissingPackageError | None:
    """The error for an import that failed, if it is that of a package of an extra; else ``None``."""
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name in EXTRA_OF:
        return MissingPackageError(name)
    return None


def choose_from(value: str, choices: Collection[str]) -> str:
    """The hint for a value that is none of some choices: what was meant, and what there is.

    Args:
        value: that was typed.
        choices: a short list is named in full; of a long one only what is near, if anything is.
    """
    import difflib

    small = {choice.lower(): choice for choice in choices}
    nearest = difflib.get_close_matches(value.lower(), small, 3, 0.65)
    score = {name: difflib.SequenceMatcher(None, value.lower(), name).ratio() for name in nearest}
    near = [small[name] for name in nearest if score[name] > score[nearest[0]] - 0.1]
    near = near or [choice for choice in choices if len(value) > 1 and choice.startswith(value)][:3]
    meant = f"did you mean {' or '.join(near)}?" if near else ""
    if near and len(choices) > SHORT_LIST:
        return meant
    return f"{meant} choose from {', '.join(choices)}".strip()


SHORT_LIST = 16
"""Choices that a hint names in full beside those that are near."""


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def problem_of(path: str, error: LogscanError) -> Problem:
    """An error that ended the reading of one input, as a problem; the other inputs are read."""
    shown = without_password(path)
    return Problem(shown, str(error).removeprefix(f"{shown}: "), error.hint)


def reason_of(error: OSError) -> str:
    """The system's own words for an error, without Python's decoration."""
    text = error.strerror or str(error) or type(error).__name__
    return text[0].lower() + text[1:]


def not_understood(error: Exception) -> str:
    """An exception that nobody expected, in one line: its kind, its words, and the place in logscan."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "logscan" in file:
            place = f" at {file.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"not understood ({type(error).__name__}: {first_line(error)[:200]}{place})"


REPORT = "the rest was used; please report this with the file, if you may share it"
"""What to do about a piece of evidence that raised."""


@contextmanager
def caught(counters: Counters, place: str) -> Iterator[None]:
    """A net around one piece of evidence: what raises is counted and kept as a problem, and the run goes on.

    It stands beside the checks of the readers, for what those do not know.
    """
    try:
        yield
    except MissingPackageError:
        raise  # no fault of the evidence
    except LogscanError as error:
        counters.problems.append(problem_of(place, error))
    except OSError as error:
        counters.problems.append(Problem(place, reason_of(error)))
    except Exception as error:
        if absent := missing(error):
            raise absent from error
        # A net: no piece of evidence ends a run.
        counters.not_understood += 1
        counters.problems.append(Problem(place, not_understood(error), REPORT))
