"""Events on their way to whoever they are owed to: each is written once in each form.

Streams and sockets share what waits for them: an event for a thousand listeners is a thousand
places in a thousand queues, and one piece of memory. Large ones are written in a thread, and keep
their place in every queue meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from imbari_chat.emulator.database.audiences import Listener, PendingEvent
from imbari_chat.emulator.database.events import CANCEL, Event
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.offload import Offload
from imbari_chat.emulator.outgoing import PIECE, Outgoing, Payload
from imbari_chat.wire.framing import texts
from imbari_chat.wire.sse import Frame, encode
from imbari_chat.wire.tree import Node

__all__ = ["Delivery", "Form", "Reader", "SocketForm", "StreamForm", "lines"]


@dataclass(frozen=True, slots=True)
class StreamForm:
    """An event stream's.

    Attributes:
        export: With priorities, and lists as objects.
    """

    export: bool = False


@dataclass(frozen=True, slots=True)
class SocketForm:
    """A socket's: texts, each with a line feed behind it, which none has inside.

    Attributes:
        tag: JSON of what the client calls the listen; nothing if it has not given it a name.
    """

    tag: str = ""


Form: TypeAlias = StreamForm | SocketForm


class Reader(Protocol):
    """One listener's end."""

    @property
    def form(self) -> Form:
        """How it has its events written."""
        ...

    def push(self, payload: Payload, *, asked: bool = False) -> None:
        """Let it wait for its turn."""
        ...

    def holds(self, payload: Payload) -> bool:
        """It waits here already."""
        ...

    def cancel(self) -> None:
        """The listener may not listen any more."""
        ...


class Delivery:
    """Whoever listens, over all databases and transports.

    Args:
        outgoing: What waits for all of them.
        offload: Where large events are written.
        largest: Bytes of an event of a stream, which ends with a larger one.
    """

    def __init__(self, outgoing: Outgoing, offload: Offload, largest: int) -> None:
        self.outgoing = outgoing
        self._offload = offload
        self._largest = largest
        self._readers: dict[Listener, Reader] = {}
        self._firsts: dict[tuple[str, Target, Form], tuple[Node, Payload]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def attach(self, listener: Listener, reader: Reader) -> None:
        """From now on ``reader`` is told what ``listener`` is owed."""
        self._readers[listener] = reader

    def detach(self, listener: Listener) -> None:
        """Nobody is told of it any more. Doing so twice is fine."""
        self._readers.pop(listener, None)

    def deliver(self, events: Iterable[PendingEvent]) -> None:
        """Queue events on the readers they are owed to."""
        for each in events:
            written: dict[Form, Payload] = {}
            for listener in each.listeners:
                reader = self._readers.get(listener)
                if reader is None:
                    continue
                if each.event is CANCEL:
                    reader.cancel()
                    continue
                for payload in self._payloads(each.event, reader.form, written):
                    reader.push(payload)

    def first(self, namespace: Namespace, listener: Listener, event: Event) -> None:
        """Everything there is, for the reader of ``listener``.

        Whoever comes before it has been taken shares it.
        """
        reader = self._readers[listener]
        shared: dict[Form, Payload] = {}
        form, place = _shared(reader.form), (namespace.name, listener.target)
        known = self._firsts.get((*place, form))
        if known is not None and known[0] is event.node and _is_waited_for(known[1], reader):
            shared[form] = known[1]
        for payload in self._payloads(event, reader.form, shared):
            reader.push(payload, asked=True)
        if form in shared and event.weight >= PIECE:
            self._firsts = {key: row for key, row in self._firsts.items() if row[1].backlogs}
            self._firsts[(*place, form)] = (event.node, shared[form])

    def later(self, weight: int, write: Callable[[], bytes]) -> Payload:
        """Bytes that ``write`` gives: at once, or those of something large in a thread."""
        if weight < PIECE:
            return Payload(write())
        return self._filled(weight, lambda: (write(), False))

    def _payloads(self, event: Event, form: Form, written: dict[Form, Payload]) -> list[Payload]:
        """The event in this form; what others have of it already is shared."""
        if isinstance(form, StreamForm):
            if form not in written:
                written[form] = self._frame(event, form)
            return [written[form]]
        if event.weight < PIECE:
            if form not in written:
                written[form] = Payload(lines(texts(event.message(form.tag))))
            return [written[form]]
        shared = _shared(form)
        if shared not in written:
            written[shared] = self._filled(event.weight, lambda: (_parts(event), False))
        return [written[shared], Payload(lines([event.rest(form.tag)]))]

    def _frame(self, event: Event, form: StreamForm) -> Payload:
        def write() -> tuple[bytes, bool]:
            """The bytes, and whether they end the stream."""
            data = _encoded(event.frame(export=form.export))
            return (data, False) if len(data) <= self._largest else (_encoded(CANCEL.frame()), True)

        if event.weight >= PIECE:
            return self._filled(event.weight, write)
        data, last = write()
        return Payload(data, last=last)

    def _filled(self, weight: int, write: Callable[[], tuple[bytes, bool]]) -> Payload:
        payload = Payload(None, size=weight)

        async def fill() -> None:
            data, last = await self._offload(weight, write)
            self.outgoing.fill(payload, data, last=last)

        writing = asyncio.ensure_future(fill())
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return payload


def lines(said: Iterable[str]) -> bytes:
    """Texts as a socket's queue has them."""
    return "".join(f"{text}\n" for text in said).encode()


def _shared(form: Form) -> Form:
    """The form of what is the same for all listens: everything but the tag."""
    return form if isinstance(form, StreamForm) else SocketForm("shared")


def _is_waited_for(payload: Payload, reader: Reader) -> bool:
    """By others, but not by ``reader``: no queue has one payload twice."""
    return bool(payload.backlogs) and not reader.holds(payload)


def _parts(event: Event) -> bytes:
    parts = event.parts()
    return lines([str(len(parts) + 1), *parts])


def _encoded(frame: Frame) -> bytes:
    return encode(frame.event, frame.data)
