"""The entries of one stream are counted where they stand in the buffer: no span is made of a usual one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from logscan._entries.layouts import Layout
from logscan._failures.members import Member
from logscan._failures.reader import MemberReader
from logscan._failures.readings import EXCEPTION, FAILED, Readings
from logscan._reading.buffer import BlockReader, Buffer
from logscan._scanning.needles import Finder
from logscan._scanning.scanner import Scanner
from logscan.values import Counters, Place, Span


class CountScanner(Scanner):
    """A scanner that hands members on, in the order of the stream, and gives no spans.

    Attributes:
        size: bytes of text that the stream had so far.

    Args:
        finder: finds entries that may say something of a failure.
        layout: how entries stand in the stream.
        counters: see :class:`Scanner`.
        readings: what texts say.
        feed: takes members.
        more: see :class:`Scanner`.
    """

    def __init__(
        self,
        finder: Finder,
        layout: Layout,
        counters: Counters,
        *more: Any,
        readings: Readings,
        feed: Callable[[Member], object],
        **options: Any,
    ) -> None:
        super().__init__(finder, layout, counters, *more, **options)
        self._members = MemberReader(layout, readings, counters)
        self._readings = readings
        self._feed = feed
        self._begun = counters.bytes
        self._begins: dict[str, int] = {}
        """Where in the stream the files that were read last begin."""

    @property
    def size(self) -> int:
        """Bytes of text that have gone by."""
        return self._counters.bytes - self._begun

    def scan(self, reader: BlockReader) -> Iterator[list[Span]]:
        """See :class:`Scanner`."""
        for spans in super().scan(reader):
            for span in spans:
                self._take(span)
            yield []

    def _take(self, span: Span) -> None:
        """An entry that is not as usual: longer than the limit, or before the first."""
        try:
            member = self._members.of_span(span, self._at(span.place))
            if member is not None:
                self._feed(member)
        except Exception as error:  # noqa: BLE001
            self._counters.note_not_understood(span.place, error)

    def feed(self, reader: Buffer, final: bool) -> list[Span]:
        """See :class:`Scanner`."""
        if reader.end:
            self._note_files(reader)
        return super().feed(reader, final)

    def _note_files(self, reader: Buffer) -> None:
        """Note where in the stream the files of the buffer begin."""
        for at in (0, *reader.boundaries(reader.end)):
            path, offset, _ = reader.place(at)
            self._begins[path] = self.size + at - offset

    def _at(self, place: Place) -> int:
        """Where in the stream a place is."""
        return self._begins.get(place.path, 0) + place.offset

    def _cut(self, reader: Buffer, cut: int, spans: list[Span]) -> None:
        """See :class:`Scanner`. Spans of earlier entries go first."""
        hits = self._finder.find(reader.buffer, 0, cut)
        if hits:
            self._note_files(reader)
            for span in spans:
                self._take(span)
            spans.clear()
            if reader.boundaries(cut) or self._lines:
                for span in self._around(reader, hits, cut):
                    self._take(span)
            else:
                self._count(reader, hits, cut)
        reader.consume(cut)

    def _count(self, reader: Buffer, hits: list[int], cut: int) -> None:  # noqa: C901 (calls would cost)
        """The members around hits, straight from the buffer: the usual lines without a copy of them."""
        buffer, members, readings = reader.buffer, self._members, self._readings
        feed, matched, kinds, opener = self._feed, members.matched, readings.kinds, self._openers.opens
        seconds = members.seconds
        path, shift, number = reader.place(0)
        begin = self._at(Place(path, shift, number))
        quick = members.is_plain
        past = 0
        following: re.Match[bytes] | None = None  # the header that was found where an entry ended
        for hit in hits:
            if hit <= past:
                continue
            start = buffer.rfind(b"\n", past, hit) + 1 or past
            found = following if following and start == past else members.match(buffer, start, cut)
            following = None
            if found is None and start > past and not opener(buffer, start, cut):
                start = self._openers.enclosing(buffer, past, start, cut)
                found = members.match(buffer, start, cut)
            said = None
            try:
                if (
                    found is not None and quick
                    and (found[1] in seconds or members.exists(found[1]))
                ):  # fmt: skip
                    at, method = found.end(), found[9]
                    kind = kinds[method]
                    if kind == FAILED:
                        past = buffer.find(b"\n", at, cut) + 1 or cut
                        said = readings.failed(method, found[7], buffer, at, past)
                    elif kind == EXCEPTION and (known := readings.thrown(method, found[7], buffer, at, cut)):
                        said, past = known
                    if said is not None and past < cut:
                        if kind == FAILED:  # the next entry is likely to matter, too
                            following = members.match(buffer, past, cut)
                        if following is None and not opener(buffer, past, cut):
                            said = None
            except Exception:  # noqa: BLE001
                said = None  # the longer way has a net of its own
            if found is None or said is None or past - start > self._max_entry:
                following = None
                past = self._end_of(buffer, max(start, hit), cut)
                self._take(self._span(reader, start, past, orphan=False))
                continue
            self._counters.candidates += 1
            try:
                feed(matched(found, said, begin + start, (path, shift + start, number)))
            except Exception as error:  # noqa: BLE001
                self._counters.note_not_understood(Place(path, shift + start, number), error)

    def _end_of(self, buffer: bytearray, at: int, cut: int) -> int:
        """Where the entry ends in whose line an offset is."""
        past = buffer.find(b"\n", at, cut) + 1 or cut
        if past < cut and not self._openers.opens(buffer, past, cut):
            past = self._openers.end_of_entry(buffer, past - 1, cut)
        return past
