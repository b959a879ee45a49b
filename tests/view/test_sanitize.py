"""Stored strings on their way to a screen: attacks from a table, and what is true of any string."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from imbari_chat.view.sanitize import MAX_JOINS, MAX_MARKS, REPLACEMENT, safe_text
from tests.specs import cases

# Hostile characters more often than chance would have it, among all code points, surrogates too.
CHARACTERS = st.one_of(
    st.characters(),
    st.integers(0, 0x10FFFF).map(chr),
    st.sampled_from(
        "\x1b\x07\r\n\t\x85\x9b\u200b\u200c\u200d\u202e\u2066\u2028\ufe0f\ufe0e\u0301\u0489\u20e3"
        "\u0645\u06cc\u09b0\u09cd\u2800\ufffd👩🏽❤↔\U000e0061\ud800\udfff a"
    ),
)
TEXTS = st.text(CHARACTERS, max_size=60)


@cases("view/safe_text")
def test_every_known_attack_is_disarmed_and_honest_text_survives(case: dict[str, Any]) -> None:
    """The table's result, on one line and on several."""
    assert safe_text(case["text"]) == case["single"]
    assert safe_text(case["text"], multiline=True) == case.get("multi", case["single"])


@given(TEXTS, st.booleans())
def test_nothing_reaches_the_screen_that_a_terminal_obeys(text: str, multiline: bool) -> None:
    """Controls and formats are gone, but for line breaks asked for and joiners between signs."""
    safe = safe_text(text, multiline=multiline)
    allowed = {"\n"} if multiline else set()
    for before, character in zip(["", *safe], safe, strict=False):
        category = unicodedata.category(character)
        if character in {"\u200c", "\u200d"}:
            assert before not in {"", " ", "\n", REPLACEMENT, "\u200c", "\u200d"}
        else:
            assert category not in {"Cc", "Cf", "Co", "Cs"} or character in allowed
    assert not safe.endswith(("\u200c", "\u200d"))
    safe.encode()


@given(TEXTS, st.booleans(), st.one_of(st.none(), st.integers(1, 40)))
def test_a_safe_text_is_left_alone(text: str, multiline: bool, limit: int | None) -> None:
    """Passing twice is passing once, so a caller need not know whether it was passed."""
    once = safe_text(text, max_length=limit, multiline=multiline)
    assert safe_text(once, max_length=limit, multiline=multiline) == once


@given(TEXTS, st.booleans(), st.integers(1, 40))
def test_the_length_is_bounded(text: str, multiline: bool, limit: int) -> None:
    """Never longer than asked for; a cut shows."""
    safe = safe_text(text, max_length=limit, multiline=multiline)
    assert len(safe) <= limit
    whole = safe_text(text, multiline=multiline)
    assert safe == whole or safe.endswith("…")


@given(TEXTS)
def test_one_line_is_one_line(text: str) -> None:
    """No character of the result moves to another line, by Python's count either."""
    assert len(safe_text(text).splitlines()) <= 1


@given(TEXTS)
def test_text_does_not_vanish_without_a_trace(text: str) -> None:
    """Whatever is typed leaves something to see."""
    assert bool(safe_text(text)) is bool(text)


@given(st.text(st.sampled_from("a \u0301\u0300\u0489\u1dd9"), max_size=60))
def test_no_base_carries_a_tower_of_marks(text: str) -> None:
    """The fifth mark in a row is replaced, whatever marks they are."""
    marks = 0
    for character in safe_text(text):
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        assert marks <= MAX_MARKS


def test_a_chain_of_emoji_is_broken_where_it_gets_too_long() -> None:
    """Between two replacement marks at most the joiners of the longest real emoji."""
    safe = safe_text("👨" + "\u200d👨" * 20)
    assert max(part.count("\u200d") for part in safe.split(REPLACEMENT)) == MAX_JOINS


@pytest.mark.parametrize("text", ["👨\u200d👩\u200d👧", "می\u200cخواهم"])
def test_a_cut_leaves_nothing_that_would_join_the_ellipsis(text: str) -> None:
    """Wherever it falls, in an emoji or in a Persian word."""
    assert safe_text(text) == text
    for limit in range(1, len(text)):
        safe = safe_text(text, max_length=limit)
        assert safe.endswith("…")
        assert safe[-2:-1] not in {"\u200c", "\u200d"}


@pytest.mark.parametrize("code", [0x1F300, 0x1FA7D, 0x1FAFF])
def test_a_pictograph_may_be_younger_than_this_python(code: int) -> None:
    """The block for them is theirs from end to end, assigned or not."""
    assert safe_text(chr(code)) == chr(code)


def test_an_endless_text_costs_no_more_than_what_is_shown() -> None:
    """Ten million characters are read as far as the limit needs."""
    assert safe_text("\x1b" * 10_000_000, max_length=20) == REPLACEMENT + "…"


def test_rich_draws_a_safe_text_as_it_is_written() -> None:
    """Markup in a customer's text stays text when drawn the way the module says."""
    console = Console(width=60, record=True, force_terminal=True)
    with console.capture() as capture:
        console.print(Text(safe_text("[bold red]hi[/] \x1b[31m")))
    assert "[bold red]hi[/] \ufffd[31m" in capture.get()


INVISIBLE = [
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164,
    0xFFA0, 0xFE00, 0xFE0D, 0xE0100, 0xE01EF,
]  # fmt: skip


@pytest.mark.parametrize("code", INVISIBLE)
def test_what_nobody_sees_is_seen_to_be_there(code: int) -> None:
    """Though Unicode files it under letters, marks and symbols; a run of it is one sign."""
    assert safe_text(f"a{chr(code)}b") == f"a{REPLACEMENT}b"
    assert safe_text(chr(code) * 3) == REPLACEMENT


MAN, WOMAN, HEART, FIRE = "\U0001f468", "\U0001f469", "\u2764", "\U0001f525"
ZWJ, ZWNJ, TEXT, EMOJI = "\u200d", "\u200c", "\ufe0e", "\ufe0f"
BEH, ALEF, KA, VIRAMA = "\u0628", "\u0627", "\u0995", "\u09cd"

JOINED = [
    f"{MAN}{ZWJ}{WOMAN}",
    f"{HEART}{EMOJI}{ZWJ}{FIRE}",
    f"{HEART}{ZWJ}{FIRE}",
    f"{MAN}{ZWJ}\u2194{EMOJI}",
    f"\u2195{ZWJ}{MAN}",
    f"{BEH}{ZWNJ}{ALEF}",
    f"{BEH}{ZWJ}{ALEF}",
    f"{KA}{VIRAMA}{ZWJ}{KA}",
    f"{KA}{ZWJ}{VIRAMA}",
    f"{KA}{VIRAMA * 3}{ZWJ}{VIRAMA}",
    f"{KA}{VIRAMA * 4}{ZWJ}{KA}",
    f"\u0620{ZWNJ}\u0620",
    f"\u18aa{ZWJ}\u18aa",
]
TORN = [
    (f"{MAN}{ZWNJ}{WOMAN}", f"{MAN}?{WOMAN}"),
    (f"a{ZWJ}{WOMAN}", f"a?{WOMAN}"),
    (f"{MAN}{ZWJ}a", f"{MAN}?a"),
    (f"{ZWJ}{MAN}", f"?{MAN}"),
    (f"{MAN}{ZWJ}", f"{MAN}?"),
    (f"\x1b{ZWJ}{MAN}", f"?{MAN}"),
    (f"{MAN}{ZWJ}\x1b", f"{MAN}?"),
    (f"{MAN}{ZWJ}\u2800", f"{MAN}?"),
    (f"a{ZWNJ}{BEH}", f"a?{BEH}"),
    (f"{BEH}{ZWNJ}a", f"{BEH}?a"),
    (f"{BEH}{ZWNJ}", f"{BEH}?"),
    (f"{ZWNJ}{BEH}", f"?{BEH}"),
    (f"{KA}{VIRAMA * 4}{ZWJ}{VIRAMA}", f"{KA}{VIRAMA * 4}?"),
    (f"{BEH}{ZWJ}\u180b", f"{BEH}?"),
    (f"\u0663{ZWNJ}\u0663", "\u0663?\u0663"),
    (f"\u18b0{ZWNJ}\u18b0", "\u18b0?\u18b0"),
    (f"\u05d0{ZWNJ}\u05d0", "\u05d0?\u05d0"),
]


@pytest.mark.parametrize("text", JOINED)
def test_a_joiner_stays_where_something_is_spelt_with_it(text: str) -> None:
    """Between emoji, styled or not, and in the scripts from Arabic to Mongolian."""
    assert safe_text(text) == text


@pytest.mark.parametrize(("text", "shown"), TORN)
def test_a_joiner_that_joins_nothing_is_seen(text: str, shown: str) -> None:
    """It could hide something, or join what follows to what a terminal draws elsewhere."""
    assert safe_text(text) == shown.replace("?", REPLACEMENT)


@pytest.mark.parametrize("tone", range(0x1F3FB, 0x1F400))
def test_a_tone_of_skin_makes_no_new_emoji(tone: int) -> None:
    """A chain of coloured people is as long as one of others, and no longer."""
    person = WOMAN + chr(tone)
    safe = safe_text(person + f"{ZWJ}{person}" * 20)
    assert max(part.count(ZWJ) for part in safe.split(REPLACEMENT)) == MAX_JOINS


@pytest.mark.parametrize("code", [0x1F3FA, 0x1F400])
def test_each_emoji_may_be_joined_anew(code: int) -> None:
    """What stands beside the tones is one of its own."""
    text = WOMAN + f"{ZWJ}{WOMAN}{chr(code)}" * 5
    assert safe_text(text) == text


@pytest.mark.parametrize("style", [TEXT, EMOJI])
@pytest.mark.parametrize(
    ("before", "is_kept"),
    [
        (HEART, True), ("1", True), ("#", True), ("\u2139", True), ("\U0001fadc", True),
        ("+", True), ("a", False), ("", False), ("\x1b", False), (" ", False), ("\n", False),
        ("\u0301", False),
    ],
)  # fmt: skip
def test_a_style_is_for_what_can_be_an_emoji(before: str, is_kept: bool, style: str) -> None:
    """Elsewhere it would be drawn, or not, as a terminal likes."""
    safe = safe_text(f"x{before}{style}y" if before else f"{style}y", multiline=True)
    assert (style in safe) is is_kept
    assert (REPLACEMENT in safe) is not is_kept


@pytest.mark.parametrize("mark", ["\u0301", "\u0903", "\u20dd"])
def test_a_mark_needs_a_base_and_has_company(mark: str) -> None:
    """Of any kind: above, beside or around."""
    assert safe_text(f"a{mark}") == f"a{mark}"
    assert safe_text(f"a{mark * 9}b{mark}") == f"a{mark * MAX_MARKS}{REPLACEMENT}b{mark}"
    assert safe_text(f"{mark}a") == f"{REPLACEMENT}a"
    assert safe_text(f"a\n{mark}", multiline=True) == f"a\n{REPLACEMENT}"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("Amina", 5, "Amina"),
        ("Amina", 4, "Ami…"),
        ("Amina", 1, "…"),
        ("Zoë", 3, "Zoë"),
        ("Zoë", 2, "Z…"),
        ("\x1b" * 8, 1, REPLACEMENT),
        ("\x1b" * 9, 1, "…"),
    ],
)
def test_a_text_is_cut_where_it_gets_too_long(text: str, limit: int, shown: str) -> None:
    """In any script. What takes more to read than eight times as much is taken for too long."""
    assert safe_text(text, max_length=limit) == shown
