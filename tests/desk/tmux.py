"""Programs in tmux: a terminal that nobody here wrote."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

__all__ = ["CODE", "Tmux", "gone"]

_ROOT: Final = Path(__file__).parents[2]
CODE: Final = (
    f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from tests.desk.program import main; main()"
)


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


class Tmux:
    """A tmux server of its own with one window.

    Args:
        folder: Where its socket is.
        size: Columns and rows.
        command: What runs there.
    """

    def __init__(self, folder: Path, size: tuple[int, int], command: Sequence[str]) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed: apt-get install tmux")
        self._socket = folder / "tmux"
        self.is_wide = size[0] > 110
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        arguments = ("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]))
        self._run("-u", "-f", "/dev/null", *arguments, *command, env=environment)

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def write(self, text: str) -> None:
        """What is typed as it is."""
        self._run("send-keys", "-l", text)

    def type(self, line: str) -> None:
        """A line of a shell, with its Enter."""
        self.write(line)
        self.press("Enter")

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def asked(self, what: str) -> str:
        """What tmux itself knows, by its name there."""
        return self._run("display-message", "-p", f"#{{{what}}}").strip()

    def shows(self, words: str, rows: int = 1) -> list[str]:
        """The rows, once ``words`` are in so many of them: a screen may be looked at half-drawn."""
        deadline, screen = time.monotonic() + 60, self._screen()
        while sum(words in row for row in screen) < rows:
            assert time.monotonic() < deadline, "\n".join(screen)
            time.sleep(0.05)
            screen = self._screen()
        return screen

    def hides(self, words: str) -> None:
        """Once ``words`` are gone: a key that comes before is still for what shows them."""
        deadline = time.monotonic() + 60
        while any(words in row for row in self._screen()):
            assert time.monotonic() < deadline, "\n".join(self._screen())
            time.sleep(0.05)

    def finds(self, mark: str, columns: int = 1) -> None:
        """Tmux itself finds ``mark`` in rows enough, and in so many columns, once all is drawn."""
        deadline, found = time.monotonic() + 60, self._found(mark)
        while len(found) <= 5 or len({column for column, _ in found}) != columns:
            assert time.monotonic() < deadline, "\n".join([str(found), *self._screen()])
            found = self._found(mark)

    def _found(self, mark: str) -> list[tuple[str, ...]]:
        """Column and row of each ``mark``, from the bottom to the top."""
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
        return found

    def end(self) -> None:
        """Close the window; nothing if it is closed."""
        with suppress(subprocess.CalledProcessError):
            self._run("kill-server")

    def _screen(self) -> list[str]:
        return self._run("capture-pane", "-p").splitlines()

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        found = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30, env=env
        )
        return found.stdout
