"""Questions to an installed logscan, as JSON: made here, checked where they arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from logscan._failures.handshakes import Rule
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import CountRequest
from logscan._hosts.wire import flag, items, maybe, number, text
from logscan._scanning.conditions import Conditions
from logscan.times import TimeRange, moved
from logscan.values import name_text

_NAMES = 100_000
_DAY = 24 * 3600 - 1
_LONG = 1 << 16


def offset_of(zone: tzinfo | None) -> int:
    """Seconds that the wall time of a zone is ahead of UTC now; ``None``: this machine's zone."""
    now = datetime.now(UTC).astimezone(zone)
    return round((now.utcoffset() or timedelta()).total_seconds())


def times_there(times: TimeRange, shift: int) -> TimeRange:
    """A range in the wall times of a host.

    Args:
        times: in those of this run.
        shift: seconds that this run's wall times are ahead of the host's.
    """
    by = timedelta(seconds=-shift)
    since, until = (None if end is None else moved(end, by) for end in times[:2])
    zone = times.zone if not shift else timezone(timedelta(seconds=offset_of(times.zone) - shift))
    return TimeRange(since, until, zone)


def of_count(request: CountRequest, offset: int | None, host: str) -> dict[str, Any]:
    """What is to be counted.

    Args:
        request: the same.
        offset: of the wall times of this run; ``None``: the log is in a zone that was named.
        host: the name of the host.
    """
    asked = request.selection
    return {
        "do": "report", "offset": offset, "host": name_text(host),
        "alerts": sorted(asked.alerts), "family": asked.family, "orgs": asked.orgs, "envs": asked.envs,
        "proxies": asked.proxies, "not_proxies": asked.not_proxies, "side": asked.side,
        "messages": sorted(asked.messages), "fold": asked.fold, "times": _times(asked.times),
        "by": request.by, "horizon": request.horizon.isoformat(), "each": request.each,
        "rule": list(request.rule), "max_incidents": request.max_incidents, "group": request.group,
        "all_failures": request.all_failures,
    }  # fmt: skip


def read_count(value: Mapping[str, Any]) -> CountRequest:
    """The same where it arrives.

    Raises:
        WireError: it is none.
    """
    selection = Selection(
        alerts=frozenset(_list(value, "alerts")), family=maybe(text, value.get("family")),
        orgs=_list(value, "orgs"), envs=_list(value, "envs"), proxies=_list(value, "proxies"),
        not_proxies=_list(value, "not_proxies"), side=maybe(text, value.get("side")),
        messages=frozenset(_list(value, "messages")), fold=flag(value.get("fold")),
        times=_read_times(value.get("times")),
    )  # fmt: skip
    seconds, size = items(value.get("rule"), 2)
    request = CountRequest(
        selection, _list(value, "by"), datetime.fromisoformat(text(value.get("horizon"))),
        HostNames((f"{text(value.get('host'))}=*",)), flag(value.get("each")),
        Rule(number(seconds), number(size)), number(value.get("max_incidents"), 1), flag(value.get("group")),
        flag(value.get("all_failures")),
    )  # fmt: skip
    return replace(request, shift=_shift(value))


def of_conditions(conditions: Conditions | None) -> dict[str, Any] | None:
    """What entries must be."""
    if conditions is None:
        return None
    return {
        "times": _times(conditions.times), "orgs": conditions.orgs, "envs": conditions.envs,
        "proxies": conditions.proxies, "revisions": conditions.revisions, "loggers": conditions.loggers,
        "levels": sorted(conditions.levels), "text": conditions.text, "regex": conditions.regex,
        "ignore_case": conditions.ignore_case,
    }  # fmt: skip


def read_conditions(question: Mapping[str, Any]) -> Conditions | None:
    """The same where they arrive, in the wall times of the host.

    Raises:
        WireError: they are none.
    """
    value = question.get("conditions")
    if value is None:
        return None
    times = _read_times(value.get("times"))
    return Conditions(
        times=times_there(times, _shift(question) // 1_000_000),
        orgs=_list(value, "orgs"), envs=_list(value, "envs"), proxies=_list(value, "proxies"),
        revisions=_list(value, "revisions"), loggers=_list(value, "loggers"),
        levels=frozenset(_list(value, "levels")), text=text(value.get("text"), _LONG),
        regex=text(value.get("regex"), _LONG), ignore_case=flag(value.get("ignore_case")),
    )  # fmt: skip


def _shift(question: Mapping[str, Any]) -> int:
    """Microseconds that the wall times of whoever asks are ahead of those of this host."""
    offset = maybe(number, question.get("offset"), -_DAY, _DAY)
    return 0 if offset is None else (offset - offset_of(None)) * 1_000_000


def _times(times: TimeRange) -> list[Any]:
    since, until = (None if end is None else end.isoformat() for end in times[:2])
    return [since, until, offset_of(times.zone)]


def _read_times(value: Any) -> TimeRange:
    since, until, offset = items(value, 3)
    first, last = (None if end is None else datetime.fromisoformat(text(end)) for end in (since, until))
    return TimeRange(first, last, timezone(timedelta(seconds=number(offset, -_DAY, _DAY))))


def _list(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(text(each, _LONG) for each in items(value.get(name), _NAMES))
