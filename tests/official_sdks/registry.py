"""The calls that other people's clients make of an emulator, each as one small function.

pytest runs every function against every target, and ``python -m tests.official_sdks`` prints what
came of them. This is the only home of what a case is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.official_sdks.place import Place

__all__ = ["CASES", "Case", "Check", "Outcome", "call", "refused", "unsupported"]

Check = Callable[[Place], None]


class Outcome(Enum):
    """What a case shows when it passes."""

    OK = "ok"
    REFUSED = "refused as documented"
    UNSUPPORTED = "not supported"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing a client does.

    Attributes:
        client: Whose calls these are.
        calls: The public names it goes through, as the library spells them.
        check: Makes the calls and asserts what came of them.
        outcome: What it shows when it passes.
        why: The reason, for what is refused or not supported.
    """

    client: str
    calls: tuple[str, ...]
    check: Check
    outcome: Outcome = Outcome.OK
    why: str = ""

    @property
    def name(self) -> str:
        """What ``DIFFERENCES`` and pytest call it; unique in a client."""
        return f"{self.client}: {self.check.__name__}"


CASES: Final[list[Case]] = []


def call(client: str, *calls: str) -> Callable[[Check], Check]:
    """Register a function that makes these calls, all of which succeed."""
    return _registered(client, calls, Outcome.OK, "")


def refused(client: str, *calls: str, why: str) -> Callable[[Check], Check]:
    """Register a function that asserts a refusal which documentation promises."""
    return _registered(client, calls, Outcome.REFUSED, why)


def unsupported(client: str, *calls: str, why: str) -> Callable[[Check], Check]:
    """Register a function that asserts how a call ends that no emulator here serves."""
    return _registered(client, calls, Outcome.UNSUPPORTED, why)


def _registered(
    client: str, calls: tuple[str, ...], outcome: Outcome, why: str
) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        case = Case(client, calls, check, outcome, why)
        if any(case.name == other.name for other in CASES):
            raise ValueError(f"two cases are called {case.name}")
        CASES.append(case)
        return check

    return register
