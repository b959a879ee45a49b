"""Plays a table of who may do what: the data before, the callers, and a verdict for each case.

A case reads (``read``, perhaps with a ``query``) or writes (``update``, path to value). A write may
also be one of the table's ``writes``, named by ``like``, with other values at the paths of ``but``;
null takes away what stands there. ``$TIME`` and ``{"$repeat": [text, times]}`` stand for values.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from imbari_chat.rules import Decision, Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Node, from_json
from imbari_chat.wire.values import resolve
from tests.specs import table

__all__ = ["Play"]


class Play:
    """One table, played against one set of rules.

    Args:
        name: The table, such as ``"contract/permissions"``.
        rules: The rules' text.
    """

    def __init__(self, name: str, rules: str) -> None:
        self._spec = table(name)
        self._rules = Ruleset.parse(rules)
        self._before = from_json(self._spec["before"])

    @property
    def cases(self) -> list[dict[str, Any]]:
        """As the table has them."""
        cases: list[dict[str, Any]] = self._spec["cases"]
        return cases

    def rows(self, verdict: str) -> Iterator[Any]:
        """Each case with each caller that gets this verdict, as a test's parameters."""
        for case in self.cases:
            for caller in case[verdict]:
                yield pytest.param(case, caller, id=f"{case['row']}: {case['name']}, {caller}")

    def decide(self, case: dict[str, Any], caller: str) -> Decision:
        """What the rules say."""
        auth: Json = self._spec["callers"][caller]
        now: int = self._spec["now"] + case.get("later", 0)
        if "read" in case:
            query = Query.from_params(case["query"]) if "query" in case else None
            return self._rules.read(
                Path.parse(case["read"]), root=self._before, auth=auth, now=now, query=query
            )
        after: Node = self._before
        places = []
        for text, value in self._update(case).items():
            place = Path.parse(text)
            places.append(place)
            resolved = resolve(_written(value), self._before.at(place), now)
            after = after.put(place, from_json(resolved, place))
        return self._rules.write(places, before=self._before, after=after, auth=auth, now=now)

    def _update(self, case: dict[str, Any]) -> dict[str, Any]:
        update: dict[str, Any] = {**self._spec["writes"][case["like"]]} if "like" in case else {}
        update |= case.get("update", {})
        for path, value in case.get("but", {}).items():
            base, _, field = path.rpartition("/")
            if path in update:
                update[path] = value
            elif base in update:
                update[base] = {**update[base], field: value}
            else:
                raise KeyError(f"{case['name']}: nothing is written at {path} nor above it")
        return update


def _written(value: Any) -> Any:
    if isinstance(value, dict) and "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    return {".sv": "timestamp"} if value == "$TIME" else value
