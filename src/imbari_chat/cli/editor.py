"""A reply's text: from the command line, from standard input or from an editor; never lost."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.session_refs import standard_input
from imbari_chat.cli.stderr import Stderr, wipe_waiting
from imbari_chat.errors import ConfigError, InvalidData

__all__ = ["Draft", "edited", "given_text", "without_modelines"]

_SCISSORS: Final = "# --------------------------- >8 ---------------------------"
_BELOW: Final = "# Everything from the line above is left out. Save nothing to send nothing."
_MODELINE: Final = re.compile(
    r"\b(?:vi|vim|ex|kak|kakoune|kate)(?:[<=>]?[0-9]+)?(?=:)|-\*(?=-)|local variables(?=:)",
    re.ASCII | re.IGNORECASE,
)
"""What editors take for a file's settings, wherever in a line: ``vim:``, ``-*-`` and the like."""

_EDITORS: Final = ("VISUAL", "EDITOR")


def given_text(words: Sequence[str]) -> str | None:
    """The text that the caller gave, or None if an editor shall ask for it.

    Args:
        words: What followed the session: nothing, ``-`` for standard input, or one text.

    Raises:
        UsageError: Several words without quotes, or nothing at all and nobody to ask.
        InvalidData: Standard input is not UTF-8.
    """
    if len(words) > 1:
        raise UsageError(
            f"the text must be one argument, and {len(words)} were given",
            hint="Put the text in quotes, or give - and pipe it in",
        )
    if words and words[0] != "-":
        return words[0]
    if words:
        return standard_input().removesuffix("\n").removesuffix("\r")
    if sys.stdin.isatty() and sys.stdout.isatty():
        return None
    raise UsageError(
        "there is no text to send",
        hint='Say it: reply SESSION "...", or pipe it in: reply SESSION -',
    )


class Draft:
    """A text being written in an editor, kept in a file until it was sent.

    Args:
        directory: Where drafts are kept.
        session: The session it answers.
    """

    def __init__(self, directory: Path, session: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"{session[:40]}-"
        with tempfile.NamedTemporaryFile(
            dir=directory, prefix=prefix, suffix=".txt", delete=False
        ) as made:
            self.file = Path(made.name)

    def edit(self, context: Sequence[str], text: str = "") -> str:
        """Let the person write, and give what stands above the scissors line.

        Args:
            context: Lines to show below it, safe to draw.
            text: What is written so far.

        Raises:
            ConfigError: No editor is known, or it cannot be started.
            InvalidData: It failed, or what it left is not UTF-8.
        """
        with _ctrl_c_left_to_the_editor():
            return self._ended(self._begun(context, text).wait())

    async def edit_meanwhile(self, text: str) -> str:
        """The same with nothing below, while the event loop goes on.

        Raises:
            ConfigError: As for :meth:`edit`, like the other.
            InvalidData: It failed, or what it left is not UTF-8.
        """
        from asyncio import to_thread

        with _ctrl_c_left_to_the_editor():
            return self._ended(await to_thread(self._begun((), text).wait))

    def _begun(self, context: Sequence[str], text: str) -> "subprocess.Popen[bytes]":
        below = "\n".join(f"# {without_modelines(line)}".rstrip() for line in context)
        self.file.write_text(f"{text}\n\n{_SCISSORS}\n{_BELOW}\n{below}\n", encoding="utf-8")
        command = _editor()
        wipe_waiting()
        try:
            # The person's own choice of program, from the person's own environment.
            return subprocess.Popen([*command, str(self.file)])  # noqa: S603
        except OSError as error:
            raise ConfigError(
                f"the editor {command[0]!r} cannot be started: {error.strerror}",
                hint="Set VISUAL or EDITOR, or give the text on the command line",
            ) from None

    def _ended(self, status: int) -> str:
        if status:
            raise InvalidData(f"the editor ended with status {status}, so nothing was sent")
        try:
            written = self.file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InvalidData("the draft is not UTF-8 text") from None
        text = written.partition(_SCISSORS)[0].strip()
        self.file.write_text(f"{text}\n", encoding="utf-8")
        return text

    @contextmanager
    def kept_unless_sent(self, stderr: Stderr) -> Iterator[None]:
        """Delete the file if the block ends well or nothing was written; else say where it is."""
        try:
            yield
        except BaseException:
            if self._is_empty():
                self.file.unlink()
            else:
                stderr.warn(f"your text is kept in {self.file}")
            raise
        self.file.unlink(missing_ok=True)

    def _is_empty(self) -> bool:
        written = self.file.read_bytes().partition(_SCISSORS.encode())[0]
        return not written.strip()


async def edited(directory: Path, text: str) -> str:
    """``text``, edited by the person while the event loop goes on.

    Args:
        directory: Where it is while it is being edited.
        text: What is written so far.

    Raises:
        ConfigError: As for :meth:`Draft.edit`, like the other.
        InvalidData: It failed, or what it left is not UTF-8. The text is kept in the file.
    """
    draft = Draft(directory, "desk")
    text = await draft.edit_meanwhile(text)
    draft.file.unlink()
    return text


def without_modelines(line: str) -> str:
    """A stranger's words with a space in whatever an editor would obey: ``vim :``, ``-* -``.

    vim reads its settings from the first and last lines of a file, emacs from the first one and
    from the last page; both sets include the lines below the scissors.
    """
    return _MODELINE.sub(r"\g<0> ", line)


@contextmanager
def _ctrl_c_left_to_the_editor() -> Iterator[None]:
    """In an editor Ctrl-C is a key like any other; the terminal sends it to this process as well.

    A handler that does nothing, rather than ignoring the signal, which the editor would inherit.
    """
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _editor() -> list[str]:
    for name in _EDITORS:
        chosen = os.environ.get(name, "").strip()
        if chosen:
            try:
                return shlex.split(chosen)
            except ValueError as error:
                raise ConfigError(
                    f"{name} cannot be understood: {error}",
                    where="environment",
                    hint="It is read as a shell reads a command: quote what holds blanks",
                ) from None
    raise ConfigError(
        "no editor is set", hint="Set VISUAL or EDITOR, or give the text on the command line"
    )
