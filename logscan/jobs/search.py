"""Search: the entries of some messages, whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from logscan.entries.layouts import Layout
from logscan.entries.parse import header_id, parse
from logscan.errors import UsageError
from logscan.index.lookup import Lookup
from logscan.jobs._spans import Instead, blocks
from logscan.reading.paths import describe
from logscan.scanning.needles import EveryEntryFinder, Finder, Literals
from logscan.scanning.plan import Limits, Progress
from logscan.store.scan import OfStore
from logscan.values import Counters, Found, Place, Span

if TYPE_CHECKING:
    from logscan.store.reading import Store


MANY = 256
"""Ids from which on scanning all is faster than looking up each in an index."""


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
    cluster: str | None = None,
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
        cluster: address of a Dask scheduler whose workers scan; line numbers are not counted then.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: what a cluster cannot do.
        InputError: the cluster cannot be used, or was lost.
    """
    ids = list(dict.fromkeys(ids))
    wanted = tuple(name.encode("utf-8", "surrogateescape") for name in ids)
    belongs = _Belongs(wanted, prefix)
    context = before > 0 or after > 0
    finder_of: Callable[[Layout], Finder] = EveryEntryFinder if context else Literals(wanted)
    held: deque[Span] = deque(maxlen=before)
    owed = 0
    stem = ""
    short = not (context or prefix or mentions or lines)
    source = _Source(tuple(ids), short, finder_of, counters, limits, progress, lines)
    for spans in source.spans(paths, index, cluster):
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


class _Source(NamedTuple):
    """Where spans come from."""

    ids: tuple[str, ...]
    short: bool
    """Nothing but the entries of whole ids is asked for: what knows ids may be asked."""
    finder_of: Callable[[Layout], Finder]
    counters: Counters
    limits: Limits
    progress: Progress | None
    lines: bool

    def spans(self, paths: Sequence[str], index: str | None, cluster: str | None) -> Iterator[list[Span]]:
        """Those that may belong to the messages, by the shortest way."""
        if cluster is not None:
            return self._on_cluster(paths, cluster)
        by_index = None
        if self.short and index is not None and len(self.ids) <= MANY:
            wanted = [name.encode("utf-8", "surrogateescape") for name in self.ids]
            by_index = Lookup(wanted, index, self.finder_of, self.counters, self.limits).spans
        return self._blocks(paths, self._of_store if self.short else None, by_index)

    def _on_cluster(self, paths: Sequence[str], address: str) -> Iterator[list[Span]]:
        from logscan.distribute.dask_connection import check_paths, connected
        from logscan.distribute.dask_units import spans_on_cluster

        check_paths(paths)
        if self.lines:
            raise UsageError(
                "--cluster: lines are not counted there", "leave out -n and --json, or --cluster"
            )
        with connected(address) as client:
            scan = spans_on_cluster(client, self.finder_of, self.limits, self.counters, self.progress)
            yield from self._blocks(paths, None, scan)

    def _blocks(
        self, paths: Sequence[str], of_store: OfStore | None, instead: Instead | None
    ) -> Iterator[list[Span]]:
        return blocks(
            paths, self.finder_of, self.counters, self.limits, self.progress, self.lines,
            of_store=of_store, instead=instead,
        )  # fmt: skip

    def _of_store(self, store: Store, counters: Counters) -> Iterator[list[Span]]:
        yield store.find(self.ids, counters)


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
