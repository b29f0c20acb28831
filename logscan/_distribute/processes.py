"""Tasks run in several processes if that is faster, else in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context

PROCESSES_FROM = 16 << 20
"""Bytes on disk from which on several processes are faster, in spite of their start."""


@contextlib.contextmanager
def executor_of(tasks: int, size: int, workers: int) -> Iterator[Executor]:
    """An executor for some tasks.

    Args:
        tasks: number of tasks.
        size: bytes on disk that they read, all together.
        workers: number of processes, at most.
    """
    if workers < 2 or tasks < 2 or size < PROCESSES_FROM:
        yield _InThisProcess()
        return
    pool = ProcessPoolExecutor(min(workers, tasks), mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _InThisProcess(Executor):
    """Runs a task when it is submitted, in this process."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """See :class:`concurrent.futures.Executor`."""
        future: Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised by result()
            future.set_exception(error)
        return future
