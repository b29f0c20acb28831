"""TLS connections of a capture: segments in, one :class:`Connection` out when it ends.

Follows both directions of every TCP connection that begins with a TLS record (or with HTTP ``CONNECT``
before it) until its handshake has been seen; later bytes are not looked at. Everything kept is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from logscan._evidence.capture import tls
from logscan._evidence.capture.connection import CLIENT, SERVER, Connection
from logscan._evidence.capture.handshake import Handshake, Side, is_record, next_record
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.segments import ACK, FIN, RST, SYN, Segment, ends_of
from logscan.errors import not_understood

MAX_OPEN = 20_000
"""Connections followed at once; beyond, the oldest is given up."""
LINGER = 1_000
"""Packets of the capture that a closed connection is kept for, in case of late segments."""
MAX_HELD = 256 << 20
"""Bytes that wait in all connections together; beyond, the oldest connection is given up."""
MAX_FAULTS = 3
"""Of what raised, shown."""
MAX_CONNECT = 16_384
"""Bytes of an HTTP CONNECT with its headers."""


class Flow:
    """One TCP connection that is being followed."""

    __slots__ = (
        "begun", "capture", "closed", "closed_by", "closed_packet", "ended", "first", "last", "reported",
        "syn", "tls", "tunnel",
    )  # fmt: skip

    def __init__(self, capture: str, tls_state: Handshake, packet: int, time: float) -> None:
        self.capture, self.tls = capture, tls_state
        self.first = self.last = packet
        self.begun = self.ended = time
        self.syn = False
        self.tunnel: str | None = None
        self.closed: set[str] = set()
        """Ends that have sent all."""
        self.closed_by: Side | None = None
        self.closed_packet = 0
        self.reported = False

    def side_of(self, key: bytes) -> Side:
        """The end that sends under this key."""
        return self.tls.client if key == self.tls.client.key else self.tls.server

    @property
    def held(self) -> int:
        """Bytes that wait for more, in both directions."""
        one, other = self.tls.client, self.tls.server
        waiting = one.direction.waiting + other.direction.waiting
        return waiting + len(one.buffer) + len(one.handshake) + len(other.buffer) + len(other.handshake)

    @property
    def is_tls(self) -> bool:
        """Whether a TLS record was seen."""
        return self.tls.client.is_tls or self.tls.server.is_tls

    def feed(self, segment: Segment, packet: int, time: float) -> None:
        """Look at one segment."""
        side = self.side_of(segment.key)
        other = self.tls.server if side is self.tls.client else self.tls.client
        self.last, self.ended = packet, time
        if segment.flags & SYN:
            side.direction.begin(segment.sequence + 1)
            self.syn = True
        elif segment.payload or segment.missing:
            for piece in side.direction.feed(segment.sequence, segment.payload, segment.missing, packet):
                self._piece(side, *piece)
        if segment.flags & ACK and not self.tls.done:
            for piece in other.direction.acknowledged(segment.acknowledged):
                self._piece(other, *piece)
        if segment.flags & (FIN | RST) and self.closed_by is None:
            self.closed_by, self.closed_packet = side, packet

    def finish(self) -> None:
        """The connection or the capture has ended."""
        for side in (self.tls.client, self.tls.server):
            if not self.tls.done:
                for piece in side.direction.finish():
                    self._piece(side, *piece)
        self.tls.done = True

    def _piece(self, side: Side, data: bytes, packet: int, lost: int) -> None:
        """Bytes in order, with the number of bytes that are missing before them."""
        if self.tls.done:
            return
        if lost:
            self.tls.lose(side, lost, packet)
        side.packet, side.time = packet, self.ended
        side.buffer += data
        if side.is_tls or self._begins(side):
            self.tls.read(side)

    def _begins(self, side: Side) -> bool:
        """Whether TLS has begun in this direction; HTTP CONNECT and its answer are skipped."""
        buffer = side.buffer
        if len(buffer) < 3:
            return False
        if is_record(buffer) or (buffer[0] & 0x80 and buffer[2] == 1):
            side.is_tls = True
            return True
        from_client = side.name == CLIENT
        if from_client and buffer.startswith(b"PROXY ") and b"\r\n" in buffer[:120]:
            del buffer[: buffer.find(b"\r\n") + 2]  # a load balancer's PROXY protocol, version 1
            return self._begins(side)
        connects = from_client and b"CONNECT ".startswith(bytes(buffer[:8]))
        if connects or (self.tunnel is not None and buffer[:5] in (b"HTTP/"[: len(buffer)], b"HTTP/")):
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self.tls.done = len(buffer) > MAX_CONNECT
                return False
            if from_client:
                self.tunnel = bytes(buffer[8:end]).split(b" ", 1)[0].decode("ascii", "backslashreplace")[:255]
            del buffer[: end + 4]
            return self._begins(side) if buffer else False
        if side.lost or not self.syn:
            at = next_record(buffer)
            if at >= 0:
                del buffer[:at]
                side.is_tls = True
                return True
        self.tls.done = not self.is_tls
        buffer.clear()
        return False

    def result(self) -> Connection:
        """The connection as a value."""
        state = self.tls
        client, server = ends_of(state.client.key)
        hello, server_hello = state.hello, state.server_hello
        version = suite = None
        if server_hello is not None:
            version = tls.VERSIONS.get(server_hello.version, hex(server_hello.version))
            suite = tls.SUITES.get(server_hello.suite, f"0x{server_hello.suite:04x}")
        sight, inferred = state.sight()
        return Connection(
            capture=self.capture,
            client=client,
            server=server,
            begun=self.begun,
            ended=self.ended,
            first_packet=self.first,
            last_packet=self.last,
            sni=hello.sni if hello else None,
            tunnel=self.tunnel,
            version=version,
            suite=suite,
            server_chain=state.server_chain,
            request=state.request,
            client_chain=state.client_chain,
            client_certificate_packet=state.client_packet,
            verified=state.verified,
            alerts=tuple(state.alerts),
            completed=state.completed,
            resumed=state.resumed,
            renegotiated=state.renegotiated,
            closed_by=self.closed_by.name if self.closed_by else None,
            closed_packet=self.closed_packet,
            sight=sight,
            inferred=inferred,
            sizes=tuple(state.sizes),
            answers=tuple(state.answers),
            faults=tuple(state.faults),
            steps=tuple(state.steps),
        )


class Connections:
    """All connections of one capture: ``feed`` gives those that end, ``drain`` those that remain."""

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
        self.not_understood = 0
        """Packets and connections that raised."""
        self.faults: list[str] = []
        """What raised first."""
        self._held = 0
        """Bytes that wait in all flows, at most: counted in full only when it is too much."""

    def raised(self, packet: int, error: Exception, flow: Flow | None = None) -> None:
        """A net's work: count what raised, and read no more of that connection."""
        self.not_understood += 1
        text = f"packet {packet}: {not_understood(error)}"
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(text)
        if flow is not None:
            flow.tls.fault(text)
            flow.tls.done = True

    def feed(self, segment: Segment, packet: int, time: float) -> Iterator[Connection]:
        """Take a segment; yield the connections that ended before it."""
        while self._closing and self._closing[0][0] + LINGER < packet:
            yield from self._end(self._closing.popleft()[1])
        flow = self._flows.get(segment.key)
        opens = segment.flags & (SYN | ACK) == SYN
        if flow is None or (opens and (flow.tls.done or flow.is_tls)):
            if flow is not None:
                yield from self._end(flow)
            if not opens and not segment.payload and not segment.flags & SYN:
                return
            if len(self._flows) >= 2 * self._limit:
                yield from self._end(next(iter(self._flows.values())))
                self.given_up += 1
            flow = self._open(segment, opens, packet, time)
        elif flow.tls.done:
            if segment.flags & (FIN | RST):
                self._close(flow, segment, packet)
            return
        try:
            flow.feed(segment, packet, time)
        except Exception as error:  # noqa: BLE001 (a net around each connection)
            self.raised(packet, error, flow)
        self._held += len(segment.payload)
        if self._held > MAX_HELD:
            yield from self._shed()
        if segment.flags & (FIN | RST):
            self._close(flow, segment, packet)

    def _shed(self) -> Iterator[Connection]:
        """Give up the oldest connections, until half of what may wait is free."""
        flows = dict.fromkeys(self._flows.values())
        self._held = sum(flow.held for flow in flows)
        for flow in flows if self._held > MAX_HELD else ():
            if self._held <= MAX_HELD // 2:
                break
            self._held -= flow.held
            yield from self._end(flow)
            self.given_up += 1

    def _close(self, flow: Flow, segment: Segment, packet: int) -> None:
        """One end has sent all, or both have."""
        side = flow.side_of(segment.key)
        if flow.closed_by is None:
            flow.closed_by, flow.closed_packet = side, packet
        before = len(flow.closed)
        flow.closed |= {CLIENT, SERVER} if segment.flags & RST else {side.name}
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
        flow = Flow(self._capture, Handshake(client, self._keys), packet, time)
        self._flows[segment.key] = self._flows[segment.back] = flow
        return flow

    def _end(self, flow: Flow) -> Iterator[Connection]:
        if self._flows.get(flow.tls.client.key) is flow:
            for side in (flow.tls.client, flow.tls.server):
                self._flows.pop(side.key, None)  # both keys are one, where a port speaks to itself
        elif flow.reported:
            return
        flow.reported = True
        result = None
        try:
            flow.finish()
            if not flow.is_tls:
                self.not_tls += flow.last > flow.first
            elif flow.tls.seen:
                result = flow.result()
            else:
                self.mid += 1
        except Exception as error:  # noqa: BLE001 (a net around each connection)
            self.raised(flow.last, error)
        if result is not None:
            yield result

    def drain(self) -> Iterator[Connection]:
        """The capture has ended."""
        while self._flows:
            yield from self._end(next(iter(self._flows.values())))
