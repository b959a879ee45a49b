"""Expressions as text and expressions at random, for the tests that go round."""

import json

from hypothesis import strategies as st

from imbari_chat.rules.patterns import compile_pattern
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

__all__ = ["EXPRESSIONS", "unparse"]

_LEVELS = (("||",), ("&&",), ("==", "!=", "===", "!=="), ("<", "<=", ">", ">="), ("+", "-"), "*/%")
_CONDITIONAL, _UNARY, _POSTFIX = -1, len(_LEVELS), len(_LEVELS) + 1


def unparse(node: Expression) -> str:
    """Text that reads as ``node``, with no more parentheses than it needs."""
    match node:
        case Literal(value=value):
            return json.dumps(value)
        case Regex(source=source, ignore_case=ignore_case):
            return f"/{source}/{'i' * ignore_case}"
        case Name(name=name):
            return name
        case Array(items=items):
            return f"[{', '.join(map(unparse, items))}]"
        case Member(target=target, key=key):
            return f"{_within(target, _POSTFIX)}.{key}"
        case Index(target=target, key=key):
            return f"{_within(target, _POSTFIX)}[{unparse(key)}]"
        case Call(target=target, arguments=arguments):
            return f"{_within(target, _POSTFIX)}({', '.join(map(unparse, arguments))})"
        case Unary(operator=operator, operand=operand):
            return f"{operator}{_within(operand, _UNARY)}"
        case Chain(first=first, rest=rest):
            inside = _level(node) + 1
            terms = (f" {term.operator} {_within(term.operand, inside)}" for term in rest)
            return _within(first, inside) + "".join(terms)
        case Logical(operator=operator, operands=operands):
            return f" {operator} ".join(_within(part, _level(node) + 1) for part in operands)
        case Conditional(test=test, then=then, otherwise=otherwise):
            return f"{_within(test, 0)} ? {unparse(then)} : {unparse(otherwise)}"


def _within(node: Expression, level: int) -> str:
    return unparse(node) if _level(node) >= level else f"({unparse(node)})"


def _level(node: Expression) -> int:
    match node:
        case Conditional():
            return _CONDITIONAL
        case Logical(operator=operator) | Chain(rest=(Term(operator=operator), *_)):
            return next(number for number, group in enumerate(_LEVELS) if operator in group)
        case Unary():
            return _UNARY
        case _:
            return _POSTFIX


def _chains(nodes: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def of_level(operators: tuple[str, ...]) -> st.SearchStrategy[Expression]:
        terms = st.lists(st.builds(Term, st.sampled_from(operators), nodes), min_size=1, max_size=3)
        return st.builds(lambda first, rest: Chain(0, 0, first, tuple(rest)), nodes, terms)

    return st.one_of([of_level(tuple(group)) for group in _LEVELS[2:]])


def _compound(nodes: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(nodes, max_size=3).map(tuple)
    names = st.sampled_from(["val", "child", "length", "in", "true"])
    return st.one_of(
        st.builds(lambda items: Array(0, 0, items), several),
        st.builds(lambda target, key: Member(0, 0, target, key, 0), nodes, names),
        st.builds(lambda target, key: Index(0, 0, target, key), nodes, nodes),
        st.builds(lambda target, arguments: Call(0, 0, target, arguments), nodes, several),
        st.builds(
            lambda operator, operand: Unary(0, 0, operator, operand), st.sampled_from("!-"), nodes
        ),
        _chains(nodes),
        st.builds(
            lambda operator, operands: Logical(0, 0, operator, operands),
            st.sampled_from(["&&", "||"]),
            st.lists(nodes, min_size=2, max_size=3).map(tuple),
        ),
        st.builds(lambda *parts: Conditional(0, 0, *parts), nodes, nodes, nodes),
    )


_LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.builds(
        lambda value: Literal(0, 0, value),
        st.one_of(
            st.none(),
            st.booleans(),
            st.text(max_size=5),
            st.integers(0, 2**63 - 1),
            st.floats(0, 1e300, allow_nan=False).filter(lambda value: not value.is_integer()),
        ),
    ),
    st.builds(
        lambda name: Name(0, 0, name), st.sampled_from(["auth", "data", "now", "$room", "nope"])
    ),
    st.builds(
        lambda source, ignore_case: Regex(0, 0, source, ignore_case, compile_pattern(source)),
        st.sampled_from(["a", "^[/]$", r"\/+", "(a|b){2}"]),
        st.booleans(),
    ),
)

EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(_LEAVES, _compound, max_leaves=12)
