"""Parquet files that no log names become part of the store, where the store does not hold their rows yet.

So a store is made again whose log was lost, or replaced by an older one. What a file holds is known from the
records of state that still lie there, else from its own footer, else from its rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from logscan._entries.layouts import PLAIN
from logscan._entries.openers import layout_of
from logscan._reading.fingerprint import TAIL, digest
from logscan._reading.paths import describe
from logscan._reading.probe import HEAD, SAMPLE
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan._store.parquet_files import about, bounds_of
from logscan._store.picked_rows import damage_errors
from logscan._store.records import ENTRIES, FAILURES, STATE, DataFile, Join, Source, folder_of, is_name
from logscan._store.state import State
from logscan._store.storage import opened
from logscan._store.upkeep import picked_failures, place
from logscan.errors import InputError, first_line
from logscan.values import Counters, Problem

_OLD_FOLDERS = (f"{ENTRIES}/", f"{FAILURES}/")
"""Where version 0.1.0 kept its files."""
_Part = tuple[int, int, int]


class Adopted(NamedTuple):
    """What was taken in."""

    files: int
    rows: int
    logs: int
    """Sources that the store did not know."""


class _Found(NamedTuple):
    """A file that no log names, and what it holds."""

    file: DataFile
    sources: dict[int, Source]
    """Its sources, as far as its footer tells them."""


def unnamed(contents: Contents) -> list[tuple[str, int]]:
    """Name and bytes of the Parquet files below a store that its log neither names nor has removed."""
    known = {file.name for file in contents.log.files} | set(contents.log.vacuum(0, dry_run=True))
    with contents.readable():
        known |= contents.state.removed()
    return [(name, size) for name, size in contents.storage.parquet_files() if name not in known]


def take_in(contents: Contents, counters: Counters, work: str) -> Adopted:
    """Take in the files that no log names: in one commit.

    Of the failures none are taken in: they are picked again from the entries.

    Args:
        contents: the store; this run holds its lock.
        counters: takes files that cannot be read.
        work: a directory for unfinished files.

    Raises:
        ConflictError: another run has changed the store.
        OSError: the store cannot be written.
    """
    names = dict(unnamed(contents))
    states = [name for name in names if name.startswith(f"kind={STATE}/")]
    lost = State([path for name in states if _is_readable(path := contents.storage.path(name))])
    removed = lost.removed()
    found = [
        one
        for name, size in sorted(names.items())
        if name not in removed and _kind_of(name) == ENTRIES
        if (one := _found(contents, name, size, lost, counters)) is not None
    ]
    files, strangers = _not_held(contents, found, lost)
    sources, unfinished = _completed(contents, files, strangers, lost)
    if unfinished and (contents.sources or lost.sources()):
        counters.problems += [
            Problem(
                contents.storage.path(file.name),
                f"{file.rows:,} rows of an ingest that was not finished",
                "not taken in: ingest the log again; logscan store vacuum --unnamed removes the file",
            )
            for file in files
            if unfinished.intersection(file.sources)
        ]
        files = [file for file in files if not unfinished.intersection(file.sources)]
        sources = [source for source in sources if source.id not in unfinished]
        strangers = {number: source for number, source in strangers.items() if number not in unfinished}
    if not files:
        return Adopted(0, 0, 0)
    held = {source.id for source in sources}
    joins = _joins_of(lost, held | contents.sources.keys())
    tried = contents.tried_with(sources, files, joins)
    picked = picked_failures(Store(contents.address, tried), files, work)
    contents.state.note(sources, files, joins)
    place(contents, work, picked)
    rows = sum(file.rows for file in files)
    contents.commit("adopt", [*files, *picked], work=work, logs=len(strangers), rows=rows)
    return Adopted(len(files), rows, len(strangers))


def restore_records(contents: Contents, damaged: Sequence[DataFile], counters: Counters, work: str) -> None:
    """Replace files of state that cannot be read: by older ones that still lie there, and by what the files
    of entries and failures say themselves. In one commit.

    Args:
        contents: the store; this run holds its lock.
        damaged: the files.
        counters: takes files that cannot be read.
        work: a directory for unfinished files.

    Raises:
        ConflictError: another run has changed the store.
        OSError: the store cannot be written.
    """
    bad = {file.name for file in damaged}
    live = {file.name for file in contents.named(STATE)} - bad
    others = [
        name
        for name, _ in contents.storage.parquet_files()
        if name.startswith(f"kind={STATE}/") and name not in live | bad
    ]
    lost = State([path for name in others if _is_readable(path := contents.storage.path(name))])
    contents.state = State([contents.storage.path(name) for name in sorted(live)])
    contents.forget()
    state = contents.state
    state.note(source for source in lost.sources() if state.source(source.id) is None)
    state.note(joins=[join for join in lost.joins() if state.join_at(join.source, join.offset) is None])
    strangers: dict[int, Source] = {}
    for file in [*contents.named(ENTRIES), *contents.named(FAILURES)]:
        file.parts = state.parts(file.name) or lost.parts(file.name) or []
        if not file.parts and (found := _found(contents, file.name, file.size, lost, counters)) is not None:
            file.parts = found.file.parts
            for number in file.sources:
                if state.source(number) is None and number not in strangers:
                    strangers[number] = found.sources.get(number) or _unknown(contents, file, number)
        state.note(files=[file])
    state.note(strangers.values())
    contents.forget()
    store = Store(contents.address, contents)
    rank = state.next_rank()
    for number, source in strangers.items():
        head, tail, size, _ = _ends(store, number)
        source.size, source.tail, source.digest, source.rank = size, digest(tail), "", rank
        if not source.head_size:
            source.head, source.head_size = digest(head[:HEAD]), len(head[:HEAD])
        rank += 1
    state.note(strangers.values())
    contents.commit("repair", (), damaged, work=work, records="made again")


def _kind_of(name: str) -> str:
    if is_name(name):
        return name.partition("/")[0].removeprefix("kind=")
    return name.partition("/")[0] if name.startswith(_OLD_FOLDERS) else ""


def _is_readable(path: str) -> bool:
    try:
        pq.ParquetFile(opened(path)).read()
    except damage_errors():
        return False
    return True


def _found(contents: Contents, name: str, size: int, lost: State, counters: Counters) -> _Found | None:
    """What a file of entries holds; ``None``: it cannot be read, or is none of a store."""
    path = contents.storage.path(name)
    try:
        metadata = pq.read_metadata(opened(path))
        if "source" not in metadata.schema.names or "offset" not in metadata.schema.names:
            return None
        said = about(opened(path))
        parts = lost.parts(name) or (said[1] if said else _parts_by_rows(path))
        file = DataFile(_placed(contents, name), metadata.num_rows, size, parts, bounds_of(metadata))
    except damage_errors() as error:
        counters.problems.append(
            Problem(path, f"cannot be read ({first_line(error)})", "no log names it; it stays where it is")
        )
        return None
    return _Found(file, {source.id: source for source in said[0]} if said else {})


def _placed(contents: Contents, name: str) -> str:
    """The name of a file where a store has it: a file of version 0.1.0 is linked to there."""
    if is_name(name):
        return name
    _, date, host, base = name.split("/")
    target = f"{folder_of(ENTRIES, date.removeprefix('date='), 'x').rpartition('/')[0]}/{host}/{base}"
    path = contents.storage.path(target)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        os.link(contents.storage.path(name), path)
    return target


def _parts_by_rows(path: str) -> list[_Part]:
    """The parts of a file, by its rows."""
    table = pq.ParquetFile(opened(path)).read(["source", "offset"])
    bounds = table.group_by("source").aggregate([("offset", "min"), ("offset", "max")]).to_pylist()
    return sorted((row["source"], row["offset_min"], row["offset_max"]) for row in bounds)


def _not_held(
    contents: Contents, found: Sequence[_Found], lost: State
) -> tuple[list[DataFile], dict[int, Source]]:
    """The files whose rows the store does not hold, and the sources that it does not know.

    A merged file and those that it replaced hold the same rows: the later one is taken.
    """
    held: dict[int, list[_Part]] = {}
    for file in contents.of_kind(ENTRIES):
        for part in file.parts:
            held.setdefault(part[0], []).append(part)
    texts = {(source.head_size, source.head) for source in contents.sources.values()}
    strangers: dict[int, Source] = {}
    files: list[DataFile] = []
    for file, footer in sorted(
        found, key=lambda one: (lost.file_rank(one.file.name), one.file.rows), reverse=True
    ):
        if any(_overlaps(part, held.get(part[0], ())) for part in file.parts):
            continue
        new = [n for n in file.sources if n not in contents.sources and n not in strangers]
        sources = {n: lost.source(n) or footer.get(n) for n in new}
        # A run that was killed before its commit left such rows, and a later run has read the same text.
        if any(
            source and source.head and (source.head_size, source.head) in texts for source in sources.values()
        ):
            continue
        for number, source in sources.items():
            strangers[number] = source or _unknown(contents, file, number)
            texts.add((strangers[number].head_size, strangers[number].head))
        for part in file.parts:
            held.setdefault(part[0], []).append(part)
        files.append(file)
    return files[::-1], strangers


def _overlaps(part: _Part, others: Iterable[_Part]) -> bool:
    return any(part[1] <= last and first <= part[2] for _, first, last in others)


def _unknown(contents: Contents, file: DataFile, number: int) -> Source:
    """A source of which only rows are left: it is known by them alone."""
    table = pq.ParquetFile(opened(contents.storage.path(file.name))).read(["source", "file"])
    path = str(table.filter(pc.equal(table["source"], number))["file"][0].as_py() or "")
    return Source(number, path, describe(path).stem, file.host, PLAIN.name, "", 0, 0, digest(b""), 0)


def _completed(
    contents: Contents, files: Sequence[DataFile], strangers: dict[int, Source], lost: State
) -> tuple[list[Source], set[int]]:
    """The sources of new files, as they are with them: their size, their beginning and their end.

    Returns:
        The sources; and those of which rows in the middle are missing, though no record says so.
    """
    tried = contents.tried_with(strangers.values(), files)
    store = Store(tried.address, tried)
    rank = tried.state.next_rank()
    sources: list[Source] = []
    unfinished: set[int] = set()
    for number in dict.fromkeys(part[0] for file in files for part in file.parts):
        source, known = tried.source(number), lost.source(number)
        if known is not None and known.size >= source.size:
            source = known
        else:
            head, tail, size, whole = _ends(store, number)
            source.size, source.tail, source.digest = size, digest(tail), ""
            if not source.head_size:
                source.head, source.head_size = digest(head[:HEAD]), len(head[:HEAD])
                source.layout = layout_of(head).name
            if known is None and not whole:
                unfinished.add(number)
        if number in strangers and known is None:
            source.rank, rank = rank, rank + 1
        sources.append(source)
    return sources, unfinished


def _ends(store: Store, number: int) -> tuple[bytes, bytes, int, bool]:
    """The first and last bytes of a source's rows, the offset after them, and whether none is missing."""
    head, tail, end, whole = b"", b"", 0, True
    try:
        for offset, text in store.pieces(number):
            whole = whole and offset == end
            if len(head) < SAMPLE and offset == len(head):
                head = (head + text)[:SAMPLE]
            tail = (tail + text if offset == end else text)[-TAIL:]
            end = offset + len(text)
    except InputError:
        whole = False
    return head, tail, end, whole


def _joins_of(lost: State, sources: Iterable[int]) -> list[Join]:
    known = set(sources)
    return [join for join in lost.joins() if {row[0] for row in join.rows} <= known]
