"""One round: play a schedule, mend everything, and judge what is left."""

import asyncio
import random
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from imbari_chat import (
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    Conflict,
    ImbariError,
    StartUnfinished,
    Unavailable,
)
from tests.faults.clients import Listener, Written, admin, customer, settings
from tests.faults.ledger import Entry, Heard, Stored, Verdict, judge
from tests.faults.proxy import Proxy
from tests.faults.schedule import Fault, Profile, Schedule, Step
from tests.faults.server import NAMESPACE, Server
from tests.faults.website import Dashboard, Widget

__all__ = ["Outcome", "play"]

_ROOT = Path(__file__).parents[2]
_RULES: dict[Profile, Path] = {
    "strict": _ROOT / "database.rules.json",
    "compat": _ROOT / "examples" / "rules" / "compat.rules.json",
}

_AGREEMENT = 20.0
"""Seconds after the mending in which everything must have been delivered and heard."""

_LOOK = 0.05


@dataclass(slots=True)
class Outcome:
    """What became of a round.

    Attributes:
        verdict: See :class:`~tests.faults.ledger.Verdict`.
        faults: How many faults struck.
        drifted: Conversations that the website left with a wrong count.
        repaired: How many of them were put right.
        seconds: How long it took.
    """

    verdict: Verdict
    faults: int
    drifted: int = 0
    repaired: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Cast:
    """Who takes part, by name."""

    customers: dict[str, AsyncCustomerChat] = field(default_factory=dict)
    admins: dict[str, AsyncAdminChat] = field(default_factory=dict)
    widgets: dict[str, Widget] = field(default_factory=dict)
    dashboards: dict[str, Dashboard] = field(default_factory=dict)
    inboxes: dict[str, Listener] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    open: dict[tuple[str, str], AsyncConversation] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def touched(self) -> set[str]:
        """Sessions in which the website has written, or tried to."""
        pages = (*self.widgets.values(), *self.dashboards.values())
        return {session_id for page in pages for session_id in page.touched}


async def play(schedule: Schedule, folder: Path) -> Outcome:
    """Play it.

    Args:
        schedule: What happens.
        folder: An empty directory for the server's data.
    """
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server(_RULES[schedule.profile], folder / "data"))
        proxies = {
            name: await stack.enter_async_context(Proxy(server.database))
            for name in schedule.actors
        }
        round_ = _Round(schedule, server, proxies, folder, stack)
        await round_.prepare()
        await round_.storm()
        outcome = await round_.settle()
    outcome.seconds = time.monotonic() - began
    return outcome


class _Round:
    def __init__(
        self,
        schedule: Schedule,
        server: Server,
        proxies: dict[str, Proxy],
        folder: Path,
        stack: AsyncExitStack,
    ) -> None:
        self._schedule = schedule
        self._server = server
        self._proxies = proxies
        self._folder = folder
        self._stack = stack
        self._ledger: list[Entry] = []
        self._written = Written(self._ledger)
        self._cast = _Cast()

    async def prepare(self) -> None:
        """Everybody is there, and the inboxes are live, before anything goes wrong."""
        cast = self._cast
        for name, proxy in self._proxies.items():
            where = settings(self._server, proxy.address, self._folder / name)
            if name.startswith("customer"):
                cast.customers[name] = customer(where)
                self._stack.push_async_callback(self._close, cast.customers[name])
            elif name.startswith("admin"):
                cast.admins[name] = desk = admin(where)
                self._stack.push_async_callback(self._close, desk)
                await self._listen_to_inbox(name, desk)
            else:
                page = Widget if name.startswith("widget") else Dashboard
                dice = random.Random(f"{self._schedule.seed} {name}")
                made = page(name, proxy.address, NAMESPACE, self._ledger, dice)
                self._stack.push_async_callback(made.close)
                if isinstance(made, Widget):
                    cast.widgets[name] = made
                else:
                    cast.dashboards[name] = made

    async def storm(self) -> None:
        """Everybody does what the schedule says, while the faults strike."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as everything:
            for name, steps in self._schedule.actors.items():
                everything.create_task(self._act(name, steps, began))
            for fault in self._schedule.faults:
                everything.create_task(self._strike(fault, began))

    async def settle(self) -> Outcome:
        """Mend, deliver, wait until everybody agrees with what is stored, and judge."""
        await self._server.start()
        for proxy in self._proxies.values():
            await proxy.mend()
        chats: list[AsyncCustomerChat | AsyncAdminChat] = [
            *self._cast.customers.values(),
            *self._cast.admins.values(),
        ]
        for chat in chats:
            chat.reconnect_now()
        await asyncio.gather(*(chat.flush(timeout=_AGREEMENT) for chat in chats))
        verdict, stored = await self._agreement()
        outcome = Outcome(verdict, len(self._schedule.faults))
        drifted = stored.drifted()
        excused = sorted(drifted.keys() & self._cast.touched())
        for session_id in drifted.keys() - set(excused):
            verdict.found(f"{session_id} counts {drifted[session_id]:+d} unread too many")
        if excused and not verdict.faults:
            outcome.drifted = len(excused)
            outcome.verdict = verdict = await self._repaired(excused)
            outcome.repaired = len(excused) if not verdict.faults else 0
        verdict.faults += self._cast.troubles + self._written.failed()
        return outcome

    async def _repaired(self, sessions: list[str]) -> Verdict:
        """The verdict once the counts that the website left wrong have been put right."""
        desk = self._cast.admins["admin0"]
        await asyncio.gather(*(desk.recount(session_id) for session_id in sessions))
        verdict, stored = await self._agreement()
        for session_id, difference in stored.drifted().items():
            verdict.found(f"{session_id} still counts {difference:+d} unread too many")
        return verdict

    async def _agreement(self) -> tuple[Verdict, Stored]:
        """The verdict, once it is clean twice in a row, or when time is up."""
        deadline = time.monotonic() + _AGREEMENT
        before = None
        while True:
            raw = await self._server.stored()
            stored = Stored(raw)
            self._written.settle()
            verdict = judge(
                self._ledger,
                stored,
                [one.heard for one in self._cast.listeners],
                website=self._cast.touched(),
            )
            clean = not verdict.faults
            if (clean and raw == before) or time.monotonic() > deadline:
                return verdict, stored
            before = raw if clean else None
            await asyncio.sleep(_LOOK)

    async def _listen_to_inbox(self, name: str, desk: AsyncAdminChat) -> None:
        """By iterating or by handlers, in turns."""
        listener = Listener(Heard(f"{name}'s inbox", None))
        self._cast.inboxes[name] = listener
        self._cast.listeners.append(listener)
        self._stack.push_async_callback(listener.stop)
        if name.endswith("1"):
            listener.attach(desk)
            await desk.listen()
        else:
            listener.follow(desk.events())
            await listener.live.wait()

    def _listen_to(self, name: str, chat: AsyncCustomerChat | AsyncConversation, id_: str) -> None:
        listener = Listener(Heard(f"{name} in {id_}", id_))
        self._cast.listeners.append(listener)
        self._stack.push_async_callback(listener.stop)
        listener.follow(chat.events(history=50))

    async def _close(self, chat: AsyncCustomerChat | AsyncAdminChat) -> None:
        async with asyncio.timeout(5):
            await chat.close()

    async def _strike(self, fault: Fault, began: float) -> None:
        await _until(began + fault.at)
        if fault.what == "kill":
            await self._server.kill()
            await asyncio.sleep(fault.seconds)
            await self._server.start()
            return
        everybody = list(self._proxies.values())
        whose = everybody if fault.whose is None else [everybody[fault.whose % len(everybody)]]
        for proxy in whose:
            await proxy.spoil(fault.what, seconds=fault.seconds, amount=fault.amount)
        await asyncio.sleep(fault.seconds)
        for proxy in whose:
            if fault.what == "stall and cut":
                proxy.cut()
            await proxy.mend()

    async def _act(self, name: str, steps: tuple[Step, ...], began: float) -> None:
        if name.startswith("customer"):
            act = self._customer
        elif name.startswith("admin"):
            act = self._admin
        else:
            act = self._widget if name.startswith("widget") else self._dashboard
        for number, step in enumerate(steps):
            await _until(began + step.at)
            try:
                await act(name, step, f"{name} {number}")
            except ImbariError as error:
                self._cast.troubles.append(f"{name}: {step.what} failed: {error!r}")

    async def _customer(self, name: str, step: Step, text: str) -> None:
        chat = self._cast.customers[name]
        if step.what == "start":
            await self._start(name, chat, text)
        elif step.what == "open":
            with suppress(Unavailable):
                await chat.show()
        else:
            await self._written.write(
                name,
                chat.session.id,
                text,
                lambda: chat.send(text, timeout=step.timeout, queue=step.queue),
            )

    async def _start(self, name: str, chat: AsyncCustomerChat, text: str) -> None:
        """Until it works, as a customer would: however many tries, it is one conversation."""
        entry = Entry(name, "", text, "absent")
        self._ledger.append(entry)
        for _ in range(100):
            try:
                session = await chat.start(name=name, email=f"{name}@example.com", text=text)
            except StartUnfinished:
                entry.fate = "unknown"
                await asyncio.sleep(0.05)
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                entry.session_id, entry.fate = session.id, "stored"
                self._listen_to(name, chat, session.id)
                return
        raise Unavailable(f"{name} could not start a conversation")

    async def _admin(self, name: str, step: Step, text: str) -> None:
        desk = self._cast.admins[name]
        known = sorted(self._cast.inboxes[name].heard.sessions)
        if not known:
            return
        session_id = known[step.which % len(known)]
        with suppress(Unavailable):
            conversation = await self._opened(name, desk, session_id)
            await self._in_conversation(name, conversation, step, text)

    async def _opened(self, name: str, desk: AsyncAdminChat, session_id: str) -> AsyncConversation:
        conversation = self._cast.open.get((name, session_id))
        if conversation is None:
            conversation = desk.open(session_id, peek=True)
            await self._stack.enter_async_context(conversation)
            self._cast.open[name, session_id] = conversation
            self._listen_to(name, conversation, session_id)
        return conversation

    async def _in_conversation(
        self, name: str, conversation: AsyncConversation, step: Step, text: str
    ) -> None:
        match step.what:
            case "reply" | "answer":
                newest = await conversation.history(limit=1) if step.what == "answer" else []
                last = newest[-1] if newest else None
                await self._written.write(
                    name,
                    conversation.id,
                    text,
                    lambda: conversation.reply(
                        text, timeout=step.timeout, queue=step.queue, expect_last=last
                    ),
                )
            case "read":
                with suppress(Conflict):
                    await conversation.mark_read()
            case "resolve":
                await conversation.resolve()
            case _:
                await conversation.reopen()

    async def _widget(self, name: str, step: Step, text: str) -> None:
        page = self._cast.widgets[name]
        if step.what != "start":
            await page.send(text)
            return
        for _ in range(100):
            if await page.start():
                return
            await asyncio.sleep(0.05)

    async def _dashboard(self, name: str, step: Step, text: str) -> None:
        page = self._cast.dashboards[name]
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


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
