"""The two faces of the client, so that what is true of both is written once.

A scenario is written against the async classes. For the blocking face, :class:`Adapted` stands in
for them: what the async class awaits is called on a thread, as an ordinary program would, and what
it does not await is called where it stands.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    AsyncTeam,
    BlockingPager,
    Conversation,
    CustomerChat,
    Settings,
    Team,
)
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sync.portal import BlockingIterator
from imbari_chat.emulator import Emulator
from imbari_chat.identity import factory, sign_in
from imbari_chat.identity.accounts import AdminAccounts
from tests.faults.proxy import Proxy

__all__ = [
    "FACES",
    "PASSWORD",
    "WAIT",
    "Face",
    "Heard",
    "Scenario",
    "break_line",
    "eventually",
    "public_names",
]

PASSWORD = "correct horse battery staple"

WAIT = 60.0
"""Seconds until something that should happen counts as not happening."""

R = TypeVar("R")

_ASYNC: dict[type, type] = {
    AdminChat: AsyncAdminChat,
    Conversation: AsyncConversation,
    CustomerChat: AsyncCustomerChat,
    Team: AsyncTeam,
}


def public_names(kind: type) -> set[str]:
    """What a class offers. ``id`` is set in ``__init__`` and so not among it."""
    return {name for name in dir(kind) if not name.startswith("_")}


@dataclass
class Face:
    """One way to use the client, pointed at an emulator.

    Attributes:
        blocking: Which.
        emulator: The service, under the strict rules.
        flags: Settings that point at it.
        seed: Write anything anywhere, past the rules.
        stored: Read anything, past the rules.
        called: The name of each member used so far, after its async class.
    """

    blocking: bool
    emulator: Emulator
    flags: dict[str, Any]
    seed: Callable[[str, Any], None]
    stored: Callable[[str], Any]
    called: set[tuple[type, str]] = field(default_factory=set)
    _made: list[Any] = field(default_factory=list)

    def desk(self, **flags: Any) -> AsyncAdminChat:
        """An admin."""
        kind = AdminChat if self.blocking else AsyncAdminChat
        return cast("AsyncAdminChat", self._keep(kind.from_env(**{**self.flags, **flags})))

    def customer(self, **flags: Any) -> AsyncCustomerChat:
        """Somebody new."""
        kind = CustomerChat if self.blocking else AsyncCustomerChat
        return cast("AsyncCustomerChat", self._keep(kind.from_env(**{**self.flags, **flags})))

    def signed_in_desk(self, *, admin: bool) -> AsyncAdminChat:
        """Somebody with a password, who may or may not be an admin."""
        name = "amina" if admin else "ben"
        chosen = {**self.flags, "identity": "login", "profile": name}
        settings = Settings.load(**chosen)
        where = factory.sign_in_project(settings)
        email = f"{name}@example.com"
        accounts = AdminAccounts(where)
        accounts.create(email, PASSWORD)
        if admin:
            accounts.grant(email)
        accounts.close()
        kept = factory.stored_sign_in(settings, where, "admin")
        sign_in.sign_in_with_password(where, email, PASSWORD, on_tokens=kept.keep).close()
        return self.desk(**chosen)

    def handler(
        self, function: Callable[[Any], Coroutine[Any, Any, None]]
    ) -> Callable[[Any], object]:
        """An event handler that calls the client back, as this face's handlers do.

        In the blocking one it is a plain function, and what it calls blocks the handlers' thread.
        """
        if not self.blocking:
            return function
        return lambda event: _run_here(function(event))

    def transport(self, chat: object) -> Any:
        """The transport inside, to put something between a client and its service.

        A blocking client's belongs to its own event loop.
        """
        inner = cast("Recorded", chat).inner
        gateway: Gateway = getattr(inner, "_client", inner)._gateway
        return gateway._transport

    async def close(self) -> None:
        """Close what was made and left open."""
        for chat in self._made:
            await chat.close()

    def _keep(self, chat: object) -> Any:
        wrapped = (Adapted if self.blocking else Recorded)(chat, self.called)
        self._made.append(wrapped)
        self.called.add((wrapped.kind, "from_env"))
        return wrapped


class Recorded:
    """Passes everything on to a client of the async face, and remembers what was used."""

    def __init__(self, inner: Any, called: set[tuple[type, str]]) -> None:
        self.inner = inner
        self.kind = _ASYNC.get(type(inner), type(inner))
        self._called = called

    def __getattr__(self, name: str) -> Any:
        if name in public_names(self.kind):
            self._called.add((self.kind, name))
        member = getattr(self.inner, name)
        if callable(member) and not inspect.iscoroutinefunction(member):
            return lambda *args, **options: self._wrapped(member(*args, **options))
        return self._wrapped(member)

    def _wrapped(self, result: Any) -> Any:
        known = isinstance(result, AsyncConversation | AsyncTeam)
        return Recorded(result, self._called) if known else result

    async def __aenter__(self) -> Any:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *how: Any) -> None:
        await self.inner.__aexit__(*how)


class Adapted(Recorded):
    """A client of the blocking face, used as if it were one of the async face."""

    def __getattr__(self, name: str) -> Any:
        if name in public_names(self.kind):
            self._called.add((self.kind, name))
        original = getattr(self.kind, name, None)
        if isinstance(original, property) or original is None:
            return self._wrapped(getattr(self.inner, name))
        member = getattr(self.inner, name)
        if inspect.iscoroutinefunction(original):
            return lambda *args, **options: _off_loop(member, *args, **options)
        return lambda *args, **options: self._wrapped(member(*args, **options))

    def _wrapped(self, result: Any) -> Any:
        if isinstance(result, BlockingIterator):
            return _adapted(result)
        if isinstance(result, BlockingPager):
            return AdaptedPager(result)
        known = isinstance(result, Conversation | Team)
        return Adapted(result, self._called) if known else result

    async def __aenter__(self) -> Any:
        await _off_loop(self.inner.__enter__)
        return self

    async def __aexit__(self, *how: Any) -> None:
        await _off_loop(self.inner.__exit__, *how)


class AdaptedPager:
    """A pager of the blocking face, used as if it were one of the async face."""

    def __init__(self, inner: BlockingPager[Any]) -> None:
        self._inner = inner

    async def older(self) -> list[Any]:
        return await _off_loop(self._inner.older)

    async def newer(self) -> list[Any]:
        return await _off_loop(self._inner.newer)

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        while (record := await _off_loop(next, self._inner, None)) is not None:
            yield record


async def _adapted(events: BlockingIterator[R]) -> AsyncGenerator[R, None]:
    with_end = iter(events)
    try:
        while (event := await _off_loop(next, with_end, None)) is not None:
            yield event
    finally:
        await _off_loop(events.close)


async def _off_loop(function: Callable[..., R], *args: Any, **options: Any) -> R:
    """On another thread; where it stands on a thread without a loop, which a handler's is."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function(*args, **options)
    return await asyncio.to_thread(function, *args, **options)


def _run_here(steps: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait."""
    try:
        steps.send(None)
    except StopIteration:
        return
    raise AssertionError("a handler of the blocking face has nothing to await")


class Heard:
    """What handlers were given; fit for any thread. Make it on the test's loop."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._loop = asyncio.get_running_loop()
        self._notifier = asyncio.Event()

    def __call__(self, *what: Any) -> None:
        self.all.append(what[0] if len(what) == 1 else what)
        self._loop.call_soon_threadsafe(self._notifier.set)

    @property
    def texts(self) -> list[str]:
        """Of the messages among it."""
        return [one.message.text for one in self.all]

    async def until(self, count: int) -> list[Any]:
        """Wait until that many are here, and give all."""
        async with asyncio.timeout(WAIT):
            while len(self.all) < count:
                self._notifier.clear()
                await self._notifier.wait()
        return self.all


async def eventually(condition: Callable[[], bool]) -> None:
    """Look again and again until it is true."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110  # it may be about another thread
            await asyncio.sleep(0.005)


async def break_line(proxy: Proxy, client: AsyncAdminChat | AsyncCustomerChat) -> None:
    """Have no network, and ``client``, which listens, know it.

    What is written before goes into a dead connection, and nobody knows what became of it.
    """
    await proxy.refuse()
    await eventually(lambda: client.status.state == "reconnecting")


Scenario = Callable[[Face], Awaitable[None]]

FACES = {"async": False, "blocking": True}
