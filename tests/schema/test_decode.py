"""Reading is tolerant, record by record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.schema import decode
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json

S, M = SessionId("-S"), MessageId("-M")
GOOD: dict[str, Any] = {
    "customerName": "Amina",
    "customerEmail": "amina@example.com",
    "lastMessage": "Hi",
    "lastMessageTime": 1_800_000_000_000,
    "unreadCount": 2,
    "status": "active",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["customerName", "lastMessageTime", "unreadCount", "status", "text", "from", "timestamp", "id"]
)


def test_a_record_without_extensions_is_valid() -> None:
    """The website writes none of them."""
    read = decode.session(S, GOOD)
    assert read.rejected is None
    assert read.record is not None
    assert (read.record.customer_uid, read.record.topic) == (None, None)


def test_unknown_fields_are_kept() -> None:
    """Fields of next year travel along, whatever they are called."""
    read = decode.session(S, {**GOOD, "mood": "happy", "id": 7, "customer_name": "x"})
    assert read.rejected is None
    assert read.record is not None
    assert read.record.id == "-S"
    assert read.record.customer_name == "Amina"
    assert read.record.extra == {"mood": "happy", "id": 7, "customer_name": "x"}


@pytest.mark.parametrize(
    ("field", "value", "default"),
    [
        ("customerName", 5, ""),
        ("lastMessageTime", "soon", 0),
        ("unreadCount", -1, 0),
        ("unreadCount", True, 0),
        ("status", "archived", "active"),
        ("customerPhone", {"no": 1}, None),
    ],
)
def test_a_session_with_a_broken_field_still_lists(field: str, value: Any, default: Any) -> None:
    """With that field's default, and a report that names it."""
    read = decode.session(S, {**GOOD, field: value})
    assert read.record is not None
    assert read.rejected is not None
    assert read.rejected.path == "/chatSessions/-S"
    assert read.rejected.reasons[0].startswith(f"{field}: ")
    names = {info.alias or name: name for name, info in type(read.record).model_fields.items()}
    assert getattr(read.record, names[field]) == default
    assert read.record.last_message == GOOD["lastMessage"]


@pytest.mark.parametrize("raw", [None, 5, "text", [1, 2], True])
def test_what_is_no_object_is_no_record(raw: Any) -> None:
    """It is reported with what was found."""
    read = decode.message(S, M, raw)
    assert read.record is None
    assert read.rejected is not None
    assert read.rejected.raw == raw


@pytest.mark.parametrize("missing", ["text", "from", "timestamp"])
def test_a_message_needs_its_text_its_sender_and_its_time(missing: str) -> None:
    """Without one of them there is nothing to show."""
    raw: dict[str, Json] = {"text": "Hi", "from": "admin", "timestamp": 1}
    assert decode.message(S, M, raw).record is not None
    read = decode.message(S, M, {key: value for key, value in raw.items() if key != missing})
    assert read.record is None
    assert read.rejected is not None


def test_sessions_are_newest_first_and_messages_oldest_first() -> None:
    """Ties by id."""
    raw: Json = {
        key: {**GOOD, "lastMessageTime": time} for key, time in [("-A", 1), ("-B", 2), ("-C", 2)]
    }
    assert [one.record.id for one in decode.sessions(raw) if one.record] == ["-C", "-B", "-A"]
    texts: Json = {f"-M{n}": {"text": str(n), "from": "admin", "timestamp": 1} for n in (3, 1, 2)}
    assert [one.record.text for one in decode.messages(S, texts) if one.record] == ["1", "2", "3"]


@pytest.mark.parametrize("empty", [None, {}, []])
def test_nothing_is_an_empty_list(empty: Any) -> None:
    """However the service says it."""
    assert decode.sessions(empty) == []


@given(st.dictionaries(NAMES | st.text(max_size=6), JSON, max_size=8) | JSON)
def test_no_stored_record_whatever_raises(raw: Any) -> None:
    """There is a record, or a report, or both."""
    for read in (decode.session(S, raw), decode.message(S, M, raw)):
        assert read.record is not None or read.rejected is not None


@given(st.dictionaries(st.sampled_from("abcd"), st.dictionaries(NAMES, JSON, max_size=8) | JSON))
def test_many_records_are_read_as_each_is_by_itself(raw: dict[str, Any]) -> None:
    """In the order given, with a report of each that did not fit."""
    raw |= {"good": GOOD | {"text": "Hi", "from": "admin", "timestamp": 1}}
    batches: list[tuple[decode.Batch[Any], list[decode.Decoded[Any]]]] = [
        (decode.sessions_by_id(raw), [decode.session(SessionId(key), raw[key]) for key in raw]),
        (
            decode.messages_by_id(S, raw),
            [decode.message(S, MessageId(key), raw[key]) for key in raw],
        ),
    ]
    for batch, single in batches:
        assert list(batch.records.values()) == [one.record for one in single if one.record]
        assert all(key == one.id for key, one in batch.records.items())
        assert list(batch.rejected) == [one.rejected for one in single if one.rejected]


@given(st.integers())
def test_a_time_beyond_the_calendar_is_no_crash(time: int) -> None:
    """Junk in a time field is shown as no date."""
    read = decode.session(S, {**GOOD, "lastMessageTime": time})
    if read.record is not None:
        assert read.record.last_message_at is None or read.record.last_message_at.tzinfo


@pytest.mark.parametrize(("sender", "label"), [("customer", "You"), ("admin", "Imbari Team")])
def test_a_message_is_signed_as_the_widget_signs_it(sender: str, label: str) -> None:
    """The customer's own messages, and everybody else's."""
    read = decode.message(S, M, {"text": "Hi", "from": sender, "timestamp": 1})
    assert read.record is not None
    assert read.record.label == label
