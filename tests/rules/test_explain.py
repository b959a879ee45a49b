"""What a decision says about itself."""

import pytest

from imbari_chat.rules import Decision, Ruleset
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import EMPTY, Node, from_json
from imbari_chat.wire.updates import apply


def read(
    rules: Json, path: str, *, stored: Json = None, auth: Json = None, query: Query | None = None
) -> Decision:
    ruleset = Ruleset.parse(dumps({"rules": rules}))
    return ruleset.read(Path.parse(path), root=from_json(stored), auth=auth, now=7, query=query)


def write(rules: Json, writes: dict[str, Json], *, stored: Json = None, auth: Json = None) -> str:
    ruleset = Ruleset.parse(dumps({"rules": rules}))
    before: Node = from_json(stored)
    changes = {Path.parse(path): value for path, value in writes.items()}
    after = apply(before, changes, 7)
    return ruleset.write(list(changes), before=before, after=after, auth=auth, now=7).explain()


def test_a_denied_write_shows_the_rule_and_what_it_looked_at() -> None:
    """The operation, the rule at its place, its result, and the values on both sides."""
    rules: Json = {
        "rooms": {
            "$room": {"messages": {"$id": {".write": "auth.uid === newData.child('from').val()"}}}
        }
    }
    told = write(rules, {"/rooms/r1/messages/-Nx": {"from": "brian"}}, auth={"uid": "amina"})
    assert told == (
        "denied: write /rooms/r1/messages/-Nx\n"
        "  /rooms/$room/messages/$id  .write  auth.uid === newData.child('from').val()  => false\n"
        '  auth.uid = "amina", newData.child(\'from\').val() = "brian"'
    )


def test_a_rule_that_failed_shows_the_error() -> None:
    """An expression that could not be run says why instead of a result."""
    told = read({".read": "data.val() > 1"}, "/").explain()
    assert told == (
        "denied: read /\n"
        "  /  .read  data.val() > 1  => error: > of null and a number\n"
        "  data.val() = null"
    )


def test_a_way_that_leads_nowhere_is_told_as_such() -> None:
    """Not as what became of it."""
    told = read({".read": "root.parent().exists()"}, "/").explain()
    assert told.splitlines()[1].endswith("=> error: the root has no parent")


def test_every_rule_asked_is_shown_and_none_after_the_deciding_one() -> None:
    """From the root down, to the first that is true."""
    rules: Json = {".read": False, "a": {".read": True, "b": {".read": "1 == 2"}}}
    assert read(rules, "/a/b").explain() == (
        "allowed: read /a/b\n  /  .read  false  => false\n  /a  .read  true  => true"
    )


def test_the_lack_of_a_rule_is_said() -> None:
    """Nothing stands on the way, so nothing allows."""
    assert read({"b": {".read": True}}, "/a").explain() == (
        "denied: read /a\n  no .read rule stands on the way to /a"
    )
    told = write({"a": {".write": True}}, {"/a": 1, "/b": 2})
    assert "no .write rule stands on the way to /b" in told
    assert "to /a" not in told


def test_an_explanation_is_of_its_own_request() -> None:
    """The same rule explains one request after another, and nothing of the last one stays."""
    rules: Json = {".read": "auth != null && root.child('x').exists()"}
    known, unknown = read(rules, "/", auth={"uid": "amina"}), read(rules, "/")
    first, second = known.explain(), unknown.explain()
    assert "root.child('x').exists() = false" in first
    assert "root.child" not in second.splitlines()[-1]
    assert [known.explain(), unknown.explain()] == [first, second]


def test_what_was_not_run_is_not_shown() -> None:
    """A value that did not matter is no explanation."""
    told = read({".read": "auth != null && root.child('x').exists()"}, "/").explain()
    assert "auth = null" in told
    assert "root.child" not in told.splitlines()[-1]


def test_of_a_compound_rule_the_deciding_parts_are_shown() -> None:
    """The conjunct that failed, each alternative that did, and only what they looked at."""
    rules: Json = {
        ".read": "auth.uid != null && (data.child('owner').val() == auth.uid"
        " || (data.child('open').exists() ? true : data.child('n').val() > 5))"
    }
    stored: Json = {"owner": "brian", "n": 3}
    told = read(rules, "/", stored=stored, auth={"uid": "amina"}).explain()
    assert told.splitlines()[2:] == [
        "    data.child('owner').val() == auth.uid  => false",
        "    data.child('n').val() > 5  => false",
        "  data.child('owner').val() = \"brian\", auth.uid = \"amina\", data.child('n').val() = 3",
    ]
    told = read(rules, "/", stored={"owner": "brian"}, auth={"uid": "amina"}).explain()
    assert told.splitlines()[1].endswith("=> error: > of null and a number")
    assert told.splitlines()[2:] == [
        "    data.child('n').val() > 5  => error",
        "  data.child('n').val() = null",
    ]


def test_what_is_negated_or_chosen_is_followed() -> None:
    """The reason may stand below a negation, or be the condition itself."""
    rules: Json = {".read": "!(auth == null || data.exists()) && true"}
    assert "    auth == null  => true" in read(rules, "/").explain().splitlines()
    rules = {".read": "data.exists() ? true : false"}
    assert "    data.exists()  => false" in read(rules, "/").explain().splitlines()
    rules = {".read": "data.val() > 1 ? true : false"}
    assert "    data.val() > 1  => error" in read(rules, "/").explain().splitlines()
    rules = {".read": "data.val() > 1 ? auth == null : now == 1"}
    assert "    data.val() > 1  => error" in read(rules, "/").explain().splitlines()


def test_the_argument_and_the_receiver_of_a_call_are_shown() -> None:
    """What a pattern was matched against, which child was asked for, how long a text was."""
    rules: Json = {
        "$k": {
            ".read": "$k.matches(/^b/) || root.child($k).val().length > 5 || auth.uid.contains($k)"
        }
    }
    told = read(rules, "/key", stored={"key": "abc"}, auth={"uid": "amina"}).explain()
    assert told.splitlines()[-1] == (
        '  $k.matches(/^b/) = false, $k = "key", root.child($k).val().length = 3, '
        'root.child($k).val() = "abc", auth.uid.contains($k) = false, auth.uid = "amina"'
    )


def test_what_was_looked_up_under_a_name_of_the_request_is_shown() -> None:
    """Also below a choice, which is told by its parts."""
    rules: Json = {"$k": {".read": "(auth.a != 1 ? auth : auth.b).of[$k] == 2"}}
    told = read(rules, "/key", auth={"a": 1, "b": {"of": {"key": 3}}}).explain()
    assert told.splitlines()[-1] == (
        '  (auth.a != 1 ? auth : auth.b).of[$k] = 3, auth.a = 1, $k = "key"'
    )


def test_a_capture_the_path_does_not_tell_is_shown() -> None:
    """Which of the children written did not pass."""
    rules: Json = {".write": True, "list": {"$id": {".validate": "newData.isString()"}}}
    told = write(rules, {"/list": {"one": "x", "two": 2}})
    assert told.splitlines()[-1] == '  newData.isString() = false, $id = "two"'


def test_a_query_is_shown() -> None:
    """What the query asked for, beside what it was compared with."""
    rules: Json = {".read": "query.orderByChild == 'uid' && query.equalTo == auth.uid"}
    query = Query.by_child("uid").equal_to("brian")
    told = read(rules, "/", auth={"uid": "amina"}, query=query).explain()
    assert told.splitlines()[-1] == '  query.equalTo = "brian", auth.uid = "amina"'


def test_objects_are_shown_as_such_and_long_values_cut() -> None:
    """A line stays a line."""
    stored: Json = {"o": {"x": 1}, "s": "y" * 500}
    rules: Json = {".read": "data.child('o').val() == 1\n  || data.child('s').val() == 1"}
    last = read(rules, "/", stored=stored).explain().splitlines()[-1]
    assert "data.child('o').val() = {...}" in last
    assert last.endswith("y...")
    assert len(last) < 200


def test_a_long_rule_is_cut_and_its_deciding_part_is_not() -> None:
    """The rest of it is in the file."""
    rules: Json = {".read": " && ".join(["1 == 1"] * 200 + ["auth.uid == 'amina'"])}
    lines = read(rules, "/").explain().splitlines()
    assert len(lines[1]) < 260
    assert lines[1].endswith("...  => false")
    assert lines[2:] == ["    auth.uid == 'amina'  => false", "  auth.uid = null"]


@pytest.mark.parametrize("over", [0, 1])
def test_what_is_cut_fills_its_line(over: int) -> None:
    """Eighty characters of a value, quotes and all, and two hundred of a rule."""
    value, rule = "y" * (78 + over), f"data.val() == '{'x' * (184 + over)}'"
    _, asked, seen = read({".read": rule}, "/", stored=value).explain().splitlines()
    assert len(rule) == 200 + over
    assert asked == f"  /  .read  {rule[:197] + '...' if over else rule}  => false"
    assert seen == "  data.val() = " + (f'"{value[:76]}...' if over else f'"{value}"')


def test_a_number_that_json_cannot_say_is_shown() -> None:
    """Overflow is no reason for an explanation to fail."""
    rules: Json = {".read": "root.child('a' + auth.x + auth.y).exists()"}
    told = read(rules, "/", auth={"x": float("inf"), "y": 2.5}).explain()
    assert told.splitlines()[-1].endswith("auth.x = inf, auth.y = 2.5")


@pytest.mark.parametrize("count", [1, 2, 20, 21, 50, 51, 60])
def test_of_many_paths_and_rules_some_are_told(count: int) -> None:
    """Twenty paths, and the last fifty rules, one of which has decided; the rest are counted."""
    writes: dict[str, Json] = {f"/k{at:02}": 1 for at in range(count)}
    first, *lines = write({"$k": {".write": "newData.val() == 1"}}, writes).splitlines()
    names = ", ".join([*writes][:20]) + (f" and {count - 20} more" if count > 20 else "")
    assert first == f"allowed: write {names}"
    if count > 50:
        rules = "1 rule" if count == 51 else f"{count - 50} rules"
        assert lines.pop(0) == f"  {rules} before these"
    asked = [line for line in lines if line == "  /$k  .write  newData.val() == 1  => true"]
    values = [line for line in lines if line.startswith("  newData.val() = 1")]
    assert len(asked) == min(count, 50)
    assert values == [
        "  newData.val() = 1" + (f', $k = "{one[1:]}"' if count > 1 else "")
        for one in [*writes][-50:]
    ]
    denied = write({}, writes).splitlines()
    assert denied[1:] == [f"  no .write rule stands on the way to {one}" for one in [*writes][:20]]


def test_a_decision_about_a_write_of_nothing_is_allowed() -> None:
    """An update without paths changes nothing, so no rule is asked."""
    decision = Ruleset.parse('{"rules": {}}').write([], before=EMPTY, after=EMPTY, auth=None, now=0)
    assert decision.allowed
    assert decision.explain() == "allowed: write "
    assert repr(decision) == "<Decision: allowed>"


def test_what_notes_the_parts_of_a_rule_is_made_once() -> None:
    """To make it takes longer than to run it."""
    (rule,) = Ruleset.parse("""{"rules": {".read": "auth != null"}}""").coverage().rules
    assert rule.run_noting is rule.run_noting
