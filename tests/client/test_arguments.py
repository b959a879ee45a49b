"""Arguments that are wrong: what is said of each."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from imbari_chat import Message, MessageAdded
from imbari_chat.client import arguments
from imbari_chat.errors import InvalidData, InvalidType
from tests.view.records import message

_TYPE, _DATA = InvalidType, InvalidData


@pytest.mark.parametrize(
    ("check", "kind", "where", "what", "hint"),
    [
        (
            lambda: arguments.one_of("start", "top", ("newest", "oldest")),
            _DATA,
            "start",
            "start is 'newest' or 'oldest', not 'top'",
            None,
        ),
        (
            lambda: arguments.one_of("way", 5, ("a", "b", "c")),
            _DATA,
            "way",
            "way is 'a', 'b' or 'c', not 5",
            None,
        ),
        (
            lambda: arguments.checked_status("open"),
            _DATA,
            "status",
            "status is 'active' or 'resolved', not 'open'",
            None,
        ),
        (
            lambda: arguments.checked_sender("amina"),
            _DATA,
            "sender",
            "sender is 'customer' or 'admin', not 'amina'",
            None,
        ),
        (
            lambda: arguments.checked_count("limit", "5"),
            _TYPE,
            "limit",
            "limit is a whole number, not str '5'",
            None,
        ),
        (
            lambda: arguments.checked_count("limit", True),
            _TYPE,
            "limit",
            "limit is a whole number, not bool True",
            None,
        ),
        (
            lambda: arguments.checked_count("limit", 0),
            _DATA,
            "limit",
            "limit must be at least 1, not 0",
            None,
        ),
        (
            lambda: arguments.checked_count("history", -1, least=0),
            _DATA,
            "history",
            "history must be at least 0, not -1",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", None),
            _TYPE,
            "timeout",
            "timeout is a number of seconds, not None",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", "x" * 99),
            _TYPE,
            "timeout",
            f"timeout is a number of seconds, not str '{'x' * 59}",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", -0.5),
            _DATA,
            "timeout",
            "timeout must not be negative, and is -0.5",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", 10**5000),
            _DATA,
            "timeout",
            "timeout is more seconds than there are",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", float("nan"), none=True),
            _DATA,
            "timeout",
            "timeout must not be negative, and is nan",
            None,
        ),
        (
            lambda: arguments.checked_moment("9:00", "until"),
            _TYPE,
            "until",
            "until is a datetime or milliseconds since the epoch, not str '9:00'",
            "datetime.fromisoformat() reads a text",
        ),
        (
            lambda: arguments.checked_moment(1.5),
            _TYPE,
            "since",
            "since is a datetime or milliseconds since the epoch, not float 1.5",
            None,
        ),
        (
            lambda: arguments.checked_buffer(1, "raise"),
            _DATA,
            "buffer",
            "buffer must be at least 2, not 1",
            None,
        ),
        (
            lambda: arguments.checked_kind(Message),
            _TYPE,
            "kind",
            "kind is a class of events such as MessageAdded, not Message",
            None,
        ),
        (
            lambda: arguments.checked_seconds("timeout", True),
            _TYPE,
            "timeout",
            "timeout is a number of seconds, not bool True",
            None,
        ),
        (
            lambda: arguments.checked_moment(True),
            _TYPE,
            "since",
            "since is a datetime or milliseconds since the epoch, not bool True",
            None,
        ),
        (
            lambda: arguments.checked_moment(datetime.min, "until"),  # noqa: DTZ901  # in local time
            _DATA,
            "until",
            "0001-01-01 00:00:00 is no moment here",
            None,
        ),
        (
            lambda: arguments.checked_buffer(2, "drop"),
            _DATA,
            "overflow",
            "overflow is 'coalesce' or 'raise', not 'drop'",
            None,
        ),
        (
            lambda: arguments.checked_kind("MessageAdded"),
            _TYPE,
            "kind",
            "kind is a class of events such as MessageAdded, not str 'MessageAdded'",
            None,
        ),
        (
            lambda: arguments.checked_callable("on_error", 5, none=True),
            _TYPE,
            "on_error",
            "on_error is something that can be called, not int 5",
            None,
        ),
        (
            lambda: arguments.checked_callable("handler", None),
            _TYPE,
            "handler",
            "handler is something that can be called, not None",
            None,
        ),
        (
            lambda: arguments.checked_message_id("up_to", 5),
            _TYPE,
            "up_to",
            "up_to is a message or its id, not int 5",
            None,
        ),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_should_be(
    check: Callable[[], object],
    kind: type[InvalidData],
    where: str,
    what: str,
    hint: str | None,
) -> None:
    """And with what it is, in few words."""
    with pytest.raises(InvalidData) as caught:
        check()
    error = caught.value
    assert (type(error), error.where, error.what, error.hint) == (kind, where, what, hint)


def test_what_can_be_is_taken() -> None:
    """As it is, or as what it means."""
    arguments.one_of("start", "newest", ("newest", "oldest"))
    for status in (None, "active", "resolved"):
        arguments.checked_status(status)
    for sender in (None, "customer", "admin"):
        arguments.checked_sender(sender)
    arguments.checked_count("limit", 1)
    arguments.checked_count("history", 0, least=0)
    for seconds in (0, 0.0, 5, 1.5, float("inf")):
        arguments.checked_seconds("timeout", seconds)
    arguments.checked_seconds("timeout", None, none=True)
    arguments.checked_buffer(2, "raise")
    arguments.checked_kind(MessageAdded)
    arguments.checked_kind(object)
    arguments.checked_callable("handler", print)
    arguments.checked_callable("on_error", print, none=True)
    arguments.checked_callable("on_error", None, none=True)
    at = datetime(2024, 3, 12, 14, 5, 0, 1500, tzinfo=UTC)
    moments: list[Any] = [None, 5, at]
    assert [arguments.checked_moment(one) for one in moments] == [None, 5, 1_710_252_300_001]
    ids: list[Any] = [None, "m", message("m2", "x")]
    assert [arguments.checked_message_id("up_to", one) for one in ids] == [None, "m", "m2"]
