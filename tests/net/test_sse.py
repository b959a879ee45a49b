"""Streams over real sockets against a server that misbehaves on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.mirror import children
from imbari_chat.engine.stream import Changed, StateChanged, StreamPolicy
from imbari_chat.errors import AccessDenied, AuthError, ConfigError, ImbariError, InvalidData
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.sse import SseSubscription, _may_carry_credentials
from imbari_chat.wire.paths import Path
from imbari_chat.wire.sse import encode
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

QUICK = StreamPolicy(
    connect_timeout=0.5,
    stale_after=0.2,
    dead_after=0.4,
    backoff=BackoffPolicy(first=0.01, factor=1.5, cap=0.05),
)
PATIENCE = 10.0


@asynccontextmanager
async def listening(
    *steps: Step, caller: Caller | None = None, policy: StreamPolicy = QUICK
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
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
async def test_an_outage_is_survived_and_the_value_arrives(outage: Step) -> None:
    """However the service fails, what it says afterwards is delivered."""
    async with listening(outage, outage, stream('{"a":2}')) as (subscription, server, _):
        seen = await until(subscription, {"a": 2})
    assert len(server.requests) == 3
    assert "reconnecting" in _states(seen)


async def test_a_refused_connection_is_tried_again() -> None:
    """Nobody listens for a while."""
    async with serving(stream("1")) as gone:
        port = gone.port
    who = Caller(f"http://127.0.0.1:{port}")
    transport = RestTransport(lambda: who, timeout=5.0, policy=QUICK)
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
    async with listening(stream("1"), stream("2")) as (subscription, _, _):
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
