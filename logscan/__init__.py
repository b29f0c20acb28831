"""logscan: find and explain TLS handshake failures in Apigee Edge Message Processor logs.

The commands as functions over frozen values; what is exported here is the library, all else is private::

    import logscan

    frame = logscan.read_incidents("sample_logs", by="target")         # one row an incident
    for failure in logscan.failures("sample_logs", since="-24h"):      # in bounded memory
        ...

Importing this package costs little; pandas is imported when a frame is made. See docs/library.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logscan._diagnosis.cases import Case, Group, HostSpan
    from logscan._diagnosis.causes._base import Assessment, Cause, Finding
    from logscan._diagnosis.facts import Facts, Need, Quote
    from logscan._diagnosis.keymanager import Choice, Considered
    from logscan._diagnosis.path import NextStep
    from logscan._diagnosis.result import Diagnosis
    from logscan._diagnosis.verdict import Verdict
    from logscan._entries.parse import parse_entry
    from logscan._evidence.capture.connection import Alert, Connection, End, Offer, Step
    from logscan._evidence.capture.read_capture import CaptureCounters
    from logscan._evidence.capture.tls import CertificateRequest
    from logscan._evidence.certificates import Certificate
    from logscan._evidence.collected import Evidence
    from logscan._evidence.configuration import Environment, Proxy, Reference, Target, TlsSettings
    from logscan._evidence.distinguished_names import Name
    from logscan._evidence.engine_debug import EngineCounters, EngineHandshake
    from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
    from logscan._evidence.router_access import RouterCounts, RouterRequest
    from logscan._evidence.s_client import SClient
    from logscan._evidence.trace import TracedMessage
    from logscan._jobs._options import Reading, Times
    from logscan._jobs._selecting import Choosing, Selecting
    from logscan._jobs.diagnose import Diagnosing, diagnose
    from logscan._jobs.export import Exporting, entries, export, read_entries
    from logscan._jobs.index import Indexed, index
    from logscan._jobs.ingest import Ingested, ingest
    from logscan._jobs.report import failures, incidents, read_failures, read_incidents, report
    from logscan._jobs.search import Searching, search
    from logscan._jobs.sql import SqlResult, sql
    from logscan._jobs.tail import Watcher, WatchUpdate, tail
    from logscan.errors import (
        ExitCode,
        InputError,
        LogscanError,
        MissingPackageError,
        NoLogsError,
        OutputError,
        UsageError,
    )
    from logscan.overviews import Bars, Event, Onset, Overview, Shared
    from logscan.values import (
        Channel,
        Counters,
        Entry,
        FailedHandshake,
        Found,
        Incident,
        Place,
        Problem,
        Report,
        Results,
        Span,
        SslInfo,
        ThrownException,
    )

__version__ = "0.1.0"

_NAMES_OF = {
    "logscan._diagnosis.cases": "Case Group HostSpan",
    "logscan._diagnosis.causes._base": "Assessment Cause Finding",
    "logscan._diagnosis.facts": "Facts Need Quote",
    "logscan._diagnosis.keymanager": "Choice Considered",
    "logscan._diagnosis.path": "NextStep",
    "logscan._diagnosis.result": "Diagnosis",
    "logscan._diagnosis.verdict": "Verdict",
    "logscan._entries.parse": "parse_entry",
    "logscan._evidence.capture.connection": "Alert Connection End Offer Step",
    "logscan._evidence.capture.read_capture": "CaptureCounters",
    "logscan._evidence.capture.tls": "CertificateRequest",
    "logscan._evidence.certificates": "Certificate",
    "logscan._evidence.collected": "Evidence",
    "logscan._evidence.configuration": "Environment Proxy Reference Target TlsSettings",
    "logscan._evidence.distinguished_names": "Name",
    "logscan._evidence.engine_debug": "EngineCounters EngineHandshake",
    "logscan._evidence.keystores.keystore": "Keystore KeystoreEntry",
    "logscan._evidence.router_access": "RouterCounts RouterRequest",
    "logscan._evidence.s_client": "SClient",
    "logscan._evidence.trace": "TracedMessage",
    "logscan._jobs._options": "Reading Times",
    "logscan._jobs._selecting": "Choosing Selecting",
    "logscan._jobs.diagnose": "Diagnosing diagnose",
    "logscan._jobs.export": "Exporting entries export read_entries",
    "logscan._jobs.index": "Indexed index",
    "logscan._jobs.ingest": "Ingested ingest",
    "logscan._jobs.report": "failures incidents read_failures read_incidents report",
    "logscan._jobs.search": "Searching search",
    "logscan._jobs.sql": "SqlResult sql",
    "logscan._jobs.tail": "Watcher WatchUpdate tail",
    "logscan.errors": (
        "ExitCode InputError LogscanError MissingPackageError NoLogsError OutputError UsageError"
    ),
    "logscan.overviews": "Bars Event Onset Overview Shared",
    "logscan.values": (
        "Channel Counters Entry FailedHandshake Found Incident Place"
        " Problem Report Results Span SslInfo ThrownException"
    ),
}
_HOME_OF = {name: home for home, names in _NAMES_OF.items() for name in names.split()}

__all__ = [
    "Alert",
    "Assessment",
    "Bars",
    "CaptureCounters",
    "Case",
    "Cause",
    "Certificate",
    "CertificateRequest",
    "Channel",
    "Choice",
    "Choosing",
    "Connection",
    "Considered",
    "Counters",
    "Diagnosing",
    "Diagnosis",
    "End",
    "EngineCounters",
    "EngineHandshake",
    "Entry",
    "Environment",
    "Event",
    "Evidence",
    "ExitCode",
    "Exporting",
    "Facts",
    "FailedHandshake",
    "Finding",
    "Found",
    "Group",
    "HostSpan",
    "Incident",
    "Indexed",
    "Ingested",
    "InputError",
    "Keystore",
    "KeystoreEntry",
    "LogscanError",
    "MissingPackageError",
    "Name",
    "Need",
    "NextStep",
    "NoLogsError",
    "Offer",
    "Onset",
    "OutputError",
    "Overview",
    "Place",
    "Problem",
    "Proxy",
    "Quote",
    "Reading",
    "Reference",
    "Report",
    "Results",
    "RouterCounts",
    "RouterRequest",
    "SClient",
    "Searching",
    "Selecting",
    "Shared",
    "Span",
    "SqlResult",
    "SslInfo",
    "Step",
    "Target",
    "ThrownException",
    "Times",
    "TlsSettings",
    "TracedMessage",
    "UsageError",
    "Verdict",
    "WatchUpdate",
    "Watcher",
    "__version__",
    "diagnose",
    "entries",
    "export",
    "failures",
    "incidents",
    "index",
    "ingest",
    "parse_entry",
    "read_entries",
    "read_failures",
    "read_incidents",
    "report",
    "search",
    "sql",
    "tail",
]


def __getattr__(name: str) -> Any:
    """Import the home of a public name when it is first asked for: commands start fast."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'logscan' has no attribute {name!r}")
    try:
        value = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        from logscan.errors import missing

        raise missing(error) or error from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
