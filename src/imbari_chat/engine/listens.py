"""What is listened to on one socket: who listens, what the server said, and where a push goes.

Whoever listens to one path and query shares one listen of the server. Its copy of the server's
value outlives connections: the next one is told the copy's hash, and nothing is sent if nothing
was missed (reference: hash in listens).

    asked --data, or nothing if the hash fits--> ok --pushes--> current
      |                                                            | the connection is lost
      +--------------------- asked again, with a hash -------------+

A push that came before what it changes would be applied to the wrong value, and is dropped: the
server sends the whole before its ok, or says with it that the copy is right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from imbari_chat.engine.mirror import assign, children, plain
from imbari_chat.errors import InvalidData
from imbari_chat.wire.digest import digest
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Push, location, on_the_wire
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import from_object, to_object
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.updates import PRIORITY

__all__ = ["Listen", "Listens", "hash_of", "is_larger"]

Touched = frozenset[str] | None
"""The children that may differ from before, or None if any may."""


@dataclass(slots=True, eq=False)
class Listen:
    """One listen of the server.

    Attributes:
        path: Where.
        query: Which children; None for all that is there.
        tag: What the server calls it in pushes, if it has a query. Never used again.
        hearers: Who listens.
        value: What the server said last, without priorities: where it has some, its hash is
            another, and all of it is sent again. Never mutated.
        hash: Of the value, once somebody has worked it out.
        is_asked: The server has been asked on this connection.
        is_whole: On this connection it is known what the value was before what changes it.
        is_current: The server has said on this connection that the value is right.
        is_news: Not every hearer has been told the value yet.
        is_known: The value is something that the server said.
        is_unindexed: The server leaves the query to the client.
    """

    path: Path
    query: Query | None
    tag: int | None
    hearers: list[int] = field(default_factory=list)
    value: Json = None
    hash: str | None = None
    is_asked: bool = False
    is_whole: bool = False
    is_current: bool = False
    is_news: bool = True
    is_known: bool = False
    is_unindexed: bool = False

    @property
    def needs_hash(self) -> bool:
        """Whether a hash would spare the server sending what is here already."""
        return self.hash is None and self.value is not None

    def target(self) -> dict[str, Json]:
        """As a request names it."""
        body: dict[str, Json] = {"p": str(self.path)}
        if self.query is not None:
            body |= {"q": to_object(self.query), "t": self.tag}
        return body

    def asked(self) -> dict[str, Json]:
        """The body of the request that is sent now.

        Without a hash the copy counts for nothing: "nothing is here" is what the server is told.
        """
        known = self.hash or ""
        if not known and self.value is not None:
            self._replace(None)
        self.is_asked = True
        return {**self.target(), "h": known}

    def answered(self, *, unindexed: bool) -> None:
        """The server said ok: what it sent, or the copy if it sent nothing, is the value."""
        self.is_unindexed = unindexed
        self.is_whole = self.is_current = self.is_known = True
        self.settle()

    def take(self, place: Path, data: Json, *, with_priorities: bool) -> Touched | Literal[False]:
        """The server says what is at a place. Returns what changed; False if nothing here did."""
        if place.key == PRIORITY:
            return False
        if with_priorities:
            data = plain(data)
        if place.contains(self.path):
            below = data
            for key in self.path.relative_to(place):
                below = children(below).get(key)
            self._replace(below)
            self.is_whole = self.is_known = True
            return None
        if not self.is_whole or not self.path.contains(place):
            return False
        inside = place.relative_to(self.path)
        self.value = assign(self.value, inside, data)
        self.hash, self.is_news = None, True
        return frozenset(inside[:1])

    def lost(self) -> None:
        """The connection is gone."""
        self.is_asked = self.is_whole = self.is_current = False

    def _replace(self, value: Json) -> None:
        self.value = assign(None, (), value)
        self.hash, self.is_news = None, True

    def settle(self) -> None:
        """Keep to the window where the server leaves that to the client.

        Priorities are not here to order by; their index is always there.
        """
        if self.is_unindexed and self.query is not None and self.query.order_by.kind != "priority":
            self.value = self.query.window(from_json(self.value)).to_json(export=True)
            self.hash = None


class Listens:
    """Every listen of one client, over all its connections."""

    def __init__(self) -> None:
        self._tag = 0
        self._by_target: dict[tuple[Path, Query | None], Listen] = {}
        self._by_tag: dict[int, Listen] = {}
        self._by_hearer: dict[int, Listen] = {}
        self._leaving: set[Path] = set()

    def __iter__(self) -> Iterator[Listen]:
        return iter(list(self._by_target.values()))

    def __len__(self) -> int:
        return len(self._by_target)

    def add(self, hearer: int, path: Path, query: Query | None) -> Listen:
        """Somebody listens. A query that only orders asks for everything."""
        if query is not None and not (query.start or query.end or query.limit):
            query = None
        listen = self._by_target.get((path, query))
        if listen is None:
            tag = None
            if query is not None:
                self._tag += 1
                tag = self._tag
            listen = self._by_target[path, query] = Listen(path, query, tag)
            if tag is not None:
                self._by_tag[tag] = listen
        listen.hearers.append(hearer)
        listen.is_news = listen.is_news or not listen.is_current
        self._by_hearer[hearer] = listen
        return listen

    def remove(self, hearer: int) -> Listen | None:
        """Somebody stops. Returns the listen that the server need not serve any more, if any."""
        listen = self._by_hearer.pop(hearer, None)
        if listen is None:
            return None
        listen.hearers.remove(hearer)
        if listen.hearers:
            return None
        self._forget(listen)
        if listen.is_asked and listen.query is None:
            self._leaving.add(listen.path)
        return listen if listen.is_asked else None

    def end(self, listen: Listen) -> None:
        """The server serves it no more."""
        for hearer in listen.hearers:
            del self._by_hearer[hearer]
        self._forget(listen)

    def left(self, path: Path) -> None:
        """The server has stopped telling what is at ``path``: it can be asked for anew."""
        self._leaving.discard(path)

    def due(self) -> list[Listen]:
        """What the server is to be asked for.

        What was left a moment ago is not asked for before the server has heard of that: pushes
        that were under way then would be taken for new ones, as they carry no tag.
        """
        return [
            one
            for one in self._by_target.values()
            if not one.is_asked and (one.query is not None or one.path not in self._leaving)
        ]

    def lost(self) -> None:
        """The connection is gone. Values stay, and are asked about on the next one."""
        self._leaving.clear()
        for listen in self._by_target.values():
            listen.lost()

    def take(self, push: Push, *, with_priorities: bool) -> list[tuple[Listen, Touched]]:
        """The server pushes data. Returns the listens whose hearers are to be told.

        Args:
            push: ``d`` or ``m``.
            with_priorities: It may hold some.

        Raises:
            InvalidData: It cannot be read.
        """
        base, data = self._base(push), push.body.get("d")
        places = [(base, data)] if push.action == "d" else _merged(base, data)
        told = []
        for listen in self._heard_by(push, base):
            touched = [
                some
                for place, value in places
                if (some := listen.take(place, value, with_priorities=with_priorities)) is not False
            ]
            if touched and listen.is_current:
                listen.settle()
                listen.is_news = False
                keys = [some for some in touched if some is not None]
                is_part = len(keys) == len(touched) and not listen.is_unindexed
                told.append((listen, frozenset[str]().union(*keys) if is_part else None))
        return told

    def revoked(self, push: Push) -> list[Listen]:
        """Which listens a ``c`` ends.

        It names the queries; without any the listen of all that is there is meant. Where there is
        none, every listen of the path is, as the Java and mobile SDKs have it. [unsure]

        Raises:
            InvalidData: It cannot be read.
        """
        path, named = location(push.body.get("p")), push.body.get("q")
        here = [one for one in self._by_target.values() if one.path == path]
        if isinstance(named, list):
            wanted = [from_object(query) for query in named]
            return [one for one in here if one.query in wanted]
        return [one for one in here if one.query is None] or here

    def _base(self, push: Push) -> Path:
        """The place that a push names; mostly where the listen stands that its tag names."""
        where, listen = push.body.get("p"), self._tagged(push)
        if listen is not None and where == on_the_wire(listen.path):
            return listen.path
        return location(where)

    def _tagged(self, push: Push) -> Listen | None:
        tag = push.body.get("t")
        return self._by_tag.get(tag) if isinstance(tag, int) else None

    def _heard_by(self, push: Push, base: Path) -> Iterable[Listen]:
        """Those that a push may concern. One with an unknown tag is for nobody."""
        if push.body.get("t") is not None:
            listen = self._tagged(push)
            return [] if listen is None else [listen]
        return [
            one
            for (path, query), one in self._by_target.items()
            if query is None and (path.contains(base) or base.contains(path))
        ]

    def _forget(self, listen: Listen) -> None:
        del self._by_target[listen.path, listen.query]
        if listen.tag is not None:
            del self._by_tag[listen.tag]


def hash_of(value: Json) -> str:
    """What the protocol calls the hash of a value; nothing if it has none that could be told."""
    try:
        return digest(from_json(value))
    except InvalidData:
        return ""  # then all of it is sent again


def is_larger(values: Iterable[Json], limit: int) -> bool:
    """Whether these hold more than ``limit`` values between them, without counting the rest."""
    left = limit
    todo = list(values)
    while todo:
        if left < len(todo):
            return True
        one = todo.pop()
        left -= 1
        if isinstance(one, dict | list):
            todo += children(one).values()
    return False


def _merged(base: Path, data: Json) -> Sequence[tuple[Path, Json]]:
    """The places of a merge: its keys are paths, perhaps with a slash before them."""
    if not isinstance(data, dict):
        raise InvalidData("a merge has an object")
    return [(Path((*base, *location(key))), value) for key, value in data.items()]
