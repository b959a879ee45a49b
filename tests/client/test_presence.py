"""Presence where things go wrong: kills, cuts, two windows, older rules, wrong clocks."""

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, PresenceSnapshot
from imbari_chat.client.presence import presence as module
from imbari_chat.client.presence.announcer import Announcer, Pace
from imbari_chat.client.presence.presence import ClientPresence
from imbari_chat.client.presence.watcher import Watcher
from imbari_chat.client.sending.ids import Ids
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed
from imbari_chat.errors import AccessDenied
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import EXPIRY, CustomerSign
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
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


class Noted(InMemory):
    """Takes every write but the first few, and notes what and when.

    Args:
        refusals: What becomes of the first.
    """

    def __init__(self, *refusals: AccessDenied) -> None:
        super().__init__(database(), CUSTOMER)
        self._refusals = list(refusals)
        self.at: list[float] = []
        self.states: list[str] = []

    async def update(self, changes: Any) -> None:
        self.at.append(asyncio.get_running_loop().time())
        if self._refusals:
            raise self._refusals.pop(0)
        self.states += [
            one["state"] for one in changes.values() if isinstance(one, dict) and "state" in one
        ]


def announcer(transport: Noted, pace: Pace, refused: list[AccessDenied]) -> Announcer:
    return Announcer(
        transport,
        pace,
        clock=lambda: NOW,
        giving=lambda _: None,
        given=lambda *_: None,
        refused=refused.append,
    )


async def test_a_sign_is_given_no_faster_than_the_rules_take_it() -> None:
    """However often it changes."""
    transport = Noted()
    signs = announcer(transport, Pace(interval=0.05), [])
    for n in range(12):
        signs.say(CustomerSign(SessionId(f"-{n:019}"), "online"))
        await asyncio.sleep(0.02)
    await eventually(lambda: len(transport.at) >= 4)
    times = list(transport.at)
    await signs.close()
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= 0.05


async def test_typing_is_told_now_and_then_and_anew_after_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many keys are pressed; what is typed after a message is another one."""
    transport = Noted()
    presence = ClientPresence(transport, Ids(), "customer", enabled=True)

    async def told() -> int:
        await asyncio.sleep(0)  # it is written beside the call
        return len(transport.at)

    for _ in range(20):
        presence.types(S)
    assert await told() == 1
    presence.types(SessionId(f"{S[:-1]}M"))
    assert await told() == 2
    presence.spoke(S)
    presence.types(S)
    presence.types(S)
    assert await told() == 3
    monkeypatch.setattr(module, "_TYPING_INTERVAL", 0.0)
    presence.types(S)
    assert await told() == 4
    await presence.close()


async def test_a_sign_is_renewed_though_nothing_changes() -> None:
    """And not after it was taken away."""
    transport = Noted()
    signs = announcer(transport, Pace(interval=0, renewal=0.01), [])
    signs.say(CustomerSign(S, "online"))
    await eventually(lambda: len(transport.states) > 4)
    signs.say(None)
    await eventually(lambda: len(transport.at) > len(transport.states))
    taken = len(transport.at)
    await signs.close()
    assert len(transport.at) == taken


async def test_one_refusal_is_not_the_end_but_several_in_a_row_are() -> None:
    """Another window of the same person may have been faster, once."""
    denied, refused = AccessDenied("denied"), list[AccessDenied]()
    pace = Pace(interval=0, retry=0.001, renewal=0.01, refusals=3)
    transport = Noted(denied, denied)
    signs = announcer(transport, pace, refused)
    signs.say(CustomerSign(S, "online"))
    await eventually(lambda: len(transport.states) > 1)
    await signs.close()
    assert refused == []
    transport = Noted(*[denied] * 9)
    signs = announcer(transport, pace, refused)
    signs.say(CustomerSign(S, "online"))
    await eventually(lambda: refused == [denied])
    await signs.close()
    assert len(transport.at) == 3


async def test_who_does_nothing_for_a_while_is_away_until_they_do_something() -> None:
    """Sending is doing something, as is typing."""
    transport = Noted()
    presence = ClientPresence(
        transport, Ids(), "customer", enabled=True, pace=Pace(interval=0), idle=0.2
    )
    presence.shown(S)
    await eventually(lambda: transport.states == ["online", "away"])
    presence.spoke(S)
    await eventually(lambda: transport.states == ["online", "away"] * 2)
    presence.types(S)
    await eventually(lambda: transport.states == ["online", "away"] * 3)
    await presence.close()


@pytest.mark.parametrize("wrong", [-3_600_000, -5_000, 0, 5_000, 3_600_000])
async def test_a_clock_that_is_wrong_makes_nobody_go(wrong: int) -> None:
    """What comes as it is given tells the time; others are judged by that."""
    server = NOW
    watcher = Watcher(Noted(), "admin", lambda: server + wrong, lambda _: None)
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


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        (NOW, "online"),
        (NOW + EXPIRY, "gone"),
        (NOW - 10 * EXPIRY, "online"),  # the sign itself tells that it is later
    ],
)
async def test_a_look_judges_signs_by_the_latest_time_there_is(clock: int, state: str) -> None:
    """This machine's clock, or that of a sign, whichever is ahead."""

    class Stored(Noted):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            one: Json = {"at": NOW, "connections": {"aa": {"at": NOW, "state": "online"}}}
            return one if str(path).startswith("/presence/customers/") else None

    class Late(Ids):
        def now(self) -> int:
            return clock

    presence = ClientPresence(Stored(), Late(), enabled=True)
    assert (await presence.read(S)).of(S) == state


async def test_how_far_behind_this_clock_is_follows_the_least_of_it() -> None:
    """What comes late came late; nobody's sign comes too early."""
    now = NOW
    watcher = Watcher(Noted(), "admin", lambda: now, lambda _: None)

    def comes(at: int, touched: frozenset[str] | None) -> int | None:
        one: Any = {S: {"at": at, "connections": {"aa": {"at": at, "state": "online"}}}}
        watcher._take("customers", Changed(one, touched))
        return watcher._behind

    touched = frozenset({S})
    assert comes(NOW - 50, None) is None  # that was there before
    assert comes(NOW - 40, touched) == 40
    now += 100
    assert comes(NOW - 10, touched) == 40
    assert comes(NOW + 70, touched) == 30
    assert comes(NOW + 60, touched) == 30
    assert comes(NOW + 105, touched) == -5


async def test_what_is_heard_for_presence_alone_is_known_to_be() -> None:
    """It says nothing of how messages are heard."""

    class Silent:
        async def __aenter__(self) -> "Silent":
            return self

        async def __aexit__(self, *_: object) -> None: ...

        def __aiter__(self) -> "Silent":
            return self

        async def __anext__(self) -> object:
            await asyncio.Event().wait()
            raise StopAsyncIteration

    class Listening(Noted):
        def listen(self, path: Path, query: Query | None = None, **_: object) -> Any:
            listened[str(path)] = Silent()
            return listened[str(path)]

    listened: dict[str, Silent] = {}
    transport: Any = Listening()
    presence = ClientPresence(transport, Ids(), enabled=True)
    presence.watch(lambda _: None)
    await eventually(lambda: len(presence.subscriptions) == 3)
    heard: Any = set(presence.subscriptions)
    assert heard == set(listened.values())
    assert set(listened) == {"/presence/customers", "/presence/admins", "/typing"}
    await presence.close()
