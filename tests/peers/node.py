"""Programs that Node runs, from the repository's own ``node_modules``."""

import json
import shutil
import subprocess
from pathlib import Path
from threading import Timer
from typing import Any, Final

import pytest

__all__ = ["PACKAGES", "JavaScriptSdk", "NodeProcess", "Plays", "SdkError", "node_or_skip"]

PACKAGES: Final = Path(__file__).parents[2] / "node_modules"
_ANSWER_LIMIT: Final = 30.0
"""Seconds for one call, the SDK's start included."""


def node_or_skip(*packages: str) -> str:
    """The path of Node; skips the test when it, the SDK or one of ``packages`` is not here."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not here: install Node 20 or newer, then run `make peers`")
    for package in ("firebase", *packages):
        if not (PACKAGES / package / "package.json").exists():
            pytest.skip(f"{package} for Node is not here: run `make peers`")
    return node


class SdkError(Exception):
    """The SDK refused; the text is its error code, ``auth/...``."""


class NodeProcess:
    """A program that answers one line of JSON with another.

    Args:
        script: Beside this file.
    """

    def __init__(self, node: str, script: str) -> None:
        self._process = subprocess.Popen(
            [node, str(Path(__file__).with_name(script))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What it answers.

        Raises:
            SdkError: It was refused.
        """
        assert self._process.stdin
        assert self._process.stdout
        watchdog = Timer(_ANSWER_LIMIT, self._process.kill)
        watchdog.start()
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            name = request["name"]
            pytest.fail(f"Node ended, or gave no answer to {name} in {_ANSWER_LIMIT:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class JavaScriptSdk(NodeProcess):
    """The SDK in a process of its own, with one user at most signed in.

    Attributes:
        user: Who is signed in after the last call, as the SDK writes it to JSON, or None.
    """

    def __init__(self, node: str) -> None:
        super().__init__(node, "sdk.mjs")
        self.user: dict[str, Any] | None = None

    def open(self, *, project: str, host: str) -> None:
        """Begin anew, with nobody signed in, at the Auth emulator at ``host``."""
        self.user = None
        self.call("open", {"project": project, "host": host})

    def call(self, name: str, *given: Any) -> Any:
        """Call a function of ``firebase/auth``, without its first argument.

        Raises:
            SdkError: It was refused.
        """
        answer = self.ask({"name": name, "given": given})
        self.user = answer["user"]
        return answer["value"]


class Plays(NodeProcess):
    """The SDK's database: plays of one or more clients, and what they saw.

    Each client has an app and a socket of its own.

    Args:
        script: The plays.
    """

    def __init__(self, node: str, script: str = "database.mjs") -> None:
        super().__init__(node, script)

    def open(self, **place: str) -> None:
        """Begin anew, without any client, at this ``host``, ``auth``, ``ns`` and ``project``."""
        self.ask({"name": "open", "given": place})

    def play(self, name: str, **given: Any) -> Any:
        """What the clients of this play saw.

        Raises:
            SdkError: Something else happened than the play has room for.
        """
        return self.ask({"name": name, "given": given})["value"]
