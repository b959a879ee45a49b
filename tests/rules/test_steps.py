"""What the rules for one request may take, whoever wrote them and whatever they are asked about."""

import json
import random
import time

import pytest

from imbari_chat.rules import Decision, Ruleset
from imbari_chat.rules.values import MOST_STEPS, EvaluationError, Steps
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, from_json

LETTERS = "".join(random.Random(1).choices("ab", k=100_000))
OTHERS = "".join(chr(0x4E00 + number % 20_000) for number in range(100_000))

# Patterns of which every character of the text costs hundreds of steps, and texts that make it so.
COSTLY = {
    "counted": ("(a|b)*a(a|b){900}c", LETTERS),
    "unlike characters": ("(.|x){1,60}q", OTHERS),
}


def _asked(write: str, value: Json, validate: str = "true") -> Decision:
    below = {".write": write.replace("\\\\", "\\"), "$k": {".validate": validate}}
    rules = Ruleset.parse(json.dumps({"rules": {"x": below}}))
    return rules.write(
        [Path.parse("/x")], before=EMPTY, after=from_json({"x": value}), auth=None, now=1
    )


@pytest.mark.drawn
@pytest.mark.parametrize("negated", ["", "!"])
@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_pattern_fails_its_rule(name: str, negated: str) -> None:
    """Also under a negation: a rule that was not run to its end allows nothing. It is soon over."""
    pattern, text = COSTLY[name]
    began = time.process_time()
    decision = _asked(f"{negated}newData.val().matches(/{pattern}/)", text)
    reason = decision.explain()
    assert not decision.allowed
    assert f"may take {MOST_STEPS:,} steps" in reason
    assert time.process_time() - began < 30  # it would be minutes


def test_the_steps_are_those_of_all_rules_of_a_request() -> None:
    """A thousand children that each cost a little cost much."""
    pattern = "(a|b)*a(a|b){90}c"
    few: Json = {f"k{n}": LETTERS[n * 100 : n * 100 + 100] for n in range(3)}
    many: Json = {f"k{n}": LETTERS[n * 100 : n * 100 + 100] for n in range(1000)}
    rule = f"!newData.val().matches(/{pattern}/)"
    assert _asked("true", few, rule).allowed
    refused = _asked("true", many, rule)
    assert not refused.allowed
    assert "steps" in refused.explain()


@pytest.mark.parametrize("counted", [False, True])
def test_a_rule_asked_for_every_path_takes_its_steps_for_every_path(
    monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    """Whoever counts what rules come to has them run as often."""
    monkeypatch.setattr(Steps.__init__, "__defaults__", (MOST_STEPS // 10,))  # sooner
    text = LETTERS[:20_000]  # 313 steps to walk
    asks = " && ".join(["!root.child('x').val().matches(/no/)"] * 40)
    rules = Ruleset.parse(json.dumps({"rules": {"x": {}, "y": {".write": asks}}}))
    before = from_json({"x": text})

    def allowed(number: int) -> bool:
        paths = [Path(("y", f"k{place}")) for place in range(number)]
        after = from_json({"x": text, "y": {path[1]: 1 for path in paths}})
        coverage = rules.coverage() if counted else None
        return rules.write(
            paths, before=before, after=after, auth=None, now=1, coverage=coverage
        ).allowed

    assert allowed(3)
    assert not allowed(5)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[a-z0-9._%+-]+@[a-z0-9.-]+\\\\.[a-z]{2,24}$", "x" * 200 + "@example.com", True),
        ("^[-_0-9A-Za-z]{20}$", "-OaBcDeFgHiJkLmNoPqR", True),
        ("a", "b" * 1_000_000 + "a", True),
        ("^(\\\\+?[0-9 ]+)$", "+44 1632 960960", True),
        ("(a+)+$", "a" * 100_000 + "!", False),
    ],
)
def test_what_rules_are_written_for_has_steps_enough(pattern: str, text: str, found: bool) -> None:
    """Addresses, ids, numbers, and long texts."""
    rule = (
        f"newData.val().matches(/{pattern}/)" if found else f"!newData.val().matches(/{pattern}/)"
    )
    assert _asked(rule, text).allowed


def test_a_replacement_larger_than_memory_is_not_made() -> None:
    """Ten megabytes in place of each of ten million letters."""
    text = "a" * 10_000_000
    refused = _asked("newData.val().replace('a', newData.val()).length > 1", text)
    assert not refused.allowed
    assert "steps" in refused.explain()
    assert _asked("newData.val().replace('a', 'bb') == 'bbbb'", "aa").allowed
    assert _asked("newData.val().replace('a', 'b').length == 1000000", "a" * 1_000_000).allowed


def test_steps_that_are_spent_stay_spent() -> None:
    """Whoever asks for more is told again."""
    steps = Steps(10)
    steps.spend(10)
    for _ in range(2):
        with pytest.raises(EvaluationError, match="steps"):
            steps.spend(1)
