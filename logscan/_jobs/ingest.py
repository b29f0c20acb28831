"""Ingest: bring a store up to date with some logs.

A file is known by its text: what has been read is not read again. What is read counts when all of its file is
in the store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from logscan._distribute.executors import DEARER, Executor, executor_for, in_order
from logscan._entries.layouts import PLAIN, layout_named
from logscan._entries.sample import judge_and_learn, layout_in
from logscan._failures.hosts import hosts_of
from logscan._failures.selection import HostNames
from logscan._jobs._options import Names, Paths, paths_of, several
from logscan._reading.fingerprint import (
    LEAST,
    TAIL,
    TIME,
    Stamp,
    bytes_before,
    digest,
    stamp_of,
    without_copies,
)
from logscan._reading.paths import LogFile, Stream, discover
from logscan._reading.remote import is_remote
from logscan._reading.unpack import open_bytes
from logscan._scanning.plan import Progress
from logscan._store import ingest_progress, upkeep
from logscan._store.ingest_task import FILE, LINE, MIDDLE, IngestTask, TaskResult, cut_at, run_task
from logscan._store.manifest import DataFile, Join, Manifest, Source, is_store, load, save
from logscan._store.needle_bits import needles_digest
from logscan._store.open_store import Store
from logscan._store.parquet_files import Target
from logscan._store.split_entries import SplitEntries
from logscan.errors import InputError, LogscanError, OutputError, UsageError, problem_of, reason_of
from logscan.nodes import is_stream
from logscan.values import Counters, Problem

TASK_BYTES = 64 << 20
"""Bytes of a plain file that one task ingests."""


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
            folder = os.path.abspath(folder)  # workers may have another working directory
        upkeep.make(folder)
        stack.callback(upkeep.lock(folder).release)
        stack.callback(shutil.rmtree, upkeep.incoming(folder), ignore_errors=True)
        try:
            run = _Ingest(folder, hosts)
            counters = run.counters
            found = discover(names, counters.problems, judge_and_learn) if names else []
            streams = without_copies(found, counters)
            run.name_hosts(streams)
            plans = [plan for stream in streams for plan in run.plan(stream)]
            tasks = [task for plan in plans for task in plan.tasks]
            with _executor(executor, plans, workers) as pool, ingest_progress.shown(tasks, progress):
                run.read(plans, pool)
            if keep is not None:
                run.dropped = upkeep.drop(folder, run.manifest, keep, today or date.today())
            run.merged = upkeep.merge(folder, run.manifest)
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
    """

    def __init__(self, folder: str, host_of: HostNames) -> None:
        self.counters = Counters()
        self.dropped = self.merged = 0
        self._new = self._grown = self._known = self._bytes = self._rows = 0
        self._folder = folder
        self._host_of = host_of
        self.manifest = load(folder) if is_store(folder) else Manifest(needles=needles_digest())
        if not is_store(folder):
            save(folder, self.manifest)
        upkeep.clean(folder, self.manifest)
        upkeep.upgrade(folder, self.manifest)
        self._split_entries = SplitEntries(folder, self.manifest)
        self._next_id = 1 + max((source.id for source in self.manifest.sources), default=-1)
        self._planned: set[int] = set()
        """Sources that are a file of this ingest."""

    def result(self) -> Ingested:
        """What was done."""
        return Ingested(
            new=self._new, grown=self._grown, known=self._known, bytes=self._bytes, rows=self._rows,
            merged=self.merged, dropped=self.dropped, counters=self.counters,
        )  # fmt: skip

    # What must be read.

    def name_hosts(self, streams: Sequence[Stream]) -> None:
        """Decide what the hosts of logs are called; those that the store knows keep their names."""
        known = {source.stem: source.host for source in self.manifest.sources}
        self._host_of = self._host_of.knowing(hosts_of(f.stem for s in streams for f in s) | known)

    def plan(self, stream: Stream) -> list[_Plan]:
        """The files of a family that have something new."""
        plans: list[_Plan] = []
        before: int | None = None
        for file in stream:
            try:
                source, grown = self._source_of(file, before)
            except InputError as error:
                self.counters.problems.append(problem_of(file.path, error))
                before = None
                continue
            before = source.id
            self._planned.add(source.id)
            tasks = self._tasks(file, source)
            if tasks:
                plans.append(_Plan(file, source, grown, tasks))
            else:
                self._known += 1
                self._note(file, source)
        return plans

    def _note(self, file: LogFile, source: Source) -> None:
        """Note that a file, as it is now, has been read."""
        if stamp := _stamp(file.path):
            self.manifest.seen[_place(file.path)] = _seen(stamp, source)

    def _source_of(self, file: LogFile, before: int | None) -> tuple[Source, bool]:
        """The source of a file, and whether the store knows it."""
        stamp = _stamp(file.path)
        seen = self.manifest.seen.get(_place(file.path))
        if stamp and seen:
            for source in self.manifest.sources:
                if seen == _seen(stamp, source):
                    return source, True
        head = file.probe.head
        sampled = file.probe.notes.size if file.probe.notes else 0
        beginnings: dict[int, str] = {}
        for source in self.manifest.sources:
            size = source.head_size
            if size not in beginnings:
                beginnings[size] = digest(head[:size])
            if source.id in self._planned or beginnings[size] != source.head:
                continue
            # Many files have the same short beginning without a time; only one follows a given file.
            is_distinct = size >= LEAST or TIME.search(head[:size])
            follows = before is not None and source.after == before
            ours = source.stem == file.stem and (follows or sampled == source.size)
            if (is_distinct or ours or self._has_inode(source, stamp)) and self._holds(file, source):
                return source, True
        if not head:
            open_bytes(file.path).close()  # raises if the file cannot be opened
        host = self._host_of(file.path)
        fresh = Source(
            self._next_id, file.path, file.stem, host, (layout_in(file) or PLAIN).name,
            digest(head), len(head), 0, digest(b""), before,
        )  # fmt: skip
        self._next_id += 1
        return fresh, False

    def _has_inode(self, source: Source, stamp: Stamp | None) -> bool:
        """Whether a file has the inode that a source had when it was seen last."""
        inodes = [seen[:2] for seen in self.manifest.seen.values() if seen[4] == source.id]
        return stamp is not None and inodes[-1:] == [(stamp.device, stamp.inode)]

    def _holds(self, file: LogFile, source: Source) -> bool:
        """Whether a file holds the text of a source, or its beginning."""
        size = file.probe.plain_size
        if size is not None and size < source.size:
            # An earlier copy: the store must hold its end.
            store = Store(self._folder)
            end = bytes_before(file, size) or b""
            return bool(end) and store.bytes_before(source.id, size, len(end)) == end
        tail = bytes_before(file, source.size)
        if tail is not None:
            return digest(tail) == source.tail
        return False

    def _tasks(self, file: LogFile, source: Source) -> list[IngestTask]:
        """The tasks that read what is new of a file, in ranges that begin with an entry."""
        size = file.probe.plain_size
        begin = source.size
        layout = layout_in(file)
        if layout is None or layout.name != source.layout:
            layout = layout_named(source.layout)
        if size is None:
            stamp = _stamp(file.path)
            if stamp and self.manifest.seen.get(_place(file.path)) == _seen(stamp, source):
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
        incoming = upkeep.incoming(self._folder)
        return [
            IngestTask(
                file.path, source.path, source.id, layout, at, end,
                Target(incoming, source.host, f"{source.id:06d}-{at:012x}"), start if at == begin else LINE,
            )
            for at, end in zip(bounds, ends, strict=True)
        ]  # fmt: skip

    # Reading it.

    def read(self, plans: Sequence[_Plan], executor: Executor) -> None:
        """Run the tasks, a few ahead, and commit source by source in their order."""
        results = in_order(executor, _tried, ((task,) for plan in plans for task in plan.tasks))
        for plan in plans:
            done: list[TaskResult] = []
            for _ in plan.tasks:
                result = next(results)
                if isinstance(result, LogscanError):
                    self.counters.problems.append(problem_of(plan.file.path, result))
                else:
                    done.append(result)
                    self.counters.bytes += result.size
            if done:
                self._commit(plan, done)

    def _commit(self, plan: _Plan, results: list[TaskResult]) -> None:
        source = plan.source
        joins, joined_files = self._split_entries.join(source, results)
        files = [file for result in results for file in result.files] + joined_files
        tail = b""
        for result in results:
            tail = (tail + result.tail)[-TAIL:]
            source.size += result.size
            self._rows += result.rows
            self.counters.add_not_understood(result.counters)
            self._bytes += result.size
            if result.damage:
                self.counters.problems.append(
                    Problem(
                        plan.file.path,
                        f"damaged after byte {source.size:,} of its unpacked text ({result.damage})",
                        "the text before the damage was ingested; the rest of this file is lost",
                    )
                )
                break
        if plan.grown and not any(result.size for result in results):
            self._known += 1
        else:
            self._add(plan, tail, files, joins)
        if not any(result.damage for result in results):
            self._note(plan.file, source)
        save(self._folder, self.manifest)

    def _add(self, plan: _Plan, tail: bytes, files: list[DataFile], joins: list[Join]) -> None:
        """Put a source into the manifest, with what was read of it."""
        source = plan.source
        self._grown += plan.grown
        self._new += not plan.grown
        self.counters.files += 1
        if not plan.grown:
            self.manifest.sources.append(source)
        if len(tail) < min(TAIL, source.size):
            tail = bytes_before(plan.file, source.size) or tail
        source.tail = digest(tail)
        upkeep.place(self._folder, files)
        self.manifest.files += files
        self.manifest.joins += joins


def _place(path: str) -> str:
    """The place of a file, whatever the working directory is."""
    return path if is_remote(path) else os.path.realpath(path)


def _stamp(path: str) -> Stamp | None:
    """The stamp of a file as it is now; equal stamps: it has not changed."""
    with contextlib.suppress(OSError, InputError):
        return stamp_of(path)
    return None


def _seen(stamp: Stamp, source: Source) -> tuple[int, int, int, int, int]:
    """How the manifest notes that a file with a stamp is a source."""
    return stamp.device, stamp.inode, stamp.modified, stamp.size, source.id


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
