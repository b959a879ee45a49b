"""Replies that are ready: names, placeholders and braces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.schema.canned import (
    PLACEHOLDERS,
    checked_name,
    checked_template,
    filled,
    named,
)
from imbari_chat.schema.models import ID_FIELD, Session

AMINA = Session.model_validate(
    {
        ID_FIELD: "-NNNNNNNNNNNNNNNNNNN",
        "customerName": " Amina {admin} Nakato ",
        "customerEmail": "amina@example.com",
        "topic": "Wholesale",
    }
)
NOBODY = Session.model_validate({ID_FIELD: "-PPPPPPPPPPPPPPPPPPP"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello {name}", "Hello Amina {admin} Nakato"),
        ("Hello {first_name}, {first_name}!", "Hello Amina, Amina!"),
        ("{email} about {topic}", "amina@example.com about Wholesale"),
        ("{admin} here", "Noor here"),
        ("{{name}} and {{}}", "{name} and {}"),
        ("{ name } {} } { {not-one}", "{ name } {} } { {not-one}"),
        ("{{{name}}}", "{Amina {admin} Nakato}"),
        ("nothing", "nothing"),
    ],
)
def test_placeholders_are_filled_once_and_braces_stay(text: str, said: str) -> None:
    """What a customer is called is never read for placeholders."""
    assert filled(text, AMINA, admin="Noor") == said


@pytest.mark.parametrize("text", ["{nmae}", "Hello {Name}", "{{{nmae}}}", "{1}"])
def test_a_word_in_braces_that_is_no_placeholder_is_told_with_those_there_are(text: str) -> None:
    """When the reply is kept, and when it is used."""
    for use in (checked_template, lambda one: filled(one, AMINA, admin="Noor")):
        with pytest.raises(InvalidData) as caught:
            use(text)
        wrong = re.search(r"\{\w+\}", text)
        assert wrong is not None
        assert str(caught.value) == (
            f"{wrong[0]} stands for nothing (at text). Placeholders are {{name}}, {{first_name}},"
            f" {{email}}, {{topic}}, {{admin}}; for braces as they are, write {{{wrong[0]}}}"
        )


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_for_which_there_is_nothing_is_an_error(placeholder: str) -> None:
    """Better than a letter to nobody."""
    with pytest.raises(InvalidData, match=rf"(^|for )\{{{placeholder}\}}") as caught:
        filled(f"Hello {{{placeholder}}}", NOBODY)
    assert caught.value.where == (None if placeholder == "admin" else f"conversation {NOBODY.id}")


def test_what_can_be_no_message_is_no_reply_either() -> None:
    """It is told when the reply is kept."""
    with pytest.raises(InvalidData, match="a canned reply"):
        checked_template(" ")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/shipped", "shipped"),
        (" /a_1-b\n", "a_1-b"),
        ("/" + "x" * 40, "x" * 40),
        ("/" + "x" * 41, None),
        ("shipped", None),
        ("/shipped today", None),
        ("/Shipped", None),
        ("//shipped", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_slash_and_a_name_ask_for_a_reply(text: str, name: str | None) -> None:
    """And nothing else does."""
    assert named(text) == name


def test_a_name_is_given_with_a_slash_or_without() -> None:
    """What is no name says what is one."""
    assert checked_name("/shipped") == checked_name(" shipped ") == "shipped"
    for wrong in ("", "/", "Shipped", "a b", "ä", "x" * 41, "//x"):
        with pytest.raises(InvalidData, match="cannot be the name"):
            checked_name(wrong)
    with pytest.raises(InvalidData) as caught:
        checked_name("X" * 200)
    assert caught.value.what == f"'{'X' * 80}' cannot be the name of a canned reply"
    with pytest.raises(InvalidType, match="a name is a text, not int"):
        checked_name(7)  # type: ignore[arg-type]  # it is said


@given(st.text("{}nam e", max_size=12))
def test_whatever_is_accepted_can_be_filled(text: str) -> None:
    """Braces in any order are either told early or come out."""
    try:
        assert checked_template(text) == text
    except InvalidData:
        return
    filled(text, AMINA, admin="Noor")
