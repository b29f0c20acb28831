"""Causes of a failed southbound handshake: one function each, in the order in which a person would look.

Each function says whether its cause is shown, likely, possible or excluded, by which evidence, and what would
decide. None looks at the others, and none guesses: the alert's name alone never gives a cause
(docs/diagnose.md has the table of servers and alerts that were measured). What of it may be called proven is
decided in :mod:`logscan._diagnosis.certainty`. A new cause is one decorated function in a module here.
"""

from __future__ import annotations

from logscan._diagnosis.causes import (
    agreement,
    backend,
    backend_certificate,
    certificate,
    choice,
    handshake,
    keystore,
    network,
    settings,
)
from logscan._diagnosis.causes._base import (
    EXCLUDED,
    IF_CUT,
    IF_EMPTY,
    IF_NOT_AGREED,
    IF_REFUSED_HERE,
    IF_SENT,
    LIKELY,
    OTHERWISE,
    POSSIBLE,
    PROVEN,
    Cause,
    Finding,
)

CAUSES: tuple[Cause, ...] = tuple(
    value
    for module in (
        handshake, settings, keystore, choice, certificate, backend_certificate, agreement, network, backend,
    )
    for value in vars(module).values()
    if isinstance(value, Cause)
)  # fmt: skip
"""Every cause, in the order in which a person would look."""
GROUPS = (IF_EMPTY, IF_SENT, IF_REFUSED_HERE, IF_NOT_AGREED, IF_CUT, OTHERWISE)

__all__ = ["CAUSES", "EXCLUDED", "GROUPS", "LIKELY", "POSSIBLE", "PROVEN", "Cause", "Finding"]
