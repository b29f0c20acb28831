"""Searches on other hosts: an installed logscan searches there, an agent sends entries that may matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from logscan._hosts.agent_client import AgentClient
from logscan._hosts.fan_out import FanOut, Lane, opened
from logscan._hosts.questions import of_conditions, times_there
from logscan._hosts.rows import read_found
from logscan._hosts.tallies import read_counters
from logscan._hosts.wire import WireError
from logscan._jobs._elsewhere import (
    Elsewhere,
    Ended,
    failures_noted,
    note_clock,
    report_progress,
    shift_of,
    zone_offset,
)
from logscan._jobs._matching import Matching
from logscan._scanning.needles import Literals
from logscan._scanning.plan import Limits, Progress
from logscan.times import TimeRange
from logscan.values import Counters, Found, Span

if TYPE_CHECKING:
    from logscan._scanning.conditions import Conditions


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """What is looked for: see :func:`logscan._jobs.search.find`."""

    ids: tuple[str, ...]
    conditions: Conditions | None
    prefix: bool
    mentions: bool
    before: int
    after: int
    lines: bool
    index: str | None
    limits: Limits

    @property
    def times(self) -> TimeRange:
        """The time range."""
        return TimeRange(None, None, None) if self.conditions is None else self.conditions.times

    @property
    def wanted(self) -> tuple[bytes, ...]:
        """The ids as they stand in a log."""
        return tuple(name.encode("utf-8", "surrogateescape") for name in self.ids)

    def needles(self) -> Literals | None:
        """Bytes of which one stands in every entry that is asked for; ``None``: any entry may be."""
        if self.before or self.after:
            return None
        if self.ids:
            return Literals(self.wanted)
        return next(iter(self.conditions.needles()), None) if self.conditions is not None else None


def find_elsewhere(
    elsewhere: Elsewhere, request: SearchRequest, counters: Counters, progress: Progress | None = None
) -> Iterator[Found]:
    """What is found on hosts, host by host as they were named; problems of hosts go into the counters."""

    def work(lane: Lane[Any]) -> None:
        _search(lane, request)

    with FanOut(elsewhere.asked, work, elsewhere.at_once) as fan:
        for lane in fan.lanes:
            found = _Lane(lane, fan, counters, progress)
            with failures_noted(lane, counters):
                conditions = found.conditions(request)
                if found.is_judged:
                    for each in found.answers:
                        yield from each
                else:
                    matching = Matching(
                        request.wanted, conditions, counters, prefix=request.prefix,
                        mentions=request.mentions, before=request.before, after=request.after,
                    )  # fmt: skip
                    yield from matching.found(found.answers)


@dataclass(frozen=True)
class _Begun:
    """How a host answers."""

    is_judged: bool
    """It gives what was found; else the entries that may be it."""
    shift: int
    """Seconds that the wall times of this run are ahead of the host's."""


class _Lane:
    """The answers of one host."""

    def __init__(
        self, lane: Lane[Any], fan: FanOut[Any], counters: Counters, progress: Progress | None
    ) -> None:
        self._counters = counters
        self._values = lane.values(lambda: report_progress(fan, counters, progress))
        self._begun = _Begun(True, 0)
        self.answers = self._answers()

    def conditions(self, request: SearchRequest) -> Conditions | None:
        """What entries must be, in the wall times of the host, once it has begun to answer."""
        self._begun = next(self._values, self._begun)
        if request.conditions is None:
            return None
        return replace(request.conditions, times=times_there(request.times, self._begun.shift))

    @property
    def is_judged(self) -> bool:
        """Whether the host says what was found."""
        return self._begun.is_judged

    def _answers(self) -> Iterator[Any]:
        for value in self._values:
            if isinstance(value, Ended):
                self._counters.add(value.counters)
            else:
                yield value


def _search(lane: Lane[Any], request: SearchRequest) -> None:
    """Search on one host, in its thread."""
    session = opened(lane)
    counters = Counters()
    note_clock(session, counters)
    shift = shift_of(session, request.times)
    lane.put(_Begun(session.way == "logscan", shift))
    if session.way == "agent":
        client = AgentClient(session, counters, times_there(request.times, shift), lines=request.lines)
        client.discover(lane.asked.paths)
        for entries in client.scan(request.needles(), request.limits.max_entry):
            spans: list[Span] = entries.spans()
            lane.put(spans)
        lane.put(Ended(counters, None))
        return
    session.ask({
        "do": "search", "paths": list(lane.asked.paths), "ids": list(request.ids),
        "offset": zone_offset(request.times), "conditions": of_conditions(request.conditions),
        "prefix": request.prefix, "mentions": request.mentions, "before": request.before,
        "after": request.after, "lines": request.lines, "index": request.index,
        "max_entry": request.limits.max_entry,
    })  # fmt: skip
    try:
        for frame in session.answer("end"):
            if frame.get("k") == "counters":
                counters.add(read_counters(frame, session.host.address))
            else:
                found = read_found(frame, session.host.address)
                lane.put(found)
    except WireError as error:
        raise session.refusal(error) from error
    lane.put(Ended(counters, None))
