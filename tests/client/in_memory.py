"""A transport that ends in the emulator's core, without sockets, and loses what it is told to."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Namespace, etag
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.engine.buffer import DEFAULT_LIMIT, ListenItem, Overflow
from imbari_chat.engine.server_time import Stamp
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.submitting import Submitter
from imbari_chat.net.transport import Done, OnDisconnect, Subscription, Way, Withdraw
from imbari_chat.rules import Ruleset
from imbari_chat.schema import strict_rules
from imbari_chat.states import ConnectionState
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query

ADMIN: Json = {"uid": "desk", "token": {"admin": True}}
CUSTOMER: Json = {"uid": "amina", "token": {}}

LOST_ANSWER = "the write is made, its answer is lost"
LOST_REQUEST = "the write is never made, and nobody knows"
UNREACHABLE = "the write is never made, and that is known"
LATE = "the write is made only after the next call, and nobody knows"


def database() -> Namespace:
    """An empty database under the strict rules."""
    return Namespace("t", Ruleset.parse(strict_rules()))


class InMemory:
    """A :class:`~imbari_chat.net.transport.Transport` for one caller.

    Args:
        namespace: The database.
        auth: What rules see.
        fates: What becomes of the first updates, or what they raise; those that follow arrive.
    """

    def __init__(self, namespace: Namespace, auth: Json, *fates: str | ImbariError) -> None:
        self._namespace = namespace
        self._caller = Caller(admin=False, auth=auth)
        self._fates = list(fates)
        self._late: list[Mapping[Path, Json]] = []
        self._submitter = Submitter(lambda changes: self.update(changes))
        self.updates = 0
        self.closed = False

    @property
    def uid(self) -> str | None:
        auth = self._caller.auth
        assert isinstance(auth, dict)
        return str(auth["uid"])

    @property
    def account(self) -> str | None:
        auth = self._caller.auth
        assert isinstance(auth, dict)
        token = auth.get("token")
        return str(token["email"]) if isinstance(token, dict) and "email" in token else None

    @property
    def way(self) -> Way:
        return Way(None)

    on_disconnect: OnDisconnect | None = None
    stamp: Stamp | None = None

    async def open(self) -> None: ...

    async def close(self) -> None:
        self.closed = True

    async def get(self, path: Path, query: Query | None = None) -> Json:
        try:
            reading = self._namespace.read(path, query, self._caller, self._now())
        except Refusal as refusal:
            raise AccessDenied("permission denied", where=str(path)) from refusal
        finally:
            self._arrive_late()
        return reading.to_json()

    async def get_shallow(self, path: Path) -> Json:
        found = await self.get(path)
        return dict.fromkeys(found, True) if isinstance(found, dict) else found

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        return self._submitter.submit(changes, done)

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.updates += 1
        fate = self._fates.pop(0) if self._fates else ""
        match fate:
            case "":
                self._write(changes)
            case str() if fate == LOST_ANSWER:
                self._write(changes)
                raise Unavailable("no answer", outcome_unknown=True)
            case str() if fate == LOST_REQUEST:
                raise Unavailable("no answer", outcome_unknown=True)
            case str() if fate == LATE:
                self._late.append(changes)
                raise Unavailable("no answer", outcome_unknown=True)
            case ImbariError():
                raise fate
            case _:
                raise Unavailable("cannot connect")

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return ()

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> Subscription:
        return Silence()

    def reconnect_now(self) -> None: ...

    def _arrive_late(self) -> None:
        late, self._late = self._late, []
        for changes in late:
            with suppress(AccessDenied):  # nobody is left to hear of it
                self._write(changes)

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        found = self._namespace.root.at(path)
        if not same(found.to_json(), expected):
            return False
        try:
            self._namespace.write(
                Write.put(path, value), self._caller, self._now(), if_match=etag(found)
            )
        except Refusal as refusal:
            raise AccessDenied("permission denied", where=str(path)) from refusal
        return True

    def _write(self, changes: Mapping[Path, Json]) -> None:
        body: Json = {"/".join(path): value for path, value in changes.items()}
        try:
            self._namespace.write(Write.patch(ROOT, body), self._caller, self._now())
        except Refusal as refusal:
            raise AccessDenied("permission denied") from refusal

    def _now(self) -> int:
        return time.time_ns() // 1_000_000


class Silence:
    """A subscription to a service that says nothing."""

    state: ConnectionState = "connecting"
    since = 0.0
    reason: str | None = None
    retry_in: float | None = None
    last_heard: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whoever waits for it waits where it is iterated."""
        return True

    def share(self, notifier: Notifier, on_live: Callable[[], None]) -> None: ...

    def begin(self) -> None: ...

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ListenItem:
        raise StopAsyncIteration

    def again(self, touched: frozenset[str]) -> None: ...

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
