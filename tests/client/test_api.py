"""The API as people meet it: wrong arguments, closed clients, what things cost and look like."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AdminChat,
    AsyncAdminChat,
    AsyncCustomerChat,
    ClientClosed,
    Conflict,
    ConnectionChanged,
    CustomerChat,
    ImbariError,
    InvalidData,
    InvalidType,
    Message,
    MessageAdded,
    OutgoingMessage,
    SessionNotFound,
    Settings,
    StartUnfinished,
    Unavailable,
    WaitTimeout,
)
from imbari_chat.client import gateway
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.schema.forms import LeadForm
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import (
    ADMIN,
    CUSTOMER,
    LATE,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    database,
)
from tests.client.scenarios.faces import WAIT, Face

AMINA = {"name": "Amina", "email": "amina@example.com"}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are not what is tested here."""
    monkeypatch.setattr(gateway, "_PAUSE", 0.0)


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


async def _started(namespace: Namespace, **form: str) -> str:
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        return (await chat.start(**{**AMINA, **form})).id


def _keys(namespace: Namespace, path: str) -> list[str]:
    stored = namespace.root.at(Path.parse(path)).to_json() or {}
    assert isinstance(stored, dict)
    return list(stored)


# Wrong arguments: how it is called, what it says, and whether it is the type that is wrong.
MISTAKES: dict[str, tuple[Callable[[Any, Any, Any], Any], str, type[InvalidData]]] = {
    "status": (lambda desk, _c, _v: desk.sessions(status="open"), "status", InvalidData),
    "since a text": (lambda desk, _c, _v: desk.sessions(since="2024-01-01"), "since", InvalidType),
    "since a float": (lambda desk, _c, _v: desk.sessions(since=1.5), "since", InvalidType),
    "since no moment": (
        lambda desk, _c, _v: desk.browse(since=datetime.min),  # noqa: DTZ901  # the mistake
        "since",
        InvalidData,
    ),
    "limit 0": (lambda desk, _c, _v: desk.sessions(limit=0), "limit", InvalidData),
    "limit a bool": (lambda desk, _c, _v: desk.sessions(limit=True), "limit", InvalidType),
    "limit of an inbox": (lambda desk, _c, _v: desk.events(limit=0), "limit", InvalidData),
    "page size": (lambda desk, _c, _v: desk.browse(page_size=0), "page_size", InvalidData),
    "start": (lambda desk, _c, _v: desk.browse(start="middle"), "start", InvalidData),
    "overflow": (lambda desk, _c, _v: desk.events(overflow="drop"), "overflow", InvalidData),
    "buffer": (lambda desk, _c, _v: desk.events(buffer=1), "buffer", InvalidData),
    "session id": (lambda desk, _c, _v: desk.open(5), "session_id", InvalidType),
    "session": (lambda desk, _c, _v: desk.get_session(None), "session_id", InvalidType),
    "kind": (lambda desk, _c, _v: desk.on("MessageAdded"), "kind", InvalidType),
    "kind of another": (lambda desk, _c, _v: desk.on(Message), "kind", InvalidType),
    "sender": (lambda desk, _c, _v: desk.on(MessageAdded, sender="amina"), "sender", InvalidData),
    "waiting": (
        lambda desk, _c, _v: desk.wait_for(MessageAdded, timeout="5"),
        "timeout",
        InvalidType,
    ),
    "waiting backwards": (
        lambda desk, _c, _v: desk.wait_for(MessageAdded, timeout=-1),
        "timeout",
        InvalidData,
    ),
    "flushing": (lambda desk, _c, _v: desk.flush(timeout="soon"), "timeout", InvalidType),
    "a text that is none": (lambda _d, _c, talk: talk.reply(5), "text", InvalidType),
    "bytes": (lambda _d, _c, talk: talk.reply(b"Hello"), "text", InvalidType),
    "a text that is empty": (lambda _d, _c, talk: talk.reply(" "), "text", InvalidData),
    "what it answers": (
        lambda _d, _c, talk: talk.reply("Hello", expect_last=5),
        "expect_last",
        InvalidType,
    ),
    "until when": (lambda _d, _c, talk: talk.mark_read(up_to=5), "up_to", InvalidType),
    "a snooze's end": (lambda desk, _c, _v: desk.team.snooze("s", "9:00"), "until", InvalidType),
    "a snooze's past": (lambda desk, _c, _v: desk.team.snooze("s", 1), "until", InvalidData),
    "a block's end": (
        lambda desk, _c, _v: desk.team.block("s", "spam", until=1.5),
        "until",
        InvalidType,
    ),
    "a block's past": (
        lambda desk, _c, _v: desk.team.block("s", "spam", until=1),
        "until",
        InvalidData,
    ),
    "history": (lambda _d, _c, talk: talk.history(limit=-1), "limit", InvalidData),
    "history of events": (lambda _d, _c, talk: talk.events(history=-1), "history", InvalidData),
    "overflow of a talk": (
        lambda _d, _c, talk: talk.events(overflow="drop"),
        "overflow",
        InvalidData,
    ),
    "buffer of a talk": (lambda _d, _c, talk: talk.events(buffer=1), "buffer", InvalidData),
    "a customer's history": (lambda _d, chat, _t: chat.events(history=-1), "history", InvalidData),
    "a customer's overflow": (
        lambda _d, chat, _t: chat.events(overflow="drop"),
        "overflow",
        InvalidData,
    ),
    "a customer's buffer": (lambda _d, chat, _t: chat.events(buffer=1), "buffer", InvalidData),
    "a customer's text": (lambda _d, chat, _t: chat.send(None), "text", InvalidType),
    "a customer's timeout": (
        lambda _d, chat, _t: chat.send("Hello", timeout="5"),
        "timeout",
        InvalidType,
    ),
    "a customer's page": (lambda _d, chat, _t: chat.browse(start="top"), "start", InvalidData),
    "a name": (lambda _d, chat, _t: chat.start(name=5, email="a@example.com"), "name", InvalidType),
    "a phone": (
        lambda _d, chat, _t: chat.start(**AMINA, phone=256700123456),
        "phone",
        InvalidType,
    ),
    "a first text": (lambda _d, chat, _t: chat.start(**AMINA, text=5), "text", InvalidType),
    "a handler": (lambda desk, _c, _t: desk.on(MessageAdded)("print"), "handler", InvalidType),
    "a condition": (lambda desk, _c, _t: desk.on(MessageAdded, where="x"), "where", InvalidType),
    "a condition to wait for": (
        lambda desk, _c, _t: desk.wait_for(MessageAdded, timeout=1, where=5),
        "where",
        InvalidType,
    ),
    "what to hold": (lambda desk, _c, _t: desk.hold(5), "message_id", InvalidType),
    "what to release": (lambda desk, _c, _t: desk.release(None), "message_id", InvalidType),
    "what to drop": (lambda desk, _c, _t: desk.drop([]), "message_id", InvalidType),
    "a prefix": (lambda desk, _c, _t: desk.find(5), "session_id", InvalidType),
    "a key": (lambda desk, _c, _t: desk.get_session("a/b"), "session_id", InvalidData),
    "labels": (lambda desk, _c, _t: desk.team.label("-N", 5), "labels", InvalidType),
    "a label": (lambda desk, _c, _t: desk.team.unlabel("-N", [5]), "label", InvalidType),
    "a snooze": (lambda desk, _c, _t: desk.team.snooze("-N", None), "until", InvalidType),
    "a snooze's word": (lambda desk, _c, _t: desk.team.snooze("-N", "noon"), "until", InvalidType),
    "a colleague": (lambda desk, _c, _t: desk.team.assign("-N", 5), "uid", InvalidType),
    "whose it was": (
        lambda desk, _c, _t: desk.team.claim("-N", instead_of=5),
        "uid",
        InvalidType,
    ),
    "a note": (lambda desk, _c, _t: desk.team.add_note("-N", 5), "text", InvalidType),
    "a note's id": (lambda desk, _c, _t: desk.team.delete_note("-N", 5), "note_id", InvalidType),
    "a canned name": (lambda desk, _c, _t: desk.team.fill(5, "-N"), "name", InvalidType),
    "a canned text": (
        lambda desk, _c, _t: desk.team.save_canned_reply("hi", 5),
        "text",
        InvalidType,
    ),
}

UNUSABLE: dict[str, tuple[Callable[[type, Settings], Any], str]] = {
    "settings": (lambda kind, _: kind(None), "settings"),
    "settings of another kind": (lambda kind, _: kind({"project": "demo"}), "settings"),
    "on_error": (lambda kind, settings: kind(settings, on_error=5), "on_error"),
    "on_rejected": (lambda kind, settings: kind(settings, on_rejected="print"), "on_rejected"),
}


@pytest.mark.parametrize(
    "kind",
    [AdminChat, AsyncAdminChat, AsyncCustomerChat, CustomerChat],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("mistake", UNUSABLE)
def test_a_client_is_made_of_what_can_be_used(
    kind: type, mistake: str, flags: dict[str, Any]
) -> None:
    """Otherwise it says at once which of it cannot."""
    make, where = UNUSABLE[mistake]
    with pytest.raises(InvalidType) as caught:
        make(kind, Settings.load(**flags))
    assert caught.value.where == where


async def test_wrong_arguments_are_errors_that_say_which_one(face: Face) -> None:
    """On both faces alike, at the call, and nothing is sent."""
    async with face.customer() as chat, face.desk() as desk:
        session = await chat.start(**AMINA, text="Hello")
        async with desk.open(session.id, peek=True) as conversation:
            for what, (call, where, kind) in MISTAKES.items():
                with pytest.raises(kind) as caught:  # noqa: PT012  # some are to be awaited
                    result = call(desk, chat, conversation)
                    if isinstance(result, Awaitable):
                        await result
                assert caught.value.where == where, what
                assert isinstance(caught.value, TypeError) == (kind is InvalidType), what
        assert [one.text for one in await chat.history()] == ["Hello"]


async def test_a_closed_client_answers_with_one_error(face: Face) -> None:
    """Whatever is asked of it; what it knows without asking anybody it still says."""
    async with face.customer() as chat, face.desk() as desk:
        session = await chat.start(**AMINA)
        conversation = desk.open(session.id)
        pager, events = desk.browse(), desk.events()
    calls: list[Callable[[], Any]] = [
        desk.sessions,
        desk.flush,
        desk.listen,
        lambda: desk.get_session(session.id),
        lambda: desk.find("-O"),
        lambda: desk.recount(session.id),
        lambda: desk.reply(session.id, "Hello"),
        lambda: desk.resolve(session.id),
        lambda: desk.reopen(session.id),
        lambda: desk.mark_unread(session.id),
        lambda: desk.read_presence(session.id),
        desk.show,
        desk.hide,
        desk.refused,
        desk.reconnect_now,
        *(partial(act, "-O") for act in (desk.hold, desk.release, desk.drop)),
        lambda: desk.wait_for(MessageAdded, timeout=1),
        lambda: desk.on(MessageAdded),
        pager.older,
        lambda: anext(aiter(events)),
        conversation.__aenter__,
        conversation.history,
        conversation.mark_read,
        conversation.show,
        conversation.hide,
        conversation.typing,
        lambda: conversation.reply("Hello"),
        chat.show,
        chat.typing,
        chat.hide,
        chat.sessions,
        chat.history,
        lambda: chat.send("Hello"),
        lambda: chat.resume(session.id),
        lambda: chat.start(**AMINA),
    ]
    for call in calls:
        with pytest.raises(ClientClosed, match="closed"):  # noqa: PT012  # some are to be awaited
            result = call()
            if isinstance(result, Awaitable):
                await asyncio.wait_for(result, WAIT)
    for client in (desk, chat):
        assert (client.status.state, client.outbox) == ("closed", ())
        await asyncio.wait_for(client.wait_closed(), WAIT)
        assert await client.close() == ()
    assert chat.session.id == session.id
    assert issubclass(ClientClosed, RuntimeError)


async def test_everything_works_without_with(face: Face) -> None:
    """But for what entering is for: the session, and marking read."""
    chat, desk = face.customer(), face.desk()
    session = await chat.start(**AMINA, text="Hello")
    conversation = desk.open(session.id)
    with pytest.raises(RuntimeError, match="with"):
        _ = conversation.session
    assert (await conversation.reply("Every Tuesday.")).delivery == "confirmed"
    assert [one.text for one in await conversation.history()] == ["Hello", "Every Tuesday."]
    assert await conversation.mark_read() == 1
    await conversation.resolve()
    await conversation.reopen()
    await conversation.listen()
    await chat.send("Thanks")
    heard = await conversation.wait_for(MessageAdded, timeout=WAIT)
    assert heard.message.text == "Thanks"


async def test_before_a_conversation_is_started_there_is_none(face: Face) -> None:
    """What needs one says so; what does not, works."""
    async with face.customer() as chat:
        assert (chat.is_open, chat.has_new_message, chat.outbox) == (False, False, ())
        assert chat.status.state == "idle"
        assert await chat.sessions() == []
        with pytest.raises(RuntimeError, match="start or resume"):
            _ = chat.session
        for call in (chat.history, chat.show, lambda: chat.send("Hello")):
            with pytest.raises(RuntimeError, match="start or resume"):
                await call()
        for ready in (chat.browse, chat.events):
            with pytest.raises(RuntimeError, match="start or resume"):
                ready()
        assert not chat.is_open
        await chat.start(**AMINA)
        assert chat.is_open


async def test_a_wait_that_ends_without_an_event_is_a_timeout(face: Face) -> None:
    """For whoever catches ours, and for whoever catches Python's."""
    async with face.desk() as desk:
        for expected in (WaitTimeout, TimeoutError, Unavailable):
            with pytest.raises(expected, match="MessageAdded within 0"):
                await desk.wait_for(MessageAdded, timeout=0.01)


async def test_a_message_shows_its_delivery_and_is_itself_in_the_history(face: Face) -> None:
    """Though the history has the server's time, and later that it was read."""
    async with face.customer() as chat, face.desk() as desk:
        session = await chat.start(**AMINA)
        sent = await chat.send("Hello")
        assert f"id={sent.id!r}" in repr(sent)
        assert "delivery='confirmed'" in repr(sent)
        async with desk.open(session.id) as conversation:
            (read,) = await conversation.history()
        assert type(read) is Message
        assert read.read
        assert sent == read
        assert read == sent
        assert sent in await chat.history()
        assert {read: 1}[sent] == 1
        assert sent != await chat.send("Hello")
        assert sent != "Hello"
    assert isinstance(sent, OutgoingMessage)


class _Counted(InMemory):
    """Counts what it is asked.

    Attributes:
        asked: How often, by what was asked for.
        together: How many questions were open at once, at most.
    """

    def __init__(self, namespace: Namespace, auth: Json) -> None:
        super().__init__(namespace, auth)
        self.asked: Counter[str] = Counter()
        self.together = self._now_open = 0

    async def get(self, path: Path, query: Query | None = None) -> Json:
        self.asked[path[0]] += 1
        self._now_open += 1
        self.together = max(self.together, self._now_open)
        await asyncio.sleep(0)
        self._now_open -= 1
        return await super().get(path, query)

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.asked["update"] += 1
        await super().update(changes)


@pytest.mark.parametrize(
    ("peek", "text", "asked"),
    [
        (True, "Hello", {"chatSessions": 1}),
        (False, None, {"chatSessions": 1, "messages": 1}),
        (False, "Hello", {"chatSessions": 1, "messages": 1, "update": 1}),
    ],
)
async def test_opening_asks_once(
    namespace: Namespace, peek: bool, text: str | None, asked: dict[str, int]
) -> None:
    """For the session and its newest messages at one time; then it writes, if there is anything."""
    session_id = await _started(namespace, **({} if text is None else {"text": text}))
    transport = _Counted(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    async with desk.open(session_id, peek=peek) as conversation:
        assert conversation.session.unread_count == (0 if text is None else 1)
    assert dict(transport.asked) == asked
    assert transport.together == (1 if peek else 2)


async def test_a_reply_without_opening_is_one_request(namespace: Namespace) -> None:
    """The rules say whether the conversation is there."""
    session_id = await _started(namespace)
    transport = _Counted(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    await desk.reply(session_id, "Hello")
    assert dict(transport.asked) == {"update": 1}


@pytest.mark.parametrize(
    ("token", "account"), [({"email": "noor@imbari.example"}, "noor@imbari.example"), ({}, None)]
)
def test_who_is_signed_in_is_named(namespace: Namespace, token: Json, account: str | None) -> None:
    """On every face; whoever has no address has no name."""
    gateway = Gateway(InMemory(namespace, {"uid": "u", "token": token}))
    assert AsyncAdminChat._over(gateway).account == account
    assert AsyncCustomerChat._over(gateway).account == account


class _AboveTheRules(InMemory):
    """A service account that rules do not hold."""

    def __init__(self, namespace: Namespace, *fates: str) -> None:
        super().__init__(namespace, ADMIN, *fates)
        self._caller = Caller(admin=True, auth=None)

    @property
    def uid(self) -> None:  # rules see nobody
        return None


@pytest.mark.parametrize("above", [True, False])
async def test_nothing_is_written_to_a_conversation_that_was_deleted(
    namespace: Namespace, above: bool
) -> None:
    """Whoever decides it, the rules or we: it is told, and no session without a name is left."""
    kept, deleted = await _started(namespace), await _started(namespace)
    transport = _AboveTheRules(namespace) if above else InMemory(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    conversations = [await desk.open(one, peek=True).__aenter__() for one in (kept, deleted)]
    namespace.write(Write.put(Path.parse(f"/chatSessions/{deleted}"), None), OWNER, 0)
    gone = conversations[1]
    for call in (
        gone.reply("Hello"),
        gone.resolve(),
        gone.reopen(),
        gone.mark_read(),
        desk.reply(deleted, "Hello"),
        desk.resolve(deleted),
    ):
        with pytest.raises(SessionNotFound, match=deleted):
            await call
    sent = [await one.reply("Both at once", timeout=0) for one in conversations]
    assert await desk.flush(timeout=WAIT) == ()
    assert [one.delivery for one in sent] == ["confirmed", "failed"]
    assert isinstance(sent[1].error, SessionNotFound)
    assert _keys(namespace, "/chatSessions") == [kept]
    assert _keys(namespace, "/messages") == [kept]
    await desk.close()


# What the first start meets, and what the second.
STARTS: dict[str, tuple[list[str], list[str]]] = {
    "never made, and nobody knows": ([LOST_REQUEST] * 3, []),
    "made, and nobody knows": ([LOST_ANSWER, *[LOST_REQUEST] * 2], []),
    "made late": ([LOST_REQUEST, LOST_REQUEST, LATE], []),
    "nobody knows of the second either": ([LOST_REQUEST] * 3, [LOST_ANSWER]),
    "the second is lost": ([LOST_REQUEST] * 3, [LOST_REQUEST]),
    "the second is away at first": ([LOST_REQUEST] * 3, [UNREACHABLE]),
}


class _Looking(InMemory):
    """One that cannot be asked whether an update was made.

    Attributes:
        away: Whether that is so now.
    """

    away = True

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.away:
            raise Unavailable("away")
        return await super().get(path, query)


# In what words the second start is made: of each the form and the text.
WORDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "the same": ({"text": "Hello"}, {"text": "Hello"}),
    "another text": ({"text": "Hello"}, {"text": "Hello?"}),
    "another name": ({"text": "Hello"}, {"text": "Hello", "name": "Amina K."}),
    "another name, without a text": ({}, {"name": "Amina K."}),
    "a text after all": ({}, {"text": "Hello"}),
    "no text after all": ({"text": "Hello"}, {}),
}


@pytest.mark.parametrize("again", ["", "by its id", "by its id, from another client"])
@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("fate", STARTS)
async def test_a_start_that_is_repeated_makes_one_conversation(
    namespace: Namespace, fate: str, words: str, again: str
) -> None:
    """The second settles the first; in other words only if the first has not gone through."""
    first, second = STARTS[fate]
    earlier, later = ({**AMINA, **one} for one in WORDS[words])
    transport = _Looking(namespace, CUSTOMER, *first)
    chat = AsyncCustomerChat._over(Gateway(transport))
    with pytest.raises(StartUnfinished) as caught:
        await chat.start(**earlier)
    assert caught.value.outcome_unknown
    if "another" in again:
        await chat.close()
        transport = _Looking(namespace, CUSTOMER)
        chat = AsyncCustomerChat._over(Gateway(transport))
    transport._fates, transport.away = list(second), False
    made, conflict = later, None
    try:
        session = await chat.start(**later, session_id=caught.value.session_id if again else None)
    except Conflict as error:
        made, conflict = earlier, error
        session = await chat.resume(error.where or "")
    assert _keys(namespace, "/chatSessions") == [session.id] == [caught.value.session_id]
    texts = [made["text"]] if "text" in made else []
    assert [one.text for one in await chat.history()] == texts
    assert (session.customer_name, session.unread_count) == (made["name"], len(texts))
    if conflict is not None:
        another = await chat.start(**later)  # as the error says
        assert another.id != session.id
        assert another.customer_name == later["name"]
    await chat.close()


class _OutOfSight(_Looking):
    """A :class:`_Looking` of whose starts nothing is to be seen afterwards.

    Attributes:
        unseen: What looking at a conversation raises, while it is one.
    """

    away = False
    unseen: ImbariError | None = None

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.unseen is not None:
            raise self.unseen
        return await super().get(path, query)


REFUSED = AccessDenied("permission denied")
# What each start meets, what looking meets then, and what becomes of it.
ENDS: dict[str, list[tuple[list[str | ImbariError], ImbariError | None, type[ImbariError]]]] = {
    "never sent": [([UNREACHABLE], None, Unavailable)] * 2,
    "refused": [([REFUSED], None, AccessDenied)] * 2,
    "made, and cannot be looked at": [([], Unavailable("away"), StartUnfinished)],
    "made, and may not be looked at": [([], REFUSED, AccessDenied)],
    "nobody knows, and the second is never sent": [
        ([LOST_REQUEST] * 3, None, StartUnfinished),
        ([UNREACHABLE] * 3, None, StartUnfinished),
    ],
    "nobody knows, and the second is refused": [
        ([LOST_REQUEST] * 3, None, StartUnfinished),
        ([REFUSED], None, AccessDenied),
    ],
}


@pytest.mark.parametrize("fate", ENDS)
async def test_a_start_that_fails_says_whether_it_may_have_been_made(
    namespace: Namespace, fate: str
) -> None:
    """And whatever it met, the next makes one conversation of it."""
    transport = _OutOfSight(namespace, CUSTOMER)
    chat = AsyncCustomerChat._over(Gateway(transport))
    named = set()
    for fates, unseen, kind in ENDS[fate]:
        transport._fates, transport.unseen = list(fates), unseen
        with pytest.raises(ImbariError) as caught:
            await chat.start(**AMINA, text="Hello")
        assert type(caught.value) is kind
        if isinstance(caught.value, StartUnfinished):
            named.add(caught.value.session_id)
    transport._fates, transport.unseen = [], None
    session = await chat.start(**AMINA, text="Hello")
    assert _keys(namespace, "/chatSessions") == [session.id]
    assert named <= {session.id}
    await chat.close()


async def test_a_start_given_an_id_settles_that_one_whatever_else_is_unfinished(
    namespace: Namespace,
) -> None:
    """It is another client's, and the words are that one's."""
    lost = AsyncCustomerChat._over(Gateway(_Looking(namespace, CUSTOMER, LOST_ANSWER)))
    with pytest.raises(StartUnfinished) as theirs:
        await lost.start(**AMINA, text="Hello")
    await lost.close()
    transport = _Looking(namespace, CUSTOMER, *[LOST_REQUEST] * 3)
    chat = AsyncCustomerChat._over(Gateway(transport))
    with pytest.raises(StartUnfinished) as ours:
        await chat.start(**AMINA, text="Good evening")
    transport.away = False
    session = await chat.start(**AMINA, text="Hello", session_id=theirs.value.session_id)
    assert _keys(namespace, "/chatSessions") == [session.id] == [theirs.value.session_id]
    own = await chat.start(**AMINA, text="Good evening")
    assert {session.id, own.id} == {*_keys(namespace, "/chatSessions")}
    assert own.id == ours.value.session_id
    await chat.close()


async def test_what_is_unfinished_in_the_same_words_is_settled_first(namespace: Namespace) -> None:
    """Though another was tried since."""
    transport = _Looking(namespace, CUSTOMER, *[LOST_REQUEST] * 3)
    chat = AsyncCustomerChat._over(Gateway(transport))
    with pytest.raises(StartUnfinished) as ours:
        await chat.start(**AMINA, text="Good evening")
    other = "-Nzzzzzzzzzzzzzzzzzz"
    with pytest.raises(StartUnfinished):
        await chat.start(**AMINA, text="Hello", session_id=other)
    transport.away = False
    assert (await chat.start(**AMINA, text="Good evening")).id == ours.value.session_id
    assert (await chat.start(**AMINA, text="Hello")).id == other
    await chat.close()


async def test_starts_at_the_same_time_are_one(namespace: Namespace) -> None:
    """In the same words; and nothing of them is left to settle."""

    class _Slow(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            await asyncio.sleep(0)
            await super().update(changes)

    async with AsyncCustomerChat._over(Gateway(_Slow(namespace, CUSTOMER))) as chat:
        both = await asyncio.gather(*[chat.start(**AMINA, text="Hello") for _ in range(2)])
        assert {one.id for one in both} == {*_keys(namespace, "/chatSessions")}
        assert len(await chat.history()) == 1
        assert (await chat.start(**AMINA, text="Hello")).id != both[0].id


async def test_a_start_by_an_id_is_settled_in_whatever_words_it_was_tried_since(
    namespace: Namespace,
) -> None:
    """What another client wrote there stays as good as what this one did."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as first:
        begun = await first.start(**AMINA, text="Hello")
    transport = _Looking(namespace, CUSTOMER)
    async with AsyncCustomerChat._over(Gateway(transport)) as chat:
        with pytest.raises(StartUnfinished):
            await chat.start(**AMINA, text="Hello?", session_id=begun.id)
        transport.away = False
        assert (await chat.start(**AMINA, text="Hello")).id == begun.id


async def test_a_start_that_went_through_is_settled_in_its_own_words_whatever_was_tried_since(
    namespace: Namespace,
) -> None:
    """By the very client that tried both."""
    transport = _Looking(namespace, CUSTOMER, LOST_ANSWER, *[LOST_REQUEST] * 2)
    async with AsyncCustomerChat._over(Gateway(transport)) as chat:
        for text in ("Hello", "Hello?"):
            with pytest.raises(StartUnfinished) as caught:
                await chat.start(**AMINA, text=text)
        transport.away = False
        begun = await chat.start(**AMINA, text="Hello")
        assert [begun.id] == [caught.value.session_id] == _keys(namespace, "/chatSessions")
        assert [one.text for one in await chat.history()] == ["Hello"]


async def test_a_start_of_ones_own_that_is_refused_by_its_id_is_not_forgotten(
    namespace: Namespace,
) -> None:
    """It may be there all the same, as if no id had been given."""
    transport = _Looking(namespace, CUSTOMER, *[LOST_REQUEST] * 3)
    async with AsyncCustomerChat._over(Gateway(transport)) as chat:
        with pytest.raises(StartUnfinished) as caught:
            await chat.start(**AMINA, text="Hello")
        transport.away, transport._fates = False, [REFUSED]
        with pytest.raises(AccessDenied):
            await chat.start(**AMINA, text="Hello", session_id=caught.value.session_id)
        assert (await chat.start(**AMINA, text="Hello")).id == caught.value.session_id


async def test_a_start_by_an_id_is_the_same_however_the_conversation_went_on(
    namespace: Namespace,
) -> None:
    """Only what it began with counts, which is of its very millisecond."""

    class _Ticking(InMemory):
        ticks = 0

        def _now(self) -> int:
            self.ticks += 1
            return super()._now() + self.ticks

    first = AsyncCustomerChat._over(Gateway(_Ticking(namespace, CUSTOMER)))
    begun = await first.start(**AMINA)
    await first.send("Hello")
    await first.close()
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        with pytest.raises(Conflict):
            await chat.start(**AMINA, text="Hello", session_id=begun.id)
        assert (await chat.start(**AMINA, session_id=begun.id)).id == begun.id


async def test_a_start_by_the_id_of_somebody_elses_holds_up_no_other(namespace: Namespace) -> None:
    """It is refused, and forgotten."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as other:
        theirs = await other.start(**AMINA, text="Hello")
    somebody: Json = {"uid": "somebody", "token": {}}
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, somebody))) as chat:
        with pytest.raises(AccessDenied):
            await chat.start(**AMINA, text="Hello", session_id=theirs.id)
        assert (await chat.start(**AMINA, text="Hello")).id != theirs.id


async def test_a_start_asks_once(namespace: Namespace) -> None:
    """It writes, and sees what came of it."""
    transport = _Counted(namespace, CUSTOMER)
    async with AsyncCustomerChat._over(Gateway(transport)) as chat:
        await chat.start(**AMINA, text="Hello")
        assert dict(transport.asked) == {"update": 1, "chatSessions": 1}


async def test_a_refusal_nobody_can_explain_leaves_a_start_unfinished(
    namespace: Namespace,
) -> None:
    """It may be the echo of a try that arrived late; the next call finds out."""

    class _AwayLater(InMemory):
        looks = 0

        async def get(self, path: Path, query: Query | None = None) -> Json:
            self.looks += 1
            if self.looks in (2, 3):
                raise Unavailable("away")
            return await super().get(path, query)

    chat = AsyncCustomerChat._over(Gateway(_AwayLater(namespace, CUSTOMER, LATE)))
    with pytest.raises(StartUnfinished):
        await chat.start(**AMINA, text="Hello")
    session = await chat.start(**AMINA, text="Hello")
    assert _keys(namespace, "/chatSessions") == [session.id]
    await chat.close()


@pytest.mark.parametrize("made", [True, False])
async def test_another_client_settles_a_start_by_its_id(namespace: Namespace, made: bool) -> None:
    """After a restart, say: the customer is the same, the program is not."""
    fate = LOST_ANSWER if made else LOST_REQUEST
    fates = [fate, LOST_REQUEST, LOST_REQUEST]
    lost = AsyncCustomerChat._over(Gateway(_Looking(namespace, CUSTOMER, *fates)))
    with pytest.raises(StartUnfinished) as caught:
        await lost.start(**AMINA, text="Hello")
    await lost.close()
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        session = await chat.start(**AMINA, text="Hello", session_id=caught.value.session_id)
    assert _keys(namespace, "/chatSessions") == [session.id] == [caught.value.session_id]


async def test_a_start_that_is_interrupted_is_settled_by_the_next(namespace: Namespace) -> None:
    """A caller that gives up knows no more than one whose answer is lost."""

    class _Hanging(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            await super().update(changes)
            if not under_way.is_set():
                under_way.set()
                await asyncio.Event().wait()

    under_way = asyncio.Event()
    chat = AsyncCustomerChat._over(Gateway(_Hanging(namespace, CUSTOMER)))
    starting = asyncio.create_task(chat.start(**AMINA, text="Hello"))
    await under_way.wait()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    session = await chat.start(**AMINA, text="Hello")
    assert _keys(namespace, "/chatSessions") == [session.id]
    await chat.close()


async def test_a_start_that_is_certainly_not_made_leaves_nothing_to_settle(
    namespace: Namespace,
) -> None:
    """Other words the next time are no conflict, and two starts that went well are two."""
    transport = InMemory(namespace, CUSTOMER, UNREACHABLE)
    async with AsyncCustomerChat._over(Gateway(transport)) as chat:
        with pytest.raises(Unavailable) as caught:
            await chat.start(**AMINA, text="Hello")
        assert not isinstance(caught.value, StartUnfinished)
        first = await chat.start(**AMINA, text="Hello?")
        second = await chat.start(**AMINA, text="Hello?")
    assert sorted(_keys(namespace, "/chatSessions")) == sorted([first.id, second.id])


_GOOD_COUNTS = [7, 1_000_000]
_BAD_COUNTS = [-1, -3, 1.5, "2", True, {"a": 1}, None, 1_000_001, 10**12, 2**53, 1e300]


@pytest.mark.parametrize("count", [0, *_GOOD_COUNTS, *_BAD_COUNTS])
@pytest.mark.parametrize("unread", [0, 2])
async def test_whatever_is_stored_as_a_count_a_conversation_can_be_opened(
    namespace: Namespace, count: Json, unread: int
) -> None:
    """What is no count is put right; what is one is counted down and never below zero."""
    session_id = await _started(namespace)
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        await chat.resume(session_id)
        for number in range(unread):
            await chat.send(f"message {number}")
            await asyncio.sleep(0)
            namespace.write(_aged(namespace, session_id), OWNER, 0)
    place = Path.parse(f"/chatSessions/{session_id}/unreadCount")
    namespace.write(Write.put(place, count), OWNER, 0)
    rejected: list[Any] = []
    desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN), on_rejected=rejected.append))
    async with desk.open(session_id) as conversation:
        assert (await conversation.reply("Hello")).delivery == "confirmed"
    left = namespace.root.at(place).to_json()
    assert left == (count - unread if isinstance(count, int) and count in _GOOD_COUNTS else 0)
    await desk.close()


def _aged(namespace: Namespace, session_id: str) -> Write:
    """The latest message, a second older: the rules let the next one follow."""
    messages = _keys(namespace, f"/messages/{session_id}")
    place = Path.parse(f"/messages/{session_id}/{max(messages)}/timestamp")
    return Write.put(place, int(str(namespace.root.at(place).to_json())) - 1000)


async def test_an_emulator_without_rules_serves_our_own_client(face: Face) -> None:
    """It is open, so it asks for no index; rules that come later do."""
    with Emulator() as bare:
        flags = {
            "project": bare.project,
            "database_emulator": bare.database_host,
            "auth_emulator": bare.auth_host,
        }
        async with face.customer(**flags) as chat, face.desk(**flags) as desk:
            session = await chat.start(**AMINA, text="Hello")
            assert [one.id for one in await desk.sessions()] == [session.id]
            assert [one.id for one in await chat.sessions()] == [session.id]
            await desk.listen()
            assert desk.status.state == "live"
            bare.load_rules('{"rules": {".read": true, ".write": true}}')
            with pytest.raises(ImbariError, match="index"):
                await desk.sessions()


def test_a_form_is_the_same_however_it_was_read() -> None:
    """An unfinished start is compared by it."""
    assert LeadForm.checked(name=" Amina ", email="amina@example.com") == LeadForm(
        "Amina", "amina@example.com"
    )
    assert ConnectionChanged("live") == ConnectionChanged("live")
