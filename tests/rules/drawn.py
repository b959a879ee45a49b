"""Expressions at random that check, by type: how they are written, and what they should do; and
rules of them, and trees."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from imbari_chat.wire.json import Json
from tests.rules.slow import (
    BINARY,
    THING,
    Expr,
    Failed,
    Place,
    World,
    children,
    is_boolean,
    is_number,
    is_string,
    number,
    string,
)

__all__ = ["AUTHS", "PATHS", "RULES", "TREES", "VALUES", "written"]


def constant(text: str, value: Any) -> Expr:
    return Expr(text, lambda world: value)


def variable(name: str) -> Expr:
    return Expr(name, lambda world: world.look(name))


def binary(operator: str, a: Expr, b: Expr) -> Expr:
    def run(world: World) -> Any:
        left = a.run(world)
        return BINARY[operator](left, b.run(world))

    return Expr(f"({a.text} {operator} {b.text})", run)


def logical(operator: str, parts: Sequence[Expr]) -> Expr:
    def run(world: World) -> bool:
        for part in parts:
            if part.run(world) is (operator == "||"):
                return operator == "||"
        return operator == "&&"

    return Expr(f"({f' {operator} '.join(part.text for part in parts)})", run)


def ternary(test: Expr, then: Expr, otherwise: Expr) -> Expr:
    return Expr(
        f"({test.text} ? {then.text} : {otherwise.text})",
        lambda world: (then if test.run(world) else otherwise).run(world),
    )


def claim(*names: str) -> Expr:
    def run(world: World) -> Any:
        value = world.look("auth")
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return THING if isinstance(value, dict) else value

    return Expr(".".join(("auth", *names)), run)


def method(
    name: str, apply: Callable[..., Any], receiver: Expr, *arguments: Expr, kind: type = str
) -> Expr:
    def run(world: World) -> Any:
        value = receiver.run(world)
        if not isinstance(value, kind):
            raise Failed(f"{name}() of something else")
        return apply(value, *[argument.run(world) for argument in arguments])

    listed = ", ".join(argument.text for argument in arguments)
    return Expr(f"{receiver.text}.{name}({listed})", run)


def of_place(name: str, apply: Callable[..., Any], receiver: Expr, *arguments: Expr) -> Expr:
    return method(name, apply, receiver, *arguments, kind=Place)


def has_children(receiver: Expr, names: Sequence[Expr]) -> Expr:
    def run(world: World) -> bool:
        place = receiver.run(world)
        listed = [string(name.run(world)) for name in names]
        return all(place.child(name).exists() for name in listed)

    listed = ", ".join(name.text for name in names)
    return Expr(f"{receiver.text}.hasChildren([{listed}])", run)


def length(receiver: Expr) -> Expr:
    return Expr(f"{receiver.text}.length", lambda world: len(string(receiver.run(world))))


def _map(builder: Callable[..., Expr], *parts: Any) -> st.SearchStrategy[Expr]:
    return st.builds(
        builder, *(p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts)
    )


def _call(
    names: Mapping[str, Callable[..., Any]], make: Callable[..., Expr], *parts: Any
) -> st.SearchStrategy[Expr]:
    return st.one_of([_map(make, name, apply, *parts) for name, apply in names.items()])


STRING_LITERALS = st.sampled_from(["", "a", "b", "ab", "a/b", "B", "1"]).map(
    lambda text: constant(f"'{text}'", text)
)
NUMBER_LITERALS = st.sampled_from([0, 1, 2, 3, 2.5]).map(lambda value: constant(str(value), value))
CLAIMS = st.sampled_from(
    [
        claim(),
        claim("uid"),
        claim("token", "n"),
        claim("token", "o"),
        claim("token", "t"),
        claim("no", "no"),
    ]
)
CAPTURE = variable("$k")

STRING_TESTS: dict[str, Callable[..., Any]] = {
    "contains": lambda text, part: string(part) in text,
    "beginsWith": lambda text, part: text.startswith(string(part)),
    "endsWith": lambda text, part: text.endswith(string(part)),
}
STRING_CHANGES: dict[str, Callable[..., Any]] = {
    "toLowerCase": lambda text: text.lower(),
    "toUpperCase": lambda text: text.upper(),
}
PLACE_TESTS: dict[str, Callable[..., Any]] = {
    "exists": Place.exists,
    "hasChildren": lambda place: bool(children(place.node)),
    "isString": lambda place: is_string(place.val()),
    "isNumber": lambda place: is_number(place.val()),
    "isBoolean": lambda place: is_boolean(place.val()),
}
MATCHES: dict[str, Callable[[str], bool]] = {
    "/^a/": lambda text: text.startswith("a"),
    "/b$/i": lambda text: text.lower().endswith("b"),
    "/^[ab]+$/": lambda text: bool(text) and set(text) <= set("ab"),
}


def matches(receiver: Expr, pattern: str) -> Expr:
    return method("matches", lambda text, _: MATCHES[pattern](text), receiver, constant(pattern, 0))


@st.composite
def _drawn(draw: st.DrawFn, grammar: "Grammar", kind: str, depth: int) -> Expr:
    """A strategy that names what it makes instead of holding it: grammars are large."""
    return draw(grammar.options(kind, depth))


class Grammar:
    """Expressions by type, no deeper than asked for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.places_named = st.sampled_from([variable(name) for name in names])
        self._made: dict[tuple[str, int], st.SearchStrategy[Expr]] = {}

    def of(self, kind: str, depth: int) -> st.SearchStrategy[Expr]:
        return _drawn(self, kind, depth)

    def options(self, kind: str, depth: int) -> st.SearchStrategy[Expr]:
        if (kind, depth) not in self._made:
            make: Callable[[int], list[st.SearchStrategy[Expr]]] = getattr(self, f"_{kind}")
            self._made[kind, depth] = st.one_of(make(depth))
        return self._made[kind, depth]

    def _place(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        if not depth:
            return [self.places_named]
        place = self.of("place", depth - 1)
        return [
            self.places_named,
            _map(of_place, "child", Place.child, place, STRING_LITERALS),
            _map(of_place, "child", Place.child, place, self.of("stringish", depth - 1)),
            _map(of_place, "parent", Place.parent, place),
            _map(ternary, self.of("boolean", depth - 1), place, place),
        ]

    def _any(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        place = self.of("place", max(depth - 1, 0))
        return [
            CLAIMS,
            _map(of_place, "val", Place.val, place),
            _map(of_place, "getPriority", Place.priority, place),
        ]

    def _number(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        if not depth:
            return [NUMBER_LITERALS, st.just(variable("now"))]
        part = self.of("numberish", depth - 1)
        return [
            *self._number(0),
            _map(binary, st.sampled_from("-*/%"), part, part),
            _map(lambda a: Expr(f"-({a.text})", lambda w: -number(a.run(w))), part),
            _map(length, self.of("stringish", depth - 1)),
        ]

    def _string(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        if not depth:
            return [STRING_LITERALS, st.just(CAPTURE)]
        part = self.of("stringish", depth - 1)
        return [
            *self._string(0),
            _map(binary, "+", STRING_LITERALS, self.of("addable", depth - 1)),
            _call(STRING_CHANGES, method, part),
            _map(
                method,
                "replace",
                lambda text, a, b: text.replace(string(a), string(b)),
                part,
                STRING_LITERALS.filter(lambda literal: literal.text != "''"),
                part,
            ),
        ]

    def _numberish(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        return [self.of("number", depth), self.of("any", depth)]

    def _stringish(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        return [self.of("string", depth), self.of("any", depth)]

    def _addable(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        simple = [self.of("numberish", depth), self.of("stringish", depth)]
        return simple if not depth else [*simple, self._sum(depth)]

    def _sum(self, depth: int) -> st.SearchStrategy[Expr]:
        part = self.of("addable", depth - 1)
        return _map(binary, "+", part, part)

    def _primitive(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        return [
            self.of("addable", depth),
            self.of("boolean", depth),
            st.just(constant("null", None)),
        ]

    def _boolean(self, depth: int) -> list[st.SearchStrategy[Expr]]:
        place = self.of("place", max(depth - 1, 0))
        simple: list[st.SearchStrategy[Expr]] = [
            st.sampled_from([constant("true", True), constant("false", False)]),
            _call(PLACE_TESTS, of_place, place),
        ]
        if not depth:
            return simple
        boolean = self.of("boolean", depth - 1)
        primitive = self.of("primitive", depth - 1)
        ordered = self.of("addable", depth - 1)
        text = self.of("stringish", depth - 1)
        several = st.lists(boolean, min_size=2, max_size=3)
        return [
            *simple,
            _map(logical, st.sampled_from(["&&", "||"]), several),
            _map(ternary, boolean, boolean, boolean),
            _map(lambda a: Expr(f"!{a.text}", lambda w: not a.run(w)), boolean),
            _map(binary, st.sampled_from(["==", "===", "!=", "!=="]), primitive, primitive),
            _map(binary, st.sampled_from(["<", "<=", ">", ">="]), ordered, ordered),
            _map(of_place, "hasChild", lambda p, path: p.child(path).exists(), place, text),
            _map(has_children, place, st.lists(text, max_size=2)),
            _call(STRING_TESTS, method, text, text),
            _map(matches, text, st.sampled_from(sorted(MATCHES))),
        ]


_READ, _WRITE = Grammar(["data", "root"]), Grammar(["data", "root", "newData"])
BOOLEANS = {".read": _READ.of("boolean", 2), ".write": _WRITE.of("boolean", 2)}
VALUES = st.one_of(*(_WRITE.of(kind, 3) for kind in ("boolean", "addable")))


LEAVES = st.one_of(
    st.sampled_from([True, False, 0, 1, 2.5, "a", "b", "ab", ""]),
    st.just({".value": 1, ".priority": "a"}),
    st.just({".value": "a", ".priority": 2}),
)
TREES = st.recursive(
    LEAVES,
    lambda trees: st.dictionaries(st.sampled_from(["a", "b", "1"]), trees, min_size=1, max_size=3),
    max_leaves=5,
)
AUTHS: st.SearchStrategy[Any] = st.sampled_from(
    [None, {"uid": "a", "token": {"n": 1, "t": True, "o": {"x": 1}}}, {"uid": "b"}]
)
PATHS = st.lists(st.sampled_from(["a", "b", "1"]), max_size=3).map(tuple)

# Half of the rules are plain: where all of them are odd, most requests end at the first.
PLAIN = st.sampled_from([Expr("true", lambda world: True), Expr("false", lambda world: False)])


def _rules(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    own: dict[str, st.SearchStrategy[Any]] = {
        ".read": PLAIN | BOOLEANS[".read"],
        ".write": PLAIN | BOOLEANS[".write"],
        ".validate": PLAIN | BOOLEANS[".write"],
    }
    below: dict[str, st.SearchStrategy[Any]] = (
        {key: _rules(depth - 1) for key in ("a", "b", "$k")} if depth else {}
    )
    return st.fixed_dictionaries({}, optional={**own, **below})


def _under_a_capture(rules: dict[str, Any], captured: bool = False) -> bool:
    """Whether ``$k`` is captured once at most, and is there wherever it is named."""
    for key, value in rules.items():
        if isinstance(value, Expr):
            if "$k" in value.text and not captured:
                return False
        elif (key == "$k" and captured) or not _under_a_capture(value, captured or key == "$k"):
            return False
    return True


def written(rules: dict[str, Any]) -> dict[str, Json]:
    """The rules as a file has them."""
    return {
        key: value.text if isinstance(value, Expr) else written(value)
        for key, value in rules.items()
    }


RULES = _rules(2).filter(_under_a_capture)
