"""The messages of the socket, both ways: read leniently, written in one way.

    client   {"t":"d","d":{"r":1,"a":"q","b":{"p":"/room","h":""}}}     a request
             {"t":"c","d":{"t":"p","d":{}}}                             control
    server   {"t":"d","d":{"r":1,"b":{"s":"ok","d":{}}}}                its answer
             {"t":"d","d":{"b":{"p":"room","d":1},"a":"d"}}             a push
             {"t":"c","d":{"t":"h","d":{"ts":1,"v":"5","h":"..."}}}     control

Keys come in any order, and what is not known is read over. The inner ``d`` of a control message is
always written, since the JavaScript SDK passes over one without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, dumps, parse
from imbari_chat.wire.paths import Path
from imbari_chat.wire.updates import PRIORITY

__all__ = [
    "PING",
    "PONG",
    "VERSION",
    "Answer",
    "Control",
    "FromClient",
    "FromServer",
    "Push",
    "Request",
    "from_client",
    "from_server",
    "hello",
    "location",
    "on_the_wire",
    "request_text",
]

VERSION: Final = "5"

_MOST_KNOWN: Final = 256
"""Paths that are kept as they were read. Mostly the same come again and again."""

_MOST_KNOWN_LENGTH: Final = 256
"""Characters of one that is kept. Ten push ids have fewer."""


@dataclass(frozen=True, slots=True)
class Control:
    """About the connection itself.

    Attributes:
        kind: ``h`` hello, ``r`` reset, ``s`` shutdown, ``e`` error, ``p`` ping, ``o`` pong.
    """

    kind: str
    payload: Json = None

    def __str__(self) -> str:
        return dumps({"t": "c", "d": {"t": self.kind, "d": self.payload}})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. Each is answered once, by its number.

    Attributes:
        body: Of ``auth`` and ``gauth`` it carries a token: never log it.
    """

    number: int
    action: str
    body: Mapping[str, Json] = field(repr=False)

    def __str__(self) -> str:
        return request_text(self.number, dumps(self.action), dumps(dict(self.body)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    Attributes:
        status: ``ok``, or what was wrong.
        data: Text if anything was wrong.
    """

    number: int
    status: str
    data: Json = ""

    def __str__(self) -> str:
        return dumps({"t": "d", "d": {"r": self.number, "b": {"s": self.status, "d": self.data}}})


@dataclass(frozen=True, slots=True)
class Push:
    """What a server says unasked.

    Attributes:
        action: ``d`` data, ``m`` merge, ``c`` listen revoked, ``ac`` auth revoked, ``sd`` text.
    """

    action: str
    body: Mapping[str, Json]

    def __str__(self) -> str:
        return dumps({"t": "d", "d": {"b": dict(self.body), "a": self.action}})


FromClient: TypeAlias = Request | Control
FromServer: TypeAlias = Answer | Push | Control

PING: Final = Control("p", {})
PONG: Final = Control("o", None)


def hello(now: int, host: str, session: str) -> Control:
    """The first message of a server.

    Args:
        now: The server's time in ms since the epoch. An integer: the Java SDK fails on others.
        host: Where the client is to connect from now on.
        session: What the client names when it connects again.
    """
    return Control("h", {"ts": now, "v": VERSION, "h": host, "s": session})


def from_client(text: str, *, in_steps: bool = False) -> FromClient:
    """Read what a client has sent.

    Raises:
        InvalidData: It is no message, or a request that could not be answered.
    """
    envelope, inner = _opened(text, in_steps=in_steps)
    if envelope == "c":
        return _control(inner)
    number, action, body = inner.get("r"), inner.get("a"), inner.get("b")
    if not _is_whole(number):
        raise InvalidData("a request has a number")
    assert isinstance(number, int | float)
    if not isinstance(action, str):
        raise InvalidData("a request names an action")
    return Request(int(number), action, body if isinstance(body, dict) else {})


def from_server(text: str, *, in_steps: bool = False) -> FromServer:
    """Read what a server has sent.

    Raises:
        InvalidData: It is no message.
    """
    envelope, inner = _opened(text, in_steps=in_steps)
    if envelope == "c":
        return _control(inner)
    number, action, body = inner.get("r"), inner.get("a"), inner.get("b")
    told = body if isinstance(body, dict) else {}
    if isinstance(action, str):
        return Push(action, told)
    if not _is_whole(number):
        raise InvalidData("neither an answer nor a push")
    assert isinstance(number, int | float)
    status = told.get("s")
    return Answer(int(number), status if isinstance(status, str) else "", told.get("d"))


def request_text(number: int, action: str, body: str) -> str:
    """A request as it is sent, of an action and a body that are JSON already."""
    return f'{{"t":"d","d":{{"r":{number},"a":{action},"b":{body}}}}}'


def location(value: Json) -> Path:
    """The path that a message names: slashes anywhere, nothing encoded, perhaps a priority's.

    Raises:
        InvalidData: It is none.
    """
    if not isinstance(value, str):
        raise InvalidData("Invalid path: a path is text")
    return _known(value) if len(value) <= _MOST_KNOWN_LENGTH else _read(value)


def _read(path: str) -> Path:
    keys = [key for key in path.split("/") if key]
    if keys and keys[-1] == PRIORITY:
        return Path((*Path.of(keys[:-1]), PRIORITY))
    return Path.of(keys)


_known = lru_cache(_MOST_KNOWN)(_read)


def on_the_wire(path: Path) -> str:
    """As servers write a path: no slash before it, and nothing for the root."""
    return "/".join(path)


def _opened(text: str, *, in_steps: bool) -> tuple[str, dict[str, Json]]:
    envelope = parse(text, in_steps=in_steps)
    if not isinstance(envelope, dict):
        raise InvalidData("a message is an object")
    kind, inner = envelope.get("t"), envelope.get("d")
    if kind not in ("c", "d") or not isinstance(inner, dict):
        raise InvalidData("a message is about control (c) or data (d)")
    return str(kind), inner


def _control(inner: dict[str, Json]) -> Control:
    kind = inner.get("t")
    if not isinstance(kind, str):
        raise InvalidData("a control message has a type")
    return Control(kind, inner.get("d"))


def _is_whole(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
