"""No body, however odd, is more than a client's mistake."""

import asyncio
import json
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.tokens import encode_unsigned
from tests.budget import examples
from tests.emulator.auth.harness import OWNER, PROJECT, START, TOKEN, TOOLKIT, Clock

LEGACY = "/www.googleapis.com/identitytoolkit/v3/relyingparty/"
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
            "signInWithEmailLink",
            "signInWithIdp",
            "sendVerificationCode",
            "signInWithPhoneNumber",
        )
    ),
    *(
        f"{TOOLKIT}projects/{PROJECT}{name}"
        for name in (
            "/accounts",
            "/accounts:query",
            "/accounts:batchDelete",
            "/accounts:batchCreate",
            "/accounts:lookup",
            "/accounts:update",
            "/accounts:sendOobCode",
            ":createSessionCookie",
        )
    ),
    *(f"{LEGACY}{name}" for name in ("downloadAccount", "uploadAccount", "verifyAssertion")),
]
TEXTS = [
    "idToken", "localId", "email", "password", "displayName", "photoUrl", "phoneNumber",
    "customAttributes", "validSince", "createdAt", "lastLoginAt", "oobCode", "requestType",
    "newEmail", "continueUrl", "newPassword", "identifier", "continueUri", "token", "grantType",
    "refreshToken", "validDuration", "targetProjectId", "sessionId", "order", "requestUri",
    "postBody", "sessionInfo", "code", "temporaryProof", "initialEmail", "maxResults", "sortBy",
]  # fmt: skip
OTHERS = [
    "disabled", "emailVerified", "disableUser", "deleteAttribute", "deleteProvider", "users",
    "localIds", "force", "returnOobLink", "federatedUserId", "providerUserInfo", "allowOverwrite",
    "sanityCheck", "rawPassword", "passwordHash", "salt", "providerId", "rawId", "expression",
    "linkProviderUserInfo", "mfa", "mfaInfo", "returnIdpCredential", "returnUserInfo", "rounds",
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
    | st.sampled_from(['{"sub":"g1","email":"u1@example.com","email_verified":true}', "a:b"])
    | st.builds(
        "id_token={}&providerId={}".format,
        st.sampled_from(['{"sub":"g1","email":"u1@example.com"}', '{"sub":1}', "x", "%ff", "{"]),
        st.sampled_from(["google.com", "github.com", "password", "phone", ""]),
    )
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
@examples(100)
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


@examples(200)
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


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "access-control-request-headers", "access-control-request-private-network",
            "authorization", "content-length", "content-type", "host", "origin", "x-goog-api-key",
        ]
    )
    | st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=4),
    st.sampled_from(["Bearer owner", "bearer", "application/json", "a/b;c", "", "\xff", "[::", "9"])
    | st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
    max_size=3,
)  # fmt: skip
SEGMENTS = st.text(max_size=5) | st.sampled_from(
    [
        "", "%", "%2F", "%ff", "..", ":", "accounts", "accounts:batchGet", "accounts:signUp",
        "action", "config", "demo-x", "downloadAccount", "emulator", "identitytoolkit",
        "identitytoolkit.googleapis.com", "oobCodes", "projects", "projects:x", "relyingparty",
        "securetoken", "tenants", "v1", "v2", "v3", "www.googleapis.com", "\u20ac",
    ]
)  # fmt: skip
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["key", "mode", "oobCode", "apiKey", "continueUrl", "newPassword"])
        | st.sampled_from(["maxResults", "nextPageToken", "tenantId"])
        | st.text(max_size=4),
        st.sampled_from(["k", "signIn", "resetPassword", "http://x", "http://[", "-5", "5", "\xff"])
        | st.text(max_size=6),
    ),
    max_size=5,
)


async def ask(method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    """The status of a request no client library would send, handed over as a server does."""
    path, _, query = target.partition(b"?")
    started: list[int] = []
    chunks = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return chunks.pop() if chunks else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 9099),
    }
    app = create_app(AuthState(project=PROJECT), Clock(START))
    await asyncio.wait_for(app(scope, receive, send), timeout=10)
    assert len(started) == 1
    return started[0]


@examples(400)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]),
    st.lists(SEGMENTS, max_size=6) | st.sampled_from([["emulator", "action"], ["token"]]),
    QUERIES,
    HEADERS,
    st.binary(max_size=30) | st.just(b"{}"),
)
def test_no_request_line_or_header_is_an_internal_error(
    method: str,
    segments: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Whatever path, query and headers: there is an answer, and it is no 5xx but 501."""
    target = "/" + "/".join(segments) + "?" + "&".join("=".join(pair) for pair in query)
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    status = asyncio.run(ask(method, target.encode(), raw, body))
    assert status < 500 or status == 501


@examples(200)
@given(st.binary(max_size=40))
def test_no_bytes_in_a_request_line_are_an_internal_error(raw: bytes) -> None:
    """Not even those that are no text at all."""
    assert asyncio.run(ask("GET", b"/" + raw, [], b"")) < 502
    action = b"/emulator/action?apiKey=k&oobCode=x&mode=signIn&continueUrl=" + raw
    assert asyncio.run(ask("GET", action, [], b"")) in {303, 400}
