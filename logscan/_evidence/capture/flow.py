"""TLS connections of a capture: segments in, one :class:`Connection` out when it ends.

Follows both directions of every TCP connection that begins with TLS, or with what may come before it, until
its handshake has been seen; later bytes are not looked at. Everything kept is bounded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.handshake import Handshake
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.segments import ACK, FIN, RST, SYN, Segment
from logscan._evidence.capture.tcp_flow import Flow
from logscan.errors import not_understood

MAX_OPEN = 20_000
"""Connections followed at once; beyond, the oldest is given up."""
LINGER = 1_000
"""Packets of the capture that a closed connection is kept for, in case of late segments."""
MAX_HELD = 256 << 20
"""Bytes that wait in all connections together; beyond, the oldest connection is given up."""
MAX_FAULTS = 3
"""Of what raised, shown."""


class Connections:
    """All connections of one capture: ``feed`` gives those that end, ``drain`` those that remain."""

    def __init__(self, capture: str, keys: KeyLog, limit: int = MAX_OPEN) -> None:
        self._capture, self._keys, self._limit = capture, keys, limit
        self._flows: dict[bytes, Flow] = {}
        self._closing: deque[tuple[int, Flow]] = deque()
        """Closed by both ends, at which packet: a late segment may still belong to them."""
        self.settled: set[bytes] = set()
        """Keys of connections of which nothing more is read."""
        self.given_up = 0
        """Connections that were dropped because more than the limit were open."""
        self.not_tls = 0
        self.other_protocols: Counter[str] = Counter()
        """Of those that are no TLS, what was spoken."""
        self.mid = 0
        """TLS connections whose handshake was before the capture."""
        self.unreadable = 0
        """Connections with packets cut or lost, so that nothing of a handshake can be read."""
        self.snap = 0
        """Bytes that packets are cut to; 0: none was seen that is cut."""
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
        if flow is None or (
            opens
            and (flow.tls.done or flow.is_tls)
            and not flow.begins_with(flow.side_of(segment.key), segment)
        ):
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
                self._close(flow, segment, packet, time)
            return
        try:
            flow.feed(segment, packet, time)
        except Exception as error:  # noqa: BLE001 (a net around each connection)
            self.raised(packet, error, flow)
        if flow.tls.done:
            self.settled.add(segment.key)
            self.settled.add(segment.back)
        self._held += len(segment.payload)
        if self._held > MAX_HELD:
            yield from self._shed()
        if segment.flags & (FIN | RST):
            self._close(flow, segment, packet, time)

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

    def _close(self, flow: Flow, segment: Segment, packet: int, time: float) -> None:
        """One end has sent all, or both have."""
        before = len(flow.closed)
        flow.close(segment, packet, time)
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
                self.settled.discard(side.key)
                self._flows.pop(side.key, None)  # both keys are one, where a port speaks to itself
        elif flow.reported:
            return
        flow.reported = True
        result = None
        try:
            flow.finish()
            if not flow.is_tls and flow.cut and flow.protocol is None:
                self.unreadable += 1
            elif not flow.is_tls:
                self.not_tls += flow.last > flow.first
                if flow.protocol:
                    self.other_protocols[flow.protocol] += 1
            elif flow.tls.seen or (flow.syn and flow.tls.alerts):
                result = flow.result(self.snap)
            elif flow.syn:
                self.unreadable += 1
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
