"""The table of keys: what it says is what happens, and what is shown."""

from collections import Counter
from typing import Final

import pytest
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS  # its only table of them
from textual.dom import DOMNode

from imbari_chat.desk import keys
from imbari_chat.desk.app import Desk
from imbari_chat.desk.conversation_pane import ConversationPane
from imbari_chat.desk.inbox_pane import InboxPane
from imbari_chat.desk.keys import KEYS, Key
from imbari_chat.desk.list_pane import ListPane
from imbari_chat.desk.prompts import Choose

_OWNERS: Final[dict[keys.Place, type[DOMNode]]] = {
    "list": ListPane,
    "search": InboxPane,
    "reply": ConversationPane,
    "choice": Choose,
    "everywhere": Desk,
}


@pytest.mark.parametrize("key", KEYS, ids=lambda one: f"{one.place} {one.keys}")
def test_every_key_does_something(key: Key) -> None:
    """Where its pane, or the desk, has that action."""
    name = key.action.split("(")[0]
    owner = Desk if name.startswith("app.") else _OWNERS[key.place]
    assert hasattr(owner, f"action_{name.removeprefix('app.')}")


@pytest.mark.parametrize("place", ["list", "search", "reply", "choice"])
def test_no_key_does_two_things_in_one_place(place: keys.Place) -> None:
    """Nor is a key of one place hidden by one that works everywhere."""
    here = [one.keys.split(",") for one in KEYS if one.place in {place, "everywhere"}]
    counted = Counter(key for several in here for key in several)
    assert set(counted.values()) == {1}


@pytest.mark.parametrize(
    "key", [one for one in KEYS if one.keys.startswith("alt+")], ids=lambda one: one.keys
)
def test_no_key_with_alt_is_what_a_terminal_sends_for_another(key: Key) -> None:
    """Alt and B is a word to the left."""
    assert f"\x1b{key.keys[-1]}" not in ANSI_SEQUENCES_KEYS


def test_what_types_is_no_command_in_a_field() -> None:
    """Else that letter could not be written."""
    without_a_field = {"list", "choice"}
    typing = {
        key for one in KEYS if one.place not in without_a_field for key in one.keys.split(",")
    }
    assert not {key for key in typing if len(key) == 1}


@pytest.mark.parametrize("place", ["list", "search", "reply"])
def test_the_footer_fits_80_columns(place: keys.Place) -> None:
    """With every key that it is to name; how to get help is one of them, and named once."""
    line = keys.footer(place)
    assert line.count(" help") == 1
    assert len(line) < 80
    for one in KEYS:
        assert one.place != place or one.brief in line


def test_the_help_page_names_every_key() -> None:
    """And fits the page."""
    lines = keys.help_lines()
    for one in KEYS:
        assert any(one.meaning in line for line in lines)
    assert max(map(len, lines)) <= 72


def test_keys_are_labelled_as_on_a_keyboard() -> None:
    """For footer, help and documents."""
    labels = [keys.key_label(one) for one in ("up", "enter", "ctrl+r", "slash", "G")]
    assert labels == ["↑", "Enter", "Ctrl-R", "/", "G"]


def test_each_key_is_listed_where_it_works_and_nowhere_else() -> None:
    """Place by place, with its first two names."""
    pages = "\n".join(keys.help_lines()).split("\n\n")
    assert [page.split("\n", 1)[0] for page in pages] == list(keys.PLACES.values())
    for (place, _), page in zip(keys.PLACES.items(), pages, strict=True):
        here = [one for one in KEYS if one.place == place]
        listed = page.split("\n")[1:]
        assert len(listed) == len(here)
        for one, line in zip(here, listed, strict=True):
            names = ", ".join(keys.key_label(key) for key in one.keys.split(",")[:2])
            assert line == f"  {names:<20} {one.meaning}"


@pytest.mark.parametrize("place", ["list", "search", "reply"])
def test_the_footer_names_what_is_needed_most(place: keys.Place) -> None:
    """In the table's order, each by its first key; and help, which is one of them anywhere."""
    named = [
        f"{keys.key_label(one.keys.split(',')[0])} {one.brief}"
        for one in KEYS
        if one.place == place and one.brief and one.brief != "help"
    ]
    briefly = keys.footer(place).split("  ")
    assert [one for one in briefly if not one.endswith(" help")] == named
    assert len(briefly) == len(named) + 1


def test_a_key_is_named_as_it_is_labelled() -> None:
    """Every sign has its own, and what is pressed together is joined."""
    assert {
        key: keys.key_label(key)
        for key in (
            "up", "down", "left", "right", "pageup", "pagedown", "escape", "slash",
            "question_mark", "ctrl+underscore", "enter", "f5", "a", "ctrl+l", "alt+i",
        )
    } == {
        "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp",
        "pagedown": "PgDn", "escape": "Esc", "slash": "/", "question_mark": "?",
        "ctrl+underscore": "Ctrl-_", "enter": "Enter", "f5": "F5", "a": "a",
        "ctrl+l": "Ctrl-L", "alt+i": "Alt-I",
    }  # fmt: skip
    assert keys.key_of("app.redraw") == "Ctrl-L"


@pytest.mark.parametrize("place", list(keys.PLACES))
def test_a_place_has_its_own_keys(place: keys.Place) -> None:
    """Which come before those of a widget in it."""
    made = keys.bindings(place)
    assert [(one.key, one.action, one.description, one.priority) for one in made] == [  # type: ignore[union-attr]  # each is a Binding
        (one.keys, one.action, one.meaning, True) for one in KEYS if one.place == place
    ]
