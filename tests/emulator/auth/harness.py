"""What the tests of the Auth emulator talk through."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.tokens import decode_unverified

PROJECT = "demo-x"
START = 1_795_384_437.512
OWNER = {"Authorization": "Bearer owner"}
TOOLKIT = "/identitytoolkit.googleapis.com/v1/"
TOKEN = "/securetoken.googleapis.com/v1/token"

Body = dict[str, Any]


class Clock:
    """Seconds since the epoch, as far as the emulator knows."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Service:
    """The emulator in memory.

    Calls that must succeed are made with `user` and `owner`, calls that must not with `refused`
    and `owner_refused`.
    """

    state: AuthState
    clock: Clock
    http: httpx.AsyncClient

    async def user(self, operation: str, body: Body) -> Body:
        """An end user's call that must succeed; `operation` as in ``accounts:signUp``."""
        path = TOKEN if operation == "token" else TOOLKIT + operation
        return _good(await self.http.post(path, params={"key": "fake-key"}, json=body))

    async def owner(self, operation: str, body: Body) -> Body:
        """An administrative call under ``projects/P`` that must succeed."""
        path = f"{TOOLKIT}projects/{PROJECT}{operation}"
        return _good(await self.http.post(path, headers=OWNER, json=body))

    async def refused(self, operation: str, body: Body) -> str:
        """The error message of an end user's call that must be a plain client mistake."""
        path = TOKEN if operation == "token" else TOOLKIT + operation
        return _bad(await self.http.post(path, params={"key": "fake-key"}, json=body))

    async def owner_refused(self, operation: str, body: Body) -> str:
        """The same, of an administrative call."""
        path = f"{TOOLKIT}projects/{PROJECT}{operation}"
        return _bad(await self.http.post(path, headers=OWNER, json=body))

    async def sign_up(self, email: str = "alice@example.com", password: str = "secret1") -> Body:
        """A new user with a password."""
        return await self.user("accounts:signUp", {"email": email, "password": password})

    async def record(self, uid: str) -> Body:
        """What the owner sees of a user."""
        answer = await self.owner("/accounts:lookup", {"localId": [uid]})
        user: Body = answer["users"][0]
        return user

    async def protect_emails(self) -> None:
        """Switches e-mail enumeration protection on."""
        path = f"/emulator/v1/projects/{PROJECT}/config"
        config = {"emailPrivacyConfig": {"enableImprovedEmailPrivacy": True}}
        _good(await self.http.patch(path, json=config))


def claims(answer: Body) -> Body:
    """The payload of the ID token in an answer."""
    return decode_unverified(answer.get("idToken") or answer["id_token"])


def _good(response: httpx.Response) -> Body:
    assert response.status_code == 200, response.text
    body: Body = response.json()
    return body


def _bad(response: httpx.Response) -> str:
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    message = str(error["message"])
    assert error == {
        "code": 400,
        "message": message,
        "errors": [{"message": message, "reason": "invalid", "domain": "global"}],
    }
    return message


def same_shape(pattern: object, value: object) -> bool:
    """Equal, with ``<name>`` in the pattern for any non-empty string; the order of keys counts."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        return list(pattern) == list(value) and all(
            same_shape(pattern[key], value[key]) for key in pattern
        )
    if isinstance(pattern, list) and isinstance(value, list):
        return len(pattern) == len(value) and all(map(same_shape, pattern, value))
    if isinstance(pattern, str) and isinstance(value, str) and "<" in pattern:
        return re.fullmatch(re.sub(r"<\w+>", ".+", pattern.replace("?", r"\?")), value) is not None
    return type(pattern) is type(value) and pattern == value
