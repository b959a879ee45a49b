"""Either transport against a database that lets WebSockets through, or does not."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.choice import Step
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.errors import ClientClosed, ConfigError, ImbariError, Unavailable
from imbari_chat.identity import factory
from imbari_chat.net.auto import AutoTransport
from imbari_chat.net.transport import Done, Subscription
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import Control, hello
from imbari_chat.wire.paths import Path
from tests.client.scenarios.faces import WAIT, eventually
from tests.faults.gate import Gate
from tests.faults.proxy import Proxy
from tests.net.scripted import answer, serving
from tests.strangers import STRANGERS, Stranger

RULES = '{"rules": {"open": {".read": true, ".write": true}}}'
OPEN = Path.parse("/open")
INCREMENT: dict[Path, Json] = {OPEN / "x": {".sv": {"increment": 1}}}
QUICK = BackoffPolicy(first=0.02, cap=0.05)
LINK = LinkPolicy(connect_timeout=20.0, backoff=QUICK, hurry=0.05)
STREAM = StreamPolicy(connect_timeout=20.0, backoff=QUICK)


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(rules=RULES) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.reset()
    running.load_rules(RULES)
    return running


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    """No task of a transport, when all are closed."""
    yield
    names = [one.get_name() for one in asyncio.all_tasks()]
    assert not [one for one in names if one.startswith(("socket", "stream", "is REST", "leaving"))]


@asynccontextmanager
async def reaching(
    emulator: Emulator,
    address: str,
    folder: FilePath,
    *,
    timeout: float = 20.0,
    link: LinkPolicy | None = LINK,
) -> AsyncIterator[AutoTransport]:
    """A transport that is held to the rules, and is closed in time."""
    settings = Settings.load(
        project=emulator.project,
        database_emulator=address,
        auth_emulator=emulator.auth_host,
        data_dir=folder,
        token_store="file",
        timeout=timeout,
    )
    where = factory.project(settings)
    made = AutoTransport(
        lambda: factory.admin_access(settings),
        timeout=timeout,
        link=link,
        stream=STREAM,
        environment=where.http,
    )
    try:
        yield made
    finally:
        async with asyncio.timeout(10.0):
            await made.close()


@pytest.fixture
async def gate(emulator: Emulator) -> AsyncIterator[Gate]:
    """What stands before the database; open, unless a test shuts it."""
    async with Gate(emulator.database_host).running() as made:
        yield made


@pytest.fixture
async def way(emulator: Emulator, gate: Gate, tmp_path: FilePath) -> AsyncIterator[AutoTransport]:
    """A transport that has to pass there."""
    async with reaching(emulator, gate.address, tmp_path) as made:
        yield made


@pytest.fixture
async def other(emulator: Emulator, tmp_path: FilePath) -> AsyncIterator[AutoTransport]:
    """One that has not."""
    async with reaching(emulator, emulator.database_host, tmp_path) as made:
        yield made


async def _until(subscription: Subscription, value: Json) -> list[Any]:
    """What it says up to this value, live."""
    said: list[Any] = []
    async with asyncio.timeout(WAIT):
        async for item in subscription:
            said.append(item)
            values = [one.value for one in said if isinstance(one, Changed)]
            states = [one.state for one in said if isinstance(one, StateChanged)]
            if values[-1:] == [value] and states[-1:] in ([], ["live"]):
                return said
    raise AssertionError(f"it ended after {said}")


async def test_a_websocket_is_taken_where_it_gets_through(gate: Gate, way: AutoTransport) -> None:
    """One connection for all that is read, written and listened to."""
    assert str(way.way) == "no transport yet"
    await way.update({OPEN / "a": 1})
    assert await way.get(OPEN / "a") == 1
    subscription = way.listen(OPEN)
    assert [type(one) for one in await _until(subscription, {"a": 1})][-2:] == [
        Changed,
        StateChanged,
    ]
    assert str(way.way) == "websocket"
    assert len(gate.all) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("403 Forbidden", "status 403"),
        ("426 Upgrade Required", "status 426"),
        ("200 OK", "status 200"),
        ("302 Found\r\nLocation: http://portal.example/", "status 302"),
        ("", "no answer within 0.5 s"),
    ],
)
async def test_rest_is_taken_where_no_websocket_gets_through(
    answer: str, why: str, emulator: Emulator, gate: Gate, tmp_path: FilePath
) -> None:
    """All that was asked for meanwhile is done over it, once, and nobody hears of an outage."""
    gate.answer = answer
    link = LINK if answer else replace(LINK, greeting_timeout=0.5)
    async with reaching(emulator, gate.address, tmp_path, link=link) as way:
        heard = [asyncio.create_task(_until(way.listen(OPEN / "n"), 20)) for _ in range(5)]
        one: dict[Path, Json] = {OPEN / "n": {".sv": {"increment": 1}}}
        await asyncio.gather(*(way.update(one) for _ in range(20)))
        assert await way.get(OPEN / "n") == 20
        assert way.way.name == "rest"
        assert way.way.reason is not None
        assert why in way.way.reason
        for said in await asyncio.gather(*heard):
            states = [item.state for item in said if isinstance(item, StateChanged)]
            assert states[:1] == ["connecting"]
            assert set(states[1:]) <= {"live"}
        refused = gate.refused
        await _until(way.listen(OPEN / "n"), 20)
        assert gate.refused == refused


@pytest.mark.parametrize(
    "texts",
    [
        ['{"hello":{"version":6}}'],
        ['{"t":"c","d":{"t":"welcome","d":{"v":"6"}}}'],
        ["<html>"],
        [dumps({"t": "c", "d": {"t": "h", "d": {"v": "6"}}}), '{"answers":[]}'],
        [str(hello(1, "n", "s")), '{"t":"d","d":{"r":1,"b":{"s":"upgrade","d":"to version 6"}}}'],
        [str(hello(1, "n", "s")), '{"t":"d","d":{"r":1,"b":{"s":"ok","d":""}}}', '{"t":"x"}'],
        [str(hello(1, "n", "s"))],
        [str(Control("r", "elsewhere.example"))],
        [str(Control("s", "no sockets for you"))],
        [str(hello(1, "n", "s")), str(Control("s", "no sockets for you"))],
    ],
    ids=[
        *("unknown", "no greeting", "page", "version", "status", "later", "silence", "moved"),
        *("shut out", "shut out later"),
    ],
)
async def test_a_service_that_is_not_understood_is_asked_over_rest(
    texts: list[str], emulator: Emulator, tmp_path: FilePath
) -> None:
    """Whatever it says over the socket instead; and it is not asked there for ever."""
    link = replace(LINK, connect_timeout=0.5)
    async with (
        Gate(emulator.database_host, texts).running() as gate,
        reaching(emulator, gate.address, tmp_path, link=link) as way,
        reaching(emulator, emulator.database_host, tmp_path) as other,
    ):
        subscription = way.listen(OPEN)
        listening = asyncio.create_task(_until(subscription, 1))
        await eventually(lambda: way.way.name == "rest")
        await other.update({OPEN: 1})
        await listening
        assert await way.get(OPEN) == 1
        assert way._socket is None
        assert (way.way.reason or "").startswith("no WebSocket: ")


async def test_nothing_to_write_asks_for_nothing() -> None:
    """Not even which transport there is."""

    def who() -> Any:
        raise AssertionError("it was asked")

    transport = AutoTransport(who, timeout=20.0)
    await transport.update({})
    await transport.close()


async def test_a_service_that_does_not_greet_leaves_time_for_rest() -> None:
    """A caller's timeout is there for both."""
    transport = AutoTransport(lambda: AsyncMock(), timeout=20.0)
    assert transport._socket is not None
    greeting = transport._socket._policy.greeting_timeout
    assert greeting is not None
    assert 0 < greeting < 20.0 / 2
    await transport.close()


async def test_who_is_served_by_neither_is_told_so(emulator: Emulator, tmp_path: FilePath) -> None:
    """In the words of REST, which is asked when the socket does not serve this client."""
    elsewhere = '{"error":"it lives in a different region","correctUrl":"https://there.example"}'
    async with (
        serving(answer("404 Not Found", elsewhere)) as server,
        Gate(f"127.0.0.1:{server.port}", [str(Control("s", "no"))]).running() as gate,
        reaching(emulator, gate.address, tmp_path) as way,
    ):
        subscription = way.listen(OPEN)
        with pytest.raises(ConfigError, match="a different region"):
            await _until(subscription, None)
        with pytest.raises(ConfigError, match="a different region"):
            await way.get(OPEN)
        assert gate.refused <= 2


@pytest.mark.parametrize(
    "stranger", [one for one in STRANGERS if one.status < 300], ids=lambda one: one.name
)
async def test_a_stranger_that_answers_everything_is_not_taken_for_rest(
    stranger: Stranger, emulator: Emulator, tmp_path: FilePath
) -> None:
    """Nothing is what the service has where nobody wrote; anything else is somebody else's."""
    async with (
        Proxy(emulator.database_host) as proxy,
        reaching(emulator, proxy.address, tmp_path) as way,
    ):
        proxy.interpose(stranger.raw)
        with pytest.raises(Unavailable):
            await way.get(OPEN)
        assert str(way.way) == "no transport yet"
        await proxy.mend()
        await _until(way.listen(OPEN), None)
        assert str(way.way) == "websocket"


async def test_the_latest_value_is_had_again_before_the_next_transport_has_one(
    gate: Gate, way: AutoTransport
) -> None:
    """Whoever lays something over it need not wait, be it for an outage; once there is one."""
    await way.update({OPEN: {"a": 1}})
    subscription = way.listen(OPEN)
    subscription.again(frozenset("a"))
    await _until(subscription, {"a": 1})
    gate.requests = False
    gate.block("403 Forbidden")
    way._use(way._rest)  # as if it had just been decided, and then the network failed
    subscription.again(frozenset("a"))
    said = [await anext(subscription) for _ in range(2)]
    assert [getattr(one, "state", None) for one in said] == ["reconnecting", None]
    assert said[1] == Changed({"a": 1}, frozenset("a"))
    gate.requests = True
    said = await _until(subscription, {"a": 1})
    assert [one.touched for one in said if isinstance(one, Changed)] == [None]
    await subscription.close()
    subscription.again(frozenset("a"))
    assert [one async for one in subscription] == []


async def test_an_outage_is_an_outage_and_is_waited_for(gate: Gate, way: AutoTransport) -> None:
    """Callers are told at once, listeners are heard of, and the WebSocket is taken afterwards."""
    gate.away = True
    with pytest.raises(Unavailable) as caught:
        await way.update({OPEN / "a": 1})
    assert not caught.value.outcome_unknown
    listening = asyncio.create_task(_until(way.listen(OPEN / "a"), None))
    await eventually(lambda: way.subscriptions[0].state == "reconnecting")
    assert way.way.name is None
    gate.away = False
    said = await listening
    assert "reconnecting" in [one.state for one in said if isinstance(one, StateChanged)]
    assert str(way.way) == "websocket"


async def test_what_is_listened_to_is_moved_when_only_rest_gets_through(
    gate: Gate, way: AutoTransport, other: AutoTransport
) -> None:
    """Many at a time, those not begun and those that ended among them; and back when asked."""
    places = [OPEN / f"p{n}" for n in range(12)]
    listening = [way.listen(place) for place in places]
    later, left = way.listen(OPEN / "later"), way.listen(OPEN / "left")
    await asyncio.gather(*(_until(one, None) for one in (*listening, left)))
    await left.close()
    gate.block("403 Forbidden")
    await other.update(dict.fromkeys(places, 1))
    said = await asyncio.gather(*(_until(one, 1) for one in listening))
    await eventually(lambda: way.way.name == "rest")
    for items in said:
        states = [one.state for one in items if isinstance(one, StateChanged)]
        assert "connecting" not in states
        assert states[0] == "reconnecting"
        assert states[-1] == "live"
    assert gate.refused >= 3  # while REST is asked, it may be tried again
    assert set(way.subscriptions) == {*listening, later}
    await other.update({OPEN / "later": 1})
    await _until(later, 1)
    await way.update({OPEN / "q": 1})

    gate.answer = None
    await asyncio.sleep(0.2)
    assert way.way.name == "rest"  # not by itself
    way.reconnect_now()
    way.reconnect_now()
    await other.update(dict.fromkeys(places, 2))
    await asyncio.gather(*(_until(one, 2) for one in listening))
    await eventually(lambda: way.way.name == "websocket")
    await other.update(dict.fromkeys(places, 3))
    await asyncio.gather(*(_until(one, 3) for one in listening))


async def test_asking_to_reconnect_ends_the_wait_of_a_websocket_in_use(
    emulator: Emulator, gate: Gate, tmp_path: FilePath
) -> None:
    """There is nothing to choose: the one there is looks again."""
    link = replace(LINK, backoff=BackoffPolicy(first=1000.0, cap=1000.0))
    async with reaching(emulator, gate.address, tmp_path, link=link) as way:
        subscription = way.listen(OPEN)
        await _until(subscription, None)
        gate.leave()
        await eventually(lambda: (subscription.retry_in or 0.0) > 1.0)
        gate.away = False
        assert subscription.state == "reconnecting"
        way.reconnect_now()
        await eventually(lambda: subscription.state == "live")
        assert way.way.name == "websocket"


async def test_who_is_busy_is_moved_as_well(
    gate: Gate, way: AutoTransport, other: AutoTransport
) -> None:
    """Nobody reads what is said; what is said meanwhile is there when somebody does."""
    subscription = way.listen(OPEN)
    await _until(subscription, None)
    gate.block("403 Forbidden")
    await eventually(lambda: (way.way.name, subscription.state) == ("rest", "live"))
    await other.update({OPEN: 1})
    await _until(subscription, 1)


async def test_asking_for_the_websocket_in_vain_disturbs_nobody(
    gate: Gate, way: AutoTransport
) -> None:
    """One attempt for each time, and the reason is the latest."""
    gate.answer = "403 Forbidden"
    subscription = way.listen(OPEN)
    await _until(subscription, None)
    gate.answer, before = "426 Upgrade Required", gate.refused
    way.reconnect_now()
    await eventually(lambda: "426" in (way.way.reason or ""))
    assert subscription.state == "live"
    assert gate.refused == before + 1
    await way.update({OPEN: 5})
    said = await _until(subscription, 5)
    assert not [one for one in said if getattr(one, "state", "live") == "reconnecting"]


async def test_a_write_that_was_sent_is_not_sent_again(
    way: AutoTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is lost while everything is taken to REST: whoever wrote it looks first."""
    await way.get(OPEN)
    update = WebSocketTransport.update

    async def unanswered(socket: WebSocketTransport, changes: Mapping[Path, Json]) -> None:
        await update(socket, changes)
        way._take(Step.USE_REST)
        raise Unavailable("no answer", outcome_unknown=True)

    monkeypatch.setattr(WebSocketTransport, "update", unanswered)
    with pytest.raises(Unavailable) as caught:
        await way.update(INCREMENT)
    assert caught.value.outcome_unknown
    assert await way.get(OPEN / "x") == 1


async def test_a_write_is_on_the_websocket_before_whoever_made_it_goes_on(
    way: AutoTransport,
) -> None:
    """No task is begun for it, and so none has to run before what is asked next."""
    await way.get(OPEN)
    told: asyncio.Future[ImbariError | None] = asyncio.get_running_loop().create_future()
    tasks = asyncio.all_tasks()
    way.submit(INCREMENT, told.set_result)
    assert asyncio.all_tasks() == tasks
    assert await way.get(OPEN / "x") == 1
    assert await told is None


async def test_a_write_that_takes_the_other_way_keeps_the_deadline_it_began_with(
    way: AutoTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first way is given up unsent, and the second never answers."""
    await way.get(OPEN)
    monkeypatch.setattr(way, "_deadline", lambda: time.monotonic() + 0.05)
    sent: list[Done] = []
    first = SimpleNamespace(submit=lambda _, done: sent.append(done))
    way._in_use = first  # type: ignore[assignment]
    told: asyncio.Future[ImbariError | None] = asyncio.get_running_loop().create_future()
    way.submit(INCREMENT, told.set_result)
    way._in_use = SimpleNamespace(update=lambda _: asyncio.Event().wait())  # type: ignore[assignment]
    sent[0](Unavailable("it was given up"))
    error = await asyncio.wait_for(told, WAIT)
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown
    assert "no answer" in str(error)


@pytest.mark.parametrize("answer", [None, "403 Forbidden"], ids=["websocket", "rest"])
async def test_a_write_before_anything_is_decided_is_made_once(
    answer: str | None, gate: Gate, way: AutoTransport
) -> None:
    gate.answer = answer
    told: asyncio.Queue[ImbariError | None] = asyncio.Queue()
    for _ in range(20):
        way.submit(INCREMENT, told.put_nowait)
    async with asyncio.timeout(WAIT):
        assert [await told.get() for _ in range(20)] == [None] * 20
    assert await way.get(OPEN / "x") == 20


@pytest.mark.parametrize("is_decided", [True, False])
async def test_an_error_waits_only_for_what_may_still_decide(
    emulator: Emulator, gate: Gate, tmp_path: FilePath, is_decided: bool
) -> None:
    """Where the WebSocket has been taken, a doubt about it keeps nobody."""
    async with reaching(emulator, gate.address, tmp_path, timeout=600.0) as way:
        way._choice.chosen = "websocket" if is_decided else None
        way._choice._is_asking = True
        asking = way._asking = asyncio.create_task(asyncio.sleep(600))
        refusing = AsyncMock(side_effect=Unavailable("it is away"))
        way._in_use = SimpleNamespace(get=refusing)  # type: ignore[assignment]
        getting = asyncio.create_task(way.get(OPEN))
        for _ in range(20):
            await asyncio.sleep(0)
        assert getting.done() is is_decided
        asking.cancel()
        with pytest.raises(Unavailable, match="it is away"):
            await getting


@pytest.mark.parametrize("sent", [True, False])
async def test_a_write_whose_websocket_is_given_up_is_made_over_rest_if_it_was_not_sent(
    sent: bool, gate: Gate, way: AutoTransport
) -> None:
    """What was sent has an unknown outcome, and whoever wrote it looks first."""
    listening = asyncio.create_task(_until(way.listen(OPEN / "x"), 1))
    await way.get(OPEN)
    told: asyncio.Future[ImbariError | None] = asyncio.get_running_loop().create_future()
    if not sent:
        gate.block("")
        await eventually(lambda: gate.refused == 1)  # it dials, and what is asked now waits
    way.submit(INCREMENT, told.set_result)
    way._take(Step.USE_REST)
    async with asyncio.timeout(WAIT):
        error = await told
    if sent:
        assert isinstance(error, Unavailable)
        assert error.outcome_unknown
    else:
        assert error is None
    await listening


async def test_a_write_that_waits_for_a_websocket_is_taken_back_unsent(
    gate: Gate, way: AutoTransport
) -> None:
    """Nor is it made over REST, should that come after it."""
    await way.get(OPEN)
    told: list[ImbariError | None] = []
    gate.block("")
    listening = asyncio.create_task(_until(way.listen(OPEN / "x"), 1))
    await eventually(lambda: gate.refused == 1)
    assert way.submit(INCREMENT, told.append)() is False
    way._take(Step.USE_REST)
    await way.update({OPEN / "y": 1})
    assert await way.get(OPEN) == {"y": 1}
    assert told == []
    listening.cancel()


@pytest.mark.parametrize("when", ["not used", "undecided", "asking", "rest", "trying", "websocket"])
async def test_it_is_closed_at_once_whatever_it_is_doing(
    when: str, emulator: Emulator, tmp_path: FilePath
) -> None:
    """Callers and listeners are told, and no task or thread is left."""
    answer = {"undecided": "", "rest": "403 No", "trying": "403 No", "asking": "403 No"}.get(when)
    async with Gate(emulator.database_host, answer).running() as gate:
        threads = set(threading.enumerate())
        async with reaching(emulator, gate.address, tmp_path, timeout=30.0, link=None) as way:
            subscription = way.listen(OPEN)
            calls: list[asyncio.Task[Any]] = []
            if when != "not used":
                calls = [
                    asyncio.create_task(_until(subscription, "never")),
                    asyncio.create_task(way.get(OPEN)),
                ]
            await eventually(lambda: _has_come(way, gate, when))
            if when == "trying":
                gate.answer, before = "", gate.refused
                way.reconnect_now()
                await eventually(lambda: gate.refused > before)
            async with asyncio.timeout(5):
                await way.close()
            await asyncio.gather(*calls, return_exceptions=True)
            assert subscription.state == "closed"
            with pytest.raises(ClientClosed):
                await way.get(OPEN)
            with pytest.raises(ClientClosed):
                way.listen(OPEN)
            way.reconnect_now()
            del calls
        gc.collect()
        await eventually(lambda: not set(threading.enumerate()) - threads)


@pytest.mark.parametrize("what", ["left", "asked"])
async def test_closing_waits_for_what_takes_its_time(what: str, way: AutoTransport) -> None:
    """What is being left meanwhile comes to its end; what is asked is cancelled, and cleans up."""
    ended: list[bool] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(0.01 if what == "left" else WAIT)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    if what == "left":
        way._leaving.start(slow())
    else:
        way._asking = asyncio.create_task(slow())
        await asyncio.sleep(0)
    await way.close()
    assert ended == [True]


def _has_come(way: AutoTransport, gate: Gate, when: str) -> bool:
    match when:
        case "undecided":
            return gate.refused > 0
        case "asking":
            return way._asking is not None
        case "rest" | "trying":
            return way.way.name == "rest"
        case "websocket":
            return way.way.name == "websocket"
        case _:
            return True
