"""No body, however odd, is more than a client's mistake."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.auth.harness import OWNER, PROJECT, START, TOKEN, TOOLKIT, Clock

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.tokens import encode_unsigned

AUDIENCE = (
    "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
)
OPERATIONS = [
    TOKEN,
    *(
        f"{TOOLKIT}accounts:{name}"
        for name in (
            "signUp",
            "signInWithPassword",
            "signInWithCustomToken",
            "lookup",
            "update",
            "delete",
            "sendOobCode",
            "resetPassword",
            "createAuthUri",
        )
    ),
    *(
        f"{TOOLKIT}projects/{PROJECT}{name}"
        for name in (
            "/accounts",
            "/accounts:query",
            "/accounts:batchDelete",
            "/accounts:batchCreate",
            ":createSessionCookie",
        )
    ),
]
TEXTS = [
    "idToken", "localId", "email", "password", "displayName", "photoUrl", "phoneNumber",
    "customAttributes", "validSince", "createdAt", "lastLoginAt", "oobCode", "requestType",
    "newEmail", "continueUrl", "newPassword", "identifier", "continueUri", "token", "grantType",
    "refreshToken", "validDuration", "targetProjectId", "sessionId", "order",
]  # fmt: skip
OTHERS = [
    "disabled", "emailVerified", "disableUser", "deleteAttribute", "deleteProvider", "users",
    "localIds", "force", "returnOobLink", "federatedUserId", "providerUserInfo", "allowOverwrite",
    "sanityCheck", "rawPassword", "passwordHash", "salt", "providerId", "rawId", "expression",
]  # fmt: skip


def _signed_by_nobody(claims: Any) -> str:
    return encode_unsigned(claims)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(
        ["u1", "u1@example.com", "secret1", "+1", "\ud800", '{"a":1}', '{"uid":"u1"}']
    )
    | st.sampled_from(["PASSWORD_RESET", "VERIFY_EMAIL", "EMAIL_SIGNIN", "refresh_token"])
    | st.sampled_from(["http://x/", "http://[", "EMAIL", "password", "9" * 30, "-1", "DESC"])
)
TOKENS = st.dictionaries(
    st.sampled_from(["user_id", "uid", "iat", "exp", "firebase", "aud", "claims", "sub"]),
    st.just("u1")
    | st.just(AUDIENCE)
    | st.dictionaries(st.sampled_from(["sign_in_provider", "a"]), st.booleans() | st.text())
    | st.integers(),
).map(_signed_by_nobody)
VALUES = st.recursive(
    SCALARS | TOKENS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TEXTS + OTHERS) | st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
BODIES = (
    st.dictionaries(st.sampled_from(TEXTS), SCALARS | TOKENS, max_size=6)
    | st.dictionaries(st.sampled_from(TEXTS + OTHERS) | st.text(max_size=6), VALUES, max_size=6)
    | VALUES
)


@pytest.mark.parametrize("owner", [False, True])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), BODIES), min_size=1, max_size=6))
def test_no_sequence_of_bodies_is_an_internal_error(
    owner: bool, calls: list[tuple[str, Any]]
) -> None:
    """Done, a mistake, or not built; the state stays good for the next call."""

    async def run() -> None:
        app = create_app(AuthState(project=PROJECT), Clock(START))
        transport = httpx.ASGITransport(app)
        headers = OWNER if owner else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            user = {"localId": "u1", "email": "u1@example.com", "password": "secret1"}
            create = f"{TOOLKIT}projects/{PROJECT}/accounts"
            await http.post(create, headers=OWNER, json=user)
            for path, body in calls:
                response = await http.post(
                    path, headers=headers, params={"key": "k"}, content=json.dumps(body)
                )
                assert response.status_code in {200, 400, 403, 501}
                response.json()
            query = f"{create}:query"
            assert (await http.post(query, headers=OWNER, json={})).status_code == 200

    asyncio.run(run())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_are_an_internal_error(raw: bytes) -> None:
    """As JSON and as a form."""

    async def run() -> None:
        transport = httpx.ASGITransport(create_app(AuthState(project=PROJECT), Clock(START)))
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            for kind in ("application/json", "application/x-www-form-urlencoded"):
                response = await http.post(
                    TOKEN, params={"key": "k"}, headers={"content-type": kind}, content=raw
                )
                assert response.status_code == 400

    asyncio.run(run())
