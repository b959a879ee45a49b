"""The end of a socket whose client has come back, at whatever it is: without a network."""

import asyncio
import json
from typing import Any

import pytest

from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.peer import Peer
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.rules import Ruleset
from imbari_chat.wire.messages import Request
from imbari_chat.wire.paths import Path
from tests.virtual_time import in_virtual_time


class Client:
    """One connection of a client to an application."""

    def __init__(self, app: DatabaseApp, former: str = "") -> None:
        self.said: list[Any] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.is_cut_off = False
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/.ws",
            "query_string": f"v=5&ns=t&ls={former}".encode(),
            "headers": [(b"host", b"localhost")],
            "state": {"abort": self._cut_off},
        }
        self.served = asyncio.create_task(app(scope, self._messages.get, self._take))

    def say(self, *texts: str) -> None:
        for text in texts:
            self._messages.put_nowait({"type": "websocket.receive", "text": text})

    def ask(self, action: str, body: dict[str, Any]) -> None:
        self.say(str(Request(1, action, body)))

    def leave(self) -> None:
        self._messages.put_nowait({"type": "websocket.disconnect"})

    async def _take(self, message: Any) -> None:
        await self.takes.wait()
        self.said.append(message)

    def _cut_off(self) -> None:
        self.is_cut_off = True

    @property
    def session(self) -> str:
        return str(json.loads(self.said[1]["text"])["d"]["d"]["s"])


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize(
    ("action", "body"), [("p", {"p": "/late", "d": 1}), ("m", {"p": "/", "d": {"late": 1}})]
)
async def test_what_is_half_done_when_its_client_comes_back_is_not_done(
    action: str, body: dict[str, Any], turns: bool
) -> None:
    """Not even if its turn has just come."""
    databases = Databases("t", Ruleset.open())
    app, database = DatabaseApp(databases), databases.named("t")
    old = Client(app)
    await _turns()
    await database.writing.acquire()
    old.ask("o", {"p": "/gone", "d": True})
    old.ask(action, body)
    await _turns()
    new = Client(app, old.session)
    if turns:
        await _turns()
    database.writing.release()
    await _turns()
    assert new.session != old.session
    assert old.served.done()
    assert old.is_cut_off
    assert database.root.at(Path(("gone",))).exists
    assert not database.root.at(Path(("late",))).exists
    new.leave()
    await new.served
    app.close()


async def test_who_comes_back_waits_for_what_is_due_at_the_end() -> None:
    """Also if that has begun before, as the connection was seen to end."""
    databases = Databases("t", Ruleset.open())
    app, database = DatabaseApp(databases), databases.named("t")
    old = Client(app)
    await _turns()
    old.ask("o", {"p": "/gone", "d": True})
    await _turns()
    await database.writing.acquire()
    old.leave()
    await _turns()
    new = Client(app, old.session)
    await _turns()
    assert [one["type"] for one in new.said] == ["websocket.accept"]
    assert not old.served.done()
    database.writing.release()
    await _turns()
    assert new.session != old.session
    assert database.root.at(Path(("gone",))).exists
    new.leave()
    await asyncio.gather(old.served, new.served)
    app.close()


@pytest.mark.parametrize("comes_back", [False, True])
async def test_of_who_has_gone_nothing_is_held(comes_back: bool) -> None:
    """Neither what they did not take, nor half a message of theirs, nor a listen."""
    databases, incoming = Databases("t", Ruleset.open()), Incoming()
    app, database = DatabaseApp(databases, incoming=incoming), databases.named("t")
    old = Client(app)
    await _turns()
    old.takes.clear()
    old.ask("q", {"p": "/"})
    old.ask("g", {"p": "/", "q": {}})
    old.say("2", '{"t": "d",')
    await _turns()
    assert app.waiting > 0
    assert incoming.held > 0
    if comes_back:
        new = Client(app, old.session)
        await _turns()
        new.leave()
    else:
        old.leave()
    await _turns()
    assert old.served.done()
    assert old.is_cut_off == comes_back
    assert app.waiting == incoming.held == 0
    assert database.is_blank
    app.close()


async def _fail(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_mistake_of_ours_ends_the_socket_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and logged with where it was made."""
    databases = Databases("t", Ruleset.open())
    app, database = DatabaseApp(databases), databases.named("t")
    client, other = Client(app), Client(app)
    await _turns()
    with monkeypatch.context() as patched:
        patched.setattr(Peer, "receive", _fail)
        client.ask("p", {"p": "/a", "d": 1})
        await _turns()
    end = {"type": "websocket.close", "code": 1011, "reason": "An internal error occurred"}
    assert client.said[-1] == end
    assert client.served.done()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    other.ask("p", {"p": "/b", "d": 1})
    other.leave()
    await other.served
    assert database.root.to_json() == {"b": 1}
    app.close()


async def test_a_mistake_of_ours_at_the_end_of_a_socket_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its client may come back."""
    app = DatabaseApp(Databases("t", Ruleset.open()))
    old = Client(app)
    await _turns()
    with monkeypatch.context() as patched:
        patched.setattr(Peer, "left", _fail)
        new = Client(app, old.session)
        await _turns()
    assert old.served.done()
    assert new.session != old.session
    assert [one.message for one in caplog.records] == ["the end of a socket failed"]
    new.leave()
    await new.served
    app.close()


KEEPALIVE = "0"
WHOLE = str(Request(1, "s", {}))


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ({}, None),
        ({1: WHOLE}, None),
        ({1: KEEPALIVE}, ("cut off", 77)),
        ({1: KEEPALIVE, 76: KEEPALIVE}, ("cut off", 152)),
        ({1: KEEPALIVE, 5: WHOLE}, ("cut off", 81)),
        ({1: KEEPALIVE, 5: "2", 6: WHOLE[:9], 7: WHOLE[9:]}, ("cut off", 83)),
        ({1: "2"}, ("told", 32)),
        ({1: "2", 31: WHOLE[:9]}, ("told", 62)),
        ({1: "2", 20: WHOLE[:9], 50: WHOLE[9:]}, None),
        ({1: KEEPALIVE, 5: "2"}, ("told", 36)),
    ],
)
def test_who_says_nothing_more_has_a_time(
    said: dict[int, str], end: tuple[str, float] | None
) -> None:
    """In the middle of a message, or between keepalives, if there have been any."""
    ends: list[tuple[str, float]] = []

    class Timed(Client):
        async def _take(self, message: Any) -> None:
            await super()._take(message)
            if message["type"] == "websocket.close":
                assert message["code"] == 1008
                assert message["reason"] == "the message took too long to arrive"
                ends.append(("told", asyncio.get_running_loop().time()))

        def _cut_off(self) -> None:
            ends.append(("cut off", asyncio.get_running_loop().time()))
            self.leave()

    async def main() -> None:
        app, loop = DatabaseApp(Databases("t", Ruleset.open())), asyncio.get_running_loop()
        client = Timed(app)
        for second, text in said.items():
            await asyncio.sleep(second - loop.time())
            client.say(text)
        await asyncio.sleep(1000 - loop.time())
        assert client.served.done() == (end is not None)
        client.leave()
        await client.served
        app.close()

    in_virtual_time(main())
    assert ends == ([] if end is None else [end])


@pytest.mark.parametrize("enforced", [False, True])
def test_a_credential_ends_in_its_second_and_lines_say_whose_it_was(enforced: bool) -> None:
    """If anybody insists; an admin's does not end."""
    lines: list[str] = []
    revoked: list[float] = []

    class Timed(Client):
        async def _take(self, message: Any) -> None:
            await super()._take(message)
            if '"a":"ac"' in message.get("text", ""):
                revoked.append(asyncio.get_running_loop().time())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        app = DatabaseApp(
            Databases("t", Ruleset.open()),
            lambda: 1000 + loop.time(),
            enforce_expiry=enforced,
            log_request=lines.append,
        )
        client = Timed(app)
        token = encode_unsigned({"sub": "u", "iat": 1, "exp": 1010})
        client.ask("p", {"p": "/a", "d": 1})
        client.ask("auth", {"cred": token})
        client.ask("q", {"p": "/a", "h": ""})
        await asyncio.sleep(100)
        client.ask("s", {})
        client.ask("gauth", {"cred": "owner"})
        client.ask("n", {"p": "/a"})
        await asyncio.sleep(1)
        client.leave()
        await client.served
        app.close()

    in_virtual_time(main())
    assert revoked == ([10] if enforced else [])
    assert lines == [
        "WS p /a ok 0.0 ms nobody",
        "WS auth - ok 0.0 ms uid=u",
        "WS q /a ok 0.0 ms uid=u",
        f"WS s - ok 0.0 ms {'nobody' if enforced else 'uid=u'}",
        "WS gauth - ok 0.0 ms admin",
        "WS n /a ok 0.0 ms admin",
    ]
