"""Search: the entries of some messages, whole, or entries in which they are mentioned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from logscan._distribute.scanned_spans import ScannedSpans
from logscan._entries.layouts import Layout
from logscan._index.lookup import Lookup
from logscan._jobs._matching import Matching
from logscan._jobs._options import (
    Names,
    Paths,
    Reading,
    Times,
    check_names,
    limits_of,
    listed,
    paths_of,
    several,
    times_of,
)
from logscan._jobs._spans import inputs_of, spans_of_inputs, split_paths
from logscan._scanning.needles import EveryEntryFinder, Finder, Literals
from logscan._scanning.plan import Inputs, Limits, Progress
from logscan._scanning.spans import Scan
from logscan.errors import UsageError
from logscan.times import TimeRange, time_range_around
from logscan.values import Counters, Found, Results, Span

if TYPE_CHECKING:
    from logscan._scanning.conditions import Conditions
    from logscan._store.lookups import Asked
    from logscan._store.open_store import Store


MANY = 256
"""Ids from which on scanning all is faster than looking up each in an index."""


class Asking(Times, total=False):
    """What else entries must be; every name may be a pattern (``payments-*``), or several with commas."""

    around: str | None
    """A time, in place of ``since`` and ``until``."""
    within: str
    """How far from it entries may lie, on both sides. Default: ``5m``."""
    org: Names
    env: Names
    proxy: Names
    revision: Names
    level: Names
    """``ERROR``; ``WARN+``: that and worse."""
    logger: Names
    text: str
    """Stands in the entry, its stack trace included."""
    regex: str
    """A regular expression (of the package ``regex``) that matches somewhere in the entry."""
    ignore_case: bool
    """The case of letters in ``text`` and ``regex`` does not matter."""


class Searching(Asking, Reading, total=False):
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


def search(ids: Names = (), *, paths: Paths, **searching: Unpack[Searching]) -> Results[Found]:
    """The entries of some messages, or those that fulfil some conditions, whole, in the order of the log.

    Args:
        ids: message ids; none, where another condition is given.
        paths: logs, or stores of ``logscan ingest``.
        **searching: see :class:`logscan.Searching`.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: nothing is asked for, a time, level or expression that cannot be read, or what a cluster
            cannot do.
        InputError: the cluster cannot be used, or was lost.
    """
    check_names(searching, Searching)
    counters = Counters()
    conditions = conditions_of(searching)
    if not several(ids) and conditions is None:
        raise UsageError("nothing is asked for", "give message ids, or a time, text, level, env, proxy …")
    entries = find(
        several(ids), paths_of(paths), counters, conditions,
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
    conditions: Conditions | None = None,
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
    hosts_at_once: int = 0,
    pull: bool = False,
) -> Iterator[Found]:
    """The entries of these messages, or all that fulfil some conditions, whole, in the order of the log.

    An entry belongs to a message when its header says ``messageid:ID``, or its text begins with
    ``Message id:ID`` (northbound lines).

    Args:
        ids: message ids, or their beginnings with ``prefix``; none, where there are conditions.
        conditions: what else an entry must be; ``None`` for nothing.
        mentions: also entries that name an id anywhere in their text.
        before: context: entries before each that matches.
        after: context: entries after it.
        index: the directory of an index (:mod:`logscan._index`); "" for those that lie beside the logs,
            ``None`` for none. It answers for whole ids; for all else the logs are scanned.
        cluster: address of a Dask scheduler whose workers scan; line numbers are not counted then.
        hosts_at_once: hosts that are asked at the same time; 0: the default.
        pull: read the bytes of the files of hosts here.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: what a cluster cannot do.
        InputError: the cluster cannot be used, or was lost.
    """
    ids = list(dict.fromkeys(ids))
    wanted = tuple(name.encode("utf-8", "surrogateescape") for name in ids)
    context = before > 0 or after > 0
    here, elsewhere = split_paths(paths, hosts_at_once, pull=pull)
    if here or not elsewhere:
        finder_of: Callable[[Layout], Finder] = (
            Literals(wanted) if wanted and not context else EveryEntryFinder
        )
        scan = Scan(finder_of, counters, limits, progress, lines, is_broad=context or prefix)
        judged = conditions
        if conditions is not None and not context and not wanted:
            # Judged where they are found.
            scan = replace(scan, conditions=conditions, is_broad=conditions.only_time)
            judged = None
        short = wanted if not (context or mentions or lines) else ()
        matching = Matching(
            wanted, judged, counters, prefix=prefix, mentions=mentions, before=before, after=after
        )
        yield from matching.found(
            _spans(here, scan, conditions, short, prefix=prefix, index=index, cluster=cluster)
        )
    if elsewhere:
        from logscan._jobs._search_elsewhere import SearchRequest, find_elsewhere

        request = SearchRequest(
            ids=tuple(ids), conditions=conditions, prefix=prefix, mentions=mentions, before=before,
            after=after, lines=lines, index=index, limits=limits,
        )  # fmt: skip
        yield from find_elsewhere(elsewhere, request, counters, progress)


def conditions_of(given: Asking) -> Conditions | None:
    """What is asked for beside message ids; ``None`` for nothing.

    Raises:
        UsageError: a time, zone, level or expression that cannot be read.
    """
    names = Asking.__optional_keys__
    if not any(given.get(name) for name in names - {"tz", "within", "ignore_case"}):
        for name in ("within", "ignore_case"):
            if given.get(name):
                raise UsageError(
                    "belongs to around" if name == "within" else "belongs to text or regex", argument=name
                )
        return None
    from logscan._scanning.conditions import Conditions, levels_of

    around = given.get("around")
    if around and (given.get("since") or given.get("until")):
        raise UsageError(
            "excludes since and until", "give a time with within, or both ends", argument="around"
        )
    if given.get("within") and not around:
        raise UsageError("belongs to around", argument="within")
    return Conditions(
        times=time_range_around(around, given.get("within") or "5m", given.get("tz")) if around
        else times_of(given),
        orgs=listed(given.get("org")), envs=listed(given.get("env")),
        proxies=listed(given.get("proxy")), revisions=listed(given.get("revision")),
        loggers=listed(given.get("logger")),
        levels=levels_of(listed(given.get("level"))),
        text=given.get("text") or "", regex=given.get("regex") or "",
        ignore_case=given.get("ignore_case", False),
    )  # fmt: skip


def _spans(
    paths: Sequence[str],
    scan: Scan,
    conditions: Conditions | None,
    ids: tuple[bytes, ...],
    *,
    prefix: bool,
    index: str | None,
    cluster: str | None,
) -> Iterator[list[Span]]:
    """The spans that may belong to the messages, by the shortest way: what knows ids is asked where nothing
    but the entries of some ids is wanted."""
    times = TimeRange(None, None, None) if conditions is None else conditions.times
    if cluster is not None:
        yield from _spans_on_cluster(paths, scan, times, cluster)
        return
    inputs = inputs_of(paths, scan.counters, times, learn=scan.conditions is not None)
    scan = _with_needles(scan, inputs)
    if not ids:
        yield from spans_of_inputs(inputs, scan)
        return

    def of_store(store: Store, counters: Counters) -> list[Span] | None:
        spans = store.look_up(_asked_of_store(ids, prefix, conditions), counters)
        return None if spans is None else [_as_scanned(span, scan.limits, counters) for span in spans]

    lookup = None
    if index is not None and len(ids) <= MANY and not prefix:
        lookup = Lookup(ids, index, scan, ScannedSpans(scan))
    yield from spans_of_inputs(inputs, scan, of_store=of_store, source=lookup)


def _asked_of_store(ids: tuple[bytes, ...], prefix: bool, conditions: Conditions | None) -> Asked:
    """What a store is asked for."""
    from logscan._store.lookups import Asked

    if conditions is None:
        return Asked(ids, prefix)
    from logscan._scanning.conditions import literal_beginning
    from logscan._store.inputs import dates_of

    names = {
        name: sorted(map(literal_beginning, patterns))
        for name, patterns in conditions.of_header
        if name in ("org", "env", "proxy")
    }
    return Asked(ids, prefix, dates_of(conditions.times), names)


def _as_scanned(span: Span, limits: Limits, counters: Counters) -> Span:
    """An entry of a store as a scan of the file gives it: without NULs before it, cut at the limit."""
    data = span.data
    if data[:1] == b"\0":
        data = data.lstrip(b"\0")
        nuls = len(span.data) - len(data)
        counters.nul_bytes += nuls
        span = span._replace(data=data, place=span.place._replace(offset=span.place.offset + nuls))
    cut = len(data) - limits.max_entry
    if cut <= 0:
        return span
    counters.cut_entries += 1
    counters.cut_bytes += cut
    return span._replace(data=data[: limits.max_entry], cut=span.cut + cut)


def _with_needles(scan: Scan, inputs: Inputs) -> Scan:
    """The same, looking only for the rarest bytes that its conditions need, if there are any."""
    if scan.conditions is None:
        return scan
    from logscan._scanning.conditions import rarest
    from logscan._scanning.samples import samples_of

    needles = rarest(scan.conditions.needles(), samples_of(inputs.slices))
    return scan if needles is None else replace(scan, finder_of=needles)


def _spans_on_cluster(
    paths: Sequence[str], scan: Scan, times: TimeRange, address: str
) -> Iterator[list[Span]]:
    from logscan._distribute.dask_executor import check, on_cluster

    if scan.count_lines:
        raise UsageError("counts no lines", "search without line numbers", argument="cluster")
    check(paths, address)
    with on_cluster(address) as executor:
        inputs = inputs_of(paths, scan.counters, times, learn=scan.conditions is not None)
        scan = _with_needles(scan, inputs)
        yield from spans_of_inputs(inputs, scan, source=ScannedSpans(scan, executor))
