"""The words of an expression.

A slash starts a regular expression where an operand can stand and divides where one has just
ended, which is all the context this language's words need.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from imbari_chat.rules.source import Fragment

__all__ = ["Kind", "Token", "tokenize"]


class Kind(Enum):
    """What sort of word a token is."""

    NAME = auto()
    NUMBER = auto()
    STRING = auto()
    REGEX = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        text: What it means: of a string its characters, of a regular expression what stands
            between the slashes, of anything else what is written.
        start: Offset of its first character in the expression.
        end: Offset just after its last.
        flags: The letters after a regular expression.
    """

    kind: Kind
    text: str
    start: int
    end: int
    flags: str = ""

    def is_symbol(self, text: str) -> bool:
        return self.kind is Kind.SYMBOL and self.text == text


_BLANK = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*|\$[A-Za-z0-9_]+")
_NUMBER = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SYMBOL = re.compile(r"===|!==|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:()\[\],.=]")
_FLAGS = re.compile(r"[A-Za-z]*")
_STRING_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_CODE = {"x": re.compile(r"[0-9A-Fa-f]{2}"), "u": re.compile(r"[0-9A-Fa-f]{4}")}


def tokenize(fragment: Fragment) -> list[Token]:
    """Split an expression into tokens, the last of which is the end.

    Raises:
        RulesError: A character begins no token, or a string or regular expression has no end.
    """
    tokens: list[Token] = []
    at = 0
    while True:
        blank = _BLANK.match(fragment.text, at)
        assert blank is not None
        at = blank.end()
        token = _token(fragment, at, after_operand=bool(tokens) and _ends_operand(tokens[-1]))
        tokens.append(token)
        if token.kind is Kind.END:
            return tokens
        at = token.end


def _ends_operand(token: Token) -> bool:
    return token.kind is not Kind.SYMBOL or token.text in {")", "]"}


def _token(fragment: Fragment, at: int, *, after_operand: bool) -> Token:
    text = fragment.text
    if at >= len(text):
        return Token(Kind.END, "", at, at)
    if text[at] in "'\"":
        return _string(fragment, at)
    if text[at] == "/" and not after_operand:
        return _regex(fragment, at)
    for kind, shape in ((Kind.NAME, _NAME), (Kind.NUMBER, _NUMBER), (Kind.SYMBOL, _SYMBOL)):
        if found := shape.match(text, at):
            return Token(kind, found.group(), at, found.end())
    raise fragment.mistake(at, f"Unexpected '{text[at]}'.")


def _string(fragment: Fragment, start: int) -> Token:
    text = fragment.text
    quote = text[start]
    characters: list[str] = []
    at = start + 1
    while at < len(text) and text[at] not in (quote, "\n"):
        if text[at] != "\\" or at + 1 == len(text):
            characters.append(text[at])
            at += 1
            continue
        letter = text[at + 1]
        at += 2
        if letter in _CODE:
            digits = _CODE[letter].match(text, at)
            if digits is None:
                raise fragment.mistake(at - 2, f"Invalid escape: '\\{letter}'")
            characters.append(chr(int(digits.group(), 16)))
            at = digits.end()
        else:
            characters.append(_STRING_ESCAPES.get(letter, letter))
    if at >= len(text) or text[at] != quote:
        raise fragment.mistake(start, "unterminated string literal")
    return Token(Kind.STRING, _joined("".join(characters)), start, at + 1)


def _joined(text: str) -> str:
    """The text with surrogate pairs written as two escapes made into one character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _regex(fragment: Fragment, start: int) -> Token:
    text = fragment.text
    at = start + 1
    in_class = False
    while at < len(text) and text[at] != "\n":
        if text[at] == "/" and not in_class:
            break
        if text[at] == "\\":
            at += 1
        elif text[at] == "[":
            in_class = True
        elif text[at] == "]":
            in_class = False
        at += 1
    if at >= len(text) or text[at] != "/":
        raise fragment.mistake(start, "unterminated regular expression literal")
    flags = _FLAGS.match(text, at + 1)
    assert flags is not None
    return Token(Kind.REGEX, text[start + 1 : at], start, flags.end(), flags.group())
