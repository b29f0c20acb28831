"""What a host has counted, as JSON, and back: checked, and under the name that the host has here.

Counts add up, so they travel in parts: one of all that is not counted by incident, and some incidents each.
"""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from logscan._failures.distinct import Distinct, Values
from logscan._failures.in_common import DIMENSIONS, InCommon, Timed, joined, parts
from logscan._failures.in_common import MOST_ALERTS as MOST_TIMED
from logscan._failures.in_common import MOST_SPANS as MOST_SPANS_OF_ALL
from logscan._failures.incidents import SLACK, Incidents
from logscan._failures.incidents import _Key as IncidentKey
from logscan._failures.seen import EARLIEST, LATEST, LISTED, MOST_KINDS, SAMPLES, IncidentCount
from logscan._failures.tally import MOST_MESSAGES, Alerts, Counted, CountRequest, Places
from logscan._failures.timeline import MOST_HOURS, WIDTHS, Timeline
from logscan._hosts.wire import WireError, data_of, flag, items, maybe, number, pairs, text, text_of, words
from logscan.values import Counters, Problem

SOME = 500
"""Incidents of a part."""
_MOST_HELD = 100_000
"""Message ids, spans of time and values of a part, about: most of what an incident of a storm holds."""
_MOST_COUNTED = 1 << 53
_MOST_LISTED = 10_000
"""Values of one list, at most: more than any is allowed to keep."""
_ALL = 1 << 64
_YEARS = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""Microseconds from 1970 to the years 1 and 9999."""


def parts_of(counted: Counted) -> Iterator[dict[str, Any]]:
    """What was counted, in parts that travel."""
    incidents = counted.incidents
    yield {
        "k": "counted",
        "others": [
            list(counted.others._known.items()), _values(counted.others._unknown), counted.others._all_unknown
        ],
        "elsewhere": counted.elsewhere,
        "certain": _in_common(counted.certain),
        "possible": _in_common(counted.possible),
        "places": {name: _values(values) for name, values in counted.places.values.items()},
        "ids": _distinct(counted.ids),
        "unnamed": counted.unnamed,
        "rest": None if incidents._others is None else _incident(incidents._others),
        "together": _distinct(incidents._together),
    }  # fmt: skip
    some: list[Any] = []
    held = 0
    for key, tally in incidents._tallies.items():
        some.append([*key[:5], list(key.by), _incident(tally)])
        held += len(tally.ids._hashes) + len(tally.timeline.counts)
        held += sum(len(values.counts) for values in tally.values.values())
        if len(some) >= SOME or held >= _MOST_HELD:
            yield {"k": "incidents", "incidents": some}
            some, held = [], 0
    if some:
        yield {"k": "incidents", "incidents": some}


def counters_of(counters: Counters) -> dict[str, Any]:
    """Counters, and the problems of a run."""
    numbers = {each.name: getattr(counters, each.name) for each in fields(counters) if each.type == "int"}
    problems = [[p.path, p.reason, p.hint, p.fatal, p.is_copy] for p in counters.problems[:_MOST_LISTED]]
    return {"k": "counters", "numbers": numbers, "problems": problems}


def read_counters(value: Mapping[str, Any], address: str) -> Counters:
    """Counters of a host; the paths of problems become addresses.

    Raises:
        WireError: they are none.
    """
    counters = Counters()
    numbers = _object(value.get("numbers"))
    for each in fields(counters):
        if each.type == "int":
            setattr(counters, each.name, number(numbers.get(each.name), 0, _MOST_COUNTED))
    counters.problems += read_problems(value, address)
    return counters


def read_problems(value: Mapping[str, Any], address: str) -> list[Problem]:
    """Problems of a host; their paths become addresses.

    Raises:
        WireError: they are none.
    """
    problems = []
    for path, reason, hint, fatal, is_copy in items(value.get("problems"), _MOST_LISTED, 5):
        where = text(path, 4096)
        where = f"{address}{where}" if where.startswith("/") else f"{address}/{where}"
        problems.append(
            Problem(
                where, words(reason), words(hint), flag(fatal), flag(is_copy),
            )
        )  # fmt: skip
    return problems


class TallyReader:
    """Parts of what a host has counted in, their values out.

    Args:
        request: what was asked.
        host: the name of the host here.
    """

    def __init__(self, request: CountRequest, host: str) -> None:
        self._request, self._host = request, host
        self._listed = LISTED if request.group else LISTED[:6]

    def read(self, value: Mapping[str, Any]) -> Counted:
        """What a part says.

        Raises:
            WireError: it says what cannot be.
        """
        request = self._request
        counted = Counted(Incidents(request.by, request.max_incidents, group=request.group))
        incidents = counted.incidents
        if value.get("k") == "incidents":
            most = min(SOME, int(SLACK * request.max_incidents) + 1)
            for org, env, proxy, alert, side, by, tally in items(value.get("incidents"), most, 7):
                columns = [maybe(words, column) for column in items(by, 32)]
                if len(columns) != len(incidents._by):
                    raise WireError("other columns than were asked for")
                if "host" in incidents._by:
                    columns[incidents._by.index("host")] = self._host
                key = IncidentKey(
                    maybe(words, org), maybe(words, env), maybe(words, proxy), words(alert), words(side),
                    tuple(columns),
                )  # fmt: skip
                incidents._tallies[key] = self._incident(tally)
            return counted
        known, unknown, all_unknown = _row(value.get("others"), 3)
        others = counted.others = Alerts()
        others._known.update(_counts(known))
        _read_values(unknown, others._unknown)
        others._all_unknown = _count(all_unknown)
        counted.elsewhere = _count(value.get("elsewhere"))
        counted.certain = self._in_common(value.get("certain"))
        counted.possible = self._in_common(value.get("possible"))
        places = counted.places = Places()
        sent = _object(value.get("places"))
        for name, values in places.values.items():
            _read_values(sent.get(name), values)
        counted.ids = _read_distinct(value.get("ids"), Distinct(MOST_MESSAGES))
        counted.unnamed = _count(value.get("unnamed"))
        rest = value.get("rest")
        incidents._others = None if rest is None else self._incident(rest)
        incidents._together = _read_distinct(value.get("together"), incidents._together)
        return counted

    def _incident(self, value: Any) -> IncidentCount:
        count, first, last, timeline, ids, unnamed, samples, kinds, families, lists, whole = _row(value, 11)
        tally = IncidentCount()
        tally.count, tally.unnamed = number(count, 1, _MOST_COUNTED), number(unnamed, 0, count)
        tally.first, tally.last = _end(first, LATEST), _end(last, EARLIEST)
        if (first == LATEST) != (last == EARLIEST) or tally.first > tally.last > EARLIEST:
            raise WireError("times that are none")
        tally.timeline = _read_timeline(timeline, tally.timeline)
        tally.ids = _read_distinct(ids, tally.ids)
        tally.samples = {
            data_of(name, 4096): number(moment, EARLIEST, LATEST)
            for name, moment in pairs(samples, 4 * SAMPLES)
        }
        tally.is_whole = flag(whole)
        for names, values, times in items(kinds, MOST_KINDS, 3):
            listed = [maybe(words, each) for each in items(values, len(self._listed))]
            if len(listed) != len(self._listed):
                raise WireError("other lists than were asked for")
            listed[LISTED.index("hosts")] = self._host
            kind = (tuple(words(each, 64) for each in items(names, 16)), tuple(listed))
            if not kind[0]:
                raise WireError("a failure without a family")
            tally.kinds[kind] = tally.kinds.get(kind, 0) + _count(times)
        if families is not None:
            tally.families = {}
            for names, times in pairs(families, 1000):
                key = tuple(words(each, 64) for each in items(names, 16))
                if not key:
                    raise WireError("a failure without a family")
                tally.families[key] = _count(times)
            sent = _object(lists)
            tally.values = {name: _read_values(sent.get(name), Values()) for name in self._listed}
            _rename(tally.values["hosts"], lambda _: self._host)
        if tally.kinds and tally.families is not None:
            raise WireError("an incident that is counted twice")
        if sum(tally.kinds.values()) + sum((tally.families or {}).values()) != tally.count:
            raise WireError("failures that do not add up")
        return tally

    def _in_common(self, value: Any) -> InCommon:
        sent = _object(value)
        made = InCommon()
        made.count = _count(sent.get("count"))
        made.first = maybe(number, sent.get("first"), *_YEARS)
        made.last = maybe(number, sent.get("last"), *_YEARS)
        if (made.first is None) != (made.last is None) or (made.first or 0) > (made.last or 0):
            raise WireError("times that are none")
        values = _object(sent.get("values"))
        for name, each in made._values.items():
            _read_values(values.get(name), each)
        _rename(made._values["host"], lambda _: self._host)
        for alert, timeline in pairs(sent.get("timelines"), MOST_TIMED):
            made._timelines[words(alert)] = _read_timeline(timeline, Timeline(MOST_SPANS_OF_ALL))
        made._every = _read_timeline(sent.get("every"), made._every)
        for pair, each in zip(made._pairs.values(), _row(sent.get("pairs"), 2), strict=True):
            _read_values(each, pair)
            _check_joined(pair, 2)
        _read_timed(sent.get("keystores"), made.keystores, self._named_first)
        _read_timed(sent.get("revisions"), made.revisions, lambda name: name)
        _read_timed(sent.get("hosts"), made.hosts, lambda _: self._host)
        for timed in (made.keystores, made.revisions):
            _check_joined(timed.values, 3)
        return made

    def _named_first(self, value: str) -> str:
        """Joined values of which the first is the host."""
        return joined(self._host, *parts(value)[1:])


def _incident(tally: IncidentCount) -> list[Any]:
    lists = {name: _values(values) for name, values in tally.values.items()}
    return [
        tally.count, tally.first, tally.last, _timeline(tally.timeline), _distinct(tally.ids), tally.unnamed,
        [[text_of(name), moment] for name, moment in tally.samples.items()],
        [[list(families), list(values), times] for (families, values), times in tally.kinds.items()],
        None if tally.families is None else [[list(key), times] for key, times in tally.families.items()],
        lists, tally.is_whole,
    ]  # fmt: skip


def _in_common(common: InCommon) -> dict[str, Any]:
    return {
        "count": common.count, "first": common.first, "last": common.last,
        "values": {name: _values(common._values[name]) for name in DIMENSIONS},
        "timelines": [[alert, _timeline(each)] for alert, each in common._timelines.items()],
        "every": _timeline(common._every),
        "pairs": [_values(each) for each in common._pairs.values()],
        "keystores": _timed(common.keystores), "revisions": _timed(common.revisions),
        "hosts": _timed(common.hosts),
    }  # fmt: skip


def _values(values: Values) -> list[Any]:
    values._compact()
    return [list(values.counts.items()), values._threshold % _ALL]


def _read_values(value: Any, made: Values) -> Values:
    counts, threshold = _row(value, 2)
    made.counts = _counts(counts)
    made._threshold = number(threshold, 0, _ALL - 1) or _ALL
    made._compact()
    if made._threshold < _ALL and len(made.counts) < made._most:
        raise WireError("values that were left out")  # it would leave out those of other hosts, too
    return made


def _check_joined(values: Values, size: int) -> None:
    """Check that each value is joined of some."""
    if not all(len(parts(value)) == size for value in values.counts):
        raise WireError("a joined value of another form")


def _rename(values: Values, renamed: Callable[[str], str]) -> None:
    """Values by other names; those of one name are one."""
    counts: dict[str, int] = {}
    for value, times in values.counts.items():
        counts[renamed(value)] = counts.get(renamed(value), 0) + times
    if counts.keys() != values.counts.keys():
        values._threshold = _ALL  # it is one of other names
    values.counts = counts


def _distinct(distinct: Distinct) -> list[Any]:
    distinct._compact()
    hashes = distinct._hashes
    if sys.byteorder == "big":
        hashes = array("Q", hashes)
        hashes.byteswap()
    return [base64.b64encode(hashes.tobytes()).decode(), distinct._threshold % _ALL]


def _read_distinct(value: Any, made: Distinct) -> Distinct:
    data, threshold = _row(value, 2)
    try:
        raw = base64.b64decode(text(data, 44 * made._most), validate=True)
    except ValueError as error:
        raise WireError("numbers that are none") from error
    if len(raw) % 8:
        raise WireError("numbers that are none")
    hashes = array("Q", raw)
    if sys.byteorder == "big":
        hashes.byteswap()
    made._hashes = hashes
    made._threshold = number(threshold, 0, _ALL - 1) or _ALL
    made._compact()
    if made._threshold < _ALL and len(made._hashes) < made._most:
        raise WireError("numbers that were left out")  # it would leave out those of other hosts, too
    return made


def _timeline(timeline: Timeline) -> list[Any]:
    return [timeline.width, list(timeline.counts.items())]


def _read_timeline(value: Any, made: Timeline) -> Timeline:
    width, counts = _row(value, 2)
    if width not in WIDTHS:
        raise WireError("a span of time that is none")
    made.width = width
    first, last = _YEARS[0] // width + 1, _YEARS[1] // width - 1
    made.counts = {
        number(moment, first, last): _count(times) for moment, times in pairs(counts, 4 * MOST_HOURS)
    }
    return made


def _timed(timed: Timed) -> list[Any]:
    spans = [[name, *span] for name, span in timed.spans().items()]
    return [_values(timed.values), spans]


def _read_timed(value: Any, made: Timed, renamed: Callable[[str], str]) -> None:
    values, spans = _row(value, 2)
    _rename(_read_values(values, made.values), renamed)
    for name, first, last in items(spans, _MOST_LISTED, 3):
        key = renamed(words(name))
        held = made._spans.get(key, (LATEST, EARLIEST))
        begin = number(first, *_YEARS)
        made._spans[key] = (min(held[0], begin), max(held[1], number(last, begin, _YEARS[1])))
    if not made.values.counts.keys() <= made._spans.keys():
        raise WireError("a value without a time")


def _end(value: Any, none: int) -> int:
    """A time; or what stands for none."""
    return none if value == none and type(value) is int else number(value, *_YEARS)


def _count(value: Any) -> int:
    return number(value, 0, _MOST_COUNTED)


def _counts(value: Any) -> dict[str, int]:
    return {words(name): _count(times) for name, times in pairs(value, _MOST_LISTED)}


def _object(value: Any) -> Mapping[str, Any]:
    if type(value) is not dict:
        raise WireError("no object")
    return value


def _row(value: Any, size: int) -> list[Any]:
    row = items(value, size)
    if len(row) != size:
        raise WireError("a row of another form")
    return row
