"""The divider, and what is marked as read: a reader by itself, before a transcript that is told."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from imbari_chat.desk.reading import Reader
from imbari_chat.desk.store import Store
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import MessageId
from imbari_chat.view.inbox import Conversation, Inbox, Notice
from imbari_chat.view.listing import Listing
from tests.view.records import message, session


class Transcript:
    """Notes what it is asked to show."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.on_screen: frozenset[MessageId] = frozenset()

    def begin(self) -> None:
        self.asked.append("begin")

    def update(self) -> None:
        self.asked.append("update")

    def to_message(self, message_id: MessageId) -> None:
        self.asked.append(f"to {message_id}")

    def drawn(self) -> frozenset[MessageId]:
        return self.on_screen


class Talk:
    """Notes what is marked.

    Args:
        refusal: What becomes of that.
    """

    def __init__(self, refusal: ImbariError | None = None) -> None:
        self.marked: list[str] = []
        self.refusal = refusal

    async def mark_read(self, last: Message) -> None:
        self.marked.append(last.id)
        if self.refusal is not None:
            raise self.refusal


class Room:
    """A reader and whatever is around it."""

    def __init__(self, *unread: bool, more_unread: int = 0, state: Any = "live") -> None:
        self.now = 1000.0
        self.store = Store(Listing(), lambda: None, lambda: self.now)
        self.transcript = Transcript()
        drawn: Any = self.transcript
        self.reader = Reader(self.store, drawn, self._spawn, lambda: self.now)
        self.shown(*unread, more_unread=more_unread, state=state)

    def shown(self, *unread: bool, more_unread: int = 0, state: Any = "live") -> None:
        """The open conversation, message by message: unread or not."""
        messages = tuple(message(f"m{n}", "Hi", read=not one) for n, one in enumerate(unread))
        count = sum(unread) + more_unread
        conversation = Conversation(
            session("amina", unreadCount=count),
            messages=messages,
            connection=ConnectionChanged(state),
        )
        self.store.state = Inbox(conversation=conversation)

    def looks(self, talk: Any, *drawn: str, seconds: float = 0.7, **how: bool) -> None:
        """Somebody looks at these for so long."""
        self.transcript.on_screen = frozenset(MessageId(one) for one in drawn)
        how = {"focused": True, "in_pane": True, "covered": False, **how}
        for _ in range(2):
            self.reader.look(talk, **how)
            self.now += seconds

    def _spawn(self, work: Coroutine[Any, Any, None]) -> Any:
        asyncio.run(work)


@pytest.mark.parametrize(
    ("unread", "more", "divider", "older"),
    [
        ([], 0, None, True),
        ([False, False], 0, None, True),
        ([False, True, True], 0, "m1", True),
        ([False] * 49, 0, None, True),
        ([False] * 50, 0, None, False),
        ([False] * 48 + [True] * 2, 0, "m48", False),
        ([True] * 50, 0, "m0", False),
        ([True] * 50, 1, "m0", True),
    ],
)
def test_a_divider_stands_before_what_is_unread(
    unread: list[bool], more: int, divider: str | None, older: bool
) -> None:
    """There one begins to read; older ones come as well if they are unread, or there is room."""
    room = Room(*unread, more_unread=more)
    assert room.reader.history_came() is older
    assert room.reader.divider == divider
    assert room.transcript.asked == ([] if divider is None else ["update", f"to {divider}"])


def test_the_divider_stays_until_another_conversation_is_opened() -> None:
    """A history that comes again after an outage moves nobody."""
    room = Room(False, True)
    dividers = []
    for step in (room.reader.history_came, room.reader.history_came, room.reader.begin):
        step()
        dividers.append(room.reader.divider)
        room.shown(False, False, False, True)
    room.reader.history_came()
    assert [*dividers, room.reader.divider] == ["m1", "m1", None, "m3"]
    assert room.transcript.asked == ["update", "to m1", "begin", "update", "to m3"]


def test_without_a_conversation_nothing_is_read() -> None:
    """It was closed before its history came, or has not been entered."""
    room, talk = Room(True), Talk()
    room.looks(None, "m0")
    room.store.state = Inbox()
    assert room.reader.history_came() is False
    room.looks(talk, "m0")
    assert talk.marked == []
    assert room.transcript.asked == []


@pytest.mark.parametrize(
    ("seconds", "state", "how", "marked"),
    [
        (0.7, "live", {}, ["m1"]),
        (0.6995, "live", {}, []),
        (0.7, "reconnecting", {}, []),
        (0.7, "live", {"focused": False}, []),
        (0.7, "live", {"in_pane": False}, []),
        (0.7, "live", {"covered": True}, []),
    ],
)
def test_what_was_looked_at_is_marked_once(
    seconds: float, state: str, how: dict[str, bool], marked: list[str]
) -> None:
    """Up to the last of it; what is not on the screen stays unread."""
    room, talk = Room(True, True, True, state=state), Talk()
    room.looks(talk, "m0", "m1", seconds=seconds, **how)
    assert talk.marked == marked


def test_what_was_marked_is_not_marked_again() -> None:
    """Until something else was seen."""
    room, talk = Room(True, True), Talk()
    for drawn in (["m0"], ["m0"], ["m0", "m1"]):
        room.looks(talk, *drawn)
    assert talk.marked == ["m0", "m1"]


def test_what_was_looked_at_in_another_conversation_counts_there() -> None:
    """Whichever is opened begins anew, also the same one."""
    room, talk = Room(True), Talk()
    room.looks(talk, "m0")
    room.reader.begin()
    room.looks(talk, "m0", seconds=0.1)
    assert talk.marked == ["m0"]
    room.looks(talk, "m0")
    assert talk.marked == ["m0", "m0"]


@pytest.mark.parametrize(
    ("refusal", "tries", "notice"),
    [
        (Unavailable("cannot connect"), 2, None),
        (AccessDenied("denied"), 1, Notice("Not marked read: denied", is_error=True)),
    ],
)
def test_what_did_not_get_through_is_marked_again(
    refusal: ImbariError, tries: int, notice: Notice | None
) -> None:
    """And what was refused is told, and asked for no more."""
    room, talk = Room(True), Talk(refusal)
    room.looks(talk, "m0")
    room.reader.look(talk, focused=True, in_pane=True, covered=False)  # type: ignore[arg-type]
    assert talk.marked == ["m0"] * tries
    assert room.store.state.notice == notice
