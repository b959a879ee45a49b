"""What the desk reads behind the stream's window, and what it counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from imbari_chat.desk import older
from imbari_chat.desk.older import OlderConversations
from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError, NotFound, Unavailable
from imbari_chat.schema.events import (
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionRemoved,
)
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.inbox import Conversation, Notice
from imbari_chat.view.listing import Listing
from tests.view.records import NOW, message, session


class Chat:
    """Gives so many conversations, page by page; the newest ones are the window's."""

    def __init__(self, count: int) -> None:
        one = session("one")
        self.all = [
            one.model_copy(update={"id": f"s{at:05}", "last_message_time": NOW - at})
            for at in range(count)
        ]
        self.asked = 0
        self.trouble: ImbariError | None = None
        self.sizes: list[int] = []
        self.got: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.turning: Callable[[], None] = lambda: None
        self.loading: list[bool] = []
        self.store: Store

    def browse(self, *, page_size: int) -> "Chat":
        self.sizes.append(page_size)
        self.asked = 0
        return self

    async def get_session(self, session_id: SessionId) -> Session:
        self.got.append(session_id)
        self.meanwhile()
        if self.trouble is not None:
            raise self.trouble
        return next(one for one in self.all if one.id == session_id)

    async def older(self) -> Sequence[Session]:
        self.loading.append(self.store.listing.is_loading)
        self.turning()
        if self.trouble is not None:
            raise self.trouble
        at, self.asked = self.asked, self.asked + self.sizes[0]
        return self.all[at : self.asked]

    async def session_ids(self) -> frozenset[SessionId]:
        if self.trouble is not None:
            raise self.trouble
        return frozenset(one.id for one in self.all)


class Desk:
    """What reads them, and its store, with so many of them in its window."""

    def __init__(self, count: int, window: int = 100) -> None:
        self.chat = Chat(count)
        self.store = self.chat.store = Store(Listing(), lambda: None, lambda: 0.0)
        self.todo: list[Any] = []
        chat: Any = self.chat
        spawn: Any = self.todo.append
        self.older = OlderConversations(chat, self.store, spawn)
        shown = {one.id: one for one in self.chat.all[:window]}
        self.store.change(lambda state: replace(state, sessions=shown))

    async def run(self) -> None:
        while self.todo:
            await self.todo.pop(0)

    @property
    def read(self) -> int:
        return len(self.store.listing.older)

    def search(self, query: str) -> None:
        self.store.choose(replace(self.store.listing, query=query))


async def test_all_are_counted_and_some_read_unasked() -> None:
    """In pages, without saying so; the list says how many there are."""
    desk = Desk(3_000)
    desk.older.begin()
    desk.older.look()
    assert sorted(work.__name__ for work in desk.todo) == ["_count", "_read"]
    await desk.run()
    assert desk.chat.sizes == [250]
    assert desk.read == 2_000
    assert set(desk.chat.loading) == {False}
    assert desk.store.listing.ids == frozenset(one.id for one in desk.chat.all)
    assert not desk.store.listing.is_complete
    desk.older.look()
    assert desk.todo == []


@pytest.mark.parametrize("count", [0, 100, 250, 251, 499, 500])
async def test_a_short_page_is_the_last(count: int) -> None:
    """Whether it holds any or none."""
    desk = Desk(count)
    desk.older.begin()
    await desk.run()
    assert desk.store.listing.is_complete
    everybody = {*desk.store.listing.older, *desk.store.state.sessions}
    assert everybody == {one.id for one in desk.chat.all}
    assert desk.chat.asked == count // 250 * 250 + 250 * (desk.chat.asked > count)


async def test_the_end_of_the_list_asks_for_a_page_more() -> None:
    """And a person who waits sees that it is loading."""
    desk = Desk(3_000)
    desk.older.begin()
    await desk.run()
    desk.chat.loading.clear()
    desk.older.load_more()
    desk.older.load_more()
    await desk.run()
    assert desk.read == 2_250
    assert desk.chat.loading == [True]
    assert not desk.store.listing.is_loading


async def test_a_search_reads_much_by_itself_and_as_much_again_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be in the last of them."""
    monkeypatch.setattr(older, "_UNASKED", 500)
    monkeypatch.setattr(older, "_SEARCHED", 1_000)
    desk = Desk(3_000)
    desk.search("amina")
    desk.older.look()
    await desk.run()
    assert desk.read == 1_000
    assert set(desk.chat.loading) == {True}
    desk.older.load_more()
    await desk.run()
    assert desk.read == 2_000


async def test_pages_of_what_the_window_holds_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They give the list nothing."""
    desk = Desk(1_000, window=600)
    desk.search("amina")
    chosen: list[int] = []
    choose = desk.store.choose

    def noting(listing: Listing) -> None:
        chosen.append(desk.chat.asked)
        choose(listing)

    monkeypatch.setattr(desk.store, "choose", noting)
    desk.older.look()
    await desk.run()
    assert chosen[:3] == [0, 750, 1_000]  # first that it is loading
    assert desk.store.listing.is_complete


async def test_what_fails_is_told_to_whoever_waits_for_it() -> None:
    """And is not tried again until somebody asks."""
    desk = Desk(3_000)
    desk.older.begin()
    await desk.run()
    desk.chat.trouble = Unavailable("no network")
    desk.older.load_more()
    await desk.run()
    told = Notice("No more could be loaded: no network", is_error=True)
    assert desk.store.state.notice == told
    assert not desk.store.listing.is_loading
    desk.chat.trouble = None
    desk.older.look()
    await desk.run()
    assert desk.read == 2_000
    desk.older.load_more()
    await desk.run()
    assert desk.read == 2_250


async def test_what_fails_unasked_is_not_told_and_begun_again_with_the_window() -> None:
    """The connection is told of by its stream, and the list says how many are loaded."""
    desk = Desk(3_000)
    desk.chat.trouble = Unavailable("no network")
    desk.older.begin()
    await desk.run()
    assert (desk.store.state.notice, desk.store.listing.ids) == (None, None)
    desk.chat.trouble = None
    desk.older.begin()
    await desk.run()
    assert desk.read == 2_000
    assert desk.store.listing.ids is not None


async def test_what_comes_and_goes_while_it_is_counted_counts() -> None:
    """What came or was deleted before a count began is in it, or not."""
    desk = Desk(10, window=5)
    new, late = session("new"), session("late")
    desk.older.heard(SessionAdded(session("before")))
    desk.older.heard(SessionRemoved(desk.chat.all[0], deleted=True))
    desk.older.begin()
    desk.older.begin()  # it is under way already
    counts = [work for work in desk.todo if work.__name__ == "_count"]
    assert len(counts) == 1
    desk.older.heard(SessionAdded(new))
    desk.older.heard(SessionAdded(late))
    desk.older.heard(SessionRemoved(late, deleted=True))
    desk.older.heard(SessionRemoved(desk.chat.all[6], deleted=True))
    desk.older.heard(SessionRemoved(desk.chat.all[7], deleted=False))
    desk.older.heard(MessageAdded(new.id, message("m", "x")))
    desk.chat.all.pop(0)
    await desk.run()
    expected: set[SessionId] = {one.id for one in desk.chat.all} - {desk.chat.all[5].id}
    expected |= {new.id, *desk.store.state.sessions}
    assert set(desk.store.listing.ids or ()) == expected
    desk.older.begin()
    await desk.run()
    assert new.id not in (desk.store.listing.ids or ())


def _changes(desk: Desk, at: int) -> Session:
    """One of the chat's becomes resolved, and nobody tells of it."""
    changed = desk.chat.all[at].model_copy(update={"status": "resolved"})
    desk.chat.all[at] = changed
    return changed


async def test_one_behind_the_window_in_which_something_was_done_is_read_again() -> None:
    """Wherever it is shown; of one in the window its stream tells."""
    desk = Desk(300)
    desk.older.begin()
    await desk.run()
    changed = _changes(desk, 200)
    opened = Conversation(desk.store.listing.older[changed.id])
    desk.store.change(lambda state: replace(state, conversation=opened))
    desk.older.changed(desk.chat.all[99].id)
    assert desk.todo == []
    desk.older.changed(changed.id)
    await desk.run()
    assert desk.store.listing.older[changed.id] == changed
    assert desk.store.state.conversation is not None
    assert desk.store.state.conversation.session == changed
    assert desk.chat.got == [changed.id]


async def test_what_is_done_while_it_is_read_has_it_read_once_more() -> None:
    """However much it is; and again for what is done later."""
    desk = Desk(300)
    desk.older.begin()
    await desk.run()
    key = desk.chat.all[200].id

    def meanwhile() -> None:
        if len(desk.chat.got) == 1:
            for _ in range(3):
                desk.older.changed(key)

    desk.chat.meanwhile = meanwhile
    desk.older.changed(key)
    desk.older.changed(key)
    assert len(desk.todo) == 1
    await desk.run()
    assert desk.chat.got == [key, key]
    desk.older.changed(key)
    await desk.run()
    assert len(desk.chat.got) == 3


async def test_one_that_is_gone_when_it_is_read_again_is_gone() -> None:
    """From the list, and from those that are counted; it is said above it, if it is open."""
    desk = Desk(300)
    desk.older.begin()
    await desk.run()
    gone = desk.chat.all[200]
    opened = Conversation(gone)
    desk.store.change(lambda state: replace(state, conversation=opened))
    desk.chat.trouble = NotFound("no such conversation")
    desk.older.changed(gone.id)
    desk.older.changed(SessionId("never-there"))
    await desk.run()
    assert gone.id not in desk.store.listing.older
    assert gone.id not in (desk.store.listing.ids or ())
    told = Notice("This conversation was deleted", is_error=True)
    assert desk.store.state.notice == told


async def test_one_that_cannot_be_read_again_is_as_it_was_known() -> None:
    """The connection is told of by its stream; it is tried again when something is done."""
    desk = Desk(300)
    desk.older.begin()
    await desk.run()
    before, changed = desk.chat.all[200], _changes(desk, 200)
    desk.chat.trouble = Unavailable("no network")
    desk.older.changed(before.id)
    await desk.run()
    assert (desk.store.listing.older[before.id], desk.store.state.notice) == (before, None)
    desk.chat.trouble = None
    desk.older.changed(before.id)
    await desk.run()
    assert desk.store.listing.older[before.id] == changed


async def _loading_more(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One that has read all it reads unasked, and is to read on."""
    monkeypatch.setattr(older, "_UNASKED", 500)
    desk = Desk(1_500)
    desk.older.begin()
    await desk.run()
    desk.older.load_more()
    return desk


async def test_after_an_outage_what_was_read_is_read_again_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As much as it was, from the beginning: nobody tells of what became of it."""
    desk = await _loading_more(monkeypatch)
    await desk.run()
    assert (desk.read, desk.chat.sizes) == (750, [250])
    changed = _changes(desk, 700)
    desk.older.heard(ConnectionChanged("stale"))
    desk.older.heard(ConnectionChanged("connecting"))
    desk.older.begin()
    await desk.run()
    assert desk.chat.sizes == [250]
    desk.older.heard(ConnectionChanged("reconnecting", "cut"))
    desk.older.begin()
    await desk.run()
    assert (desk.chat.sizes, desk.chat.asked) == ([250, 250], 750)
    assert desk.store.listing.older[changed.id] == changed
    desk.older.begin()
    await desk.run()
    assert desk.chat.sizes == [250, 250]
    desk.older.load_more()
    await desk.run()
    assert desk.read == 1_000


async def test_after_an_outage_nothing_is_waited_for_that_is_gone() -> None:
    """A list that is shorter by now is read to its end."""
    desk = Desk(700)
    desk.older.begin()
    await desk.run()
    assert desk.store.listing.is_complete
    del desk.chat.all[300:]
    desk.older.heard(ConnectionChanged("reconnecting", "cut"))
    desk.older.begin()
    await desk.run()
    assert (desk.chat.sizes, desk.chat.asked) == ([250, 250], 500)
    assert desk.read == 300
    assert desk.store.listing.is_complete


async def test_a_page_of_before_an_outage_is_none_of_those_that_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be as it was then; all that was read is read once more."""
    desk = await _loading_more(monkeypatch)

    def cut() -> None:
        if len(desk.chat.loading) == 3:
            desk.older.heard(ConnectionChanged("reconnecting", "cut"))
            desk.older.begin()

    desk.chat.turning = cut
    pages = len(desk.chat.loading)
    assert pages == 2
    await desk.run()
    assert desk.chat.sizes == [250, 250]
    assert len(desk.chat.loading) == pages + 1 + 2
