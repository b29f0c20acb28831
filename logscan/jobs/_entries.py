"""Every entry of some logs, understood, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logscan.entries.parse import parse
from logscan.jobs._spans import blocks
from logscan.scanning.needles import EveryEntryFinder
from logscan.scanning.plan import Limits
from logscan.values import Counters, Entry, as_paths


def read_entries(
    paths: str | Sequence[str], counters: Counters | None = None, limits: Limits = Limits()
) -> Iterator[Entry]:
    """Every entry of the logs, understood, in their order.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    counters = counters or Counters()
    for spans in blocks(as_paths(paths), EveryEntryFinder, counters, limits):
        for span in spans:
            yield parse(span, counters)
