"""A reply written in an editor."""

import io
import re
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.cli.editor import Draft, edited, given_text, without_modelines
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.stderr import Stderr, show_waiting
from imbari_chat.errors import ConfigError, InvalidData

_EDITOR = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
text = file.read_text(encoding="utf-8")
{work}
"""


@pytest.fixture
def editor(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> "Editor":
    """A program to edit with."""
    return Editor(nowhere, monkeypatch)


class Editor:
    """Sets VISUAL to a script."""

    def __init__(self, directory: Path, environment: pytest.MonkeyPatch) -> None:
        self._script = directory / "an editor.py"
        self._environment = environment

    def does(self, work: str) -> None:
        """Let it do ``work`` with ``file`` and ``text``."""
        self._script.write_text(_EDITOR.format(work=work), encoding="utf-8")
        self._environment.setenv("VISUAL", f"{sys.executable} '{self._script}'")


@pytest.fixture
def draft(nowhere: Path) -> Draft:
    """A new draft, where nothing has been kept yet."""
    return Draft(nowhere / "data" / "drafts", "-Oabc")


def test_what_is_above_the_line_is_the_text(draft: Draft, editor: Editor) -> None:
    """Blank lines around it go, lines that look like comments stay."""
    editor.does("file.write_text('\\n# Hello\\n\\nAmina\\n' + text, encoding='utf-8')")
    assert draft.edit(["To Amina"]) == "# Hello\n\nAmina"


def test_the_editor_shows_the_context(draft: Draft, editor: Editor) -> None:
    """Whom one writes to stands below the line."""
    editor.does(
        "assert '# To Amina' in text.split('>8')[1]; file.write_text('Hi', encoding='utf-8')"
    )
    assert draft.edit(["To Amina"]) == "Hi"


_WORDS = st.sampled_from(
    ["vim", "vi", "Vim", "ex", "kate", "kak", "Local Variables", "-*-", ":", " ", "\t", "set", "7"]
) | st.text(max_size=4)

_VIM = re.compile(r"(?:^|\s)(?:vi:|[vV]im(?:[<=>]?[0-9]+)?:|ex:)")
"""As vim's own manual has it (options.txt, modeline)."""


@example("Local Variables:LOCAL VARIABLES:Vim:VIM7:vi: ex: kate: KAK: kakoune:-*-")
@given(st.lists(_WORDS, max_size=8).map("".join))
def test_no_editor_obeys_what_a_customer_wrote(line: str) -> None:
    """Whatever the words, and nothing but a space is added to them."""
    written = without_modelines(line)
    assert not _VIM.search(f"# {written}")
    assert "-*-" not in written
    assert "local variables:" not in written.lower()
    assert written.replace(" ", "") == line.replace(" ", "")


def test_the_draft_on_disk_has_no_modeline(draft: Draft, editor: Editor) -> None:
    """In the lines that the editor is given."""
    editor.does("assert 'vim:' not in text and 'set tabstop' in text; file.write_text('Hi')")
    assert draft.edit(["To Amina vim: set tabstop=7 :"]) == "Hi"


def test_ctrl_c_in_the_editor_is_the_editors(draft: Draft, editor: Editor) -> None:
    """Whoever leaves vim's insert mode with it has not given up the reply."""
    editor.does(
        "import os, signal; os.kill(os.getppid(), signal.SIGINT);"
        "file.write_text('Hi', encoding='utf-8')"
    )
    before = signal.getsignal(signal.SIGINT)
    assert draft.edit([]) == "Hi"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_editor_has_the_terminal_to_itself(
    draft: Draft, editor: Editor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the line that says what is waited for."""
    editor.does("pass")
    show_waiting("waiting")
    draft.edit([])
    assert capsys.readouterr().err == "\r\x1b[2Kwaiting\r\x1b[2K"


def test_an_editor_that_fails_keeps_the_text(
    draft: Draft, editor: Editor, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was saved before it failed is still there, and it is said where."""
    editor.does("file.write_text('Half a', encoding='utf-8'); sys.exit(3)")
    with pytest.raises(InvalidData, match="status 3"), draft.kept_unless_sent(Stderr()):
        draft.edit([])
    assert draft.file.read_text(encoding="utf-8") == "Half a"
    assert capsys.readouterr().err == f"warning: your text is kept in {draft.file}\n"


def test_a_text_that_was_not_sent_is_kept(
    draft: Draft, editor: Editor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the reason, Ctrl-C included; without the scissors and what is below."""
    editor.does("file.write_text('Dear Amina\\n' + text, encoding='utf-8')")
    draft.edit([])
    with pytest.raises(KeyboardInterrupt), draft.kept_unless_sent(Stderr()):
        raise KeyboardInterrupt
    assert draft.file.read_text(encoding="utf-8") == "Dear Amina\n"
    assert str(draft.file) in capsys.readouterr().err


def test_nothing_written_leaves_nothing_behind(
    draft: Draft, editor: Editor, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty draft is not worth a file."""
    editor.does("pass")
    with pytest.raises(InvalidData), draft.kept_unless_sent(Stderr()):
        raise InvalidData(f"empty: {draft.edit(['To Amina'])!r}")
    assert not draft.file.exists()
    assert capsys.readouterr().err == ""


def test_a_sent_text_leaves_nothing_behind(draft: Draft, editor: Editor) -> None:
    """The draft has done its work."""
    editor.does("file.write_text('Hi', encoding='utf-8')")
    with draft.kept_unless_sent(Stderr()):
        draft.edit([])
    assert not draft.file.exists()


def test_without_an_editor_one_is_told_what_to_set(draft: Draft) -> None:
    """Guessing one would surprise."""
    with pytest.raises(ConfigError, match="no editor is set"):
        draft.edit([])


def test_an_editor_that_is_not_there(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    monkeypatch.setenv("EDITOR", "no-such-editor")
    with pytest.raises(ConfigError, match="no-such-editor"):
        draft.edit([])


@pytest.mark.parametrize("session", ["-Oabc", "й" * 768])
def test_a_draft_is_named_after_its_conversation(nowhere: Path, session: str) -> None:
    """However long that is; another is beside it."""
    one, other = (Draft(nowhere / "drafts", session) for _ in range(2))
    assert one.file.name.startswith(f"{session[:40]}-")
    assert one.file.suffix == ".txt"
    assert {one.file, other.file} == set((nowhere / "drafts").iterdir())


def test_drafts_are_for_their_owner_only(draft: Draft) -> None:
    """A reply may hold what others should not read."""
    assert [one.stat().st_mode & 0o077 for one in (draft.file, draft.file.parent)] == [0, 0]


@pytest.mark.parametrize(
    ("words", "keyboard", "screen", "text"),
    [
        (["Hi"], True, True, "Hi"),
        (["Hi"], False, False, "Hi"),
        (["Hi", "you"], True, True, "the text must be one argument, and 2 were given"),
        ([], True, True, None),
        ([], True, False, "there is no text to send"),
        ([], False, True, "there is no text to send"),
    ],
)
def test_a_text_is_given_or_asked_for_where_somebody_is(
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    keyboard: bool,
    screen: bool,
    text: str | None,
) -> None:
    """An editor needs both a keyboard and a screen."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: keyboard)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: screen)
    try:
        found = given_text(words)
    except UsageError as error:
        found = error.what
    assert found == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"Hi\n", "Hi"), (b"Hi\r\n", "Hi"), (b"Hi\n\n", "Hi\n"), (b" Hi", " Hi"), (b"", "")],
)
def test_standard_input_loses_its_last_line_end_only(
    raw: bytes, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``echo`` adds it; nothing else is changed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
    assert given_text(["-"]) == text


def test_a_draft_that_is_no_text_is_kept(draft: Draft, editor: Editor) -> None:
    """Whatever the editor wrote."""
    editor.does("file.write_bytes(b'caf\\xe9')")
    with pytest.raises(InvalidData, match="not UTF-8"):
        draft.edit(())
    assert draft.file.read_bytes() == b"caf\xe9"


@pytest.mark.parametrize("name", ["VISUAL", "EDITOR"])
def test_an_editor_that_cannot_be_understood_is_named(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By the variable that names it."""
    monkeypatch.setenv(name, "vim 'half")
    with pytest.raises(ConfigError, match=f"{name} cannot be understood"):
        draft.edit(())


async def test_what_the_desk_lets_edit_leaves_nothing_behind(nowhere: Path, editor: Editor) -> None:
    """Unless it fails: then the text is kept."""
    editor.does("file.write_text(text.replace('on', 'off', 1), encoding='utf-8')")
    assert await edited(nowhere / "drafts", "on its way") == "off its way"
    assert list((nowhere / "drafts").iterdir()) == []
    editor.does("sys.exit(3)")
    with pytest.raises(InvalidData, match="ended with status 3"):
        await edited(nowhere / "drafts", "on its way")
    (kept,) = (nowhere / "drafts").iterdir()
    assert kept.read_text("utf-8").startswith("on its way")
