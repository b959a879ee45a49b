"""Programs that Node runs, from the repository's own ``node_modules``."""

import json
import shutil
import subprocess
from pathlib import Path
from threading import Timer
from typing import Any, Final

import pytest

__all__ = ["PACKAGES", "JavaScriptSdk", "SdkError", "node_or_skip"]

PACKAGES: Final = Path(__file__).parents[2] / "node_modules"
_BRIDGE: Final = Path(__file__).with_name("sdk.mjs")
_ANSWER_LIMIT: Final = 30.0
"""Seconds for one call, the SDK's start included."""


def node_or_skip() -> str:
    """The path of Node; skips the test when it, or the SDK, is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not here: install Node 20 or newer, then run `make peers`")
    if not (PACKAGES / "firebase" / "package.json").exists():
        pytest.skip("the JavaScript SDK is not here: run `make peers`")
    return node


class SdkError(Exception):
    """The SDK refused; the text is its error code, ``auth/...``."""


class JavaScriptSdk:
    """The SDK in a process of its own, with one user at most signed in.

    Attributes:
        user: Who is signed in after the last call, as the SDK writes it to JSON, or None.
    """

    def __init__(self, node: str) -> None:
        self.user: dict[str, Any] | None = None
        self._process = subprocess.Popen(
            [node, str(_BRIDGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def open(self, *, project: str, host: str) -> None:
        """Begin anew, with nobody signed in, at the Auth emulator at ``host``."""
        self.user = None
        self.call("open", {"project": project, "host": host})

    def call(self, name: str, *given: Any) -> Any:
        """Call a function of ``firebase/auth``, without its first argument.

        Raises:
            SdkError: It was refused.
        """
        assert self._process.stdin
        assert self._process.stdout
        watchdog = Timer(_ANSWER_LIMIT, self._process.kill)
        watchdog.start()
        try:
            print(json.dumps({"name": name, "given": given}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            pytest.fail(f"Node ended, or gave no answer to {name} in {_ANSWER_LIMIT:.0f} s")
        answer = json.loads(line)
        if "error" in answer:
            raise SdkError(answer["error"])
        self.user = answer["user"]
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
