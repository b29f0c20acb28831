"""A store as an input: its spans by its own short ways, or its text as streams, scanned like files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from logscan._reading.paths import LogFile, Stream
from logscan._reading.unpack import ByteStream, take
from logscan._scanning.time_slices import SLACK
from logscan._store.manifest import is_store
from logscan.times import TimeRange, moved
from logscan.values import Counters, Span

if TYPE_CHECKING:  # a search of files must not wait for what reads a store
    from logscan._store.open_store import Store

OfStore = Callable[["Store", Counters], Iterator[list[Span]]]
"""Spans of a store."""


def stores_among(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths that are stores (:mod:`logscan._store`), and the others."""
    folders = [path for path in paths if is_store(path)]
    return folders, [path for path in paths if path not in folders] if folders else list(paths)


def hosts_of(paths: Sequence[str]) -> dict[str, str]:
    """File → Message Processor, for all sources of the stores among some paths.

    Raises:
        InputError: a store is damaged or of another version.
    """
    folders, _ = stores_among(paths)
    return {source.path: source.host for folder in folders for source in _opened(folder).ordered}


def failing_entries(
    folder: str, neighbours: bool, times: TimeRange, counters: Counters, gap: int
) -> Iterator[list[tuple[int, Span]]]:
    """The entries of a store that hold a needle, of the dates that a time range touches, each with its
    place in its stream. Between two streams lie so many bytes more.

    Raises:
        InputError: it is damaged or of another version.
    """
    first = None if times.since is None else moved(times.since, -SLACK - timedelta(days=1)).date().isoformat()
    last = None if times.until is None else moved(times.until, SLACK + timedelta(days=1)).date().isoformat()
    store = _opened(folder)
    begins: dict[int, int] = {}
    end = 0
    previous: int | None = None
    for source in store.ordered:
        begins[source.id] = end if source.after is not None and source.after == previous else end + gap
        end = begins[source.id] + source.size
        previous = source.id
    counters.files += len(store.sources)
    counters.bytes += sum(source.size for source in store.sources.values())
    for some in store.failures(neighbours, (first, last), counters):
        yield [(begins[source] + span.place.offset, span) for source, span in some]


def _opened(folder: str) -> Store:
    from logscan._store.open_store import Store

    return Store(folder)


def spans_of(folder: str, of_store: OfStore, counters: Counters) -> Iterator[list[Span]]:
    """Spans of a store by a short way. Its files and bytes are counted as if they had been read.

    Raises:
        InputError: it is damaged or of another version.
    """
    store = _opened(folder)
    counters.files += len(store.sources)
    counters.bytes += sum(source.size for source in store.sources.values())
    yield from of_store(store, counters)


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
