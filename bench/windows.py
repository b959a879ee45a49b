"""S13: the newest fifty sessions out of a hundred thousand, as cheap as out of a thousand.

Both sizes live in one emulator and are asked in turns; the peer is the smaller one.
"""

import json
from collections.abc import Callable, Iterator
from typing import Final

from bench import emulators
from bench.connection import connected
from bench.measuring import in_turns, milliseconds
from bench.row import Row, Target
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.listeners import Target as Listened
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Node, from_json

__all__ = ["rows"]

_ROUNDS: Final = 25
_REPEATS: Final = 10
_FEW: Final = 1_000
_MANY: Final = 100_000
_NOW: Final = 1_790_000_000_000
_PLACE: Final = Path(("chatSessions",))
_QUERY: Final = Query.by_child("lastMessageTime").limit_to_last(50)
_RULES: Final = {"rules": {".read": True, "chatSessions": {".indexOn": "lastMessageTime"}}}
_OWNER: Final = {"Authorization": "Bearer owner"}


def rows() -> Iterator[Row]:
    """S13: read over HTTP, read in the core, and moved by a write that a listener hears."""
    few, many = _sessions(_FEW), _sessions(_MANY)
    yield _row("read of 50 rows, HTTP", Target("<=", 2), *_over_http(few, many))
    databases = (_database(few), _database(many))
    yield _row("read of 50 rows, core", Target("<=", 2), *_in_core(databases, _read))
    for database in databases:
        database.listen(Listened(_PLACE, _QUERY), ADMIN, _NOW)
    moved = _in_core(databases, _move)
    cause = "a write copies the dict of the node it is in"
    yield _row("write into the window, and its event", Target("<=", 10, "ours"), *moved, cause)


def _row(what: str, target: Target, few: float, many: float, cause: str = "") -> Row:
    return Row("S13", f"{_MANY:,}: {what}", "ms", many, few, f"itself, {_FEW:,}", target, cause)


def _sessions(number: int) -> dict[str, dict[str, object]]:
    return {
        f"-O{index:018}": {
            "customerName": f"Customer {index}",
            "customerEmail": f"customer{index}@example.com",
            "lastMessage": "Do you roast on Tuesdays?",
            "lastMessageTime": _NOW + index * 7919 % number,
            "unreadCount": index % 3,
            "status": "active",
        }
        for index in range(number)
    }


def _over_http(*sizes: dict[str, dict[str, object]]) -> tuple[float, float]:
    query = "orderBy=%22lastMessageTime%22&limitToLast=50"
    with emulators.ours() as running, connected(running.database) as connection:
        for sessions in sizes:
            ns = f"ns=s{len(sessions)}"
            body = json.dumps({"chatSessions": sessions})
            connection.ask("PUT", f"/.settings/rules.json?{ns}", json.dumps(_RULES), _OWNER)
            connection.ask("PUT", f"/.json?print=silent&{ns}", body, _OWNER)

        def read(number: int) -> Callable[[], float]:
            target = f"/chatSessions.json?{query}&ns=s{number}"
            assert len(json.loads(connection.ask("GET", target))) == 50
            return lambda: _each(lambda: connection.ask("GET", target))

        figures = in_turns({number: read(number) for number in map(len, sizes)}, _ROUNDS)
    return figures[_FEW], figures[_MANY]


def _in_core(
    databases: tuple[Namespace, Namespace], action: Callable[[Namespace], object]
) -> tuple[float, float]:
    few, many = databases
    figures = in_turns(
        {"few": lambda: _each(lambda: action(few)), "many": lambda: _each(lambda: action(many))},
        _ROUNDS,
    )
    return figures["few"], figures["many"]


def _each(action: Callable[[], object]) -> float:
    """Milliseconds of one call, of a few in a row."""
    return milliseconds(lambda: [action() for _ in range(_REPEATS)]) / _REPEATS


def _database(sessions: dict[str, dict[str, object]]) -> Namespace:
    database = Namespace("s13", Ruleset.parse(json.dumps(_RULES)))
    database.root = from_json(json.loads(json.dumps({"chatSessions": sessions})))
    return database


def _read(database: Namespace) -> object:
    return database.read(_PLACE, _QUERY, ADMIN, _NOW).to_json()


def _end(database: Namespace, query: Query) -> tuple[str, Node]:
    """The only child in the window of ``query``."""
    (row,) = query.ordered(database.read(_PLACE, query, ADMIN, _NOW).seen)
    return row


def _move(database: Namespace) -> None:
    """The session with the oldest message becomes the newest."""
    by_time = Query.by_child("lastMessageTime")
    key, _ = _end(database, by_time.limit_to_first(1))
    _, last = _end(database, by_time.limit_to_last(1))
    time = last.child("lastMessageTime").to_json()
    assert isinstance(time, int)
    changes: Json = {"lastMessage": "Hello again", "lastMessageTime": time + 1}
    commit = database.write(Write.patch(_PLACE / key, changes), ADMIN, _NOW)
    assert len(commit.events) == 1
