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
    Assessment,
    Cause,
    Finding,
    possible,
)
from logscan._diagnosis.facts import Facts
from logscan.errors import not_understood

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
    accepted the handshake. A cause that cannot be assessed is possible: nothing rules it out.
    """
    findings = [Finding(cause, *_assessed(cause, facts)) for cause in CAUSES]
    proven = tuple(finding for finding in findings if finding.state == PROVEN)
    possible = tuple(finding for finding in findings if finding.state == POSSIBLE)
    return proven or possible, tuple(finding for finding in findings if finding.state == EXCLUDED)


def _assessed(cause: Cause, facts: Facts) -> Assessment:
    try:
        return cause.assess(facts)
    except Exception as error:  # noqa: BLE001 (a net: no cause ends a run)
        facts.faults.append(f"the cause {cause.name} is {not_understood(error)}")
        return possible("it could not be assessed")


__all__ = ["CAUSES", "EXCLUDED", "GROUPS", "POSSIBLE", "PROVEN", "Cause", "Finding", "judge"]
