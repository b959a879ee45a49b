"""The static check every expression passes before its file is accepted.

Messages are the service's own, word for word; programs compare them.
"""

from collections.abc import Collection

from imbari_chat.errors import RulesError
from imbari_chat.rules.source import Fragment
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
from imbari_chat.rules.types import (
    CLAIM,
    PRIMITIVE,
    VARIABLES,
    Method,
    Parameters,
    Type,
    either,
    has_members,
    member,
)

__all__ = ["check_rule"]

_ARITHMETIC = frozenset("-*/%")
_ORDERING = frozenset({"<", "<=", ">", ">="})


def check_rule(
    expression: Expression, fragment: Fragment, *, kind: str, captures: Collection[str]
) -> None:
    """See that an expression can stand as a rule.

    Args:
        fragment: The text it was read from, to place mistakes in.
        kind: ``.read``, ``.write`` or ``.validate``.
        captures: The ``$names`` in scope.

    Raises:
        RulesError: It cannot; the first reason in evaluation order.
    """
    checker = _Checker(fragment, kind, captures)
    if checker.type_of(expression) != Type.BOOLEAN:
        raise fragment.mistake(expression.start, "Expression must evaluate to a boolean.")


class _Checker:
    def __init__(self, fragment: Fragment, kind: str, captures: Collection[str]) -> None:
        self.fragment = fragment
        self.kind = kind
        self.captures = captures

    def mistake(self, node: Expression, message: str) -> RulesError:
        return self.fragment.mistake(node.start, message)

    def type_of(self, node: Expression) -> Type:
        """The kinds of values ``node`` can have."""
        match node:
            case Literal(value=value):
                return _type_of_literal(value)
            case Name():
                return self.variable(node)
            case Member() | Index():
                found = self.member(node)
                return Type.METHOD if isinstance(found, Method) else found
            case Call():
                return self.call(node)
            case Chain():
                return self.chain(node)
            case Logical():
                return self.logical(node)
            case Unary():
                return self.unary(node)
            case Conditional():
                return self.conditional(node)
            case Regex():
                return Type.REGEX
            case Array():
                raise self.mistake(node, "Unexpected array literal.")

    def variable(self, node: Name) -> Type:
        if node.name in self.captures:
            return Type.STRING
        if node.name not in VARIABLES:
            raise self.mistake(node, f"Unknown variable '{node.name}'.")
        if node.name == "newData" and self.kind == ".read":
            raise self.mistake(node, "newData is invalid in .read expressions.")
        return VARIABLES[node.name]

    def member(self, node: Member | Index) -> Type | Method:
        target = self.type_of(node.target)
        if isinstance(node, Index):
            at = node.key.start
            name = self.index_name(node, target)
            if name is None:
                return CLAIM
        else:
            at = node.key_start
            name = node.key
        found = member(target, name)
        if found is None:
            if has_members(target):
                message = f"No such method/property '{name}'."
            else:
                message = "Invalid property access: target is not an object."
            raise self.fragment.mistake(at, message)
        return found

    def index_name(self, node: Index, target: Type) -> str | None:
        """The member ``[]`` names, or None when it is known only at run time.

        Anything but a literal name is refused, except on ``auth`` and below. [unsure] what may
        stand there besides a literal and a ``$name``; here, nothing.
        """
        if isinstance(node.key, Literal) and isinstance(node.key.value, str):
            return node.key.value
        key = self.type_of(node.key)
        is_position = isinstance(node.key, Literal) and key == Type.NUMBER
        is_capture = isinstance(node.key, Name) and node.key.name in self.captures
        if Type.CLAIMS not in target or not (is_position or is_capture):
            raise self.mistake(node.key, "Invalid property access.")
        return None

    def call(self, node: Call) -> Type:
        target = node.target
        if not isinstance(target, Member | Index):
            self.type_of(target)
            raise self.not_a_function(node)
        method = self.member(target)
        if not isinstance(method, Method):
            raise self.not_a_function(node)
        if isinstance(target, Member):
            name = target.key
        else:
            assert isinstance(target.key, Literal)
            name = str(target.key.value)
        self.arguments(node, name, method.parameters)
        return method.result

    def not_a_function(self, node: Call) -> RulesError:
        message = "Type error: Function call on target that is not a function."
        return self.mistake(node, message)

    def arguments(self, node: Call, name: str, parameters: Parameters) -> None:
        arguments = node.arguments
        match parameters:
            case Parameters.NOTHING:
                if arguments:
                    raise self.mistake(node, f"{name}() expects no arguments.")
            case Parameters.STRING:
                if len(arguments) != 1:
                    raise self.mistake(node, f"{name}() expects 1 argument.")
                if Type.STRING not in self.type_of(arguments[0]):
                    raise self.mistake(arguments[0], f"{name}() expects a string argument.")
            case Parameters.TWO_STRINGS:
                if len(arguments) != 2:
                    raise self.mistake(node, f"{name}() expects two arguments.")
                for number, argument in enumerate(arguments, 1):
                    if Type.STRING not in self.type_of(argument):
                        message = f"Argument {number} of {name}() must be a string."
                        raise self.mistake(argument, message)
            case Parameters.REGEX:
                self.regex_argument(node, name)
            case Parameters.NAMES:
                self.names_argument(node, name)

    def regex_argument(self, node: Call, name: str) -> None:
        if len(node.arguments) != 1:
            message = f"{name}() expects 1 regular expression literal argument."
            raise self.mistake(node, message)
        self.type_of(node.arguments[0])
        if not isinstance(node.arguments[0], Regex):
            message = f"{name}() expects a regular expression literal argument."
            raise self.mistake(node.arguments[0], message)

    def names_argument(self, node: Call, name: str) -> None:
        if not node.arguments:
            return
        if len(node.arguments) > 1:
            message = (
                f"{name}() expects only a single argument (containing an array of child names)."
            )
            raise self.mistake(node, message)
        names = node.arguments[0]
        if not isinstance(names, Array):
            self.type_of(names)
            raise self.mistake(names, f"{name}() expects an array of child names.")
        for item in names.items:
            if Type.STRING not in self.type_of(item):
                raise self.mistake(item, f"{name}() expects an array of strings.")

    def logical(self, node: Logical) -> Type:
        for number, operand in enumerate(node.operands):
            if self.type_of(operand) != Type.BOOLEAN:
                side = "Right" if number else "Left"
                message = f"{side} operand of {node.operator} must be boolean."
                raise self.mistake(operand, message)
        return Type.BOOLEAN

    def unary(self, node: Unary) -> Type:
        operand = self.type_of(node.operand)
        if node.operator == "!":
            if operand != Type.BOOLEAN:
                raise self.mistake(node, "! only operates on booleans.")
            return Type.BOOLEAN
        if Type.NUMBER not in operand:
            raise self.mistake(node, "- only operates on numbers.")
        return Type.NUMBER

    def conditional(self, node: Conditional) -> Type:
        if self.type_of(node.test) != Type.BOOLEAN:
            raise self.mistake(node.test, "condition of ? must be boolean.")
        return either(self.type_of(node.then), self.type_of(node.otherwise))

    def chain(self, node: Chain) -> Type:
        left_type = self.type_of(node.first)
        for term in node.rest:
            left_type = self.link(node, left_type, term)
        return left_type

    def link(self, node: Chain, left: Type, term: Term) -> Type:
        operator = term.operator
        right = self.type_of(term.operand)
        if operator == "+":
            wanted, complaint = Type.NUMBER | Type.STRING, "is not a number or string."
            result = _sum(left, right)
        elif operator in _ARITHMETIC:
            wanted, complaint = Type.NUMBER, "is not a number."
            result = Type.NUMBER
        elif operator in _ORDERING:
            wanted, complaint = Type.NUMBER | Type.STRING, "must be a number or string."
            result = Type.BOOLEAN
        else:
            operator = operator[:2]
            if Type.ORDERING in (left, right):
                self.compare_ordering(node, operator, left, right, term)
                return Type.BOOLEAN
            wanted, complaint = PRIMITIVE, "is not a number, boolean, string, or null."
            result = Type.BOOLEAN
        for side, type_, at in (("left", left, node.start), ("right", right, term.operand.start)):
            if type_ & wanted:
                continue
            if operator == "==" and side == "left":
                complaint = "is not a number, boolean, string, null."
            message = f"Invalid {operator} expression: {side} operand {complaint}"
            raise self.fragment.mistake(at, message)
        return result

    def compare_ordering(
        self, node: Chain, operator: str, left: Type, right: Type, term: Term
    ) -> None:
        """``query.orderByChild`` is compared with itself or with what is written out."""
        # What an earlier comparison of the chain came to is nothing that is written out.
        first = node.first if term is node.rest[0] else node
        for side, type_, operand in (("left", left, first), ("right", right, term.operand)):
            if type_ != Type.ORDERING and not _is_name_or_null(operand):
                message = (
                    f"Invalid {operator} expression: {side} operand must be an ordering or string "
                    "literal when comparing against an ordering."
                )
                raise self.mistake(operand, message)


def _sum(left: Type, right: Type) -> Type:
    if Type.STRING in (left, right):
        return Type.STRING
    if left == right == Type.NUMBER:
        return Type.NUMBER
    return Type.NUMBER | Type.STRING


def _is_name_or_null(node: Expression) -> bool:
    """Whether it is what ``query.orderByChild`` can be: a literal path, or null for none."""
    return isinstance(node, Literal) and (node.value is None or isinstance(node.value, str))


def _type_of_literal(value: str | int | float | bool | None) -> Type:
    if value is None:
        return Type.NULL
    if isinstance(value, bool):
        return Type.BOOLEAN
    return Type.STRING if isinstance(value, str) else Type.NUMBER
