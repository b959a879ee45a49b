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
from imbari_chat.schema.events import (
    ChatEvent,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
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
        assert play.changes == [("resolved", 3, True)]
        if step == "answer":
            play.answer(number)
        else:
            play.stream()
    assert play.changes == [("resolved", 3, True), ("resolved", 3, False)]
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
    assert not [one for one in play.told if isinstance(one, RecordRejected)]


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


def test_what_takes_no_sum_is_shown_as_it_is() -> None:
    """The service refuses the update."""
    overlay, stored = RecordOverlay(paths.SESSIONS), assign(RECORD, ("unreadCount",), 1.7e308)
    overlay.over({HERE: stored}, None)
    overlay.began(1, {paths.unread_count(HERE): increment(1.7e308)}, NOW)
    shown, _ = overlay.over({HERE: stored}, None)
    assert at(shown, (HERE, "unreadCount")) == 1.7e308


ELSEWHERE = SessionId("-Elsewhere")
STATUS, TOPIC = paths.session(HERE) / "status", paths.session(HERE) / "topic"


@pytest.mark.parametrize(
    "changes",
    [
        {paths.session(HERE): None},
        {paths.SESSIONS: None},
        {paths.messages(HERE) / "m" / "read": True},
        {paths.session(ELSEWHERE) / "status": "resolved"},
        {paths.session(SessionId("junk")) / "status": "resolved"},
        {},
    ],
)
def test_only_what_changes_a_part_of_what_is_shown_is_laid_over_it(
    changes: Mapping[Path, Json],
) -> None:
    """Nor anything before there was something."""
    overlay = RecordOverlay(paths.SESSIONS)
    window: Json = {HERE: RECORD, "junk": "junk"}
    assert overlay.began(1, RESOLVED, NOW) == frozenset()
    assert overlay.over(window, None)[0] is window
    assert overlay.began(2, changes, NOW) == frozenset()
    assert overlay.over(window, None)[0] is window


def test_what_is_written_again_is_settled_by_its_answer() -> None:
    """And what changes a record in two places once the window has both."""
    overlay = RecordOverlay(paths.SESSIONS)
    window: Json = {HERE: RECORD}
    overlay.over(window, None)
    overlay.began(1, {STATUS: "active"}, NOW)
    overlay.answered(1)
    assert overlay.over(window, None)[0] == window
    overlay.began(2, {STATUS: "resolved", TOPIC: "Wholesale"}, NOW)
    overlay.answered(2)
    half: Json = {HERE: {**RECORD, "status": "resolved"}}
    assert at(overlay.over(half, None)[0], (HERE, "topic")) == "Wholesale"


def test_of_several_updates_each_is_settled_by_itself() -> None:
    """Of one record and of others."""
    overlay, other = RecordOverlay(paths.SESSIONS), paths.session(ELSEWHERE) / "status"
    window: dict[str, Json] = {HERE: RECORD, ELSEWHERE: RECORD}
    overlay.over(window, None)
    assert overlay.began(1, {STATUS: "resolved"}, NOW) == {HERE}
    assert overlay.began(2, {TOPIC: "Wholesale"}, NOW) == {HERE}
    assert overlay.began(3, {other: "resolved"}, NOW) == {ELSEWHERE}
    assert overlay.answered(1) == {HERE}
    assert overlay.answered(3) == {ELSEWHERE}
    window[HERE] = {**RECORD, "status": "resolved"}
    overlay.over(window, None)
    window[HERE] = {**RECORD, "status": "active"}  # somebody reopened it
    shown, touched = overlay.over(window, frozenset())
    assert touched == frozenset({HERE, ELSEWHERE})
    assert at(shown, (HERE, "status")) == "active"
    assert at(shown, (HERE, "topic")) == "Wholesale"
    assert at(shown, (ELSEWHERE, "status")) == "resolved"


def test_what_was_pending_of_a_deleted_record_is_not_laid_over_the_next() -> None:
    """Others stay pending."""
    overlay, other = RecordOverlay(paths.SESSIONS), paths.session(ELSEWHERE) / "status"
    window: Json = {HERE: RECORD, ELSEWHERE: RECORD}
    overlay.over(window, None)
    overlay.began(1, {STATUS: "resolved", other: "resolved"}, NOW)
    overlay.over({ELSEWHERE: RECORD}, None)
    shown, _ = overlay.over(window, None)
    assert [at(shown, (key, "status")) for key in (HERE, ELSEWHERE)] == ["active", "resolved"]


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


async def test_whoever_shows_it_is_told_of_the_answer_and_of_nothing_else(window: Window) -> None:
    """The stream may have brought it before. Of two at a time each has an answer of its own."""
    changes = OwnChanges()

    def fails() -> None:
        with changes.carrying_out({TOPIC: "Wholesale"}, NOW):
            raise AccessDenied("no")

    with changes.laid_over(paths.SESSIONS, window) as overlay:  # type: ignore[arg-type]  # as much
        overlay.over({HERE: RECORD}, None)
        with changes.carrying_out({paths.session(ELSEWHERE) / "status": "resolved"}, NOW):
            pass
        assert window.looked == []
        with changes.carrying_out({STATUS: "resolved"}, NOW):
            with pytest.raises(AccessDenied):
                fails()
            shown, _ = overlay.over({HERE: RECORD}, None)
            assert [at(shown, (HERE, name)) for name in ("status", "topic")] == ["resolved", None]
            brought: Json = {HERE: {**RECORD, "status": "resolved"}}
            assert overlay.over(brought, None)[0] != brought
            window.looked.clear()
        assert window.looked == [frozenset({HERE})]
        assert overlay.over(brought, None)[0] == brought
