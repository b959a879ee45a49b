"""Tables keep their columns on terminals that count otherwise than the library that draws them."""

import shlex
import sys
from itertools import count
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from imbari_chat.cli import columns
from imbari_chat.cli.columns import stand_ins, without_stand_ins
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.tables import inbox_table
from imbari_chat.schema.models import ID_FIELD, Session
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.view.sanitize import safe_text
from imbari_chat.view.widths import widest
from tests.desk.program import HARD
from tests.desk.tmux import Tmux

SCRIPTS = list(HARD.values())
NOW = 1_790_000_000_000
WIDTHS = [80, 140]


def drawn(monkeypatch: pytest.MonkeyPatch, path: Path, width: int) -> str:
    """The inbox of customers who write in every script, as a terminal gets it."""
    sessions = [
        Session.model_validate(
            {
                ID_FIELD: f"-O{number:018}",
                "customerName": text,
                "customerEmail": "a@b.c",
                "lastMessage": f"{text} {text} {text} {text}",
                "lastMessageTime": NOW,
                "unreadCount": 1,
            }
        )
        for number, text in enumerate(SCRIPTS)
    ]
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(Stdout, "is_terminal", True)
    with path.open("w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        Stdout().draw(
            inbox_table(
                sessions, ["-O"] * len(sessions), PresenceSnapshot(), NOW, width=width,
                with_status=True,
            )
        )  # fmt: skip
    return path.read_text("utf-8")


@pytest.mark.parametrize("text", [":wave: hello", "[bold]5[/bold]", "5 'x' True https://a.example"])
def test_a_text_is_drawn_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Nothing in it is taken for a picture, for markup, or for something to paint."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Stdout().draw(text)
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_code_point_by_code_point_each_row_is_one_line_in_its_columns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int
) -> None:
    """As xterm counts."""
    text = drawn(monkeypatch, tmp_path / "text", width)
    screen = pyte.Screen(width, len(SCRIPTS) + 4)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    status = screen.display[0].index("Status")
    found = [_at(screen, number + 2, status, 6) for number in range(len(SCRIPTS))]
    assert found == ["active"] * len(SCRIPTS)
    assert not screen.display[2 + len(SCRIPTS)].strip()


@pytest.mark.peer
@pytest.mark.parametrize("width", WIDTHS)
def test_in_tmux_each_row_is_one_line_in_its_columns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int
) -> None:
    """As the C library counts."""
    drawn(monkeypatch, tmp_path / "text", width)
    line = f"cat {shlex.quote(str(tmp_path / 'text'))}; echo the end; sleep 60"
    monkeypatch.undo()
    tmux = Tmux(tmp_path, (width, len(SCRIPTS) + 6), ["sh", "-c", line])
    try:
        rows = tmux.shows("the end")
        tmux.finds("active")
        assert rows.index("the end") == len(SCRIPTS) + 2
    finally:
        tmux.end()


def _at(screen: pyte.Screen, row: int, column: int, length: int) -> str:
    return "".join(screen.buffer[row][column + at].data for at in range(length))


@given(st.text(max_size=40).map(safe_text))
def test_stand_ins_have_the_room_of_the_widest_opinion_and_give_the_text_back(text: str) -> None:
    """Where nothing was cut; and what nobody disputes is left alone."""
    made = stand_ins(text)
    assert cell_len(made) == widest(text) or "\u200d" in text
    assert without_stand_ins(made, addressed=False) == text
    assert made.count(" ") == text.count(" ")  # it can break there
    if text.isascii():
        assert made == text


_WIDE = "\U0001f469\u200d\U0001f33e"
"""A farmer: a joined emoji, two, three or four columns wide."""


@pytest.mark.parametrize("cut", range(5))
def test_what_was_cut_within_a_sign_has_blanks_in_its_place(cut: int) -> None:
    """As many as it had room for; one that has all of its room stands."""
    made = stand_ins(_WIDE)
    room = widest(_WIDE)
    assert len(made) == room == 4
    kept = made[:cut]
    whole = _WIDE if cut == room else " " * cut
    assert without_stand_ins(f"{kept}…", addressed=False) == f"{whole}…"
    assert without_stand_ins(f"{made}{kept}…", addressed=False) == f"{_WIDE}{whole}…"
    goes_on = made[cut:]  # at the beginning of a line
    assert without_stand_ins(goes_on, addressed=False) == (" " * len(goes_on) if cut else _WIDE)
    if cut:
        assert without_stand_ins(kept, addressed=False) == _WIDE


@pytest.mark.parametrize("addressed", [False, True])
def test_what_stands_behind_a_disputed_sign_is_put_where_it_belongs(addressed: bool) -> None:
    """If anything does: colours and blanks are nothing. Columns count from one."""
    red, plain = "\x1b[31m", "\x1b[0m"
    line = f"a{red}b{stand_ins(_WIDE)}{plain} | {stand_ins(_WIDE)}{plain}  "
    there = f"{plain} | {_WIDE}{plain}  "
    address = "\x1b[7G" if addressed else ""
    assert without_stand_ins(line, addressed=addressed) == f"a{red}b{_WIDE}{address}{there}"
    assert without_stand_ins(f"{stand_ins(_WIDE)}|", addressed=addressed) == (
        f"{_WIDE}\x1b[5G|" if addressed else f"{_WIDE}|"
    )
    assert without_stand_ins("plain", addressed=addressed) == "plain"


def test_after_all_stand_ins_are_taken_signs_stand_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last of a plane is taken; those known already keep theirs."""
    monkeypatch.setattr(columns, "_next", count(0xFFFFD))
    monkeypatch.setattr(columns, "_numbers", {})
    monkeypatch.setattr(columns, "_clusters", {})
    known, late = "\U0001f469\u200d\U0001f33e", "\U0001f469\u200d\U0001f373"
    made = stand_ins(known + late)
    assert made == "\U000ffffd" + "\U00100000" * 3 + late
    assert stand_ins(late) == late
    assert stand_ins(known) == made.removesuffix(late)
    assert without_stand_ins(made, addressed=False) == known + late


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_terminal_is_told_at_which_column_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_terminal: bool
) -> None:
    """In a pipe there are no columns to go to."""
    monkeypatch.setattr(Stdout, "is_terminal", is_terminal)
    Stdout().draw(Text(f"{stand_ins(_WIDE)}|"))
    assert ("\x1b[" in capsys.readouterr().out) is is_terminal
