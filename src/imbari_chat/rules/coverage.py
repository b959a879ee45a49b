"""What the rules came to, counted: which conditions were run, and with which results.

Counting is done by whoever asks for it; a decision without a :class:`Coverage` counts nothing.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from imbari_chat.rules.cascade import ReadRequest, WriteRequest
from imbari_chat.rules.evaluate import Run, compiled, noting
from imbari_chat.rules.structure import Rule, RulesNode
from imbari_chat.rules.syntax import Call, Expression, Literal, Member, Name, Regex, children
from imbari_chat.rules.values import EvaluationError, Result, Scope, Snapshot
from imbari_chat.wire.json import Json

__all__ = ["Coverage", "Outcome", "Tally", "counted_children", "place_in"]

_VALUES_KEPT = 10
_LONGEST_TEXT = 80

Outcome: TypeAlias = tuple[str, str | int | float | bool | None]
"""A kind (``boolean``, ``number``, ``string``, ``null``, ``error``; ``snapshot`` and ``object``
without a value; ``more`` for whatever came after the first few) and the value or message."""

_MORE: Final[Outcome] = ("more", None)
_NUMERIC: Final = (int, float)
_NULL: Final[Outcome] = ("null", None)


@dataclass(slots=True)
class Tally:
    """How often one expression was run, and what it came to.

    Attributes:
        true: Times it was true.
        false: Times it was false.
        others: Other outcomes and their times; only the first few different ones by themselves.
    """

    true: int = 0
    false: int = 0
    others: dict[Outcome, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Times it was run."""
        return self.true + self.false + sum(self.others.values())

    @property
    def errors(self) -> int:
        """Times it failed, as far as the outcomes are told apart."""
        return sum(times for (kind, _), times in self.others.items() if kind == "error")

    def outcomes(self) -> Iterator[tuple[Outcome, int]]:
        """Every outcome there was, and how often."""
        for value, times in ((True, self.true), (False, self.false)):
            if times:
                yield ("boolean", value), times
        yield from self.others.items()

    def add(self, result: Result, times: int) -> None:
        """Count what is no boolean: another value, or that it failed."""
        self._count(_outcome(result), times)

    def merge(self, other: "Tally") -> None:
        """Count in what ``other`` has counted."""
        self.true += other.true
        self.false += other.false
        for outcome, times in other.others.items():
            self._count(outcome, times)

    def _count(self, outcome: Outcome, times: int) -> None:
        others = self.others
        known = others.get(outcome)
        if known is None and len(others) >= _VALUES_KEPT:
            outcome = _MORE
            known = others.get(outcome)
        others[outcome] = times if known is None else known + times


class Coverage:
    """Counts what one set of rules came to.

    Attributes:
        text: The rules as they were given.
        rules: All of them, in the order of the text.
    """

    def __init__(self, text: str, tree: RulesNode) -> None:
        self.text: Final = text
        self.rules: Final = sorted(tree.all_rules(), key=lambda rule: rule.fragment.offsets[0])
        # Nodes compare by meaning, and the same condition may stand at two places.
        self._counted = {id(node) for rule in self.rules for node in _counted(rule.expression)}
        self._tallies: defaultdict[int, Tally] = defaultdict(Tally)
        # By rule, for all counts.
        self._runs = {id(rule): compiled(rule.expression, self._noting) for rule in self.rules}

    def anew(self) -> "Coverage":
        """Another count of the same rules, which has counted nothing yet and weighs as little."""
        new = copy(self)
        new._tallies = defaultdict(Tally)  # noqa: SLF001  # its own class
        return new

    def add(self, other: "Coverage") -> None:
        """Count in what ``other``, of the same rules, has counted."""
        for node, tally in other._tallies.items():  # noqa: SLF001  # its own class
            self._tallies[node].merge(tally)

    def decide(self, request: ReadRequest | WriteRequest, rules: RulesNode) -> bool:
        """Have these rules decide a request, counted.

        Several paths of a write ask the rules above them again and again, which come to the same
        and are not run again, but counted as if they were. What takes steps is run, as it may come
        to where there are none left.
        """
        runs: list[_Ran] = []
        known: dict[tuple[int, int], _Ran] = {}

        def judge(rule: Rule, variables: Scope) -> bool:
            ran = known.get((id(rule), id(variables)))
            if ran is not None:
                ran.times += 1
                return ran.granted
            left = variables.steps.left
            ran = self._run(rule, variables)
            if rule.kind != ".write":
                self._count(ran)
                return ran.granted
            runs.append(ran)
            if variables.steps.left == left:
                known[id(rule), id(variables)] = ran
            return ran.granted

        allowed = request.decide(rules, judge)
        for ran in runs:
            self._count(ran)
        return allowed

    def _run(self, rule: Rule, variables: Scope) -> "_Ran":
        notes = variables.notes = []
        try:
            granted = self._runs[id(rule)](variables) is True
        except EvaluationError:
            granted = False
        return _Ran(variables, granted, notes)

    def _noting(self, node: Expression) -> Callable[[Run], Run] | None:
        """Notes what a part comes to that counts."""
        return noting(node) if id(node) in self._counted else None

    def _count(self, ran: "_Ran") -> None:
        tallies, times = self._tallies, ran.times
        for name, result in ran.notes:
            if result is True:
                tallies[name].true += times
            elif result is False:
                tallies[name].false += times
            else:
                tallies[name].add(result, times)

    def tally(self, node: Expression) -> Tally:
        """The count of an expression of these rules."""
        return self._tallies[id(node)]

    def to_json(self) -> Json:
        """The whole report as JSON.

        [unsure] in its form: the service documents only that it tells, for every expression and
        every part of one, how often it was run and what it came to. Here::

            {"rules": TEXT,
             "coverage": [{"path": "/rooms/$room", "rule": ".read", ...EXPRESSION}]}

            EXPRESSION = {"text", "line", "column", "endLine", "endColumn", "count",
                          "values": [{"type", "value", "count"}], "children": [EXPRESSION]}
        """
        return {
            "rules": self.text,
            "coverage": [
                {
                    "path": f"/{'/'.join(rule.location)}",
                    "rule": rule.kind,
                    **self._expression(rule, rule.expression),
                }
                for rule in self.rules
            ],
        }

    def _expression(self, rule: Rule, node: Expression) -> dict[str, Json]:
        tally = self.tally(node)
        start, end = place_in(rule, node)
        line, column = _position(self.text, start)
        end_line, end_column = _position(self.text, end)
        return {
            "text": self.text[start:end],
            "line": line,
            "column": column,
            "endLine": end_line,
            "endColumn": end_column,
            "count": tally.count,
            "values": [
                {"type": kind, **_value(kind, value), "count": times}
                for (kind, value), times in tally.outcomes()
            ],
            "children": [self._expression(rule, child) for child in counted_children(node)],
        }


@dataclass(slots=True)
class _Ran:
    """A rule that was run.

    Attributes:
        variables: What it saw.
        granted: Whether it was true.
        notes: What its parts came to.
        times: How often it was asked.
    """

    variables: Scope
    granted: bool
    notes: list[tuple[int, Result]]
    times: int = 1


def _counted(node: Expression) -> Iterator[Expression]:
    """``node``, and everything within it that counts."""
    yield node
    for child in counted_children(node):
        yield from _counted(child)


def counted_children(node: Expression) -> Iterator[Expression]:
    """The parts of an expression whose values tell something: no literals but ``true`` and
    ``false``, no bare variables, and of a snapshot only what it is asked for in the end."""
    for child in children(node):
        match child:
            case Regex() | Name(name="auth" | "data" | "newData" | "query" | "root"):
                continue
            case Literal(value=value) if not isinstance(value, bool):
                continue
            case Call(target=Member(key="child" | "parent")):
                yield from counted_children(child)
            case Member() if isinstance(node, Call) and child is node.target:
                yield from counted_children(child)  # the method itself
            case _:
                yield child


def place_in(rule: Rule, node: Expression) -> tuple[int, int]:
    """Where a part of a rule starts in the file, and where it ends."""
    offsets = rule.fragment.offsets
    return offsets[node.start], offsets[node.end]


def _position(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _outcome(value: Result) -> Outcome:
    if value is None:
        return _NULL
    if isinstance(value, EvaluationError):
        return "error", str(value)
    if isinstance(value, str):
        shown = value if len(value) <= _LONGEST_TEXT else f"{value[: _LONGEST_TEXT - 3]}..."
        return "string", shown
    if isinstance(value, _NUMERIC):
        return "number", value if math.isfinite(value) else str(value)
    return ("snapshot" if isinstance(value, Snapshot) else "object"), None


def _value(kind: str, value: str | int | float | bool | None) -> dict[str, Json]:
    match kind:
        case "snapshot" | "object" | "more":
            return {}
        case "error":
            return {"message": value}
    return {"value": value}
