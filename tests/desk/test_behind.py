"""Conversations behind the stream's window, which nobody tells of."""

from typing import Any

import pytest

from imbari_chat.desk import older
from imbari_chat.desk.last_senders import LastSenders
from imbari_chat.errors import InvalidData, Unavailable
from imbari_chat.schema.events import ConnectionChanged, MessageChanged, SessionChanged
from imbari_chat.schema.models import Session
from tests.desk.desks import Chat, look, opened, row_of, screen_of, until
from tests.view.records import NOW, message, session

_PAGE = older._PAGE

HELLO = message("m1", "Hello", timestamp=NOW)
OLD = session("old", at=-999, unreadCount=1)


def _chat(*behind: Session, **fields: Any) -> Chat:
    chat = Chat(*(session(f"s{at:02}", at=-at) for at in range(50)), **fields)
    chat.behind = [list(behind)]
    chat.stored = {one.id: one for one in behind}
    return chat


async def test_what_is_unread_there_is_counted_too() -> None:
    """In the header; a plus as long as not all is loaded."""
    chat = _chat(OLD, *(session(f"t{at:03}", at=-1000 - at) for at in range(_PAGE - 1)))
    chat.turning.clear()
    async with opened(chat) as (app, pilot):
        assert "unread" not in screen_of(app)[0]
        chat.behind[0][1] = session("t000", at=-1000, unreadCount=2)
        chat.turning.set()
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.pause()
        assert "  3 unread" in screen_of(app)[0]


async def test_what_is_done_there_is_seen() -> None:
    """Resolved is resolved, and the same key reopens it."""
    chat = _chat(OLD)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.press("end", "r")
        await until(pilot, lambda: app.store.now_of(OLD).is_resolved)
        await pilot.pause()
        assert app.store.rows[-1].id == "s49"
        await pilot.press("F", "F")
        assert row_of(app, "resolved them: old says hello")
        await pilot.press("r")
        await until(pilot, lambda: "reopen old" in chat.calls)
        assert chat.calls == ["resolve old", "reopen old"]


async def test_what_was_read_there_is_not_unread() -> None:
    """And what else has become of it is shown."""
    chat = _chat(OLD, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.press("end", "enter")
        await pilot.pause()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open old", "read m1"]
        done = session("old", at=-999, status="resolved")
        chat.stored[OLD.id] = done
        read = HELLO.model_copy(update={"read": True})
        chat.talk.put_nowait(MessageChanged(OLD.id, read, HELLO))
        await until(pilot, lambda: app.store.now_of(OLD) == done)
        await pilot.pause()
        assert "unread" not in screen_of(app)[0]
        assert row_of(app, "✓ resolved")


async def test_what_is_deleted_there_is_gone() -> None:
    """Once somebody wants to open it."""
    chat = _chat(OLD)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.press("end")
        chat.stored.clear()
        await pilot.press("enter")
        await until(pilot, lambda: OLD.id not in app.store.listing.older)
        await pilot.pause()
        assert row_of(app, "This conversation was deleted")


async def test_after_an_outage_it_is_read_again() -> None:
    """More may have become of it than the window holds."""
    chat = _chat(OLD)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        read = session("old", at=-999)
        chat.behind = [[read]]
        chat.inbox.put_nowait(ConnectionChanged("live"))
        await pilot.pause()
        assert app.store.now_of(OLD) == OLD
        for state in ("reconnecting", "live"):
            chat.inbox.put_nowait(ConnectionChanged(state))
        await until(pilot, lambda: app.store.now_of(OLD) == read)


async def test_who_waits_is_looked_up_wherever_it_is_asked_for() -> None:
    """Around the selection unasked; for the filter, or the next one, everywhere."""
    chat = _chat(session("old", at=-999))
    answered = message("r1", "Yes", sender="admin", timestamp=NOW)
    chat.histories = {one.id: (answered,) for one in chat.sessions}
    chat.histories[OLD.id] = (HELLO,)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await until(pilot, lambda: len(app.store.listing.last_senders) == 25)
        await pilot.press("w")
        assert row_of(app, "None of those looked at is waiting; looking at the rest…")
        await until(pilot, lambda: len(app.store.listing.last_senders) == 51)
        await pilot.press("w")
        assert app.store.selected == app.store.rows[-1]
        await pilot.press("f", "f")
        assert row_of(app, "waiting · 1 of 51")


async def test_who_waits_is_not_asked_for_while_there_is_no_connection() -> None:
    """Once it is there again it is."""
    asked: list[str] = []

    async def fail(_: LastSenders, session: Session) -> None:
        asked.append(session.id)
        raise Unavailable("no network")

    chat = _chat()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LastSenders, "_last_of", fail)
        async with opened(chat) as (app, pilot):
            await until(pilot, lambda: len(asked) == 20)
            await pilot.press("down", "w")
            await pilot.pause()
            assert (len(asked), app.store.listing.last_senders) == (20, {})
            patched.undo()
            for state in ("reconnecting", "live"):
                chat.inbox.put_nowait(ConnectionChanged(state))
            await until(pilot, lambda: len(app.store.listing.last_senders) == 50)


async def test_who_is_resolved_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be looked up to say so."""
    monkeypatch.setattr(LastSenders, "look", lambda _: None)
    async with opened(_chat(session("old", at=-999, status="resolved"))) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.press("F", "F", "w")
        assert row_of(app, "None of these is waiting")


async def test_the_filter_looks_up_who_waits() -> None:
    """And what nobody has written is none of them."""
    chat = _chat(session("old", at=-999), session("silent", at=-1000))
    chat.histories = {OLD.id: (HELLO,)}
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        await pilot.press("f", "f")
        await until(pilot, lambda: len(app.store.listing.last_senders) == 52)
        await pilot.pause()
        assert row_of(app, "waiting · 1 of 52")
        assert row_of(app, "old@example.com")


async def test_what_a_colleague_resolves_there_is_resolved() -> None:
    """Of what is in the window, its own stream tells; without an index it is said what is not
    seen."""
    chat = _chat(OLD)
    done = session("old", at=-999, status="resolved")
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        chat.stored[OLD.id] = done
        chat.resolved.put_nowait(SessionChanged(done, OLD))
        await until(pilot, lambda: app.store.now_of(OLD) == done)
        chat.resolved.put_nowait(InvalidData("there is no index"))
        await pilot.pause()
        assert row_of(app, "What is resolved behind the newest is not seen: there is no index")
