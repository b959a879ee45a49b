"""The seam between a transport and whoever is asking.

An identity knows how to prove itself and which official library speaks for its role; a transport
knows when to read, write and listen. They meet in :class:`Access` and nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, SupportsIndex

from imbari_chat.engine.places import SocketPlace
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = [
    "Access",
    "Secret",
    "SocketAccess",
    "SocketRequest",
    "StreamRequest",
    "hangs_on",
    "heard",
    "hearing",
    "told_the_time",
]

_listener: ContextVar[Callable[[], None] | None] = ContextVar("heard", default=None)
_clerk: ContextVar[Callable[[int], None] | None] = ContextVar("told the time", default=None)
_holder: ContextVar[Callable[[Callable[[], None]], None] | None] = ContextVar(
    "hangs on", default=None
)


def heard() -> None:
    """Something of an answer has arrived, on the thread that reads it.

    Whatever reads for an :class:`Access` says so, so that a deadline on silence can be told from
    one on the whole call.
    """
    listener = _listener.get()
    if listener is not None:
        listener()


def hangs_on(cut: Callable[[], None]) -> None:
    """From here on this thread waits for what may never end; ``cut`` ends it, on any thread.

    Whatever comes byte by byte keeps a library waiting however long it takes: its limits are on
    silence alone.
    """
    holder = _holder.get()
    if holder is not None:
        holder(cut)


def told_the_time(timestamp: int) -> None:
    """An answer of the database's own said what its clock shows, ms, in whole seconds."""
    clerk = _clerk.get()
    if clerk is not None:
        clerk(timestamp)


@contextmanager
def hearing(
    listener: Callable[[], None],
    clerk: Callable[[int], None] | None = None,
    holder: Callable[[Callable[[], None]], None] | None = None,
) -> Iterator[None]:
    """Call ``listener`` whenever something is heard inside, on this thread.

    Args:
        listener: Called with nothing.
        clerk: Called with what the service's clock shows, ms, whenever it says so.
        holder: Called with what ends the wait, whenever another one begins.
    """
    before, earlier, held = _listener.set(listener), _clerk.set(clerk), _holder.set(holder)
    try:
        yield
    finally:
        _listener.reset(before)
        _clerk.reset(earlier)
        _holder.reset(held)


class Secret:
    """Something that holds a secret: it is neither pickled nor copied, so it stays where it is."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds a secret and is not pickled or copied")


@dataclass(frozen=True, slots=True)
class StreamRequest(Secret):
    """Everything a streaming GET needs.

    Attributes:
        url: Absolute, query string included. It may carry a token: never log it.
        headers: Sent as they are. They may carry a token: never log them.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketRequest(Secret):
    """Where a socket leads, and what proves on it who is asking.

    Attributes:
        place: Where.
        action: ``auth`` with a user's token, ``gauth`` with any other.
        credential: The body of that request. It carries a token: never log it.
    """

    place: SocketPlace
    action: str
    credential: Mapping[str, Json] = field(repr=False)


class Access(Protocol):
    """One caller's way into one database. Every method blocks and is safe to call from threads.

    The properties do not block: they answer at once, also from an event loop, while a call that
    replaces the credential is under way.

    Raises of every method: AccessDenied (the rules refuse), AuthError (the credential is dead or
    was never there), InvalidData (the database refuses the request itself), QuotaExceeded,
    Unavailable (no answer; ``outcome_unknown`` is set when a write may have been committed).
    """

    @property
    def uid(self) -> str | None:
        """The uid that rules see as ``auth.uid``, or None if rules see no user."""

    @property
    def account(self) -> str | None:
        """The e-mail address of who is asking, a user or a service account; None without one."""

    @property
    def expires_at(self) -> float | None:
        """When the current credential ends, in seconds since the epoch; None if it does not."""

    def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once. Arrays are as the service sends them."""

    def get_shallow(self, path: Path) -> Json:
        """Read once, with every child as ``true`` (reference: REST, ``shallow``)."""

    def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing: one multi-path update at the root."""

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not.

        Nothing can land between the look and the write. The write is one request and is not made
        again, whatever becomes of its answer.

        Args:
            path: Where.
            expected: What must be there; None for nothing.
            value: What will be there. Deleting is not swapping: it must not be None.
        """

    def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
        """A streaming request whose credential is good now; refreshes it first if need be."""

    def renew(self) -> None:
        """Replace the credential, whatever its age: the service has just refused it."""

    def close(self) -> None:
        """Give back sockets. Closing twice is fine."""


class SocketAccess(Access, Protocol):
    """The same, also by a socket."""

    def socket(self) -> SocketRequest:
        """A socket's place and a credential that is good now; refreshes it first if need be."""
