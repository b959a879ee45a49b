"""Unread counts that have drifted: found and put right, and nothing is overwritten on the way."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path as FilePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat import AccessDenied, AsyncAdminChat, Conflict, NotFound, Unavailable
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading import unread_counts
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch, find_mismatch, repair
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.rules import Ruleset
from imbari_chat.schema import paths, plans, strict_rules
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory

CHAT = SessionId("-Ochat--------------")
LEAD = LeadForm.checked(name="Amina", email="amina@example.com")
COMPAT = (FilePath(__file__).parents[2] / "examples/rules/compat.rules.json").read_text("utf-8")

Act = Callable[[], Awaitable[object]]


class Desk(InMemory):
    """An admin's transport, beside which things happen.

    Attributes:
        beside_swaps: What happens just before each swap, one after the other.
        beside_counts: What happens just before messages are read.
    """

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(namespace, ADMIN)
        self.beside_swaps: list[Act] = []
        self.beside_counts: list[Act] = []
        self.swaps = 0

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if path == paths.messages(CHAT) and self.beside_counts:
            await self.beside_counts.pop(0)()
        return await super().get(path, query)

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        self.swaps += 1
        if self.beside_swaps:
            await self.beside_swaps.pop(0)()
        return await super().compare_and_set(path, expected, value)


class Place:
    """A conversation and everybody in it."""

    def __init__(self, rules: Ruleset) -> None:
        self.namespace = Namespace("t", rules)
        self.desk = Desk(self.namespace)
        self.gateway = Gateway(self.desk, on_rejected=lambda _: None)
        self._customer = InMemory(self.namespace, CUSTOMER)
        self._colleague = AsyncAdminChat._over(Gateway(InMemory(self.namespace, ADMIN)))
        self._ids = 0

    async def start(self, messages: int) -> None:
        plan = plans.start_chat(CHAT, LEAD, uid="amina")
        await self._customer.update(plan.changes)
        for _ in range(messages):
            await self.customer_writes()

    async def customer_writes(self) -> None:
        """As our own client does."""
        self._age()
        message = self._next_id()
        plan = plans.customer_sends(CHAT, message, "Hello", LEAD, uid="amina")
        await self._customer.update(plan.changes)

    async def website_writes(self) -> None:
        """The first of the website's two writes: the message alone, later than its session."""
        time = self._time() + 10
        message: Json = {"text": "Hi", "from": "customer", "timestamp": time, "read": False}
        self.put(paths.message(CHAT, self._next_id()), message)

    async def website_counts(self) -> None:
        """The second: one more than it saw, and the time of the message."""
        self.put(paths.session(CHAT) / "lastMessageTime", self._time() + 10)
        self.put(paths.unread_count(CHAT), (self.count or 0) + 1)

    async def colleague_reads(self, messages: int | None = None) -> None:
        """The first so many, or all."""
        async with self._colleague.open(CHAT, peek=True) as conversation:
            unread = [one for one in await conversation.history() if one.is_unread]
            chosen = unread[:messages]
            if chosen:
                await conversation.mark_read(up_to=chosen[-1])

    def put(self, path: Path, value: Json) -> None:
        self.namespace.write(Write.put(path, value), OWNER, 1_000_000)

    @property
    def count(self) -> int | None:
        stored = self.namespace.root.at(paths.unread_count(CHAT)).to_json()
        return stored if isinstance(stored, int) else None

    @property
    def unread(self) -> int:
        messages = self.namespace.root.at(paths.messages(CHAT)).to_json() or {}
        assert isinstance(messages, dict)
        return sum(
            isinstance(one, dict) and one["from"] == "customer" and one.get("read") is not True
            for one in messages.values()
        )

    def _next_id(self) -> MessageId:
        self._ids += 1
        return MessageId(f"-Om{self._ids:017}")

    def _time(self) -> int:
        stored = self.namespace.root.at(paths.session(CHAT) / "lastMessageTime").to_json()
        assert isinstance(stored, int)
        return stored

    def _age(self) -> None:
        """Let the customer's last message be a while ago: the rules allow one in half a second."""
        last = self.namespace.root.at(paths.session(CHAT) / "lastCustomerMessageId").to_json()
        if isinstance(last, str):
            place = paths.message(CHAT, MessageId(last)) / "timestamp"
            self.put(place, 1_000_000)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between looks are not what is tested here."""
    monkeypatch.setattr(unread_counts, "_PAUSE", 0.0)


STRICT_RULES = Ruleset.parse(strict_rules())
COMPAT_RULES = Ruleset.parse(COMPAT)


@pytest.fixture(params=[STRICT_RULES, COMPAT_RULES], ids=["strict", "compat"])
async def place(request: pytest.FixtureRequest) -> Place:
    """Two unread messages, rightly counted, under either profile."""
    made = Place(request.param)
    await made.start(2)
    return made


async def test_a_right_count_is_left_alone(place: Place) -> None:
    """Nothing is written, nothing is said."""
    assert await find_mismatch(place.gateway, CHAT) is None
    assert await repair(place.gateway, CHAT) is None
    assert place.desk.swaps == 0


@pytest.mark.parametrize(
    ("stored", "counted"),
    [(5, 5), (0, 0), (-1, -1), (None, None), ("two", None), (2.5, None), (True, None)],
)
async def test_a_wrong_count_is_put_right(place: Place, stored: Json, counted: int | None) -> None:
    """Whatever is stored there."""
    place.put(paths.unread_count(CHAT), stored)
    expected = UnreadCountMismatch(CHAT, counted, 2)
    assert await find_mismatch(place.gateway, CHAT) == expected
    assert await repair(place.gateway, CHAT) == expected
    assert place.count == 2
    assert await find_mismatch(place.gateway, CHAT) is None


async def test_no_count_is_right_where_nothing_is_unread(place: Place) -> None:
    """A session need not say zero."""
    await place.colleague_reads()
    place.put(paths.unread_count(CHAT), None)
    assert await find_mismatch(place.gateway, CHAT) is None


async def test_long_conversations_are_counted_to_the_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page."""
    monkeypatch.setattr(unread_counts, "_PAGE", 3)
    for _ in range(5):
        await place.customer_writes()
    place.put(paths.unread_count(CHAT), 1)
    assert await find_mismatch(place.gateway, CHAT) == UnreadCountMismatch(CHAT, 1, 7)


async def test_a_message_that_lands_in_between_is_counted(place: Place) -> None:
    """The count it has just raised is not overwritten."""
    place.put(paths.unread_count(CHAT), 5)
    place.desk.beside_swaps = [place.customer_writes, place.customer_writes]
    assert await repair(place.gateway, CHAT) == UnreadCountMismatch(CHAT, 7, 4)
    assert (place.count, place.unread) == (4, 4)
    assert place.desk.swaps == 3


async def test_a_reading_that_lands_in_between_is_counted(place: Place) -> None:
    """Likewise."""
    place.put(paths.unread_count(CHAT), 5)
    place.desk.beside_swaps = [lambda: place.colleague_reads(1)]
    assert await repair(place.gateway, CHAT) == UnreadCountMismatch(CHAT, 4, 1)
    assert (place.count, place.unread) == (1, 1)


async def test_a_count_that_only_seems_untouched_is_not_trusted(place: Place) -> None:
    """A message before and a reading after the messages are read: the count is as it was."""
    place.put(paths.unread_count(CHAT), 5)
    place.desk.beside_counts = [place.customer_writes]
    place.desk.beside_swaps = [lambda: place.colleague_reads(1)]
    await repair(place.gateway, CHAT)
    assert (place.count, place.unread) == (2, 2)


async def test_a_reading_of_uncounted_messages_is_noticed_afterwards(place: Place) -> None:
    """It takes nothing off a count of none, so only a second look can tell."""
    place.put(paths.unread_count(CHAT), 0)
    place.desk.beside_swaps = [place.colleague_reads]
    await repair(place.gateway, CHAT)
    assert (place.count, place.unread) == (0, 0)


async def test_the_website_is_given_time_to_count_its_message(place: Place) -> None:
    """Between its two writes the count is not wrong, only late; repaired, it would be one more."""
    await place.website_writes()
    place.desk.beside_counts = [_nothing, place.website_counts]
    assert await repair(place.gateway, CHAT) is None
    assert (place.count, place.unread) == (3, 3)


async def test_a_count_that_is_not_late_but_wrong_is_told_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is about to count what the session's last message already covers."""
    monkeypatch.setattr(unread_counts, "_PAUSE", 3600.0)
    place.put(paths.unread_count(CHAT), 7)
    found = await asyncio.wait_for(find_mismatch(place.gateway, CHAT), 30)
    assert found == UnreadCountMismatch(CHAT, 7, 2)


async def test_a_message_that_the_website_never_counts_is_counted(place: Place) -> None:
    """Its tab was closed in between."""
    await place.website_writes()
    assert await repair(place.gateway, CHAT) == UnreadCountMismatch(CHAT, 2, 3)
    assert place.count == 3


async def test_a_conversation_that_never_rests_is_a_conflict(place: Place) -> None:
    """Not an endless loop, and not a guess."""
    place.put(paths.unread_count(CHAT), 9)
    place.desk.beside_counts = [place.customer_writes] * 100
    with pytest.raises(Conflict, match="written to all the while"):
        await find_mismatch(place.gateway, CHAT)
    with pytest.raises(Conflict):
        await repair(place.gateway, CHAT)
    place.desk.beside_counts = []
    place.desk.beside_swaps = [place.customer_writes] * 100
    with pytest.raises(Conflict):
        await repair(place.gateway, CHAT)
    assert place.count == place.unread + 7


async def test_a_lost_answer_is_not_hidden(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the swap made again."""
    place.put(paths.unread_count(CHAT), 5)

    async def lost() -> None:
        raise Unavailable("no answer", outcome_unknown=True)

    place.desk.beside_swaps = [lost]
    with pytest.raises(Unavailable) as caught:
        await repair(place.gateway, CHAT)
    assert caught.value.outcome_unknown is True
    assert place.desk.swaps == 1


async def test_nobody_there_is_not_found(place: Place) -> None:
    """And no session comes of it."""
    other = SessionId("-Oother-------------")
    for look in (find_mismatch, repair):
        with pytest.raises(NotFound):
            await look(place.gateway, other)
    assert not place.namespace.root.at(paths.session(other)).exists


async def test_customers_count_nothing() -> None:
    """Under the strict rules they may read their own conversation, and not set its count."""
    place = Place(STRICT_RULES)
    await place.start(2)
    place.put(paths.unread_count(CHAT), 5)
    with pytest.raises(AccessDenied):
        await repair(Gateway(InMemory(place.namespace, CUSTOMER)), CHAT)
    assert place.count == 5


async def _nothing() -> None: ...


class Slow(Desk):
    """A desk whose every call takes a number of turns of the loop, by chance."""

    rng: random.Random

    async def get(self, path: Path, query: Query | None = None) -> Json:
        await self._pass()
        return await super().get(path, query)

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        await self._pass()
        return await super().compare_and_set(path, expected, value)

    async def _pass(self) -> None:
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)


@given(
    excess=st.integers(1, 4),
    acts=st.lists(st.sampled_from(["writes", "reads one", "reads all"]), max_size=8),
    seed=st.integers(0, 2**32),
)
@examples(100)
def test_whatever_lands_while_it_is_repaired_stays_counted(
    excess: int, acts: list[str], seed: int
) -> None:
    """At the end the count is the number of unread messages, without another repair."""

    rng = random.Random(seed)

    async def run() -> None:
        place = Place(STRICT_RULES)
        await place.start(3)
        place.put(paths.unread_count(CHAT), 3 + excess)
        desk = Slow(place.namespace)
        desk.rng = rng

        async def others() -> None:
            for act in acts:
                for _ in range(rng.randrange(8)):
                    await asyncio.sleep(0)
                if act == "writes":
                    await place.customer_writes()
                else:
                    await place.colleague_reads(1 if act == "reads one" else None)

        repairing = asyncio.create_task(repair(Gateway(desk), CHAT))
        await others()
        try:
            await repairing
        except Conflict:
            await repair(place.gateway, CHAT)
        assert place.count == place.unread

    asyncio.run(run())
