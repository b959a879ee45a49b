"""Large values: nobody waits for somebody else's megabytes, and nothing about them is different."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from imbari_chat.emulator.database.answers import Done
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.service import Service
from imbari_chat.emulator.offload import LARGE, Offload, here
from imbari_chat.rules import Ruleset
from imbari_chat.wire.pushid import PushIds
from tests import plain_http
from tests.emulator.database.serving import serving
from tests.emulator.event_stream import EventStream

T = TypeVar("T")

NOW = 1_790_000_000.0
RULES = """{"rules": {
  ".read": true,
  "open": {".write": true},
  "small": {".write": true, "$k": {".validate": "newData.isNumber() && newData.val() < 50000"}}
}}"""
BIG = list(range(15_000))


class Held:
    """A runner that waits before one of the large things it does.

    Args:
        before: 1 is reading the body, 2 asking the rules.
    """

    def __init__(self, before: int) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        self._before = before
        self._asked = 0

    async def __call__(self, weight: int, work: Callable[[], T], /) -> T:
        self._asked += weight >= LARGE
        if self._asked == self._before and not self.reached.is_set():
            self.reached.set()
            await self.go.wait()
        return work()


@pytest.fixture
def databases() -> Databases:
    return Databases("t", Ruleset.parse(RULES))


@pytest.fixture
def service(databases: Databases) -> Service:
    return Service(databases, PushIds(lambda: [0] * 12))


def _request(method: str, target: str, value: Any = ...) -> Request:
    path, _, query = target.partition("?")
    body = b"" if value is ... else json.dumps(value).encode()
    return Request.of(method, path, query, {}, body)


async def _answered(service: Service, request: Request, runner: Any = here) -> tuple[int, Any]:
    outcome = await service.answer(request, lambda: NOW, runner)
    assert isinstance(outcome, Done)
    response = outcome.response()
    return response.status, json.loads(response.body)


async def test_others_go_on_while_a_large_write_is_read_and_judged(service: Service) -> None:
    """Its bytes stand nowhere until it is done; smaller writes of its database come behind it."""
    held = Held(1)
    large = asyncio.ensure_future(_answered(service, _request("PUT", "/open.json", BIG), held))
    await held.reached.wait()
    assert await _answered(service, _request("PUT", "/open/a.json", 1)) == (200, 1)
    held.go.set()
    assert await large == (200, BIG)
    assert await _answered(service, _request("GET", "/open.json")) == (200, BIG)


async def test_writes_of_a_database_keep_their_order(service: Service) -> None:
    """Whoever comes while a large write is judged waits, and only for that database."""
    held = Held(2)
    large = asyncio.ensure_future(_answered(service, _request("PUT", "/open/a.json", BIG), held))
    await held.reached.wait()
    small = asyncio.ensure_future(_answered(service, _request("PUT", "/open/a.json", 2)))
    await asyncio.sleep(0)
    assert await _answered(service, _request("GET", "/open/a.json")) == (200, None)
    assert await _answered(service, _request("PUT", "/open/a.json?ns=other", 3)) == (200, 3)
    assert not small.done()
    held.go.set()
    assert (await large)[0] == 200
    assert await small == (200, 2)
    assert await _answered(service, _request("GET", "/open/a.json")) == (200, 2)


async def test_what_the_owner_changes_meanwhile_counts(
    service: Service, databases: Databases
) -> None:
    """Rules that came while a write was judged by others judge it again, and data stays."""
    held = Held(2)
    large = asyncio.ensure_future(_answered(service, _request("PUT", "/open.json", BIG), held))
    await held.reached.wait()
    databases.named("t").set_rules(Ruleset.parse('{"rules": {}}'), int(NOW * 1000))
    held.go.set()
    assert (await large)[0] == 401


async def test_a_database_with_a_write_under_way_is_not_forgotten(
    service: Service, databases: Databases
) -> None:
    """However many others are named while it is judged."""
    held = Held(2)
    request = _request("PUT", "/open.json?ns=mine", BIG)
    large = asyncio.ensure_future(_answered(service, request, held))
    await held.reached.wait()
    for number in range(1000):
        databases.named(f"n{number}")
    held.go.set()
    assert (await large)[0] == 200
    assert await _answered(service, _request("GET", "/open.json?ns=mine")) == (200, BIG)


MANY = {f"k{number}": {"text": "x" * 20, "n": number} for number in range(3000)}
ASKED = [
    ("PUT", "/open.json", MANY),
    ("PUT", "/open/list.json", BIG),
    ("PATCH", "/open.json", {"a/b": BIG, "c": None, "list": {".sv": "timestamp"}}),
    ("POST", "/open.json", {"when": {".sv": "timestamp"}, "rows": MANY}),
    ("PUT", "/small.json", BIG),
    ("PUT", "/small.json", [*BIG, 60_000]),
    ("PUT", "/closed.json", BIG),
    ("PUT", "/open.json", {"a": BIG, ".value": 1}),
    ("PUT", "/open.json", {"a": BIG, "b.": 1}),
    ("PATCH", "/open.json", {"a": BIG, "a/b": 1}),
    ("PUT", "/open/up.json", {"n": {".sv": {"increment": 2}}, "rows": BIG}),
    ("PUT", "/open/up.json", {"n": {".sv": {"increment": 3}}, "rows": MANY}),
    ("GET", "/open.json", ...),
    ("GET", "/open.json?format=export&print=pretty", ...),
    ("DELETE", "/open.json", ...),
    ("GET", "/.json", ...),
]


async def test_a_thread_gives_the_answers_that_the_loop_gives() -> None:
    """Statuses, texts, data, and what the rules are counted to have come to."""
    both = [Databases("t", Ruleset.parse(RULES)) for _ in range(2)]
    in_loop, in_thread = (Service(each, PushIds(lambda: [0] * 12)) for each in both)
    offload = Offload()
    try:
        for method, target, value in ASKED:
            request = _request(method, target, value)
            expected = await _answered(in_loop, request)
            assert await _answered(in_thread, request, offload) == expected
    finally:
        offload.close()
    roots = [each.named("t").root for each in both]
    assert roots[0] == roots[1]
    counts = [each.named("t").coverage.to_json() for each in both]
    assert counts[0] == counts[1]
    reasons = [list(each.refusals) for each in both]
    assert reasons[0] == reasons[1]


async def test_large_work_is_done_in_another_thread() -> None:
    """And small work in this one, where it is done at once."""
    offload = Offload()
    try:
        assert await offload(LARGE - 1, threading.get_ident) == threading.get_ident()
        assert await offload(LARGE, threading.get_ident) != threading.get_ident()
    finally:
        offload.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as running:
        yield running


def test_small_requests_are_answered_while_a_large_one_is_under_way(address: str) -> None:
    """Megabytes of a flat array take seconds, and none of the others' time."""
    body = b"[" + b",".join([b"1"] * 300_000) + b"]"
    url = f"http://{address}/large.json"
    answered: list[int] = []
    large = threading.Thread(
        target=lambda: answered.append(plain_http.put(url, content=body, timeout=120).status_code)
    )
    with plain_http.Client(base_url=f"http://{address}", timeout=120) as client:
        client.get("/small.json")
        large.start()
        meanwhile = 0
        while large.is_alive():
            assert client.get("/small.json").text == "null"
            meanwhile += 1
        large.join()
    assert answered == [200]
    assert meanwhile >= 10


def test_events_of_large_values_come_in_order(address: str) -> None:
    """A small one that was committed after a large one is heard after it."""
    with (
        plain_http.Client(base_url=f"http://{address}", timeout=60) as client,
        EventStream(client, "/events.json") as stream,
    ):
        assert stream.next() == ("put", {"path": "/", "data": None})
        for number in range(3):
            client.put("/events/big.json", content=json.dumps([number] * 40_000))
            client.put("/events/small.json", content=str(number))
        for number in range(3):
            name, event = stream.next()
            assert (name, event["path"], event["data"][-1]) == ("put", "/big", number)
            assert stream.next() == ("put", {"path": "/small", "data": number})
        with EventStream(client, "/events.json") as second:
            name, event = second.next()
            assert event["data"] == {"big": [2] * 40_000, "small": 2}
