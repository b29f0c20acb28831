"""TLS connections of a capture: segments in, one :class:`Connection` out when it ends.

Follows both directions of every TCP connection that begins with a TLS record (or with HTTP ``CONNECT`` in
front of it) until its handshake has been seen; later bytes are not looked at. Everything kept is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from logscan.evidence.capture import tls
from logscan.evidence.capture.keylog import KeyLog, Opener
from logscan.evidence.capture.reassembly import Direction
from logscan.evidence.capture.segments import (
    ACK,
    FIN,
    RST,
    SYN,
    Segment,
    ends_of,
)
from logscan.failures import catalog

MAX_OPEN = 20_000
"""Connections followed at once; beyond, the oldest is given up."""
MAX_HANDSHAKE = 1 << 18
"""Bytes of handshake kept of one direction."""
MAX_ALERTS = 16
MAX_STEPS = 64
LINGER = 1_000
"""Packets of the capture that a closed connection is kept for, in case of late segments."""
AFTER = 24
"""Records looked at behind the handshake, for alerts and renegotiation."""

CLIENT, SERVER = "client", "server"
CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23

NOT_ASKED, EMPTY, SENT = "not asked", "empty", "sent"

FULL, DECRYPTED, INFERRED, HIDDEN = "full", "decrypted", "inferred", "not visible"
"""How much is known of the client's certificate: read; read with a key log; from the sizes of records;
nothing."""


_ALERT_SIZES = (19, 35)
"""Bytes of an encrypted alert in TLS 1.3: two, a type and a tag; Java pads with 16 (RFC 8446 section 5.4)."""


class Alert(NamedTuple):
    """One alert as it went over the wire."""

    name: str
    """Standard name; ``encrypted`` where it cannot be read."""
    level: str
    by: str
    """``client`` or ``server``."""
    packet: int


class Step(NamedTuple):
    """One message of the handshake, for the picture."""

    packet: int
    time: float
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What a capture shows of one TLS connection."""

    capture: str
    client: tuple[str, int]
    server: tuple[str, int]
    begun: float
    ended: float
    first_packet: int
    last_packet: int
    sni: str | None
    tunnel: str | None
    """``host:port`` of an HTTP CONNECT in front."""
    version: str | None
    suite: str | None
    server_chain: tuple[bytes, ...]
    request: tls.CertificateRequest | None
    client_chain: tuple[bytes, ...] | None
    """``()``: the client's Certificate message was empty. ``None``: no such message was seen."""
    client_certificate_packet: int
    verified: bool
    """A CertificateVerify followed."""
    alerts: tuple[Alert, ...]
    completed: bool
    """The server ended the handshake as well: it accepted what it got (TLS 1.3: it sent data)."""
    resumed: bool
    renegotiated: bool
    """A later handshake inside the encryption: not visible what it was about."""
    closed_by: str | None
    closed_packet: int
    sight: str
    """:data:`FULL`, :data:`DECRYPTED`, :data:`INFERRED` or :data:`HIDDEN`."""
    inferred: str | None
    """Of TLS 1.3 without secrets: :data:`NOT_ASKED`, :data:`EMPTY` or :data:`SENT`, by sizes."""
    sizes: tuple[int, ...]
    """Of the client's first encrypted records."""
    answers: tuple[int, ...]
    """Of the server's encrypted records behind them."""
    faults: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def asked(self) -> bool | None:
        """Whether the server asked for a client certificate; ``None``: not known."""
        if self.request is not None or self.inferred in (EMPTY, SENT) or self.client_chain is not None:
            return True
        if self.inferred == NOT_ASKED:
            return False
        if self.sight in (FULL, DECRYPTED) and self.client_flight and self.version and not self.faults:
            return False
        return None

    @property
    def accepted(self) -> bool | None:
        """Whether the server took what the client sent; ``None``: not known. In TLS 1.3 without secrets it
        is inferred from what the server sent behind it: an alert has 19 bytes, 35 from Java, all else that
        servers send (tickets, data) more."""
        if self.completed:
            return True
        if self.refusal is not None:
            return False
        if self.closed_by == SERVER and not self.client_flight and not self.faults and self.steps:
            return False
        if not self.client_flight:
            return None
        if self.version == "TLS 1.3" and self.answers:
            return max(self.answers) > _ALERT_SIZES[-1]
        return False if self.closed_by == SERVER else None

    @property
    def client_flight(self) -> bool:
        """Whether the client's answer to the server's hello was seen."""
        return any(step.by == CLIENT and not step.text.startswith("ClientHello") for step in self.steps)

    @property
    def client_flight_1_3(self) -> bool:
        """TLS 1.3: whether the client answered the server's hello inside the encryption."""
        return bool(self.sizes) or any(
            step.by == CLIENT and step.text.startswith(("Certificate", "Finished")) for step in self.steps
        )

    @property
    def client_certificate(self) -> str | None:
        """:data:`EMPTY`, :data:`SENT`, :data:`NOT_ASKED`, or ``None``: not known."""
        if self.client_chain is not None:
            return SENT if self.client_chain else EMPTY
        if self.inferred:
            return self.inferred
        return NOT_ASKED if self.asked is False else None

    @property
    def refusal(self) -> Alert | None:
        """The first alert with which the server refused. One that cannot be read, behind a handshake that
        ended well, is the usual end of a connection."""
        for alert in self.alerts:
            usual = alert.name == "close_notify" or (alert.name == "encrypted" and self.completed)
            if alert.by == SERVER and not usual:
                return alert
        return None


class _Side:
    """What is known of one direction."""

    __slots__ = (
        "buffer", "direction", "encrypted", "finished", "handshake", "lost", "opener", "packet", "records",
        "text",
    )  # fmt: skip

    def __init__(self) -> None:
        self.direction = Direction()
        self.buffer = bytearray()
        self.handshake = bytearray()
        self.packet = 0
        self.encrypted = False
        self.finished = False
        self.lost = False
        """Bytes were lost: look for the next record."""
        self.opener: Opener | None = None
        self.records = 0
        self.text = True
        """Nothing of TLS was seen yet: it may be HTTP CONNECT."""


class Flow:
    """One TCP connection that is being followed."""

    __slots__ = (
        "_after",
        "_keys",
        "alerts",
        "answers",
        "begun",
        "capture",
        "client_chain",
        "client_key",
        "client_packet",
        "closed",
        "closed_by",
        "closed_packet",
        "completed",
        "done",
        "early",
        "ended",
        "ended_once",
        "faults",
        "first",
        "hello",
        "last",
        "opened",
        "renegotiated",
        "request",
        "resumed",
        "seen_tls",
        "server_chain",
        "server_hello",
        "sides",
        "sizes",
        "steps",
        "syn",
        "tunnel",
        "verified",
    )  # fmt: skip

    def __init__(self, capture: str, key: bytes, keys: KeyLog, packet: int, time: float) -> None:
        self.capture, self._keys = capture, keys
        self.client_key = key
        """Sender's side of the client, as far as is known."""
        self.syn = False
        self.sides: dict[str, _Side] = {CLIENT: _Side(), SERVER: _Side()}
        self.first = self.last = packet
        self.begun = self.ended = time
        self.done = self.seen_tls = False
        self.hello: tls.ClientHello | None = None
        self.server_hello: tls.ServerHello | None = None
        self.server_chain: tuple[bytes, ...] = ()
        self.request: tls.CertificateRequest | None = None
        self.client_chain: tuple[bytes, ...] | None = None
        self.client_packet = 0
        self.verified = self.completed = self.resumed = self.renegotiated = False
        self.early = self.opened = False
        self.alerts: list[Alert] = []
        self.closed_by: str | None = None
        self.closed_packet = 0
        self.sizes: list[int] = []
        self.answers: list[int] = []
        self.faults: list[str] = []
        self.steps: list[Step] = []
        self.tunnel: str | None = None
        self._after = 0
        self.closed: set[str] = set()
        """Ends that have sent all."""
        self.ended_once = False

    def side_of(self, key: bytes) -> str:
        """Which end sends under this key."""
        return CLIENT if key == self.client_key else SERVER

    def take(self, segment: Segment, packet: int, time: float) -> None:
        """Look at one segment."""
        by = self.side_of(segment.key)
        side = self.sides[by]
        self.last, self.ended = packet, time
        if segment.flags & SYN:
            side.direction.begin(segment.sequence + 1)
            self.syn = True
        elif segment.payload or segment.missing:
            for piece in side.direction.feed(segment.sequence, segment.payload, segment.missing, packet):
                self._piece(by, *piece, time)
        other = SERVER if by == CLIENT else CLIENT
        if segment.flags & ACK and not self.done:
            for piece in self.sides[other].direction.acknowledged(segment.acknowledged):
                self._piece(other, *piece, time)
        if segment.flags & (FIN | RST) and self.closed_by is None:
            self.closed_by, self.closed_packet = by, packet

    def finish(self) -> None:
        """The connection or the capture has ended."""
        for by in (CLIENT, SERVER):
            if not self.done:
                for piece in self.sides[by].direction.finish():
                    self._piece(by, *piece, self.ended)
        self.done = True

    def _piece(self, by: str, data: bytes, packet: int, lost: int, time: float) -> None:
        if self.done:
            return
        side = self.sides[by]
        if lost:
            self._fault(f"{lost:,} bytes of the {by} are not in the capture (in front of packet {packet})")
            side.buffer.clear()
            side.handshake.clear()
            side.lost, side.opener = True, None
        side.packet = packet
        side.buffer += data
        if side.text and not self._begin(by, side):
            return
        self._records(by, side, time)

    def _fault(self, text: str) -> None:
        if len(self.faults) < MAX_ALERTS:
            self.faults.append(text)

    def _begin(self, by: str, side: _Side) -> bool:
        """Whether TLS has begun in this direction; HTTP CONNECT and its answer are let go by."""
        buffer = side.buffer
        if len(buffer) < 3:
            return False
        if _like_record(buffer) or (buffer[0] & 0x80 and buffer[2] == 1):
            side.text = False
            self.seen_tls = True
            return True
        if by == CLIENT and buffer.startswith(b"PROXY ") and b"\r\n" in buffer[:120]:
            del buffer[: buffer.find(b"\r\n") + 2]  # a load balancer's PROXY protocol, version 1
            return self._begin(by, side)
        connects = by == CLIENT and b"CONNECT ".startswith(bytes(buffer[:8]))
        if connects or (self.tunnel is not None and buffer[:5] in (b"HTTP/"[: len(buffer)], b"HTTP/")):
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self.done = len(buffer) > 16_384
                return False
            if by == CLIENT:
                self.tunnel = bytes(buffer[8:end]).split(b" ", 1)[0].decode("ascii", "backslashreplace")[:255]
            del buffer[: end + 4]
            return self._begin(by, side) if buffer else False
        if side.lost or not self.syn:
            at = _next_record(buffer, 0)
            if at >= 0:
                del buffer[:at]
                side.text, self.seen_tls = False, True
                return True
        self.done = len(buffer) >= 3 and not self.seen_tls
        buffer.clear()
        return False

    def _records(self, by: str, side: _Side, time: float) -> None:
        """Take whole records off the buffer."""
        buffer = side.buffer
        if side.lost:
            at = _next_record(buffer, 0)
            if at < 0:
                del buffer[: max(0, len(buffer) - 5)]
                return
            del buffer[:at]
            side.lost = False
        while len(buffer) >= 5 and not self.done:
            if not _like_record(buffer):
                if self._old_hello(by, side, time):
                    continue
                self._fault(f"packet {side.packet}: what the {by} sent is no TLS record")
                self.done = True
                return
            size = buffer[3] << 8 | buffer[4]
            if size > 18_432:
                self._fault(f"packet {side.packet}: a record of the {by} says it has {size:,} bytes")
                self.done = True
                return
            if len(buffer) < 5 + size:
                return
            header, data = bytes(buffer[:5]), bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            side.records += 1
            self._record(by, side, header, data, time)

    def _old_hello(self, by: str, side: _Side, time: float) -> bool:
        """A ClientHello in the clothes of SSL 2 (RFC 5246 appendix E.2), as Java 6 sent it."""
        buffer = side.buffer
        if by != CLIENT or self.hello is not None or not buffer[0] & 0x80 or buffer[2] != 1:
            return False
        size = (buffer[0] & 0x7F) << 8 | buffer[1]
        if len(buffer) < 2 + size or size < 9:
            return False
        version = buffer[3] << 8 | buffer[4]
        self.hello = tls.ClientHello(bytes(32), None, (version,), early_data=False)
        self._step(by, side, time, "ClientHello (SSL 2 form)")
        del buffer[: 2 + size]
        return True

    def _record(self, by: str, side: _Side, header: bytes, data: bytes, time: float) -> None:
        kind = header[0]
        if kind == CHANGE_CIPHER:
            if not self._is_1_3():
                side.encrypted = True
                self._step(by, side, time, "ChangeCipherSpec")
                unasked = self.client_chain is None and not self.server_chain and not self.faults
                if by == SERVER and self.server_hello and unasked:
                    self.resumed = True
            return
        if kind == APPLICATION and self._is_1_3():
            self._record_1_3(by, side, header, data, time)
            return
        if side.encrypted:
            self._encrypted(by, side, kind, time)
            return
        if kind == ALERT:
            self._alert(by, side, data, time)
        elif kind == HANDSHAKE:
            self._messages(by, side, data, time)
        elif kind == APPLICATION:
            self.done = True  # in the middle of a connection: its handshake is not here

    def _encrypted(self, by: str, side: _Side, kind: int, time: float) -> None:
        """A record of TLS 1.2 or before that cannot be read: its kind alone tells something."""
        if kind == HANDSHAKE and not side.finished:
            side.finished = True
            self._step(by, side, time, "Finished (encrypted)")
            if by == SERVER:
                self.completed = True
        elif kind == HANDSHAKE:
            self.renegotiated = True
            self._step(by, side, time, "a further handshake (encrypted)")
        elif kind == ALERT:
            self._add_alert(Alert("encrypted", "unknown", by, side.packet), side, time)
        if self.completed:
            self._after += 1
            self.done = self._after > AFTER

    def _is_1_3(self) -> bool:
        return self.server_hello is not None and self.server_hello.version == tls.TLS_1_3

    def _record_1_3(self, by: str, side: _Side, header: bytes, data: bytes, time: float) -> None:
        opened = self._open(by, side, header, data)
        if opened is None:
            if by == CLIENT:
                if len(self.sizes) < 8:
                    self.sizes.append(len(data))
                    self._step(by, side, time, f"encrypted record of {len(data)} bytes")
            else:
                if self.sizes and len(self.answers) < 8:
                    self.answers.append(len(data))
                self._step(by, side, time, f"encrypted record of {len(data)} bytes")
            self._after += 1
            self.done = self._after > 2 * AFTER
            return
        kind, content = opened
        self.opened = True
        if kind == ALERT:
            self._alert(by, side, content, time)
        elif kind == HANDSHAKE:
            self._messages(by, side, content, time)
        elif kind == APPLICATION:
            if by == SERVER:
                self.completed = True
                self._step(by, side, time, "data")
            self._after += 1
            self.done = self._after > AFTER

    def _open(self, by: str, side: _Side, header: bytes, data: bytes) -> tuple[int, bytes] | None:
        """Open a record with the key log's secrets: the handshake's until Finished, then the others."""
        if self.hello is None or self.server_hello is None:
            return None
        if side.opener is None and side.records >= 0:
            stage = "application" if side.finished else "handshake"
            secret = self._keys.secret(by, stage, self.hello.random)
            if secret is None:
                return None
            side.opener = Opener(secret, self.server_hello.suite)
        return side.opener.open(header, data) if side.opener else None

    def _alert(self, by: str, side: _Side, data: bytes, time: float) -> None:
        if len(data) != 2 or data[0] not in (1, 2):
            self._add_alert(Alert("encrypted", "unknown", by, side.packet), side, time)
            return
        name = catalog.ALERT_NAMES.get(data[1], f"alert {data[1]}")
        if name == "no_certificate" and by == CLIENT:  # SSL 3.0's way to send none
            self.client_chain, self.client_packet = (), side.packet
        level = "fatal" if data[0] == 2 else "warning"
        self._add_alert(Alert(name, level, by, side.packet), side, time)

    def _add_alert(self, alert: Alert, side: _Side, time: float) -> None:
        if len(self.alerts) < MAX_ALERTS:
            self.alerts.append(alert)
        words = "Alert (encrypted)" if alert.name == "encrypted" else f"Alert ({alert.level}): {alert.name}"
        self._step(alert.by, side, time, words)

    def _step(self, by: str, side: _Side, time: float, text: str) -> None:
        if len(self.steps) < MAX_STEPS:
            self.steps.append(Step(side.packet, time, by, text))

    def _messages(self, by: str, side: _Side, data: bytes, time: float) -> None:
        """Handshake messages, however they are cut into records."""
        held = side.handshake
        held += data
        while len(held) >= 4:
            size = int.from_bytes(held[1:4], "big")
            if size > MAX_HANDSHAKE:
                self._fault(f"packet {side.packet}: a message of the {by} says it has {size:,} bytes")
                self.done = True
                return
            if len(held) < 4 + size:
                return
            kind, body = held[0], bytes(held[4 : 4 + size])
            del held[: 4 + size]
            try:
                self._message(by, side, kind, body, time)
            except ValueError as error:
                name = tls.MESSAGES.get(kind, f"message {kind}")
                self._fault(f"packet {side.packet}: the {by}'s {name} cannot be read: {error}")

    def _message(self, by: str, side: _Side, kind: int, body: bytes, time: float) -> None:
        version = self.server_hello.version if self.server_hello else tls.TLS_1_2
        text = tls.MESSAGES.get(kind, f"message {kind}")
        if kind == 1:
            self._client_hello(by, body)
            text += f" for {self.hello.sni}" if self.hello and self.hello.sni else ""
        elif kind == 2:
            text = self._server_hello(by, body)
        elif kind == 11 and by == SERVER:
            self.server_chain = tls.certificates(body, version)
            text += f": {len(self.server_chain)} in the chain"
        elif kind == 11:
            self.client_chain = tls.certificates(body, version)
            self.client_packet = side.packet
            text += f": {len(self.client_chain)} in the chain" if self.client_chain else ": EMPTY"
        elif kind == 13 and by == SERVER:
            self.request = tls.certificate_request(body, version, side.packet)
            count = len(self.request.authorities)
            noun = "authority" if count == 1 else "authorities"
            text += f": {count} accepted {noun}" if count else ": any authority"
        elif kind == 4 and version == tls.TLS_1_3 and self.sides[CLIENT].finished:
            self.completed = True  # a ticket is for a client that was let in
        elif kind == 15 and by == CLIENT:
            self.verified = True
        elif kind == 20:
            side.finished, side.opener = True, None
        self._step(by, side, time, text)

    def _client_hello(self, by: str, body: bytes) -> None:
        hello = tls.client_hello(body)
        if by == SERVER and self.hello is None and self.server_hello is None:
            # The capture began in the middle and we guessed wrong who called.
            self.sides = {CLIENT: self.sides[SERVER], SERVER: self.sides[CLIENT]}
            half = len(self.client_key) // 2
            self.client_key = self.client_key[half:] + self.client_key[:half]
            self.steps = [step._replace(by=CLIENT if step.by == SERVER else SERVER) for step in self.steps]
        self.hello = hello
        self.early |= hello.early_data

    def _server_hello(self, by: str, body: bytes) -> str:
        hello = tls.server_hello(body)
        if by == CLIENT and self.hello is None:
            self.sides = {CLIENT: self.sides[SERVER], SERVER: self.sides[CLIENT]}
            half = len(self.client_key) // 2
            self.client_key = self.client_key[half:] + self.client_key[:half]
        if hello.retry:
            return "HelloRetryRequest"
        self.server_hello = hello
        self.resumed |= hello.version == tls.TLS_1_3 and hello.pre_shared_key
        return f"ServerHello: {tls.VERSIONS.get(hello.version, hex(hello.version))}"

    def result(self) -> Connection:
        """What was seen."""
        client, server = ends_of(self.client_key)
        inferred = None
        hello = self.server_hello
        sight = FULL
        if self._is_1_3():
            if self.opened and not (self.client_chain is None and self.sizes):
                sight = DECRYPTED
            else:
                assert hello is not None
                inferred = None if self.early or self.resumed else infer(hello.suite, self.sizes)
                sight = INFERRED if inferred else HIDDEN
        elif self.resumed or hello is None:
            sight = HIDDEN if self.resumed or not self.request else FULL
        return Connection(
            self.capture, client, server, self.begun, self.ended, self.first, self.last,
            self.hello.sni if self.hello else None,
            self.tunnel,
            tls.VERSIONS.get(hello.version, hex(hello.version)) if hello else None,
            tls.SUITES.get(hello.suite, f"0x{hello.suite:04x}") if hello else None,
            self.server_chain, self.request, self.client_chain, self.client_packet, self.verified,
            tuple(self.alerts), self.completed, self.resumed, self.renegotiated, self.closed_by,
            self.closed_packet, sight, inferred, tuple(self.sizes), tuple(self.answers),
            tuple(self.faults), tuple(self.steps),
        )  # fmt: skip


def _like_record(data: bytearray) -> bool:
    return 20 <= data[0] <= 24 and data[1] == 3 and data[2] <= 4


def _next_record(data: bytearray, at: int) -> int:
    """Where the next record may begin: a header whose successor, if it is there, is one as well."""
    while at + 5 <= len(data):
        if _like_record(data[at : at + 5]):
            size = data[at + 3] << 8 | data[at + 4]
            following = at + 5 + size
            if 0 < size <= 18_432 and (
                following + 3 > len(data) or _like_record(data[following : following + 3])
            ):
                return at
        at += 1
    return -1


def infer(suite: int, sizes: list[int]) -> str | None:
    """What the client sent behind the server's hello, by the sizes of its first encrypted records.

    Finished has the length of the suite's hash, an empty Certificate 8 bytes; each record adds a type and
    a tag of 16 bytes, Java 16 bytes of padding as well. Java sends Certificate and Finished in one
    record. Measured on 210 captures of 15 servers (docs/diagnose.md); other clients send two.
    """
    if not sizes:
        return None
    finished = 4 + (48 if suite == 0x1302 else 32)
    frame = 17 if suite != 0x1305 else 9
    first = sizes[0]
    if first in (frame + finished, frame + finished + 16):
        return NOT_ASKED
    if first in (frame + finished + 8, frame + finished + 24):
        return EMPTY
    if (
        first in (frame + 8, frame + 24)
        and len(sizes) > 1
        and sizes[1] in (frame + finished, frame + finished + 16)
    ):
        return EMPTY
    return SENT if first > frame + finished + 24 + 200 else None


class Connections:
    """All connections of one capture: ``feed`` segments, take what has ended, ``drain`` the rest."""

    def __init__(self, capture: str, keys: KeyLog, limit: int = MAX_OPEN) -> None:
        self._capture, self._keys, self._limit = capture, keys, limit
        self._flows: dict[bytes, Flow] = {}
        self._closing: deque[tuple[int, Flow]] = deque()
        """Closed by both ends, at which packet: a late segment may still belong to them."""
        self.given_up = 0
        """Connections that were dropped because more than the limit were open."""
        self.not_tls = 0
        self.mid = 0
        """TLS connections whose handshake was before the capture."""

    def feed(self, segment: Segment, packet: int, time: float) -> Iterator[Connection]:
        """Take a segment; give connections that ended with it."""
        while self._closing and self._closing[0][0] + LINGER < packet:
            yield from self._end(self._closing.popleft()[1])
        flow = self._flows.get(segment.key)
        opens = segment.flags & (SYN | ACK) == SYN
        if flow is None or (opens and (flow.done or flow.seen_tls)):
            if flow is not None:
                yield from self._end(flow)
            if not opens and not segment.payload and not segment.flags & SYN:
                return
            if len(self._flows) >= 2 * self._limit:
                yield from self._end(next(iter(self._flows.values())))
                self.given_up += 1
            flow = self._open(segment, opens, packet, time)
        elif flow.done:
            if segment.flags & (FIN | RST):
                self._close(flow, segment, packet)
            return
        flow.take(segment, packet, time)
        if segment.flags & (FIN | RST):
            self._close(flow, segment, packet)

    def _close(self, flow: Flow, segment: Segment, packet: int) -> None:
        """One end has said that it is done, or both have."""
        by = flow.side_of(segment.key)
        if flow.closed_by is None:
            flow.closed_by, flow.closed_packet = by, packet
        before = len(flow.closed)
        flow.closed |= {CLIENT, SERVER} if segment.flags & RST else {by}
        if len(flow.closed) == 2 and before < 2:
            self._closing.append((packet, flow))

    def _open(self, segment: Segment, opens: bool, packet: int, time: float) -> Flow:
        client = segment.key
        if not opens and segment.flags & SYN:
            client = segment.back  # the answer to a SYN that is not here
        elif not opens:
            # In the middle of a connection: the lower port is likelier the server's.
            half = len(client) // 2
            if client[half - 2 : half] < client[-2:] and segment.payload[:1] != b"\x16":
                client = segment.back
        flow = Flow(self._capture, client, self._keys, packet, time)
        self._flows[segment.key] = self._flows[segment.back] = flow
        return flow

    def _end(self, flow: Flow) -> Iterator[Connection]:
        half = len(flow.client_key) // 2
        if self._flows.get(flow.client_key) is flow:
            for key in (flow.client_key, flow.client_key[half:] + flow.client_key[:half]):
                self._flows.pop(key, None)  # both are one, where a port speaks to itself
        elif flow.ended_once:
            return
        flow.ended_once = True
        flow.finish()
        if not flow.seen_tls:
            self.not_tls += bool(flow.sides[CLIENT].records or flow.last > flow.first)
        elif flow.hello or flow.server_hello or flow.request or flow.client_chain is not None or flow.alerts:
            yield flow.result()
        else:
            self.mid += 1

    def drain(self) -> Iterator[Connection]:
        """The capture has ended."""
        while self._flows:
            yield from self._end(next(iter(self._flows.values())))
