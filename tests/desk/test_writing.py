"""Writing: drafts, taking back, what was sent before, an editor, copies."""

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest
from textual import events

from imbari_chat.desk.app import Desk
from imbari_chat.desk.conversation_pane import ConversationPane
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.inbox_pane import InboxPane
from imbari_chat.errors import AccessDenied, ConfigError
from imbari_chat.schema.events import MessageAdded
from imbari_chat.schema.paths import SessionId
from tests.desk.desks import Chat, look, opened, row_of, screen_of, until
from tests.view.records import NOW, message, session

AMINA = session("amina", unreadCount=1)
BRIAN = session("brian", at=-5)
HELLO = message("m1", "Hello", timestamp=NOW, read=True)


async def test_a_reply_can_be_taken_back_for_a_while() -> None:
    """It is a draft again, and nobody saw it."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, undo=3.0) as (app, pilot):
        await pilot.press("enter", *"Yes", "enter")
        await pilot.pause()
        assert "Ctrl-T takes it back" in screen_of(app)[row_of(app, "sent in 3 s")]
        assert "queued" not in screen_of(app)[0]
        await pilot.press("ctrl+t")
        await pilot.pause()
        look(app, 9)
        await pilot.pause()
        assert app.store.state.draft == "Yes"
        assert not chat.written
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert row_of(app, "Nothing is held back any more")


async def test_what_is_held_back_is_sent_when_its_time_is_over() -> None:
    """In order, with what it answers."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, undo=3.0) as (app, pilot):
        await pilot.press("enter", *"Yes", "enter", *"No", "enter")
        look(app, 2)
        await pilot.pause()
        assert not chat.written
        look(app, 2)
        await until(pilot, lambda: len(chat.written) == 2)
        assert chat.calls[-2:] == ["reply 'Yes' after m1", "reply 'No'"]


async def test_what_is_held_back_is_sent_though_its_conversation_was_closed() -> None:
    """Whoever answers goes on to the next one."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, undo=3.0) as (app, pilot):
        await pilot.press("enter", *"Yes", "enter", "escape")
        look(app, 4)
        await until(pilot, lambda: [one.text for one in chat.written] == ["Yes"])
        assert not app.store.state.drafts


async def test_what_is_held_back_survives_a_kill(tmp_path: Path) -> None:
    """It is on disk until it is handed over; then it must not come back."""
    file = tmp_path / "drafts.json"
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, undo=3.0, drafts=Drafts(file)) as (app, pilot):
        await pilot.press("enter", *"Yes", "enter", *"And")
        await until(pilot, lambda: Drafts(file).texts == {SessionId("amina"): "Yes\nAnd"})
        look(app, 4)
        await until(pilot, lambda: chat.written)
        await until(pilot, lambda: Drafts(file).texts == {SessionId("amina"): "And"})


async def test_leaving_sends_what_is_held_back() -> None:
    """The person had pressed Enter."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, undo=60.0) as (_, pilot):
        await pilot.press("enter", *"Yes", "enter", "ctrl+c")
        await until(pilot, lambda: chat.written)


async def test_up_in_an_empty_field_recalls_what_was_sent() -> None:
    """And never overwrites what is being written."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"one", "enter", *"two", "enter", "up")
        assert app.store.state.draft == "two"
        await pilot.press("up")
        assert app.store.state.draft == "one"
        await pilot.press("up", "down")
        assert app.store.state.draft == "two"
        await pilot.press("x", "up")
        assert app.store.state.draft == "twox"


async def test_a_paste_brings_lines_and_sends_nothing() -> None:
    """Its line breaks are no Enter."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        app.post_message(events.Paste("one\ntwo\n"))
        await until(pilot, lambda: app.store.state.draft == "one\ntwo\n")
        assert not app.store.state.pending


async def test_what_is_typed_can_be_undone() -> None:
    """Ctrl-Z is the shell's, so another key does it."""
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        await pilot.press("enter", *"one", "ctrl+w", "ctrl+underscore")
        assert app.store.state.draft == "one"


async def test_an_editor_goes_on_with_the_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it fails with is told; the draft stays."""
    monkeypatch.setattr(Desk, "suspend", lambda _: nullcontext())

    async def edit(text: str) -> str:
        if "fail" in text:
            raise ConfigError("no editor is set")
        return f"{text} and fail"

    async with opened(Chat(AMINA, messages=(HELLO,)), edit=edit) as (app, pilot):
        await pilot.press("enter", *"one", "ctrl+g")
        await until(pilot, lambda: app.store.state.draft == "one and fail")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: app.store.state.notice)
        await pilot.pause()
        assert app.store.state.draft == "one and fail"
        assert row_of(app, "no editor is set")


async def test_the_desk_goes_on_while_an_editor_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What customers write is heard and told of, nothing is marked read, and what was held back
    goes out; when it is over, it is said what came."""
    monkeypatch.setattr(Desk, "suspend", lambda _: nullcontext())
    closes = asyncio.Event()

    async def edit(text: str) -> str:
        await closes.wait()
        return f"{text} two"

    chat = Chat(AMINA, BRIAN, messages=(HELLO,))
    async with opened(chat, edit=edit, undo=3.0) as (app, pilot):
        await pilot.press("enter", *"sent", "enter", *"one", "ctrl+g")
        await until(pilot, lambda: app._away.is_on)
        new = message("m2", "And tomorrow?", timestamp=NOW + 1)
        for place in (chat.inbox, chat.talk):
            place.put_nowait(MessageAdded(AMINA.id, new))
        for key in ("m3", "m4"):
            chat.inbox.put_nowait(MessageAdded(BRIAN.id, message(key, "Hello?", timestamp=NOW)))
        await until(pilot, lambda: app.store.listing.texts[BRIAN.id].count("Hello?") == 2)
        look(app, 9)
        look(app, 9)
        await until(pilot, lambda: chat.written)
        assert not any(one.startswith("read") for one in chat.calls)
        closes.set()
        await until(pilot, lambda: app.store.state.draft == "one two")
        await until(
            pilot,
            lambda: any(
                "While you wrote: 3 messages of 2 customers" in row for row in screen_of(app)
            ),
        )

        def is_read() -> bool:
            look(app, 1)
            return "read m2" in chat.calls

        await until(pilot, is_read)


@pytest.mark.parametrize("ends", ["leaving", "failing"])
async def test_the_desk_ends_after_the_editor(
    monkeypatch: pytest.MonkeyPatch, *, ends: str
) -> None:
    """What was written there is kept, and the terminal is given back once."""
    monkeypatch.setattr(Desk, "suspend", lambda _: nullcontext())
    closes = asyncio.Event()

    async def edit(text: str) -> str:
        await closes.wait()
        return f"{text} two"

    drafts, chat = Drafts(None), Chat(AMINA, messages=(HELLO,))
    async with opened(chat, edit=edit, drafts=drafts) as (app, pilot):
        await pilot.press("enter", *"one", "ctrl+g")
        await until(pilot, lambda: app._away.is_on)
        if ends == "leaving":
            app.leaving.begin(interrupted=True)
        else:
            chat.inbox.put_nowait(AccessDenied("not an admin any more"))
            await until(pilot, lambda: app.failure)
        look(app, 9)
        await pilot.pause()
        assert app.is_running
        closes.set()
        await until(pilot, lambda: not app.is_running)
    assert drafts.texts == {AMINA.id: "one two"}


async def test_what_a_key_does_comes_behind_what_was_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also before the field has told that something was."""
    monkeypatch.setattr(ConversationPane, "on_text_area_changed", lambda *_: None)
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        await pilot.press("enter", *"half", "escape")
        assert app.store.state.drafts == {AMINA.id: "half"}


async def test_what_enter_opens_is_what_was_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before the field has told that something was typed."""
    monkeypatch.setattr(InboxPane, "on_input_changed", lambda *_: None)
    for name, who in (("amina", AMINA), ("brian", BRIAN)):
        async with opened(Chat(AMINA, BRIAN)) as (app, pilot):
            await pilot.press("/", *name, "enter", "enter")
            assert (app.store.listing.query, app.store.opened) == (name, who.id)


async def test_an_event_does_not_overwrite_what_is_being_typed() -> None:
    """The field is ahead of the store, which is told of it by a message."""
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        await pilot.press("enter", "a")
        field = app._conversation._field
        field.insert("b")
        app.store.tell("something happened")
        assert field.text == "ab"
        await pilot.pause()
        assert app.store.state.draft == "ab"


async def test_the_newest_message_and_the_newest_link_are_copied() -> None:
    """Of those on the screen; a full stop behind a link is none of it."""
    said = (
        message("m1", "See https://a.example/x and (https://b.example/y?z=1).", timestamp=NOW),
        message("m2", "Thanks", timestamp=NOW + 1, sender="admin"),
    )
    async with opened(Chat(AMINA, messages=said)) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("ctrl+y")
        assert app.clipboard == "Thanks"
        await pilot.press("alt+k")
        assert app.clipboard == "https://b.example/y?z=1"


async def test_the_room_left_is_counted_near_the_limit() -> None:
    """Before the text is refused, which it is with a sentence."""
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        await pilot.press("enter")
        app._conversation._field.insert("x" * 1900)
        await pilot.pause()
        assert row_of(app, "1,900 of 2,000")
        app._conversation._field.insert("x" * 200)
        await pilot.press("enter")
        await pilot.pause()
        assert app.store.state.notice is not None
        assert app.store.state.notice.is_error
        assert len(app.store.state.draft) == 2100
