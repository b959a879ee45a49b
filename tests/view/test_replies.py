"""Replies on their way, as the desk shows them."""

from dataclasses import replace

import pytest

from imbari_chat.errors import AccessDenied, Unavailable
from imbari_chat.schema.events import (
    ConnectionChanged,
    MessageAdded,
    MessageRemoved,
    SessionAdded,
    SessionChanged,
)
from imbari_chat.schema.outgoing import OutgoingMessage, became
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.inbox import Conversation, Inbox
from imbari_chat.view.outgoing import SENDING, Pending
from imbari_chat.view.reducer import (
    failure_settled,
    reply_failed,
    reply_handed_over,
    reply_taken_back,
)
from tests.view.records import NOW, delivery, heard, heard_in, message, outgoing, session

AMINA, BRIAN = SessionId("amina"), SessionId("brian")
LIVE = ConnectionChanged("live")
OFFLINE = Unavailable("cannot connect")


@pytest.fixture
def inbox() -> Inbox:
    """Live, with two conversations and Amina's open."""
    state = Inbox()
    for event in (SessionAdded(session("amina", at=1)), SessionAdded(session("brian")), LIVE):
        state = heard(state, event)
    return opened(state, "amina")


def opened(state: Inbox, name: str) -> Inbox:
    """The state with this conversation open and its history loaded."""
    state = replace(state, conversation=Conversation(state.sessions[SessionId(name)]))
    return heard_in(state, name, LIVE)


def written(state: Inbox, text: str = "on its way", ticket: int = 1) -> Inbox:
    """The state after Enter on a reply."""
    assert state.conversation is not None
    reply = Pending(ticket, state.conversation.id, text)
    return replace(state, pending=(*state.pending, reply), next_ticket=ticket + 1)


def handed_over(state: Inbox, sent: OutgoingMessage, ticket: int = 1) -> Inbox:
    """The same, once the outbox has it."""
    return reply_handed_over(written(state, sent.text, ticket), ticket, sent, NOW)


def texts(state: Inbox) -> list[str]:
    """What the open conversation shows: messages, what was not sent, what is on its way."""
    assert state.conversation is not None
    messages = [one.text for one in state.conversation.messages]
    messages += [one.text for one in state.not_sent()]
    return messages + [one.text for one in state.sending()]


def test_a_reply_is_one_line_from_enter_to_confirmation(inbox: Inbox) -> None:
    """First on its way, then a message: never both, never neither."""
    sent = outgoing("m1", "hello")
    states = [written(inbox, "hello")]
    states.append(reply_handed_over(states[-1], 1, sent, NOW))
    for to in ("sent", "confirmed"):
        states.append(heard(states[-1], delivery("amina", sent, to)))
    states.append(heard(states[-1], MessageAdded(AMINA, message("m1", "hello", sender="admin"))))
    assert [texts(state) for state in states] == [["hello"]] * 5
    assert [len(state.pending) for state in states] == [1, 1, 1, 0, 0]


def test_the_echo_may_come_before_the_confirmation(inbox: Inbox) -> None:
    """The stream's message has the server's time, and is kept."""
    sent = outgoing("m1", "hello")
    state = heard(handed_over(inbox, sent), delivery("amina", sent, "sent"))
    echo = message("m1", "hello", sender="admin", timestamp=NOW + 5)
    state = heard_in(state, "amina", MessageAdded(AMINA, echo))
    assert state.pending == ()
    state = heard(state, delivery("amina", sent, "confirmed"))
    assert state.conversation is not None
    assert state.conversation.messages == (echo,)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_reply_that_is_heard_on_its_way_stays_a_line(inbox: Inbox, *, is_open: bool) -> None:
    """Both streams tell of it as soon as the outbox has it; a refusal finds its text."""
    sent = outgoing("m1", "hello")
    state = handed_over(inbox, sent)
    if not is_open:
        state = opened(state, "brian")
    for stream in (heard, lambda state, event: heard_in(state, "amina", event)):
        state = stream(state, MessageAdded(AMINA, sent))
    assert len(state.pending) == 1
    assert texts(state) == (["hello"] if is_open else [])
    state = heard(state, MessageRemoved(AMINA, sent))
    state = heard(state, delivery("amina", sent, "failed", AccessDenied("the rules refuse")))
    assert [one.text for one in state.failed] == ["hello"]
    assert texts(state) == (["hello"] if is_open else [])


def test_a_reply_that_is_stored_when_its_conversation_is_opened_is_a_message(inbox: Inbox) -> None:
    """Its line is gone, and the stream, which will bring it, does not tell of it again."""
    sent = outgoing("m1", "hello")
    became(sent, "confirmed")
    assert texts(heard_in(inbox, "amina", MessageAdded(AMINA, sent))) == ["hello"]


def test_both_streams_tell_of_a_delivery_and_it_counts_once(inbox: Inbox) -> None:
    """A text that failed twice would be sent twice."""
    sent = outgoing("m1", "hello")
    refused = delivery("amina", sent, "failed", AccessDenied("the rules refuse"))
    became(sent, "queued")
    state = handed_over(inbox, sent)
    state = heard_in(heard(state, refused), "amina", refused)
    assert texts(state) == ["hello"]


def test_the_same_words_of_somebody_else_are_not_the_reply(inbox: Inbox) -> None:
    """Colleagues say ok, too; ids tell."""
    sent = outgoing("m2", "ok")
    state = heard(
        handed_over(inbox, sent), MessageAdded(AMINA, message("m1", "ok", sender="admin"))
    )
    assert texts(state) == ["ok", "ok"]
    assert len(state.pending) == 1


def test_what_was_confirmed_before_it_was_told_is_a_message_at_once(inbox: Inbox) -> None:
    """The outbox may be faster than the loop."""
    sent = outgoing("m1", "hello")
    became(sent, "confirmed")
    state = handed_over(inbox, sent)
    assert state.pending == ()
    assert texts(state) == ["hello"]


def test_an_answer_stands_after_its_question_whatever_ids_and_clocks_say(inbox: Inbox) -> None:
    """The customer's machine is an hour ahead, and the admin's an hour behind."""
    state = inbox
    for one in (
        message("y", "greeting", timestamp=NOW - 3_600_000),
        message("z", "question", timestamp=NOW + 3_600_000),
    ):
        state = heard_in(state, "amina", MessageAdded(AMINA, one))
    sent = outgoing("z1", "answer")  # stamped by this machine until it is heard
    state = handed_over(state, sent)
    state = heard_in(state, "amina", delivery("amina", sent, "confirmed"))
    assert texts(state) == ["greeting", "question", "answer"]
    later = message("a", "another question", timestamp=NOW + 3_600_002)
    answer = message("z1", "answer", sender="admin", timestamp=NOW + 3_600_001)
    for one in (later, answer):
        state = heard_in(state, "amina", MessageAdded(AMINA, one))
    assert texts(state) == ["greeting", "question", "answer", "another question"]


def test_a_confirmation_that_comes_last_does_not_replace_what_was_heard(inbox: Inbox) -> None:
    """What was heard carries the server's time, what was handed over this machine's."""
    stored = message("m1", "hello", sender="admin", timestamp=NOW - 5)
    state = heard_in(inbox, "amina", MessageAdded(AMINA, stored))
    sent = outgoing("m1", "hello")
    became(sent, "confirmed")
    state = handed_over(state, sent)
    assert state.pending == ()
    assert state.conversation is not None
    assert [one.timestamp for one in state.conversation.messages] == [NOW - 5]


def test_a_refused_reply_stays_with_its_reason(inbox: Inbox) -> None:
    """And leaves what was written since alone."""
    sent = outgoing("m1", "hello")
    state = handed_over(inbox, sent).with_draft(AMINA, "and")
    state = heard(state, delivery("amina", sent, "failed", AccessDenied("the rules refuse")))
    assert (state.draft, state.pending) == ("and", ())
    assert [(one.text, one.reason) for one in state.not_sent()] == [("hello", "the rules refuse")]
    assert state.notice is not None
    assert state.notice.is_error
    assert state.notice.text == "Not sent: the rules refuse"


@pytest.mark.parametrize(("as_draft", "draft"), [(True, "hello\nand"), (False, "and")])
def test_a_refused_reply_is_a_draft_again_or_gone(
    inbox: Inbox, *, as_draft: bool, draft: str
) -> None:
    """Before what was written since; which happens once."""
    state = reply_failed(written(inbox, "hello").with_draft(AMINA, "and"), 1, "closed")
    settled = failure_settled(state, 1, as_draft=as_draft)
    assert (settled.draft, texts(settled)) == (draft, [])
    assert failure_settled(settled, 1, as_draft=as_draft) == settled


def test_what_was_not_sent_stays_in_the_order_written(inbox: Inbox) -> None:
    """Whichever is refused first."""
    state = written(written(inbox, "one", 1), "two", 2)
    state = reply_failed(reply_failed(state, 2, "closed"), 1, "closed")
    assert texts(state) == ["one", "two"]


def test_a_refused_reply_stays_in_its_own_conversation(inbox: Inbox) -> None:
    """Also when another one is open by now; the notice says whose."""
    sent = outgoing("m1", "hello")
    named = SessionChanged(session("amina", customerName="Amina W."), inbox.sessions[AMINA])
    state = opened(handed_over(heard(inbox, named), sent), "brian")
    state = heard(state, delivery("amina", sent, "failed", AccessDenied("the rules refuse")))
    assert texts(state) == []
    assert state.notice is not None
    assert state.notice.text == "Not sent to Amina W.: the rules refuse"
    assert texts(opened(state, "amina")) == ["hello"]


def test_a_reply_that_could_not_be_handed_over_stays_too(inbox: Inbox) -> None:
    """Nothing is lost on the way to the outbox either."""
    state = reply_failed(written(inbox, "hello"), 1, "closed")
    assert texts(state) == ["hello"]
    assert reply_failed(state, 1, "closed") == state


def test_a_reply_is_confirmed_while_another_conversation_is_open(inbox: Inbox) -> None:
    """By its delivery or by the inbox's stream; it shows nowhere else."""
    sent = outgoing("m1", "hello")
    state = opened(handed_over(inbox, sent), "brian")
    for event in (
        delivery("amina", sent, "confirmed"),
        MessageAdded(AMINA, message("m1", "hello", sender="admin")),
    ):
        after = heard(state, event)
        assert after.pending == ()
        assert texts(after) == []


def test_a_delivery_of_another_client_changes_nothing(inbox: Inbox) -> None:
    """Whoever shares the chat may write as well."""
    assert heard(inbox, delivery("amina", outgoing("m9", "x"), "confirmed")) == inbox


def test_replies_that_wait_are_counted_over_all_conversations(inbox: Inbox) -> None:
    """Those that are merely being sent are not."""
    first, second, third = outgoing("m1", "1"), outgoing("m2", "2"), outgoing("m3", "3")
    state = handed_over(handed_over(inbox, first, 1), second, 2)
    state = handed_over(opened(state, "brian"), third, 3)
    assert state.waiting(NOW) == 0
    state = heard(state, delivery("amina", first, "queued", OFFLINE))
    assert state.waiting(NOW) == 2
    assert state.progress(NOW) == [SENDING]
    assert opened(state, "amina").progress(NOW) == ["waits for the network"] * 2


def test_a_reply_that_is_taken_back_is_a_draft_before_what_was_written_since(inbox: Inbox) -> None:
    """Others stay on their way; one that has gone out cannot be."""
    state = written(written(inbox, "one"), "two", 2).with_draft(AMINA, "since")
    state = reply_taken_back(state, 2)
    assert (state.draft, [one.text for one in state.pending]) == ("two\nsince", ["one"])
    assert reply_taken_back(state, 2) is state


def test_a_reply_that_is_stored_keeps_its_own_time_if_it_is_the_last(inbox: Inbox) -> None:
    """Only one that would stand above what it answers is moved."""
    state = heard_in(inbox, "amina", MessageAdded(AMINA, message("m0", "?", timestamp=NOW - 5)))
    sent = outgoing("m1", "hello")
    state = heard(handed_over(state, sent), delivery("amina", sent, "confirmed"))
    assert state.conversation is not None
    assert [one.timestamp for one in state.conversation.messages] == [NOW - 5, NOW]


def test_replies_that_wait_are_counted_wherever_they_go(inbox: Inbox) -> None:
    """Those that take longer than sending does; not those that can be taken back."""
    state = written(written(inbox, "one"), "two", 2)
    assert (state.waiting(NOW), state.sending()) == (0, state.pending)
    state = heard(state, ConnectionChanged("reconnecting"))
    assert state.waiting(NOW) == 2
    held = Pending(3, BRIAN, "three", held_until=NOW + 5000)
    elsewhere = Pending(4, BRIAN, "four")
    state = replace(state, pending=(*state.pending, held, elsewhere))
    assert state.waiting(NOW) == 3
    assert state.waiting(NOW + 5000) == 4
    assert replace(state, conversation=None).sending() == ()


def test_where_nothing_is_open_nothing_is_on_its_way_there(inbox: Inbox) -> None:
    """Nor was anything of it refused."""
    refused = reply_failed(written(written(inbox), "two", 2), 2, "the rules refuse")
    nothing = replace(refused, conversation=None)
    assert (nothing.sending(), nothing.not_sent()) == ((), ())
