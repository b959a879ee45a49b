"""Every key of the desk and what it does, once: bindings, footer, help page and documentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from textual.binding import Binding, BindingType

__all__ = [
    "KEYS",
    "PLACES",
    "Key",
    "Place",
    "bindings",
    "footer",
    "help_lines",
    "key_label",
    "key_of",
]

Place: TypeAlias = Literal["everywhere", "list", "search", "reply", "choice"]


@dataclass(frozen=True, slots=True)
class Key:
    """What some keys do in one place.

    Attributes:
        place: Where.
        keys: Textual's names of them, a comma between.
        action: What is done: by the pane of that place, or with ``app.`` by the desk.
        meaning: For the help page.
        brief: For the footer; empty keeps it off.
    """

    place: Place
    keys: str
    action: str
    meaning: str
    brief: str = ""


KEYS: Final = (
    Key("list", "enter,right", "open", "open it", "open"),
    Key("list", "p", "peek", "look, and leave it unread"),
    Key("list", "up,k", "move(-1)", "previous conversation"),
    Key("list", "down,j", "move(1)", "next conversation"),
    Key("list", "pageup", "move(-8)", "eight up"),
    Key("list", "pagedown", "move(8)", "eight down"),
    Key("list", "home,g", "top", "first conversation"),
    Key("list", "end,G", "bottom", "last one; load more"),
    Key("list", "n", "next_unread", "next unread", "unread"),
    Key("list", "w", "next_waiting", "next that waits", "waiting"),
    Key("list", "slash", "app.search", "search names, e-mails and known texts", "search"),
    Key("list", "f", "filter(1)", "next filter: active, unread, waiting, …", "filter"),
    Key("list", "F", "filter(-1)", "filter before"),
    Key("list", "t", "since", "of the last day, of the last week, of all time"),
    Key("list", "o", "order", "newest, or longest waiting, first"),
    Key("list", "r", "app.team('status')", "resolve, or reopen", "resolve"),
    Key("list", "u", "app.team('unread')", "mark unread"),
    Key("list", "c", "app.team('claim')", "claim: it is yours"),
    Key("list", "a", "app.team('assign')", "hand over, or put down"),
    Key("list", "l", "app.team('label')", "labels"),
    Key("list", "z", "app.team('snooze')", "out of sight for a while; back in sight"),
    Key("list", "i", "app.team('note')", "a note that no customer sees"),
    Key("list", "x", "app.team('block')", "block the customer; unblock"),
    Key("list", "tab", "app.other_pane", "go to the conversation"),
    Key("list", "escape", "app.step_back", "end the search; close the conversation"),
    Key("list", "question_mark", "app.help", "this page", "help"),
    Key("list", "q", "app.leave", "leave", "quit"),
    Key("search", "enter,down,tab", "app.list", "go to what was found", "list"),
    Key("search", "escape", "app.step_back", "end the search", "end the search"),
    Key("reply", "enter", "send", "send", "send"),
    Key("reply", "ctrl+j,shift+enter,alt+enter", "newline", "a new line", "new line"),
    Key("reply", "ctrl+s", "insist", "send all the same, though a colleague was faster"),
    Key("reply", "ctrl+t", "take_back", "take back what is held back"),
    Key("reply", "alt+s", "again", "what was not sent: send it again"),
    Key("reply", "alt+e", "rework", "what was not sent: go on writing it"),
    Key("reply", "alt+d", "drop", "what was not sent: drop it"),
    Key("reply", "ctrl+g", "app.editor", "write on in $VISUAL or $EDITOR"),
    Key("reply", "up", "earlier", "a line up; what was sent before"),
    Key("reply", "down", "later", "a line down; what was sent after that"),
    Key("reply", "ctrl+underscore", "undo", "undo"),
    Key("reply", "alt+y", "redo", "redo"),
    Key("reply", "pageup", "scroll(-1)", "older messages"),
    Key("reply", "pagedown", "scroll(1)", "newer messages"),
    Key("reply", "ctrl+home", "oldest", "first message that is loaded"),
    Key("reply", "ctrl+end", "newest", "newest message"),
    Key("reply", "ctrl+r", "app.team('status')", "resolve, or reopen", "resolve"),
    Key("reply", "alt+u", "app.team('unread')", "mark unread, and close"),
    Key("reply", "alt+c", "app.team('claim')", "claim: it is yours"),
    Key("reply", "alt+a", "app.team('assign')", "hand over, or put down"),
    Key("reply", "alt+l", "app.team('label')", "labels"),
    Key("reply", "alt+z", "app.team('snooze')", "out of sight for a while; back in sight"),
    Key("reply", "alt+i", "app.team('note')", "a note that no customer sees"),
    Key("reply", "alt+n", "notes", "all notes"),
    Key("reply", "alt+x", "app.team('block')", "block the customer; unblock"),
    Key("reply", "alt+r", "canned", "choose a canned reply; or write /name"),
    Key("reply", "ctrl+y", "copy", "copy the newest message on the screen"),
    Key("reply", "alt+k", "copy_link", "copy the newest link on the screen"),
    Key("reply", "tab", "app.other_pane", "go to the list", "list"),
    Key("reply", "escape", "app.step_back", "close it", "close"),
    Key("choice", "enter", "choose", "what is marked"),
    Key("choice", "up,k", "move(-1)", "mark the one before"),
    Key("choice", "down,j", "move(1)", "mark the next one"),
    Key("choice", "pageup", "move(-9)", "nine up"),
    Key("choice", "pagedown", "move(9)", "nine down"),
    Key("choice", "escape,q", "leave", "choose none of them"),
    Key("everywhere", "f1", "app.help", "this page", "help"),
    Key("everywhere", "f5", "app.reconnect", "connect again now"),
    Key("everywhere", "ctrl+l", "app.redraw", "draw everything anew"),
    Key("everywhere", "ctrl+z", "app.suspend_process", "to the shell; `fg` comes back"),
    Key("everywhere", "ctrl+c", "app.interrupt", "leave"),
)

PLACES: Final[Mapping[Place, str]] = {
    "list": "In the list",
    "search": "In the search",
    "reply": "In a conversation",
    "choice": "In a choice",
    "everywhere": "Everywhere",
}


def bindings(place: Place) -> list[BindingType]:
    """A place's keys as Textual takes them."""
    return [
        Binding(one.keys, one.action, one.meaning, priority=True)
        for one in KEYS
        if one.place == place
    ]


def footer(place: Place) -> str:
    """The most needed keys of a place on one line, help among them."""
    needed: dict[str, str] = {}
    for one in KEYS:
        if one.place in {place, "everywhere"} and one.brief:
            needed.setdefault(one.brief, key_label(one.keys.split(",")[0]))
    return "  ".join(f"{key} {brief}" for brief, key in needed.items())


def key_of(action: str) -> str:
    """The first key of an action, as a keyboard shows it."""
    return next(key_label(one.keys.split(",")[0]) for one in KEYS if one.action == action)


def help_lines() -> list[str]:
    """The help page: each place, its keys and what they do."""
    lines: list[str] = []
    for place, title in PLACES.items():
        lines += ["", title]
        for one in KEYS:
            if one.place == place:
                names = ", ".join(map(key_label, one.keys.split(",")[:2]))
                lines.append(f"  {names:<20} {one.meaning}")
    return lines[1:]


def key_label(key: str) -> str:
    """A key as a keyboard shows it: ``↑``, ``Enter``, ``Ctrl-R``."""
    signs = {"up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp",
             "pagedown": "PgDn", "escape": "Esc", "slash": "/", "question_mark": "?",
             "ctrl+underscore": "Ctrl-_"}  # fmt: skip
    if key in signs:
        return signs[key]
    return key if len(key) == 1 else "-".join(part.title() for part in key.split("+"))
