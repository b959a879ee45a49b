"""A client's link and the emulator's end of its sockets, wired in memory, in virtual time."""

from collections import deque
from dataclasses import dataclass, field

from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.database.peer import Peer
from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.effects import Changed, Disconnect, Ended, StateChanged
from imbari_chat.engine.link import Link
from imbari_chat.engine.link_effects import Dial, Hash, Identify, LinkPolicy, Post, Told
from imbari_chat.engine.listens import hash_of
from imbari_chat.engine.places import SocketPlace
from imbari_chat.engine.refusals import Call
from imbari_chat.engine.requests import Answered
from imbari_chat.wire.framing import Joiner, texts
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import hello
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.emulator.database.sockets_in_memory import Client, Room

__all__ = ["OWNER", "Wired"]

PLACE = SocketPlace("127.0.0.1:9000", "t", secure=False)
OWNER = SocketRequest(PLACE, "gauth", {"cred": "owner"})


class Socket(Client):
    """The emulator's end of one connection; what it says is under way for a while."""

    def __init__(self, room: Room) -> None:
        super().__init__(room, Peer(room.database, Limits(message=4096)))
        self.down: deque[str] = deque(texts(str(hello(room.now, "127.0.0.1:9000", "session"))))
        self.up: deque[str] = deque()
        self.joiner = Joiner(1_000_000)

    def hear(self, text: str) -> None:
        self.down += texts(text)

    def revoke(self) -> None:
        """The client's credential ends."""
        self._follow(self.peer.expired(self.room.now))

    def arrive(self) -> None:
        """One text of the client's reaches the emulator."""
        message = self.joiner.take(self.up.popleft())
        if message is not None:
            self.send(message)


@dataclass
class Wired:
    """One client's link to a room.

    Attributes:
        told: What each hearer was told.
        answers: What became of each request.
        received: Bytes that the client was sent, and :attr:`sent` those that it sent.
        reachable: Whether a dial succeeds.
    """

    room: Room
    policy: LinkPolicy = field(default_factory=lambda: LinkPolicy(stable_after=0.0))
    credential: SocketRequest = OWNER
    now: float = 0.0
    told: dict[int, list[Changed | StateChanged | Ended]] = field(default_factory=dict)
    answers: dict[int, list[Answered]] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    reachable: bool = True
    socket: Socket | None = None

    def __post_init__(self) -> None:
        self.link = Link(lambda: 0.5, self.policy)
        self._dialing = False
        self._hashing: tuple[Json, ...] = ()

    def listen(self, hearer: int, path: str, query: Query | None = None) -> None:
        self.told[hearer] = []
        self.link.listen(hearer, Path.parse(path), query, self.now)
        self.settle()

    def unlisten(self, hearer: int) -> None:
        self.told.pop(hearer, None)
        self.link.unlisten(hearer)
        self.settle()

    def ask(self, action: str, body: dict[str, Json], *, write: bool = False) -> int:
        key = self.link.ask(action, body, Call(str(body["p"]), write=write), self.now)
        self.settle()
        return key

    def value(self, hearer: int) -> Json:
        """What a hearer was told last."""
        values = [item.value for item in self.told[hearer] if isinstance(item, Changed)]
        assert values, f"{hearer} was told nothing"
        return values[-1]

    def states(self, hearer: int) -> list[str]:
        return [item.state for item in self.told[hearer] if isinstance(item, StateChanged)]

    def settle(self) -> None:
        """Carry out what the link asks for, but for what takes time."""
        while effects := self.link.drain():
            for effect in effects:
                match effect:
                    case Identify():
                        self.link.identified(self.credential, self.now)
                    case Dial(url):
                        self.urls.append(url)
                        self._dialing = True
                    case Post(text):
                        assert self.socket is not None, "said to nobody"
                        self.sent += len(text.encode())
                        self.socket.up.append(text)
                    case Disconnect():
                        self._dialing, self._hashing = False, ()
                        self.drop()
                    case Hash(values):
                        self._hashing = values
                    case Told(hearer, item):
                        if hearer in self.told:
                            self.told[hearer].append(item)
                    case Answered(key):
                        self.answers.setdefault(key, []).append(effect)

    def drop(self) -> None:
        """The connection is gone: the emulator notices, the client has not been told."""
        if self.socket is not None:
            socket, self.socket = self.socket, None
            socket.leave()

    def cut(self) -> None:
        """The connection ends with everything that is under way on it."""
        if self.socket is not None or self._dialing:
            self.drop()
            self._dialing = False
            self.link.lost("cut", self.now)
            self.settle()

    def open(self) -> bool:
        """A dial comes to its end, if one is under way."""
        if not self._dialing:
            return False
        if not self.reachable:
            self.cut()
            return True
        self._dialing = False
        self.socket = Socket(self.room)
        return True

    def hash(self) -> bool:
        """The thread that hashes is done, if there is one."""
        if not self._hashing:
            return False
        values, self._hashing = self._hashing, ()
        self.link.hashed([hash_of(value) for value in values])
        self.settle()
        return True

    def up(self) -> bool:
        """One text reaches the emulator, if one is under way."""
        if self.socket is None or not self.socket.up:
            return False
        self.socket.arrive()
        return True

    def down(self) -> bool:
        """One text reaches the client, if one is under way."""
        if self.socket is None or not self.socket.down:
            return False
        text = self.socket.down.popleft()
        self.received += len(text.encode())
        self.link.received(text, self.now)
        self.settle()
        return True

    def wait(self) -> bool:
        """Time passes until something is due; False if nothing ever is."""
        due = self.link.deadline()
        if due is None:
            return False
        self.now = max(self.now, due)
        self.link.tick(self.now)
        self.settle()
        return True

    def run(self) -> None:
        """Let everything that is under way arrive, and what must be waited for come about."""
        for _ in range(10_000):
            if self.open() or self.hash() or self.up() or self.down():
                continue
            if self.link.state != "reconnecting" or not self.reachable or not self.wait():
                return
        raise AssertionError(f"it never comes to rest: {self.link.state}")
