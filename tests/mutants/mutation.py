"""Small changes to a set of rules: each condition dropped, turned round, loosened or tightened.

The changes are made to expressions that were read, not to text, so each is one condition of one
rule and none is a mistake of syntax. What they are called is stable as long as the rule reads the
same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from imbari_chat.rules.patterns import compile_pattern
from imbari_chat.rules.source import Fragment, parse_source
from imbari_chat.rules.structure import Rule, RulesNode, checked_expression, declare
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
from tests.rules.unparse import unparse

__all__ = ["Mutant", "RuleId", "identity", "mutants", "parsed"]

RuleId: TypeAlias = tuple[str, tuple[str, ...]]
"""A rule's kind and where it stands."""

_Change: TypeAlias = tuple[str, Expression]
_Changes: TypeAlias = Callable[[Expression], Iterator[_Change]]

_MOVED: Final[Mapping[str, str]] = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_COUNT: Final = re.compile(r"\{(\d+)(?:,(\d+))?\}")
_CLASS: Final = re.compile(r"\[([^\]]*)\]")
_MEMBERS: Final = re.compile(r".-[^\]]|.")
_NOWHERE: Final = Fragment("true", (), "")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed rule.

    Attributes:
        rule: Which.
        change: What is different, in words.
        tree: All rules, this one changed.
    """

    rule: RuleId
    change: str
    tree: RulesNode

    @property
    def place(self) -> str:
        kind, location = self.rule
        return f"/{'/'.join(location)} {kind}"


def parsed(text: str) -> RulesNode:
    """A rules file as a tree of rules."""
    return declare(parse_source(text, checked_expression), text)


def identity(rule: Rule) -> RuleId:
    """What a rule is known by, changed or not."""
    return rule.kind, rule.location


def mutants(tree: RulesNode) -> Iterator[Mutant]:
    """Every change of every rule, and everybody let in wherever no rule lets anybody in."""
    yield from _grants(tree)
    for rule in tree.all_rules():
        for change, expression in _condition(rule.expression):
            changed = _replaced(tree, rule.location, replace(rule, expression=expression))
            yield Mutant(identity(rule), change, changed)


def _grants(tree: RulesNode) -> Iterator[Mutant]:
    public: list[tuple[str, ...]] = []
    for location, node in _places(tree, ()):
        if node.read is not None and node.read.expression == Literal(0, 0, True):
            public.append(location)
        for kind, rule in ((".read", node.read), (".write", node.write)):
            known = kind == ".read" and any(location[: len(top)] == top for top in public)
            if rule is None and not known:
                everybody = Rule(kind, location, _NOWHERE, Literal(0, 0, True))
                changed = _replaced(tree, location, everybody)
                yield Mutant(identity(everybody), "everybody is let in", changed)


def _places(
    node: RulesNode, location: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], RulesNode]]:
    yield location, node
    for key, below in node.literals.items():
        yield from _places(below, (*location, key))
    if node.capture is not None:
        yield from _places(node.capture.node, (*location, node.capture.name))


def _replaced(node: RulesNode, location: tuple[str, ...], rule: Rule) -> RulesNode:
    if not location:
        match rule.kind:
            case ".read":
                return replace(node, read=rule)
            case ".write":
                return replace(node, write=rule)
            case _:
                return replace(node, validate=rule)
    key, *rest = location
    if node.capture is not None and key == node.capture.name:
        below = _replaced(node.capture.node, tuple(rest), rule)
        return replace(node, capture=replace(node.capture, node=below))
    below = _replaced(node.literals[key], tuple(rest), rule)
    return replace(node, literals={**node.literals, key: below})


def _condition(node: Expression) -> Iterator[_Change]:
    """Changes of something that is true or false."""
    text = unparse(node)
    for value in (True, False):
        if not (isinstance(node, Literal) and node.value is value):
            yield f"{text} is {str(value).lower()}", Literal(0, 0, value)
    if isinstance(node, Literal):
        return
    yield f"not {text}", Unary(0, 0, "!", node)
    match node:
        case Logical(operator=operator, operands=operands):
            other = "||" if operator == "&&" else "&&"
            yield f"{other} in {text}", replace(node, operator=other)
            for place, operand in enumerate(operands):
                for change, changed in _condition(operand):
                    yield change, replace(node, operands=_with(operands, place, changed))
        case Unary(operand=operand):
            for change, changed in _condition(operand):
                yield change, replace(node, operand=changed)
        case Conditional():
            yield from _branches(node, _condition)
        case _:
            yield from _value(node)


def _value(node: Expression) -> Iterator[_Change]:
    """Changes of something that is compared, or looked into."""
    match node:
        case Literal(value=bool() | None) | Name():
            return
        case Literal(value=int() | float() as number):
            for moved in (number - 1, number + 1):
                yield f"{number} is {moved}", Literal(0, 0, moved)
        case Literal(value=str() as text):
            yield f"'{text}' is '{text}?'", Literal(0, 0, f"{text}?")
        case Regex():
            yield from _pattern(node)
        case Array(items=items):
            for place, item in enumerate(items):
                left = items[:place] + items[place + 1 :]
                yield f"{unparse(item)} left out of {unparse(node)}", replace(node, items=left)
        case Member(target=target):
            for change, changed in _value(target):
                yield change, replace(node, target=changed)
        case Index(target=target):
            for change, changed in _value(target):
                yield change, replace(node, target=changed)
        case Call(target=target, arguments=arguments):
            for change, changed in _value(target):
                yield f"{change} in {unparse(node)}", replace(node, target=changed)
            for place, argument in enumerate(arguments):
                for change, changed in _value(argument):
                    yield (
                        f"{change} in {unparse(node)}",
                        replace(node, arguments=_with(arguments, place, changed)),
                    )
        case Unary(operand=operand):
            for change, changed in _value(operand):
                yield change, replace(node, operand=changed)
        case Conditional():
            yield from _branches(node, _value)
        case Chain():
            yield from _chain(node)
        case Logical():
            yield from _condition(node)


def _branches(node: Conditional, below: _Changes) -> Iterator[_Change]:
    for change, changed in _condition(node.test):
        yield change, replace(node, test=changed)
    for change, changed in below(node.then):
        yield change, replace(node, then=changed)
    for change, changed in below(node.otherwise):
        yield change, replace(node, otherwise=changed)


def _chain(node: Chain) -> Iterator[_Change]:
    text = unparse(node)
    for change, changed in _value(node.first):
        yield f"{change} in {text}", replace(node, first=changed)
    for place, term in enumerate(node.rest):
        if term.operator in _MOVED:
            moved = Term(_MOVED[term.operator], term.operand)
            yield f"{moved.operator} in {text}", replace(node, rest=_with(node.rest, place, moved))
        for change, changed in _value(term.operand):
            other = Term(term.operator, changed)
            yield f"{change} in {text}", replace(node, rest=_with(node.rest, place, other))


def _pattern(node: Regex) -> Iterator[_Change]:
    for source in dict.fromkeys(_sources(node.source)):
        changed = replace(node, source=source, pattern=compile_pattern(source))
        yield f"/{node.source}/ is /{source}/", changed


def _sources(source: str) -> Iterator[str]:
    if source.startswith("^"):
        yield source[1:]
    if source.endswith("$"):
        yield source[:-1]
    for found in _COUNT.finditer(source):
        low = int(found[1])
        high = int(found[2] or low)
        for count in (
            (low - 1, high),
            (low + 1, max(high, low + 1)),
            (low, high + 1),
            (low, high - 1),
        ):
            if 0 <= count[0] <= count[1]:
                yield f"{source[: found.start()]}{{{count[0]},{count[1]}}}{source[found.end() :]}"
    for found in _CLASS.finditer(source):
        members = _MEMBERS.findall(found[1])
        for kept in ([*members, "!"], *([m for m in members if m != out] for out in members)):
            if not kept:
                continue
            yield f"{source[: found.start()]}[{''.join(kept)}]{source[found.end() :]}"


def _with(items: Iterable, place: int, item: object) -> tuple:  # type: ignore[type-arg]  # as its callers'
    changed = list(items)
    changed[place] = item
    return tuple(changed)
