"""What is asked and told over one client's sockets, whichever of them it is just now.

A socket is restored in the order in which the server does things: who is asking, then every listen
with the hash of what is here already, then what callers wait for. The first two are sent together:
should the server not know the caller it says so first, and the socket is dropped before anything
that it says after that is looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.effects import Changed, Ended, StateChanged
from imbari_chat.engine.link_effects import Attempt, LinkEffect, Post, Told
from imbari_chat.engine.listens import Listen, Listens, hash_of, is_larger
from imbari_chat.engine.refusals import Call, CredentialRefused, Remedy, remedy
from imbari_chat.engine.requests import Requests, Written, refused
from imbari_chat.errors import AccessDenied, ImbariError
from imbari_chat.wire.framing import Joiner, texts
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Answer, Control, Push, from_server
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["Dialogue", "News"]

News: TypeAlias = Control | ImbariError | None
"""What concerns the connection itself: what the server says of it, or why it cannot go on."""

_PROBE: Mapping[str, Json] = {"c": {}}
"""An empty report of statistics: the one request that asks for nothing."""

_UNINDEXED = "the database has no index for this, and sends more than is asked for"


@dataclass(frozen=True, slots=True)
class _Own:
    """A request of the connection itself: ``auth``, ``q``, ``n`` or ``s``."""

    kind: str
    listen: Listen | None = None


class Dialogue:
    """Requests and listens of one client.

    Args:
        emit: Given the effects.
        longest: Bytes that one message may have.
        hash_here: Values that may be hashed where they are.
    """

    def __init__(self, emit: Callable[[LinkEffect], None], *, longest: int, hash_here: int) -> None:
        self._emit = emit
        self._longest = longest
        self._hash_here = hash_here
        self._requests: Requests[_Own] = Requests(emit)
        self._listens = Listens()
        self._joiner = Joiner(longest)
        self._hashing: list[Listen] = []
        self._is_begun = False
        self.is_open = False
        """Whether the server knows on this connection who is asking, so that callers may ask."""

    @property
    def is_wanted(self) -> bool:
        """Whether anybody listens or waits for anything."""
        return bool(self._listens) or self.is_awaited

    @property
    def is_awaited(self) -> bool:
        """Whether any caller waits."""
        return self._requests.outstanding

    @property
    def is_restored(self) -> bool:
        """Whether everything is as if there had never been another connection."""
        return self.is_open and all(listen.is_current for listen in self._listens)

    @property
    def is_between_messages(self) -> bool:
        """Whether all that has arrived is whole messages."""
        return not self._joiner.is_waiting

    @property
    def owed(self) -> int | None:
        """The number of the first request since the last answered one; None if there is none."""
        return self._requests.owed

    def listen(self, hearer: int, path: Path, query: Query | None, latest: StateChanged) -> None:
        """Somebody listens.

        Args:
            hearer: Who.
            path: Where.
            query: Which children.
            latest: The state of the connection.
        """
        listen = self._listens.add(hearer, path, query)
        self._tell([hearer], StateChanged("connecting"))
        if listen.is_current:
            self._tell([hearer], Changed(listen.value, None), _state_of(listen, latest))
        elif latest.state == "reconnecting":
            self._tell([hearer], latest)
        self.go_on()

    def unlisten(self, hearer: int) -> None:
        """Somebody stops."""
        listen = self._listens.remove(hearer)
        if listen is not None:
            self._ask("n", listen.target(), _Own("n", listen))

    def ask(self, action: str, body: Mapping[str, Json], call: Call) -> int:
        """A caller asks for something; returns what :class:`~engine.requests.Answered` names."""
        key = self._requests.ask(action, body, call)
        self.go_on()
        return key

    def refuse(self, key: int, error: ImbariError) -> None:
        """A caller need not wait: nobody can be reached."""
        self._requests.refuse(key, error)

    def withdraw(self, key: int) -> bool:
        """Nobody waits for it any more. Returns whether it was sent, so that it may be done."""
        return self._requests.withdraw(key)

    def to_hash(self) -> tuple[Json, ...]:
        """The values to hash elsewhere before :meth:`begin` has an effect; few are hashed here."""
        self._hashing = [listen for listen in self._listens if listen.needs_hash]
        values = tuple(listen.value for listen in self._hashing)
        if is_larger(values, self._hash_here):
            return values
        self.hashed([hash_of(value) for value in values])
        return ()

    def hashed(self, hashes: Sequence[str]) -> None:
        """The hashes of those values, in their order."""
        for listen, known in zip(self._hashing, hashes, strict=True):
            listen.hash = known
        self._hashing = []
        self.go_on()

    def dialed(self) -> None:
        """A socket is being opened; what it says first is the beginning of a message."""
        self._joiner = Joiner(self._longest)

    def begin(self, credential: SocketRequest) -> None:
        """The server has greeted: say who is asking, and for what."""
        self.sign_in(credential)
        self._is_begun = True
        self.go_on()

    def sign_in(self, credential: SocketRequest) -> None:
        """Say who is asking, also in place of who asked before."""
        self._ask(credential.action, credential.credential, _Own("auth"))

    def probe(self) -> None:
        """Ask for nothing, to be answered."""
        self._ask("s", _PROBE, _Own("s"))

    def go_on(self) -> None:
        """Ask for what the server has not been asked for on this connection."""
        if not self._is_begun or self._hashing:
            return
        for listen in self._listens.due():
            self._ask("q", listen.asked(), _Own("q", listen))
        if self.is_open:
            for request in self._requests.take():
                self._post(request)

    def receive(self, text: str) -> News:
        """One text arrived.

        Raises:
            InvalidData: It cannot be read.
        """
        message = self._joiner.take(text)
        if message is None:
            return None
        # Looked for in the text, which takes no time, rather than in every value. Some servers
        # write full stops as escapes.
        with_priorities = 'priority"' in message
        match from_server(message):
            case Control() as control:
                return control
            case Answer() as answer:
                return self._answered(answer, with_priorities=with_priorities)
            case Push() as push:
                return self._pushed(push, with_priorities=with_priorities)

    def fall(self, reason: str) -> None:
        """The connection is gone."""
        self.is_open = self._is_begun = False
        self._requests.lost(reason)
        self._listens.lost()

    def unreachable(self, error: ImbariError) -> None:
        """No connection could be made: callers are not kept waiting."""
        self._requests.unreachable(error)

    def end(self, error: ImbariError) -> None:
        """Nobody will be served."""
        self._requests.unreachable(error)
        for listen in self._listens:
            self._stop(listen, error)

    def became(self, latest: StateChanged) -> None:
        """The state of the connection has changed, and with it that of what hangs on it."""
        for listen in self._listens:
            if listen.is_current:
                self._tell(listen.hearers, _state_of(listen, latest))
            elif latest.state not in ("live", "stale"):
                self._tell(listen.hearers, latest)

    def _answered(self, answer: Answer, *, with_priorities: bool) -> ImbariError | None:
        own = self._requests.answered(answer, with_priorities=with_priorities)
        if own is None:
            return None
        trouble = None
        match own.kind, own.listen:
            case "auth", _:
                trouble = refused(answer, Call("sign-in"))
                self.is_open = trouble is None
                if self.is_open:
                    self._emit(Attempt("answered"))
            case "n", Listen(path=path):
                self._listens.left(path)
            case "q", Listen(hearers=[_, *_]) as listen:
                trouble = self._listening(listen, answer)
        if trouble is None:
            self.go_on()
        return trouble

    def _listening(self, listen: Listen, answer: Answer) -> ImbariError | None:
        """The server has said whether somebody may listen."""
        error = refused(answer, Call(str(listen.path)))
        if error is not None:
            if remedy(error) is not Remedy.NOTHING:
                return error
            self._stop(listen, error)
            return None
        told = answer.data if isinstance(answer.data, dict) else {}
        warnings = told.get("w")
        unindexed = isinstance(warnings, list) and "no_index" in warnings
        listen.answered(unindexed=unindexed)
        if listen.is_news:
            listen.is_news = False
            self._tell(listen.hearers, Changed(listen.value, None))
        self._tell(listen.hearers, _live(listen))
        return None

    def _pushed(self, push: Push, *, with_priorities: bool) -> ImbariError | None:
        match push.action:
            case "d" | "m":
                for listen, touched in self._listens.take(push, with_priorities=with_priorities):
                    self._tell(listen.hearers, Changed(listen.value, touched))
            case "c":
                for listen in self._listens.revoked(push):
                    what = "the service cancelled the stream: reading is no longer permitted"
                    hint = "Check who is signed in and the security rules"
                    self._stop(listen, AccessDenied(what, where=str(listen.path), hint=hint))
            case "ac":
                return CredentialRefused("the credential ended")
        return None

    def _stop(self, listen: Listen, error: ImbariError) -> None:
        self._tell(listen.hearers, StateChanged("closed", error.what), Ended(error))
        self._listens.end(listen)

    def _tell(self, hearers: Sequence[int], *items: Changed | StateChanged | Ended) -> None:
        for hearer in hearers:
            for item in items:
                self._emit(Told(hearer, item))

    def _ask(self, action: str, body: Mapping[str, Json], purpose: _Own) -> None:
        self._post(self._requests.own(action, body, purpose))

    def _post(self, request: Written) -> None:
        for text in texts(str(request)):
            self._emit(Post(text))


def _state_of(listen: Listen, latest: StateChanged) -> StateChanged:
    """How a listen that the server serves fares, whatever other listens wait for."""
    return latest if latest.state == "stale" else _live(listen)


def _live(listen: Listen) -> StateChanged:
    return StateChanged("live", _UNINDEXED if listen.is_unindexed else None)
