"""Samples: the entries of some messages of each incident, for those who read a report without the logs."""

from __future__ import annotations

from collections.abc import Sequence

from logscan._entries.parse import decode
from logscan._jobs.search import find
from logscan._scanning.plan import Limits
from logscan.nodes import is_stream
from logscan.values import Counters, Incident

INCIDENTS = 50
"""Incidents that get samples: those with most failures."""
ENTRIES = 12
"""Entries kept of one message."""
CHARACTERS = 4_000
"""Characters kept of one entry."""
ALL = 500_000
"""Characters kept of all: a page has to pass through mail servers."""


def sample_entries(
    incidents: Sequence[Incident], paths: Sequence[str], limits: Limits = Limits(), each: int = 1
) -> dict[str, list[str]]:
    """Message id → its entries, of so many messages of each incident. A stream cannot be read again."""
    ids = [name for incident in incidents[:INCIDENTS] for name in incident.sample_message_ids[:each]]
    again = [path for path in paths if not is_stream(path)]
    if not ids or not again:
        return {}
    found: dict[str, list[str]] = {name: [] for name in ids}
    room = ALL
    for one in find(ids, again, Counters(), limits=limits):
        text = decode(one.span.data).rstrip("\r\n")
        owner = next((name for name in found if name in text), None)
        if owner is not None and len(found[owner]) < ENTRIES and room > 0:
            cut = f"\n… {len(text) - CHARACTERS:,} more characters" if len(text) > CHARACTERS else ""
            found[owner].append(text[:CHARACTERS] + cut)
            room -= len(found[owner][-1])
    return {name: entries for name, entries in found.items() if entries}
