"""A store as an input: its spans by its own short ways, or its text as streams, scanned like files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from logscan._reading.paths import LogFile, Stream
from logscan._reading.unpack import ByteStream, take
from logscan._scanning.time_slices import SLACK
from logscan._store.records import FAILURES, NO_DATE
from logscan._store.storage import is_store
from logscan.times import TimeRange, moved
from logscan.values import Counters, Span

if TYPE_CHECKING:  # a search of files must not wait for what reads a store
    from logscan._store.failure_rows import StoredFailures
    from logscan._store.open_store import Store

OfStore = Callable[["Store", Counters], list[Span] | None]
"""Spans of a store; ``None``: its text must be scanned."""

_ZONES = timedelta(days=2)
"""How far a printed time and the same time in another zone may be apart: a log may print any offset."""


class StorePath(str):
    """The path of a store that is opened once: all that a run reads of it is of one version."""

    @cached_property
    def store(self) -> Store:
        """The store, open.

        Raises:
            InputError: it is damaged or of another version.
        """
        from logscan._store.open_store import Store

        return Store(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # another process opens it for itself


def stores_among(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths that are stores (:mod:`logscan._store`), each as a :class:`StorePath`, and the others."""
    folders = [
        path if isinstance(path, StorePath) else StorePath(path)
        for path in paths
        if isinstance(path, StorePath) or is_store(path)
    ]
    return [*folders], [path for path in paths if path not in folders] if folders else list(paths)


def hosts_of(paths: Sequence[str]) -> dict[str, str]:
    """File → Message Processor, for all sources of the stores among some paths.

    Raises:
        InputError: a store is damaged or of another version.
    """
    folders, _ = stores_among(paths)
    return {source.path: source.host for folder in folders for source in _opened(folder).ordered}


def failures_of(folder: str, times: TimeRange) -> StoredFailures:
    """What must be known of a store to count the failures of the dates that a time range touches.

    Raises:
        InputError: it is damaged or of another version.
    """
    from logscan._store.failure_rows import FailuresFile, StoredFailures, StoredSource

    first, last = dates_of(times)
    store = _opened(folder)
    contents = store.contents
    return StoredFailures(
        tuple(
            FailuresFile(store.path(file), file.date, file.host, file.rows, tuple(file.parts))
            for file in contents.of_kind(FAILURES)
            if file.date == NO_DATE
            or ((first is None or file.date >= first) and (last is None or file.date <= last))
        ),
        {number: StoredSource(one.path, one.size, one.after) for number, one in contents.sources.items()},
        contents.order,
    )


def dates_of(times: TimeRange) -> tuple[str | None, str | None]:
    """The first and last date on which entries of a time range may be printed, in whatever zone."""
    first = None if times.since is None else moved(times.since, -SLACK - _ZONES).date().isoformat()
    last = None if times.until is None else moved(times.until, SLACK + _ZONES).date().isoformat()
    return first, last


def _opened(folder: str) -> Store:
    return (folder if isinstance(folder, StorePath) else StorePath(folder)).store


def has_several(folder: StorePath) -> bool:
    """Whether a store has more than one source.

    Raises:
        InputError: it is damaged or of another version.
    """
    with folder.store.contents.readable():
        return folder.store.contents.state.totals()[0] > 1


def spans_of(folder: str, of_store: OfStore, counters: Counters) -> Iterator[list[Span]] | None:
    """Spans of a store by a short way; ``None``: its text must be scanned. Its files and bytes are counted as
    if they had been read.

    Raises:
        InputError: it is damaged or of another version.
    """
    store = _opened(folder)
    spans = of_store(store, counters)
    if spans is None:
        return None
    with store.contents.readable():
        files, size = store.contents.state.totals()
    counters.files += files
    counters.bytes += size
    return iter([spans])


def streams_of(folder: str) -> list[Stream]:
    """The text of a store as streams, whose files are read from it.

    Raises:
        InputError: it is damaged or of another version.
    """
    store = _opened(folder)
    streams: dict[tuple[str, str, int], list[LogFile]] = {}
    first: dict[int, int] = {}
    for number, source in enumerate(store.ordered):
        # A source is in the same stream as the source that it continues.
        begin = first[source.id] = (
            first.get(source.after, source.id) if source.after is not None else source.id
        )

        def opened(_skip: int, number: int = source.id) -> ByteStream:
            return _Text(store.text(number))

        streams.setdefault((source.host, source.stem, begin), []).append(
            LogFile(source.path, source.stem, (0, "", number), opened=opened)
        )
    return [tuple(files) for files in streams.values()]


class _Text(io.RawIOBase):
    """A file whose text comes in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any, /) -> int:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        count, self._piece = take(view, self._piece)
        return count
