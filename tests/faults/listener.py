"""Whoever listens in a round, all through it, and keeps what is heard."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from imbari_chat import (
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    OutgoingMessage,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.schema.paths import SessionId
from tests.faults.door import Door
from tests.faults.ledger import Heard
from tests.faults.schedule import Pace
from tests.faults.wall_clock import true_ms

__all__ = ["WINDOW", "Listener", "messages_of"]

WINDOW = 50
"""Records that a listener follows."""


def messages_of(
    chat: AsyncCustomerChat | AsyncConversation, session_id: str, pace: Pace | None
) -> AsyncGenerator[ChatEvent, None]:
    """A conversation's events, in a window that may be smaller than people have."""
    if pace is None:
        return chat.events(history=WINDOW)
    return message_events(
        chat._gateway,
        SessionId(session_id),
        history=pace.window,
        window=pace.window,
        buffer=pace.buffer,
    )


class Listener:
    """Listens all through, and keeps what it hears.

    Args:
        heard: What it adds to.
        door: Says whether the rules may have shown it out; it begins again then.
        pace: How busy it is.

    Attributes:
        live: Set once it is.
        events: How many it has taken, but for those of the connection.
    """

    def __init__(self, heard: Heard, door: Door, pace: Pace | None = None) -> None:
        self.heard = heard
        self.live = asyncio.Event()
        self.events = 0
        self._door = door
        self._is_over = False
        self._pauses = [] if pace is None else [*pace.pauses]
        self._task: asyncio.Task[None] | None = None

    def follow(self, listen: Callable[[], AsyncGenerator[ChatEvent, None]]) -> None:
        """Take every event of what ``listen`` gives, in the background."""
        self._task = asyncio.create_task(self._follow(listen))

    async def attach(
        self, desk: AsyncAdminChat, otherwise: Callable[[], AsyncGenerator[ChatEvent, None]]
    ) -> None:
        """Have an admin's end call it with every event; returns once it is live.

        Args:
            desk: Which.
            otherwise: What to listen to once that has ended, which is for good.
        """
        for kind in (
            SessionAdded,
            SessionChanged,
            SessionRemoved,
            MessageAdded,
            ConnectionChanged,
        ):
            desk.on(kind)(self._handle_attached)
        await desk.listen()
        self.live.set()
        self._task = asyncio.create_task(self._attached(desk, otherwise))

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _attached(
        self, desk: AsyncAdminChat, otherwise: Callable[[], AsyncGenerator[ChatEvent, None]]
    ) -> None:
        try:
            with self._door.excuses():
                await desk.wait_closed()
                return
        except Exception as error:  # noqa: BLE001  # the top of a task: the judge is told
            self.heard.trouble = error
            return
        self._is_over = True
        await self._shown_out()
        await self._follow(otherwise)

    async def _follow(self, listen: Callable[[], AsyncGenerator[ChatEvent, None]]) -> None:
        try:
            while True:
                with self._door.excuses():
                    async with aclosing(listen()) as events:
                        async for event in events:
                            await self.handle(event)
                    return
                await self._shown_out()
        except Exception as error:  # noqa: BLE001  # the top of a task: the judge is told
            self.heard.trouble = error

    async def _shown_out(self) -> None:
        """The rules let nobody in, and it was told: it begins again when they do."""
        self._door.shown_out += 1
        self.live.clear()
        self.heard.begin_again()
        await self._door.opened()

    async def _handle_attached(self, event: Any) -> None:
        """What was taken before its end is still handed over after it."""
        if not self._is_over:
            await self.handle(event)

    async def handle(self, event: Any) -> None:
        """One event, which may take a while."""
        self._take(event)
        if self._pauses and self.live.is_set():
            await asyncio.sleep(self._pauses.pop(0))

    def _take(self, event: Any) -> None:
        heard = self.heard
        self.events += not isinstance(event, ConnectionChanged)
        if isinstance(event, ConnectionChanged):
            heard.connection = f"{event.state}: {event.reason}" if event.reason else event.state
        match event:
            case ConnectionChanged(state="live"):
                if not self.live.is_set():
                    heard.began = true_ms()
                    # What one wrote oneself is told wherever it stands.
                    given = heard.messages.values()
                    heard.begun = tuple(
                        one for one in given if not isinstance(one, OutgoingMessage)
                    )
                    if heard.session_id is None and self._door.closings:
                        heard.before = self._door.said()
                self.live.set()
            case RecordRejected() if heard.session_id is not None and not self.live.is_set():
                heard.unusable += 1
            case SessionAdded(session) | SessionChanged(session):
                heard.sessions[session.id] = session
            case SessionRemoved(session):
                del heard.sessions[session.id]
            case MessageAdded(session_id, message):
                heard.added.append((session_id, message.text))
                heard.messages[message.id] = message
            case MessageChanged(_, message):
                heard.messages[message.id] = message
            case MessageRemoved(_, message):
                del heard.messages[message.id]
            case _:
                pass
