"""S14 to S16: what a commit costs the emulator by itself, as others listen and nodes grow.

Everything happens in the core, without HTTP or a socket: the clients' own plans, judged by the
strict rules and applied, and the events that they cause.
"""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path as File
from typing import Final

from bench.measuring import in_turns, milliseconds
from bench.row import Row, Target
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, Caller
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.database.listeners import Target as Listened
from imbari_chat.emulator.database.namespace import Commit, Namespace
from imbari_chat.rules import Ruleset
from imbari_chat.schema import paths, plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT
from imbari_chat.wire.tree import from_json

__all__ = ["large_nodes", "sends"]

_ROUNDS: Final = 41
_SENDS: Final = 10
_WRITES: Final = 25
_CUSTOMERS: Final = 100
_FEW: Final = 1_000
_MANY: Final = 100_000
_NOW: Final = 1_790_000_000_000
_RULES: Final = File(__file__).parents[1] / "database.rules.json"
_LEAD: Final = LeadForm("Grace", "grace@example.com")
_ROOM: Final = Limits().room("large")

_serial = count()


def sends() -> Iterator[Row]:
    """S14, S15: a customer's message, with nobody listening and with a hundred who do."""
    alone, listened = _chats(), _chats()
    for number in range(_CUSTOMERS):
        target = Listened(paths.messages(_session(number)))
        listened.listen(target, _customer(number), _NOW)
    turns = {"alone": partial(_send_many, alone), "listened": partial(_send_many, listened)}
    figures = in_turns(turns, _ROUNDS)
    what = "customer's send committed, strict rules"
    yield Row("S14", what, "ms", figures["alone"], None, "", Target("<=", 0.4, "ours"))
    yield Row(
        "S15",
        f"{what}, {_CUSTOMERS} customers listening to their own chat",
        "ms",
        figures["listened"],
        figures["alone"],
        "itself, nobody listening",
        Target("<=", 1.3),
    )


def large_nodes() -> Iterator[Row]:
    """S16: a write to one of many children, and one child more."""
    few, many = _sessions(_FEW), _sessions(_MANY)
    for what, write in (("child changed", _change), ("child added", _add)):
        turns = {
            _FEW: partial(_write_many, few, _FEW, write),
            _MANY: partial(_write_many, many, _MANY, write),
        }
        figures = in_turns(turns, _ROUNDS)
        yield Row(
            "S16",
            f"{_MANY:,} children: {what}",
            "ms",
            figures[_MANY],
            figures[_FEW],
            f"itself, {_FEW:,}",
            Target("<=", 2),
        )


def _send_many(database: Namespace) -> float:
    """Milliseconds of one send, the median of a few, planning not included."""
    figures = []
    for _ in range(_SENDS):
        number = next(_serial)
        session, message = _session(number % _CUSTOMERS), MessageId(f"-P{number:018}")
        customer = _customer(number % _CUSTOMERS)
        assert isinstance(customer.auth, dict)
        uid = str(customer.auth["uid"])
        plan = plans.customer_sends(session, message, "Do you roast on Tuesdays?", _LEAD, uid=uid)
        write = Write(ROOT, plan.changes, merge=True)
        now = _NOW + 1_000 * number
        figures.append(milliseconds(partial(database.write, write, customer, now, room=_ROOM)))
    return statistics.median(figures)


def _write_many(
    database: Namespace, size: int, write: Callable[[Namespace, int, int], Commit]
) -> float:
    """Milliseconds of one write, the median of a few that are spread over the whole node."""
    numbers = [next(_serial) for _ in range(_WRITES)]
    return statistics.median(
        milliseconds(partial(write, database, number * 7919 % size, number)) for number in numbers
    )


def _change(database: Namespace, place: int, number: int) -> Commit:
    at = paths.session(_session(place)) / "unreadCount"
    return database.write(Write.put(at, number), ADMIN, _NOW)


def _add(database: Namespace, place: int, number: int) -> Commit:
    at = paths.session(SessionId(f"{_session(place)[:12]}{number:08}"))
    return database.write(Write.put(at, _record(place)), ADMIN, _NOW)


def _chats() -> Namespace:
    database = Namespace("s14", Ruleset.parse(_RULES.read_text()))
    records: dict[str, Json] = {_session(n): _record(n) for n in range(_CUSTOMERS)}
    database.root = from_json({"chatSessions": records})
    return database


def _sessions(number: int) -> Namespace:
    database = Namespace("s16", Ruleset.open())
    records: dict[str, Json] = {_session(n): _record(n) for n in range(number)}
    database.root = from_json({"chatSessions": records})
    return database


def _session(number: int) -> SessionId:
    return SessionId(f"-O{number:018}")


def _customer(number: int) -> Caller:
    return Caller(admin=False, auth={"uid": f"customer{number}"})


def _record(number: int) -> Json:
    return {
        "customerName": _LEAD.name,
        "customerEmail": _LEAD.email,
        "customerUid": f"customer{number}",
        "createdAt": _NOW - 20_000,
        "lastMessage": "",
        "lastMessageTime": _NOW - 10_000,
        "unreadCount": 0,
        "status": "active",
    }
