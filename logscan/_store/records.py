"""What a store knows: its sources, its Parquet files, and the entries that are split over several rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

ENTRIES, FAILURES, STATE = "entries", "failures", "state"
"""Kinds of Parquet files: all entries; those that hold a needle, whole; what the store knows of both."""
KINDS = (ENTRIES, FAILURES, STATE)
NO_DATE = "0001-01-01"
"""The date of rows before the first entry with a time (some readers cannot take Hive's own name, null)."""
NO_HOST = "-"
"""The host of the files of state."""
MOST_SOURCES = (1 << 31) - 1
"""Numbers of sources are random and below this: two stores, or two runs that know nothing of each other, give
different ones."""
_NAME = re.compile(
    rf"kind=({'|'.join(KINDS)})/date=(\d{{4}}-\d\d-\d\d)/host=([^/\\\0]*)/([^/\\\0]+)\.parquet", re.ASCII
)
"""How a store names its files, below its directory. Any other path could lead outside."""
_FILTERS = re.compile(r"-b(\d+)x(\d+)x(\d+)(?:x(\d+))?\Z", re.ASCII)


_LISTS = "_ids"
"""The directory of the lists of ids, below the store. Readers of the table do not look into it, nor does a
vacuum."""


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
    rank: int
    """Its place among all sources in the order of ingestion."""
    after: int | None = None
    """The source whose last entry its first lines continue."""
    last: tuple[int, int] | None = None
    """Source and offset of the entry to which its last line belongs."""
    place: str = ""
    """Where the file was when it was seen last: absolute."""
    stamp: str = ""
    """The file's stamp then: a file with the same place and stamp is not read again."""
    digest: str = ""
    """Digest of its first ``size`` bytes; empty: a version of logscan that ingested them did not note it."""


@dataclass(slots=True)
class DataFile:
    """One Parquet file: rows of some sources, ordered by source and offset."""

    name: str
    """Path below the store, as :data:`_NAME`."""
    rows: int
    size: int
    parts: list[tuple[int, int, int]] = field(default_factory=list)
    """Source, first and last offset of its rows, ascending."""
    statistics: dict[str, tuple[object, object]] = field(default_factory=dict)
    """Column → least and greatest value, of a new file."""

    @property
    def kind(self) -> str:
        """One of :data:`KINDS`."""
        return self.name.partition("/")[0].removeprefix("kind=")

    @property
    def date(self) -> str:
        """The date of its rows."""
        return self.name.split("/")[1].removeprefix("date=")

    @property
    def host(self) -> str:
        """The Message Processor of its rows."""
        return unquote(self.name.split("/")[2].removeprefix("host="))

    @property
    def sources(self) -> list[int]:
        """The sources that have rows in it."""
        return list(dict.fromkeys(part[0] for part in self.parts))

    @property
    def blooms(self) -> list[tuple[int, int]] | None:
        """Offset and length of each row group's bloom filter of message ids; ``None``: the file's own
        metadata tell."""
        match = _FILTERS.search(self.name.removesuffix(".parquet"))
        if match is None:
            return None
        offset, length, groups, last = (int(number or 0) for number in match.groups())
        filters = [(offset + length * group, length) for group in range(groups)]
        return [*filters[:-1], (filters[-1][0], last)] if last and filters else filters


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


def folder_of(kind: str, date: str, host: str) -> str:
    """The folder of a kind's files, below the store."""
    return f"kind={kind}/date={date}/host={quote(host, safe='.-_')}"


def is_name(name: str) -> bool:
    """Whether this is a path of a store's file."""
    return _NAME.fullmatch(name) is not None


def list_of(name: str) -> str:
    """Where the list of a file of entries lies, by the file's name in the store; empty: it has none."""
    if not name.startswith(f"kind={ENTRIES}/"):
        return ""
    return f"{_LISTS}/{name.removesuffix('.parquet')}.ids"


def filters_in_name(filters: list[tuple[int, int]]) -> str:
    """How the name of a file says where its bloom filters are, so that a look-up need not read its footer;
    empty if they do not stand one after the other. The last one may have another length: its row group has
    fewer rows."""
    if not filters or not filters[0][1] or not filters[-1][1]:
        return ""
    offset, length = filters[0]
    places = [(offset + length * group, length) for group in range(len(filters))]
    if filters[:-1] != places[:-1] or filters[-1][0] != places[-1][0]:
        return ""
    last = filters[-1][1]
    return f"-b{offset}x{length}x{len(filters)}" + (f"x{last}" if last != length else "")


def reading_order(sources: Iterable[Source]) -> dict[int, int]:
    """Source → its number in the order of reading: family by family, oldest file first."""
    ranked = sorted(sources, key=lambda source: source.rank)
    families: dict[tuple[str, str], int] = {}
    for source in ranked:
        families.setdefault((source.host, source.stem), len(families))
    ranked.sort(key=lambda source: families[source.host, source.stem])
    return {source.id: number for number, source in enumerate(ranked)}
