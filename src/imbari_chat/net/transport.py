"""The seam that the client is written against: read, write, listen."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from imbari_chat.engine.buffer import DEFAULT_LIMIT, ListenItem, Overflow
from imbari_chat.engine.server_time import Stamp
from imbari_chat.errors import ImbariError
from imbari_chat.net.notifier import Notifier
from imbari_chat.states import ConnectionState, TransportName
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["Done", "ListenItem", "OnDisconnect", "Subscription", "Transport", "Way", "Withdraw"]

Done: TypeAlias = Callable[[ImbariError | None], None]
"""Told on the event loop, once, what became of a write; None if it was made."""

Withdraw: TypeAlias = Callable[[], bool]
"""Takes a write back that nobody waits for any more: nobody is told of it, and if it was not sent,
it never is. Returns whether it may be made all the same."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a database is reached.

    Attributes:
        name: By which transport; None until that is decided.
        reason: Why by this one, if there is anything to say.
    """

    name: TransportName | None
    reason: str | None = None

    def __str__(self) -> str:
        name = self.name or "no transport yet"
        return name if self.reason is None else f"{name}: {self.reason}"


class Subscription(Protocol):
    """One listener. Iterate it; leave it with :meth:`close` or by leaving ``async with``.

    Iteration gives the value's changes and the connection's states in order, survives every
    outage, and raises the error that ended the stream if one did.
    """

    @property
    def state(self) -> ConnectionState:
        """The connection's state now; ``connecting`` also before the first iteration."""

    @property
    def since(self) -> float:
        """When the state became what it is, in seconds since the epoch."""

    @property
    def reason(self) -> str | None:
        """Why it did, if there is anything to say."""

    @property
    def retry_in(self) -> float | None:
        """Seconds from now until the next attempt; None if none is being waited for."""

    @property
    def last_heard(self) -> float | None:
        """When the service last said anything, in seconds since the epoch; None if never."""

    @property
    def is_ready(self) -> bool:
        """Whether iterating takes no waiting: there is an item, or it is over."""

    def share(self, notifier: Notifier, on_live: Callable[[], None]) -> None:
        """Tell by this notifier, from now on, that it may be ready. Before it is iterated.

        Args:
            notifier: The consumer's.
            on_live: Called on the loop whenever it has become live, be the consumer busy or not.
        """

    def begin(self) -> None:
        """Listen from now on, before it is iterated. Twice is fine."""

    def __aiter__(self) -> AsyncIterator[ListenItem]: ...

    async def __anext__(self) -> ListenItem: ...

    def again(self, touched: frozenset[str]) -> None:
        """Give the latest value once more, with these children touched; nothing if there is none.

        For a consumer that lays something of its own over the value. On the loop.
        """

    async def close(self) -> None:
        """Stop at once. Closing twice is fine."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class OnDisconnect(Protocol):
    """What the service does when the connection of just now ends, however it ends.

    It is judged by the rules when it is asked for, and forgotten with the connection: whoever
    wants it on the next one asks again (reference: onDisconnect). Raises what a write raises.
    """

    async def set(self, path: Path, value: Json) -> None:
        """Have ``value`` written; None deletes. It replaces what was asked for there and below."""

    async def update(self, path: Path, changes: Mapping[str, Json]) -> None:
        """Have the children named in ``changes`` written, besides what was asked for."""

    async def cancel(self, path: Path) -> None:
        """Forget what was asked for there and below."""


class Transport(Protocol):
    """A way to the database for one caller. Raises what :class:`~engine.access.Access` raises.

    It belongs to the process that made it: in a forked child everything but closing raises
    RuntimeError.
    """

    @property
    def uid(self) -> str | None:
        """The uid that rules see; None until somebody is known."""

    @property
    def account(self) -> str | None:
        """The e-mail address of who is asking; None until known, and of who has none."""

    @property
    def way(self) -> Way:
        """How the database is reached."""

    @property
    def on_disconnect(self) -> OnDisconnect | None:
        """What the service is to do when the connection ends; None where none lasts."""

    @property
    def stamp(self) -> Stamp | None:
        """The latest moment that the service named; None before it has."""

    async def open(self) -> None:
        """Find out who is asking, now rather than at the first call."""

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once."""

    async def get_shallow(self, path: Path) -> Json:
        """Read once, with every child as ``true``; always over HTTP."""

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing."""

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """The same without waiting: it is on its way when this returns, if it can be.

        Args:
            changes: What to write.
            done: Told the end of it, and whatever :meth:`update` would raise; perhaps before this
                returns. A transport that is closed need not tell.

        Returns:
            Takes it back.

        Raises:
            RuntimeError: This is a forked child of the process that made the transport.
        """

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not."""

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The listeners that are neither closed nor ended."""

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> Subscription:
        """Listen; the connection is opened when the subscription is first iterated.

        Args:
            path: Where.
            query: Which children.
            buffer: How many changes are kept for a consumer that is busy, 2 or more.
            overflow: What becomes of more: ``"coalesce"`` folds the newest ones into one;
                ``"raise"`` ends the stream with StreamOverflow after what was kept.

        Raises:
            InvalidData: ``buffer`` is below 2.
            ClientClosed: The transport is closed.
        """

    def reconnect_now(self) -> None:
        """Have every listener not wait any longer; see :meth:`Subscription.reconnect_now`."""

    async def close(self) -> None:
        """Close every listener and give back sockets and threads. Closing twice is fine."""
