"""Requests against rules, as recorded from the service or promised by its documentation."""

from typing import Any

import pytest

from imbari_chat.rules import Grounds, Ruleset
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import EMPTY, from_json
from imbari_chat.wire.updates import apply
from tests.rules.database import Database
from tests.rules.specs import load

CASES = load("decisions")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_requests_are_decided_as_the_service_decides_them(case: dict[str, Any]) -> None:
    """Each request of a case, in turn, is allowed or denied as recorded."""
    text = case["text"] if "text" in case else dumps({"rules": case["rules"]})
    database = Database(
        Ruleset.parse(text), from_json(case.get("stored")), now=case.get("now", 1_000)
    )
    for request in case["requests"]:
        auth = request.get("auth", case.get("auth"))
        decision = database.ask(request, auth)
        assert decision.allowed is request["allowed"], decision.explain()
        assert bool(decision) is decision.allowed


def test_open_rules_allow_everything() -> None:
    """Without rules of one's own, every read and write passes, signed in or not."""
    rules = Ruleset.open()
    assert (rules.are_given, Ruleset.parse(rules.text).are_given) == (False, True)
    after = from_json({"a": 1})
    assert rules.read(Path.parse("/a/b"), root=EMPTY, auth=None, now=0)
    assert rules.write([Path.parse("/a")], before=EMPTY, after=after, auth=None, now=0)
    assert rules.indexes(Path.parse("/a")) == frozenset()


def test_indexes_follow_literals_and_captures() -> None:
    """The index of a path is that of the rules node matching it, wildcards included."""
    rules = Ruleset.parse(
        """{"rules": {"a": {".indexOn": "x", "$k": {".indexOn": ["y", ".value"]}, "b": {}}}}"""
    )
    assert rules.indexes(Path.parse("/a")) == {"x"}
    assert rules.indexes(Path.parse("/a/anything")) == {"y", ".value"}
    assert rules.indexes(Path.parse("/a/b")) == frozenset()
    assert rules.indexes(Path.parse("/a/b/c/d")) == frozenset()
    assert rules.indexes(Path.parse("/")) == frozenset()


def test_no_tree_is_changed_by_a_decision() -> None:
    """Deciding is asking: the same request has the same answer the second time."""
    rules = Ruleset.parse("""{"rules": {".write": "!data.exists()"}}""")
    after = from_json({"a": 1})
    for _ in range(2):
        decision = rules.write([Path.parse("/a")], before=EMPTY, after=after, auth=None, now=0)
        assert decision.allowed


def test_the_text_is_kept_as_it_was_given() -> None:
    """Comments and layout survive; the plain JSON has neither."""
    text = '{ // open\n "rules": {".read": true,}, }'
    rules = Ruleset.parse(text)
    assert rules.text == text
    assert rules.json == {"rules": {".read": True}}


def test_rules_read_again_are_there_at_once() -> None:
    """Whoever starts or empties an emulator before each test does not wait for them each time."""
    text = '{"rules": {".read": "auth != null"}}'
    assert Ruleset.parse(text) is Ruleset.parse("".join([*text]))
    assert Ruleset.parse(text) is not Ruleset.parse(f"{text}\n")


def test_an_ancestor_shared_by_many_paths_is_validated_once() -> None:
    """A write of many paths costs one run of the rules above them all."""
    rules = Ruleset.parse(
        """{"rules": {".write": true, "s": {".validate": "newData.hasChildren()"}}}"""
    )
    writes: dict[Path, Json] = {Path.parse(f"/s/{number}"): number + 1 for number in range(9)}
    after = apply(EMPTY, writes, 0)
    decision = rules.write(list(writes), before=EMPTY, after=after, auth=None, now=0)
    assert decision.explain().count("/s  .validate") == 1


@pytest.mark.parametrize(
    ("rule", "places", "time"),
    [
        ("auth != null", [], False),
        ("$k == 'x' && query.limitToFirst == null", [], False),
        ("data.exists()", ["/x"], False),
        ("data.child('y').val() == 5", ["/x/y"], False),
        ("data.hasChild('y/z') || data.hasChildren(['y'])", ["/x/y/z", "/x/y"], False),
        ("data.hasChildren()", ["/x"], False),
        ("data.parent().child('owner').val() == auth.uid", ["/owner"], False),
        ("data.child('y').getPriority() == null", ["/x/y"], False),
        (
            "data.child('y').isNumber() && !data.isString() && !data.isBoolean()",
            ["/x/y", "/x"],
            False,
        ),
        ("!root.child('no/thing').exists()", ["/no/thing"], False),
        ("root.child('a').exists() || root.child('owner').exists()", ["/a", "/owner"], False),
        ("root.child('owner').exists() || root.child('a').exists()", ["/owner"], False),
        ("root.child(root.child('owner').val()).val() == null", ["/owner", "/amina"], False),
        ("now > 5", [], True),
        ("data.exists() && now > 5", ["/x"], True),
        ("now > 5 && data.exists()", ["/x"], True),
        ("true || data.exists() || now > 5", [], False),
        ("auth.uid == 'amina' ? true : data.exists()", [], False),
    ],
)
def test_a_read_rests_on_what_was_looked_at(rule: str, places: list[str], time: bool) -> None:
    """Only what was run counts, and of a way through the tree only where it ends."""
    rules = Ruleset.parse(dumps({"rules": {"$k": {".read": rule}}}))
    root = from_json({"owner": "amina", "x": {"y": 5}})
    grounds = rules.grounds(Path.parse("/x/y"), root=root, auth={"uid": "amina"}, now=9)
    assert grounds is not None
    assert grounds.places == {Path.parse(place) for place in places}
    assert grounds.time is time


def test_a_read_that_is_granted_rests_on_the_rule_that_grants() -> None:
    """What rules above it looked at in vain does not matter: they could only grant, too."""
    rules = Ruleset.parse(
        """{"rules": {".read": "data.exists() && now > 0", "a": {".read": "auth == null"}}}"""
    )
    given: dict[str, Any] = {"auth": None, "now": 1}
    assert rules.grounds(Path.parse("/a"), root=EMPTY, **given) == Grounds(frozenset(), False)
    assert rules.grounds(Path.parse("/b"), root=EMPTY, **given) is None
    stored = from_json({"a": 1})
    assert rules.grounds(Path.parse("/a"), root=stored, **given) == Grounds(frozenset([ROOT]), True)
