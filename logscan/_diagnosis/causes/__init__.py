"""Causes of a refused client certificate: one function each, in the order in which a person would look.

Each function says whether its cause is proven, possible or excluded, by which evidence, and what would
decide. None looks at the others, and none guesses: the alert's name alone never gives a cause
(docs/diagnose.md has the table of servers and alerts that were measured). A new cause is one decorated
function in one of the modules here.
"""

from __future__ import annotations

from logscan._diagnosis.causes import backend, certificate, choice, handshake, keystore, settings
from logscan._diagnosis.causes._base import (
    EXCLUDED,
    IF_EMPTY,
    IF_SENT,
    OTHERWISE,
    POSSIBLE,
    PROVEN,
    Cause,
    Finding,
)
from logscan._diagnosis.facts import Facts

CAUSES: tuple[Cause, ...] = tuple(
    value
    for module in (handshake, settings, keystore, choice, certificate, backend)
    for value in vars(module).values()
    if isinstance(value, Cause)
)
"""Every cause, in the order in which a person would look."""
GROUPS = (IF_EMPTY, IF_SENT, OTHERWISE)


def judge(facts: Facts) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The causes that remain in a case, and those that the evidence rules out.

    Those that are proven remain; where none is, all that are possible. None remains where the server
    accepted the handshake.
    """
    findings = [Finding(cause, *cause.assess(facts)) for cause in CAUSES]
    proven = tuple(finding for finding in findings if finding.state == PROVEN)
    possible = tuple(finding for finding in findings if finding.state == POSSIBLE)
    return proven or possible, tuple(finding for finding in findings if finding.state == EXCLUDED)


__all__ = ["CAUSES", "EXCLUDED", "GROUPS", "POSSIBLE", "PROVEN", "Cause", "Finding", "judge"]
