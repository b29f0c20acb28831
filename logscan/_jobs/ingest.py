"""Ingest: bring a store up to date with some logs.

A file is known by its text: what has been read is not read again. What is read counts when all of its file is
in the store: rows, and what of which file they are, in one commit.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from logscan._distribute.executors import DEARER, Executor, executor_for, in_order
from logscan._entries.layouts import layout_named
from logscan._entries.sample import judge_and_learn, layout_in
from logscan._failures.hosts import hosts_of
from logscan._failures.selection import HostNames
from logscan._jobs._options import Names, Paths, paths_of, several
from logscan._reading.fingerprint import (
    TAIL,
    bytes_before,
    digest,
    without_copies,
)
from logscan._reading.paths import LogFile, Stream, discover
from logscan._reading.planned import planned
from logscan._reading.ranges import with_range
from logscan._reading.remote import is_remote
from logscan._scanning.plan import Progress
from logscan._store import ingest_progress, upkeep
from logscan._store.contents import Contents
from logscan._store.delta_faults import ConflictError
from logscan._store.ingest_task import FILE, LINE, MIDDLE, IngestTask, TaskResult, cut_at, run_task
from logscan._store.known_sources import KnownSources
from logscan._store.old_manifest import adopt_old, is_old
from logscan._store.parquet_files import Target
from logscan._store.records import DataFile, Source
from logscan._store.split_entries import SplitEntries
from logscan.errors import InputError, LogscanError, OutputError, UsageError, problem_of, reason_of
from logscan.nodes import is_stream
from logscan.values import Counters, Problem

TASK_BYTES = 64 << 20
"""Bytes of a plain file that one task ingests."""
BATCH_FILES, BATCH_SECONDS = 100, 5.0
"""Files of the logs, and seconds, after which what was read is committed."""
_ATTEMPTS = 10
"""Attempts of one commit, where others change the store at the same time."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did."""

    new: int
    """Files that the store did not know."""
    grown: int
    """Files with more text than before."""
    known: int
    """Files whose text was in the store already."""
    bytes: int
    """Bytes of unpacked text that were added."""
    rows: int
    """Rows that were added: entries, and pieces of entries."""
    merged: int
    """Parquet files that were merged into fewer."""
    dropped: int
    """Parquet files of dates older than ``keep`` that were removed."""
    counters: Counters

    @property
    def problems(self) -> list[Problem]:
        """What could not be read; the rest was ingested."""
        return self.counters.problems


@dataclass(slots=True)
class _Batch:
    """What was read since the last commit."""

    begun: float = field(default_factory=time.monotonic)
    files: list[DataFile] = field(default_factory=list)
    sources: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    new: int = 0
    grown: int = 0
    known: int = 0
    bytes: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """A source that has something to read."""

    file: LogFile
    source: Source
    grown: bool
    tasks: list[IngestTask]


def ingest(
    paths: Paths,
    *,
    store: str | os.PathLike[str],
    keep: int | None = None,
    host: Names = (),
    workers: int = 0,
    cluster: str | None = None,
    today: date | None = None,
    progress: Progress | None = None,
) -> Ingested:
    """Bring a store up to date with some logs.

    Args:
        paths: one or more files, directories, patterns or addresses. Files that the store knows by their text
            are not read again. An empty sequence: nothing is read, but the store is kept in order.
        store: the store's directory; made if there is none.
        keep: days to keep; older dates are removed. ``None``: all.
        host: names of the Message Processors, as ``NAME`` or ``NAME=PATTERN``.
        workers: number of processes; 0: as many as this process may use cores.
        cluster: address of a Dask scheduler whose workers run the tasks; default: processes of this machine.
        today: the day from which ``keep`` is counted; default: the machine's.
        progress: called a few times a second, from another thread.

    Raises:
        NoLogsError: there are no logs at these paths.
        InputError: the store is damaged or of another version, or the cluster cannot be used.
        OutputError: the store cannot be written; it is unchanged.
        UsageError: a path is standard input, or another run changes the store.
    """
    names = paths_of(paths) if paths else ()
    for path in names:
        if is_stream(path):
            raise UsageError(
                f"{path}: a store knows logs by their files", "write the stream to a file, and ingest that"
            )
    hosts = HostNames(several(host))
    folder = os.fspath(store)
    with contextlib.ExitStack() as stack:
        executor: Executor | None = None
        if cluster is not None:
            from logscan._distribute.dask_executor import on_cluster

            executor = stack.enter_context(on_cluster(cluster))
        if not is_remote(folder):
            folder = os.path.abspath(folder)  # workers may have another working directory
        try:
            if not is_old(folder):
                upkeep.make(folder)
            work = stack.enter_context(upkeep.changing(folder))
            run = _Ingest(folder, hosts, work)
            if is_old(folder):
                adopt_old(folder, run.counters, work)
            found = discover(names, run.counters.problems, judge_and_learn) if names else []
            streams = without_copies(found, run.counters)
            failed = 0
            while True:
                before = run.commits
                try:
                    run.begin(streams)
                    plans = [plan for stream in streams for plan in run.plan(stream)]
                    tasks = [task for plan in plans for task in plan.tasks]
                    with _executor(executor, plans, workers) as pool, ingest_progress.shown(tasks, progress):
                        run.read(plans, pool)
                    run.finish(keep, today or date.today())
                    break
                except ConflictError:
                    failed = 1 if run.commits > before else failed + 1
                    if failed == _ATTEMPTS:
                        raise
                    time.sleep(random.uniform(0, 0.1 * 2 ** min(failed, 5)))  # noqa: S311 - so that two runs part
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be written: {reason_of(error)}",
                "what the store held before is still there",
            ) from error
        return run.result()


class _Ingest:
    """One ingest.

    Args:
        folder: the store.
        host_of: path → Message Processor.
        work: a directory for unfinished files.
    """

    def __init__(self, folder: str, host_of: HostNames, work: str) -> None:
        self.counters = Counters()
        self.commits = 0
        self._folder, self._work = folder, work
        self._given_hosts = host_of
        self._dropped = self._merged = 0
        self._new = self._grown = self._known = self._bytes = self._rows = 0
        self._read: set[int] = set()
        """Sources that this run has read."""

    def begin(self, streams: Sequence[Stream]) -> None:
        """Read what the store holds now: at the beginning, and after another run has changed it."""
        self._contents = Contents(self._folder)
        self._known = 0
        self._batch = _Batch()
        self._files_in_problem = {problem.path for problem in self.counters.problems}
        upkeep.upgrade(self._contents, self._work)
        self._split_entries = SplitEntries(self._contents)
        with self._contents.readable():
            known = self._contents.state.pairs("stem", "host")
        # Those that the store knows keep their names.
        names = hosts_of(file.stem for stream in streams for file in stream) | known
        self._sources = KnownSources(self._contents, self._given_hosts.knowing(names))

    def result(self) -> Ingested:
        """What was done."""
        return Ingested(
            new=self._new, grown=self._grown, known=self._known, bytes=self._bytes, rows=self._rows,
            merged=self._merged, dropped=self._dropped, counters=self.counters,
        )  # fmt: skip

    # What must be read.

    def plan(self, stream: Stream) -> list[_Plan]:
        """The files of a family that have something new."""
        plans: list[_Plan] = []
        before: int | None = None
        for file in stream:
            try:
                source, grown = self._sources.of(file, before)
            except InputError as error:
                if file.path not in self._files_in_problem:
                    self.counters.problems.append(problem_of(file.path, error))
                before = None
                continue
            before = source.id
            tasks = self._tasks(file, source)
            if tasks:
                plans.append(_Plan(file, source, grown, tasks))
            else:
                self._known += source.id not in self._read
                self._sources.note(file, source)
        return plans

    def _tasks(self, file: LogFile, source: Source) -> list[IngestTask]:
        """The tasks that read what is new of a file, in ranges that begin with an entry."""
        size = file.probe.plain_size
        begin = source.size
        layout = layout_in(file)
        if layout is None or layout.name != source.layout:
            layout = layout_named(source.layout)
        if size is None:
            if self._sources.is_unchanged(file, source):
                return []
            bounds = [begin]
        elif size <= begin:
            return []
        else:
            cuts = (
                cut_at(file.path, layout, at)
                for at in range(begin + TASK_BYTES, size - TASK_BYTES // 4, TASK_BYTES)
            )
            bounds = [begin, *dict.fromkeys(cut for cut in cuts if cut is not None and cut > begin)]
        ends: list[int | None] = [*bounds[1:], size]
        start = FILE if not begin else LINE if (bytes_before(file, begin) or b"")[-1:] == b"\n" else MIDDLE
        run, store = secrets.token_hex(4), self._folder if is_remote(self._folder) else ""
        return [
            IngestTask(
                file.path, source.path, source.id, layout, at, end,
                Target(self._work, source.host, f"{source.id:06d}-{at:012x}-{run}", (replace(source),)),
                start if at == begin else LINE, store, planned(file),
            )
            for at, end in zip(bounds, ends, strict=True)
        ]  # fmt: skip

    # Reading it.

    def read(self, plans: Sequence[_Plan], executor: Executor) -> None:
        """Run the tasks, a few ahead; take source by source in their order, and commit some at a time."""
        results = in_order(executor, _tried, ((task,) for plan in plans for task in plan.tasks))
        for plan in plans:
            done: list[TaskResult] = []
            for _ in plan.tasks:
                result = next(results)
                if isinstance(result, LogscanError):
                    self._batch.problems.append(problem_of(plan.file.path, result))
                else:
                    done.append(result)
            if done:
                self._take(plan, done)
            if (
                len(self._batch.sources) >= BATCH_FILES
                or time.monotonic() > self._batch.begun + BATCH_SECONDS
            ):
                self._commit()

    def finish(self, keep: int | None, today: date) -> None:
        """Commit the rest; drop old dates, merge small files, delete bytes that are long gone."""
        self._commit()
        if keep is not None:
            self._dropped += upkeep.drop(self._contents, keep, today, self._work)
        self._merged += upkeep.merge(self._contents, self.counters, self._work)
        self._contents.log.vacuum()

    def _take(self, plan: _Plan, results: list[TaskResult]) -> None:
        """Put what was read of a source into the batch."""
        source, batch = plan.source, self._batch
        joins, joined_files = self._split_entries.join(source, results)
        files = [file for result in results for file in result.files] + joined_files
        tail = b""
        for result in results:
            tail = (tail + result.tail)[-TAIL:]
            begin, source.size = source.size, source.size + result.size
            source.digest = with_range(source.digest, begin, source.size, result.digest)
            batch.rows += result.rows
            batch.counters.add_not_understood(result.counters)
            batch.bytes += result.size
            if result.damage:
                batch.problems.append(
                    Problem(
                        plan.file.path,
                        f"damaged after byte {source.size:,} of its unpacked text ({result.damage})",
                        "the text before the damage was ingested; the rest of this file is lost",
                    )
                )
                break
        if plan.grown and not any(result.size for result in results):
            batch.known += 1
            files, joins = [], []
        else:
            batch.grown += plan.grown
            batch.new += not plan.grown
            batch.sources.add(source.id)
            if len(tail) < min(TAIL, source.size):
                tail = bytes_before(plan.file, source.size) or tail
            source.tail = digest(tail)
            self._contents.state.note([source], files, joins)
        batch.files += files
        if not any(result.damage for result in results):
            self._sources.note(plan.file, source)

    def _commit(self) -> None:
        """Commit the batch.

        Raises:
            ConflictError: another run has changed the store; the batch is lost.
        """
        batch, self._batch = self._batch, _Batch()
        if batch.files or self._contents.state.changed:
            upkeep.place(self._contents, self._work, batch.files)
            self._contents.commit(
                "ingest",
                batch.files,
                work=self._work,
                logs=len(batch.sources),
                bytes=batch.bytes,
                rows=batch.rows,
            )
            self.commits += 1
        self._new += batch.new
        self._grown += batch.grown
        self._known += batch.known
        self._rows += batch.rows
        self._bytes += batch.bytes
        self._read |= batch.sources
        self.counters.bytes += batch.bytes
        self.counters.files += len(batch.sources)
        self.counters.problems += batch.problems
        self.counters.add_not_understood(batch.counters)


def _tried(task: IngestTask) -> TaskResult | LogscanError:
    """Run a task; a source that cannot be read does not end the others."""
    try:
        return run_task(task)
    except LogscanError as error:
        return error


@contextlib.contextmanager
def _executor(given: Executor | None, plans: Sequence[_Plan], workers: int) -> Iterator[Executor]:
    """The executor that was given, or one of this machine."""
    if given is not None:
        yield given
        return
    size = sum(plan.file.probe.size - (plan.tasks[0].begin if plan.tasks[0].end else 0) for plan in plans)
    tasks = sum(len(plan.tasks) for plan in plans)
    with executor_for(workers, tasks, DEARER * size) as executor:
        yield executor
