"""Chromium, driven by Playwright in Node from here."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Timer
from typing import Any, Final

import pytest

from tests.node import PACKAGES, node_or_skip

__all__ = ["Browser", "Context", "Page", "Part", "chromium_or_skip"]

PATIENCE: Final = 60.0
"""Seconds that something on a page may take to be there."""

_BRIDGE: Final = Path(__file__).with_name("browser.mjs")
_ANSWER_LIMIT: Final = 2 * PATIENCE


def chromium_or_skip() -> str:
    """The path of Chromium; skips the test, saying how to have it, when anything is missing."""
    node_or_skip()
    if not all(
        (PACKAGES / name / "package.json").exists() for name in ("playwright-core", "axe-core")
    ):
        pytest.skip("Playwright or axe is not here: run `make peers`")
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip(
        "Chromium is not here: install it, for example `apt-get install chromium-headless-shell`"
    )


class BrowserError(AssertionError):
    """What Playwright says: what was not to be found, and what was there instead."""


class Browser:
    """One browser, shared by tests; each has contexts of its own in it."""

    def __init__(self, program: str) -> None:
        node = node_or_skip()
        self._process = subprocess.Popen(
            [node, str(_BRIDGE), program, str(round(PATIENCE * 1000))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, name: str, *given: Any) -> Any:
        """One request and its answer."""
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
            pytest.fail(f"the browser ended, or gave no answer to {name} {given}")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the browser and what drives it."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page, as Playwright's locators name it; found when something is done with it."""

    browser: Browser
    number: int
    steps: tuple[Sequence[Any], ...] = ()

    def role(self, role: str, name: str | None = None, *, exact: bool = False) -> "Part":
        """What assistive technology knows as ``role``, and perhaps by a name."""
        return self._and("getByRole", role, {} if name is None else {"name": name, "exact": exact})

    def label(self, text: str) -> "Part":
        """A field by its label."""
        return self._and("getByLabel", text, {"exact": True})

    def text(self, text: str) -> "Part":
        """What says exactly this."""
        return self._and("getByText", text, {"exact": True})

    def css(self, selector: str) -> "Part":
        """By selector, also inside shadow roots."""
        return self._and("locator", selector)

    def first(self) -> "Part":
        """The first of several."""
        return self._and("first")

    def click(self) -> None:
        self._do("click")

    def fill(self, text: str) -> None:
        self._do("fill", text)

    def press(self, key: str) -> None:
        self._do("press", key)

    def check(self) -> None:
        self._do("check")

    def shows(self) -> None:
        """Wait until it is visible."""
        self._do("waitFor", {"state": "visible"})

    def vanishes(self) -> None:
        """Wait until it is not visible any more."""
        self._do("waitFor", {"state": "hidden"})

    def count(self) -> int:
        return int(self._do("count"))

    def texts(self) -> list[str]:
        """The text of each."""
        return list(self._do("allTextContents"))

    def content(self) -> str:
        """Its text."""
        return str(self._do("textContent"))

    def attribute(self, name: str) -> str | None:
        value = self._do("getAttribute", name)
        return None if value is None else str(value)

    def value(self) -> str:
        """Of a field."""
        return str(self._do("inputValue"))

    def box(self) -> dict[str, float]:
        """Where it is on the screen, in pixels."""
        return dict(self._do("boundingBox"))

    def _do(self, *step: Any) -> Any:
        return self.browser.ask("call", self.number, *self.steps, step)

    def _and(self, *step: Any) -> "Part":
        return replace(self, steps=(*self.steps, step))


class Page(Part):
    """One tab."""

    __slots__ = ()

    def goto(self, url: str) -> None:
        self._do("goto", url)

    def content_is(self, markup: str) -> None:
        """Show this instead of what is there."""
        self._do("goto", "about:blank")
        self._do("setContent", markup)

    def close(self) -> None:
        """Close the tab, as whoever leaves does."""
        self._do("close")

    def reload(self) -> None:
        self._do("reload")

    def keys(self, *names: str) -> None:
        """Press keys wherever the focus is."""
        for name in names:
            self.browser.ask("keyboard", self.number, "press", name)

    def type(self, text: str) -> None:
        """Type wherever the focus is."""
        self.browser.ask("keyboard", self.number, "type", text)

    def evaluate(self, function: str) -> Any:
        """What a function of JavaScript gives in the page."""
        return self._do("evaluate", f"({function})()")

    def picture(self, file: Path) -> None:
        """Save what is to be seen as a PNG."""
        self._do("screenshot", {"path": str(file), "animations": "disabled"})

    def violations(self) -> list[str]:
        """What axe finds that keeps people out."""
        return list(self.browser.ask("violations", self.number))

    def told(self) -> list[str]:
        """Errors, and dialogs that a script opened, since the last time."""
        return list(self.browser.ask("told", self.number))

    def console(self) -> list[str]:
        """All lines of its console since the last time."""
        return list(self.browser.ask("said", self.number))


class Context:
    """A browser profile of its own: pages in it share sign-ins, others do not.

    Args:
        options: Playwright's, for example ``viewport``.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self._browser = browser
        self._id = browser.ask("context", options)

    def page(self, url: str) -> "Page":
        """A tab, at ``url``."""
        page = Page(self._browser, self._browser.ask("page", self._id))
        page.goto(url)
        return page

    def offline(self, is_offline: bool) -> None:
        """Take the network away, or give it back; pages are told by the browser."""
        self._browser.ask("onContext", self._id, "setOffline", is_offline)

    def close(self) -> None:
        """Close all its pages."""
        self._browser.ask("closeContext", self._id)
