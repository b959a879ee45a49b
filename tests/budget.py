"""How often a thing is tried: few examples and rounds in a hurry, many at night.

``make thorough`` gives as many as a property or a test marked ``rounds`` asks for, each time CI
runs. ``make test`` gives a sixth, for what is wrong everywhere, and ``quick`` a tenth; ``night``
gives ten times as many.
No profile holds the clock against a property: how long an example takes says more about what else
the machine does.
"""

from typing import Any, Final

from hypothesis import HealthCheck, settings

__all__ = ["USUAL", "examples", "register", "rounds"]

USUAL: Final = "usual"
"""The profile of a run that names none."""

_THOROUGH: Final = "thorough"

_PROFILES: Final = {"quick": 10, USUAL: 16, _THOROUGH: 100, "night": 1000}
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


def examples(thorough: int, **other: Any) -> settings:
    """Settings for a property that is given ``thorough`` examples, in another profile its share."""
    return settings(max_examples=rounds(thorough), **other)


def rounds(thorough: int) -> int:
    """How often a test marked ``rounds`` repeats what it repeats ``thorough`` times if it may."""
    return max(round(thorough * settings().max_examples / _PROFILES[_THOROUGH]), 1)
