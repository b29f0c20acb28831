"""One TCP connection of a capture: segments in, what was said in TLS out.

Knows what may stand before TLS (HTTP CONNECT, a load balancer's PROXY line, protocols with STARTTLS), how
the connection ended, and what of it is not in the capture.
"""

from __future__ import annotations

from functools import lru_cache

from logscan._evidence.capture.connection import (
    ALERT_SIZES,
    BY_FIN,
    BY_RESET,
    CLIENT,
    Connection,
    End,
    Offer,
)
from logscan._evidence.capture.handshake import Handshake
from logscan._evidence.capture.plain import first_line, may_begin_tls, protocol_of
from logscan._evidence.capture.records import is_record, next_record
from logscan._evidence.capture.registry import GROUPS, SIGNATURES, SUITES, VERSIONS
from logscan._evidence.capture.segments import ACK, FIN, RST, SYN, Segment, ends_of
from logscan._evidence.capture.side import MAX_ORIGINS, Origin, Side

MAX_CONNECT = 16_384
"""Bytes of an HTTP CONNECT with its headers."""
MAX_PLAIN = 65_536
"""Bytes of another protocol that are looked through for the beginning of TLS."""
GAVE_UP, SENT_AGAIN = 1.0, 3.0
"""Seconds without an answer after which a client that closes, or sends again, waited in vain."""
_PROXY_2 = b"\r\n\r\n\x00\r\nQUIT\n"


class Flow:
    """One TCP connection that is being followed."""

    __slots__ = (
        "_plain", "banner", "begun", "capture", "closed", "cut", "ended", "ends", "first", "foreign", "last",
        "not_tls", "not_tls_packet", "protocol", "reported", "syn", "tls", "tunnel",
    )  # fmt: skip

    def __init__(self, capture: str, tls_state: Handshake, packet: int, time: float) -> None:
        self.capture, self.tls = capture, tls_state
        self.first = self.last = packet
        self.begun = self.ended = time
        self.syn = False
        self.cut = False
        """A packet that matters is cut (snapshot length)."""
        self.tunnel: str | None = None
        self.protocol: str | None = None
        """What was spoken before TLS, or in its place."""
        self.banner: tuple[str, int] | None = None
        """What the server said before the client said anything, and in which packet."""
        self.not_tls: str | None = None
        self.not_tls_packet = 0
        self.closed: set[bytes] = set()
        """Keys of the ends that have sent all."""
        self.ends: list[tuple[Side, str, int, float]] = []
        """Who said that it is over, how, and when; not yet with names: who is the client may change."""
        self.foreign: tuple[Side, str] | None = None
        self.reported = False
        self._plain = 0

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
        client, server = self.tls.client, self.tls.server
        side, other = (client, server) if segment.key == client.key else (server, client)
        self.last, self.ended = packet, time
        side.heard = True
        direction, flags, payload = side.direction, segment.flags, segment.payload
        if not flags & RST and len(side.origins) < MAX_ORIGINS:
            side.origins.setdefault(Origin(segment.hops, segment.hardware), packet)
        if flags & ACK:
            if not other.direction.begun and (payload or self.syn or flags & SYN):
                other.direction.begin(segment.acknowledged)
            elif side is server and (payload or flags & FIN) and other.direction.lacks(segment.acknowledged):
                self.tls.disorder = True
            if other.direction.acknowledged(segment.acknowledged) and not self.tls.done:
                for piece in other.direction.skip():
                    self._piece(other, *piece)
        if flags & SYN:
            if not self.begins_with(side, segment):
                direction.begin(segment.sequence + 1)
            self.syn = self.tls.sure = True
        elif payload or segment.missing:
            if direction.has(segment.sequence + len(payload) + segment.missing):
                side.resent = time
            self.cut |= segment.missing > 0
            for piece in direction.feed(segment.sequence, payload, segment.missing, packet):
                self._piece(side, *piece)

    def begins_with(self, side: Side, segment: Segment) -> bool:
        """Whether a SYN is the one that this connection began with: sent again, or captured late."""
        return side.direction.start == (segment.sequence + 1) & 0xFFFFFFFF

    def close(self, segment: Segment, packet: int, time: float) -> None:
        """An end says that the connection is over."""
        side = self.side_of(segment.key)
        reset = bool(segment.flags & RST)
        how = BY_RESET if reset else BY_FIN
        if not any(end[0] is side and end[1] == how for end in self.ends):
            self.ends.append((side, how, packet, time))
            text = _foreign(side, segment, packet)
            if text is not None and self.foreign is None:
                self.foreign = side, text
        side.direction.ends(segment.sequence + len(segment.payload) + segment.missing)
        self.closed |= {self.tls.client.key, self.tls.server.key} if reset else {side.key}

    def finish(self) -> None:
        """The connection or the capture has ended."""
        state = self.tls
        for side in (state.client, state.server):
            if not state.done:
                for piece in side.direction.finish():
                    self._piece(side, *piece)
            elif side.direction.waiting and state.matters(side):
                side.gap += 1
        state.done = True

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
        """Whether TLS has begun in this direction; what may stand before it is skipped."""
        buffer = side.buffer
        if len(buffer) < 3:
            return False
        from_client = side.name == CLIENT
        if is_record(buffer) or (buffer[0] & 0x80 and buffer[2] == 1 and from_client):
            side.is_tls = True
            if from_client and self.banner is not None and side.plain == 0:
                self.not_tls, self.not_tls_packet = self.banner  # TLS, to a server that spoke first
            elif not from_client:
                self.not_tls = None
            return True
        if from_client and not self.is_tls and _without_proxy(buffer):
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
        if side.lost or not self.syn or self.protocol:
            at = next_record(buffer)
            if at >= 0 and (from_client or self.tls.client.is_tls or not self.protocol):
                del buffer[:at]
                side.is_tls = True
                return True
        self._plain_text(side)
        return False

    def _plain_text(self, side: Side) -> None:
        """What is no TLS: another protocol, or the server's answer in clear to a ClientHello."""
        buffer = side.buffer
        from_client = side.name == CLIENT
        if not self.is_tls:
            self.protocol = self.protocol or protocol_of(buffer, from_client=from_client)
            self._plain += len(buffer)
            side.plain += len(buffer)
            if not from_client and self.banner is None and not self.tls.client.packet and self.syn:
                self.banner = first_line(buffer, self.protocol), side.packet
            waits = not from_client and self.banner is not None and not self.tls.client.packet
            self.tls.done = not (waits or may_begin_tls(self.protocol or "")) or self._plain > MAX_PLAIN
        elif not from_client and self.tls.hello is not None and not side.lost and self.not_tls is None:
            self.not_tls, self.not_tls_packet = first_line(buffer), side.packet
        buffer.clear()

    def result(self, snap: int) -> Connection:
        """The connection as a value.

        Args:
            snap: bytes that packets of the capture are cut to.
        """
        state = self.tls
        client, server = ends_of(state.client.key)
        hello, server_hello = state.hello, state.server_hello
        version = suite = None
        if server_hello is not None:
            version = VERSIONS.get(server_hello.version, hex(server_hello.version))
            suite = SUITES.get(server_hello.suite, f"0x{server_hello.suite:04x}")
        sight, inferred = state.sight()
        gap_reason = self._gap(snap)
        silent_after, silent_seconds = (None, 0.0) if gap_reason else self._silence()
        return Connection(
            capture=self.capture,
            client=client,
            server=server,
            begun=self.begun,
            ended=self.ended,
            first_packet=self.first,
            last_packet=self.last,
            sni=hello.sni if hello else None,
            offer=_offer(hello.versions, hello.suites, hello.groups, hello.schemes, hello.alpn)
            if hello
            else None,
            tunnel=self.tunnel,
            protocol=self.protocol,
            version=version,
            suite=suite,
            server_chain=state.server_chain,
            server_flight=state.server_flight,
            request=state.request,
            request_size=state.request_size,
            client_chain=state.client_chain,
            client_certificate_packet=state.client_packet,
            verified=state.verified,
            alerts=tuple(state.alerts),
            completed=state.completed,
            resumed=state.resumed,
            hello_request=state.hello_request,
            renegotiated=state.renegotiated,
            not_tls=self.not_tls,
            not_arrived=0 if state.server.direction.arrived else state.server.gap,
            not_tls_packet=self.not_tls_packet,
            ends=tuple(End(side.name, how, packet, time) for side, how, packet, time in self.ends),
            end_came_first=state.server.direction.is_end(state.acked),
            foreign_end=self.foreign[1] if self.foreign and self.foreign[0] is state.server else None,
            gap_reason=gap_reason,
            silent_after=silent_after,
            silent_seconds=silent_seconds,
            sight=sight,
            inferred=inferred,
            sizes=tuple(state.sizes),
            sizes_packet=state.sizes_packet,
            answers=tuple(state.answers),
            faults=tuple(state.faults),
            steps=tuple(state.steps),
        )

    def _gap(self, snap: int) -> str | None:
        """Why not all of the handshake is known; ``None``: it is."""
        state = self.tls
        for side in (state.client, state.server):
            if not side.heard:
                other = state.client if side is state.server else state.server
                return f"only the {other.name}'s direction is in the capture"
        unseen = {
            side.name: side.gap * side.direction.arrived
            + (side.direction.unseen if state.matters(side) else 0)
            for side in (state.client, state.server)
        }
        missing = {name: count for name, count in unseen.items() if count}
        if self.cut and missing:
            length = f" to {snap:,} bytes" if snap else ""
            return f"packets are cut{length} (snap length): capture again with -s 0"
        if state.hello is None and not self.syn:
            return "the capture began after the ClientHello"
        if missing:
            parts = " and ".join(f"{count:,} bytes of the {name}" for name, count in missing.items())
            return f"packets were lost: {parts} are not in the capture"
        if state.disorder and state.matters(state.server):
            return "packets are not in the order in which they were sent"
        if state.hello is None and state.faults:
            return "the ClientHello cannot be read"
        return None

    def _silence(self) -> tuple[str | None, float]:
        """The client's last message that got no answer, and the seconds that the client waited for it."""
        state = self.tls
        settled = state.completed or (state.answers and max(state.answers) > ALERT_SIZES[-1])
        gave_up = state.sizes and state.sizes[0] in ALERT_SIZES
        said = [step for step in state.steps if step.by == CLIENT and not step.text.startswith("Alert")]
        if settled or gave_up or self.not_tls is not None or not said:
            return None, 0.0
        last = said[-1]
        if state.server.packet >= last.packet or (self.ends and self.ends[0][0] is state.server):
            return None, 0.0
        closed = self.ends[0][3] - last.time if self.ends else 0.0
        waited = max(closed, state.client.resent - last.time)
        if closed >= GAVE_UP or waited >= SENT_AGAIN:
            return last.text, waited
        return None, 0.0


def _without_proxy(buffer: bytearray) -> bool:
    """Take a load balancer's PROXY protocol, version 1 or 2, off the beginning, where it stands there."""
    if buffer.startswith(b"PROXY ") and b"\r\n" in buffer[:120]:
        del buffer[: buffer.find(b"\r\n") + 2]
        return True
    if buffer.startswith(_PROXY_2) and len(buffer) >= 16:
        size = 16 + (buffer[14] << 8 | buffer[15])
        if len(buffer) >= size:
            del buffer[:size]
            return True
    return False


def _foreign(server: Side, segment: Segment, packet: int) -> str | None:
    """What shows that an end in the server's name did not come from where its other packets came from."""
    others = {origin: first for origin, first in server.origins.items() if first < packet}
    if not others or Origin(segment.hops, segment.hardware) in others:
        return None
    what = "reset" if segment.flags & RST else "FIN"
    origin, first = next(iter(others.items()))
    if all(other.hops != segment.hops for other in others):
        name = "hop limit" if len(server.key) > 12 else "TTL"
        return (
            f"the {what} in packet {packet} has {name} {segment.hops}, the server's packets have"
            f" {origin.hops} (packet {first})"
        )
    return (
        f"the {what} in packet {packet} comes from the hardware address {segment.hardware.hex(':')}, the"
        f" server's packets come from {origin.hardware.hex(':')} (packet {first})"
    )


@lru_cache(maxsize=1024)
def _offer(
    versions: tuple[int, ...],
    suites: tuple[int, ...],
    groups: tuple[int, ...],
    schemes: tuple[int, ...],
    alpn: tuple[str, ...],
) -> Offer:
    """The names of what a ClientHello offers; clients of one kind share one."""
    return Offer(
        tuple(VERSIONS.get(number, hex(number)) for number in versions),
        tuple(SUITES.get(number, f"0x{number:04x}") for number in suites),
        tuple(GROUPS.get(number, f"0x{number:04x}") for number in groups),
        tuple(SIGNATURES.get(number, f"0x{number:04x}") for number in schemes),
        alpn,
    )
