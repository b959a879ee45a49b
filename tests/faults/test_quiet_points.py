"""Customers and admins race on one database, and requests and answers get lost in every way: at
every quiet point everything that was accepted is there once, and the counts are right.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, Conflict, Unavailable
from imbari_chat.client.admin import SEND_POLICY as ADMIN_POLICY
from imbari_chat.client.customer import SEND_POLICY as CUSTOMER_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.client.in_memory import (
    ADMIN,
    LATE,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    database,
)
from tests.faults.clients import Written
from tests.faults.clock import VirtualTime
from tests.faults.ledger import Entry, Stored, judge

FATES = st.lists(
    st.sampled_from(["", "", LOST_ANSWER, LOST_REQUEST, UNREACHABLE, LATE]), max_size=3
)
WAITS = st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.3]), max_size=12)
TIMEOUTS = st.sampled_from([0.0, 0.2, 10.0])

CUSTOMERS, ADMINS = 2, 3


class Net(InMemory):
    """One caller's way to the database. What is drawn decides how long calls take and what becomes
    of updates; what is not drawn is quick and safe.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.waits: list[float] = []

    def spoil(self, fates: list[str], waits: list[float]) -> None:
        self._fates += fates
        self.waits += waits

    def mend(self) -> None:
        self._fates.clear()
        self.waits.clear()

    async def get(self, path: Path, query: Query | None = None) -> Json:
        await self._wait()
        found = await super().get(path, query)
        await self._wait()
        return found

    async def update(self, changes: Mapping[Path, Json]) -> None:
        await self._wait()
        try:
            await super().update(changes)
        finally:
            await self._wait()

    def arrive_late(self) -> None:
        """What is still under way arrives now."""
        self._arrive_late()

    async def _wait(self) -> None:
        await asyncio.sleep(self.waits.pop(0) if self.waits else 0)


class Chats(RuleBasedStateMachine):
    """Two customers and three admins."""

    def __init__(self) -> None:
        super().__init__()
        self.time = VirtualTime()
        self.database = database()
        self.ledger: list[Entry] = []
        self.written = Written(self.ledger)
        self.nets: list[Net] = []
        self.customers: list[AsyncCustomerChat] = []
        self.admins: list[AsyncAdminChat] = []
        self.count = 0

    @initialize()
    def everybody_is_there(self) -> None:
        self.time.run(self._begin())

    @rule(
        acts=st.lists(
            st.tuples(
                st.sampled_from(["send", "send", "reply", "answer", "read", "read", "resolve"]),
                st.integers(0, 5),
                st.integers(0, CUSTOMERS - 1),
                TIMEOUTS,
                st.booleans(),
                FATES,
                WAITS,
            ),
            min_size=1,
            max_size=6,
        )
    )
    def all_at_once(
        self, acts: list[tuple[str, int, int, float, bool, list[str], list[float]]]
    ) -> None:
        """Several people do something at the same moment."""
        self.time.run(self._all(acts))

    @precondition(lambda self: self.customers)
    @invariant()
    def what_was_promised_holds(self) -> None:
        """Once nothing is under way any more."""
        self.time.run(self._come_to_rest())
        self.written.settle()
        stored = Stored(self.database.root.to_json())
        faults = judge(self.ledger, stored, []).faults + self.written.failed()
        assert not faults, faults
        assert stored.drifted() == {}

    def teardown(self) -> None:
        self.time.run(self._end())
        self.time.close()

    async def _begin(self) -> None:
        for number in range(CUSTOMERS):
            auth: Json = {"uid": f"customer{number}", "token": {}}
            chat = AsyncCustomerChat._over(Gateway(self._net(auth), policy=CUSTOMER_POLICY))
            self.customers.append(chat)
            name = f"customer{number}"
            session = await chat.start(
                name=name, email=f"{name}@example.com", text=f"{name} starts"
            )
            self.ledger.append(Entry(name, session.id, f"{name} starts", "stored"))
        for _ in range(ADMINS):
            self.admins.append(AsyncAdminChat._over(Gateway(self._net(ADMIN), policy=ADMIN_POLICY)))

    def _net(self, auth: Json) -> Net:
        self.nets.append(Net(self.database, auth))
        return self.nets[-1]

    async def _all(
        self, acts: list[tuple[str, int, int, float, bool, list[str], list[float]]]
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for what, who, which, timeout, queue, fates, waits in acts:
                if what == "send":
                    who %= CUSTOMERS
                    self.nets[who].spoil(fates, waits)
                    group.create_task(self._send(who, timeout, queue=queue))
                else:
                    who %= ADMINS
                    self.nets[CUSTOMERS + who].spoil(fates, waits)
                    group.create_task(self._admin(what, who, which, timeout, queue=queue))

    async def _send(self, who: int, timeout: float, *, queue: bool) -> None:
        chat = self.customers[who]
        text = self._text()
        await self.written.write(
            f"customer{who}",
            chat.session.id,
            text,
            lambda: chat.send(text, timeout=timeout, queue=queue),
        )

    async def _admin(self, what: str, who: int, which: int, timeout: float, *, queue: bool) -> None:
        session_id = self.customers[which].session.id
        text = self._text()
        async with self.admins[who].open(session_id, peek=True) as conversation:
            match what:
                case "reply" | "answer":
                    newest = await conversation.history(limit=1)
                    last = newest[-1] if what == "answer" else None
                    # One that looks first is handed over only then; calls do not wait for it.
                    author = f"admin{who}" if last is None else f"admin{who} with {text}"
                    await self.written.write(
                        author,
                        session_id,
                        text,
                        lambda: conversation.reply(
                            text, timeout=timeout, queue=queue, expect_last=last
                        ),
                    )
                case "read":
                    await _unless_away(conversation.mark_read)
                case _:
                    await _unless_away(conversation.resolve)

    async def _come_to_rest(self) -> None:
        """The network is mended, outboxes are flushed, and what is late arrives."""
        for net in self.nets:
            net.mend()
        for chat in (*self.customers, *self.admins):
            assert await chat.flush(timeout=600) == ()
        for net in self.nets:
            net.arrive_late()
        await asyncio.sleep(1)  # so that customers may write again at once

    async def _end(self) -> None:
        for chat in (*self.customers, *self.admins):
            await chat.close()

    def _text(self) -> str:
        self.count += 1
        return f"message {self.count}"


async def _unless_away(call: Callable[[], Awaitable[object]]) -> None:
    with suppress(Unavailable, Conflict):
        await call()


# Without shrinking, which would take minutes: the last example shows enough.
Chats.TestCase.settings = examples(
    60,
    stateful_step_count=5,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestQuietPoints = Chats.TestCase
