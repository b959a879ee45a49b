"""What passes for an e-mail address, a password and a phone number."""

import re
from typing import Final

from imbari_chat.emulator.auth.errors import BadRequest

__all__ = ["checked_email", "checked_password", "checked_phone", "is_email"]

_EMAIL: Final = re.compile(r"[^@]+@[^@]+")
_PASSWORD_MIN: Final = 6


def is_email(text: str) -> bool:
    """True for anything with one ``@`` inside; test addresses are made up."""
    return _EMAIL.fullmatch(text) is not None


def checked_email(text: str) -> str:
    """The address as it is stored and looked for: lower case.

    Raises:
        BadRequest: ``INVALID_EMAIL``.
    """
    if not is_email(text):
        raise BadRequest("INVALID_EMAIL")
    return text.lower()


def checked_password(text: str) -> str:
    """The password, if it is long enough.

    Raises:
        BadRequest: ``WEAK_PASSWORD``.
    """
    if len(text) < _PASSWORD_MIN:
        raise BadRequest(f"WEAK_PASSWORD : Password should be at least {_PASSWORD_MIN} characters")
    return text


def checked_phone(text: str) -> str:
    """The number, if it starts with a country code.

    Raises:
        BadRequest: ``INVALID_PHONE_NUMBER``.
    """
    if not text.startswith("+"):
        raise BadRequest("INVALID_PHONE_NUMBER : Invalid format.")
    return text
