"""The table of calls by client: what came of every case, call by call."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.official_sdks.registry import Case, Outcome

__all__ = ["Result", "rows", "summary"]

_IN: Final = " in "
"""What stands between the name of a client and the place that it runs in."""


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
    def why(self) -> str:
        """The reason for that; empty when it needs none."""
        return self.failure or self.difference or self.case.why


@dataclass(slots=True)
class _Row:
    """One call: its outcomes by the place that its client runs in, and the reasons for them."""

    outcomes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reasons: set[str] = field(default_factory=set)

    def add(self, place: str, outcome: str, why: str) -> None:
        self.outcomes[place].add(outcome)
        if why:
            self.reasons.add(why)

    def told(self, place: str) -> str:
        """What the call does there: that it works, and then what else there is to say."""
        found = self.outcomes.get(place, {"never called"})
        return ", ".join(sorted(found, key=lambda text: (text != Outcome.OK.value, text)))


def rows(results: Iterable[Result], left_out: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """One line for each call, in the order of clients and names.

    A client that runs in several places, ``... in Node`` and ``... in Chromium``, has a column for
    each of them.

    Args:
        results: What came of the cases.
        left_out: By client, the calls that no case makes, and why.
    """
    tables: dict[str, dict[str, _Row]] = defaultdict(lambda: defaultdict(_Row))
    clients = set()
    for result in results:
        clients.add(result.case.client)
        library, _, place = result.case.client.partition(_IN)
        for name in result.case.calls:
            tables[library][name].add(place, result.outcome, result.why)
    for client in sorted(clients & set(left_out)):
        library, _, place = client.partition(_IN)
        for name, why in left_out[client].items():
            tables[library][name].add(place, "left out", why)
    for library, table in sorted(tables.items()):
        yield from _lines(library, table)


def _lines(library: str, table: Mapping[str, _Row]) -> Iterator[str]:
    places = sorted({place for row in table.values() for place in row.outcomes}, reverse=True)
    widths = [len(max((place, *(row.told(place) for row in table.values())), key=len))
              for place in places]  # fmt: skip
    names = max(map(len, [library, *table])) + 2

    def line(first: str, columns: Iterable[str], last: str = "") -> str:
        cells = [f"{text:<{width}}" for text, width in zip(columns, widths, strict=True)]
        return "  ".join([f"{first:<{names}}", *cells, last]).rstrip()

    yield ""
    yield line(library, places)
    for name, row in sorted(table.items()):
        yield line(f"  {name}", map(row.told, places), "; ".join(sorted(row.reasons)))


def summary(results: Iterable[Result]) -> str:
    """How many cases came to what."""
    counted = Counter(result.outcome for result in results)
    return ", ".join(f"{number} {what}" for what, number in counted.most_common())
