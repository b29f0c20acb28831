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

from logscan._evidence.capture.connection import CLIENT, EMPTY, ENCRYPTED, SERVER, Connection
from logscan._evidence.engine_debug import EngineHandshake
from logscan._evidence.trace import TracedMessage
from logscan._failures import catalog
from logscan._failures.addresses import is_address
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
TELLING = ("target_out_of_rotation", "keystore_conflict")
"""Failures beside TLS that are cases all the same: they say what came of others, or of a keystore."""
STALLED = 1.0
"""Seconds without a byte of the server after which its answer counts as stalled."""
MAX_HOSTS = 1_000
MAX_OBJECTS = 4

Key = tuple[str | None, ...]


@dataclass(slots=True)
class HostSpan:
    """What the log of one Message Processor shows of a group."""

    place: str
    last: datetime | None = None
    objects: set[str] = field(default_factory=set)
    """Keystore objects that its lines name, at most :data:`MAX_OBJECTS`."""


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
    by_host: dict[str, HostSpan] = field(default_factory=dict)
    """At most :data:`MAX_HOSTS`."""
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
                self.northbound += catalog.NOT_TLS not in failure.families
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
        span = group.by_host.get(failure.host)
        if span is None and len(group.by_host) < MAX_HOSTS:
            place = f"{failure.place.path}, byte {failure.place.offset:,}"
            span = group.by_host[failure.host] = HostSpan(place)
        if span is not None:
            if time is not None:
                span.last = max(span.last or time, time)
            info = failure.ssl_info
            if info is not None and info.keystore and len(span.objects) < MAX_OBJECTS:
                span.objects.add(info.keystore)
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
    engine: tuple[EngineHandshake, ...] = ()
    """Failed handshakes of Java's debug output that are all of the case."""
    line: int = 0
    """Of the first sample, in its file, from 1; 0: not known."""


def cases_of(
    groups: list[Group], connections: list[Connection], wanted: frozenset[str] = frozenset()
) -> tuple[list[Case], Counter[str]]:
    """Join groups and connections.

    Args:
        groups: failures of a log.
        connections: of captures.
        wanted: names of the failures that are cases; empty: all. A failure that the log names otherwise is a
            case too where a capture shows one of these names.

    Returns:
        The cases, and how many failures of which name were left out.
    """
    index = _Index(connections)
    cases: list[Case] = []
    left_out: Counter[str] = Counter()
    used: set[int] = set()
    for group in groups:
        by_itself = group.alert in wanted if wanted else not _is_beside(group)
        found = _of_group(group, index, used, wanted, by_itself)
        cases += found
        if not by_itself and (rest := group.count - sum(case.failures for case in found)) > 0:
            left_out[group.alert] += rest
    alone: dict[tuple[object, ...], list[Connection]] = {}
    for connection in connections:
        if id(connection) not in used and _worth_a_case(connection) and _is_wanted(connection, wanted):
            key = (*_outcome(connection), *connection.server, connection.sni)
            alone.setdefault(key, []).append(connection)
    for alike in alone.values():
        notes = ("no entry of the log belongs to it",) if groups else ()
        cases.append(Case(None, tuple(alike), 0, notes=notes))
    return cases, left_out


def cases_of_engine(handshakes: list[EngineHandshake]) -> list[Case]:
    """Cases of Java's debug output alone: failed handshakes that agree in what was said."""
    alike: dict[tuple[object, ...], list[EngineHandshake]] = {}
    for item in handshakes:
        if not item.mixed and not item.completed and (item.alert is not None or item.failure is not None):
            key = (item.sni, item.alert, item.alert_by, item.client_certificate, item.authorities)
            alike.setdefault(key, []).append(item)
    return [Case(None, (), 0, engine=tuple(items)) for items in alike.values()]


def _is_wanted(connection: Connection, wanted: frozenset[str]) -> bool:
    """Whether a connection may show a failure that is asked for: by its alert, or that cannot be read."""
    if not wanted:
        return True
    alert = connection.refusal or connection.own_alert
    return alert is None or alert.name == ENCRYPTED or alert.name in wanted


def _is_beside(group: Group) -> bool:
    """Whether a failure is beside TLS: by itself it tells nothing of a handshake. The end of an idle
    connection looks the same as a refusal that comes after a handshake of TLS 1.3."""
    return catalog.NOT_TLS in group.families and group.alert not in TELLING


def _shows_a_failure(connection: Connection, wanted: frozenset[str]) -> bool:
    """Whether a connection makes a case of a failure that is none by itself."""
    if wanted:
        return connection.refusal is not None and connection.refusal.name in wanted
    empty = connection.client_certificate == EMPTY
    return connection.accepted is False or connection.renegotiated or connection.silent or empty


def _of_group(
    group: Group, index: _Index, used: set[int], wanted: frozenset[str], by_itself: bool
) -> list[Case]:
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
        parts = [pairs for pairs in parts if _shows_a_failure(pairs[0][1], wanted)]
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
    return refusal is not None and refusal.name not in (ENCRYPTED, failure.alert)


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
        connection.own_alert.name if connection.own_alert else None,
        connection.not_tls,
        connection.silent_after,
        server_stalled(connection) > 0,
        connection.hello_refused,
        connection.foreign_end is not None,
    )


def client_gave_up(connection: Connection) -> bool:
    """Whether the client closed a handshake without a word, though it was its turn to answer (TLS 1.2)."""
    return _closed_first(connection) and any(step.text == "ServerHelloDone" for step in connection.steps)


def server_stalled(connection: Connection) -> float:
    """Seconds that the client waited for the rest of the server's answer before it closed; 0: it did not."""
    if not _closed_first(connection) or client_gave_up(connection):
        return 0.0
    last = max(step.time for step in connection.steps if step.by == SERVER)
    waited = connection.ends[0].time - last
    return waited if waited >= STALLED else 0.0


def _closed_first(connection: Connection) -> bool:
    """Whether the client closed first, before it answered what the server had begun to say."""
    if not connection.ends or connection.ends[0].by != CLIENT or connection.gaps or connection.silent:
        return False
    if connection.not_tls is not None or connection.own_alert is not None:
        return False
    if connection.client_flight or connection.completed:
        return False
    return any(step.by == SERVER and "Alert" not in step.text for step in connection.steps)


def _worth_a_case(connection: Connection) -> bool:
    """Whether a connection without an entry of the log is a case: something failed in it."""
    if connection.accepted is True:
        return False
    return (
        connection.accepted is False or connection.refusal is not None or connection.own_alert is not None
        or connection.not_tls is not None or connection.silent or connection.hello_refused
        or client_gave_up(connection) or server_stalled(connection) > 0
    )  # fmt: skip


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
            found = exact or [c for c in found if not is_address(str(host))]
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
    return refusal is None or refusal.name in (ENCRYPTED, failure.alert)
