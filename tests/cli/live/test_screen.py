"""The live inbox as a screenful of text."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from imbari_chat.cli.live.screen import fitted, screen
from imbari_chat.errors import Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, MessageAdded, SessionAdded
from imbari_chat.schema.models import Session
from imbari_chat.view.commands import SendReply, press
from imbari_chat.view.inbox import Filter, Inbox, Notice
from imbari_chat.view.keys import KEYS, Key, key_label
from imbari_chat.view.reducer import reply_handed_over
from tests.budget import examples
from tests.view.records import NOW, delivery, heard, heard_in, message, outgoing, session

SIZES = [(80, 24), (140, 40)]


def inbox(*sessions: Session) -> Inbox:
    """A live inbox with these sessions."""
    events: list[ChatEvent] = [SessionAdded(one) for one in sessions]
    state = Inbox()
    for event in [*events, ConnectionChanged("live")]:
        state = heard(state, event)
    return state


def opened(state: Inbox, *texts: str, keys: str = "") -> Inbox:
    """The newest conversation open with these messages by turns, and something written."""
    state, _ = press(state, Key("enter"))
    assert state.conversation is not None
    name = state.conversation.id
    for index, text in enumerate(texts):
        said = message(f"m{index:03}", text, sender="admin" if index % 2 else "customer")
        state = heard_in(state, name, MessageAdded(name, said))
    state = heard_in(state, name, ConnectionChanged("live"))
    for key in keys:
        state, _ = press(state, Key.typed(key))
    return state


def drawn(state: Inbox, width: int = 80, height: int = 24) -> list[str]:
    """The screen's lines."""
    state = fitted(state, width, height, now=NOW)
    return screen(state, width, height, now=NOW, title="demo").plain.split("\n")


def row(lines: list[str], words: str) -> str:
    """The one line that holds ``words``."""
    found = [line for line in lines if words in line]
    assert len(found) == 1, "\n".join(lines)
    return found[0]


def test_the_list_shows_who_how_many_unread_what_and_when() -> None:
    """One line a conversation, newest first."""
    lines = drawn(inbox(session("Amina", at=-240_000, unreadCount=2), session("Brian", at=-10)))
    line = row(lines, "Amina says hello")
    assert "(2)" in line
    assert "4m" in line
    assert lines.index(row(lines, "Brian says hello")) < lines.index(line)
    assert "2 conversations, 2 unread" in lines[0]


def test_a_resolved_conversation_is_marked() -> None:
    """And still listed."""
    assert "✓" in row(drawn(inbox(session("Amina", status="resolved"))), "Amina says")


def test_a_narrow_screen_shows_one_pane_at_a_time() -> None:
    """The one that keys go to."""
    state = opened(inbox(session("Amina"), session("Brian", at=-5)), "hello there")
    lines = drawn(state)
    row(lines, "hello there")
    assert not any("Brian" in line for line in lines)
    state, _ = press(state, Key("tab"))
    assert not any("hello there" in line for line in drawn(state))


def test_a_wide_screen_shows_both_side_by_side() -> None:
    """With the list on the left."""
    lines = drawn(opened(inbox(session("Amina"), session("Brian", at=-5)), "hello there"), 140, 40)
    row(lines, "Brian says hello")
    assert "│" in row(lines, "hello there")


def test_messages_are_signed_and_dated() -> None:
    """The team's and the customer's, with the time in the reader's zone."""
    lines = drawn(opened(inbox(session("Amina")), "hello", "good day"))
    assert "14:05" in row(lines, "Imbari Team")
    row(lines, "── today")
    assert lines.index(row(lines, "  hello")) < lines.index(row(lines, "  good day"))


def test_a_reply_on_its_way_says_so() -> None:
    """At the end, where it will stand."""
    state, _ = press(opened(inbox(session("Amina")), "hello", keys="coming"), Key("enter"))
    lines = drawn(state)
    assert "sending…" in lines[lines.index(row(lines, "  coming")) - 1]


def waiting(*texts: str) -> Inbox:
    """Offline, with these replies to the open conversation."""
    state = opened(inbox(session("Amina")), "hello")
    for index, text in enumerate(texts):
        state, intents = press(press(state, Key.pasted(text))[0], Key("enter"))
        (intent,) = intents
        assert isinstance(intent, SendReply)
        state = reply_handed_over(state, intent.ticket, outgoing(f"w{index}", text), NOW)
    first = outgoing("w0", texts[0])
    state = heard(state, delivery("Amina", first, "queued", Unavailable("cannot connect")))
    return heard(state, ConnectionChanged("reconnecting", "cannot connect", 3.0), NOW)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_replies_that_wait_say_so_and_are_counted(width: int, height: int) -> None:
    """At each line, and in the banner, where nothing hides it."""
    lines = drawn(waiting("one", "two"), width, height)
    assert sum("Imbari Team  waits for the network" in line for line in lines) == 2
    assert "2 replies wait" in lines[0]
    assert "reconnecting in 3 s: cannot connect" in lines[0]
    assert "1 reply waits" in drawn(waiting("one"), width, height)[0]


@pytest.mark.parametrize(("ago", "words"), [(0, " in 3 s"), (1100, " in 2 s"), (9000, "")])
def test_the_wait_is_counted_down(ago: int, words: str) -> None:
    """From the moment it was told."""
    state = heard(inbox(), ConnectionChanged("reconnecting", "cannot connect", 3.0), NOW - ago)
    assert f"reconnecting{words}: cannot connect" in drawn(state)[0]


def test_the_key_that_connects_again_is_named_while_it_is_of_use() -> None:
    """Above the keys that always work."""
    assert "F5 connect now" in drawn(waiting("one"))[-2]
    assert "F5" not in drawn(opened(inbox(session("Amina"))))[-2]


def test_the_newest_messages_stand_at_the_bottom_and_older_ones_can_be_scrolled_to() -> None:
    """As far as the first, and no further."""
    state = opened(inbox(session("Amina")), *(f"message {n}" for n in range(60)))
    row(drawn(state), "message 59")
    for _ in range(100):
        state, _ = press(state, Key("pageup"))
        state = fitted(state, 80, 24, now=NOW)
    lines = drawn(state)
    row(lines, "message 0")
    row(lines, "lines below")
    state, _ = press(state, Key("pagedown"))
    assert not any(line.strip() == "message 0" for line in drawn(state))


def test_a_long_message_can_be_read_to_its_beginning() -> None:
    """Scrolling goes by lines, not by messages."""
    state = opened(inbox(session("Amina")), "beginning " + "word " * 390)
    assert not any("beginning" in line for line in drawn(state))
    for _ in range(20):
        state, _ = press(state, Key("pageup"))
        state = fitted(state, 80, 24, now=NOW)
    row(drawn(state), "beginning")


def test_what_is_written_is_shown_around_the_cursor() -> None:
    """A long text shows its end, where one writes."""
    lines = drawn(opened(inbox(session("Amina")), "hello", keys="x" * 900 + "END"))
    row(lines, "END")
    assert sum("xxxx" in line for line in lines) <= 5


def test_the_room_left_is_counted_near_the_limit() -> None:
    """Before the text is refused."""
    row(drawn(opened(inbox(session("Amina")), "hello", keys="x" * 1900)), "1900/2000")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ConnectionChanged("connecting"), "connecting…"),
        (ConnectionChanged("live"), "● live"),
        (ConnectionChanged("stale"), "no word from the server"),
        (ConnectionChanged("reconnecting", "reset by peer", 4.2), "reconnecting in 5 s: reset"),
        (ConnectionChanged("closed", "access lost"), "closed: access lost"),
    ],
)
def test_the_banner_shows_the_connection(change: ConnectionChanged, words: str) -> None:
    """With the reason and the wait."""
    assert words in drawn(heard(inbox(session("Amina")), change))[0]


def test_the_status_line_shows_the_last_thing_that_happened() -> None:
    """Above the keys."""
    state = replace(inbox(session("Amina")), notice=Notice("Not sent: no answer", is_error=True))
    assert "Not sent: no answer" in drawn(state)[-2]


@pytest.mark.parametrize("place", ["list", "conversation"])
def test_the_help_line_names_every_brief_key_at_80_columns(place: str) -> None:
    """None is cut off."""
    state = inbox(session("Amina"))
    if place == "conversation":
        state = opened(state)
    line = drawn(state)[-1]
    for binding in KEYS:
        if binding.place == place and binding.brief:
            assert f"{key_label(binding.keys[0])} {binding.brief}" in line
    assert "…" not in line


def test_the_help_screen_names_every_key_at_80x24() -> None:
    """Generated from the table, so none is forgotten, and none is cut off."""
    text = "\n".join(drawn(replace(inbox(), help=True)))
    for binding in KEYS:
        assert key_label(binding.keys[0]) in text
        assert binding.meaning in text
    assert "…" not in text


def test_an_empty_list_says_why() -> None:
    """Loading, none at all, or none that is active."""
    assert "Loading" in drawn(Inbox())[1]
    assert "No conversation yet" in drawn(inbox())[1]
    resolved = replace(inbox(session("A", status="resolved")), filter="active", selected=None)
    assert "f shows all" in drawn(resolved)[1]


def test_a_hostile_customer_gets_no_control_over_the_screen() -> None:
    """No escape reaches the terminal but Rich's own colours; markup is text."""
    evil = "\x1b]0;owned\x07[bold red]x[/]\x1b[2J\u202e"
    state = opened(
        inbox(session("e", customerName=evil, customerEmail=evil, topic=evil, lastMessage=evil)),
        evil,
    )
    console = Console(width=140, height=40, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen(state, 140, 40, now=NOW))
    assert not set("\x1b\x07\u202e") & set(capture.get())
    assert "[bold red]x[/]" in capture.get()


NASTY = st.text(
    st.one_of(st.characters(), st.sampled_from("日本ｗ👨‍👩‍👧❤️👍🏽\u0301\x1b\n \u200d\ufe0fกี")),
    max_size=40,
)


@st.composite
def states(draw: st.DrawFn) -> Inbox:
    """An inbox with nasty text everywhere, perhaps with a conversation open."""
    sessions = [
        session(
            f"s{index}",
            at=-index,
            customerName=draw(NASTY),
            customerEmail=draw(NASTY),
            lastMessage=draw(NASTY),
            unreadCount=draw(st.integers(0, 200)),
        )
        for index in range(draw(st.integers(0, 6)))
    ]
    state = replace(inbox(*sessions), filter=draw(st.sampled_from(["all", "active"])))
    has_one_open: bool = draw(st.booleans())
    if sessions and has_one_open:
        state = opened(state, *draw(st.lists(NASTY, max_size=6)))
        state, _ = press(state, Key.pasted(draw(NASTY)))
        if draw(st.booleans()):
            state, _ = press(state, Key("enter"))
    notice: Any = draw(st.one_of(st.none(), st.builds(Notice, NASTY)))
    return replace(state, notice=notice, help=draw(st.integers(0, 9)) == 0)


@given(states(), st.integers(20, 160), st.integers(6, 45))
@examples(60)
def test_every_line_fits_exactly(state: Inbox, width: int, height: int) -> None:
    """Whatever is stored and whatever the size: no line wraps, none is missing."""
    lines = drawn(state, width, height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


def test_the_filter_is_named() -> None:
    """So that a missing conversation is not a riddle."""
    only: Filter = "active"
    assert "1 active conversation" in drawn(replace(inbox(session("A")), filter=only))[0]
