"""The website works under the compat rules as it does today, races included."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.faults.ledger import Entry, Stored
from tests.faults.proxy import RECOGNISABLE
from tests.faults.website import Dashboard, Widget, json_of
from tests.strangers import Relay, Stranger

RULES = Path(__file__).parents[2] / "examples" / "rules" / "compat.rules.json"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Under the compat rules."""
    with Emulator(rules=RULES.read_text("utf-8")) as running:
        yield running


@pytest.fixture
def ledger() -> list[Entry]:
    """Nothing written."""
    return []


@pytest.fixture(params=range(4))
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Four browsers: their clocks and ways of counting differ."""
    return random.Random(request.param)


@pytest.fixture
async def widget(
    emulator: Emulator, ledger: list[Entry], dice: random.Random
) -> AsyncIterator[Widget]:
    """A customer's."""
    emulator.reset()
    emulator.load_rules(RULES.read_text("utf-8"))
    page = Widget("amina", emulator.database_host, emulator.namespace, ledger, dice)
    yield page
    await page.close()


@pytest.fixture
async def dashboard(
    emulator: Emulator, ledger: list[Entry], dice: random.Random
) -> AsyncIterator[Dashboard]:
    """The admins'."""
    page = Dashboard("desk", emulator.database_host, emulator.namespace, ledger, dice)
    yield page
    await page.close()


def _stored(emulator: Emulator) -> Stored:
    answer = plain_http.get(
        f"http://{emulator.database_host}/.json",
        params={"ns": emulator.namespace, "format": "export"},
        headers={"Authorization": "Bearer owner"},
    )
    return Stored(answer.json())


def _texts(stored: Stored, session_id: str) -> list[str]:
    return [message.text for _, message in sorted(stored.messages[session_id].items())]


async def test_a_conversation_on_the_website(
    emulator: Emulator, widget: Widget, dashboard: Dashboard, ledger: list[Entry]
) -> None:
    """Alone, it counts right."""
    assert await widget.start()
    await widget.send("Do you ship to Kampala?")
    await widget.send("Hello?")
    session_id = widget.session_id
    stored = _stored(emulator)
    assert stored.sessions[session_id].unread_count == stored.unread(session_id) == 2
    assert await dashboard.sessions() == [session_id]
    await dashboard.read(session_id)
    await dashboard.answer(session_id, "We do.")
    await dashboard.set_status(session_id, "resolved")
    stored = _stored(emulator)
    assert _texts(stored, session_id) == ["Do you ship to Kampala?", "Hello?", "We do."]
    session = stored.sessions[session_id]
    assert (session.last_message, session.unread_count, session.status) == ("We do.", 0, "resolved")
    assert stored.drifted() == {}
    assert [entry.fate for entry in ledger] == ["stored"] * 3


async def test_what_comes_while_it_reads_is_lost_to_its_count(
    emulator: Emulator, widget: Widget, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that makes counters drift: the message stays unread, the count is nothing."""
    await widget.start()
    await widget.send("one")
    bump = dashboard._bump

    async def late(session_id: str, changes: dict[str, Any]) -> bool:
        await widget.send("two")
        return await bump(session_id, changes)

    monkeypatch.setattr(dashboard, "_bump", late)
    await dashboard.read(widget.session_id)
    assert _stored(emulator).drifted() == {widget.session_id: -1}


async def test_a_message_that_is_refused_is_known_not_to_be_there(
    emulator: Emulator, widget: Widget, ledger: list[Entry]
) -> None:
    """The widget has no session yet."""
    await widget.send("too early")
    assert [entry.fate for entry in ledger] == ["absent"]
    assert _stored(emulator).messages == {}


async def test_a_message_without_an_answer_is_not_tried_again(
    emulator: Emulator, widget: Widget, ledger: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is its session moved; nobody knows whether it is there."""
    await widget.start()
    calls: list[str] = []

    async def lose(method: str, path: str, body: Any = None) -> Any:
        calls.append(method)
        raise httpx.ReadTimeout("no answer")

    monkeypatch.setattr(widget, "_call", lose)
    await widget.send("one")
    assert calls == ["POST"]
    assert [entry.fate for entry in ledger] == ["unknown"]


@pytest.mark.parametrize(
    "said", [None, True, {"error": "sign in first"}, {"name": "Guest network"}]
)
async def test_a_strangers_answer_to_a_message_is_none(
    widget: Widget, ledger: list[Entry], monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    """The service names the message that it has made."""
    await widget.start()

    async def answer(*_: Any) -> Any:
        return said

    monkeypatch.setattr(widget, "_call", answer)
    await widget.send("one")
    assert [entry.fate for entry in ledger] == ["unknown"]


@pytest.mark.parametrize("stranger", RECOGNISABLE, ids=lambda one: one.name)
def test_a_page_takes_no_stranger_for_the_service(stranger: Stranger) -> None:
    with Relay("127.0.0.1:1", stranger.raw) as relay, plain_http.Client() as http:
        with pytest.raises(httpx.HTTPError):
            json_of(http.get(f"http://{relay.address}/chatSessions.json"))
        assert relay.answered == 1
