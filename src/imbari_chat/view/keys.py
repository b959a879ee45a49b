"""Every key of the live inbox and what it does, once: behaviour, help line and help screen.

A key is a name: ``"up"``, ``"ctrl-r"``, ``"alt-enter"``, or the character itself. What is typed or
pasted arrives as :class:`Key` with ``text``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["KEYS", "Action", "Binding", "Key", "Place", "action_for", "bindings_in", "key_label"]

Place: TypeAlias = Literal["everywhere", "list", "conversation"]

Action: TypeAlias = Literal[
    "quit", "interrupt", "help", "reconnect", "other-pane", "up", "down", "top", "bottom",
    "page-up", "page-down", "open", "peek", "status", "filter", "close", "send", "newline", "older",
    "newer", "left", "right", "word-left", "word-right", "home", "end", "backspace", "delete",
    "delete-word", "clear",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One press.

    Attributes:
        name: The key's name; a printable character's name is the character, a paste's is
            ``"paste"``.
        text: What it types, if it types anything.
    """

    name: str
    text: str = ""

    @classmethod
    def typed(cls, text: str) -> "Key":
        """A printable character."""
        return cls(text, text)

    @classmethod
    def pasted(cls, text: str) -> "Key":
        return cls("paste", text)


@dataclass(frozen=True, slots=True)
class Binding:
    """What some keys do in one place.

    Attributes:
        place: Where: in the list, in a conversation, or everywhere.
        keys: The names that do it; help shows the first two.
        action: What they do.
        meaning: What they do, in words for the help screen.
        brief: The same in a word or two for the help line; empty keeps it off the line. What works
            everywhere is named above that line, while the connection is lost.
    """

    place: Place
    keys: tuple[str, ...]
    action: Action
    meaning: str
    brief: str = ""


KEYS: Final = (
    Binding("list", ("up", "k"), "up", "previous conversation"),
    Binding("list", ("down", "j"), "down", "next conversation"),
    Binding("list", ("home", "g"), "top", "newest conversation"),
    Binding("list", ("end", "G"), "bottom", "oldest conversation"),
    Binding("list", ("pageup",), "page-up", "ten up"),
    Binding("list", ("pagedown",), "page-down", "ten down"),
    Binding("list", ("enter", "right"), "open", "open it, mark it read", "open"),
    Binding("list", ("p",), "peek", "look, leave it unread", "peek"),
    Binding("list", ("r",), "status", "resolve, or reopen", "resolve"),
    Binding("list", ("f",), "filter", "active ones, or all", "active/all"),
    Binding("list", ("tab",), "other-pane", "go to the conversation"),
    Binding("list", ("escape",), "close", "close the conversation"),
    Binding("list", ("?", "f1"), "help", "this help", "help"),
    Binding("list", ("q",), "quit", "leave", "quit"),
    Binding("conversation", ("enter",), "send", "send it", "send"),
    Binding("conversation", ("alt-enter", "ctrl-j"), "newline", "a new line", "new line"),
    Binding("conversation", ("escape",), "close", "close it", "close"),
    Binding("conversation", ("tab",), "other-pane", "go to the list", "list"),
    Binding("conversation", ("ctrl-r",), "status", "resolve, or reopen", "resolve"),
    Binding("conversation", ("pageup", "up"), "older", "older messages"),
    Binding("conversation", ("pagedown", "down"), "newer", "newer messages"),
    Binding("conversation", ("left",), "left", "cursor left"),
    Binding("conversation", ("right",), "right", "cursor right"),
    Binding("conversation", ("ctrl-left", "alt-b"), "word-left", "a word to the left"),
    Binding("conversation", ("ctrl-right", "alt-f"), "word-right", "a word to the right"),
    Binding("conversation", ("home", "ctrl-a"), "home", "start of the line"),
    Binding("conversation", ("end", "ctrl-e"), "end", "end of the line"),
    Binding("conversation", ("backspace",), "backspace", "delete to the left"),
    Binding("conversation", ("delete", "ctrl-d"), "delete", "delete to the right"),
    Binding("conversation", ("ctrl-w", "alt-backspace"), "delete-word", "delete a word"),
    Binding("conversation", ("ctrl-u",), "clear", "delete everything"),
    Binding("conversation", ("f1",), "help", "this help", "help"),
    Binding("everywhere", ("f5", "ctrl-l"), "reconnect", "connect again now", "connect now"),
    Binding("everywhere", ("ctrl-c",), "interrupt", "leave"),
)

_ACTIONS: Final[Mapping[tuple[Place, str], Action]] = {
    (binding.place, key): binding.action for binding in KEYS for key in binding.keys
}


def action_for(place: Place, key: str) -> Action | None:
    """What ``key`` does in ``place``, or None if it does nothing (or types itself)."""
    return _ACTIONS.get((place, key)) or _ACTIONS.get(("everywhere", key))


def bindings_in(place: Place) -> tuple[Binding, ...]:
    """The bindings of one place, in the order of :data:`KEYS`."""
    return tuple(binding for binding in KEYS if binding.place == place)


def key_label(key: str) -> str:
    """A key as a keyboard shows it: ``↑``, ``Enter``, ``Ctrl-R``."""
    signs = {"up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp",
             "pagedown": "PgDn", "escape": "Esc", "delete": "Del"}  # fmt: skip
    if key in signs:
        return signs[key]
    if len(key) == 1:
        return key
    return "-".join(signs.get(part, part.title()) for part in key.split("-"))
