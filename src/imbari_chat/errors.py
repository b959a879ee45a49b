"""Every error this package raises, in one tree.

    ImbariError
    ├── ConfigError      settings are missing, contradictory or unreadable
    ├── AuthError        nobody is signed in, or the sign-in was refused or has ended
    ├── AccessDenied     signed in, but the rules say no
    ├── NotFound         what was named does not exist
    ├── Conflict         somebody else changed it first
    ├── InvalidData      a value, key, path or query the contract or the database refuses
    ├── Unavailable      the network or the service did not answer; nothing is known to be lost
    ├── QuotaExceeded    the plan's limit is used up
    ├── StreamOverflow   a consumer fell further behind than its buffer allows
    └── RulesError       a rules file that does not parse or check

Each says what happened, where, and what to do about it. Errors of other libraries are mapped to
these where they are met. No message ever holds a token, a password or an API key; and where the
original holds one, in its text or in the request it carries along, it is dropped altogether
(:func:`raise_alone`), because whatever collects errors walks their chain.
"""

from typing import NoReturn

__all__ = [
    "AccessDenied",
    "AuthError",
    "ConfigError",
    "Conflict",
    "ImbariError",
    "InvalidData",
    "NotFound",
    "QuotaExceeded",
    "RulesError",
    "StreamOverflow",
    "Unavailable",
    "raise_alone",
]


def raise_alone(error: Exception) -> NoReturn:
    """Raise ``error`` with neither cause nor context: what led to it may hold a secret.

    ``from None`` hides the context from tracebacks and keeps it on the object.
    """
    try:
        raise error
    finally:
        error.__cause__ = error.__context__ = None


class ImbariError(Exception):
    """Root of the tree.

    Args:
        what: What happened, as one sentence without a full stop.
        where: The path, file or field it happened at, if there is one.
        hint: What the reader can do about it, if anything.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.what} (at {self.where})" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text


class ConfigError(ImbariError):
    """Settings are missing, contradictory or unreadable."""


class AuthError(ImbariError):
    """Nobody is signed in, or the sign-in was refused or has ended."""


class AccessDenied(ImbariError):
    """The caller is known, and the security rules refuse the request."""


class NotFound(ImbariError):
    """What was named does not exist."""


class Conflict(ImbariError):
    """Somebody else changed it first; read again before trying again."""


class InvalidData(ImbariError):
    """A value, key, path or query that the data contract or the database refuses."""


class Unavailable(ImbariError):
    """The network or the service did not answer in time.

    Attributes:
        outcome_unknown: True when a write was sent and its answer was lost, so that it may or may
            not have been committed.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.outcome_unknown = outcome_unknown


class QuotaExceeded(ImbariError):
    """A limit of the database's plan is used up."""


class StreamOverflow(ImbariError):
    """A consumer fell further behind its stream than the buffer allows."""


class RulesError(ImbariError):
    """A rules file that does not parse or check.

    Attributes:
        line: 1-based line in the rules text.
        column: 1-based column in that line.
    """

    def __init__(
        self,
        what: str,
        *,
        line: int,
        column: int,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """``LINE:COLUMN: message``, with the excerpt on the lines below if there is one."""
        place = f"{self.where}:" if self.where else ""
        text = f"{place}{self.line}:{self.column}: {self.what}"
        return f"{text}\n{self.hint}" if self.hint else text
