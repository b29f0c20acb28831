"""What a capture shows of one TLS connection, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from logscan._evidence.capture import tls

CLIENT, SERVER = "client", "server"

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
    """One message of the handshake, for the diagram."""

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
    """``host:port`` of an HTTP CONNECT before TLS."""
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
    """The server finished the handshake too: it accepted what the client sent (TLS 1.3: it sent data)."""
    resumed: bool
    renegotiated: bool
    """A later handshake followed inside the encryption: its content is not visible."""
    closed_by: str | None
    closed_packet: int
    sight: str
    """:data:`FULL`, :data:`DECRYPTED`, :data:`INFERRED` or :data:`HIDDEN`."""
    inferred: str | None
    """Of TLS 1.3 without secrets: :data:`NOT_ASKED`, :data:`EMPTY` or :data:`SENT`, by sizes."""
    sizes: tuple[int, ...]
    """Of the client's first encrypted records."""
    answers: tuple[int, ...]
    """Of the server's encrypted records after them."""
    faults: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def size(self) -> int:
        """Bytes that it keeps of its certificates and names, about."""
        chains = sum(map(len, (*self.server_chain, *(self.client_chain or ()))))
        return chains + (sum(len(name.text) for name in self.request.authorities) if self.request else 0)

    @property
    def certificate_requested(self) -> bool | None:
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
        """Whether the server accepted what the client sent; ``None``: not known. In TLS 1.3 without secrets
        it is inferred from what the server sent next: an alert has 19 bytes, 35 from Java; tickets and data
        have more."""
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
        return NOT_ASKED if self.certificate_requested is False else None

    @property
    def refusal(self) -> Alert | None:
        """The first alert with which the server refused. An alert that cannot be read, after a complete
        handshake, is the usual end of a connection."""
        for alert in self.alerts:
            usual = alert.name == "close_notify" or (alert.name == "encrypted" and self.completed)
            if alert.by == SERVER and not usual:
                return alert
        return None
