"""Which source of a store is a file: known by its place, its beginning, its end, and at last all of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from logscan._entries.layouts import PLAIN
from logscan._entries.sample import layout_in
from logscan._reading.fingerprint import LEAST, TIME, bytes_before, digest, stamp_of
from logscan._reading.paths import LogFile
from logscan._reading.ranges import holds_ranges
from logscan._reading.remote import is_remote
from logscan._reading.unpack import open_bytes
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan._store.records import Source
from logscan.errors import InputError


class KnownSources:
    """The sources that a store has, for one run of ingest.

    Args:
        contents: of the store.
        host_of: path → Message Processor, for new sources.

    Raises:
        InputError: the records of the store cannot be read.
    """

    def __init__(self, contents: Contents, host_of: Callable[[str], str]) -> None:
        self._contents, self._host_of = contents, host_of
        self._planned: set[int] = set()
        """Sources that are a file of this run."""
        with contents.readable():
            state = contents.state
            self._next_rank = state.next_rank()
            self._by_place, self._by_head = state.known_by("place"), state.known_by("head")
            self._head_sizes = list(state.known_by("head_size"))

    def note(self, file: LogFile, source: Source) -> None:
        """Note where a file is now, and that it has been read as it is now."""
        place, stamp = _place(file.path), _stamp(file.path)
        if stamp and (source.place, source.stamp) != (place, stamp):
            source.place, source.stamp = place, stamp
            self._contents.state.note([source])

    def of(self, file: LogFile, before: int | None) -> tuple[Source, bool]:
        """The source of a file, and whether the store knows it.

        Args:
            file: of this run; no other file of the run is the same source.
            before: the source that the file continues.

        Raises:
            InputError: the file cannot be opened.
        """
        source, is_known = self._found(file, before)
        self._planned.add(source.id)
        return source, is_known

    def is_unchanged(self, file: LogFile, source: Source) -> bool:
        """Whether a file is as it was when it was read last."""
        stamp = _stamp(file.path)
        return stamp != "" and (source.place, source.stamp) == (_place(file.path), stamp)

    def _found(self, file: LogFile, before: int | None) -> tuple[Source, bool]:
        stamp = _stamp(file.path)
        for number in self._by_place.get(_place(file.path), ()) if stamp else ():
            source = self._contents.source(number)
            if source.stamp == stamp:
                return source, True
        head = file.probe.head
        sampled = file.probe.notes.size if file.probe.notes else 0
        alike = {n for size in self._head_sizes for n in self._by_head.get(digest(head[:size]), ())}
        for source in sorted(map(self._contents.source, alike - self._planned), key=lambda s: s.rank):
            # Many files have the same short beginning without a time; only one follows a given file.
            is_distinct = source.head_size >= LEAST or TIME.search(head[: source.head_size])
            follows = before is not None and source.after == before
            ours = source.stem == file.stem and (follows or sampled == source.size)
            is_same = _inode(stamp) == _inode(source.stamp) != ""
            if (is_distinct or ours or is_same) and self._holds(file, source, is_same):
                return source, True
        if not head:
            open_bytes(file.path).close()  # raises if the file cannot be opened
        fresh = Source(
            self._contents.new_number(), file.path, file.stem, self._host_of(file.path),
            (layout_in(file) or PLAIN).name, digest(head), len(head), 0, digest(b""), self._next_rank, before,
        )  # fmt: skip
        self._next_rank += 1
        return fresh, False

    def _holds(self, file: LogFile, source: Source, is_same: bool) -> bool:
        """Whether a file holds the text of a source, or its beginning.

        Args:
            file: one whose beginning is the source's.
            source: what it may be.
            is_same: it has the inode that the source had when it was seen last.
        """
        size = file.probe.plain_size
        if size is not None and size < source.size:
            # An earlier copy: the store must hold its end.
            store = Store(self._contents.address, self._contents)
            end = bytes_before(file, size) or b""
            return bool(end) and store.bytes_before(source.id, size, len(end)) == end
        tail = bytes_before(file, source.size)
        if tail is None or digest(tail) != source.tail:
            return False
        # A log that has grown is not read again from its beginning, unless it is another file.
        has_grown = size is not None and size > source.size and (is_same or is_remote(file.path))
        return has_grown or holds_ranges(file.path, source.digest)


def _place(path: str) -> str:
    """The place of a file, whatever the working directory is."""
    return path if is_remote(path) else os.path.realpath(path)


def _stamp(path: str) -> str:
    """The stamp of a file as it is now; equal stamps: it has not changed. Empty: not known."""
    with contextlib.suppress(OSError, InputError):
        stamp = stamp_of(path)
        return ":".join(map(str, stamp))
    return ""


def _inode(stamp: str) -> str:
    """Device and inode of a stamp."""
    return ":".join(stamp.split(":")[:2])
