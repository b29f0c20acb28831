"""Entries that are split over several rows are joined when the tasks of a source are put together.

The first lines of a task may continue the last entry of the task before it, of the file before it, or of an
earlier ingest. If that file ended within a line, they may also finish the line that opens an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from logscan._entries.layouts import Layout, layout_named
from logscan._entries.parse import owner_of, parse
from logscan._store.contents import Contents
from logscan._store.ingest_task import LONGEST_FAILURE, Edge, TaskResult, failure_row, lengthen
from logscan._store.needle_bits import GONE, Needles
from logscan._store.open_store import Store
from logscan._store.parquet_files import Target, write_failures
from logscan._store.records import NO_DATE, DataFile, Join, Source
from logscan.values import Counters, Entry, Place, Span

_Joins = dict[tuple[int, int], Join]
"""Source and offset of an entry → its rows."""


@dataclass(slots=True)
class _LastEntry:
    """The entry that the next lines of a family continue, if they open none."""

    source: int
    edge: Edge
    fragments: list[tuple[int, int, int]]
    """Source, offset and number of bytes of each of its rows."""

    @property
    def place(self) -> tuple[int, int]:
        """Source and offset of its first byte."""
        return self.source, self.edge.offset


class SplitEntries:
    """The split entries of one ingest.

    Args:
        contents: what the store holds; the ingest notes its sources there as they are finished.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._needles = Needles()
        self._last: dict[int, _LastEntry] = {}
        """Source → its last entry, of the sources that this ingest has put together."""

    def join(self, source: Source, results: Sequence[TaskResult]) -> tuple[list[Join], list[DataFile]]:
        """The split entries of a source, and files with the failures among them."""
        joins: _Joins = {}
        files: list[DataFile] = []
        last = self._last_entry_before(source)
        for result in results:
            target = result.task.target
            head = result.head
            if head is not None:
                orphan = last is None and not head.doubtful
                if head.doubtful and (last is None or last.edge.data.endswith(b"\n")):
                    last = _whole(source.id, head)
                    self._join_at(joins, last.place, head)
                elif last is None:
                    last = _whole(source.id, head)
                else:
                    before, last = self._continue(
                        joins, last, head, (source.id, head.offset), layout_named(source.layout)
                    )
                    if before is not None and before.edge.found:
                        files.append(self._failure(target, source, before, what="cut"))
                if last.edge.found:
                    files.append(self._failure(target, source, last, what="joined", orphan=orphan))
            for begin, piece in result.pieces:
                of_head = last if head is not None and begin == head.offset else None
                place = of_head.place if of_head is not None else (source.id, begin)
                edge = of_head.edge if of_head is not None else result.last
                self._join_at(joins, place, edge).rows.append((source.id, piece))
            if result.last is not None:
                last = _whole(source.id, result.last)
        if last is not None:
            self._last[source.id] = last
            source.last = last.place
        return list(joins.values()), files

    def _failure(
        self, target: Target, source: Source, entry: _LastEntry, *, what: str, orphan: bool = False
    ) -> DataFile:
        """A file with one failure. It replaces earlier rows of the same entry."""
        owner = source if entry.source == source.id else self._contents.source(entry.source)
        time = _parsed(entry.edge).time
        date = NO_DATE if time is None else f"{time:%Y-%m-%d}"
        row = failure_row(owner.id, owner.path, entry.edge, orphan)
        target = Target(target.folder, owner.host, f"{target.name}-{what}", (owner,))
        return write_failures(target, date, row)

    def _join_at(self, joins: _Joins, place: tuple[int, int], edge: Edge | None) -> Join:
        """The rows of the entry at a place, as far as they are known; the caller adds more."""
        join = joins.get(place)
        message_id = owner_of(edge.data) if edge is not None else None
        if join is None:
            with self._contents.readable():
                stored = self._contents.state.join_at(*place)
            join = replace(stored, rows=list(stored.rows)) if stored else Join(*place, None, [place])
            joins[place] = join
        join.id = message_id
        return join

    def _continue(
        self, joins: _Joins, last: _LastEntry, piece: Edge, row: tuple[int, int], layout: Layout
    ) -> tuple[_LastEntry | None, _LastEntry]:
        """Add lines to the last entry.

        Returns:
            If the lines finish a line that opens an entry: what is left of the last entry, and the opened
            one. Else ``None``, and the longer entry.
        """
        edge = last.edge
        line = edge.data.rfind(b"\n") + 1
        if edge.size == len(edge.data) and 0 < line < edge.size:
            text = edge.data + piece.data
            if layout.opener.match(text, line):
                return self._cut(joins, last, text, line, (*row, piece.size))
        lengthen(edge, piece, self._needles)
        last.fragments.append((*row, piece.size))
        self._join_at(joins, last.place, edge).rows.append(row)
        return None, last

    def _cut(
        self, joins: _Joins, last: _LastEntry, text: bytes, line: int, added: tuple[int, int, int]
    ) -> tuple[_LastEntry, _LastEntry]:
        """Cut an entry in two.

        Args:
            joins: changed.
            last: the entry.
            text: its bytes, and those that were added.
            line: where in the text the second entry begins.
            added: the row that was added, as in ``fragments``.
        """
        rest = _whole(last.source, Edge(last.edge.offset, text[:line], line))
        number, within = 0, line
        while within >= last.fragments[number][2]:
            within -= last.fragments[number][2]
            number += 1
        owner, begin, size = last.fragments[number]
        opened = _LastEntry(
            owner,
            Edge(begin + within, text[line:][:LONGEST_FAILURE], last.edge.size - line + added[2]),
            [(owner, begin + within, size - within), *last.fragments[number + 1 :], added],
        )
        rest.edge.found = self._needles.within(rest.edge.data)
        opened.edge.found = self._needles.within(opened.edge.data)
        if last.edge.found:
            rest.edge.found |= GONE  # its earlier row among the failures holds too much
        cut = self._join_at(joins, last.place, rest.edge)
        rows, skip = cut.rows[number:], within + (0 if number else cut.skip)
        cut.rows, cut.size = cut.rows[: number + (within > 0)], line
        join = self._join_at(joins, opened.place, opened.edge)
        join.rows, join.skip = [*rows, added[:2]], skip
        return rest, opened

    def _last_entry_before(self, source: Source) -> _LastEntry | None:
        """The entry that the next bytes of a source continue, if they open none."""
        name = source.id if source.size else source.after
        if name is None:
            return None
        if name in self._last:
            return self._last[name]
        place = self._contents.source(name).last
        if place is None:
            return None
        store = Store(self._contents.address, self._contents)
        span, fragments = store.entry(*place), store.fragments(*place)
        if span is None or not fragments:
            return None
        found = self._needles.within(span.data)
        edge = Edge(place[1], span.data[:LONGEST_FAILURE], len(span.data), found)
        return _LastEntry(place[0], edge, fragments)


def _whole(source: int, edge: Edge) -> _LastEntry:
    """An entry in one row."""
    return _LastEntry(source, edge, [(source, edge.offset, edge.size)])


def _parsed(edge: Edge) -> Entry:
    return parse(Span(edge.data, Place("", edge.offset)), Counters())
