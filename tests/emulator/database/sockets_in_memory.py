"""Peers of one database without sockets: what each has been told, text by text."""

import json
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imbari_chat.emulator.database.audiences import Listener
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.events import CANCEL
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.peer import Peer
from imbari_chat.emulator.database.peer_effects import (
    Attach,
    Deliver,
    Detach,
    Effect,
    End,
    Say,
)
from imbari_chat.emulator.offload import Runner, here
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import Request
from imbari_chat.wire.paths import Path

__all__ = ["NOW", "Client", "Room"]

NOW = 1_795_383_808_706

T = TypeVar("T")

_OPEN = '{"rules": {".read": true, ".write": true}}'


class Room:
    """A database and whoever is connected to it.

    Args:
        rules: Their text; without any, rules that allow everything and index nothing.
        data: What is there to begin with.
        answer: Bytes that one read may give.
    """

    def __init__(
        self,
        rules: str | None = None,
        data: Json = None,
        *,
        answer: int = 4096,
        enforce_expiry: bool = False,
    ) -> None:
        ruleset = Ruleset.parse(_OPEN if rules is None else rules)
        self.database = Namespace("t", ruleset)
        self.limits = Limits(message=4096, answer=answer)
        self.enforce_expiry = enforce_expiry
        self.runner: Runner = here
        self.now = NOW
        self.tags: dict[Listener, tuple[Client, str]] = {}
        self.database.write(Write.put(Path(), data), ADMIN, NOW)

    def connect(self) -> "Client":
        """One more socket."""
        peer = Peer(self.database, self.limits, enforce_expiry=self.enforce_expiry)
        return Client(self, peer)

    def rest(self, path: str, value: Json) -> None:
        """A write that came another way."""
        write = Write.put(Path.parse(path), value)
        self.deliver(self.database.write(write, ADMIN, self.now).events)

    def set_rules(self, rules: str) -> None:
        """Other rules."""
        self.deliver(self.database.set_rules(Ruleset.parse(rules), self.now))

    def read(self, path: str = "/") -> Json:
        """What is there."""
        return self.database.root.at(Path.parse(path)).to_json(export=True)

    def deliver(self, events: Any) -> None:
        """Tell everybody who is owed something."""
        for each in events:
            for listener in each.listeners:
                client, tag = self.tags[listener]
                if each.event is CANCEL:
                    del self.tags[listener]
                    client.hear(client.peer.cancelled(listener))
                else:
                    client.hear(each.event.message(tag))


@dataclass(eq=False)
class Client:
    """One socket's client."""

    room: Room
    peer: Peer
    said: list[Any] = field(default_factory=list)
    closed: End | None = None
    number: int = 0

    def send(self, text: str) -> None:
        """A whole message."""
        self._follow(_done(self.peer.receive(text, self._clock, self.room.runner)))

    def ask(self, action: str, body: dict[str, Json]) -> list[Any]:
        """A request; all that this client has been told since the last one."""
        self.number += 1
        self.said.clear()
        self.send(str(Request(self.number, action, body)))
        return list(self.said)

    def status(self, action: str, body: dict[str, Json]) -> str:
        """A request; what it came to."""
        return str(self.ask(action, body)[-1]["b"]["s"])

    def leave(self) -> None:
        """The connection ends."""
        self._follow(_done(self.peer.left(self._clock)))

    def hear(self, text: str) -> None:
        """A message of the server."""
        message = json.loads(text)
        assert dumps(message) == text
        self.said.append(message["d"] if message["t"] == "d" else message)

    def _clock(self) -> float:
        return self.room.now / 1000

    def _follow(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(write=write):
                    self.hear(write())
                case Deliver(events=events):
                    self.room.deliver(events)
                case Attach(listener=listener, tag=tag, first=first):
                    written = "" if tag is None else dumps(tag)
                    self.room.tags[listener] = (self, written)
                    if first is not None:
                        self.hear(first.message(written))
                case Detach(listener=listener):
                    del self.room.tags[listener]
                case End():
                    self.closed = effect


def _done(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stopped:
        result: T = stopped.value
        return result
    raise RuntimeError("it waits for somebody")
