"""Counting: the failed handshakes of some inputs, and what a report counts of them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from logscan._distribute.executors import Executor, Inline, executor_for
from logscan._distribute.run_units import StreamRun, UnitRun, text_size, unit_count
from logscan._entries.layouts import PLAIN
from logscan._failures.count_unit import CountTask, Seams, needles_of
from logscan._failures.hosts import hosts_of
from logscan._failures.incidents import Incidents
from logscan._failures.selection import HostNames
from logscan._failures.tally import Counted, CountRequest
from logscan._jobs._spans import streams_of_inputs
from logscan._scanning.plan import Inputs, Limits, Progress
from logscan._store.inputs import failures_of as failures_of_store
from logscan._store.inputs import hosts_of as hosts_of_stores
from logscan.values import Counters, FailedHandshake

if TYPE_CHECKING:
    from logscan._jobs._elsewhere import Elsewhere


def count(
    inputs: Inputs,
    request: CountRequest,
    counters: Counters,
    *,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    lines: bool = False,
    cluster: str | None = None,
    elsewhere: Elsewhere | None = None,
    ends: dict[str, datetime | None] | None = None,
) -> Counted:
    """Count the selected failed handshakes, and what lies outside the selection.

    Args:
        inputs: what is read.
        request: what is counted.
        counters: takes what is counted on the way; those of the result are in it, too.
        limits: how it is read.
        progress: called now and then.
        lines: also count lines.
        cluster: address of a Dask scheduler whose workers read.
        elsewhere: hosts that count, too.
        ends: takes their names, and when their logs end.

    Raises:
        UsageError: an unknown column.
        InputError: a store is damaged, or the cluster cannot be used.
    """
    request = with_hosts(request, inputs)
    total = Counted(Incidents(request.by, request.max_incidents, group=request.group))
    with _executor(inputs, request, limits, lines=lines, cluster=cluster) as executor, less_collection():
        if not lines:
            for part in _store_parts(inputs, request, counters, workers=limits.workers, progress=progress):
                total.merge(part)
        run = _run(
            executor,
            inputs,
            request,
            counters,
            limits=limits,
            progress=progress,
            lines=lines,
            cluster=cluster,
        )
        for stream in run.streams():
            total.merge(_sum(stream, request))
        if elsewhere:
            from logscan._jobs._elsewhere import count_elsewhere

            for part in count_elsewhere(
                elsewhere, request, counters, limits=limits, progress=progress, ends=ends
            ):
                total.merge(part)
    total.counters.messages = total.messages
    counters.add(total.counters)
    total.counters = counters
    return total


def failures_of(
    inputs: Inputs,
    request: CountRequest,
    counters: Counters,
    *,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    elsewhere: Elsewhere | None = None,
) -> Iterator[FailedHandshake]:
    """Every failed handshake as soon as its lines are complete, in bounded memory; also outside the
    selection. Those of other hosts come last, each host's when it is through."""
    request = replace(with_hosts(request, inputs), all_failures=True)
    with less_collection():
        total = Counted(Incidents())
        run = _run(Inline(), inputs, request, counters, limits=limits, progress=progress)
        parts = (piece.counted for piece in run.pieces())
        for part in chain(_store_parts(inputs, request, counters), parts):
            yield from part.failures
            part.failures.clear()
            total.merge(part)
        if elsewhere:
            from logscan._jobs._elsewhere import failures_elsewhere

            yield from failures_elsewhere(elsewhere, request, total, limits=limits, progress=progress)
        total.counters.messages = total.messages
        counters.add(total.counters)


@contextlib.contextmanager
def less_collection() -> Iterator[None]:
    """Python's search for cycles costs a fifth of the time where millions of values are made, and finds
    none."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _sum(stream: StreamRun, request: CountRequest) -> Counted:
    """What is counted of a stream."""
    seams = Seams(request)
    for piece in stream.pieces():
        if not seams.add(piece):
            seams = Seams(request)
            for whole in stream.whole():
                seams.add(whole)
            break
    return seams.end()


def with_hosts(request: CountRequest, inputs: Inputs) -> CountRequest:
    """The names of all hosts are decided before anything is counted: processes and machines then agree."""
    hosts = request.host_of
    if not isinstance(hosts, HostNames):
        return request
    by_place = hosts_of(file.stem for part in inputs.slices for file in part.stream)
    return replace(request, host_of=hosts.knowing(by_place | hosts_of_stores(inputs.stores)))


@contextlib.contextmanager
def _executor(
    inputs: Inputs, request: CountRequest, limits: Limits, *, lines: bool, cluster: str | None
) -> Iterator[Executor]:
    if cluster is not None:
        from logscan._distribute.dask_executor import on_cluster

        with on_cluster(cluster) as executor:
            yield executor
        return
    workers = 1 if lines or not isinstance(request.host_of, HostNames) else limits.workers
    size = text_size(inputs.slices)
    needles_of(request.selection.neighbours)(PLAIN)  # compiled once, for all workers that are forked
    with executor_for(workers, unit_count(inputs.slices, workers), size) as executor:
        yield executor


def _run(
    executor: Executor,
    inputs: Inputs,
    request: CountRequest,
    counters: Counters,
    *,
    limits: Limits,
    progress: Progress | None,
    lines: bool = False,
    cluster: str | None = None,
) -> UnitRun:
    slices = [*inputs.slices, *(streams_of_inputs(inputs) if lines else ())]
    return UnitRun(
        executor, CountTask(request), slices,
        limits=limits, counters=counters, progress=progress, lines=lines, remote=cluster is not None,
    )  # fmt: skip


def _store_parts(
    inputs: Inputs,
    request: CountRequest,
    counters: Counters,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Iterator[Counted]:
    """What is counted of stores, by the entries that they keep apart."""
    if not inputs.stores:
        return
    from logscan._distribute.counted_stores import BYTES_OF_ROW, LEAST_ROWS, StoreRun

    if not isinstance(request.host_of, HostNames):
        workers = 1
    for folder in inputs.stores:
        stored = failures_of_store(folder, request.selection.times)
        rows = sum(file.rows for file in stored.files)
        with executor_for(workers, rows // LEAST_ROWS + 1, rows * BYTES_OF_ROW) as executor:
            yield from StoreRun(request, stored, executor, counters=counters, progress=progress).parts()
