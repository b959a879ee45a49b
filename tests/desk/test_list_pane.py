"""The list by itself: what its keys choose, and what a click is about."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual import events
from textual.geometry import Size
from textual.strip import Strip

from imbari_chat.clock import local_time
from imbari_chat.desk.list_pane import ListPane
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams
from imbari_chat.schema.models import Session
from imbari_chat.view.listing import Listing
from tests.view.records import session

ROWS = 12
HOUR = 3_600_000


class Desk:
    """A list of conversations ``s0``, ``s1``…, of which every fifth has something unread.

    Attributes:
        calls: What it had loaded or looked at, and opened.
    """

    def __init__(self, rows: int = ROWS, **chosen: Any) -> None:
        self.calls: list[str] = []
        self.store = Store(Listing(**chosen), lambda: None, lambda: 0.0)
        streams = SimpleNamespace(
            older=SimpleNamespace(load_more=lambda: self.calls.append("load")),
            last_senders=SimpleNamespace(
                look=lambda: self.calls.append("look"),
                look_at_all=lambda: self.calls.append("look at all"),
            ),
        )
        everybody = [
            session(f"s{n}", at=rows - n, unreadCount=int(n % 5 == 4)) for n in range(rows)
        ]
        sessions = {one.id: one for one in everybody}
        self.store.change(lambda state: replace(state, sessions=sessions))
        self.pane = ListPane(self.store, cast("Streams", streams), self._open)
        self.pane.update()
        self.calls.clear()

    def _open(self, session: Session, peek: bool) -> None:
        self.calls.append(f"{'peek' if peek else 'open'} {session.id}")

    @property
    def selected(self) -> str:
        assert self.store.selected is not None
        return self.store.selected.id


@pytest.mark.parametrize(
    ("action", "selected", "calls"),
    [
        ("move(1)", "s3", []),
        ("move(-1)", "s1", []),
        ("move(9)", "s11", ["load"]),
        ("move(-9)", "s0", []),
        ("top", "s0", []),
        ("bottom", "s11", ["load"]),
        ("next_unread", "s4", []),
        ("next_waiting", "s3", ["look at all"]),
        ("open", "s2", ["open s2"]),
        ("peek", "s2", ["peek s2"]),
    ],
)
def test_a_key_does_what_it_is_named_for(action: str, selected: str, calls: list[str]) -> None:
    """From the third of twelve."""
    desk = Desk(selected="s2", last_senders={"s3": "customer"})
    name, _, argument = action.rstrip(")").partition("(")
    getattr(desk.pane, f"action_{name}")(*([int(argument)] if argument else []))
    assert (desk.selected, desk.calls) == (selected, calls)


@pytest.mark.parametrize("action", ["move", "open", "peek", "top", "bottom"])
def test_an_empty_list_survives_every_key(action: str) -> None:
    """At its end it is already: there may be more."""
    desk = Desk(rows=0)
    getattr(desk.pane, f"action_{action}")(*([1] if action == "move" else []))
    assert desk.calls == (["load"] if action in {"move", "bottom"} else [])


@pytest.mark.parametrize(
    ("action", "senders", "said"),
    [
        ("next_unread", {}, "None of these is unread"),
        ("next_waiting", {}, "None of those looked at is waiting; looking at the rest…"),
        ("next_waiting", dict.fromkeys(("s0", "s1"), "admin"), "None of these is waiting"),
    ],
)
def test_where_none_is_found_it_is_said(action: str, senders: Any, said: str) -> None:
    """And nothing else is selected."""
    desk = Desk(rows=2, selected="s1", last_senders=senders)
    getattr(desk.pane, f"action_{action}")()
    assert desk.store.state.notice is not None
    assert (desk.store.state.notice.text, desk.selected) == (said, "s1")


def test_what_is_listed_is_chosen_by_keys() -> None:
    """Each has its turn, and then it is as it was."""
    desk = Desk(rows=2)
    before = desk.store.listing
    ages = []
    for _ in range(3):
        desk.pane.action_since()
        earliest = desk.store.listing.earliest
        ages.append(None if earliest is None else round((local_time() - earliest) / HOUR))
    assert ages == [24, 7 * 24, None]
    desk.pane.action_filter(1)
    assert desk.store.listing.shown != before.shown
    desk.pane.action_filter(-1)
    desk.pane.action_order()
    assert desk.store.listing.order != before.order
    assert desk.store.state.notice is not None
    assert desk.store.listing.order in desk.store.state.notice.text
    desk.pane.action_order()
    assert desk.store.listing == before


@pytest.mark.parametrize(("turn", "selected"), [("up", "s1"), ("down", "s3")])
def test_the_wheel_moves_as_keys_do(turn: str, selected: str) -> None:
    """By one."""
    desk = Desk(selected="s2")
    getattr(desk.pane, f"on_mouse_scroll_{turn}")()
    assert desk.selected == selected


@pytest.mark.parametrize("height", [1, 2, 3, 6, 7, 8, 40])
@pytest.mark.parametrize("selected", ["s0", "s7", "s11"])
def test_a_click_opens_what_is_drawn_there(
    height: int, selected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing where nothing is: below the rows, or where there is not room for a whole one."""
    desk = Desk(selected=selected)
    monkeypatch.setattr(ListPane, "size", Size(60, height))
    opened = []
    for y in range(height):
        drawn = desk.pane.render_line(y).text.split()
        desk.pane.on_click(cast("events.Click", SimpleNamespace(y=y)))
        if y < height - 1 and drawn:
            opened.append(next(f"open {one.id}" for one in desk.store.rows if one.id in drawn))
        assert desk.calls == opened, y
    assert len(opened) == 2 * min(ROWS, (height - 1) // 2)
    assert height < 3 or f"open {selected}" in opened


def test_one_row_is_a_bar_where_keys_go_to_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The selected one, and none while they go elsewhere."""
    desk = Desk(selected="s2")
    monkeypatch.setattr(ListPane, "size", Size(60, 21))
    for has_focus, bars in ((True, [4, 5]), (False, [])):
        monkeypatch.setattr(ListPane, "has_focus", has_focus)
        strips = [desk.pane.render_line(y) for y in range(20)]
        reversed_ = [y for y, strip in enumerate(strips) if any(_is_reversed(strip))]
        assert reversed_ == bars
        assert all(all(_is_reversed(strips[y])) for y in bars)


def _is_reversed(strip: Strip) -> list[bool]:
    return [bool(segment.style and segment.style.reverse) for segment in strip]


def test_an_empty_list_says_why_in_its_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once."""
    desk = Desk(rows=0)
    monkeypatch.setattr(ListPane, "size", Size(60, 7))
    first, *others = [desk.pane.render_line(y).text.strip() for y in range(6)]
    assert first
    assert others == [""] * 5


def test_who_wrote_last_is_looked_at_where_the_list_is_another() -> None:
    """What is as it was costs nothing."""
    desk = Desk()
    desk.pane.update()
    assert desk.calls == []
    desk.pane.action_move(1)
    desk.pane.update()
    assert desk.calls == ["look"]
