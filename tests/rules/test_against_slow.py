"""Evaluation and cascade beside a second, slow reading of the same description."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from imbari_chat.rules import Ruleset
from imbari_chat.rules.cascade import WriteRequest
from imbari_chat.rules.coverage import counted_children
from imbari_chat.rules.evaluate import Run, compiled
from imbari_chat.rules.parser import parse_expression
from imbari_chat.rules.source import Fragment
from imbari_chat.rules.structure import Rule
from imbari_chat.rules.syntax import Expression
from imbari_chat.rules.values import OBJECT, EvaluationError, Scope, Snapshot, Value
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.updates import apply
from tests.budget import examples
from tests.rules.drawn import AUTHS, PATHS, RULES, TREES, VALUES, written
from tests.rules.slow import THING, Expr, Failed, Place, World, read, write

NOW = 3


class Logged(Scope):
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
    assert run(lambda: compiled(tree)(Logged(variables, log)), EvaluationError) == expected
    assert log == slow.log


@examples(150)
@given(RULES, TREES, PATHS, AUTHS)
def test_reads_are_decided_the_same(
    rules: dict[str, Any], root: Any, path: tuple[str, ...], auth: Any
) -> None:
    """From the root down, whatever stands in the way."""
    ruleset = Ruleset.parse(json.dumps({"rules": written(rules)}))
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
    ruleset = Ruleset.parse(json.dumps({"rules": written(rules)}))
    given_: dict[str, Any] = {"auth": auth, "now": NOW, "root": Place(old, ())}
    expected = write(rules, paths, old, new, given_)
    event("allowed" if expected else "denied")
    decision = ruleset.write(
        [Path(path) for path in paths], before=before, after=after, auth=auth, now=NOW
    )
    assert decision.allowed is expected, decision.explain()


class Counts:
    """What every part of the rules came to, counted by running them each time they are asked."""

    def __init__(self) -> None:
        self.results: Counter[tuple[int, object]] = Counter()

    def judge(self, rule: Rule, variables: Scope) -> bool:
        try:
            return compiled(rule.expression, self._counting)(variables) is True
        except EvaluationError:
            return False

    def _counting(self, node: Expression) -> Callable[[Run], Run]:
        def counting(inner: Run) -> Run:
            def counted(scope: Scope) -> Value:
                try:
                    value = inner(scope)
                except EvaluationError:
                    self.results[id(node), "failed"] += 1
                    raise
                self.results[id(node), value if isinstance(value, bool) else "other"] += 1
                return value

            return counted

        return counting


def _parts(node: Expression) -> Iterator[Expression]:
    yield node
    for child in counted_children(node):
        yield from _parts(child)


@examples(150)
@given(
    RULES.filter(lambda rules: ".write" in rules),
    TREES,
    st.dictionaries(
        st.tuples(*[st.sampled_from(["a", "b", "1"])] * 2), TREES, min_size=2, max_size=4
    ),
    AUTHS,
)
def test_coverage_counts_a_rule_each_time_it_is_asked(
    rules: dict[str, Any], old: Any, writes: dict[tuple[str, ...], Any], auth: Any
) -> None:
    """Of paths that have rules above them in common, for every one, and every part of a rule."""
    before = from_json(old)
    after = apply(before, {Path(path): value for path, value in writes.items()}, NOW)
    ruleset = Ruleset.parse(json.dumps({"rules": written(rules)}))
    paths = [Path(path) for path in writes]
    counts = Counts()
    expected = WriteRequest(paths, before, after, auth, NOW).decide(ruleset._tree, counts.judge)
    coverage = ruleset.coverage()
    decision = ruleset.write(
        paths, before=before, after=after, auth=auth, now=NOW, coverage=coverage
    )
    assert decision.allowed is expected
    for rule in coverage.rules:
        for part in _parts(rule.expression):
            tally, name = coverage.tally(part), id(part)
            assert (tally.true, tally.false, tally.errors, tally.count) == (
                counts.results[name, True],
                counts.results[name, False],
                counts.results[name, "failed"],
                sum(counts.results[name, came] for came in (True, False, "failed", "other")),
            )
