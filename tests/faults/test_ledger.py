"""The judge finds what is wrong: without this, a clean verdict would mean nothing."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from imbari_chat import ConnectionChanged, MessageAdded, OutgoingMessage
from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.pushid import PushIds
from tests.faults.ledger import Entry, Heard, Stored, Verdict, judge
from tests.faults.listener import Listener

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
def test_what_a_listener_did_not_hear_is_unheard(inbox: bool) -> None:
    """It was stored, and nobody saw it."""
    raw = _raw("one", "two")
    verdict = _judged(_written("one", "two"), raw, _heard(raw, "one", inbox=inbox))
    assert (verdict.unheard, _counts(verdict)) == (1, (0, 0, 0))
    assert len(verdict.faults) == 1


def test_an_inbox_may_miss_messages_of_the_website() -> None:
    """That is counted, and no fault; a conversation may not, nor may anybody else's be missed."""
    raw = _raw("one")
    stored = Stored(raw)
    website = _written("one", website=True)
    verdict = judge(website, stored, [_heard(raw, inbox=True)], website={S})
    assert (verdict.unannounced, verdict.faults) == (1, [])
    crowded = _heard(raw, inbox=True)
    crowded.window = 2
    assert judge(_written("one"), stored, [crowded], website={S}).faults == []
    for entries, inbox in (website, False), (_written("one"), True):
        verdict = judge(entries, stored, [_heard(raw, inbox=inbox)], website={S})
        assert (verdict.unannounced, verdict.unheard) == (0, 1)


def test_what_stands_before_what_its_writer_had_heard_is_out_of_order() -> None:
    """By id or by time; by id alone if a browser stamped what was heard."""
    question = Entry("amina", S, "question", "stored")
    answer = Entry("desk", S, "answer", "stored", after=frozenset({"question"}))
    for raw, wrong in (
        (_raw("question", "answer"), 0),
        (_raw("answer", "question", times=(2, 1)), 1),
        (_raw("question", "answer", times=(2, 1)), 1),
    ):
        assert _judged([question, answer], raw).disordered == wrong
    question.website = True
    assert _judged([question, answer], _raw("question", "answer", times=(2, 1))).disordered == 0
    assert _judged([question, answer], _raw("answer", "question")).disordered == 1


def test_nobody_need_stand_after_a_hostile_id() -> None:
    """Nor hear who wrote it; it is there once at most, all the same."""
    hostile = Entry("mallory", S, "zzz", "stored", hostile=True)
    answer = Entry("desk", S, "answer", "stored", after=frozenset({"zzz"}))
    raw = _raw("answer", "zzz")
    listener = _heard(raw, "answer")
    del listener.messages["-m1"]
    assert _judged([hostile, answer], raw, listener).faults == []
    assert _judged([hostile, answer], _raw("answer", "zzz", "zzz")).doubled == 1


def test_a_small_window_owes_what_stood_in_it() -> None:
    """Not what stood below when it began; everything that came since."""
    raw = _raw("one", "two", "three", "four")
    stored = Stored(raw).messages[S]
    late, holed = (_heard(raw, *texts) for texts in (("two", "three", "four"), ("two", "four")))
    for listener in (late, holed):
        listener.window, listener.begun = 1, (stored["-m1"],)
        listener.messages = {
            key: one for key, one in stored.items() if (S, one.text) in listener.added
        }
    late.begun += (stored["-m2"],)  # which came before it was called live
    entries = _written("one", "two", "three", "four")
    assert _judged(entries, raw, late).faults == []
    assert _judged(entries, raw, holed).unheard == 1


def test_what_one_wrote_oneself_says_nothing_of_where_the_first_window_began() -> None:
    """It is told before the listener is called live, and may stand far below what was there."""
    raw = _raw("mine", "two", "three")
    stored = Stored(raw).messages[S]
    own = OutgoingMessage.model_validate({**raw["messages"][S]["-m0"], ID_FIELD: "-m0"})
    heard = Heard("listener", S, window=1)
    listener = Listener(heard, cast("Any", SimpleNamespace(closings=0)))
    for event in (
        MessageAdded(SessionId(S), stored["-m2"]),
        MessageAdded(SessionId(S), own),
        ConnectionChanged("live"),
    ):
        listener._take(event)
    assert heard.begun == (stored["-m2"],)
    assert _judged(_written("mine", "two", "three"), raw, heard).unheard == 0


def test_what_browsers_stamped_too_late_may_have_kept_a_message_out_of_a_small_window() -> None:
    """As long as their clocks are no more wrong than one's own may be."""
    now = 1_800_000_000_000
    ids = PushIds(lambda: [0] * 12)
    ahead = [ids.make(now) for _ in range(2)]
    texts = {ahead[0]: ("a", now + 50_000), ahead[1]: ("b", now + 50_000)}
    texts[ids.make(now + 9)] = ("reply", now + 9)
    raw = _raw()
    raw["messages"][S] = {
        key: {"text": text, "from": "admin", "timestamp": at} for key, (text, at) in texts.items()
    }
    entries = _written("a", "b", website=True) + _written("reply")
    listener = _heard(raw, "a", "b")
    for window, unheard in (2, 0), (50, 1):
        listener.window = window
        assert _judged(entries, raw, listener).unheard == unheard


def test_what_stood_below_a_full_first_window_is_not_owed_for_a_hostile_stamp_below() -> None:
    """A message of long ago that was given beside the latest says nothing of where it began."""
    raw = _raw("one", "two", "three")
    entries = [*_written("two", "three"), Entry("foe", S, "one", "stored", hostile=True)]
    stored = {one.text: one for one in Stored(raw).messages[S].values()}
    for window, unheard in (2, 0), (3, 1):
        listener = _heard(raw, "one", "three")
        listener.window, listener.begun = window, (stored["one"], stored["three"])
        assert _judged(entries, raw, listener).unheard == unheard


def test_what_is_no_message_takes_the_place_of_one_in_a_first_window() -> None:
    """What stood below is not owed, neither as news nor in the picture; what came since is."""
    raw = _raw("one", "two", "three")
    entries = _written("one", "two", "three")
    stored = {one.text: one for one in Stored(raw).messages[S].values()}
    both = ("two", "three")
    for unusable, heard, wrong in (2, both, 0), (1, both, 1), (2, ("two",), 1):
        listener = _heard(raw, *heard)
        listener.window, listener.begun, listener.unusable = 3, (stored["two"],), unusable
        listener.messages = {stored[text].id: stored[text] for text in heard}
        verdict = _judged(entries, raw, listener)
        assert (verdict.unheard, verdict.views_wrong) == (wrong, wrong)


def test_a_first_window_without_a_message_says_nothing_of_what_came_later() -> None:
    """Whatever filled it."""
    raw = _raw("one", "two")
    earlier, later = (one.timestamp for one in Stored(raw).messages[S].values())
    for began, unheard in (earlier, 1), (later, 0):
        listener = _heard(raw)
        listener.window, listener.unusable, listener.began = 1, 1, began
        assert _judged(_written("one", "two"), raw, listener).unheard == unheard


def test_a_listener_is_owed_little_of_what_was_stamped_far_ahead_before_it_began() -> None:
    """All that came since it began, and nothing of what was there."""
    now = 1_800_000_000_000
    ids = PushIds(lambda: [0] * 12)
    raw = _raw()
    raw["messages"][S] = {
        ids.make(now + at): {"text": text, "from": "customer", "timestamp": now + 90_000 + at}
        for at, text in enumerate(("a", "b", "c"))
    }
    entries = _written("a", "b", "c", website=True)
    for began, *heard in (
        (None,),
        (now - 1,),
        (now + 1,),
        (now + 1, "a"),
        (now + 1, "c"),
        (now + 2,),
    ):
        listener = _heard(raw, *map(str, heard))
        listener.window, listener.began = 2, began
        listener.messages = {
            key: one for key, one in listener.messages.items() if one.text in heard
        }
        owed = {one for at, one in enumerate("abc") if began is None or now + at > began}
        missing, verdict = owed - set(heard), _judged(entries, raw, listener)
        assert (verdict.unheard, verdict.views_wrong) == (len(missing), bool(missing)), began


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


def test_an_inbox_that_began_again_may_have_missed_what_was_written_before() -> None:
    """And nothing else; nor may it hear anything twice."""
    raw = _raw("one", "two")
    again = _heard(raw, "two", inbox=True)
    again.before = frozenset({"one"})
    assert _judged(_written("one", "two"), raw, again).faults == []
    again.begin_again()
    again.sessions |= Stored(raw).sessions
    assert _judged(_written("one", "two"), raw, again).unheard == 1


def test_views_that_are_wrong_are_counted() -> None:
    """Each listener's once."""
    raw = _raw("one")
    blind = _heard(raw, "one", inbox=True)
    blind.sessions.clear()
    assert _judged(_written("one"), raw, blind, _heard(raw, "one")).views_wrong == 1
