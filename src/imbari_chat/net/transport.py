"""The seam that the client is written against: read, write, listen."""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from imbari_chat.engine.stream import Changed, StateChanged
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["ListenItem", "Subscription", "Transport"]

ListenItem: TypeAlias = Changed | StateChanged


class Subscription(Protocol):
    """One listener. Iterate it; leave it with :meth:`close` or by leaving ``async with``.

    Iteration gives the value's changes and the connection's states in order, survives every
    outage, and raises the error that ended the stream if one did.
    """

    def __aiter__(self) -> AsyncIterator[ListenItem]: ...

    async def __anext__(self) -> ListenItem: ...

    def reconnect_now(self) -> None:
        """Do not wait for the backoff: the network is back."""

    async def close(self) -> None:
        """Stop at once. Closing twice is fine."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Transport(Protocol):
    """A way to the database for one caller. Raises what :class:`~engine.access.Access` raises."""

    @property
    def uid(self) -> str | None:
        """The uid that rules see; None until somebody is known."""

    async def open(self) -> None:
        """Find out who is asking, now rather than at the first call."""

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once."""

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing."""

    async def swap(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not."""

    def listen(self, path: Path, query: Query | None = None) -> Subscription:
        """Listen; the connection is opened when the subscription is first iterated."""

    async def close(self) -> None:
        """Close every listener and give back sockets and threads. Closing twice is fine."""
