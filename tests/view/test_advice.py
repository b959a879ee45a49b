"""What a person is told to do: nothing that only a program could."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import imbari_chat
from imbari_chat.errors import ImbariError, SessionNotFound
from imbari_chat.view.advice import advice, in_words

SOURCE = Path(imbari_chat.__file__).parent
FOR_PEOPLE = ("cli", "desk", "emulator", "testing")


def _hints() -> Iterator[str]:
    """Every hint that the library has, as far as it stands there as a text."""
    for file in sorted(SOURCE.rglob("*.py")):
        if file.relative_to(SOURCE).parts[0] not in FOR_PEOPLE:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    yield ast.unparse(node.value)


@pytest.mark.parametrize(
    ("hint", "is_for_people"),
    [
        ("sessions() lists those there are", False),
        ("Call start() again: it settles this one first", False),
        ("Wait for what is in it with flush()", False),
        ("To take it from them, name them: instead_of='u1'", False),
        ("Set FIREBASE_AUTH_EMULATOR_HOST=HOST:PORT, or use `imbari-chat emulator exec`", True),
        ("Try again later", True),
        ("A deleted key and a clock that is wrong are the usual reasons", True),
    ],
)
def test_a_call_is_no_advice_to_a_person(hint: str, *, is_for_people: bool) -> None:
    """Everything else is."""
    error = ImbariError("it failed", where="/a", hint=hint)
    assert advice(error) == (hint if is_for_people else None)
    assert in_words(error) == ("it failed (at /a)" + (f". {hint}" if is_for_people else ""))


def test_every_call_in_a_hint_is_seen_to_be_one() -> None:
    """By its brackets, as the API page writes them."""
    names = "|".join({*dir(imbari_chat.AdminChat), *dir(imbari_chat.CustomerChat)})
    named = [hint for hint in _hints() if re.search(rf"\b({names})\b *\(", hint)]
    assert len(named) >= 5
    for hint in named:
        assert advice(ImbariError("it failed", hint=hint)) is None


def test_what_has_no_hint_has_none() -> None:
    """Nor is one made up."""
    assert advice(ImbariError("it failed")) is None
    assert in_words(SessionNotFound.named("-N")) == "there is no conversation '-N'"
