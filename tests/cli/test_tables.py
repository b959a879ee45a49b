"""What the command line draws, with its inks."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Group, RenderableType
from rich.text import Text

from imbari_chat.cli import tables
from imbari_chat.cli.team.notes import note_blocks
from imbari_chat.schema.models import ID_FIELD, Colleague
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Note
from tests.cli.inks import inked
from tests.view.records import NOW, message, session
from tests.zones import time_zone

AMINA = session("amina", unreadCount=2, customerPhone="+254 7", topic="An order", createdAt=NOW)
BRIAN = session("brian", at=-90_000_000, status="resolved")
CALLER = session("caller", customerEmail="", customerPhone="+254 7")
NAMELESS = session("x", customerName=" ", customerEmail="")
THERE = PresenceSnapshot(
    {(SessionId("amina"), "customer"): "online"},
    opened={SessionId("word-word-word-word-word-word"): (Colleague("u", "Word word word word"),)},
)
NOBODY = PresenceSnapshot()
_KEPT = Path(__file__).with_name("tables.txt").read_text(encoding="utf-8")
OURS, THEIRS, WIDE = (
    message("m1", "Yes.\nOn Tuesday.\nPerhaps.", sender="admin"),
    message("m2", "Do you ship?"),
    message("m3", "Do you " + "x" * 31),
)


@pytest.fixture(autouse=True)
def greenwich() -> Iterator[None]:
    """Where the reader is."""
    with time_zone("UTC0"):
        yield


LONG = session(
    "word-word-word-word-word-word",
    customerName="Word word word word word word",
    customerEmail="word word word word@word-word.example",
    lastMessage="word " * 40,
    lastMessageTime=NOW - 86_400_000 * 400,
)
WORDS = "word word word word word word word word"
NOTE = Note.model_validate({ID_FIELD: "n1", "text": "Called.\nTwice.", "at": NOW, "by": "noor"})


def _inbox(
    width: int, presence: PresenceSnapshot = NOBODY, *, status: bool = False, **more: Any
) -> RenderableType:
    sessions, ids = [AMINA, BRIAN, NAMELESS, LONG], ["am", "b", "x", "word-word-word-word"]
    now = NOW + 60_000
    return tables.inbox_table(sessions, ids, presence, now, width=width, with_status=status, **more)


def _many(width: int) -> RenderableType:
    return tables.inbox_table(
        [NAMELESS] * 11, ["x"] * 11, NOBODY, NOW, width=width, with_status=False
    )


def _grid() -> RenderableType:
    table = tables.grid(["One", "Two"])
    table.add_row(tables.cell("1", 9), tables.cell("x" * 20, 9))
    return table


PICTURES: dict[str, tuple[Callable[[], RenderableType], int]] = {
    "inbox": (lambda: _inbox(80), 80),
    "inbox, all of it": (
        lambda: _inbox(80, THERE, status=True, team=["@noor #vip", "", "", WORDS]),
        110,
    ),
    "inbox, wide": (lambda: _inbox(140), 140),
    "inbox, wide, all of it": (
        lambda: _inbox(140, THERE, status=True, team=["@noor", "", "", WORDS]),
        180,
    ),
    "inbox, from here on wide": (lambda: _inbox(110), 110),
    "inbox, not wide yet": (lambda: _inbox(109), 109),
    "inbox of many": (lambda: _many(60), 60),
    "grid": (_grid, 40),
    "heading": (lambda: tables.session_heading(AMINA, THERE, more="12 more"), 80),
    "heading, little": (lambda: tables.session_heading(NAMELESS, NOBODY), 80),
    "heading, a telephone alone": (lambda: tables.session_heading(CALLER, NOBODY), 80),
    "message": (lambda: tables.message_block(OURS, AMINA, new=False), 40),
    "message, new": (lambda: tables.message_block(THEIRS, AMINA, new=True), 40),
    "message, to the edge": (lambda: tables.message_block(WIDE, AMINA, new=False), 40),
    "event": (lambda: tables.event_line(THEIRS, AMINA, "am"), 60),
    "event, ours": (lambda: tables.event_line(OURS, AMINA, "am"), 60),
    "event, of whom": (lambda: tables.event_line(THEIRS, None, "am"), 60),
    "event, ours, of whom": (lambda: tables.event_line(OURS, None, "am"), 60),
    "event, goes on": (lambda: tables.event_line(OURS, AMINA, "am", continues=True), 60),
    "session": (lambda: tables.session_line("resolved", NOW, AMINA, "am"), 60),
    "facts": (lambda: tables.facts_table({"project": Text("shop"), "at": Text("here")}), 40),
    "note": (lambda: Group(*note_blocks([NOTE])), 40),
    "note with its id": (lambda: Group(*note_blocks([NOTE], with_ids=True)), 40),
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_drawn_has_its_places_and_inks(name: str) -> None:
    """A person finds what matters where it was yesterday."""
    draw, width = PICTURES[name]
    _, picture = _KEPT.split(f"== {name}\n", 1)
    assert inked(draw(), width) == picture.split("\n== ", 1)[0].removesuffix("\n").split("\n")


def test_each_picture_is_of_something() -> None:
    """What is not drawn any more is not kept either."""
    assert re.findall("^== (.*)$", _KEPT, re.MULTILINE) == list(PICTURES)


def test_of_a_strangers_words_so_much_is_drawn_as_a_line_may_hold() -> None:
    """However long they are; of a message all of it."""
    long = "x" * 5_000
    fields: dict[str, Any] = {"customerEmail": long, "customerPhone": long, "topic": long}
    stranger = session(long, lastMessage=long, **fields)
    for drawn, most in (
        (tables.session_heading(stranger, NOBODY), 60),
        (tables.message_block(THEIRS, stranger, new=False), 60),
        (tables.session_line("resolved", NOW, stranger, long), 60),
        (tables.event_line(THEIRS, stranger, "am"), 120),
        (tables.event_line(THEIRS, None, long), 60),
    ):
        words = re.findall("x+", "".join(inked(drawn, 20_000)))
        assert {len(one) for one in words} == {most - 1}  # and a mark where it was cut
    noted = {ID_FIELD: long, "text": long, "at": NOW, "by": "u", "name": long}
    head, *text = inked(Group(*note_blocks([Note.model_validate(noted)], with_ids=True)), 20_000)
    assert [len(one) for one in re.findall("x+", head)] == [59, 19]
    assert long in "".join(text)
    line = inked(tables.event_line(message("m", long), AMINA, "am"), 20_000)
    assert long in line[0]
    assert len(tables.cell(long, 30)) == 30
