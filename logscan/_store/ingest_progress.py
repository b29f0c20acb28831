"""How far the tasks of an ingest have read, while they run.

A task takes seconds, in another process or on another machine. It notes in a small file beside its output how
much it has read; the run looks at those files a few times a second.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from logscan._scanning.plan import Progress
from logscan._store.parquet_files import Target
from logscan.values import Counters

if TYPE_CHECKING:
    from logscan._store.ingest_task import IngestTask

EVERY = 0.2
"""Seconds between two looks."""
ABSENT = 32
"""Tasks in a row that have not begun: those after them have not either."""
_SIZE = struct.Struct("<Q")


class ReadMark:
    """What a task writes: how much it has read. A mark that cannot be written is left out.

    Args:
        target: of the task.
    """

    def __init__(self, target: Target) -> None:
        self._descriptor = -1
        with contextlib.suppress(OSError):
            os.makedirs(target.folder, exist_ok=True)
            self._descriptor = os.open(_path(target), os.O_WRONLY | os.O_CREAT, 0o600)

    def move(self, size: int) -> None:
        """Note how many bytes are read."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, _SIZE.pack(size), 0)

    def close(self) -> None:
        """The task has ended."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def size_read(target: Target) -> int:
    """The bytes that a task has read so far; 0 if it has not begun."""
    try:
        with open(_path(target), "rb") as file:
            return int(_SIZE.unpack(file.read(_SIZE.size))[0])
    except (OSError, struct.error):
        return 0


@contextlib.contextmanager
def shown(tasks: Sequence[IngestTask], progress: Progress | None) -> Iterator[None]:
    """Tell ``progress`` what is read of some tasks, from a thread of its own, until the end of the block."""
    if progress is None:
        yield
        return
    watched = _Watched([task.target for task in tasks])
    sizes = [task.end - task.begin if task.end is not None else None for task in tasks]
    planned = 0 if None in sizes else sum(filter(None, sizes))
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            progress(Counters(bytes=watched.look(), planned_bytes=planned))

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Watched:
    """What some tasks have read, with few looks: they begin in their order.

    Args:
        targets: of the tasks, in their order.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._sizes: dict[int, int] = {}
        self._first = 0
        """All before it do not change any more."""

    def look(self) -> int:
        """The bytes that all of them have read."""
        missing = 0
        steady = True
        for place in range(self._first, len(self._targets)):
            size = size_read(self._targets[place])
            missing += not size
            if missing > ABSENT:
                break
            # Two looks apart with the same size, and others after it: it has ended.
            steady = steady and size > 0 and size == self._sizes.get(place) and place + ABSENT in self._sizes
            self._first += steady
            self._sizes[place] = size
        return sum(self._sizes.values())


def _path(target: Target) -> str:
    return os.path.join(target.folder, f"{target.name}.read")
