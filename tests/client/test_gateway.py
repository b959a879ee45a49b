"""What every use of the transport has in common: who is told of what, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from imbari_chat.client import gateway as module
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.outbox import Outbox
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ClientClosed,
    ImbariError,
    InvalidData,
    InvalidType,
    QuotaExceeded,
    SessionNotFound,
    Unavailable,
)
from imbari_chat.net.transport import Way
from imbari_chat.schema import decode, paths, plans
from imbari_chat.schema.events import ChatEvent, RecordRejected
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.order import latest_time
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import (
    CUSTOMER,
    LATE,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    Silence,
    database,
)
from tests.view.records import NOW, outgoing

AMINA = SessionId("-Amina")
CLEAR: dict[Path, Json] = {paths.unread_count(AMINA): 0}


class Line(InMemory):
    """A transport with a few things in the database, and what was done with it."""

    def __init__(self, *fates: str | ImbariError) -> None:
        super().__init__(database(), {"uid": "desk", "token": {"admin": True, "email": "d@x.org"}})
        self.fates = list(fates)
        self.calls: list[str] = []
        self.listening: tuple[Silence, ...] = ()
        self.reads = 0

    @property
    def way(self) -> Way:
        return Way("rest")

    @property
    def subscriptions(self) -> tuple[Any, ...]:
        return self.listening

    async def get(self, path: Path, query: Query | None = None) -> Json:
        self.reads += 1
        return await super().get(path, query)

    def put(self, path: Path, value: Json) -> None:
        self._namespace.write(Write.put(path, value), OWNER, NOW)

    def reconnect_now(self) -> None:
        self.calls.append("reconnect")

    async def close(self) -> None:
        self.calls.append("close transport")


@pytest.mark.parametrize("name", ["on_rejected", "on_error"])
def test_what_is_to_be_called_can_be(name: str) -> None:
    """Before anything begins; nothing is something too."""
    with pytest.raises(InvalidType) as caught:
        Gateway(Line(), **{name: "print"})  # type: ignore[arg-type]  # that it is not is the point
    assert name in str(caught.value).split()
    Gateway(Line(), **{name: None})  # type: ignore[arg-type]


async def test_one_that_is_closed_is_not_used_any_more() -> None:
    """Who asked, and which way, can be told all the same."""
    gateway = Gateway(Line(), name="Noor")
    gateway.check()
    assert isinstance(gateway.transport, Line)
    assert await gateway.close() == ()
    with pytest.raises(ClientClosed):
        gateway.check()
    with pytest.raises(ClientClosed):
        _ = gateway.transport
    assert (gateway.uid, gateway.account, gateway.way) == ("desk", "d@x.org", Way("rest"))
    assert gateway.name == "Noor"


@pytest.mark.parametrize("presence", [True, False])
@pytest.mark.parametrize("side", ["admin", "customer"])
def test_it_says_who_is_there_if_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, side: Any, presence: bool
) -> None:
    """Of its side, by the name that colleagues are to be told."""
    given: list[object] = []
    monkeypatch.setattr(module, "ClientPresence", lambda *a, **k: given.extend((*a[2:], k)))
    Gateway(Line(), side=side, presence=presence, name="Noor")
    assert given == [side, {"enabled": presence, "name": "Noor"}]
    given.clear()
    Gateway(Line())
    assert given == ["admin", {"enabled": False, "name": None}]


def test_what_hears_presence_is_not_among_the_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say is not how the connection is."""
    line, (one, two, three) = Line(), (Silence(), Silence(), Silence())
    line.listening = (one, two, three)
    gateway = Gateway(line)
    monkeypatch.setattr(type(gateway.presence), "subscriptions", (two,))
    assert gateway.subscriptions == (one, three)


def _read() -> list[decode.Decoded[Any]]:
    records: list[Json] = [{"customerName": "Amina"}, "junk", {"x": 1}]
    return [decode.session(AMINA, one) for one in records]


def test_what_fits_no_contract_is_told_and_the_rest_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By a warning, unless somebody wants to know."""
    told: list[RecordRejected] = []
    assert len(Gateway(Line(), on_rejected=told.append).usable(_read())) == 2
    assert [one.path for one in told] == ["/chatSessions/-Amina"]
    assert caplog.messages == []
    Gateway(Line()).usable(_read())
    (said,) = caplog.messages
    assert said.startswith("malformed record at /chatSessions/-Amina: ")


def test_a_key_that_a_stranger_chose_is_one_printable_part_of_its_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile = SessionId("-A\u202e\x9b31m\x85WARNING\u2028all is well")
    Gateway(Line()).usable([decode.session(hostile, {"customerName": ["\x1b]0;\n"]})])
    (said,) = caplog.messages
    assert said.isprintable()
    assert r"/chatSessions/-A\u202e\x9b31m\x85WARNING\u2028all is well: " in said


async def test_a_session_is_read_with_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or neither, or the record alone, of which it is told; its time is remembered."""
    line, told = Line(), list[RecordRejected]()
    gateway = Gateway(line, on_rejected=told.append)
    seen: list[str] = []
    monkeypatch.setattr(gateway.ids, "saw_session", lambda one: seen.append(one.id))
    assert await gateway.session_as_stored(AMINA) == (None, None)
    assert (told, seen) == ([], [])
    record: Json = {"customerName": "Amina", "lastMessageTime": NOW}
    line.put(paths.session(AMINA), record)
    found, raw = await gateway.session_as_stored(AMINA)
    assert found is not None
    assert (found.customer_name, raw, seen) == ("Amina", record, [AMINA])
    assert await gateway.session(AMINA) == found
    line.put(paths.session(AMINA), "junk")
    assert await gateway.session_as_stored(AMINA) == (None, "junk")
    assert await gateway.session(AMINA) is None
    assert (len(told), len(seen)) == (2, 2)


def _talk(*, timely: int, ahead: int) -> Line:
    line, late = Line(), latest_time(NOW) + 1
    for at in range(timely + ahead):
        stamp = NOW - timely + at if at < timely else late + at
        record: Json = {"text": "x", "from": "customer", "timestamp": stamp}
        line.put(paths.messages(AMINA) / f"m{at}", record)
    return line


@pytest.mark.parametrize(
    ("timely", "ahead", "limit", "found", "reads"),
    [
        (9, 0, 4, "5678", 1),
        (9, 1, 4, "6789", 1),
        (7, 2, 4, "5678", 1),
        (6, 3, 4, "4578", 2),
        (6, 3, 5, "34578", 2),
        (1, 8, 4, "0678", 2),
        (3, 0, 9, "012", 1),
        (0, 9, 4, "5678", 2),
    ],
)
async def test_of_the_last_messages_half_may_be_ahead_of_their_time(
    monkeypatch: pytest.MonkeyPatch, timely: int, ahead: int, limit: int, found: str, reads: int
) -> None:
    """More only where there are no others; each is remembered. It is read again only for those."""
    monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: NOW))
    line = _talk(timely=timely, ahead=ahead)
    gateway = Gateway(line)
    seen: list[str] = []
    monkeypatch.setattr(gateway.ids, "saw", lambda _, one: seen.append(one.id))
    messages = await gateway.messages(AMINA, limit)
    assert [one.id for one in messages] == [f"m{at}" for at in found]
    assert {f"m{at}" for at in found} <= set(seen)
    assert line.reads == reads


async def test_a_message_waits_as_long_as_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or as long as calls do."""
    asked: list[object] = []

    async def deliver(_: Plan, session_id: SessionId, **options: object) -> OutgoingMessage:
        asked.append((session_id, options))
        return outgoing("m", "Hi")

    plan = plans.reply(AMINA, MessageId("-Message------------"), "Hi", uid=None)
    for gateway, timeout, waits in (
        (Gateway(Line(), timeout=7.0), None, 7.0),
        (Gateway(Line(), timeout=7.0), 0.0, 0.0),
        (Gateway(Line()), None, 10.0),
    ):
        monkeypatch.setattr(gateway.outbox, "deliver", deliver)
        await gateway.send(plan, AMINA, timeout=timeout, queue=True)
        assert asked.pop() == (AMINA, {"timeout": waits, "keep": True})
    with pytest.raises(InvalidData, match="timeout"):
        await gateway.send(plan, AMINA, timeout=-1, queue=False)
    assert asked == []


async def test_a_dispatcher_ends_with_its_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells the same of what goes wrong."""
    given: dict[str, object] = {}
    ended: list[str] = []

    class Dispatcher:
        def __init__(self, source: object, **options: object) -> None:
            given.update(options, source=source)

        async def close(self) -> None:
            ended.append("closed")

    def source() -> AsyncGenerator[ChatEvent, None]:
        raise AssertionError

    def on_error(_: Exception, __: ChatEvent | None) -> None: ...
    def is_news(_: ChatEvent) -> bool:
        return True

    monkeypatch.setattr(module, "EventDispatcher", Dispatcher)
    gateway = Gateway(Line(), on_error=on_error)
    dispatcher = gateway.dispatcher(source, is_news)
    assert given == {"source": source, "on_error": on_error, "is_news": is_news}
    await gateway.close()
    assert ended == ["closed"]
    assert isinstance(dispatcher, Dispatcher)


def _traced(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is called of what it consists of, in order."""
    calls = gateway.transport.calls  # type: ignore[attr-defined]  # it is a Line

    async def flush(timeout: float) -> None:
        calls.append(f"flush {timeout:g}")

    async def close(timeout: float) -> tuple[OutgoingMessage, ...]:
        await asyncio.sleep(0)
        calls.append(f"close outbox {timeout:g}")
        return (outgoing("m", "Hi"),)

    async def leave() -> None:
        calls.append("close presence")

    monkeypatch.setattr(gateway.outbox, "online", lambda: calls.append("online"))
    monkeypatch.setattr(gateway.patient, "hurry", lambda: calls.append("hurry"))
    monkeypatch.setattr(gateway.outbox, "flush", flush)
    monkeypatch.setattr(gateway.outbox, "close", close)
    monkeypatch.setattr(gateway.presence, "close", leave)
    assert isinstance(calls, list)
    return calls


async def test_when_the_network_is_back_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither listeners, nor reads, nor messages."""
    gateway = Gateway(Line())
    calls = _traced(gateway, monkeypatch)
    gateway.reconnect_now()
    assert calls == ["reconnect", "hurry", "online"]


@pytest.mark.parametrize("waits", [True, False])
async def test_closing_gives_messages_a_moment(
    monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """If there are any; the way to the database is closed last. Whoever closes first is told
    what did not arrive."""
    gateway = Gateway(Line())
    calls = _traced(gateway, monkeypatch)
    pending = (outgoing("m", "Hi"),) * waits
    monkeypatch.setattr(type(gateway.outbox), "pending", pending)
    first, second = await asyncio.gather(gateway.close(), gateway.close())
    assert ([one.id for one in first], second, await gateway.close()) == (["m"], (), ())
    flushed = ["flush 0.1"] * waits
    assert calls == ["close presence", *flushed, "close outbox 0.1", "close transport"]


async def test_closing_goes_on_without_whoever_asked_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is left half done."""
    gateway = Gateway(Line())
    calls = _traced(gateway, monkeypatch)
    closing = asyncio.create_task(gateway.close())
    await asyncio.sleep(0)
    closing.cancel()
    assert "imbari-chat closing" in [one.get_name() for one in asyncio.all_tasks()]
    await gateway.close()
    assert calls[-1] == "close transport"


async def test_a_forked_child_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the parent's; nothing else can be done with it there either."""
    gateway = Gateway(Line())
    calls = _traced(gateway, monkeypatch)
    gateway.place.check()
    monkeypatch.setattr(gateway.place, "_pid", 0)
    assert await gateway.close() == ()
    assert (calls, gateway.closed) == ([], False)
    with pytest.raises(RuntimeError, match="forking"):
        gateway.place.check()


def _a_start() -> Plan:
    lead = LeadForm.checked(name="Amina", email="amina@example.com")
    return plans.start_chat(Ids().session(), lead, uid="amina")


ACTIONS: list[tuple[list[str | ImbariError], bool, tuple[type[ImbariError], bool] | None, int]] = [
    ([], False, None, 1),
    ([LOST_ANSWER], False, None, 1),
    ([LOST_REQUEST], False, None, 2),
    ([LATE], False, None, 2),
    ([LOST_REQUEST, UNREACHABLE], False, None, 3),
    ([LOST_REQUEST] * 3, False, (Unavailable, True), 3),
    ([LOST_REQUEST, UNREACHABLE, UNREACHABLE], False, (Unavailable, True), 3),
    ([UNREACHABLE], False, (Unavailable, False), 1),
    ([UNREACHABLE], True, None, 2),
    ([AccessDenied("no")], False, (AccessDenied, False), 1),
    ([AccessDenied("no")], True, (AccessDenied, False), 1),
    ([LOST_REQUEST, AccessDenied("no")], False, (AccessDenied, False), 2),
    ([AuthError("no")], False, (AuthError, False), 1),
    ([QuotaExceeded("no")], False, (QuotaExceeded, False), 1),
    ([AuthError("no")], True, (Unavailable, True), 1),
    ([LOST_REQUEST, AuthError("no")], False, (Unavailable, True), 2),
    ([LOST_REQUEST, QuotaExceeded("no")], False, (Unavailable, True), 2),
]


@pytest.mark.parametrize(("fates", "doubtful", "ends", "updates"), ACTIONS)
async def test_an_action_is_made_once_or_it_is_said_whether_it_was(
    monkeypatch: pytest.MonkeyPatch,
    fates: list[str | ImbariError],
    doubtful: bool,
    ends: tuple[type[ImbariError], bool] | None,
    updates: int,
) -> None:
    """By its marker, whatever becomes of its answers. Later tries come after longer pauses."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(round(seconds, 3))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    line, plan = InMemory(database(), CUSTOMER, *fates), _a_start()
    gateway = Gateway(line)
    options = {"doubtful": True} if doubtful else {}
    if ends is None:
        await gateway.commit(plan, **options)
        assert await gateway.is_committed(plan)
    else:
        kind, unknown = ends
        with pytest.raises(kind) as caught:
            await gateway.commit(plan, **options)
        assert getattr(caught.value, "outcome_unknown", False) is unknown
    assert line.updates == updates
    tries = updates + (fates == [LOST_ANSWER])
    assert pauses == [0.6, 1.2][: tries - 1]


async def test_an_action_waits_for_as_long_as_the_service_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(round(seconds, 3))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    busy = Unavailable("busy", outcome_unknown=True)
    busy.retry_after = 7.0
    line = InMemory(database(), CUSTOMER, busy, Unavailable("away"))
    await Gateway(line).commit(_a_start())
    assert pauses == [7.0, 1.2]


async def test_what_was_made_already_is_not_made_again() -> None:
    """If that was in doubt. One without a marker is made once, and nobody can tell."""
    line, plan = InMemory(database(), CUSTOMER), _a_start()
    gateway = Gateway(line)
    assert not await gateway.is_committed(plan)
    await gateway.commit(plan)
    await gateway.commit(plan, doubtful=True)
    assert line.updates == 1
    unmarked = Plan(plan.changes)
    assert not await gateway.is_committed(unmarked)
    line = InMemory(database(), CUSTOMER, LOST_REQUEST)
    with pytest.raises(Unavailable) as caught:
        await Gateway(line).commit(unmarked)
    assert (caught.value.outcome_unknown, line.updates) == (True, 1)


async def test_what_nobody_may_look_at_is_not_known_to_be_made() -> None:
    """Nor is what cannot be looked at after a refusal that may be an echo."""
    plan = _a_start()
    await InMemory(namespace := database(), CUSTOMER).update(plan.changes)
    stranger: Json = {"uid": "brian", "token": {}}
    assert not await Gateway(InMemory(namespace, stranger)).is_committed(plan)

    class Away(InMemory):
        """Refuses, and answers only the first look."""

        looks = 0

        async def get(self, path: Path, query: Query | None = None) -> Json:
            self.looks += 1
            if self.looks > 1:
                raise Unavailable("away")
            return None

    with pytest.raises(Unavailable) as caught:
        await Gateway(Away(namespace, CUSTOMER, AccessDenied("no"))).commit(plan, doubtful=True)
    assert caught.value.outcome_unknown


async def test_why_somebody_is_signed_out_is_told_as_the_reason() -> None:
    """Where, and what to do, of what is not known either."""
    ended = AuthError("signed out", where="auth", hint="Sign in again")
    line = InMemory(database(), CUSTOMER, ended)
    with pytest.raises(Unavailable) as caught:
        await Gateway(line).commit(_a_start(), doubtful=True)
    told = caught.value
    assert (told.what, told.where, told.hint) == ("signed out", "auth", "Sign in again")
    assert told.__cause__ is ended


class Above(Line):
    """One that no rule stops."""

    uid = None


@pytest.mark.parametrize(("line", "updates"), [(Line(), 1), (Above(), 0)])
async def test_nothing_is_written_to_a_conversation_that_is_not_there(
    line: Line, updates: int
) -> None:
    """Rules refuse it, and then it is looked at why; above them it is looked at before."""
    with pytest.raises(SessionNotFound):
        await Gateway(line).commit(plans.resolve(AMINA))
    assert line.updates == updates


def test_what_is_kept_on_disk_has_an_outbox_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is for who asks for it."""
    made: list[object] = []
    monkeypatch.setattr(
        "imbari_chat.client.sending.durable.DurableOutbox", lambda *given: made.append(given)
    )
    line, store, policy = Line(), object(), OutboxPolicy()
    Gateway(line, store=store, policy=policy)  # type: ignore[arg-type]  # any will do
    assert made == [(line, policy, store)]
    assert isinstance(Gateway(line).outbox, Outbox)


class Slow(Line):
    """A service that never answers what changes something."""

    async def update(self, changes: Mapping[Path, Json]) -> None:
        await asyncio.Event().wait()


async def test_what_is_not_answered_in_time_is_not_known() -> None:
    """It says where: at its marker, or at the first of its places."""
    for marker, where in ((None, paths.unread_count(AMINA)), (Path(("x", "y")), "/x/y")):
        plan = Plan(CLEAR, commit_marker=marker)
        with pytest.raises(Unavailable) as caught:
            await Gateway(Slow(), timeout=0.01).commit(plan)
        assert caught.value.what == "no answer within 0.01 s"
        assert (caught.value.where, caught.value.outcome_unknown) == (str(where), True)
