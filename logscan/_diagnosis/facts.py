"""The facts of one case: plain values, each with the evidence that it rests on.

A case is what is diagnosed together: failures of one proxy against one backend with one alert, or, where
no log was given, connections of a capture that agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from logscan._diagnosis.keymanager import Choice
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, Connection, Offer
from logscan._evidence.certificates import Certificate
from logscan._evidence.configuration import TlsSettings
from logscan._evidence.distinguished_names import Name
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
from logscan._failures import catalog

SHOWN_NAMES = 8
"""Accepted authorities quoted one by one."""

ONLY_SENT = frozenset({"certificate_expired", "certificate_revoked", "unsupported_certificate", "unknown_ca"})
"""Alerts for a certificate that was sent (RFC 8446 section 6.2)."""
ONLY_EMPTY = frozenset({"certificate_required", "no_certificate"})
"""Alerts for a certificate that is missing."""
JUDGING = ONLY_SENT | ONLY_EMPTY | {
    "bad_certificate", "certificate_unknown", "bad_certificate_hash_value", "certificate_unobtainable",
}  # fmt: skip
"""Alerts of a server that judge a client certificate: they show that one was asked for and refused.
``handshake_failure``, ``access_denied``, ``decrypt_error`` and the rest have other causes too."""
OF_THE_HELLO = frozenset({
    "protocol_version", "inappropriate_fallback", "insufficient_security", "unrecognized_name",
    "unsupported_extension", "missing_extension", "no_application_protocol",
})  # fmt: skip
"""Alerts of a server about the ClientHello."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a piece of evidence says, and where it stands."""

    text: str
    source: str
    """File with line, byte or packet; or the resource of an API."""


Quotes = Mapping[str, Quote]
"""Evidence by the name of the fact."""


@dataclass(frozen=True, slots=True)
class Need:
    """Evidence that is missing, and how to get it."""

    what: str
    how: str
    """A command or API call, ready to run."""
    kind: str
    """``capture``, ``keystore``, ``bundle`` … (:mod:`logscan._diagnosis.needs`)."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What a server asks of a client certificate."""

    authorities: tuple[Name, ...]
    """Accepted; empty: any."""
    key_types: tuple[str, ...]
    schemes: tuple[str, ...]
    quote: Quote


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. ``None`` always means: not known."""

    alert: str | None = None
    """As the log or the wire names it."""
    families: tuple[str, ...] = ()
    """Of the alert (:mod:`logscan._failures.catalog`)."""
    text: str | None = None
    """What Java says of the failure, from the log."""
    received: bool | None = None
    """Whether the backend sent the alert (``False``: the Message Processor refused the backend)."""
    refused_on_wire: bool = False
    """A capture or Java's debug output shows a fatal alert of the backend after the client's answer."""
    closed: str | None = None
    """How the connection ended without an alert: ``fin`` or ``reset``; ``None``: not so, or not known."""
    log_keystore: str | None = None
    """``KeyStore:`` of the log's SSLInfo line: ``null`` where none is configured."""
    begun: datetime | None = None
    """UTC, of the first failure."""
    ended: datetime | None = None

    hello_only: bool | None = None
    """The handshake ended before the server answered the ClientHello."""
    before_request: bool = False
    """TLS 1.3: it ended after the ServerHello, before the client could answer."""
    wire: bool = False
    """A connection of a capture belongs to the case."""
    incomplete: tuple[str, ...] = ()
    """What the capture lacks."""
    certificate_requested: bool | None = None
    """Whether the server asked for a client certificate in this handshake."""
    asked_elsewhere: bool | None = None
    """Whether it asked for one in another handshake (``s_client``, another connection)."""
    sent: str | None = None
    """``empty``, ``sent`` or ``not asked``."""
    inferred: bool = False
    """``certificate_requested`` and ``sent`` come from sizes of records."""
    why_none: str | None = None
    """Why Java selected no certificate, in the words of its debug output."""
    accepted: bool | None = None
    renegotiated: bool = False
    version: str | None = None
    suite: str | None = None
    sni: str | None = None
    sent_chain: tuple[Certificate, ...] = ()
    authorities: tuple[Name, ...] | None = None
    key_types: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()

    settings: TlsSettings | None = None
    settings_variable: str | None = None
    """A setting that only the running flow knows."""
    reference: str | None = None
    reference_resolves: bool | None = None
    keystore_name: str | None = None
    keystore_exists: bool | None = None
    keystore: Keystore | None = None
    alias: str | None = None
    entry: KeystoreEntry | None = None
    choice: Choice | None = None
    """What Java would do with all of this."""
    server_chain: tuple[Certificate, ...] = ()
    """That the backend sent."""
    trusted: tuple[Certificate, ...] | None = None
    """What the target's truststore holds."""
    other_server_chain: tuple[Certificate, ...] = ()
    """That a backend of the same name sent to somebody else (``s_client``)."""
    offer: Offer | None = None
    """Of the ClientHello."""
    not_tls: str | None = None
    """What the backend sent instead of TLS."""
    foreign_end: str | None = None
    """Why the end of the connection seems to come from something between."""
    silent_after: str | None = None
    """The message of the client that had no answer."""
    silent_seconds: float = 0.0
    hello_request: bool = False
    request_size: int = 0
    """Bytes of the CertificateRequest."""
    flight_size: int = 0
    """Bytes of the largest message that needs several packets: of the server's chain, or of the client's."""
    others_recovered: bool = False
    """One Message Processor fails on, with the keystore object that it had; the others stopped failing."""
    backend_cas: tuple[Certificate, ...] = ()
    known: tuple[Certificate, ...] = ()
    """Every certificate of the evidence, to find missing links."""
    target: str | None = None
    org: str | None = None
    env: str | None = None
    quotes: Quotes = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What a reader should know of how the evidence was joined."""
    connection: Connection | None = None
    """The connection that the facts of the wire come from."""
    faults: list[str] = field(default_factory=list)
    """Pieces of evidence and causes that raised."""

    def quote(self, *names: str) -> tuple[Quote, ...]:
        """The evidence of these facts, as far as there is some."""
        return tuple(self.quotes[name] for name in names if name in self.quotes)

    @property
    def judged(self) -> bool:
        """Whether the backend's alert judges a client certificate: then one was asked for, and refused."""
        return bool(self.received) and self.alert in JUDGING

    @property
    def asked(self) -> bool | None:
        """Whether a client certificate was asked for in this handshake; ``None``: nothing shows it."""
        return True if self.judged else self.certificate_requested

    @property
    def refused(self) -> bool | None:
        """Whether the backend refused after the client's answer; ``None``: nothing shows it."""
        if self.accepted:
            return False
        return True if self.judged or self.refused_on_wire else None

    @property
    def says_sent(self) -> bool:
        """Whether the alert is only for a certificate that was sent."""
        return bool(self.received) and self.alert in ONLY_SENT

    @property
    def says_empty(self) -> bool:
        """Whether the alert is only for a certificate that is missing."""
        return bool(self.received) and self.alert in ONLY_EMPTY

    @property
    def of_the_hello(self) -> bool:
        """Whether the alert is about the ClientHello."""
        return self.alert in OF_THE_HELLO

    @property
    def unanswered(self) -> bool:
        """Whether an answer is missing: a timeout, or silence in a capture."""
        return self.silent_after is not None or (catalog.TIMEOUT in self.families and self.received is None)

    @property
    def is_alien(self) -> bool:
        """Whether the log names a fault that has nothing to do with certificates."""
        other = set(self.families) == {catalog.NOT_TLS} and self.alert != "eof_unexpected"
        return other and self.closed is None

    @property
    def cut(self) -> bool:
        """Whether the connection ended without an alert that can be read, as far as is known."""
        return self.closed is not None or (
            catalog.CONNECTION_CUT in self.families and self.received is not False
        )

    @property
    def not_refused_because(self) -> str | None:
        """Why no refused client certificate is meant; ``None``: one may be."""
        reasons = (
            (self.accepted, "the server accepted it"),
            (self.received is False, "the Message Processor ended the handshake, not the backend"),
            (self.hello_only, "the handshake ended before certificates were exchanged"),
            (self.of_the_hello, f"the alert {self.alert} is about the ClientHello, not about a certificate"),
            (self.unanswered, "nobody refused: an answer is missing"),
            (self.not_tls is not None, "the backend does not speak TLS on this port"),
            (self.is_alien, "the failure is none of a client certificate"),
        )
        return next((reason for holds, reason in reasons if holds), None)

    @property
    def client_certificate_matter(self) -> bool:
        """Whether a refused client certificate may be meant."""
        return self.not_refused_because is None and self.sent != NOT_ASKED

    @property
    def presented(self) -> tuple[Certificate, ...]:
        """The chain that the client sent: as seen, else what Java takes from the keystore."""
        if self.sent_chain:
            return self.sent_chain
        if self.entry is not None and self.entry.chain and self.sent != EMPTY:
            return self.entry.chain
        return ()


def names_of(authorities: tuple[Name, ...]) -> str:
    """The first names of a list, for a quote."""
    return "; ".join(str(name) for name in authorities[:SHOWN_NAMES])
