"""Who is there and who types: what is written of it, and how it reads at a moment.

Everything is a lease: a sign of life in server time, renewed now and then. Whoever reads decides
when it is over, so what nobody could take away ages out by itself. Pure; told the time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, ColleaguesChanged, PresenceChanged, TypingChanged
from imbari_chat.schema.models import Colleague, Presence, Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.snapshots import Snapshot
from imbari_chat.wire.json import Json, is_number
from imbari_chat.wire.paths import Path
from imbari_chat.wire.values import SERVER_TIMESTAMP

__all__ = [
    "EXPIRY",
    "MIN_INTERVAL",
    "RENEWAL",
    "TYPING_EXPIRY",
    "AdminSign",
    "CustomerSign",
    "PresenceSnapshot",
    "Sign",
    "Signs",
    "changes",
    "told",
    "types",
]

RENEWAL: Final = 60.0
"""Seconds after which a sign is given anew; a page that nobody looks at can do so once a minute."""

EXPIRY: Final = 150_000
"""Milliseconds after which a sign that was not renewed counts no more."""

TYPING_EXPIRY: Final = 6_000
"""Milliseconds that somebody counts as typing after the last sign of it."""

MIN_INTERVAL: Final = 1.0
"""The rules accept one sign of each kind in this many seconds."""


@dataclass(frozen=True, slots=True)
class CustomerSign:
    """A customer is there.

    Attributes:
        session_id: In which conversation.
        presence: ``online`` or ``away``.
    """

    session_id: SessionId
    presence: Presence

    def place(self, connection: str) -> Path:
        """Where it is given; what stands there ends with the connection."""
        return paths.customer_present(self.session_id, connection)

    def changes(self, connection: str) -> dict[Path, Json]:
        """What gives or renews it."""
        at = Path((*paths.CUSTOMERS_PRESENT, self.session_id, "at"))
        sign: Json = {"state": self.presence, "at": SERVER_TIMESTAMP}
        return {at: SERVER_TIMESTAMP, self.place(connection): sign}


@dataclass(frozen=True, slots=True)
class AdminSign:
    """An admin is there.

    Attributes:
        uid: Who.
        name: As colleagues know them.
        session_id: The conversation that is open.
    """

    uid: str
    name: str | None = None
    session_id: SessionId | None = None

    def place(self, connection: str) -> Path:
        """Where it is given; what stands there ends with the connection."""
        return paths.admin_present(self.uid, connection)

    def changes(self, connection: str) -> dict[Path, Json]:
        """What gives or renews it."""
        sign: Json = {"at": SERVER_TIMESTAMP, "name": self.name, "session": self.session_id}
        return {self.place(connection): sign, paths.TEAM_PRESENT: SERVER_TIMESTAMP}


Sign: TypeAlias = CustomerSign | AdminSign


def types(session_id: SessionId, sender: Sender) -> dict[Path, Json]:
    """What says that somebody types."""
    place = paths.typing(session_id)
    side = "customer" if sender == "customer" else "team"
    return {place / "at": SERVER_TIMESTAMP, place / side: SERVER_TIMESTAMP}


@dataclass(frozen=True, slots=True)
class PresenceSnapshot(Snapshot):
    """Who is there and who types, at one moment.

    Attributes:
        present: Who is online or away, by conversation and side.
        typing: Who types.
        opened: Which colleagues have a conversation open.
    """

    present: Mapping[tuple[SessionId, Sender], Presence] = field(
        default_factory=lambda: MappingProxyType({})
    )
    typing: frozenset[tuple[SessionId, Sender]] = frozenset()
    opened: Mapping[SessionId, tuple[Colleague, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def of(self, session_id: str, sender: Sender = "customer") -> Presence:
        """Whether the customer of a conversation is there, or for a customer the team."""
        return self.present.get((SessionId(session_id), sender), "gone")

    def is_typing(self, session_id: str, sender: Sender = "customer") -> bool:
        """Whether somebody of this side is typing in a conversation."""
        return (session_id, sender) in self.typing

    def colleagues(self, session_id: str) -> tuple[Colleague, ...]:
        """Which other admins have a conversation open."""
        return self.opened.get(SessionId(session_id), ())


def changes(before: PresenceSnapshot, after: PresenceSnapshot) -> Iterator[ChatEvent]:
    """What is different, as events."""
    for key in dict.fromkeys((*before.present, *after.present)):
        is_now = after.of(*key)
        if before.of(*key) != is_now:
            yield PresenceChanged(*key, is_now)
    for key in sorted(before.typing ^ after.typing):
        yield TypingChanged(*key, key in after.typing)
    for session_id in dict.fromkeys((*before.opened, *after.opened)):
        colleagues = after.colleagues(session_id)
        if before.colleagues(session_id) != colleagues:
            yield ColleaguesChanged(session_id, colleagues)


def told(before: PresenceSnapshot, event: ChatEvent) -> PresenceSnapshot:
    """What an event makes of what was known; the inverse of :func:`changes`."""
    match event:
        case PresenceChanged(session_id, sender, presence):
            present = {**before.present, (session_id, sender): presence}
            if presence == "gone":
                del present[session_id, sender]
            return replace(before, present=present)
        case TypingChanged(session_id, sender, typing):
            key: frozenset[tuple[SessionId, Sender]] = frozenset({(session_id, sender)})
            return replace(before, typing=before.typing | key if typing else before.typing - key)
        case ColleaguesChanged(session_id, colleagues):
            opened = {**before.opened, session_id: colleagues}
            if not colleagues:
                del opened[session_id]
            return replace(before, opened=opened)
        case _:
            return before


@dataclass(slots=True)
class Signs:
    """Signs as they are stored, and when they end. Junk is no sign.

    Attributes:
        customers: What stands at :data:`~schema.paths.CUSTOMERS_PRESENT`, or part of it.
        admins: What stands at :data:`~schema.paths.ADMINS_PRESENT`.
        typing: What stands at :data:`~schema.paths.TYPING`, or part of it.
        team: For a customer: the conversation, and what stands at
            :data:`~schema.paths.TEAM_PRESENT`.
        side: Whose eyes these are: one's own side is not told to oneself.
        own: Places of one's own, which are no colleagues.
    """

    customers: Json = None
    admins: Json = None
    typing: Json = None
    team: tuple[SessionId, Json] | None = None
    side: Sender = "admin"
    own: set[Path] = field(default_factory=set)
    _spoken: dict[tuple[SessionId, Sender], int] = field(default_factory=dict)
    _typed: dict[SessionId, int] = field(default_factory=dict)

    def spoke(self, session_id: SessionId, sender: Sender, at: int) -> None:
        """A message came, stamped ``at``: what was typed until then is over."""
        key = session_id, sender
        self._spoken[key] = max(at, self._spoken.get(key, 0))

    def typed(self, session_id: SessionId, at: int) -> None:
        """It is oneself who types: one's own sign is not told from a colleague's, so for a while
        nobody of this side is said to."""
        self._typed[session_id] = at + TYPING_EXPIRY

    def snapshot(self, now: int) -> PresenceSnapshot:
        """How they read.

        Args:
            now: The server's time, ms.
        """
        present: dict[tuple[SessionId, Sender], Presence] = {}
        for session_id, raw in _rows(self.customers):
            states = {
                state for state, at in _connections(raw) if _lasts(at, now, EXPIRY) is not None
            }
            if states:
                key: tuple[SessionId, Sender] = (SessionId(session_id), "customer")
                present[key] = "online" if "online" in states else "away"
        if self.team is not None and _lasts(self.team[1], now, EXPIRY) is not None:
            present[self.team[0], "admin"] = "online"
        return PresenceSnapshot(
            MappingProxyType(present),
            frozenset(key for key, _ in self._types(now)),
            MappingProxyType(self._opened(now)),
        )

    def newest(self) -> int:
        """When the latest sign was given, ms: the server's clock shows this or more."""
        numbers = [at for at in self._stamps() if is_number(at)]
        return max((int(at) for at in numbers if isinstance(at, int | float)), default=0)

    def next_change(self, now: int) -> int | None:
        """When a sign that counts now ends, in server ms; None if none does."""
        ends = [_lasts(at, now, EXPIRY) for at in self._times()]
        ends += [end for _, end in self._types(now)]
        return min((end for end in ends if end is not None), default=None)

    def _stamps(self) -> Iterator[Json]:
        yield from self._times()
        for _, raw in _rows(self.typing):
            if isinstance(raw, dict):
                yield raw.get("at")

    def _times(self) -> Iterator[Json]:
        for _, raw in _rows(self.customers):
            yield from (at for _, at in _connections(raw))
        yield from (one.get("at") for _, _, one in self._admins())
        if self.team is not None:
            yield self.team[1]

    def _types(self, now: int) -> Iterator[tuple[tuple[SessionId, Sender], int]]:
        sides: tuple[tuple[str, Sender], ...] = (("customer", "customer"), ("team", "admin"))
        for session_id, raw in _rows(self.typing):
            for side, sender in sides:
                key = SessionId(session_id), sender
                at = raw.get(side) if isinstance(raw, dict) else None
                end = _lasts(at, now, TYPING_EXPIRY)
                if end is None or (sender == self.side and self._is_own(key[0], now)):
                    continue
                if end - TYPING_EXPIRY > self._spoken.get(key, 0):
                    yield key, end

    def _is_own(self, session_id: SessionId, now: int) -> bool:
        """Whether a sign of this side is one's own: a customer is alone on it."""
        return self.side == "customer" or self._typed.get(session_id, 0) > now

    def _admins(self) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
        for uid, connections in _rows(self.admins):
            for connection, one in _rows(connections):
                if isinstance(one, dict):
                    yield uid, connection, one

    def _opened(self, now: int) -> dict[SessionId, tuple[Colleague, ...]]:
        found: dict[SessionId, set[Colleague]] = {}
        for uid, connection, one in self._admins():
            session_id, name = one.get("session"), one.get("name")
            if not isinstance(session_id, str) or _lasts(one.get("at"), now, EXPIRY) is None:
                continue
            if paths.admin_present(uid, connection) not in self.own:
                colleague = Colleague(uid, name if isinstance(name, str) else None)
                found.setdefault(SessionId(session_id), set()).add(colleague)
        return {
            key: tuple(sorted(those, key=lambda one: (one.label, one.uid)))
            for key, those in found.items()
        }


def _rows(raw: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(raw, dict):
        yield from raw.items()
    elif isinstance(raw, list):  # keys that look like indexes come as a list
        yield from ((str(key), one) for key, one in enumerate(raw) if one is not None)


def _connections(raw: Json) -> Iterator[tuple[str, Json]]:
    """State and time of each connection."""
    below = raw.get("connections") if isinstance(raw, dict) else None
    for _, one in _rows(below):
        if isinstance(one, dict) and one.get("state") in ("online", "away"):
            yield str(one["state"]), one.get("at")


def _lasts(at: Json, now: int, expiry: int) -> int | None:
    """When a sign ends, ms; None if it has, or is none."""
    if not is_number(at):
        return None
    assert isinstance(at, int | float)
    end = int(at) + expiry
    return end if end > now else None
