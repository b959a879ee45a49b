"""From the text of an expression to its tree.

rule    = cond
cond    = or [ "?" cond ":" cond ]
or      = and { "||" and }
and     = eq { "&&" eq }
eq      = rel { ("==" | "!=" | "===" | "!==") rel }
rel     = add { ("<" | "<=" | ">" | ">=") add }
add     = mul { ("+" | "-") mul }
mul     = unary { ("*" | "/" | "%") unary }
unary   = { "!" | "-" } postfix
postfix = primary { "." NAME | "[" cond "]" | "(" [ cond { "," cond } ] ")" }
primary = NUMBER | STRING | REGEX | "true" | "false" | "null" | NAME | "(" cond ")" | array
array   = "[" [ cond { "," cond } ] "]"
"""

import math
from typing import Final

from imbari_chat.errors import RulesError
from imbari_chat.rules.patterns import PatternMistake, compile_pattern
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
    height,
)
from imbari_chat.rules.tokens import Kind, Token, tokenize
from imbari_chat.wire.json import canonical_number

__all__ = ["parse_expression"]

_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "===", "!=="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_LEVEL_OF: Final = {operator: level for level, group in enumerate(_LEVELS) for operator in group}
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}

# Both keep the recursion here and in the walks over the tree far from Python's own limit.
_MAX_NESTING = 40
_MAX_HEIGHT = 120


def parse_expression(fragment: Fragment) -> Expression:
    """Read one expression.

    Raises:
        RulesError: It is not one, holds a regular expression outside the subset, or is nested
            unreasonably deep.
    """
    parser = _Parser(fragment)
    expression = parser.rule()
    if height(expression) > _MAX_HEIGHT:
        raise fragment.mistake(0, "Expression is nested too deeply.")
    return expression


class _Parser:
    def __init__(self, fragment: Fragment) -> None:
        self.fragment = fragment
        self.tokens = tokenize(fragment)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def advance(self) -> Token:
        token = self.token
        if token.kind is not Kind.END:
            self.position += 1
        return token

    def accept(self, symbol: str) -> bool:
        found = self.token.is_symbol(symbol)
        if found:
            self.position += 1
        return found

    def expect(self, symbol: str) -> Token:
        if not self.token.is_symbol(symbol):
            raise self.unexpected()
        return self.advance()

    def unexpected(self) -> RulesError:
        token = self.token
        if token.is_symbol("="):
            message = "Rule expressions may not contain assignments."
        elif token.kind is Kind.END:
            message = "Unexpected end of expression."
        else:
            message = f"Unexpected '{self.fragment.text[token.start : token.end]}'."
        return self.fragment.mistake(token.start, message)

    def rule(self) -> Expression:
        expression = self.conditional()
        if self.token.kind is not Kind.END:
            raise self.unexpected()
        return expression

    @property
    def end(self) -> int:
        """Where the token before this one ended: a node's parentheses are part of those around."""
        return self.tokens[self.position - 1].end

    def conditional(self) -> Expression:
        start = self.token.start
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise self.fragment.mistake(self.token.start, "Expression is nested too deeply.")
        expression = self.binary(0)
        if self.accept("?"):
            then = self.conditional()
            self.expect(":")
            otherwise = self.conditional()
            expression = Conditional(start, self.end, expression, then, otherwise)
        self.depth -= 1
        return expression

    def binary(self, lowest: int) -> Expression:
        """Operators of level ``lowest`` and above, by precedence climbing."""
        start = self.token.start
        left = self.unary()
        while (level := self.operator_level()) >= lowest:
            # Whatever binds more tightly has been taken by the operand before it.
            rest: list[Term] = []
            while self.operator_level() == level:
                operator = self.advance().text
                rest.append(Term(operator, self.binary(level + 1)))
            left = _joined(start, self.end, left, rest)
        return left

    def operator_level(self) -> int:
        token = self.token
        return _LEVEL_OF.get(token.text, -1) if token.kind is Kind.SYMBOL else -1

    def unary(self) -> Expression:
        operators: list[Token] = []
        while self.token.is_symbol("!") or self.token.is_symbol("-"):
            operators.append(self.advance())
        expression = self.postfix()
        for operator in reversed(operators):
            expression = Unary(operator.start, self.end, operator.text, expression)
        return expression

    def postfix(self) -> Expression:
        start = self.token.start
        expression = self.primary()
        while True:
            if self.accept("."):
                name = self.advance()
                if name.kind is not Kind.NAME or name.text.startswith("$"):
                    self.position -= name.kind is not Kind.END
                    raise self.unexpected()
                expression = Member(start, name.end, expression, name.text, name.start)
            elif self.accept("["):
                key = self.conditional()
                end = self.expect("]").end
                expression = Index(start, end, expression, key)
            elif self.accept("("):
                arguments = self.listed(")")
                expression = Call(start, self.end, expression, arguments)
            else:
                return expression

    def listed(self, closing: str) -> tuple[Expression, ...]:
        """Expressions between commas, and the closing symbol."""
        items: list[Expression] = []
        if not self.accept(closing):
            items.append(self.conditional())
            while self.accept(","):
                items.append(self.conditional())
            self.expect(closing)
        return tuple(items)

    def primary(self) -> Expression:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                self.advance()
                return Literal(token.start, token.end, self.number(token))
            case Kind.STRING:
                self.advance()
                return Literal(token.start, token.end, token.text)
            case Kind.REGEX:
                self.advance()
                return self.regex(token)
            case Kind.NAME:
                self.advance()
                if token.text in _WORDS:
                    return Literal(token.start, token.end, _WORDS[token.text])
                return Name(token.start, token.end, token.text)
        if self.accept("("):
            expression = self.conditional()
            self.expect(")")
            return expression
        if self.accept("["):
            items = self.listed("]")
            return Array(token.start, self.end, items)
        raise self.unexpected()

    def number(self, token: Token) -> int | float:
        value = float(token.text)
        if not math.isfinite(value):
            raise self.fragment.mistake(token.start, "Number out of range.")
        return canonical_number(int(token.text) if token.text.isdigit() else value)

    def regex(self, token: Token) -> Regex:
        if token.flags not in ("", "i"):
            message = "regular expressions do not support flags other than i"
            raise self.fragment.mistake(token.start, message)
        ignore_case = token.flags == "i"
        try:
            pattern = compile_pattern(token.text, ignore_case=ignore_case)
        except PatternMistake as mistake:
            message = f"Illegal regular expression, {mistake.reason}"
            raise self.fragment.mistake(token.start, message) from None
        return Regex(token.start, token.end, token.text, ignore_case, pattern)


def _joined(start: int, end: int, left: Expression, rest: list[Term]) -> Expression:
    operator = rest[0].operator
    if operator in ("&&", "||"):
        operands = (left, *(term.operand for term in rest))
        return Logical(start, end, operator, operands)
    return Chain(start, end, left, tuple(rest))
