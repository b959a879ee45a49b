"""Evaluation and cascade beside a second, slow reading of the same description."""

import json
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from imbari_chat.rules import Ruleset
from imbari_chat.rules.evaluate import Evaluation
from imbari_chat.rules.parser import parse_expression
from imbari_chat.rules.source import Fragment
from imbari_chat.rules.values import OBJECT, EvaluationError, Snapshot, Value
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.updates import apply
from tests.budget import examples
from tests.rules.drawn import BOOLEANS, VALUES
from tests.rules.slow import THING, Expr, Failed, Place, World, read, write

LEAVES = st.one_of(
    st.sampled_from([True, False, 0, 1, 2.5, "a", "b", "ab", ""]),
    st.just({".value": 1, ".priority": "a"}),
    st.just({".value": "a", ".priority": 2}),
)
TREES = st.recursive(
    LEAVES,
    lambda trees: st.dictionaries(st.sampled_from(["a", "b", "1"]), trees, min_size=1, max_size=3),
    max_leaves=5,
)
AUTHS: st.SearchStrategy[Any] = st.sampled_from(
    [None, {"uid": "a", "token": {"n": 1, "t": True, "o": {"x": 1}}}, {"uid": "b"}]
)
PATHS = st.lists(st.sampled_from(["a", "b", "1"]), max_size=3).map(tuple)
NOW = 3


class Logged(dict[str, Value]):
    """Variables that tell in which order they were looked up."""

    def __init__(self, variables: dict[str, Value], log: list[str]) -> None:
        super().__init__(variables)
        self.log = log

    def __getitem__(self, name: str) -> Value:
        self.log.append(name)
        return super().__getitem__(name)


def snapshot(tree: Any, path: tuple[str, ...]) -> Snapshot:
    place = Snapshot(from_json(tree))
    for key in path:
        place = place.step(key)
    return place


def told(value: object) -> object:
    """A result in terms that both sides share; 1 and true are not one."""
    if isinstance(value, Snapshot | Place):
        return "a place"
    if value is OBJECT or value is THING or isinstance(value, dict):
        return "a thing"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "NaN" if value != value else float(value)  # only NaN is not itself
    return (type(value).__name__, value)


def run(function: Any, failure: type[Exception]) -> object:
    try:
        return told(function())
    except failure:
        return "failed"


@examples(250)
@given(VALUES, TREES, TREES, PATHS, AUTHS)
def test_expressions_come_to_the_same(
    expression: Expr, old: Any, new: Any, path: tuple[str, ...], auth: Any
) -> None:
    """The value, or that there is none; and what was looked at on the way, in order.

    The order tells where evaluation stopped, so short cuts are compared, too.
    """
    text = expression.text
    tree = parse_expression(Fragment(text, tuple(range(len(text) + 1)), text))
    slow = World(
        {
            "auth": auth,
            "now": NOW,
            "$k": "ab",
            "root": Place(old, ()),
            "data": Place(old, path),
            "newData": Place(new, path),
        }
    )
    log: list[str] = []
    variables: dict[str, Value] = {
        "auth": auth,
        "now": NOW,
        "$k": "ab",
        "root": snapshot(old, ()),
        "data": snapshot(old, path),
        "newData": snapshot(new, path),
    }
    expected = run(lambda: expression.run(slow), Failed)
    event("failed" if expected == "failed" else "came to a value")
    evaluation = Evaluation(Logged(variables, log))
    assert run(lambda: evaluation.value(tree), EvaluationError) == expected
    assert log == slow.log


# Half of the rules are plain: where all of them are odd, most requests end at the first.
PLAIN = st.sampled_from([Expr("true", lambda world: True), Expr("false", lambda world: False)])


def _rules(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    own: dict[str, st.SearchStrategy[Any]] = {
        ".read": PLAIN | BOOLEANS[".read"],
        ".write": PLAIN | BOOLEANS[".write"],
        ".validate": PLAIN | BOOLEANS[".write"],
    }
    below: dict[str, st.SearchStrategy[Any]] = (
        {key: _rules(depth - 1) for key in ("a", "b", "$k")} if depth else {}
    )
    return st.fixed_dictionaries({}, optional={**own, **below})


def _under_a_capture(rules: dict[str, Any], captured: bool = False) -> bool:
    """Whether ``$k`` is captured once at most, and is there wherever it is named."""
    for key, value in rules.items():
        if isinstance(value, Expr):
            if "$k" in value.text and not captured:
                return False
        elif (key == "$k" and captured) or not _under_a_capture(value, captured or key == "$k"):
            return False
    return True


def _written(rules: dict[str, Any]) -> dict[str, Json]:
    return {
        key: value.text if isinstance(value, Expr) else _written(value)
        for key, value in rules.items()
    }


RULES = _rules(2).filter(_under_a_capture)


@examples(150)
@given(RULES, TREES, PATHS, AUTHS)
def test_reads_are_decided_the_same(
    rules: dict[str, Any], root: Any, path: tuple[str, ...], auth: Any
) -> None:
    """From the root down, whatever stands in the way."""
    ruleset = Ruleset.parse(json.dumps({"rules": _written(rules)}))
    given_: dict[str, Any] = {"auth": auth, "now": NOW, "root": Place(root, ())}
    expected = read(rules, path, root, given_)
    event("allowed" if expected else "denied")
    decision = ruleset.read(Path(path), root=from_json(root), auth=auth, now=NOW)
    assert decision.allowed is expected, decision.explain()


@examples(150)
@given(
    RULES,
    TREES,
    st.dictionaries(PATHS, st.one_of(st.none(), TREES), min_size=1, max_size=2),
    AUTHS,
    st.booleans(),
)
def test_writes_are_decided_the_same(
    rules: dict[str, Any],
    old: Any,
    writes: dict[tuple[str, ...], Any],
    auth: Any,
    open_at_the_top: bool,
) -> None:
    """Grants above every path, validation on the way, inside, and of nothing that goes."""
    paths = list(writes)
    if len(paths) == 2 and paths[0][: len(paths[1])] == paths[1][: len(paths[0])]:
        paths = paths[:1]  # an update never writes a place and one below it
    if open_at_the_top:
        rules = {**rules, ".write": Expr("true", lambda world: True)}
    before = from_json(old)
    after = apply(before, {Path(path): writes[path] for path in paths}, NOW)
    new = after.to_json(export=True)
    ruleset = Ruleset.parse(json.dumps({"rules": _written(rules)}))
    given_: dict[str, Any] = {"auth": auth, "now": NOW, "root": Place(old, ())}
    expected = write(rules, paths, old, new, given_)
    event("allowed" if expected else "denied")
    decision = ruleset.write(
        [Path(path) for path in paths], before=before, after=after, auth=auth, now=NOW
    )
    assert decision.allowed is expected, decision.explain()
