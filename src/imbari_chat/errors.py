"""Every error this package raises, in one tree.

    ImbariError
    ├── ConfigError      settings are missing, contradictory or unreadable
    ├── AuthError        nobody is signed in, or the sign-in was refused or has ended
    ├── AccessDenied     signed in, but the rules say no
    ├── NotFound         what was named does not exist
    │   └── SessionNotFound  there is no conversation with this id
    ├── Conflict         somebody else changed it first
    ├── InvalidData      a value, key, path or query the contract or the database refuses
    │   └── InvalidType      an argument is of another type than can be; also a TypeError
    ├── Unavailable      the network or the service did not answer; nothing is known to be lost
    │   ├── ClientClosed     the client has been closed; also a RuntimeError
    │   ├── StartUnfinished  nobody knows whether a conversation was started; names it
    │   └── WaitTimeout      what was waited for did not come in time; also a TimeoutError
    ├── QuotaExceeded    the plan's limit is used up
    ├── StreamOverflow   a consumer fell further behind than its buffer allows
    ├── RulesError       a rules file that does not parse or check
    └── WrongEventLoop   a client is used in a second event loop; also a RuntimeError

Each says what happened, where, and what to do about it. Errors of other libraries are mapped to
these where they are met. No message ever holds a token, a password or an API key; and where the
original holds one, in its text or in the request it carries along, it is dropped altogether
(:func:`raise_alone`), because whatever collects errors walks their chain.
"""

from typing import NoReturn, Self

__all__ = [
    "AccessDenied",
    "AuthError",
    "ClientClosed",
    "ConfigError",
    "Conflict",
    "ImbariError",
    "InvalidData",
    "InvalidType",
    "NotFound",
    "QuotaExceeded",
    "RulesError",
    "SessionNotFound",
    "StartUnfinished",
    "StreamOverflow",
    "Unavailable",
    "WaitTimeout",
    "WrongEventLoop",
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

    Attributes:
        retry_after: Seconds for which a service asks to be left alone, at most 60; None if it did
            not say. Whatever this package tries again waits as long.
    """

    retry_after: float | None = None

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        Exception.__init__(self, what, where, hint)  # OSError, of a TimeoutError, reads arguments
        self.what = what
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """An exception is made anew from its arguments, by position; here they have names."""
        return _again, (type(self), self.args), self.__dict__

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


class SessionNotFound(NotFound):
    """There is no such conversation."""

    @classmethod
    def named(cls, session_id: str) -> Self:
        """There is none with this id."""
        return cls(
            f"there is no conversation {session_id!r}", hint="sessions() lists those there are"
        )


class Conflict(ImbariError):
    """Somebody else changed it first; read again before trying again."""


class InvalidData(ImbariError):
    """A value, key, path or query that the data contract or the database refuses."""


class InvalidType(InvalidData, TypeError):
    """An argument is of another type than this call takes."""


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


class ClientClosed(Unavailable, RuntimeError):
    """The client has been closed; whatever is asked of it afterwards ends so."""

    def __init__(self, what: str = "this client has been closed") -> None:
        super().__init__(what, hint="Make a new one")


class WaitTimeout(Unavailable, TimeoutError):
    """What was waited for did not come in time. Nothing was sent, so nothing is unknown."""


class StartUnfinished(Unavailable):
    """Nobody knows whether a conversation was started: the answer was lost.

    Calling ``start()`` again with the same client settles that before anything else, so that there
    will be one conversation. Another client of the same customer is told with ``session_id=``.

    Attributes:
        session_id: The conversation's id, if there is one.
    """

    def __init__(
        self, what: str, *, session_id: str, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint, outcome_unknown=True)
        self.session_id = session_id


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


class WrongEventLoop(ImbariError, RuntimeError):
    """A client is used in another event loop than before, where nothing it waits for would come."""


def _again(kind: type[ImbariError], arguments: tuple[object, ...]) -> ImbariError:
    """An error that was pickled or copied, but for what its own class adds."""
    error = kind.__new__(kind)
    Exception.__init__(error, *arguments)
    return error
