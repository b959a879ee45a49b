"""The switch that sends streams elsewhere first, as the service does."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from imbari_chat.emulator.tokens import encode_unsigned
from tests import plain_http
from tests.emulator.database.serving import serving
from tests.emulator.event_stream import EventStream

OWNER = {"Authorization": "Bearer owner"}
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """A client that follows nothing by itself."""
    with (
        serving(redirect_streams=True) as address,
        plain_http.Client(base_url=f"http://{address}", timeout=60) as client,
    ):
        yield client


def test_a_stream_is_sent_to_another_name_of_the_machine(http: httpx.Client) -> None:
    """With its database and every parameter, credentials among them, and ``sse=true``."""
    token = encode_unsigned({"sub": "u1"})
    answer = http.get(f'/a/b.json?auth={token}&orderBy="$key"&ns=shop', headers=STREAM)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["content-length"] == "0"
    where = urlsplit(answer.headers["location"])
    assert (where.hostname, where.port, where.path) == (
        "localhost",
        http.base_url.port,
        "/a/b.json",
    )
    assert dict(parse_qsl(where.query)) == {
        "auth": token,
        "orderBy": '"$key"',
        "ns": "shop",
        "sse": "true",
    }


def test_a_stream_opens_where_it_was_sent_to(http: httpx.Client) -> None:
    """The second request is not sent on again, and goes to the database of the first."""
    named = {"Host": f"shop.firebaseio.com:{http.base_url.port}", **STREAM}
    location = http.get("/s.json", headers=named).headers["location"]
    http.put("/s.json?ns=shop", json=1)
    with EventStream(http, location) as stream:
        assert stream.next() == ("put", {"path": "/", "data": 1})


def test_what_is_lost_on_the_way_is_missed(http: httpx.Client) -> None:
    """A client that drops its header at another name is nobody there."""
    http.put("/.settings/rules.json?ns=closed", json={"rules": {}}, headers=OWNER)
    location = http.get("/s.json?ns=closed", headers={**STREAM, **OWNER}).headers["location"]
    assert http.get(location, headers=STREAM).status_code == 401
    with EventStream(http, location, OWNER) as stream:
        assert stream.next() == ("put", {"path": "/", "data": None})


def test_a_plain_read_is_not_sent_anywhere(http: httpx.Client) -> None:
    """Only streams are."""
    assert http.get("/a.json").status_code == 200
