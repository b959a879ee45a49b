"""Every operation, as captured from Google's emulator: what it refuses and what it answers."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.auth.harness import OWNER, PROJECT, TOOLKIT, Body, Service, same_shape

SPECS = Path(__file__).parent / "specs"


def cases(name: str) -> list[Any]:
    """The cases of a table, named for what they do."""
    found = json.loads((SPECS / name).read_text())
    return [
        pytest.param(case, id=case.get("name") or f"{case['call']}-{case['error']}")
        for case in found
    ]


async def populate(service: Service) -> Callable[[Body], Body]:
    """Four users and one who is gone; answers with what fills ``$name`` in a body.

    alice has a password, bob was made by the owner, one is anonymous, off has a phone number and
    is disabled.
    """
    alice = await service.sign_up()
    anonymous = await service.user("accounts:signUp", {})
    gone = await service.sign_up("gone@example.com")
    await service.user("accounts:delete", {"idToken": gone["idToken"]})
    await service.owner(
        "/accounts", {"localId": "bob", "email": "bob@example.com", "password": "secret1"}
    )
    await service.owner("/accounts", {"localId": "off", "phoneNumber": "+15550001111"})
    off = await service.user("accounts:signInWithCustomToken", {"token": '{"uid":"off"}'})
    off_changes = {"localId": "off", "email": "off@example.com", "disableUser": True}
    await service.owner("/accounts:update", off_changes)
    foreign = await service.http.post(
        f"{TOOLKIT}projects/other/accounts",
        headers=OWNER,
        json={"localId": "foreign"},
    )
    assert foreign.status_code == 200
    signed_in = await service.user("accounts:signInWithCustomToken", {"token": '{"uid":"bob"}'})
    values = {
        "$alice": alice["idToken"],
        "$alice.refresh": alice["refreshToken"],
        "$anonymous": anonymous["idToken"],
        "$gone": gone["idToken"],
        "$gone.refresh": gone["refreshToken"],
        "$off": off["idToken"],
        "$off.refresh": off["refreshToken"],
        "$foreign.refresh": _elsewhere(signed_in["refreshToken"]),
        "$overlong": "u" * 129,
        "$thousand_and_one": json.dumps({"a": "x" * 992}),
    }

    def fill(body: Body) -> Body:
        return {
            key: values.get(value, value) if isinstance(value, str) else value
            for key, value in body.items()
        }

    return fill


def _elsewhere(refresh_token: str) -> str:
    """The same refresh token, from another project."""
    return b64encode(b64decode(refresh_token).replace(PROJECT.encode(), b"other")).decode()


@pytest.mark.parametrize("case", cases("refusals.json"))
async def test_refuses_what_the_service_refuses(service: Service, case: Body) -> None:
    """A mistake is HTTP 400 and exactly the service's code."""
    fill = await populate(service)
    if case.get("protected"):
        await service.protect_emails()
    ask = service.owner_refused if case.get("owner") else service.refused
    assert await ask(case["call"], fill(case["body"])) == case["error"]


@pytest.mark.parametrize("case", cases("answers.json"))
async def test_answers_what_the_service_answers(service: Service, case: Body) -> None:
    """Names, their order, and the types of the values are the service's."""
    fill = await populate(service)
    if case.get("protected"):
        await service.protect_emails()
    ask = service.owner if case.get("owner") else service.user
    answer = await ask(case["call"], fill(case["body"]))
    assert same_shape(case["answer"], answer), answer
