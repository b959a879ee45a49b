"""The desk's state: what events make of it."""

from dataclasses import replace

import pytest

from imbari_chat.schema.events import (
    ChatEvent,
    ColleaguesChanged,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    PresenceChanged,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
    TypingChanged,
)
from imbari_chat.schema.models import ID_FIELD, Colleague, Presence, Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import Note
from imbari_chat.view.inbox import Conversation, Inbox, Notice
from imbari_chat.view.labels import author, customer_label, presence_marks
from imbari_chat.view.reducer import conversation_failed, noted, with_older
from tests.view.records import NOW, heard, heard_in, message, session

AMINA, BRIAN, CHEBET = SessionId("amina"), SessionId("brian"), SessionId("chebet")
LIVE = ConnectionChanged("live")
NOTE = Note.model_validate({ID_FIELD: "n1", "text": "A regular."})


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


@pytest.mark.parametrize("is_open", [True, False])
def test_what_comes_late_of_another_conversation_changes_nothing(
    three: Inbox, *, is_open: bool
) -> None:
    """Its last events, its end, its notes and its past belong to nobody."""
    state = opened(three, "amina") if is_open else three
    late = message("m1", "hi")
    assert heard_in(state, BRIAN, MessageAdded(BRIAN, late)) == state
    assert conversation_failed(state, BRIAN, "access was lost") == state
    assert noted(state, BRIAN, (NOTE,)) == state
    assert with_older(state, BRIAN, [late]) == state


def test_the_open_conversations_own_stream_tells_all_of_it(three: Inbox) -> None:
    """Its session, its connection, who is there, what does not fit, and its end."""
    state = opened(three, "amina")
    assert state.conversation is not None
    assert state.conversation.connection == LIVE
    renamed = session("amina", customerName="Amina W.")
    for event in (SessionChanged(renamed, three.sessions[AMINA]), SessionAdded(renamed)):
        after = heard_in(state, AMINA, event)
        assert after.conversation is not None
        assert after.conversation.session == renamed
        assert after.sessions == three.sessions  # the inbox's stream says what it lists
    for there in (PresenceChanged(AMINA, "customer", "away"), TypingChanged(AMINA, "admin", True)):
        marked = heard_in(state, AMINA, there).presence
        assert marked == heard(state, there).presence != state.presence
    junk = RecordRejected("/messages/amina/y", ("text: missing",), None)
    for told in (SessionRemoved(renamed, deleted=True), junk):
        notice = heard_in(state, AMINA, told).notice
        assert notice is not None
        assert notice.is_error
        assert notice == heard(state, told).notice


def test_notes_and_the_past_are_laid_beside_what_was_heard(three: Inbox) -> None:
    """What the stream has told of a message is newer than a page that was asked for earlier."""
    state = opened(three, "amina")
    for key in ("m2", "m3"):
        state = heard(state, MessageAdded(AMINA, message(key, "heard")))
    state = with_older(state, AMINA, [message(key, "loaded") for key in ("m1", "m2")])
    state = noted(state, AMINA, (NOTE,))
    assert state.conversation is not None
    assert [(one.id, one.text) for one in state.conversation.messages] == [
        ("m1", "loaded"),
        ("m2", "heard"),
        ("m3", "heard"),
    ]
    assert state.conversation.notes == (NOTE,)


@pytest.mark.parametrize(
    ("presence", "typing", "colleagues", "marks"),
    [
        ("gone", [], (), ""),
        ("online", [], (), "online"),
        ("away", [], (), "away"),
        ("online", ["customer"], (), "typing…"),
        ("gone", ["admin"], (), "colleague typing…"),
        ("away", ["admin"], (Colleague("u1", "Noor"),), "away, colleague typing…, open: Noor"),
        ("gone", [], (Colleague("u1", "Noor"), Colleague("u2", None)), "open: Noor, u2"),
    ],
)
def test_who_is_there_is_said_in_a_few_words(
    three: Inbox,
    presence: Presence,
    typing: list[Sender],
    colleagues: tuple[Colleague, ...],
    marks: str,
) -> None:
    """Of that conversation alone; who types is there."""
    events: list[ChatEvent] = [TypingChanged(AMINA, sender, True) for sender in typing]
    if presence != "gone":
        events.append(PresenceChanged(AMINA, "customer", presence))
    if colleagues:
        events.append(ColleaguesChanged(AMINA, colleagues))
    state = after(three, *events)
    assert presence_marks(state.presence, AMINA) == marks
    assert presence_marks(state.presence, BRIAN) == ""


def test_what_is_written_belongs_to_the_open_conversation(three: Inbox) -> None:
    """Where none is open, nothing is written, and nothing on its way."""
    drafted = three.with_draft(AMINA, "and")
    assert (drafted.draft, drafted.sending()) == ("", ())
    assert opened(drafted, "amina").draft == "and"
    assert opened(drafted, "brian").draft == ""
    assert drafted.with_draft(AMINA, "") == three


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
    assert state.notice == Notice("access was lost", is_error=True)
    assert len(state.conversation.messages) == 1
    assert state.connection.state == "live"


def test_messages_are_signed_as_on_the_website() -> None:
    """Admins as the team, customers by name, a nameless one by words."""
    amina = session("amina")
    assert author(message("m", "x", sender="admin"), amina) == "Imbari Team"
    assert author(message("m", "x"), amina) == "amina"
    assert customer_label(session("x", customerName="  ")) == "(no name)"


def test_a_conversation_goes_from_the_list_alone(three: Inbox) -> None:
    """Deleted or pushed out; of one that is not open nothing is said."""
    for deleted in (True, False):
        for state in (three, opened(three, "brian")):
            left = heard(state, SessionRemoved(three.sessions[AMINA], deleted=deleted))
            assert list(left.sessions) == [key for key in three.sessions if key != AMINA]
            assert left.notice is None


def test_it_is_known_since_when_the_connection_is_as_it_is(three: Inbox) -> None:
    """And whether it is there."""
    assert three.is_online
    state = heard(three, ConnectionChanged("reconnecting"), NOW + 7)
    assert (state.connection_at, state.is_online) == (NOW + 7, False)


def test_what_the_inbox_tells_of_the_open_conversation_is_known_of_it(three: Inbox) -> None:
    """Of that one alone."""
    state = opened(three, "amina")
    for name in ("brian", "amina"):
        renamed = session(name, customerName=f"{name} W.")
        state = heard(state, SessionChanged(renamed, state.sessions[SessionId(name)]))
        assert state.conversation is not None
        assert state.conversation.session.customer_name == (
            "amina W." * (name == "amina") or "amina"
        )


def test_a_message_of_a_conversation_that_is_not_listed_is_not_announced(three: Inbox) -> None:
    """It comes with its conversation, which is then."""
    elsewhere = SessionId("elsewhere")
    assert heard(three, MessageAdded(elsewhere, message("m1", "hi"))).notice is None
