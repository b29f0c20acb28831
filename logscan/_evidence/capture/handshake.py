"""The TLS state of one connection: records of both sides in, what was said in the handshake out.

TLS 1.2 and before in the clear; TLS 1.3 with the secrets of a key log, else by the sizes of records.
Everything kept is bounded.
"""

from __future__ import annotations

from logscan._evidence.capture import tls
from logscan._evidence.capture.connection import (
    ALERT_SIZES,
    CLIENT,
    DECRYPTED,
    ENCRYPTED,
    FULL,
    HIDDEN,
    INFERRED,
    SERVER,
    Alert,
    Step,
)
from logscan._evidence.capture.keylog import KeyLog, RecordDecryptor
from logscan._evidence.capture.records import (
    ALERT,
    APPLICATION,
    CHANGE_CIPHER,
    HANDSHAKE,
    MAX_RECORD,
    infer,
    is_record,
    next_record,
)
from logscan._evidence.capture.registry import VERSIONS
from logscan._evidence.capture.side import Side
from logscan._failures import catalog

MAX_HANDSHAKE = 1 << 18
"""Bytes of handshake kept of one direction."""
MAX_ALERTS = 16
MAX_STEPS = 64
MAX_SIZES = 8
_OF_ONE = {
    0: SERVER, 1: CLIENT, 2: SERVER, 8: SERVER, 12: SERVER, 13: SERVER, 14: SERVER, 16: CLIENT, 22: SERVER,
}  # fmt: skip
"""Messages that only one end sends."""
AFTER = 24
"""Records looked at after the handshake, for alerts and renegotiation."""


class Handshake:
    """What both sides of one connection said in TLS."""

    __slots__ = (
        "_after", "_keys", "_retry", "acked", "alerts", "answers", "client", "client_chain", "client_packet",
        "completed", "decrypted", "disorder", "done", "early", "faults", "hello", "hello_request",
        "renegotiated",
        "request", "request_size", "resumed", "server", "server_chain", "server_flight", "server_hello",
        "sizes", "sizes_packet", "steps", "sure", "verified",
    )  # fmt: skip

    def __init__(self, client_key: bytes, keys: KeyLog) -> None:
        half = len(client_key) // 2
        self.client = Side(CLIENT, client_key)
        self.server = Side(SERVER, client_key[half:] + client_key[:half])
        self._keys = keys
        self._after = 0
        """Records after the handshake."""
        self.disorder = False
        """An end answers to what is not in the capture yet."""
        self.sure = False
        """It is known which end is the client: else it may be the other."""
        self.done = False
        """Nothing more is read of this connection."""
        self.hello: tls.ClientHello | None = None
        self.server_hello: tls.ServerHello | None = None
        self.server_chain: tuple[bytes, ...] = ()
        self.request: tls.CertificateRequest | None = None
        self.client_chain: tuple[bytes, ...] | None = None
        self.client_packet = 0
        self.verified = self.completed = self.resumed = self.renegotiated = False
        self.early = self.decrypted = self.hello_request = self._retry = False
        self.server_flight = self.request_size = self.sizes_packet = 0
        self.acked: int | None = None
        """What the client had acknowledged when it sent its first alert, or its first encrypted record."""
        self.alerts: list[Alert] = []
        self.sizes: list[int] = []
        self.answers: list[int] = []
        self.faults: list[str] = []
        self.steps: list[Step] = []

    @property
    def seen(self) -> bool:
        """Whether a message of the handshake was seen, and who of the two is the client."""
        said = self.hello or self.server_hello or self.request or self.client_chain is not None
        return bool(said and self.sure)

    def matters(self, side: Side) -> bool:
        """Whether what this side sends next may still matter for the handshake."""
        if self._is_1_3() and not self.decrypted:
            settled = bool(self.answers) and max(self.answers) > ALERT_SIZES[-1]
            return not settled or (side is self.client and not self.sizes)
        if side is self.server and self._is_1_3():
            return not self.completed
        return not side.finished

    def lose(self, side: Side, count: int, packet: int) -> None:
        """Bytes of one side are missing: what they were part of cannot be read."""
        if self.matters(side):
            side.gap += count
            self.fault(f"{count:,} bytes of the {side.name} are not in the capture (before packet {packet})")
        side.buffer.clear()
        side.handshake.clear()
        side.lost, side.decryptor = True, None

    def fault(self, text: str) -> None:
        """Note what could not be read."""
        if len(self.faults) < MAX_ALERTS:
            self.faults.append(text)

    def _stop(self, text: str) -> None:
        self.fault(text)
        self.done = True

    def read(self, side: Side) -> None:
        """Take whole records off the buffer of a side."""
        buffer = side.buffer
        if side.lost:
            at = next_record(buffer)
            if at < 0:
                del buffer[: max(0, len(buffer) - 5)]
                return
            del buffer[:at]
            side.lost = False
        while len(buffer) >= 5 and not self.done:
            if not is_record(buffer):
                if self._old_hello(side):
                    continue
                self._stop(f"packet {side.packet}: the {side.name} sent what is no TLS record")
                return
            size = buffer[3] << 8 | buffer[4]
            if size > MAX_RECORD:
                self._stop(f"packet {side.packet}: a record of the {side.name} says it has {size:,} bytes")
                return
            if len(buffer) < 5 + size:
                return
            header, data = bytes(buffer[:5]), bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            self._record(side, header, data)

    def _old_hello(self, side: Side) -> bool:
        """Take an SSL 2-format ClientHello (RFC 5246 appendix E.2), as Java 6 sent it."""
        buffer = side.buffer
        if side.name != CLIENT or self.hello is not None or not buffer[0] & 0x80 or buffer[2] != 1:
            return False
        size = (buffer[0] & 0x7F) << 8 | buffer[1]
        if len(buffer) < 2 + size or size < 9:
            return False
        version = buffer[3] << 8 | buffer[4]
        self.hello = tls.ClientHello(bytes(32), None, (version,), early_data=False)
        self.sure = True
        self._step(side, "ClientHello (SSL 2 form)")
        del buffer[: 2 + size]
        return True

    def _record(self, side: Side, header: bytes, data: bytes) -> None:
        kind = header[0]
        if kind in (CHANGE_CIPHER, APPLICATION) and side is self.client and self._is_too_soon():
            self.disorder = True
        if kind == CHANGE_CIPHER:
            if not self._is_1_3() and not self._retry:
                self._change_cipher(side)
        elif kind == APPLICATION and self._is_1_3():
            self._record_1_3(side, header, data)
        elif side.encrypted:
            self._encrypted(side, kind)
        elif kind == ALERT:
            self._alert(side, data)
        elif kind == HANDSHAKE:
            self._messages(side, data)
        elif kind == APPLICATION:
            self.done = True  # in the middle of a connection: its handshake is not here

    def _is_too_soon(self) -> bool:
        """Whether the server's hello is still missing, though the client cannot be here without it."""
        hello = self.hello
        return hello is not None and self.server_hello is None and not self._retry and not hello.early_data

    def _change_cipher(self, side: Side) -> None:
        side.encrypted = True
        self._step(side, "ChangeCipherSpec")
        no_certificates = self.client_chain is None and not self.server_chain and not self.faults
        if side.name == SERVER and self.server_hello and no_certificates:
            self.resumed = True

    def _encrypted(self, side: Side, kind: int) -> None:
        """A record of TLS 1.2 or before that cannot be read: only its type is known."""
        if kind == HANDSHAKE and not side.finished:
            side.finished = True
            self._step(side, "Finished (encrypted)")
            if side.name == SERVER:
                self.completed = True
        elif kind == HANDSHAKE:
            self.renegotiated = True
            self._step(side, "a further handshake (encrypted)")
        elif kind == ALERT:
            self._add_alert(side, ENCRYPTED, "unknown")
        if self.completed:
            self._count_after(AFTER)

    def _count_after(self, limit: int) -> None:
        self._after += 1
        self.done = self._after > limit

    def _is_1_3(self) -> bool:
        return self.server_hello is not None and self.server_hello.version == tls.TLS_1_3

    def _record_1_3(self, side: Side, header: bytes, data: bytes) -> None:
        decrypted = self._decrypted(side, header, data)
        if decrypted is None:
            from_client = side.name == CLIENT
            sizes = self.sizes if from_client else self.answers
            fits = len(sizes) < MAX_SIZES
            if fits and from_client and not side.gap:
                if not sizes:
                    self.sizes_packet, self.acked = side.packet, self.server.direction.acked
                sizes.append(len(data))
            elif fits and not from_client and side.direction.is_after(self.acked, len(side.buffer)):
                sizes.append(len(data))  # no client's record before: nothing is acknowledged
            if fits or not from_client:
                self._step(side, f"encrypted record of {len(data)} bytes")
            self._count_after(2 * AFTER)
            return
        kind, content = decrypted
        self.decrypted = True
        if kind == ALERT:
            self._alert(side, content)
        elif kind == HANDSHAKE:
            self._messages(side, content)
        elif kind == APPLICATION:
            if side.name == SERVER:
                self.completed = True
                self._step(side, "data")
            self._count_after(AFTER)

    def _decrypted(self, side: Side, header: bytes, data: bytes) -> tuple[int, bytes] | None:
        """A record opened with the key log's secrets: the handshake's until Finished, then the others."""
        if self.hello is None or self.server_hello is None:
            return None
        if side.decryptor is None:
            stage = "application" if side.finished else "handshake"
            secret = self._keys.secret(side.name, stage, self.hello.random)
            if secret is None:
                return None
            side.decryptor = RecordDecryptor(secret, self.server_hello.suite)
        return side.decryptor.decrypt(header, data)

    def _alert(self, side: Side, data: bytes) -> None:
        if len(data) != 2 or data[0] not in (1, 2):
            self._add_alert(side, ENCRYPTED, "unknown")
            return
        name = catalog.ALERT_NAMES.get(data[1], f"alert {data[1]}")
        if name == "no_certificate" and side.name == CLIENT:  # SSL 3.0's way to send none
            self.client_chain, self.client_packet = (), side.packet
        self._add_alert(side, name, "fatal" if data[0] == 2 else "warning")

    def _add_alert(self, side: Side, name: str, level: str) -> None:
        if side is self.client and self.acked is None:
            self.acked = self.server.direction.acked
        if len(self.alerts) < MAX_ALERTS:
            self.alerts.append(Alert(name, level, side.name, side.packet))
        self._step(side, "Alert (encrypted)" if name == ENCRYPTED else f"Alert ({level}): {name}")

    def _step(self, side: Side, text: str) -> None:
        if len(self.steps) < MAX_STEPS:
            self.steps.append(Step(side.packet, side.time, side.name, text))

    def _messages(self, side: Side, data: bytes) -> None:
        """Handshake messages, however they are cut into records."""
        buffer = side.handshake
        buffer += data
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[1:4], "big")
            if size > MAX_HANDSHAKE:
                self._stop(f"packet {side.packet}: a message of the {side.name} says it has {size:,} bytes")
                return
            if len(buffer) < 4 + size:
                return
            kind, body = buffer[0], bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            try:
                self._message(side, kind, body)
            except ValueError as error:
                name = tls.MESSAGES.get(kind, f"message {kind}")
                self.fault(f"packet {side.packet}: the {side.name}'s {name} cannot be read: {error}")

    def _message(self, side: Side, kind: int, body: bytes) -> None:
        version = self.server_hello.version if self.server_hello else tls.TLS_1_2
        text = tls.MESSAGES.get(kind, f"message {kind}")
        if not self.sure and kind in _OF_ONE:
            self.sure = True
            if _OF_ONE[kind] != side.name:
                self._exchange_sides()
        if kind == 1:
            self._client_hello(body)
            text += f" for {self.hello.sni}" if self.hello and self.hello.sni else ""
        elif kind == 2:
            text = self._server_hello(body)
        elif kind == 11 and side.name == SERVER:
            self.server_chain = tls.certificates(body, version)
            self.server_flight = 4 + len(body)
            text += f": {len(self.server_chain)} in the chain"
        elif kind == 11:
            self.client_chain = tls.certificates(body, version)
            self.client_packet = side.packet
            text += f": {len(self.client_chain)} in the chain" if self.client_chain else ": EMPTY"
        elif kind == 13 and side.name == SERVER:
            self.request = tls.certificate_request(body, version, side.packet)
            self.request_size = 4 + len(body)
            count = len(self.request.authorities)
            noun = "authority" if count == 1 else "authorities"
            text += f": {count} accepted {noun}" if count else ": any authority"
        elif kind == 4 and version == tls.TLS_1_3 and self.client.finished:
            self.completed = True  # a ticket is for a client that was accepted
        elif kind == 15 and side.name == CLIENT:
            self.verified = True
        elif kind == 0 and side.name == SERVER:
            self.hello_request = True
        elif kind == 20:
            side.finished, side.decryptor = True, None
        self._step(side, text)

    def _client_hello(self, body: bytes) -> None:
        self.hello = hello = tls.client_hello(body)
        self.early |= hello.early_data

    def _server_hello(self, body: bytes) -> str:
        hello = tls.server_hello(body)
        self._retry = hello.retry
        if hello.retry:
            return "HelloRetryRequest"
        self.server_hello = hello
        self.resumed |= hello.version == tls.TLS_1_3 and hello.pre_shared_key
        return f"ServerHello: {VERSIONS.get(hello.version, hex(hello.version))}"

    def _exchange_sides(self) -> None:
        """The capture began in the middle, and the side taken for the client is the server."""
        self.client, self.server = self.server, self.client
        self.client.name, self.server.name = CLIENT, SERVER
        other = {CLIENT: SERVER, SERVER: CLIENT}
        self.steps = [step._replace(by=other[step.by]) for step in self.steps]
        self.alerts = [alert._replace(by=other[alert.by]) for alert in self.alerts]
        self.server_chain, self.client_chain = self.client_chain or (), self.server_chain or None
        self.server_flight = self.client_packet = 0

    def sight(self) -> tuple[str, str | None]:
        """How much is known of the client's certificate, and what record sizes show of it."""
        hello = self.server_hello
        if hello is not None and hello.version == tls.TLS_1_3:
            if self.decrypted and not (self.client_chain is None and self.sizes):
                return DECRYPTED, None
            inferred = None if self.early or self.resumed else infer(hello.suite, self.sizes)
            return INFERRED if inferred else HIDDEN, inferred
        hidden = self.resumed or (hello is None and not self.request)
        return HIDDEN if hidden else FULL, None
