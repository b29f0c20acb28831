"""Cases: failures of a log and connections of a capture, in groups that have one diagnosis.

A failure of the log and a connection of the capture are the same when ports and time agree; the address
of the backend must agree as well where the log has one. Memory is bounded by the number of groups and what
is kept of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from logscan._evidence.capture.connection import CLIENT, Connection
from logscan._evidence.trace import TracedMessage
from logscan._failures import catalog
from logscan.times import in_utc
from logscan.values import FailedHandshake

KEPT = 2_000
"""Failures kept of a group to find their connections; the others are counted."""
SAMPLES = 5
CLOSE = timedelta(minutes=5)
"""A log's time and a packet's may differ so much and still be of one connection, when all ports agree."""
NEAR = 15.0
"""Seconds between failure and alert where the log has no ports."""
MAX_GROUPS = 10_000

Key = tuple[str | None, ...]


@dataclass(slots=True)
class Group:
    """Failures of a log that agree in what the log says."""

    org: str | None
    env: str | None
    proxy: str | None
    alert: str
    side: str
    target: str | None
    keystore: str | None
    alias: str | None
    families: tuple[str, ...]
    refused_by: str
    count: int = 0
    messages: set[str] = field(default_factory=set)
    """At most :data:`KEPT`."""
    first: datetime | None = None
    last: datetime | None = None
    revisions: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    kept: list[tuple[FailedHandshake, datetime | None]] = field(default_factory=list)
    """With their times in UTC."""


class Groups:
    """Failed handshakes in, groups out."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._groups: dict[Key, Group] = {}
        self.skipped = 0
        """Failures beyond :data:`MAX_GROUPS` groups."""
        self.northbound = 0
        """Failures between Router and Message Processor: here the Message Processor is no client."""

    def feed(self, failures: Iterable[FailedHandshake]) -> None:
        """Count failures."""
        for failure in failures:
            if failure.side == "northbound":
                self.northbound += 1
                continue
            info = failure.ssl_info
            keystore = None if info is None else "null" if info.keystore == "null" else "set"
            alias = None if info is None or info.key_alias in ("null", "-", "") else info.key_alias
            key = (
                failure.org, failure.env, failure.proxy, failure.alert, failure.side, failure.target,
                keystore, alias,
                *failure.families,
            )  # fmt: skip
            group = self._groups.get(key)
            if group is None:
                if len(self._groups) >= MAX_GROUPS:
                    self.skipped += 1
                    continue
                group = self._groups[key] = Group(
                    failure.org, failure.env, failure.proxy, failure.alert, failure.side, failure.target,
                    info.keystore if info else None, alias, failure.families, failure.refused_by,
                )  # fmt: skip
            self._add(group, failure)

    def _add(self, group: Group, failure: FailedHandshake) -> None:
        group.count += 1
        time = in_utc(failure.time, failure.zone, self._zone) if failure.time else None
        if time is not None:
            group.first = min(group.first or time, time)
            group.last = max(group.last or time, time)
        if failure.revision:
            group.revisions[failure.revision] += 1
        group.hosts[failure.host] += 1
        if failure.message_id and len(group.messages) < KEPT:
            group.messages.add(failure.message_id)
        if len(group.kept) < KEPT:
            group.kept.append((failure, time))

    def trace(self, traced: Iterable[TracedMessage]) -> None:
        """Count failures that only a debug session shows: their messages are in no other group."""
        known = {name for group in self._groups.values() for name in group.messages}
        for message in traced:
            alert = catalog.received_alert(message.cause or "")
            if alert is None or message.message_id in known:
                continue
            host = message.target_host
            target = f"{host}:{message.target_port or 443}" if host else None
            key = (message.org, message.env, message.proxy, alert, "southbound", target, "trace")
            group = self._groups.setdefault(
                key,
                Group(
                    message.org, message.env, message.proxy, alert, "southbound", target, None, None,
                    catalog.ALERTS[alert].families if alert in catalog.ALERTS else (catalog.OTHER,), "peer",
                ),
            )  # fmt: skip
            group.count += 1
            if message.message_id:
                group.messages.add(message.message_id)
            if message.revision:
                group.revisions[message.revision] += 1

    def emit(self) -> list[Group]:
        """The groups, most failures first."""
        return sorted(
            self._groups.values(), key=lambda g: (-g.count, g.org or "", g.env or "", g.proxy or "", g.alert)
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is diagnosed together."""

    group: Group | None
    """``None``: only a capture shows it."""
    connections: tuple[Connection, ...]
    failures: int
    """Of the log."""
    samples: tuple[FailedHandshake, ...] = ()
    notes: tuple[str, ...] = ()
    lost: int = 0
    """Alerts on the wire that the log does not name."""


def cases_of(groups: list[Group], connections: list[Connection], wanted: frozenset[str] | None) -> list[Case]:
    """Join groups and connections.

    Args:
        groups: failures of a log.
        connections: of captures.
        wanted: families of failures that are cases by themselves; others are cases only where a capture
            shows that the backend refused. ``None``: all.
    """
    index = _Index(connections)
    cases: list[Case] = []
    used: set[int] = set()
    for group in groups:
        cases += _of_group(group, index, used, wanted is None or bool(wanted & set(group.families)))
    alone: dict[tuple[object, ...], list[Connection]] = {}
    for connection in connections:
        if id(connection) not in used and _worth_a_case(connection):
            key = (*_outcome(connection), *connection.server, connection.sni)
            alone.setdefault(key, []).append(connection)
    for alike in alone.values():
        notes = ("no entry of the log belongs to it",) if groups else ()
        cases.append(Case(None, tuple(alike), 0, notes=notes))
    return cases


def _of_group(group: Group, index: _Index, used: set[int], by_itself: bool) -> list[Case]:
    """The cases of one group: one for each outcome that the capture shows, or one without a capture."""
    found: dict[tuple[object, ...], list[tuple[FailedHandshake, Connection]]] = {}
    shifts: Counter[int] = Counter()
    for failure, time in group.kept:
        connection, minutes = index.find(failure, time)
        if connection is not None:
            found.setdefault(_outcome(connection), []).append((failure, connection))
            used.add(id(connection))
            if minutes:
                shifts[minutes] += 1
    parts = sorted(found.values(), key=len, reverse=True)
    if not by_itself:
        parts = [pairs for pairs in parts if pairs[0][1].accepted is False]
    elif not parts:
        return [Case(group, (), group.count, tuple(failure for failure, _ in group.kept[:SAMPLES]))]
    matched = sum(len(pairs) for pairs in parts)
    cases = []
    for number, pairs in enumerate(parts):
        # Failures that no capture shows are counted with the most frequent outcome that one shows.
        count = len(pairs) + (group.count - matched if number == 0 and by_itself else 0)
        notes = []
        if len(pairs) < count:
            notes.append(f"the capture shows {len(pairs):,} of {count:,} failures")
        if shifts:
            hours = shifts.most_common(1)[0][0] / 60
            notes.append(
                f"the log's clock and the capture's differ by about {hours:g} hours, though all ports agree:"
                " is --tz missing?"
            )
        cases.append(
            Case(
                group,
                connections=tuple(connection for _, connection in pairs),
                failures=count,
                samples=tuple(failure for failure, _ in pairs[:SAMPLES]),
                notes=tuple(notes),
                lost=sum(_lost(failure, connection) for failure, connection in pairs),
            )
        )
    return cases


def _lost(failure: FailedHandshake, connection: Connection) -> bool:
    """Whether the wire has an alert that the log does not name."""
    refusal = connection.refusal
    return refusal is not None and refusal.name not in ("encrypted", failure.alert)


def _outcome(connection: Connection) -> tuple[object, ...]:
    """What connections of one case share."""
    refusal = connection.refusal
    request = connection.request
    return (
        connection.client_certificate,
        connection.accepted,
        refusal.name if refusal else None,
        connection.client_chain[:1] if connection.client_chain else None,
        request.authorities if request else None,
    )


def client_alert(connection: Connection) -> bool:
    """Whether this side ended the handshake."""
    first = next(
        (a for a in connection.alerts if a.name not in ("close_notify", "encrypted", "user_canceled")), None
    )
    return first is not None and first.by == CLIENT and first.level == "fatal"


def _worth_a_case(connection: Connection) -> bool:
    """Whether a connection without an entry of the log is a case: something was refused."""
    if connection.accepted is True:
        return False
    return connection.accepted is False or client_alert(connection) or connection.refusal is not None


class _Index:
    """Connections by ports, and by time."""

    def __init__(self, connections: list[Connection]) -> None:
        self._by_ports: dict[tuple[int, int], list[Connection]] = {}
        for connection in connections:
            self._by_ports.setdefault((connection.client[1], connection.server[1]), []).append(connection)
        self._refused = [connection for connection in connections if connection.accepted is False]

    def find(self, failure: FailedHandshake, time: datetime | None) -> tuple[Connection | None, int]:
        """The connection of a failure, and by how many minutes the clocks differ beyond what is usual."""
        channel = failure.channel
        if time is None:
            return None, 0
        stamp = time.timestamp()
        if channel is None or channel.local_port is None or channel.remote_port is None:
            near = [c for c in self._refused if abs(c.ended - stamp) <= NEAR and _agrees(failure, c)]
            return (near[0], 0) if len(near) == 1 else (None, 0)
        found = self._by_ports.get((channel.local_port, channel.remote_port), [])
        host = channel.remote_host
        if host not in (None, "0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
            exact = [c for c in found if c.server[0] == host or c.sni == host]
            # A log that names the host where the capture has its address: ports and time decide.
            found = exact or [c for c in found if not _is_address(str(host))]
        best = min(found, key=lambda c: abs(c.ended - stamp), default=None)
        if best is None:
            return None, 0
        apart = abs(best.ended - stamp)
        if apart <= CLOSE.total_seconds():
            return best, 0
        minutes = round(apart / 60)
        off = abs(minutes - round(minutes / 15) * 15)
        return (best, minutes) if off <= CLOSE.total_seconds() / 60 and minutes <= 14 * 60 + 5 else (None, 0)


def _agrees(failure: FailedHandshake, connection: Connection) -> bool:
    refusal = connection.refusal
    return refusal is None or refusal.name in ("encrypted", failure.alert)


def _is_address(text: str) -> bool:
    return text.replace(".", "").isdigit() or ":" in text
