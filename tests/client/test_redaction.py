"""What is logged, by whom, and what never is: secrets, and what people say to each other."""

import asyncio
import json
import logging
import re
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AuthError,
    ConnectionChanged,
    ImbariError,
    MessageAdded,
    NotFound,
    Settings,
    Unavailable,
    strict_rules,
)
from imbari_chat.emulator import Emulator
from imbari_chat.identity import factory, sign_in
from tests.client.scenarios.faces import FACES, PASSWORD, WAIT, Face, Heard
from tests.faults.proxy import Proxy

API_KEY = "AIzaSyNobodyMayEverReadThisKey0123456789"
# The header of a JSON web token: base64 of an object's beginning, at the beginning of a word.
_TOKEN = r"(?<![\w-])eyJ[\w-]{9,}"
QUESTION, ANSWER = "Is my kettle broken for ever?", "Have the thermostat looked at."


class Everything(logging.Handler):
    """Keeps each record as it would be printed, with its traceback and its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.names: set[str] = set()
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name)
        self.lines.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def logged() -> Iterator[Everything]:
    """All records of all loggers, from DEBUG on."""
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def service() -> Iterator[Emulator]:
    """An emulator that sends streams elsewhere first, as the live service does."""
    with Emulator(rules=strict_rules(), redirect_streams=True, keep_alive=0.05) as running:
        yield running


@pytest.fixture(params=FACES)
async def face(
    request: pytest.FixtureRequest, service: Emulator, tmp_path: Path, transport_name: str
) -> AsyncIterator[Face]:
    """One face of the client, with a key that can be told from all else."""

    def never(*_: Any) -> None:
        raise AssertionError("not here")

    flags = {
        "project": service.project,
        "database_emulator": service.database_host,
        "auth_emulator": service.auth_host,
        "api_key": API_KEY,
        "data_dir": tmp_path,
        "token_store": "file",
        "timeout": 5.0,
        "transport": transport_name,
    }
    one = Face(FACES[request.param], service, flags, never, never)
    yield one
    await one.close()


async def _errors(face: Face, session_id: str) -> list[str]:
    """One of each kind, as they would be printed."""
    printed: list[str] = []

    async def fails(call: Any, *kinds: type[Exception]) -> None:
        with pytest.raises(kinds) as caught:
            await call
        printed.append("".join(traceback.format_exception(caught.value)))

    async with face.customer() as stranger, face.signed_in_desk(admin=False) as nobody:
        await stranger.start(name="Brian", email="brian@example.com")
        await fails(stranger.resume(session_id), AccessDenied)
        await fails(nobody.sessions(), AccessDenied)
        await fails(stranger.resume("-Nowhere"), AccessDenied, NotFound)
        settings = Settings.load(**face.flags)
        where = factory.sign_in_project(settings)

        async def sign_in_wrongly() -> None:
            await asyncio.to_thread(
                sign_in.sign_in_with_password, where, "ben@example.com", PASSWORD + "wrong"
            )

        await fails(sign_in_wrongly(), AuthError)
    return printed


def _secrets(face: Face) -> set[str]:
    """Refresh tokens as they were kept."""
    places = (Path(face.flags["data_dir"]) / "tokens").iterdir()
    return {json.loads(one.read_text("utf-8"))["refreshToken"] for one in places}


def _leaks(text: str, secrets: set[str]) -> list[str]:
    """What must not stand in the text but does, each with what is around it.

    A random uid may well hold the three letters that a token begins with; a token is longer.
    """
    wanted = {API_KEY, PASSWORD, QUESTION, ANSWER, "kettle", "thermostat", *secrets}
    shown = re.compile("|".join([*map(re.escape, sorted(wanted)), _TOKEN]))
    return [text[max(one.start() - 120, 0) : one.end() + 60] for one in shown.finditer(text)]


@pytest.mark.parametrize(
    ("transport_name", "sharp"),
    [
        ("rest", {"httpcore.http11", "urllib3.connectionpool"}),
        ("websocket", {"urllib3.connectionpool"}),
    ],
    indirect=["transport_name"],
)
async def test_no_secret_and_no_message_is_logged_by_anybody(
    face: Face, logged: Everything, sharp: set[str]
) -> None:
    """A whole conversation with its errors and an outage, at DEBUG, with httpx and all others."""
    troubles = Heard()
    async with Proxy(face.emulator.database_host) as proxy:
        async with (
            face.customer(remember=True) as customer,
            face.signed_in_desk(admin=True) as desk,
            face.desk(on_error=troubles, database_emulator=proxy.address) as away,
        ):
            session = await customer.start(name="Amina", email="amina@example.com", text=QUESTION)
            await desk.listen()

            def fragile(event: MessageAdded) -> None:
                raise ZeroDivisionError

            desk.on(MessageAdded)(fragile)
            async with (
                desk.open(session.id) as conversation,
                away.open(session.id, peek=True) as other,
            ):
                await other.listen()
                await conversation.reply(ANSWER)
                await customer.wait_for(MessageAdded, timeout=WAIT)
                await proxy.refuse()
                await other.reply(ANSWER, timeout=0)
                with pytest.raises(Unavailable):
                    await other.reply(ANSWER, timeout=0.3, queue=False)
                await other.wait_for(
                    ConnectionChanged,
                    timeout=WAIT,
                    where=lambda event: event.state == "reconnecting",
                )
                left = await away.close()
                assert len(left) == 1
        printed = await _errors(face, session.id)
    secrets = _secrets(face)
    assert secrets
    assert _leaks("\n".join(logged.lines), secrets) == []
    assert _leaks("\n".join(printed), secrets) == []
    # The sharp end of this test: the libraries were indeed heard.
    assert sharp <= logged.names
    assert any(name.startswith("imbari_chat.") for name in logged.names)


async def test_our_own_records_come_from_one_tree(face: Face, logged: Everything) -> None:
    """One name to turn up, turn down or send elsewhere."""
    async with face.customer() as customer, face.desk() as desk:
        await customer.start(name="Amina", email="amina@example.com", text=QUESTION)
        await desk.sessions()
    ours = {name for name in logged.names if "imbari" in name}
    assert ours
    assert {name.partition(".")[0] for name in ours} == {"imbari_chat"}


@pytest.mark.parametrize(
    "token", ["eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoieCJ9.sig", "eyJhbGciOiJub25lIn0"]
)
def test_a_token_is_found_and_a_uid_like_one_is_not(token: str) -> None:
    """What the test above goes by."""
    assert _leaks(f"Bearer {token}", set())
    assert _leaks(f"auth={token}&x", set())
    assert not _leaks("let the user 2MKCXJIMcBTAqCDq0IXProNeyJ5s read this", set())


def test_importing_installs_no_handler_and_sets_no_level() -> None:
    """What is shown, and where, is the program's to say."""
    code = (
        "import logging\n"
        "before = logging.root.handlers[:], logging.root.level\n"
        "import imbari_chat\n"
        "for name in imbari_chat.__all__: getattr(imbari_chat, name)\n"
        "from imbari_chat.client import transports\n"
        "from imbari_chat.identity import service, sign_in, user\n"
        "assert (logging.root.handlers, logging.root.level) == before\n"
        "for name in ('imbari_chat', 'imbari_chat.client'):\n"
        "    logger = logging.getLogger(name)\n"
        "    assert (logger.handlers, logger.level, logger.propagate) == ([], 0, True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_handlers_failure_is_logged_without_the_event(
    face: Face, logged: Everything
) -> None:
    """Only its kind, and the traceback, which shows code and no values."""
    async with face.customer() as customer, face.desk() as desk:
        heard = Heard()

        def fragile(event: MessageAdded) -> None:
            raise ImbariError("a mistake")

        desk.on(MessageAdded)(fragile)
        desk.on(MessageAdded)(heard)
        await desk.listen()
        await customer.start(name="Amina", email="amina@example.com", text=QUESTION)
        await heard.until(1)
    (line,) = [one for one in logged.lines if "a handler failed" in one]
    assert line.startswith("imbari_chat.client.dispatcher ERROR")
    assert "MessageAdded" in line
    assert "fragile" in line
    assert "kettle" not in line
