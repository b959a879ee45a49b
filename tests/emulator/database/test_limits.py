"""What is too much, with limits small enough to reach: bodies, writes, answers, events."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT
from imbari_chat.wire.tree import from_json
from tests.emulator.database.serving import serving
from tests.emulator.event_stream import EventStream
from tests.plain_http import client_of

OWNER = {"Authorization": "Bearer owner"}
MIB = 1024 * 1024
SMALL = Limits(body=5000, answer=1000, event=2000, per_second=100)
TOO_BIG = (
    "WRITE_TOO_BIG: Data to write exceeds the maximum size that can be modified with a single"
    " request."
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(limits=SMALL) as running:
        yield running


@pytest.fixture
def http(address: str, namespace: str) -> Iterator[httpx.Client]:
    host = {"Host": f"{namespace}.database.test"}
    with client_of(address, host) as client:
        yield client


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_the_limits_are_those_of_the_service() -> None:
    """256 MB of body or answer, 512 MB of event, 16 MB of message; a guess, 10 MB in a second."""
    limits = Limits(256 * MIB, 16 * MIB, 256 * MIB, 512 * MIB, 10 * MIB)
    assert Limits() == limits


def test_what_a_write_may_touch_is_told_by_a_name() -> None:
    """What is no such name is no limit."""
    names: list[Json] = ["tiny", "small", "medium", "large", "unlimited", "x", None, 1, []]
    rooms = [100, 1000, 3000, None, None, None, None, None, None]
    assert [SMALL.room(name) for name in names] == rooms


def test_a_body_over_the_limit_is_refused(http: httpx.Client) -> None:
    """By its announced length, and by what really comes."""
    text = b'"' + b"x" * 6000 + b'"'
    assert _error(http.put("/a.json", content=text)) == (413, "Payload is too large")
    chunked = iter([text[:3000], text[3000:]])
    assert _error(http.put("/a.json", content=chunked)) == (413, "Payload is too large")
    assert http.put("/a.json?print=silent", content=b'"' + b"x" * 900 + b'"').status_code == 204


def test_an_announced_length_is_believed_before_the_body_comes(address: str) -> None:
    """Nobody has to send it all to hear that it is too much."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"PUT /a.json HTTP/1.1\r\nHost: x\r\nContent-Length: 5001\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_an_answer_over_the_limit_is_refused(http: httpx.Client) -> None:
    """Counted in bytes of the answer, so a query or a shallow read may still get through."""
    http.put("/a.json?print=silent", json={"b": "x" * 600, "c": "ü" * 300})
    text = "Data requested exceeds the maximum size that can be accessed with a single request."
    assert _error(http.get("/a.json")) == (400, text)
    assert _error(http.get("/a.json?callback=cb")) == (400, text)
    assert http.get('/a.json?orderBy="$key"&limitToFirst=1').status_code == 200
    assert http.get("/a.json?shallow=true").json() == {"b": True, "c": True}
    assert http.get("/a/c.json").status_code == 200


@pytest.mark.parametrize(
    ("limit", "size", "status"),
    [
        ("tiny", 50, 200),
        ("tiny", 150, 400),
        ("small", 150, 200),
        ("small", 900, 200),
        ("small", 1100, 400),
        ("medium", 1100, 200),
        ("medium", 3100, 400),
        ("large", 3100, 200),
        ("unlimited", 3100, 200),
    ],
)
def test_a_write_over_its_size_limit_is_refused(
    http: httpx.Client, limit: str, size: int, status: int
) -> None:
    """Nothing is written, and the answer begins as firebase-tools expects."""
    answer = http.put(f"/a.json?writeSizeLimit={limit}", json={"b": "x" * size})
    assert answer.status_code == status
    if status == 400:
        assert answer.json() == {"error": TOO_BIG}
        assert http.get("/.json").json() is None


def test_what_a_write_deletes_counts_too(http: httpx.Client) -> None:
    """This is how firebase-tools finds out that it must delete in pieces."""
    http.put("/a.json?print=silent", json={"b": "x" * 60, "c": "x" * 60})
    silent = {"print": "silent", "writeSizeLimit": "tiny"}
    assert _error(http.patch("/a.json", params=silent, content=b"null")) == (400, TOO_BIG)
    assert http.delete("/a/b.json", params=silent).status_code == 204
    assert http.patch("/a.json", params=silent, content=b"null").status_code == 204
    assert http.get("/.json").json() is None


def test_a_write_weighs_what_goes_and_what_comes() -> None:
    """The bytes of each value by itself, as an export has it; null for nothing."""
    before = from_json({"a": {".value": "é", ".priority": 1}, "b": [1, 2]})
    write = Write.patch(ROOT, {"a": "xyz", "b": None, "c/d": {"e": True}})
    after = write.applied(before, 0)
    goes = ['{".priority":1,".value":"é"}', '{"0":1,"1":2}', "null"]
    comes = ['"xyz"', "null", '{"e":true}']
    assert write.weight(before, after) == sum(len(text.encode()) for text in goes + comes)


def test_a_database_has_a_size_limit_of_its_own(http: httpx.Client) -> None:
    """For writes that name none."""
    setting = "/.settings/defaultWriteSizeLimit.json"
    assert http.put(setting, json="small", headers=OWNER).status_code == 200
    assert _error(http.put("/a.json", json="x" * 1100)) == (400, TOO_BIG)
    assert http.put("/a.json?writeSizeLimit=unlimited", json="x" * 1100).status_code == 200


def test_an_event_over_the_limit_ends_its_stream(http: httpx.Client) -> None:
    """``cancel``, and then the end; a smaller stream goes on."""
    with EventStream(http, "/s.json") as all_of_it, EventStream(http, "/s/small.json") as part:
        assert all_of_it.next()[0] == part.next()[0] == "put"
        http.patch("/s.json?print=silent", json={"small": 1, "b": "x" * 2500})
        assert all_of_it.said() == b"event: cancel\ndata: null\n\n"
        assert all_of_it.ended()
        assert part.next() == ("put", {"path": "/", "data": 1})
    with EventStream(http, "/s.json") as again:
        assert again.said() == b"event: cancel\ndata: null\n\n"
        assert again.ended()


@pytest.mark.parametrize(("size", "status"), [(768, 200), (769, 400)])
def test_a_key_has_at_most_768_bytes(http: httpx.Client, size: int, status: int) -> None:
    """Of UTF-8, in a path and in a body alike."""
    key = "ü" * (size // 2) + "x" * (size % 2)
    assert http.put(f"/{key}.json", json=1).status_code == status
    assert http.patch("/.json", json={key: 2}).status_code == status
    assert http.put("/a.json", json={key: 2}).status_code == status
