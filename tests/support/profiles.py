"""How many examples a property tries: few in the quick run, many in the thorough one."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]

for name, examples in (("quick", 25), ("thorough", 250)):
    settings.register_profile(
        name,
        max_examples=int(os.environ.get("EXAMPLES", examples)),
        deadline=None,
        print_blob=True,
        suppress_health_check=HEALTH,
    )


def load(profile: str) -> None:
    """Set the number of examples of all properties that are defined from here on."""
    settings.load_profile(profile)


def fewer(divisor: int) -> settings:
    """For a property whose examples cost much: a part of the profile's number, at least five."""
    return settings(max_examples=max(5, settings().max_examples // divisor))
