"""The service's compiler of rules, as it was recorded: ``tests/specs/production/compiler.json``."""

import pytest

from imbari_chat.errors import RulesError
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import dumps
from tests.specs import table

CASES: list[tuple[str, str, str | None]] = [
    (kind, expression, text) for kind, expression, text in table("production/compiler")["cases"]
]


def verdict(kind: str, expression: str) -> str | None:
    """The text an expression is refused with, or None."""
    try:
        Ruleset.parse(dumps({"rules": {"p": {"$id": {kind: expression}}}}))
    except RulesError as error:
        return error.what
    return None


@pytest.mark.parametrize("kind", [".read", ".write", ".validate"])
def test_every_recorded_verdict_is_ours(kind: str) -> None:
    """Taken or refused, and with the same words."""
    cases = [case for case in CASES if case[0] == kind]
    assert cases
    ours = [(kind, expression, verdict(kind, expression)) for _, expression, _ in cases]
    assert ours == cases


def test_the_record_is_whole() -> None:
    """918 expressions; a table that lost some would still agree with itself."""
    assert len(CASES) == 918
    assert sum(text is None for _, _, text in CASES) == 351
