"""What names a record, when it was written, and which records are the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from imbari_chat.errors import InvalidData, InvalidType, Unavailable
from imbari_chat.schema import paths
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage, became, was_stamped
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_params


@pytest.mark.parametrize("check", [paths.session_id, paths.message_id, paths.note_id])
@pytest.mark.parametrize("text", ["", "a/b", "a.b", "$a", "[0]", "x" * 769, "\x1f"])
def test_what_is_no_key_names_nothing(check: Any, text: str) -> None:
    """Before it becomes a path that leads elsewhere."""
    with pytest.raises(InvalidData, match=r"cannot be a (session|message|note) id: "):
        check(text)
    assert check("-Oabc") == "-Oabc"


def test_a_session_id_is_a_text() -> None:
    """Programs pass what they have."""
    wrong: Any = 5
    with pytest.raises(InvalidType, match="a session id is a text, not int") as refused:
        paths.session_id(wrong)
    assert refused.value.where == "session_id"


@pytest.mark.parametrize("record", [{}, {"unreadCount": 0, "lastMessageTime": 0}])
def test_a_session_counts_from_nothing_and_stays_as_it_was_read(record: dict[str, Any]) -> None:
    """Also where its record says nothing; below nothing it cannot be."""
    session = Session.model_validate({ID_FIELD: "s", **record})
    assert (session.unread_count, session.last_message_time) == (0, 0)
    with pytest.raises(ValidationError, match="frozen"):
        session.unread_count = 1
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Session.model_validate({ID_FIELD: "s", "unreadCount": -1})


def test_times_are_instants_in_utc() -> None:
    """Or nothing, where no calendar holds them."""
    raw = {ID_FIELD: "m", "text": "x", "from": "admin", "timestamp": 1_710_252_300_000}
    message = Message.model_validate(raw)
    assert message.sent_at == datetime(2024, 3, 12, 14, 5, tzinfo=UTC)
    assert Message.model_validate({**raw, "timestamp": 10**17}).sent_at is None
    sent = OutgoingMessage.model_validate(raw)
    assert sent == message
    assert hash(sent) == hash(message)
    assert sent != Message.model_validate({**raw, "text": "y"})
    assert sent != Message.model_validate({**raw, "from": "customer"})
    assert sent != "x"
    assert "delivery='queued'" in repr(sent)
    was_stamped(sent, 5)
    became(sent, "failed", Unavailable("away"))
    assert (sent.timestamp, sent.delivery, str(sent.error)) == (5, "failed", "away")
    assert sent == message


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (lambda: paths.sessions_in_order(), {"orderBy": '"lastMessageTime"'}),
        (
            lambda: paths.session_resolved_last(),
            {"orderBy": '"resolvedAt"', "startAt": "0", "endAt": str(2**53), "limitToLast": "1"},
        ),
        (lambda: paths.sessions_resolved_since(5), {"orderBy": '"resolvedAt"', "startAt": "5"}),
        (lambda: paths.sessions_of("u1"), {"orderBy": '"customerUid"', "equalTo": '"u1"'}),
        (
            lambda: paths.sessions_like("-O"),
            {
                "orderBy": '"$key"',
                "startAt": '"-O"',
                "endAt": '"-O\uf8ff"',
                "limitToFirst": "10",
            },
        ),
        (lambda: paths.messages_in_order(), {"orderBy": '"timestamp"'}),
        (lambda: paths.newest_records(7), {"orderBy": '"at"', "limitToLast": "7"}),
    ],
)
def test_the_service_is_asked_for_what_is_meant(
    query: Callable[[], Query], asked: dict[str, str]
) -> None:
    """In the words of its REST interface, each with the index that the rules have."""
    assert to_params(query()) == asked


def test_each_record_has_its_place() -> None:
    """Those of the website, which the rules name as well."""
    session, message = paths.session_id("s"), paths.message_id("m")
    places = {
        paths.session(session): "/chatSessions/s",
        paths.unread_count(session): "/chatSessions/s/unreadCount",
        paths.messages(session): "/messages/s",
        paths.message(session, message): "/messages/s/m",
        paths.notes(session): "/adminNotes/s",
        paths.note(session, paths.NoteId("n")): "/adminNotes/s/n",
        paths.assignment(session): "/assignments/s",
        paths.labels(session): "/labels/s",
        paths.snooze(session): "/snoozes/s",
        paths.canned_reply("hi"): "/cannedReplies/hi",
        paths.block("u"): "/blocks/u",
        paths.start("u"): "/starts/u",
        paths.customer_present(session, "c"): "/presence/customers/s/connections/c",
        paths.admin_present("u", "c"): "/presence/admins/u/c",
        paths.TEAM_PRESENT: "/presence/team",
        paths.typing(session): "/typing/s",
    }
    assert {str(place): place for place in places} == {text: one for one, text in places.items()}
