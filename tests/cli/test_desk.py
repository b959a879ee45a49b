"""The desk as a command: where it is refused, and how it leaves a terminal."""

from pathlib import Path
from typing import Any

import pytest

from imbari_chat.cli import desk
from imbari_chat.cli.colleagues import Colleagues
from imbari_chat.config import Settings
from imbari_chat.desk import app
from imbari_chat.desk.frame import Place
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


ON_EMULATOR = {"database_emulator": "127.0.0.1:1"}
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
