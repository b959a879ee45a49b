"""The stream state machine: one location listened to over Server-Sent Events, kept alive.

Theory of operation. The shell opens connections, reads bytes and waits; this core decides. It is
told what happened and when (monotonic seconds), and answers with effects for the shell to carry
out in order. There is one timer: :meth:`StreamCore.deadline` says when :meth:`StreamCore.tick`
wants to be called next.

    connecting --opened, first put--> live --silence--> stale --more silence--> reconnecting
         ^                              |                                           |
         +------- backoff is over ------+---- lost / auth_revoked ------------------+

A connection always begins with a full snapshot, since the protocol cannot resume. The core hands
it on like any other change: consumers compare values, not messages, so a reconnect that missed
nothing says nothing. Only two things end a stream: :meth:`StreamCore.close`, and a refusal that
trying again cannot mend, which is delivered to the consumer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from imbari_chat.engine.backoff import Backoff, BackoffPolicy
from imbari_chat.engine.effects import (
    Changed,
    Connect,
    Disconnect,
    Effect,
    Ended,
    StateChanged,
)
from imbari_chat.engine.mirror import assign, children
from imbari_chat.engine.refusals import Remedy, remedy
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData
from imbari_chat.states import ConnectionState
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.sse import Frame

__all__ = [
    "Changed",
    "Connect",
    "Disconnect",
    "Effect",
    "Ended",
    "StateChanged",
    "StreamCore",
    "StreamPolicy",
]


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """When to worry, in seconds.

    Attributes:
        connect_timeout: Silence between asking for a connection and the end of its first event.
            Bytes of that event put it off: on a slow line a large snapshot takes as long as it
            takes, and one that is cut is begun again from nothing. So does signing in before it,
            which ends by itself when nothing is heard.
        stale_after: Silence after which the state says so. The service sends a keep-alive about
            every 30 s.
        dead_after: Silence after which the connection is given up.
        stable_after: How long a connection must have lived for the backoff to start over.
        renew_before: How long before its credential ends a connection is replaced.
        backoff: The waits between attempts.
    """

    connect_timeout: float = 10.0
    stale_after: float = 33.0
    dead_after: float = 42.0
    stable_after: float = 10.0
    renew_before: float = 120.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


class StreamCore:
    """One stream. Feed it facts, then :meth:`drain` the effects.

    Args:
        random: Uniformly random numbers in [0, 1).
        policy: When to worry.
    """

    def __init__(self, random: Callable[[], float], policy: StreamPolicy | None = None) -> None:
        self._policy = policy or StreamPolicy()
        self._random = random
        self._backoff = Backoff(self._policy.backoff)
        self._effects: list[Effect] = []
        self._state: ConnectionState = "closed"
        self._over = False
        self._connected = False
        self._value: Json = None
        self._heard_at = 0.0
        self._opened_at = 0.0
        self._asked_at = 0.0
        self._connect_by: float | None = None
        self._retry_at: float | None = None
        self._renew_at: float | None = None
        self._renew_next = False
        self._renewing = False
        self._identifying = False
        self._was_revoked = False

    @property
    def state(self) -> ConnectionState:
        """``connecting``, ``live``, ``stale``, ``reconnecting`` or ``closed``."""
        return self._state

    @property
    def retry_at(self) -> float | None:
        """When the next attempt is due, in monotonic seconds; None if none is being waited for."""
        return self._retry_at

    def drain(self) -> list[Effect]:
        """The effects since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects

    def deadline(self) -> float | None:
        """When :meth:`tick` is due, in monotonic seconds; None if nothing is being waited for."""
        waits = [self._connect_by, self._retry_at]
        if self._connected:
            silence = (
                self._policy.dead_after if self._state == "stale" else self._policy.stale_after
            )
            waits += [self._heard_at + silence, self._renew_at]
        due = [wait for wait in waits if wait is not None]
        return min(due) if due else None

    def start(self, now: float) -> None:
        """Begin."""
        self._become("connecting")
        self._connect(now)

    def identified(self, now: float) -> None:
        """It is known who is asking, and the request is made."""
        if self._identifying:
            self._identifying = self._renewing = False
            self._connect_by = now + self._policy.connect_timeout

    def opened(self, now: float, expires_in: float | None = None) -> None:
        """The service accepted the request and began to answer.

        Args:
            now: Monotonic seconds.
            expires_in: Seconds until the credential of this connection ends, if it does.
        """
        if self._over:
            return
        self.identified(now)
        self._connected = True
        self._opened_at = self._heard_at = now
        self._put_off(now)
        if expires_in is not None:
            # A credential that is nearly over is used up rather than replaced in a tight loop.
            self._renew_at = now + max(expires_in - self._policy.renew_before, 30.0)

    def heard(self, now: float) -> None:
        """Bytes arrived, whether or not they completed an event."""
        self._heard_at = now
        if self._state == "stale":
            self._become("live")

    def arriving(self, now: float) -> None:
        """Bytes of an event that is not whole yet arrived.

        They count towards the first event where whole ones of another kind do not: a service that
        only keeps the connection alive has not answered.
        """
        if not self._connected:
            return
        self._put_off(now)
        late = now - self._asked_at >= self._policy.connect_timeout
        if self._connect_by is not None and self._state == "live" and late:
            # A renewed connection catches up, and not in the blink that nobody need be told of.
            self._become("connecting", "the snapshot takes its time")

    def received(self, frame: Frame, now: float, body: Json = None) -> None:
        """One whole event arrived.

        Args:
            frame: It.
            now: Monotonic seconds.
            body: What its data says, if that has been read already; None if not.
        """
        if not self._connected:
            return
        self.heard(now)
        match frame.event:
            case "put" | "patch":
                self._change(frame, body, now)
            case "cancel":
                self._end(
                    AccessDenied(
                        "the service cancelled the stream: reading is no longer permitted",
                        hint="Check who is signed in and the security rules",
                    )
                )
            case "auth_revoked":
                self._revoked(now)
            case _:
                pass  # keep-alive, and whatever a later version may send

    def lost(self, reason: str, now: float) -> None:
        """The connection ended, or could not be made. Everything since is in the next snapshot."""
        self._lost(reason, now)

    def _lost(self, reason: str, now: float, asked: float | None = None) -> None:
        if self._over:
            return
        self._forget_connection(now)
        wait = self._backoff.next(self._random(), asked)
        self._retry_at = now + wait
        self._become("reconnecting", reason, wait)

    def refused(self, error: ImbariError, now: float) -> None:
        """The service answered, and the answer was no.

        A rules denial or a malformed request will be refused again, so it ends the stream. A dead
        credential is replaced. Anything else is an outage that happens to speak HTTP.
        """
        if self._over:
            return
        match remedy(error):
            case Remedy.NOTHING:
                self._end(error)
            case helps:
                self._renew_next = helps is Remedy.RENEW
                self._lost(error.what, now, error.retry_after)

    def no_credential(self, error: ImbariError, now: float) -> None:
        """There is none to connect with: the end if the sign-in is over, else try again later."""
        if self._over:
            return
        if remedy(error) is Remedy.NOTHING:
            self._end(error)
        else:
            self._renew_next = self._renewing
            self._lost(error.what, now, error.retry_after)

    def tick(self, now: float) -> None:
        """A deadline may have passed."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._connect(now)
        elif self._connect_by is not None and now >= self._connect_by and self._identifying:
            self._connect_by = None
            self._become("connecting", "signing in takes its time")
        elif self._connect_by is not None and now >= self._connect_by:
            self._effects.append(Disconnect())
            what = "the answer stopped for" if self._connected else "no answer within"
            self.lost(f"{what} {self._policy.connect_timeout:g} s", now)
        elif self._connected:
            self._watch(now)

    def reconnect_now(self, now: float) -> None:
        """Do not wait any longer: somebody knows that the network is back.

        A silent connection is replaced; an attempt under way goes on.
        """
        if self._retry_at is not None:
            self._retry_at = None
            self._connect(now)
        elif self._state == "stale":
            self._effects.append(Disconnect())
            self._forget_connection(now)
            self._become("reconnecting", "a new connection was asked for", 0.0)
            self._connect(now)

    def close(self) -> None:
        """End it from this side. Nothing is delivered afterwards; closing twice is fine."""
        if self._over:
            return
        self._over = True
        self._effects.append(Disconnect())
        self._stop_watching()
        self._become("closed")

    def _change(self, frame: Frame, body: Json, now: float) -> None:
        try:
            path, data = _payload(parse(frame.data) if body is None else body)
        except (InvalidData, ValueError) as error:
            # Whatever follows would be applied to the wrong value: start over from a snapshot.
            self._effects.append(Disconnect())
            self.lost(f"the service sent an unreadable event: {error}", now)
            return
        if frame.event == "put":
            self._value = assign(self._value, path, data)
            touched = frozenset(path[:1]) or None
        else:
            keys: set[str] = set()
            for name, item in children(data).items():
                place = (*path, *_keys(name))
                self._value = assign(self._value, place, item)
                keys.update(place[:1])
            touched = frozenset(keys)
        self._connect_by = None
        self._effects.append(Changed(self._value, touched))
        if self._state != "live":
            self._become("live")

    def _revoked(self, now: float) -> None:
        self._effects.append(Disconnect())
        if self._was_revoked and now - self._opened_at < self._policy.stable_after:
            # The new credential was refused as well, or taken for a moment: do not spin.
            self._renew_next = True
            self.lost("the credential was revoked again", now)
            return
        self._was_revoked = True
        self._forget_connection(now)
        self._renew_next = True
        self._become("reconnecting", "the credential ended", 0.0)
        self._connect(now)

    def _watch(self, now: float) -> None:
        silence = now - self._heard_at
        if silence >= self._policy.dead_after:
            self._effects.append(Disconnect())
            self.lost(f"nothing heard for {silence:.0f} s", now)
        elif silence >= self._policy.stale_after and self._state != "stale":
            self._become("stale", f"nothing heard for {silence:.0f} s")
        elif self._renew_at is not None and now >= self._renew_at:
            self._effects.append(Disconnect())
            self._forget_connection(now)
            self._renew_next = True
            self._connect(now)

    def _put_off(self, now: float) -> None:
        if self._connect_by is not None:
            self._connect_by = now + self._policy.connect_timeout

    def _connect(self, now: float) -> None:
        self._asked_at = now
        self._connect_by = now + self._policy.connect_timeout
        self._renewing, self._renew_next = self._renew_next, False
        self._identifying = True
        self._effects.append(Connect(renew=self._renewing))

    def _forget_connection(self, now: float) -> None:
        if self._connected and now - self._opened_at >= self._policy.stable_after:
            self._backoff.reset()
        self._stop_watching()

    def _stop_watching(self) -> None:
        self._connected = self._identifying = False
        self._connect_by = self._retry_at = self._renew_at = None

    def _end(self, error: ImbariError) -> None:
        self._over = True
        self._effects.append(Disconnect())
        self._stop_watching()
        self._become("closed", error.what)
        self._effects.append(Ended(error))

    def _become(
        self, state: ConnectionState, reason: str | None = None, retry_in: float | None = None
    ) -> None:
        self._state = state
        self._effects.append(StateChanged(state, reason, retry_in))


def _payload(body: Json) -> tuple[tuple[str, ...], Json]:
    """The path and data of a put or patch."""
    if not isinstance(body, dict) or not isinstance(body.get("path"), str) or "data" not in body:
        raise ValueError("a put or patch carries 'path' and 'data'")
    path = body["path"]
    assert isinstance(path, str)
    return _keys(path), body["data"]


def _keys(path: str) -> tuple[str, ...]:
    """Keys of a multi-path update may hold slashes."""
    return tuple(key for key in path.split("/") if key)
