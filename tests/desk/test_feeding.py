"""What the desk's streams do with what they tell: to the store, and to those beside it."""

from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.desk import streams as module
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.teamwork import Note, TeamSnapshot
from imbari_chat.view.inbox import Inbox
from imbari_chat.view.listing import Listing
from tests.view.records import NOW, message, session

AMINA, BRIAN = session("amina"), session("brian")
LIVE, AWAY = ConnectionChanged("live"), ConnectionChanged("reconnecting", "cut")
HELLO = message("m1", "Hello")
NOTE = Note.model_validate({ID_FIELD: "-N1", "text": "private", "name": "Noor", "at": NOW})


class Told(list[str]):
    """Whoever is beside the store: what is asked of them, in order."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def called(*given: Any) -> None:
            told = [getattr(one, "id", one) for one in given if not isinstance(one, ChatEvent)]
            self.append(" ".join([name, *map(str, told)]))

        return called


class Talk:
    """An open conversation."""

    def __init__(self, chat: object, session_id: str, heard: object, *, peek: bool) -> None:
        self.chat, self.id, self.heard, self.peek = chat, session_id, heard, peek
        self.page: tuple[list[Message], bool] = ([HELLO], True)
        self.fails: ImbariError | None = None
        self.hurried = 0
        self.asked: list[int] = []

    async def follow(self) -> None:
        if self.fails is not None:
            raise self.fails

    def hurry(self) -> None:
        self.hurried += 1

    async def typing(self) -> None:
        self.asked.append(-1)

    async def older(self, page_size: int) -> tuple[list[Message], bool]:
        self.asked.append(page_size)
        if self.fails is not None:
            raise self.fails
        return self.page


class Chat:
    """What it tells, stream by stream, and what each ends in."""

    uid = "me"

    def __init__(self) -> None:
        self.team = self
        self.tells: dict[str, list[Any]] = {}
        self.ends: dict[str, ImbariError] = {}
        self.calls: list[str] = []

    async def _tell(self, what: str) -> AsyncGenerator[Any]:
        self.calls.append(what)
        for one in self.tells.get(what.partition(" ")[0], ()):
            yield one
        if what.partition(" ")[0] in self.ends:
            raise self.ends[what.partition(" ")[0]]

    async def show(self) -> None:
        self.calls.append("show")

    def events(self, *, limit: int) -> AsyncGenerator[ChatEvent]:
        return self._tell(f"events {limit}")

    def follow(self) -> AsyncGenerator[TeamSnapshot]:
        return self._tell("team")

    def follow_notes(self, session_id: str) -> AsyncGenerator[tuple[Note, ...]]:
        return self._tell(f"notes {session_id}")

    def resolutions(self) -> AsyncGenerator[ChatEvent]:
        return self._tell("resolutions")

    def reconnect_now(self) -> None:
        self.calls.append("reconnect")


class Desk:
    """A store that is fed, and whoever else is told of something."""

    def __init__(self, *, limit: int = 2) -> None:
        self.chat = Chat()
        self.store = Store(Listing(), lambda: None, lambda: 0.0)
        self.older, self.senders = Told(), Told()
        self.histories = 0
        self.messages: list[str] = []
        self.todo: list[Any] = []
        self.cancelled: list[Any] = []
        chat: Any = self.chat
        self.streams = Streams(
            chat, self.store, self._spawn,
            limit=limit, on_history=self._history, on_message=self._message,
        )  # fmt: skip
        self.streams.older = self.older  # type: ignore[assignment]  # as much of it
        self.streams.last_senders = self.senders  # type: ignore[assignment]

    def _spawn(self, work: Any) -> Any:
        self.todo.append(work)
        return SimpleNamespace(cancel=lambda: self.cancelled.append(work))

    def _history(self) -> None:
        self.histories += 1

    def _message(self, about: Session, said: Message) -> None:
        self.messages.append(f"{about.id} {said.id}")

    async def run(self) -> None:
        while self.todo:
            await self.todo.pop(0)

    @property
    def talk(self) -> Talk:
        talk: Any = self.streams.talk
        return talk  # type: ignore[no-any-return]

    @property
    def state(self) -> Inbox:
        return self.store.state

    @property
    def notice(self) -> tuple[str, bool] | None:
        notice = self.state.notice
        return None if notice is None else (notice.text, notice.is_error)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One whose inbox follows two conversations."""
    monkeypatch.setattr(module, "Talk", Talk)
    return Desk()


async def test_it_begins_with_the_inbox_the_team_and_what_is_resolved(desk: Desk) -> None:
    """Customers see that the team is there before anything is heard."""
    desk.chat.tells = {
        "events": [SessionAdded(AMINA), SessionAdded(BRIAN), MessageAdded(AMINA.id, HELLO), LIVE],
        "team": [TeamSnapshot(at=NOW)],
        "resolutions": [LIVE, SessionChanged(BRIAN, BRIAN)],
    }
    desk.streams.begin()
    await desk.run()
    assert desk.chat.calls == ["show", "events 2", "team", "resolutions"]
    assert list(desk.state.sessions) == ["amina", "brian"]
    assert desk.state.connection == LIVE
    assert (desk.store.listing.team.at, desk.store.listing.me) == (NOW, "me")
    assert (desk.messages, desk.store.listing.texts) == (["amina m1"], {"amina": ("Hello",)})
    assert desk.older == ["heard", "heard", "heard", "heard", "begin", "changed brian"]
    assert desk.senders == ["begin"]


@pytest.mark.parametrize(
    ("sent", "where", "told"),
    [("customer", AMINA, ["amina m1"]), ("admin", AMINA, []), ("customer", BRIAN, [])],
)
async def test_only_what_a_customer_writes_where_it_is_listed_is_a_message_to_notice(
    desk: Desk, sent: Any, where: Session, told: list[str]
) -> None:
    """Colleagues' words are none."""
    said = MessageAdded(where.id, message("m1", "Hello", sender=sent))
    desk.chat.tells["events"] = [SessionAdded(AMINA), said]
    desk.streams.begin()
    await desk.run()
    assert desk.messages == told


@pytest.mark.parametrize(("count", "is_complete"), [(0, True), (1, True), (2, False)])
async def test_a_window_that_is_not_full_shows_all_there_are(
    desk: Desk, count: int, is_complete: bool
) -> None:
    """Which is known when it is live, not before, and stays so."""
    shown = [SessionAdded(one) for one in (AMINA, BRIAN)[:count]]
    desk.chat.tells["events"] = [*shown, AWAY]
    desk.streams.begin()
    await desk.run()
    assert not desk.store.listing.is_complete
    assert "begin" not in desk.older
    desk.chat.tells["events"] = [ConnectionChanged("live", "without an index")]
    desk.streams.begin()
    await desk.run()
    assert desk.store.listing.is_complete is is_complete
    desk.chat.tells["events"] = [SessionAdded(session(f"s{at}")) for at in range(3)] + [LIVE]
    desk.streams.begin()
    await desk.run()
    assert desk.store.listing.is_complete is is_complete


@pytest.mark.parametrize("peek", [True, False])
async def test_the_conversation_that_is_opened_is_followed(desk: Desk, peek: bool) -> None:
    """Alone, and listed as the chosen one; its notes as well."""
    desk.chat.tells["notes"] = [(NOTE,)]
    desk.streams.open(BRIAN, peek=True)
    first = [*desk.todo]
    desk.streams.is_whole = desk.streams.is_turning = True
    desk.streams.open(AMINA, peek=peek)
    assert desk.cancelled == first
    assert (desk.streams.is_whole, desk.streams.is_turning) == (False, False)
    assert (desk.talk.chat, desk.talk.id, desk.talk.peek) == (desk.chat, "amina", peek)
    assert desk.store.listing.selected == "amina"
    conversation = desk.state.conversation
    assert conversation is not None
    assert (conversation.session, conversation.peek) == (AMINA, peek)
    assert desk.older == ["changed brian", "changed amina"]
    await desk.run()
    assert desk.chat.calls == ["notes brian", "notes amina"]
    assert desk.state.conversation is not None
    assert desk.state.conversation.notes == (NOTE,)
    desk.streams.close()
    assert len(desk.cancelled) == 4
    assert desk.streams.talk is None
    desk.streams.close()
    assert len(desk.cancelled) == 4


async def test_what_is_heard_of_it_is_shown(desk: Desk) -> None:
    """Its history is there when it is live, for whatever reason; a change of a message may be one
    of what is unread."""
    desk.streams.open(AMINA, peek=False)
    await desk.run()
    heard: Any = desk.talk.heard
    for event in (MessageAdded(AMINA.id, HELLO), AWAY, SessionRemoved(BRIAN, deleted=True)):
        heard(event)
    assert (desk.histories, desk.older) == (0, ["changed amina"])
    assert desk.state.conversation is not None
    assert desk.state.conversation.messages == (HELLO,)
    assert desk.state.conversation.connection == AWAY
    heard(ConnectionChanged("live", "without an index"))
    assert desk.histories == 1
    heard(MessageChanged(AMINA.id, HELLO, HELLO))
    assert (desk.histories, desk.older) == (1, ["changed amina"] * 2)


async def test_one_that_cannot_be_followed_says_so(desk: Desk) -> None:
    """And what to do, above what is known of it."""
    desk.streams.open(AMINA, peek=False)
    desk.talk.fails = AccessDenied("not yours", hint="Sign in")
    await desk.run()
    assert desk.state.conversation is not None
    assert desk.state.conversation.connection.state == "closed"
    assert desk.notice == ("not yours. Sign in", True)


TROUBLE = AccessDenied("no index", hint="Deploy the rules")
ENDS = [
    ("team", "Who has what is not shown: no index. Deploy the rules", True),
    ("notes", "Notes are not shown: no index. Deploy the rules", True),
    ("resolutions", "What is resolved behind the newest is not seen: no index. Deploy", False),
]


@pytest.mark.parametrize(("what", "words", "is_error"), ENDS)
async def test_what_ends_beside_the_inbox_is_told(
    desk: Desk, what: str, words: str, is_error: bool
) -> None:
    """The desk goes on."""
    desk.chat.ends[what] = TROUBLE
    desk.streams.begin()
    desk.streams.open(AMINA, peek=False)
    await desk.run()
    assert desk.notice is not None
    assert desk.notice[0].startswith(words)
    assert desk.notice[1] is is_error


async def test_an_inbox_that_ends_for_good_ends_the_desk(desk: Desk) -> None:
    desk.chat.ends["events"] = TROUBLE
    desk.streams.begin()
    with pytest.raises(AccessDenied):
        await desk.run()
    for work in desk.todo:
        work.close()


async def test_when_the_network_is_back_nothing_waits(desk: Desk) -> None:
    """The open conversation is entered at once; of what is written there nobody is told without
    one."""
    desk.streams.reconnect()
    desk.streams.typing()
    assert (desk.chat.calls, desk.todo) == (["reconnect"], [])
    desk.streams.open(AMINA, peek=False)
    desk.streams.reconnect()
    assert (desk.chat.calls[-1], desk.talk.hurried) == ("reconnect", 1)
    desk.chat.tells["events"] = [AWAY, LIVE]
    desk.streams.begin()
    await desk.run()
    assert desk.talk.hurried == 2
    desk.streams.typing()
    await desk.run()
    assert desk.talk.asked == [-1]


async def test_older_messages_are_asked_for_once_at_a_time(desk: Desk) -> None:
    """Until it begins with what is loaded."""
    desk.streams.turn_back()
    assert desk.todo == []
    desk.streams.open(AMINA, peek=False)
    await desk.run()
    assert (desk.streams.is_whole, desk.streams.is_turning) == (False, False)
    desk.talk.page = ([HELLO], False)
    desk.streams.turn_back()
    desk.streams.turn_back()
    assert (len(desk.todo), desk.streams.is_turning) == (1, True)
    await desk.run()
    assert (desk.streams.is_whole, desk.streams.is_turning) == (False, False)
    assert desk.state.conversation is not None
    assert desk.state.conversation.messages == (HELLO,)
    desk.talk.page = ([], True)
    desk.streams.turn_back()
    await desk.run()
    assert (desk.streams.is_whole, desk.streams.is_turning) == (True, False)
    desk.streams.turn_back()
    assert (desk.todo, desk.talk.asked) == ([], [100, 100])


async def test_older_messages_that_cannot_be_loaded_are_told_and_asked_for_again(
    desk: Desk,
) -> None:
    """Nothing is lost of what is there."""
    desk.streams.open(AMINA, peek=False)
    await desk.run()
    desk.talk.fails = Unavailable("away", hint="Wait")
    desk.streams.turn_back()
    await desk.run()
    assert desk.notice == ("No older messages could be loaded: away. Wait", True)
    assert (desk.streams.is_whole, desk.streams.is_turning) == (False, False)
    desk.talk.fails = None
    desk.streams.turn_back()
    await desk.run()
    assert desk.streams.is_whole


@pytest.mark.parametrize("fails", [None, Unavailable("away")])
async def test_what_comes_for_one_that_is_closed_is_not_shown(
    desk: Desk, fails: ImbariError | None
) -> None:
    """Nor does it say anything of the one that is open now."""
    desk.streams.open(AMINA, peek=False)
    await desk.run()
    desk.talk.fails = fails
    desk.streams.turn_back()
    desk.streams.open(BRIAN, peek=False)
    desk.streams.turn_back()
    late, *_, now = desk.todo
    await late
    assert (desk.notice, desk.streams.is_turning, desk.streams.is_whole) == (None, True, False)
    assert desk.state.conversation is not None
    assert desk.state.conversation.messages == ()
    for work in desk.todo[1:]:
        work.close()
    assert now is desk.todo[-1]
