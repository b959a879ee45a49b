"""A chat that answers at once, and a desk before it without a terminal."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast

from textual.pilot import Pilot

from imbari_chat.client import AsyncAdminChat
from imbari_chat.desk.app import Desk, Place
from imbari_chat.errors import ImbariError
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, MessageAdded, SessionAdded
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.seen import MOMENT
from tests.view.records import outgoing

__all__ = ["Chat", "look", "opened", "screen_of"]

_LIVE = ConnectionChanged("live")


class Chat:
    """An admin's chat: what it holds, and what was asked of it.

    Attributes:
        sessions: What the inbox's stream begins with.
        messages: What each conversation's stream begins with.
        past: Pages above those, the nearest first.
        calls: What was asked, in order.
        refuse: The error that the next reply ends in.
    """

    def __init__(self, *sessions: Session, messages: tuple[Message, ...] = ()) -> None:
        self.sessions = sessions
        self.messages = messages
        self.past: list[list[Message]] = []
        self.behind: list[list[Session]] = []
        self.calls: list[str] = []
        self.refuse: ImbariError | None = None
        self.inbox: asyncio.Queue[ChatEvent] = asyncio.Queue()
        self.talk: asyncio.Queue[ChatEvent] = asyncio.Queue()

    async def events(self, *, limit: int) -> AsyncGenerator[ChatEvent, None]:
        for one in self.sessions:
            yield SessionAdded(one)
        yield _LIVE
        while True:
            yield await self.inbox.get()

    def open(self, session_id: SessionId, *, peek: bool) -> "_Opened":
        return _Opened(self, session_id)

    def browse(self, *, page_size: int) -> "_Pages":
        return _Pages(self.behind)

    async def resolve(self, session_id: SessionId) -> None:
        self.calls.append(f"resolve {session_id}")

    async def reopen(self, session_id: SessionId) -> None:
        self.calls.append(f"reopen {session_id}")

    def reconnect_now(self) -> None:
        self.calls.append("reconnect")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def look(app: Desk, seconds: float = MOMENT / 1000) -> None:
    """Somebody looks at the screen for so long."""
    clock = cast("Clock", app._clock)
    app._glance()
    clock.now += seconds
    app._glance()


class _Pages:
    def __init__(self, pages: list[Any]) -> None:
        self._pages = pages

    async def older(self) -> list[Any]:
        return self._pages.pop(0) if self._pages else []


class _Opened:
    def __init__(self, chat: Chat, session_id: SessionId) -> None:
        self._chat = chat
        self._id = session_id

    async def __aenter__(self) -> Self:
        self._chat.calls.append(f"open {self._id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def events(self) -> AsyncGenerator[ChatEvent, None]:
        for one in self._chat.messages:
            yield MessageAdded(self._id, one)
        yield _LIVE
        while True:
            yield await self._chat.talk.get()

    def browse(self, *, page_size: int) -> _Pages:
        return _Pages(self._chat.past)

    async def reply(
        self, text: str, *, timeout: float, expect_last: Message | None
    ) -> OutgoingMessage:
        after = f" after {expect_last.id}" if expect_last else ""
        self._chat.calls.append(f"reply {text!r}{after}")
        if self._chat.refuse is not None:
            raise self._chat.refuse
        return outgoing(f"r{len(self._chat.calls)}", text)

    async def show(self) -> None:
        """Nobody else is there to see it."""

    async def mark_read(self, *, up_to: Message) -> None:
        self._chat.calls.append(f"read {up_to.id}")


@asynccontextmanager
async def opened(
    chat: Chat, *, size: tuple[int, int] = (140, 40), **options: Any
) -> AsyncIterator[tuple[Desk, Pilot[None]]]:
    """A desk that has heard what the chat begins with."""
    app = Desk(
        cast("AsyncAdminChat", chat), place=Place("demo-shop", "default"), clock=Clock(), **options
    )
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


def screen_of(app: Desk) -> list[str]:
    """The rows on the screen as text, without control sequences."""
    return [
        "".join(segment.text for segment in line if not segment.control).rstrip()
        for line in app.screen._compositor.render_strips()
    ]
