"""Export: every entry of the logs in Arrow columns, a batch at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from logscan.jobs._spans import scanned
from logscan.scanning.plan import Limits, Progress, parts_of
from logscan.scanning.scanner import WholeScanner
from logscan.times import TimeRange
from logscan.values import Counters

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 2 << 20
"""Bytes turned into columns at once: enough that what each step costs by itself does not count, little
enough for the processor's cache (measured: 1, 2, 4, 8 MiB)."""
AHEAD = 16
"""Blocks that may be under way, so that columns are made while others are written."""


def entry_batches(
    paths: Sequence[str],
    counters: Counters,
    times: TimeRange = TimeRange(None, None, None),
    limits: Limits = Limits(),
    progress: Progress | None = None,
    cluster: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """All entries in the order of the log, with the columns of :data:`logscan.entries.arrow.SCHEMA`.

    One thread reads and unpacks while ``limits.workers`` others make columns; or the workers of a cluster do
    it, by the address of its Dask scheduler.

    Raises:
        NoLogsError: no path gave anything to read.
        InputError: the cluster cannot be used, or was lost.
    """
    if cluster is not None:
        from logscan.distribute.dask_units import batches_on_cluster

        yield from batches_on_cluster(cluster, paths, counters, times, limits, progress)
        return
    from logscan.entries.arrow import to_columns, within

    limits = replace(limits, block=max(limits.block, BLOCK))
    parts = parts_of(paths, counters, times)
    under_way: deque[Future[tuple[pa.RecordBatch, Counters]]] = deque()

    def finished() -> pa.RecordBatch:
        batch, counted = under_way.popleft().result()
        counters.add(counted)
        return within(batch, times, counters)

    pool = ThreadPoolExecutor(limits.workers)
    try:
        for layout, spans in scanned(
            parts,
            lambda layout: WholeScanner(layout, counters, limits.max_entry),
            counters,
            limits,
            progress,
        ):
            for span in spans:
                under_way.append(pool.submit(to_columns, span, layout, limits.max_entry))
                if len(under_way) > AHEAD:
                    yield finished()
        while under_way:
            yield finished()
    finally:
        pool.shutdown(cancel_futures=True)
