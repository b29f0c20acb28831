"""Ingest: logs into a store. What is new is read, by content; what has been read counts once, when all of it
is there."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import blake2b
from multiprocessing import get_context
from typing import TYPE_CHECKING

from logscan.checkpoint import Lock
from logscan.copies import LEAST, TIME, bytes_before, without_copies
from logscan.entries import LAYOUTS, Layout, layout_of, parse
from logscan.errors import InputError, LogscanError, OutputError, UsageError
from logscan.identity import HEAD, TAIL
from logscan.models import Counters, Place, Problem, Span
from logscan.pipeline.reading import LAYOUT_SAMPLE, Progress
from logscan.sources import (
    STDIN,
    LogFile,
    Stream,
    discover,
    first_bytes,
    open_bytes,
    plain_size,
    problem_of,
    reason_of,
)
from logscan.store.manifest import (
    ENTRIES,
    FAILURES,
    NO_DATE,
    DataFile,
    Join,
    Manifest,
    Source,
    is_store,
    load,
    save,
)
from logscan.store.needles import GONE, Needles, needles_digest

if TYPE_CHECKING:
    from logscan.store.reading import Store
    from logscan.store.writing import Edge, Part, Written

RANGE = 256 << 20
"""Bytes of a plain file that one task ingests."""
ALONE = 16 << 20
"""Bytes on disk from which on processes are worth their start."""
SMALL, MANY = 8 << 20, 16
"""Files smaller than that are merged when a date has so many of them."""
_INCOMING = ".incoming"


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


@dataclass(slots=True)
class _Last:
    """The entry that the next lines of a family go on with, if they open none."""

    source: int
    edge: Edge
    fragments: list[tuple[int, int, int]]
    """Source, offset and number of the bytes of each of its rows."""


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
    lock = Lock(os.path.join(folder, ".ingest"))
    try:
        run = _Run(folder, host_of, progress)
        run.upgrade()
        streams = (
            without_copies(discover(paths, run.done.counters.problems), run.done.counters) if paths else []
        )
        plans = [run.plan(stream) for stream in streams]
        with _executor(executor, plans, workers) as pool:
            run.read(plans, pool, workers)
        run.drop(keep, today or date.today())
        run.merge()
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {reason_of(error)}", "what the store held before it still holds"
        ) from error
    else:
        return run.done
    finally:
        shutil.rmtree(os.path.join(folder, _INCOMING), ignore_errors=True)
        lock.release()


def repair(folder: str) -> list[str]:
    """Take files that are missing or damaged out of a store, with all of their sources: those are read again
    by the next ingest. The sources' paths.

    Raises:
        InputError: the manifest itself is damaged.
        OutputError: the store cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = load(folder)
    lock = Lock(os.path.join(folder, ".ingest"))
    try:
        bad: set[int] = set()
        for file in manifest.files:
            try:
                reader = pq.ParquetFile(os.path.join(folder, file.name))
                rows = sum(len(reader.read_row_group(n)) for n in range(reader.num_row_groups))
                if rows != file.rows:
                    bad |= set(file.sources)
            except (OSError, pa.ArrowException):
                bad |= set(file.sources)
        # A file that was merged holds several sources; a source stands in several files.
        while True:
            more = {
                s for file in manifest.files if not bad.isdisjoint(file.sources) for s in file.sources
            } - bad
            if not more:
                break
            bad |= more
        if bad:
            gone = [source.path for source in manifest.sources if source.id in bad]
            manifest.sources = [source for source in manifest.sources if source.id not in bad]
            manifest.files = [file for file in manifest.files if bad.isdisjoint(file.sources)]
            manifest.joins = [join for join in manifest.joins if join.source not in bad]
            manifest.seen = {path: seen for path, seen in manifest.seen.items() if seen[4] not in bad}
            save(folder, manifest)
            _clean(folder, manifest)
            return gone
        return []
    finally:
        lock.release()


class _Run:
    """One ingest."""

    def __init__(self, folder: str, host_of: Callable[[str], str], progress: Progress | None) -> None:
        self.done = Ingested()
        self._folder = folder
        self._host_of = host_of
        self._progress = progress
        self._manifest = load(folder) if is_store(folder) else Manifest(needles=needles_digest())
        if not is_store(folder):
            save(folder, self._manifest)
        _clean(folder, self._manifest)
        self._next = 1 + max((source.id for source in self._manifest.sources), default=-1)
        self._last: dict[int, _Last] = {}
        self._planned: set[int] = set()
        """Sources that a file of this run is."""
        self._needles = Needles()

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
                self._manifest.seen.update(_seen(file.path, source.id))
        return planned

    def _source_of(self, file: LogFile, before: int | None) -> tuple[Source, bool]:
        """The source that a file is, known or new, and whether it was known."""
        seen = _seen(file.path, 0).get(os.path.realpath(file.path))
        known = self._manifest.seen.get(os.path.realpath(file.path))
        by_id = {source.id: source for source in self._manifest.sources}
        if seen and known and seen[:4] == known[:4] and known[4] in by_id:
            return by_id[known[4]], True
        head = first_bytes(file.path, LAYOUT_SAMPLE)
        inodes = {name: held[:2] for held in self._manifest.seen.values() for name in (held[4],)}
        for source in self._manifest.sources:
            if source.id in self._planned or digest(head[: source.head_size]) != source.head:
                continue
            # A short beginning without a time is that of many files.
            tells = source.head_size >= LEAST or TIME.search(head[: source.head_size])
            whole = source.stem == file.stem and len(head) == source.size
            if not (tells or whole or (seen and inodes.get(source.id) == seen[:2])):
                continue
            if self._holds(file.path, source):
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

    def _holds(self, path: str, source: Source) -> bool:
        """Whether a file has the text of a source, whole or its beginning."""
        size = plain_size(path)
        if size is not None and size < source.size:
            # An earlier copy: its end must stand in the store.
            store = self._store()
            end = bytes_before(path, size) or b""
            return bool(end) and store.bytes_before(source.id, size, len(end)) == end
        tail = bytes_before(path, source.size)
        if tail is not None:
            return digest(tail) == source.tail
        return False

    def _parts(self, file: LogFile, source: Source) -> list[Part]:
        """What is to be read of a file, in ranges that begin with an entry."""
        from logscan.store.writing import FILE, LINE, MIDDLE, Part, cut_at

        size = plain_size(file.path)
        begin = source.size
        known = self._manifest.seen.get(os.path.realpath(file.path))
        if size is None:
            fresh = _seen(file.path, source.id)
            if known and fresh.get(os.path.realpath(file.path)) == known:
                return []
            bounds = [begin]
        elif size <= begin:
            return []
        else:
            layout = _layout(source.layout)
            cuts = (cut_at(file.path, layout, at) for at in range(begin + RANGE, size - RANGE // 4, RANGE))
            bounds = [begin, *dict.fromkeys(cut for cut in cuts if cut is not None and cut > begin)]
        ends: list[int | None] = [*bounds[1:], size]
        start = (
            FILE if not begin else LINE if (bytes_before(file.path, begin) or b"")[-1:] == b"\n" else MIDDLE
        )
        return [
            Part(
                file.path, source.path, source.id, source.host, source.layout, at, end,
                os.path.join(self._folder, _INCOMING), f"{source.id:06d}-{at:012x}",
                start if at == begin else LINE,
            )
            for at, end in zip(bounds, ends, strict=True)
        ]  # fmt: skip

    # Reading it.

    def read(self, plans: Sequence[Sequence[_Planned]], pool: Executor, workers: int) -> None:
        """Run the tasks, a few ahead, and commit source by source in their order."""
        from logscan.store.writing import write_part

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
        joins, rows = self._joins(source, written)
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
                self._manifest.sources.append(source)
            if len(tail) < min(TAIL, source.size):
                tail = bytes_before(planned.file.path, source.size) or tail
            source.tail = digest(tail)
            self._place(files)
            self._manifest.files += files
            self._manifest.joins += joins
        if not any(one.damage for one in written):
            self._manifest.seen.update(_seen(planned.file.path, source.id))
        save(self._folder, self._manifest)

    def _place(self, files: Sequence[DataFile]) -> None:
        """Move finished files to where they belong."""
        for file in files:
            target = os.path.join(self._folder, file.name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(os.path.join(self._folder, _INCOMING, file.name), target)

    def _joins(self, source: Source, written: Sequence[Written]) -> tuple[list[Join], list[DataFile]]:
        """The entries of which a source's parts have only lines, and the failures among them."""
        joins: dict[tuple[int, int], Join] = {}
        files: list[DataFile] = []
        last = self._last_of(source)
        for one in written:
            if one.head is not None:
                orphan = last is None and not one.head.alone
                if one.head.alone and (last is None or last.edge.data.endswith(b"\n")):
                    last = _of(source.id, one.head)
                    self._join(joins, (source.id, one.head.offset), self._id(one.head))
                elif last is None:
                    last = _of(source.id, one.head)
                else:
                    row = (source.id, one.head.offset)
                    before, last = self._go_on(joins, last, one.head, row, _layout(source.layout))
                    if before is not None and before.edge.found:
                        files.append(self._failure(one.part, source, before, False, "cut"))
                if last.edge.found:
                    files.append(self._failure(one.part, source, last, orphan, "joined"))
            for begin, piece in one.pieces:
                entry = last if one.head is not None and begin == one.head.offset else None
                where = (entry.source, entry.edge.offset) if entry is not None else (source.id, begin)
                edge = entry.edge if entry is not None else one.last
                name = self._id(edge) if edge is not None else None
                self._join(joins, where, name).rows.append((source.id, piece))
            if one.last is not None:
                last = _of(source.id, one.last)
        if last is not None:
            self._last[source.id] = last
            source.last = (last.source, last.edge.offset)
        return list(joins.values()), files

    def _failure(self, part: Part, source: Source, last: _Last, orphan: bool, what: str) -> DataFile:
        """A file of one failure: it takes the place of what an earlier one says of that entry."""
        from logscan.store.writing import failure_rows, write_rows

        owner = source if last.source == source.id else self._by_id(last.source)
        own = replace(part, source=owner.id, shown=owner.path, host=owner.host, name=f"{part.name}-{what}")
        time = parse(_span(last.edge), Counters()).time
        day = NO_DATE if time is None else f"{time:%Y-%m-%d}"
        return write_rows(own, day, failure_rows(own, last.edge, orphan))

    def _join(self, joins: dict[tuple[int, int], Join], where: tuple[int, int], name: str | None) -> Join:
        """What is known of an entry's rows, to be added to."""
        join = joins.get(where)
        if join is None:
            held = [one for one in self._manifest.joins if (one.source, one.offset) == where]
            join = replace(held[0], rows=list(held[0].rows)) if held else Join(*where, name, [where])
            self._manifest.joins = [one for one in self._manifest.joins if one not in held]
            joins[where] = join
        join.id = name
        return join

    def _go_on(
        self,
        joins: dict[tuple[int, int], Join],
        last: _Last,
        piece: Edge,
        row: tuple[int, int],
        layout: Layout,
    ) -> tuple[_Last | None, _Last]:
        """More lines of an entry. Where they finish a line that opens one: what is left of the entry, and the
        one that it opens."""
        from logscan.store.writing import LONG, Edge, lengthen

        edge = last.edge
        whole = edge.data + piece.data
        line = edge.data.rfind(b"\n") + 1
        if edge.size == len(edge.data) and 0 < line < edge.size and layout.opener.match(whole, line):
            left = _of(last.source, Edge(edge.offset, edge.data[:line], line))
            number, within = 0, line
            while within >= last.fragments[number][2]:
                within -= last.fragments[number][2]
                number += 1
            owner, begin, size = last.fragments[number]
            new = _Last(
                owner,
                Edge(begin + within, whole[line:][:LONG], edge.size - line + piece.size),
                [(owner, begin + within, size - within), *last.fragments[number + 1 :], (*row, piece.size)],
            )
            had = edge.found
            left.edge.found, new.edge.found = (
                self._needles.within(left.edge.data),
                self._needles.within(new.edge.data),
            )
            if had:
                left.edge.found |= GONE  # what was told of it holds too much
            cut = self._join(joins, (last.source, edge.offset), self._id(left.edge))
            rows, skip = cut.rows[number:], within + (0 if number else cut.skip)
            cut.size = line
            join = self._join(joins, (owner, new.edge.offset), self._id(new.edge))
            join.rows, join.skip = [*rows, row], skip
            return left, new
        lengthen(edge, piece, self._needles)
        last.fragments.append((*row, piece.size))
        self._join(joins, (last.source, edge.offset), self._id(edge)).rows.append(row)
        return None, last

    def _id(self, edge: Edge) -> str | None:
        return parse(_span(edge), Counters()).message_id

    def _last_of(self, source: Source) -> _Last | None:
        """The entry that the next bytes of a source go on with, if they open none."""
        from logscan.store.writing import LONG, Edge

        name = source.id if source.size else source.after
        if name is None:
            return None
        if name in self._last:
            return self._last[name]
        where = self._by_id(name).last
        if where is None:
            return None
        store = self._store()
        span, fragments = store.entry(*where), store.fragments(*where)
        if span is None or not fragments:
            return None
        found = self._needles.within(span.data)
        return _Last(where[0], Edge(where[1], span.data[:LONG], len(span.data), found), fragments)

    def _by_id(self, name: int) -> Source:
        return next(source for source in self._manifest.sources if source.id == name)

    def _store(self) -> Store:
        from logscan.store.reading import Store

        return Store(self._folder)

    # Keeping it in order.

    def upgrade(self) -> None:
        """Pick the failures again, where this version of logscan knows more needles."""
        if self._manifest.needles == needles_digest():
            return
        from logscan.store.upgrading import pick_failures

        files = pick_failures(self._store(), os.path.join(self._folder, _INCOMING))
        old = list(self._manifest.of_kind(FAILURES))
        self._place(files)
        self._manifest.files = [file for file in self._manifest.files if file.kind != FAILURES] + files
        self._manifest.needles = needles_digest()
        save(self._folder, self._manifest)
        self._remove(old)

    def drop(self, keep: int | None, today: date) -> None:
        """Remove dates that are older than so many days."""
        if keep is None:
            return
        oldest = (today - timedelta(days=keep)).isoformat()
        old = [file for file in self._manifest.files if file.date != NO_DATE and file.date < oldest]
        if old:
            names = {file.name for file in old}
            self._manifest.files = [file for file in self._manifest.files if file.name not in names]
            save(self._folder, self._manifest)
            self._remove(old)
            self.done.dropped = len(old)

    def merge(self) -> None:
        """Merge the small files of a date and host, where there are many."""
        from logscan.store.upgrading import merged_file

        groups: dict[tuple[str, str, str], list[DataFile]] = {}
        for file in self._manifest.files:
            if file.size < SMALL:
                groups.setdefault((file.kind, file.date, file.host), []).append(file)
        for number, files in enumerate(groups.values()):
            if len(files) < MANY:
                continue
            name = f"merged-{max(s for f in files for s in f.sources):06d}-{len(files)}-{number}"
            whole = merged_file(self._store(), files, os.path.join(self._folder, _INCOMING), name)
            self._place([whole])
            gone = {file.name for file in files}
            self._manifest.files = [file for file in self._manifest.files if file.name not in gone]
            self._manifest.files.append(whole)
            save(self._folder, self._manifest)
            self._remove(files)
            self.done.merged += len(files)

    def _remove(self, files: Sequence[DataFile]) -> None:
        kept = {file.name for file in self._manifest.files}
        for file in files:
            if file.name not in kept:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, file.name))


def digest(data: bytes) -> str:
    """What a piece of text is known by."""
    return blake2b(data, digest_size=16).hexdigest()


def _of(source: int, edge: Edge) -> _Last:
    return _Last(source, edge, [(source, edge.offset, edge.size)])


def _span(edge: Edge) -> Span:
    return Span(edge.data, Place("", edge.offset))


def _layout(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)


def _seen(path: str, source: int) -> dict[str, tuple[int, int, int, int, int]]:
    """What tells without reading that a file has not changed."""
    with contextlib.suppress(OSError):
        about = os.stat(path)
        return {
            os.path.realpath(path): (about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size, source)
        }
    return {}


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


def _clean(folder: str, manifest: Manifest) -> None:
    """Remove what an ingest that was killed left behind."""
    kept = {os.path.join(folder, file.name) for file in manifest.files}
    shutil.rmtree(os.path.join(folder, _INCOMING), ignore_errors=True)
    for kind in (ENTRIES, FAILURES):
        for where, _, names in os.walk(os.path.join(folder, kind)):
            for name in names:
                path = os.path.join(where, name)
                if path not in kept and name.endswith(".parquet"):
                    with contextlib.suppress(OSError):
                        os.unlink(path)


@contextlib.contextmanager
def _executor(
    given: Executor | None, plans: Sequence[Sequence[_Planned]], workers: int
) -> Iterator[Executor]:
    """Processes where that pays; else this one."""
    if given is not None:
        yield given
        return
    parts = [part for plan in plans for planned in plan for part in planned.parts]
    size = 0
    for part in parts:
        with contextlib.suppress(OSError):
            size += (
                os.path.getsize(part.path) - part.begin
                if part.end is not None
                else os.path.getsize(part.path)
            )
    if workers < 2 or len(parts) < 2 or size < ALONE:
        yield _Here()
        return
    pool = ProcessPoolExecutor(min(workers, len(parts)), mp_context=get_context("spawn"))
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
