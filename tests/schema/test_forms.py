"""What a person may write."""

import sys
from typing import Any

import pytest

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.schema.forms import MAX_TEXT, LeadForm, checked_text


def _lead(**changed: str | None) -> LeadForm:
    return LeadForm.checked(**{"name": "Amina", "email": "amina@example.com"} | changed)  # type: ignore[arg-type]  # a table of bad input


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("name", "", "name"),
        ("name", "  ", "name"),
        ("name", "x" * 101, "name"),
        ("name", "\ud800", None),
        ("email", "", "e-mail"),
        ("email", "amina", "e-mail"),
        ("email", "amina@", "e-mail"),
        ("email", "a b@example.com", "e-mail"),
        ("email", "x" * 250 + "@example.com", "e-mail"),
        ("phone", "1" * 33, "phone"),
        ("phone", "call me", "phone"),
        ("topic", "x" * 101, "topic"),
    ],
)
def test_a_bad_field_is_named(field: str, value: str, where: str | None) -> None:
    """The error says which field to mend."""
    with pytest.raises(InvalidData) as caught:
        _lead(**{field: value})
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("field", "value"), [("name", "x" * 100), ("phone", "1" * 32), ("topic", "x" * 100)]
)
def test_a_field_may_be_as_long_as_its_limit(field: str, value: str) -> None:
    """And no longer."""
    assert getattr(_lead(**{field: value}), field) == value


@pytest.mark.parametrize("field", ["name", "email", "phone", "topic"])
@pytest.mark.parametrize("value", [7, b"7", ["7"]])
def test_a_field_is_a_text(field: str, value: Any) -> None:
    """Whatever else it is, the error says what, as it does of a message."""
    where = field if field != "email" else "e-mail"
    with pytest.raises(InvalidType, match=f"the {where} is a text, not {type(value).__name__}"):
        _lead(**{field: value})
    with pytest.raises(InvalidType, match=f"a message is a text, not {type(value).__name__}"):
        checked_text(value)


def test_blanks_around_a_field_are_dropped() -> None:
    """And blank optional fields are absent."""
    lead = _lead(name="  Amina ", phone=" ", topic="")
    assert (lead.name, lead.phone, lead.topic) == ("Amina", None, None)


def test_an_international_phone_number_is_stored_as_e164() -> None:
    """However it was typed."""
    assert _lead(phone="+256 (0) 772 123 456").phone == "+256772123456"


@pytest.mark.parametrize("typed", ["0772 123 456", "+1", "ext. 12", "+1 234"])
def test_a_phone_number_that_does_not_parse_is_kept_as_typed(typed: str) -> None:
    """An admin can still read it."""
    assert _lead(phone=typed).phone == typed


def test_without_the_phone_extra_a_number_is_kept_as_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    assert _lead(phone="+256 772 123 456").phone == "+256 772 123 456"


def test_a_text_is_kept_as_it_was_written() -> None:
    """Line breaks, blanks and all."""
    assert checked_text("  two\n lines ") == "  two\n lines "


def test_length_is_counted_in_utf16_units() -> None:
    """As the website and the rules count: an emoji is two."""
    assert checked_text("😀" * (MAX_TEXT // 2))
    with pytest.raises(InvalidData, match="2002"):
        checked_text("😀" * (MAX_TEXT // 2 + 1))


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_blank_text_is_none(text: str) -> None:
    """Whatever the blanks are."""
    with pytest.raises(InvalidData, match="a note cannot be empty"):
        checked_text(text, "a note")


def test_half_a_surrogate_pair_is_no_text() -> None:
    """It could not be sent as UTF-8."""
    with pytest.raises(InvalidData, match="Unicode"):
        checked_text("broken \ud83d")


def test_what_is_too_long_says_what_to_do() -> None:
    """Of a message, unless it is something else."""
    with pytest.raises(InvalidData) as refused:
        checked_text("x" * (MAX_TEXT + 1))
    assert str(refused.value) == (
        "a message has at most 2000 characters, this one has 2001 (at text)."
        " Send it in several messages"
    )
    assert checked_text("x" * MAX_TEXT) == "x" * MAX_TEXT
