"""What rounds have found, each as small as it gets."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    AsyncCustomerChat,
    MessageAdded,
    Settings,
    Unavailable,
)
from imbari_chat.client import transports
from imbari_chat.client.customer import SEND_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.rules import Ruleset
from imbari_chat.schema import strict_rules
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import ADMIN, CUSTOMER, LATE, UNREACHABLE, InMemory, database

OPEN = """{"rules": {
  ".read": true, ".write": true, "chatSessions": {".indexOn": ["lastMessageTime"]},
  "messages": {"$session": {".indexOn": "timestamp"}}
}}"""
COMPAT = FilePath(__file__).parents[2] / "examples" / "rules" / "compat.rules.json"


def _stored(namespace: Namespace, path: str) -> Any:
    return namespace.root.at(Path.parse(path)).to_json(export=True)


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


class Racing(InMemory):
    """Something happens once, right after this transport has read a place."""

    def __init__(self, namespace: Namespace, auth: Json, after: str) -> None:
        super().__init__(namespace, auth)
        self._after = after
        self.then: Any = None

    async def get(self, path: Path, query: Query | None = None) -> Json:
        found = await super().get(path, query)
        if self.then is not None and str(path).startswith(self._after):
            then, self.then = self.then, None
            await then()
        return found


async def test_a_message_that_comes_while_an_admin_reads_is_counted_off_if_it_is_marked(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came between the look at the session and the look at its messages."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="one")
        transport = Racing(namespace, ADMIN, "/chatSessions")
        async with (
            AsyncAdminChat._over(Gateway(transport)) as desk,
            desk.open(session.id, peek=True) as conversation,
        ):
            monkeypatch.setattr(time, "time_ns", _later(1.0))
            transport.then = lambda: customer.send("two")
            await conversation.mark_read()
    messages = _stored(namespace, f"/messages/{session.id}").values()
    unread = sum(not one["read"] for one in messages)
    assert _stored(namespace, f"/chatSessions/{session.id}/unreadCount") == unread


async def test_a_reply_that_arrives_late_has_not_been_overtaken_by_itself(
    namespace: Namespace,
) -> None:
    """Its first try is committed between the two looks that follow a lost answer."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Question")
    transport = Late(namespace, ADMIN)
    async with (
        AsyncAdminChat._over(Gateway(transport)) as desk,
        desk.open(session.id, peek=True) as conversation,
    ):
        question = (await conversation.history())[-1]
        transport.lose = True
        answer = await conversation.reply("Answer", expect_last=question)
        assert answer.delivery == "confirmed"
    assert len(_stored(namespace, f"/messages/{session.id}")) == 2


async def test_a_message_that_may_still_arrive_is_not_said_to_be_lost(
    namespace: Namespace,
) -> None:
    """A look did not find it, and then the network went away altogether."""
    transport = InMemory(namespace, CUSTOMER, "", LATE, UNREACHABLE)
    async with AsyncCustomerChat._over(Gateway(transport, policy=SEND_POLICY)) as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        with suppress(Unavailable):
            await customer.send("Hello", queue=False)
            assert len(_stored(namespace, f"/messages/{session.id}")) == 1
            return
    pytest.fail("it is there")


class Late(InMemory):
    """An update without an answer, which is made after the next look at its message."""

    lose = False

    async def update(self, changes: Mapping[Path, Json]) -> None:
        if not self.lose:
            await super().update(changes)
            return
        self.lose = False
        self._late.append(changes)
        raise Unavailable("no answer", outcome_unknown=True)


async def test_a_message_confirmed_at_the_last_moment_is_not_said_to_be_lost(
    namespace: Namespace,
) -> None:
    """The answer and the deadline come in one turn of the loop."""
    transport = Answering(namespace, CUSTOMER)
    async with AsyncCustomerChat._over(Gateway(transport, policy=SEND_POLICY)) as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        loop = asyncio.get_running_loop()
        transport.answer = loop.create_future()
        loop.call_later(0.02, transport.answer.set_result, None)
        loop.call_later(0.01, time.sleep, 0.1)  # now both are due
        sent = await customer.send("Hello", timeout=0.03, queue=False)
        assert sent.delivery == "confirmed"
    assert len(_stored(namespace, f"/messages/{session.id}")) == 1


class Answering(InMemory):
    """Updates are made at once, and answered when ``answer`` is."""

    answer: "asyncio.Future[None] | None" = None

    async def update(self, changes: Mapping[Path, Json]) -> None:
        await super().update(changes)
        if self.answer is not None:
            await self.answer


async def test_a_count_that_the_website_resets_meanwhile_is_no_refusal() -> None:
    """Its dashboard has read nothing of what came last; an admin of ours marks that read."""
    namespace = Namespace("t", Ruleset.parse(COMPAT.read_text("utf-8")))

    async def reset() -> None:
        place = Path.parse(f"/chatSessions/{session.id}/unreadCount")
        nobody = Caller(admin=False, auth=None)
        namespace.write(Write.put(place, 0), nobody, time.time_ns() // 1_000_000)

    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="one")
    transport = Racing(namespace, ADMIN, "/messages")
    async with (
        AsyncAdminChat._over(Gateway(transport)) as desk,
        desk.open(session.id, peek=True) as conversation,
    ):
        transport.then = reset
        assert await conversation.mark_read() == 1
    (message,) = _stored(namespace, f"/messages/{session.id}").values()
    assert message["read"]
    assert _stored(namespace, f"/chatSessions/{session.id}/unreadCount") == 0


async def test_a_start_that_was_refused_in_doubt_does_not_become_two(
    namespace: Namespace,
) -> None:
    """It is there, its answer is lost, and then the rules let nobody look for a while."""
    transport = Barred(namespace, CUSTOMER)
    async with AsyncCustomerChat._over(Gateway(transport)) as customer:
        with pytest.raises(AccessDenied):
            await customer.start(name="Amina", email="amina@example.com", text="Hello")
        namespace.set_rules(Ruleset.parse(strict_rules()), _now())
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    assert list(_stored(namespace, "/messages")) == [session.id]
    assert len(_stored(namespace, f"/messages/{session.id}")) == 1


async def test_a_message_that_nobody_may_look_for_has_not_failed(namespace: Namespace) -> None:
    """It is there, its answer is lost, and then the rules let nobody in for a while."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
    policy = OutboxPolicy(backoff=BackoffPolicy(first=0.01, cap=0.01))
    async with AsyncAdminChat._over(Gateway(Barred(namespace, ADMIN), policy=policy)) as desk:
        reply = await desk.reply(session.id, "Hello", timeout=0)
        assert await desk.flush(timeout=1) == (reply,)
        deliveries = [reply.delivery]
        namespace.set_rules(Ruleset.parse(strict_rules()), _now())
        assert await desk.flush(timeout=60) == ()
        assert [*deliveries, reply.delivery] == ["sent", "confirmed"]
    assert len(_stored(namespace, f"/messages/{session.id}")) == 1


class Barred(InMemory):
    """The first update is made, its answer is lost, and from then on the rules let nobody in."""

    async def update(self, changes: Mapping[Path, Json]) -> None:
        is_first = self.updates == 0
        await super().update(changes)
        if is_first:
            nobody = Ruleset.parse('{"rules": {".read": false, ".write": false}}')
            self._namespace.set_rules(nobody, _now())
            raise Unavailable("no answer", outcome_unknown=True)


async def test_an_inbox_announces_what_comes_after_a_browser_whose_clock_is_ahead(
    tmp_path: FilePath,
) -> None:
    """By ten seconds: what the server stamps meanwhile is earlier, and still news."""
    with Emulator(rules=OPEN) as emulator:
        where = Settings.load(
            project=emulator.project,
            database_emulator=emulator.database_host,
            auth_emulator=emulator.auth_host,
            data_dir=tmp_path,
        )
        transport = transports.admin_transport(where)
        session_id, now = "-P000000000000000001", time.time_ns() // 1_000_000

        async def write(number: int, at: int) -> None:
            message: Json = {"text": f"{number}", "from": "customer", "timestamp": at}
            place = Path.parse(f"/chatSessions/{session_id}")
            await transport.update(
                {
                    Path.parse(f"/messages/{session_id}/-m{number}"): message,
                    place / "lastMessage": f"{number}",
                    place / "lastMessageTime": at,
                }
            )

        async with AsyncAdminChat._over(Gateway(transport)) as desk:
            await write(0, now)
            await desk.listen()
            await write(1, now + 10_000)
            assert (await desk.wait_for(MessageAdded, timeout=60)).message.text == "1"
            await write(2, now + 1_000)
            assert (await desk.wait_for(MessageAdded, timeout=60)).message.text == "2"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _later(seconds: float) -> Any:
    now = time.time_ns
    return lambda: now() + int(seconds * 1e9)
