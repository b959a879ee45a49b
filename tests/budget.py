"""How often a thing is tried: few examples and rounds in a hurry, many at night.

``make thorough`` gives as many as a property or a test marked ``rounds`` asks for, each time CI
runs. ``make test`` gives a tenth, for what is wrong everywhere; ``night`` gives ten times as many.
No profile holds the clock against a property: how long an example takes says more about what else
the machine does.
"""

from collections.abc import Iterable
from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, settings

__all__ = ["USUAL", "drawn", "examples", "register", "rounds"]

USUAL: Final = "usual"
"""The profile of a run that names none."""

_THOROUGH: Final = "thorough"

_PROFILES: Final = {USUAL: 10, _THOROUGH: 100, "night": 1000}
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


def drawn(variants: Iterable[str], seed: int) -> set[str]:
    """Those variants of a test marked ``drawn`` that run: of each function its share, one at least.

    Args:
        variants: Names of tests, ``FUNCTION[VARIANT]``.
        seed: The same ones are drawn for the same.
    """
    by_function: dict[str, list[str]] = {}
    for name in sorted(variants):
        by_function.setdefault(name.partition("[")[0], []).append(name)
    random = Random(seed)
    return {
        one
        for names in by_function.values()
        for one in random.sample(names, min(rounds(len(names)), len(names)))
    }
