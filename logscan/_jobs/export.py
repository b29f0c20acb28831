"""Export: every entry of the logs in Arrow columns, a batch at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from logscan._distribute.column_task import ColumnTask
from logscan._distribute.executors import DEARER, Executor, executor_for
from logscan._distribute.run_units import UnitRun, text_size, unit_count
from logscan._entries.parse import parse
from logscan._jobs._options import (
    Paths,
    Reading,
    Times,
    check_names,
    limits_of,
    paths_of,
    times_of,
    with_counters,
)
from logscan._jobs._spans import inputs_of, spans_of_inputs
from logscan._scanning.needles import EveryEntryFinder
from logscan._scanning.plan import Limits, Progress, slices_of
from logscan._scanning.spans import Scan
from logscan.errors import check_installed
from logscan.times import TimeRange
from logscan.values import Counters, Entry, Results

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BLOCK = 2 << 20
"""Bytes turned into columns at once: enough that what each step costs by itself does not count, little
enough for the processor's cache (measured: 1, 2, 4, 8 MiB)."""
RANGE = 8 << 20
"""Bytes of a plain file in one unit: its columns are in memory together."""


class Exporting(Times, Reading, total=False):
    """Keywords of :func:`export`."""


def export(paths: Paths, **exporting: Unpack[Exporting]) -> Results[pa.RecordBatch]:
    """All entries in the order of the log, in Arrow columns (docs/fields.md), a batch at a time.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: a time or zone that cannot be read.
        InputError: the cluster cannot be used, or was lost.
    """
    check_names(exporting, Exporting)
    counters = Counters()
    batches = entry_batches(
        paths_of(paths), counters,
        times=times_of(exporting), limits=limits_of(exporting),
        progress=exporting.get("progress"), cluster=exporting.get("cluster"),
    )  # fmt: skip
    return Results(batches, counters)


def entries(paths: Paths, **exporting: Unpack[Exporting]) -> Results[Entry]:
    """Every entry of the logs, understood, in the order of the log.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: a time or zone that cannot be read.
    """
    check_names(exporting, Exporting)
    counters, times = Counters(), times_of(exporting)
    inputs = inputs_of(paths_of(paths), counters, times)
    scan = Scan(EveryEntryFinder, counters, limits_of(exporting), exporting.get("progress"), is_broad=True)
    headers = {file.path: part.layout.header for part in inputs.slices if part.layout for file in part.stream}

    def within_times() -> Iterator[Entry]:
        for spans in spans_of_inputs(inputs, scan):
            for span in spans:
                entry = parse(span, counters, headers.get(span.place.path))
                if times.holds(entry.time, entry.zone):
                    yield entry

    return Results(within_times(), counters)


def read_entries(paths: Paths, **exporting: Unpack[Exporting]) -> pd.DataFrame:
    """Every entry as a row of a frame, in the order of the log: the columns of :func:`export`.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: a time or zone that cannot be read.
        MissingPackageError: pyarrow or pandas is not installed.
    """
    check_installed("read_entries", "pyarrow", "pandas")
    import pyarrow as pa

    from logscan._entries.arrow import SCHEMA

    batches = export(paths, **exporting)
    frame = pa.Table.from_batches(list(batches), SCHEMA).to_pandas()
    return with_counters(frame, batches.counters)


def entry_batches(
    paths: Sequence[str],
    counters: Counters,
    *,
    times: TimeRange = TimeRange(None, None, None),
    limits: Limits = Limits(),
    progress: Progress | None = None,
    cluster: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """:func:`export`, with counters that others may look at meanwhile."""
    check_installed("export", "pyarrow", "numpy")
    limits = replace(limits, block=max(limits.block, BLOCK))
    if cluster is not None:
        from logscan._distribute.dask_executor import check, on_cluster

        check(paths, cluster)
    slices = slices_of(paths, counters, times)
    task = ColumnTask(limits.max_entry, times)
    with contextlib.ExitStack() as stack:
        executor: Executor
        if cluster is not None:
            executor = stack.enter_context(on_cluster(cluster))
        else:
            units = unit_count(slices, limits.workers, RANGE)
            executor = stack.enter_context(executor_for(limits.workers, units, DEARER * text_size(slices)))
        run = UnitRun(
            executor, task, slices,
            limits=limits, counters=counters, progress=progress, most_range=RANGE, remote=cluster is not None,
        )  # fmt: skip
        yield from run.pieces()
