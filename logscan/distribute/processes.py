"""Processes: tasks in several processes where that pays, else in this one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context

ALONE = 16 << 20
"""Bytes on disk from which on processes are worth their start."""


@contextlib.contextmanager
def executor_of(tasks: int, size: int, workers: int) -> Iterator[Executor]:
    """What runs tasks.

    Args:
        tasks: how many there are.
        size: bytes on disk that they read together.
        workers: processes, at most.
    """
    if workers < 2 or tasks < 2 or size < ALONE:
        yield _Here()
        return
    pool = ProcessPoolExecutor(min(workers, tasks), mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Here(Executor):
    """Runs a task when it is submitted, in this process."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """See :class:`concurrent.futures.Executor`."""
        future: Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised by result()
            future.set_exception(error)
        return future
