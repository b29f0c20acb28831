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
    from logscan._diagnosis.result import Diagnosis
    from logscan._diagnosis.verdict import Verdict
    from logscan._entries.parse import parse_entry
    from logscan._failures.selection import HostNames, Selection
    from logscan._jobs._options import Choosing, Reading, Selecting, Times
    from logscan._jobs.diagnose import Diagnosing, diagnose
    from logscan._jobs.export import Exporting, entries, export, read_entries
    from logscan._jobs.report import failures, incidents, read_failures, read_incidents, report
    from logscan._jobs.search import Searching, search
    from logscan._jobs.tail import Watcher, WatchUpdate, watch
    from logscan._scanning.plan import Limits
    from logscan.errors import ExitCode, InputError, LogscanError, NoLogsError, OutputError, UsageError
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
        Results,
        Span,
        SslInfo,
        ThrownException,
    )

__version__ = "0.1.0"

_HOME_OF = {
    "Verdict": "logscan._diagnosis.verdict",
    "parse_entry": "logscan._entries.parse",
    "ExitCode": "logscan.errors",
    "InputError": "logscan.errors",
    "LogscanError": "logscan.errors",
    "NoLogsError": "logscan.errors",
    "OutputError": "logscan.errors",
    "UsageError": "logscan.errors",
    "HostNames": "logscan._failures.selection",
    "Selection": "logscan._failures.selection",
    "Choosing": "logscan._jobs._options",
    "Reading": "logscan._jobs._options",
    "Selecting": "logscan._jobs._options",
    "Times": "logscan._jobs._options",
    "Diagnosis": "logscan._diagnosis.result",
    "Diagnosing": "logscan._jobs.diagnose",
    "diagnose": "logscan._jobs.diagnose",
    "Exporting": "logscan._jobs.export",
    "entries": "logscan._jobs.export",
    "export": "logscan._jobs.export",
    "read_entries": "logscan._jobs.export",
    "failures": "logscan._jobs.report",
    "incidents": "logscan._jobs.report",
    "read_failures": "logscan._jobs.report",
    "read_incidents": "logscan._jobs.report",
    "report": "logscan._jobs.report",
    "Searching": "logscan._jobs.search",
    "search": "logscan._jobs.search",
    "WatchUpdate": "logscan._jobs.tail",
    "Watcher": "logscan._jobs.tail",
    "watch": "logscan._jobs.tail",
    "Limits": "logscan._scanning.plan",
    "TimeRange": "logscan.times",
    "time_range": "logscan.times",
    "Channel": "logscan.values",
    "Counters": "logscan.values",
    "Entry": "logscan.values",
    "FailedHandshake": "logscan.values",
    "Found": "logscan.values",
    "Incident": "logscan.values",
    "Message": "logscan.values",
    "Place": "logscan.values",
    "Problem": "logscan.values",
    "Report": "logscan.values",
    "Results": "logscan.values",
    "Span": "logscan.values",
    "SslInfo": "logscan.values",
    "ThrownException": "logscan.values",
}

__all__ = [
    "Channel",
    "Choosing",
    "Counters",
    "Diagnosing",
    "Diagnosis",
    "Entry",
    "ExitCode",
    "Exporting",
    "FailedHandshake",
    "Found",
    "HostNames",
    "Incident",
    "InputError",
    "Limits",
    "LogscanError",
    "Message",
    "NoLogsError",
    "OutputError",
    "Place",
    "Problem",
    "Reading",
    "Report",
    "Results",
    "Searching",
    "Selecting",
    "Selection",
    "Span",
    "SslInfo",
    "ThrownException",
    "TimeRange",
    "Times",
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
    "parse_entry",
    "read_entries",
    "read_failures",
    "read_incidents",
    "report",
    "search",
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
