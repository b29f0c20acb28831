"""Index: bring the light index of some logs up to date, file by file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from logscan._distribute.executors import DEARER, executor_for, in_order
from logscan._entries.layouts import PLAIN, begins_entry
from logscan._entries.sample import judge, layout_in
from logscan._index.database import IndexDatabase
from logscan._index.indexed_file import Extent, IndexedFile
from logscan._index.places import index_of
from logscan._index.postings import MOST_BLOCKS, Collector
from logscan._index.seek_points import points_of
from logscan._jobs._options import Paths, paths_of
from logscan._reading.buffer import BlockReader
from logscan._reading.fingerprint import edges_of, stamp_of
from logscan._reading.paths import LogFile, discover
from logscan._reading.probe import probe
from logscan._reading.remote import is_remote
from logscan._reading.unpack import open_descriptor
from logscan._scanning.plan import Progress
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY, WholeScanner
from logscan.atomic import Lock, check_replaceable, make_private_file, make_private_folder
from logscan.errors import InputError, OutputError, UsageError, problem_of, reason_of
from logscan.nodes import is_stream
from logscan.values import Counters, Problem

BLOCK_BYTES = 128 << 10
"""Bytes of a block: what a look-up reads (measured: docs/decisions.md)."""
EXTENT_BYTES = 128 << 20
"""Bytes of an extent, about: its postings are in memory until it is written."""
SMALL_EXTENT = EXTENT_BYTES // 2
"""An extent of fewer bytes is written again together with the text by which its file has grown."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an indexing did."""

    new: int
    """Files that the index did not have, or that were changed."""
    grown: int
    """Files with more text than before."""
    known: int
    """Files that were indexed already."""
    removed: int
    """Files that were removed from the index: they are gone, or were changed."""
    size: int
    """Bytes of the indexes."""
    counters: Counters

    @property
    def problems(self) -> list[Problem]:
        """What could not be read; the rest was indexed."""
        return self.counters.problems


class _Task(NamedTuple):
    """A file that is not indexed, or not to its end."""

    database: str
    file: LogFile
    known: IndexedFile | None


class _Plan(NamedTuple):
    """What must be done for one index."""

    tasks: list[_Task]
    known: int
    removed: int


def index(
    paths: Paths,
    *,
    directory: str | os.PathLike[str] = "",
    workers: int = 0,
    progress: Progress | None = None,
) -> Indexed:
    """Bring the index of some logs up to date. Text that is indexed is not read again.

    Args:
        paths: one or more files, directories or patterns, on the disks of this machine.
        directory: the directory of the index; "": beside the logs.
        workers: number of processes; 0: as many as this process may use cores.
        progress: called after each file.

    Raises:
        NoLogsError: there are no logs at these paths.
        InputError: an index is damaged or of another version.
        OutputError: an index cannot be written.
        UsageError: a path is not on a disk, or another run writes to an index.
    """
    names = paths_of(paths)
    for path in names:
        if is_stream(path) or is_remote(path):
            raise UsageError(f"{path}: is no file on a disk", "ingest it into a store instead")
    counters = Counters()
    logs: dict[str, list[LogFile]] = {}
    for stream in discover(names, counters.problems, judge):
        for file in stream:
            logs.setdefault(index_of(file.path, os.fspath(directory)), []).append(file)
    new = grown = 0
    with contextlib.ExitStack() as stack:
        for place in logs:
            _prepare(place)
            stack.callback(Lock(place).release)
        plans = [_plan(place, logs_there, counters) for place, logs_there in logs.items()]
        tasks = [task for plan in plans for task in plan.tasks]
        size = sum(task.file.probe.size for task in tasks)
        executor = stack.enter_context(executor_for(workers, len(tasks), DEARER * size))
        calls = ((task.database, task.file, task.known) for task in tasks)
        for task, counted in zip(tasks, in_order(executor, index_file, calls), strict=True):
            counters.add(counted)
            if not counted.problems:
                new += task.known is None
                grown += task.known is not None
            if progress:
                progress(counters)
    return Indexed(
        new=new,
        grown=grown,
        known=sum(plan.known for plan in plans),
        removed=sum(plan.removed for plan in plans),
        size=sum(os.path.getsize(place) for place in logs),
        counters=counters,
    )


def _prepare(index: str) -> None:
    """Make the directory of an index; raise if it cannot be written."""
    folder = os.path.dirname(index)
    try:
        make_private_folder(folder)
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{folder}: may not be written", "keep the index in another directory")
        check_replaceable(index)
        make_private_file(index)
    except OSError as error:
        raise OutputError(f"{folder}: {reason_of(error)}", "name a directory for the index") from error


def _plan(index: str, files: Sequence[LogFile], counters: Counters) -> _Plan:
    """The files of an index that must be read. Other files that are gone are removed from it."""
    tasks: list[_Task] = []
    seen: set[int] = set()
    indexed = removed = 0
    with contextlib.closing(IndexDatabase(index, write=True)) as database:
        for file in files:
            path, packed = file.path, file.probe.plain_size is None
            if not file.probe.is_file:
                counters.problems.append(_unreadable(path))
                continue
            known = database.known(path, packed)
            if known is not None and packed and not known.whole:
                database.forget(known)  # a run was killed: it must be unpacked from its beginning
                known = None
            if known is not None:
                seen.add(known.id)
                if known.path != os.path.realpath(path):
                    with contextlib.suppress(OSError):  # gone in this moment
                        database.rename(known, os.path.realpath(path), stamp_of(path).changed)
                if known.whole and known.size == file.probe.size:
                    indexed += 1
                    continue
            tasks.append(_Task(index, file, known))
        for known in database.files():
            if known.id not in seen and _is_gone(known):
                database.forget(known)
                removed += 1
    return _Plan(tasks, indexed, removed)


def _unreadable(path: str) -> Problem:
    """Why a file could not be probed."""
    try:
        descriptor = open_descriptor(path)
    except InputError as error:
        return problem_of(path, error)
    try:
        os.read(descriptor, 1)
    except OSError as error:
        return Problem(path, reason_of(error))
    finally:
        os.close(descriptor)
    return Problem(path, "is no regular file")


def _is_gone(known: IndexedFile) -> bool:
    """Whether a file was removed or changed. If its directory is missing, it may be on a disk that is not
    mounted."""
    if not os.path.isdir(os.path.dirname(known.path)):
        return False
    try:
        return not known.is_at(known.path, stamp_of(known.path), probe(known.path).plain_size is None)
    except OSError:
        return True


def index_file(index: str, file: LogFile, known: IndexedFile | None) -> Counters:
    """Index what is new of one file, one extent at a time.

    Args:
        index: path of the index.
        file: the file, with its probe.
        known: the file as the index has it.

    Raises:
        InputError: the index is damaged or of another version.
        OutputError: the index cannot be written.
    """
    counters = Counters()
    database = IndexDatabase(index, write=True)
    try:
        _FileIndexer(database, file, counters).add(known)
    except OSError as error:
        counters.problems.append(Problem(file.path, reason_of(error)))
    finally:
        database.close()
    return counters


class _Block(NamedTuple):
    """Entries of a file: the offset of the first in its text, and their bytes."""

    offset: int
    data: bytes


class _FileIndexer:
    """Writes one file into an index."""

    def __init__(self, database: IndexDatabase, file: LogFile, counters: Counters) -> None:
        self._database = database
        self._file = file
        self._path = file.path
        self._counters = counters
        self._packed = file.probe.plain_size is None
        self._stamp = stamp_of(file.path)
        self._layout = layout_in(file) or PLAIN

    def add(self, known: IndexedFile | None) -> None:
        """Read the text that is not indexed, and write its extents."""
        if known is not None and known.layout != self._layout.name:
            self._database.forget(known)
            known = None
        with ThreadPoolExecutor(1) as pool:
            points = pool.submit(points_of, self._path) if self._packed else None
            known, end = self._write_extents(known)
        if known is None:
            return
        broken = bool(self._counters.problems) or (self._packed and stamp_of(self._path) != self._stamp)
        if broken:
            # A look-up would skip the damage, and not report it.
            self._database.forget(known)
            return
        seek_points = points.result() if points else None
        usable = seek_points.points if seek_points is not None and seek_points.size == end else []
        self._database.complete(known, usable)

    def _write_extents(self, known: IndexedFile | None) -> tuple[IndexedFile | None, int]:
        """Write all extents; returns the file as the index has it then, and the size of its text."""
        stop = known.stop if known is not None else 0
        last = self._database.last_extent(known, SMALL_EXTENT) if known is not None else None
        replaces, extent, postings = last or (None, Extent(stop, 0, []), Collector())
        pending: _Block | None = None
        for block in self._blocks(known.stop if known is not None else None):
            if pending is not None:
                if not extent.starts:
                    extent = extent._replace(start=pending.offset)
                extent.starts.append(pending.offset)
                postings.add(pending.data)
                if block.offset - extent.start >= EXTENT_BYTES or len(extent.starts) == MOST_BLOCKS:
                    known = self._put(known, extent._replace(stop=block.offset), postings, replaces)
                    replaces, extent, postings = None, Extent(block.offset, 0, []), Collector()
            pending = block
        if pending is None:
            return known, 0
        # The last entry may continue later: it is not covered.
        if extent.starts:
            known = self._put(known, extent._replace(stop=pending.offset), postings, replaces)
        elif known is not None and known.whole:
            # Only this entry has grown. The file is known with its new size, and not read again.
            known = self._put(known, Extent(known.stop, known.stop, []), postings, None)
        if known is not None and self._packed and len(pending.data) <= BLOCK_BYTES:
            known = known._replace(rest=pending.data)
        return known, pending.offset + len(pending.data)

    def _put(
        self, known: IndexedFile | None, extent: Extent, postings: Collector, replaces: int | None
    ) -> IndexedFile:
        mark = self._stamp.size if self._packed else extent.stop
        head, tail = edges_of(self._path, mark)
        known = IndexedFile(
            known.id if known is not None else 0, os.path.realpath(self._path),
            *self._stamp, head, mark, tail, self._layout.name,
            known.start if known is not None else extent.start, extent.stop, 0, None,
        )  # fmt: skip
        return self._database.put(known, extent, postings, replaces=replaces)

    def _blocks(self, start: int | None) -> Iterator[_Block]:
        """Whole entries, about :data:`BLOCK_BYTES` at a time."""
        reader = BlockReader(
            (self._file,),
            self._counters,
            DEFAULT_MAX_ENTRY,
            begins_entry,
            block=BLOCK_BYTES,
            start=(0, start or 0),
        )
        scanner = WholeScanner(self._layout, self._counters, inherits=start is None, fresh=start is None)
        try:
            for spans in scanner.scan(reader):
                for span in spans:
                    yield _Block(span.place.offset, span.data)
        finally:
            reader.close()


class IndexState(NamedTuple):
    """How far a file is indexed."""

    path: str
    covered: int
    """Bytes of its text that the index covers."""
    size: int
    """Bytes on disk."""
    word: str
    """``indexed``, ``grown`` (a search scans the text that was added), ``not indexed`` (new, or changed), or
    ``no such file``."""


def states(paths: Paths, *, directory: str | os.PathLike[str] = "") -> Iterator[IndexState]:
    """How far files are indexed.

    Args:
        paths: one or more files, directories or patterns.
        directory: the directory of the index; "": beside the logs.

    Raises:
        NoLogsError: there are no logs at these paths.
        InputError: an index is damaged or of another version.
    """
    for file in (file for stream in discover(paths_of(paths), []) for file in stream):
        path = file.path
        place = index_of(path, os.fspath(directory))
        known = None
        if os.path.exists(place):
            with contextlib.closing(IndexDatabase(place)) as database:
                known = database.known(path, file.probe.plain_size is None)
        if not file.probe.is_file:
            yield IndexState(path, 0, 0, "no such file")
            continue
        size = file.probe.size
        if known is None:
            yield IndexState(path, 0, size, "not indexed")
        else:
            word = "indexed" if known.whole and known.size == size else "grown"
            yield IndexState(path, known.stop - known.start, size, word)
