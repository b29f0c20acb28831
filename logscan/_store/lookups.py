"""Which rows of a store may be entries of some messages.

Bloom filters tell it for whole ids, the lists of ids (:mod:`logscan._store.id_lists`) for their beginnings.
Files whose dates and names do not suit are left out.

Without numpy and without Arrow's functions: their import takes longer than a look-up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logscan._entries.parse import decode
from logscan._store.blooms import IdBits, groups_with
from logscan._store.contents import Contents
from logscan._store.id_lists import DamagedListError, IdList
from logscan._store.picked_rows import filters_of, group_count, matching_rows
from logscan._store.records import ENTRIES, NO_DATE, DataFile, list_of
from logscan._store.storage import Storage

MOST_ROWS = 100_000
"""Rows that a look-up by a beginning gives; for more, the text is scanned, which keeps none in memory."""


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Args:
        ids: message ids, or beginnings of ids, as bytes of a log.
        prefix: they are beginnings.
        dates: the first and last date on which an entry may lie; rows without a date are always looked at.
        names: column → what its value begins with, one of some.
    """

    ids: tuple[bytes, ...]
    prefix: bool = False
    dates: tuple[str | None, str | None] = (None, None)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def keys(self) -> list[str]:
        """The ids as the column has them; of beginnings, as much as is text whatever follows."""
        if not self.prefix:
            return sorted({decode(name) for name in self.ids} - {""})
        return sorted({_text_of(name) for name in self.ids})

    def judge(self, keys: Sequence[str]) -> Callable[[str | None], bool]:
        """Whether an id of the column may be asked for, as a function of the id."""
        if self.prefix:
            begins = tuple(keys)
            return lambda name: name is not None and name.startswith(begins)
        return frozenset[str | None](keys).__contains__


class Group(NamedTuple):
    """Rows of a row group."""

    number: int
    rows: list[int]


def files_for(contents: Contents, asked: Asked, keys: Sequence[str]) -> Iterator[DataFile]:
    """The files of entries that may hold what is asked for, by their dates and the log's statistics."""
    first, last = asked.dates
    bounds = [(contents.log.bounds(name), begins) for name, begins in asked.names.items() if all(begins)]
    of_ids = contents.log.bounds("message_id")
    for file in contents.named(ENTRIES):
        if file.date != NO_DATE and ((first and file.date < first) or (last and file.date > last)):
            continue
        if not all(_suits(known.get(file.name), begins) for known, begins in bounds):
            continue
        if _holds_one(of_ids.get(file.name), keys, asked.prefix):
            yield file


def groups_for(contents: Contents, file: DataFile, asked: Asked, keys: Sequence[str]) -> Iterator[Group]:
    """The rows of a file that have one of the ids.

    Raises:
        Exception: as :func:`logscan._store.picked_rows.damage_errors`.
    """
    path = contents.storage.path(file.name)
    texts = [key.encode("utf-8", "surrogatepass") for key in keys]
    if asked.prefix:
        numbers = _groups_beginning(contents.storage, file, texts)
    else:
        filters = file.blooms
        numbers = groups_with(path, filters_of(path) if filters is None else filters, [*map(IdBits, keys)])
    if numbers:
        yield from (Group(*rows) for rows in matching_rows(path, numbers, texts, prefix=asked.prefix))


def _groups_beginning(storage: Storage, file: DataFile, begins: Sequence[bytes]) -> list[int]:
    """The row groups with ids that begin in some way, by the file's list of ids; without it, all.

    Raises:
        Exception: as :func:`logscan._store.picked_rows.damage_errors`.
    """
    try:
        ids = IdList(storage.path(list_of(file.name)), file.size)
        try:
            return sorted({group for begin in begins for group in ids.groups_with(begin)})
        finally:
            ids.close()
    except DamagedListError:
        return list(range(group_count(storage.path(file.name))))


def _holds_one(bounds: tuple[object, object] | None, keys: Sequence[str], prefix: bool) -> bool:
    """Whether one of some sorted ids, or of some beginnings, may lie between a least and a greatest id."""
    if bounds is None:
        return True
    least, most = str(bounds[0]), str(bounds[1])
    if prefix:
        return any(key <= most and least[: len(key)] <= key for key in keys)
    at = bisect_left(keys, least)
    return at < len(keys) and keys[at] <= most


def _suits(bounds: tuple[object, object] | None, begins: Sequence[str]) -> bool:
    """Whether a name with one of some beginnings may lie between a least and a greatest name."""
    return bounds is None or _holds_one(bounds, begins, prefix=True)


def _text_of(begin: bytes) -> str:
    """As much of some bytes as is the same text whatever follows them: a letter may be cut in two."""
    try:
        return begin.decode()
    except UnicodeDecodeError as error:
        return begin[: error.start].decode()
