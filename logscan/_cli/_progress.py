"""The progress bar of commands that read much."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from logscan.values import Counters

QUIET_SECONDS = 0.5
"""A run that ends before shows no bar."""
_STARTED = time.monotonic()
"""When the program began: what it imports is part of the wait."""


@contextlib.contextmanager
def progress_line(quiet: bool = False) -> Iterator[Callable[[Counters], None] | None]:
    """A progress bar on standard error, if that is a terminal and the run takes :data:`QUIET_SECONDS`."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar: Any = None
    task: Any = None
    hosts: dict[str, Any] = {}

    def show(counters: Counters) -> None:
        nonlocal bar, task
        if bar is None:
            if time.monotonic() - _STARTED < QUIET_SECONDS:
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
                TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True),
                TransferSpeedColumn(), TimeRemainingColumn(),
                console=Console(file=sys.stderr), transient=True,
            )  # fmt: skip
            bar.start()
            task = bar.add_task("scanning", total=None)
        for name, count, ended in counters.hosts:
            if name not in hosts:
                hosts[name] = bar.add_task("", total=None)
            words = f"{name}: through" if ended else f"{name}: reading" if count else f"{name}: waiting"
            bar.update(hosts[name], completed=count, total=count if ended else None, description=words)
        bar.update(task, completed=counters.bytes, total=counters.planned_bytes or None)

    try:
        yield show
    finally:
        if bar is not None:
            bar.stop()
