"""Where JavaScript clients run: Node, and tabs of Chromium, driven by requests and answers.

A *player* is a module of plays beside this file; ``player.mjs`` says what it answers to. Programs
are started when they are first needed, and serve every case after that.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread, Timer
from typing import Any, Final, Protocol, Self
from urllib.parse import urlencode, urlsplit

import pytest

from tests.node import PACKAGES, node_or_skip
from tests.web.browser import Browser, BrowserError, Context, chromium_or_skip

__all__ = ["Program", "Programs", "SdkError", "in_chromium", "in_node"]

_HERE: Final = Path(__file__).parent
_TESTS: Final = _HERE.parents[1]
_ANSWER_LIMIT: Final = 180.0
"""Seconds for one answer, the start of what answers included."""

_REFUSED: Final = "Failed to load resource"
"""How the browser tells of an answer that is a refusal; what was asked has told of it too."""


class SdkError(Exception):
    """The SDK refused; the text is its error code, or what went wrong in a play."""


class Tab(Protocol):
    """One run of a player, with memory of its own."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What it answers."""

    def close(self) -> None:
        """End it as its user does."""

    def crash(self) -> None:
        """End it between two instructions."""


class Program:
    """A client's player in one tab or several.

    Args:
        new_tab: Makes a tab.
    """

    def __init__(self, new_tab: Callable[[], Tab]) -> None:
        self._new_tab = new_tab
        self._tabs: dict[int, Tab] = {}
        self._opened: set[int] = set()
        self._place: dict[str, str] = {}
        self._gone: set[str] = set()

    def open(self, **place: str) -> None:
        """Begin anew, without any client, at these addresses."""
        self._place = place
        self._opened.clear()
        self._gone.clear()

    def leave(self) -> None:
        """End what clients there are; tabs stay for the next to come."""
        for number in self._opened:
            self._ask(number, "open", {})
        self._opened.clear()

    def play(self, name: str, *, tab: int = 0, **given: Any) -> Any:
        """What the clients of a play saw.

        Raises:
            SdkError: Something else happened than the play has room for.
        """
        return self._ask(tab, name, given)

    def call(self, name: str, *given: Any, of: str = "") -> Any:
        """What a function gives that is called by its name.

        Args:
            name: As the library spells it.
            given: What it is called with.
            of: Which of the library's objects has it, where there are several.

        Raises:
            SdkError: It was refused.
        """
        return self._ask(0, "call", {"name": name, "given": given, "of": of})

    def together(self, name: str, tabs: int, **given: Any) -> list[Any]:
        """What a play gives in each of some tabs that play it at once."""
        for tab in range(tabs):
            self._ask(tab, "begin", {"name": name, "given": given})
        return [self._ask(tab, "finish", {}) for tab in range(tabs)]

    def close(self, tab: int) -> None:
        """End a tab as its user does."""
        self._without(tab).close()

    def crash(self, tab: int) -> None:
        """End a tab that does not know it."""
        self._without(tab).crash()

    def surface(self) -> set[str]:
        """The public calls of the installed library."""
        return set(self._ask(0, "surface", {}))

    def made(self) -> set[str]:
        """Those of them that were made since ``open``."""
        return self._gone.union(*(self._ask(tab, "made", {}) for tab in sorted(self._opened)))

    def end(self) -> None:
        """End all tabs."""
        for tab in self._tabs.values():
            tab.close()

    def _without(self, tab: int) -> Tab:
        self._gone |= set(self._ask(tab, "made", {}))
        self._opened.remove(tab)
        return self._tabs.pop(tab)

    def _ask(self, tab: int, name: str, given: Mapping[str, Any]) -> Any:
        if tab not in self._tabs:
            self._tabs[tab] = self._new_tab()
        if tab not in self._opened:
            self._opened.add(tab)
            self._ask(tab, "open", self._place)
        answer = self._tabs[tab].ask({"name": name, "given": given})
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["value"]


class Programs:
    """All programs of one run, by client."""

    def __init__(self, starts: Mapping[str, Callable[[ExitStack], Program]]) -> None:
        self._starts = starts
        self._running: dict[str, Program] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, client: str) -> Program:
        """The one that a client runs in; skips, saying how to have it, when it is not here."""
        if client not in self._running:
            program = self._starts[client](self._stack)
            self._stack.callback(program.end)
            self._running[client] = program
        return self._running[client]


class _NodeTab:
    """A process of Node."""

    def __init__(self, node: str, player: Path) -> None:
        self._process = subprocess.Popen(
            [node, str(_HERE / "stdio.mjs"), player.as_uri()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
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
            pytest.fail(f"Node ended, or gave no answer to {request} in {_ANSWER_LIMIT:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=_ANSWER_LIMIT)

    def crash(self) -> None:
        self._process.kill()
        self._process.communicate()


def in_node(player: Path, *packages: str) -> Callable[[ExitStack], Program]:
    """A player in processes of Node, with these packages beside the SDK."""

    def start(stack: ExitStack) -> Program:
        node = node_or_skip(*packages)
        return Program(lambda: _NodeTab(node, player))

    return start


class _Site(SimpleHTTPRequestHandler):
    """The page, the tests' modules, and installed packages."""

    def translate_path(self, path: str) -> str:
        first, _, rest = urlsplit(path).path[1:].partition("/")
        roots = {"tests": _TESTS, "packages": PACKAGES}
        return str(roots[first] / rest if first in roots else _HERE / "page.html")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base names it
        return


class _ChromiumTab:
    """A page of one browser context."""

    def __init__(self, context: Context, url: str) -> None:
        self._page = context.page(url)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = json.dumps(request)
        answer = self._page.evaluate(f"async () => (await playing).answer({asked})")
        told = [line for line in self._page.told() if not line.startswith(_REFUSED)]
        assert not told, told
        found: dict[str, Any] = answer
        return found

    def close(self) -> None:
        self._page.browser.ask("call", self._page.number, ["close"])

    def crash(self) -> None:
        with pytest.raises(BrowserError, match="crash"):
            self._page.goto("chrome://crash")


def in_chromium(player: Path) -> Callable[[ExitStack], Program]:
    """A player in tabs of Chromium, all of one origin."""

    def start(stack: ExitStack) -> Program:
        browser = Browser(chromium_or_skip())
        stack.callback(browser.close)
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Site))
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        version = json.loads((PACKAGES / "firebase" / "package.json").read_text("utf-8"))["version"]
        where = {"version": version, "player": f"/tests/{player.relative_to(_TESTS).as_posix()}"}
        url = f"http://127.0.0.1:{server.server_port}/?{urlencode(where)}"
        context = Context(browser)
        return Program(lambda: _ChromiumTab(context, url))

    return start
