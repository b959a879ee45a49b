"""Whatever a socket brings is answered by name or ends that socket, with a code and a reason.

Nobody else notices: all the while another client writes to its own place, listens there, and hears
each of its writes once, in order and before the answer. And nothing is logged as a mistake of ours.
"""

import json
import logging
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from imbari_chat.emulator import Emulator
from tests.budget import examples
from tests.emulator.database.oddities import requests, token
from tests.emulator.plain_socket import Client, joined

RULES = """{"rules": {
  "open": {".read": true, ".write": true},
  "own": {".read": "auth.uid === 'by'", ".write": "auth.uid === 'by'"}
}}"""


class Bystander:
    """A client with a place of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._count = 0
        assert client.ask("auth", {"cred": token({"sub": "by"})})["s"] == "ok"
        assert client.ask("q", {"p": "/own", "h": ""})["s"] == "ok"

    def goes_on(self) -> None:
        """Its next write is heard and answered, and nothing else is."""
        self._count += 1
        number = self._client.send("p", {"p": "/own", "d": self._count})
        assert self._client.hear()["d"] == {"b": {"p": "own", "d": self._count}, "a": "d"}
        assert self._client.hear()["d"] == {"r": number, "b": {"s": "ok", "d": ""}}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One for all, under rules that keep strangers out of the bystander's place."""
    with Emulator(rules=RULES) as running:
        yield running


@pytest.fixture(scope="module")
def host(emulator: Emulator) -> str:
    """``host:port`` of its database."""
    return emulator.database_host


@pytest.fixture(scope="module")
def bystander(host: str) -> Iterator[Bystander]:
    """One for all; whatever came before, it goes on."""
    with joined(host) as client:
        yield Bystander(client)


@pytest.fixture(autouse=True)
def _no_mistake_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback, and nothing that is called an error."""
    yield
    # The test's own client calls an end in the midst of bytes an error of its own.
    records = [one for one in caplog.get_records("call") if one.name != "websockets.client"]
    assert [one for one in records if one.exc_info or one.levelno >= logging.ERROR] == []


def request(action: Any, body: Any, number: Any = 1) -> str:
    """A message, whatever is in it."""
    return json.dumps({"t": "d", "d": {"r": number, "a": action, "b": body}})


NO_MESSAGE: list[tuple[list[str], str]] = [
    (["hello"], "not JSON: "),
    (["{"], "not JSON: "),
    (["NaN"], "not JSON: "),
    (["９"], "not JSON: "),
    (["[" * 100_000], "not JSON that can be read: nested too deep"),
    (["[1]"], "a message is an object"),
    (["null"], "a message is an object"),
    (['"text"'], "a message is an object"),
    (["{}"], "a message is about control (c) or data (d)"),
    (['{"t":"x","d":{}}'], "a message is about control (c) or data (d)"),
    (['{"t":"d","d":[]}'], "a message is about control (c) or data (d)"),
    (['{"t":"c","d":{}}'], "a control message has a type"),
    (['{"t":"d","d":{"error":"text"}}'], "a request has a number"),
    ([request("s", {}, "1")], "a request has a number"),
    ([request("s", {}, 1.5)], "a request has a number"),
    ([request(7, {})], "a request names an action"),
    ([request(None, {})], "a request names an action"),
    # Counts that lie: too few segments, too many, none, and what is no count.
    (["2", '{"t":"d","d":{"r":1,', '"a":"s",'], "not JSON: "),
    (["1", request("s", {})[:-1]], "not JSON: "),
    (["2", request("s", {}), "0"], "not JSON: "),
    (["3", request("s", {}), request("s", {}), request("s", {})], "not JSON: "),
    (["-5"], "a message cannot have -5 segments"),
    (["1.5"], "a message is an object"),
    (["1e5"], "a message is an object"),
    (["0x2"], "not JSON: "),
]


@pytest.mark.parametrize(("said", "reason"), NO_MESSAGE)
def test_what_is_no_message_ends_its_connection(
    host: str, bystander: Bystander, said: list[str], reason: str
) -> None:
    """At the last text, and not before."""
    with joined(host) as client:
        for text in said[:-1]:
            client.connection.send(text)
            bystander.goes_on()
        client.connection.send(said[-1])
        code, why = client.close_code()
    assert code == 1008
    assert why.startswith(reason)
    bystander.goes_on()


FAILURE, DENIED = ("failure", None), ("permission_denied", "Permission denied")
NO_TOKEN = ("invalid_token", "Could not parse auth token.")
ILLEGAL_KEYS = [*".$#[]", "a.b", *"\x00\x1f\x7f\ud800", "k" * 769, "é" * 385]
PLACES: list[Any] = [None, 7, {}, ["open"], "/.info/connected", "a/" * 33]
TOKENS = ["", "x", "a.b", "a.b.c", "owner", token([]), token({}), token({"sub": 7})]
CREDENTIALS: list[Any] = [None, 7, {}, True]
ADDRESSED = ("q", "n", "g", "p", "m", "o", "om", "oc")
ANSWERED: list[tuple[str, dict[str, Any], tuple[str, str | None]]] = [
    # Reference 5: no echo, no apk, no batch; [unsure] what is answered.
    *((action, {"p": "/open"}, ("error", "Unknown action"))
      for action in ("", "x", "Q", "echo", "apk", "\ud800", "q" * 1000)),
    *(("q", {"p": f"/open/{key}"}, FAILURE) for key in ILLEGAL_KEYS),
    *(("p", {"p": "/open", "d": {key: 1}}, FAILURE) for key in [*ILLEGAL_KEYS, "", "/", "a/b"]),
    *(("m", {"p": "/open", "d": {f"a/{key}": 1}}, FAILURE) for key in ILLEGAL_KEYS),
    *((action, {"p": place, "d": {}, "q": {}}, FAILURE)
      for action in ADDRESSED for place in PLACES),
    ("p", {"p": "/open", "d": json.loads("[" * 33 + "1" + "]" * 33)}, FAILURE),
    *(("auth", {"cred": cred}, NO_TOKEN) for cred in TOKENS),
    *((action, {"cred": cred}, NO_TOKEN)
      for action in ("auth", "gauth") for cred in CREDENTIALS),
    # Reference 9: of the same name for all that may be refused.
    ("q", {"p": "/own", "h": ""}, DENIED),
    ("q", {"p": "/own", "q": {"l": 1, "vf": "l"}, "t": 1, "h": ""}, DENIED),
    ("q", {"p": "/", "h": ""}, DENIED),
    ("g", {"p": "/own", "q": {}}, DENIED),
    ("p", {"p": "/own", "d": 0}, DENIED),
    ("p", {"p": "/own", "d": 0, "h": ""}, DENIED),
    ("p", {"p": "/", "d": None}, DENIED),
    ("m", {"p": "/", "d": {"open/a": 1, "own": 0}}, DENIED),
    ("o", {"p": "/own", "d": 0}, DENIED),
    ("om", {"p": "/", "d": {"open/a": 1, "own": 0}}, DENIED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "body", "expected"), ANSWERED, ids=map(str, range(len(ANSWERED)))
)
def test_what_cannot_be_done_is_answered_by_name(
    host: str,
    bystander: Bystander,
    action: str,
    body: dict[str, Any],
    expected: tuple[str, str | None],
) -> None:
    """As text, and the connection goes on; what is refused is explained before it is."""
    with joined(host) as client:
        number = client.send(action, body)
        told = [client.hear()["d"]]
        while "r" not in told[-1]:
            told.append(client.hear()["d"])
        *before, answer = told
        assert answer["r"] == number
        assert answer["b"]["s"] == expected[0]
        assert isinstance(answer["b"]["d"], str)
        assert expected[1] in (None, answer["b"]["d"])
        assert [one["a"] for one in before] == (["sd"] if expected == DENIED else [])
        bystander.goes_on()
        assert client.ask("s", {})["s"] == "ok"
    bystander.goes_on()


def frame(first: int, payload: bytes, *, mask: int = 0x80) -> bytes:
    """A frame with this first byte."""
    key = b"\0\0\0\0" if mask else b""
    return bytes([first, mask | len(payload)]) + key + payload


NO_FRAMES = [
    (frame(0x82, b"{}"), 1003),
    (frame(0x81, b"\xff"), 1007),
    (frame(0x81, b"\xed\xa0\x80"), 1007),  # half of a surrogate pair
    (frame(0x81, b"0", mask=0), 1002),
    (frame(0x83, b""), 1002),
    (frame(0xC1, b"0"), 1002),
    (frame(0x80, b"0"), 1002),
    (frame(0x09, b""), 1002),
    (frame(0x88, b"x"), 1002),
    (frame(0x88, struct.pack(">H", 999)), 1002),
    (b"GET / HTTP/1.1\r\n\r\n", 1002),
    (b"\x81\xff" + struct.pack(">Q", 16 * 1024 * 1024 + 1) + b"mask", 1009),
]


@pytest.mark.parametrize(("sent", "code"), NO_FRAMES)
def test_what_is_no_text_ends_its_connection(
    host: str, bystander: Bystander, sent: bytes, code: int
) -> None:
    """By the code that RFC 6455 has for it."""
    with joined(host) as client:
        client.connection.socket.sendall(sent)
        assert client.close_code()[0] == code
    bystander.goes_on()


strange = st.one_of(
    requests.filter(lambda each: each[0] != "gauth").map(lambda each: request(*each)),
    st.sampled_from([said for texts, _ in NO_MESSAGE for said in texts if len(said) < 1000]),
    st.sampled_from(["0", "", "1", "2", "3", "999999", '{"t":"c","d":{"t":"p","d":{}}}']),
    st.text(max_size=8),
)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(strange, max_size=8), min_size=1, max_size=3))
def test_nobody_is_disturbed(host: str, bystander: Bystander, said: list[list[str]]) -> None:
    """By several at once, whatever they say in whatever order."""
    for texts in said:
        with joined(host) as client, suppress(ConnectionClosed):
            for text in texts:
                client.connection.send(text.encode(errors="replace"), text=True)
                bystander.goes_on()
    bystander.goes_on()


pieces = st.binary(max_size=40) | st.builds(frame, st.integers(0, 255), st.binary(max_size=20))


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces))
def test_no_bytes_disturb_anybody(host: str, bystander: Bystander, sent: list[bytes]) -> None:
    """Behind a handshake that was a good one."""
    with joined(host) as client, suppress(OSError):
        for data in sent:
            client.connection.socket.sendall(data)
            bystander.goes_on()
    bystander.goes_on()
