"""Who executes tasks: this process, or others beside it. All give the same results in the same order."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

R = TypeVar("R")

FORK_FROM = 128 << 20
"""Bytes of text from which on forked processes are faster, in spite of their start and results (0.05 s)."""
SPAWN_FROM = 256 << 20
"""The same for processes that must be started anew (0.3 s)."""
DEARER = 8
"""Times that a byte costs more to index, to ingest or as columns than to count: fewer of them pay."""
AHEAD = 2
"""Tasks that each worker may be ahead of the use of their results."""


class Result(Protocol):
    """The result of a task, some time."""

    def result(self) -> Any:
        """Wait for it.

        Raises:
            Exception: what the task raised.
        """
        ...

    def cancel(self) -> object:
        """It is not wanted: a task that has not begun is not begun."""
        ...


class Executor(Protocol):
    """Runs tasks.

    Attributes:
        workers: how many tasks run at the same time.
        is_inline: whether they run here, when their results are asked for.
    """

    workers: int
    is_inline: bool

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Result:
        """Have a task run: a function that a worker can import, and arguments that can be pickled."""
        ...

    def close(self) -> None:
        """No result is wanted any more."""
        ...


class Inline:
    """Runs each task in this process, when its result is asked for."""

    workers = 1
    is_inline = True

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Result:
        """See :class:`Executor`."""
        return _Call(function, arguments)

    def close(self) -> None:
        """See :class:`Executor`."""


class _Call:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function, self._arguments = function, arguments

    def result(self) -> Any:
        """See :class:`Result`."""
        return self._function(*self._arguments)

    def cancel(self) -> None:
        """See :class:`Result`."""


def in_order(
    executor: Executor, function: Callable[..., R], calls: Iterable[tuple[Any, ...]], ahead: int = AHEAD
) -> Iterator[R]:
    """The results of some calls in their order; a few calls are under way before their results are used."""
    upcoming = iter(calls)
    under_way: deque[Result] = deque()
    most = 1 if executor.is_inline else ahead * executor.workers
    for call in itertools.islice(upcoming, most):
        under_way.append(executor.submit(function, *call))
    while under_way:
        result = under_way.popleft().result()
        for call in itertools.islice(upcoming, 1):
            under_way.append(executor.submit(function, *call))
        yield result


@contextlib.contextmanager
def executor_for(workers: int, tasks: int, size: int) -> Iterator[Executor]:
    """The executor that is fastest for some tasks.

    Args:
        workers: processes, at most; 0: as many as this process may use cores.
        tasks: how many there are.
        size: bytes of text that they read, all together.
    """
    count = min(workers or usable_cores(), tasks)
    executor: Executor = Inline()
    if count > 1 and size >= FORK_FROM:
        from logscan._distribute.processes import Processes, can_fork, can_spawn

        if can_fork():
            executor = Processes(count, fork=True)
        elif size >= SPAWN_FROM and can_spawn():
            executor = Processes(count, fork=False)
    try:
        yield executor
    finally:
        executor.close()


def usable_cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its control group."""
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    return max(1, min(count, _quota() or count))


def _quota() -> int | None:
    """Whole cores of the quota of the control group, rounded up; ``None`` where there is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
        for number, _, path in groups:
            if number == "0":
                return _quota_in(_parents(f"/sys/fs/cgroup{path}", "/sys/fs/cgroup"))
        for _, controllers, path in groups:
            if "cpu" in controllers.split(","):
                return _quota_in(
                    _parents(f"/sys/fs/cgroup/{controllers}{path}", f"/sys/fs/cgroup/{controllers}")
                )
    return None


def _quota_in(folders: Sequence[str]) -> int | None:
    """The least quota of some control groups."""
    quotas = []
    for folder in folders:
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            with contextlib.suppress(OSError, ValueError):
                words: list[str] = []
                for name in names:
                    with open(f"{folder}/{name}", encoding="ascii") as file:
                        words += file.read().split()
                quota, period = words[:2]
                if quota not in {"max", "-1"}:
                    quotas.append(-(-int(quota) // int(period)))
    return min(quotas, default=None)


def _parents(folder: str, root: str) -> Sequence[str]:
    """A folder and those that it lies in, down to a root: each may have a quota."""
    found = [folder.rstrip("/")]
    while found[-1] != root and found[-1].startswith(root):
        found.append(os.path.dirname(found[-1]))
    return found
