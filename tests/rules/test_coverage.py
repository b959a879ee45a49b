"""Counting what rules come to, and the two reports of it."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import RulesError
from imbari_chat.rules import Coverage, Decision, Ruleset, coverage_page
from imbari_chat.rules.evaluate import Run
from imbari_chat.rules.values import Scope, Value
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, from_json
from imbari_chat.wire.updates import apply
from tests.rules.unparse import EXPRESSIONS, unparse

RULES = """{"rules": {
  // by owner
  "rooms": {"$room": {
    ".read": "auth.uid != null && (data.child('owner').val() == auth.uid
      || data.child('seats').val() > 3)",
    ".write": false
  }}
}}"""


class Room:
    """Reads of one room by several people, counted."""

    def __init__(self) -> None:
        self.rules = Ruleset.parse(RULES)
        self.coverage = self.rules.coverage()

    def read(self, uid: str | None, stored: Json) -> Decision:
        return self.rules.read(
            Path.parse("/rooms/r1"),
            root=from_json({"rooms": {"r1": stored}}),
            auth=None if uid is None else {"uid": uid},
            now=0,
            coverage=self.coverage,
        )

    @property
    def report(self) -> Any:
        return json.loads(dumps(self.coverage.to_json()))


_FAILED = "> of null and a number"


def values(expression: Any) -> list[tuple[Any, int]]:
    return [
        (value.get("value", value.get("message", value["type"])), value["count"])
        for value in expression["values"]
    ]


def test_every_rule_is_told_where_it_stands() -> None:
    """In the order of the text, with the place it was written at, asked or not."""
    read, write = Room().report["coverage"]
    assert (read["path"], read["rule"], read["count"]) == ("/rooms/$room", ".read", 0)
    assert (read["line"], read["column"], read["endLine"], read["endColumn"]) == (4, 15, 5, 40)
    assert read["text"].startswith("auth.uid != null && (data")
    assert read["text"].endswith("> 3)")
    assert (write["rule"], write["text"], write["line"]) == (".write", "false", 6)
    assert Room().report["rules"] == RULES


def test_results_are_counted_by_expression_and_part() -> None:
    """True, false and failed; what a short cut passed over is not counted as run."""
    room = Room()
    room.read(None, {"owner": "amina"})
    room.read("amina", {"owner": "amina"})
    room.read("amina", {"owner": "amina"})
    room.read("brian", {"owner": "amina", "seats": 2})
    room.read("brian", {"owner": "amina"})
    (read, _) = room.report["coverage"]
    assert values(read) == [(True, 2), (False, 2), (_FAILED, 1)]
    signed_in, either = read["children"]
    assert values(signed_in) == [(True, 4), (False, 1)]
    owner, seats = either["children"]
    assert values(owner) == [(True, 2), (False, 2)]
    assert values(seats) == [(False, 1), (_FAILED, 1)]
    assert values(owner["children"][0]) == [("amina", 4)]
    assert values(seats["children"][0]) == [(2, 1), (None, 1)]


def test_counting_changes_no_decision() -> None:
    """With or without, the answer and its explanation are the same."""
    room = Room()
    requests: list[tuple[str | None, Json]] = [
        (None, 1),
        ("a", {"owner": "a"}),
        ("b", {"seats": 9}),
        ("b", {}),
    ]
    for uid, stored in requests:
        given: dict[str, Any] = {
            "root": from_json({"rooms": {"r1": stored}}),
            "auth": uid and {"uid": uid},
            "now": 0,
        }
        plain = room.rules.read(Path.parse("/rooms/r1"), **given)
        counted = room.read(uid, stored)
        assert (counted.allowed, counted.explain()) == (plain.allowed, plain.explain())


def test_writes_are_counted_with_their_validation() -> None:
    """Once for each time a rule is asked."""
    rules = Ruleset.parse(
        """{"rules": {".write": true, "$k": {".validate": "newData.isNumber()"}}}"""
    )
    coverage = rules.coverage()
    writes: dict[Path, Json] = {Path.parse("/a"): 1, Path.parse("/b"): "x", Path.parse("/c"): 2}
    after = apply(EMPTY, writes, 0)
    assert not rules.write(
        list(writes), before=EMPTY, after=after, auth=None, now=0, coverage=coverage
    )
    write, validate = json.loads(dumps(coverage.to_json()))["coverage"]
    assert values(write) == [(True, 2)]
    assert values(validate) == [(True, 1), (False, 1)]


@pytest.mark.parametrize(
    ("condition", "runs"),
    [("auth == null", 1), ("auth != null", 1), (f"'{'x' * 99}'.replace('b', '') != ''", 3)],
)
def test_a_rule_above_several_paths_is_run_once(condition: str, runs: int) -> None:
    """And counted for each; unless it takes steps, as there may be none left of them."""
    text = json.dumps({"rules": {"y": {".write": condition, "$k": {".write": "true"}}}})
    rules = Ruleset.parse(text)
    coverage, ran = rules.coverage(), 0

    def spied(run: Run) -> Run:
        def spy(scope: Scope) -> Value:
            nonlocal ran
            ran += 1
            return run(scope)

        return spy

    top, below = coverage.rules
    coverage._runs = {id(top): spied(coverage._runs[id(top)]), id(below): coverage._runs[id(below)]}
    writes: dict[Path, Json] = {Path(("y", key)): 1 for key in "abc"}
    after = apply(EMPTY, writes, 0)
    assert rules.write(list(writes), before=EMPTY, after=after, auth=None, now=0, coverage=coverage)
    assert ran == runs
    assert coverage.tally(top.expression).count == 3


def test_equal_conditions_at_two_places_are_counted_apart() -> None:
    """They mean the same and stand at different places."""
    rules = Ruleset.parse("""{"rules": {".read": "auth == null && now == 1 || auth == null"}}""")
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth=None, now=2, coverage=coverage)
    (read,) = json.loads(dumps(coverage.to_json()))["coverage"]
    both, last = read["children"]
    assert (both["children"][0]["count"], last["count"]) == (1, 1)
    rules.read(Path(), root=EMPTY, auth=None, now=1, coverage=coverage)
    (read,) = json.loads(dumps(coverage.to_json()))["coverage"]
    assert [part["count"] for part in read["children"]] == [2, 1]


def test_what_is_remembered_is_bounded() -> None:
    """A few values by themselves, cut short; the rest only by their number."""
    rules = Ruleset.parse("""{"rules": {".read": "data.val() == 'x'"}}""")
    coverage = rules.coverage()
    for number in range(50):
        stored = from_json("y" * 500 + str(number) if number == 0 else f"v{number}")
        rules.read(Path(), root=stored, auth=None, now=0, coverage=coverage)
    (read,) = json.loads(dumps(coverage.to_json()))["coverage"]
    found = values(read["children"][0])
    assert len(found) == 11
    assert len(found[0][0]) == 80
    assert found[-1] == ("more", 40)
    assert sum(times for _, times in found) == 50


def _parts(expression: Any) -> dict[str, list[tuple[Any, int]]]:
    found = {part["text"]: values(part) for part in expression["children"]}
    return found | {k: v for part in expression["children"] for k, v in _parts(part).items()}


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("(now > 1 ? data : root).exists()",
         {"now > 1 ? data : root": "snapshot", "now > 1": False, "now": 0}),
        ("auth.token != null", {"auth.token": "object"}),
        ("data.child('a').parent().val() == null", {"data.child('a').parent().val()": "object"}),
        ("data.child('a').val().length == 1",
         {"data.child('a').val().length": 2, "data.child('a').val()": "xy"}),
        ("data.child('a').val().contains('y')", {"data.child('a').val()": "xy"}),
        ("data.child('a').val().contains(auth.more)",
         {"data.child('a').val()": "xy", "auth.more": "u"}),
        ("auth.uid + auth.more == ''",
         {"auth.uid + auth.more": "u" * 77 + "...", "auth.uid": "u" * 80, "auth.more": "u"}),
        ("data.child('b').val() == true", {"data.child('b').val()": None, "true": True}),
    ],
)  # fmt: skip
def test_each_part_is_told_with_what_it_came_to(expression: str, parts: dict[str, Any]) -> None:
    """Snapshots and objects by their kind; no method by itself, and long texts cut short."""
    rules = Ruleset.parse(json.dumps({"rules": {".read": expression}}))
    coverage = rules.coverage()
    auth: dict[str, Json] = {"uid": "u" * 80, "more": "u", "token": {"a": 1}}
    rules.read(Path(), root=from_json({"a": "xy"}), auth=auth, now=0, coverage=coverage)
    (read,) = json.loads(dumps(coverage.to_json()))["coverage"]
    assert _parts(read) == {text: [(value, 1)] for text, value in parts.items()}


def test_counts_are_added_as_if_they_had_been_one() -> None:
    """Also of values that were seen before there were too many to tell each apart."""
    rules = Ruleset.parse("""{"rules": {".read": "data.val() < 'v2' || data.val() > 9"}}""")
    whole, parts = rules.coverage(), [rules.coverage(), rules.coverage()]
    for part, stored in [*((0, n) for n in range(6)), *((1, n) for n in range(3, 20)), (1, 4)]:
        for coverage in (whole, parts[part]):
            for value in (f"v{stored}", stored):
                root = from_json(value)
                rules.read(Path(), root=root, auth=None, now=0, coverage=coverage)
    added = rules.coverage()
    for one in parts:
        added.add(one)
    assert added.to_json() == whole.to_json()
    (read,) = json.loads(dumps(whole.to_json()))["coverage"]
    assert read["count"] == sum(times for _, times in values(read)) == 48
    seen = dict(values(read["children"][0]["children"][0]))
    assert (seen["v4"], seen["more"]) == (3, 32)


@pytest.mark.parametrize("before", ["", "\n", "\n\n  ", "// é\n"])
def test_places_are_lines_and_columns_from_one(before: str) -> None:
    """However the file begins."""
    text = before + """{"rules": {".read": "true"}}"""
    (read,) = json.loads(dumps(Ruleset.parse(text).coverage().to_json()))["coverage"]
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 22
    assert (read["line"], read["column"]) == (line, column)
    assert (read["endLine"], read["endColumn"]) == (line, column + 4)


def test_numbers_that_json_cannot_say_are_told_as_text() -> None:
    """A division by zero is no reason for a report to fail."""
    rules = Ruleset.parse("""{"rules": {".read": "1 / auth.zero == 1"}}""")
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth={"zero": 0}, now=0, coverage=coverage)
    (read,) = json.loads(dumps(coverage.to_json()))["coverage"]
    assert values(read["children"][0]) == [("nan", 1)]
    assert "nan" in coverage_page(coverage, "x")


class _Page(HTMLParser):
    """What a browser makes of a report.

    Attributes:
        lines: The text of each line of rules.
        counts: What is said of it beside it.
        marks: The conditions: class, title and text.
        elements: Every element's name.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.counts: list[str] = []
        self.marks: list[list[str]] = []
        self.elements: set[str] = set()
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        given = {name: value or "" for name, value in attrs}
        assert not any(name.startswith("on") or name == "src" for name in given)
        if tag in {"td", "mark"}:
            self._open.append((tag, given["class"]))
        if tag == "mark":
            self.marks.append([given["class"], given["title"], ""])
        elif tag == "td" and given["class"] in {"source", "count"}:
            (self.lines if given["class"] == "source" else self.counts).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "mark"}:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        kinds = [kind for _, kind in self._open]
        if "source" in kinds:
            self.lines[-1] += data
        elif "count" in kinds:
            self.counts[-1] += data
        if self._open and self._open[-1][0] == "mark":
            self.marks[-1][2] += data


def page(coverage: Coverage) -> _Page:
    return _Page(coverage_page(coverage, "shop"))


def test_the_page_shows_the_rules_as_written() -> None:
    """Every line, comments and all, with each condition marked by what it came to."""
    room = Room()
    room.read(None, {"owner": "amina"})
    room.read("amina", {"owner": "amina"})
    room.read("brian", {"owner": "amina"})
    shown = page(room.coverage)
    assert shown.lines == RULES.split("\n")
    assert [(state, text) for state, _, text in shown.marks] == [
        ("both", "auth.uid != null"),
        ("both", "data.child('owner').val() == auth.uid"),
        ("error", "data.child('seats').val() > 3"),
        ("never", "false"),
    ]
    assert shown.counts == ["", "", "", "1 true · 1 false · 1 failed", "", "never", "", ""]
    assert "data.child('owner').val()  =>  \"amina\" (2x)" in shown.marks[1][1]


def test_the_page_shows_a_choice_by_its_conditions() -> None:
    """Also one over several lines, which is marked on each, but for what is blank there."""
    text = """{"rules": {".read":
    "data.val() ==

       now ? auth == null : auth.token != null" }}"""
    rules = Ruleset.parse(text)
    coverage = rules.coverage()
    for number in range(12):
        auth: Json = {"token": {"a": 1}}
        rules.read(Path(), root=from_json(number), auth=auth, now=0, coverage=coverage)
    shown = page(coverage)
    assert shown.lines == text.split("\n")
    assert [(state, part) for state, _, part in shown.marks] == [
        ("both", "data.val() =="), ("both", "now"), ("false", "auth == null"),
        ("true", "auth.token != null"),
    ]  # fmt: skip
    compared, _, whose, claims = (told.splitlines() for _, told, _ in shown.marks)
    assert compared == [
        "data.val() == now  =>  true (1x), false (11x)",
        f"data.val()  =>  {', '.join(f'{number} (1x)' for number in range(10))}, others (2x)",
        "now  =>  0 (12x)",
    ]
    assert whose == ["auth == null  =>  false (1x)"]
    assert claims[1] == "auth.token  =>  {...} (11x)"


def test_a_condition_is_told_by_what_came_to_something() -> None:
    """No place by itself, no literal, and a failure with its reason."""
    text = """{"rules": {".read": "true == ((now > 0 ? data : root).val() > 1)"}}"""
    rules = Ruleset.parse(text)
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth=None, now=1, coverage=coverage)
    ((_, told, _),) = page(coverage).marks
    assert told.splitlines() == [
        f"true == ((now > 0 ? data : root).val() > 1)  =>  failed: {_FAILED} (1x)",
        f"(now > 0 ? data : root).val() > 1  =>  failed: {_FAILED} (1x)",
        "(now > 0 ? data : root).val()  =>  null (1x)",
        "now > 0  =>  true (1x)",
        "now  =>  1 (1x)",
    ]


@pytest.mark.parametrize("before", ["", "\n"])
def test_the_page_numbers_its_lines_and_sums_up(before: str) -> None:
    """A line has a number that leads to it, and one with a rule is set apart."""
    text = before + """{"rules": {\n".read": true,\n".write": false}}"""
    rules = Ruleset.parse(text)
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth=None, now=0, coverage=coverage)
    html = coverage_page(coverage, "shop")
    rows = re.findall(r'<tr id="L(\d+)"( class="rule")?>.*?<a href="#L(\d+)">(\d+)</a>', html)
    first = 1 + len(before)
    assert [(int(row[0]), bool(row[1])) for row in rows] == [
        (number, number in {first + 1, first + 2}) for number in range(1, first + 3)
    ]
    assert all(row[0] == row[2] == row[3] for row in rows)
    assert "<b>1</b> of 2 rules were asked" in html
    assert (
        "Of 2 conditions, <b>0</b> came out both true and false,\n"
        "<b>0</b> failed, <b>1</b> were never run."
    ) in html


def test_the_page_runs_nothing_and_needs_nothing() -> None:
    """No script, no link elsewhere, whatever stands in the rules and in the data."""
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;"
    text = dumps({"rules": {".read": f"data.val() == {json.dumps(hostile)}"}}).replace(
        '{"rules"', "{ // </td></table>" + hostile + '\n"rules"', 1
    )
    rules = Ruleset.parse(text)
    coverage = rules.coverage()
    rules.read(Path(), root=from_json(hostile), auth=None, now=0, coverage=coverage)
    html = coverage_page(coverage, hostile)
    shown = _Page(html)
    assert shown.lines == text.split("\n")
    assert shown.elements.isdisjoint({"script", "img", "link", "iframe"})
    assert hostile in shown.marks[0][1].replace('\\"', '"')
    assert not re.search(r"url\(|https?:", html)


def test_only_true_and_only_false_look_different() -> None:
    """What was never seen the other way round is not covered yet."""
    rules = Ruleset.parse("""{"rules": {".read": "auth == null && !data.exists() && false"}}""")
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth=None, now=0, coverage=coverage)
    assert [state for state, _, _ in page(coverage).marks] == ["true", "false", "false"]


def test_rules_on_one_line_are_counted_together() -> None:
    """A minified file has no room for more."""
    rules = Ruleset.parse("""{"rules": {".read": true, ".write": true}}""")
    assert page(rules.coverage()).counts == ["2 rules"]


@given(EXPRESSIONS.map(unparse), st.sampled_from(["\n", " ", "\t"]))
def test_any_rules_can_be_reported(expression: str, blank: str) -> None:
    """Whatever parses is shown letter by letter, and its parts lie within it."""
    text = dumps({"rules": {".read": f"{blank}({expression}) == null", ".write": True}})
    try:
        rules = Ruleset.parse(text.replace("\\n", "\n").replace("\\t", "\t"))
    except RulesError:
        return
    coverage = rules.coverage()
    rules.read(Path(), root=EMPTY, auth={"uid": "a"}, now=0, coverage=coverage)
    dumps(coverage.to_json())
    assert "\n".join(page(coverage).lines) == rules.text
