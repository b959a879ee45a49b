"""What the tests of the command line drive it with."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from imbari_chat.cli.main import _named, build
from imbari_chat.cli.stdout import Stdout
from imbari_chat.client import CustomerChat
from imbari_chat.emulator import Emulator
from tests import plain_http

__all__ = ["Program", "Visitor", "outside"]

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Program:
    """``imbari-chat`` in this process, without a terminal."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def __call__(
        self,
        *arguments: str,
        stdin: str | bytes | None = None,
        width: int = 80,
        code: int = 0,
        terminal: bool = False,
    ) -> Result:
        """Run a command; it must end with ``code``."""
        result = self.run(*arguments, stdin=stdin, width=width, terminal=terminal)
        assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
        return result

    def run(
        self,
        *arguments: str,
        stdin: str | bytes | None = None,
        width: int = 80,
        terminal: bool = False,
    ) -> Result:
        """Run a command, however it ends; its output seems to be a terminal if it is to."""
        with pytest.MonkeyPatch.context() as patched:
            if terminal:
                patched.setattr(Stdout, "is_terminal", True)
            app = build(_named(arguments))  # as the program does; all take ten times as long
            return self._runner.invoke(
                app, list(arguments), input=stdin, env={"COLUMNS": str(width)}
            )

    def json(self, *arguments: str, stdin: str | None = None) -> Any:
        """What a command prints with ``--json``; if that is one thing, the thing itself."""
        document = json.loads(self(*arguments, "--json", stdin=stdin).stdout)
        assert document.pop("version") == 1
        return next(iter(document.values())) if len(document) == 1 else document

    def inbox(self, *options: str) -> Any:
        """The conversations that ``inbox`` lists."""
        return self.json("inbox", *options)["conversations"]

    def show(self, session: str, *options: str) -> Any:
        """One conversation, as ``show`` gives it."""
        (shown,) = self.json("show", session, *options)
        return shown


class Visitor:
    """Customers, each a new one."""

    def writes(
        self, *texts: str, name: str = "Amina Nakato", email: str = "amina@example.com"
    ) -> str:
        """Start a conversation with these messages; returns its id."""
        with CustomerChat.from_env() as chat:
            first, *more = texts or (None,)
            session = chat.start(name=name, email=email, topic="Wholesale", text=first)
            for text in more:
                assert text is not None
                chat.send(text)
            return session.id


def outside(emulator: Emulator, path: str, value: object) -> None:
    """Write as the database's owner, whom no rule stops: junk, or the website's old habits."""

    answer = plain_http.put(
        f"http://{emulator.database_host}{path}.json",
        params={"ns": emulator.namespace},
        headers={"Authorization": "Bearer owner"},
        content=json.dumps(value),
    )
    assert answer.status_code == 200, answer.text
