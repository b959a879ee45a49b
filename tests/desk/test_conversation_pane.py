"""What the keys of an open conversation do, and what is said where there is nothing to do."""

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from imbari_chat.desk import conversation_pane
from imbari_chat.desk.app import Desk
from imbari_chat.desk.reply_box import ReplyBox
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import Message
from imbari_chat.view.inbox import Notice
from imbari_chat.view.outgoing import Failed
from tests.desk.desks import Chat, opened, until
from tests.view.records import NOW, message, session

AMINA = session("amina", unreadCount=0)
LINKS = (
    message("m1", "See https://a.example/1", timestamp=NOW, sender="admin"),
    message("m2", "https://b.example and https://c.example", timestamp=NOW + 1, sender="admin"),
)
TALK = (message("m1", "Hello", timestamp=NOW, sender="admin"),)


async def _open(app: Desk, pilot: Pilot[None]) -> Any:
    await pilot.press("enter")
    await until(
        pilot, lambda: app.store.state.conversation and app.store.state.conversation.messages
    )
    return app._conversation


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("canned", "There is no canned reply yet"),
        ("notes", "Nothing is noted here; Alt-I notes something"),
        ("take_back", "Nothing is held back any more"),
        ("again", "Nothing that was not sent is here"),
        ("insist", "Nothing that was not sent is here"),
        ("rework", "Nothing that was not sent is here"),
        ("drop", "Nothing that was not sent is here"),
        ("copy_link", "There is no link on the screen"),
        ("copy", "Copied the newest message on the screen"),
    ],
)
async def test_where_there_is_nothing_to_do_it_is_said(action: str, said: str) -> None:
    """On the line of notices; nothing is sent and no question is asked."""
    chat = Chat(AMINA, messages=TALK)
    async with opened(chat) as (app, pilot):
        pane = await _open(app, pilot)
        done = getattr(pane, f"action_{action}")()
        if done is not None:
            await done
        assert app.store.state.notice == Notice(said)
        assert chat.written == []
        assert app.screen is app.screen_stack[0]


async def test_what_is_not_on_the_screen_is_not_copied() -> None:
    """The newest message may be far below."""
    async with opened(Chat(AMINA, messages=TALK)) as (app, pilot):
        pane = await _open(app, pilot)
        for shown, said, copied in (
            (set(), "There is no message on the screen", ""),
            ({TALK[0].id}, "Copied the newest message on the screen", TALK[0].text),
        ):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(pane._transcript, "on_screen", lambda shown=shown: shown)
                pane.action_copy()
            assert (app.store.state.notice, app.clipboard) == (Notice(said), copied)


@pytest.mark.parametrize(
    ("action", "said", "draft"),
    [
        ("rework", None, "precious"),
        ("drop", "Dropped; ↑ in an empty field brings it back", ""),
        ("again", None, ""),
        ("insist", None, ""),
    ],
)
async def test_what_was_not_sent_has_its_keys(action: str, said: str | None, draft: str) -> None:
    """To be written otherwise, given up, or sent again."""
    chat = Chat(AMINA, messages=TALK)
    async with opened(chat) as (app, pilot):
        pane = await _open(app, pilot)
        failed = Failed(app.store.state.next_ticket, AMINA.id, "precious", "why")
        app.store.change(lambda state: replace(state, failed=(failed,), next_ticket=9))
        getattr(pane, f"action_{action}")()
        await pilot.pause()
        assert app.store.state.failed == ()
        assert app.store.state.draft == draft
        notice = app.store.state.notice
        assert (None if notice is None else notice.text) == said
        if action in ("again", "insist"):
            await until(pilot, lambda: [one.text for one in chat.written] == ["precious"])


async def test_the_last_link_of_the_newest_message_that_has_one_is_copied() -> None:
    """And said."""
    chat = Chat(AMINA, messages=LINKS)
    async with opened(chat) as (app, pilot):
        pane = await _open(app, pilot)
        await until(pilot, lambda: pane._transcript.on_screen())
        pane.action_copy_link()
        assert app.clipboard == "https://c.example"
        assert app.store.state.notice == Notice("Copied https://c.example")
        pane.action_copy()
        assert app.clipboard == LINKS[1].text


async def test_the_arrows_move_where_something_else_is_written() -> None:
    """And recall what was sent where nothing is; what was undone can be done again."""
    async with opened(Chat(AMINA, messages=TALK)) as (app, pilot):
        pane = await _open(app, pilot)
        app.sender.sent.extend(["one", "two"])
        field = pane._field
        for action, text in (
            ("earlier", "two"), ("earlier", "one"), ("earlier", "one"), ("later", "two"),
            ("later", ""), ("later", ""), ("earlier", "two"),
        ):  # fmt: skip
            getattr(pane, f"action_{action}")()
            await pilot.pause()
            assert field.text == text
        field.load_text("a\nb\nc")
        field.move_cursor((1, 0))
        pane.take_typed()
        pane.action_earlier()
        assert field.cursor_location[0] == 0
        pane.action_later()
        assert field.cursor_location[0] == 1
        pane.action_newline()
        assert field.text == "a\n\nb\nc"
        pane.action_undo()
        assert field.text == "a\nb\nc"
        pane.action_redo()
        assert field.text == "a\n\nb\nc"


@pytest.mark.parametrize(
    ("state", "messages", "is_whole", "is_turning", "top"),
    [
        ("connecting", (), False, False, "loading…"),
        ("connecting", TALK, False, False, "loading…"),
        ("reconnecting", (), False, False, "not loaded: waits for the network"),
        ("live", (), False, False, "older messages above: PgUp"),
        ("live", TALK, False, False, "older messages above: PgUp"),
        ("live", TALK, False, True, "loading older…"),
        ("live", TALK, True, False, "the beginning of the conversation"),
        ("reconnecting", TALK, False, False, "loading…"),
        ("reconnecting", (), True, False, "the beginning of the conversation"),
    ],
)
async def test_the_line_above_the_messages_says_what_there_is_before_them(
    state: Any, messages: tuple[Message, ...], is_whole: bool, is_turning: bool, top: str
) -> None:
    """And which key brings it; whether it is on its way."""
    async with opened(Chat(AMINA, messages=TALK)) as (app, pilot):
        pane = await _open(app, pilot)
        conversation = app.store.state.conversation
        assert conversation is not None
        there = replace(conversation, messages=messages, connection=ConnectionChanged(state))
        app.store.change(lambda shown: replace(shown, conversation=there))
        pane._streams.is_whole, pane._streams.is_turning = is_whole, is_turning
        assert pane._said().top == top


async def test_what_is_drawn_depends_on_the_minute_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is laid out anew within one."""
    async with opened(Chat(AMINA, messages=TALK)) as (app, pilot):
        pane = await _open(app, pilot)
        minute = NOW - NOW % 60_000
        for at in (minute, minute + 1, minute + 59_999):
            monkeypatch.setattr(conversation_pane, "local_time", lambda at=at: at)
            assert pane._said().now == minute


async def test_before_any_is_open_the_key_that_opens_one_is_named() -> None:
    """Where its messages would be."""
    async with opened(Chat(AMINA)) as (app, _):
        assert app._conversation._said().top == "Open a conversation with Enter"


async def test_the_field_is_one_for_words() -> None:
    """Not for programs: no numbers, no line that is marked, and nothing that blinks."""
    box = ReplyBox()
    assert (box.id, box.placeholder) == ("reply", "write a reply")
    assert box.soft_wrap
    assert box.tab_behavior == "focus"
    looks = (box.show_line_numbers, box.highlight_cursor_line, box.cursor_blink)
    assert looks == (False, False, False)


async def test_what_one_sends_is_seen_though_one_was_reading_above() -> None:
    """The transcript is at its end again; a refusal to send leaves it where it is."""
    talk = tuple(
        message(f"m{n:03}", f"line {n}", timestamp=NOW + n, sender="admin") for n in range(200)
    )
    async with opened(Chat(AMINA, messages=talk)) as (app, pilot):
        transcript = (await _open(app, pilot))._transcript
        await pilot.press("pageup", "pageup", "enter")
        await pilot.pause()
        assert transcript.below > 0
        await pilot.press(*"hello", "enter")
        await until(pilot, lambda: transcript.below == 0)
