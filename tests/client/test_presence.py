"""Presence where things go wrong: kills, cuts, two windows, older rules, wrong clocks."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, PresenceSnapshot
from imbari_chat.client.presence.announcer import Announcer, Pace
from imbari_chat.client.presence.presence import ClientPresence
from imbari_chat.client.presence.watcher import Watcher
from imbari_chat.client.sending.ids import Ids
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed
from imbari_chat.errors import AccessDenied
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import EXPIRY, CustomerSign
from tests.client.conftest import RULES
from tests.client.in_memory import CUSTOMER, InMemory, database
from tests.client.scenarios.faces import eventually
from tests.client.scenarios.programs import Program
from tests.faults.proxy import Proxy

Stored = Callable[[str], Any]
S = SessionId("-NNNNNNNNNNNNNNNNNNN")
NOW = 1_800_000_000_000

OLD_RULES = RULES.replace('"presence": {', '"presence-of-later": {').replace(
    '"typing": {', '"typing-of-later": {'
)

both = pytest.mark.parametrize("transport_name", ["rest", "websocket"], indirect=True)
by_socket = pytest.mark.parametrize("transport_name", ["websocket"], indirect=True)


@pytest.fixture
def on(flags: dict[str, Any]) -> dict[str, Any]:
    """Settings with presence."""
    return {**flags, "presence": True}


def connections(stored: Stored, session: str) -> dict[str, Any]:
    there = stored("/presence/customers") or {}
    found = there.get(session, {}).get("connections", {})
    assert isinstance(found, dict)
    return found


@by_socket
async def test_a_customer_who_is_killed_is_gone(
    emulator: Emulator, on: dict[str, Any], stored: Stored
) -> None:
    """The service takes the sign away by itself."""
    program = """
    async def main():
        async with AsyncCustomerChat.from_env(**flags) as chat:
            session = await chat.start(name="A", email="a@example.com")
            say(id=session.id)
            await asyncio.Event().wait()
    asyncio.run(main())
    """
    async with Program(program, on) as killed:
        session = (await killed.said())["id"]
        await eventually(lambda: connections(stored, session) != {})
        killed.process.kill()
        await eventually(lambda: connections(stored, session) == {})


@both
async def test_who_has_two_windows_is_there_until_the_last_is_closed(
    on: dict[str, Any], stored: Stored
) -> None:
    """Each has a sign of its own."""
    customer = {**on, "profile": "same"}
    async with AsyncAdminChat.from_env(**on) as desk:
        async with AsyncCustomerChat.from_env(remember=True, **customer) as first:
            session = await first.start(name="Amina", email="amina@example.com")
            async with AsyncCustomerChat.from_env(remember=True, **customer) as second:
                await second.resume(session.id)
                await eventually(lambda: len(connections(stored, session.id)) == 2)
            await eventually(lambda: len(connections(stored, session.id)) == 1)
            assert (await desk.read_presence(session.id)).of(session.id) == "online"
        assert (await desk.read_presence(session.id)).of(session.id) == "gone"


@by_socket
async def test_on_the_next_connection_the_sign_is_given_anew(
    on: dict[str, Any], proxy: Proxy, stored: Stored
) -> None:
    """At another place, and armed there too: when that connection breaks it goes as well."""
    flags = {**on, "database_emulator": proxy.address, "timeout": 2.0}
    async with AsyncCustomerChat.from_env(**flags) as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
        seen: list[set[str]] = []
        for _ in range(2):
            await eventually(lambda: len(connections(stored, session.id)) == 1)
            seen.append(set(connections(stored, session.id)))
            await proxy.refuse()
            await eventually(lambda: connections(stored, session.id) == {})
            await proxy.mend()
            chat.reconnect_now()
        await eventually(lambda: len(connections(stored, session.id)) == 1)
        seen.append(set(connections(stored, session.id)))
        assert len(set.union(*seen)) == 3


@both
async def test_rules_that_know_nothing_of_presence_cost_nothing_but_presence(
    emulator: Emulator, on: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is off, said once, and seen in the status; messages go as ever, and so does listening."""
    emulator.load_rules(OLD_RULES)
    with caplog.at_level(logging.WARNING):
        async with (
            AsyncAdminChat.from_env(**on) as desk,
            AsyncCustomerChat.from_env(**on) as chat,
        ):
            session = await chat.start(name="Amina", email="amina@example.com")
            await desk.listen()
            await desk.show()
            await eventually(lambda: desk.status.presence == "refused")
            await eventually(lambda: chat.status.presence == "refused")
            assert "presence is refused" in str(desk.status)
            await chat.typing()
            assert (await chat.send("Hello")).delivery == "confirmed"
            assert (await desk.reply(session.id, "Hi")).delivery == "confirmed"
            assert desk.status.state == chat.status.state == "live"
            assert await desk.read_presence() == PresenceSnapshot()
    warned = [one for one in caplog.records if "presence" in one.getMessage()]
    assert len(warned) == 2


class Counted(InMemory):
    """Tells when it was written to, in seconds."""

    def __init__(self, *refusals: AccessDenied) -> None:
        super().__init__(database(), CUSTOMER, *refusals)
        self.at: list[float] = []

    async def update(self, changes: Any) -> None:
        self.at.append(asyncio.get_running_loop().time())
        await super().update(changes)


def announcer(transport: Counted, pace: Pace, refused: Callable[[AccessDenied], None]) -> Announcer:
    return Announcer(transport, pace, clock=lambda: NOW, given=lambda *_: None, refused=refused)


async def test_a_sign_is_given_no_faster_than_the_rules_take_it() -> None:
    """However often it changes; what is said last counts."""
    transport = Counted()
    transport.update = _taken(transport)  # type: ignore[method-assign]  # whatever the rules say
    signs = announcer(transport, Pace(interval=0.05, renewal=60), lambda _: None)
    for n in range(6):
        signs.say(CustomerSign(S, "online" if n % 2 else "away"))
        await asyncio.sleep(0.02)
    await eventually(lambda: len(transport.at) >= 3)
    await signs.close()
    gaps = [after - before for before, after in zip(transport.at, transport.at[1:], strict=False)]
    assert min(gaps[:-1]) >= 0.045  # the last one takes it away, which is free


def _taken(transport: Counted) -> Any:
    async def update(changes: Any) -> None:
        transport.at.append(asyncio.get_running_loop().time())

    return update


async def test_a_sign_is_renewed_and_one_refusal_is_not_the_end() -> None:
    """Another window may have been faster; several in a row are."""
    refused: list[AccessDenied] = []
    denied = AccessDenied("denied")
    transport = Counted(denied, denied, denied, denied)
    signs = announcer(transport, Pace(interval=0, retry=0.001, refusals=3), refused.append)
    signs.say(CustomerSign(S, "online"))
    await eventually(lambda: refused == [denied])
    assert transport.updates == 3
    await signs.close()
    transport = Counted(denied)
    transport_update = _taken(transport)
    signs = announcer(transport, Pace(interval=0, renewal=0.01, retry=0.001), refused.append)
    signs.say(CustomerSign(S, "online"))
    await eventually(lambda: len(transport.at) == 1)
    transport.update = transport_update  # type: ignore[method-assign]  # it is taken from now on
    await eventually(lambda: len(transport.at) > 4)
    await signs.close()
    assert len(refused) == 1


async def test_who_does_nothing_for_a_while_is_away_until_they_do_something() -> None:
    """Typing or sending is doing something."""
    transport = Counted()
    said: list[Any] = []

    async def update(changes: Any) -> None:
        said.extend(
            one["state"] for one in changes.values() if isinstance(one, dict) and "state" in one
        )

    transport.update = update  # type: ignore[method-assign]  # whatever the rules say
    presence = ClientPresence(
        transport, Ids(), "customer", enabled=True, pace=Pace(interval=0), idle=0.02
    )
    presence.shown(S)
    await eventually(lambda: said == ["online", "away"])
    presence.spoke(S)
    await eventually(lambda: said == ["online", "away", "online", "away"])
    await presence.close()


@pytest.mark.parametrize("wrong", [-3_600_000, -5_000, 0, 5_000, 3_600_000])
async def test_a_clock_that_is_wrong_makes_nobody_go(wrong: int) -> None:
    """What comes as it is given tells the time; others are judged by that."""
    server = NOW
    watcher = Watcher(Counted(), "admin", lambda: server + wrong, lambda _: None)
    heard: list[Any] = []
    watcher._hearers[heard.append] = None
    one: Any = {"at": server - 60_000, "state": "online"}
    first: Any = {S: {"at": server - 60_000, "connections": {"aa": one}}}
    watcher._take("customers", Changed(first, None))
    other = SessionId("-PPPPPPPPPPPPPPPPPPP")
    new: Any = {other: {"at": server, "connections": {"aa": {"at": server, "state": "away"}}}}
    watcher._take("customers", Changed({**first, **new}, frozenset({other})))
    assert watcher.snapshot.of(S) == "online"
    assert watcher.snapshot.of(other) == "away"
    typing: Any = {S: {"at": server, "customer": server}}
    server += 1000
    typing[S] = {"at": server, "customer": server}
    watcher._take("typing", Changed(typing, frozenset({S})))
    assert watcher.snapshot.is_typing(S)
    server += EXPIRY
    watcher.look()
    assert not watcher.snapshot.is_typing(S)
    assert watcher.snapshot.of(S) == watcher.snapshot.of(other) == "gone"
    await watcher.close()
