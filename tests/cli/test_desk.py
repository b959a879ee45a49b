"""The desk as a command: where it is refused, and how it leaves a terminal."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli import desk, remains
from imbari_chat.cli.colleagues import Colleagues
from imbari_chat.cli.editor import edited
from imbari_chat.cli.exit_codes import Interrupted, UsageError
from imbari_chat.cli.options import Target
from imbari_chat.config import Settings
from imbari_chat.desk import app
from imbari_chat.desk.frame import Place
from imbari_chat.desk.notifier import Notices
from imbari_chat.errors import Unavailable
from imbari_chat.view.listing import Listing
from tests.cli.terminal import Terminal

_RUN = """
import os
os.environ["TERM"] = {term!r}
from imbari_chat.cli.main import run
run(["--emulator", "127.0.0.1:1", "desk"])
"""


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_without_a_screen_is_refused_with_a_sentence(term: str) -> None:
    """Before a key could resolve a conversation that nobody sees."""
    with Terminal(_RUN.format(term=term)) as terminal:
        terminal.sees("this terminal cannot show a screen")
        assert terminal.ends() == 2


def _on_terminals(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in ("stdin", "stdout", "stderr"):
        stream = SimpleNamespace(isatty=partial(bool, name in names))
        monkeypatch.setattr(sys, name, stream)


@pytest.mark.parametrize(
    "there", [(), ("stdout", "stderr"), ("stdin", "stderr"), ("stdin", "stdout")]
)
def test_without_a_terminal_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, there: tuple[str, ...]
) -> None:
    """On all three streams; and what does its work in a pipe is named."""
    _on_terminals(monkeypatch, *there)
    with pytest.raises(UsageError, match=r"^the desk needs a terminal") as refused:
        desk.refuse_without_terminal()
    assert refused.value.hint == "In a pipe use `imbari-chat watch` and `reply`"
    with pytest.raises(UsageError) as refused:
        desk.refuse_without_terminal("Go")
    assert refused.value.hint == "Go"


@pytest.mark.parametrize(
    ("system", "term", "refused"),
    [
        ("posix", "xterm", False),
        ("posix", "dumb", True),
        ("posix", "unknown", True),
        ("posix", None, True),
        ("nt", None, False),
    ],
)
def test_a_terminal_has_to_place_a_cursor(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, system: str, term: str | None, *, refused: bool
) -> None:
    """Windows has no TERM to say that it does."""
    _on_terminals(monkeypatch, "stdin", "stdout", "stderr")
    environ = {} if term is None else {"TERM": term}
    monkeypatch.setattr(desk, "os", SimpleNamespace(name=system, environ=environ))
    if not refused:
        desk.refuse_without_terminal()
        return
    with pytest.raises(UsageError, match="its TERM is dumb or not set") as error:
        desk.refuse_without_terminal()
    assert error.value.hint == "Use `imbari-chat inbox`, `show` and `reply`, or set TERM"


def test_what_is_asked_for_is_what_is_opened(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    """By a chat that writes and lasts, in a program that searches for garbage."""
    ran: list[object] = []
    chat: Any = "the chat"
    here = Target({"database_emulator": "127.0.0.1:1"})

    async def run_desk(chat: object, settings: Settings, **given: object) -> None:
        ran.append((chat, settings.database_emulator, given))

    def with_chat(at: Target, _: object, work: Callable[[Any], Any], **given: object) -> None:
        ran.append((at, given))
        with pytest.raises(StopIteration):
            work(chat).send(None)

    monkeypatch.setattr(desk, "refuse_without_terminal", lambda: ran.append("terminal"))
    monkeypatch.setattr(desk, "run_desk", run_desk)
    monkeypatch.setattr(desk, "with_admin_chat", with_chat)
    context: Any = SimpleNamespace(find_object=lambda _: here)
    monkeypatch.setattr(gc, "enable", lambda: ran.append("collecting"))
    desk.desk(context)
    desk.open_desk(here)
    desk.desk(context, peek=True, limit=7)
    desk.open_desk(here, shown="all", earliest=5, peek=True, limit=7)
    usual = {"shown": "active", "earliest": None, "peek": False, "limit": 50}
    told: list[object] = []
    for given in (
        usual,
        usual,
        {**usual, "peek": True, "limit": 7},
        {"shown": "all", "earliest": 5, "peek": True, "limit": 7},
    ):
        told += ["collecting", "terminal", (here, {"writes": True, "lasts": True})]
        told += [(chat, "127.0.0.1:1", given)]
    assert ran == told


ON_EMULATOR: dict[str, Any] = {"database_emulator": "127.0.0.1:1"}
LIVE = {"database_url": "https://a-shop.firebaseio.com", "project": "a-shop"}


@pytest.mark.parametrize(
    ("given", "title", "place"),
    [
        (ON_EMULATOR, None, Place("demo-imbari", "default")),
        (ON_EMULATOR, "the demo", Place("the demo", "default")),
        ({**ON_EMULATOR, "profile": "night"}, None, Place("demo-imbari", "night")),
        ({**LIVE, "profile": "night", "name": "Noor"}, None, Place("a-shop", "Noor", is_live=True)),
    ],
)
async def test_the_header_says_where_it_is_and_as_whom(
    monkeypatch: pytest.MonkeyPatch,
    nowhere: Path,
    given: dict[str, Any],
    title: str | None,
    place: Place,
) -> None:
    """What the place is called, and whether real customers are there."""
    ran: list[object] = []

    async def left(*_: object) -> None:
        ran.append("left")

    monkeypatch.setattr(app, "Desk", lambda *_, place, **__: ran.append(place))
    monkeypatch.setattr(desk, "_until_left", left)
    monkeypatch.setattr(Colleagues, "close", lambda _: ran.append("closed"))
    chat: Any = None
    await desk.run_desk(chat, Settings.load(**given), title=title)
    assert ran == [place, "left", "closed"]


@pytest.mark.parametrize("given", [{}, {"profile": "night"}])
async def test_the_desk_is_as_the_settings_and_the_options_say(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, given: dict[str, Any]
) -> None:
    """Drafts are one project's and one profile's, beside those of an editor."""
    made: list[Any] = []

    async def left(*given: object) -> None:
        made.append(given)
        raise Interrupted

    def desk_of(*given: object, **named: object) -> str:
        made.append((given, named))
        return "the desk"

    monkeypatch.setattr(app, "Desk", desk_of)
    monkeypatch.setattr(desk, "_until_left", left)
    closed: list[object] = []
    monkeypatch.setattr(Colleagues, "close", lambda accounts: closed.append(accounts))
    chat: Any = "the chat"
    courtesies: dict[str, Any] = {"undo": 3.0, "bell": True, "title": False, "name": "Noor"}
    settings = Settings.load(
        **{**ON_EMULATOR, **courtesies, "notify": "osc9", "notify_text": True, **given}
    )
    options: dict[str, Any] = {"shown": "all", "earliest": 5, "peek": True, "limit": 7}
    for options_given in (options, {}):
        with pytest.raises(Interrupted):
            await desk.run_desk(chat, settings, **options_given)
    (positional, named), ended, (usual, usual_named), _ = made
    assert positional == (chat, Listing(shown="all", earliest=5))
    assert usual == (chat, Listing(shown="active", earliest=None))
    assert (named["peek"], named["limit"]) == (True, 7)
    assert (usual_named["peek"], usual_named["limit"]) == (False, 50)
    assert (named["undo"], named["name"]) == (3.0, "Noor")
    assert named["notices"] == Notices(bell=True, title=False, notify="osc9", text=True)
    drafts = settings.data_dir / "drafts"
    profile = given.get("profile", "default")
    assert named["drafts"]._file == drafts / f"demo-imbari-{profile}.json"
    assert named["edit"].func is edited
    assert named["edit"].args == (drafts,)
    assert ended == ("the desk", chat)
    assert closed == [named["directory"], usual_named["directory"]]


class _Left:
    """A desk that somebody has left, and its chat."""

    def __init__(
        self, failure: Exception | None, crash: Exception | None, *, interrupted: bool
    ) -> None:
        self.did: list[object] = []
        self.failure = failure
        self.leaving = SimpleNamespace(is_interrupted=interrupted)
        self.store = SimpleNamespace(state="state")
        self.sender = SimpleNamespace(handed_over="handed over")
        self._crash = crash

    async def run_async(self) -> None:
        self.did.append("run")
        if self._crash is not None:
            raise self._crash

    async def close(self) -> None:
        self.did.append("closed")


_FAILURE, _CRASH, _LOST = KeyError("ours"), OSError("theirs"), Unavailable("not sent")


@pytest.mark.parametrize(
    ("crash", "failure", "interrupted", "lost", "error"),
    [
        (None, None, False, None, None),
        (None, None, False, _LOST, _LOST),
        (None, None, True, _LOST, Interrupted),
        (None, _FAILURE, True, _LOST, _FAILURE),
        (_CRASH, _FAILURE, True, _LOST, _CRASH),
    ],
)
async def test_however_it_ends_its_chat_is_closed_and_what_was_not_sent_given_back(
    monkeypatch: pytest.MonkeyPatch,
    crash: Exception | None,
    failure: Exception | None,
    interrupted: bool,
    lost: Exception | None,
    error: Any,
) -> None:
    """A failure is told before all else, and Ctrl-C before what did not arrive."""
    left: Any = _Left(failure, crash, interrupted=interrupted)

    def give_back(*given: object) -> Exception | None:
        left.did.append(given[:2])
        return lost

    monkeypatch.setattr(remains, "give_back", give_back)
    raised: BaseException | None = None
    try:
        await desk._until_left(left, left)
    except Exception as caught:  # noqa: BLE001  # looked at below
        raised = caught
    assert raised is error or type(raised) is error
    assert left.did == ["run", "closed", ("state", "handed over")]
