"""An operation carried out: a request in, an answer and the events it causes out.

Told the time; no sockets. Every request is handled in one go, so requests never interleave.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller, caller
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.limits import SIZE_LIMITS, Limits, answer_too_big
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Commit, Listener, Namespace, PendingEvent, etag
from imbari_chat.emulator.database.refusal import Mismatch, Refusal, denied
from imbari_chat.emulator.database.requests import (
    Inspect,
    Merge,
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
    plain,
)
from imbari_chat.emulator.database.windows import Reading
from imbari_chat.errors import InvalidData, RulesError
from imbari_chat.rules import Ruleset, coverage_page
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.keys import in_order
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.sse import Frame
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
    """A request that became a stream."""

    namespace: Namespace
    listener: Listener
    first: Frame


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
        """Do what the request asks for; a refusal is an answer too.

        Args:
            clock: Seconds since the epoch.
        """
        try:
            return self._handle(request, clock)
        except Refusal as refusal:
            return Answer(failed(refusal))
        except Mismatch as mismatch:
            node, pretty = mismatch.current, request.wants("print", "pretty")
            return Answer(found(node.to_json(), status=412, tag=etag(node), pretty=pretty))

    def _handle(self, request: Request, clock: float) -> Answer | Opened:
        asked = operation(request)
        who = caller(
            request.parameters,
            request.headers.get("authorization"),
            clock,
            enforce_expiry=self._enforce_expiry,
        )
        namespace = self._databases.addressed(
            request.parameters.get("ns"), request.headers.get("host", "")
        )
        now = int(clock * 1000)
        match asked:
            case Read():
                return self._read(asked, request, namespace, who, now)
            case Store(write=write, if_match=if_match):
                commit = self._commit(write, request, namespace, who, now, if_match)
                node = write.found(commit.after)
                tag = etag(node) if request.wants_etag or if_match is not None else None
                return _done(request, write.stored(commit.after), commit, tag=tag)
            case Merge(write=write):
                commit = Commit(namespace.root)
                if write.values:
                    commit = self._commit(write, request, namespace, who, now)
                return _done(request, write.stored(commit.after), commit)
            case Push(path=path, value=value):
                key = self._push_ids.make(now)
                write = Write.put(path / key, value)
                commit = self._commit(write, request, namespace, who, now)
                tag = etag(commit.after.at(write.base)) if request.wants_etag else None
                return _done(request, {"name": key}, commit, tag=tag)
        _insist_on_admin(who)
        match asked:
            case Inspect():
                return Answer(self._inspect(asked, namespace))
            case ReadSetting():
                return Answer(_setting(asked, namespace))
            case WriteSetting():
                return _set(asked, namespace, now)

    def _read(
        self, asked: Read, request: Request, namespace: Namespace, who: Caller, now: int
    ) -> Answer | Opened:
        if asked.stream and self._redirect_streams and not request.wants("sse", "true"):
            return Answer(moved(_elsewhere(request, namespace)))
        if asked.stream:
            target = Target(asked.path, asked.query, asked.export)
            return Opened(namespace, *namespace.listen(target, who, now))
        reading = namespace.read(asked.path, asked.query, who, now)
        if asked.priority:
            reading = Reading(_priority(reading.node))
        tag = None
        if request.wants_etag or asked.if_none_match is not None:
            tag = etag(reading.seen)
            if tag == asked.if_none_match:
                return Answer(empty(304, tag=tag))
        if request.silent:
            return Answer(empty(204, tag=tag))
        value = _shallow(reading.seen) if asked.shallow else reading.to_json(export=asked.export)
        pretty = request.wants("print", "pretty")
        if asked.callback is not None:
            response = callback(asked.callback, value, pretty=pretty)
        else:
            response = found(value, pretty=pretty, tag=tag, download=asked.download)
        if len(response.body) > self._limits.answer:
            raise answer_too_big()
        return Answer(response)

    def _commit(
        self,
        write: Write,
        request: Request,
        namespace: Namespace,
        who: Caller,
        now: int,
        if_match: str | None = None,
    ) -> Commit:
        """[unsure]: the service's texts for values that cannot be stored are not recorded."""
        size_limit = request.parameters.get(
            "writeSizeLimit", namespace.settings["defaultWriteSizeLimit"]
        )
        room = self._limits.room(size_limit)
        try:
            return namespace.write(write, who, now, if_match=if_match, room=room)
        except InvalidData as error:
            raise Refusal(400, error.what) from None

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


def _done(request: Request, value: Json, commit: Commit, *, tag: str | None = None) -> Answer:
    if request.silent:
        return Answer(empty(204, tag=tag), commit.events)
    pretty = request.wants("print", "pretty")
    return Answer(found(value, pretty=pretty, tag=tag), commit.events)


def _priority(node: Node) -> Node:
    return EMPTY if node.priority is None else Leaf(node.priority)


def _shallow(node: Node) -> Json:
    """Keys only; never a list, and null where no key is left. [unsure]"""
    if isinstance(node, Branch):
        return dict.fromkeys(in_order(node.children), True) or None
    return node.value


def _setting(asked: ReadSetting, namespace: Namespace) -> Response:
    if asked.name == "rules":
        return found(namespace.rules.json) if asked.strict else plain(namespace.rules.text)
    if asked.name not in namespace.settings:
        raise Refusal(404, "404 Not Found")
    return found(namespace.settings[asked.name])


def _set(asked: WriteSetting, namespace: Namespace, now: int) -> Answer:
    if asked.name == "rules":
        return _set_rules(asked, namespace, now)
    if asked.name not in namespace.settings:
        raise Refusal(404, "404 Not Found")
    try:
        value = parse(asked.body)
    except InvalidData:
        raise Refusal(400, "Invalid data; couldn't parse JSON object, array, or value.") from None
    if not _is_setting(asked.name, value):
        raise _bad_setting(asked.name)
    if not asked.dry_run:
        namespace.settings[asked.name] = value
    return Answer(found({"status": "ok"}))


def _is_setting(name: str, value: Json) -> bool:
    if name == "defaultWriteSizeLimit":
        return isinstance(value, str) and value in SIZE_LIMITS
    return isinstance(value, bool)


def _bad_setting(name: str) -> Refusal:
    """[unsure]: the service's text is not recorded."""
    return Refusal(400, f"{name} cannot be set to this value")


def _set_rules(asked: WriteSetting, namespace: Namespace, now: int) -> Answer:
    try:
        rules = Ruleset.parse(asked.body.decode())
    except RulesError as error:
        raise Refusal(400, f"{error.line}:{error.column}: {error.what}\n") from None
    except UnicodeDecodeError:
        raise Refusal(400, "1:1: The rules are not UTF-8.\n") from None
    events = [] if asked.dry_run else namespace.set_rules(rules, now)
    return Answer(found({"status": "ok"}), events)
