"""What the rules let nobody change does not keep an admin out of a conversation."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from imbari_chat import AccessDenied, AsyncAdminChat, Conflict, SessionNotFound
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading import marking
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory, database

S = "-NNNNNNNNNNNNNNNNNNN"
OURS = "-MMMMMMMMMMMMMMMMMMM"
NOW = 1_800_000_000_000
FIELDS: dict[str, Json] = {
    "customerName": "Amina",
    "customerEmail": "amina@example.com",
    "lastMessage": "Hello",
    "lastMessageTime": NOW,
    "unreadCount": 2,
    "status": "active",
    "customerUid": "amina",
}


def _stored(
    session_id: str = S, *, other: str = "-MMMMMMMMMMMMMMMMMMN", without: str = ""
) -> Namespace:
    """A conversation with two unread messages, as somebody stored it."""
    namespace = database()
    messages: Json = {
        key: {"text": "Hello", "from": "customer", "timestamp": NOW, "senderUid": "amina"}
        for key in (OURS, other)
    }
    session: Json = {name: value for name, value in FIELDS.items() if name != without}
    for place, value in (("chatSessions", session), ("messages", messages)):
        namespace.write(Write.put(Path((place, session_id)), value), OWNER, NOW)
    return namespace


def _desk(namespace: Namespace, who: Json = ADMIN) -> AsyncAdminChat:
    return AsyncAdminChat._over(Gateway(InMemory(namespace, who), on_rejected=lambda _: None))


def _left(namespace: Namespace) -> tuple[Json, dict[str, Json]]:
    """The count, and what is said of each message."""
    root: Any = namespace.root.to_json()
    marks = {key: one.get("read") for key, one in root["messages"][S].items()}
    return root["chatSessions"][S].get("unreadCount"), marks


async def test_colleagues_who_always_get_in_between_are_a_conflict() -> None:
    """Each time it is refused, and each time something else stands there by then."""
    namespace = _stored()
    counts = iter(range(3, 1000))

    class Crowded(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            place = Path(("chatSessions", S, "unreadCount"))
            self._namespace.write(Write.put(place, next(counts)), OWNER, NOW)
            raise AccessDenied("permission denied")

    desk = AsyncAdminChat._over(Gateway(Crowded(namespace, ADMIN)))
    with pytest.raises(Conflict, match="colleagues") as caught:
        await desk.open(S).mark_read()
    assert caught.value.where == S
    assert isinstance(caught.value.__cause__, AccessDenied)
    assert _left(namespace)[1] == {OURS: None, "-MMMMMMMMMMMMMMMMMMN": None}
    await desk.close()


@pytest.mark.parametrize("other", ["zzz", "test", "7", "a b", "-MMMMMMMMMMMMMMMMMMMM"])
async def test_a_message_whose_id_no_rule_takes_stays_unread_alone(other: str) -> None:
    """An import, or somebody in the console, may have written it."""
    namespace = _stored(other=other)
    transport = InMemory(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport, on_rejected=lambda _: None))
    async with desk.open(S) as conversation:
        assert (await conversation.reply("Hi")).delivery == "confirmed"
        before = transport.updates
        assert await conversation.mark_read() == 0
        assert transport.updates == before + 1  # it is tried with the rest, and then not alone
    assert _left(namespace) == (1, {OURS: True, other: None, **_reply(namespace, other)})
    assert not await desk.mark_unread(S)  # one is
    await desk.close()


def _reply(namespace: Namespace, other: str) -> dict[str, Json]:
    return {key: None for key in _left(namespace)[1] if key not in (OURS, other)}


async def test_whoever_is_above_the_rules_marks_whatever_its_id() -> None:
    """Nobody refuses it."""
    namespace = _stored(other="zzz")
    transport = InMemory(namespace, ADMIN)
    transport._caller = Caller(admin=True, auth=ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    assert await desk.open(S).mark_read() == 2
    assert _left(namespace) == (0, {OURS: True, "zzz": True})
    assert transport.updates == 1
    await desk.close()


@pytest.mark.parametrize(
    ("stored", "count", "limits", "marked"),
    [
        ("uu", 2, [2], 2),
        ("u", 3, [2], 1),
        ("uaa", 1, [2, 8], 1),
        ("auu", 3, [2, 8], 2),
        ("u" * 5 + "a" * 7, 6, [2, 12], 5),
        ("u" * 2 + "a" * 18, 2, [2, 8], 0),
        ("u" * 2 + "a" * 18, 5, [2, 10], 0),
    ],
)
async def test_unread_messages_are_looked_for_as_far_back_as_they_are_counted(
    monkeypatch: pytest.MonkeyPatch, stored: str, count: int, limits: list[int], marked: int
) -> None:
    """Four times as many at a time or twice the count, but not without an end."""
    monkeypatch.setattr(marking, "_SCAN", 2)
    monkeypatch.setattr(marking, "_MOST_SCANNED", 8)
    asked: list[int] = []

    class Asked(InMemory):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            if query is not None and query.limit is not None:
                asked.append(query.limit)
            return await super().get(path, query)

    namespace = _stored()
    messages: Json = {
        f"-MMMMMMMMMMMMMMMMM{n:02}": {"text": "x", "from": sender, "timestamp": NOW + n}
        for n, sender in enumerate({"u": "customer", "a": "admin"}[one] for one in stored)
    }
    namespace.write(Write.put(Path(("messages", S)), messages), OWNER, NOW)
    namespace.write(Write.put(Path(("chatSessions", S, "unreadCount")), count), OWNER, NOW)
    desk = AsyncAdminChat._over(Gateway(Asked(namespace, ADMIN)))
    assert await desk.open(S).mark_read() == marked
    assert [*dict.fromkeys(asked)] == limits
    await desk.close()


class _Between(InMemory):
    """Something happens as soon as a session was read."""

    def __init__(self, namespace: Namespace, path: tuple[str, ...], value: Json) -> None:
        super().__init__(namespace, ADMIN)
        self._change: Write | None = Write.put(Path(path), value)

    async def get(self, path: Path, query: Query | None = None) -> Json:
        found = await super().get(path, query)
        if self._change is not None and path == ("chatSessions", S):
            change, self._change = self._change, None
            self._namespace.write(change, OWNER, NOW)
        return found


async def test_a_message_that_comes_between_two_reads_is_counted_as_well() -> None:
    """The session that was read counts one less; nobody's rules would say so."""
    namespace = _stored()
    namespace.write(Write.put(Path(("chatSessions", S, "unreadCount")), 1), OWNER, NOW)
    transport = _Between(namespace, ("chatSessions", S, "unreadCount"), 2)
    transport._caller = Caller(admin=True, auth=ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    assert await desk.open(S).mark_read() == 2
    assert _left(namespace) == (0, {OURS: True, "-MMMMMMMMMMMMMMMMMMN": True})
    await desk.close()


@pytest.mark.parametrize("count", [1, "many"])
async def test_a_conversation_that_is_deleted_meanwhile_is_not_there(count: Json) -> None:
    """Whatever it is looked at again for."""
    namespace = _stored()
    namespace.write(Write.put(Path(("chatSessions", S, "unreadCount")), count), OWNER, NOW)
    desk = AsyncAdminChat._over(Gateway(_Between(namespace, ("chatSessions", S), None)))
    with pytest.raises(SessionNotFound, match=S):
        await desk.open(S).mark_read()
    await desk.close()


async def test_a_conversation_is_shown_as_it_was_before_it_was_marked() -> None:
    """By whomever: a colleague may have marked some of it in between."""
    namespace = _stored()

    class Second(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            if not self.updates:
                mark: Json = {f"messages/{S}/{OURS}/read": True, f"chatSessions/{S}/unreadCount": 1}
                self._namespace.write(Write.patch(ROOT, mark), OWNER, NOW)
            await super().update(changes)

    transport = Second(namespace, ADMIN, AccessDenied("permission denied"))
    desk = AsyncAdminChat._over(Gateway(transport))
    async with desk.open(S) as conversation:
        assert conversation.session.unread_count == 2
    assert _left(namespace) == (0, dict.fromkeys(_left(namespace)[1], True))
    assert transport.updates == 2
    await desk.close()


async def test_a_message_is_marked_unread_whose_id_the_rules_take() -> None:
    """Though one that came later has another."""
    namespace = _stored(other="zzz")
    for key in (OURS, "zzz"):
        namespace.write(Write.put(Path(("messages", S, key, "read")), True), OWNER, NOW)
    namespace.write(Write.put(Path(("chatSessions", S, "unreadCount")), 0), OWNER, NOW)
    desk = _desk(namespace)
    assert await desk.mark_unread(S)
    assert _left(namespace) == (1, {OURS: False, "zzz": True})
    await desk.close()


@pytest.mark.parametrize("without", [*FIELDS, ""])
async def test_a_session_without_a_field_can_be_opened(
    caplog: pytest.LogCaptureFixture, without: str
) -> None:
    """The rules let nobody count in one that lacks what they ask for; that is said."""
    namespace = _stored(without=without)
    desk = _desk(namespace)
    with caplog.at_level(logging.WARNING):
        async with desk.open(S) as conversation:
            assert len(await conversation.history()) == 2
    is_whole = without in ("", "customerUid", "unreadCount")
    assert (_left(namespace)[0] == 0) is is_whole
    assert ("stay unread" in caplog.text) is not is_whole
    await desk.close()


async def test_a_conversation_whose_id_no_rule_takes_can_be_opened() -> None:
    """And read, if not answered."""
    desk = _desk(_stored("test"))
    async with desk.open("test") as conversation:
        assert len(await conversation.history()) == 2
    await desk.close()


async def test_who_is_no_admin_is_told_so() -> None:
    """Their own conversation can be read, and not as an admin."""
    desk = _desk(_stored(), CUSTOMER)
    with pytest.raises(AccessDenied):
        async with desk.open(S):
            pass
    await desk.close()


@pytest.mark.parametrize("without", ["", "customerUid"])
async def test_who_may_not_mark_what_is_as_the_rules_want_it_is_told_so(without: str) -> None:
    """It is not the conversation's fault."""
    transport = InMemory(_stored(without=without), ADMIN, AccessDenied("not yours"))
    desk = AsyncAdminChat._over(Gateway(transport))
    with pytest.raises(AccessDenied, match="not yours"):
        await desk.open(S).__aenter__()
    await desk.close()
