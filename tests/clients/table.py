"""The table of calls by client: what came of every case, call by call."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.clients.registry import Case, Outcome

__all__ = ["Result", "rows", "summary"]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case.

    Attributes:
        case: Which one.
        failure: What went wrong; empty when nothing did.
    """

    case: Case
    failure: str = ""


def rows(results: Iterable[Result]) -> Iterator[str]:
    """One line for each call, in the order of clients and names."""
    by_call: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        for name in result.case.calls:
            by_call.setdefault((result.case.client, name), []).append(result)
    width = max((len(name) for _, name in by_call), default=0)
    last = None
    for (client, name), found in sorted(by_call.items()):
        if client != last:
            yield f"\n{client}"
            last = client
        yield f"  {name:<{width}}  {_told(found)}"


def summary(results: Iterable[Result]) -> str:
    """How many cases came to what."""
    counted = Counter(
        "FAILED" if result.failure else result.case.outcome.value for result in results
    )
    return ", ".join(f"{number} {what}" for what, number in counted.most_common())


def _told(results: list[Result]) -> str:
    """What a call does, then what it refuses, then what is wrong."""
    parts = []
    if any(result.case.outcome is Outcome.OK and not result.failure for result in results):
        parts.append("ok")
    parts += [
        f"{result.case.outcome.value}: {result.case.why}"
        for result in results
        if result.case.outcome is not Outcome.OK and not result.failure
    ]
    parts += [f"FAILED: {result.failure}" for result in results if result.failure]
    return "; ".join(parts)
