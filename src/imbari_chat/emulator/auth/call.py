"""One call of an operation: everything an operation may look at, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from imbari_chat.emulator.auth.accounts import Accounts
from imbari_chat.emulator.auth.fields import Fields

__all__ = ["Call"]

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UID_LENGTH: Final = 28
_BASE64URL: Final = _LETTERS + "-_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked, of whom, when, and with whose rights.

    Attributes:
        accounts: The state of the project the call is for.
        fields: The request's body.
        query: The query parameters that are not the key.
        owner: True for an administrative call (``Authorization: Bearer owner``).
        now: Seconds since the epoch.
        random: Gives that many random bytes.
        origin: ``http://host:port`` as the caller knows us, for links.
        strict: Check tokens the way the live service does.
    """

    accounts: Accounts
    fields: Fields
    now: float
    random: Callable[[int], bytes]
    owner: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    origin: str = "http://127.0.0.1"
    strict: bool = False

    @property
    def millis(self) -> int:
        """Now, in whole milliseconds since the epoch."""
        return round(self.now * 1000)

    @property
    def seconds(self) -> int:
        """Now, in whole seconds; never later than :attr:`millis`."""
        return self.millis // 1000

    def alphanumeric(self, length: int) -> str:
        """A random id of letters and digits."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self.random(length))

    def digits(self, length: int) -> str:
        """A random code of digits."""
        return "".join(str(byte % 10) for byte in self.random(length))

    def new_uid(self) -> str:
        """A uid nobody has."""
        while self.accounts.get(uid := self.alphanumeric(_UID_LENGTH)) is not None:
            pass
        return uid

    def url_safe(self, length: int) -> str:
        """A random code of base64url characters."""
        return "".join(_BASE64URL[byte % len(_BASE64URL)] for byte in self.random(length))

    def salt(self) -> str:
        """A salt that says it is none."""
        return f"fakeSalt{self.alphanumeric(20)}"
