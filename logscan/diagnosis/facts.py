"""The facts of one case: plain values, each with the evidence that it rests on.

A case is what is diagnosed together: failures of one proxy against one backend with one alert, or, where
no log was given, connections of a capture that agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from logscan.diagnosis.keymanager import Choice
from logscan.evidence.capture.connections import Connection
from logscan.evidence.certificates import Certificate
from logscan.evidence.configuration import TlsSettings
from logscan.evidence.distinguished_names import Name
from logscan.evidence.keystores.read_keystore import Keystore, KeystoreEntry


@dataclass(frozen=True, slots=True)
class Quote:
    """What a piece of evidence says, and where it stands."""

    text: str
    source: str
    """File with line, byte or packet; or the resource of an API."""


@dataclass(frozen=True, slots=True)
class Need:
    """Evidence that is missing, and how to get it."""

    what: str
    how: str
    """A command or API call, ready to run."""
    kind: str
    """``capture``, ``keystore``, ``bundle`` … (:mod:`logscan.diagnosis.needs`)."""


@dataclass(slots=True)
class Facts:
    """What is known. ``None`` always means: not known."""

    alert: str | None = None
    """As the log or the wire names it."""
    received: bool | None = None
    """Whether the backend sent the alert (``False``: this side raised it)."""
    log_keystore: str | None = None
    """``KeyStore:`` of the log's SSLInfo line: ``null`` where none is configured."""
    begun: datetime | None = None
    """UTC, of the first failure."""
    ended: datetime | None = None

    hello_only: bool | None = None
    """The handshake ended before the server answered the ClientHello."""
    before_request: bool = False
    """TLS 1.3: it ended behind the ServerHello, before the client could answer."""
    wire: bool = False
    """A connection of a capture belongs to the case."""
    incomplete: tuple[str, ...] = ()
    """What the capture lacks."""
    asked: bool | None = None
    sent: str | None = None
    """``empty``, ``sent`` or ``not asked``."""
    inferred: bool = False
    """``asked`` and ``sent`` come from sizes of records."""
    accepted: bool | None = None
    renegotiated: bool = False
    resumed: bool = False
    version: str | None = None
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
    reference_refers: str | None = None
    keystore_name: str | None = None
    keystore_exists: bool | None = None
    keystore: Keystore | None = None
    alias: str | None = None
    entry: KeystoreEntry | None = None
    choice: Choice | None = None
    """What Java would do with all of this."""
    backend_cas: tuple[Certificate, ...] = ()
    known: tuple[Certificate, ...] = ()
    """Every certificate of the evidence, to find missing links."""
    target: str | None = None
    org: str | None = None
    env: str | None = None
    quotes: dict[str, Quote] = field(default_factory=dict)
    """Evidence by the name of the fact."""
    connection: Connection | None = None
    """The connection that the facts of the wire come from."""

    def quote(self, *names: str) -> tuple[Quote, ...]:
        """The evidence of these facts, as far as there is some."""
        return tuple(self.quotes[name] for name in names if name in self.quotes)

    @property
    def refused(self) -> bool:
        """Whether something went wrong, as far as is known."""
        return self.accepted is not True

    @property
    def presented(self) -> tuple[Certificate, ...]:
        """The chain that the client sent: as seen, else what Java takes from the keystore."""
        if self.sent_chain:
            return self.sent_chain
        if self.entry is not None and self.entry.chain and self.sent != "empty":
            return self.entry.chain
        return ()
