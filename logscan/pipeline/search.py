"""Search: the entries of some messages, whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from logscan.entries import Layout, header_id, parse
from logscan.finders import EveryEntryFinder, Finder, finder_for
from logscan.models import Counters, Place, Span
from logscan.pipeline.indexed import Lookup
from logscan.pipeline.reading import Limits, Progress, blocks
from logscan.pipeline.stored import OfStore
from logscan.sources import describe

if TYPE_CHECKING:
    from logscan.store.reading import Store


MANY = 256
"""Ids from which on scanning all is faster than looking up each in an index."""


class Found(NamedTuple):
    """One entry that ``find`` gives: its bytes as they stand, and whether it is only context."""

    span: Span
    matches: bool


def find(
    ids: Iterable[str],
    paths: Sequence[str],
    counters: Counters,
    prefix: bool = False,
    mentions: bool = False,
    before: int = 0,
    after: int = 0,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    lines: bool = False,
    index: str | None = "",
) -> Iterator[Found]:
    """The entries of these messages, whole, in the order of the log.

    An entry belongs to a message when its header says ``messageid:ID``, or its text begins with
    ``Message id:ID`` (northbound lines).

    Args:
        ids: message ids, or their beginnings with ``prefix``.
        mentions: also entries that name an id anywhere in their text.
        before: context: entries in front of each that matches.
        after: context: entries behind it.
        index: the directory of an index (:mod:`logscan.index`); "" for those that lie beside the logs,
            ``None`` for none. It answers for whole ids; for all else the logs are scanned.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    ids = list(dict.fromkeys(ids))
    wanted = tuple(name.encode("utf-8", "surrogateescape") for name in ids)
    belongs = _Belongs(wanted, prefix)
    context = before > 0 or after > 0
    finder = None if context else finder_for(wanted)
    held: deque[Span] = deque(maxlen=before)
    owed = 0
    stem = ""
    short = None if context or prefix or mentions or lines else ids

    def finder_of(layout: Layout) -> Finder:
        return finder or EveryEntryFinder(layout)

    by_index = None
    if short is not None and index is not None and len(ids) <= MANY:
        by_index = Lookup(wanted, index, finder_of, counters, limits).spans
    for spans in blocks(
        paths, finder_of, counters, limits, progress, lines, of_store=_of_store(short), by_index=by_index
    ):
        for span in spans:
            if context and stem != (here := describe(span.place.path).stem):
                stem, owed = here, 0  # context does not reach into another log
                held.clear()
            kind = belongs.kind(span.data)
            counters.mentions += kind == _MENTIONED
            if kind == _MEMBER or (mentions and kind == _MENTIONED):
                counters.candidates += 1
                yield from (Found(one, False) for one in held)
                held.clear()
                yield Found(span, True)
                owed = after
            elif owed:
                owed -= 1
                yield Found(span, False)
            elif context:
                held.append(span)


def _of_store(ids: Sequence[str] | None) -> OfStore | None:
    """The short way to the entries of messages; what else is asked for needs the text."""
    if ids is None:
        return None

    def found(store: Store, counters: Counters) -> Iterator[list[Span]]:
        yield store.find(ids, counters)

    return found


_NOT, _MENTIONED, _MEMBER = range(3)


class _Belongs:
    """Whether a span is an entry of one of some messages. Looks at bytes only."""

    def __init__(self, ids: tuple[bytes, ...], prefix: bool) -> None:
        self._ids = ids
        self._set = frozenset(ids)
        self._prefix = prefix
        self._longest = max(map(len, ids), default=0)

    def kind(self, data: bytes) -> int:
        """Member, mentioned, or neither."""
        owner = _owner(data)
        if owner is not None and self._is_wanted(owner):
            return _MEMBER
        return _MENTIONED if self._mentioned(data) else _NOT

    def _is_wanted(self, owner: bytes) -> bool:
        if self._prefix:
            return owner.startswith(self._ids)
        return owner in self._set

    def _mentioned(self, data: bytes) -> bool:
        return any(name in data for name in self._ids) if len(self._ids) < 64 else True


def _owner(data: bytes) -> bytes | None:
    """The message id that an entry's header or the beginning of its text gives."""
    name = header_id(data)
    if name is not None:
        return name
    # Not as usual: northbound, something in front, or only mentioned. The grammar knows.
    understood = parse(Span(data, Place("", 0)), Counters()).message_id
    return None if understood is None else understood.encode("utf-8", "surrogateescape")
