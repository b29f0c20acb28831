"""Ingest: logs into a store. What is new is read, by content; what has been read counts once, when all of it
is there."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b

from logscan.distribute.processes import executor_of
from logscan.entries.layouts import layout_named
from logscan.entries.openers import layout_of
from logscan.errors import InputError, LogscanError, OutputError, UsageError, problem_of, reason_of
from logscan.reading import remote
from logscan.reading.copies import LEAST, TIME, bytes_before, without_copies
from logscan.reading.fingerprint import HEAD, TAIL
from logscan.reading.paths import LogFile, Stream, discover
from logscan.reading.remote import is_remote
from logscan.reading.unpack import STDIN, first_bytes, open_bytes, plain_size
from logscan.scanning.plan import LAYOUT_SAMPLE, Progress
from logscan.store import upkeep
from logscan.store.entry_joins import Seams
from logscan.store.manifest import (
    ENTRIES,
    FAILURES,
    Manifest,
    Source,
    is_store,
    load,
    save,
)
from logscan.store.needle_bits import needles_digest
from logscan.store.reading import Store
from logscan.store.writing import FILE, LINE, MIDDLE, Part, Written, cut_at, write_part
from logscan.values import Counters, Problem

RANGE = 256 << 20
"""Bytes of a plain file that one task ingests."""


Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class Ingested:
    """What an ingest did."""

    new: int = 0
    """Sources that were not known."""
    grown: int = 0
    """Sources that have more bytes than before."""
    known: int = 0
    """Sources that were there already, by their text."""
    bytes: int = 0
    rows: int = 0
    merged: int = 0
    """Parquet files that were merged into fewer."""
    dropped: int = 0
    """Parquet files beyond ``keep``."""
    counters: Counters = field(default_factory=Counters)


@dataclass(slots=True)
class _Planned:
    """A source that has something to read."""

    file: LogFile
    source: Source
    grown: bool
    parts: list[Part]


def ingest(
    paths: Sequence[str],
    folder: str,
    host_of: Callable[[str], str],
    workers: int = 2,
    keep: int | None = None,
    today: date | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Ingested:
    """Bring a store up to date with some logs.

    Args:
        paths: files, directories, patterns; files that the store knows by their text are not read again.
        folder: the store; made where there is none.
        host_of: path → Message Processor.
        workers: processes.
        keep: days that are kept; older dates are dropped. ``None``: all.
        today: the day by which that is judged.
        executor: runs the tasks, in place of processes on this machine.

    Raises:
        NoLogsError: no path gave anything to read.
        InputError: the store is damaged or of another version.
        OutputError: the store cannot be written; it is as it was.
        UsageError: standard input, or another run is at work on the store.
    """
    if STDIN in paths:
        raise UsageError(
            "a store knows logs by their files", "write standard input to a file, and ingest that"
        )
    _make(folder)
    lock = upkeep.lock(folder)
    try:
        run = _Run(folder, host_of, progress)
        streams = (
            without_copies(discover(paths, run.done.counters.problems), run.done.counters) if paths else []
        )
        plans = [run.plan(stream) for stream in streams]
        with _executor(executor, plans, workers) as pool:
            run.read(plans, pool, workers)
        if keep is not None:
            run.done.dropped = upkeep.drop(folder, run.manifest, keep, today or date.today())
        run.done.merged = upkeep.merge(folder, run.manifest)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {reason_of(error)}", "what the store held before it still holds"
        ) from error
    else:
        return run.done
    finally:
        shutil.rmtree(upkeep.incoming(folder), ignore_errors=True)
        lock.release()


class _Run:
    """One ingest."""

    def __init__(self, folder: str, host_of: Callable[[str], str], progress: Progress | None) -> None:
        self.done = Ingested()
        self._folder = folder
        self._host_of = host_of
        self._progress = progress
        self.manifest = load(folder) if is_store(folder) else Manifest(needles=needles_digest())
        if not is_store(folder):
            save(folder, self.manifest)
        upkeep.clean(folder, self.manifest)
        upkeep.upgrade(folder, self.manifest)
        self._seams = Seams(folder, self.manifest)
        self._next = 1 + max((source.id for source in self.manifest.sources), default=-1)
        self._planned: set[int] = set()
        """Sources that a file of this run is."""

    # What there is to read.

    def plan(self, stream: Stream) -> list[_Planned]:
        """The files of a family that have something new."""
        planned: list[_Planned] = []
        before: int | None = None
        for file in stream:
            try:
                source, grown = self._source_of(file, before)
            except InputError as error:
                self.done.counters.problems.append(problem_of(file.path, error))
                before = None
                continue
            before = source.id
            self._planned.add(source.id)
            parts = self._parts(file, source)
            if parts:
                planned.append(_Planned(file, source, grown, parts))
            else:
                self.done.known += 1
                self._note(file, source)
        return planned

    def _note(self, file: LogFile, source: Source) -> None:
        """Remember that a file, as it is now, has been read."""
        stamp = _stamp(file.path)
        if stamp:
            self.manifest.seen[_place(file.path)] = (*stamp, source.id)

    def _source_of(self, file: LogFile, before: int | None) -> tuple[Source, bool]:
        """The source that a file is, known or new, and whether it was known."""
        stamp = _stamp(file.path)
        seen = self.manifest.seen.get(_place(file.path))
        if stamp and seen and stamp == seen[:4]:
            for source in self.manifest.sources:
                if source.id == seen[4]:
                    return source, True
        head = first_bytes(file.path, LAYOUT_SAMPLE)
        beginnings: dict[int, str] = {}
        for source in self.manifest.sources:
            size = source.head_size
            if size not in beginnings:
                beginnings[size] = digest(head[:size])
            if source.id in self._planned or beginnings[size] != source.head:
                continue
            # A short beginning without a time is that of many files; but one alone comes behind another.
            tells = size >= LEAST or TIME.search(head[:size])
            follows = before is not None and source.after == before
            ours = source.stem == file.stem and (follows or len(head) == source.size)
            if (tells or ours or self._has_inode(source, stamp)) and self._holds(file.path, source):
                return source, True
        if not head:
            open_bytes(file.path).close()  # empty, or not to be opened: that raises
        host = self._host_of(file.path)
        fresh = Source(
            self._next, file.path, file.stem, host, layout_of(head).name, digest(head[:HEAD]),
            len(head[:HEAD]), 0, digest(b""), before,
        )  # fmt: skip
        self._next += 1
        return fresh, False

    def _has_inode(self, source: Source, stamp: Stamp | None) -> bool:
        """Whether a file is the one, by its inode, under whose name a source was seen last."""
        inodes = [seen[:2] for seen in self.manifest.seen.values() if seen[4] == source.id]
        return stamp is not None and inodes[-1:] == [stamp[:2]]

    def _holds(self, path: str, source: Source) -> bool:
        """Whether a file has the text of a source, whole or its beginning."""
        size = plain_size(path)
        if size is not None and size < source.size:
            # An earlier copy: its end must stand in the store.
            store = Store(self._folder)
            end = bytes_before(path, size) or b""
            return bool(end) and store.bytes_before(source.id, size, len(end)) == end
        tail = bytes_before(path, source.size)
        if tail is not None:
            return digest(tail) == source.tail
        return False

    def _parts(self, file: LogFile, source: Source) -> list[Part]:
        """What is to be read of a file, in ranges that begin with an entry."""
        size = plain_size(file.path)
        begin = source.size
        if size is None:
            stamp = _stamp(file.path)
            if stamp and self.manifest.seen.get(_place(file.path)) == (*stamp, source.id):
                return []
            bounds = [begin]
        elif size <= begin:
            return []
        else:
            layout = layout_named(source.layout)
            cuts = (cut_at(file.path, layout, at) for at in range(begin + RANGE, size - RANGE // 4, RANGE))
            bounds = [begin, *dict.fromkeys(cut for cut in cuts if cut is not None and cut > begin)]
        ends: list[int | None] = [*bounds[1:], size]
        start = (
            FILE if not begin else LINE if (bytes_before(file.path, begin) or b"")[-1:] == b"\n" else MIDDLE
        )
        return [
            Part(
                file.path, source.path, source.id, source.host, source.layout, at, end,
                upkeep.incoming(self._folder), f"{source.id:06d}-{at:012x}",
                start if at == begin else LINE,
            )
            for at, end in zip(bounds, ends, strict=True)
        ]  # fmt: skip

    # Reading it.

    def read(self, plans: Sequence[Sequence[_Planned]], pool: Executor, workers: int) -> None:
        """Run the tasks, a few ahead, and commit source by source in their order."""
        order = [planned for plan in plans for planned in plan]
        tasks = ((planned, part) for planned in order for part in planned.parts)
        under_way: deque[Future[Written]] = deque()

        def submit(count: int) -> None:
            for _, part in itertools.islice(tasks, count):
                under_way.append(pool.submit(write_part, part))

        submit(2 * workers)
        for planned in order:
            written = []
            for _ in planned.parts:
                try:
                    written.append(under_way.popleft().result())
                except LogscanError as error:
                    self.done.counters.problems.append(problem_of(planned.file.path, error))
                submit(1)
                self.done.counters.bytes += written[-1].size if written else 0
                if self._progress:
                    self._progress(self.done.counters)
            if written:
                self._commit(planned, written)

    def _commit(self, planned: _Planned, written: list[Written]) -> None:
        source = planned.source
        joins, rows = self._seams.joined(source, written)
        files = [file for one in written for file in one.files] + rows
        tail = b""
        for one in written:
            tail = (tail + one.tail)[-TAIL:]
            source.size += one.size
            self.done.rows += one.rows
            self.done.bytes += one.size
            if one.damage:
                self.done.counters.problems.append(
                    Problem(
                        planned.file.path,
                        f"damaged behind byte {source.size:,} of its unpacked text ({one.damage})",
                        "what stands before was ingested; the rest of this file is lost",
                    )
                )
                break
        if not any(one.size for one in written) and planned.grown:
            self.done.known += 1
        else:
            self.done.grown += planned.grown
            self.done.new += not planned.grown
            self.done.counters.files += 1
            if not planned.grown:
                self.manifest.sources.append(source)
            if len(tail) < min(TAIL, source.size):
                tail = bytes_before(planned.file.path, source.size) or tail
            source.tail = digest(tail)
            upkeep.place(self._folder, files)
            self.manifest.files += files
            self.manifest.joins += joins
        if not any(one.damage for one in written):
            self._note(planned.file, source)
        save(self._folder, self.manifest)


def digest(data: bytes) -> str:
    """What a piece of text is known by."""
    return blake2b(data, digest_size=16).hexdigest()


def _place(path: str) -> str:
    """Where a file is, whoever asks from where."""
    return path if is_remote(path) else os.path.realpath(path)


def _stamp(path: str) -> Stamp | None:
    """Device, inode, time and size (of an address its tag in place of the inode): what tells without reading
    that a file has not changed."""
    with contextlib.suppress(OSError, InputError):
        if is_remote(path):
            held = remote.stamp(path)
            return None if held is None else (0, held[0], 0, held[1])
        about = os.stat(path)
        return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size
    return None


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: {reason_of(error)}", "is it a directory that may be written?"
        ) from error
    if not is_store(folder) and any(not name.startswith(".") for name in os.listdir(folder)):
        left = set(os.listdir(folder)) - {ENTRIES, FAILURES}
        if any(not name.startswith(".") for name in left):
            raise UsageError(
                f"{folder}: holds other files", "name an empty directory, or one that is not there"
            )


@contextlib.contextmanager
def _executor(
    given: Executor | None, plans: Sequence[Sequence[_Planned]], workers: int
) -> Iterator[Executor]:
    """The one that was given, or this machine's."""
    if given is not None:
        yield given
        return
    parts = [part for plan in plans for planned in plan for part in planned.parts]
    size = 0
    for part in parts:
        with contextlib.suppress(OSError):
            size += os.path.getsize(part.path) - (part.begin if part.end is not None else 0)
    with executor_of(len(parts), size, workers) as executor:
        yield executor
