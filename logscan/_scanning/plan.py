"""The plan of a run: its limits, and which slices of which streams are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from logscan._entries.sample import judge, judge_and_learn
from logscan._reading.buffer import BLOCK
from logscan._reading.fingerprint import without_copies
from logscan._reading.paths import discover
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan._scanning.time_slices import StreamSlice, slice_of
from logscan.times import TimeRange
from logscan.values import Counters, Problem

Progress = Callable[[Counters], None]
"""Called now and then while a run goes on."""


JOIN_TIME = timedelta(seconds=1)
"""Two entries of one message that follow each other belong together if they are no further apart."""
JOIN_BYTES = 16 << 20
"""The same in bytes of text of their stream."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run. Each has an option and a counter."""

    max_entry: int = DEFAULT_MAX_ENTRY
    """Bytes kept of one entry."""
    block: int = BLOCK
    """Bytes read at once."""
    workers: int = 0
    """Processes that work at the same time; 0: as many as this process may use cores."""
    forget: bool = False
    """Tell the kernel that what was read is not needed again, so that it keeps what others need."""


class Inputs(NamedTuple):
    """What a run reads."""

    stores: tuple[str, ...]
    """Directories of stores."""
    slices: tuple[StreamSlice, ...]
    """Parts of streams of files."""


def slices_of(
    paths: Sequence[str],
    counters: Counters,
    times: TimeRange = TimeRange(None, None, None),
    *,
    learn: bool = True,
) -> list[StreamSlice]:
    """What must be read of some paths for a time range, stream by stream. Each file is opened once for it.

    Args:
        paths: files, directories, patterns, addresses.
        counters: takes problems, and what is planned and skipped.
        times: the time range.
        learn: learn the layouts of the files, for jobs that read more of an entry than its message id.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    streams = without_copies(
        discover(paths, counters.problems, judge_and_learn if learn else judge), counters
    )
    slices = [slice_of(stream, times) for stream in streams]
    for part in slices:
        counters.skipped_files += part.skipped_files
        counters.skipped_bytes += part.skipped_bytes
        counters.files += part.start > 0  # a reader counts those that it begins at their first byte
    sizes = [part.size for part in slices]
    counters.planned_bytes = 0 if None in sizes else sum(filter(None, sizes))
    return slices


def no_entries(path: str, size: int) -> Problem:
    """Says that a file holds nothing of what is looked for."""
    return Problem(
        path,
        f"no entry of a Message Processor's log in its {size:,} bytes",
        "is it another kind of file?",
        fatal=False,
    )
