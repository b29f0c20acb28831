"""Seams: entries that do not stand in one row, found when the parts of a source are put together.

A part's first lines may go on with the last entry of the part before it, of the file before it, or of an
earlier run; where a file ended within a line, they may finish the line that opens an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from logscan.entries.layouts import Layout, layout_named
from logscan.entries.parse import parse
from logscan.store.manifest import NO_DATE, DataFile, Join, Manifest, Source
from logscan.store.needle_bits import GONE, Needles
from logscan.store.reading import Store
from logscan.store.writing import LONG, Edge, Part, Written, failure_rows, lengthen, write_rows
from logscan.values import Counters, Place, Span


@dataclass(slots=True)
class _Last:
    """The entry that the next lines of a family go on with, if they open none."""

    source: int
    edge: Edge
    fragments: list[tuple[int, int, int]]
    """Source, offset and number of the bytes of each of its rows."""


class Seams:
    """The seams of one ingest.

    Args:
        folder: the store.
        manifest: what it holds, the sources of this run included as they come.
    """

    def __init__(self, folder: str, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._needles = Needles()
        self._last: dict[int, _Last] = {}
        """The last entry of each source that this run has put together."""

    def joined(self, source: Source, written: Sequence[Written]) -> tuple[list[Join], list[DataFile]]:
        """The entries of which a source's parts have only lines, and the failures among them."""
        joins: dict[tuple[int, int], Join] = {}
        files: list[DataFile] = []
        last = self._last_of(source)
        for one in written:
            if one.head is not None:
                orphan = last is None and not one.head.alone
                if one.head.alone and (last is None or last.edge.data.endswith(b"\n")):
                    last = _of(source.id, one.head)
                    self._join(joins, (source.id, one.head.offset), self._id(one.head))
                elif last is None:
                    last = _of(source.id, one.head)
                else:
                    row = (source.id, one.head.offset)
                    before, last = self._go_on(joins, last, one.head, row, layout_named(source.layout))
                    if before is not None and before.edge.found:
                        files.append(self._failure(one.part, source, before, False, "cut"))
                if last.edge.found:
                    files.append(self._failure(one.part, source, last, orphan, "joined"))
            for begin, piece in one.pieces:
                entry = last if one.head is not None and begin == one.head.offset else None
                where = (entry.source, entry.edge.offset) if entry is not None else (source.id, begin)
                edge = entry.edge if entry is not None else one.last
                name = self._id(edge) if edge is not None else None
                self._join(joins, where, name).rows.append((source.id, piece))
            if one.last is not None:
                last = _of(source.id, one.last)
        if last is not None:
            self._last[source.id] = last
            source.last = (last.source, last.edge.offset)
        return list(joins.values()), files

    def _failure(self, part: Part, source: Source, last: _Last, orphan: bool, what: str) -> DataFile:
        """A file of one failure: it takes the place of what an earlier one says of that entry."""
        owner = source if last.source == source.id else self._by_id(last.source)
        own = replace(part, source=owner.id, shown=owner.path, host=owner.host, name=f"{part.name}-{what}")
        time = parse(_span(last.edge), Counters()).time
        day = NO_DATE if time is None else f"{time:%Y-%m-%d}"
        return write_rows(own, day, failure_rows(own, last.edge, orphan))

    def _join(self, joins: dict[tuple[int, int], Join], where: tuple[int, int], name: str | None) -> Join:
        """What is known of an entry's rows, to be added to."""
        join = joins.get(where)
        if join is None:
            held = [one for one in self._manifest.joins if (one.source, one.offset) == where]
            join = replace(held[0], rows=list(held[0].rows)) if held else Join(*where, name, [where])
            self._manifest.joins = [one for one in self._manifest.joins if one not in held]
            joins[where] = join
        join.id = name
        return join

    def _go_on(
        self,
        joins: dict[tuple[int, int], Join],
        last: _Last,
        piece: Edge,
        row: tuple[int, int],
        layout: Layout,
    ) -> tuple[_Last | None, _Last]:
        """More lines of an entry. Where they finish a line that opens one: what is left of the entry, and the
        one that it opens."""
        edge = last.edge
        whole = edge.data + piece.data
        line = edge.data.rfind(b"\n") + 1
        if edge.size == len(edge.data) and 0 < line < edge.size and layout.opener.match(whole, line):
            left = _of(last.source, Edge(edge.offset, edge.data[:line], line))
            number, within = 0, line
            while within >= last.fragments[number][2]:
                within -= last.fragments[number][2]
                number += 1
            owner, begin, size = last.fragments[number]
            new = _Last(
                owner,
                Edge(begin + within, whole[line:][:LONG], edge.size - line + piece.size),
                [(owner, begin + within, size - within), *last.fragments[number + 1 :], (*row, piece.size)],
            )
            had = edge.found
            left.edge.found, new.edge.found = (
                self._needles.within(left.edge.data),
                self._needles.within(new.edge.data),
            )
            if had:
                left.edge.found |= GONE  # what was told of it holds too much
            cut = self._join(joins, (last.source, edge.offset), self._id(left.edge))
            rows, skip = cut.rows[number:], within + (0 if number else cut.skip)
            cut.size = line
            join = self._join(joins, (owner, new.edge.offset), self._id(new.edge))
            join.rows, join.skip = [*rows, row], skip
            return left, new
        lengthen(edge, piece, self._needles)
        last.fragments.append((*row, piece.size))
        self._join(joins, (last.source, edge.offset), self._id(edge)).rows.append(row)
        return None, last

    def _id(self, edge: Edge) -> str | None:
        return parse(_span(edge), Counters()).message_id

    def _last_of(self, source: Source) -> _Last | None:
        """The entry that the next bytes of a source go on with, if they open none."""
        name = source.id if source.size else source.after
        if name is None:
            return None
        if name in self._last:
            return self._last[name]
        where = self._by_id(name).last
        if where is None:
            return None
        store = Store(self._folder)
        span, fragments = store.entry(*where), store.fragments(*where)
        if span is None or not fragments:
            return None
        found = self._needles.within(span.data)
        return _Last(where[0], Edge(where[1], span.data[:LONG], len(span.data), found), fragments)

    def _by_id(self, name: int) -> Source:
        return next(source for source in self._manifest.sources if source.id == name)


def _of(source: int, edge: Edge) -> _Last:
    return _Last(source, edge, [(source, edge.offset, edge.size)])


def _span(edge: Edge) -> Span:
    return Span(edge.data, Place("", edge.offset))
