"""The judge finds what is wrong: without this, a clean verdict would mean nothing."""

from typing import Any

import pytest

from tests.faults.ledger import Entry, Heard, Stored, Verdict, judge

S = "-S"


def _raw(*texts: str, unread: int = 0, times: tuple[int, ...] = ()) -> dict[str, Any]:
    session = {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": "",
        "lastMessageTime": 1,
        "unreadCount": unread,
        "status": "active",
    }
    messages = {
        f"-m{number}": {
            "text": text,
            "from": "customer",
            "timestamp": times[number] if times else number,
            "read": True,
        }
        for number, text in enumerate(texts)
    }
    return {"chatSessions": {S: session}, "messages": {S: messages}}


def _written(*texts: str, fate: Any = "stored", website: bool = False) -> list[Entry]:
    return [Entry("amina", S, text, fate, website) for text in texts]


def _heard(raw: dict[str, Any], *texts: str, inbox: bool = False) -> Heard:
    stored = Stored(raw)
    return Heard(
        "listener",
        None if inbox else S,
        [(S, text) for text in texts],
        sessions=dict(stored.sessions) if inbox else {},
        messages={} if inbox else dict(stored.messages[S]),
    )


def _judged(entries: list[Entry], raw: dict[str, Any], *listeners: Heard) -> Verdict:
    return judge(entries, Stored(raw), listeners)


def _counts(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.lost, verdict.doubled, verdict.disordered


@pytest.mark.parametrize("inbox", [True, False])
def test_a_round_without_fault_has_none(inbox: bool) -> None:
    """Everything there once, heard once, in order."""
    raw = _raw("one", "two")
    verdict = _judged(_written("one", "two"), raw, _heard(raw, "one", "two", inbox=inbox))
    assert (verdict.messages, _counts(verdict), verdict.faults) == (2, (0, 0, 0), [])


def test_a_confirmed_message_that_is_not_there_is_lost() -> None:
    """One promise broken."""
    verdict = _judged(_written("one", "two"), _raw("one"))
    assert _counts(verdict) == (1, 0, 0)
    assert len(verdict.faults) == 1


@pytest.mark.parametrize("fate", ["stored", "unknown"])
def test_a_message_that_is_there_twice_is_doubled(fate: str) -> None:
    """Whatever its writer was told."""
    verdict = _judged(_written("one", fate=fate), _raw("one", "one"))
    assert _counts(verdict) == (0, 1, 0)


def test_messages_in_another_order_are_out_of_order() -> None:
    """By their ids, which the website sorts by."""
    assert _counts(_judged(_written("one", "two"), _raw("two", "one"))) == (0, 0, 1)


def test_messages_committed_in_another_order_are_out_of_order() -> None:
    """By the server's time."""
    raw = _raw("one", "two", times=(5, 4))
    assert _counts(_judged(_written("one", "two"), raw)) == (0, 0, 1)
    assert _counts(_judged(_written("one", "two", website=True), raw)) == (0, 0, 0)


@pytest.mark.parametrize("texts", [(), ("one",)])
def test_a_message_of_unknown_fate_may_be_there_or_not(texts: tuple[str, ...]) -> None:
    """Its writer was told the truth."""
    assert _judged(_written("one", fate="unknown"), _raw(*texts)).faults == []


def test_a_failed_message_must_not_be_there() -> None:
    """Its writer was told a lie."""
    assert _judged(_written("one", fate="absent"), _raw()).faults == []
    assert len(_judged(_written("one", fate="absent"), _raw("one")).faults) == 1


def test_a_message_that_never_settles_is_a_fault() -> None:
    """There or not."""
    assert len(_judged(_written("one", fate="unsettled"), _raw("one")).faults) == 1


def test_a_message_that_nobody_wrote_is_a_fault() -> None:
    """Where would it come from."""
    assert len(_judged([], _raw("one")).faults) == 1


def test_a_message_in_another_conversation_is_a_fault() -> None:
    """Somebody else reads it."""
    entries = [Entry("amina", "-T", "one", "stored")]
    assert len(_judged(entries, _raw("one")).faults) == 1


@pytest.mark.parametrize("inbox", [True, False])
def test_what_a_listener_did_not_hear_is_lost(inbox: bool) -> None:
    """It was stored, and nobody saw it."""
    raw = _raw("one", "two")
    verdict = _judged(_written("one", "two"), raw, _heard(raw, "one", inbox=inbox))
    assert _counts(verdict) == (1, 0, 0)


def test_an_inbox_may_miss_messages_where_the_website_writes() -> None:
    """That is counted, and no fault; a conversation may not."""
    raw = _raw("one")
    stored = Stored(raw)
    verdict = judge(_written("one"), stored, [_heard(raw, inbox=True)], website={S})
    assert (verdict.unheard, verdict.faults) == (1, [])
    verdict = judge(_written("one"), stored, [_heard(raw)], website={S})
    assert (verdict.unheard, verdict.lost) == (0, 1)


def test_what_a_listener_heard_twice_is_doubled() -> None:
    """Once is right."""
    raw = _raw("one")
    assert _counts(_judged(_written("one"), raw, _heard(raw, "one", "one"))) == (0, 1, 0)


def test_what_a_listener_heard_in_another_order_is_out_of_order() -> None:
    """Everything is there, but not as it was said."""
    raw = _raw("one", "two")
    verdict = _judged(_written("one", "two"), raw, _heard(raw, "two", "one"))
    assert _counts(verdict) == (0, 0, 1)


def test_a_mirror_that_differs_is_a_fault() -> None:
    """The inbox's sessions, or the conversation's messages."""
    raw = _raw("one")
    inbox, conversation = _heard(raw, "one", inbox=True), _heard(raw, "one")
    inbox.sessions.clear()
    conversation.messages.clear()
    assert len(_judged(_written("one"), raw, inbox).faults) == 1
    assert len(_judged(_written("one"), raw, conversation).faults) == 1


def test_a_listener_that_ended_is_a_fault() -> None:
    """It runs all through."""
    raw = _raw()
    listener = _heard(raw)
    listener.trouble = RuntimeError("gone")
    assert len(_judged([], raw, listener).faults) == 1


def test_a_drift_is_the_difference_between_count_and_messages() -> None:
    """Up or down."""
    raw = _raw("one", unread=2)
    assert Stored(raw).drifted() == {S: 2}
    raw["messages"][S]["-m0"]["read"] = False
    assert Stored(raw).drifted() == {S: 1}
    raw["chatSessions"][S]["unreadCount"] = 0
    assert Stored(raw).drifted() == {S: -1}
    assert Stored(_raw("one")).drifted() == {}
