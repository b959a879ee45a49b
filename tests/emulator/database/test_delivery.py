"""Events on their way: what is large is written once for all who wait for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.delivery import Delivery, Form, SocketForm, StreamForm
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.streams import Stream
from imbari_chat.emulator.offload import Offload
from imbari_chat.emulator.outgoing import PIECE, Backlog, Outgoing, Payload
from imbari_chat.rules import Ruleset
from imbari_chat.wire.paths import Path

T = TypeVar("T")

NAMED = [SocketForm("1"), SocketForm("2"), SocketForm()]
"""Sockets that call a listen what they like."""


@dataclass
class Counted:
    """Work is done at once, and how much of it was large is known."""

    large: int = 0

    async def __call__(self, weight: int, work: Callable[[], T]) -> T:
        self.large += 1
        return work()


@dataclass(eq=False)
class Reader:
    """A listener's end, which takes nothing by itself."""

    form: Form
    backlog: Backlog
    payloads: list[Payload] = field(default_factory=list)

    def push(self, payload: Payload, *, asked: bool = False) -> None:
        self.payloads.append(payload)
        self.backlog.push(payload)

    def holds(self, payload: Payload) -> bool:
        return payload in self.payloads and bool(payload.backlogs)

    def cancel(self) -> None: ...

    @property
    def told(self) -> bytes:
        return b"".join(each.data or b"" for each in self.payloads)


@pytest.mark.parametrize("at_first", [True, False])
@pytest.mark.parametrize(
    ("forms", "written"),
    [
        ([StreamForm()] * 3, 1),
        ([StreamForm(export=True)] * 3, 1),
        (NAMED, 1),
        ([StreamForm(), StreamForm(export=True), *NAMED], 3),
    ],
)
async def test_what_is_large_is_written_once_in_each_form(
    forms: list[Form], written: int, at_first: bool
) -> None:
    """Said to all who listen, or at first to one after the other; and it is held once."""
    outgoing, counted = Outgoing(10**9), Counted()
    delivery = Delivery(outgoing, cast("Offload", counted), 10**9)
    namespace = Namespace("t", Ruleset.open())
    large = Write.put(Path(("a",)), "x" * PIECE)
    if at_first:
        namespace.write(large, ADMIN, 0)
    readers = []
    for form in forms:
        backlog = Backlog(outgoing, 10**9, wake=lambda: None, cut_off=lambda: None)
        reader = Reader(form, backlog)
        listener, first = namespace.listen(Target(Path(("a",))), ADMIN, 0)
        delivery.attach(listener, reader)
        readers.append(reader)
        if at_first:
            delivery.first(namespace, listener, first)
    if not at_first:
        delivery.deliver(namespace.write(large, ADMIN, 0).events)
    await asyncio.gather(*delivery._writing)
    assert counted.large == written
    assert all(b"x" * PIECE in reader.told.replace(b"\n", b"") for reader in readers)
    assert PIECE * written < outgoing.held < (PIECE + 1000) * written


async def test_nothing_is_kept_of_what_has_been_taken() -> None:
    """One large place after the other: what is at first, and what wrote it."""
    outgoing = Outgoing(10**9)
    delivery = Delivery(outgoing, cast("Offload", Counted()), 10**9)
    namespace = Namespace("t", Ruleset.open())
    for name in "abc":
        place = Path((name,))
        namespace.write(Write.put(place, "x" * PIECE), ADMIN, 0)
        backlog = Backlog(outgoing, 10**9, wake=lambda: None, cut_off=lambda: None)
        listener, first = namespace.listen(Target(place), ADMIN, 0)
        delivery.attach(listener, Reader(SocketForm(), backlog))
        delivery.first(namespace, listener, first)
        assert len(delivery._firsts) == 1
        await asyncio.gather(*delivery._writing)
        assert not delivery._writing
        while backlog.piece() is not None:
            pass
    assert outgoing.held == 0


@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_stream_that_was_cut_off_before_it_began_does_not_begin(is_cut: bool) -> None:
    """It would end as if there were no more to tell."""
    outgoing, sent = Outgoing(1 << 20), list[Any]()
    stream = Stream(outgoing, bound=1, keep_alive=60.0, expires_in=lambda: None)
    for _ in range(9 if is_cut else 1):
        stream.push(Payload(b"data: 1"))
    stream.cancel()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await stream.run(receive, send)
    start, body = "http.response.start", "http.response.body"
    assert sent == ([] if is_cut else [start, body, body, body])
    assert outgoing.held == 0
