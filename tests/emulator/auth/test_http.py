"""The emulator on the wire: who may call, what a body may be, what a browser needs."""

from collections.abc import AsyncIterator

import httpx
import pytest

from imbari_chat.emulator.auth.app import BODY_LIMIT
from tests.emulator.auth.harness import OWNER, PROJECT, TOKEN, TOOLKIT, Service

SIGN_UP = f"{TOOLKIT}accounts:signUp"
CREATE = f"{TOOLKIT}projects/{PROJECT}/accounts"
CONFIG = f"/emulator/v1/projects/{PROJECT}/config"
EVERYBODY = f"/emulator/v1/projects/{PROJECT}/accounts"


async def test_it_says_when_it_is_ready(service: Service) -> None:
    """A start-up script asks the root."""
    response = await service.http.get("/")
    assert response.json()["authEmulator"]["ready"] is True


async def test_an_answer_is_compact_json_in_utf_8(service: Service) -> None:
    """Whatever the user is called."""
    body = {"displayName": "Zoë \ud800", "email": "a@b", "password": "secret1"}
    response = await service.http.post(
        SIGN_UP,
        params={"key": "k"},
        content=b'{"displayName":"Zo\\u00eb \\ud800","email":"a@b","password":"secret1"}',
    )
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json()["displayName"] == body["displayName"]
    assert '"displayName":"Zoë' in response.text


@pytest.mark.parametrize(
    ("path", "headers", "key", "code"),
    [
        (SIGN_UP, {}, "any", 200),
        (SIGN_UP, {"x-goog-api-key": "any"}, None, 200),
        (SIGN_UP, {}, None, 403),
        (SIGN_UP, {}, "", 403),
        (SIGN_UP, OWNER, None, 200),
        (SIGN_UP, {"authorization": "bearer OWNER"}, None, 200),
        (SIGN_UP, {"authorization": "Bearer ya29.x"}, None, 200),
        (SIGN_UP, {"authorization": "Bearer other"}, "any", 401),
        (SIGN_UP, {"authorization": "Basic b3duZXI="}, "any", 200),
        (CREATE, OWNER, None, 200),
        (CREATE, {}, "any", 400),
        (CREATE, {}, None, 403),
        (CREATE, {"authorization": "Bearer other"}, None, 401),
        (SIGN_UP, {"x-goog-api-key": ""}, None, 403),
        (SIGN_UP, {"x-goog-api-key": "any"}, "", 200),
        (SIGN_UP, {}, ["any", "other"], 403),
        (TOKEN, OWNER, None, 403),
        (TOKEN, {"authorization": "Bearer other"}, "any", 400),
    ],
)
async def test_a_key_opens_the_users_door_and_owner_every_door(
    service: Service, path: str, headers: dict[str, str], key: str | list[str] | None, code: int
) -> None:
    """Any key will do, if it is one; any bearer token but the owner's will not."""
    params = {} if key is None else {"key": key}
    response = await service.http.post(path, headers=headers, params=params, json={})
    assert response.status_code == code


async def test_the_refusals_of_a_caller_are_the_services(service: Service) -> None:
    """Field by field, as captured."""
    missing = (await service.http.post(SIGN_UP, json={})).json()
    message = "The request is missing a valid API key."
    assert missing == {
        "error": {
            "code": 403,
            "message": message,
            "errors": [{"message": message, "reason": "forbidden", "domain": "global"}],
            "status": "PERMISSION_DENIED",
        }
    }
    foreign = {"authorization": "Bearer other"}
    error = (await service.http.post(SIGN_UP, headers=foreign, json={})).json()["error"]
    assert error["status"] == "UNAUTHENTICATED"
    assert error["errors"][0]["message"] == "Invalid Credentials"
    assert error["errors"][0]["reason"] == "authError"
    assert (await service.http.get("/nowhere")).json() == {
        "error": {
            "code": 404,
            "message": "Not Found",
            "errors": [{"message": "Not Found", "reason": "notFound"}],
            "status": "NOT_FOUND",
        }
    }
    unbuilt = f"{TOOLKIT}accounts:verifyIosClient"
    error = (await service.http.post(unbuilt, params={"key": "k"}, json={})).json()["error"]
    assert (error["code"], error["status"]) == (501, "NOT_IMPLEMENTED")
    assert error["errors"][0]["reason"] == "unimplemented"


@pytest.mark.parametrize("body", [b"{", b'"x"', b"\xff", b'{"a":NaN}', b'{"a":' * 100_000])
async def test_a_broken_body_is_an_invalid_argument(service: Service, body: bytes) -> None:
    """Not a crash, and not taken for an empty one."""
    response = await service.http.post(SIGN_UP, params={"key": "k"}, content=body)
    error = response.json()["error"]
    assert (response.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"].startswith("Invalid JSON payload received. ")
    assert error["errors"][0]["reason"] == "parseError"


async def test_a_field_of_the_wrong_type_is_an_invalid_argument(service: Service) -> None:
    """The service names the field and the type it wants."""
    own = await service.sign_up()
    body = {"idToken": own["idToken"], "deleteAttribute": "EMAIL"}
    path = f"{TOOLKIT}accounts:update"
    error = (await service.http.post(path, params={"key": "k"}, json=body)).json()["error"]
    assert error["message"] == "Invalid JSON payload received. /deleteAttribute must be array"
    assert error["status"] == "INVALID_ARGUMENT"


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(service: Service) -> None:
    """413, whether or not the sender says how long it is."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * BODY_LIMIT:
            sent += 1 << 20
            yield b" " * (1 << 20)

    response = await service.http.post(SIGN_UP, params={"key": "k"}, content=endless())
    assert response.status_code == 413
    assert response.json()["error"]["code"] == 413


@pytest.mark.parametrize(("extra", "code"), [(0, 200), (1, 413)])
async def test_a_body_has_at_most_ten_mebibytes(service: Service, extra: int, code: int) -> None:
    """To the byte, in whatever pieces it comes."""
    body = b"{}".ljust(10 * 1024 * 1024 + extra)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 4_000_000):
            yield body[at : at + 4_000_000]

    response = await service.http.post(SIGN_UP, params={"key": "k"}, content=pieces())
    assert response.status_code == code


@pytest.mark.parametrize(
    ("method", "path", "kind", "code"),
    [
        ("POST", SIGN_UP, None, 200),
        ("POST", SIGN_UP, "", 200),
        ("POST", SIGN_UP, "Application/JSON; charset=utf-8", 200),
        ("POST", SIGN_UP, "text/plain", 400),
        ("POST", SIGN_UP, "application/x-www-form-urlencoded", 400),
        ("PATCH", CONFIG, "text/plain", 400),
        ("PATCH", CONFIG, "application/json", 200),
        ("GET", CONFIG, "text/plain", 200),
        ("DELETE", EVERYBODY, "text/plain", 200),
    ],
)
async def test_a_body_says_that_it_is_json_or_nothing(
    service: Service, method: str, path: str, kind: str | None, code: int
) -> None:
    """Nobody reads that of a GET."""
    headers = {} if kind is None else {"content-type": kind}
    response = await service.http.request(
        method, path, params={"key": "k"}, headers=headers, content=b"{}"
    )
    assert response.status_code == code, response.text
    if code == 400:
        assert str(kind) in response.json()["error"]["message"]


async def test_the_token_endpoint_takes_a_form(service: Service) -> None:
    """The JavaScript SDK sends one."""
    own = await service.sign_up()
    form = {"grant_type": "refresh_token", "refresh_token": own["refreshToken"]}
    response = await service.http.post(TOKEN, params={"key": "k"}, data=form)
    assert response.json()["user_id"] == own["localId"]


async def test_unknown_fields_are_ignored_and_nulls_are_absent(service: Service) -> None:
    """One client sends nulls for what it was not given, every other one fields of its own."""
    own = await service.sign_up()
    answer = await service.user(
        "accounts:update",
        {
            "idToken": own["idToken"],
            "displayName": "X",
            "photoURL": None,
            "deleteAttribute": None,
            "clientType": "CLIENT_TYPE_WEB",
            "tenantId": None,
        },
    )
    assert answer["displayName"] == "X"


async def test_a_tenant_is_not_built(service: Service) -> None:
    """Ignoring it would mix users that must be kept apart."""
    response = await service.http.post(SIGN_UP, params={"key": "k"}, json={"tenantId": "t"})
    assert response.status_code == 501


async def test_any_web_page_may_call(service: Service) -> None:
    """Its preflight is granted what it asks for, a private network too."""
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-client-version,x-firebase-gmpid",
        "access-control-request-private-network": "true",
    }
    granted = await service.http.options(SIGN_UP, headers=asked)
    assert granted.status_code == 204
    assert granted.headers["access-control-allow-origin"] == asked["origin"]
    headers = asked["access-control-request-headers"]
    assert granted.headers["access-control-allow-headers"] == headers
    assert "POST" in granted.headers["access-control-allow-methods"]
    assert granted.headers["access-control-allow-private-network"] == "true"
    for params in ({"key": "k"}, {}):
        response = await service.http.post(
            SIGN_UP, params=params, headers={"origin": asked["origin"]}, json={}
        )
        assert response.headers["access-control-allow-origin"] == asked["origin"]
        assert "access-control-allow-private-network" not in response.headers


ORIGIN = "http://localhost:3000"
PRIVATE = "access-control-request-private-network"


@pytest.mark.parametrize("origin", [None, ORIGIN])
@pytest.mark.parametrize("asked", [None, "content-type"])
@pytest.mark.parametrize("private", [False, True])
async def test_a_page_is_told_what_it_may_and_no_more(
    service: Service, origin: str | None, asked: str | None, private: bool
) -> None:
    """All headers of a preflight, and of an answer."""
    headers = {} if origin is None else {"origin": origin}
    headers |= {PRIVATE: "true"} if private else {}
    told = {} if origin is None else {"access-control-allow-origin": origin}
    told |= {"access-control-allow-private-network": "true"} if private else {}
    answer = await service.http.get("/", headers=headers)
    assert (answer.status_code, dict(answer.headers)) == (
        200,
        {
            "content-type": "application/json; charset=utf-8",
            "content-length": str(len(answer.content)),
            "vary": "Origin",
            **told,
        },
    )
    headers |= {} if asked is None else {"access-control-request-headers": asked}
    told |= {} if asked is None else {"access-control-allow-headers": asked}
    granted = await service.http.options(SIGN_UP, headers=headers)
    assert (granted.status_code, granted.content, dict(granted.headers)) == (
        204,
        b"",
        {
            "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
            "vary": "Origin, Access-Control-Request-Headers",
            **told,
        },
    )


async def test_public_things_are_public(service: Service) -> None:
    """What a client asks before it signs in, by the new names and the old."""
    expected = {"projectId": "12345", "authorizedDomains": ["localhost"]}
    legacy = "/www.googleapis.com/identitytoolkit/v3/relyingparty/getProjectConfig"
    for path in (f"{TOOLKIT}projects", legacy):
        assert (await service.http.get(path, params={"key": "k"})).json() == expected
    recaptcha = await service.http.get(f"{TOOLKIT}recaptchaParams", params={"key": "k"})
    assert recaptcha.json()["kind"] == "identitytoolkit#GetRecaptchaParamResponse"
    codes = await service.http.get(f"/emulator/v1/projects/{PROJECT}/verificationCodes")
    assert codes.json() == {"verificationCodes": []}


async def test_links_lead_back_to_the_address_the_caller_used(service: Service) -> None:
    """Behind a forwarded port the emulator's own address would lead nowhere."""
    await service.sign_up()
    body = {"requestType": "PASSWORD_RESET", "email": "alice@example.com", "returnOobLink": True}
    response = await service.http.post(
        f"{TOOLKIT}accounts:sendOobCode", headers={**OWNER, "host": "box:1234"}, json=body
    )
    assert response.json()["oobLink"].startswith("http://box:1234/emulator/action?")


async def test_a_strange_host_header_breaks_nothing(service: Service) -> None:
    """It is echoed into links and never parsed."""
    response: httpx.Response = await service.http.get("/", headers={"host": "[::"})
    assert response.status_code == 200
