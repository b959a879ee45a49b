"""The tree of rules a file declares.

Each level has literal children and at most one ``$capture``; a literal child hides the capture
for its key altogether, whichever is written first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from imbari_chat.rules.check import check_rule
from imbari_chat.rules.evaluate import Run, compiled, noting
from imbari_chat.rules.parser import parse_expression
from imbari_chat.rules.source import (
    RULE_KEYS,
    Constant,
    Element,
    Fragment,
    ListElement,
    Member,
    ObjectElement,
    Text,
    mistake,
)
from imbari_chat.rules.syntax import Expression, Literal

__all__ = ["Capture", "Rule", "RulesNode", "checked_expression", "declare"]

_INDEX_ON: Final = ".indexOn"
_ILLEGAL_IN_KEY: Final = frozenset(".#$/[]")

_BAD_KEY = 'String can\'t contain ".", "#", "$", "/", "[", or "]"'
_BAD_RULE = "Invalid rule expression.  Expected 'true', 'false', or an expression string."
_BAD_INDEX = "Invalid indexOn expression. Must be either a string or an array of strings"
_NO_RULES = "Expected 'rules' property."
_NO_OBJECT = "Expected '{'."


@dataclass(frozen=True, slots=True)
class Rule:
    """One expression.

    Attributes:
        kind: ``.read``, ``.write`` or ``.validate``.
        location: The keys that lead to it in the file, captures as ``$name``.
        fragment: The expression as written, and where.
        run: Evaluates the expression.
    """

    kind: str
    location: tuple[str, ...]
    fragment: Fragment = field(repr=False)
    expression: Expression = field(repr=False)
    run: Run = field(init=False, repr=False, compare=False)
    _noting: Run | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", compiled(self.expression))

    @property
    def text(self) -> str:
        return self.fragment.text

    @property
    def run_noting(self) -> Run:
        """As ``run``, with what every part comes to in the notes of the scope.

        Made when it is first asked for, and kept: to make it takes longer than to run it.
        """
        if self._noting is None:
            object.__setattr__(self, "_noting", compiled(self.expression, noting))
        assert self._noting is not None
        return self._noting


@dataclass(frozen=True, slots=True)
class Capture:
    """The ``$name`` child of a node."""

    name: str
    node: "RulesNode"


@dataclass(frozen=True, slots=True)
class RulesNode:
    """What the file says of one place.

    Attributes:
        index_on: The children's paths, or ``.value``, that may be ordered by here.
        literals: Children by key.
        validates: Whether there is a ``.validate`` here or below.
    """

    read: Rule | None
    write: Rule | None
    validate: Rule | None
    index_on: frozenset[str]
    literals: Mapping[str, "RulesNode"]
    capture: Capture | None
    validates: bool

    def descend(self, key: str) -> tuple["RulesNode | None", str | None]:
        """The node for child ``key``, and the name it is captured under, if it is."""
        literal = self.literals.get(key)
        if literal is not None:
            return literal, None
        if self.capture is not None:
            return self.capture.node, self.capture.name
        return None, None

    def all_rules(self) -> Iterator[Rule]:
        """Every rule here and below."""
        yield from (rule for rule in (self.read, self.write, self.validate) if rule is not None)
        for child in self.literals.values():
            yield from child.all_rules()
        if self.capture is not None:
            yield from self.capture.node.all_rules()

    def says_something_of(self, path: Iterable[str], kind: str) -> bool:
        """Whether a rule of ``kind`` (``.read`` or ``.write``) stands between here and ``path``."""
        node: RulesNode | None = self
        for key in (*path, ""):
            if node is None:
                break
            if (node.read if kind == ".read" else node.write) is not None:
                return True
            node, _ = node.descend(key)
        return False


def declare(document: Element, file: str) -> RulesNode:
    """Check a document and build its tree.

    Args:
        document: What ``file`` holds, as :func:`~imbari_chat.rules.source.parse_source` reads it.

    Raises:
        RulesError: It is no rules file; the first reason in the order of the text.
    """
    if not isinstance(document, ObjectElement) or not document.members:
        raise mistake(file, min(document.start + 1, len(file)), _NO_RULES)
    for member in document.members:
        if member.key.value != "rules":
            raise mistake(file, member.key.start, _NO_RULES)
    _refuse_repeated(document, file)
    return _Builder(file).node(document.members[0].value, ())


def checked_expression(kind: str, location: Iterable[str], fragment: Fragment) -> Expression:
    """The expression of a rule of ``kind`` that stands below ``location``.

    Raises:
        RulesError: It is none.
    """
    expression = parse_expression(fragment)
    captures = [key for key in location if key.startswith("$")]
    check_rule(expression, fragment, kind=kind, captures=captures)
    return expression


def _refuse_repeated(element: ObjectElement, file: str) -> None:
    """[unsure] what the service makes of a key written twice. One of the two has no effect, which
    cannot be what was meant, so here it is refused."""
    seen: set[str] = set()
    for member in element.members:
        if member.key.value in seen:
            raise mistake(file, member.key.start, f"Duplicate key '{member.key.value}'.")
        seen.add(member.key.value)


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, element: Element, message: str) -> NoReturn:
        raise mistake(self.file, element.start, message)

    def node(self, element: Element, location: tuple[str, ...]) -> RulesNode:
        if not isinstance(element, ObjectElement):
            self.fail(element, _NO_OBJECT)
        _refuse_repeated(element, self.file)
        rules: dict[str, Rule] = {}
        index_on: frozenset[str] = frozenset()
        literals: dict[str, RulesNode] = {}
        capture: Capture | None = None
        for member in element.members:
            key = member.key.value
            if key in RULE_KEYS:
                rules[key] = self.rule(key, member.value, location)
            elif key == _INDEX_ON:
                index_on = self.index_on(member.value)
            elif key.startswith("$"):
                self.check_capture(member, capture, location)
                capture = Capture(key, self.node(member.value, (*location, key)))
            else:
                self.check_child(member, key)
                literals[key] = self.node(member.value, (*location, key))
        below = [*literals.values(), *([capture.node] if capture else [])]
        return RulesNode(
            read=rules.get(".read"),
            write=rules.get(".write"),
            validate=rules.get(".validate"),
            index_on=index_on,
            literals=literals,
            capture=capture,
            validates=".validate" in rules or any(node.validates for node in below),
        )

    def rule(self, kind: str, element: Element, location: tuple[str, ...]) -> Rule:
        if isinstance(element, Constant) and isinstance(element.value, bool):
            text = "true" if element.value else "false"
            offsets = range(element.start, element.start + len(text) + 1)
            fragment = Fragment(text, tuple(offsets), self.file)
            return Rule(kind, location, fragment, Literal(0, len(text), element.value))
        if not isinstance(element, Text):
            self.fail(element, _BAD_RULE)
        expression = checked_expression(kind, location, element.fragment)
        return Rule(kind, location, element.fragment, expression)

    def index_on(self, element: Element) -> frozenset[str]:
        entries = element.items if isinstance(element, ListElement) else (element,)
        paths: set[str] = set()
        for entry in entries:
            if not isinstance(entry, Text):
                self.fail(element, _BAD_INDEX)
            paths.add(entry.value)
        return frozenset(paths)

    def check_capture(
        self, member: Member, other: Capture | None, location: tuple[str, ...]
    ) -> None:
        name = member.key.value
        self.check_child(member, name[1:])
        if other is not None:
            message = f"Cannot have multiple default rules ('{other.name}' and '{name}')."
            self.fail(member.key, message)
        if name in location:
            self.fail(member.key, f"'{name}' is already captured above.")

    def check_child(self, member: Member, name: str) -> None:
        """A child's value is an object, and its key can be one; the service looks in this order."""
        if not isinstance(member.value, ObjectElement):
            self.fail(member.value, _NO_OBJECT)
        if not name or not _ILLEGAL_IN_KEY.isdisjoint(name):
            self.fail(member.key, _BAD_KEY)
