"""Plays a table of who may do what: the data before, the callers, and a verdict for each case.

A case reads (``read``, perhaps with a ``query``) or writes: one of the table's ``writes``, named by
``like``, with more in ``update`` and other values at the paths of ``but``; null takes away what
stands there. ``each`` makes several of one case: ``{F}`` in a text is what each has for F, and a
text that is nothing else becomes the value itself. ``$TIME`` and ``{"$repeat": [text, times]}``
stand for values.

A table is played by a :class:`Way`: in this process over the rules alone, or by asking a database.
A way is told the case and the caller, and nothing of what should come out.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path as FilePath
from select import select
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote, urlencode

from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query_forms import from_params, to_object
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.updates import PRIORITY, apply, changes
from tests.specs import table

__all__ = [
    "PROFILES",
    "Ask",
    "Case",
    "Clock",
    "OverRest",
    "OverRules",
    "OverSockets",
    "SignIn",
    "Table",
    "Verdict",
    "Way",
    "as_the_owner",
    "by_token",
    "profile",
]

_ROOT: Final = FilePath(__file__).parents[2]
_OWNER: Final = {"Authorization": "Bearer owner"}

Ask: TypeAlias = Callable[[str, dict[str, Json]], Mapping[str, Any]]
"""A request over one socket: its action and body in, the body of its answer out."""

SignIn: TypeAlias = tuple[str, dict[str, Json]]
"""The action and body by which somebody signs in on a socket."""

PROFILES: Final = ("strict", "compat")
_FILES: Final = {
    "strict": ("contract/permissions", _ROOT / "database.rules.json"),
    "compat": ("contract/compat", _ROOT / "examples" / "rules" / "compat.rules.json"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that somebody might do.

    Attributes:
        later: How long after the table's time it is done, ms.
        read: The place, for a read.
        query: Its parameters as REST has them, if it has any.
        update: Path to value, for a write; what goes to the database as it is.
        allowed: The callers who may.
        refused: The callers who may not.
    """

    row: str
    name: str
    later: int
    read: str | None
    query: Mapping[str, str]
    update: Mapping[str, Any]
    allowed: tuple[str, ...]
    refused: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.row}: {self.name}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case with one caller.

    Attributes:
        why: Gives words for whoever reads the failure.
    """

    allowed: bool
    why: Callable[[], str]


class Table:
    """One profile's table, written out."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.now: Final[int] = spec["now"]
        self.callers: Final[Mapping[str, Json]] = spec["callers"]
        self.before: Final[Json] = spec["before"]
        self.tree: Final = from_json(spec["before"])
        self.cases: Final = tuple(
            _case(each, spec) for written in spec["cases"] for each in _several(written)
        )


class Way(Protocol):
    """Somewhere to ask what the rules decide."""

    def ask(self, case: Case, caller: str) -> Verdict:
        """Try it, and leave everything as it was."""


@dataclass(frozen=True, slots=True)
class OverRules:
    """The rules library in this process, without any database."""

    table: Table
    rules: Ruleset

    def ask(self, case: Case, caller: str) -> Verdict:
        before = self.table.tree
        auth, now = self.table.callers[caller], self.table.now + case.later
        if case.read is not None:
            query = from_params(case.query) if case.query else None
            decision = self.rules.read(
                Path.parse(case.read), root=before, auth=auth, now=now, query=query
            )
        else:
            written = writes(case)
            decision = self.rules.write(
                places(written),
                before=before,
                after=apply(before, written, now),
                auth=auth,
                now=now,
            )
        return Verdict(decision.allowed, decision.explain)


class Clock:
    """What an emulator is told the time by, in seconds; stands still."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def __call__(self) -> float:
        # Half a millisecond more, so that no rounding ends in the one before.
        return (self.milliseconds + 0.5) / 1000


class OverRest:
    """A database that has the rules, asked over HTTP.

    Args:
        clock: What it is told the time by.
        http: A connection to it; several of these may share it.
        name: Its own; nobody else writes to it.
    """

    def __init__(self, table: Table, clock: Clock, http: HTTPConnection, name: str) -> None:
        self._table = table
        self._clock = clock
        self._http = http
        self._name = {"ns": name}
        self._is_as_before = False

    def ask(self, case: Case, caller: str) -> Verdict:
        if not self._is_as_before:
            self._owner("/", json.dumps(self._table.before))
        self._clock.milliseconds = self._table.now + case.later
        who = {**self._name, **_credential(self._table.callers[caller])}
        self._is_as_before = True
        if case.read is not None:
            status, answer = self._request("GET", case.read, {**who, **case.query}, None, {})
        else:
            method, body = "PATCH", dict(case.update)
            if "/" in body:  # the root replaces, and stands in no update
                method, body = "PUT", body["/"]
            status, answer = self._request(method, "/", who, json.dumps(body), {})
            self._is_as_before = status != 200
        if status not in (200, 401):
            raise AssertionError(f"{case}, {caller}: {status} {answer}")
        return Verdict(status == 200, lambda: answer)

    def _owner(self, path: str, body: str) -> None:
        status, answer = self._request("PUT", path, self._name, body, _OWNER)
        assert status == 200, answer

    def _request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: str | None,
        headers: Mapping[str, str],
    ) -> tuple[int, str]:
        target = f"{quote(path)}.json?{urlencode(parameters)}"
        content = None if body is None else body.encode()
        if self._http.sock is not None and select([self._http.sock], [], [], 0)[0]:
            self._http.close()  # the server has, since nobody asked; what is asked opens it again
        self._http.request(method, target, content, dict(headers))
        answer = self._http.getresponse()
        return answer.status, answer.read().decode()


class OverSockets:
    """A database that has the rules, asked over a socket for each caller, who signs in once.

    What may be got may be listened to: both are asked, and have to agree.

    Args:
        connect: One more socket to it; nobody else writes to it.
        sign_in: How the caller with this ``auth`` signs in; never asked for nobody.
        clock: What it is told the time by.
    """

    def __init__(
        self,
        table: Table,
        connect: Callable[[], Ask],
        sign_in: Callable[[Json], SignIn],
        clock: Clock,
    ) -> None:
        self._table = table
        self._clock = clock
        self._asks: dict[str, Ask] = {}
        self._owner = connect()
        _insist(self._owner, *as_the_owner(None))
        for caller, auth in table.callers.items():
            self._asks[caller] = connect()
            if auth is not None:
                _insist(self._asks[caller], *sign_in(auth))
        self._is_as_before = False

    def ask(self, case: Case, caller: str) -> Verdict:
        if not self._is_as_before:
            _insist(self._owner, "p", {"p": "/", "d": self._table.before})
        self._clock.milliseconds = self._table.now + case.later
        ask = self._asks[caller]
        if case.read is not None:
            place: dict[str, Json] = {"p": case.read, "q": to_object(from_params(case.query))}
            answer, heard = ask("g", place), ask("q", {**place, "t": 1})
            assert answer["s"] == heard["s"], f"{case}, {caller}: {answer}, but {heard}"
            if heard["s"] == "ok":
                _insist(ask, "n", place)
        else:
            action, body = "m", dict(case.update)
            if "/" in body:  # as over REST
                action, body = "p", body["/"]
            answer = ask(action, {"p": "/", "d": body})
        self._is_as_before = case.read is not None or answer["s"] != "ok"
        if answer["s"] not in ("ok", "permission_denied"):
            raise AssertionError(f"{case}, {caller}: {answer}")
        return Verdict(answer["s"] == "ok", lambda: dumps(dict(answer)))


def by_token(auth: Json) -> SignIn:
    """As a page does."""
    return "auth", {"cred": _credential(auth)["auth"]}


def as_the_owner(auth: Json) -> SignIn:
    """As a server does, which may act for somebody."""
    return "gauth", {"cred": "owner", "authvar": auth}


def _insist(ask: Ask, action: str, body: dict[str, Json]) -> None:
    answer = ask(action, body)
    assert answer["s"] == "ok", answer


@cache
def profile(name: str) -> tuple[Table, str]:
    """A profile's table and the text of its rules."""
    spec, rules = _FILES[name]
    return Table(table(spec)), rules.read_text("utf-8")


def writes(case: Case) -> dict[Path, Json]:
    """What a case writes, by path, server values and all."""
    body = dict(case.update)
    return {ROOT: body["/"]} if "/" in body else changes(body, ROOT)


def places(written: Mapping[Path, Json]) -> list[Path]:
    """The nodes written to: a priority is written by whoever may write its node."""
    return [path.parent if path.key == PRIORITY else path for path in written]


def _several(written: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in written.get("each", [{}]):
        yield {key: _filled(value, each) for key, value in written.items() if key != "each"}


def _filled(value: Any, each: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {_filled(key, each): _filled(item, each) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, each) for item in value]
    if not isinstance(value, str):
        return value
    for name, item in each.items():
        if value == f"{{{name}}}":
            return item
        value = value.replace(f"{{{name}}}", str(item))
    return value


def _case(written: Mapping[str, Any], spec: Mapping[str, Any]) -> Case:
    update: dict[str, Any] = {**spec["writes"][written["like"]]} if "like" in written else {}
    update |= written.get("update", {})
    for path, value in written.get("but", {}).items():
        base, _, field = path.rpartition("/")
        if path in update:
            update[path] = value
        elif base in update:
            update[base] = {**update[base], field: value}
        else:
            raise KeyError(f"{written['name']}: nothing is written at {path} nor above it")
    return Case(
        written["row"],
        written["name"],
        written.get("later", 0),
        written.get("read"),
        written.get("query", {}),
        {path: _written(value) for path, value in update.items()},
        tuple(written["allowed"]),
        tuple(written["refused"]),
    )


def _written(value: Any) -> Any:
    if isinstance(value, dict) and "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    return {".sv": "timestamp"} if value == "$TIME" else value


def _credential(auth: Any) -> dict[str, str]:
    if auth is None:
        return {}
    firebase = {"sign_in_provider": auth["provider"]}
    return {"auth": encode_unsigned({**auth["token"], "firebase": firebase})}
