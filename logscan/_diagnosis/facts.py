"""The facts of one case: plain values, each with the evidence that it rests on.

A case is what is diagnosed together: failures of one proxy against one backend with one alert, or, where
no log was given, connections of a capture that agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from logscan._diagnosis.keymanager import Choice
from logscan._evidence.capture.connection import EMPTY, Connection
from logscan._evidence.certificates import Certificate
from logscan._evidence.configuration import TlsSettings
from logscan._evidence.distinguished_names import Name
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry

SHOWN_NAMES = 8
"""Accepted authorities quoted one by one."""


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
    """TLS 1.3: it ended after the ServerHello, before the client could answer."""
    wire: bool = False
    """A connection of a capture belongs to the case."""
    incomplete: tuple[str, ...] = ()
    """What the capture lacks."""
    certificate_requested: bool | None = None
    """Whether the server asked for a client certificate."""
    sent: str | None = None
    """``empty``, ``sent`` or ``not asked``."""
    inferred: bool = False
    """``certificate_requested`` and ``sent`` come from sizes of records."""
    accepted: bool | None = None
    renegotiated: bool = False
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
