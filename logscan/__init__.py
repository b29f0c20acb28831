"""logscan: find and explain TLS handshake failures in Apigee Edge Message Processor logs.

The same stages that the commands use, as functions over frozen values::

    import logscan

    frame = logscan.read_incidents("sample_logs")           # one row an incident
    for failures in logscan.scan(["system.log"], logscan.Counters()):
        ...                                                 # one list a message

Importing this package costs little; pandas is imported when a frame is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logscan.diagnosis.verdict import Verdict
    from logscan.errors import ExitCode, InputError, LogscanError, NoLogsError, OutputError, UsageError
    from logscan.failures.selection import HostNames, Selection, select_alerts
    from logscan.jobs._counting import scan
    from logscan.jobs._entries import read_entries
    from logscan.jobs._evidence import EvidenceRequest
    from logscan.jobs.diagnose import Diagnosis, diagnose
    from logscan.jobs.export import entry_batches
    from logscan.jobs.report import read_failures, read_incidents, report
    from logscan.jobs.search import find
    from logscan.jobs.tail import Live, Watched, Watcher, watch
    from logscan.scanning.plan import Limits
    from logscan.times import TimeRange, time_range
    from logscan.values import (
        Channel,
        Counters,
        Entry,
        FailedHandshake,
        Found,
        Incident,
        Message,
        Place,
        Problem,
        Report,
        Span,
        SslInfo,
        ThrownException,
    )

__version__ = "0.1.0"

_HOMES = {
    "logscan.errors": ("ExitCode", "InputError", "LogscanError", "NoLogsError", "OutputError", "UsageError",),
    "logscan.values": ("Channel", "Counters", "Entry", "FailedHandshake", "Incident", "Message", "Place", "Problem", "Span", "SslInfo", "ThrownException",),
    "logscan.diagnosis.verdict": ("Verdict",),
    "logscan.failures.selection": ("HostNames", "Selection", "select_alerts",),
    "logscan.jobs._counting": ("scan",),
    "logscan.jobs._entries": ("read_entries",),
    "logscan.jobs._evidence": ("EvidenceRequest",),
    "logscan.jobs.diagnose": ("Diagnosis", "diagnose",),
    "logscan.jobs.export": ("entry_batches",),
    "logscan.jobs.report": ("Report", "read_failures", "read_incidents", "report",),
    "logscan.jobs.search": ("Found", "find",),
    "logscan.jobs.tail": ("Live", "Watched", "Watcher", "watch",),
    "logscan.scanning.plan": ("Limits",),
    "logscan.times": ("TimeRange", "time_range",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Channel",
    "Counters",
    "Diagnosis",
    "Entry",
    "EvidenceRequest",
    "ExitCode",
    "FailedHandshake",
    "Found",
    "HostNames",
    "Incident",
    "InputError",
    "Limits",
    "Live",
    "LogscanError",
    "Message",
    "NoLogsError",
    "OutputError",
    "Place",
    "Problem",
    "Report",
    "Selection",
    "Span",
    "SslInfo",
    "ThrownException",
    "TimeRange",
    "UsageError",
    "Verdict",
    "Watched",
    "Watcher",
    "__version__",
    "diagnose",
    "entry_batches",
    "find",
    "read_entries",
    "read_failures",
    "read_incidents",
    "report",
    "scan",
    "select_alerts",
    "time_range",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import the home of a public name when it is first asked for: commands start fast."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'logscan' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
