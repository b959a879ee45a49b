"""What keys do to the live inbox, and what they ask for."""

from dataclasses import replace
from typing import get_args

import pytest

from imbari_chat.schema.events import ConnectionChanged, MessageAdded, SessionAdded
from imbari_chat.schema.paths import SessionId
from imbari_chat.view import commands
from imbari_chat.view.commands import (
    CloseConversation,
    Intent,
    OpenConversation,
    Quit,
    Reconnect,
    Reopen,
    Resolve,
    SendReply,
    press,
)
from imbari_chat.view.inbox import Inbox, Notice
from imbari_chat.view.keys import KEYS, Action, Key, action_for, bindings_in, key_label
from imbari_chat.view.reducer import conversation_failed
from tests.view.records import heard, message, session

AMINA, BRIAN = SessionId("amina"), SessionId("brian")


@pytest.fixture
def inbox() -> Inbox:
    """Live, two conversations, the newer (brian) selected."""
    state = Inbox()
    for event in (
        SessionAdded(session("amina", at=1)),
        SessionAdded(session("brian", at=2)),
        ConnectionChanged("live"),
    ):
        state = heard(state, event)
    return state


def pressed(state: Inbox, *keys: str | Key) -> tuple[Inbox, list[Intent]]:
    """The state after these keys, and everything they asked for."""
    asked: list[Intent] = []
    for key in keys:
        if isinstance(key, str):
            key = Key.typed(key) if len(key) == 1 else Key(key)
        state, intents = press(state, key)
        asked += intents
    return state, asked


def test_the_arrows_move_the_selection_and_stop_at_the_ends(inbox: Inbox) -> None:
    """No wrapping: the top stays the newest."""
    assert pressed(inbox, "down")[0].selected == AMINA
    assert pressed(inbox, "down", "down", "j")[0].selected == AMINA
    assert pressed(inbox, "down", "k", "up")[0].selected == BRIAN
    assert pressed(inbox, "end")[0].selected == AMINA
    assert pressed(inbox, "end", "home")[0].selected == BRIAN


def test_enter_opens_the_selected_conversation(inbox: Inbox) -> None:
    """And keys go to its composer."""
    state, asked = pressed(inbox, "down", "enter")
    assert asked == [OpenConversation(AMINA)]
    assert state.conversation is not None
    assert state.conversation.id == AMINA
    assert state.focus == "conversation"


def test_p_opens_for_a_look(inbox: Inbox) -> None:
    """Messages stay unread; opening it afterwards is another matter."""
    state, asked = pressed(inbox, "p")
    assert asked == [OpenConversation(BRIAN)]
    assert state.conversation is not None
    assert state.conversation.peek
    state, asked = pressed(state, "tab", "enter")
    assert asked == [OpenConversation(BRIAN)]
    assert state.conversation is not None
    assert not state.conversation.peek


def test_opening_what_is_open_only_moves_the_focus(inbox: Inbox) -> None:
    """Nothing is followed twice."""
    state, _ = pressed(inbox, "enter", "tab")
    state, asked = pressed(state, "enter")
    assert (asked, state.focus) == ([], "conversation")


def test_a_conversation_that_failed_can_be_opened_again(inbox: Inbox) -> None:
    """Its stream has ended, so it must be followed anew."""
    state, _ = pressed(inbox, "enter", "tab")
    failed = conversation_failed(state, BRIAN, "gone")
    assert pressed(failed, "enter")[1] == [OpenConversation(BRIAN)]


def test_letters_are_text_in_the_composer_and_commands_in_the_list(inbox: Inbox) -> None:
    """q in a message is not a wish to leave."""
    state, asked = pressed(inbox, "enter", "q", "r", "?")
    assert state.composer.text == "qr?"
    assert asked == [OpenConversation(BRIAN)]
    assert pressed(inbox, "q")[1] == [Quit()]


def test_sending_empties_the_composer_and_shows_the_reply_as_sending(inbox: Inbox) -> None:
    """The ticket names it until its outcome is known."""
    state, asked = pressed(inbox, "enter", Key.pasted("Good\r\nday"), "enter")
    assert asked[1:] == [SendReply(BRIAN, "Good\nday", ticket=1)]
    assert state.composer.text == ""
    assert [one.text for one in state.sending()] == ["Good\nday"]
    assert pressed(state, "x", "enter")[1] == [SendReply(BRIAN, "x", ticket=2)]


def test_a_blank_message_is_not_sent(inbox: Inbox) -> None:
    """Enter on nothing does nothing."""
    state, asked = pressed(inbox, "enter", " ", "enter")
    assert asked == [OpenConversation(BRIAN)]
    assert state.composer.text == " "


def test_a_message_that_is_too_long_stays_in_the_composer(inbox: Inbox) -> None:
    """With the reason on the status line."""
    state, asked = pressed(inbox, "enter", Key.pasted("x" * 2001), "enter")
    assert len(asked) == 1
    assert len(state.composer.text) == 2001
    assert state.notice is not None
    assert state.notice.is_error


def test_alt_enter_writes_a_new_line(inbox: Inbox) -> None:
    """Enter alone sends."""
    assert (
        pressed(inbox, "enter", "a", "alt-enter", "b", "ctrl-j", "c")[0].composer.text == "a\nb\nc"
    )


def test_each_conversation_keeps_its_draft(inbox: Inbox) -> None:
    """Closing or switching loses nothing that was written."""
    state, _ = pressed(inbox, "enter", "x", "escape", "down", "enter", "y")
    assert state.composer.text == "y"
    assert pressed(state, "escape", "up", "enter")[0].composer.text == "x"


def test_escape_closes_the_conversation(inbox: Inbox) -> None:
    """From the composer and from the list."""
    state, asked = pressed(inbox, "enter", "escape")
    assert asked[-1] == CloseConversation(BRIAN)
    assert (state.conversation, state.focus) == (None, "list")
    assert pressed(inbox, "enter", "tab", "escape")[1][-1] == CloseConversation(BRIAN)
    assert pressed(inbox, "escape")[1] == []


def test_tab_goes_between_list_and_conversation(inbox: Inbox) -> None:
    """And says so when there is none."""
    assert pressed(inbox, "enter", "tab")[0].focus == "list"
    assert pressed(inbox, "enter", "tab", "tab")[0].focus == "conversation"
    assert pressed(inbox, "tab")[0].notice == Notice("No conversation is open")


def test_one_key_resolves_and_reopens(inbox: Inbox) -> None:
    """Depending on what the conversation is."""
    assert pressed(inbox, "r")[1] == [Resolve(BRIAN)]
    assert pressed(inbox, "enter", "ctrl-r")[1][-1] == Resolve(BRIAN)
    resolved = heard(inbox, SessionAdded(session("brian", at=2, status="resolved")))
    assert pressed(resolved, "r")[1] == [Reopen(BRIAN)]
    assert pressed(resolved, "enter", "ctrl-r")[1][-1] == Reopen(BRIAN)


def test_f_shows_active_conversations_only_and_all_again(inbox: Inbox) -> None:
    """The selection moves off what is hidden."""
    resolved = heard(inbox, SessionAdded(session("brian", at=2, status="resolved")))
    state, _ = pressed(resolved, "f")
    assert [one.id for one in state.listed()] == [AMINA]
    assert state.selected == AMINA
    assert len(pressed(state, "f")[0].listed()) == 2


def test_scrolling_never_goes_below_the_newest(inbox: Inbox) -> None:
    """And a new reply of one's own is scrolled to."""
    state, _ = pressed(inbox, "enter")
    state = heard(state, MessageAdded(BRIAN, message("m1", "hi")))
    up, _ = pressed(state, "pageup")
    assert up.conversation is not None
    assert up.conversation.scroll > 0
    down, _ = pressed(up, "pagedown", "pagedown")
    assert down.conversation is not None
    assert down.conversation.scroll == 0
    sent, _ = pressed(up, "x", "enter")
    assert sent.conversation is not None
    assert sent.conversation.scroll == 0


def test_any_key_clears_the_status_line(inbox: Inbox) -> None:
    """It has been seen."""
    assert pressed(replace(inbox, notice=Notice("hello")), "up")[0].notice is None


def test_help_covers_everything_until_a_key(inbox: Inbox) -> None:
    """That key does nothing else, but leaving always leaves."""
    state, _ = pressed(inbox, "?")
    assert state.help
    closed, asked = pressed(state, "enter")
    assert (closed.help, asked) == (False, [])
    assert pressed(state, "ctrl-c")[1] == [Quit(interrupted=True)]


@pytest.mark.parametrize("keys", [(), ("enter",), ("enter", "tab"), ("?",)])
def test_ctrl_c_leaves_from_everywhere(inbox: Inbox, keys: tuple[str, ...]) -> None:
    """List, composer and help."""
    assert pressed(inbox, *keys, "ctrl-c")[1][-1] == Quit(interrupted=True)


@pytest.mark.parametrize("keys", [(), ("enter",)])
@pytest.mark.parametrize("key", ["f5", "ctrl-l"])
def test_a_key_connects_again_at_once(inbox: Inbox, keys: tuple[str, ...], key: str) -> None:
    """From list and composer, when there is something to connect."""
    state, _ = pressed(inbox, *keys)
    away = heard(state, ConnectionChanged("reconnecting", "cannot connect", 9.0))
    assert pressed(away, key)[1] == [Reconnect()]


def test_connecting_again_is_not_asked_for_while_all_is_well(inbox: Inbox) -> None:
    """It would only cost a snapshot; a reply that waits is reason enough."""
    state, asked = pressed(inbox, "f5")
    assert asked == []
    assert state.notice == Notice("The connection is live")
    state, _ = pressed(inbox, "enter")
    assert pressed(state, "f5")[1] == [Reconnect()]  # the conversation is not live yet
    assert pressed(state, "x", "enter", "escape", "f5")[1][-1] == Reconnect()


def test_an_empty_inbox_takes_every_key() -> None:
    """Nothing selected, nothing open, nothing breaks."""
    for binding in KEYS:
        for key in binding.keys:
            state, asked = press(Inbox(), Key(key))
            assert state.conversation is None
            assert asked in ((), (Quit(),), (Quit(interrupted=True),), (Reconnect(),))


def test_every_action_has_a_key_and_every_key_an_action() -> None:
    """The table, the type and the behaviour agree."""
    assert {binding.action for binding in KEYS} == set(get_args(Action)) == set(commands._ACTIONS)


def test_no_key_does_two_things_in_one_place() -> None:
    """Nor is a key of one place hidden by a key that works everywhere."""
    for place in ("list", "conversation"):
        keys = [key for binding in bindings_in(place) for key in binding.keys]
        everywhere = [key for binding in bindings_in("everywhere") for key in binding.keys]
        assert len({*keys, *everywhere}) == len(keys) + len(everywhere)


def test_a_key_that_types_itself_is_no_command_in_the_composer() -> None:
    """Else that letter could not be written."""
    typeable = (key for binding in bindings_in("conversation") for key in binding.keys)
    assert [key for key in typeable if len(key) == 1] == []
    assert action_for("conversation", "q") is None


def test_keys_are_labelled_as_on_a_keyboard() -> None:
    """For the help line."""
    assert [key_label(key) for key in ("up", "ctrl-r", "pageup", "enter", "q", "f1")] == [
        "↑", "Ctrl-R", "PgUp", "Enter", "q", "F1",
    ]  # fmt: skip
