"""What commands tell besides: who is there, and what did not arrive."""

import asyncio
from typing import Any

import pytest

from imbari_chat.cli import people
from imbari_chat.cli.people import told, with_presence
from imbari_chat.cli.remains import give_back
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import AccessDenied, ImbariError
from imbari_chat.schema.models import Colleague
from imbari_chat.schema.outgoing import became
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.view.inbox import Inbox
from imbari_chat.view.outgoing import Pending
from tests.view.records import outgoing, session

AMINA, BRIAN = SessionId("amina"), SessionId("brian")
THERE = PresenceSnapshot(
    {(AMINA, "customer"): "away"},
    frozenset({(AMINA, "customer"), (BRIAN, "admin")}),
    {AMINA: (Colleague("u1", "Noor"),)},
)


class Chat:
    """An admin's, of which only presence is read."""

    def __init__(self, found: PresenceSnapshot | ImbariError | None) -> None:
        self._found = found
        self.asked: list[str | None] = []
        self.is_left = False

    async def read_presence(self, session_id: str | None) -> PresenceSnapshot:
        self.asked.append(session_id)
        try:
            await asyncio.sleep(0 if self._found is not None else 3600)
        except asyncio.CancelledError:
            self.is_left = True
            raise
        if isinstance(self._found, PresenceSnapshot):
            return self._found
        raise self._found or AssertionError


async def _asked() -> str:
    return "what was asked for"


@pytest.mark.parametrize(
    ("found", "shown"),
    [(THERE, THERE), (AccessDenied("no"), PresenceSnapshot()), (None, PresenceSnapshot())],
)
async def test_who_is_there_is_told_where_that_can_be_had(
    monkeypatch: pytest.MonkeyPatch,
    found: PresenceSnapshot | ImbariError | None,
    shown: PresenceSnapshot,
) -> None:
    """Refused or slow, it is left out, and nothing of it stays behind."""
    monkeypatch.setattr(people, "_PATIENCE", 0.01)
    chat: Any = Chat(found)
    assert await with_presence(chat, _asked(), AMINA) == ("what was asked for", shown)
    assert (chat.asked, chat.is_left) == ([AMINA], found is None)


async def test_what_was_asked_for_fails_by_itself() -> None:
    """And is not kept waiting by the courtesy."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise AccessDenied("not yours")

    chat: Any = Chat(None)
    with pytest.raises(AccessDenied, match="not yours"):
        await with_presence(chat, fails())
    assert chat.is_left


def test_who_is_there_is_data() -> None:
    """Of the conversation that is asked about."""
    assert told(THERE, AMINA) == {
        "customer": "away",
        "customer_typing": True,
        "team_typing": False,
        "colleagues": [{"uid": "u1", "name": "Noor"}],
    }
    assert told(THERE, BRIAN) == {
        "customer": "gone",
        "customer_typing": False,
        "team_typing": True,
        "colleagues": [],
    }


def test_what_did_not_arrive_is_given_back_with_whom_it_was_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What may be there is told apart, and what is there is not given back."""
    pending = tuple(Pending(at, (AMINA, BRIAN)[at % 2], f"text {at}") for at in range(6))
    handed_over = {at: outgoing(f"m{at}", f"text {at}") for at in range(1, 6)}
    for at, delivery in enumerate(("confirmed", "sent", "failed", "sent", "failed"), start=1):
        became(handed_over[at], delivery)  # type: ignore[arg-type]  # each is one
    state = Inbox(sessions={AMINA: session("amina", customerName="Amina W.")}, pending=pending)
    error = give_back(state, handed_over, Stderr())
    assert error is not None
    assert error.what == "3 messages were not sent, and 2 more may not have been"
    assert capsys.readouterr().err.splitlines() == [
        "warning: not sent to Amina W.:",
        "  text 0",
        "warning: it is not known whether this was sent to Amina W.; look before sending it again:",
        "  text 2",
        "warning: not sent to brian:",
        "  text 3",
        "warning: it is not known whether this was sent to Amina W.; look before sending it again:",
        "  text 4",
        "warning: not sent to brian:",
        "  text 5",
    ]
    assert give_back(Inbox(), {}, Stderr()) is None
