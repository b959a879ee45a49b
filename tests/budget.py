"""How many examples a property is given: few in a hurry, many at night.

``pytest --hypothesis-profile=quick`` gives a tenth of the usual number, and ``thorough`` ten times.
No profile holds the clock against a property: how long an example takes says more about what else
the machine does.
"""

from typing import Any, Final

from hypothesis import HealthCheck, settings

__all__ = ["USUAL", "examples", "register"]

USUAL: Final = "usual"
"""The profile of a run that names none."""

_PROFILES: Final = {"quick": 10, USUAL: 100, "thorough": 1000}
"""How many examples a property is given that asks for no number of its own."""


def register() -> None:
    """Make the profiles known, and take the usual one."""
    for name, number in _PROFILES.items():
        settings.register_profile(
            name,
            max_examples=number,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(USUAL)


def examples(usual: int, **other: Any) -> settings:
    """Settings for a property that needs ``usual`` examples, and in another profile its share."""
    share = settings().max_examples / _PROFILES[USUAL]
    return settings(max_examples=max(round(usual * share), 1), **other)
