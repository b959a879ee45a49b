"""Replies that are ready: what they are called by, and how their placeholders are filled.

``{name}`` stands for something of the conversation; ``{{`` and ``}}`` are braces. Nothing else in
braces has a meaning, and a word that is no placeholder is a mistake that is told when the reply is
written, not when a customer reads it.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Session

__all__ = ["PLACEHOLDERS", "checked_name", "checked_template", "filled", "named"]

_NAME: Final = re.compile(r"[-_0-9a-z]{1,40}", re.ASCII)
_PARTS: Final = re.compile(r"\{\{|\}\}|\{(\w+)\}")
_BRACES: Final = {"{{": "{", "}}": "}"}

_OF_SESSION: Final[Mapping[str, Callable[[Session], str | None]]] = MappingProxyType(
    {
        "name": lambda session: session.customer_name.strip(),
        "first_name": lambda session: session.customer_name.strip().partition(" ")[0],
        "email": lambda session: session.customer_email,
        "topic": lambda session: session.topic,
    }
)

PLACEHOLDERS: Final = (*_OF_SESSION, "admin")
"""What may stand in braces: of the customer, and what the admin is called."""


def named(text: str) -> str | None:
    """The name of the reply that ``text`` asks for: ``/name`` and nothing else; None if none."""
    given = text.strip()
    if not given.startswith("/") or _NAME.fullmatch(given[1:]) is None:
        return None
    return given[1:]


def checked_name(name: str) -> str:
    """What a reply may be called by, without a slash before it.

    Raises:
        InvalidType: It is no text.
        InvalidData: It is something else.
    """
    if not isinstance(name, str):
        raise InvalidType(f"a name is a text, not {type(name).__name__}", where="name")
    given = name.strip().removeprefix("/")
    if _NAME.fullmatch(given) is None:
        raise InvalidData(
            f"{name[:80]!r} cannot be the name of a canned reply",
            where="name",
            hint="Up to 40 of a to z, 0 to 9, - and _",
        )
    return given


def checked_template(text: str) -> str:
    """A canned reply's text, unchanged.

    Raises:
        InvalidData: It can be no message, or holds a placeholder that stands for nothing.
    """
    checked_text(text, "a canned reply", hint="Keep it in several")
    for found in _PARTS.finditer(text):
        if found[1] is not None and found[1] not in PLACEHOLDERS:
            raise InvalidData(
                f"{found[0]} stands for nothing",
                where="text",
                hint=f"Placeholders are {', '.join(f'{{{one}}}' for one in PLACEHOLDERS)};"
                f" for braces as they are, write {{{found[0]}}}",
            )
    return text


def filled(text: str, session: Session, *, admin: str | None = None) -> str:
    """What a canned reply says in a conversation.

    Args:
        text: With placeholders.
        session: Whose conversation.
        admin: What the admin is called.

    Raises:
        InvalidData: It holds a placeholder that stands for nothing, or for nothing here.
    """
    checked_template(text)

    def part(found: re.Match[str]) -> str:
        placeholder = found[1]
        if placeholder is None:
            return _BRACES[found[0]]
        if placeholder == "admin":
            if admin:
                return admin
            raise InvalidData(
                "{admin} is what you are called, and that is not known",
                hint="Set `name`, for example IMBARI_CHAT_NAME=Amina",
            )
        value = _OF_SESSION[placeholder](session)
        if not value:
            raise InvalidData(
                f"the conversation has nothing for {found[0]}", where=f"conversation {session.id}"
            )
        return value

    return _PARTS.sub(part, text)
