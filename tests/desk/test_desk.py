"""The desk with keys from a pilot, before a chat of our own."""

import time
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from textual import events
from textual.widget import Widget

from imbari_chat.desk import frame, older
from imbari_chat.desk.bar import Bar
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.list_pane import ListPane
from imbari_chat.desk.text_page import TextPage
from imbari_chat.desk.transcript import Transcript
from imbari_chat.errors import Conflict, Unavailable
from imbari_chat.schema.events import (
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.inbox import Inbox
from tests.desk.desks import Chat, look, opened, row_of, screen_of, until
from tests.view.records import NOW, message, session

_PAGE = older._PAGE

AMINA = session("amina", unreadCount=2)
BRIAN = session("brian", at=-5)
DONE = session("done", at=-9, status="resolved")
HELLO = message("m1", "Hello", timestamp=NOW)
BEANS = message("m2", "Any beans?", timestamp=NOW + 1)


def _long(count: int, *, unread: int = 0) -> tuple[Message, ...]:
    return tuple(
        message(f"m{at:03}", f"line {at}", timestamp=NOW + at, read=at < count - unread or None)
        for at in range(count)
    )


async def test_the_list_shows_who_waits_and_how_far_it_goes() -> None:
    """Names, badge, who wrote last, and how many there are."""
    async with opened(Chat(AMINA, BRIAN, DONE)) as (app, pilot):
        assert "2 " in screen_of(app)[row_of(app, "amina@")]
        assert "waits 2024 them: amina says hello" in screen_of(app)[row_of(app, "waits")]
        assert row_of(app, "active · 2 of 3")
        await pilot.press("F", "F")
        assert row_of(app, "resolved · 1 of 3")
        assert "✓" in screen_of(app)[row_of(app, "done@")]


async def test_the_header_names_the_account_once_it_is_known() -> None:
    """Which is when the connection is there."""
    chat = Chat(AMINA)
    async with opened(chat) as (app, pilot):
        assert "default" in screen_of(app)[0]
        chat.account = "noor@imbari.example"
        chat.inbox.put_nowait(ConnectionChanged("live", "again"))
        await until(pilot, lambda: "noor@imbari.example" in screen_of(app)[0])
        assert "default" not in screen_of(app)[0]


async def test_only_what_is_recent_is_listed_if_that_is_asked_for() -> None:
    """Of the last day, of the last week, and of all time again."""
    now = time.time_ns() // 1_000_000
    hours = {"today": 12, "midweek": 72, "old": 480}
    chat = Chat(*(session(name, at=now - NOW - ago * 3_600_000) for name, ago in hours.items()))
    async with opened(chat) as (app, pilot):
        listed = []
        for _ in range(3):
            await pilot.press("t")
            listed.append([one.id for one in app.store.rows])
        assert listed == [["today"], ["today", "midweek"], ["today", "midweek", "old"]]


async def test_search_finds_as_one_types() -> None:
    """And Escape ends it."""
    async with opened(Chat(AMINA, BRIAN)) as (app, pilot):
        await pilot.press("slash", *"bri")
        await pilot.pause()
        assert [one.id for one in app.store.rows] == ["brian"]
        assert row_of(app, "1 found in all 2")
        await pilot.press("enter", "escape")
        assert len(app.store.rows) == 2
        await pilot.press("slash", "right", *"ami")  # nothing of the last is left
        await pilot.pause()
        assert [one.id for one in app.store.rows] == ["amina"]


def _window() -> Chat:
    return Chat(*(session(f"s{at:02}", at=-at) for at in range(50)))


def _behind(count: int, **fields: object) -> list[list[Session]]:
    """What is behind the window, in pages."""
    older = [session(f"t{at:05}", at=-99 - at, **fields) for at in range(count)]
    return [older[at : at + _PAGE] for at in range(0, count, _PAGE)]


def _ids(chat: Chat) -> frozenset[SessionId]:
    behind = (one.id for page in chat.behind for one in page)
    return frozenset((*(one.id for one in chat.sessions), *behind))


async def test_conversations_are_read_without_being_asked_for() -> None:
    """To the end if that is not far, and reached from the end of the list."""
    chat = _window()
    chat.behind = _behind(_PAGE + 150, status="resolved")
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.is_complete)
        assert row_of(app, "↓32 active · 50 of 450")
        await pilot.press("pagedown", "pagedown", "pagedown")
        assert row_of(app, "↑7 ↓25 active")


async def test_the_total_is_true_however_many_there_are() -> None:
    """Though they are not all loaded: their ids are."""
    chat = _window()
    chat.behind = _behind(9_950, status="resolved")
    chat.ids = _ids(chat)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: len(app.store.listing.older) == 2_000)
        await pilot.pause()
        assert row_of(app, "active · 50 of 10,000, 2,050 loaded; End: more")
        chat.inbox.put_nowait(SessionAdded(session("new", at=1)))
        await until(pilot, lambda: any("51 of 10,001" in row for row in screen_of(app)))


async def test_the_total_is_read_again_with_every_connection() -> None:
    """Nobody tells of what was deleted behind the window; what was heard meanwhile counts."""
    chat = Chat(AMINA, BRIAN)
    chat.ids = frozenset({AMINA.id, BRIAN.id, DONE.id})
    chat.behind = [[DONE]]
    async with opened(chat, limit=2) as (app, pilot):
        await until(pilot, lambda: len(app.store.listing.ids or ()) == 3)
        chat.ids = frozenset({AMINA.id, BRIAN.id})
        for event in (ConnectionChanged("live"), SessionRemoved(BRIAN, deleted=True)):
            chat.inbox.put_nowait(event)
        await until(pilot, lambda: app.store.listing.ids == frozenset({AMINA.id}))
        assert not app.store.listing.older
        assert chat.counted == 2


async def test_the_end_of_the_list_loads_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more than are loaded without being asked for."""
    monkeypatch.setattr(older, "_UNASKED", 0)
    chat = _window()
    chat.behind = [*_behind(_PAGE), [session("old", at=-999)]]
    async with opened(chat) as (app, pilot):
        assert row_of(app, "50 of 50 loaded; End: more")
        await pilot.press("end")
        await until(pilot, lambda: len(app.store.rows) == 50 + _PAGE)
        assert row_of(app, "300 of 300 loaded; End: more")
        await pilot.press("end")
        await until(pilot, lambda: any("301 of 301" in row for row in screen_of(app)))


async def test_a_search_reads_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, as far as it goes unasked, and says how far; the end of the list goes on."""
    monkeypatch.setattr(older, "_UNASKED", _PAGE)
    monkeypatch.setattr(older, "_SEARCHED", 3 * _PAGE)
    chat = _window()
    chat.behind = [*_behind(4 * _PAGE), [session("zuri", at=-99_999)]]
    chat.ids = _ids(chat)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: len(app.store.listing.older) == _PAGE)
        assert row_of(app, "300 of 1,051, 300 loaded")
        await pilot.press("slash", *"zuri")
        await until(pilot, lambda: len(app.store.listing.older) == 3 * _PAGE)
        await pilot.pause()
        assert row_of(app, "0 found in 800 of 1,051; End looks further")
        await pilot.press("enter", "end")
        await until(pilot, lambda: app.store.rows)
        assert row_of(app, "zuri@example.com") < row_of(app, "1 found in all 1,051")


async def test_the_search_has_a_line_while_it_lasts() -> None:
    """It takes the keys, and what is typed; ended, it leaves the list as it was."""
    async with opened(_window()) as (app, pilot):
        inbox, looks = app._inbox, []
        everybody = app.store.rows

        async def look() -> None:
            await pilot.pause()
            field, shown = inbox._search, inbox._list
            looks.append((field.display, field.size.height, inbox.is_searching, shown.has_focus))

        await look()
        inbox.search()
        await look()
        app.store.choose(replace(app.store.listing, selected=everybody[2].id))
        inbox.take_typed()  # nothing, as before
        assert app.store.selected == everybody[2]
        await pilot.press(*"zuri")
        await pilot.pause()
        assert (app.store.listing.query, app.store.rows) == ("zuri", [])
        inbox.display = False
        assert inbox.end_search() is True
        assert inbox.display
        assert (inbox._search.value, app.store.listing.query) == ("", "")
        assert app.store.rows == everybody
        await look()
        assert inbox.end_search() is False
        assert looks == [(False, 0, False, True), (True, 1, True, False), (False, 0, False, True)]


async def test_a_search_says_what_the_filter_leaves_out() -> None:
    """An older customer's conversation is resolved as a rule."""
    async with opened(Chat(AMINA, DONE)) as (app, pilot):
        await pilot.press("slash", *"done")
        await pilot.pause()
        assert row_of(app, "None of 1 found is active: Enter, then F shows all")
        await pilot.press("enter", "F")
        await pilot.pause()
        assert row_of(app, "done@example.com")
        await pilot.press("slash", *"nobody")
        await pilot.pause()
        assert row_of(app, "Nothing found")


async def test_a_search_that_is_ended_reads_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read stays."""
    monkeypatch.setattr(older, "_UNASKED", _PAGE)
    chat = _window()
    chat.behind = _behind(9 * _PAGE)
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: len(app.store.listing.older) == _PAGE)
        app._inbox._search.display = True
        chat.turning.clear()
        app._inbox._look_for("z")
        await until(pilot, lambda: app.store.listing.is_loading)
        app._inbox.end_search()
        chat.turning.set()
        await until(pilot, lambda: not app.store.listing.is_loading)
        assert len(app.store.listing.older) == 2 * _PAGE


async def test_what_cannot_be_loaded_is_told_and_loaded_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the next connection, or when it is asked for again."""
    monkeypatch.setattr(older, "_UNASKED", 0)
    chat = _window()
    chat.behind = _behind(1)
    chat.away = Unavailable("cannot connect")
    async with opened(chat) as (app, pilot):
        await pilot.press("end")
        await until(pilot, lambda: app.store.state.notice)
        await pilot.pause()
        assert row_of(app, "No more could be loaded: cannot connect")
        assert row_of(app, "50 of 50 loaded; End: more")
        chat.away = None
        await pilot.press("end")
        await until(pilot, lambda: app.store.listing.is_complete)


async def test_a_reply_names_what_it_answers() -> None:
    """So that it is refused when a colleague was faster; once looked at, it is sent again."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    chat.refuse = Conflict("overtaken")
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"Yes", "ctrl+j", *"!", "enter")
        await pilot.pause()
        assert chat.calls[-1] == "reply 'Yes\\n!' after m2"
        assert row_of(app, "not sent: somebody else wrote meanwhile")
        await pilot.press("alt+s")
        await pilot.pause()
        assert chat.calls[-1] == "reply 'Yes\\n!' after m2"
        chat.refuse = None
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert chat.calls[-1] == "reply 'Yes\\n!'"
        assert not app.store.state.failed


async def test_a_notice_outlives_keys() -> None:
    """It goes by time."""
    async with opened(Chat(AMINA, BRIAN)) as (app, pilot):
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("down", "up")
        look(app, 5)
        assert row_of(app, "Resolved")
        look(app, 5)
        await pilot.pause()
        assert not any("Resolved" in row for row in screen_of(app))


async def test_drafts_survive_the_desk(tmp_path: Path) -> None:
    """They are on disk before anything else happens, and marked in the list."""
    file = tmp_path / "drafts" / "shop.json"
    async with opened(Chat(AMINA), drafts=Drafts(file)) as (app, pilot):
        await pilot.press("enter", *"half a")
        await until(pilot, lambda: Drafts(file).texts == {SessionId("amina"): "half a"})
    async with opened(Chat(AMINA), drafts=Drafts(file)) as (app, pilot):
        assert "draft" in screen_of(app)[row_of(app, "them:")]
        await pilot.press("enter")
        await pilot.pause()
        assert app.store.state.draft == "half a"


async def test_what_was_drawn_for_a_moment_is_marked_read() -> None:
    """In the pane that has the keys; the divider stays where it was."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina", "read m2"]
        read = BEANS.model_copy(update={"read": True})
        chat.talk.put_nowait(MessageAdded(AMINA.id, read))
        await pilot.pause()
        assert row_of(app, "── new")


async def test_under_help_nothing_is_read() -> None:
    """It lies over the conversation."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", "f1")
        await pilot.pause()
        assert isinstance(app.screen, TextPage)
        await pilot.pause()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina"]


async def test_where_nobody_looks_nothing_is_read() -> None:
    """Keys go to the list beside it, or to another window; it is read once they are back."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", "tab")
        await pilot.pause()
        assert row_of(app, "Any beans?")
        look(app)
        await pilot.press("tab")
        app.on_app_blur()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina"]
        app.on_app_focus()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina", "read m2"]


async def test_peek_marks_nothing() -> None:
    """As long as it lasts."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat) as (app, pilot):
        await pilot.press("p")
        await pilot.pause()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina"]
        assert row_of(app, "only looking")


async def test_a_desk_that_only_looks_marks_nothing() -> None:
    """However a conversation is opened."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat, peek=True) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        look(app)
        await pilot.pause()
        assert chat.calls == ["open amina"]


async def test_a_click_opens_and_the_wheel_moves() -> None:
    """The mouse does what keys do."""
    chat = Chat(AMINA, BRIAN, messages=_long(60))
    async with opened(chat) as (app, pilot):
        await pilot.click("#list", offset=(9, 2))
        await pilot.pause()
        assert app.store.opened == "brian"
        transcript = app.query_one(Transcript)
        transcript.post_message(_wheel(transcript))
        await pilot.pause()
        assert transcript.below == 3


def _wheel(widget: Widget) -> events.MouseScrollUp:
    return events.MouseScrollUp(
        widget=widget, x=9, y=3, delta_x=0, delta_y=0, button=0, shift=False, meta=False, ctrl=False
    )


@pytest.mark.parametrize(("is_live", "target"), [(True, "LIVE"), (False, "emulator")])
def test_the_header_names_the_target(is_live: bool, target: str) -> None:
    """A live project's in red."""
    (parts,) = frame.header(Inbox(), frame.Place("shop", "noor", is_live=is_live), NOW)
    inks = {text.strip(): style.color.name for text, style in parts if style.color}
    assert (inks[target] == "red") is is_live


async def test_of_seventy_the_first_that_fit_are_marked() -> None:
    """Reading begins at the divider; what is below the edge is counted, and stays unread."""
    chat = Chat(session("amina", unreadCount=70), messages=_long(70, unread=70))
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        look(app)
        await pilot.pause()
        last = chat.calls[-1]
        assert last.startswith("read m0")
        assert int(last.removeprefix("read m")) < 20
        assert "below" in screen_of(app)[row_of(app, "amina@") + 1]


async def test_new_messages_keep_the_readers_place() -> None:
    """They are counted below; at the bottom, the bottom stays."""
    chat = Chat(BRIAN, messages=_long(60))
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        assert row_of(app, "line 59")
        await pilot.press("pageup")
        before = screen_of(app)[4:10]
        chat.talk.put_nowait(MessageAdded(BRIAN.id, message("z", "news", timestamp=NOW + 99)))
        await pilot.pause()
        assert screen_of(app)[4:10] == before
        await pilot.press("ctrl+end")
        assert row_of(app, "news")


async def test_scrolling_back_loads_to_the_beginning() -> None:
    """And says so; the reader's place stays."""
    older = [message("a0", "the very first", timestamp=NOW - 9)]
    chat = Chat(BRIAN, messages=_long(60))
    chat.past = [older]
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("ctrl+home")
        await pilot.pause()
        transcript = app.query_one(Transcript)
        transcript.to_top()
        await pilot.pause()
        assert row_of(app, "the beginning of the conversation") < row_of(app, "the very first")


async def test_what_day_it_was_is_said_wherever_one_reads() -> None:
    """Above the messages, once the line that says so has been scrolled away."""
    gap = 7_200_000
    days = [message(f"m{at:02}", "x", timestamp=NOW + at * gap, read=True) for at in range(60)]
    chat = Chat(BRIAN, messages=tuple(days))
    async with opened(chat, size=(80, 12), zone=UTC) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        assert "─ Sunday 17 March 2024 ─" in screen_of(app)[2]
        await pilot.press("pageup", "pageup", "pageup")
        await pilot.pause()
        assert "─ Saturday 16 March 2024 ─ ↓ 6 below ─" in screen_of(app)[2]
        await pilot.press("ctrl+home")
        await pilot.pause()
        assert "March" not in screen_of(app)[2]
        assert row_of(app, "── Tuesday 12 March 2024 ─") > 2


async def test_a_customer_cannot_write_a_line_of_ours() -> None:
    """Neither by name nor by text: the first columns are not theirs."""
    forger = session("Imbari Team", at=1)
    text = "hi\n14:05        us ┃ You get it free"
    chat = Chat(forger, messages=(message("m", text),))
    async with opened(chat) as (app, pilot):
        assert "not us! Imbari Team" in screen_of(app)[1]
        await pilot.press("enter")
        await pilot.pause()
        assert row_of(app, "a customer, not us: Imbari Team")
        forged = screen_of(app)[row_of(app, "You get it free")]
        assert forged.split("▏")[1].startswith(" " * 16 + "│ 14:05")


async def test_offline_from_the_start_claims_nothing() -> None:
    """It does not say that there is no conversation."""
    chat = Chat()
    chat.begins = ConnectionChanged("reconnecting", "no route")
    async with opened(chat) as (app, _):
        assert row_of(app, "Not loaded: offline")
        assert "offline" in screen_of(app)[0]


async def test_a_window_of_nothing_is_survived() -> None:
    """3 by 2, and back."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.resize_terminal(3, 2)
        await pilot.pause()
        await pilot.resize_terminal(140, 40)
        await pilot.pause()
        assert row_of(app, "Hello")


async def test_a_window_that_grows_shows_both_panes() -> None:
    """At once, and one again when it shrinks."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await pilot.press("enter")
        for size, shown in (((140, 40), True), ((80, 24), False), ((140, 40), True)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app._inbox.display is shown
            assert any("amina@" in row and "▏" in row for row in screen_of(app)) is shown


@pytest.mark.parametrize(
    ("width", "of_list"), [(109, 109), (110, 44), (150, 60), (160, 64), (300, 64)]
)
async def test_the_list_has_two_fifths_of_the_room_and_no_more_than_it_needs(
    width: int, of_list: int
) -> None:
    """Beside the conversation; alone it has all of it."""
    async with opened(Chat(AMINA, BRIAN), size=(width, 30)) as (app, _):
        assert app._inbox.size.width == of_list
        assert app._conversation.display is (width >= 110)


async def test_an_untouched_selection_is_the_newest() -> None:
    """One that was moved stays on its conversation, wherever that goes."""
    chat = Chat(AMINA, BRIAN)
    async with opened(chat) as (app, pilot):
        chat.inbox.put_nowait(SessionAdded(session("chen", at=40)))
        await pilot.pause()
        assert screen_of(app)[1].startswith(">")
        assert app.store.selected == app.store.rows[0] == session("chen", at=40)
        await pilot.press("down", "down")
        newer = session("brian", at=50)
        chat.inbox.put_nowait(SessionChanged(newer, BRIAN))
        await pilot.pause()
        assert app.store.rows[0].id == "brian"
        assert app.store.listing.selected == "brian"


async def test_the_selection_goes_to_the_neighbour_of_what_leaves_the_list() -> None:
    """As when it is resolved: the next one, and not the top."""
    chat = Chat(AMINA, BRIAN, session("chen", at=-6), session("dina", at=-7))
    async with opened(chat) as (app, pilot):
        await pilot.press("down")
        done = session("brian", at=-5, status="resolved")
        chat.inbox.put_nowait(SessionChanged(done, BRIAN))
        await pilot.pause()
        assert app.store.selected is not None
        assert app.store.selected.id == "chen"


async def test_what_is_as_it_was_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each second counts on a slow line."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        drawn: list[object] = []
        for kind in (Bar, ListPane, Transcript):
            monkeypatch.setattr(kind, "refresh", lambda self, *_, **__: drawn.append(self))
        app._redrawn()
        assert drawn == []
        app.store.tell("news")
        assert drawn == [app._bars[1]]


async def test_keys_in_one_burst_are_taken_in_their_order() -> None:
    """What was pasted with its Enter is sent whole."""
    chat = Chat(AMINA, messages=(HELLO, BEANS))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        for key in ("o", "k", "enter"):
            app.simulate_key(key)
        await pilot.pause()
        assert chat.calls[-1] == "reply 'ok' after m2"


async def test_one_page_of_help_is_enough() -> None:
    """However often it is asked for."""
    async with opened(Chat(AMINA)) as (app, pilot):
        for _ in range(2):
            await app.action_help()
            await pilot.pause()
        assert [type(one) for one in app.screen_stack[1:]] == [TextPage]


async def test_all_of_it_is_drawn_anew_when_something_else_has_drawn_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each line, and where each is."""
    async with opened(Chat(AMINA)) as (app, _):
        drawn: list[dict[str, bool]] = []
        monkeypatch.setattr(app, "refresh", lambda **how: drawn.append(how))
        app.action_redraw()
        monkeypatch.undo()
        assert drawn == [{"repaint": True, "layout": True}]
