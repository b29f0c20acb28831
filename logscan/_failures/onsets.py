"""Onsets: when the failures began that matter most, and what they and the text before them show of then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logscan._entries.parse import parse
from logscan._failures.in_common import InCommon, joined, parts
from logscan._failures.members import EPOCH, MICROSECOND
from logscan.overviews import Bars, Event
from logscan.times import TimeRange, in_zone, moved
from logscan.values import Counters, Place, Span

APART = timedelta(hours=1)
"""Failures with less than this between them are one episode."""
BEFORE = timedelta(hours=1)
"""How long before the onset something may have happened to be named."""
RECENT = timedelta(days=7)
"""How long before the onset a failure with another revision or keystore object may lie."""
AFTER = timedelta(minutes=10)
"""How long after the onset a keystore object may be seen for the first time."""
MOST_EVENTS = 6
MOST_PROXIES = 50
"""API proxies whose revisions are looked for, those with most failures first."""
_USED = re.compile(rb"\benv:(\S{0,255}) api:(\S{1,255}) rev:([0-9]{1,18})\b")
_DEPLOYED = re.compile(
    rb"DeployEvent\{organization='([^'\n]{1,255})', application='([^'\n]{1,255})',"
    rb" applicationRevision='([^'\n]{1,64})', deploymentSpec=[^\n]{0,300}?env=([^;,}\n]{1,255})"
)
_STARTING = re.compile(
    rb" main (?:INFO|WARN|ERROR|FATAL|DEBUG) +(?:KERNEL|BOOTSTRAP|ZOOKEEPER)\b| BOOTSTRAP - "
)
"""What only a Message Processor that starts logs: the thread ``main`` of its kernel, its bootstrap."""


def onset_of(bars: Bars) -> tuple[datetime, datetime] | None:
    """Begin and end of the episode with the most failures; ``None`` without times."""
    best: tuple[int, datetime, datetime] | None = None
    count, begin, last = 0, None, None
    for time, number in bars.counts:
        if begin is None or last is None or time - last > max(APART, 2 * bars.width):
            count, begin = 0, time
        count, last = count + number, time
        if best is None or count > best[0] or best[1] == begin:
            best = (count, begin, last)
    return None if best is None else (best[1], moved(best[2], bars.width))


def sharpened(onset: datetime, width: timedelta, common: InCommon) -> datetime:
    """The onset to the microsecond, where the first failure of all, of a host or of a revision lies in its
    span of time."""
    low, high = ((time - EPOCH) // MICROSECOND for time in (onset, moved(onset, width)))
    firsts = [] if common.first is None else [common.first]
    for timed in (common.hosts, common.revisions, common.keystores):
        firsts += [first for first, _ in timed.spans().values()]
    within = [first for first in firsts if low <= first < high]
    return EPOCH + min(within) * MICROSECOND if within else onset


def events_of_failures(common: InCommon, onset: datetime) -> list[Event]:
    """What the failures alone show: a revision, or a keystore object, that is another one since the onset."""
    moment = (onset - EPOCH) // MICROSECOND
    low, high = moment - BEFORE // MICROSECOND, moment + AFTER // MICROSECOND
    found = []
    for kind, timed in (("revision", common.revisions), ("keystore", common.keystores)):
        groups: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
        for key, (first, last) in timed.spans().items():
            *place, value = parts(key)
            groups.setdefault(tuple(place), []).append((first, last, value))
        for names, spans in groups.items():
            for first, _, value in spans:
                older = [other for other in spans if moment - RECENT // MICROSECOND < other[1] < first]
                if older and low <= first <= high:
                    before = max(older, key=lambda other: other[1])[2]
                    found.append(_event(kind, names, value, before, EPOCH + first * MICROSECOND))
    return _few(found)


def _event(kind: str, place: tuple[str, ...], value: str, before: str, time: datetime) -> Event:
    if kind == "revision":
        env, proxy = place
        return Event(kind, time, _revision(proxy, env, value, before))
    host, alias = place
    text = f"the keystore object with alias {alias} on {host} is another one: it was loaded anew"
    return Event(kind, time, f"{text} (an update, or a restart)")


def _revision(proxy: str, env: str, value: str, before: str) -> str:
    return f"revision {value} of {proxy} ({env or '-'}) is first seen; before it was revision {before}"


def events_of_text(
    text: bytes, place: Place, *, host: str, common: InCommon, onset: datetime, times: TimeRange
) -> list[Event]:
    """What the log shows before the onset: another revision of a failing API proxy, a deployment, a start of
    the Message Processor.

    Args:
        text: bytes of one file that end at the onset.
        place: where they begin.
        host: the Message Processor that wrote them.
        common: the failures.
        onset: when they began.
        times: the range with the zone of the log.
    """
    found = [*_deployments(text, place, onset, times), *_starts(text, place, host, onset, times)]
    found += _revisions(text, place, common, onset, times)
    return _few(found)


def _deployments(text: bytes, place: Place, onset: datetime, times: TimeRange) -> Iterator[Event]:
    for match in _DEPLOYED.finditer(text):
        time = _time_of(text, match.start(), times)
        if _is_near(time, onset):
            org, proxy, revision, env = (part.decode("utf-8", "replace") for part in match.groups())
            said = f"revision {revision} of {proxy} was deployed to {env} (organization {org})"
            yield Event("deployment", time, said, _at(place, match.start()))


def _starts(text: bytes, place: Place, host: str, onset: datetime, times: TimeRange) -> Iterator[Event]:
    last: datetime | None = None
    for match in _STARTING.finditer(text):
        time = _time_of(text, match.start(), times)
        if time is None or not _is_near(time, onset):
            continue
        if last is None or time - last > AFTER:
            yield Event("restart", time, f"the Message Processor {host} started", _at(place, match.start()))
        last = time


def _revisions(
    text: bytes, place: Place, common: InCommon, onset: datetime, times: TimeRange
) -> Iterator[Event]:
    """Failing revisions that are new in the text, or come after it."""
    counts = common.revisions.values.counts
    spans = common.revisions.spans()
    failing: dict[tuple[bytes, bytes], str] = {}
    for key in sorted(counts, key=lambda key: (-counts[key], key))[:MOST_PROXIES]:
        env, proxy, revision = parts(key)
        name = (env.encode("utf-8", "surrogateescape"), proxy.encode("utf-8", "surrogateescape"))
        failing.setdefault(name, revision)
    first: dict[tuple[bytes, bytes], int] = {}
    before: dict[tuple[bytes, bytes], bytes] = {}
    for match in _USED.finditer(text):
        name = (match[1], match[2])
        if name not in failing:
            continue
        if match[3].decode() != failing[name]:
            before[name] = match[3]
            first.pop(name, None)
        else:
            first.setdefault(name, match.start())
    for name, old in before.items():
        env, proxy = (part.decode("utf-8", "surrogateescape") for part in name)
        revision = failing[name]
        at = first.get(name)
        time = _time_of(text, at, times) if at is not None else None
        if time is None:
            begin = spans.get(joined(env, proxy, revision))
            time = onset if begin is None else EPOCH + begin[0] * MICROSECOND
        if _is_near(time, onset):
            where = "" if at is None else _at(place, at)
            yield Event("revision", time, _revision(proxy, env, revision, old.decode()), where)


def _time_of(text: bytes, at: int, times: TimeRange) -> datetime | None:
    """The time of the entry of a line, in the zone of the log."""
    begin = text.rfind(b"\n", 0, at) + 1
    end = text.find(b"\n", at)
    entry = parse(Span(text[begin : end if end >= 0 else len(text)], Place("", 0)), Counters())
    return None if entry.time is None else in_zone(entry.time, entry.zone, times.zone)


def _is_near(time: datetime | None, onset: datetime) -> bool:
    return time is not None and moved(onset, -BEFORE) <= time <= moved(onset, AFTER)


def _at(place: Place, offset: int) -> str:
    return f"{place.path}, byte {place.offset + offset:,}"


def _few(events: list[Event]) -> list[Event]:
    """The last ones before or at the onset, in order of time."""
    known = {(event.kind, event.text): event for event in reversed(events)}
    return sorted(known.values(), key=lambda event: (event.time or datetime.min, event.text))[-MOST_EVENTS:]
