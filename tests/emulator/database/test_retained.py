"""What strangers leave behind: bytes that are still held when their requests are over."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path as File

import pytest
from starlette.types import Message

from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, NOBODY
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.on_disconnect import OnDisconnect
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.service import Answer, Service
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.pushid import PushIds

RULES = File(__file__).parents[3] / "database.rules.json"
NOW = 1_790_000_000.0
KIB = 1024
MIB = 1024 * KIB


def _service(databases: Databases) -> Service:
    return Service(databases, PushIds(lambda: [0] * 12))


def _asked(
    service: Service, method: str, target: str, body: bytes = b"", token: str | None = None
) -> Answer:
    path, _, query = target.partition("?")
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    answer = service.handle(Request.of(method, path, query, headers, body), NOW)
    assert isinstance(answer, Answer)
    return answer


def _retained(work: Callable[[], object]) -> int:
    """Bytes that are held after ``work`` and were not before."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.fixture
def databases() -> Databases:
    """Under the shipped rules, of which each count for coverage is tens of kilobytes."""
    return Databases("the-default", Ruleset.parse(RULES.read_text("utf-8")))


def test_naming_databases_costs_nothing_for_good(databases: Databases) -> None:
    """Hundreds of names, read and written in vain, leave no more than the first did."""
    service = _service(databases)

    def name(numbers: range) -> None:
        for number in numbers:
            assert _asked(service, "GET", f"/x.json?ns=n{number}").response.status == 401
            assert _asked(service, "PUT", f"/x.json?ns=n{number}", b"1").response.status == 401

    name(range(200))
    assert _retained(lambda: name(range(200, 600))) < 512 * KIB
    assert len(list(databases)) <= 200


def test_a_database_that_holds_anything_is_never_forgotten(databases: Databases) -> None:
    """Data, rules of its own, a setting, a listener: each by itself is enough."""
    service = _service(databases)
    _asked(service, "PUT", "/a.json?ns=data", b"1", "owner")
    rules = b'{"rules": {".read": true}}'
    _asked(service, "PUT", "/.settings/rules.json?ns=rules", rules, "owner")
    setting = "/.settings/defaultWriteSizeLimit.json?ns=setting"
    _asked(service, "PUT", setting, b'"tiny"', "owner")
    databases.named("listener").listen(Target(Path()), ADMIN, 0)
    for number in range(1000):
        databases.named(f"n{number}")
    names = {namespace.name for namespace in databases}
    assert {"data", "rules", "setting", "listener", "the-default"} <= names
    assert _asked(service, "GET", "/a.json?ns=data", token="owner").response.body == b"1"


def test_databases_are_looked_through_when_there_are_64_more_of_them(databases: Databases) -> None:
    """The first one, which requests that name none mean, is always there."""
    numbers = []
    for number in range(180):
        database = databases.named(f"n{number}")
        if number in {0, 100}:
            database.write(Write.put(Path(), 1), ADMIN, 0)
        numbers.append(len(list(databases)))
    assert numbers == [*range(2, 65), *range(3, 67), *range(4, 68)][:180]


def test_whether_databases_hold_anything_is_looked_at_now_and_then(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Naming one more costs a few looks, however many there are that do."""
    looks, named = 0, 2000

    def is_blank(_: Namespace) -> bool:
        nonlocal looks
        looks += 1
        return False

    monkeypatch.setattr(Namespace, "is_blank", property(is_blank))
    for number in range(named):
        databases.named(f"n{number}")
    assert named < looks < 20 * named


def test_refused_writes_leave_their_reasons_and_nothing_else(databases: Databases) -> None:
    """Much was sent; what is kept is the text of why not."""
    service = _service(databases)
    body = json.dumps({f"k{number}": "x" * 20 for number in range(10_000)}).encode()

    def refused() -> None:
        for number in range(4):
            answer = _asked(service, "PUT", f"/x{number}.json?ns=r{number}", body)
            assert answer.response.status == 401

    refused()
    assert _retained(refused) < 512 * KIB
    assert "/x3" in list(databases.refusals)[-1]


def test_the_reasons_are_bounded_by_their_bytes(databases: Databases) -> None:
    """An update of many long paths is told of in part, and many of those not for good."""
    service = _service(databases)
    long = "/".join("k" * 700 for _ in range(20))
    body = json.dumps({f"{number}/{long}": 1 for number in range(100)}).encode()
    for _ in range(20):
        assert _asked(service, "PATCH", "/.json", body).response.status == 401
    reasons = list(databases.refusals)
    assert 0 < sum(map(len, reasons)) <= 256 * KIB
    assert max(map(len, reasons)) <= 16 * KIB


class Unread:
    """A stream, or a read, whose answer nobody takes: its transport is full at once."""

    def __init__(self, app: DatabaseApp, target: str, *, stream: bool = True) -> None:
        path, _, query = target.partition("?")
        accept = [(b"accept", b"text/event-stream")] if stream else []
        scope = {
            "type": "http",
            "method": "GET",
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": accept,
        }
        self.asked = False
        self.full = asyncio.Event()
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.full.set()
            await asyncio.Event().wait()


async def _unread(app: DatabaseApp, targets: list[str], *, stream: bool = True) -> list[Unread]:
    unread = [Unread(app, target, stream=stream) for target in targets]
    for each in unread:
        full = asyncio.ensure_future(each.full.wait())
        await asyncio.wait((full, each.task), return_when=asyncio.FIRST_COMPLETED, timeout=30)
        full.cancel()
    return unread


async def _end(unread: list[Unread]) -> None:
    for each in unread:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in unread), return_exceptions=True)


def _large(megabytes: int) -> Databases:
    databases = Databases("the-default", Ruleset.open())
    value: Json = {f"k{number}": "x" * 1000 for number in range(1000 * megabytes)}
    databases.named("the-default").write(Write.put(Path.parse("/big"), value), ADMIN, 0)
    return databases


@pytest.mark.parametrize("target", ["/big.json", "/big.json?orderBy=%22$key%22&limitToFirst=3900"])
async def test_streams_that_nobody_reads_wait_for_the_same_bytes(target: str) -> None:
    """Fifteen of one value of four megabytes: one copy waits, and each has a piece on its way."""
    app = DatabaseApp(_large(4))
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        unread = await _unread(app, [target] * 15)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(each.full.is_set() for each in unread)
    assert after - before < 2 * 4 * MIB
    await _end(unread)
    app.close()


@pytest.mark.parametrize("stream", [True, False])
async def test_all_that_waits_for_readers_has_a_bound(stream: bool) -> None:
    """Of different values too, streams or answers: most of twelve megabytes are cut off."""
    app = DatabaseApp(_large(1), outgoing=4 * MIB)
    query = "/big.json?orderBy=%22$key%22&limitToFirst="
    unread = await _unread(app, [f"{query}{900 + n}" for n in range(12)], stream=stream)
    assert 0 < app.waiting <= 4 * MIB
    for _ in range(20):  # turns of the loop, for those who are cut off to end
        await asyncio.sleep(0)
    left = sum(not each.task.done() for each in unread)
    assert 1 <= left <= 4
    await _end(unread)
    assert app.waiting == 0
    app.close()


def test_what_is_no_longer_wanted_at_the_end_of_a_connection_is_not_kept() -> None:
    """Cancelled, overwritten, or never there."""
    store = OnDisconnect(MIB)

    def put_and_cancel() -> None:
        for n in range(2000):
            path = Path((f"{n}", "a" * 50, "b"))
            store.put({path: None}, NOBODY, 1)
            store.cancel(path)
            store.put({path: None}, NOBODY, 1)
            store.cancel(path.parent / "c")
            store.cancel(path.parent.parent)
            store.cancel(path)

    assert _retained(put_and_cancel) < 64 * KIB
