"""Streams over real sockets against a server that misbehaves on purpose."""

import asyncio
import itertools
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import httpx
import pytest

from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.engine.access import StreamRequest
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.mirror import children
from imbari_chat.engine.places import MOST_MOVES
from imbari_chat.engine.stream import Changed, StateChanged, StreamPolicy
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    ImbariError,
    InvalidData,
    StreamOverflow,
    Unavailable,
)
from imbari_chat.net.http_client import HttpAnswer
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.sse import SseSubscription, _may_carry_credentials
from imbari_chat.schema.events import MessageAdded, MessageRemoved
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json, dumps, parse
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import encode
from tests import programs
from tests.identity.places import closed_port
from tests.net.scripted import (
    STREAM_HEAD,
    Caller,
    Conversation,
    Server,
    Step,
    answer,
    black_hole,
    dropped,
    reset,
    serving,
    stream,
)

PATIENT = StreamPolicy(backoff=BackoffPolicy(first=0.01, factor=1.5, cap=0.05))
QUICK = replace(PATIENT, connect_timeout=1.0, stale_after=0.5, dead_after=1.0)
PATIENCE = 60.0
ROOT = FilePath(__file__).parents[2]


@asynccontextmanager
async def listening(
    *steps: Step, caller: Caller | None = None, policy: StreamPolicy = PATIENT
) -> AsyncIterator[tuple[SseSubscription, Server, Caller]]:
    """A subscription to a scripted server."""
    async with serving(*steps) as server:
        who = caller or Caller(server.url)
        who._url = server.url
        transport = RestTransport(lambda: who, timeout=5.0, policy=policy)
        async with asyncio.timeout(PATIENCE):
            yield transport.listen(Path.parse("/s")), server, who
        await transport.close()


async def until(subscription: SseSubscription, value: Any) -> list[Any]:
    """Everything up to and including the change to ``value``."""
    seen = []
    async for item in subscription:
        seen.append(item)
        if isinstance(item, Changed) and item.value == value:
            return seen
    raise AssertionError(f"the stream ended before {value!r}: {seen}")


def _states(seen: list[Any]) -> list[str]:
    return [item.state for item in seen if isinstance(item, StateChanged)]


async def keeps_alive(conversation: Conversation) -> None:
    """Never answers, and says again and again that the connection is there."""
    await conversation.send(STREAM_HEAD)
    while True:
        await conversation.send(b"event: keep-alive\ndata: null\n\n")
        await asyncio.sleep(0.05)


OUTAGES = {
    "clean end": dropped("1"),
    "reset": reset("1"),
    "500": answer("500 Internal Server Error"),
    "502": answer("502 Bad Gateway", "<html>"),
    "503": answer("503 Service Unavailable"),
    "504": answer("504 Gateway Timeout", ""),
    "429": answer("429 Too Many Requests"),
    "401 that is not the rules' doing": answer(
        "401 Unauthorized", '{"error":"Auth token is expired"}'
    ),
    "black hole": black_hole,
    "half an event": lambda c: c.send(STREAM_HEAD + b'event: put\ndata: {"pa'),
    "not a stream": answer("200 OK", "{}"),
    "kept alive": keeps_alive,
}
SILENT = (OUTAGES["black hole"], OUTAGES["half an event"], OUTAGES["kept alive"])


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
async def test_an_outage_is_survived_and_the_value_arrives(outage: Step) -> None:
    """However the service fails, what it says afterwards is delivered."""
    policy = QUICK if outage in SILENT else PATIENT
    steps = (outage, outage, stream('{"a":2}'))
    async with listening(*steps, policy=policy) as (subscription, server, _):
        seen = await until(subscription, {"a": 2})
    assert len(server.requests) == 3
    assert "reconnecting" in _states(seen)


def _messages(keys: str) -> dict[str, Any]:
    return {key: {"text": key, "from": "customer", "timestamp": 1} for key in keys}


BEFORE = json.dumps(_messages("ab"))


LATER_OUTAGES = {**OUTAGES, "clean end": dropped(BEFORE), "reset": reset(BEFORE)}


@pytest.mark.parametrize("outage", LATER_OUTAGES.values(), ids=LATER_OUTAGES.keys())
async def test_what_happened_meanwhile_is_told_once(outage: Step) -> None:
    """What was added and what was removed; what stayed is not mentioned."""
    script = dropped(BEFORE), outage, outage, stream(json.dumps(_messages("bcd")))
    feed, told = MessageDiff(SessionId("-S"), 50), []
    policy = QUICK if outage in SILENT else PATIENT
    async with listening(*script, policy=policy) as (subscription, _, _):
        for item in await until(subscription, _messages("bcd")):
            if isinstance(item, Changed):
                for event in feed.update(item.value, item.touched):
                    assert isinstance(event, MessageAdded | MessageRemoved)
                    told.append((type(event), event.message.id))
    assert [key for kind, key in told if kind is MessageAdded] == ["a", "b", "c", "d"]
    assert [key for kind, key in told if kind is MessageRemoved] == ["a"]


async def test_a_name_that_cannot_be_resolved_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network was away, and its name service with it."""
    asked = 0
    look_up = socket.getaddrinfo

    def away(*given: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked <= 3:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(*given, **more)

    async with serving(stream("1")) as server:
        monkeypatch.setattr(socket, "getaddrinfo", away)
        who = Caller(f"http://localhost:{server.port}")
        transport = RestTransport(lambda: who, timeout=30.0, policy=PATIENT)
        async with asyncio.timeout(PATIENCE):
            seen = await until(transport.listen(Path.parse("/s")), 1)
        assert _states(seen).count("reconnecting") == 3
        await transport.close()


async def test_a_name_that_cannot_be_resolved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be misspelt; and nothing is connected to without it."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    transport = RestTransport(
        lambda: Caller("http://misspelt.invalid"), timeout=30.0, policy=PATIENT
    )
    reasons: list[str | None] = []
    async with asyncio.timeout(PATIENCE):
        async for item in transport.listen(Path.parse("/s")):
            if isinstance(item, StateChanged) and item.state == "reconnecting":
                reasons.append(item.reason)
                break
    assert reasons == ["the name misspelt.invalid cannot be resolved (Name or service not known)"]
    await transport.close()


_HANGING_NAME = """
import asyncio, socket, sys, threading
from imbari_chat.net.rest import RestTransport
from imbari_chat.wire.paths import Path
from tests.net.scripted import Caller

asked = threading.Event()

def hang(*given, **more):
    asked.set()
    threading.Event().wait()

socket.getaddrinfo = hang

async def main():
    transport = RestTransport(lambda: Caller("http://database.example:80"), timeout=60.0)
    subscription = transport.listen(Path.parse("/s"))
    listening = asyncio.create_task(anext(subscription))
    await listening  # connecting
    await asyncio.to_thread(asked.wait, 30)
    await transport.close()

asyncio.run(main())
print("gone")
"""


def test_a_name_server_that_hangs_does_not_hold_up_the_end() -> None:
    """The look-up is nobody's to wait for any more."""
    ended = programs.run([sys.executable, "-c", _HANGING_NAME], timeout=60, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (0, "gone\n"), ended.stderr


async def test_behind_a_proxy_names_need_not_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy resolves them."""

    def unknown(*given: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with serving(stream("1")) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
        monkeypatch.setattr("imbari_chat.net.names.socket.getaddrinfo", unknown)
        who = Caller("http://database.example")
        transport = RestTransport(lambda: who, timeout=30.0, policy=PATIENT)
        async with asyncio.timeout(PATIENCE):
            seen = await until(transport.listen(Path.parse("/s")), 1)
        assert "reconnecting" not in _states(seen)
        await transport.close()


async def test_a_refused_connection_is_tried_again() -> None:
    """Nobody listens for a while."""
    who = Caller(f"http://127.0.0.1:{closed_port()}")
    transport = RestTransport(lambda: who, timeout=30.0, policy=PATIENT)
    subscription = transport.listen(Path.parse("/s"))
    async with asyncio.timeout(PATIENCE):
        async for item in subscription:
            if isinstance(item, StateChanged) and item.reason == "cannot connect":
                break
        async with serving(stream('{"back":true}')) as server:
            who._url = server.url
            await until(subscription, {"back": True})
            await transport.close()


async def test_a_silent_connection_is_shown_stale_and_then_replaced() -> None:
    """A half-open socket never says that it is dead."""
    async with listening(stream("1"), stream("2"), policy=QUICK) as (subscription, _, _):
        seen = await until(subscription, 2)
    assert _states(seen) == ["connecting", "live", "stale", "reconnecting"]


async def test_a_rules_denial_reaches_the_consumer() -> None:
    """It ends the stream; nothing is tried again."""
    refusal = answer("401 Unauthorized", '{"error" : "Permission denied"}')
    async with listening(refusal) as (subscription, server, _):
        with pytest.raises(AccessDenied):
            await until(subscription, None)
        with pytest.raises(AccessDenied):
            await anext(subscription)
    assert len(server.requests) == 1


def _in_pieces(status: str, pieces: Iterable[str]) -> Step:
    """An answer whose body comes in these pieces."""

    async def step(conversation: Conversation) -> None:
        kind = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        await conversation.send(f"HTTP/1.1 {status}\r\n{kind}\r\n".encode())
        for piece in pieces:
            await conversation.send(f"{len(piece):x}\r\n{piece}\r\n".encode())
        await conversation.send(b"0\r\n\r\n")

    return step


async def test_a_denial_may_come_in_pieces() -> None:
    """As everything may that a network brings."""
    refusal = _in_pieces("401 Unauthorized", ['{"error" :', ' "Permission ', 'denied"}'])
    async with listening(refusal) as (subscription, _, _):
        with pytest.raises(AccessDenied):
            await until(subscription, None)


async def test_a_refusal_that_has_no_end_is_not_read_to_it() -> None:
    """What it begins with is no answer of the service's: an outage."""
    endless = _in_pieces("401 Unauthorized", itertools.repeat("x" * 1024))
    patient = replace(PATIENT, connect_timeout=600)
    async with listening(endless, stream("1"), policy=patient) as (subscription, _, _):
        seen = await until(subscription, 1)
    assert _states(seen) == ["connecting", "reconnecting"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("400 Bad Request", '{"error":"orderBy must be a valid JSON encoded path"}', InvalidData),
        ("404 Not Found", '{"error":"404 Not Found"}', ConfigError),
    ],
)
async def test_a_request_that_can_never_work_ends_the_stream(
    status: str, body: str, error: type[ImbariError]
) -> None:
    """Trying again would not mend it."""
    async with listening(answer(status, body)) as (subscription, _, _):
        with pytest.raises(error):
            await until(subscription, None)


async def test_a_revoked_credential_is_replaced_and_the_url_with_it() -> None:
    """The old token is never used again."""

    async def revoked(conversation: Conversation) -> None:
        await conversation.begin("1")
        await conversation.send(encode("auth_revoked", "credential is no longer valid"))

    async with listening(revoked, stream("2")) as (subscription, server, _):
        await until(subscription, 2)
    assert ["auth=t1" in request for request in server.requests] == [True, False]
    assert "auth=t2" in server.requests[1]


async def test_a_sign_in_that_is_over_reaches_the_consumer() -> None:
    """No amount of waiting brings it back."""
    refusal = answer("401 Unauthorized", '{"error":"Auth token is expired"}')
    caller = Caller("", refresh_fails=AuthError("your sign-in has ended"))
    async with listening(refusal, caller=caller) as (subscription, _, _):
        with pytest.raises(AuthError, match="ended"):
            await until(subscription, None)


@pytest.mark.parametrize("error", [AuthError("nobody is signed in"), ConfigError("no key file")])
async def test_a_sign_in_that_cannot_be_reaches_the_consumer(error: ImbariError) -> None:
    """Without a single request, and not as an outage."""

    def nobody() -> Caller:
        raise error

    transport = RestTransport(nobody, timeout=5.0, policy=StreamPolicy())
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(type(error)):
            await until(transport.listen(Path.parse("/s")), None)
    await transport.close()


async def test_a_fault_of_ours_reaches_the_consumer() -> None:
    """Nobody waits for ever on a listener that died."""

    class Faulty(Caller):
        def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
            raise ZeroDivisionError

    async with listening(stream("1"), caller=Faulty("")) as (subscription, _, _):
        with pytest.raises(ZeroDivisionError):
            await until(subscription, None)
        assert subscription.state == "closed"


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Location: http://[::1\r\n",
        "Location: http://127.0.0.1:99999/\r\n",
        "Location: https://portal.example.com/\r\n",
        "Location: \r\n",
        "Location: \xff\xfe\r\n",
        "Location: //\r\n",
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "304 Not Modified", "307 T", "399 ?"])
async def test_a_redirect_to_nowhere_is_an_outage(
    status: str, headers: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer of a firewall or a cache ends a listener, be it a redirect without a target."""
    steps = (dropped("1"), answer(status, "", headers), stream("2"))
    async with listening(*steps) as (subscription, _, _):
        assert (await until(subscription, 2))[-1].value == 2
        assert subscription.state == "live"
    assert caplog.records == []


@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain", ""])
async def test_only_an_event_stream_is_listened_to(kind: str) -> None:
    """Whatever a page says, it is not the value."""
    page = 'event: put\ndata: {"path":"/","data":666}\n\n'
    steps = (dropped("1"), answer("200 OK", page, kind=kind), stream("2"))
    async with listening(*steps) as (subscription, _, _):
        values = [one.value for one in await until(subscription, 2) if isinstance(one, Changed)]
    assert values == [1, 2]


async def test_a_fault_of_ours_in_one_answer_is_an_outage(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged whole, without the token, and the next answer is heard."""
    faults = iter([ZeroDivisionError("of ?auth=abc.def")])
    received = SseSubscription._received

    def faulty(self: SseSubscription, *given: Any, **named: Any) -> None:
        for fault in faults:
            raise fault
        received(self, *given, **named)

    monkeypatch.setattr(SseSubscription, "_received", faulty)
    async with listening(stream("1")) as (subscription, _, _):
        assert (await until(subscription, 1))[-1].value == 1
    assert "ZeroDivisionError" in caplog.text
    assert "abc.def" not in caplog.text


@pytest.mark.parametrize("is_json", [True, False])
async def test_a_large_event_gives_way_and_what_follows_comes_after_it(
    is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have their turn while it is read. If it is no JSON, all of it is asked for anew."""
    rows: Json = {f"k{number}": {"text": "x" * 100} for number in range(5000)}
    large = dumps({"path": "/", "data": rows})
    events = encode("put", large if is_json else large[:-1])
    events += encode("put", '{"path":"/last","data":1}')

    async def send(conversation: Conversation) -> None:
        await conversation.send(STREAM_HEAD + events)
        await conversation.stay()

    read_at_once: list[int] = []

    def reading(text: str) -> Json:
        read_at_once.append(len(text))
        return parse(text)

    monkeypatch.setattr("imbari_chat.engine.stream.parse", reading)
    async with listening(send, stream("2")) as (subscription, server, _):
        values = [await _next_value(subscription)]
        if is_json:
            values.append(await _next_value(subscription))
    assert isinstance(rows, dict)
    assert values == ([rows, {**rows, "last": 1}] if is_json else [2])
    assert len(server.requests) == (1 if is_json else 2)
    assert len(large) not in read_at_once


async def _next_value(subscription: SseSubscription) -> Json:
    async for item in subscription:
        if isinstance(item, Changed):
            return item.value
    raise AssertionError("the stream has ended")


class Ready(httpx.AsyncByteStream):
    """A client whose first answer is all there at once, and whose second never comes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.asked = 0

    async def get(self, *_: Any) -> HttpAnswer:
        self.asked += 1
        if self.asked > 1:
            await asyncio.Event().wait()
        return HttpAnswer(200, "text/event-stream; charset=utf-8", None, self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body

    async def close(self) -> None: ...


async def test_the_end_of_a_connection_that_was_given_up_is_not_heard() -> None:
    """Its credential ended and then its socket did, at one instant; only the first is news."""
    client: Any = Ready(encode("put", '{"path":"/","data":1}') + encode("auth_revoked", "over"))
    transport = RestTransport(lambda: Caller("http://127.0.0.1:9"), timeout=30.0, policy=PATIENT)
    transport._http = client
    subscription = transport.listen(Path.parse("/s"))
    async with asyncio.timeout(PATIENCE):
        seen = [await anext(subscription) for _ in range(4)]
        while client.asked < 2:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)
    assert _states(seen) == ["connecting", "live", "reconnecting"]
    assert subscription.retry_in is None, "it waits for another attempt while one is under way"
    await transport.close()


async def test_a_connection_is_given_up_once() -> None:
    """What it could not say ended it, and then so did its socket, at one instant."""
    client: Any = Ready(encode("put", "no JSON"))
    policy = StreamPolicy(backoff=BackoffPolicy(first=600, cap=600))
    transport = RestTransport(lambda: Caller("http://127.0.0.1:9"), timeout=30.0, policy=policy)
    transport._http = client
    subscription = transport.listen(Path.parse("/s"))
    async with asyncio.timeout(PATIENCE):
        while subscription.state != "reconnecting":
            await anext(subscription)
        while subscription._tasks:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)
    assert "unreadable event" in str(subscription.reason)
    assert not subscription._buffer
    await transport.close()


class Moving(Ready):
    """A client whose first answer leads elsewhere, with a page of any length."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.closed: list[int] = []

    async def get(self, *_: Any) -> HttpAnswer:
        self.asked += 1
        if self.asked == 1:
            return HttpAnswer(307, "", "/elsewhere.json", self)
        return HttpAnswer(200, "text/event-stream", None, self)

    async def aclose(self) -> None:
        self.closed.append(self.asked)


async def test_a_connection_that_leads_elsewhere_is_given_back() -> None:
    """Before the next is made, and without reading its page."""
    client: Any = Moving(encode("put", '{"path":"/","data":1}'))
    transport = RestTransport(lambda: Caller("http://127.0.0.1:9"), timeout=30.0, policy=PATIENT)
    transport._http = client
    async with asyncio.timeout(PATIENCE):
        await until(transport.listen(Path.parse("/s")), 1)
    await transport.close()
    assert client.closed[0] == 1


async def test_a_connection_is_renewed_before_its_credential_ends() -> None:
    """By the clock of this machine; an attempt that is overdue is due now."""
    caller = Caller("")
    caller.expires_at = time.time() + 1000
    async with listening(stream("1"), caller=caller) as (subscription, _, _):
        await until(subscription, 1)
        core, now = subscription._core, time.monotonic()
        assert core._renew_at == pytest.approx(now + 1000 - PATIENT.renew_before, abs=60)
        core._retry_at = now - 5
        assert subscription.retry_in == 0.0
        core._retry_at = None


async def test_a_subscription_tells_how_it_is() -> None:
    """State, since when, why, when next, and when the service last spoke."""
    began = time.time()
    policy = StreamPolicy(backoff=BackoffPolicy(first=60, cap=60))
    async with listening(dropped("1"), policy=policy) as (subscription, _, _):
        before = [subscription.state, subscription.last_heard, subscription.retry_in]
        assert before == ["connecting", None, None]
        await until(subscription, 1)
        while await anext(subscription) != StateChanged("live"):
            pass
        item = await anext(subscription)
        assert isinstance(item, StateChanged)
        assert (subscription.state, subscription.reason) == ("reconnecting", item.reason)
        assert subscription.reason == "the service ended the stream"
        assert subscription.last_heard is not None
        assert began <= subscription.last_heard <= subscription.since <= time.time()
        assert subscription.retry_in is not None
        assert item.retry_in is not None
        assert 0 < subscription.retry_in <= item.retry_in <= 60
        await subscription.close()
        assert [subscription.state, subscription.retry_in] == ["closed", None]


@pytest.mark.parametrize(
    ("asks", "pause"),
    [
        ("Retry-After: 50\r\n", 50.0),
        (
            "Retry-After: Tue, 15 Nov 1994 12:00:20 GMT\r\nDate: Tue, 15 Nov 1994 12:00:00 GMT\r\n",
            20.0,
        ),
    ],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_service_that_asks_to_be_left_alone_is(
    status: str, asks: str, pause: float
) -> None:
    async with listening(answer(status, headers=asks)) as (subscription, server, _):
        while (item := await anext(subscription)) == StateChanged("connecting"):
            pass
        assert isinstance(item, StateChanged)
        assert (item.state, item.retry_in) == ("reconnecting", pause)
        assert len(server.requests) == 1


async def test_reconnect_now_reaches_every_listener_of_a_transport() -> None:
    """However long they meant to wait; those that have ended are not among them."""
    policy = StreamPolicy(backoff=BackoffPolicy(first=600, cap=600))
    away = answer("503 Service Unavailable")
    async with serving(away, away, stream("1")) as server:
        transport = RestTransport(lambda: Caller(server.url), timeout=5.0, policy=policy)
        both = [transport.listen(Path.parse(place)) for place in ("/a", "/b")]
        async with asyncio.timeout(PATIENCE):
            for one in both:
                while one.state != "reconnecting":
                    await anext(one)
            assert transport.subscriptions == tuple(both)
            transport.reconnect_now()
            for one in both:
                await until(one, 1)
        await both[0].close()
        assert transport.subscriptions == (both[1],)
        await transport.close()
        assert not transport.subscriptions


async def test_a_consumer_that_wants_to_know_is_told_that_it_fell_behind() -> None:
    """After what was kept for it; the connection is given up."""

    async def busy(conversation: Conversation) -> None:
        await conversation.begin("0")
        for number in range(1, 10):
            await conversation.send(encode("put", f'{{"path":"/","data":{number}}}'))
        with suppress(ConnectionError):
            await conversation.stay()

    async with serving(busy) as server:
        transport = RestTransport(lambda: Caller(server.url), timeout=5.0)
        subscription = transport.listen(Path.parse("/s"), buffer=5, overflow="raise")
        seen = [await anext(subscription)]
        async with asyncio.timeout(PATIENCE):
            while subscription.state != "closed":  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.001)
            seen += [await anext(subscription) for _ in range(5)]
            with pytest.raises(StreamOverflow) as caught:
                await anext(subscription)
        assert caught.value.where == "/s"
        assert [item.value for item in seen if isinstance(item, Changed)] == [0, 1, 2, 3]
        assert not transport.subscriptions
        await transport.close()


@pytest.mark.parametrize(("moves", "is_followed"), [(MOST_MOVES, True), (MOST_MOVES + 1, False)])
async def test_it_is_not_sent_from_place_to_place_for_ever(moves: int, is_followed: bool) -> None:
    """More than a few redirects are an outage."""
    moved = answer("307 Temporary Redirect", "", "Location: /elsewhere.json\r\n")
    async with listening(*[moved] * moves, stream("1")) as (subscription, server, _):
        seen = await until(subscription, 1)
    assert ("the stream was redirected in circles" in _reasons(seen)) is not is_followed
    assert len(server.requests) == moves + 1


def _reasons(seen: list[Any]) -> list[str | None]:
    return [item.reason for item in seen if isinstance(item, StateChanged)]


async def test_a_redirect_within_the_host_keeps_the_credential() -> None:
    """Production answers a stream with a redirect to where the data lives."""
    moved = answer("307 Temporary Redirect", "", "Location: /elsewhere.json?auth=t1\r\n")
    async with listening(moved, stream("1")) as (subscription, server, _):
        await until(subscription, 1)
    assert server.requests[1].startswith("GET /elsewhere.json?auth=t1 ")
    assert "x-token: t1" in server.requests[1].lower()


@pytest.mark.parametrize(
    ("origin", "target", "allowed"),
    [
        ("https://x.firebaseio.com/a", "https://s-usc1c-nss-1.firebaseio.com/a", True),
        ("https://x.firebaseio.com/a", "https://x.europe-west1.firebasedatabase.app/a", True),
        ("https://x.firebaseio.com/a", "http://x.firebaseio.com/a", False),
        ("https://x.firebaseio.com/a", "https://firebaseio.com.example/a", False),
        ("https://x.firebaseio.com/a", "https://evilfirebaseio.com/a", False),
        ("http://127.0.0.1:9000/a", "http://localhost:9000/a", True),
        ("http://127.0.0.1:9000/a", "http://127.0.0.1:9001/a", False),
        ("http://10.0.0.1:9000/a", "http://127.0.0.1:9000/a", False),
        ("http://10.0.0.1:9000/a", "http://10.0.0.1:9000/b", True),
        ("http://127.0.0.1:9000/a", "http://other.example:9000/a", False),
        ("https://database.example/a", "https://database.example/b", True),
        ("https://database.example/a", "https://database.example:8443/a", False),
        ("https://database.example/a", "https://other.example/a", False),
    ],
)
def test_a_credential_goes_only_where_it_belongs(origin: str, target: str, allowed: bool) -> None:
    """Over TLS within the service, or to the same port of the same machine."""
    assert _may_carry_credentials(httpx.URL(origin), httpx.URL(target)) is allowed


async def test_events_are_asked_for_uncompressed() -> None:
    """A compressor in between would hold them back until its buffer is full."""
    async with listening(stream("1")) as (subscription, server, _):
        await until(subscription, 1)
    assert "accept-encoding: identity" in server.requests[0].lower()


async def test_a_redirect_elsewhere_is_not_followed() -> None:
    """A credential is not handed to whoever a redirect names."""
    async with serving(stream("1")) as stranger:
        moved = answer("307 Temporary Redirect", "", f"Location: {stranger.url}/x.json\r\n")
        async with listening(moved, stream("2")) as (subscription, _, _):
            seen = await until(subscription, 2)
        assert stranger.requests == []
    assert any(
        "redirected" in (item.reason or "") for item in seen if isinstance(item, StateChanged)
    )


async def test_events_cut_anywhere_arrive_whole() -> None:
    """One byte at a time, UTF-8 included."""

    async def dripping(conversation: Conversation) -> None:
        await conversation.send(STREAM_HEAD)
        for byte in encode("put", '{"path":"/","data":{"é😀":"ü"}}'):
            await conversation.send(bytes([byte]))
        await conversation.stay()

    async with listening(dripping) as (subscription, _, _):
        await until(subscription, {"é😀": "ü"})


async def test_a_slow_consumer_gets_every_child_that_changed_and_costs_no_memory() -> None:
    """Changes nobody has read yet fold into one another, and none is forgotten."""
    many = 5000

    async def busy(conversation: Conversation) -> None:
        await conversation.begin("null")
        frames = [encode("put", f'{{"path":"/k{n}","data":{n}}}') for n in range(many)]
        await conversation.send(b"".join(frames))
        await conversation.stay()

    async with listening(busy, policy=StreamPolicy()) as (subscription, _, _):
        await anext(subscription)
        while len(children(subscription._core._value)) < many:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the driver passes the last of them on
        assert len(subscription._buffer) <= 1025
        touched: set[str] = set()
        async for item in subscription:
            if isinstance(item, Changed):
                touched |= item.touched or set()
                if len(children(item.value)) == many:
                    break
    assert touched == {f"k{n}" for n in range(many)}


@pytest.mark.parametrize("step", [black_hole, stream("1"), answer("503 Service Unavailable")])
async def test_closing_ends_iteration_in_every_state(step: Step) -> None:
    """Connecting, live or waiting to try again; closing twice is fine."""
    async with listening(step) as (subscription, _, _):
        await anext(subscription)
        waiting = asyncio.create_task(_drain(subscription))
        await asyncio.sleep(0)
        await subscription.close()
        await subscription.close()
        await waiting


async def test_closing_the_transport_closes_its_listeners_and_its_identity() -> None:
    """Nothing is left running."""
    async with serving(stream("1")) as server:
        who = Caller(server.url)
        transport = RestTransport(lambda: who, timeout=5.0)
        subscription = transport.listen(Path.parse("/s"))
        await until(subscription, 1)
        await transport.close()
        await transport.close()
        assert subscription.state == "closed"
        assert who.closed
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in others if "stream" in task.get_name()]


async def _drain(subscription: SseSubscription) -> None:
    async for _ in subscription:
        pass


class _Body:
    """What an answer goes on with, and whether it was given back."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("status", "kind", "chunks", "error"),
    [
        (200, "text/event-stream", [b"event: keep-alive\ndata: null\n\n"], None),
        (200, "text/event-stream", [httpx.ReadError("broke")], httpx.ReadError),
        (200, "text/html", [b"<p>"], Unavailable),
        (401, "application/json", [b'{"error": "Permission denied"}'], AccessDenied),
    ],
)
async def test_an_answer_is_given_back_whatever_comes_of_it(
    status: int, kind: str, chunks: list[bytes | Exception], error: type[Exception] | None
) -> None:
    """Or each would keep a connection."""
    async with listening(black_hole) as (subscription, _, caller):
        body: Any = _Body(*chunks)
        found = HttpAnswer(status, kind, None, body)
        access: Any = caller
        with nullcontext() if error is None else pytest.raises(error):
            await subscription._listen(found, access, 0)
        assert body.is_closed
