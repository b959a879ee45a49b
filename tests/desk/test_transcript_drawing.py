"""A conversation as it is drawn, and the place in it that a reader has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from imbari_chat.desk.transcript import Said, Transcript
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import MessageId
from imbari_chat.view.outgoing import Failed, Pending
from tests.desk.desks import screen_of
from tests.view.records import NOW, message, session

DAY = 86_400_000
AMINA = session("amina").id


class Page(App[None]):
    """Nothing but a transcript."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said
        self.reached: list[str] = []
        self.pane = Transcript(lambda: self.said)

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_transcript_reached_top(self) -> None:
        self.reached.append("top")


@asynccontextmanager
async def reading(
    said: Said, size: tuple[int, int] = (60, 40)
) -> AsyncIterator[tuple[Transcript, Pilot[None]]]:
    """A transcript on a screen of that size."""
    page = Page(said)
    async with page.run_test(size=size) as pilot:
        page.pane.update()
        yield page.pane, pilot


def rows(pane: Transcript) -> list[str]:
    """What is on the screen, line by line, with its inks."""
    return [
        "".join(
            f"‹{ink}:{text}›" if ink and text.strip() else text
            for text, ink, _ in pane.render_line(y)
        ).rstrip()
        for y in range(pane.size.height)
    ]


def page_of(pane: Transcript) -> Page:
    page = pane.app
    assert isinstance(page, Page)
    return page


def _talk(count: int, lines: int = 1) -> tuple[Message, ...]:
    return tuple(
        message(f"m{at}", "\n".join([f"text {at}"] * lines), timestamp=NOW + at * 60_000)
        for at in range(count)
    )


def _said() -> Said:
    return Said(
        (
            message("m1", "Hello\nthere", timestamp=NOW - DAY, read=True),
            message("m2", "Again", timestamp=NOW - DAY, read=True),
            message("m3", "An answer that is longer than the line there is for it on this screen",
                    timestamp=NOW, sender="admin"),
            message("m4", "And now?", timestamp=NOW + 60_000),
            message("m5", "Now.", timestamp=NOW + 120_000, sender="admin"),
        ),
        ((Pending(1, AMINA, "On its way\nand more"), "no answer yet"),),
        (Failed(2, AMINA, "Lost", "not yours"), Failed(3, AMINA, "Too", "nor that")),
        "A again",
        MessageId("m4"),
        NOW + 120_000,
        "the beginning",
        NOW + DAY,
        UTC,
    )  # fmt: skip


PICTURE = [
    "‹dim: the beginning›",
    "‹dim:── Monday 11 March ────────────────────────────────────────›",
    "‹dim:14:05› ‹cyan: customer │ ›Hello",
    "      ‹cyan:          │ ›there",
    "      ‹cyan:          │ ›Again",
    "‹dim:── yesterday ──────────────────────────────────────────────›",
    "‹dim:14:05› ‹bold green:       us ┃ ›An answer that is longer than the line",
    "      ‹bold green:          ┃ ›there is for it on this screen",
    "‹red:── new ────────────────────────────────────────────────────›",
    "‹dim:14:06›‹red:•›‹cyan: customer │ ›And now?",
    "‹dim:14:07› ‹bold green:       us ┃ ›Now.",
    "                  ‹dim:seen›",
    "‹red:!     ›‹bold green:       us ┃ ›‹dim:Lost›",
    "                  ‹red:not sent: not yours›",
    "                  ‹dim:A again›",
    "‹red:!     ›‹bold green:       us ┃ ›‹dim:Too›",
    "                  ‹red:not sent: nor that›",
    "‹bold green:…     ›‹bold green:       us ┃ ›‹dim:On its way›",
    "      ‹bold green:          ┃ ›‹dim:and more›",
    "                  ‹yellow:no answer yet›",
]
LINES = len(PICTURE)


async def test_each_message_begins_with_columns_of_ours() -> None:
    """Time, who and a bar; what is not stored yet stands below what is, with its state."""
    async with reading(_said()) as (pane, _):
        *blank, first = rows(pane)[: -LINES + 1]
        assert (set(blank), first) == ({""}, "‹dim: the beginning›")
        assert rows(pane)[-LINES:] == PICTURE


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seen_at": NOW + 119_999}, False),
        ({"seen_at": None}, False),
        ({"seen_at": NOW + 130_000}, True),
        ({"messages": (), "divider": None}, False),
        ({"messages": _talk(1)}, False),
    ],
)
async def test_the_last_answer_is_seen_once_the_chat_was_open_since(
    changed: dict[str, Any], words: bool
) -> None:
    """A customer's own words are not."""
    async with reading(replace(_said(), failed=(), pending=(), **changed)) as (pane, _):
        assert ("seen" in rows(pane)[-1]) is words


async def test_a_reader_stays_at_the_end_unless_they_go_up() -> None:
    """What comes meanwhile is counted, and does not move what is read."""
    async with reading(Said(_talk(30), zone=UTC, now=NOW), (60, 10)) as (pane, _):
        page = page_of(pane)
        assert (pane.below, pane._first() > 0) == (0, True)
        assert pane.on_screen() == {f"m{at}" for at in range(20, 30)}
        pane.scroll(-1)
        assert (pane._first(), pane.below) == (14, 8)
        page.said = replace(page.said, messages=_talk(31))
        pane.update()
        assert (pane._first(), pane.below) == (14, 9)
        earlier = tuple(
            message(f"e{at}", "x", timestamp=NOW - 60_000 * (9 - at)) for at in range(5)
        )
        page.said = replace(page.said, messages=(*earlier, *_talk(31)))
        pane.update()
        assert (pane._first(), pane.below) == (19, 9)
        pane.scroll(0.001)
        assert pane._first() == 20
        pane.scroll(-0.001)
        assert pane._first() == 19
        pane.scroll(9)
        page.said = replace(page.said, messages=(*earlier, *_talk(32)))
        pane.update()
        assert pane.below == 0


async def test_the_first_line_asks_for_older_ones() -> None:
    """Once it is on the screen; there is nothing above it."""
    async with reading(Said(_talk(30), zone=UTC, now=NOW), (60, 10)) as (pane, pilot):
        pane.scroll(-1)
        await pilot.pause()
        assert page_of(pane).reached == []
        pane.to_top()
        await pilot.pause()
        assert (pane._first() == 0, page_of(pane).reached) == (True, ["top"])
        pane.to_bottom()
        assert pane.below == 0
        pane.to_message(MessageId("m5"))
        assert pane._first() == 6  # with the line above it
        pane.to_message(MessageId("no such"))
        assert pane._first() == 6
        pane.begin()
        pane.update()
        assert pane.below == 0


async def test_where_a_reader_goes_is_drawn() -> None:
    """At once."""
    async with reading(Said(_talk(30), zone=UTC, now=NOW), (60, 10)) as (pane, pilot):
        await pilot.pause()
        for go in (pane.to_top, pane.to_bottom):
            go()
            await pilot.pause()
            drawn = [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]
            assert [row.rstrip() for row in screen_of(pane.app)] == drawn


async def test_a_message_is_drawn_once_all_of_it_was_on_the_screen() -> None:
    """A part at a time will do; what is below the edge was not."""
    long = (*_talk(1, lines=6), *_talk(3)[1:])
    async with reading(Said(long, zone=UTC, now=NOW), (60, 5)) as (pane, _):
        assert pane.drawn() == {"m1", "m2"}
        assert pane.on_screen() == {"m0", "m1", "m2"}
        pane.scroll(-0.01)
        assert pane.drawn() == {"m1"}
        pane.to_top()
        assert pane.drawn() == {"m0"}
        pane.begin()
        pane.update()
        assert pane.drawn() == {"m1", "m2"}


async def test_what_was_drawn_in_another_width_is_drawn_anew() -> None:
    """Half of many lines is not all of few."""
    text = Said((message("m", "x" * 400, timestamp=NOW),), zone=UTC, now=NOW)
    async with reading(text, (39, 10)) as (pane, pilot):
        assert (len(pane.on_screen()), len(pane.drawn())) == (1, 0)
        await pilot.resize_terminal(79, 6)
        await pilot.pause()
        assert (len(pane._lines), len(pane.drawn())) == (9, 0)
        pane.to_top()
        assert pane.drawn() == {"m"}


async def test_a_message_with_a_line_below_the_edge_or_above_it_is_not_drawn() -> None:
    """All but one of its lines are not all of it; nor does it begin below the edge."""
    talk = (message("m0", "one\ntwo\nthree", timestamp=NOW), *_talk(3)[1:])
    async with reading(Said(talk, zone=UTC, now=NOW), (60, 4)) as (pane, _):
        assert pane.drawn() == {"m1", "m2"}  # and two lines of the first
        assert pane.below == 0
        pane.scroll(-0.5)
        assert pane.drawn() == {"m0", "m1"}
        assert pane.below == 1
        pane.to_top()
        assert pane.drawn() == {"m0"}
        assert pane.below == 2


async def test_only_messages_count_as_below_the_edge() -> None:
    """And not days, nor what is still on its way."""
    async with reading(_said(), (60, 6)) as (pane, _):
        pane.to_top()
        assert pane.below == 3
        page_of(pane).said = replace(_said(), messages=_said().messages[:2])
        pane.update()
        assert pane.below == 0


async def test_the_day_of_what_is_read_is_told_while_its_line_is_above_the_screen() -> None:
    """The latest of those; a line that is on the screen tells it by itself."""
    talk = tuple(
        message(f"m{at}", "x", timestamp=NOW + at // 3 * DAY + at % 3 * 60_000) for at in range(9)
    )
    async with reading(Said(talk, zone=UTC, now=NOW + 3 * DAY), (60, 4)) as (pane, _):
        pane.to_top()
        told = [pane.day]
        for _ in range(9):
            pane.scroll(0.001)
            told.append(pane.day)
        assert told == ["", "", *["Tuesday 12 March"] * 4, *["Wednesday 13 March"] * 4]
        assert "yesterday" in rows(pane)[0]
        pane.begin()
        assert (pane.day, pane.below, pane.on_screen()) == ("", 0, frozenset())


async def test_only_what_has_changed_is_laid_out_anew() -> None:
    """What was said, or the width; a height alone changes no line."""
    async with reading(Said(_talk(9), zone=UTC, now=NOW), (60, 4)) as (pane, pilot):
        lines = pane._lines
        pane.update()
        await pilot.resize_terminal(60, 9)
        assert pane._lines is lines
        await pilot.resize_terminal(50, 9)
        await pilot.pause()
        assert pane._lines is not lines
        assert len(rows(pane)[0]) < 50
        lines = pane._lines
        page_of(pane).said = Said(_talk(9), zone=UTC, now=NOW, top="more")
        pane.update()
        assert pane._lines is not lines


@pytest.mark.parametrize(
    ("height", "pages", "lines"),
    [
        (12, 1, 10),
        (12, -1, -10),
        (12, 0.5, 5),
        (12, 0.01, 1),
        (12, -0.01, -1),
        (3, 1, 1),
        (2, -1, -1),
    ],
)
async def test_a_page_keeps_two_lines_of_the_last(height: int, pages: float, lines: int) -> None:
    """And is one line at least, however low the terminal."""
    async with reading(Said(_talk(60), zone=UTC, now=NOW), (60, height)) as (pane, _):
        pane.to_message(MessageId("m30"))
        before = pane._first()
        pane.scroll(pages)
        assert pane._first() - before == lines


@pytest.mark.parametrize("count", [7, 8])
async def test_no_row_is_blank_when_there_are_as_many_lines(count: int) -> None:
    """Or more than that."""
    async with reading(Said(_talk(count), zone=UTC, now=NOW, top="top"), (60, 9)) as (pane, _):
        shown = rows(pane)
        assert [one for one in shown if not one] == []
        assert [f"text {at}" in row for at, row in enumerate(shown[-7:], count - 7)] == [True] * 7


async def test_the_wheel_moves_three_lines() -> None:
    """As far as there are any; it turns nothing else."""
    async with reading(Said(_talk(30), zone=UTC, now=NOW), (60, 12)) as (pane, _):
        stopped: list[int] = []
        event: Any = SimpleNamespace(stop=lambda: stopped.append(pane._first()))
        for _ in range(2):
            pane.on_mouse_scroll_up(event)
        for _ in range(3):
            pane.on_mouse_scroll_down(event)
        assert [*stopped, pane._first()] == [20, 17, 14, 17, 20, 20]


async def test_a_reader_within_a_long_message_stays_there() -> None:
    """By the line at the top of the screen."""
    long = (*_talk(1, lines=30), *_talk(3)[1:])
    async with reading(Said(long, zone=UTC, now=NOW), (60, 10)) as (pane, _):
        page = page_of(pane)
        pane.scroll(-1)
        before = rows(pane)
        first = pane._first()
        earlier = tuple(
            message(f"e{at}", "x", timestamp=NOW - 60_000 * (9 - at)) for at in range(5)
        )
        page.said = replace(page.said, messages=(*earlier, *long), top="more")
        pane.update()
        assert (pane._first(), rows(pane)) == (first + 5, before)
        page.said = replace(page.said, messages=_talk(3))
        pane.update()  # there is nothing to stay at
        assert pane._first() == 0 or pane.below == 0


@pytest.mark.parametrize("first", [0, 1])
async def test_a_reader_at_a_line_of_ours_stays_at_the_message_below_it(first: int) -> None:
    """At what is above the first message, or at its day, for as long as nothing comes between."""
    async with reading(Said(_talk(30), zone=UTC, now=NOW), (60, 10)) as (pane, _):
        page = page_of(pane)
        pane.to_top()
        pane._go_to(first)
        page.said = replace(page.said, top="more", messages=_talk(31))
        pane.update()
        assert pane._first() == first
        earlier = tuple(
            message(f"e{at}", "x", timestamp=NOW - 60_000 * (9 - at)) for at in range(5)
        )
        page.said = replace(page.said, messages=(*earlier, *_talk(31)))
        pane.update()
        assert pane._first() == first + 5


@pytest.mark.parametrize("width", [20, 24, 60, 61])
async def test_a_text_takes_the_width_there_is(width: int) -> None:
    """But one column, in which it would touch the edge."""
    text = "x" * 100
    said = Said((message("m", text, timestamp=NOW),), zone=UTC, now=NOW)
    async with reading(said, (width, 60)) as (pane, _):
        lines = ["".join(one.text for one in pane.render_line(y)).rstrip() for y in range(60)]
        bodies = [line.split("│ ", 1)[1] for line in lines if "│ " in line]
        room = max(2, width - len("14:05  customer │ ") - 1)
        assert bodies == [text[at : at + room] for at in range(0, 100, room)]
        (rule,) = [line for line in lines if "today" in line or "March" in line]
        assert len(rule) == width - 1


async def test_what_is_of_no_day_has_no_line_of_its_own() -> None:
    """Nor does it end the day of others; it is told all the same who wrote it."""
    talk = (
        message("m0", "never", timestamp=0),
        message("m1", "then", timestamp=NOW),
        message("m2", "never", timestamp=0, sender="admin"),
        message("m3", "then", timestamp=NOW),
    )
    async with reading(Said(talk, zone=UTC, now=NOW, top="top")) as (pane, _):
        shown = [row for row in rows(pane) if row]
        assert [row for row in shown if "──" in row] == [shown[2]]
        assert "today" in shown[2]
        assert ["customer │" in row for row in shown] == [False, True, False, True, False, True]
        assert "us ┃ ›never" in shown[4]


async def test_fewer_lines_than_the_screen_has_stand_at_its_end() -> None:
    """Above them it is blank; without anything there is the line that says so."""
    async with reading(Said(_talk(2), zone=UTC, now=NOW, top="top"), (60, 9)) as (pane, _):
        shown = rows(pane)
        assert [bool(row) for row in shown] == [False] * 5 + [True] * 4
        assert shown[5] == "‹dim: top›"
        page_of(pane).said = Said(top="nobody")
        pane.update()
        assert [row for row in rows(pane) if row] == ["‹dim: nobody›"]
        assert (pane.below, len(pane.drawn()), len(pane.on_screen())) == (0, 0, 0)
