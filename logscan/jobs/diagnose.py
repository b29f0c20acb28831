"""Diagnose: from paths to verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from logscan.diagnosis.cases import cases_of
from logscan.diagnosis.verdict import Verdict, verdict_of
from logscan.evidence.capture.read_capture import CaptureCounters
from logscan.evidence.collected import Evidence
from logscan.failures.catalog import CLIENT_CERTIFICATE
from logscan.jobs._evidence import EvidenceRequest, Read, collect
from logscan.scanning.plan import Progress
from logscan.values import Counters


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``diagnose`` found."""

    verdicts: tuple[Verdict, ...]
    """Most failures first; cases of a capture alone behind those of a log."""
    evidence: Evidence
    counters: Counters
    capture: CaptureCounters
    logs: tuple[str, ...]
    captures: tuple[str, ...]
    accepted: int
    """Connections of the capture whose handshake the backend accepted."""
    accepted_empty: int
    """Of them, with an empty client Certificate: no fault."""
    hidden: int
    """Connections of which a capture does not show what the client sent."""
    lost_alerts: int
    """Alerts on the wire that the log does not name."""
    failures_left_out: int
    northbound: int
    """Failures of the log between Router and Message Processor, which are not diagnosed."""

    @property
    def open(self) -> int:
        """Cases that are not decided."""
        return sum(len(verdict.findings) != 1 for verdict in self.verdicts)


def diagnose(asked: EvidenceRequest, alias: str | None = None, progress: Progress | None = None) -> Diagnosis:
    """Read the evidence and judge every case in it.

    Args:
        asked: paths, selection and roles of files.
        alias: the alias that is used, where no log or bundle names it.

    Raises:
        InputError: a file that was named for its role cannot be read.
    """
    return judged(collect(asked, progress), asked, alias)


def judged(read: Read, asked: EvidenceRequest, alias: str | None = None) -> Diagnosis:
    """Judge what was read."""
    selection = asked.selection
    groups = read.groups.emit()
    if selection.alerts:
        groups = [group for group in groups if group.alert in selection.alerts]
        wanted = None
    else:
        wanted = frozenset({selection.family or CLIENT_CERTIFICATE})
        if selection.family:
            groups = [group for group in groups if selection.family in group.families]
    cases = cases_of(groups, read.evidence.connections, wanted)
    verdicts = [verdict_of(case, read.evidence, read.keystore, alias) for case in cases]
    verdicts.sort(
        key=lambda verdict: (
            verdict.case.group is None,
            -verdict.case.failures,
            -len(verdict.case.connections),
        )
    )
    connections = read.evidence.connections
    accepted = [connection for connection in connections if connection.accepted is True]
    return Diagnosis(
        tuple(verdicts), read.evidence, read.counters, read.evidence.capture, tuple(read.logs),
        tuple(read.captures),
        len(accepted), sum(connection.client_certificate == "empty" for connection in accepted),
        sum(c.client_certificate is None and c.accepted is None for c in connections),
        sum(verdict.case.lost for verdict in verdicts), read.groups.left_out,
        read.groups.northbound,
    )  # fmt: skip
