"""Expressions that have been checked, made into functions: running one walks no tree.

An error anywhere in what is run fails the whole expression, also under ``!`` and before
``|| true``; only what is never run cannot fail.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Final, TypeAlias

from imbari_chat.rules.automaton import CHARACTERS_A_STEP
from imbari_chat.rules.operators import BINARY, describe, length, negate
from imbari_chat.rules.syntax import (
    Array,
    Call,
    Chain,
    Conditional,
    Expression,
    Index,
    Literal,
    Logical,
    Member,
    Name,
    Regex,
    Term,
    Unary,
)
from imbari_chat.rules.values import EvaluationError, Scope, Snapshot, Steps, Value, keys_of

__all__ = ["Around", "Run", "compiled", "noting"]

Run: TypeAlias = Callable[[Scope], Value]
"""What an expression comes to; raises :class:`EvaluationError` where it fails."""

Around: TypeAlias = Callable[[Expression], Callable[[Run], Run] | None]
"""Of a part of an expression, what to make of the function that runs it; None to leave it."""


def compiled(node: Expression, around: Around | None = None) -> Run:
    """The function of an expression.

    Args:
        around: Asked about each part that has a value of its own, which all have but the method of
            a call. Parts it leaves alone may be run as one.
    """
    run = _made(node, around)
    wrap = None if around is None else around(node)
    return run if wrap is None else wrap(run)


def noting(node: Expression) -> Callable[[Run], Run]:
    """Has what ``node`` comes to, or how it fails, noted in the scope, by its ``id``."""
    name = id(node)

    def around(run: Run) -> Run:
        def noted(scope: Scope) -> Value:
            try:
                value = run(scope)
            except EvaluationError as error:
                scope.notes.append((name, error))
                raise
            scope.notes.append((name, value))
            return value

        return noted

    return around


def _made(node: Expression, around: Around | None) -> Run:
    match node:
        case Literal(value=value):
            return lambda _: value
        case Regex():
            return lambda _: node
        case Name(name=name):
            return itemgetter(name)
        case Array(items=items):
            return _array([compiled(item, around) for item in items])
        case Member(target=target, key=key):
            return _member(compiled(target, around), key)
        case Index(target=target, key=index):
            return _index(compiled(target, around), compiled(index, around))
        case Call():
            return _call(node, around)
        case Unary(operator=operator, operand=operand):
            return (_not if operator == "!" else _negated)(compiled(operand, around))
        case Chain(first=first, rest=rest):
            return _chain(compiled(first, around), rest, around)
        case Logical(operator=operator, operands=operands):
            return _logical([compiled(each, around) for each in operands], operator == "||")
        case Conditional(test=test, then=then, otherwise=otherwise):
            return _conditional(*[compiled(part, around) for part in (test, then, otherwise)])


def _array(items: list[Run]) -> Run:
    return lambda scope: tuple([_text(item(scope), "hasChildren") for item in items])


def _member(target: Run, key: str) -> Run:
    """A member of ``auth`` or ``query``; whatever is missing, or below something else, is null."""
    if key == "length":
        return lambda scope: length(target(scope))

    def run(scope: Scope) -> Value:
        value = target(scope)
        return value.get(key) if isinstance(value, dict) else None

    return run


def _index(target: Run, key: Run) -> Run:
    return lambda scope: _property(target(scope), key(scope))


def _property(target: Value, key: Value) -> Value:
    """A member of which only the request tells the name, or the position in a list."""
    if key == "length":
        return length(target)
    if isinstance(target, dict):
        return target.get(key) if isinstance(key, str) else None
    if isinstance(target, list) and isinstance(key, int) and 0 <= key < len(target):
        return target[key]
    return None


def _call(node: Call, around: Around | None) -> Run:
    name, target = _method(node)
    if name in _STEPS:
        return _way(node, around)
    receiver = compiled(target, around)
    arguments = [compiled(argument, around) for argument in node.arguments]
    if name in _COSTLY:
        return _costly(name, receiver, arguments)
    kind: type = Snapshot if name in _SNAPSHOT else str
    method = _SNAPSHOT.get(name) or _STRING[name]
    place = _place(target, around)
    if place is not None and kind is Snapshot and not arguments:
        return lambda scope: method(scope[place])

    def alone(scope: Scope) -> Value:
        value = receiver(scope)
        if not isinstance(value, kind):
            raise _no_method(name, value)
        return method(value)

    def given(scope: Scope) -> Value:
        value = receiver(scope)
        if not isinstance(value, kind):
            raise _no_method(name, value)
        return method(value, *[argument(scope) for argument in arguments])

    return given if arguments else alone


def _method(node: Call) -> tuple[str, Expression]:
    """The name of what is called, and what it is called on."""
    target = node.target
    assert isinstance(target, Member | Index)
    name = target.key if isinstance(target, Member) else _written_out(target.key)
    assert isinstance(name, str)
    return name, target.target


def _place(node: Expression, around: Around | None) -> str | None:
    """The name of a variable that always is a place; None for all else."""
    if not isinstance(node, Name) or node.name not in _PLACES:
        return None
    return node.name if around is None or around(node) is None else None


def _written_out(node: Expression) -> str | None:
    """The text of a literal; None for all else."""
    return node.value if isinstance(node, Literal) and isinstance(node.value, str) else None


def _way(node: Call, around: Around | None) -> Run:
    """From one place to another: calls of ``child`` and ``parent``, one after the other."""
    steps: list[tuple[str, ...] | Run | None] = []  # keys, what gives a path, or one level up
    name, start = _method(node)
    steps.append(_step(node, name, around))
    while isinstance(start, Call) and (around is None or around(start) is None):
        call, (name, start) = start, _method(start)  # no other call comes to a place
        steps.append(_step(call, name, around))
    steps.reverse()
    begin = compiled(start, around)

    def run(scope: Scope) -> Value:
        place = begin(scope)
        assert isinstance(place, Snapshot)
        for step in steps:
            if step is None:
                place = place.parent()
            elif isinstance(step, tuple):
                for key in step:
                    place = place.step(key)
            else:
                place = place.child(_text(step(scope), "child"))
        return place

    return run


def _step(call: Call, name: str, around: Around | None) -> tuple[str, ...] | Run | None:
    if name == "parent":
        return None
    (argument,) = call.arguments
    path = _written_out(argument)
    return compiled(argument, around) if path is None else keys_of(path)


def _costly(name: str, receiver: Run, arguments: list[Run]) -> Run:
    method = _COSTLY[name]

    def run(scope: Scope) -> Value:
        text = receiver(scope)
        if not isinstance(text, str):
            raise _no_method(name, text)
        return method(scope.steps, text, *[argument(scope) for argument in arguments])

    return run


def _no_method(name: str, value: Value) -> EvaluationError:
    return EvaluationError(f"{name}() of {describe(value)}")


def _not(operand: Run) -> Run:
    return lambda scope: operand(scope) is False


def _negated(operand: Run) -> Run:
    return lambda scope: negate(operand(scope))


def _chain(first: Run, rest: tuple[Term, ...], around: Around | None) -> Run:
    if len(rest) == 1:
        return _binary(first, rest[0], around)
    links = [(BINARY[term.operator], compiled(term.operand, around)) for term in rest]

    def run(scope: Scope) -> Value:
        value = first(scope)
        for operator, operand in links:
            value = operator(value, operand(scope))
        return value

    return run


def _binary(left: Run, term: Term, around: Around | None) -> Run:
    text = _written_out(term.operand)
    if text is not None and term.operator in {"==", "==="}:
        return lambda scope: left(scope) == text  # which nothing but a string is
    operator: Callable[[Value, Value], Value] = BINARY[term.operator]
    right = compiled(term.operand, around)
    return lambda scope: operator(left(scope), right(scope))


def _logical(operands: list[Run], deciding: bool) -> Run:
    def run(scope: Scope) -> Value:
        for operand in operands:
            if operand(scope) is deciding:
                return deciding
        return not deciding

    return run


def _conditional(test: Run, then: Run, otherwise: Run) -> Run:
    return lambda scope: (then if test(scope) is True else otherwise)(scope)


def _text(value: Value, method: str) -> str:
    if not isinstance(value, str):
        raise EvaluationError(f"{method}() was given {describe(value)} for a string")
    return value


def _has_children(snapshot: Snapshot, names: Value = None) -> bool:
    if names is None:
        return snapshot.has_children()
    assert isinstance(names, tuple)
    return all(snapshot.has_child(name) for name in names)


def _matches(steps: Steps, text: str, regex: Value) -> bool:
    assert isinstance(regex, Regex)
    return regex.pattern.search(text, steps.spend)


def _replace(steps: Steps, text: str, old: Value, new: Value) -> str:
    """Every occurrence. [unsure] of an empty ``old``; here it occurs around every character."""
    gone, come = _text(old, "replace"), _text(new, "replace")
    # Two strings that fit a database can make one that fits no memory.
    steps.spend((len(text) + text.count(gone) * len(come)) // CHARACTERS_A_STEP)
    return text.replace(gone, come)


_PLACES: Final = frozenset({"data", "newData", "root"})
_STEPS: Final = frozenset({"child", "parent"})

_SNAPSHOT: Final[Mapping[str, Callable[..., Value]]] = {
    "val": Snapshot.val,
    "hasChild": lambda snapshot, path: snapshot.has_child(_text(path, "hasChild")),
    "hasChildren": _has_children,
    "exists": Snapshot.exists,
    "getPriority": Snapshot.get_priority,
    "isString": Snapshot.is_string,
    "isNumber": Snapshot.is_number,
    "isBoolean": Snapshot.is_boolean,
}

_STRING: Final[Mapping[str, Callable[..., Value]]] = {
    "contains": lambda text, part: _text(part, "contains") in text,
    "beginsWith": lambda text, part: text.startswith(_text(part, "beginsWith")),
    "endsWith": lambda text, part: text.endswith(_text(part, "endsWith")),
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
}

# What takes more time or room than the request had: these are told what is left.
_COSTLY: Final[Mapping[str, Callable[..., Value]]] = {"matches": _matches, "replace": _replace}
