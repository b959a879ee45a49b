"""The table of calls by client: what came of every case, call by call."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.official_sdks.registry import Case, Outcome

__all__ = ["Result", "rows", "summary"]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case.

    Attributes:
        case: Which one.
        failure: What went wrong; empty when nothing did.
        difference: Why something else was asked of this target; empty when nothing was.
    """

    case: Case
    failure: str = ""
    difference: str = ""

    @property
    def outcome(self) -> str:
        """What it came to, in a word or two."""
        if self.failure:
            return "FAILED"
        return "different" if self.difference else self.case.outcome.value

    @property
    def told(self) -> str:
        """What it came to, and why."""
        why = self.failure or self.difference or self.case.why
        return f"{self.outcome}: {why}" if why else self.outcome


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
    counted = Counter(result.outcome for result in results)
    return ", ".join(f"{number} {what}" for what, number in counted.most_common())


def _told(results: list[Result]) -> str:
    """What a call does, once, and then what else there is to say about it."""
    told = dict.fromkeys(result.told for result in results)
    return "; ".join(sorted(told, key=lambda text: text != Outcome.OK.value))
