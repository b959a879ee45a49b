"""What an expression is once read: the nodes of its tree.

Nodes are frozen and compare by meaning; where they were written (``start`` and ``end``, offsets
into the expression) is carried along but does not count. Left-associative operators of one level
are one node with many operands, so a rule that lists five hundred names is wide, not deep.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from imbari_chat.rules.patterns import Pattern

__all__ = [
    "Array",
    "Call",
    "Chain",
    "Conditional",
    "Expression",
    "Index",
    "Literal",
    "Logical",
    "Member",
    "Name",
    "Regex",
    "Term",
    "Unary",
    "children",
    "height",
]


@dataclass(frozen=True, slots=True)
class _Spanned:
    start: int = field(compare=False, repr=False)
    end: int = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal(_Spanned):
    """A string, number, boolean or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Regex(_Spanned):
    """``/source/`` or ``/source/i``."""

    source: str
    ignore_case: bool
    pattern: Pattern = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(_Spanned):
    """A variable, ``auth`` or ``$room``."""

    name: str


@dataclass(frozen=True, slots=True)
class Array(_Spanned):
    """``[a, b]``, the argument of ``hasChildren``."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Member(_Spanned):
    """``target.key``."""

    target: "Expression"
    key: str
    key_start: int = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index(_Spanned):
    """``target[key]``."""

    target: "Expression"
    key: "Expression"


@dataclass(frozen=True, slots=True)
class Call(_Spanned):
    """``target(arguments)``."""

    target: "Expression"
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Unary(_Spanned):
    """``!operand`` or ``-operand``."""

    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Term:
    """One further operand of a chain, and the operator before it."""

    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Chain(_Spanned):
    """Operands joined by operators of one level, taken from the left: ``a - b + c``."""

    first: "Expression"
    rest: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Logical(_Spanned):
    """Two or more operands joined by ``&&``, or by ``||``; evaluation stops at the deciding one."""

    operator: str
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Conditional(_Spanned):
    """``test ? then : otherwise``."""

    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


Expression: TypeAlias = (
    Literal | Regex | Name | Array | Member | Index | Call | Unary | Chain | Logical | Conditional
)


def children(node: Expression) -> Iterator[Expression]:
    """The nodes directly below, in the order they are written."""
    match node:
        case Literal() | Regex() | Name():
            return
        case Array(items=parts) | Logical(operands=parts):
            yield from parts
        case Member(target=target):
            yield target
        case Index(target=target, key=key):
            yield target
            yield key
        case Call(target=target, arguments=arguments):
            yield target
            yield from arguments
        case Unary(operand=operand):
            yield operand
        case Chain(first=first, rest=rest):
            yield first
            for term in rest:
                yield term.operand
        case Conditional(test=test, then=then, otherwise=otherwise):
            yield test
            yield then
            yield otherwise


def height(node: Expression) -> int:
    """How many nodes the longest way down passes."""
    highest = 0
    pending = [(node, 1)]
    while pending:
        current, depth = pending.pop()
        highest = max(highest, depth)
        pending.extend((child, depth + 1) for child in children(current))
    return highest
