"""Sockets of a running emulator, from the handshake to whatever end."""

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.connections import ConnectionLimits
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.wire.framing import MAX_UNITS
from imbari_chat.wire.json import utf16_length
from tests import plain_http
from tests.emulator.database.serving import serving
from tests.emulator.plain_socket import SECONDS, Client, joined

OPEN = '{"rules": {".read": true, ".write": true}}'


def eventually(check: Callable[[], bool]) -> None:
    """Wait for what happens by itself."""
    deadline = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.01)


def vanish(client: Client) -> None:
    """End without a word, by a reset."""
    raw = client.connection.socket
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.shutdown(socket.SHUT_RD)
    raw.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    """One emulator under open rules; tests share it through ``emulator``."""
    with Emulator(rules=OPEN) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """An empty database."""
    running.reset()
    return running


@pytest.fixture
def host(emulator: Emulator) -> str:
    """``host:port`` of its database."""
    return emulator.database_host


def read(host: str, path: str) -> Any:
    """What REST says is there."""
    return plain_http.get(f"http://{host}/{path}.json").json()


def test_the_server_speaks_first(host: str) -> None:
    """Its time as an integer, the version, the host as it was called, and a session."""
    before = int(time.time() * 1000) - 1000
    with joined(host) as client:
        hello = client.hello
        assert isinstance(hello["ts"], int)
        assert before <= hello["ts"] <= before + 60_000
        assert (hello["v"], hello["h"]) == ("5", host)
        assert len(hello["s"]) == 32
        with joined(host) as other:
            assert other.hello["s"] != hello["s"]


def test_a_client_may_speak_before_it_has_heard_anything(host: str) -> None:
    """What comes early is done, not refused."""
    with connect(f"ws://{host}/.ws?v=5&", compression=None) as connection:
        connection.send('{"t":"d","d":{"r":1,"a":"s","b":{}}}')
        assert json.loads(connection.recv(SECONDS))["d"]["t"] == "h"
        assert json.loads(connection.recv(SECONDS))["d"]["r"] == 1


def test_keepalives_are_taken_and_never_sent(host: str) -> None:
    """Nothing is answered to them."""
    with joined(host) as client:
        for nothing in ("0", "", "0"):
            client.connection.send(nothing)
        assert client.ask("s", {})["s"] == "ok"
        assert not {"0", ""} & set(client.texts)


def test_a_namespace_is_named_by_the_query_or_the_default_one(
    emulator: Emulator, host: str
) -> None:
    """An empty name is none, and an address names nothing."""
    named = f"&ns={emulator.namespace}"
    for query, ns in (("", ""), ("&ns=", ""), ("&ns=127", ""), (named, ""), ("&ns=b", "b")):
        with joined(host, query) as client:
            client.ask("p", {"p": "/x", "d": query})
        parameters = {"ns": ns} if ns else {}
        assert plain_http.get(f"http://{host}/x.json", params=parameters).json() == query


def test_a_database_that_cannot_be_is_told_for_good(host: str) -> None:
    """The one case for a shutdown: coming again would not help."""
    with connect(f"ws://{host}/.ws?v=5&ns=no!good", compression=None) as connection:
        said = json.loads(connection.recv(SECONDS))
        assert said == {"t": "c", "d": {"t": "s", "d": "Invalid Firebase database name"}}


@pytest.mark.parametrize("path", ["/.lp", "/.lp?start=t&ser=1&cb=1&v=5", "/.ws"])
def test_long_polling_is_not_here(host: str, path: str) -> None:
    """404 at once, so that a browser tries the socket; whether it reads or sends."""
    for ask in (plain_http.get, plain_http.post):
        answer = ask(f"http://{host}{path}")
        assert (answer.status_code, answer.json()) == (404, {"error": "404 Not Found"})


@pytest.mark.parametrize("path", ["/", "/chat.json", "/.lp", "/.ws/more"])
def test_sockets_are_at_one_place(host: str, path: str) -> None:
    """Elsewhere the upgrade is refused."""
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{host}{path}"):
        pass
    assert refused.value.response.status_code == 404


def test_strange_hosts_are_kept_out_and_any_origin_is_let_in(host: str) -> None:
    """As over REST."""
    name, port = host.split(":")
    url = f"ws://evil.example:{port}/.ws?v=5"
    with (
        socket.create_connection((name, int(port))) as raw,
        pytest.raises(InvalidStatus) as refused,
        connect(url, sock=raw),
    ):
        pass
    assert refused.value.response.status_code == 403
    with connect(f"ws://{host}/.ws?v=5", origin=Origin("https://anywhere.example")) as connection:
        assert json.loads(connection.recv(SECONDS))["t"] == "c"


def test_rest_reaches_sockets_and_the_reverse_before_either_is_answered(host: str) -> None:
    """A push is on its way before the answer is."""
    with joined(host) as client:
        client.ask("q", {"p": "/x", "h": ""})
        for number in range(20):
            plain_http.put(f"http://{host}/x.json", json=number)
            assert client.hear()["d"]["b"]["d"] == number
        for number in range(20):
            client.ask("p", {"p": "/x", "d": -number})
            assert read(host, "x") == -number


def test_a_pipelined_burst_is_answered_in_order(host: str) -> None:
    """Hundreds of requests in one chunk, each with its echo before its answer."""
    with joined(host) as client:
        client.ask("q", {"p": "/n", "h": ""})
        numbers = [client.send("p", {"p": "/n", "d": n + 1}) for n in range(500)]
        for n, number in enumerate(numbers):
            assert client.hear()["d"]["b"]["d"] == n + 1
            assert client.hear()["d"]["r"] == number


@pytest.mark.parametrize("size", [100, 60_000, 200_000, 3_000_000])
def test_values_of_any_size_come_back_in_texts_that_every_sdk_takes(host: str, size: int) -> None:
    """At most 16384 units each, in order with what is small."""
    value: dict[str, Any] = {"text": "é😀x" * (size // 8), "more": list(range(size // 100))}
    with joined(host) as writer, joined(host) as client:
        writer.ask("p", {"p": "/big", "d": value})
        for body in ({"p": "/big", "h": ""}, {"p": "/big", "q": {"l": 9, "vf": "l"}, "t": 1}):
            client.send("q", body)
            push = client.hear()["d"]
            assert push["b"]["d"]["text"] == value["text"]
            assert push["b"].get("t") == body.get("t")
            assert client.hear()["d"]["b"]["s"] == "ok"
        assert client.ask("g", {"p": "/big", "q": {}})["d"]["text"] == value["text"]
        writer.ask("p", {"p": "/big/text", "d": value["text"] + "!"})
        for _ in range(2):
            assert client.hear()["d"]["b"]["d"][-2:] == "x!"
        assert all(utf16_length(text) <= MAX_UNITS for text in client.texts)
        assert "0" not in client.texts


def test_a_message_beyond_the_limit_is_refused_as_it_comes() -> None:
    """In segments or at once."""
    with serving(limits=Limits(message=100_000)) as host:
        with joined(host) as client:
            client.connection.send("99")
            with suppress(ConnectionClosed):
                for _ in range(99):
                    client.connection.send("x" * 16_384)
            assert client.close_code()[0] == 1009
        with joined(host) as client:
            client.connection.send("x" * 100_001)
            assert client.close_code() == (1009, "a message has at most 100000 bytes")
        with joined(host) as client:
            assert client.ask("p", {"p": "/x", "d": "y" * 90_000})["s"] == "ok"


def test_bodies_and_messages_under_way_share_one_bound() -> None:
    """Who brings too much is sent away, and what was held is let go."""
    incoming = Incoming(bound=50_000)
    with serving(incoming=incoming) as host, joined(host) as first, joined(host) as second:
        for client in (first, second):
            client.connection.send("3")
        first.connection.send("x" * 40_000)
        eventually(lambda: incoming.held == 40_000)
        second.connection.send("x" * 40_000)
        assert second.close_code()[0] == 1013
        vanish(first)
        eventually(lambda: incoming.held == 0)


@pytest.mark.parametrize("end", ["close", "vanish", "stop reading"])
def test_what_was_wanted_at_the_end_is_done_whatever_the_end(host: str, end: str) -> None:
    """A close frame, a reset, or the end of the stream."""
    with joined(host) as client:
        client.ask("o", {"p": "/gone", "d": end})
        if end == "close":
            client.connection.close()
        elif end == "vanish":
            vanish(client)
        else:
            client.connection.socket.shutdown(socket.SHUT_WR)
        eventually(lambda: read(host, "gone") == end)


def test_who_comes_back_is_done_with_before_it_hears_hello(host: str) -> None:
    """By the session's name; another name ends nobody."""
    with joined(host) as old:
        old.ask("o", {"p": "/gone", "d": True})
        with joined(host, "&ls=guessed"):
            assert read(host, "gone") is None
        with joined(host, f"&ls={old.hello['s']}") as new:
            assert new.ask("g", {"p": "/gone", "q": {}})["d"] is True
        with pytest.raises(ConnectionClosed):
            old.ask("s", {})


def test_a_client_whose_keepalives_cease_is_gone() -> None:
    """One that never sent any is let be."""
    with serving(socket_silence=0.5) as host, joined(host) as silent, joined(host) as lost:
        lost.ask("o", {"p": "/gone", "d": True})
        lost.connection.send("0")
        eventually(lambda: read(host, "gone") is True)
        assert silent.ask("s", {})["s"] == "ok"


def test_a_reader_who_takes_nothing_is_cut_off() -> None:
    """What it was not asked for waits up to a bound; the writer is not held up."""
    with serving(stream_buffer=256 * 1024) as host, joined(host) as writer, joined(host) as stuck:
        stuck.ask("q", {"p": "/n", "h": ""})
        stuck.ask("o", {"p": "/gone", "d": True})
        for number in range(1500):
            writer.ask("p", {"p": "/n", "d": f"{number}" + "x" * 40_000})
            if number % 50 == 0 and read(host, "gone"):
                break
        eventually(lambda: read(host, "gone") is True)


def test_what_was_asked_for_is_sent_however_much_it_is() -> None:
    """A client that listens to much at once is not taken for a slow one."""
    with serving(stream_buffer=100_000) as host, joined(host) as writer, joined(host) as client:
        writer.ask("p", {"p": "/", "d": {f"k{n}": "x" * 90_000 for n in range(40)}})
        numbers = [client.send("q", {"p": f"/k{n}", "h": ""}) for n in range(40)]
        for number in numbers:
            assert len(client.hear()["d"]["b"]["d"]) == 90_000
            assert client.hear()["d"]["r"] == number


def test_a_reader_that_stalls_in_the_system_is_cut_off() -> None:
    """After a time in which it takes nothing at all."""
    limits = ConnectionLimits(reader_seconds=0.5)
    with serving(connections=limits) as host, joined(host) as writer, joined(host) as stuck:
        writer.ask("p", {"p": "/big", "d": "x" * 9_000_000})
        stuck.ask("o", {"p": "/gone", "d": True})
        for _ in range(4):
            stuck.send("g", {"p": "/big", "q": {}})
        eventually(lambda: read(host, "gone") is True)


def test_a_token_that_ends_is_told() -> None:
    """If that is enforced; and what it allowed ends with it."""
    now = [1_000_000.0]
    with Emulator(rules='{"rules": {".read": "auth != null"}}', enforce_expiry=True,
                  clock=lambda: now[0]) as emulator:  # fmt: skip
        host = emulator.database_host
        sign_up = f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp"
        token = plain_http.post(sign_up, params={"key": "any"}, json={}).json()["idToken"]
        with joined(host) as client:
            answer = client.ask("auth", {"cred": token})
            assert (answer["s"], answer["d"]["expires"]) == ("ok", 1_003_600)
            assert client.ask("q", {"p": "/x", "h": ""})["s"] == "ok"
            now[0] += 3601
            told = [client.hear()["d"] for _ in range(2)]
            assert [each["a"] for each in told] == ["ac", "c"]
            assert told[0]["b"]["s"] == "expired_token"
            assert client.ask("auth", {"cred": token})["s"] == "expired_token"


def test_every_request_has_a_line_and_no_secret_in_it() -> None:
    """What, where, what it came to, and who asked."""
    lines: list[str] = []
    with (
        Emulator(rules=OPEN, log_request=lines.append) as emulator,
        joined(emulator.database_host, "&ac=secret1") as client,
    ):
        client.ask("gauth", {"cred": "secret2", "authvar": {"uid": "ada"}})
        client.ask("p", {"p": "/a b", "d": "secret3"})
        client.ask("q", {"p": "/.info"})
        client.ask("gauth", {"cred": "owner"})
        eventually(lambda: len(lines) >= 5)
    assert lines[0].startswith("WS /.ws?v=5&ac=... 101 ")
    assert [line.split(" ms ")[1] for line in lines[1:4]] == ["uid=ada"] * 3
    assert lines[4].endswith(" ms admin")
    assert lines[2].startswith("WS p /a%20b ok ")
    assert lines[3].startswith("WS q /.info failure ")
    assert "secret" not in "".join(lines)


def test_what_sockets_write_is_kept(tmp_path: Path) -> None:
    """What they wanted written at their end too, and what they are sent is on the disk before."""
    with Emulator(rules=OPEN, data=tmp_path) as emulator, joined(emulator.database_host) as client:
        client.ask("p", {"p": "/a", "d": 1})
        client.ask("o", {"p": "/b", "d": 2})
        assert '{"a":1}' in (tmp_path / "journal").read_text()
        vanish(client)
        eventually(lambda: read(emulator.database_host, "b") == 2)
    with Emulator(rules=OPEN, data=tmp_path) as emulator:
        assert read(emulator.database_host, "") == {"a": 1, "b": 2}


def test_stopping_closes_plainly_and_does_what_was_wanted(tmp_path: Path) -> None:
    """No shutdown message: clients come back to the next one."""
    with Emulator(rules=OPEN, data=tmp_path) as emulator, joined(emulator.database_host) as client:
        client.ask("o", {"p": "/b", "d": 2})
        emulator.stop()
        assert client.close_code()[0] == 1012
    with Emulator(rules=OPEN, data=tmp_path) as emulator:
        assert read(emulator.database_host, "b") == 2


def test_a_database_is_remembered_as_long_as_somebody_is_connected(host: str) -> None:
    """However many others are named meanwhile."""
    with joined(host, "&ns=mine") as client:
        for number in range(150):
            plain_http.get(f"http://{host}/.json", params={"ns": f"other-{number}"})
        client.ask("p", {"p": "/x", "d": 1})
        assert plain_http.get(f"http://{host}/x.json", params={"ns": "mine"}).json() == 1


def test_sockets_count_among_the_connections() -> None:
    """Who has said something is busy, so nobody takes its place."""
    limits = ConnectionLimits(connections=2)
    with serving(connections=limits) as host, joined(host) as first, joined(host) as second:
        assert first.ask("s", {})["s"] == second.ask("s", {})["s"] == "ok"
        assert plain_http.get(f"http://{host}/x.json").status_code == 503
        assert first.ask("s", {})["s"] == second.ask("s", {})["s"] == "ok"


def test_sockets_that_have_said_nothing_make_room() -> None:
    """As many as may be there lock nobody out, and whoever speaks stays."""
    limits = ConnectionLimits(connections=3)
    with serving(connections=limits) as host, joined(host) as busy, ExitStack() as silent:
        assert busy.ask("s", {})["s"] == "ok"
        clients = [silent.enter_context(joined(host)) for _ in range(5)]
        assert plain_http.get(f"http://{host}/x.json").status_code == 200
        with pytest.raises(ConnectionClosed):
            clients[0].ask("s", {})
        assert busy.ask("s", {})["s"] == "ok"


def test_a_handshake_that_is_none_is_answered_and_closed(host: str) -> None:
    """Without a key, or with a header that is too long for one line."""
    for extra in ("", f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX: {'y' * 20_000}\r\n"):
        name, port = host.split(":")
        with socket.create_connection((name, int(port)), timeout=SECONDS) as raw:
            raw.sendall(
                f"GET /.ws?v=5 HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n".encode()
            )
            answer = b""
            while chunk := raw.recv(4096):
                answer += chunk
            assert answer.startswith(b"HTTP/1.1 4")


def test_what_comes_together_with_the_handshake_is_answered_after_it(host: str) -> None:
    """A client is to wait for the answer (RFC 6455, 4.1); one that does not loses nothing."""
    name, port = host.split(":")
    asked = [
        json.dumps({"t": "d", "d": {"r": number, "a": "s", "b": {}}}).encode() for number in (1, 2)
    ]
    # An empty mask changes nothing.
    frames = b"\x89\x80" + bytes(4)
    frames += b"".join(bytes((0x81, 0x80 | len(one))) + bytes(4) + one for one in asked)
    with socket.create_connection((name, int(port)), timeout=SECONDS) as raw:
        raw.sendall(
            f"GET /.ws?v=5 HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            + frames[:-20]
        )
        answer = b""
        while b'"r":1' not in answer:
            answer += (more := raw.recv(4096))
            assert more
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"\x8a\x00" in answer
        raw.sendall(frames[-20:])
        while b'"r":2' not in answer:
            answer += (more := raw.recv(4096))
            assert more


def test_what_is_asked_for_is_never_too_strange_for_its_line() -> None:
    """Lone surrogates, and paths of any length."""
    lines: list[str] = []
    with (
        Emulator(rules=OPEN, log_request=lines.append) as emulator,
        joined(emulator.database_host) as client,
    ):
        assert client.ask("p", {"p": "/\ud800", "d": 1})["s"] == "failure"
        assert client.ask("\udfff" * 100, {"p": "x/" * 100_000})["s"] == "error"
        eventually(lambda: len(lines) >= 3)
    assert all(len(line) < 4_000 and line.isascii() for line in lines)


def test_coming_back_ends_what_is_half_done(host: str) -> None:
    """A listen that is still being looked at is nobody's afterwards."""
    with joined(host) as writer, joined(host) as old:
        writer.ask("p", {"p": "/", "d": {f"k{n}": {"n": n} for n in range(20_000)}})
        old.send("q", {"p": "/", "h": "bQ5XV5L9riGZgerGMb/8Z87RxeI="})
        with joined(host, f"&ls={old.hello['s']}") as new:
            assert new.ask("s", {})["s"] == "ok"
        assert writer.ask("p", {"p": "/k1/n", "d": 0})["s"] == "ok"


def test_a_transaction_on_what_is_large_is_compared_by_its_hash(host: str) -> None:
    """As one on what is small."""
    value = {f"k{n:05}": {"n": n, "text": "x" * 20} for n in range(3000)}
    tag = plain_http.put(f"http://{host}/t.json", json=value, headers={"X-Firebase-ETag": "true"})
    with joined(host) as client:
        stale = client.ask("p", {"p": "/t", "d": 1, "h": "bQ5XV5L9riGZgerGMb/8Z87RxeI="})
        assert stale == {"s": "datastale", "d": "Data is stale"}
        assert client.ask("p", {"p": "/t", "d": 1, "h": tag.headers["etag"]})["s"] == "ok"


def test_who_sees_no_socket_loads_no_protocol_for_it() -> None:
    """Most emulators serve REST alone, and start faster for it."""
    code = (
        "import sys, httpx\n"
        "from imbari_chat.emulator import Emulator\n"
        "with Emulator() as emulator:\n"
        "    httpx.get(f'http://{emulator.database_host}/x.json')\n"
        "print('websockets' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_message_that_does_not_go_on_ends_its_connection() -> None:
    """A count that promises what never comes."""
    with serving(message_silence=0.3) as host, joined(host) as client:
        client.connection.send("2")
        client.connection.send("{")
        assert client.close_code() == (1008, "the message took too long to arrive")


def test_unfinished_frames_share_one_bound() -> None:
    """Whoever begins a large one while others hold much is cut off, and they are not."""
    limits = ConnectionLimits(unfinished_bytes=100_000)
    begun = b"\x81\xff" + (1_000_000).to_bytes(8, "big") + b"mask" + b"x" * 80_000
    with serving(connections=limits) as host, joined(host) as first, joined(host) as second:
        first.connection.socket.sendall(begun)
        second.ask("o", {"p": "/gone", "d": True})
        second.connection.socket.sendall(begun)
        eventually(lambda: read(host, "gone") is True)
        first.connection.socket.sendall(b"x" * 1000)
        vanish(first)
        with joined(host) as third:
            third.connection.socket.sendall(begun)
            assert read(host, "gone") is True


def test_what_has_become_a_whole_message_counts_no_more() -> None:
    """Messages in frames, one after the other, may come to more than the bound."""
    with (
        serving(connections=ConnectionLimits(unfinished_bytes=100_000)) as host,
        joined(host) as client,
    ):
        for number in range(3):
            said = {"r": number, "a": "p", "b": {"p": "/a", "d": "x" * 70_000}}
            text = json.dumps({"t": "d", "d": said})

            def frames(text: str = text) -> Iterator[str]:
                yield text[:-10]
                assert client.connection.ping().wait(SECONDS), "what came before is taken"
                yield text[-10:]

            client.connection.send(frames())
            assert client.hear()["d"] == {"r": number, "b": {"s": "ok", "d": ""}}


def test_listening_again_before_the_first_data_is_taken_counts_it_twice(
    emulator: Emulator, host: str
) -> None:
    """Once for each time that it waits, and no more when all of it is taken."""
    with joined(host) as writer, joined(host) as client:
        writer.ask("p", {"p": "/big", "d": "x" * 300_000})
        for number in range(3):
            client.send("q", {"p": "/big", "h": ""})
            if number < 2:
                client.send("n", {"p": "/big"})
        for number in range(3):
            assert len(client.hear()["d"]["b"]["d"]) == 300_000
            assert client.hear()["d"]["b"]["s"] == "ok"
            if number < 2:
                assert client.hear()["d"]["b"]["s"] == "ok"
        eventually(lambda: emulator._database_app.waiting == 0)


@pytest.mark.parametrize("by_leaving", [False, True])
def test_who_listens_no_more_is_forgotten(emulator: Emulator, host: str, by_leaving: bool) -> None:
    """Whoever looks at one conversation after the other leaves nothing behind."""
    app = emulator._database_app
    with joined(host) as client:
        before = set(app._delivery._readers)
        client.ask("q", {"p": "/a", "h": ""})
        (listener,) = set(app._delivery._readers) - before
        if not by_leaving:
            client.ask("n", {"p": "/a"})
            assert listener not in app._delivery._readers
    eventually(lambda: listener not in app._delivery._readers)
