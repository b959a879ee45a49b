"""Completion in the shells themselves: what stands on the line after Tab."""

import shlex
import shutil
import stat
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cli.harness import Program, Visitor
from tests.desk.tmux import Tmux

_PROMPT: Final = "ready>"

_SHELLS: Final = {
    "bash": f"PS1='{_PROMPT} ' exec bash --norc -i",
    "zsh": f"PS1='{_PROMPT} ' exec zsh --no-rcs -i",
    "fish": f"exec fish --no-config -i -C 'function fish_prompt; echo -n \"{_PROMPT} \"; end'",
}
_BEGIN: Final = {"zsh": "autoload -U compinit && compinit -u -D; "}

_LINES: Final = {
    "inb": "inbox",
    "show Ami": "show Amina\\ Nakato",
    "show 1 {id:.9}": "show 1 {id}",
    "reply 1 /sh": "reply 1 /shipped",
}
"""What is typed, and what it becomes."""


@pytest.mark.peer
@pytest.mark.parametrize("shell", _SHELLS)
def test_a_shell_completes(program: Program, visitor: Visitor, place: Path, shell: str) -> None:
    """With the script as it is printed: commands, conversations by name and id, canned replies."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    session = visitor.writes("Hello")
    program("canned", "save", "shipped", "It is on its way.")
    (place / "script").write_text(program("completion", shell).stdout, "utf-8")
    _install(place / "imbari-chat")
    home = f"export HOME={place} XDG_DATA_HOME={place} PATH={place}:$PATH"
    terminal = Tmux(place, (100, 24), ["sh", "-c", f"cd {place}; {home}; {_SHELLS[shell]}"])
    try:
        terminal.shows(_PROMPT)
        terminal.type(f"{_BEGIN.get(shell, '')}source ./script; clear; echo be''gun")
        terminal.shows("begun")
        for typed, completed in _LINES.items():
            terminal.write("imbari-chat " + typed.format(id=session))
            terminal.press("Tab")
            terminal.shows(f"{_PROMPT} imbari-chat {completed.format(id=session)}")
            terminal.press("C-u")
    finally:
        terminal.end()


def _install(program: Path) -> None:
    # However long a start takes here.
    code = "from imbari_chat.cli import completion, main; completion._PATIENCE = 60; main.run()"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{code}" "$@"\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
