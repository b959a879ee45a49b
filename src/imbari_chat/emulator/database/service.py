"""An operation carried out: a request in, an answer and the events it causes out.

Told the time; no sockets. Every request is handled in one go, so requests never interleave.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote, urlencode

from imbari_chat.emulator.database.answers import Done, at_once, mismatched, pushed, stored
from imbari_chat.emulator.database.audiences import Listener, PendingEvent
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.commits import commit
from imbari_chat.emulator.database.credentials import Caller, caller
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.events import Event
from imbari_chat.emulator.database.limits import Limits, answer_too_big
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Commit, Namespace, etag
from imbari_chat.emulator.database.refusal import Mismatch, Refusal, denied
from imbari_chat.emulator.database.requests import (
    Inspect,
    Merge,
    Operation,
    Push,
    Read,
    ReadSetting,
    Request,
    Store,
    WriteSetting,
    operation,
)
from imbari_chat.emulator.database.responses import (
    Response,
    callback,
    empty,
    failed,
    found,
    moved,
    page,
)
from imbari_chat.emulator.database.settings import read_setting, write_setting
from imbari_chat.emulator.database.windows import Reading
from imbari_chat.emulator.offload import LARGE, Runner, here
from imbari_chat.errors import InvalidData
from imbari_chat.rules import coverage_page
from imbari_chat.wire.json import Json
from imbari_chat.wire.keys import in_order
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.tree import EMPTY, Branch, Leaf, Node

__all__ = ["Answer", "Opened", "Service"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that is done.

    Attributes:
        events: Events to deliver before the answer is sent.
    """

    response: Response
    events: Sequence[PendingEvent] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that became a stream.

    Attributes:
        export: Values carry priorities, and lists stay objects.
    """

    namespace: Namespace
    listener: Listener
    first: Event
    export: bool = False


class Service:
    """Carries out requests.

    Args:
        databases: What they are about.
        push_ids: Names what is pushed.
        enforce_expiry: See :func:`imbari_chat.emulator.database.credentials.caller`.
        redirect_streams: See :class:`imbari_chat.emulator.database.app.DatabaseApp`.
        limits: How much one request may carry.
    """

    def __init__(
        self,
        databases: Databases,
        push_ids: PushIds,
        *,
        enforce_expiry: bool = False,
        redirect_streams: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._databases = databases
        self._push_ids = push_ids
        self._enforce_expiry = enforce_expiry
        self._redirect_streams = redirect_streams
        self._limits = limits or Limits()

    def handle(self, request: Request, clock: float) -> Answer | Opened:
        """Do what the request asks for, at once; a refusal is an answer too.

        Args:
            clock: Seconds since the epoch.
        """
        answering = self.answer(request, lambda: clock, here)
        try:
            answering.send(None)
        except StopIteration as stopped:
            outcome: Done | Opened = stopped.value
        else:
            raise RuntimeError("somebody else is writing")
        return (
            outcome if isinstance(outcome, Opened) else Answer(outcome.response(), outcome.events)
        )

    async def answer(
        self, request: Request, clock: Callable[[], float], runner: Runner
    ) -> Done | Opened:
        """Do what the request asks for; a refusal is an answer too.

        What the request changes, it changes at one moment, and that is the last one in which
        anybody else may run before this returns.

        Args:
            clock: Seconds since the epoch.
            runner: Does what takes long.
        """
        try:
            outcome = await self._answer(request, clock, runner)
        except Refusal as refusal:
            return _refused(refusal)
        except Mismatch as mismatch:
            return mismatched(mismatch.current, request)
        if isinstance(outcome, Opened):
            return outcome
        return replace(outcome, response=partial(_written, outcome.response))

    async def _answer(
        self, request: Request, clock: Callable[[], float], runner: Runner
    ) -> Done | Opened:
        size = len(request.body)
        asked = await runner(size, partial(_prepared, request, large=size >= LARGE))
        began = clock()
        who = caller(
            request.parameters,
            request.headers.get("authorization"),
            began,
            enforce_expiry=self._enforce_expiry,
        )
        namespace = self._databases.addressed(
            request.parameters.get("ns"), request.headers.get("host", "")
        )
        now = int(began * 1000)
        match asked:
            case Read():
                return self._read(asked, request, namespace, who, now)
            case Store(write=write, if_match=if_match):
                committed = await self._commit(
                    write, request, namespace, who, clock, runner, if_match
                )
                return stored(write, request, committed, tagged=if_match is not None)
            case Merge(write=write):
                committed = Commit(namespace.root)
                if write.values:
                    committed = await self._commit(write, request, namespace, who, clock, runner)
                return stored(write, request, committed)
            case Push(path=path, value=value):
                key = self._push_ids.make(now)
                write = Write.put(path / key, value)
                if size >= LARGE:
                    write = await runner(size, write.prepared)
                committed = await self._commit(write, request, namespace, who, clock, runner)
                return pushed(key, write, request, committed)
        _insist_on_admin(who)
        match asked:
            case Inspect():
                return at_once(self._inspect(asked, namespace))
            case ReadSetting():
                return at_once(read_setting(asked, namespace))
            case WriteSetting():
                return at_once(found({"status": "ok"}), write_setting(asked, namespace, now))

    def _read(
        self, asked: Read, request: Request, namespace: Namespace, who: Caller, now: int
    ) -> Done | Opened:
        if asked.stream and self._redirect_streams and not request.wants("sse", "true"):
            return at_once(moved(_elsewhere(request, namespace)))
        if asked.stream:
            target = Target(asked.path, asked.query)
            return Opened(namespace, *namespace.listen(target, who, now), asked.export)
        reading = namespace.read(asked.path, asked.query, who, now)
        if asked.priority:
            reading = Reading(_priority(reading.node))
        return Done(partial(self._found, asked, request, reading), reading.seen.weight)

    def _found(self, asked: Read, request: Request, reading: Reading) -> Response:
        tag = None
        if request.wants_etag or asked.if_none_match is not None:
            tag = etag(reading.seen)
            if tag == asked.if_none_match:
                return empty(304, tag=tag)
        if request.silent:
            return empty(204, tag=tag)
        value = _shallow(reading.seen) if asked.shallow else reading.to_json(export=asked.export)
        pretty = request.wants("print", "pretty")
        if asked.callback is not None:
            response = callback(asked.callback, value, pretty=pretty)
        else:
            large = reading.seen.weight >= LARGE
            response = found(value, pretty=pretty, tag=tag, download=asked.download, large=large)
        if len(response.body) > self._limits.answer:
            raise answer_too_big()
        return response

    async def _commit(
        self,
        write: Write,
        request: Request,
        namespace: Namespace,
        who: Caller,
        clock: Callable[[], float],
        runner: Runner,
        if_match: str | None = None,
    ) -> Commit:
        size_limit = request.parameters.get(
            "writeSizeLimit", namespace.settings["defaultWriteSizeLimit"]
        )
        room = self._limits.room(size_limit)
        try:
            return await commit(
                namespace,
                write,
                who,
                clock,
                runner,
                size=len(request.body),
                if_match=if_match,
                room=room,
            )
        except InvalidData as error:
            raise _unstorable(error) from None

    def _inspect(self, asked: Inspect, namespace: Namespace) -> Response:
        if asked.name == "databases":
            return found([{"name": each.name} for each in self._databases])
        if asked.name != "coverage":
            raise Refusal(404, "404 Not Found")
        if asked.page:
            return page(coverage_page(namespace.coverage, namespace.name))
        return found(namespace.coverage.to_json())


def _insist_on_admin(who: Caller) -> None:
    """Settings and inspection are for admins. [unsure] in status and text."""
    if not who.admin:
        raise denied()


def _elsewhere(request: Request, namespace: Namespace) -> str:
    """The same stream at another name of this machine, its database told outright.

    [unsure]: no rule is asked before a stream is sent on.
    """
    name, _, port = request.headers.get("host", "").rpartition(":")
    other = "127.0.0.1" if name == "localhost" else "localhost"
    parameters = {**request.parameters, "ns": namespace.name, "sse": "true"}
    return f"http://{other}:{port}{request.path}?{urlencode(parameters, quote_via=quote)}"


def _prepared(request: Request, *, large: bool) -> Operation:
    asked = operation(request)
    if large and isinstance(asked, Store | Merge):
        return replace(asked, write=asked.write.prepared())
    return asked


def _unstorable(error: InvalidData) -> Refusal:
    """[unsure]: the service's texts for values that cannot be stored are not recorded."""
    return Refusal(400, error.what)


def _refused(refusal: Refusal) -> Done:
    return at_once(failed(refusal))


def _written(response: Callable[[], Response]) -> Response:
    try:
        return response()
    except Refusal as refusal:
        return failed(refusal)


def _priority(node: Node) -> Node:
    return EMPTY if node.priority is None else Leaf(node.priority)


def _shallow(node: Node) -> Json:
    """Keys only; never a list, and null where no key is left. [unsure]"""
    if isinstance(node, Branch):
        return dict.fromkeys(in_order(node.children), True) or None
    return node.value
