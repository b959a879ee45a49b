"""What names a record, when it was written, and which records are the same."""

from datetime import UTC, datetime
from typing import Any

import pytest

from imbari_chat.errors import InvalidData, InvalidType, Unavailable
from imbari_chat.schema import paths
from imbari_chat.schema.models import ID_FIELD, Message
from imbari_chat.schema.outgoing import OutgoingMessage, became, was_stamped


@pytest.mark.parametrize("check", [paths.session_id, paths.message_id])
@pytest.mark.parametrize("text", ["", "a/b", "a.b", "$a", "[0]", "x" * 769, "\x1f"])
def test_what_is_no_key_names_nothing(check: Any, text: str) -> None:
    """Before it becomes a path that leads elsewhere."""
    with pytest.raises(InvalidData, match=r"cannot be a (session|message) id: "):
        check(text)
    assert check("-Oabc") == "-Oabc"


def test_a_session_id_is_a_text() -> None:
    """Programs pass what they have."""
    wrong: Any = 5
    with pytest.raises(InvalidType, match="a session id is a text, not int") as refused:
        paths.session_id(wrong)
    assert refused.value.where == "session_id"


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
