"""The desk beside a shell: put away and taken up again, shrunk, crashed, in other locales."""

import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.desk.tmux import CODE, Tmux

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_COLOURS = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
_PROMPT = "ready>"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """A shell that all of these share."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "desk").write_text(f'exec {sys.executable} -c "{CODE}"\n', "utf-8")
    failing = CODE.replace("main()", "main(fails_at='action_redraw')")
    (folder / "failing").write_text(f'exec {sys.executable} -c "{failing}"\n', "utf-8")
    editor = "clear; echo an editor; read a; echo heard $a; read a"
    editing = CODE.replace("main()", f"main(editor={editor!r})")
    (folder / "editing").write_text(f"exec {sys.executable} -c {shlex.quote(editing)}\n", "utf-8")
    terminal = Tmux(folder, (80, 24), ["sh", "-c", f"cd {folder}; PS1='{_PROMPT}' exec sh -i"])
    terminal.shows(_PROMPT)
    yield terminal
    terminal.end()


def _is_sane(shell: Tmux) -> None:
    """The terminal is as a shell needs it."""
    shell.type("clear; stty -a; echo sum $((6 * 7))")
    said = "\n".join(shell.shows("sum 42"))
    assert re.search(r"(^| )icanon", said)
    assert re.search(r"(^| )echo( |$)", said, re.MULTILINE)
    assert shell.asked("alternate_on") == "0"
    assert shell.asked("cursor_flag") == "1"
    assert shell.asked("mouse_any_flag") == "0"
    shell.type("clear")


@pytest.mark.peer
def test_the_desk_is_put_away_and_taken_up_again(shell: Tmux) -> None:
    """All of it stands there again, also after a window of 3 by 2."""
    shell.type("COLUMNS=60 LINES=10 sh ./desk")  # as they were in another window
    shell.shows("of 16")
    shell.press("Enter")
    shell.shows("customer │")
    shell.press("C-z")
    shell.shows("Stopped")
    _is_sane(shell)
    shell.type("fg")
    shell.shows("Esc close")
    shell.shows("│", rows=11)
    shell.resize(3, 2)
    shell.resize(80, 24)
    shell.shows("Esc close")
    shell.shows("│", rows=11)
    shell.press("C-c")
    shell.shows(_PROMPT)
    _is_sane(shell)


@pytest.mark.peer
def test_what_another_program_wrote_over_it_is_drawn_anew(shell: Tmux) -> None:
    """By Ctrl-L, though nothing has changed."""
    shell.type("clear; sh ./desk")
    shell.shows("of 16")
    shell.press("End")
    shell.shows("↑6")
    over_it = "".join(f"\x1b[{row};1H{'over it ' * 9}" for row in range(1, 25))
    Path(shell.asked("pane_tty")).write_text(over_it, "utf-8")
    assert not any("of 16" in row for row in shell.shows("over it", rows=20))
    shell.press("C-l")
    assert not any("over it" in row for row in shell.shows("of 16"))
    shell.press("C-c")
    shell.shows(_PROMPT)


@pytest.mark.peer
def test_keys_are_what_a_terminal_sends_for_them(shell: Tmux) -> None:
    """Alt and Enter are two signs, of which the second alone would send."""
    shell.type("clear; sh ./desk")
    shell.shows("of 16")
    shell.press("Enter")
    shell.shows("customer │")
    for words, key in (("first", "M-Enter"), ("second", "C-j"), ("third", "Left")):
        shell.write(words)
        shell.press(key)
    rows = [row.strip() for row in shell.shows("third")]
    assert rows[rows.index("first") :][:3] == ["first", "second", "third"]
    shell.press("C-c")
    shell.shows(_PROMPT)


@pytest.mark.peer
def test_an_editor_has_the_terminal_to_itself(shell: Tmux) -> None:
    """What comes meanwhile is not drawn over it, and told afterwards."""
    shell.type("clear; sh ./editing")
    shell.shows("of 16")
    shell.press("Enter")
    shell.shows("customer │")
    shell.press("C-g")
    shell.shows("an editor")
    shell.press("x")
    shell.press("Enter")
    assert [row for row in shell.shows("heard x") if row] == ["an editor", "x", "heard x"]
    shell.press("Enter")
    shell.shows("While you wrote: 60 messages of")
    shell.shows("written")
    shell.shows("│", rows=11)
    shell.press("C-c")
    shell.shows(_PROMPT)
    _is_sane(shell)


@pytest.mark.peer
def test_a_crash_leaves_the_terminal_as_it_was(shell: Tmux) -> None:
    """And the error on it, with none of what customers wrote."""
    shell.type("clear; sh ./failing")
    shell.shows("of 16")
    shell.press("C-l")
    said = shell.shows("ZeroDivisionError: a mistake of ours")
    assert not any("a@b.c" in row or "সোনার" in row for row in said)
    _is_sane(shell)


@pytest.mark.peer
def test_where_the_locale_knows_no_more_ascii_stands_in(shell: Tmux) -> None:
    """Column by column: the lines between the panes are straight."""
    shell.type("clear; LC_ALL=POSIX sh ./desk")
    shell.shows("of 16")
    shell.press("Enter")
    shell.shows("customer |")
    rows = shell.shows("??")
    assert all(row.isascii() for row in rows)
    assert {row.index("|") for row in rows if " | " in row} == {16}
    shell.press("C-c")
    shell.shows(_PROMPT)
    _is_sane(shell)


def test_without_colours_if_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on a signal to end, the terminal is given back."""
    monkeypatch.setenv("NO_COLOR", "1")
    with Terminal(CODE) as terminal:
        terminal.sees("of 16")
        terminal._process.send_signal(signal.SIGHUP)
        assert terminal.ends() == 0
        assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")
        drawn = {int(one) for many in _SGR.findall(terminal.raw) for one in many.split(";") if one}
        assert not drawn & _COLOURS
        assert drawn
