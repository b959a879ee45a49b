"""A server that does what a script says, one step per connection, and an identity for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from imbari_chat.engine.access import StreamRequest
from imbari_chat.errors import AuthError, ImbariError
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import encode

Step = Callable[["Conversation"], Awaitable[None]]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class Conversation:
    """One connection, as a step sees it."""

    request: str
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self, value: str) -> None:
        """Accept the stream and send a first snapshot of this JSON."""
        await self.send(STREAM_HEAD + encode("put", f'{{"path":"/","data":{value}}}'))

    async def stay(self) -> None:
        """Keep the connection open until the server is stopped."""
        await asyncio.Event().wait()


def answer(
    status: str,
    body: str = '{"error":"no"}',
    headers: str = "",
    kind: str = "application/json; charset=utf-8",
) -> Step:
    """A plain HTTP answer."""

    async def step(conversation: Conversation) -> None:
        length = f"Content-Length: {len(body)}\r\nContent-Type: {kind}\r\n"
        head = f"HTTP/1.1 {status}\r\n{length}{headers}Connection: close\r\n\r\n"
        await conversation.send((head + body).encode())

    return step


def stream(value: str) -> Step:
    """A stream with one snapshot that then stays open."""

    async def step(conversation: Conversation) -> None:
        await conversation.begin(value)
        await conversation.stay()

    return step


def dropped(value: str) -> Step:
    """A stream with one snapshot that then ends."""

    async def step(conversation: Conversation) -> None:
        await conversation.begin(value)

    return step


def reset(value: str) -> Step:
    """A stream with one snapshot whose connection is then reset."""

    async def step(conversation: Conversation) -> None:
        await conversation.begin(value)
        conversation.writer.transport.abort()

    return step


async def black_hole(conversation: Conversation) -> None:
    """Accept, read, and never say a word."""
    await conversation.stay()


@dataclass
class Server:
    """A running script."""

    port: int
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(*steps: Step) -> AsyncIterator[Server]:
    """Serve the steps, one per connection; the last one serves all that follow."""
    left = list(steps)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        server.requests.append(request)
        step = left.pop(0) if len(left) > 1 else left[0]
        try:
            await step(Conversation(request, writer))
        except ConnectionError:
            pass  # the client went away first, which is what some of these tests are about
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    server = Server(listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Caller:
    """An identity for a scripted server: its token is a counter that ``renew`` moves on."""

    uid: str | None = "caller"
    account: str | None = "caller@imbari.example"

    def __init__(self, url: str, *, refresh_fails: ImbariError | None = None) -> None:
        self._url = url
        self._refresh_fails = refresh_fails
        self.token = 1
        self.expires_at: float | None = None
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
        return StreamRequest(
            f"{self._url}{path.to_url()}.json?auth=t{self.token}", {"X-Token": f"t{self.token}"}
        )

    def renew(self) -> None:
        if isinstance(self._refresh_fails, AuthError):
            raise self._refresh_fails
        self.token += 1

    def close(self) -> None:
        self.closed = True
