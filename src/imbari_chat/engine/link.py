"""One client's connection to its database by a socket, kept alive.

Theory of operation. The shell finds out who is asking, dials, carries texts and waits; this core
decides. It is told what happened and when (monotonic seconds), and answers with effects for the
shell to carry out in order. There is one timer: :meth:`Link.deadline` says when :meth:`Link.tick`
wants to be called next.

    idle --somebody wants something--> identify --> dial --hello--> restore --> live <--> stale
                                          ^                            |         |          |
                                          +------- backoff is over ----+-- lost -+----------+

What is said on a connection is the affair of :mod:`imbari_chat.engine.dialogue`. The connection is
``live`` when everything is as if there had never been another one, and each listen by itself as
soon as the server has said that what is here is right.

Three things end it for whoever listens or asks: :meth:`Link.close`, a sign-in that is over, and a
server that says that it does not serve this client. After the last two, whoever asks again begins
anew; nothing is tried again by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from imbari_chat.engine import control
from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.attempts import Attempts
from imbari_chat.engine.credentials import Credentials
from imbari_chat.engine.dialogue import Dialogue
from imbari_chat.engine.effects import Disconnect, StateChanged
from imbari_chat.engine.link_effects import (
    Attempt,
    Dial,
    Hash,
    Identify,
    LinkEffect,
    LinkPolicy,
    Post,
)
from imbari_chat.engine.places import Route
from imbari_chat.engine.pulse import Pulse, Sign
from imbari_chat.engine.refusals import Call, Remedy, remedy
from imbari_chat.errors import ClientClosed, ConfigError, ImbariError, InvalidData, Unavailable
from imbari_chat.states import ConnectionState
from imbari_chat.wire.framing import KEEP_ALIVE
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Control
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["Link"]


class _Phase(Enum):
    IDLE = "idle"
    IDENTIFYING = "identifying"
    DIALING = "dialing"
    GREETED = "greeted"


class Link:
    """One client's connection. Feed it facts, then :meth:`drain` the effects.

    Args:
        random: Uniformly random numbers in [0, 1).
        policy: When to worry.
    """

    def __init__(self, random: Callable[[], float], policy: LinkPolicy | None = None) -> None:
        self._policy = policy or LinkPolicy()
        self._attempts = Attempts(random, self._policy.backoff, self._policy.hurry)
        self._credentials = Credentials(self._policy.renew_before)
        self._effects: list[LinkEffect] = []
        self._dialogue = Dialogue(
            self._emit, longest=self._policy.longest, hash_here=self._policy.hash_here
        )
        self._route = Route()
        self._phase = _Phase.IDLE
        self._latest = StateChanged("connecting")
        self._over = False
        self._connect_by: float | None = None
        self._pulse: Pulse | None = None

    @property
    def state(self) -> ConnectionState:
        """That of the connection; each listen has its own besides."""
        return self._latest.state

    @property
    def retry_at(self) -> float | None:
        """When the next attempt is due, in monotonic seconds; None if none is being waited for."""
        return self._attempts.due

    def drain(self) -> list[LinkEffect]:
        """The effects since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects

    def deadline(self) -> float | None:
        """When :meth:`tick` is due, in monotonic seconds; None if nothing is being waited for."""
        waits = [self._connect_by, self._attempts.due, self._credentials.renew_at]
        if self._pulse is not None:
            waits.append(self._pulse.deadline())
        return min([wait for wait in waits if wait is not None], default=None)

    def connect(self, now: float) -> None:
        """Connect, if there is no connection, though nobody wants anything of it yet."""
        self._want(now)

    def listen(self, hearer: int, path: Path, query: Query | None, now: float) -> None:
        """Somebody listens; told what happens until :meth:`unlisten` or the end of it."""
        self._dialogue.listen(hearer, path, query, self._latest)
        self._want(now)

    def unlisten(self, hearer: int) -> None:
        """Somebody stops."""
        self._dialogue.unlisten(hearer)
        self._look_around()

    def ask(self, action: str, body: Mapping[str, Json], call: Call, now: float) -> int:
        """Send a request. Its key comes back in ``Answered``.

        Without a connection it waits for the attempt that is under way, or for one made on its
        behalf. Where the last one failed a moment ago, that was this caller's as well.
        """
        key = self._dialogue.ask(action, body, call)
        if not self._want(now) and self._attempts.trouble is not None:
            self._dialogue.refuse(key, self._attempts.trouble)
        return key

    def withdraw(self, key: int) -> bool:
        """Nobody waits for it any more. Returns whether it was sent, so that it may be done."""
        return self._dialogue.withdraw(key)

    def identified(
        self, request: SocketRequest, now: float, expires_in: float | None = None
    ) -> None:
        """It is known who is asking.

        Args:
            request: Where to, and with what.
            now: Monotonic seconds.
            expires_in: Seconds until the credential ends, if it does.
        """
        self._credentials.got(request, expires_in)
        if self._phase is _Phase.IDENTIFYING:
            self._phase = _Phase.DIALING
            self._connect_by = now + self._patience
            self._dialogue.dialed()
            self._emit(Dial(self._route.url(request.place)))
        elif self._phase is _Phase.GREETED:
            self._dialogue.sign_in(request)
            self._credentials.used(now)

    def no_credential(self, error: ImbariError, now: float) -> None:
        """There is none: the end if the sign-in is over, else try again later."""
        if remedy(error) is Remedy.NOTHING:
            self._end(error, now)
        elif self._phase is _Phase.IDENTIFYING:
            self._credentials.failed()
            self._lost(error, now)
        elif self._phase is _Phase.GREETED:
            self._credentials.later(now)

    def heard(self, now: float) -> None:
        """Bytes arrived, whether or not they completed a message."""
        if self._connect_by is not None and self._phase is not _Phase.IDENTIFYING:
            self._connect_by = now + self._patience
        if self._pulse is not None and self._pulse.heard(now):
            self._become(StateChanged("live"))

    def moved(self, when: float) -> None:
        """Bytes of ours left at this moment. Said again, or late, it changes nothing."""
        if self._pulse is None or when <= self._pulse.moved_at:
            return
        if self._connect_by is not None:
            self._connect_by = max(self._connect_by, when + self._patience)
        if self._pulse.moved(when):
            self._become(StateChanged("live"))

    def received(self, text: str, now: float) -> None:
        """One text arrived."""
        if self._phase not in (_Phase.DIALING, _Phase.GREETED):
            return
        self.heard(now)
        try:
            news = self._dialogue.receive(text)
        except InvalidData as error:
            # Whatever follows would be applied to the wrong value.
            self._misunderstood(f"the service sent an unreadable message: {error.what}", now)
            return
        if self._pulse is not None and self._dialogue.is_between_messages:
            self._pulse.whole(now)
        if isinstance(news, Control):
            self._controlled(control.read(news), now)
        elif news is not None:
            self._troubled(news, now)
        self._look_around()
        if self._pulse is not None:  # what was asked for in silence is the affair of silence
            self._pulse.owed(self._dialogue.owed, now)

    def hashed(self, hashes: Sequence[str]) -> None:
        """The hashes that were asked for, in the order of the values."""
        self._dialogue.hashed(hashes)

    def lost(self, reason: str, now: float) -> None:
        """The connection ended, or could not be made."""
        self._lost(Unavailable(reason), now)

    def refused(self, error: ImbariError, now: float) -> None:
        """Something answered, but opened no socket."""
        if remedy(error) is Remedy.NOTHING:
            self._end(error, now)
        else:
            self._lost(error, now)

    def tick(self, now: float) -> None:
        """A deadline may have passed."""
        due, renew_at = self._attempts.due, self._credentials.renew_at
        if due is not None and now >= due:
            self._connect(now)
        elif self._connect_by is not None and now >= self._connect_by:
            if self._phase is _Phase.IDENTIFYING:
                self._connect_by = None
                self._become(StateChanged("connecting", "signing in takes its time"))
            else:
                self.lost(f"no answer within {self._patience:.3g} s", now)
        elif renew_at is not None and now >= renew_at:
            self._credentials.renew_at = None
            self._emit(Identify())
        elif self._pulse is not None:
            self._feel(self._pulse, now)

    def reconnect_now(self, now: float) -> None:
        """Do not wait any longer: somebody knows that the network is back.

        A silent connection is replaced, any other is asked whether it is still there; an attempt
        under way goes on.
        """
        if self._attempts.due is not None:
            self._connect(now)
        elif self._latest.state == "stale":
            self._again("a new connection was asked for", now)
        elif self._pulse is not None:
            self._pulse.probed(now)
            self._dialogue.probe()

    def close(self, now: float) -> None:
        """End it from this side. Closing twice is fine."""
        if self._over:
            return
        self._over = True
        closed = ClientClosed()
        self._fall(closed.what, now)
        self._dialogue.unreachable(closed)
        self._become(StateChanged("closed"))

    def _want(self, now: float) -> bool:
        """Somebody wants something. Returns whether there is a connection, or will be soon."""
        if self._phase is not _Phase.IDLE:
            return True
        worthwhile = self._attempts.hasten(now)
        if self._attempts.due == now:
            self._connect(now)
        return worthwhile

    def _connect(self, now: float) -> None:
        """Find out who is asking; hash what is here meanwhile.

        The former takes as long as it takes, and it is said that it does: requests to sign in end
        by themselves when nothing is heard, and on a slow line one that is cut is begun anew.
        """
        self._attempts.begin(now)
        self._connect_by = now + self._policy.connect_timeout
        self._phase = _Phase.IDENTIFYING
        self._emit(Identify(renew=self._credentials.wanted()))
        values = self._dialogue.to_hash()
        if values:
            self._emit(Hash(values))

    @property
    def _patience(self) -> float:
        shorter = self._policy.greeting_timeout if self._phase is _Phase.DIALING else None
        return shorter or self._policy.connect_timeout

    def _controlled(self, news: control.News | None, now: float) -> None:
        match news:
            case control.Greeting() if self._phase is _Phase.DIALING:
                self._greeted(news, now)
            case control.Moved(host):
                problem = self._route.moved(host)
                if problem is None:
                    self._again("the service is at another host", now)
                else:
                    self.lost(problem, now)
            case ConfigError() if self._policy.heeds_shutdown:
                self._end(news, now)
            case ConfigError():
                self._misunderstood(news.what, now)

    def _misunderstood(self, what: str, now: float) -> None:
        self._emit(Attempt("misunderstood", what))
        self.lost(what, now)

    def _greeted(self, greeting: control.Greeting, now: float) -> None:
        self._route.greeted(greeting.host, greeting.session)
        self._phase = _Phase.GREETED
        self._connect_by = now + self._patience
        self._emit(Attempt("greeted", time=greeting.time))
        self._pulse = Pulse(self._policy.pulse, now)
        self._dialogue.begin(self._credentials.latest)
        self._credentials.used(now)

    def _look_around(self) -> None:
        """Is everything restored?"""
        if self._connect_by is not None and self._dialogue.is_restored:
            self._connect_by = None
            self._route.arrived()
            self._latest = StateChanged("live")

    def _troubled(self, error: ImbariError, now: float) -> None:
        """The connection is of no use. A credential that is not taken is replaced.

        At once, if it was taken for a while: a service that takes each only to end it a moment
        later would have the next one asked for without a pause.
        """
        if self._is_stable(now):
            self._credentials.taken()
        if remedy(error) is not Remedy.WAIT and self._credentials.refused():
            self._again(error.what, now)
        else:
            self._lost(error, now)

    def _feel(self, pulse: Pulse, now: float) -> None:
        match pulse.due(now):
            case Sign.PROBE:
                self._dialogue.probe()
            case Sign.STALE if self._latest.state == "live":
                self._become(StateChanged("stale", "no answer to whether it is still there"))
            case Sign.DEAD:
                self.lost("nothing was heard, though it was asked for", now)
            case Sign.DEAF:
                self.lost("what was asked for was not answered, though other things were said", now)
            case Sign.KEEP_ALIVE:
                self._emit(Post(KEEP_ALIVE))
                self._dialogue.probe()  # which nobody answers who does not hear us

    def _again(self, reason: str, now: float) -> None:
        """Connect anew, at once."""
        self._fall(reason, now)
        self._become(StateChanged("reconnecting", reason, 0.0))
        self._connect(now)

    def _lost(self, error: ImbariError, now: float) -> None:
        if self._phase is _Phase.IDLE:
            return
        if self._phase is _Phase.DIALING:
            self._route.failed()
        if self._phase is not _Phase.IDENTIFYING and not self._dialogue.is_open:
            self._emit(Attempt("failed", error.what))
        self._attempts.trouble = None if self._dialogue.is_open else error
        self._fall(error.what, now)
        if self._attempts.trouble is not None:
            self._dialogue.unreachable(error)
        if not self._dialogue.is_wanted:
            self._latest = StateChanged("connecting")  # as whoever needs it next will be told
            return
        wait = self._attempts.again(now, awaited=self._dialogue.is_awaited)
        self._become(StateChanged("reconnecting", error.what, wait))

    def _fall(self, reason: str, now: float) -> None:
        """There is no connection any more."""
        if self._is_stable(now):
            self._attempts.succeeded()
        self._emit(Disconnect())
        self._phase, self._pulse = _Phase.IDLE, None
        self._connect_by = self._attempts.due = self._credentials.renew_at = None
        self._dialogue.fall(reason)

    def _is_stable(self, now: float) -> bool:
        """Whether there is a connection that has lived for a while."""
        pulse = self._pulse
        return pulse is not None and now - pulse.began_at >= self._policy.stable_after

    def _end(self, error: ImbariError, now: float) -> None:
        """It will be refused again."""
        if self._phase is not _Phase.IDLE:
            self._fall(error.what, now)
            self._dialogue.end(error)
            self._latest = StateChanged("connecting")

    def _become(self, latest: StateChanged) -> None:
        self._latest = latest
        self._dialogue.became(latest)

    def _emit(self, effect: LinkEffect) -> None:
        self._effects.append(effect)
