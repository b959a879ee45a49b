"""What a person may write, checked before it goes anywhere: the lead form and a message's text.

Lengths are counted as the website counts them, in UTF-16 code units, so that whatever passes here
passes there and under the security rules.
"""

from dataclasses import dataclass
from typing import Final

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.wire.json import utf16_length

__all__ = [
    "MAX_EMAIL",
    "MAX_NAME",
    "MAX_PHONE",
    "MAX_TEXT",
    "MAX_TOPIC",
    "QUICK_TOPICS",
    "LeadForm",
    "checked_text",
]

MAX_NAME: Final = 100
MAX_EMAIL: Final = 254
MAX_PHONE: Final = 32
MAX_TEXT: Final = 2000
MAX_TOPIC: Final = 100

QUICK_TOPICS: Final = ("An order", "Wholesale", "Brewing advice", "Something else")
"""What the widget offers to tap before the first message; any other text is as good."""


def checked_text(
    text: str,
    what: str = "a message",
    *,
    limit: int = MAX_TEXT,
    hint: str | None = "Send it in several messages",
) -> str:
    """A text that somebody wrote, unchanged.

    Args:
        text: What was written.
        what: What it is to be.
        limit: How many UTF-16 units it may have.
        hint: What to do about one that is longer.

    Raises:
        InvalidType: It is no text.
        InvalidData: It is empty, blank, longer than ``limit`` or not valid Unicode.
    """
    if not isinstance(text, str):
        raise InvalidType(f"{what} is a text, not {type(text).__name__}", where="text")
    if not text.strip():
        raise InvalidData(f"{what} cannot be empty", where="text")
    _no_lone_surrogates(text, what)
    length = utf16_length(text)
    if length > limit:
        raise InvalidData(
            f"{what} has at most {limit} characters, this one has {length}",
            where="text",
            hint=hint,
        )
    return text


@dataclass(frozen=True, slots=True)
class LeadForm:
    """Who the customer is, as asked before the first message. Build it with :meth:`checked`."""

    name: str
    email: str
    phone: str | None = None
    topic: str | None = None

    @classmethod
    def checked(
        cls, *, name: str, email: str, phone: str | None = None, topic: str | None = None
    ) -> "LeadForm":
        """Check what was typed; surrounding blanks are dropped, blank optional fields are absent.

        A phone number is stored as E.164 where it parses as an international number (with the
        ``phone`` extra installed), else as typed.

        Raises:
            InvalidData: A field is missing, too long or malformed; ``where`` names the field.
        """
        return cls(
            name=_field("name", name, MAX_NAME),
            email=_email(email),
            phone=_phone(_optional("phone", phone, MAX_PHONE)),
            topic=_optional("topic", topic, MAX_TOPIC),
        )


def _no_lone_surrogates(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidData(f"{what} must be valid Unicode; it holds half a surrogate pair") from None


def _field(name: str, value: str, limit: int) -> str:
    value = _stripped(name, value)
    if not value:
        raise InvalidData(f"the {name} is missing", where=name)
    _no_lone_surrogates(value, f"the {name}")
    if utf16_length(value) > limit:
        raise InvalidData(f"the {name} is longer than {limit} characters", where=name)
    return value


def _stripped(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise InvalidType(f"the {name} is a text, not {type(value).__name__}", where=name)
    return value.strip()


def _optional(name: str, value: str | None, limit: int) -> str | None:
    given = "" if value is None else _stripped(name, value)
    return _field(name, given, limit) if given else None


def _email(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    value = _field("e-mail", value, MAX_EMAIL)
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise InvalidData(f"that is not an e-mail address: {reason}", where="e-mail") from None


def _phone(value: str | None) -> str | None:
    if value is None:
        return None
    if not any(character.isdigit() for character in value):
        raise InvalidData("a phone number has digits", where="phone")
    try:
        import phonenumbers
    except ImportError:
        return value
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_valid_number(number):
        return value
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
