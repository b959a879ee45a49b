"""Hosts and origins: pages from elsewhere do not reach an emulator of this machine."""

import json

import httpx
import pytest
from starlette.types import Message

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.guard import guarded, host_is_known, origin_is_local
from tests import plain_http


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:9000",
        "127.0.0.1",
        "10.0.2.2:9000",
        "[::1]:9000",
        "localhost:9000",
        "LOCALHOST",
        "localhost.:9000",
        "my-shop.localhost:9000",
        "my-shop.firebaseio.com",
        "my-shop.europe-west1.firebasedatabase.app",
        "identitytoolkit.googleapis.com",
        "my-shop.database.test:9000",
    ],
)
def test_names_no_stranger_can_hold_are_known(host: str) -> None:
    """What the SDKs, curl and a proxy in front of pyrebase send."""
    assert host_is_known(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evilfirebaseio.com",
        "firebaseio.com.evil.example",
        "notlocalhost",
        "evil.example@127.0.0.1:x",
        "",
        "[::1",
        "localhost:notaport",
    ],
)
def test_any_other_name_may_be_anybodys(host: str) -> None:
    """Its owner decides where it points, and may point it here."""
    assert not host_is_known(host)


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:5173", True),
        ("http://[::1]:5173", True),
        ("https://shop.localhost", True),
        ("https://imbari.example", False),
        ("http://192.168.1.7", False),
        ("http://localhost.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_pages_of_this_machine_are_local(origin: str, local: bool) -> None:
    """A sandboxed page, whose origin is null, is from anywhere."""
    assert origin_is_local(origin) is local


def test_a_rebound_name_is_refused_on_every_port() -> None:
    """With what to do about it, and without an answer."""
    with Emulator(hub_port=0) as emulator:
        plain_http.put(f"http://{emulator.database_host}/a.json", json="secret")
        for host, port in emulator.addresses.values():
            answer = plain_http.get(
                f"http://{host}:{port}/a.json", headers={"Host": f"evil.example:{port}"}
            )
            assert answer.status_code == 403
            assert "evil.example" in answer.json()["error"]
            assert "127.0.0.1 or localhost" in answer.json()["error"]


EVIL = {"host": "evil.example", "origin": "https://evil.example"}
PAGE = {"host": "localhost", "origin": "https://evil.example"}
CONTROL = "/emulator/v1/projects/p/accounts"
REASON = (
    "The host 'evil.example' is not known to this emulator: use 127.0.0.1 or localhost, or let"
    " other machines in with --allow-remote"
)


@pytest.mark.parametrize(
    ("kind", "method", "path", "headers", "any_host", "reason"),
    [
        ("http", "GET", "/a.json", {}, False, None),  # HTTP/1.0 has no such header
        ("http", "GET", "/a.json", EVIL, False, REASON),
        ("http", "GET", "/a.json", EVIL, True, None),
        ("http", "PUT", "/a.json", PAGE, False, None),
        ("http", "GET", CONTROL, PAGE, False, None),
        ("http", "HEAD", CONTROL, PAGE, False, None),
        ("http", "OPTIONS", CONTROL, PAGE, False, None),
        ("http", "DELETE", CONTROL, {}, False, None),
        (
            "http",
            "DELETE",
            CONTROL,
            PAGE,
            False,
            "Only pages of this machine may change the emulator",
        ),
        ("http", "POST", CONTROL, EVIL, True, "Only pages of this machine may change the emulator"),
        ("websocket", None, "/.ws", EVIL, False, REASON),
        ("websocket", None, "/.ws", EVIL, True, None),
        ("websocket", None, CONTROL, PAGE, False, None),
    ],
)
async def test_who_is_refused_is_told_why(
    kind: str,
    method: str | None,
    path: str,
    headers: dict[str, str],
    any_host: bool,
    reason: str | None,
) -> None:
    """A socket by a code, and everybody else by a text; who is not gets to the application."""
    told: list[object] = []
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": pairs} | ({"method": method} if method else {})

    async def app(*given: object) -> None:
        told.append(given)

    async def receive() -> Message:
        told.append("received")
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message)

    await guarded(app, any_host=any_host)(scope, receive, send)
    body = json.dumps({"error": reason}, separators=(",", ":")).encode()
    if reason is None:
        assert told == [(scope, receive, send)]
    elif kind == "websocket":
        assert told == ["received", {"type": "websocket.close", "code": 1008}]
    else:
        fields = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        assert told == [
            {"type": "http.response.start", "status": 403, "headers": fields},
            {"type": "http.response.body", "body": body},
        ]


def test_other_machines_may_use_any_name() -> None:
    """They were let in; a container's name is as good as any."""
    with Emulator(host="0.0.0.0", allow_remote=True) as emulator:
        port = emulator.addresses["database"][1]
        answer = plain_http.get(
            f"http://127.0.0.1:{port}/a.json", headers={"Host": f"firebase:{port}"}
        )
        assert answer.status_code == 200


def test_a_page_from_elsewhere_cannot_delete_users() -> None:
    """One of this machine can, as can whoever sends no Origin."""
    with Emulator() as emulator:
        url = f"http://{emulator.auth_host}/emulator/v1/projects/demo-imbari/accounts"
        for origin, status in (
            ("https://evil.example", 403),
            ("null", 403),
            ("http://localhost:3000", 200),
        ):
            assert plain_http.delete(url, headers={"Origin": origin}).status_code == status
        assert plain_http.delete(url).status_code == 200
        codes = url.replace("/accounts", "/oobCodes")
        answer = plain_http.get(codes, headers={"Origin": "https://shop.example"})
        assert answer.status_code == 200


def test_a_head_that_does_not_end_is_refused() -> None:
    """Tokens fit into a request's line and headers; a megabyte does not."""
    with Emulator() as emulator:
        url = f"http://{emulator.database_host}/a.json"
        assert plain_http.get(url, headers={"X-Long": "x" * 30_000}).status_code == 200
        try:
            status = plain_http.get(url, headers={"X-Long": "x" * 1_000_000}).status_code
        except httpx.HTTPError:
            status = 0  # it hung up while being told
        assert status in {0, 400, 431}
