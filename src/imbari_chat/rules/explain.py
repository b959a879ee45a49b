"""Why a request was decided as it was, in words a person writing rules can use."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from imbari_chat.rules.cascade import ReadRequest, WriteRequest, judge
from imbari_chat.rules.structure import Rule, RulesNode
from imbari_chat.rules.syntax import (
    Array,
    Call,
    Conditional,
    Expression,
    Index,
    Literal,
    Logical,
    Member,
    Name,
    Unary,
    children,
)
from imbari_chat.rules.values import EvaluationError, ObjectMarker, Scope, Steps, Value
from imbari_chat.wire.json import dumps
from imbari_chat.wire.paths import Path

__all__ = ["explain"]

_LONGEST_RULE = 200
_LONGEST_VALUE = 80
_MOST_RULES = 50
"""Told at most, the last of them: one of those has decided."""
_MOST_PATHS = 20


def explain(rules: RulesNode, request: ReadRequest | WriteRequest) -> str:
    """The verdict, then each rule that was asked, what it came to and what it looked at."""
    kind, paths = _subject(request)
    known = len(paths[0]) if len(paths) == 1 else 0
    asked: deque[tuple[Rule, Scope]] = deque(maxlen=_MOST_RULES)
    count = 0

    def noting(rule: Rule, variables: Scope) -> bool:
        nonlocal count
        count += 1
        asked.append((rule, variables))
        return judge(rule, variables)

    allowed = request.decide(rules, noting)
    subject = ", ".join(str(path) for path in paths[:_MOST_PATHS])
    if len(paths) > _MOST_PATHS:
        subject += f" and {len(paths) - _MOST_PATHS} more"
    lines = [f"{'allowed' if allowed else 'denied'}: {kind[1:]} {subject}"]
    if untold := count - len(asked):
        lines.append(f"  {untold} rule{'' if untold == 1 else 's'} before these")
    steps = Steps()  # those of the request are spent, and what they were spent on is to be seen
    for rule, variables in asked:
        lines.extend(_examine(rule, Scope(variables, steps), known).lines())
    silent = (path for path in paths if not rules.says_something_of(path, kind))
    lines.extend(
        f"  no {kind} rule stands on the way to {path}" for path in islice(silent, _MOST_PATHS)
    )
    return "\n".join(lines)


def _subject(request: ReadRequest | WriteRequest) -> tuple[str, Sequence[Path]]:
    if isinstance(request, ReadRequest):
        return ".read", [request.path]
    return ".write", request.paths


@dataclass(frozen=True, slots=True)
class _Finding:
    """A rule that was asked.

    Attributes:
        outcome: Its result, or the error it failed with, as told.
        parts: Of a compound rule that is not true, the parts that made it so, and their outcomes.
        seen: What was looked up there, and the values found.
    """

    rule: Rule
    granted: bool
    outcome: str
    parts: dict[str, str]
    seen: dict[str, str]

    def lines(self) -> Iterator[str]:
        rule = self.rule
        text = _cut(" ".join(rule.text.split()), _LONGEST_RULE)
        yield f"  /{'/'.join(rule.location)}  {rule.kind}  {text}  => {self.outcome}"
        for part, outcome in self.parts.items():
            yield f"    {part}  => {outcome}"
        if self.seen:
            yield "  " + ", ".join(f"{name} = {value}" for name, value in self.seen.items())


def _examine(rule: Rule, variables: Scope, known: int) -> _Finding:
    """Run a rule and note what it looked at.

    Args:
        known: How many levels of the rule's place the request's path already tells.
    """
    error = ""
    try:
        granted = rule.run_noting(variables) is True
    except EvaluationError as failure:
        granted = False
        error = f"error: {failure}"
    values = {
        name: result for name, result in variables.notes if not isinstance(result, EvaluationError)
    }
    deciding = [rule.expression] if granted else list(_deciding(rule.expression, values))
    parts = {
        _excerpt(rule, node): _shown(values[id(node)]) if id(node) in values else "error"
        for node in deciding
        if node is not rule.expression
    }
    seen: dict[str, str] = {}
    for part in deciding:
        for node in _worth_telling(part, values):
            seen.setdefault(_excerpt(rule, node), _shown(values[id(node)]))
    for name in rule.location[known:]:
        if name.startswith("$"):
            seen.setdefault(name, _shown(variables[name]))
    return _Finding(rule, granted, error or _shown(granted), parts, seen)


def _deciding(node: Expression, values: dict[int, Value]) -> Iterator[Expression]:
    """The parts of a compound expression that made it what it is, or made it fail."""
    match node:
        case Logical(operator=operator, operands=operands):
            run = [operand for operand in operands if id(operand) in values]
            if id(node) not in values:
                yield from _deciding(operands[len(run)], values)
            elif values[id(node)] is (operator == "||"):
                yield from _deciding(run[-1], values)
            else:
                for operand in run:
                    yield from _deciding(operand, values)
        case Unary(operator="!", operand=Logical() | Conditional() as operand):
            yield from _deciding(operand, values)
        case Conditional(test=test, then=then, otherwise=otherwise):
            branch = then if values.get(id(test)) is True else otherwise
            if id(test) not in values or isinstance(branch, Literal):
                yield from _deciding(test, values)
            else:
                yield from _deciding(branch, values)
        case _:
            yield node


def _worth_telling(node: Expression, values: dict[int, Value]) -> Iterator[Expression]:
    """The nodes whose values explain the result: what was looked up, not what was computed."""
    if id(node) in values and isinstance(node, Call | Member | Index | Name):
        if _is_plain(values[id(node)]):
            yield node
        yield from _within(node, values)
        return
    for child in children(node):
        yield from _worth_telling(child, values)


def _within(node: Expression, values: dict[int, Value]) -> Iterator[Expression]:
    """Inside something looked up: the string a method was called on, and what it was given."""
    match node:
        case Call(target=Member(target=receiver) | Index(target=receiver), arguments=arguments):
            yield from _worth_telling(receiver, values)
            for argument in arguments:
                yield from _worth_telling(argument, values)
        case Member(target=target, key="length"):
            yield from _worth_telling(target, values)
        case Member(target=target):
            yield from _within(target, values)
        case Index(target=target, key=key):
            yield from _within(target, values)
            yield from _worth_telling(key, values)
        case Literal() | Name() | Array():
            return
        case _:
            yield from _worth_telling(node, values)


def _is_plain(value: Value) -> bool:
    return value is None or isinstance(value, str | int | float | ObjectMarker)


def _excerpt(rule: Rule, node: Expression) -> str:
    return " ".join(rule.text[node.start : node.end].split())


def _shown(value: Value) -> str:
    if isinstance(value, ObjectMarker):
        return repr(value)
    assert value is None or isinstance(value, str | int | float)
    if isinstance(value, float):
        return str(value)  # as JSON has it, which has no infinite ones
    if isinstance(value, str):
        value = value[:_LONGEST_VALUE]  # what is cut away need not be written first
    return _cut(dumps(value), _LONGEST_VALUE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
