"""Bodies of requests under way: how much there may be of all of them."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from imbari_chat.emulator.incoming import Incoming, bounded

SCOPE: Scope = {"type": "http"}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"1"}
TEXT = b'{"error":"Too much is being sent to the emulator at once"}'
REFUSED: list[Message] = [
    {
        "type": "http.response.start",
        "status": 503,
        "headers": [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(TEXT)).encode()),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ],
    },
    {"type": "http.response.body", "body": TEXT},
]


async def _reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads all of a body and says how much it was, unless the client has left."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


class Client:
    """One request, whose body comes when the test says so."""

    def __init__(self, incoming: Incoming) -> None:
        self.coming: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        app = bounded(_reading, incoming)
        self.task = asyncio.ensure_future(app(SCOPE, self.coming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def send(self, size: int, *, more: bool = True) -> None:
        await self.coming.put({"type": "http.request", "body": b"x" * size, "more_body": more})
        for _ in range(10):  # turns of the loop, of which the request needs a few
            await asyncio.sleep(0)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def test_bodies_together_have_a_bound() -> None:
    """Who would pass it is told to come again; who is under way goes on."""
    incoming = Incoming(1000)
    first, second = Client(incoming), Client(incoming)
    await first.send(600)
    await second.send(300)
    assert incoming.held == 900
    await second.send(100)
    assert incoming.held == 1000
    await second.send(1)
    await second.task
    assert second.sent == REFUSED
    assert incoming.held == 600
    await first.send(100, more=False)
    await first.task
    assert (first.status, first.sent[1]["body"]) == (200, b"700")
    assert incoming.held == 0


async def test_a_body_alone_has_only_its_own_limit() -> None:
    """And requests without one are served meanwhile."""
    incoming = Incoming(1000)
    large, bare = Client(incoming), Client(incoming)
    await large.send(5000)
    await bare.send(0, more=False)
    assert bare.status == 200
    await large.send(5000, more=False)
    assert (large.status, large.sent[1]["body"]) == (200, b"10000")


async def test_who_leaves_is_counted_no_more() -> None:
    """However the request ends."""
    incoming = Incoming(1000)
    gone, cancelled = Client(incoming), Client(incoming)
    await gone.send(300)
    await cancelled.send(300)
    await gone.coming.put({"type": "http.disconnect"})
    await gone.task
    cancelled.task.cancel()
    await asyncio.gather(cancelled.task, return_exceptions=True)
    assert incoming.held == 0
    assert gone.sent == []


@pytest.mark.parametrize(
    ("before", "after", "heard"),
    [
        ([], [], REFUSED),
        ([], [START, BODY], REFUSED),
        ([START], [], [START]),
        ([START], [BODY], [START]),
    ],
)
async def test_there_is_one_answer(
    before: list[Message], after: list[Message], heard: list[Message]
) -> None:
    """Whatever is said of a body that was refused, and whenever; nor is more of it taken."""
    incoming = Incoming(1000)
    incoming.take(1000, 0)
    sent: list[Message] = []
    coming = iter([{"type": "http.request", "body": b"1", "more_body": True}])

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        for _ in range(2):
            assert await receive() == {"type": "http.disconnect"}
        for message in after:
            await send(message)

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        sent.append(message)

    await bounded(app, incoming)(SCOPE, receive, send)
    assert sent == heard
    assert incoming.held == 1000


async def test_a_socket_is_handed_on_as_it_is() -> None:
    """What comes over it is counted elsewhere."""
    told: list[tuple[object, ...]] = []

    async def app(*given: object) -> None:
        told.append(given)

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None: ...

    given = ({"type": "websocket"}, receive, send)
    await bounded(app, Incoming())(*given)
    assert told == [given]
