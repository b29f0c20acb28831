"""What a store holds: its sources, its Parquet files, and the entries that are split over several rows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from logscan.atomic import atomic_write
from logscan.errors import InputError, reason_of
from logscan.nodes import Kind, kind_of

VERSION = 2
"""Version of the format: a reader refuses newer ones."""
_KNOWN_VERSIONS = (1, 2)
"""Rows of version 1 have neither ``shape`` nor ``prefix``."""
NAME = "logscan-store.json"
ENTRIES, FAILURES = "entries", "failures"
NO_DATE = "0001-01-01"
"""The date of rows before the first entry with a time (some readers cannot take Hive's own name, null)."""


@dataclass(slots=True)
class Source:
    """One file of a log, recognised by its text."""

    id: int
    path: str
    """Its name when it was ingested."""
    stem: str
    """Name without rotation: the same for all files of a rotated family."""
    host: str
    layout: str
    head: str
    """Digest of its first ``head_size`` bytes (of the unpacked text, as all values here)."""
    head_size: int
    size: int
    """Bytes ingested."""
    tail: str
    """Digest of the last bytes before ``size``."""
    after: int | None = None
    """The source whose last entry its first lines continue."""
    last: tuple[int, int] | None = None
    """Source and offset of the entry to which its last line belongs."""


@dataclass(slots=True)
class DataFile:
    """One Parquet file: rows of some sources, ordered by source and offset."""

    name: str
    """Path below the store."""
    kind: str
    date: str
    host: str
    rows: int
    size: int
    parts: list[tuple[int, int, int]]
    """Source, first and last offset of its rows, ascending."""
    blooms: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of each row group's bloom filter of message ids; empty if there is none."""

    @property
    def sources(self) -> list[int]:
        """The sources that have rows in it."""
        return list(dict.fromkeys(part[0] for part in self.parts))


@dataclass(slots=True)
class Join:
    """An entry that is split over several rows: by a rotation, by the end of an ingest, or for its length."""

    source: int
    offset: int
    id: str | None
    """Message id of the whole entry."""
    rows: list[tuple[int, int]]
    """Source and offset of its rows, in their order."""
    skip: int = 0
    """Bytes of the first row that belong to the entry before: the file ended within the line that opens
    this entry."""
    size: int | None = None
    """Bytes of all rows that belong to the entry; ``None``: all."""


@dataclass(slots=True)
class Manifest:
    """What a store holds."""

    sources: list[Source] = field(default_factory=list)
    files: list[DataFile] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    seen: dict[str, tuple[int, int, int, int, int]] = field(default_factory=dict)
    """Path on disk → device, inode, time, size, source: an unchanged file is not read again."""
    needles: str = ""
    """Digest of the needles by which the failures were picked."""

    def of_kind(self, kind: str, sources: Iterable[int] | None = None) -> Iterator[DataFile]:
        """The files of a kind, of all sources or of some."""
        wanted = None if sources is None else frozenset(sources)
        for file in self.files:
            if file.kind == kind and (wanted is None or not wanted.isdisjoint(file.sources)):
                yield file

    def order(self) -> dict[int, int]:
        """Source → its number in the order of reading: family by family, oldest file first."""
        families: dict[tuple[str, str], int] = {}
        for source in self.sources:
            families.setdefault((source.host, source.stem), len(families))
        ranked = sorted(self.sources, key=lambda s: (families[s.host, s.stem], s.id))
        return {source.id: number for number, source in enumerate(ranked)}


def is_store(path: str) -> bool:
    """Whether a path is a store's directory."""
    return os.path.isfile(os.path.join(path, NAME))


def load(folder: str) -> Manifest:
    """Read the manifest of a store.

    Raises:
        InputError: there is no store, it is damaged, or it is of another version.
    """
    path = os.path.join(folder, NAME)
    kind = kind_of(path)
    if kind not in (None, Kind.FILE):
        raise InputError(
            f"{path}: is a {kind.value}, not the list of a store's files", "is it the right directory?"
        )
    try:
        with open(path, encoding="utf-8") as file:
            content: dict[str, Any] = json.load(file)
        version = content["version"]
        if version not in _KNOWN_VERSIONS:
            raise InputError(
                f"{path}: a store of version {version}; this logscan reads versions up to {VERSION}",
                "use the logscan that made it, or ingest the logs into a new directory",
            )
        return Manifest(
            [_source(values) for values in content["sources"]],
            [_file(values) for values in content["files"]],
            [_join(values) for values in content["joins"]],
            {name: tuple(values) for name, values in content["seen"].items()},
            content["needles"],
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: no store is there", "ingest logs into this directory to make one"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InputError(
            f"{path}: damaged ({error})", "restore it from a backup, or ingest the logs into a new directory"
        ) from error


def save(folder: str, manifest: Manifest) -> None:
    """Replace the manifest of a store in one step.

    Raises:
        OutputError: it cannot be written; the store is unchanged.
    """
    content = {"version": VERSION, **asdict(manifest)}
    with atomic_write(os.path.join(folder, NAME)) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _source(values: dict[str, Any]) -> Source:
    last = values.pop("last")
    return Source(**values, last=None if last is None else (last[0], last[1]))


def _join(values: dict[str, Any]) -> Join:
    return Join(**{**values, "rows": [(source, offset) for source, offset in values["rows"]]})


_PATH = re.compile(
    rf"(?:{ENTRIES}|{FAILURES})/date=\d{{4}}-\d\d-\d\d/host=[^/\\\0]*/[^/\\\0]+\.parquet", re.ASCII
)
"""How a store names its files, below its directory. Any other path could lead outside."""


def _file(values: dict[str, Any]) -> DataFile:
    if not _PATH.fullmatch(values["name"]) or values["name"].partition("/")[0] != values["kind"]:
        raise ValueError(f"{values['name'][:200]!r} is no path of a store")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", values["date"], re.ASCII):
        raise ValueError(f"{values['date'][:40]!r} is no date")
    parts = [(source, begin, end) for source, begin, end in values.pop("parts")]
    blooms = [(offset, size) for offset, size in values.pop("blooms")]
    return DataFile(**values, parts=parts, blooms=blooms)
