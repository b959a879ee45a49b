"""The server's end of one socket, without the socket: messages in, effects out.

Requests are done one after the other, and answered in that order. What a request causes comes
before its answer, on this socket as on all others: data before the ok of a listen, the echo of a
write before its acknowledgement. The SDKs drop what they have shown meanwhile when the answer
comes, and would show the old value again if the new one were still on its way.

An answer says ``ok`` or what was wrong, as text:

    permission_denied   the rules say no; before it comes why, as security-debug text
    datastale           the hash of a write is not that of what is there
    invalid_token, expired_token
    too_big             more than one read may give
    failure             a path, key, value, query or body that makes no sense, or a missing index
    error               an action nobody knows

What cannot be answered, as it is no request, ends the connection with a reason.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from imbari_chat.emulator.database.audiences import Listener
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.commits import commit, draft
from imbari_chat.emulator.database.credentials import NOBODY, Caller, Expired
from imbari_chat.emulator.database.events import Event
from imbari_chat.emulator.database.limits import AnswerTooBig, Limits, answer_too_big
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace, etag
from imbari_chat.emulator.database.on_disconnect import OnDisconnect, Parting
from imbari_chat.emulator.database.peer_effects import (
    Attach,
    Deliver,
    Detach,
    Effect,
    End,
    Say,
)
from imbari_chat.emulator.database.refusal import Mismatch, Refusal
from imbari_chat.emulator.database.socket_credentials import BadToken, expires, signed_in
from imbari_chat.emulator.offload import LARGE, Runner
from imbari_chat.errors import InvalidData
from imbari_chat.wire.digest import digest
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import (
    PONG,
    Answer,
    Control,
    Push,
    Request,
    from_client,
    location,
    on_the_wire,
)
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import from_object
from imbari_chat.wire.tree import EMPTY
from imbari_chat.wire.updates import PRIORITY, changes

__all__ = ["Peer"]

_POLICY_VIOLATION: Final = 1008
_LISTENS: Final = 20_000


class Peer:
    """One connection.

    Args:
        namespace: Its database.
        limits: How much one message may ask for.
        enforce_expiry: Refuse ended tokens.

    Attributes:
        namespace: Its database.
        who: Who is signed in.
        told: Of the last request: its action and place, and what it came to.
    """

    def __init__(
        self, namespace: Namespace, limits: Limits, *, enforce_expiry: bool = False
    ) -> None:
        self.namespace = namespace
        self._limits = limits
        self._enforce_expiry = enforce_expiry
        self.who = NOBODY
        self.told: tuple[str, str, str] | None = None
        self._listens: dict[Target, Listener] = {}
        self._queries: dict[Listener, Json] = {}
        self._on_disconnect = OnDisconnect(limits.message)

    async def receive(self, text: str, clock: Callable[[], float], runner: Runner) -> list[Effect]:
        """Do what a message asks for.

        What it changes, it changes at the last moment in which anybody else may run before this
        returns; the effects are to follow at once.

        Args:
            text: The whole message.
            clock: Seconds since the epoch.
            runner: Does what takes long.
        """
        self.told = None
        try:
            reading = partial(from_client, text, in_steps=len(text) >= LARGE)
            message = await runner(len(text), reading)
        except InvalidData as error:
            return [End(_POLICY_VIOLATION, error.what)]
        if isinstance(message, Control):
            return [_said(PONG)] if message.kind == "p" else []
        try:
            effects = await self._asked(message, len(text), clock, runner)
            status = "ok"
        except (InvalidData, Refusal, Mismatch) as error:
            status, told = _failed(error)
            effects = [_said(Answer(message.number, status, told))]
            if isinstance(error, Refusal) and error.why is not None:
                effects.insert(0, _said(Push("sd", {"msg": error.why})))
        place = message.body.get("p")
        self.told = (message.action, place if isinstance(place, str) else "", status)
        return effects

    def cancelled(self, listener: Listener) -> str:
        """The message that tells of a listen which may not go on.

        It names the query as the client does: without, the SDKs take it for the default listen.
        """
        query = self._queries.pop(listener, None)
        self._listens.pop(listener.target, None)
        body: dict[str, Json] = {"p": on_the_wire(listener.target.path)}
        if listener.target.query is not None:
            body["q"] = [query]
        return str(Push("c", body))

    def expired(self, now: int) -> list[Effect]:
        """The token has ended: say so, and go on as nobody."""
        told = {"s": "expired_token", "d": "Auth token is expired."}
        return [_said(Push("ac", told)), *self._recast(NOBODY, now)]

    async def left(self, clock: Callable[[], float]) -> list[Effect]:
        """The connection has ended: owe it nothing, and do what it wanted done now.

        Asked as one update, so that nobody sees half of it. If the rules refuse that, each part is
        asked by itself, under the rules of whoever wanted it, and what is refused is dropped.
        """
        effects: list[Effect] = []
        for listener in self._listens.values():
            self.namespace.unlisten(listener)
            effects.append(Detach(listener))
        self._listens.clear()
        partings = self._on_disconnect.partings()
        if partings:
            async with self.namespace.writing:
                now = int(clock() * 1000)
                if not self._part(_together(partings), now, effects):
                    for parting in partings:
                        self._part(parting, now, effects)
        return effects

    async def _asked(
        self, request: Request, size: int, clock: Callable[[], float], runner: Runner
    ) -> list[Effect]:
        body, now = request.body, int(clock() * 1000)
        done = partial(Answer, request.number, "ok")
        match request.action:
            case "q" | "l":
                return await self._listen(body, done, clock, runner)
            case "n" | "u":
                return [*self._unlisten(body), _said(done())]
            case "g":
                return [self._get(body, done, now)]
            case "p" | "m":
                write = await self._written(request.action, body, size, runner)
                owed = await self._commit(write, body.get("h"), size, clock, runner)
                return [*owed, _said(done())]
            case "o" | "om":
                write = await self._written(request.action[1:] or "p", body, size, runner)
                if write.values:
                    await draft(self.namespace, write, self.who, now, runner, size=size)
                    self._on_disconnect.put(write.values, self.who, size)
                return [_said(done())]
            case "oc":
                self._on_disconnect.cancel(location(body.get("p")))
                return [_said(done())]
            case "auth" | "gauth":
                who = signed_in(request, clock(), enforce_expiry=self._enforce_expiry)
                told: Json = {"auth": who.auth, "expires": expires(who, clock())}
                return [_said(done(told)), *self._recast(who, now)]
            case "unauth":
                return [_said(done("unauthenticated")), *self._recast(NOBODY, now)]
            case "s" | "appcheck" | "unappeck" | "unappcheck":
                return [_said(done())]
        return [_unknown_action(request)]

    async def _listen(
        self,
        body: Mapping[str, Json],
        done: "partial[Answer]",
        clock: Callable[[], float],
        runner: Runner,
    ) -> list[Effect]:
        """Data, unless the hash says that the client has it, and then the ok.

        Without an index the client is told so, and given everything there is to begin with.
        """
        target, known = _target(body), body.get("h")
        if len(self._listens) >= _LISTENS:
            raise InvalidData(f"a connection has at most {_LISTENS} listens")
        indexed = self.namespace.serves(*_place(target))
        if known:
            await self._hash(target, clock, runner)
        now = int(clock() * 1000)
        listener, first = self.namespace.listen(target, self.who, now, indexed=False)
        if not indexed:
            whole = self.namespace.root.at(target.path)
            first = Event("put", target.path, ROOT, {ROOT: whole})
        if first.weight > self._limits.answer:
            self.namespace.unlisten(listener)
            raise answer_too_big()
        effects = self._unlisten(body)
        self._listens[target] = listener
        self._queries[listener] = body.get("q")
        has_it = digest(first.node) == known if known else not first.node.exists
        effects.append(Attach(listener, body.get("t"), None if has_it else first))
        effects.append(_said(done({} if indexed else {"w": ["no_index"]})))
        return effects

    async def _hash(self, target: Target, clock: Callable[[], float], runner: Runner) -> None:
        """Have the hash of what is large known before it is asked for, or nearly."""
        seen = self.namespace.look(target, self.who, int(clock() * 1000))
        if seen is not None:  # who may not read is told so in its turn
            await runner(seen.weight, partial(digest, seen))

    def _unlisten(self, body: Mapping[str, Json]) -> list[Effect]:
        listener = self._listens.pop(_target(body), None)
        if listener is None:
            return []
        del self._queries[listener]
        self.namespace.unlisten(listener)
        return [Detach(listener)]

    def _get(self, body: Mapping[str, Json], done: "partial[Answer]", now: int) -> Say:
        target = _target(body)
        seen = self.namespace.read(*_place(target), self.who, now).seen
        if seen.weight > self._limits.answer:
            raise answer_too_big()
        return Say(lambda: str(done(seen.to_json(export=True))), seen.weight)

    async def _written(
        self, action: str, body: Mapping[str, Json], size: int, runner: Runner
    ) -> Write:
        place, value = location(body.get("p")), body.get("d")
        if action == "p":
            write = Write.put(place, value)
        elif place.key == PRIORITY:
            raise InvalidData("Invalid path: a priority has no children")
        else:
            write = Write(place, changes({} if value is None else value, place), merge=True)
        return await runner(size, write.prepared) if size >= LARGE else write

    async def _commit(
        self,
        write: Write,
        known: Json,
        size: int,
        clock: Callable[[], float],
        runner: Runner,
    ) -> list[Effect]:
        if known is not None and not isinstance(known, str):
            raise InvalidData("a hash is text")
        if known:
            await self._hash(Target(write.base), clock, runner)
        committed = await commit(
            self.namespace,
            write,
            self.who,
            clock,
            runner,
            size=size,
            if_match=None if known is None else known or etag(EMPTY),
            room=self._limits.room(self.namespace.settings["defaultWriteSizeLimit"]),
        )
        return [Deliver(committed.events)]

    def _recast(self, who: Caller, now: int) -> list[Effect]:
        """From now on it is ``who``; listens that they may not have end."""
        self.who = who
        listeners = list(self._listens.values())
        return [Deliver(self.namespace.recast(listener, who, now)) for listener in listeners]

    def _part(self, parting: Parting | None, now: int, effects: list[Effect]) -> bool:
        """Whether what was wanted could be done."""
        if parting is None:
            return False
        try:
            committed = self.namespace.write(parting.write, parting.who, now)
        except (InvalidData, Refusal):
            return False
        effects.append(Deliver(committed.events))
        return True


def _said(message: Answer | Push | Control) -> Say:
    return Say(partial(str, message))


def _unknown_action(request: Request) -> Say:
    """[unsure]: none is known to have been tried."""
    return _said(Answer(request.number, "error", "Unknown action"))


def _failed(error: InvalidData | Refusal | Mismatch) -> tuple[str, str]:
    """Status and text. [unsure] for ``failure``, of which only the word is known."""
    if isinstance(error, Mismatch):
        return "datastale", "Data is stale"
    if isinstance(error, Expired):
        return "expired_token", "Auth token is expired."
    if isinstance(error, BadToken):
        return "invalid_token", error.what
    if isinstance(error, Refusal) and error.status == 401:
        return "permission_denied", error.what
    if isinstance(error, AnswerTooBig):
        return "too_big", error.what
    return "failure", error.what


def _target(body: Mapping[str, Json]) -> Target:
    path = location(body.get("p"))
    if path.key == PRIORITY:
        raise InvalidData("Invalid path: nobody listens to a priority alone")
    return Target(path, from_object(body.get("q")))


def _place(target: Target) -> tuple[Path, "Query | None"]:
    return target.path, target.query


def _together(partings: Iterable[Parting]) -> Parting | None:
    """All as one, if one and the same person wanted them.

    [unsure] that it is one; that each stands by itself when the rules refuse another is recorded.
    """
    first, *others = partings
    if any(each.who != first.who for each in others):
        return None
    return Parting(
        {path: value for each in (first, *others) for path, value in each.values.items()}, first.who
    )
