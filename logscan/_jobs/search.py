"""Search: the entries of some messages, whole, or entries in which they are mentioned."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

from logscan._distribute.scanned_spans import ScannedSpans
from logscan._entries.layouts import Layout
from logscan._entries.parse import header_id, parse
from logscan._index.lookup import Lookup
from logscan._jobs._options import Names, Paths, Reading, check_names, limits_of, paths_of, several
from logscan._jobs._spans import inputs_of, spans_of_inputs
from logscan._reading.paths import describe
from logscan._scanning.needles import EveryEntryFinder, Finder, Literals
from logscan._scanning.plan import Limits, Progress
from logscan._scanning.spans import Scan
from logscan.errors import UsageError
from logscan.values import Counters, Found, Results, Span

if TYPE_CHECKING:
    from logscan._store.open_store import Store


MANY = 256
"""Ids from which on scanning all is faster than looking up each in an index."""


class Searching(Reading, total=False):
    """Keywords of :func:`search`."""

    prefix: bool
    """The ids are beginnings of ids."""
    mentions: bool
    """Also entries that name an id anywhere in their text."""
    before: int
    """Entries of context before each that matches."""
    after: int
    """Entries of context after it."""
    line_number: bool
    """Number the lines."""
    index: str | None
    """The directory of an index; "" for those beside the logs, ``None`` for none."""


def search(ids: Names, *, paths: Paths, **searching: Unpack[Searching]) -> Results[Found]:
    """The entries of some messages, whole, in the order of the log.

    Args:
        ids: message ids.
        paths: logs, or stores of ``logscan ingest``.
        **searching: see :class:`logscan.Searching`.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: what a cluster cannot do.
        InputError: the cluster cannot be used, or was lost.
    """
    check_names(searching, Searching)
    counters = Counters()
    entries = find(
        several(ids), paths_of(paths), counters,
        prefix=searching.get("prefix", False), mentions=searching.get("mentions", False),
        before=searching.get("before", 0), after=searching.get("after", 0),
        limits=limits_of(searching), progress=searching.get("progress"),
        lines=searching.get("line_number", False), index=searching.get("index", ""),
        cluster=searching.get("cluster"),
    )  # fmt: skip
    return Results(entries, counters)


def find(
    ids: Iterable[str],
    paths: Sequence[str],
    counters: Counters,
    *,
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
        before: context: entries before each that matches.
        after: context: entries after it.
        index: the directory of an index (:mod:`logscan._index`); "" for those that lie beside the logs,
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
    scan = Scan(finder_of, counters, limits, progress, lines, is_broad=context or prefix)
    whole_ids = wanted if not (context or prefix or mentions or lines) else ()
    kept: deque[Span] = deque(maxlen=before)
    owed = 0
    path = stem = ""
    for spans in _spans(paths, scan, whole_ids, index, cluster):
        for span in spans:
            if context and path != span.place.path:
                path = span.place.path
                if stem != (here := describe(path).stem):
                    stem, owed = here, 0  # context does not reach into another log
                    kept.clear()
            kind = belongs.kind(span, counters)
            counters.mentions += kind == _MENTIONED
            if kind == _MEMBER or (mentions and kind == _MENTIONED):
                counters.candidates += 1
                yield from (Found(earlier, False) for earlier in kept)
                kept.clear()
                yield Found(span, True)
                owed = after
            elif owed:
                owed -= 1
                yield Found(span, False)
            elif context:
                kept.append(span)


def _spans(
    paths: Sequence[str], scan: Scan, whole_ids: Sequence[bytes], index: str | None, cluster: str | None
) -> Iterator[list[Span]]:
    """The spans that may belong to the messages, by the shortest way: what knows ids is asked where nothing
    but the entries of whole ids is wanted."""
    if cluster is not None:
        yield from _spans_on_cluster(paths, scan, cluster)
        return
    inputs = inputs_of(paths, scan.counters, learn=False)
    if not whole_ids:
        yield from spans_of_inputs(inputs, scan)
        return

    def of_store(store: Store, counters: Counters) -> Iterator[list[Span]]:
        yield store.find([name.decode("utf-8", "surrogateescape") for name in whole_ids], counters)

    lookup = None
    if index is not None and len(whole_ids) <= MANY:
        lookup = Lookup(whole_ids, index, scan, ScannedSpans(scan))
    yield from spans_of_inputs(inputs, scan, of_store=of_store, source=lookup)


def _spans_on_cluster(paths: Sequence[str], scan: Scan, address: str) -> Iterator[list[Span]]:
    from logscan._distribute.dask_executor import check_paths, on_cluster

    check_paths(paths)
    if scan.count_lines:
        raise UsageError("counts no lines", "search without line numbers", argument="cluster")
    with on_cluster(address) as executor:
        source = ScannedSpans(scan, executor)
        yield from spans_of_inputs(inputs_of(paths, scan.counters, learn=False), scan, source=source)


_NOT, _MENTIONED, _MEMBER = range(3)


class _Belongs:
    """Whether a span is an entry of one of some messages. Looks at bytes only."""

    def __init__(self, ids: tuple[bytes, ...], prefix: bool) -> None:
        self._ids = ids
        self._set = frozenset(ids)
        self._prefix = prefix
        self._longest = max(map(len, ids), default=0)

    def kind(self, span: Span, counters: Counters) -> int:
        """Member, mentioned, or neither. An entry that is not understood may be a member, and is one."""
        owner = header_id(span.data)
        if owner is None:
            # Not as usual: northbound, prefixed, or only mentioned. The grammar decides.
            own = Counters()
            understood = parse(span._replace(orphan=False), own).message_id
            if own.not_understood:
                counters.add_not_understood(own)
                return _MEMBER
            owner = None if understood is None else understood.encode("utf-8", "surrogateescape")
        if owner is not None and self._is_wanted(owner):
            return _MEMBER
        return _MENTIONED if self._mentioned(span.data) else _NOT

    def _is_wanted(self, owner: bytes) -> bool:
        if self._prefix:
            return owner.startswith(self._ids)
        return owner in self._set

    def _mentioned(self, data: bytes) -> bool:
        return any(name in data for name in self._ids) if len(self._ids) < 64 else True
