"""Indexing: logs, file by file and as far as they have grown, into the light index."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import NamedTuple

from logscan.atomic import Lock
from logscan.distribute.processes import executor_of
from logscan.entries.layouts import begins_entry
from logscan.errors import OutputError, UsageError, reason_of
from logscan.index.database import Catalogue, Known, Run, edges_of, state_of
from logscan.index.places import place_of
from logscan.index.postings import MOST_BLOCKS, Collector
from logscan.index.seek_points import points_of
from logscan.reading.buffer import BlockReader
from logscan.reading.paths import LogFile, discover
from logscan.reading.remote import is_remote
from logscan.reading.unpack import STDIN, plain_size
from logscan.scanning.plan import Progress, layout_at
from logscan.scanning.scanner import DEFAULT_MAX_ENTRY, WholeScanner
from logscan.values import Counters, Problem

BLOCK = 128 << 10
"""Bytes of a block: what a look-up reads (measured: docs/decisions.md)."""
RUN = 128 << 20
"""Bytes of a run, about: its postings are in memory until it is written."""
SMALL = RUN // 2
"""Runs of fewer bytes are written again with what their file has grown by."""


@dataclass
class Indexed:
    """What an indexing did."""

    new: int = 0
    grown: int = 0
    known: int = 0
    removed: int = 0
    """Files of the index that are gone, or are not what they were."""
    size: int = 0
    """Bytes of the indexes."""
    counters: Counters = field(default_factory=Counters)


class _Task(NamedTuple):
    """A file that is not indexed, or not to its end."""

    place: str
    path: str
    size: int
    known: Known | None


def index(
    paths: Sequence[str], folder: str = "", workers: int = 2, progress: Progress | None = None
) -> Indexed:
    """Bring the index of some logs up to date: what it has is not read again.

    Args:
        paths: files, directories, patterns, on the disks of this machine.
        folder: where the index is kept; without one beside the logs.
        workers: processes.
        progress: called after each file.

    Raises:
        NoLogsError: no path gave anything to read.
        InputError: an index is damaged or of another version.
        OutputError: an index cannot be written.
        UsageError: a path that is not on a disk, or another run is at work on an index.
    """
    for path in paths:
        if path == STDIN or is_remote(path):
            raise UsageError(f"{path}: is not on a disk", "logscan ingest takes it into a store")
    done = Indexed()
    counters = done.counters
    places: dict[str, list[str]] = {}
    for stream in discover(paths, counters.problems):
        for file in stream:
            places.setdefault(place_of(file.path, folder), []).append(file.path)
    with contextlib.ExitStack() as stack:
        for place in places:
            _prepare(place)
            stack.callback(Lock(place).release)
        tasks = [task for place, held in places.items() for task in _tasks(place, held, done)]
        size = sum(task.size for task in tasks)
        executor = stack.enter_context(executor_of(len(tasks), size, workers))
        futures: dict[Future[Counters], _Task] = {
            executor.submit(index_file, task.place, task.path, task.known): task for task in tasks
        }
        for future in as_completed(futures):
            one = future.result()
            counters.add(one)
            if not one.problems:
                done.new += futures[future].known is None
                done.grown += futures[future].known is not None
            if progress:
                progress(counters)
    done.size = sum(os.path.getsize(place) for place in places)
    return done


def _prepare(place: str) -> None:
    """See that an index can be written."""
    folder = os.path.dirname(place)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {reason_of(error)}", "--index names a directory") from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder}: may not be written", "--index DIR puts the index elsewhere")


def _tasks(place: str, paths: Sequence[str], done: Indexed) -> Iterator[_Task]:
    """The files of an index that must be read; what it knows of others that are gone is dropped."""
    catalogue = Catalogue(place, write=True)
    try:
        seen: set[int] = set()
        for path in paths:
            packed = plain_size(path) is None
            try:
                size = state_of(path).size
            except OSError as error:
                done.counters.problems.append(Problem(path, reason_of(error)))
                continue
            known = catalogue.known(path, packed)
            if known is not None and packed and not known.whole:
                catalogue.forget(known)  # a run was killed: it must be unpacked from its beginning
                known = None
            if known is not None:
                seen.add(known.id)
                if known.path != os.path.realpath(path):
                    catalogue.rename(known, os.path.realpath(path))
                if known.whole and known.size == size:
                    done.known += 1
                    continue
            yield _Task(place, path, size, known)
        for known in catalogue.files():
            if known.id not in seen and _is_gone(known):
                catalogue.forget(known)
                done.removed += 1
    finally:
        catalogue.close()


def _is_gone(known: Known) -> bool:
    """Whether a file is no more, or not what it was. Where its whole directory is not there, it may be on a
    disk that is not mounted."""
    if not os.path.isdir(os.path.dirname(known.path)):
        return False
    try:
        return not known.is_at(known.path, state_of(known.path), plain_size(known.path) is None)
    except OSError:
        return True


def index_file(place: str, path: str, known: Known | None) -> Counters:
    """Index what is new of one file, a run at a time.

    Args:
        place: of the index.
        path: of the file.
        known: what the index has of it.

    Raises:
        InputError: the index is damaged or of another version.
        OutputError: it cannot be written.
    """
    counters = Counters()
    catalogue = Catalogue(place, write=True)
    try:
        _File(catalogue, path, counters).add(known)
    except OSError as error:
        counters.problems.append(Problem(path, reason_of(error)))
    finally:
        catalogue.close()
    return counters


class _Block(NamedTuple):
    """Entries of a file: where they begin in its text, and their bytes."""

    offset: int
    data: bytes


class _File:
    """One file on its way into the index."""

    def __init__(self, catalogue: Catalogue, path: str, counters: Counters) -> None:
        self._catalogue = catalogue
        self._path = path
        self._counters = counters
        self._packed = plain_size(path) is None
        self._state = state_of(path)
        self._layout = layout_at(path)

    def add(self, known: Known | None) -> None:
        """Read it from where it was indexed to, and write its runs."""
        if known is not None and known.layout != self._layout.name:
            self._catalogue.forget(known)
            known = None
        with ThreadPoolExecutor(1) as beside:
            points = beside.submit(points_of, self._path) if self._packed else None
            known, end = self._runs(known)
        if known is None:
            return
        broken = bool(self._counters.problems) or (self._packed and state_of(self._path) != self._state)
        if broken:
            # To what is behind the damage a look-up cannot go, and the reader is to be told of it.
            self._catalogue.forget(known)
            return
        found = points.result() if points else None
        usable = found.points if found is not None and found.size == end else []
        self._catalogue.complete(known, usable)

    def _runs(self, known: Known | None) -> tuple[Known | None, int]:
        """Write all runs; what is known then, and where the text ends."""
        last = self._catalogue.last_run(known, SMALL) if known is not None else None
        number, run, postings = last or (None, Run(known.stop if known else 0, 0, []), Collector())
        held: _Block | None = None
        for block in self._blocks(known.stop if known is not None else None):
            if held is not None:
                if not run.starts:
                    run = run._replace(start=held.offset)
                run.starts.append(held.offset)
                postings.add(held.data)
                if block.offset - run.start >= RUN or len(run.starts) == MOST_BLOCKS:
                    known = self._put(known, run._replace(stop=block.offset), postings, number)
                    number, run, postings = None, Run(block.offset, 0, []), Collector()
            held = block
        if held is None:
            return known, 0
        # The last entry may go on: it is not covered.
        if run.starts:
            known = self._put(known, run._replace(stop=held.offset), postings, number)
        if known is not None and self._packed and len(held.data) <= BLOCK:
            known = known._replace(rest=held.data)
        return known, held.offset + len(held.data)

    def _put(self, known: Known | None, run: Run, postings: Collector, instead: int | None) -> Known:
        mark = self._state.size if self._packed else run.stop
        head, tail = edges_of(self._path, mark)
        known = Known(
            known.id if known is not None else 0, os.path.realpath(self._path),
            *self._state, head, mark, tail, self._layout.name,
            known.start if known is not None else run.start, run.stop, 0, None,
        )  # fmt: skip
        return self._catalogue.put(known, run, postings, instead)

    def _blocks(self, start: int | None) -> Iterator[_Block]:
        """Whole entries, about :data:`BLOCK` bytes at a time."""
        stream = (LogFile(self._path, self._path, (0, "", 0)),)
        reader = BlockReader(
            stream, self._counters, DEFAULT_MAX_ENTRY, begins_entry, block=BLOCK, start=(0, start or 0)
        )
        scanner = WholeScanner(self._layout, self._counters, inherits=start is None, fresh=start is None)
        try:
            for spans in scanner.scan(reader):
                for span in spans:
                    yield _Block(span.place.offset, span.data)
        finally:
            reader.close()


class FileState(NamedTuple):
    """A file as its index sees it."""

    path: str
    covered: int
    """Bytes of its text that a look-up need not read."""
    size: int
    """Of the file as it lies there."""
    word: str
    """``indexed``, ``grown`` (what came since is scanned), ``not indexed`` (new, or changed since),
    ``no such file``."""


def states(paths: Sequence[str], folder: str = "") -> Iterator[FileState]:
    """How far files are indexed.

    Raises:
        NoLogsError: no path gave anything to read.
        InputError: an index is damaged or of another version.
    """
    for path in (file.path for stream in discover(paths, []) for file in stream):
        place = place_of(path, folder)
        known = None
        if os.path.exists(place):
            catalogue = Catalogue(place)
            known = catalogue.known(path, plain_size(path) is None)
            catalogue.close()
        if not os.path.exists(path):
            yield FileState(path, 0, 0, "no such file")
            continue
        size = os.path.getsize(path)
        if known is None:
            yield FileState(path, 0, size, "not indexed")
        else:
            yield FileState(path, known.stop - known.start, size, _word(known, size))


def _word(known: Known, size: int) -> str:
    return "indexed" if known.whole and known.size == size else "grown"
