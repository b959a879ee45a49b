"""A second database, written from the reference and from nothing else: obvious, slow, and whole.

A node is None, ``{"value": scalar, "priority": p}`` or ``{"children": {...}, "priority": p}``.
Everything is worked out again for every request. It shares no code with the package.
"""

import base64
import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

__all__ = ["NOTHING", "Answer", "Asked", "Slow", "tag_of"]

NOTHING = object()
"""An answer without a body."""


@dataclass(frozen=True)
class Asked:
    """One request: keys of its path, parameters and headers by name, JSON of its body."""

    method: str
    path: list[str]
    parameters: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class Answer:
    """Status, JSON or NOTHING, and the ETag if there is one. Texts of errors are not modelled."""

    status: int
    value: Any = NOTHING
    tag: str | None = None


class Bad(Exception):
    """The request cannot be meant: 400."""


class Slow:
    """One database with open rules and no need of indexes."""

    def __init__(self) -> None:
        self.root: Any = None

    def answer(self, asked: Asked, now: int, push_id: str) -> Answer:
        """Carry it out. ``push_id`` is the name a POST would give."""
        before = self.root
        try:
            return self._answer(asked, now, push_id)
        except Bad:
            self.root = before
            return Answer(400)

    def _answer(self, asked: Asked, now: int, push_id: str) -> Answer:
        wants_tag = asked.headers.get("x-firebase-etag") == "true"
        expected = asked.headers.get("if-match")
        silent = asked.parameters.get("print") == "silent"
        if asked.method in ("PUT", "DELETE") and expected is not None:
            if silent:
                raise Bad
            current = self._standing(asked.path)
            if expected != tag_of(current):
                return Answer(412, plain(current), tag_of(current))
        elif expected is not None:
            raise Bad
        value: Any
        tag = None
        if asked.method == "GET":
            node = self._standing(asked.path)
            value, node = read(node, asked.parameters)
            known = asked.headers.get("if-none-match")
            if known is not None and known == tag_of(node):
                return Answer(304, NOTHING, tag_of(node))
            if wants_tag or known is not None:
                tag = tag_of(node)
        elif asked.method == "PATCH":
            if wants_tag:
                raise Bad
            value = self._patch(asked, now)
        else:
            path = [*asked.path, push_id] if asked.method == "POST" else asked.path
            self._write([(path, None if asked.method == "DELETE" else asked.body)], now)
            value = {"name": push_id} if asked.method == "POST" else plain(self._standing(path))
            if wants_tag or expected is not None:
                tag = tag_of(self._standing(path))
        return Answer(204, NOTHING, tag) if silent else Answer(200, value, tag)

    def _standing(self, path: list[str]) -> Any:
        if path[-1:] == [".priority"]:
            node = get(self.root, path[:-1])
            return leaf(None if node is None else node["priority"])
        return get(self.root, path)

    def _patch(self, asked: Asked, now: int) -> Any:
        if asked.body is None:
            self._write([(asked.path, None)], now)
            return None
        places = {key: [*asked.path, *key.split("/")] for key in asked.body}
        for one, here in places.items():
            for other, there in places.items():
                if one != other and there[: len(here)] == here:
                    raise Bad
        self._write([(places[key], value) for key, value in asked.body.items()], now)
        return {key: plain(self._standing(places[key])) for key in named(places)}

    def _write(self, pairs: list[tuple[list[str], Any]], now: int) -> None:
        before = self.root
        values = [pair for pair in pairs if pair[0][-1:] != [".priority"]]
        for path, value in values:
            self.root = put(self.root, path, build(value, get(before, path), now))
        for path, value in pairs:
            if path[-1:] == [".priority"]:
                place = path[:-1]
                priority = build_priority(value, get(before, place), now)
                node = get(self.root, place)
                if node is None and priority is not None:
                    raise Bad
                if node is not None:
                    self.root = put(self.root, place, {**node, "priority": priority})


def leaf(value: Any, priority: Any = None) -> Any:
    return None if value is None else {"value": value, "priority": priority}


def get(node: Any, path: list[str]) -> Any:
    for key in path:
        node = node["children"].get(key) if node is not None and "children" in node else None
    return node


def put(node: Any, path: list[str], new: Any) -> Any:
    if not path:
        return new
    is_leaf = node is not None and "value" in node
    children = {} if node is None or is_leaf else dict(node["children"])
    child = put(children.pop(path[0], None), path[1:], new)
    if child is not None:
        children[path[0]] = child
    if not children:
        return node if is_leaf else None
    return {"children": children, "priority": None if node is None else node["priority"]}


def build(value: Any, before: Any, now: int) -> Any:
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        return leaf(number(value))
    priority = build_priority(value.get(".priority"), before, now)
    rest = {key: item for key, item in value.items() if key != ".priority"}
    if ".sv" in rest:
        if len(rest) > 1:
            raise Bad
        return leaf(server_value(rest[".sv"], before, now), priority)
    if ".value" in rest:
        if len(rest) > 1:
            raise Bad
        inner = rest[".value"]
        if isinstance(inner, dict) and set(inner) == {".sv"}:
            inner = server_value(inner[".sv"], before, now)
        if isinstance(inner, dict | list):
            raise Bad
        return leaf(number(inner), priority)
    built = {key: build(item, get(before, [key]), now) for key, item in rest.items()}
    children = {key: node for key, node in built.items() if node is not None}
    return {"children": children, "priority": priority} if children else None


def build_priority(value: Any, before: Any, now: int) -> Any:
    if isinstance(value, dict) and set(value) == {".sv"}:
        old = leaf(None if before is None else before["priority"])
        return server_value(value[".sv"], old, now)
    if isinstance(value, bool | list | dict):
        raise Bad
    return number(value)


def server_value(what: Any, before: Any, now: int) -> Any:
    if what == "timestamp":
        return now
    if not isinstance(what, dict) or set(what) != {"increment"}:
        raise Bad
    by = what["increment"]
    if isinstance(by, bool) or not isinstance(by, int | float):
        raise Bad
    old = before["value"] if before is not None and "value" in before else None
    if isinstance(old, bool) or not isinstance(old, int | float):
        return number(by)
    return number(old + by)


def number(value: Any) -> Any:
    """One form for each number: integral doubles of 64 bits are integers, larger ones doubles."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if value == int(value) and -(2**63) <= value < 2**63:
        return int(value)
    return float(value)


def plain(node: Any) -> Any:
    if node is None:
        return None
    if "value" in node:
        return node["value"]
    children = {key: plain(node["children"][key]) for key in named(node["children"])}
    if all(re.fullmatch(r"0|[1-9][0-9]*", key, re.ASCII) for key in children):
        last = max(int(key) for key in children)
        if last < 2 * len(children):
            return [children.get(str(index)) for index in range(last + 1)]
    return children


def exported(node: Any) -> Any:
    if node is None:
        return None
    marked = {} if node["priority"] is None else {".priority": node["priority"]}
    if "value" in node:
        return {**marked, ".value": node["value"]} if marked else node["value"]
    return {**marked, **{key: exported(node["children"][key]) for key in named(node["children"])}}


def named(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=cmp_to_key(compare_keys))


def read(node: Any, parameters: dict[str, str]) -> tuple[Any, Any]:
    """What a GET answers, and the node that it saw."""
    export = parameters.get("format") == "export"
    if parameters.get("shallow") == "true":
        if node is None or "value" in node:
            return plain(node), node
        return dict.fromkeys(named(node["children"]), True), node
    if "orderBy" not in parameters:
        return (exported if export else plain)(node), node
    if node is None or "value" in node:
        return None, None
    rows = window(node["children"], parameters)
    if not rows:
        return {}, None
    seen = {"children": dict(rows), "priority": None}
    return (exported if export else plain)(seen), seen


def window(children: dict[str, Any], parameters: dict[str, str]) -> list[tuple[str, Any]]:
    order = json.loads(parameters["orderBy"])

    def indexed(key: str, node: Any) -> Any:
        if order == "$key":
            return key
        if order == "$priority":
            return node["priority"]
        found = node if order == "$value" else get(node, order.split("/"))
        return None if found is None else found.get("value", found)

    def compared(one: Any, other: Any) -> int:
        return compare_keys(one, other) if order == "$key" else compare_values(one, other)

    def rows_compared(one: tuple[str, Any], other: tuple[str, Any]) -> int:
        return compared(indexed(*one), indexed(*other)) or compare_keys(one[0], other[0])

    def side(row: tuple[str, Any], text: str) -> int:
        """Where the row is, seen from a bound: before it, at it, after it."""
        value, *key = json.loads(f"[{text}]")
        where = compared(indexed(*row), value)
        return where or (compare_keys(row[0], key[0]) if key else 0)

    rows = sorted(children.items(), key=cmp_to_key(rows_compared))
    tests: dict[str, Callable[[int], bool]] = {
        "startAt": lambda where: where >= 0,
        "startAfter": lambda where: where > 0,
        "endAt": lambda where: where <= 0,
        "endBefore": lambda where: where < 0,
        "equalTo": lambda where: where == 0,
    }
    for name, test in tests.items():
        if name in parameters:
            rows = [row for row in rows if test(side(row, parameters[name]))]
    if "limitToFirst" in parameters:
        rows = rows[: int(parameters["limitToFirst"])]
    if "limitToLast" in parameters:
        rows = rows[-int(parameters["limitToLast"]) :]
    return rows


def compare(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def compare_keys(one: str, other: str) -> int:
    first, second = integer(one), integer(other)
    if first is None or second is None:
        return (first is None) - (second is None) or compare(one.encode(), other.encode())
    return compare(first, second) or compare(len(one), len(other)) or compare(one, other)


def integer(key: str) -> int | None:
    if not re.fullmatch(r"-?0*[0-9]{1,10}", key, re.ASCII):
        return None
    return int(key) if -(2**31) <= int(key) < 2**31 else None


def compare_values(one: Any, other: Any) -> int:
    ranks = compare(rank(one), rank(other))
    if ranks or rank(one) in (1, 2, 3, 6):
        return ranks
    if isinstance(one, str):
        return compare(one.encode(), other.encode())
    return compare(one, other)


def rank(value: Any) -> int:
    if value is None:
        return 1
    if isinstance(value, bool):
        return 3 if value else 2
    return 4 if isinstance(value, int | float) else 5 if isinstance(value, str) else 6


def tag_of(node: Any) -> str:
    return "null_etag" if node is None else hashed(node)


def hashed(node: Any) -> str:
    def told(value: Any) -> str:
        if isinstance(value, bool):
            return f"boolean:{str(value).lower()}"
        if isinstance(value, str):
            return f"string:{value}"
        return "number:" + struct.pack(">d", value).hex()

    def order(one: tuple[str, Any], other: tuple[str, Any]) -> int:
        by_priority = compare_values(one[1]["priority"], other[1]["priority"])
        return by_priority or compare_keys(one[0], other[0])

    text = "" if node["priority"] is None else f"priority:{told(node['priority'])}:"
    if "value" in node:
        text += told(node["value"])
    else:
        for key, child in sorted(node["children"].items(), key=cmp_to_key(order)):
            text += f":{key}:{hashed(child)}"
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
