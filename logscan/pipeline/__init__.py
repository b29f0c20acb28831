"""The pipeline: the verbs that join the stages. The only room that sees the whole way.

===========  ==================================================================================
``scan``     paths → failed handshakes, message by message (the library)
``report``   paths → incidents, and what lies outside the selection
``find``     message ids, paths → their entries
``entry_batches``  paths → all entries in Arrow columns
``diagnose`` evidence → verdicts: why a client certificate was refused
``watch``    live paths → failed handshakes as they happen
===========  ==================================================================================

Every verb takes :class:`Limits` and counts in :class:`~logscan.models.Counters`; nothing here prints.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logscan.diagnosis.verdict import Verdict
    from logscan.pipeline.batch import Report, read_failures, read_incidents, report
    from logscan.pipeline.counting import scan
    from logscan.pipeline.diagnosing import Diagnosis, diagnose
    from logscan.pipeline.evidence import EvidenceRequest
    from logscan.pipeline.export import entry_batches
    from logscan.pipeline.live import Live, Watched, Watcher, watch
    from logscan.pipeline.reading import Limits, Progress, blocks, read_entries
    from logscan.pipeline.search import Found, find
    from logscan.pipeline.selection import HostNames, Selection, select_alerts

_HOME_OF = {
    "Report": "batch", "read_failures": "batch", "read_incidents": "batch", "report": "batch",
    "scan": "counting",
    "Diagnosis": "diagnosing", "Verdict": "diagnosing", "diagnose": "diagnosing",
    "EvidenceRequest": "evidence",
    "entry_batches": "export",
    "Live": "live", "Watched": "live", "Watcher": "live", "watch": "live",
    "Limits": "reading", "Progress": "reading", "blocks": "reading", "read_entries": "reading",
    "Found": "search", "find": "search",
    "HostNames": "selection", "Selection": "selection", "select_alerts": "selection",
}  # fmt: skip

__all__ = [
    "Diagnosis",
    "EvidenceRequest",
    "Found",
    "HostNames",
    "Limits",
    "Live",
    "Progress",
    "Report",
    "Selection",
    "Verdict",
    "Watched",
    "Watcher",
    "blocks",
    "diagnose",
    "entry_batches",
    "find",
    "read_entries",
    "read_failures",
    "read_incidents",
    "report",
    "scan",
    "select_alerts",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import a verb's module when it is first asked for: a search needs none of the report's."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'logscan.pipeline' has no attribute {name!r}")
    value = getattr(import_module(f"logscan.pipeline.{home}"), name)
    globals()[name] = value
    return value
