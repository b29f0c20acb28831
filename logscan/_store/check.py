"""Which rows of a store are damaged or missing; and how they are read again from their logs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logscan._entries.layouts import layout_named
from logscan._reading.fingerprint import digest
from logscan._reading.paths import LogFile
from logscan._reading.ranges import holds_ranges
from logscan._store.contents import Contents, split_over
from logscan._store.ingest_task import FILE, LINE, MIDDLE, IngestTask, TaskResult, run_task
from logscan._store.open_store import Store
from logscan._store.parquet_files import SCHEMAS, OpenFile, Target, completed
from logscan._store.picked_rows import damage_errors
from logscan._store.records import ENTRIES, FAILURES, STATE, DataFile, Join, Source
from logscan._store.storage import opened
from logscan._store.upkeep import picked_failures, place
from logscan.errors import InputError, first_line

_Part = tuple[int, int, int]


class Range(NamedTuple):
    """Bytes of a log whose rows are damaged or missing."""

    source: int
    path: str
    """The log's name when it was ingested."""
    begin: int
    end: int


@dataclass(slots=True)
class Damage:
    """A file of a store that cannot be read."""

    file: DataFile
    reason: str
    ranges: list[Range]
    """The bytes of logs that its rows were made of."""


@dataclass(slots=True)
class Checked:
    """What a check found."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)


@dataclass(slots=True)
class Repaired:
    """What a repair did."""

    files: int = 0
    """Damaged files in whose place there are sound ones."""
    rows: int = 0
    left: list[Damage] = field(default_factory=list)
    """Files that could not be repaired; they stay as they are."""


def check(contents: Contents) -> Checked:
    """Read each file of a store whole.

    Raises:
        InputError: the log or the records cannot be read.
    """
    result = Checked()
    bad: list[tuple[DataFile, str]] = []
    for file in contents.log.files:
        result.files += 1
        result.bytes += file.size
        reason = _fault(contents.storage.path(file.name), file)
        if reason:
            bad.append((file, reason))
        elif file.kind == ENTRIES:
            result.rows += file.rows
    if any(file.kind == STATE for file, _ in bad):
        result.damaged = [Damage(file, reason, []) for file, reason in bad]
        return result
    with_parts = {file.name: file for kind in (ENTRIES, FAILURES) for file in contents.of_kind(kind)}
    for file, reason in bad:
        result.damaged.append(Damage(file, reason, _ranges(contents, with_parts.get(file.name, file))))
    return result


def repair(contents: Contents, damaged: Sequence[Damage], logs: Sequence[LogFile], work: str) -> Repaired:
    """Put sound files in the place of damaged ones: in one commit.

    Entries are read again from their logs, where these are where they were, or among ``logs``; rows that can
    be read are kept. Failures are picked again from the entries. What cannot be repaired stays as it is.

    Args:
        contents: the store; this run holds its lock.
        damaged: as :func:`check` found it, none of them of state.
        logs: files in which the logs are looked for, beside their own places.
        work: a directory for unfinished files.

    Raises:
        ConflictError: another run has changed the store.
        OSError: the store cannot be written.
    """
    result = Repaired()
    new: list[DataFile] = []
    old: list[DataFile] = []
    for damage in damaged:
        if damage.file.kind != ENTRIES:
            continue
        files = _made_again(contents, damage, logs, work)
        if files is None:
            result.left.append(damage)
        else:
            new += files
            old.append(damage.file)
    place(contents, work, new)
    rows = sum(file.rows for file in new if file.kind == ENTRIES)
    if old:
        contents.commit("repair", new, old, work=work, rows=rows)
    lost = [damage for damage in damaged if damage.file.kind == FAILURES]
    picked, replaced, left = _failures_again(
        contents, lost, {damage.file.name for damage in result.left}, work
    )
    if replaced:
        place(contents, work, picked)
        contents.commit("pick failures", picked, replaced, work=work)
    result.left += left
    result.files, result.rows = len(old) + len(lost) - len(left), rows
    return result


def _fault(path: str, file: DataFile) -> str:
    """Why a file cannot be read; empty: it can."""
    try:
        reader = pq.ParquetFile(opened(path), page_checksum_verification=True)
        rows = sum(len(reader.read_row_group(number)) for number in range(reader.num_row_groups))
    except FileNotFoundError:
        return "missing"
    except InputError as error:
        return first_line(error)
    except damage_errors() as error:
        return f"damaged ({first_line(error)})"
    return "" if rows == file.rows else f"it has {rows:,} rows, not {file.rows:,}"


def _ranges(contents: Contents, file: DataFile) -> list[Range]:
    """The bytes of logs that a file's rows were made of: up to the next row of the same log."""
    ranges = []
    for number, first, last in file.parts:
        source = contents.source(number)
        others = [
            part[1]
            for other in contents.of_kind(ENTRIES, [number])
            for part in other.parts
            if part[0] == number and part[1] > last
        ]
        ranges.append(Range(number, source.path, first, min([source.size, *others])))
    return ranges


def _made_again(
    contents: Contents, damage: Damage, logs: Sequence[LogFile], work: str
) -> list[DataFile] | None:
    """Sound files with the rows of a damaged one; ``None``: some rows are neither there nor in a log."""
    files: list[DataFile] = []
    for number, part in enumerate(damage.file.parts):
        rows = _rows_that_can_be_read(contents.storage.path(damage.file.name), part)
        span = damage.ranges[number]
        if rows is not None and _are_whole(rows, span):
            files.append(_kept(contents, damage.file, part, rows, work))
            continue
        path = _log_of(contents.source(part[0]), logs)
        if path is None:
            return None
        result = _read_again(contents, path, span, work)
        if result is None:
            return None
        files += result.files
    return files


def _rows_that_can_be_read(path: str, part: _Part) -> pa.Table | None:
    """The rows of a part in a damaged file, if all its row groups that may hold them can be read."""
    try:
        reader = pq.ParquetFile(opened(path), page_checksum_verification=True)
        tables = []
        for number in range(reader.num_row_groups):
            keys = reader.read_row_group(number, ["source", "offset"])
            if pc.any(pc.equal(keys["source"], part[0])).as_py():
                table = reader.read_row_group(number)
                tables.append(table.filter(pc.equal(table["source"], part[0])))
        return pa.concat_tables(tables) if tables else None
    except damage_errors():
        return None
    except InputError:
        return None


def _are_whole(rows: pa.Table, span: Range) -> bool:
    """Whether rows make all bytes of a range."""
    from logscan._store.roundtrip import to_bytes

    size = 0
    for batch in rows.to_batches():
        size += sum(len(text.as_py()) for text in to_bytes(completed(batch, ENTRIES)))
    return size == span.end - span.begin


def _kept(contents: Contents, file: DataFile, part: _Part, rows: pa.Table, work: str) -> DataFile:
    """The rows of a part as a file of their own."""
    name = f"kept-{part[0]}-{part[1]:012x}-{os.urandom(4).hex()}"
    sound = OpenFile(Target(work, file.host, name, (contents.source(part[0]),)), ENTRIES, file.date)
    try:
        for batch in rows.to_batches():
            sound.add(completed(batch, ENTRIES).cast(SCHEMAS[ENTRIES]))
        return sound.close([part])
    finally:
        sound.abandon()


def _log_of(source: Source, logs: Sequence[LogFile]) -> str | None:
    """Where the log of a source is now; ``None``: it was not found."""
    for path in dict.fromkeys([source.place, os.path.abspath(source.path), *(log.path for log in logs)]):
        if path and _is_log_of(path, source):
            return path
    return None


def _is_log_of(path: str, source: Source) -> bool:
    from logscan._reading.unpack import open_bytes, read_up_to

    try:
        stream = open_bytes(path)
        try:
            head = bytes(read_up_to(stream, source.head_size))
        finally:
            stream.close()
        return digest(head) == source.head and holds_ranges(path, source.digest)
    except (OSError, InputError):
        return False


def _read_again(contents: Contents, path: str, span: Range, work: str) -> TaskResult | None:
    """Read a range of a log again; ``None``: the log does not have it any more."""
    source = contents.source(span.source)
    joins = contents.state.joins()
    start = FILE if not span.begin else MIDDLE if (span.source, span.begin) in split_over(joins) else LINE
    task = IngestTask(
        path, source.path, source.id, layout_named(source.layout), span.begin, span.end,
        Target(work, source.host, f"{source.id}-{span.begin:012x}-again", (replace(source),)), start,
    )  # fmt: skip
    try:
        result = run_task(task)
    except InputError:
        return None
    if result.damage or result.size != span.end - span.begin:
        return None
    _correct_joins(contents, span, result, joins)
    return result


def _correct_joins(contents: Contents, span: Range, result: TaskResult, joins: Sequence[Join]) -> None:
    """A long entry may be cut at other places than it was."""
    pieces: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for begin, offset in result.pieces:
        pieces.setdefault((span.source, begin), []).append((span.source, offset))
    for join in joins:
        inside = [row for row in join.rows[1:] if row[0] == span.source and span.begin < row[1] < span.end]
        now = pieces.get((join.source, join.offset), [])
        if inside != now and (now or inside) and span.begin <= join.offset < span.end:
            others = [row for row in join.rows if row not in inside]
            contents.state.note(joins=[replace(join, rows=[others[0], *now, *others[1:]])])


def _failures_again(
    contents: Contents, lost: Sequence[Damage], unreadable: set[str], work: str
) -> tuple[list[DataFile], list[DataFile], list[Damage]]:
    """The failures of dates and hosts of which a file is damaged, picked from the entries.

    Returns:
        New files, the files that they replace, and what could not be picked.
    """
    new: list[DataFile] = []
    old: list[DataFile] = []
    left: list[Damage] = []
    folders = {damage.file.name.rpartition("/")[0] for damage in lost}
    for folder in sorted(folders):
        same_day = folder.replace(f"kind={FAILURES}", f"kind={ENTRIES}", 1)
        entries = [file for file in contents.of_kind(ENTRIES) if file.name.startswith(f"{same_day}/")]
        if any(file.name in unreadable for file in entries):
            left += [damage for damage in lost if damage.file.name.startswith(f"{folder}/")]
            continue
        new += picked_failures(Store(contents.address, contents), entries, work)
        old += [file for file in contents.of_kind(FAILURES) if file.name.startswith(f"{folder}/")]
    return new, old, left
