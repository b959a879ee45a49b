"""Hosts and origins: pages from elsewhere do not reach an emulator of this machine."""

import http.client

import httpx
import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.guard import host_is_known, origin_is_local
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


def test_a_client_without_a_host_is_no_browser() -> None:
    """HTTP/1.0 has no such header."""
    with Emulator() as emulator:
        host, port = emulator.addresses["database"]
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.putrequest("GET", "/a.json", skip_host=True)
        connection._http_vsn_str = "HTTP/1.0"  # type: ignore[attr-defined]  # no public switch
        connection.endheaders()
        assert connection.getresponse().status in {200, 400}
        connection.close()


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
