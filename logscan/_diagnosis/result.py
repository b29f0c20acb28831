"""The diagnosis of all evidence, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from logscan._diagnosis.verdict import FINE, Verdict
from logscan._evidence.capture.connection import EMPTY
from logscan._evidence.capture.read_capture import CaptureCounters
from logscan._evidence.collected import Evidence
from logscan.values import Counters


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

    @property
    def capture(self) -> CaptureCounters:
        """What was counted of the captures."""
        return self.evidence.capture

    @property
    def accepted(self) -> int:
        """Connections of the captures whose handshake the backend accepted."""
        return sum(connection.accepted is True for connection in self.evidence.connections)

    @property
    def accepted_empty(self) -> int:
        """Of them, with an empty client Certificate: no fault."""
        return sum(
            connection.accepted is True and connection.client_certificate == EMPTY
            for connection in self.evidence.connections
        )

    @property
    def hidden(self) -> int:
        """Connections of which a capture does not show what the client sent."""
        return sum(
            connection.client_certificate is None and connection.accepted is None
            for connection in self.evidence.connections
        )

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
        """Cases that are not decided."""
        return sum(len(verdict.findings) != 1 for verdict in self.verdicts)
