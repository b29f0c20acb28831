"""The diagnosis of all evidence, as a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from logscan._diagnosis.verdict import CERTAIN, FINE, Verdict
from logscan._evidence.capture.connection import EMPTY, Connection
from logscan._evidence.capture.read_capture import CaptureCounters
from logscan._evidence.certificates import certificate_from_der
from logscan._evidence.collected import Evidence
from logscan.values import Counters

_LATEST = 32_503_680_000
"""Seconds since 1970 of the year 3000: a later time is damage."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Verdicts, the evidence they rest on, and what was counted."""

    verdicts: tuple[Verdict, ...]
    """Most failures first; after those of a log the cases of a capture alone."""
    evidence: Evidence
    counters: Counters
    """Of the logs, with the problems of all evidence."""
    logs: tuple[str, ...]
    captures: tuple[str, ...]
    not_grouped: int
    """Failures of the log beyond the number of groups that is kept."""
    northbound: int
    """Failures of the log between Router and Message Processor, which are not diagnosed."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Failures of the log that were not asked for (``--alert``), by name."""

    @property
    def capture(self) -> CaptureCounters:
        """What was counted of the captures."""
        return self.evidence.capture

    @property
    def accepted(self) -> int:
        """Connections of the captures whose handshake the backend accepted."""
        return self.evidence.capture.accepted

    @property
    def accepted_empty(self) -> int:
        """Of them, with an empty client Certificate: no fault."""
        return self.evidence.capture.accepted_empty

    @property
    def hidden(self) -> int:
        """Connections of which a capture does not show what the client sent."""
        return self.evidence.capture.hidden

    @property
    def late_refusals(self) -> tuple[str, ...]:
        """Backends that accepted an empty certificate, or one that had expired: some servers accept it in TLS
        and then refuse in HTTP. ``host:port``, in the order of the captures."""
        found = (
            f"{connection.server[0]}:{connection.server[1]}"
            for connection in self.evidence.connections
            if connection.accepted is True
            and (connection.client_certificate == EMPTY or _had_expired(connection))
        )
        return tuple(dict.fromkeys(found))

    @property
    def lost_alerts(self) -> int:
        """Alerts on the wire that the log does not name."""
        return sum(verdict.case.lost for verdict in self.verdicts)

    @property
    def faults(self) -> int:
        """Cases in which something went wrong."""
        return sum(verdict.certainty != FINE for verdict in self.verdicts)

    @property
    def open(self) -> int:
        """Cases in which nothing is proven."""
        return sum(verdict.certainty not in (CERTAIN, FINE) for verdict in self.verdicts)


def _had_expired(connection: Connection) -> bool:
    """Whether the client's certificate was out of date when it was sent."""
    if not connection.client_chain or not 0 <= connection.begun < _LATEST:
        return False
    try:
        last = certificate_from_der(connection.client_chain[0], connection.capture).not_after
    except ValueError:
        return False
    return last is not None and last.timestamp() < connection.begun
