"""How many examples a property tries, and how many cases a test: few in the quick run, many in the thorough one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

IS_CHECK = os.environ.get("CI", "") not in ("", "0", "false")
"""Whether a change is judged: then the examples are the same each time, so that nobody's change fails by a fault that
is older than it. The nightly run and a run by hand look for new ones."""
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]

for name, examples in (("quick", 12), ("thorough", 250)):
    settings.register_profile(
        name,
        max_examples=int(os.environ.get("EXAMPLES", examples)),
        deadline=None,
        print_blob=True,
        derandomize=IS_CHECK,
        suppress_health_check=HEALTH,
    )


def load(profile: str) -> None:
    """Set the number of examples of all properties that are defined from here on."""
    settings.load_profile(profile)


def sampled(cases: Sequence[Any], step: int) -> list[Any]:
    """Parameters of a test: each ``step``-th one in the quick run, all in the thorough run."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[pytest.mark.thorough] if number % step else [],
        )
        for number, case in enumerate(cases)
    ]


def fewer(divisor: int) -> settings:
    """For a property whose examples cost much: a part of the profile's number, at least five."""
    return settings(max_examples=max(5, settings().max_examples // divisor))
