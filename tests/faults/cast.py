"""Who takes part in a round, and what each does at a step of theirs."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imbari_chat import (
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    Conflict,
    ImbariError,
    Settings,
    StartUnfinished,
    Unavailable,
)
from tests.faults.clerk import Clerk
from tests.faults.clients import Written, admin, customer, moves_of, settings
from tests.faults.door import Door
from tests.faults.hostile import Hostile
from tests.faults.ledger import Entry, Heard
from tests.faults.listener import Listener, messages_of
from tests.faults.proxy import Proxy
from tests.faults.schedule import STRANGER, Fault, Schedule, Step
from tests.faults.server import NAMESPACE, Server
from tests.faults.website import Dashboard, Widget

__all__ = ["Cast", "Way"]

_PATIENCE = 20.0
"""Seconds in which a customer tries to start, and a clerk waits for a conversation."""

_TRIES = 20
"""How often a customer tries at least: where each try takes long, few of them fit into that."""

_PAUSE = 0.05
"""Seconds between two tries, or two looks."""


@dataclass(frozen=True, slots=True)
class Way:
    """An actor's way to the server.

    Attributes:
        database: To the database; all faults strike it.
        auth: To the sign-in service; strangers come in between there too.
    """

    database: Proxy
    auth: Proxy

    @property
    def ports(self) -> set[int]:
        """Where it begins."""
        return {int(one.address.rpartition(":")[2]) for one in (self.database, self.auth)}

    async def spoil(self, fault: Fault) -> None:
        """Do what the fault says."""
        for proxy in (self.database, self.auth) if fault.what == STRANGER else (self.database,):
            await proxy.spoil(fault.what, seconds=fault.seconds, amount=fault.amount)

    async def mend(self) -> None:
        """Let everything through again."""
        await self.database.mend()
        await self.auth.mend()


class Cast:
    """Everybody, by name.

    Args:
        schedule: Whose round.
        server: Where it is played.
        rules: In force there.
        folder: For the clients' files.
        stack: Closes what is opened.

    Attributes:
        ledger: Every message that anybody wrote.
        written: Those of our own clients.
        chats: Those.
        listeners: Whoever hears events.
        troubles: Calls that failed in a way that nothing in a round explains.
        door: The rules.
        threads: Prefix of the names of our clients' threads.
    """

    def __init__(
        self, schedule: Schedule, server: Server, rules: str, folder: Path, stack: AsyncExitStack
    ) -> None:
        self._schedule = schedule
        self._folder = folder
        self._stack = stack
        self.ledger: list[Entry] = []
        self.door = Door(server, rules, self._said)
        self.written = Written(self.ledger, self.door)
        self.threads = f"faults {schedule.seed}"
        self.listeners: list[Listener] = []
        self.troubles: list[str] = []
        self._customers: dict[str, AsyncCustomerChat] = {}
        self._admins: dict[str, AsyncAdminChat] = {}
        self._widgets: dict[str, Widget] = {}
        self._dashboards: dict[str, Dashboard] = {}
        self._foes: dict[str, Hostile] = {}
        self._started: set[str] = set()
        self._clerks: dict[str, Clerk] = {}
        self._inboxes: dict[str, Listener] = {}
        self._conversations: dict[tuple[str, str], Listener] = {}
        self._open: dict[tuple[str, str], AsyncConversation] = {}

    def _said(self) -> frozenset[str]:
        """Every text that anybody has written, those of programs that run included."""
        running = [text for clerk in self._clerks.values() for text in clerk.saying]
        return frozenset([*(one.text for one in self.ledger), *running])

    @property
    def chats(self) -> dict[str, AsyncCustomerChat | AsyncAdminChat]:
        """Our own clients."""
        return {**self._customers, **self._admins}

    @property
    def desk(self) -> AsyncAdminChat:
        """The first admin's."""
        return self._admins["admin0"]

    @property
    def moves(self) -> int:
        """How often our clients were taken to another transport."""
        return sum(moves_of(chat) for chat in self.chats.values())

    @property
    def kills(self) -> int:
        """How often programs were killed."""
        return sum(one.kills for one in self._clerks.values())

    async def finish(self) -> None:
        """Programs that were killed deliver what they have accepted."""
        for clerk in self._clerks.values():
            self.troubles += await clerk.finish()

    def touched(self) -> set[str]:
        """Sessions in which the website has written, or tried to, or somebody in its place."""
        pages = [one.touched for one in (*self._widgets.values(), *self._dashboards.values())]
        return set().union(*pages, *(one.touched for one in self._foes.values()))

    def move_clock(self, name: str, ahead: float) -> None:
        """A page of the website has a clock of its own, which is now so many seconds ahead."""
        page = self._widgets.get(name) or self._dashboards.get(name)
        if page is not None:
            page.move_clock(ahead)

    async def admit(self, name: str, way: Way) -> None:
        """They are there; an admin's inbox is live."""
        dice = random.Random(f"{self._schedule.seed} {name}")
        if name.startswith("clerk"):
            self._clerks[name] = Clerk(name, self._settings(name, way, "durable"), self.ledger)
            self._stack.push_async_callback(self._clerks[name].close)
        elif name.startswith("customer"):
            self._customers[name] = customer(self._settings(name, way), self.threads)
            self._stack.push_async_callback(self._close, self._customers[name])
        elif name.startswith("admin"):
            self._admins[name] = desk = admin(self._settings(name, way), self.threads)
            self._stack.push_async_callback(self._close, desk)
            await self._listen_to_inbox(name, desk)
        elif name.startswith("hostile"):
            addresses = way.database.address, way.auth.address
            profile = self._schedule.profile
            foe = Hostile(name, *addresses, NAMESPACE, profile, self.ledger, dice)
            self._stack.push_async_callback(foe.close)
            self._foes[name] = foe
        else:
            page = Widget if name.startswith("widget") else Dashboard
            clock = self._schedule.clocks.get(name)
            ahead = None if clock is None else clock.ahead
            made = page(name, way.database.address, NAMESPACE, self.ledger, dice, ahead)
            self._stack.push_async_callback(made.close)
            if isinstance(made, Widget):
                self._widgets[name] = made
            else:
                self._dashboards[name] = made

    def _settings(
        self, name: str, way: Way, outbox: Literal["memory", "durable"] = "memory"
    ) -> Settings:
        return settings(
            way.database.address,
            way.auth.address,
            self._folder / name,
            self._schedule.transports[name],
            outbox,
        )

    async def act(self, name: str, step: Step, text: str) -> None:
        """Somebody does one thing; ``text`` is what they say, if they do."""
        acts = {
            "customer": self._customer,
            "admin": self._admin,
            "widget": self._widget,
            "dashboard": self._dashboard,
            "hostile": self._hostile,
            "clerk": self._clerk,
        }
        with self._noting(name, step):
            await acts[name.rstrip("0123456789")](name, step, self._padded(text))

    async def last_words(self, name: str) -> None:
        """One more message in each conversation that an actor has open: who is deaf shows it."""
        if name in self._customers:
            await self.act(name, Step(0, "send"), f"{name} last")
            return
        step = Step(0, "reply")
        for (who, _), conversation in self._open.items():
            if who == name:
                text = self._padded(f"{name} last in {conversation.id}")
                with self._noting(name, step):
                    await self._in_conversation(name, conversation, step, text)

    @contextmanager
    def _noting(self, name: str, step: Step) -> Iterator[None]:
        """Whatever fails inside is a trouble, unless the rules had changed."""
        try:
            with self.door.excuses():
                yield
        except ImbariError as error:
            self.troubles.append(f"{name}: {step.what} failed: {error!r}")

    async def _hostile(self, name: str, step: Step, _: str) -> None:
        await self._foes[name].act(step.what, step.which)

    async def _clerk(self, name: str, step: Step, _: str) -> None:
        clerk, inbox = self._clerks[name], self._inboxes["admin0"]
        if step.what == "kill":
            await asyncio.sleep(step.which / 1000)
            await clerk.kill()
            return
        deadline = time.monotonic() + _PATIENCE
        while not inbox.heard.sessions and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)
        if inbox.heard.sessions:
            await clerk.begin(min(inbox.heard.sessions))

    async def _customer(self, name: str, step: Step, text: str) -> None:
        chat = self._customers[name]
        if step.what == "start":
            await self._start(name, chat, text)
        elif name not in self._started:
            pass  # which is a trouble already
        elif step.what == "open":
            with suppress(Unavailable):
                await chat.show()
        else:
            await self.written.write(
                name,
                chat.session.id,
                text,
                lambda: chat.send(text, timeout=step.timeout, queue=step.queue),
                after=self._heard_in(name, chat.session.id),
            )

    async def _start(self, name: str, chat: AsyncCustomerChat, text: str) -> None:
        """Until it works, as a customer would: however many tries, it is one conversation."""
        entry = Entry(name, "", text, "absent")
        self.ledger.append(entry)
        deadline = time.monotonic() + _PATIENCE
        for tries in itertools.count(1):
            try:
                with self.door.excuses():
                    session = await chat.start(name=name, email=f"{name}@example.com", text=text)
                    entry.session_id, entry.fate = session.id, "stored"
                    self._started.add(name)
                    self._listen_to(name, chat, session.id)
                    return
                await self.door.opened()
            except Unavailable as error:
                if isinstance(error, StartUnfinished):
                    entry.fate = "unknown"
                if tries >= _TRIES and time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _admin(self, name: str, step: Step, text: str) -> None:
        desk = self._admins[name]
        known = sorted(self._inboxes[name].heard.sessions)
        if not known:
            return
        session_id = known[step.which % len(known)]
        with suppress(Unavailable):
            conversation = await self._opened(name, desk, session_id)
            await self._in_conversation(name, conversation, step, text)

    async def _opened(self, name: str, desk: AsyncAdminChat, session_id: str) -> AsyncConversation:
        conversation = self._open.get((name, session_id))
        if conversation is None:
            conversation = desk.open(session_id, peek=True)
            await self._stack.enter_async_context(conversation)
            self._open[name, session_id] = conversation
            self._listen_to(name, conversation, session_id)
        return conversation

    async def _in_conversation(
        self, name: str, conversation: AsyncConversation, step: Step, text: str
    ) -> None:
        match step.what:
            case "reply" | "answer":
                newest = await conversation.history(limit=1) if step.what == "answer" else []
                last = newest[-1] if newest else None
                await self.written.write(
                    name,
                    conversation.id,
                    text,
                    lambda: conversation.reply(
                        text, timeout=step.timeout, queue=step.queue, expect_last=last
                    ),
                    after=self._heard_in(name, conversation.id),
                )
            case "read":
                with suppress(Conflict):
                    await conversation.mark_read()
            case "resolve":
                await conversation.resolve()
            case _:
                await conversation.reopen()

    async def _widget(self, name: str, step: Step, text: str) -> None:
        page = self._widgets[name]
        if step.what != "start":
            await page.send(text)
            return
        for _ in range(100):
            if await page.start():
                return
            await asyncio.sleep(_PAUSE)

    async def _dashboard(self, name: str, step: Step, text: str) -> None:
        page = self._dashboards[name]
        sessions = await page.sessions()
        if not sessions:
            return
        session_id = sessions[step.which % len(sessions)]
        match step.what:
            case "answer":
                await page.answer(session_id, text)
            case "read":
                await page.read(session_id)
            case "resolve":
                await page.set_status(session_id, "resolved")
            case _:
                await page.set_status(session_id, "active")

    async def _listen_to_inbox(self, name: str, desk: AsyncAdminChat) -> None:
        """By iterating or by handlers, in turns."""
        pace = self._schedule.busy.get(name)
        heard = Heard(f"{name}'s inbox", None)
        listener = Listener(heard, self.door, pace)
        self._inboxes[name] = listener
        self.listeners.append(listener)
        self._stack.push_async_callback(listener.stop)
        if name.endswith("1"):
            await listener.attach(desk, lambda: desk.events(limit=heard.window))
            return
        if pace is None:
            listener.follow(lambda: desk.events(limit=heard.window))
        else:
            heard.window, buffer = pace.window, pace.buffer
            listener.follow(lambda: desk.events(limit=heard.window, buffer=buffer))
        await listener.live.wait()

    def _listen_to(self, name: str, chat: AsyncCustomerChat | AsyncConversation, id_: str) -> None:
        pace = self._schedule.busy.get(name)
        heard = Heard(f"{name} in {id_}", id_)
        heard.window = heard.window if pace is None else pace.window
        listener = Listener(heard, self.door, pace)
        self._conversations[name, id_] = listener
        self.listeners.append(listener)
        self._stack.push_async_callback(listener.stop)
        listener.follow(lambda: messages_of(chat, id_, pace))

    def _heard_in(self, name: str, session_id: str) -> list[str]:
        """What an actor has heard in a conversation."""
        listener = self._conversations.get((name, session_id))
        return [] if listener is None else [one.text for one in listener.heard.messages.values()]

    def _padded(self, text: str) -> str:
        """The text, as long as it has to be."""
        return f"{text} {'.' * self._schedule.padding}".strip()

    async def _close(self, chat: AsyncCustomerChat | AsyncAdminChat) -> None:
        async with asyncio.timeout(20):
            await chat.close()
