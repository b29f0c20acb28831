"""Which Message Processor holds an old keystore, by the logs of several.

All Message Processors of an environment have the same configuration. One that fails alone, with a keystore
object that has not changed since before the others stopped failing, still holds what was loaded before.
"""

from __future__ import annotations

from typing import NamedTuple

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import Quote
from logscan._evidence.collected import Evidence
from logscan._failures.catalog import CLIENT_CERTIFICATE

LATER = 300.0
"""Seconds that one host must fail longer than the others."""
ALONE = 10
"""Failures of the only host that fails, before that says something."""


class OldKeystore(NamedTuple):
    """Why a Message Processor seems to hold an old keystore."""

    quote: Quote
    likely: bool
    """Whether the others failed too, and stopped. Else they may never have called that backend."""


def old_keystore(case: Case, evidence: Evidence) -> OldKeystore | None:
    """Why one Message Processor seems to hold an old keystore; ``None``: nothing shows it."""
    group = case.group
    if group is None or CLIENT_CERTIFICATE not in group.families or len(evidence.hosts) < 2:
        return None
    spans = {host: span for host, span in group.by_host.items() if span.last is not None}
    if not spans:
        return None
    last = max(spans, key=lambda host: spans[host].last)  # type: ignore[arg-type, return-value]
    others = [span for host, span in spans.items() if host != last]
    if len(spans[last].objects) > 1:
        return None  # it was loaded anew meanwhile
    place = spans[last].place
    if not others:
        if group.count < ALONE:
            return None
        count = len(evidence.hosts)
        text = f"of {count} Message Processors only {last} fails: it may still hold an old keystore"
        return OldKeystore(Quote(text, place), likely=False)
    end = max(span.last for span in others if span.last is not None)
    if (spans[last].last - end).total_seconds() < LATER:  # type: ignore[operator]
        return None
    text = (
        f"{last} still fails, with the keystore object that it had; the other Message Processors"
        f" failed for the last time at {end:%Y-%m-%d %H:%M:%S} UTC"
    )
    return OldKeystore(Quote(text, place), likely=True)
