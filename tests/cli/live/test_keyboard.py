"""prompt_toolkit's key presses as the view's keys, from the bytes a terminal sends."""

import pytest
from prompt_toolkit.input import create_pipe_input

from imbari_chat.cli.live.keyboard import keys_of
from imbari_chat.view.keys import KEYS, Key

BYTES = {
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H",
    "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "delete": "\x1b[3~",
    "enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "f1": "\x1bOP",
    "ctrl-a": "\x01", "ctrl-c": "\x03", "ctrl-d": "\x04", "ctrl-e": "\x05", "ctrl-j": "\n",
    "ctrl-r": "\x12", "ctrl-u": "\x15", "ctrl-w": "\x17", "ctrl-left": "\x1b[1;5D",
    "ctrl-right": "\x1b[1;5C", "alt-enter": "\x1b\r", "alt-b": "\x1bb", "alt-f": "\x1bf",
    "alt-backspace": "\x1b\x7f", "f5": "\x1b[15~", "ctrl-l": "\x0c",
}  # fmt: skip


def read(sent: str) -> list[Key]:
    """The keys of what a terminal sends in one go."""
    with create_pipe_input() as keyboard:
        keyboard.send_text(sent)
        presses = keyboard.read_keys()
        return [*keys_of(presses), *keys_of(keyboard.flush_keys())]


@pytest.mark.parametrize("name", sorted({key for binding in KEYS for key in binding.keys}))
def test_every_key_of_the_table_arrives_under_its_name(name: str) -> None:
    """As terminals send it."""
    assert [key.name for key in read(BYTES.get(name, name))] == [name]


def test_letters_type_themselves() -> None:
    """In any script."""
    assert read("a日") == [Key.typed("a"), Key.typed("日")]


def test_a_paste_is_one_key() -> None:
    """Its line breaks send nothing."""
    assert read("\x1b[200~one\rtwo\x1b[201~x") == [Key.pasted("one\rtwo"), Key.typed("x")]


def test_an_alt_key_types_nothing() -> None:
    """Else Alt-F would write an f."""
    assert read("\x1bf") == [Key("alt-f")]


def test_mouse_reports_are_no_keys() -> None:
    """A terminal that sends them anyway is ignored."""
    assert read("\x1b[<0;10;10M") == []
