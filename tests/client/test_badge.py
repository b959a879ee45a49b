"""Who looks: what raises a customer's badge and takes it away, and what others are told of that."""

import asyncio
import logging
from collections.abc import Mapping

import pytest

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    AsyncCustomerChat,
    ClientClosed,
    InvalidData,
    Unavailable,
)
from imbari_chat.client import customer
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory, database
from tests.client.scenarios.faces import WAIT

S = "-NNNNNNNNNNNNNNNNNNN"
NOW = 1_700_000_000_000


def _stored(messages: list[tuple[str, int]], seen: int | None = None) -> Namespace:
    """A conversation with these messages, each by whom and when."""
    namespace = database()
    session: Json = {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": "Hello",
        "lastMessageTime": NOW,
        "unreadCount": 0,
        "status": "active",
        "customerUid": "amina",
        "customerSeenAt": seen,
    }
    stored: Json = {
        f"-M{n:018}": {"text": "Hello", "from": sender, "timestamp": moment}
        for n, (sender, moment) in enumerate(messages)
    }
    for place, value in (("chatSessions", session), ("messages", stored)):
        namespace.write(Write.put(Path((place, S)), value), OWNER, NOW)
    return namespace


def _seen(namespace: Namespace) -> Json:
    return namespace.root.at(Path(("chatSessions", S, "customerSeenAt"))).to_json()


@pytest.mark.parametrize(
    ("messages", "seen", "is_raised"),
    [
        ([], None, False),
        ([("customer", NOW)], None, False),
        ([("admin", 1)], None, True),
        ([("admin", NOW)], NOW, False),
        ([("admin", NOW)], NOW - 1, True),
        ([("admin", NOW), ("customer", NOW + 2)], NOW + 1, False),
        ([("admin", NOW), ("admin", NOW + 2)], NOW + 1, True),
    ],
)
async def test_whoever_comes_back_has_the_badge_if_an_answer_came_since_they_looked(
    messages: list[tuple[str, int]], seen: int | None, *, is_raised: bool
) -> None:
    """By the server's word of when that was; looking takes it away, and minimising changes nothing.

    Nobody who has no conversation yet has one.
    """
    chat = AsyncCustomerChat._over(Gateway(InMemory(_stored(messages, seen), CUSTOMER)))
    told = [(chat.is_open, chat.has_new_message)]
    await chat.resume(S)
    told.append((chat.is_open, chat.has_new_message))
    await chat.show()
    told.append((chat.is_open, chat.has_new_message))
    await chat.hide()
    told.append((chat.is_open, chat.has_new_message))
    assert told == [(False, False), (False, is_raised), (True, False), (False, False)]
    await chat.show()
    await chat.resume(S)
    assert (chat.is_open, chat.has_new_message) == (False, False)
    await chat.close()
    for act in (chat.show, chat.hide, chat.typing):
        with pytest.raises(ClientClosed):
            await act()


async def test_closing_lets_the_server_be_told_what_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the last moment lasts; what hangs longer is not waited for."""
    gate, under_way = asyncio.Event(), asyncio.Event()

    class Gated(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            under_way.set()
            await gate.wait()
            await super().update(changes)

    def marking() -> list[asyncio.Task[object]]:
        return [one for one in asyncio.all_tasks() if "marking" in one.get_name()]

    namespace = _stored([("admin", NOW)])
    for moment, is_told in ((0.0, False), (WAIT, True)):
        monkeypatch.setattr(customer, "_LAST_MARKS", moment)
        chat = AsyncCustomerChat._over(Gateway(Gated(namespace, CUSTOMER)))
        await chat.resume(S)
        under_way.clear()
        chat._mark_seen_soon()
        await under_way.wait()
        closing = asyncio.create_task(chat.close())
        if is_told:
            for _ in range(50):
                await asyncio.sleep(0)
            assert not closing.done()
            gate.set()
        await asyncio.wait_for(closing, WAIT)
        assert ((_seen(namespace) is not None), marking()) == (is_told, [])


async def test_that_the_server_cannot_be_told_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Only the badge of a later visit depends on it; it is said in the log."""
    transport = InMemory(_stored([]), CUSTOMER, AccessDenied("not now"))
    chat = AsyncCustomerChat._over(Gateway(transport))
    await chat.resume(S)
    with caplog.at_level(logging.WARNING):
        await chat._mark_seen_quietly()
    (told,) = caplog.messages
    assert told.startswith("could not record that the chat was seen: not now")
    await chat.close()


@pytest.mark.parametrize(
    "form",
    [{"name": ""}, {"email": "amina"}, {"text": ""}, {"text": "x" * 100_000}],
    ids=["name", "email", "no text", "a long text"],
)
async def test_what_cannot_be_sent_signs_nobody_in(form: dict[str, str]) -> None:
    """Each sign-in is an account that nobody else would use."""

    class Away(InMemory):
        async def open(self) -> None:
            raise Unavailable("cannot connect")

    chat = AsyncCustomerChat._over(Gateway(Away(database(), CUSTOMER)))
    asked = {"name": "Amina", "email": "amina@example.com", "text": "Hello"}
    with pytest.raises(InvalidData):
        await chat.start(**(asked | form))
    with pytest.raises(Unavailable):
        await chat.start(**asked)
    await chat.close()


def _told(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of who is there, as it is said."""
    told: list[str] = []
    for name in ("shown", "hidden", "spoke", "types", "opened", "closed"):

        def tell(session_id: str, name: str = name) -> None:
            told.append(name if session_id == S else f"{name} elsewhere")

        monkeypatch.setattr(gateway.presence, name, tell)
    return told


async def test_the_team_is_told_whether_a_customer_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation that is started is looked at, one that is come back to is not yet."""
    gateway = Gateway(InMemory(_stored([]), CUSTOMER))
    chat, told = AsyncCustomerChat._over(gateway), _told(gateway, monkeypatch)
    await chat.hide()
    await chat.resume(S)
    await chat.show()
    await chat.typing()
    await chat.send("Hello")
    await chat.hide()
    assert told == ["hidden", "shown", "types", "spoke", "hidden"]
    await chat.start(name="Amina", email="amina@example.com")
    assert told[5:] == ["shown elsewhere"]
    await chat.close()


@pytest.mark.parametrize("peek", [False, True])
async def test_colleagues_are_told_once_whether_a_conversation_is_open(
    monkeypatch: pytest.MonkeyPatch, *, peek: bool
) -> None:
    """However often it is shown; leaving says so only of one that was."""
    gateway = Gateway(InMemory(_stored([]), ADMIN))
    desk, told = AsyncAdminChat._over(gateway), _told(gateway, monkeypatch)
    async with desk.open(S, peek=peek) as conversation:
        assert told == ([] if peek else ["opened"])
        await conversation.hide()
        await conversation.hide()
        assert told == ([] if peek else ["opened", "closed"])
        told.clear()
        await conversation.show()
        await conversation.show()
        await conversation.typing()
        await conversation.reply("Hello")
        assert told == ["opened", "types", "spoke"]
    assert told[3:] == ["closed"]
    await desk.close()
