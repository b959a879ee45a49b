"""A chat that answers at once, and a desk before it without a terminal."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast

import pytest
import textual.app
import textual.pilot
from textual.pilot import Pilot

from imbari_chat.client import AsyncAdminChat
from imbari_chat.desk.app import Desk
from imbari_chat.desk.frame import Place
from imbari_chat.errors import ImbariError, NotFound, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, MessageAdded, SessionAdded
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import Note, TeamSnapshot
from imbari_chat.view.seen import MOMENT
from tests.view.records import outgoing

__all__ = ["Chat", "look", "opened", "row_of", "screen_of", "until"]

_LIVE = ConnectionChanged("live")


class Chat:
    """An admin's chat: what it holds, and what was asked of it.

    Attributes:
        sessions: What the inbox's stream begins with.
        messages: What each conversation's stream begins with.
        begins: How the inbox's stream is, after those.
        histories: What was said in a conversation, where that is not ``messages``.
        turning: Cleared to have pages wait.
        past: Pages above those, the nearest first.
        behind: Pages of conversations behind the window, the nearest first.
        stored: Those of them that have become others since.
        calls: What was asked, in order.
        shown: What others were let see, in order.
        refuse: The error that replies, and changes of the status, end in.
        unchecked: The error that replies end in that name what they answer.
        away: The error that everything else ends in.
        inbox: What the inbox's stream tells further, and what it ends with.
        talk: What the open conversation's stream does.
        resolved: What the stream of what is resolved does.
        written: The replies that were handed over.
        ids: All conversations that there are; None if they cannot be counted.
        counted: How often they were counted.
        refused: The ids of those of them that the outbox keeps, because they were refused.
    """

    def __init__(self, *sessions: Session, messages: tuple[Message, ...] = ()) -> None:
        self.sessions = sessions
        self.messages = messages
        self.histories: dict[SessionId, tuple[Message, ...]] = {}
        self.turning = asyncio.Event()
        self.turning.set()
        self.begins: ConnectionChanged = _LIVE
        self.past: list[list[Message]] = []
        self.behind: list[list[Session]] = []
        self.stored: dict[SessionId, Session] = {}
        self.calls: list[str] = []
        self.shown: list[str] = []
        self.team = Team(self.calls)
        self.uid = "me"
        self.account: str | None = None
        self.refuse: ImbariError | None = None
        self.unchecked: ImbariError | None = None
        self.away: ImbariError | None = None
        self.inbox: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.talk: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.resolved: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.written: list[OutgoingMessage] = []
        self.counted = 0
        self.ids: frozenset[SessionId] | None = None
        self.refused: set[str] = set()

    async def events(self, *, limit: int) -> AsyncGenerator[ChatEvent, None]:
        for one in self.sessions:
            yield SessionAdded(one)
        yield self.begins
        while True:
            yield await _next(self.inbox)

    async def resolutions(self) -> AsyncGenerator[ChatEvent, None]:
        while True:
            yield await _next(self.resolved)

    def open(self, session_id: SessionId, *, peek: bool) -> "_Opened":
        return _Opened(self, session_id)

    def browse(self, *, page_size: int) -> "_Pages":
        return _Pages(self.behind, self)

    async def session_ids(self) -> frozenset[SessionId]:
        self.counted += 1
        if self.ids is None:
            raise Unavailable("no HTTP here")
        return self.ids

    async def get_session(self, session_id: SessionId) -> Session:
        if session_id not in self.stored:
            raise NotFound("there is no such conversation")
        return self.stored[session_id]

    async def resolve(self, session_id: SessionId) -> None:
        self.calls.append(f"resolve {session_id}")
        if self.refuse is not None:
            raise self.refuse
        self._becomes(session_id, status="resolved")

    async def reopen(self, session_id: SessionId) -> None:
        self.calls.append(f"reopen {session_id}")
        self._becomes(session_id, status="active")

    def _becomes(self, session_id: SessionId, **fields: object) -> None:
        if (before := self.stored.get(session_id)) is not None:
            self.stored[session_id] = before.model_copy(update=fields)

    async def mark_unread(self, session_id: SessionId) -> bool:
        self.calls.append(f"unread {session_id}")
        return not any(one.id == session_id and one.unread_count for one in self.sessions)

    async def show(self) -> None:
        self.shown.append("show")

    async def drop(self, message_id: str) -> None:
        self.calls.append(f"drop {message_id}")
        if message_id not in self.refused:
            raise NotFound("the outbox holds no such message")

    def reconnect_now(self) -> None:
        self.calls.append("reconnect")


async def _next(queue: "asyncio.Queue[ChatEvent | Exception]") -> ChatEvent:
    item = await queue.get()
    if isinstance(item, Exception):
        raise item
    return item


class Team:
    """What the team keeps: given by the test, and what was asked of it."""

    def __init__(self, calls: list[str]) -> None:
        self.snapshots: asyncio.Queue[TeamSnapshot] = asyncio.Queue()
        self.noted: asyncio.Queue[tuple[Note, ...]] = asyncio.Queue()
        self.refuse: ImbariError | None = None
        self._calls = calls

    async def follow(self) -> AsyncGenerator[TeamSnapshot, None]:
        while True:
            yield await self.snapshots.get()

    async def follow_notes(self, session_id: str) -> AsyncGenerator[tuple[Note, ...], None]:
        while True:
            yield await self.noted.get()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def asked(*given: object, **named: object) -> None:
            words = [*map(str, given), *(f"{key}={one}" for key, one in named.items())]
            self._calls.append(" ".join([name, *words]))
            if self.refuse is not None:
                raise self.refuse

        return asked


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
    def __init__(self, pages: list[Any], chat: Chat) -> None:
        self._pages = pages
        self._chat = chat

    async def older(self) -> list[Any]:
        await self._chat.turning.wait()
        if self._chat.away is not None:
            raise self._chat.away
        return self._pages.pop(0) if self._pages else []


class _Opened:
    def __init__(self, chat: Chat, session_id: SessionId) -> None:
        self._chat = chat
        self._id = session_id

    async def __aenter__(self) -> Self:
        self._chat.calls.append(f"open {self._id}")
        if self._chat.away is not None:
            raise self._chat.away
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
            yield await _next(self._chat.talk)

    def browse(self, *, page_size: int) -> _Pages:
        return _Pages(self._chat.past, self._chat)

    async def reply(
        self, text: str, *, timeout: float, expect_last: Message | None
    ) -> OutgoingMessage:
        after = f" after {expect_last.id}" if expect_last else ""
        self._chat.calls.append(f"reply {text!r}{after}")
        if after and self._chat.unchecked is not None:
            raise self._chat.unchecked
        if self._chat.refuse is not None:
            raise self._chat.refuse
        self._chat.written.append(outgoing(f"r{len(self._chat.calls)}", text))
        return self._chat.written[-1]

    async def history(self, *, limit: int) -> list[Message]:
        return list(self._chat.histories.get(self._id, self._chat.messages)[-limit:])

    async def show(self) -> None:
        self._chat.shown.append(f"show {self._id}")

    async def typing(self) -> None:
        self._chat.shown.append(f"type {self._id}")

    async def mark_read(self, *, up_to: Message) -> None:
        self._chat.calls.append(f"read {up_to.id}")
        if self._chat.away is not None:
            raise self._chat.away


@asynccontextmanager
async def opened(
    chat: Chat, *, size: tuple[int, int] = (140, 40), **options: Any
) -> AsyncIterator[tuple[Desk, Pilot[None]]]:
    """A desk that has heard what the chat begins with."""
    app = Desk(
        cast("AsyncAdminChat", chat), place=Place("demo-shop", "default"), clock=Clock(), **options
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in (textual.app, textual.pilot):
            patch.setattr(module, "wait_for_idle", lambda *_: _until_idle(app))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield app, pilot


async def _until_idle(app: Desk) -> None:
    """Wait until nobody in the loop has anything to do but to wait for a clock, a thread or a file.

    The clock that a new size waits for, lest there be another, is waited for as well.

    A pilot takes a process that uses no processor for one that is idle. On a busy machine it may
    as well not have been given any.
    """
    loop = cast("asyncio.BaseEventLoop", asyncio.get_running_loop())
    await asyncio.sleep(0)
    while loop._ready or app._resize_timer:  # type: ignore[attr-defined]  # noqa: ASYNC110  # due
        await asyncio.sleep(0)


def row_of(app: Desk, words: str) -> int:
    """The first row with these words; a failure shows them all."""
    rows = screen_of(app)
    found = [at for at, row in enumerate(rows) if words in row]
    assert found, "\n".join(rows)
    return found[0]


async def until(pilot: Pilot[None], happened: Callable[[], object]) -> None:
    """Wait until it has happened, for thirty seconds at most."""
    async with asyncio.timeout(30):
        while not happened():
            await pilot.pause(0.01)


def screen_of(app: textual.app.App[Any]) -> list[str]:
    """The rows on the screen as text, without control sequences."""
    return [
        "".join(segment.text for segment in line if not segment.control).rstrip()
        for line in app.screen._compositor.render_strips()
    ]
