"""All evidence of one diagnosis, as far as it was read: what the diagnosis looks things up in."""

from __future__ import annotations

from dataclasses import dataclass, field

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.read_capture import CaptureCounters
from logscan._evidence.certificates import Certificate
from logscan._evidence.configuration import Environment, Proxy
from logscan._evidence.engine_debug import EngineCounters, EngineHandshake
from logscan._evidence.keystores.keystore import Keystore
from logscan._evidence.router_access import RouterCounts
from logscan._evidence.s_client import SClient
from logscan._evidence.trace import TracedMessage


@dataclass(slots=True)
class Evidence:
    """What was read, by kind."""

    connections: list[Connection] = field(default_factory=list)
    capture: CaptureCounters = field(default_factory=CaptureCounters)
    s_clients: list[SClient] = field(default_factory=list)
    keystores: list[Keystore] = field(default_factory=list)
    """Files that hold at least one private key, or that were named as keystores."""
    certificates: list[Certificate] = field(default_factory=list)
    """Of files that hold no key."""
    backend_cas: list[Certificate] = field(default_factory=list)
    """What the backend is known to trust, because somebody said so."""
    environment: Environment = field(default_factory=Environment)
    proxies: list[Proxy] = field(default_factory=list)
    traces: list[TracedMessage] = field(default_factory=list)
    engine: list[EngineHandshake] = field(default_factory=list)
    """Of ``-Djavax.net.debug``: all that the engine says, also those that succeeded."""
    engine_counters: EngineCounters = field(default_factory=EngineCounters)
    hurt: RouterCounts = field(default_factory=RouterCounts)
    """Failed requests of the Routers' access logs."""
    hosts: set[str] = field(default_factory=set)
    """Message Processors whose logs were read."""
    files: dict[str, str] = field(default_factory=dict)
    """What each file was taken for."""
    unrecognized: list[str] = field(default_factory=list)
    """Files of a directory that are no evidence."""
