"""What a listener is told of records that are changed here, whoever speaks of them first."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.events import own_changes
from imbari_chat.client.events.diff import SessionDiff
from imbari_chat.client.events.own_changes import OwnChanges, RecordOverlay
from imbari_chat.engine.mirror import assign, at
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema import paths, plans
from imbari_chat.schema.events import ChatEvent, SessionAdded, SessionChanged, SessionRemoved
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import ConnectionState
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.values import increment, resolve

HERE = SessionId("-Here")
NOW = 1_700_000_000_000
RECORD: dict[str, Json] = {
    "customerName": "Amina",
    "lastMessageTime": NOW - 5,
    "unreadCount": 3,
    "status": "active",
}
READ_TWO = plans.mark_read(HERE, [MessageId("-a"), MessageId("-b")]).changes
RESOLVED = plans.resolve(HERE).changes
REOPENED = plans.reopen(HERE).changes
PLANS = {"read": READ_TWO, "resolved": RESOLVED, "reopened": REOPENED}


class Play:
    """A server, the stream from it and a listener that keeps what it is told."""

    def __init__(self) -> None:
        self.stored: Json = {HERE: RECORD}
        self.streamed: Json = self.stored
        self.told: list[ChatEvent] = []
        self.shown: Session | None = None
        self._overlay = RecordOverlay(paths.SESSIONS)
        self._diff = SessionDiff(50)
        self._number = 0
        self._look(None)

    def begin(self, changes: Mapping[Path, Json]) -> int:
        self._number += 1
        self._look(self._overlay.began(self._number, changes, NOW))
        return self._number

    def commit(self, changes: Mapping[Path, Json]) -> None:
        """The server carries it out; the stream does not say so yet."""
        for place, value in changes.items():
            if paths.SESSIONS.contains(place):
                below = place.relative_to(paths.SESSIONS)
                made = resolve(value, from_json(at(self.stored, below)), NOW + 9)
                self.stored = assign(self.stored, below, made)

    def stream(self) -> None:
        self.streamed = self.stored
        self._look(frozenset({HERE}))

    def answer(self, number: int) -> None:
        self._look(self._overlay.answered(number))

    def refuse(self, number: int) -> None:
        self._look(self._overlay.refused(number))

    def _look(self, touched: frozenset[str] | None) -> None:
        value, touched = self._overlay.over(self.streamed, touched)
        for event in self._diff.update(value, touched):
            self.told.append(event)
            match event:
                case SessionRemoved():
                    self.shown = None
                case SessionAdded(session) | SessionChanged(session):
                    self.shown = session
                case _:
                    pass

    @property
    def changes(self) -> list[tuple[str, int, bool]]:
        """What was told after the first picture."""
        return [
            (one.session.status, one.session.unread_count, one.pending)
            for one in self.told
            if isinstance(one, SessionChanged)
        ]


@pytest.mark.parametrize("order", ["answer, stream", "stream, answer"])
def test_a_resolution_is_told_at_once_and_settled_by_the_stream(order: str) -> None:
    play = Play()
    number = play.begin(RESOLVED)
    assert play.changes == [("resolved", 3, True)]
    play.commit(RESOLVED)
    for step in order.split(", "):
        if step == "answer":
            play.answer(number)
        else:
            play.stream()
    assert play.changes == [("resolved", 3, True), ("resolved", 3, False)] or play.changes == [
        ("resolved", 3, True),
        ("resolved", 3, True),  # the server's time, before its answer
        ("resolved", 3, False),
    ]
    assert play.shown is not None
    assert play.shown.resolved_at == NOW + 9


@pytest.mark.parametrize("order", ["answer, stream", "stream, answer"])
def test_a_sum_is_never_counted_twice(order: str) -> None:
    play = Play()
    number = play.begin(READ_TWO)
    play.commit(READ_TWO)
    for step in order.split(", "):
        if step == "answer":
            play.answer(number)
        else:
            play.stream()
    assert play.changes == [("active", 1, True), ("active", 1, False)]


def test_what_is_refused_is_taken_back() -> None:
    play = Play()
    play.refuse(play.begin(RESOLVED))
    assert play.changes == [("resolved", 3, True), ("active", 3, False)]


def test_what_a_window_behind_would_count_below_zero_is_none() -> None:
    play = Play()
    play.begin(plans.mark_read(HERE, [MessageId(f"-{n}") for n in range(5)]).changes)
    assert play.changes == [("active", 0, True)]


@pytest.mark.parametrize(
    ("count", "more"), [("many", -2), (None, -2), (True, -2), (1.5, -2), (1.7e308, 1.7e308)]
)
def test_a_count_that_takes_no_sum_harms_nothing(count: Json, more: float) -> None:
    play = Play()
    play.stored = assign(play.stored, (HERE, "unreadCount"), count)
    play.stream()
    number = play.begin({**READ_TWO, paths.unread_count(HERE): increment(more)})
    play.refuse(number)
    assert play.shown is not None
    assert play.changes[-1][2] is False


def test_a_deleted_session_stays_deleted() -> None:
    play = Play()
    number = play.begin(RESOLVED)
    play.stored = None
    play.stream()
    assert play.shown is None
    play.answer(number)
    assert play.shown is None


def test_a_session_that_is_not_shown_is_not_made_up() -> None:
    play = Play()
    play.begin(plans.resolve(SessionId("-Elsewhere")).changes)
    assert play.changes == []


def test_a_gap_above_a_record_that_is_pending_can_be_read() -> None:
    """From the record as the service holds it, for the service is asked."""
    diff, overlay = SessionDiff(1), RecordOverlay(paths.SESSIONS)
    diff.update({HERE: RECORD})
    overlay.over({HERE: RECORD}, None)
    overlay.began(1, RESOLVED, NOW)
    pending, touched = overlay.over({HERE: RECORD}, frozenset({HERE}))
    diff.update(pending, touched)
    gap = diff.gap({"-Later": {**RECORD, "lastMessageTime": NOW}})
    assert gap is not None
    assert gap.after is not None
    key, record = gap.after
    assert (key, at(record, ("status",))) == (HERE, "resolved")
    from_json(record)  # raises for what no service holds


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(sorted(PLANS))),
        st.tuples(st.sampled_from(["commit", "answer", "refuse"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["stream", "customer writes"]), st.none()),
    ),
    max_size=25,
)


@given(STEPS)
def test_what_is_not_pending_is_what_the_stream_says(steps: list[tuple[str, object]]) -> None:
    """And in the end, however answers and echoes were mixed, everybody sees what is stored."""
    play = Play()
    waiting: list[list[object]] = []  # number, changes, whether it has been committed
    for action, what in steps:
        match action, what:
            case "begin", str():
                waiting.append([play.begin(PLANS[what]), PLANS[what], False])
            case (("commit" | "answer" | "refuse"), int()) if what < len(waiting):
                number, changes, committed = waiting[what]
                assert isinstance(number, int)
                assert isinstance(changes, Mapping)
                if action == "commit" and not committed:
                    play.commit(changes)
                    waiting[what][2] = True
                elif action == "answer" and committed:
                    play.answer(number)
                    del waiting[what]
                elif action == "refuse" and not committed:
                    play.refuse(number)
                    del waiting[what]
            case "stream", _:
                play.stream()
            case "customer writes", _:
                count = at(play.stored, (HERE, "unreadCount"))
                assert isinstance(count, int)
                play.stored = assign(play.stored, (HERE, "unreadCount"), max(count, 0) + 1)
            case _:
                pass
        last = play.told[-1]
        if not (isinstance(last, SessionChanged) and last.pending):
            assert play.shown == _session(play.streamed)
    play.stream()
    for number, _, committed in waiting:
        assert isinstance(number, int)
        (play.answer if committed else play.refuse)(number)
    for number in range(play._number + 1):
        play.refuse(number)  # the stream has been silent
    assert play.shown == _session(play.stored)
    last = play.told[-1]
    assert not (isinstance(last, SessionChanged) and last.pending)


def _session(window: Json) -> Session | None:
    record = at(window, (HERE,))
    if not isinstance(record, dict):
        return None
    count = record.get("unreadCount", 0)
    assert isinstance(count, int)
    return Session.model_validate({**record, "unreadCount": max(count, 0), "$id": HERE})


class Window:
    """A subscription that is told to look again."""

    state: ConnectionState = "live"

    def __init__(self) -> None:
        self.looked: list[frozenset[str]] = []

    def again(self, touched: frozenset[str]) -> None:
        self.looked.append(touched)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    """One that shows the session, and whoever waits does so no longer than a turn of the loop."""
    monkeypatch.setattr(own_changes, "PATIENCE", 0.0)
    return Window()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_the_stream_never_brings_is_taken_back_but_an_outage_is_no_answer(
    window: Window,
) -> None:
    """As soon as it is live again it has had its time to."""
    changes = OwnChanges()
    with changes.laid_over(paths.SESSIONS, window) as overlay:  # type: ignore[arg-type]  # as much
        overlay.over({HERE: RECORD}, None)
        window.state = "reconnecting"
        with changes.carrying_out(RESOLVED, NOW):
            pass
        await _turns()
        shown, _ = overlay.over({HERE: RECORD}, None)
        assert at(shown, (HERE, "status")) == "resolved"
        window.looked.clear()
        window.state = "live"
        await _turns()
        assert window.looked == [frozenset({HERE})]
        assert overlay.over({HERE: RECORD}, None)[0] == {HERE: RECORD}


async def test_nothing_is_waited_for_where_nobody_listens_any_more(window: Window) -> None:
    """Nor is anybody told."""
    changes = OwnChanges()
    with changes.laid_over(paths.SESSIONS, window) as overlay:  # type: ignore[arg-type]  # as much
        overlay.over({HERE: RECORD}, None)
        with changes.carrying_out(RESOLVED, NOW):
            pass
        window.looked.clear()
    await _turns()
    with changes.carrying_out(REOPENED, NOW):
        pass
    assert window.looked == []


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (AccessDenied("no"), False),
        (Unavailable("cannot connect"), False),
        (Unavailable("no answer", outcome_unknown=True), True),
    ],
)
async def test_only_what_certainly_was_not_made_is_taken_back_at_once(
    monkeypatch: pytest.MonkeyPatch, error: ImbariError, kept: bool
) -> None:
    """And whoever asked hears of it."""
    changes, window = OwnChanges(), Window()
    with changes.laid_over(paths.SESSIONS, window) as overlay:  # type: ignore[arg-type]  # as much
        overlay.over({HERE: RECORD}, None)
        with pytest.raises(type(error)), changes.carrying_out(RESOLVED, NOW):
            raise error
        shown, _ = overlay.over({HERE: RECORD}, None)
        assert at(shown, (HERE, "status")) == ("resolved" if kept else "active")


def test_what_is_pending_is_looked_at_with_whatever_the_stream_touches() -> None:
    """As long as it is, and once more when it ended; what is not concerned is not looked at."""
    overlay, other = RecordOverlay(paths.SESSIONS), frozenset({"-Other"})
    overlay.over({HERE: RECORD}, None)
    assert overlay.began(1, RESOLVED, NOW) == {HERE}
    assert overlay.over({HERE: RECORD}, other)[1] == frozenset({HERE, *other})
    assert overlay.over({HERE: RECORD}, None)[1] is None
    assert overlay.refused(1) == {HERE}
    assert overlay.over({HERE: RECORD}, other)[1] == frozenset({HERE, *other})
    assert overlay.over({HERE: RECORD}, other)[1] == other
