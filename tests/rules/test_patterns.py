"""The regular expression subset: what it finds, what it refuses, and what it costs."""

import random
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.rules import automaton
from imbari_chat.rules.automaton import Characters, Piece
from imbari_chat.rules.patterns import PatternMistake, _Reader, compile_pattern
from tests.rules.specs import load

TABLE = load("patterns")
CASES = [
    pytest.param(*case, id=f"{group['name']}: /{case[0]}/{case[1]}")
    for group in TABLE["groups"]
    for case in group["cases"]
]
REFUSED = [pattern for group in TABLE["refused"] for pattern in group["patterns"]]


@pytest.mark.parametrize(("source", "flags", "found", "missed"), CASES)
def test_pattern_finds(source: str, flags: str, found: list[str], missed: list[str]) -> None:
    """A pattern is found in the one list of texts and in none of the other."""
    pattern = compile_pattern(source, ignore_case=flags == "i")
    assert [text for text in found if not pattern.search(text)] == []
    assert [text for text in missed if pattern.search(text)] == []


@pytest.mark.parametrize("source", REFUSED)
def test_pattern_is_refused(source: str) -> None:
    """What the subset does not have is refused, at a place in the pattern."""
    with pytest.raises(PatternMistake) as caught:
        compile_pattern(source)
    assert 0 <= caught.value.at <= len(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("^(up|down|)$", "expected ')' at position 10"),
        ("(up|down|)", "expected ')' at position 10"),
        (r"^(a|)\$", "expected ')' at position 6"),
        ("^(a", "expected ')' at position 2"),
        ("a|)b$", "expected ')' at position 4"),
        ('^[^"\\\\]{1,2}$', "expected ']' at position 11"),
        ("^[ab$", "expected ']' at position 3"),
        ("a{", "integer expected at position 2"),
        ("^a{b}", "integer expected at position 2"),
        ("^a{1", "expected '}' at position 3"),
        ("a)", "end-of-string expected at position 1"),
        ("foo|", "unexpected end-of-string"),
        ("a^b", "unexpected '^'"),
    ],
)
def test_a_refusal_counts_as_the_service_does(source: str, reason: str) -> None:
    """Between the anchors, and up to where it has read before it misses something."""
    with pytest.raises(PatternMistake) as caught:
        compile_pattern(source)
    assert caught.value.reason == reason


def test_a_parenthesis_that_opens_no_group_is_found_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands behind it is read anew, and the ones in there not again."""
    read = 0
    item = _Reader.item

    def counted(self: _Reader) -> Piece:
        nonlocal read
        read += 1
        return item(self)

    monkeypatch.setattr(_Reader, "item", counted)
    source = "(" * 16 + "a"
    with pytest.raises(PatternMistake):
        compile_pattern(source)
    assert read < len(source) ** 2


@pytest.mark.parametrize(
    "source", ["(a+)+$", "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*b$", "^(([a-z])+.)+[A-Z]$"]
)
def test_a_hostile_pattern_costs_no_more_than_its_size_times_the_text(source: str) -> None:
    """Work is bounded by instructions per character, where backtracking would need 2**n."""
    pattern = compile_pattern(source)
    before = pattern.automaton.work
    assert not pattern.search("a" * 5_000 + "!")
    assert pattern.automaton.work - before < 60 * 5_000


def test_a_large_counted_pattern_stays_linear() -> None:
    """Nested optional counts, at the end of a text that almost matches."""
    pattern = compile_pattern("^(a?){200}a{200}$")
    before = pattern.automaton.work
    assert pattern.search("a" * 300)
    assert not pattern.search("a" * 401)
    assert pattern.automaton.work - before < 1_500 * 701


@pytest.mark.parametrize(
    ("fits", "more", "reason"),
    [
        ("(" * 30 + "a" + ")" * 30, "(" * 31 + "a" + ")" * 31, "groups are nested deeper than 30"),
        ("a" + "?" * 7, "a" + "?" * 8, "too many quantifiers in a row"),
        ("a{0}", "a{1000000}", "the count is too large"),
        ("a{1}", "a{999999}", "the expression is too large"),
    ],
)
def test_a_pattern_has_its_bounds(fits: str, more: str, reason: str) -> None:
    """Beyond what anybody writes; what is refused says which it was."""
    compile_pattern(fits)
    with pytest.raises(PatternMistake) as caught:
        compile_pattern(more)
    assert caught.value.reason == reason


@pytest.mark.parametrize("character", ["\U00010000", "\U0001f642", "\U0010ffff"])
def test_what_lies_beyond_the_basic_plane_is_its_two_halves(character: str) -> None:
    """As JavaScript counts them."""
    high, low = struct.unpack("<2H", character.encode("utf-16-le"))
    halves = compile_pattern(f"^[{chr(high)}]{chr(low)}$")
    assert halves.search(character)
    assert not halves.search(chr(ord(character) ^ 1))


def test_a_pattern_has_at_most_20_000_pieces() -> None:
    """Written out, with what holds them."""
    compile_pattern("a{19997}")
    with pytest.raises(PatternMistake, match="too large"):
        compile_pattern("a{19998}")


def test_a_text_that_cannot_match_any_more_is_read_no_further() -> None:
    """An anchored pattern has begun once and for all."""
    pattern = compile_pattern("^a")
    before = pattern.automaton.work
    paid: list[int] = []
    assert not pattern.search("b" + "".join(map(chr, range(0x4E00, 0x5E00))), paid.append)
    assert pattern.automaton.work - before < 10
    assert sum(paid) == 64 + pattern.automaton.work - before


def test_a_text_seen_before_costs_nothing_new() -> None:
    """Sets of threads that recur are remembered."""
    pattern = compile_pattern("^[-_0-9A-Za-z]{20}$")
    assert pattern.search("-OaBcDeFgHiJkLmNoPqR")
    before = pattern.automaton.work
    assert pattern.search("-OaBcDeFgHiJkLmNoPqR")
    assert pattern.automaton.work == before
    pattern = compile_pattern("b")
    assert not pattern.search("-" * 10_000)
    assert pattern.automaton.work < 20


LETTERS = "".join(random.Random(1).choices("ab", k=3_000))
OTHERS = "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))


@pytest.mark.parametrize(
    ("source", "text"),
    [("(a|b)*a(a|b){20}c", LETTERS), ("(x|.{40})y$", OTHERS)],
    ids=["sets", "characters"],
)
def test_what_is_remembered_is_bounded(
    source: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless new sets of threads, or characters, fill no memory, and answers stay right."""
    monkeypatch.setattr(automaton, "_MAX_REMEMBERED", 1_000)
    searched = compile_pattern(source).automaton
    for _ in range(2):
        assert not searched.search(text)
        assert searched.search(f"{text[:1000]}a{text[:20]}cy")
        kept, todo = {}, [*searched._known.values(), searched._initial]
        while todo:
            one = todo.pop()
            if id(one) not in kept:
                kept[id(one)] = len(one.waiting) + 1 + len(one.following)
                todo += one.following.values()
        assert sum(kept.values()) < 1_100
    searched.search("aba" * 5)
    before = searched.work
    searched.search("aba" * 5)
    assert searched.work == before


# Patterns that mean the same here and in Python, built from pieces that cannot be misread.
LITERAL = st.sampled_from("abAB01 -☕é")
ATOM = st.one_of(
    LITERAL,
    st.sampled_from([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", r"\.", r"\/", r"\\"]),
    st.builds(
        "[{}{}]".format,
        st.sampled_from(["", "^"]),
        st.lists(
            st.sampled_from(["a", "B", "0-1", "a-b", "A-B", r"\d", r"\s", r"\W", "é"]),
            min_size=1,
            max_size=3,
        ).map("".join),
    ),
)
QUANTIFIER = st.sampled_from(["", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}"])


def _quantified(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}".format, atoms, QUANTIFIER)


BODY = st.recursive(
    st.lists(_quantified(ATOM), min_size=1, max_size=3).map("".join),
    lambda bodies: st.lists(
        _quantified(
            st.lists(bodies, min_size=1, max_size=3).map(lambda options: f"({'|'.join(options)})")
        ),
        min_size=1,
        max_size=2,
    ).map("".join),
    max_leaves=6,
)


@given(
    body=st.lists(BODY, min_size=1, max_size=2).map("|".join),
    start=st.booleans(),
    end=st.booleans(),
    ignore_case=st.booleans(),
    texts=st.lists(st.text(alphabet="abAB01 -☕🙂éÉ.\n/\\", max_size=8), min_size=1, max_size=5),
)
def test_the_subset_agrees_with_python(
    body: str, start: bool, end: bool, ignore_case: bool, texts: list[str]
) -> None:
    """On what both read the same way, Python's own engine is the judge, given UTF-16 units."""
    pattern = compile_pattern(f"{'^' * start}{body}{'$' * end}", ignore_case=ignore_case)
    flags = re.ASCII | re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    judge = re.compile("^" * start + body + r"\Z" * end, flags)
    for text in texts:
        data = text.encode("utf-16-le")
        units = "".join(map(chr, struct.unpack(f"<{len(data) // 2}H", data)))
        assert pattern.search(text) is (judge.search(units) is not None)


@given(
    body=BODY,
    wrapped=st.lists(
        st.sampled_from(["({})*", "({})+", "(({})?){{1,3}}", "({0}|{0})*"]), max_size=3
    ),
    text=st.text(alphabet="ab1é", max_size=200),
)
def test_no_pattern_costs_more_than_its_size_times_the_text(
    body: str, wrapped: list[str], text: str
) -> None:
    """Each character is shown to each instruction a fixed number of times, and none again."""
    for wrapping in wrapped:
        body = wrapping.format(body)
    searched = compile_pattern(f"^{body}$").automaton
    before = searched.work
    paid: list[int] = []
    searched.search(text, paid.append)
    work = searched.work - before
    assert work <= 2 * len(searched._program) * len(text)
    assert sum(paid) == work + len(text) // 64


def test_whoever_pays_pays_for_every_character_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """To each of many alternatives, though none of them takes it: the work is in the asking."""
    shown = 0
    admit = Characters.admit

    def noted(self: Characters, character: str) -> bool:
        nonlocal shown
        shown += 1
        return admit(self, character)

    monkeypatch.setattr(Characters, "admit", noted)
    pattern = compile_pattern(f"^(({'a|' * 200}[^a])d)*$")
    paid: list[int] = []
    assert pattern.search("".join(f"{chr(0x4E00 + at)}d" for at in range(100)), paid.append)
    assert 100 * 200 < shown < sum(paid) - 200  # they are visited before they are asked


@given(
    st.one_of(st.text(max_size=30), st.text(alphabet=r"ab^$|()[]{}?*+.,-\12", max_size=30)),
    st.booleans(),
)
def test_any_text_is_a_pattern_or_a_mistake(source: str, ignore_case: bool) -> None:
    """Nothing else comes out, and a pattern searches without failing."""
    try:
        pattern = compile_pattern(source, ignore_case=ignore_case)
    except PatternMistake:
        return
    pattern.search("aab12(){}")
