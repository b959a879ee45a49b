"""The demo's stage with both pages on it, a browser, and a line between that can be cut."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from imbari_chat import AdminChat, CustomerChat
from imbari_chat.cli.demo.site import Site, pages, serving
from imbari_chat.cli.demo.stage import Stage, stage
from imbari_chat.wire.json import dumps
from tests import plain_http
from tests.faults.proxy import Proxy
from tests.node import PACKAGES
from tests.web.browser import PATIENCE, Browser, Context, Page, chromium_or_skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with closing(Browser(chromium_or_skip())) as started:
        yield started


class Line:
    """The way from a page to the database."""

    def __init__(self, target: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._proxy = Proxy(target)
        self._run(self._proxy.__aenter__())

    @property
    def address(self) -> str:
        return self._proxy.address

    def cut(self) -> None:
        """Break what is open and let nothing new through."""
        self._run(self._proxy.refuse())

    def lose_answers(self) -> None:
        """Let through what the page sends, and nothing that it is told."""

        async def mute() -> None:
            self._proxy.mute()

        self._run(mute())

    def mend(self) -> None:
        """Let everything through again."""
        self._run(self._proxy.mend())

    def close(self) -> None:
        self._run(self._proxy.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)


@dataclass(frozen=True)
class Place:
    """Where a test plays.

    Attributes:
        stage: The emulator and the admin's account.
        url: Both pages.
        line: From the pages to the database.
        new_context: A browser profile of its own.
    """

    stage: Stage
    url: str
    line: Line
    new_context: Callable[..., Context]

    def customer(self, context: Context | None = None) -> Page:
        """The page with the widget."""
        return (context or self.new_context()).page(self.url)

    def admin(self, context: Context | None = None) -> Page:
        """The dashboard, signed in."""
        page = (context or self.new_context()).page(f"{self.url}/admin/chat")
        page.label("E-mail").fill(self.stage.email)
        page.label("Password").fill(self.stage.password)
        page.role("button", "Sign in").click()
        page.text("Choose a chat to read it.").shows()
        return page

    def desk(self) -> AdminChat:
        """The admin in Python."""
        return AdminChat.from_env(**self.stage.flags)

    def visitor(self) -> CustomerChat:
        """A customer in Python."""
        return CustomerChat.from_env(**self.stage.flags)


@contextmanager
def place_at(here: Stage, browser: Browser, *more: Path) -> Iterator[Place]:
    """Both pages on a stage, and ``more`` folders of pages, as long as the block runs."""
    with ExitStack() as closing_time:
        line = Line(here.emulator.database_host)
        closing_time.callback(line.close)
        site = Site(
            [pages(), *more],
            {"apiKey": "any", "projectId": here.emulator.project},
            {"auth": here.emulator.auth_host, "database": line.address},
            PACKAGES / "firebase",
        )
        url = closing_time.enter_context(serving(site, 0))

        def new_context(**options: Any) -> Context:
            context = Context(browser, **options)
            closing_time.callback(context.close)
            return context

        yield Place(here, url, line, new_context)


@pytest.fixture
def place(browser: Browser) -> Iterator[Place]:
    """An empty chat under the strict rules."""
    with stage() as here, place_at(here, browser) as made:
        yield made


def start(page: Page, name: str = "Amina", email: str = "amina@example.com") -> None:
    """Open the chat and fill in the form, as a customer does."""
    page.role("button", "Open chat").click()
    page.label("Name").fill(name)
    page.label("E-mail").fill(email)
    page.role("button", "Start chat").click()
    page.label("Write a message").shows()


def write(page: Page, text: str) -> None:
    """Write into whichever composer there is, and send."""
    field = page.css("textarea")
    field.fill(text)
    field.press("Enter")


def stored(place: Place, path: str = "") -> Any:
    """What the database holds, beside all rules."""
    url = f"http://{place.stage.emulator.database_host}/{path}.json"
    owner = {"Authorization": "Bearer owner"}
    parameters = {"ns": place.stage.emulator.namespace}
    return plain_http.get(url, params=parameters, headers=owner).raise_for_status().json()


def becomes(read: Callable[[], Any], expected: Any) -> None:
    """Wait until the database holds it: a page shows what it writes before the server has it."""
    deadline = time.monotonic() + PATIENCE
    while (found := read()) != expected:
        assert time.monotonic() < deadline, f"{found!r} never became {expected!r}"
        time.sleep(0.02)


def store(place: Place, path: str, value: Any) -> None:
    """Put something into the database, beside all rules."""
    url = f"http://{place.stage.emulator.database_host}/{path}.json"
    owner = {"Authorization": "Bearer owner"}
    parameters = {"ns": place.stage.emulator.namespace}
    plain_http.put(url, params=parameters, headers=owner, content=dumps(value)).raise_for_status()


def said(place: Place) -> list[str]:
    """The texts of the only conversation there is, in the order of their times."""
    (messages,) = stored(place, "messages").values()
    return [one["text"] for one in sorted(messages.values(), key=lambda one: one["timestamp"])]


def use_from_the_environment(place: Place, patch: pytest.MonkeyPatch) -> None:
    """Let commands be the admin's."""
    for name, value in place.stage.emulator.environment().items():
        patch.setenv(name, value)
    flags: dict[str, Any] = {**place.stage.flags}
    for name in ("identity", "profile", "token_store", "data_dir"):
        patch.setenv(f"IMBARI_CHAT_{name.upper()}", str(flags[name]))
