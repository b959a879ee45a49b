"""The bot and its API, served by uvicorn beside an emulator."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn

from examples import fastapi_bot
from imbari_chat import AdminChat, ConfigError, CustomerChat, Message, MessageAdded
from imbari_chat.emulator import Emulator
from tests import plain_http

_PATIENCE = 60.0
_SHIPPING = fastapi_bot.automatic_answer("delivery", datetime(2024, 1, 8, 9, tzinfo=UTC))
_PRICES = fastapi_bot.automatic_answer("prices", datetime(2024, 1, 8, 9, tzinfo=UTC))


@contextmanager
def _served() -> Iterator[httpx.Client]:
    """The application, from start-up to shutdown."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(fastapi_bot.app, log_config=None, lifespan="on"))
    # Connections queue at the socket until the application has started.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        host, port = listening.getsockname()
        with plain_http.Client(base_url=f"http://{host}:{port}", timeout=_PATIENCE) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture
def during_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop is open, whatever the time is."""
    monkeypatch.setattr(fastapi_bot, "is_open", lambda at: True)


@pytest.fixture
def customer(emulator: Emulator) -> Iterator[CustomerChat]:
    """Somebody who has not written yet."""
    with CustomerChat.from_env() as chat:
        yield chat


@pytest.fixture
def api(during_the_day: None, emulator: Emulator) -> Iterator[httpx.Client]:
    """The API, with the bot hearing of new messages."""
    with _served() as client:
        _health(client, 200)
        yield client


def _health(client: httpx.Client, status: int) -> dict[str, str | None]:
    """What /health says, once it answers with ``status``."""
    deadline = time.monotonic() + _PATIENCE
    while (answer := client.get("/health")).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    body: dict[str, str | None] = answer.json()
    return body


def _start(chat: CustomerChat, text: str) -> str:
    """Ask once the chat listens: the bot may answer before start() has done its first reads."""
    session = chat.start(name="Amina", email="amina@example.com")
    chat.send(text)
    return session.id


def _next_answer(chat: CustomerChat) -> str:
    return chat.wait_for(MessageAdded, timeout=_PATIENCE).message.text


def _texts(chat: CustomerChat) -> list[str]:
    return [message.text for message in chat.history()]


def _pass_by(api: httpx.Client) -> None:
    """Wait until the bot has dealt with everything before: it takes one thing after the other."""
    with CustomerChat.from_env() as somebody:
        _start(somebody, "delivery?")
        assert _next_answer(somebody) == _SHIPPING


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2024, 1, 8, 4, 59, tzinfo=UTC), False),
        (datetime(2024, 1, 8, 5, 0, tzinfo=UTC), True),
        (datetime(2024, 1, 8, 14, 59, tzinfo=UTC), True),
        (datetime(2024, 1, 8, 15, 0, tzinfo=UTC), False),
        (datetime(2024, 1, 6, 21, 30, tzinfo=UTC), False),  # Sunday there, Saturday in UTC
        (datetime(2024, 1, 7, 9, 0, tzinfo=UTC), False),
        (datetime(2024, 1, 13, 9, 0, tzinfo=UTC), True),
    ],
)
def test_opening_hours_are_those_of_nairobi(at: datetime, expected: bool) -> None:
    """8 to 18 h there, three hours ahead of UTC, and never on a Sunday."""
    assert fastapi_bot.is_open(at) is expected


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Do you SHIP to Kampala?", True),
        ("delivery", True),
        ("what is your friendship worth", False),
        ("Costa Rica?", False),
        ("", False),
    ],
)
def test_keywords_are_whole_words(text: str, known: bool) -> None:
    """In any case; in the daytime what has none is left to people."""
    answer = fastapi_bot.automatic_answer(text, datetime(2024, 1, 8, 9, tzinfo=UTC))
    assert (answer is not None) is known


def test_out_of_hours_every_question_has_an_answer() -> None:
    """But a known one has a better one."""
    night = datetime(2024, 1, 8, 22, tzinfo=UTC)
    assert fastapi_bot.automatic_answer("Hello?", night) == fastapi_bot.CLOSED
    assert fastapi_bot.automatic_answer("delivery?", night) == _SHIPPING


def _message(text: str, sender: str, at: datetime, read: bool | None = None) -> Message:
    stored = {"$id": "-m", "text": text, "from": sender, "timestamp": int(at.timestamp() * 1000)}
    return Message.model_validate(stored | ({} if read is None else {"read": read}))


def test_nothing_is_owed_for_what_is_old_or_read() -> None:
    """A bot that was away for a day does not wake everybody up."""
    asked, now = datetime(2024, 1, 8, 9, tzinfo=UTC), datetime(2024, 1, 8, 9, 30, tzinfo=UTC)
    tomorrow = datetime(2024, 1, 9, 9, tzinfo=UTC)
    assert fastapi_bot.owed([_message("delivery?", "customer", asked)], now) == [_SHIPPING]
    assert fastapi_bot.owed([_message("delivery?", "customer", asked)], tomorrow) == []
    assert fastapi_bot.owed([_message("delivery?", "customer", asked, read=True)], now) == []


def test_a_known_question_is_answered_and_stays_unread(
    api: httpx.Client, customer: CustomerChat
) -> None:
    """The answer comes once, and the conversation still waits for a person."""
    session_id = _start(customer, "Do you ship to Kampala?")
    assert _next_answer(customer) == _SHIPPING
    customer.send("And what about the price?")
    assert _next_answer(customer) == _PRICES
    _pass_by(api)
    assert _texts(customer) == [
        "Do you ship to Kampala?",
        _SHIPPING,
        "And what about the price?",
        _PRICES,
    ]
    listed = {one["id"]: one for one in api.get("/sessions", params={"unread": True}).json()}
    assert listed[session_id]["unread_count"] == 2
    assert listed[session_id]["customer_name"] == "Amina"


def test_an_unknown_question_is_left_to_people(api: httpx.Client, customer: CustomerChat) -> None:
    """By day the bot does not talk when it has nothing to say."""
    _start(customer, "Is anybody there?")
    _pass_by(api)
    assert _texts(customer) == ["Is anybody there?"]


def test_at_night_everybody_hears_that_the_shop_is_closed(
    emulator: Emulator, customer: CustomerChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, however much they write."""
    monkeypatch.setattr(fastapi_bot, "is_open", lambda at: False)
    with _served() as api:
        _health(api, 200)
        _start(customer, "Hello?")
        assert _next_answer(customer) == fastapi_bot.CLOSED
        customer.send("Hello??")
        _pass_by(api)
    assert _texts(customer) == ["Hello?", fastapi_bot.CLOSED, "Hello??"]


def test_the_bot_is_silent_once_a_person_has_answered(
    api: httpx.Client, customer: CustomerChat
) -> None:
    """Neither the person's words nor later questions set it off, full of keywords as they are."""
    session_id = _start(customer, "Is anybody there?")
    answer = api.post(f"/sessions/{session_id}/reply", json={"text": "Yes. Is it about delivery?"})
    assert answer.status_code == 201
    assert _next_answer(customer) == "Yes. Is it about delivery?"
    customer.send("No, about the price.")
    _pass_by(api)
    assert [one.id for one in customer.history()][1] == answer.json()["id"]
    assert _texts(customer) == [
        "Is anybody there?",
        "Yes. Is it about delivery?",
        "No, about the price.",
    ]


def test_a_restarted_bot_answers_what_came_meanwhile_and_nothing_twice(
    during_the_day: None, emulator: Emulator, customer: CustomerChat
) -> None:
    """All it needs to know stands in the conversations."""
    with _served() as api:
        _health(api, 200)
        _start(customer, "Do you ship?")
        assert _next_answer(customer) == _SHIPPING
    with CustomerChat.from_env() as meanwhile:
        _start(meanwhile, "What is the price?")
        with _served() as api:
            assert _next_answer(meanwhile) == _PRICES
            _pass_by(api)
        assert _texts(meanwhile) == ["What is the price?", _PRICES]
    assert _texts(customer) == ["Do you ship?", _SHIPPING]


def test_a_resolved_conversation_is_left_alone(
    during_the_day: None, emulator: Emulator, customer: CustomerChat
) -> None:
    """Whoever resolved it has decided that nothing is owed."""
    session_id = _start(customer, "Do you ship?")
    with AdminChat.from_env() as desk, desk.open(session_id, peek=True) as conversation:
        conversation.resolve()
    with _served() as api:
        _pass_by(api)
    assert _texts(customer) == ["Do you ship?"]


def test_health_tells_since_when(api: httpx.Client, emulator: Emulator) -> None:
    """Live with a time; without the database not, with a reason, and the API says 503."""
    body = _health(api, 200)
    assert body["stream"] == "live"
    since = datetime.fromisoformat(body["since"] or "")
    assert since <= datetime.now(UTC)
    emulator.stop()
    body = _health(api, 503)
    assert body["stream"] in {"connecting", "reconnecting"}
    assert datetime.fromisoformat(body["since"] or "") > since
    answer = api.post("/sessions/-OFakeFakeFakeFake000/reply", json={"text": "Hello"})
    assert answer.status_code == 503
    assert answer.json()["detail"]


def test_health_tells_when_the_stream_has_ended_for_good(
    api: httpx.Client, emulator: Emulator
) -> None:
    """Access that was lost does not come back by waiting: somebody has to look."""
    emulator.load_rules('{"rules": {".read": false, ".write": false}}')
    body = _health(api, 503)
    assert body["stream"] == "closed"
    assert body["reason"]


def test_refusals_have_statuses(api: httpx.Client, customer: CustomerChat) -> None:
    """404, 422 and their explanation."""
    session_id = _start(customer, "Is anybody there?")

    def reply(where: str, text: str) -> tuple[int, str]:
        # httpx's own ``json`` cannot send half a surrogate pair; a hostile caller can.
        body, kind = json.dumps({"text": text}), {"Content-Type": "application/json"}
        answer = api.post(f"/sessions/{where}/reply", content=body, headers=kind)
        return answer.status_code, str(answer.json()["detail"])

    assert reply("-OFakeFakeFakeFake000", "Hello")[0] == 404
    assert "-OFakeFakeFakeFake000" in reply("-OFakeFakeFakeFake000", "Hello")[1]
    assert reply("not.an.id", "Hello")[0] == 422
    assert reply(session_id, "")[0] == 422
    assert reply(session_id, "x" * 2001)[0] == 422
    assert reply(session_id, "\ud800")[0] == 422
    assert api.post(f"/sessions/{session_id}/reply", json={}).status_code == 422
    assert api.get("/sessions", params={"limit": 0}).status_code == 422
    assert _texts(customer) == ["Is anybody there?"]


def test_a_denied_reply_is_a_403(
    api: httpx.Client, emulator: Emulator, customer: CustomerChat
) -> None:
    """Whoever runs the bot has lost the right to write, and the caller is told that much."""
    session_id = _start(customer, "Is anybody there?")
    emulator.load_rules(
        json.dumps(
            {
                "rules": {
                    ".read": True,
                    ".write": False,
                    "chatSessions": {".indexOn": ["lastMessageTime"]},
                    "messages": {"$session": {".indexOn": "timestamp"}},
                }
            }
        )
    )
    answer = api.post(f"/sessions/{session_id}/reply", json={"text": "Hello"})
    assert answer.status_code == 403


def test_with_a_token_the_desk_is_for_its_bearers(
    during_the_day: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health is for everybody."""
    monkeypatch.setenv("DESK_TOKEN", "a secret, ünd long")
    with _served() as api:
        assert api.get("/health").status_code in {200, 503}
        assert api.get("/sessions").status_code == 401
        wrong = api.get("/sessions", headers={"Authorization": "Bearer guess"})
        assert wrong.status_code == 401
        bearer = "Bearer a secret, ünd long".encode("latin-1")
        assert api.get("/sessions", headers={b"Authorization": bearer}).json() == []


async def test_on_a_live_project_a_token_is_needed(
    nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not start, rather than let anybody in."""
    monkeypatch.setenv("IMBARI_CHAT_DATABASE_URL", "https://shop-default-rtdb.firebaseio.com")
    with pytest.raises(ConfigError, match="DESK_TOKEN"):
        async with fastapi_bot.lifespan(fastapi_bot.app):
            pass
