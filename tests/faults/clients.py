"""Our own clients as a round uses them: impatient, each with its own way to the server."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ChatEvent,
    Conflict,
    ConnectionChanged,
    ImbariError,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    OutgoingMessage,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
    Settings,
    Unavailable,
)
from imbari_chat.client import transports
from imbari_chat.client.admin import SEND_POLICY as ADMIN_POLICY
from imbari_chat.client.customer import SEND_POLICY as CUSTOMER_POLICY
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.choice import Choice, Step
from imbari_chat.engine.link import Link
from imbari_chat.engine.link_effects import Attempt, LinkPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.net.auto import AutoTransport
from imbari_chat.net.base import BaseTransport
from imbari_chat.net.caller import Caller
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Transport
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.schema.paths import SessionId
from tests.faults.door import Door
from tests.faults.ledger import Entry, Heard
from tests.faults.schedule import Pace, TransportName
from tests.faults.server import PROJECT
from tests.faults.wall_clock import ContextWorkers, true_ms

__all__ = [
    "WINDOW",
    "Listener",
    "Written",
    "admin",
    "customer",
    "messages_of",
    "moves_of",
    "settings",
]

TIMEOUT = 0.8
"""Seconds that one request may take; a fraction of what people wait."""

WINDOW = 50
"""Records that a listener follows."""

_BACKOFF = BackoffPolicy(first=0.05, cap=0.3)
# The server says something every quarter of a second; see server.py.
_STREAMS = StreamPolicy(
    connect_timeout=TIMEOUT, stale_after=0.6, dead_after=1.0, stable_after=0.5, backoff=_BACKOFF
)

_LINK = LinkPolicy(
    connect_timeout=TIMEOUT,
    stable_after=0.5,
    hurry=0.2,
    pulse=PulsePolicy(
        probe_after=0.5, stale_after=0.1, dead_after=0.5, keep_alive=1.0, answer_within=2.0
    ),
    backoff=_BACKOFF,
)


def settings(
    database: str,
    auth: str,
    folder: Path,
    transport: TransportName,
    outbox: Literal["memory", "durable"] = "memory",
) -> Settings:
    """Settings for a client.

    Args:
        database: Its way to the database, HOST:PORT.
        auth: Its way to the sign-in service, HOST:PORT.
        folder: For its files.
        transport: How it goes there.
        outbox: Where it keeps messages that are on their way.
    """
    return Settings.load(
        project=PROJECT,
        database_emulator=database,
        auth_emulator=auth,
        data_dir=folder,
        token_store="file",
        timeout=TIMEOUT,
        transport=transport,
        outbox=outbox,
    )


def admin(where: Settings, threads: str = "faults") -> AsyncAdminChat:
    """An admin's end.

    Args:
        where: Its settings.
        threads: Prefix of its threads' names.
    """
    transport = _impatient(transports.admin_transport(where), threads)
    gateway = Gateway(
        transport,
        policy=_quick(ADMIN_POLICY),
        timeout=TIMEOUT,
        store=transports.outbox_store(where, "admin"),
    )
    return AsyncAdminChat._over(gateway)


def customer(where: Settings, threads: str = "faults") -> AsyncCustomerChat:
    """A customer's end; somebody new."""
    transport = _impatient(transports.customer_transport(where, remember=False), threads)
    return AsyncCustomerChat._over(
        Gateway(transport, policy=_quick(CUSTOMER_POLICY), timeout=TIMEOUT)
    )


def _quick(policy: OutboxPolicy) -> OutboxPolicy:
    return dataclasses.replace(policy, backoff=_BACKOFF)


def _impatient(transport: Transport, threads: str) -> Transport:
    workers = ContextWorkers(threads)
    caller: Caller[Any]
    match transport:
        case WebSocketTransport():
            ways: list[BaseTransport[Any]] = [transport]
            transport._link = Link(random.random, _LINK)
        case RestTransport():
            ways = [transport]
            transport._policy = _STREAMS
        case AutoTransport():
            transport._link = dataclasses.replace(
                _LINK, greeting_timeout=TIMEOUT / 3, heeds_shutdown=False
            )
            transport._choice = _CountedChoice()
            transport._rest._policy = _STREAMS
            transport._in_use = transport._socket = transport._new_socket()
            ways = [transport, transport._rest, transport._socket]
        case _:
            raise TypeError(transport)
    for way in ways:
        caller, way._workers = way._caller, workers
        caller._workers = workers
    return transport


class _CountedChoice(Choice):
    """One that counts how often it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.moves = 0

    def attempted(self, attempt: Attempt) -> Step | None:
        return self._counted(super().attempted(attempt))

    def rest_answered(self, answers: bool) -> Step | None:
        return self._counted(super().rest_answered(answers))

    def _counted(self, step: Step | None) -> Step | None:
        self.moves += step in (Step.USE_REST, Step.USE_SOCKET)
        return step


def moves_of(chat: AsyncAdminChat | AsyncCustomerChat) -> int:
    """How often a client of ours was taken to another transport."""
    transport = chat._gateway._transport
    if not isinstance(transport, AutoTransport):
        return 0
    assert isinstance(transport._choice, _CountedChoice)
    return transport._choice.moves


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


class Written:
    """The messages of our clients: what their writers were told, and are being told.

    Args:
        ledger: Gets an entry for each.
        door: Says whether the rules may have refused them; they have not if there is none.
    """

    def __init__(self, ledger: list[Entry], door: Door | None = None) -> None:
        self._ledger = ledger
        self._door = door
        self._under_way: list[tuple[Entry, OutgoingMessage]] = []

    async def write(
        self,
        author: str,
        session_id: str,
        text: str,
        call: Callable[[], Awaitable[OutgoingMessage]],
        *,
        after: Iterable[str] = (),
    ) -> None:
        """Make the call and note what it says.

        Args:
            author: Who.
            session_id: Where to.
            text: What.
            call: How.
            after: Texts that the author has heard there.

        Raises:
            ImbariError: It failed in a way that nothing in a round explains.
        """
        entry = Entry(author, session_id, text, "absent", after=frozenset(after))
        self._ledger.append(entry)
        try:
            message = await call()
        except Unavailable as error:
            entry.fate = "unknown" if error.outcome_unknown else "absent"
        except Conflict:
            pass  # another message came first, as may be
        else:
            self._under_way.append((entry, message))
            self.settle()

    def settle(self) -> None:
        """Note what has become of messages that were under way."""
        for entry, message in self._under_way:
            match message.delivery:
                case "confirmed":
                    entry.fate = "stored"
                case "failed":
                    entry.fate = "absent"
                case "queued" | "sent":
                    entry.fate = "unsettled"

    def failed(self) -> list[str]:
        """Messages that were accepted and did not get there, without a good reason."""
        return [
            f"{entry.author}: {entry.text!r} was accepted, and is {message.delivery}:"
            f" {message.error!r}"
            for entry, message in self._under_way
            if message.delivery != "confirmed" and not self._is_explained(message.error)
        ]

    def _is_explained(self, error: ImbariError | None) -> bool:
        return isinstance(error, Conflict) or (
            isinstance(error, AccessDenied) and self._door is not None and self._door.closings > 0
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
                    heard.begun = tuple(heard.messages.values())
                    if heard.session_id is None and self._door.closings:
                        heard.before = self._door.said()
                self.live.set()
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
