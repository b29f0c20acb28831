"""What a store holds: its sources, its Parquet files, and the entries that stand in several rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from logscan.atomic import written
from logscan.errors import InputError, reason_of

VERSION = 1
"""Of the layout: a reader refuses what it does not know."""
NAME = "logscan-store.json"
ENTRIES, FAILURES = "entries", "failures"
NO_DATE = "0001-01-01"
"""The date of rows in front of which no entry has a time (Hive's own name for that, null, is more than some
readers can take)."""


@dataclass(slots=True)
class Source:
    """One file of a log, known by its text."""

    id: int
    path: str
    """As it was named when it was ingested."""
    stem: str
    """The same for all files of a rotated family."""
    host: str
    layout: str
    head: str
    """Digest of its first ``head_size`` bytes (unpacked, as all here)."""
    head_size: int
    size: int
    """Bytes ingested."""
    tail: str
    """Digest of the last bytes in front of that."""
    after: int | None = None
    """The source whose last entry its first lines go on with."""
    last: tuple[int, int] | None = None
    """Source and offset of the entry that its last line belongs to."""


@dataclass(slots=True)
class DataFile:
    """One Parquet file: rows of some sources, by source and offset."""

    name: str
    """Below the store."""
    kind: str
    date: str
    host: str
    rows: int
    size: int
    parts: list[tuple[int, int, int]]
    """Source, first and last offset of what it has of it, ascending."""
    blooms: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of each row group's bloom filter of message ids; nothing where there is none."""

    @property
    def sources(self) -> list[int]:
        """Which sources have rows in it."""
        return list(dict.fromkeys(part[0] for part in self.parts))


@dataclass(slots=True)
class Join:
    """An entry that does not stand in one row: cut by a rotation, by the end of a run, or for its length."""

    source: int
    offset: int
    id: str | None
    """The message id of the whole."""
    rows: list[tuple[int, int]]
    """Source and offset of its rows in their order."""
    skip: int = 0
    """Bytes of the first row that belong to the entry before: the file ended within the line that opens
    this one."""
    size: int | None = None
    """Bytes of all rows that belong to it, where not all do."""


@dataclass(slots=True)
class Manifest:
    """All that a store holds."""

    sources: list[Source] = field(default_factory=list)
    files: list[DataFile] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    seen: dict[str, tuple[int, int, int, int, int]] = field(default_factory=dict)
    """Path on disk → device, inode, time, size, source: a file that has not changed need not be read."""
    needles: str = ""
    """Digest of the needles by which failures were picked."""

    def of_kind(self, kind: str, sources: Iterable[int] | None = None) -> Iterator[DataFile]:
        """The files of a kind, of all sources or of some."""
        wanted = None if sources is None else frozenset(sources)
        for file in self.files:
            if file.kind == kind and (wanted is None or not wanted.isdisjoint(file.sources)):
                yield file

    def order(self) -> dict[int, int]:
        """Source → its place in the order of reading: family by family, oldest file first."""
        families: dict[tuple[str, str], int] = {}
        for source in self.sources:
            families.setdefault((source.host, source.stem), len(families))
        ranked = sorted(self.sources, key=lambda s: (families[s.host, s.stem], s.id))
        return {source.id: place for place, source in enumerate(ranked)}


def is_store(path: str) -> bool:
    """Whether a path is a store's directory."""
    return os.path.isfile(os.path.join(path, NAME))


def load(folder: str) -> Manifest:
    """Read what a store holds.

    Raises:
        InputError: there is none, it is damaged, or of another version.
    """
    path = os.path.join(folder, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            about: dict[str, Any] = json.load(file)
        version = about["version"]
        if version != VERSION:
            raise InputError(
                f"{path}: a store of version {version}; this logscan reads version {VERSION}",
                "use the logscan that made it, or ingest the logs into a new directory",
            )
        return Manifest(
            [_source(values) for values in about["sources"]],
            [_file(values) for values in about["files"]],
            [_join(values) for values in about["joins"]],
            {name: tuple(values) for name, values in about["seen"].items()},
            about["needles"],
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: no store is there", f"logscan ingest PATH… --store {folder} makes one"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: damaged ({error})", "restore it from a backup, or ingest the logs into a new directory"
        ) from error


def save(folder: str, manifest: Manifest) -> None:
    """Replace what the store says that it holds, in one step.

    Raises:
        OutputError: it cannot be written; the store is as it was.
    """
    about = {"version": VERSION, **asdict(manifest)}
    with written(os.path.join(folder, NAME)) as file:
        file.write(json.dumps(about, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _source(values: dict[str, Any]) -> Source:
    last = values.pop("last")
    return Source(**values, last=None if last is None else (last[0], last[1]))


def _join(values: dict[str, Any]) -> Join:
    return Join(**{**values, "rows": [(source, offset) for source, offset in values["rows"]]})


def _file(values: dict[str, Any]) -> DataFile:
    parts = [(source, begin, end) for source, begin, end in values.pop("parts")]
    blooms = [(offset, size) for offset, size in values.pop("blooms")]
    return DataFile(**values, parts=parts, blooms=blooms)
