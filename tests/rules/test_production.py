"""Rules as the live service was recorded to compile and to decide: tests/specs/production/."""

from typing import Any

import pytest

from imbari_chat.errors import RulesError
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import dumps
from imbari_chat.wire.tree import from_json
from tests.rules.database import Database
from tests.specs import table

CASES: list[list[Any]] = table("production/compiler")["cases"]
TEXTS = table("production/texts")["cases"]
DECISIONS = [
    pytest.param(group, request, allowed, id=f"{group['group']}: {name}")
    for group in table("production/rules")["groups"]
    for name, request, allowed in group["facts"]
]


def refusal(text: str) -> RulesError | None:
    """What a rules text is refused with, or None."""
    try:
        Ruleset.parse(text)
    except RulesError as error:
        return error
    return None


@pytest.mark.parametrize("kind", [".read", ".write", ".validate"])
def test_every_recorded_verdict_of_the_compiler_is_ours(kind: str) -> None:
    """Taken or refused, and with the same words."""
    cases = [case for case in CASES if case[0] == kind]
    assert cases
    ours = []
    for _, expression, _ in cases:
        text = dumps({"rules": {"p": {"$id": {kind: expression}}}})
        told = refusal(text)
        ours.append([kind, expression, told and told.what])
    assert ours == cases


def test_the_record_of_the_compiler_is_whole() -> None:
    """918 expressions; a table that lost some would still agree with itself."""
    assert len(CASES) == 918
    assert sum(text is None for _, _, text in CASES) == 351


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case["name"])
def test_a_rules_text_is_taken_or_refused_as_there(case: dict[str, Any]) -> None:
    """The dialect, its one mistake, and the place where that is told if it was recorded."""
    told = refusal(case["text"])
    assert (told and told.what) == case["refused"]
    if "at" in case:
        assert told is not None
        assert [told.line, told.column] == case["at"]


@pytest.mark.parametrize(("group", "request_", "allowed"), DECISIONS)
def test_a_request_is_decided_as_there(
    group: dict[str, Any], request_: dict[str, Any], allowed: bool
) -> None:
    """Allowed or denied, each against the data as it was at first."""
    rules = Ruleset.parse(dumps({"rules": group["rules"]}))
    database = Database(rules, from_json(group["stored"]), now=1_000)
    decision = database.ask(request_, request_.get("auth"))
    assert decision.allowed is allowed, decision.explain()
