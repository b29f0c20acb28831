"""Counting: what a report counts of failed handshakes, by what they have in common.

In a storm the same failure happens thousands of times. So failures that agree in their meaning, place,
backend and keystore are counted in one :class:`~logscan._failures.seen.Seen`; only the first of them
becomes a :class:`~logscan.values.FailedHandshake`, by which all are selected and put under their incident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from logscan._failures.catalog import known_names
from logscan._failures.distinct import Distinct, Values, hash_of
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.in_common import MOST_SPANS, InCommon
from logscan._failures.incidents import MOST_INCIDENTS, PERIODS, Incidents
from logscan._failures.members import EPOCH, MICROSECOND, Member, Template
from logscan._failures.names import LONGEST_TEXT, cut, cut_bytes
from logscan._failures.seen import Seen
from logscan._failures.selection import Selection
from logscan.times import in_zone
from logscan.values import Counters, FailedHandshake

MOST_CELLS = 20_000
"""Kinds of failures that are counted apart before they are put under their incidents."""
MOST_ALERTS = 100
"""Names of alerts outside the selection that the catalogue does not know, and that are counted each."""
OTHER_ALERTS = "other"
"""Stands for all others."""
_KNOWN = frozenset(known_names())
MOST_PLACES = 1_000
"""Organizations, environments and API proxies each that are remembered for who asked for another."""
MOST_MESSAGES = 65_536
"""Messages of a run that are counted exactly."""
MOST_MOMENTS = 250_000
"""Failures that are counted by kind before they are put under their incidents: it bounds the times kept."""


@dataclass(frozen=True)
class CountRequest:
    """What is to be counted."""

    selection: Selection
    by: tuple[str, ...]
    """Further columns of incidents; with ``group`` the only ones."""
    horizon: datetime
    """Later failures are in the future."""
    host_of: Callable[[str], str]
    each: bool = False
    """Also keep every selected failed handshake."""
    rule: Rule = DEFAULT_RULE
    max_incidents: int = MOST_INCIDENTS
    """Incidents that are listed; of more the smallest are counted together."""
    group: bool = False
    """Whether ``by`` replaces organization, environment, API proxy, alert and side."""
    all_failures: bool = False
    """Count nothing, but keep every failed handshake, selected or not."""
    shift: int = 0
    """Microseconds that are added to the times of entries that print no zone: logs of a host whose zone is
    another than that of the run."""


class Alerts:
    """Failures by alert. Names that the catalogue does not know come from the log: of too many, those of
    smallest hash are kept, counted exactly, and the rest is one number."""

    def __init__(self) -> None:
        self._known: Counter[str] = Counter()
        self._unknown = Values(MOST_ALERTS)
        self._all_unknown = 0

    def add(self, alert: str, number: int) -> None:
        """Count failures."""
        if alert in _KNOWN:
            self._known[alert] += number
        else:
            self._unknown.add(alert, number)
            self._all_unknown += number

    def merge(self, other: Alerts) -> None:
        """Add what another has counted."""
        self._known.update(other._known)
        self._unknown.merge(other._unknown)
        self._all_unknown += other._all_unknown

    def counter(self) -> Counter[str]:
        """The counts by name; ``other`` is what has none."""
        self._unknown.number()
        unknown = Counter(self._unknown.counts)
        rest = self._all_unknown - unknown.total()
        return self._known + unknown + Counter({OTHER_ALERTS: rest})


class Places:
    """The organizations, environments and API proxies of all failures, for who asked for another."""

    def __init__(self) -> None:
        self.values = {name: Values(MOST_PLACES) for name in ("org", "env", "proxy")}

    def take(self, failure: FailedHandshake, number: int) -> None:
        """Count failures of one place."""
        for name, value in (("org", failure.org), ("env", failure.env), ("proxy", failure.proxy)):
            if value is not None:
                self.values[name].add(cut(value), number)

    def merge(self, other: Places) -> None:
        """Add what another part has counted."""
        for name, values in other.values.items():
            self.values[name].merge(values)

    def seen(self, name: str) -> tuple[str, ...]:
        """The values of a kind, most failures first."""
        return self.values[name].most(MOST_PLACES)


@dataclass
class Counted:
    """What a report counts, of all of a log or of a part."""

    incidents: Incidents
    failures: list[FailedHandshake] = field(default_factory=list)
    others: Alerts = field(default_factory=Alerts)
    elsewhere: int = 0
    certain: InCommon = field(default_factory=InCommon)
    """Selected failures whose name has one cause."""
    possible: InCommon = field(default_factory=InCommon)
    """Selected failures whose name may have another cause than the one that was asked for."""
    places: Places = field(default_factory=Places)
    counters: Counters = field(default_factory=Counters)
    ids: Distinct = field(default_factory=lambda: Distinct(MOST_MESSAGES))
    """Message ids with a failure."""
    unnamed: int = 0
    """Failures without a message id."""

    @property
    def messages(self) -> int:
        """Messages with a failure: different ids, and failures without one."""
        return self.ids.number().total + self.unnamed

    def merge(self, other: Counted) -> None:
        """Add what another part has counted."""
        self.incidents.merge(other.incidents)
        self.failures += other.failures
        self.others.merge(other.others)
        self.elsewhere += other.elsewhere
        self.certain.merge(other.certain)
        self.possible.merge(other.possible)
        self.places.merge(other.places)
        self.counters.add(other.counters)
        self.ids.merge(other.ids)
        self.unnamed += other.unnamed


_SELECTED, _OTHER, _ELSEWHERE = range(3)


class _Cell(NamedTuple):
    """Failures of one kind."""

    failure: FailedHandshake
    """The first of them."""
    verdict: int
    seen: Seen


class Tally:
    """Failed handshakes in, counts out.

    Attributes:
        counted: what was counted so far; complete with :meth:`done`.

    Args:
        request: what is to be counted.

    Raises:
        UsageError: an unknown column in ``by``.
    """

    def __init__(self, request: CountRequest) -> None:
        self.counted = Counted(Incidents(request.by, request.max_incidents, group=request.group))
        self._request = request
        self._selection = request.selection
        times = request.selection.times
        self._messages = {name.encode("utf-8", "surrogateescape") for name in request.selection.messages}
        self._ranged = times.since is not None or times.until is not None
        self._by_reason = "reason" in request.by
        self._period = min((PERIODS[name] for name in request.by if name in PERIODS), default=0)
        self._moments = 0
        """Failures since the kinds were put under their incidents."""
        self._horizon = (request.horizon - EPOCH) // MICROSECOND
        self._cells: dict[tuple[object, ...], _Cell] = {}
        self._hosts: dict[str, str] = {}

    def feed(self, members: list[Member], templates: Sequence[Template]) -> None:
        """Count the failed handshakes of a group."""
        done = self.counted
        name = members[0].message_id
        number = 0 if name is None else hash_of(name)
        foreign = bool(self._messages) and (name is None or cut_bytes(name) not in self._messages)
        for template in templates:
            first = members[template.first]
            moment = first.moment
            done.counters.failures += 1
            if name is None:
                done.unnamed += 1
            if self._request.all_failures:
                done.failures.append(template.failure(members, self._host(first.path)))
                continue
            unclear = self._ranged or first.zone is not None or moment is None or moment > self._horizon
            if unclear and not self._in_time(first):
                continue
            info, channel = template.ssl_info, template.channel
            if foreign:  # message ids are no part of the key
                done.elsewhere += 1
                continue
            host = self._hosts.get(first.path) or self._host(first.path)
            key = (
                template.context_of(first), template.meaning, first.zone, host,
                cut(template.reason, LONGEST_TEXT) if self._by_reason else None,
                None if channel is None else members[channel].target,
                None if info is None else members[info].ssl_info,
                moment // self._period if self._period and moment is not None else None,
            )  # fmt: skip
            self._moments += 1
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cell(key, template.failure(members, host, brief=True))
            if cell.verdict == _SELECTED:
                cell.seen.add(moment, name, number)
                if self._request.each:
                    done.failures.append(template.failure(members, host))
            else:
                cell.seen.count += 1
        if templates and name is not None:
            done.ids.add(number)
        if self._moments >= MOST_MOMENTS or len(self._cells) >= MOST_CELLS:
            self._flush()

    def done(self) -> Counted:
        """What was counted."""
        self._flush()
        return self.counted

    def _in_time(self, first: Member) -> bool:
        """Whether a failure lies in the time range; a time in the future is counted."""
        times, counters, when = self._selection.times, self.counted.counters, first.time
        held = times.holds(when, first.zone)
        if held is None:
            counters.untimed += 1
        if held and when and in_zone(when, first.zone, times.zone) > self._request.horizon:
            counters.future_times += 1
        return bool(held)

    def _cell(self, key: tuple[object, ...], failure: FailedHandshake) -> _Cell:
        """A new kind of failures."""
        selection = self._selection
        if not selection.covers(failure):
            verdict = _ELSEWHERE
        else:
            verdict = _SELECTED if selection.names(failure) else _OTHER
        cell = self._cells[key] = _Cell(failure, verdict, Seen(MOST_SPANS))
        return cell

    def _flush(self) -> None:
        """Put what was counted under its incidents."""
        done = self.counted
        for failure, verdict, seen in self._cells.values():
            done.places.take(failure, seen.count)
            if verdict == _SELECTED:
                try:
                    done.incidents.take(failure, seen)
                    group = done.possible if self._selection.doubts(failure) else done.certain
                    group.take(failure, seen)
                except Exception as error:  # noqa: BLE001
                    self.counted.counters.note_not_understood(failure.place, error)
            elif verdict == _OTHER:
                self.counted.others.add(failure.alert, seen.count)
            else:
                self.counted.elsewhere += seen.count
        self._cells.clear()
        self._moments = 0

    def _host(self, path: str) -> str:
        """The Message Processor that wrote a file."""
        host = self._hosts[path] = self._request.host_of(path)
        return host
