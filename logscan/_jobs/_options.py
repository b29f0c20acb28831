"""The keywords that the library's functions share, named as the command line names its options."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from logscan._scanning.plan import Limits, Progress
from logscan.errors import UsageError
from logscan.times import TimeRange, time_range
from logscan.values import Counters

if TYPE_CHECKING:
    import pandas as pd

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One path or several: files, directories, patterns, addresses; ``-`` is standard input."""
Names = str | Sequence[str]
"""One name or several."""


class Times(TypedDict, total=False):
    """Which time is asked for."""

    since: str | datetime | None
    """From then on: an ISO time, ``yesterday``, ``-24h``, or a wall time of the log."""
    until: str | datetime | None
    """Before then."""
    tz: str | None
    """The log's time zone, an IANA name; this machine's when ``None``."""


class Reading(TypedDict, total=False):
    """How logs are read."""

    max_entry_bytes: int
    """Bytes kept of one entry; the rest is counted."""
    workers: int
    """Processes that work at the same time; 0: as many as this one may use cores."""
    progress: Progress | None
    """Called with the counters now and then."""
    cluster: str | None
    """Address of a Dask scheduler whose workers do the work."""


def several(value: Names | None) -> tuple[str, ...]:
    """One name or several, as several."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def listed(value: Names | None) -> tuple[str, ...]:
    """One name or several, of which each may be a list with commas."""
    return tuple(name for text in several(value) for part in text.split(",") if (name := part.strip()))


def paths_of(paths: Paths) -> tuple[str, ...]:
    """One path or several, as several strings.

    Raises:
        UsageError: none.
    """
    if isinstance(paths, str | os.PathLike):
        paths = (paths,)
    given = tuple(os.fspath(path) for path in paths)
    if not given:
        raise UsageError("no path was given", "name files, directories or patterns")
    return given


def check_names(given: Iterable[str], known: type) -> None:
    """Refuse a keyword that a function does not have.

    Raises:
        TypeError: such a keyword.
    """
    names = known.__optional_keys__  # type: ignore[attr-defined]
    for name in given:
        if name not in names:
            raise TypeError(f"unknown keyword {name!r}: choose from {', '.join(sorted(names))}")


def times_of(given: Times) -> TimeRange:
    """The time range that was asked for.

    Raises:
        UsageError: a time or zone that cannot be read.
    """
    return time_range(given.get("since"), given.get("until"), given.get("tz"))


def limits_of(given: Reading) -> Limits:
    """The limits of a run."""
    named = {"max_entry": "max_entry_bytes", "workers": "workers"}
    return Limits(**{field: given[name] for field, name in named.items() if name in given})  # type: ignore[literal-required]


def with_counters(frame: pd.DataFrame, counters: Counters) -> pd.DataFrame:
    """A frame with what its run counted, and the problems in words."""
    frame.attrs["problems"] = [str(problem) for problem in counters.problems]
    frame.attrs["counters"] = counters
    return frame
