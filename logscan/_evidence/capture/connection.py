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

BY_FIN, BY_RESET = "fin", "reset"
"""How an end of a connection ends it."""

ENCRYPTED = "encrypted"
"""Name of an alert that cannot be read."""
ALERT_SIZES = (19, 35)
"""Bytes of an encrypted alert in TLS 1.3: two, a type and a tag; Java pads with 16 (RFC 8446 section 5.4)."""
_SHORT_TAG = 8
"""Bytes by which the tag of TLS_AES_128_CCM_8_SHA256 is shorter."""

_ENDS = ("close_notify", "user_canceled")
"""Alerts that end a connection and refuse nothing."""
_JUDGES = frozenset(
    {
        "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired",
        "certificate_unknown", "unknown_ca", "bad_certificate_status_response",
    }
)  # fmt: skip
"""Alerts that judge a certificate: they never answer an end of the connection."""


class Alert(NamedTuple):
    """One alert as it went over the wire."""

    name: str
    """Standard name; :data:`ENCRYPTED` where it cannot be read."""
    level: str
    by: str
    """``client`` or ``server``."""
    packet: int


class End(NamedTuple):
    """One end of the connection said that it is over."""

    by: str
    how: str
    """:data:`BY_FIN` or :data:`BY_RESET`."""
    packet: int
    time: float


class Step(NamedTuple):
    """One message of the handshake, for the diagram."""

    packet: int
    time: float
    by: str
    text: str


class Offer(NamedTuple):
    """What a ClientHello offers: names as IANA has them, numbers in hexadecimal where there is none."""

    versions: tuple[str, ...]
    suites: tuple[str, ...]
    groups: tuple[str, ...]
    schemes: tuple[str, ...]
    """Signature schemes."""
    alpn: tuple[str, ...]


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
    offer: Offer | None
    """Of the last ClientHello; ``None``: none could be read."""
    tunnel: str | None
    """``host:port`` of an HTTP CONNECT before TLS."""
    protocol: str | None
    """What was spoken before TLS (``SMTP``, ``PostgreSQL`` …)."""
    version: str | None
    suite: str | None
    server_chain: tuple[bytes, ...]
    server_flight: int
    """Bytes of the server's Certificate message; 0: not seen."""
    request: tls.CertificateRequest | None
    request_size: int
    """Bytes of the CertificateRequest message; 0: not seen."""
    client_chain: tuple[bytes, ...] | None
    """``()``: the client's Certificate message was empty. ``None``: no such message was seen."""
    client_certificate_packet: int
    verified: bool
    """A CertificateVerify followed."""
    alerts: tuple[Alert, ...]
    completed: bool
    """The server finished the handshake too: it accepted what the client sent (TLS 1.3: it sent data)."""
    resumed: bool
    hello_request: bool
    """The server asked for another handshake, in clear."""
    renegotiated: bool
    """A later handshake followed inside the encryption: its content is not visible."""
    not_tls: str | None
    """What the server answered in clear in place of TLS: its first line, or its first bytes."""
    not_tls_packet: int
    ends: tuple[End, ...]
    """The first FIN and the first reset of each end, in the order of packets."""
    end_came_first: bool
    """The client had received the server's FIN when it sent its first alert."""
    foreign_end: str | None
    """What shows that a FIN or a reset of the server came from something between; a sentence."""
    gap_reason: str | None
    """Why not all is known of the handshake: a sentence; ``None``: all of it is in the capture, up to its
    end."""
    not_arrived: int
    """Bytes of the server that the client did not acknowledge, though later ones came: lost on their way, not
    in the capture; 0: none."""
    silent_after: str | None
    """The client's message that the server did not answer, and that the client waited for in vain."""
    silent_seconds: float
    sight: str
    """:data:`FULL`, :data:`DECRYPTED`, :data:`INFERRED` or :data:`HIDDEN`."""
    inferred: str | None
    """Of TLS 1.3 without secrets: :data:`NOT_ASKED`, :data:`EMPTY` or :data:`SENT`, by sizes."""
    sizes: tuple[int, ...]
    """Of the client's first encrypted records."""
    sizes_packet: int
    """Of the first of them."""
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
    def gaps(self) -> bool:
        """Whether bytes are missing that matter for the handshake: then no message's absence shows
        anything."""
        return self.gap_reason is not None

    @property
    def silent(self) -> bool:
        """Whether the client waited in vain for an answer of the server."""
        return self.silent_after is not None

    @property
    def closed_by(self) -> str | None:
        """The end that closed first."""
        return self.ends[0].by if self.ends else None

    @property
    def closed_packet(self) -> int:
        """Of the first end; 0: there is none."""
        return self.ends[0].packet if self.ends else 0

    @property
    def certificate_requested(self) -> bool | None:
        """Whether the server asked for a client certificate; ``None``: not known."""
        if self.request is not None or self.inferred in (EMPTY, SENT) or self.client_chain is not None:
            return True
        if self.inferred == NOT_ASKED:
            return False
        if self.sight not in (FULL, DECRYPTED) or self.gaps or self.faults:
            return None
        done = any(step.text == "ServerHelloDone" for step in self.steps)
        return False if (done or self.client_flight) and self.version else None

    @property
    def accepted(self) -> bool | None:
        """Whether the server accepted what the client sent; ``None``: not known. In TLS 1.3 without secrets
        it is inferred from what the server sent next: an alert has 19 bytes, 35 from Java; tickets and data
        have more. Never ``False`` where missing bytes may hide that it did."""
        if self.completed:
            return True
        if self.refusal is not None:
            return False
        flight = self.client_flight
        if flight and self.version == "TLS 1.3" and self.answers and max(self.answers) > ALERT_SIZES[-1]:
            return True
        if self.gaps or self.own_alert is not None:
            return None
        if self.not_tls is not None:
            return False
        by_server = self.closed_by == SERVER
        if not flight:
            return False if by_server and self.steps and not self.faults else None
        return False if by_server or (self.version == "TLS 1.3" and self.answers) else None

    @property
    def client_flight(self) -> bool:
        """Whether the client's answer to the server's hello was seen: neither its hello nor an alert."""
        if self.own_alert is not None and self.own_alert.name == ENCRYPTED:
            return False
        return any(
            step.by == CLIENT and not step.text.startswith(("ClientHello", "Alert", "ChangeCipherSpec"))
            for step in self.steps
        )

    @property
    def client_flight_1_3(self) -> bool:
        """TLS 1.3: whether the client answered the server's hello inside the encryption."""
        if self.own_alert is not None and self.own_alert.name == ENCRYPTED:
            return False
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
        """The alert with which the server refused. An alert that cannot be read is none: up to TLS 1.2 the
        server encrypts only after it has accepted, and TLS 1.3 does not show what is an alert. Nor is one
        that answers the client's own end."""
        closed = min((end.packet for end in self.ends if end.by == CLIENT), default=None)
        for alert in self.alerts:
            if alert.by == SERVER and alert.name not in _ENDS and alert.name != ENCRYPTED:
                return alert if closed is None or alert.packet < closed else None
        return None

    @property
    def own_alert(self) -> Alert | None:
        """The alert with which the client itself ended the handshake: not one that it sent because the
        server had ended it. TLS 1.3 without secrets: the client's first encrypted record has the size of
        an alert."""
        if self.completed or self.not_tls is not None or self.end_came_first:
            return None
        alert = self._first_own()
        if alert is None or any(end.by == SERVER and end.packet < alert.packet for end in self.ends):
            return None
        if any(other.by == SERVER and other.packet < alert.packet for other in self.alerts):
            return None
        return None if self.gaps and alert.name not in _JUDGES else alert

    def _first_own(self) -> Alert | None:
        for alert in self.alerts:
            if alert.by == CLIENT and alert.name not in (*_ENDS, ENCRYPTED, "no_certificate"):
                return alert if alert.level == "fatal" else None
        if self.version == "TLS 1.3" and self.sizes and not self.resumed:
            small: tuple[int, ...] = ALERT_SIZES
            if (self.suite or "").endswith("_CCM_8_SHA256"):
                small = tuple(size - _SHORT_TAG for size in ALERT_SIZES)
            # Two alerts are user_canceled and close_notify: the client gave up, and judged nothing.
            if self.sizes[0] in small and (len(self.sizes) == 1 or self.sizes[1] not in small):
                return Alert(ENCRYPTED, "unknown", CLIENT, self.sizes_packet)
        return None

    @property
    def hello_refused(self) -> bool:
        """Whether the server refused the ClientHello itself: with an alert, or by ending the connection,
        before any message of its own."""
        if self.gaps or self.not_tls is not None or self.own_alert is not None or self.faults:
            return False
        hello = False
        for step in self.steps:
            if step.text.startswith("ClientHello"):
                hello = True
            elif not step.text.startswith("Alert") and step.text != "HelloRetryRequest":
                return False
        return hello and (self.refusal is not None or self.closed_by == SERVER)
