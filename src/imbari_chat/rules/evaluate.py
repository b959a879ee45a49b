"""Running an expression that has been checked.

An error anywhere in what is run fails the whole expression, also under ``!`` and before
``|| true``; only what is never run cannot fail.
"""

from collections.abc import Callable, Mapping
from typing import Final

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
    Unary,
)
from imbari_chat.rules.values import (
    EvaluationError,
    Scope,
    Snapshot,
    Steps,
    Value,
    Variables,
)

__all__ = ["Evaluation"]


class Evaluation:
    """One run of one or more expressions over the same variables."""

    __slots__ = ("steps", "variables")

    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.steps = variables.steps if isinstance(variables, Scope) else Steps()

    def holds(self, rule: Expression) -> bool:
        """Whether a rule, which is boolean by its type, is true.

        Raises:
            EvaluationError: It fails.
        """
        return self.value(rule) is True

    def value(self, node: Expression) -> Value:
        """What ``node`` comes to.

        Raises:
            EvaluationError: It fails.
        """
        return _RUN[type(node)](self, node)


def _literal(_: Evaluation, node: Literal) -> Value:
    return node.value


def _regex(_: Evaluation, node: Regex) -> Value:
    return node


def _name(run: Evaluation, node: Name) -> Value:
    return run.variables[node.name]


def _array(run: Evaluation, node: Array) -> Value:
    return tuple(_text(run.value(item), "hasChildren") for item in node.items)


def _member(run: Evaluation, node: Member) -> Value:
    return _property(run.value(node.target), node.key)


def _index(run: Evaluation, node: Index) -> Value:
    return _property(run.value(node.target), run.value(node.key))


def _property(target: Value, key: Value) -> Value:
    """A member of ``auth`` or ``query``; whatever is missing, or below something else, is null."""
    if key == "length":
        return length(target)
    if isinstance(target, Mapping):
        return target.get(key) if isinstance(key, str) else None
    if isinstance(target, list) and isinstance(key, int) and 0 <= key < len(target):
        return target[key]
    return None


def _call(run: Evaluation, node: Call) -> Value:
    target = node.target
    assert isinstance(target, Member | Index)
    name = target.key if isinstance(target, Member) else run.value(target.key)
    receiver = run.value(target.target)
    if isinstance(receiver, str) and name in _COSTLY:
        return _COSTLY[name](run.steps, receiver, *map(run.value, node.arguments))
    if isinstance(receiver, Snapshot):
        method = _SNAPSHOT.get(name)
    else:
        method = _STRING.get(name) if isinstance(receiver, str) else None
    if method is None:
        raise EvaluationError(f"{name}() of {describe(receiver)}")
    if not node.arguments:
        return method(receiver)
    return method(receiver, *[run.value(argument) for argument in node.arguments])


def _unary(run: Evaluation, node: Unary) -> Value:
    operand = run.value(node.operand)
    return operand is False if node.operator == "!" else negate(operand)


def _chain(run: Evaluation, node: Chain) -> Value:
    value = run.value(node.first)
    for term in node.rest:
        value = BINARY[term.operator](value, run.value(term.operand))
    return value


def _logical(run: Evaluation, node: Logical) -> Value:
    deciding = node.operator == "||"
    for operand in node.operands:
        if run.value(operand) is deciding:
            return deciding
    return not deciding


def _conditional(run: Evaluation, node: Conditional) -> Value:
    return run.value(node.then if run.value(node.test) is True else node.otherwise)


_RUN: Final[Mapping[type, Callable[..., Value]]] = {
    Array: _array,
    Call: _call,
    Chain: _chain,
    Conditional: _conditional,
    Index: _index,
    Literal: _literal,
    Logical: _logical,
    Member: _member,
    Name: _name,
    Regex: _regex,
    Unary: _unary,
}


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


_SNAPSHOT: Final[Mapping[Value, Callable[..., Value]]] = {
    "val": Snapshot.val,
    "child": lambda snapshot, path: snapshot.child(_text(path, "child")),
    "parent": Snapshot.parent,
    "hasChild": lambda snapshot, path: snapshot.has_child(_text(path, "hasChild")),
    "hasChildren": _has_children,
    "exists": Snapshot.exists,
    "getPriority": Snapshot.get_priority,
    "isString": Snapshot.is_string,
    "isNumber": Snapshot.is_number,
    "isBoolean": Snapshot.is_boolean,
}

_STRING: Final[Mapping[Value, Callable[..., Value]]] = {
    "contains": lambda text, part: _text(part, "contains") in text,
    "beginsWith": lambda text, part: text.startswith(_text(part, "beginsWith")),
    "endsWith": lambda text, part: text.endswith(_text(part, "endsWith")),
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
}

# What takes more time or room than the request had: these are told what is left.
_COSTLY: Final[Mapping[Value, Callable[..., Value]]] = {"matches": _matches, "replace": _replace}
