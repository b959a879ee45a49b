"""The WebSocket transport against a server that does what a script says."""

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from imbari_chat.clock import local_time
from imbari_chat.engine import credentials
from imbari_chat.engine.access import SocketRequest, StreamRequest
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.effects import Changed, Ended, StateChanged
from imbari_chat.engine.link_effects import Attempt, LinkPolicy, Told
from imbari_chat.engine.listens import hash_of
from imbari_chat.engine.places import SocketPlace
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.engine.requests import Answered
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ClientClosed,
    ConfigError,
    ImbariError,
    InvalidData,
    Unavailable,
)
from imbari_chat.net import process, websocket
from imbari_chat.net.line import Line
from imbari_chat.net.transport import Subscription
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import hello
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

WAIT = 60.0
PLACE = Path.parse("/x")
QUICK = LinkPolicy(connect_timeout=20.0, backoff=BackoffPolicy(first=0.01, cap=0.02))

Script = Callable[["Talk"], Awaitable[None]]


class Speaker:
    """Somebody whose credential is the word owner."""

    uid: str | None = "u"
    account: str | None = None

    def __init__(self, host: str) -> None:
        self.place = SocketPlace(host, "n", secure=False)
        self.expires_at: float | None = None
        self.renewed = 0
        self.closed = False

    def get_shallow(self, path: Path) -> Json:
        raise NotImplementedError

    def get(self, path: Path, query: Query | None = None) -> Json:
        raise NotImplementedError

    def update(self, changes: Mapping[Path, Json]) -> None:
        raise NotImplementedError

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        raise NotImplementedError

    def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
        raise NotImplementedError

    def socket(self) -> SocketRequest:
        return SocketRequest(self.place, "gauth", {"cred": f"owner {self.renewed}"})

    def renew(self) -> None:
        self.renewed += 1

    def close(self) -> None:
        self.closed = True


@dataclass
class Talk:
    """One connection, as a script sees it."""

    connection: ServerConnection
    asked: list[Any] = field(default_factory=list)

    async def greet(self) -> None:
        await self.connection.send(str(hello(1, "127.0.0.1", "s")))

    async def hear(self, action: str) -> Any:
        """The next request of this kind; those before it are answered."""
        while True:
            text = await self.connection.recv()
            if len(text) < 7:
                continue
            inner = json.loads(text)["d"]
            self.asked.append(inner)
            if inner["a"] == action:
                return inner
            await self.answer(inner)

    async def answer(self, inner: Any, data: Json = "", status: str = "ok") -> None:
        body: Json = {"r": inner["r"], "b": {"s": status, "d": data}}
        await self.connection.send(dumps({"t": "d", "d": body}))

    async def begin(self, value: Json) -> Any:
        """Up to the first value, and the ok. Returns what was asked."""
        await self.greet()
        asked = await self.hear("q")
        await self.connection.send(_push(value))
        await self.answer(asked, {})
        return asked

    async def go_on(self) -> None:
        """Answer whatever is asked, until the end."""
        while True:
            await self.hear("nothing")


def _push(value: Json, at: str = "x") -> str:
    return dumps({"t": "d", "d": {"a": "d", "b": {"p": at, "d": value}}})


@dataclass
class Server:
    """Where it is, and how often it was dialed."""

    host: str = ""
    dialed: int = 0
    talks: list[Talk] = field(default_factory=list)


@asynccontextmanager
async def serving(*scripts: Script, answer: Response | None = None) -> AsyncIterator[Server]:
    """Serve connection after connection, each as its script says; the last goes on for ever."""
    server = Server()

    async def talk(connection: ServerConnection) -> None:
        one = Talk(connection)
        server.talks.append(one)
        try:
            await scripts[min(len(server.talks), len(scripts)) - 1](one)
        except ConnectionClosed:
            return

    def dialed(_: ServerConnection, request: Request) -> Response | None:
        server.dialed += 1
        return answer

    async with serve(talk, "127.0.0.1", 0, process_request=dialed, close_timeout=0.1) as running:
        server.host = f"127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"
        yield server


@asynccontextmanager
async def over(
    server: Server, policy: LinkPolicy = QUICK, watch: Callable[[Attempt], None] | None = None
) -> AsyncIterator[WebSocketTransport]:
    transport = WebSocketTransport(
        lambda: Speaker(server.host), timeout=20.0, policy=policy, watch=watch
    )
    try:
        yield transport
    finally:
        await transport.close()


async def _until(subscription: Subscription, wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(WAIT):
        async for item in subscription:
            if wanted(item):
                return item
    raise AssertionError("it ended")


def _in(state: str) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, StateChanged) and item.state == state


async def _simple(talk: Talk) -> None:
    await talk.begin("first")
    await talk.go_on()


async def test_a_message_in_fragments_is_put_together() -> None:
    """However they are cut, also within a character, with a ping in between."""

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        data, protocol = _push("zwölf 😀").encode(), talk.connection.protocol
        protocol.send_text(data[:1], fin=False)
        for at in range(1, len(data) - 1):
            protocol.send_ping(b"")
            protocol.send_continuation(data[at : at + 1], fin=False)
        protocol.send_continuation(data[-1:], fin=True)
        talk.connection.send_data()
        await talk.go_on()

    async with serving(script) as server, over(server) as transport:
        subscription = transport.listen(PLACE)
        changed = await _until(
            subscription, lambda item: isinstance(item, Changed) and item.value != "first"
        )
        assert changed.value == "zwölf 😀"
        assert server.dialed == 1


async def test_what_a_server_closes_with_is_told() -> None:
    """As the reason, on one line; the next connection is made."""

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        await talk.connection.close(4000, "enough\nfor now")

    async with serving(script, _simple) as server, over(server) as transport:
        subscription = transport.listen(PLACE)
        away = await _until(subscription, _in("reconnecting"))
        assert away.reason == "the service closed the connection (4000: enough for now)"
        await _until(subscription, _in("live"))
        assert server.dialed == 2


@pytest.mark.parametrize("message", [b"bytes", "x" * 5000, "not a message"])
async def test_what_no_server_sends_is_an_outage(message: str | bytes) -> None:
    """Bytes, a message beyond all bounds, and no message at all."""

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        await talk.connection.send(message)
        await talk.go_on()

    policy = LinkPolicy(connect_timeout=20.0, backoff=QUICK.backoff, longest=4000)
    async with serving(script, _simple) as server, over(server, policy) as transport:
        subscription = transport.listen(PLACE)
        away = await _until(subscription, _in("reconnecting"))
        assert away.reason
        await _until(subscription, _in("live"))


async def test_a_redirect_is_not_followed() -> None:
    """What is said on a socket is a credential."""
    async with serving(_simple) as elsewhere:
        there = Headers([("Location", f"ws://{elsewhere.host}/.ws")] * 2)
        moved = Response(HTTPStatus.TEMPORARY_REDIRECT, "Moved", there, b"")
        async with serving(_simple, answer=moved) as server, over(server) as transport:
            with pytest.raises(Unavailable, match="status 307"):
                await transport.get(PLACE)
            assert server.dialed == 1
        assert elsewhere.dialed == 0


async def test_an_answer_that_opens_no_socket_is_an_outage() -> None:
    """Whoever gives it; what helps is said."""
    body = b'{"error":"404 Not Found"}'
    kind = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    no = Response(HTTPStatus.NOT_FOUND, "Not Found", kind, body)
    async with serving(_simple, answer=no) as server, over(server) as transport:
        with pytest.raises(Unavailable) as caught:
            await transport.update({PLACE: 1})
        assert not caught.value.outcome_unknown
        assert "transport=rest" in str(caught.value)


@pytest.mark.parametrize("sent", [True, False])
async def test_a_write_that_is_taken_back_is_not_made_unless_it_was_sent(sent: bool) -> None:
    """While there is no connection it waits, and whoever takes it back then is told so."""

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        await talk.go_on()

    async with serving(script) as server, over(server) as transport:
        await transport.open()
        if sent:
            await _until(transport.listen(PLACE), _in("live"))
        told: list[ImbariError | None] = []
        withdraw = transport.submit({PLACE: 1}, told.append)
        assert withdraw() is sent
        assert withdraw() is False
        if not sent:
            await _until(transport.listen(PLACE), _in("live"))
            assert "m" not in [one["a"] for one in server.talks[0].asked]
        assert told == []


async def test_a_write_that_cannot_be_made_is_told_at_once() -> None:
    """Whoever submits it hears of it as of any other; there is nothing to take back."""
    root = Path(())
    async with serving(_simple) as server, over(server) as transport:
        await transport.open()
        told: list[ImbariError | None] = []
        assert transport.submit({root: 1}, told.append)() is False
        await transport.close()
        assert transport.submit({PLACE: 1}, told.append)() is False
        assert [type(one) for one in told] == [InvalidData, ClientClosed]


async def test_nothing_to_write_asks_for_nothing() -> None:
    """Not even who is asking."""

    def who() -> Speaker:
        raise AssertionError("it was asked")

    transport = WebSocketTransport(who, timeout=20.0)
    await transport.update({})
    assert transport._policy.connect_timeout == 20.0
    await transport.close()


async def refusing(talk: Talk) -> None:
    """Serve somebody who may do nothing."""
    await talk.greet()
    await talk.answer(await talk.hear("gauth"))
    while True:
        asked = json.loads(await talk.connection.recv())["d"]
        await talk.answer(asked, "no", status="permission_denied")


@pytest.mark.parametrize("act", ["update", "submit", "get", "set", "swap"])
async def test_a_refusal_names_who_asked(act: str) -> None:
    """Though it was not known before."""

    async with serving(refusing) as server, over(server) as transport:
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "update": lambda: transport.update({PLACE: 1}),
            "submit": lambda: _submitted(transport),
            "get": lambda: transport.get(PLACE),
            "set": lambda: transport.on_disconnect.set(PLACE, 1),
            "swap": lambda: transport.compare_and_set(PLACE, 1, 2),
        }
        with pytest.raises(AccessDenied, match="the user u "):
            await acts[act]()


async def _submitted(transport: WebSocketTransport) -> None:
    ended: asyncio.Future[ImbariError | None] = asyncio.get_running_loop().create_future()
    transport.submit({PLACE: 1}, ended.set_result)
    error = await ended
    assert error is not None
    raise error


@pytest.mark.parametrize(
    ("stored", "expected", "status", "made"),
    [
        ({"a": 1}, {"a": 1}, "ok", True),
        (["x", "y"], {"0": "x", "1": "y"}, "ok", True),
        (None, {}, "ok", True),
        ({"a": 1}, {"a": 1}, "datastale", False),
        ({"a": 1}, {"a": 2}, None, False),
        (1, True, None, False),
        (None, 0, None, False),
    ],
)
async def test_a_swap_is_made_over_what_is_expected(
    stored: Json, expected: Json, status: str | None, made: bool
) -> None:
    """And of no other, nor if somebody writes in between."""
    swaps: list[Any] = []

    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.answer(await talk.hear("g"), stored)
        asked = await talk.hear("p")
        swaps.append(asked["b"])
        await talk.answer(asked, "", status=str(status))
        await talk.go_on()

    async with serving(script) as server, over(server) as transport:
        assert await transport.compare_and_set(PLACE, expected, 5) is made
    swap: Json = {"p": "/x", "d": 5, "h": hash_of(stored)}
    assert swaps == ([] if status is None else [swap])


@pytest.mark.parametrize("act", ["update", "set", "swap"])
async def test_a_write_whose_answer_is_lost_may_have_been_made(act: str) -> None:
    """Of whatever kind it is; nobody makes it again."""

    async def losing(talk: Talk) -> None:
        await talk.greet()
        await talk.hear({"update": "m", "set": "o", "swap": "p"}[act])
        await talk.connection.close()

    async with serving(losing, _simple) as server, over(server) as transport:
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "update": lambda: transport.update({PLACE: 1}),
            "set": lambda: transport.on_disconnect.set(PLACE, 1),
            "swap": lambda: transport.compare_and_set(PLACE, "", 2),
        }
        with pytest.raises(Unavailable) as caught:
            await acts[act]()
        assert caught.value.outcome_unknown
        with pytest.raises(InvalidData, match="cannot delete"):
            await transport.compare_and_set(PLACE, 1, None)


@pytest.mark.parametrize("act", ["get", "update"])
@pytest.mark.parametrize("leaves", [None, 0.1])
async def test_what_nobody_answers_ends(
    monkeypatch: pytest.MonkeyPatch, leaves: float | None, act: str
) -> None:
    """When nothing was heard, and nothing left, for as long; a read has done nothing."""
    monkeypatch.setattr(websocket, "GRACE", 0.1)
    begin = time.monotonic()
    monkeypatch.setattr(Line, "moved_at", lambda _: None if leaves is None else begin + leaves)

    async def mute(talk: Talk) -> None:
        await talk.greet()
        await talk.hear({"get": "g", "update": "m"}[act])
        await talk.connection.wait_closed()

    async with serving(mute) as server:
        transport = WebSocketTransport(lambda: Speaker(server.host), timeout=0.2, policy=QUICK)
        begin = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as caught:
            await (transport.get(PLACE) if act == "get" else transport.update({PLACE: 1}))
        assert time.monotonic() - begin >= 0.2 + 0.1 + (leaves or 0.0)
        assert act == "update" or not caught.value.outcome_unknown
        await transport.close()


async def test_what_nobody_waits_for_any_more_is_not_asked() -> None:
    """Whoever went before there was a connection wants nothing of it."""

    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.go_on()

    async with serving(script) as server, over(server) as transport:
        await transport.open()
        calls = [
            asyncio.create_task(one) for one in (transport.get(PLACE), transport.update({PLACE: 1}))
        ]
        while len(transport._pending._waiting) < len(calls):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert await transport.get(PLACE / "y") == ""
        asked = [(one["a"], one["b"].get("p")) for one in server.talks[0].asked]
        assert asked[1:] == [("g", "/x/y")]


async def test_who_listens_no_more_is_not_served_any_more() -> None:
    """The server is told, though others listen elsewhere; and the others hear on."""
    gone: list[Any] = []

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        second = await talk.hear("q")
        await talk.connection.send(_push("other", "x/y"))
        await talk.answer(second, {})
        gone.append((await talk.hear("n"))["b"]["p"])
        await talk.connection.send(_push("second"))
        await talk.go_on()

    async with serving(script) as server, over(server) as transport:
        here, elsewhere = transport.listen(PLACE), transport.listen(PLACE / "y")
        await _until(here, _in("live"))
        await _until(elsewhere, _in("live"))
        await elsewhere.close()
        await _until(here, lambda item: isinstance(item, Changed) and item.value == "second")
    assert gone == ["/x/y"]


async def test_what_is_told_to_a_listener_that_has_ended_is_for_nobody() -> None:
    """The link may have said it in the same breath as what ended it."""
    async with serving(_simple) as server, over(server) as transport:
        here, other = transport.listen(PLACE), transport.listen(PLACE)
        await _until(here, _in("live"))
        await _until(other, _in("live"))
        await here.close()
        transport._carry_out(Told(here._hearer, StateChanged("stale")))
        transport._carry_out(Told(other._hearer, StateChanged("stale")))
        assert [here.state, other.state] == ["closed", "stale"]


async def test_whoever_listens_in_vain_is_told_and_kept_no_more() -> None:
    """Closed or not: a long-lived client may have asked for much that it may not see."""

    async with serving(refusing) as server, over(server) as transport:
        for place in ("a", "b"):
            with pytest.raises(AccessDenied):
                await asyncio.wait_for(_rest(transport.listen(PLACE / place)), WAIT)
        assert transport._hearers == {}
    async with serving(_simple) as server, over(server) as transport:
        here = transport.listen(PLACE)
        await _until(here, _in("live"))
        waiting = asyncio.create_task(_rest(here))
        await asyncio.sleep(0)
        transport._carry_out(Told(here._hearer, Ended(AccessDenied("not any more"))))
        with pytest.raises(AccessDenied):
            await asyncio.wait_for(waiting, WAIT)


async def test_the_greeting_tells_the_services_time() -> None:
    """As it was at some moment since the dial."""
    async with serving(_simple) as server, over(server) as transport:
        begin, before = local_time(), transport.stamp
        await _until(transport.listen(PLACE), _in("live"))
        stamp = transport.stamp
        assert before is None
        assert stamp is not None
        assert stamp.timestamp == 1
        assert begin <= stamp.made <= stamp.read <= local_time()


async def test_a_credential_is_replaced_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same connection, and nobody who listens hears of it."""
    monkeypatch.setattr(credentials, "_LAST_SECONDS", 0.01)

    async def script(talk: Talk) -> None:
        await talk.begin("first")
        await talk.answer(await talk.hear("gauth"))
        await talk.connection.send(_push("second"))
        await talk.go_on()

    class Ending(Speaker):
        def __init__(self, host: str) -> None:
            super().__init__(host)
            self.expires_at = time.time() + 1000.0

    policy = LinkPolicy(connect_timeout=20.0, backoff=QUICK.backoff, renew_before=1000.0)
    async with serving(script) as server:
        transport = WebSocketTransport(lambda: Ending(server.host), timeout=20.0, policy=policy)
        states: list[str] = []
        subscription = transport.listen(PLACE)
        async with asyncio.timeout(WAIT):
            async for item in subscription:
                if isinstance(item, StateChanged):
                    states.append(item.state)
                elif item.value == "second":
                    break
        await transport.close()
        assert states == ["connecting", "live"]
        assert server.dialed == 1


async def test_lines_that_are_gone_are_not_kept() -> None:
    """However often the network breaks."""
    async with serving(*[_dropping] * 4, _simple) as server, over(server) as transport:
        subscription = transport.listen(PLACE)
        while server.dialed < 5:
            await _until(subscription, _in("live"))
        assert len(transport._lines) == 1


async def test_one_connects_when_it_is_said_to() -> None:
    """Though nobody wants anything yet, and whatever the backoff has come to."""

    async def dropping(talk: Talk) -> None:
        await talk.begin("first")
        talk.connection.transport.abort()

    policy = LinkPolicy(connect_timeout=20.0, backoff=BackoffPolicy(first=1000.0, cap=1000.0))
    tried: list[Attempt] = []
    async with (
        serving(dropping, _simple) as server,
        over(server, policy, tried.append) as transport,
    ):
        transport.connect()
        async with asyncio.timeout(WAIT):
            while not server.talks:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.005)
        subscription = transport.listen(PLACE)
        waits = [subscription.retry_in]
        await _until(subscription, _in("reconnecting"))
        waits.append(subscription.retry_in)
        transport.reconnect_now()
        await _until(subscription, _in("live"))
        waits.append(subscription.retry_in)
        assert waits == [None, pytest.approx(500, abs=500), None]
        assert server.dialed == 2
        assert [one.came for one in tried] == ["greeted", "answered"] * 2
        assert not transport._tasks


async def test_closing_does_not_wait_for_whoever_is_to_say_who_asks() -> None:
    """A library that blocks, and says it too late."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def who() -> Speaker:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(2 * WAIT)
        return Speaker("")

    transport = WebSocketTransport(who, timeout=20.0)
    transport.connect()
    await begun.wait()
    try:
        await asyncio.wait_for(transport.close(), WAIT)
    finally:
        go_on.set()


async def test_the_service_is_asked_what_to_do_at_the_end() -> None:
    """To write something, to change some of it, or nothing any more."""
    async with serving(_simple) as server, over(server) as transport:
        ends = transport.on_disconnect
        await ends.set(PLACE, 1)
        await ends.update(PLACE, {"a": 2})
        await ends.cancel(PLACE)
        asked = [(one["a"], one["b"]) for one in server.talks[0].asked[1:]]
    assert asked == [
        ("o", {"p": "/x", "d": 1}),
        ("om", {"p": "/x", "d": {"a": 2}}),
        ("oc", {"p": "/x", "d": None}),
    ]


async def test_bytes_that_end_no_text_are_a_sign_of_life() -> None:
    """For the link, and for whoever asks when the service was heard."""
    transport = WebSocketTransport(lambda: Speaker(""), timeout=20.0)
    told: list[str] = []
    link: Any = SimpleNamespace(
        heard=lambda _: told.append("bytes"),
        received=lambda text, _: told.append(text),
        drain=list,
        deadline=lambda: None,
    )
    kept, transport._link = transport._link, link
    heard = [transport.last_heard]
    transport._heard(None)
    heard.append(transport.last_heard)
    assert [one is None for one in heard] == [True, False]
    transport._heard("text")
    assert told == ["bytes", "text"]
    transport._link = kept
    await transport.close()


async def test_a_forked_child_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it wants: the socket is its parent's."""
    async with serving(_simple) as server, over(server) as transport:
        await transport.open()
        here = transport.listen(PLACE)
        unknown = WebSocketTransport(lambda: Speaker(server.host), timeout=20.0)
        acts: list[Callable[[], object]] = [
            lambda: unknown.submit({PLACE: 1}, lambda _: None),
            transport.connect,
            transport.reconnect_now,
            transport.listen(PLACE).begin,
            lambda: transport.listen(PLACE),
            lambda: transport.submit({PLACE: 1}, lambda _: None),
        ]
        with monkeypatch.context() as child:
            child.setattr(process._this, "pid", -1)
            for act in acts:
                with pytest.raises(RuntimeError, match="after forking"):
                    act()
            await here.close()
        await unknown.close()
        assert here._hearer in transport._hearers
        assert server.dialed == 0


async def test_a_write_that_waits_leaves_no_timer_behind() -> None:
    """Whoever closes tells it."""
    async with serving(_black_hole) as server, over(server) as transport:
        await transport.open()
        told: list[ImbariError | None] = []
        transport.submit({PLACE: 1}, told.append)
        await transport.close()
        assert [type(one) for one in told] == [ClientClosed]
        assert transport._pending._alarm._timer is None


async def test_an_answer_that_comes_as_its_caller_goes_is_for_nobody() -> None:
    """It disturbs nothing that comes with it."""
    async with serving(_black_hole) as server, over(server) as transport:
        await transport.open()
        call = asyncio.create_task(transport.update({PLACE: 1}))
        while not transport._pending._waiting:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
        (key,) = transport._pending._waiting
        call.cancel()
        transport._pending.answered(Answered(key, ""))
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_what_an_effect_brings_about_comes_after_those_that_were_there() -> None:
    """Somebody who is told an answer and asks again at once overtakes nobody."""
    transport = WebSocketTransport(lambda: Speaker(""), timeout=20.0)
    due = [["first", "second"], ["third"]]
    done: list[str] = []

    def carry_out(effect: Any) -> None:
        done.append(effect)
        transport._settle()

    link: Any = SimpleNamespace(drain=lambda: due.pop(0) if due else [], deadline=lambda: None)
    kept, transport._link = transport._link, link
    transport._carry_out = carry_out  # type: ignore[method-assign]  # nothing to see to
    transport._settle()
    assert done == ["first", "second", "third"]
    transport._link = kept
    await transport.close()


async def test_a_reconnect_names_what_is_here() -> None:
    """Hashed in a thread if it is much; nothing is told twice."""
    value: Json = {f"k{n}": n for n in range(2000)}

    async def first(talk: Talk) -> None:
        await talk.begin(value)
        await talk.connection.close()

    async def second(talk: Talk) -> None:
        await talk.greet()
        await talk.answer(await talk.hear("q"), {})
        await talk.go_on()

    policy = LinkPolicy(connect_timeout=20.0, backoff=QUICK.backoff, hash_here=0)
    async with serving(first, second) as server, over(server, policy) as transport:
        subscription = transport.listen(PLACE)
        assert (await _until(subscription, lambda item: isinstance(item, Changed))).value == value
        await _until(subscription, _in("reconnecting"))
        again = await _until(subscription, lambda item: not _in("reconnecting")(item))
        assert again == StateChanged("live")
        (asked,) = [one for one in server.talks[1].asked if one["a"] == "q"]
        assert asked["b"]["h"] == hash_of(value)


async def test_a_silent_server_is_given_up() -> None:
    """It is asked, said to be stale, and replaced."""

    async def mute(talk: Talk) -> None:
        await talk.begin("first")
        await talk.connection.wait_closed()

    pulse = PulsePolicy(probe_after=0.05, stale_after=0.05, dead_after=1.5)
    policy = LinkPolicy(connect_timeout=20.0, backoff=QUICK.backoff, pulse=pulse)
    async with serving(mute, _simple) as server, over(server, policy) as transport:
        subscription = transport.listen(PLACE)
        states = [
            (await _until(subscription, _in(state))).state
            for state in ("live", "stale", "reconnecting", "live")
        ]
        assert states[-1] == "live"
        assert server.dialed == 2


async def test_a_server_is_not_given_up_while_something_long_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer comes after that; when nothing leaves any more, silence is silence."""
    left = [True] * 5

    def moved_at(_: Line) -> float | None:
        return time.monotonic() if left and left.pop() else None

    monkeypatch.setattr(Line, "moved_at", moved_at)
    pulse = PulsePolicy(probe_after=0.02, stale_after=0.02, dead_after=20.0)
    policy = LinkPolicy(connect_timeout=20.0, backoff=QUICK.backoff, pulse=pulse)

    async def mute(talk: Talk) -> None:
        await talk.begin("first")
        await talk.connection.wait_closed()

    async with serving(mute) as server, over(server, policy) as transport:
        await _until(transport.listen(PLACE), _in("stale"))
        assert left == []


async def test_an_attempt_that_is_overdue_is_due_now() -> None:
    """However late the clock is looked at."""
    transport = WebSocketTransport(lambda: Speaker(""), timeout=20.0)
    link: Any = SimpleNamespace(retry_at=time.monotonic() - 5)
    kept, transport._link = transport._link, link
    assert transport.retry_in == 0.0
    transport._link = kept
    await transport.close()


async def test_a_refused_credential_is_renewed() -> None:
    """At once, without a word to those who wait."""

    async def refusing(talk: Talk) -> None:
        await talk.greet()
        await talk.answer(await talk.hear("gauth"), "expired", status="expired_token")
        await talk.go_on()

    async def answering(talk: Talk) -> None:
        await talk.greet()
        await talk.answer(await talk.hear("g"), {"a": 1})
        await talk.go_on()

    async with serving(refusing, answering) as server, over(server) as transport:
        assert await transport.get(PLACE) == {"a": 1}
        first, second = (talk.asked[0]["b"]["cred"] for talk in server.talks)
        assert (first, second) == ("owner 0", "owner 1")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(AuthError("nobody is signed in"), AuthError), (ValueError("eyJhbGciOi.x.y"), ImbariError)],
)
async def test_whoever_cannot_be_identified_is_told_why(
    error: Exception, kind: type[ImbariError]
) -> None:
    """Listeners and callers; with what it came from, and without what is secret in it."""

    def fails() -> Speaker:
        raise error

    transport = WebSocketTransport(fails, timeout=20.0)
    with pytest.raises(kind) as caught:
        await _until(transport.listen(PLACE), lambda item: False)
    assert "eyJ" not in str(caught.value)
    assert caught.value is error or caught.value.__cause__ is error
    await transport.close()


async def test_a_server_that_does_not_serve_is_the_end() -> None:
    """It says so itself; whoever asks again dials again."""

    async def script(talk: Talk) -> None:
        await talk.connection.send('{"t":"c","d":{"t":"s","d":"lives in another region"}}')
        await talk.connection.wait_closed()

    async with serving(script) as server, over(server) as transport:
        subscription = transport.listen(PLACE)
        assert list(transport.subscriptions) == [subscription]
        with pytest.raises(ConfigError, match="another region"):
            await _until(subscription, lambda item: False)
        assert subscription.state == "closed"
        assert list(transport.subscriptions) == []
        assert server.dialed == 1
        with pytest.raises(ConfigError):
            await transport.get(PLACE)
        assert server.dialed == 2


async def _black_hole(talk: Talk) -> None:
    await talk.connection.wait_closed()


async def _dropping(talk: Talk) -> None:
    await talk.begin("first")
    talk.connection.transport.abort()


@pytest.mark.parametrize(
    ("script", "state"),
    [(_black_hole, "connecting"), (_simple, "live"), (_dropping, "reconnecting")],
)
@pytest.mark.parametrize("waits", [False, True])
async def test_closing_takes_no_time_and_leaves_nothing(
    script: Script, state: str, waits: bool
) -> None:
    """From any state, with or without somebody who waits: no task, no socket, no timer."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    async with serving(script) as server:
        for _ in range(5):
            async with over(server) as transport:
                subscription = transport.listen(PLACE)
                await _until(subscription, _in(state))
                waiting = asyncio.create_task(_rest(subscription)) if waits else None
                await asyncio.sleep(0)
                line = transport._line
                async with asyncio.timeout(5):
                    await asyncio.gather(transport.close(), transport.close())
                assert subscription.state == "closed"
                assert not transport._tasks
                assert line is None or line.is_gone
                assert transport._alarm._timer is None
                if waiting is not None:
                    await waiting
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "socket" not in names
    for _ in range(5):
        await asyncio.sleep(0)
    if len(os.listdir("/proc/self/fd")) > before:  # noqa: PTH208
        gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


@pytest.mark.parametrize("what", ["line", "task"])
async def test_closing_waits_for_what_takes_its_time(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A line whose last words leave, and work that cannot be given up at once."""
    go_on = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await go_on.wait()

    async with serving(_simple) as server, over(server) as transport:
        await _until(transport.listen(PLACE), _in("live"))
        if what == "line":
            monkeypatch.setattr(Line, "gone", lambda _: go_on.wait())
        else:
            transport._tasks.start(work())
        closing = asyncio.create_task(transport.close())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not closing.done()
        go_on.set()
        await closing


async def _rest(subscription: Subscription) -> None:
    async for _ in subscription:
        pass
