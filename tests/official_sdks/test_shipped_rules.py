"""The official SDK under the shipped rules, beside our own desk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import firebase_admin
import pytest
from firebase_admin import auth

from imbari_chat import AdminChat
from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests.official_sdks.javascript.clients import CHROMIUM, NODE, beside
from tests.official_sdks.javascript.programs import Program, Programs

SESSION: Final = "-Oabcdefghijklmnopqr"
DENIED: Final = [401, {"error": "Permission denied"}]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An empty chat."""
    with Emulator(rules=strict_rules()) as running:
        yield running


@pytest.fixture(params=[pytest.param(one, marks=beside(one)) for one in (NODE, CHROMIUM)])
def customer(
    request: pytest.FixtureRequest, programs: Programs, emulator: Emulator
) -> Iterator[Program]:
    """One who has not written yet."""
    program = programs.of(request.param)
    program.open(
        database=emulator.database_host,
        auth=emulator.auth_host,
        namespace=emulator.namespace,
        project=emulator.project,
    )
    yield program
    program.leave()


def test_a_customer_and_our_desk_hold_one_conversation(
    emulator: Emulator, customer: Program, tmp_path: Path
) -> None:
    """The customer over a socket, the desk over REST and streams."""
    said = customer.play("greet", session=SESSION, text="Do you ship to Kampala?")
    assert said == {
        "halves": ["PERMISSION_DENIED", "PERMISSION_DENIED"],
        "whole": "done",
        "again": "PERMISSION_DENIED",
    }
    target: dict[str, Any] = {
        "project": emulator.project,
        "database_emulator": emulator.database_host,
        "auth_emulator": emulator.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
    }
    with AdminChat.from_env(**target) as desk, desk.open(SESSION) as conversation:
        heard = [each.text for each in conversation.history()]
        conversation.reply("Every Tuesday.")
    assert heard == ["Do you ship to Kampala?"]
    assert customer.play("answered", count=2) == [
        ["customer", "Do you ship to Kampala?"],
        ["admin", "Every Tuesday."],
    ]


def test_rest_takes_the_sdks_token_for_its_user(
    emulator: Emulator, customer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own session may be written and read, nobody else's; the inbox is the admin's.

    On a page all of this crosses origins, and a write asks for leave first.
    """
    base = f"http://{emulator.database_host}"
    seen = customer.play("visit", base=base, session=SESSION)
    uid = seen.pop("uid")
    assert seen == {
        "foreign": DENIED,
        "nobody": DENIED,
        "wrote": 200,
        "own": True,
        "sessions": [SESSION],
        "inbox": DENIED,
    }
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", emulator.auth_host)
    app = firebase_admin.initialize_app(
        options={"projectId": emulator.project}, name="shipped-rules"
    )
    try:
        auth.set_custom_user_claims(uid, {"admin": True}, app=app)
    finally:
        firebase_admin.delete_app(app)
    assert customer.play("inbox", base=base) == [200, [SESSION]]
