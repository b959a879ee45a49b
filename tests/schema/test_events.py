"""What an event says that says nothing else."""

from dataclasses import is_dataclass
from typing import Any

import pytest

from imbari_chat.schema import events
from imbari_chat.schema.paths import SessionId
from tests.view.records import message, outgoing, session

S = SessionId("amina")


@pytest.mark.parametrize(
    ("event", "usual"),
    [
        (events.SessionChanged(session("amina"), session("amina")), {"pending": False}),
        (events.MessageChanged(S, message("m", "x"), message("m", "x")), {"pending": False}),
        (events.ConnectionChanged("live"), {"reason": None, "retry_in": None}),
        (events.DeliveryChanged(S, outgoing("m", "x"), "sent"), {"error": None}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_is_pending_late_or_wrong_unless_it_is_said(
    event: events.ChatEvent, usual: dict[str, object]
) -> None:
    """Whoever makes events for a test of their own names what matters."""
    assert {name: getattr(event, name) for name in usual} == usual


KINDS = [one for one in vars(events).values() if isinstance(one, type) and is_dataclass(one)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_nobody_changes_an_event(kind: Any) -> None:
    """All handlers are given the same one."""
    assert kind.__dataclass_params__.frozen
