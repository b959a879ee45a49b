"""Both ways to a database do the same: what is read, written and heard, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from imbari_chat.client import transports
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import AccessDenied, ClientClosed, InvalidData, StreamOverflow, Unavailable
from imbari_chat.net.transport import Subscription, Transport
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from tests.client.scenarios.faces import WAIT, eventually
from tests.faults.proxy import Proxy

RULES = """{"rules": {
    "open": {".read": true, ".write": true, "list": {".indexOn": "n"}},
    "own": {".read": "auth.token.admin === true", ".write": "auth.token.admin === true"}
}}"""
OPEN = Path.parse("/open")
LIST = OPEN / "list"
ROWS: dict[str, Json] = {key: {"n": n, "text": f"{key} + é😀"} for n, key in enumerate("abcd")}

Seed = Callable[[str, Any], None]
Stored = Callable[[str], Any]


@pytest.fixture(params=["rest", "websocket"])
def transport_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def way(emulator: Emulator, flags: dict[str, Any]) -> AsyncIterator[Transport]:
    """An admin's, who is held to the rules."""
    emulator.load_rules(RULES)
    made = transports.admin_transport(Settings.load(**flags))
    yield made
    await made.close()


@pytest.fixture
async def through(
    emulator: Emulator, flags: dict[str, Any], proxy: Proxy
) -> AsyncIterator[Transport]:
    """The same, through something that can be cut."""
    emulator.load_rules(RULES)
    made = _through(proxy, flags, timeout=2.0)
    yield made
    await made.close()


def _through(proxy: Proxy, flags: dict[str, Any], timeout: float) -> Transport:
    chosen = {**flags, "database_emulator": proxy.address, "timeout": timeout}
    return transports.admin_transport(Settings.load(**chosen))


async def _until(subscription: Subscription, wanted: Callable[[Any], bool]) -> list[Any]:
    """What it says up to something."""
    said: list[Any] = []
    async with asyncio.timeout(WAIT):
        async for item in subscription:
            said.append(item)
            if wanted(item):
                return said
    raise AssertionError(f"it ended after {said}")


async def _live(subscription: Subscription) -> list[Any]:
    return await _until(subscription, lambda item: item == StateChanged("live"))


async def test_what_is_there_is_read(way: Transport, seed: Seed) -> None:
    """All of it, a part, what a query lets through, nothing; without priorities."""
    seed("/open", {"list": ROWS, "odd": {".value": 5, ".priority": 1}})
    assert await way.get(OPEN) == {"list": ROWS, "odd": 5}
    assert await way.get(LIST / "b/text") == "b + é😀"
    last = Query.by_child("n").limit_to_last(2)
    assert await way.get(LIST, last) == {key: ROWS[key] for key in "cd"}
    assert await way.get(LIST, Query.by_key().start_at("b").end_before("d")) == {
        key: ROWS[key] for key in "bc"
    }
    assert await way.get(OPEN / "nothing") is None


async def test_changes_are_made_together(way: Transport, stored: Stored) -> None:
    """Server values among them; none is no write."""
    now: Json = {".sv": "timestamp"}
    await way.update({LIST / "a": {"n": 1}, OPEN / "at": now, OPEN / "gone": None})
    await way.update({LIST / "a/n": {".sv": {"increment": 4}}})
    await way.update({})
    found = stored("/open")
    assert found["list"] == {"a": {"n": 5}}
    assert found["at"] > 1_700_000_000_000


async def test_a_value_is_swapped_if_it_is_still_there(
    way: Transport, seed: Seed, stored: Stored
) -> None:
    """Whatever it is, nothing included; a priority beside it is no other value."""
    place = OPEN / "x"
    assert await way.compare_and_set(place, 1, 2) is False
    assert await way.compare_and_set(place, None, {"a": [1, 2]}) is True
    assert await way.compare_and_set(place, {"a": [1, 3]}, 2) is False
    assert await way.compare_and_set(place, {"a": [1, 2]}, True) is True
    assert await way.compare_and_set(place, 1, 2) is False
    seed("/open/x", {".value": 7, ".priority": 3})
    assert await way.compare_and_set(place, 7, 8) is True
    assert stored("/open")["x"] in (8, {".value": 8, ".priority": 3})
    with pytest.raises(InvalidData):
        await way.compare_and_set(place, 8, None)


async def test_somebody_who_writes_in_between_keeps_what_they_wrote(
    way: Transport, stored: Stored
) -> None:
    """Of ten who swap at once one does."""
    swaps = [way.compare_and_set(OPEN / "x", None, n + 1) for n in range(10)]
    done = await asyncio.gather(*swaps)
    assert sum(done) == 1
    assert stored("/open")["x"] == done.index(True) + 1


async def test_refusals_are_told_apart(way: Transport, emulator: Emulator) -> None:
    """Rules, requests that make no sense, and queries without an index."""
    closed = Path.parse("/closed")
    with pytest.raises(AccessDenied) as denied:
        await way.get(closed)
    assert denied.value.where == "/closed"
    with pytest.raises(AccessDenied):
        await way.update({closed / "x": 1, OPEN / "x": 1})
    with pytest.raises(AccessDenied):
        await way.compare_and_set(closed, None, 1)
    with pytest.raises(InvalidData):
        await way.update({ROOT: 1})
    with pytest.raises(InvalidData):
        await way.update({OPEN / "x": float("nan")})
    with pytest.raises(InvalidData, match="indexOn"):
        await way.get(LIST, Query.by_child("unindexed").equal_to(1))
    assert await way.get(OPEN / "x") is None


async def test_a_listener_is_given_the_value_and_what_changed(way: Transport, seed: Seed) -> None:
    """Before it is called live; then each change, with the children it touched."""
    seed("/open/list", ROWS)
    subscription = way.listen(LIST, Query.by_child("n").limit_to_last(2))
    assert str(subscription.state) == "connecting"
    assert list(way.subscriptions) == [subscription]
    assert await _live(subscription) == [
        StateChanged("connecting"),
        Changed({key: ROWS[key] for key in "cd"}, None),
        StateChanged("live"),
    ]
    await way.update({LIST / "e": {"n": 9}})
    item = await anext(subscription)
    assert isinstance(item, Changed)
    assert item.value == {"d": ROWS["d"], "e": {"n": 9}}
    assert item.touched is None or item.touched >= {"c", "e"}
    assert subscription.last_heard is not None
    await subscription.close()
    assert str(subscription.state) == "closed"
    assert list(way.subscriptions) == []
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)


async def test_many_listen_and_each_hears_its_own(way: Transport, seed: Seed) -> None:
    """Also two to the same place, of whom one leaves."""
    places = [OPEN / f"p{n}" for n in range(20)]
    listening = [way.listen(place) for place in (*places, places[0])]
    await asyncio.gather(*(_live(one) for one in listening))
    await listening[0].close()
    for n, place in enumerate(places):
        seed(str(place), n + 1)
    values = [(await anext(one)).value for one in listening[1:]]  # type: ignore[union-attr]
    assert values == [*range(2, 21), 1]


async def test_a_long_value_arrives_whole(way: Transport, seed: Seed) -> None:
    """However it is cut on its way."""
    rows: Json = {f"k{n}": "é😀" * 500 for n in range(300)}
    seed("/open/list", rows)
    said = await _live(way.listen(LIST))
    assert said[1] == Changed(rows, None)
    assert await way.get(LIST) == rows
    await way.update({OPEN / "copy": rows})
    assert await way.get(OPEN / "copy") == rows


async def test_a_listener_that_may_not_listen_ends(way: Transport, emulator: Emulator) -> None:
    """At once, or when the rules change; others go on."""
    with pytest.raises(AccessDenied):
        await _live(way.listen(Path.parse("/closed")))
    mine, open_to_all = way.listen(Path.parse("/own")), way.listen(OPEN)
    await _live(mine)
    await _live(open_to_all)
    emulator.load_rules(RULES.replace("auth.token.admin === true", "false"))
    with pytest.raises(AccessDenied):
        await _until(mine, lambda item: False)
    assert mine.state == "closed"
    assert way.subscriptions == (open_to_all,)
    await way.update({OPEN / "x": 1})
    assert isinstance(await anext(open_to_all), Changed)


async def test_a_consumer_that_is_behind_is_told(way: Transport) -> None:
    """After what was kept for it."""
    subscription = way.listen(OPEN / "x", buffer=4, overflow="raise")
    await _live(subscription)
    for n in range(8):
        await way.update({OPEN / "x": n})
    with pytest.raises(StreamOverflow):
        await _until(subscription, lambda item: False)
    assert subscription.state == "closed"


async def test_an_outage_is_said_and_survived(through: Transport, proxy: Proxy, seed: Seed) -> None:
    """What was missed is in the value that comes back."""
    subscription = through.listen(OPEN / "x")
    await _live(subscription)
    await proxy.refuse()
    said = await _until(
        subscription, lambda item: isinstance(item, StateChanged) and item.state == "reconnecting"
    )
    assert said[-1].reason
    await eventually(lambda: subscription.retry_in is not None)
    with pytest.raises(Unavailable):
        await through.update({OPEN / "y": 1})
    seed("/open/x", "missed")
    await proxy.mend()
    through.reconnect_now()
    said = await _live(subscription)
    values = [item.value for item in said if isinstance(item, Changed)]
    assert values[-1:] == ["missed"]
    await through.update({OPEN / "y": 2})
    assert await through.get(OPEN / "y") == 2


async def test_a_line_that_is_silent_is_answered_at_its_deadline(
    through: Transport, proxy: Proxy
) -> None:
    """A write may have been made, a read was not."""
    await through.update({OPEN / "x": 1})
    proxy.stall()
    with pytest.raises(Unavailable) as write:
        await through.update({OPEN / "x": 2})
    assert write.value.outcome_unknown
    with pytest.raises(Unavailable) as read:
        await through.get(OPEN / "x")
    assert not read.value.outcome_unknown


async def test_who_gives_up_waiting_is_not_answered(through: Transport, proxy: Proxy) -> None:
    """And what comes for them later disturbs nobody."""
    await through.update({OPEN / "x": 1})
    proxy.delay(0.1)
    reading = asyncio.create_task(through.get(OPEN / "x"))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await through.get(OPEN / "x") == 1


async def test_after_closing_everything_says_so(way: Transport) -> None:
    """Closing twice is fine, and ends what is listened to."""
    subscription = way.listen(OPEN)
    await _live(subscription)
    await way.close()
    await way.close()
    assert subscription.state == "closed"
    for call in (way.get(OPEN), way.update({OPEN / "x": 1}), way.compare_and_set(OPEN, None, 1)):
        with pytest.raises(ClientClosed):
            await call
    with pytest.raises(ClientClosed):
        way.listen(OPEN)


async def test_closing_does_not_wait_for_the_service(
    emulator: Emulator, flags: dict[str, Any], proxy: Proxy
) -> None:
    """Whatever it is doing, and whoever waits for it is told."""
    emulator.load_rules(RULES)
    way = _through(proxy, flags, timeout=600.0)
    subscription = way.listen(OPEN)
    await _live(subscription)
    proxy.stall()
    reading = asyncio.create_task(way.get(OPEN))
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT):
        await way.close()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("transport_name", ["websocket"], indirect=True)
async def test_the_service_does_what_it_was_asked_to_when_the_connection_ends(
    way: Transport, seed: Seed, stored: Stored
) -> None:
    """Each kind, less what was cancelled; and not before."""
    seed("/open", {"a": 1, "b": {"x": 1, "y": 1}, "c": 1, "d": 1})
    at_the_end = way.on_disconnect
    assert at_the_end is not None
    await at_the_end.set(OPEN / "a", None)
    await at_the_end.update(OPEN / "b", {"x": 2, "z": {".sv": "timestamp"}})
    await at_the_end.set(OPEN / "c", 2)
    await at_the_end.set(OPEN / "d", 2)
    await at_the_end.cancel(OPEN / "d")
    with pytest.raises(AccessDenied):
        await at_the_end.set(Path.parse("/closed"), 1)
    assert stored("/open")["a"] == 1
    await way.close()
    await eventually(lambda: "a" not in stored("/open"))
    left = stored("/open")
    assert left["b"].pop("z") > 1_700_000_000_000
    assert left == {"b": {"x": 2, "y": 1}, "c": 2, "d": 1}


@pytest.mark.parametrize("transport_name", ["websocket"], indirect=True)
async def test_what_was_asked_for_the_end_goes_with_its_connection(
    through: Transport, proxy: Proxy, seed: Seed, stored: Stored
) -> None:
    """It is done when that one breaks, and not once more when the next one does."""
    seed("/open", {"x": 1})
    at_the_end = through.on_disconnect
    assert at_the_end is not None
    subscription = through.listen(OPEN / "y")
    await _live(subscription)
    await at_the_end.set(OPEN / "x", "gone")
    await proxy.refuse()
    await eventually(lambda: stored("/open")["x"] == "gone")
    seed("/open/x", "back")
    await proxy.mend()
    through.reconnect_now()
    await _live(subscription)
    await through.close()
    await eventually(lambda: not proxy.connections)
    assert stored("/open")["x"] == "back"


async def test_without_a_lasting_connection_there_is_no_end_of_it(way: Transport) -> None:
    """Which whoever wants something done then has to know."""
    assert (way.on_disconnect is None) is (type(way).__name__ == "RestTransport")
