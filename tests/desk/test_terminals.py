"""No text moves another column: what terminals that nobody here wrote make of the desk.

tmux counts by the C library, pyte each code point by itself, as xterm does.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from tests.cli.terminal import Terminal

_ROOT = Path(__file__).parents[2]
_CODE = (
    f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from tests.desk.program import main; main()"
)
_SIZES = [(80, 24), (140, 40)]


class Tmux:
    """A tmux server of its own with the desk in its only window."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._socket = folder / "tmux"
        self.is_wide = size[0] > 110
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        arguments = ("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]))
        self._run("-u", "-f", "/dev/null", *arguments, sys.executable, "-c", _CODE, env=environment)

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def shows(self, words: str) -> list[str]:
        """The rows, once ``words`` are on the screen."""
        deadline = time.monotonic() + 30
        while words not in (screen := self._run("capture-pane", "-p")):
            assert time.monotonic() < deadline, screen
            time.sleep(0.05)
        return screen.splitlines()

    def columns(self, mark: str) -> set[int]:
        """The columns in which tmux itself finds ``mark``, from the bottom to the top."""
        self._run("copy-mode")
        for motion in ("bottom-line", "end-of-line"):
            self._run("send-keys", "-X", motion)
        found: list[tuple[str, ...]] = []
        self._run("send-keys", "-X", "search-backward-text", mark)
        for _ in range(60):
            where = "#{copy_cursor_x} #{copy_cursor_y}"
            place = tuple(self._run("display-message", "-p", where).split())
            if place in found:
                break
            found.append(place)
            self._run("send-keys", "-X", "search-again")
        self._run("send-keys", "-X", "cancel")
        assert len(found) > 5
        return {int(column) for column, _ in found}

    def end(self) -> None:
        self._run("kill-server")

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        found = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30, env=env
        )
        return found.stdout


@pytest.fixture(params=_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def tmux(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: apt-get install tmux")
    terminal = Tmux(tmp_path, request.param)
    yield terminal
    terminal.end()


@pytest.mark.peer
def test_in_tmux_every_script_stays_in_its_columns(tmux: Tmux) -> None:
    """The edge of the pane and the sender's column are straight, and no word is lost."""
    tmux.shows("of 16")
    tmux.press("Enter")
    rows = tmux.shows(" customer │")
    assert len(tmux.columns("│")) == 1
    if tmux.is_wide:
        assert len(tmux.columns("▏")) == 1
    # The last word of a message is what a wider count would cover.
    assert sum("end" in row for row in rows) >= 4


@pytest.mark.parametrize("size", _SIZES, ids=["80x24", "140x40"])
def test_code_point_by_code_point_every_script_stays_in_its_columns(size: tuple[int, int]) -> None:
    """Also after scrolling, which draws over what was there."""
    screen = pyte.Screen(*size)
    stream = pyte.Stream(screen)

    with Terminal(_CODE, size=size) as terminal:
        terminal.sees("of 16")
        _fed(stream, terminal)
        edge = [46] if size[0] > 110 else []
        assert _columns(screen, "▏") == edge
        terminal.press("\r")
        terminal.sees(" customer │")
        for key in ("", "\x1b[5~", "\x1b[6~"):
            terminal.press(key)
            _fed(stream, terminal)
            assert len(_columns(screen, "│")) == 1
            assert _columns(screen, "▏") == edge
            assert screen.display[0].startswith(" imbari  emulator  live")


def _fed(stream: pyte.Stream, terminal: Terminal) -> None:
    """Let the screen have all that was written, until nothing comes for a moment."""
    while terminal._read(0.4):
        pass
    # Two modes of the keyboard, whose syntax pyte does not know and shows as text.
    stream.feed(terminal.raw.replace("\x1b[>25u", "").replace("\x1b[<u", ""))
    terminal.raw, terminal._passed = "", 0


def _columns(screen: pyte.Screen, mark: str) -> list[int]:
    """The columns that ``mark`` stands in."""
    rows = screen.buffer.values()
    return sorted({at for row in rows for at, cell in row.items() if cell.data == mark})
