"""What a client says of itself, by what its user does: in virtual time, on a line that notes it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from imbari_chat.client.presence.announcer import Pace
from imbari_chat.client.presence.presence import ClientPresence
from imbari_chat.client.sending.ids import Ids
from imbari_chat.engine.buffer import ListenItem
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData, Unavailable
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, MessageAdded
from imbari_chat.schema.models import Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.values import SERVER_TIMESTAMP
from tests.client.in_memory import Silence
from tests.view.records import message
from tests.virtual_time import in_virtual_time

A, B = SessionId("-A"), SessionId("-B")
NOW = 1_800_000_000_000
PATIENT = Pace(interval=0, renewal=100_000)

Step = tuple[float, str, SessionId | None]
"""At which second which method is called, with which conversation."""


class Line:
    """Notes what is written when, and answers what is read.

    Args:
        uid: Who is asking, which is known once it has been opened.
        stored: What is read, by its path.
        refusal: What becomes of every read and write.
        unknown: What asking who is asking raises.
    """

    on_disconnect = None
    stamp = None

    def __init__(
        self,
        uid: str | None = "uid",
        stored: Mapping[str, Json] | None = None,
        refusal: ImbariError | None = None,
        unknown: ImbariError | None = None,
    ) -> None:
        self.uid: str | None = None
        self._uid = uid
        self.told: list[str] = []
        self.stored = stored or {}
        self.refusal = refusal
        self.unknown = unknown

    async def open(self) -> None:
        if self.unknown is not None:
            raise self.unknown
        self.uid = self._uid

    async def update(self, changes: Mapping[Path, Json]) -> None:
        for path, value in changes.items():
            if path[0] == "typing" and path[-1] != "at":
                self._note(f"types {path[-2]} {path[-1]}")
            elif value is None:
                self._note(f"-{path[2]}")
            elif isinstance(value, dict) and value != SERVER_TIMESTAMP:
                words = (value.get(key) for key in ("state", "name", "session"))
                self._note(" ".join((path[2], *(str(one) for one in words if one is not None))))
        if self.refusal is not None:
            raise self.refusal

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.refusal is not None:
            raise self.refusal
        return self.stored.get(str(path))

    def listen(self, path: Path, query: Query | None = None, **_: object) -> Silence:
        self._note(f"listen {path}")
        return Silence()

    def _note(self, what: str) -> None:
        self.told.append(f"{asyncio.get_running_loop().time():g} {what}")


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def told(
    line: Line, *steps: Step, side: Sender = "customer", end: str = "on", enabled: bool = True
) -> list[str]:
    """What is written of what is done; at the end it is on, or refused or off."""

    async def main() -> list[str]:
        transport: Any = line
        presence = ClientPresence(transport, Ids(), side, enabled=enabled, name="Ada", pace=PATIENT)
        loop = asyncio.get_running_loop()
        for second, method, session in steps:
            if second > loop.time():
                await asyncio.sleep(second - loop.time())
            getattr(presence, method)(*(() if session is None else (session,)))
        await _turns()
        assert presence.state == end
        assert presence.is_on == (end == "on")
        written = [*line.told]
        await presence.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not presence.is_on
        await asyncio.sleep(1000)
        assert [one for one in line.told if float(one.split()[0]) > loop.time() - 1000] == []
        return written

    return in_virtual_time(main())


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "shown", A), (299, "spoke", B)], ["0 -A online"]),
        ([(0, "shown", A), (400, "spoke", B)], ["0 -A online", "300 -A away", "400 -A online"]),
        ([(0, "shown", A), (200, "spoke", A), (600, "spoke", A)],
         ["0 -A online", "500 -A away", "600 -A online"]),
        ([(0, "shown", A), (100, "hidden", A), (500, "spoke", A)], ["0 -A online", "100 -A away"]),
        ([(0, "shown", A), (10, "hidden", A), (20, "shown", A), (319, "spoke", B)],
         ["0 -A online", "10 -A away", "20 -A online"]),
        ([(0, "spoke", A), (400, "spoke", A)], []),
        ([(0, "shown", A), (200, "types", A), (499, "spoke", A)],
         ["0 -A online", "200 types -A customer"]),
    ],
)  # fmt: skip
def test_a_customer_who_does_nothing_is_away_after_five_minutes(
    steps: list[Step], expected: list[str]
) -> None:
    """What they minimise is away at once, and stays so whatever they do."""
    assert told(Line(), *steps) == expected


@pytest.mark.parametrize("side", ["customer", "admin"])
def test_who_types_says_so_every_three_seconds(side: Sender) -> None:
    """In each conversation, and anew after a message."""
    steps: list[Step] = [
        (0, "types", A), (0.5, "types", A), (1, "types", B), (2.9, "types", A), (3, "types", A),
        (3.5, "types", B), (4, "spoke", A), (4.1, "types", A), (4.2, "types", A),
    ]  # fmt: skip
    word = "customer" if side == "customer" else "team"
    assert told(Line(), *steps, side=side) == [
        f"{at} types -{session} {word}"
        for at, session in ((0, "A"), (1, "B"), (3, "A"), (4.1, "A"))
    ]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "sat_down", None), (5, "got_up", None)], ["0 uid Ada", "5 -uid"]),
        ([(0, "opened", A), (5, "closed", A)], ["0 uid Ada -A", "5 -uid"]),
        ([(0, "sat_down", None), (1, "opened", A), (2, "opened", B), (3, "closed", B),
          (4, "got_up", None), (5, "closed", A)],
         ["0 uid Ada", "1 uid Ada -A", "2 uid Ada -B", "3 uid Ada -A", "5 -uid"]),
        ([(0, "sat_down", None), (1, "opened", A), (2, "closed", B), (3, "closed", A)],
         ["0 uid Ada", "1 uid Ada -A", "3 uid Ada"]),
        ([(0, "got_up", None), (0, "closed", A)], []),
        ([(0, "sat_down", None), (0, "got_up", None)], []),
    ],
)  # fmt: skip
def test_an_admin_is_there_at_the_desk_or_in_a_conversation(
    steps: list[Step], expected: list[str]
) -> None:
    """In the one that was opened last of those that are open; idle or not."""
    assert told(Line(), *steps, (900, "spoke", A), side="admin") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Line(uid=None), ["0 service Ada"]),
        (Line(uid="no.key"), []),
        (Line(unknown=Unavailable("cannot connect")), []),
    ],
)
def test_an_admin_is_called_by_their_uid(line: Line, expected: list[str]) -> None:
    """If it can stand there, and is known."""
    assert told(line, (0, "sat_down", None), side="admin") == expected


def test_what_is_off_says_nothing() -> None:
    """And hears nothing."""
    steps: list[Step] = [(0, "shown", A), (0, "types", A), (1, "hidden", A), (2, "spoke", A)]
    assert told(Line(), *steps, enabled=False, end="off") == []
    admin: list[Step] = [
        (0, "sat_down", None),
        (1, "opened", A),
        (2, "closed", A),
        (3, "got_up", None),
    ]
    line = Line()
    assert told(line, *admin, side="admin", enabled=False, end="off") == []
    assert line.uid is None  # nor does it ask who is asking


def test_what_is_refused_for_good_is_off_until_another_conversation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That of one that is gone says nothing of another; and it is said once."""
    denied = AccessDenied("denied")
    steps: list[Step] = [
        (0, "shown", A), (20, "shown", A), (30, "types", A), (40, "hidden", A), (400, "spoke", A),
    ]  # fmt: skip
    tries = ["0 -A online", "3 -A online", "9 -A online"]
    assert told(Line(refusal=denied), *steps, end="refused") == tries
    assert len(caplog.records) == 1
    assert told(Line(refusal=denied), *steps, (450, "shown", B)) == [*tries, "450 -B online"]


def _signs(at: int) -> dict[str, Json]:
    """Somebody in each conversation, both typing, and a colleague in one."""
    there: Json = {"at": at, "connections": {"aa": {"state": "online", "at": at}}}
    typing: Json = {"at": at, "customer": at}
    return {
        "/presence/customers": {A: there, B: there},
        f"/presence/customers/{A}": there,
        "/typing": {A: typing, B: typing},
        f"/typing/{A}": typing,
        "/presence/admins": {"other": {"aa": {"at": at, "name": "Bo", "session": A}}},
    }


@pytest.mark.parametrize(("asked", "present"), [(None, {A, B}), (A, {A})])
async def test_a_look_is_at_one_conversation_or_at_all(
    asked: SessionId | None, present: set[SessionId]
) -> None:
    """Who is there, who types, and which colleagues have it open."""
    transport: Any = Line(stored=_signs(NOW))
    presence = ClientPresence(transport, Ids(), enabled=True)
    seen = await presence.read(asked)
    assert {session for session, _ in seen.present} == present
    assert {session for session, _ in seen.typing} == present
    assert [one.name for one in seen.colleagues(A)] == ["Bo"]


@pytest.mark.parametrize(
    ("error", "state"),
    [(AccessDenied("no"), "refused"), (InvalidData("no index"), "refused"), (None, "on")],
)
async def test_a_look_that_is_refused_sees_nobody(error: ImbariError | None, state: str) -> None:
    """Nor does the next one ask; an outage is the caller's to know of."""
    transport: Any = Line(stored=_signs(NOW), refusal=error)
    presence = ClientPresence(transport, Ids(), enabled=True)
    assert (await presence.read(A) == PresenceSnapshot()) == (error is not None)
    assert presence.state == state
    transport.refusal = Unavailable("away")
    if error is None:
        with pytest.raises(Unavailable):
            await presence.read(A)
    else:
        assert await presence.read(A) == PresenceSnapshot()
    off = ClientPresence(transport, Ids(), enabled=False)
    assert await off.read() == PresenceSnapshot()


@pytest.mark.parametrize(("stamp", "stamps"), [(NOW + 7, [(NOW + 7, NOW)]), (None, []), ("?", [])])
def test_a_sign_that_was_stamped_tells_the_time_and_when_the_team_was_there(
    stamp: Json, stamps: list[tuple[int, int]]
) -> None:
    """The time once for each place; the team is looked at after each sign."""
    seen: list[tuple[int, int]] = []
    resets: list[None] = []

    async def main() -> None:
        line: Any = Line()
        ids = Ids()
        ids.stamped = lambda timestamp, *, made: seen.append((timestamp, made))  # type: ignore[method-assign]
        ids.local = lambda: NOW  # type: ignore[method-assign]
        presence = ClientPresence(line, ids, "customer", enabled=True, pace=PATIENT)
        presence._watcher.clock_was_set = lambda: resets.append(None)  # type: ignore[method-assign]
        key = presence._announcer._key
        team = str(paths.TEAM_PRESENT)
        line.stored = {str(paths.customer_present(A, key) / "at"): stamp, team: ids.now()}
        presence.shown(A)
        await asyncio.sleep(1)
        assert presence.snapshot.of(A, "admin") == "online"
        line.stored[team] = None
        presence.hidden(A)
        await asyncio.sleep(1)
        assert presence.snapshot.of(A, "admin") == "gone"
        await presence.close()

    in_virtual_time(main())
    assert seen == stamps
    assert len(resets) == len(stamps)


async def test_an_admin_does_not_look_whether_the_team_is_there() -> None:
    """Each is it."""

    class Read(Line):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            read.append(path)
            return None

    read: list[Path] = []
    line: Any = Read()
    presence = ClientPresence(line, Ids(), enabled=True, pace=PATIENT)
    presence.sat_down()
    await _turns()
    assert len(read) == 1
    assert paths.TEAM_PRESENT not in read
    await presence.close()


async def test_rules_that_let_nobody_hear_are_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However much is listened to."""

    class Deaf(Line):
        def listen(self, path: Path, query: Query | None = None, **_: object) -> Silence:
            raise AccessDenied("denied")

    line: Any = Deaf()
    presence = ClientPresence(line, Ids(), enabled=True)
    presence.watch(lambda _: None)
    await _turns()
    assert presence.state == "refused"
    assert len(caplog.records) == 1
    await presence.close()


@pytest.mark.parametrize("is_on", [True, False])
async def test_others_are_heard_by_whoever_wants_to_if_it_is_on(*, is_on: bool) -> None:
    """For as long as they want; what is off is not listened to at all."""

    class Lasting(Silence):
        async def __anext__(self) -> ListenItem:
            await asyncio.Event().wait()
            raise StopAsyncIteration

        async def __aexit__(self, *_: object) -> None:
            left.append(self)

    class Heard(Line):
        def listen(self, path: Path, query: Query | None = None, **_: object) -> Silence:
            heard.append(Lasting())
            return heard[-1]

    heard: list[Silence] = []
    left: list[Silence] = []
    line: Any = Heard()
    presence, events = ClientPresence(line, Ids(), enabled=is_on), list[MessageAdded]()

    def hear(_: ChatEvent) -> None: ...

    def note(event: MessageAdded) -> None:
        events.append(event)

    presence._watcher.heard = note  # type: ignore[method-assign]
    presence.watch(hear)
    await _turns()
    count = 3 if is_on else 0
    assert len(heard) == len(presence.subscriptions) == count
    said = MessageAdded(A, message("m1", "Hi"))
    presence.heard(said)
    assert events == [said] * is_on
    presence.unwatch(hear)
    await _turns()
    assert set(left) == set(heard)
    own: Any = Lasting()
    presence._announcer.subscription = own
    assert presence.subscriptions == (*heard, own)
    presence.watch(hear)
    await _turns()
    await presence.close()
    assert len(left) == len(heard) == 2 * count


async def test_a_customer_hears_of_the_conversation_they_look_at() -> None:
    """And is no colleague of their own."""
    line: Any = Line()
    presence = ClientPresence(line, Ids(), "customer", enabled=True)
    typed: list[SessionId] = []
    presence._watcher.typed = lambda session_id: typed.append(session_id)  # type: ignore[method-assign]
    presence.watch(lambda _: None)
    presence.shown(A)
    presence.types(A)
    await _turns()
    assert typed == [A]
    assert [one.split()[2] for one in line.told if "listen" in one] == [f"/typing/{A}"]
    await presence.close()


async def test_leaving_ends_what_is_under_way() -> None:
    """Also a sign of typing that gets no answer."""

    class Unanswered(Line):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            await super().update(changes)
            await asyncio.Event().wait()

    line: Any = Unanswered()
    presence = ClientPresence(line, Ids(), "customer", enabled=True)
    presence.types(A)
    await _turns()
    assert len(line.told) == 1
    await presence.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
