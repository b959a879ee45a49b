"""What a key does to the live inbox, and what it asks the shell for.

:func:`press` changes the state and answers with intents: requests as values, which the shell
carries out in its own time. Whatever an intent leads to comes back as an event or an outcome.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from imbari_chat.errors import InvalidData
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.composer import Composer
from imbari_chat.view.inbox import Conversation, Inbox, Notice, noticed
from imbari_chat.view.keys import Action, Key, Place, action_for
from imbari_chat.view.outgoing import Pending

__all__ = [
    "CloseConversation",
    "Intent",
    "OpenConversation",
    "Quit",
    "Reconnect",
    "Reopen",
    "Resolve",
    "SendReply",
    "opening",
    "press",
]

_PAGE: Final = 10
_SCROLL: Final = 5


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Follow this conversation, instead of the one followed before."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Follow this conversation no more."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SendReply:
    """Send a reply; its outcome is told with the ticket."""

    session_id: SessionId
    text: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Resolve:
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class Reopen:
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Try again now instead of waiting."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave.

    Attributes:
        interrupted: As Ctrl-C does it, which is the end of the program.
    """

    interrupted: bool = False


Intent: TypeAlias = (
    OpenConversation | CloseConversation | SendReply | Resolve | Reopen | Reconnect | Quit
)

_Outcome: TypeAlias = tuple[Inbox, tuple[Intent, ...]]


def press(state: Inbox, key: Key) -> _Outcome:
    """What ``key`` makes of the state, and what it asks for.

    Any key clears the status line. On the help screen every key but quitting only closes it.
    """
    state = replace(state, notice=None)
    place: Place = state.focus
    action = action_for(place, key.name)
    if state.help:
        leaving = action in ("quit", "interrupt")
        return replace(state, help=False), (Quit(action == "interrupt"),) if leaving else ()
    if action is not None:
        return _ACTIONS[action](state)
    if place == "conversation" and key.text:
        return _written(state, state.composer.insert(key.text))
    return state, ()


def opening(state: Inbox, session: Session, *, peek: bool = False) -> _Outcome:
    """Open a conversation, as Enter on it does; the one open before closes."""
    opened = replace(
        state,
        selected=session.id,
        conversation=Conversation(session, peek=peek),
        focus="conversation",
    )
    return opened, (OpenConversation(session.id),)


def _quit(*, interrupted: bool) -> Callable[[Inbox], _Outcome]:
    return lambda state: (state, (Quit(interrupted),))


def _reconnect(state: Inbox) -> _Outcome:
    connections = [state.connection]
    if state.conversation is not None:
        connections.append(state.conversation.connection)
    if not state.pending and all(one.state == "live" for one in connections):
        return noticed(state, "The connection is live"), ()
    return noticed(state, "Trying again now…"), (Reconnect(),)


def _help(state: Inbox) -> _Outcome:
    return replace(state, help=True), ()


def _other_pane(state: Inbox) -> _Outcome:
    if state.conversation is None:
        return noticed(state, "No conversation is open"), ()
    return replace(state, focus="list" if state.focus == "conversation" else "conversation"), ()


def _move(by: int) -> Callable[[Inbox], _Outcome]:
    def move(state: Inbox) -> _Outcome:
        ids = [session.id for session in state.listed()]
        if not ids:
            return state, ()
        place = ids.index(state.selected) + by if state.selected in ids else 0
        return replace(state, selected=ids[max(0, min(place, len(ids) - 1))]), ()

    return move


def _open(*, peek: bool) -> Callable[[Inbox], _Outcome]:
    def open_selected(state: Inbox) -> _Outcome:
        session = state.sessions.get(state.selected) if state.selected is not None else None
        if session is None:
            return state, ()
        shown = state.conversation
        is_followed = shown is not None and shown.connection.state != "closed"
        if shown is not None and is_followed and (shown.id, shown.peek) == (session.id, peek):
            return replace(state, focus="conversation"), ()
        return opening(state, session, peek=peek)

    return open_selected


def _status(state: Inbox) -> _Outcome:
    if state.focus == "conversation" and state.conversation is not None:
        session: Session | None = state.conversation.session
    else:
        session = state.sessions.get(state.selected) if state.selected is not None else None
    if session is None:
        return state, ()
    if session.is_resolved:
        return noticed(state, "Reopening…"), (Reopen(session.id),)
    return noticed(state, "Resolving…"), (Resolve(session.id),)


def _filter(state: Inbox) -> _Outcome:
    other = replace(state, filter="active" if state.filter == "all" else "all")
    return other.keeping_selection(state), ()


def _close(state: Inbox) -> _Outcome:
    if state.conversation is None:
        return state, ()
    closed = replace(state, conversation=None, focus="list")
    return closed, (CloseConversation(state.conversation.id),)


def _send(state: Inbox) -> _Outcome:
    conversation = state.conversation
    text = state.composer.text
    if conversation is None or not text.strip():
        return state, ()
    try:
        checked_text(text)
    except InvalidData as error:
        return replace(state, notice=Notice(str(error), is_error=True)), ()
    ticket = state.next_ticket
    sending = replace(
        state.with_draft(conversation.id, Composer()),
        pending=(*state.pending, Pending(ticket, conversation.id, text)),
        conversation=replace(conversation, scroll=0),
        next_ticket=ticket + 1,
    )
    return sending, (SendReply(conversation.id, text, ticket),)


def _scroll(by: int) -> Callable[[Inbox], _Outcome]:
    def scroll(state: Inbox) -> _Outcome:
        conversation = state.conversation
        if conversation is None:
            return state, ()
        to = max(0, conversation.scroll + by)
        return replace(state, conversation=replace(conversation, scroll=to)), ()

    return scroll


def _edit(edit: Callable[[Composer], Composer]) -> Callable[[Inbox], _Outcome]:
    return lambda state: _written(state, edit(state.composer))


def _written(state: Inbox, composer: Composer) -> _Outcome:
    if state.conversation is None:
        return state, ()
    return state.with_draft(state.conversation.id, composer), ()


_ACTIONS: Final[Mapping[Action, Callable[[Inbox], _Outcome]]] = {
    "quit": _quit(interrupted=False),
    "interrupt": _quit(interrupted=True),
    "reconnect": _reconnect,
    "help": _help,
    "other-pane": _other_pane,
    "up": _move(-1),
    "down": _move(1),
    "top": _move(-(10**9)),
    "bottom": _move(10**9),
    "page-up": _move(-_PAGE),
    "page-down": _move(_PAGE),
    "open": _open(peek=False),
    "peek": _open(peek=True),
    "status": _status,
    "filter": _filter,
    "close": _close,
    "send": _send,
    "newline": _edit(lambda composer: composer.insert("\n")),
    "older": _scroll(_SCROLL),
    "newer": _scroll(-_SCROLL),
    "left": _edit(Composer.left),
    "right": _edit(Composer.right),
    "word-left": _edit(Composer.word_left),
    "word-right": _edit(Composer.word_right),
    "home": _edit(Composer.home),
    "end": _edit(Composer.end),
    "backspace": _edit(Composer.backspace),
    "delete": _edit(Composer.delete),
    "delete-word": _edit(Composer.delete_word),
    "clear": _edit(Composer.clear),
}
