"""How logs are followed: what is read of them, how often they are looked at, and by which clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from logscan._reading.buffer import BLOCK
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.times import TimeRange

POLL_INTERVAL = 0.1
QUIET_TIME = 0.2
ROTATE_WAIT = 5.0
LOOK_BACK = 16 << 20
"""Bytes at the end of a file that are looked at for its last failures."""


class Clock(Protocol):
    """A steady clock, and waiting by it: the module :mod:`time`, or that of a test."""

    def monotonic(self) -> float:
        """Seconds since any moment."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


@dataclass(frozen=True, kw_only=True)
class FollowOptions:
    """How logs are followed. Times in seconds."""

    entries: bool = False
    """Give every entry; else those that may belong to a failure."""
    neighbours: bool = False
    """Also those of faults next to TLS; the selection decides it."""
    from_start: bool = False
    """Begin with what is in the files already."""
    since: TimeRange | None = None
    """Begin with what was logged from its ``since`` on, rotated files too."""
    last: int = 0
    """Begin with so many failures, of those in the last :data:`LOOK_BACK` bytes of the files."""
    poll: bool = False
    """Look at the files by the clock; else the kernel's file events save most of the looks."""
    poll_interval: float = POLL_INTERVAL
    """Between two looks at a quiet file, where no event reports new lines."""
    quiet_time: float = QUIET_TIME
    """After this long without a new line an entry, and a message, count as whole."""
    rotate_wait: float = ROTATE_WAIT
    """For this long a file that was renamed away is still looked at: a writer may have it open."""
    rotated: tuple[str, ...] = ()
    """Patterns of names of rotated files, beside those that look like the log's. One with a folder in it, as
    seen from the log's folder, takes files from there."""
    exclude: tuple[str, ...] = ()
    """Patterns of names, or of paths, that folders and patterns do not give."""
    max_entry_bytes: int = DEFAULT_MAX_ENTRY
    """Bytes kept of one entry."""
    wake_interval: float = 1.0
    """Waiting ends after this long at most, so that a request to end is met, and other work is done."""
    block: int = BLOCK
    """Bytes read at once."""
    clock: Clock = time
