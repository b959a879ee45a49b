"""What a link asks of its shell and tells whoever listens or asks, and when it worries."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from imbari_chat.engine.access import Secret
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.effects import Changed, Disconnect, Ended, StateChanged
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.engine.requests import Answered
from imbari_chat.wire.json import Json

__all__ = ["Attempt", "Dial", "Hash", "Identify", "LinkEffect", "LinkPolicy", "Post", "Told"]


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """When to worry, in seconds, and how much to take at once.

    Attributes:
        connect_timeout: Silence between dialing and the connection's being restored. Before it,
            time after which it is said that signing in takes long.
        greeting_timeout: Silence between dialing and the greeting; the same by default.
        stable_after: How long a connection must have lived for the backoff to start over.
        renew_before: How long before its end a credential is replaced.
        hurry: A caller who waits brings the next attempt forward to so long after the last one.
        hash_here: Values that may be hashed where they are; more are hashed in a thread.
        longest: Bytes that one message may have.
        heeds_shutdown: Whether it is the end if a server says that it does not serve this client.
            If not, a connection is lost, and whoever compares ways to the database is told.
        pulse: When a connection is silent for too long.
        backoff: The waits between attempts.
    """

    connect_timeout: float = 10.0
    greeting_timeout: float | None = None
    stable_after: float = 10.0
    renew_before: float = 120.0
    hurry: float = 1.0
    hash_here: int = 5_000
    longest: int = 256 * 1024 * 1024
    heeds_shutdown: bool = True
    pulse: PulsePolicy = field(default_factory=PulsePolicy)
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


@dataclass(frozen=True, slots=True)
class Identify:
    """Find out who is asking, and report ``identified`` or ``no_credential``.

    Attributes:
        renew: The credential was refused: get a new one first.
    """

    renew: bool = False


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a socket, and report what is received on it, or that it is ``lost`` or ``refused``."""

    url: str


@dataclass(frozen=True, slots=True)
class Post(Secret):
    """Send this text now. It may carry a token: never log it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hash:
    """Work out :func:`~engine.listens.hash_of` each value in a thread, and report ``hashed``."""

    values: tuple[Json, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who listens is told."""

    hearer: int
    item: Changed | StateChanged | Ended


@dataclass(frozen=True, slots=True)
class Attempt:
    """A dialed connection has come so far, for whoever compares ways to the database.

    Attributes:
        came: The service has ``greeted``; it has ``answered`` the sign-in, and whoever asks is
            known; or the attempt has ``failed`` before that. At any time, what the service says may
            be ``misunderstood``, or be that it does not serve sockets to this client, which no
            outage explains.
        reason: What it failed with.
        time: What the service said that its clock shows when it greeted, as it was said.
    """

    came: Literal["greeted", "answered", "failed", "misunderstood"]
    reason: str | None = None
    time: Json = field(default=None, compare=False)


LinkEffect: TypeAlias = Identify | Dial | Disconnect | Post | Hash | Told | Answered | Attempt
