"""The pipeline: the verbs that join the stages. The only room that sees the whole way.

===========  ==================================================================================
``scan``     paths → failed handshakes, message by message (the library)
``report``   paths → incidents, and what lies outside the selection
``find``     message ids, paths → their entries
``watch``    live paths → failed handshakes as they happen
===========  ==================================================================================

Every verb takes :class:`Limits` and counts in :class:`~logscan.models.Counters`; nothing here prints.
"""

from logscan.pipeline.batch import Report, read_failures, read_incidents, report, scan
from logscan.pipeline.live import Live, Watched, watch
from logscan.pipeline.reading import Limits, Progress, blocks, read_entries
from logscan.pipeline.search import Found, find
from logscan.pipeline.selection import HostNames, Selection, select_alerts

__all__ = [
    "Found",
    "HostNames",
    "Limits",
    "Live",
    "Progress",
    "Report",
    "Selection",
    "Watched",
    "blocks",
    "find",
    "read_entries",
    "read_failures",
    "read_incidents",
    "report",
    "scan",
    "select_alerts",
    "watch",
]
