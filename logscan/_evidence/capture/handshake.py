"""The TLS state of one connection: records of both sides in, what was said in the handshake out.

TLS 1.2 and before in the clear; TLS 1.3 with the secrets of a key log, else by the sizes of records.
Everything kept is bounded.
"""

from __future__ import annotations

from logscan._evidence.capture import tls
from logscan._evidence.capture.connection import (
    CLIENT,
    DECRYPTED,
    EMPTY,
    FULL,
    HIDDEN,
    INFERRED,
    NOT_ASKED,
    SENT,
    SERVER,
    Alert,
    Step,
)
from logscan._evidence.capture.keylog import KeyLog, RecordDecryptor
from logscan._evidence.capture.reassembly import Direction
from logscan._failures import catalog

MAX_HANDSHAKE = 1 << 18
"""Bytes of handshake kept of one direction."""
MAX_ALERTS = 16
MAX_STEPS = 64
MAX_SIZES = 8
MAX_RECORD = 18_432
AFTER = 24
"""Records looked at after the handshake, for alerts and renegotiation."""

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23


class Side:
    """One end of a connection, and what it has sent."""

    __slots__ = (
        "buffer", "decryptor", "direction", "encrypted", "finished", "handshake", "is_tls", "key", "lost",
        "name", "packet", "time",
    )  # fmt: skip

    def __init__(self, name: str, key: bytes) -> None:
        self.name = name
        """:data:`CLIENT` or :data:`SERVER`, as far as is known."""
        self.key = key
        """Addresses and ports, its own first."""
        self.direction = Direction()
        self.buffer = bytearray()
        self.handshake = bytearray()
        self.packet = 0
        """Of the last bytes."""
        self.time = 0.0
        self.encrypted = self.finished = False
        self.lost = False
        """Bytes were lost: look for the next record."""
        self.decryptor: RecordDecryptor | None = None
        self.is_tls = False
        """A first record was seen; before it there may be HTTP CONNECT."""


class Handshake:
    """What both sides of one connection said in TLS."""

    __slots__ = (
        "_after", "_keys", "alerts", "answers", "client", "client_chain", "client_packet", "completed",
        "decrypted", "done", "early", "faults", "hello", "renegotiated", "request", "resumed", "server",
        "server_chain", "server_hello", "sizes", "steps", "verified",
    )  # fmt: skip

    def __init__(self, client_key: bytes, keys: KeyLog) -> None:
        half = len(client_key) // 2
        self.client = Side(CLIENT, client_key)
        self.server = Side(SERVER, client_key[half:] + client_key[:half])
        self._keys = keys
        self._after = 0
        """Records after the handshake."""
        self.done = False
        """Nothing more is read of this connection."""
        self.hello: tls.ClientHello | None = None
        self.server_hello: tls.ServerHello | None = None
        self.server_chain: tuple[bytes, ...] = ()
        self.request: tls.CertificateRequest | None = None
        self.client_chain: tuple[bytes, ...] | None = None
        self.client_packet = 0
        self.verified = self.completed = self.resumed = self.renegotiated = False
        self.early = self.decrypted = False
        self.alerts: list[Alert] = []
        self.sizes: list[int] = []
        self.answers: list[int] = []
        self.faults: list[str] = []
        self.steps: list[Step] = []

    @property
    def seen(self) -> bool:
        """Whether a message of the handshake, or an alert, was seen."""
        return bool(
            self.hello or self.server_hello or self.request or self.client_chain is not None or self.alerts
        )

    def lose(self, side: Side, count: int, packet: int) -> None:
        """Bytes of one side are missing: what they were part of cannot be read."""
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
        self._step(side, "ClientHello (SSL 2 form)")
        del buffer[: 2 + size]
        return True

    def _record(self, side: Side, header: bytes, data: bytes) -> None:
        kind = header[0]
        if kind == CHANGE_CIPHER:
            if not self._is_1_3():
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
            self._add_alert(side, "encrypted", "unknown")
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
            sizes = self.sizes if side.name == CLIENT else self.answers
            fits = len(sizes) < MAX_SIZES
            if fits and (side.name == CLIENT or self.sizes):
                sizes.append(len(data))
            if fits or side.name == SERVER:
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
            self._add_alert(side, "encrypted", "unknown")
            return
        name = catalog.ALERT_NAMES.get(data[1], f"alert {data[1]}")
        if name == "no_certificate" and side.name == CLIENT:  # SSL 3.0's way to send none
            self.client_chain, self.client_packet = (), side.packet
        self._add_alert(side, name, "fatal" if data[0] == 2 else "warning")

    def _add_alert(self, side: Side, name: str, level: str) -> None:
        if len(self.alerts) < MAX_ALERTS:
            self.alerts.append(Alert(name, level, side.name, side.packet))
        self._step(side, "Alert (encrypted)" if name == "encrypted" else f"Alert ({level}): {name}")

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
        if kind == 1:
            self._client_hello(side, body)
            text += f" for {self.hello.sni}" if self.hello and self.hello.sni else ""
        elif kind == 2:
            text = self._server_hello(side, body)
        elif kind == 11 and side.name == SERVER:
            self.server_chain = tls.certificates(body, version)
            text += f": {len(self.server_chain)} in the chain"
        elif kind == 11:
            self.client_chain = tls.certificates(body, version)
            self.client_packet = side.packet
            text += f": {len(self.client_chain)} in the chain" if self.client_chain else ": EMPTY"
        elif kind == 13 and side.name == SERVER:
            self.request = tls.certificate_request(body, version, side.packet)
            count = len(self.request.authorities)
            noun = "authority" if count == 1 else "authorities"
            text += f": {count} accepted {noun}" if count else ": any authority"
        elif kind == 4 and version == tls.TLS_1_3 and self.client.finished:
            self.completed = True  # a ticket is for a client that was accepted
        elif kind == 15 and side.name == CLIENT:
            self.verified = True
        elif kind == 20:
            side.finished, side.decryptor = True, None
        self._step(side, text)

    def _client_hello(self, side: Side, body: bytes) -> None:
        hello = tls.client_hello(body)
        if side.name == SERVER and self.hello is None and self.server_hello is None:
            self._exchange_sides()
        self.hello = hello
        self.early |= hello.early_data

    def _server_hello(self, side: Side, body: bytes) -> str:
        hello = tls.server_hello(body)
        if side.name == CLIENT and self.hello is None:
            self._exchange_sides()
        if hello.retry:
            return "HelloRetryRequest"
        self.server_hello = hello
        self.resumed |= hello.version == tls.TLS_1_3 and hello.pre_shared_key
        return f"ServerHello: {tls.VERSIONS.get(hello.version, hex(hello.version))}"

    def _exchange_sides(self) -> None:
        """The capture began in the middle, and the side taken for the client is the server."""
        self.client, self.server = self.server, self.client
        self.client.name, self.server.name = CLIENT, SERVER
        self.steps = [step._replace(by=CLIENT if step.by == SERVER else SERVER) for step in self.steps]

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


def is_record(data: bytearray) -> bool:
    """Whether the header of a TLS record may stand here."""
    return 20 <= data[0] <= 24 and data[1] == 3 and data[2] <= 4


def next_record(data: bytearray) -> int:
    """Where the next record may begin: a header that another one follows, or the end; ``-1``: nowhere."""
    for at in range(len(data) - 4):
        if is_record(data[at : at + 3]):
            size = data[at + 3] << 8 | data[at + 4]
            after = at + 5 + size
            if 0 < size <= MAX_RECORD and (after + 3 > len(data) or is_record(data[after : after + 3])):
                return at
    return -1


def infer(suite: int, sizes: list[int]) -> str | None:
    """What the client sent after the server's hello, by the sizes of its first encrypted records.

    Finished has the length of the suite's hash, an empty Certificate 8 bytes; each record adds a type and
    a tag of 16 bytes, Java 16 bytes of padding as well. Java sends Certificate and Finished in one
    record. Measured on 210 captures of 15 servers (docs/diagnose.md); other clients send two.
    """
    if not sizes:
        return None
    finished = 4 + (48 if suite == 0x1302 else 32)
    frame = 17 if suite != 0x1305 else 9
    first = sizes[0]
    alone = (frame + finished, frame + finished + 16)
    if first in alone:
        return NOT_ASKED
    if first in (frame + finished + 8, frame + finished + 24):
        return EMPTY
    if first in (frame + 8, frame + 24) and len(sizes) > 1 and sizes[1] in alone:
        return EMPTY
    return SENT if first > frame + finished + 24 + 200 else None
