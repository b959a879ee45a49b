"""No text moves another column: what terminals that nobody here wrote make of the desk.

tmux counts by the C library, pyte each code point by itself, as xterm does.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from tests.cli.terminal import Terminal
from tests.desk.tmux import CODE, Tmux, gone

_SIZES = [(80, 24), (140, 40)]


@pytest.fixture(params=_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def tmux(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path, request.param, [sys.executable, "-c", CODE])
    yield terminal
    terminal.end()


@pytest.mark.peer
def test_in_tmux_every_script_stays_in_its_columns(tmux: Tmux) -> None:
    """The edge of the pane and the sender's column are straight, and no word is lost. With the
    window the desk is gone."""
    tmux.shows("of 16")
    for key, words, closing in (("F1", "In the list", "q"), ("x", "Why?", "Enter")):
        tmux.press(key)
        tmux.shows(words)
        tmux.finds("│", columns=2)  # a box over the list is straight
        tmux.press(closing)
        tmux.hides(words)
    tmux.press("Enter")
    tmux.shows(" customer │")
    tmux.shows("│", rows=11)
    tmux.finds("│")
    if tmux.is_wide:
        tmux.finds("▏")
    tmux.shows("end", rows=4)  # the last word of a message is what a wider count would cover
    pid = int(tmux.asked("pane_pid"))
    tmux.end()
    assert gone(pid), "its window is closed, and it goes on"


@pytest.mark.parametrize("size", _SIZES, ids=["80x24", "140x40"])
def test_code_point_by_code_point_every_script_stays_in_its_columns(size: tuple[int, int]) -> None:
    """Also after scrolling, which draws over what was there."""
    edge = [56] if size[0] > 110 else []
    with Terminal(CODE, size=size) as terminal:
        drawn = Drawn(terminal, size)
        terminal.sees("of 16")
        drawn.becomes(lambda: drawn.columns("▏") == edge)
        for key, words in (("\x1bOP", "In the list"), ("x", "Why?")):
            terminal.press(key)
            terminal.sees(words)
            drawn.becomes(lambda: len(drawn.columns("│")) == 2)
            terminal.press("\x1b")
            drawn.becomes(lambda: drawn.columns("▏") == edge)
        terminal.press("\r")
        terminal.sees(" customer │")
        for key in ("", "\x1b[5~", "\x1b[6~"):
            terminal.press(key)
            drawn.becomes(
                lambda: (
                    len(drawn.columns("│")) == 1
                    and drawn.columns("▏") == edge
                    and drawn.screen.display[0].startswith(" imbari  emulator  live")
                )
            )


class Drawn:
    """What pyte makes of what is written to a terminal.

    Attributes:
        screen: As far as it was looked at.
    """

    def __init__(self, terminal: Terminal, size: tuple[int, int]) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self.screen)
        self._terminal = terminal
        self._fed = 0

    def becomes(self, is_right: Callable[[], bool]) -> None:
        """Look once nothing comes for a moment, and again while what is drawn goes on."""
        while True:
            while self._terminal._read(0.4):
                pass
            written = self._terminal.raw[self._fed :]
            self._fed += len(written)
            # Two modes of the keyboard, whose syntax pyte does not know and shows as text.
            self._stream.feed(written.replace("\x1b[>25u", "").replace("\x1b[<u", ""))
            if is_right():
                return
            assert self._terminal._read(10), "\n".join(self.screen.display)

    def columns(self, mark: str) -> list[int]:
        """The columns that ``mark`` stands in."""
        rows = self.screen.buffer.values()
        return sorted({at for row in rows for at, cell in row.items() if cell.data == mark})
