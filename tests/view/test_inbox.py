"""The desk's state: what events make of it."""

from dataclasses import replace

import pytest

from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.inbox import Conversation, Inbox, author, customer_label
from imbari_chat.view.reducer import conversation_failed
from tests.view.records import heard, heard_in, message, session

AMINA, BRIAN, CHEBET = SessionId("amina"), SessionId("brian"), SessionId("chebet")
LIVE = ConnectionChanged("live")


def after(state: Inbox, *events: ChatEvent) -> Inbox:
    """The state after these events of the inbox's stream."""
    for event in events:
        state = heard(state, event)
    return state


@pytest.fixture
def three() -> Inbox:
    """Live, with three conversations: chebet newest, amina oldest."""
    return after(
        Inbox(),
        SessionAdded(session("amina", at=1)),
        SessionAdded(session("brian", at=2)),
        SessionAdded(session("chebet", at=3)),
        LIVE,
    )


def opened(state: Inbox, name: str, *, peek: bool = False) -> Inbox:
    """The state with a conversation open and its history loaded."""
    state = replace(state, conversation=Conversation(state.sessions[SessionId(name)], peek=peek))
    return heard_in(state, SessionId(name), LIVE)


def test_unread_messages_are_summed_over_the_window(three: Inbox) -> None:
    """What the header says."""
    state = heard(three, SessionChanged(session("amina", unreadCount=2), three.sessions[AMINA]))
    assert state.unread == 2


def test_the_header_follows_the_stream(three: Inbox) -> None:
    """With the reason and the wait."""
    lost = ConnectionChanged("reconnecting", "connection reset", 3.0)
    assert heard(three, lost).connection == lost


def test_both_streams_tell_of_a_message_and_it_is_shown_once(three: Inbox) -> None:
    """In either order."""
    state = opened(three, "amina")
    both = MessageAdded(AMINA, message("m1", "hello"))
    state = heard_in(heard(state, both), AMINA, both)
    assert state.conversation is not None
    assert [one.text for one in state.conversation.messages] == ["hello"]


def test_messages_stand_in_the_order_of_writing(three: Inbox) -> None:
    """Whatever the order of arrival."""
    state = opened(three, "amina")
    for key in ("m2", "m3", "m1"):
        state = heard(state, MessageAdded(AMINA, message(key, key)))
    assert state.conversation is not None
    assert [one.id for one in state.conversation.messages] == ["m1", "m2", "m3"]


def test_a_stream_that_outlives_its_conversation_changes_nothing(three: Inbox) -> None:
    """Its last events belong to nobody."""
    state = opened(three, "amina")
    assert heard_in(state, BRIAN, MessageAdded(BRIAN, message("m1", "hi"))) == state


def test_a_message_changes_and_goes(three: Inbox) -> None:
    """Read by a colleague; deleted with its conversation."""
    unread, read = message("m1", "hi", read=False), message("m1", "hi", read=True)
    state = heard(opened(three, "amina"), MessageAdded(AMINA, unread))
    assert state.conversation is not None
    assert state.conversation.messages == (unread,)
    state = heard(state, MessageChanged(AMINA, read, unread))
    assert state.conversation is not None
    assert state.conversation.messages == (read,)
    state = heard_in(state, AMINA, MessageRemoved(AMINA, read))
    assert state.conversation is not None
    assert state.conversation.messages == ()


def test_a_message_elsewhere_is_announced(three: Inbox) -> None:
    """In the notice, with the customer's name; a colleague's reply is not news."""
    state = heard(opened(three, "amina"), MessageAdded(BRIAN, message("m1", "hi")))
    assert state.notice is not None
    assert state.notice.text == "brian: hi"
    assert not state.notice.is_error
    told = heard(three, MessageAdded(BRIAN, message("m2", "hi", sender="admin")))
    assert told.notice is None


def test_a_rejected_record_is_reported(three: Inbox) -> None:
    """With its place and the reason; everything else goes on."""
    state = heard(three, RecordRejected("/messages/x/y", ("text: missing",), None))
    assert state.notice is not None
    assert state.notice.is_error
    assert "/messages/x/y: text: missing" in state.notice.text
    assert state.sessions == three.sessions


def test_the_open_conversation_survives_leaving_the_window(three: Inbox) -> None:
    """Newer ones push it out of the list; its header stays."""
    state = heard(opened(three, "amina"), SessionRemoved(three.sessions[AMINA], deleted=False))
    assert state.conversation is not None
    assert state.conversation.session.customer_name == "amina"
    assert state.notice is None


def test_a_deleted_conversation_says_so(three: Inbox) -> None:
    """What was on screen stays to be read."""
    state = heard(opened(three, "amina"), SessionRemoved(three.sessions[AMINA], deleted=True))
    assert state.notice is not None
    assert "deleted" in state.notice.text


def test_a_conversation_whose_stream_ends_keeps_what_it_showed(three: Inbox) -> None:
    """With the reason; the inbox goes on."""
    state = heard(opened(three, "amina"), MessageAdded(AMINA, message("m1", "hi")))
    state = conversation_failed(state, AMINA, "access was lost")
    assert state.conversation is not None
    assert state.conversation.connection == ConnectionChanged("closed", "access was lost")
    assert len(state.conversation.messages) == 1
    assert state.connection.state == "live"


def test_messages_are_signed_as_on_the_website() -> None:
    """Admins as the team, customers by name, a nameless one by words."""
    amina = session("amina")
    assert author(message("m", "x", sender="admin"), amina) == "Imbari Team"
    assert author(message("m", "x"), amina) == "amina"
    assert customer_label(session("x", customerName="  ")) == "(no name)"
