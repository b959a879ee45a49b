"""The desk between its streams and its keys: outages, refusals, and leaving."""

from pathlib import Path

import pytest

from imbari_chat.desk.drafts import Drafts
from imbari_chat.engine.backoff import Backoff
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.events import (
    ColleaguesChanged,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    PresenceChanged,
    TypingChanged,
)
from imbari_chat.schema.models import Colleague
from imbari_chat.schema.outgoing import became
from imbari_chat.states import Delivery
from tests.desk.desks import Chat, look, opened, row_of, screen_of, until
from tests.view.records import NOW, message, session

AMINA = session("amina", unreadCount=1)
HELLO = message("m1", "Hello", timestamp=NOW)
LIVE = ConnectionChanged("live")
OFFLINE = Unavailable("cannot connect")


def _becomes(chat: Chat, delivery: Delivery, error: ImbariError | None = None) -> None:
    """The last reply gets further, as the inbox's stream tells."""
    sent = chat.written[-1]
    became(sent, delivery, error)
    told = error if delivery == "failed" else None
    chat.inbox.put_nowait(DeliveryChanged(AMINA.id, sent, delivery, told))


async def test_who_is_there_is_seen_in_the_list_and_above_the_conversation() -> None:
    """Online, typing, and which colleagues have it open."""
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        for event in (
            PresenceChanged(AMINA.id, "customer", "online"),
            TypingChanged(AMINA.id, "customer", True),
            ColleaguesChanged(AMINA.id, (Colleague("u1", "Brian"),)),
        ):
            app._streams._heard(event)
        await pilot.press("enter")
        await pilot.pause()
        rows = screen_of(app)
        assert "● amina" in rows[1]
        assert "open: Brian typing… them:" in rows[2]
        assert "─ typing…, open: Brian ─" in rows[2]


async def test_others_are_told_what_is_open_and_written() -> None:
    """Unless one only looks; and nothing is said of a draft that is taken back."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (_, pilot):
        await pilot.press("enter", "x", "y", "backspace", "backspace")
        await until(pilot, lambda: len(chat.shown) == 5)
        assert chat.shown == ["show", "show amina", *["type amina"] * 3]
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (_, pilot):
        await pilot.press("p")
        await pilot.pause()
        assert chat.shown == ["show"]


async def test_keys_behind_the_one_that_opens_are_the_conversations() -> None:
    """An r of the reply must not resolve what the list had selected."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        for key in ("enter", "r", "r", "escape", "down"):
            app.simulate_key(key)
        await pilot.pause()
        assert app.store.state.drafts == {AMINA.id: "rr"}
        assert chat.calls == ["open amina"]


async def test_what_could_not_be_marked_while_offline_is_marked_when_it_is_over() -> None:
    """Without a word: the header shows the outage."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        chat.away = OFFLINE
        look(app)
        await pilot.pause()
        chat.away = None
        failed = chat.calls.count("read m1")
        look(app)
        await pilot.pause()
        assert chat.calls.count("read m1") == failed + 1
        assert app.store.state.notice is None


async def test_a_conversation_opened_offline_is_entered_when_the_network_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, and what was written to it meanwhile goes out then, in order."""
    monkeypatch.setattr(Backoff, "next", lambda *_: 600.0)
    chat = Chat(AMINA)
    chat.away = OFFLINE
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"one", "enter", *"two", "enter")
        await until(pilot, lambda: "open amina" in chat.calls)
        assert row_of(app, "not loaded: waits for the network")
        chat.away = None
        chat.inbox.put_nowait(LIVE)
        await until(pilot, lambda: [one.text for one in chat.written] == ["one", "two"])


async def test_closing_what_was_not_entered_keeps_what_was_written_to_it() -> None:
    """There, with the reason."""
    chat = Chat(AMINA)
    chat.away = OFFLINE
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"precious words", "enter", "escape")
        await until(pilot, lambda: app.store.state.failed)
        assert row_of(app, "Not sent to amina")
        assert "not sent them: amina says hello" in screen_of(app)[row_of(app, "says hello")]
        assert "1 not sent" in screen_of(app)[0]
        chat.away = None
        await pilot.press("enter")
        await pilot.pause()
        assert row_of(app, "!            us ┃ precious words") < row_of(app, "Alt-S sends it again")


async def test_a_key_connects_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All streams, the outbox, and the conversation that waits to be entered."""
    monkeypatch.setattr(Backoff, "next", lambda *_: 600.0)
    chat = Chat(AMINA)
    chat.away = OFFLINE
    async with opened(chat) as (_, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "open amina" in chat.calls)
        tries = chat.calls.count("open amina")
        await pilot.press("f5")
        await until(pilot, lambda: chat.calls.count("open amina") > tries)
        assert "reconnect" in chat.calls


async def test_a_reply_shows_where_it_is_until_it_is_a_message() -> None:
    """Each delivery as it is told, and how many wait."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"coming", "enter")
        await until(pilot, lambda: chat.written)
        assert row_of(app, "sending…")
        _becomes(chat, "queued", OFFLINE)
        await until(pilot, lambda: any("waits for the network" in row for row in screen_of(app)))
        assert "1 queued" in screen_of(app)[0]
        _becomes(chat, "confirmed")
        await until(pilot, lambda: not app.store.state.pending)
        assert "us ┃ coming" in screen_of(app)[row_of(app, "coming")]


@pytest.mark.parametrize(
    ("keys", "calls", "draft"),
    [
        (["alt+s"], ["reply 'coming' after m1"], "and"),
        (["alt+e"], [], "coming\nand"),
        (["alt+d"], [], "and"),
        (["ctrl+w", "ctrl+s"], ["reply 'coming'"], ""),
        (["ctrl+w", "alt+d", "up"], [], "coming"),
    ],
)
async def test_a_reply_that_is_refused_stays_until_somebody_decides(
    keys: list[str], calls: list[str], draft: str
) -> None:
    """With the reason and what can be done: sent again, gone on with, dropped."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"coming", "enter", *"and")
        await until(pilot, lambda: chat.written)
        _becomes(chat, "failed", AccessDenied("the rules refuse"))
        await until(pilot, lambda: app.store.state.failed)
        await pilot.pause()
        at = row_of(app, "!            us ┃ coming")
        assert "not sent: the rules refuse" in screen_of(app)[at + 1]
        assert "Alt-S sends it again  Alt-E edits it  Alt-D drops it" in screen_of(app)[at + 2]
        chat.calls.clear()
        await pilot.press(*keys)
        await pilot.pause()
        assert [one for one in chat.calls if one.startswith("reply")] == calls
        assert not app.store.state.failed
        assert app.store.state.draft == draft


async def test_what_a_silent_line_lets_nobody_check_waits_for_the_network() -> None:
    """As what is written once it is known to be cut: nothing was sent, and nothing is refused."""
    chat = Chat(AMINA, messages=(HELLO,))
    chat.unchecked = Unavailable("no answer within 10 s")
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"coming", "enter")
        await until(pilot, lambda: chat.written)
        await pilot.pause()
        assert chat.calls[1:] == ["reply 'coming' after m1", "reply 'coming'"]
        assert not app.store.state.failed
        assert [one.text for one in app.store.state.sending()] == ["coming"]


async def test_what_may_have_been_taken_is_not_handed_over_again() -> None:
    """By an outbox whose file another process locks: it may send it yet, and that is said."""
    chat = Chat(AMINA, messages=(HELLO,))
    chat.unchecked = Unavailable("not taken within 10 s", outcome_unknown=True)
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"coming", "enter")
        await until(pilot, lambda: app.store.state.failed)
        assert chat.calls[1:] == ["reply 'coming' after m1"]
        assert not chat.written


async def test_there_may_be_nothing_that_was_not_sent() -> None:
    """Which is said."""
    async with opened(Chat(AMINA, messages=(HELLO,))) as (app, pilot):
        for key in ("alt+s", "alt+e", "alt+d", "ctrl+s"):
            app.store.tell("")
            await pilot.press("tab", "enter", key)
            await pilot.pause()
            assert row_of(app, "Nothing that was not sent is here")


async def test_what_was_refused_is_kept_in_one_place(tmp_path: Path) -> None:
    """As a draft on disk, for whatever ends the desk, and not by the outbox as well."""
    file = tmp_path / "drafts.json"
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat, drafts=Drafts(file)) as (app, pilot):
        await pilot.press("enter", *"coming", "enter", *"and")
        await until(pilot, lambda: chat.written)
        chat.refused = {chat.written[0].id}
        _becomes(chat, "failed", AccessDenied("the rules refuse"))
        await until(pilot, lambda: app.store.state.failed)
        look(app)
        await until(pilot, lambda: f"drop {chat.written[0].id}" in chat.calls)
        assert Drafts(file).texts == {AMINA.id: "coming\nand"}
        await pilot.press("alt+d")
        assert Drafts(file).texts == {AMINA.id: "and"}


async def test_resolving_says_why_not() -> None:
    """What is refused stays as it was."""
    chat = Chat(AMINA)
    chat.refuse = AccessDenied("the rules refuse")
    async with opened(chat) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: any("the rules refuse" in row for row in screen_of(app)))


async def test_a_conversation_that_cannot_be_followed_leaves_the_list_alone() -> None:
    """The reason is told, and it can be opened again."""
    chat = Chat(AMINA)
    chat.talk.put_nowait(AccessDenied("access was lost"))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: any("access was lost" in row for row in screen_of(app)))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: chat.calls == ["open amina", "open amina"])
        assert app.is_running


async def test_closing_stops_following() -> None:
    """What its stream tells further belongs to nobody."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", "escape")
        await pilot.pause()
        chat.talk.put_nowait(MessageAdded(AMINA.id, HELLO))
        await pilot.pause()
        assert chat.talk.qsize() == 1
        assert app._streams.talk is None


@pytest.mark.parametrize("error", [AccessDenied("not an admin any more"), ZeroDivisionError()])
async def test_a_stream_that_ends_for_good_ends_the_desk_with_its_error(error: Exception) -> None:
    """A mistake of ours must be seen as well."""
    chat = Chat(AMINA)
    async with opened(chat) as (app, pilot):
        chat.inbox.put_nowait(error)
        await until(pilot, lambda: app.failure is not None)
        assert app.failure is error


async def test_leaving_waits_a_moment_for_a_reply_on_its_way() -> None:
    """It was sent; leaving must not make a riddle of it. Another Ctrl-C insists."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", *"one", "enter", "ctrl+c")
        await pilot.pause()
        assert app.is_running
        assert row_of(app, "Leaving")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)
        assert app.leaving.is_interrupted
