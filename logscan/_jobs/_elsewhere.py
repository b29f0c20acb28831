"""Logs on other hosts: what is counted and found there, by the way that each host allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from logscan._entries.layouts import PLAIN
from logscan._failures.count_rows import RowCounter, Rows
from logscan._failures.count_unit import UnitCount, needles_of
from logscan._failures.incidents import Incidents
from logscan._failures.selection import HostNames
from logscan._failures.tally import Counted, CountRequest
from logscan._hosts.agent_client import AgentClient, Entries
from logscan._hosts.fan_out import AT_ONCE, Asked, FanOut, Lane, opened
from logscan._hosts.questions import of_count, offset_of, times_there
from logscan._hosts.rows import read_failures
from logscan._hosts.session import CLOCK_SECONDS, Session
from logscan._hosts.tallies import TallyReader, read_counters
from logscan._hosts.wire import WireError
from logscan._reading.ssh import Host, is_ssh, parsed
from logscan._scanning.plan import Limits, Progress
from logscan.errors import REPORT, InputError, LogscanError, not_understood, problem_of
from logscan.times import TimeRange
from logscan.values import Counters, FailedHandshake, Problem


@dataclass(frozen=True)
class Elsewhere:
    """Hosts, and how they are asked."""

    asked: tuple[Asked, ...] = ()
    at_once: int = AT_ONCE

    def __bool__(self) -> bool:
        return bool(self.asked)

    def names(self, host_of: Callable[[str], str]) -> set[str]:
        """The names of the hosts in reports."""
        return {named(each.host, host_of) for each in self.asked}


def split(paths: Sequence[str], at_once: int = 0, *, pull: bool = False) -> tuple[list[str], Elsewhere]:
    """Paths of this machine, and hosts with theirs; those of one host are asked together.

    Args:
        paths: both.
        at_once: hosts that are asked at the same time; 0: the default.
        pull: read the bytes of the files of hosts as if they were here.

    Raises:
        UsageError: an address that is none.
    """
    here: list[str] = []
    hosts: dict[Host, list[str]] = {}
    for path in paths:
        if not is_ssh(path):
            here.append(path)
            continue
        host, there = parsed(path)
        if pull:
            here.append(path)
        else:
            hosts.setdefault(host, []).append(there)
    return here, Elsewhere(
        tuple(Asked(host, tuple(some)) for host, some in hosts.items()), at_once or AT_ONCE
    )


@dataclass(frozen=True)
class Ended:
    """A host has said all."""

    counters: Counters
    end: datetime | None
    """When its logs end, in wall times of this run."""


def zone_offset(times: TimeRange) -> int | None:
    """What a host must know of the wall times of a run; ``None``: the log is in a zone that was named."""
    return None if times.zone is not None else offset_of(None)


def shift_of(session: Session, times: TimeRange) -> int:
    """Seconds that the wall times of this run are ahead of those of a host."""
    own = zone_offset(times)
    return 0 if own is None else own - session.offset


def note_clock(session: Session, counters: Counters) -> None:
    """Say that the clock of a host differs."""
    if abs(session.skew) > CLOCK_SECONDS:
        side = "ahead of" if session.skew > 0 else "behind"
        counters.problems.append(
            Problem(
                session.host.address, f"its clock is {abs(session.skew):,} s {side} this machine's",
                "times of its log are compared as they stand", fatal=False,
            )
        )  # fmt: skip


def count_elsewhere(
    elsewhere: Elsewhere,
    request: CountRequest,
    counters: Counters,
    *,
    limits: Limits = Limits(),
    progress: Progress | None = None,
    ends: dict[str, datetime | None] | None = None,
) -> Iterator[Counted]:
    """What is counted on hosts, in parts.

    Args:
        elsewhere: hosts.
        request: what is counted.
        counters: takes what is counted on the way, and the problem of each host that cannot answer in full.
        limits: how logs are read.
        progress: called now and then.
        ends: takes the name of each host, and when its logs end.
    """

    def work(lane: Lane[Any]) -> None:
        _count(lane, request, limits, named(lane.asked.host, request.host_of))

    with FanOut(elsewhere.asked, work, elsewhere.at_once) as fan:
        for lane in fan.lanes:
            name = named(lane.asked.host, request.host_of)
            units = _Units(replace(request, host_of=HostNames((f"{name}=*",))), counters)
            with failures_noted(lane, counters):
                for value in lane.values(lambda: report_progress(fan, counters, progress)):
                    if isinstance(value, Counted):
                        yield value
                    elif isinstance(value, Ended):
                        counters.add(value.counters)
                        if ends is not None:
                            ends[name] = value.end
                    else:
                        shift, slices, entries = value
                        yield from units.feed(shift, slices, entries)
            yield from units.end()


@contextmanager
def failures_noted(lane: Lane[Any], counters: Counters) -> Iterator[None]:
    """A host that fails is a problem; the others go on."""
    try:
        yield
    except InputError as error:
        counters.problems.append(problem_of(lane.asked.host.address, error))
    except (LogscanError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - what a host sends ends no run
        counters.problems.append(Problem(lane.asked.host.address, not_understood(error), REPORT))


def report_progress(fan: FanOut[Any], counters: Counters, progress: Progress | None) -> None:
    """Say how far the hosts are."""
    if progress is not None:
        counters.hosts = fan.states()
        progress(counters)


def named(host: Host, host_of: Callable[[str], str]) -> str:
    """The name of a host in reports: by a rule, else as ``ssh`` knows it."""
    if isinstance(host_of, HostNames):
        return host_of.ruled(f"{host.address}/") or host.label
    return host_of(f"{host.address}/")


def _count(lane: Lane[Any], request: CountRequest, limits: Limits, name: str) -> None:
    """Count on one host, in its thread."""
    session = opened(lane)
    counters = Counters()
    note_clock(session, counters)
    times = request.selection.times
    if session.way == "agent":
        shift = shift_of(session, times)
        client = AgentClient(session, counters, times_there(times, shift))
        client.discover(lane.asked.paths)
        needles = needles_of(request.selection.neighbours)
        for entries in client.scan(needles, limits.max_entry):
            lane.put((shift, client.slices, entries))
        end = None if client.end is None else times_there(TimeRange(client.end, None, None), -shift).since
        lane.put(Ended(counters, end))
        return
    question = of_count(request, zone_offset(times), name)
    session.ask({**question, "paths": list(lane.asked.paths), "max_entry": limits.max_entry})
    reader, address = TallyReader(request, name), session.host.address
    end = None
    try:
        for frame in session.answer("end"):
            if frame.get("k") == "failures":
                some = Counted(Incidents(request.by, request.max_incidents, group=request.group))
                some.failures += read_failures(frame, address, name)
                lane.put(some)
            elif frame.get("k") == "counters":
                counters.add(read_counters(frame, address))
                end = _moment(frame.get("log_end"))
            else:
                lane.put(reader.read(frame))
    except WireError as error:
        raise session.refusal(error) from error
    lane.put(Ended(counters, end))


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise WireError("a time that is none") from error
    return moment.replace(tzinfo=None)


class _Units:
    """The entries that an agent sends, counted stream by stream.

    Args:
        request: what is counted.
        counters: takes what is counted on the way.
    """

    def __init__(self, request: CountRequest, counters: Counters) -> None:
        self._request, self._counters = request, counters
        self._stream = -1
        self._unit: UnitCount | None = None
        self._rows: RowCounter | None = None

    def feed(self, shift: int, _slices: Sequence[Any], entries: Entries) -> Iterator[Counted]:
        """Count some entries: what is complete with them."""
        if entries.stream != self._stream:
            yield from self.end()
            self._stream = entries.stream
            request = replace(self._request, shift=shift * 1_000_000)
            self._unit = UnitCount(request, is_first=True, is_last=True)
            self._rows = RowCounter(self._unit, self._counters)
        assert self._unit is not None
        assert self._rows is not None
        self._rows.feed(
            Rows(
                entries.text, entries.starts, entries.ends, entries.ats,
                [place.offset for place in entries.places], [place.path for place in entries.places],
                entries.odd,
            )
        )  # fmt: skip
        for part in self._unit.take([], PLAIN):
            yield part.counted

    def end(self) -> Iterator[Counted]:
        """What is left of the stream."""
        if self._unit is not None:
            yield self._unit.part(0).counted
        self._unit = None


def failures_elsewhere(
    elsewhere: Elsewhere,
    request: CountRequest,
    total: Counted,
    *,
    limits: Limits = Limits(),
    progress: Progress | None = None,
) -> Iterator[FailedHandshake]:
    """Every failed handshake of hosts, selected or not.

    Args:
        total: takes what is counted beside.
        elsewhere, request, limits, progress: see :func:`count_elsewhere`.
    """
    request = replace(request, all_failures=True)
    for part in count_elsewhere(elsewhere, request, total.counters, limits=limits, progress=progress):
        yield from part.failures
        part.failures.clear()
        total.merge(part)
