"""Entries become members: by the learned expression of their file, or by the grammar."""

from __future__ import annotations

import contextlib
import re

from logscan._entries.layouts import KEYS, Layout, moment
from logscan._entries.learned import Learner
from logscan._entries.parse import CONTEXT, parse, similar_to
from logscan._failures.members import EPOCH, MICROSECOND, Context, Member
from logscan._failures.names import LONGEST_NAME, cut
from logscan._failures.readings import Readings, Recent, Said
from logscan.values import Counters, Entry, Span

LONGEST_CONTEXT = 4 * LONGEST_NAME
"""Bytes of the context of a header that is remembered."""
_NOTHING = re.compile(rb"(?!)")
_new = tuple.__new__


class MemberReader:
    """The entries of one stream in, members out.

    Attributes:
        layout: how entries stand in the stream, as far as it was learned.
        match: its expression; matches nothing where the grammar reads all.
        seconds: times up to their second that exist, in microseconds since 1970.

    Args:
        layout: how entries stand in the stream.
        readings: what texts say.
        counters: takes candidates, and what cannot be understood.
    """

    def __init__(self, layout: Layout, readings: Readings, counters: Counters) -> None:
        self.match = (layout.header or _NOTHING).match
        self.layout = layout
        self._learner = Learner([])
        self._readings = readings
        self._counters = counters
        self.seconds: Recent[bytes, int] = Recent(_moment)
        self._values: Recent[tuple[str | None, ...], Context] = Recent(_made)
        self._contexts: Recent[bytes, Context] = Recent(self._context)

    def matched(self, found: re.Match[bytes], said: Said, at: int, place: tuple[str, int, int]) -> Member:
        """The member of an entry whose header the learned expression has matched.

        Args:
            found: the match.
            said: what its text says.
            at: where the entry begins in its stream.
            place: its place.

        Raises:
            ValueError: its time does not exist.
        """
        second, fraction, zone, context, name, thread = found.group(1, 2, 3, 4, 5, 6)
        moment = self.seconds[second]
        if fraction:
            moment += int(fraction) * 1000 if len(fraction) == 3 else int(fraction.ljust(6, b"0")[:6])
        return _new(
            Member,
            (
                moment, at, None if zone is None else zone.decode(),
                self._contexts[context] if len(context) <= LONGEST_CONTEXT else self._context(context),
                name or None, thread, *said, *place,
            ),
        )  # fmt: skip

    def text_below(self, found: re.Match[bytes], text: bytes) -> bytes:
        """The text of an entry without the prefixes of the lines below its own."""
        prefix = found.string[found.start() : found.start(1)]
        if not prefix or b"\n" not in text[:-1]:
            return text
        first, line_break, rest = text.partition(b"\n")
        pattern = similar_to(bytes(prefix).decode("latin-1"))
        return first + line_break + re.sub(f"(?m)^{pattern}".encode("latin-1"), b"", rest)

    def of_span(self, span: Span, at: int) -> Member | None:
        """The member of any entry."""
        self._counters.candidates += 1
        if not span.orphan:
            found = self.match(span.data)
            if found is None:
                self.missed(span.data)
            elif found[1] in self.seconds or self.exists(found[1]):
                text = self.text_below(found, span.data[found.end() :])
                said = self._readings.read(found[9], found[7], text)
                return None if said is None else self.matched(found, said, at, span.place)
        return self._of_entry(parse(span, self._counters), at)

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands before the time of a header that the expression matches."""
        return self.layout.form is None or not self.layout.form.prefixes

    def missed(self, data: bytes) -> None:
        """Note an entry that the expression does not match: there may be more of its kind to learn."""
        layout = self._learner.again(self.layout, data, self._counters.candidates)
        if layout is not self.layout:
            self.layout = layout
            self.match = (layout.header or _NOTHING).match

    def _of_entry(self, entry: Entry, at: int) -> Member | None:
        method, level = _bytes(entry.method), _bytes(entry.level)
        said = self._readings.read(method, level, _bytes(entry.body) or b"")
        if said is None:
            return None
        moment = None if entry.time is None else (entry.time - EPOCH) // MICROSECOND
        values = (entry.org, entry.env, entry.proxy, entry.revision)
        return _new(
            Member,
            (
                moment, at, entry.zone, self._same(values), _bytes(entry.message_id), _bytes(entry.thread),
                *said, *entry.place,
            ),
        )  # fmt: skip

    def exists(self, second: bytes) -> bool:
        """Whether there is such a time; if not, the grammar says what is wrong."""
        with contextlib.suppress(ValueError):
            return self.seconds[second] is not None
        return False

    def _context(self, data: bytes) -> Context:
        """The context that some keys give."""
        held = {key: value or None for key, value in CONTEXT.findall(data.decode("ascii"))}
        org, env, proxy, revision = map(held.get, list(KEYS.values())[:-1])
        return self._same((org, env, proxy, revision))

    def _same(self, values: tuple[str | None, ...]) -> Context:
        """Equal contexts are one object."""
        return self._values[tuple(None if value is None else cut(value) for value in values)]


def _moment(second: bytes) -> int:
    """Microseconds since 1970 of a time.

    Raises:
        ValueError: there is no such time.
    """
    return (moment(second.decode("ascii")) - EPOCH) // MICROSECOND


def _made(values: tuple[str | None, ...]) -> Context:
    return Context(*values)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
