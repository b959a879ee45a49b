"""The strict rules, row by row of the permission table: who is let in, who is kept out."""

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest

from imbari_chat.rules import Decision, Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Node, from_json
from imbari_chat.wire.values import resolve
from tests.specs import table

SPEC = table("contract/permissions")
RULES = Ruleset.parse((FilePath(__file__).parents[2] / "database.rules.json").read_text("utf-8"))
BEFORE = from_json(SPEC["before"])


def _rows(verdict: str) -> Iterator[Any]:
    for case in SPEC["cases"]:
        for caller in case[verdict]:
            yield pytest.param(case, caller, id=f"{case['row']}: {case['name']}, {caller}")


def _written(value: Any) -> Any:
    """The value a case writes: ``$TIME`` and ``{"$repeat": [text, times]}`` stand for others."""
    if isinstance(value, dict) and "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    return {".sv": "timestamp"} if value == "$TIME" else value


def _decide(case: dict[str, Any], caller: str) -> Decision:
    auth: Json = SPEC["callers"][caller]
    now: int = SPEC["now"] + case.get("later", 0)
    if "read" in case:
        query = Query.from_params(case["query"]) if "query" in case else None
        return RULES.read(Path.parse(case["read"]), root=BEFORE, auth=auth, now=now, query=query)
    after: Node = BEFORE
    places = []
    for text, value in case["update"].items():
        place = Path.parse(text)
        places.append(place)
        resolved = resolve(_written(value), BEFORE.at(place), now)
        after = after.put(place, from_json(resolved, place))
    return RULES.write(places, before=BEFORE, after=after, auth=auth, now=now)


@pytest.mark.parametrize(("case", "caller"), list(_rows("allowed")))
def test_the_rules_let_in(case: dict[str, Any], caller: str) -> None:
    """Whoever the table lets do it can do it."""
    decision = _decide(case, caller)
    assert decision.allowed, decision.explain()


@pytest.mark.parametrize(("case", "caller"), list(_rows("refused")))
def test_the_rules_keep_out(case: dict[str, Any], caller: str) -> None:
    """Whoever the table keeps out is kept out."""
    decision = _decide(case, caller)
    assert not decision.allowed, decision.explain()


def test_every_row_of_the_table_is_both_granted_and_refused() -> None:
    """A row that nobody may use, or everybody, would prove nothing."""
    rows = {case["row"] for case in SPEC["cases"]}
    for verdict in ("allowed", "refused"):
        assert rows == {case["row"] for case in SPEC["cases"] if case[verdict]}
