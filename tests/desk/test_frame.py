"""What stands around the panes, in words."""

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from imbari_chat.desk import frame
from imbari_chat.desk.bar import Parts
from imbari_chat.schema.events import ConnectionChanged, TypingChanged
from imbari_chat.schema.forms import MAX_TEXT
from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import Assignment, Block, Labels, Note, Snooze, TeamSnapshot
from imbari_chat.states import ConnectionState
from imbari_chat.view.inbox import Conversation, Inbox, Notice
from imbari_chat.view.listing import Listing
from imbari_chat.view.outgoing import Pending
from imbari_chat.view.widths import widest
from tests.view.records import NOW, heard, session

AMINA, BRIAN = SessionId("amina"), SessionId("brian")
LIVE = ConnectionChanged("live")


def words(parts: Parts) -> str:
    """A line as it is read."""
    return "".join(text for text, _ in parts)


@pytest.mark.parametrize(
    ("connection", "at", "said"),
    [
        (ConnectionChanged("connecting"), 0, "connecting…"),
        (LIVE, 0, "live"),
        (ConnectionChanged("stale"), 0, "silent…"),
        (ConnectionChanged("reconnecting", "cut", 2.5), 0, "offline, trying again in 3 s"),
        (ConnectionChanged("reconnecting", "cut", 2.5), 1500, "offline, trying again in 1 s"),
        (ConnectionChanged("reconnecting", "cut", 2.5), 2500, "offline, trying again"),
        (ConnectionChanged("reconnecting", "cut"), 0, "offline, trying again"),
        (ConnectionChanged("closed", "over", 9.0), 0, "closed"),
    ],
)
def test_the_header_says_how_the_connection_is(
    connection: ConnectionChanged, at: int, said: str
) -> None:
    """And until when it is waited for."""
    state = Inbox(connection=connection, connection_at=NOW)
    (parts,) = frame.header(state, frame.Place("shop", "noor"), NOW + at)
    assert words(parts) == f" imbari  emulator  {said}  shop  noor"


def test_the_header_counts_what_is_unread_and_what_waits() -> None:
    """What is merely being sent does not wait."""
    state = heard(Inbox(), LIVE)
    state = replace(
        state,
        pending=(Pending(1, AMINA, "hello", delivery="sent", since=NOW),),
    )
    place = frame.Place("shop", "noor", is_live=True)
    (now,), (late,) = (frame.header(state, place, NOW + at, "3") for at in (0, 60_000))
    assert words(now) == " imbari  LIVE  live  3 unread  shop  noor"
    assert words(late) == " imbari  LIVE  live  3 unread  1 queued  shop  noor"


def _team(**kept: Any) -> TeamSnapshot:
    return TeamSnapshot(at=NOW, **kept)


@pytest.mark.parametrize(
    ("talk", "team", "below", "marks"),
    [
        ({}, _team(), 0, []),
        ({"connection": ConnectionChanged("stale")}, _team(), 0, ["silent…"]),
        ({}, _team(), 3000, ["↓ 3,000 below"]),
        ({"peek": True}, _team(), 0, ["only looking"]),
        ({"status": "resolved"}, _team(), 0, ["✓ resolved"]),
        (
            {},
            _team(blocks={"u": Block.model_validate({ID_FIELD: "u", "reason": "spam"})}),
            0,
            ["blocked: spam"],
        ),
        (
            {},
            _team(labels={AMINA: Labels.model_validate({ID_FIELD: AMINA, "names": {"vip": True}})}),
            0,
            ["#vip"],
        ),
        (
            {},
            _team(assignments={AMINA: Assignment.model_validate({ID_FIELD: AMINA, "to": "u2"})}),
            0,
            ["u2 has it"],
        ),
        (
            {},
            _team(assignments={AMINA: Assignment.model_validate({ID_FIELD: AMINA, "to": "me"})}),
            0,
            ["you have it"],
        ),
    ],
)
def test_the_heading_says_how_a_conversation_stands(
    talk: dict[str, Any], team: TeamSnapshot, below: int, marks: list[str]
) -> None:
    """On a rule as wide as the pane; nothing that is as usual is said."""
    about = session("amina", customerUid="u", status=talk.pop("status", "active"))
    state = Inbox(conversation=Conversation(about, **{"connection": LIVE, **talk}))
    _, second = frame.heading(state, Listing(team=team, me="me"), below, 40)
    assert [mark.strip() for mark in words(second).split("─") if mark.strip()] == marks
    assert widest(words(second)) == 40


def test_a_mark_is_cut_where_it_is_wider_than_the_pane() -> None:
    """With the rule on both sides of it."""
    block = Block.model_validate({ID_FIELD: "u", "reason": "x" * 50})
    state = Inbox(conversation=Conversation(session("amina", customerUid="u"), connection=LIVE))
    _, second = frame.heading(state, Listing(team=_team(blocks={"u": block})), 0, 40)
    assert words(second) == f"─ blocked: {'x' * 26}… ─"


@pytest.mark.parametrize(
    ("until", "said"),
    [(None, "blocked: spam"), (NOW + 60_000, "blocked until 20"), (NOW - 1, "")],
)
def test_what_has_an_end_is_said_with_it(until: int | None, said: str) -> None:
    """And not any more when it is over."""
    block = Block.model_validate({ID_FIELD: "u", "reason": "spam", "until": until})
    snooze = Snooze.model_validate({ID_FIELD: AMINA, "until": until or NOW + 1})
    about = session("amina", customerUid="u")
    state = Inbox(conversation=Conversation(about, connection=LIVE))
    team = _team(blocks={"u": block}, snoozes={AMINA: snooze})
    _, second = frame.heading(state, Listing(team=team), 0, 120)
    assert (said in words(second)) is True
    assert ("out of sight until" in words(second)) is (until != NOW - 1)
    assert ("blocked" in words(second)) is bool(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, " amina  amina@example.com"),
        ({"customerEmail": ""}, " amina  "),
        (
            {"customerPhone": "+254 7", "topic": "An order"},
            " amina  amina@example.com · +254 7 · An order",
        ),
        ({"customerName": "Imbari Team"}, " a customer, not us: Imbari Team  amina@example.com"),
        ({"customerName": " "}, " (no name)  amina@example.com"),
    ],
)
def test_the_heading_says_whose_conversation_it_is(fields: dict[str, Any], said: str) -> None:
    """A stranger's words last, and never as ours."""
    state = Inbox(conversation=Conversation(session("amina", **fields)))
    first, _ = frame.heading(state, Listing(), 0, 80)
    assert words(first) == said


def test_without_a_conversation_there_is_no_heading() -> None:
    """Nor are there notes."""
    assert frame.heading(Inbox(), Listing(), 3, 80) == []
    assert frame.notes(None, "me", 80, UTC) == []
    assert frame.notes(Conversation(session("amina")), "me", 80, UTC) == []


def test_who_types_is_said_in_the_heading() -> None:
    """Also what a colleague is called."""
    state = heard(Inbox(), TypingChanged(AMINA, "customer", True))
    state = replace(state, conversation=Conversation(session("amina"), connection=LIVE))
    _, second = frame.heading(state, Listing(), 0, 40)
    assert "typing…" in words(second)


def test_the_latest_notes_are_shown_and_how_many_more_there_are() -> None:
    """Under a line that says whose eyes they are for."""
    found = [
        Note.model_validate({ID_FIELD: f"n{at}", "text": f"Note {at}", "at": NOW, "by": by})
        for at, by in enumerate(["me", "u2", "me", "u2"])
    ]
    talk = Conversation(session("amina"), notes=tuple(found))
    line, *shown = frame.notes(talk, "me", 60, UTC)
    assert words(line).startswith("── notes, for the team alone; Alt-N shows 1 more ─")
    assert widest(words(line)) == 60
    assert [words(one) for one in shown] == [
        " 2024-03-12 14:05 u2: Note 1",
        " 2024-03-12 14:05 you: Note 2",
        " 2024-03-12 14:05 u2: Note 3",
    ]
    three, *_ = frame.notes(replace(talk, notes=tuple(found[:3])), None, 60, UTC)
    assert words(three).startswith("── notes, for the team alone ─")
    assert frame.note_line(found[0], None, UTC).startswith("2024-03-12 14:05 me: ")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Inbox(), ""),
        (Inbox(connection=LIVE), ""),
        (Inbox(connection=ConnectionChanged("stale", "no answer")), ""),
        (
            Inbox(connection=ConnectionChanged("reconnecting", "cut")),
            " Not connected: what is shown may be old. F5 tries again. cut",
        ),
        (
            Inbox(connection=ConnectionChanged("closed")),
            " Not connected: what is shown may be old. F5 tries again. ",
        ),
        (Inbox(connection=ConnectionChanged("closed"), notice=Notice("Sent")), " Sent"),
    ],
)
def test_the_notice_is_what_happened_last(state: Inbox, said: str) -> None:
    """While the connection is lost, that."""
    assert words(frame.notice(state)) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (MAX_TEXT - 200, ""),
        (MAX_TEXT - 199, " 1,801 of 2,000 "),
        (MAX_TEXT + 1, " 2,001 of 2,000 "),
    ],
)
def test_room_is_said_once_there_is_little(length: int, said: str) -> None:
    """Counted as the rules count it."""
    assert frame.room("x" * length) == said
    assert frame.room("\U0001f600" * (length // 2) + "x" * (length % 2)) == said


@pytest.mark.parametrize(
    ("connection", "chosen", "said"),
    [
        ("connecting", Listing(), "Loading conversations…"),
        ("reconnecting", Listing(), "Not loaded: offline"),
        ("closed", Listing(), "Not loaded: offline"),
        ("live", Listing(query="amina"), "Nothing found"),
        ("live", Listing(shown="all"), "No conversation yet"),
        ("live", Listing(shown="waiting"), "None is waiting; f for more"),
    ],
)
def test_where_there_is_no_conversation_the_reason_is_said(
    connection: ConnectionState, chosen: Listing, said: str
) -> None:
    """Nothing is claimed that is not known."""
    assert frame.nothing(Inbox(connection=ConnectionChanged(connection)), chosen, 0) == said


def test_what_was_loaded_is_not_called_offline() -> None:
    """It may be old, which the notice says."""
    lost = ConnectionChanged("reconnecting")
    state = Inbox(sessions={AMINA: session("amina")}, connection=lost)
    assert frame.nothing(state, Listing(query="x"), 0) == "Nothing found"


def test_what_the_filter_hides_of_what_was_found_is_counted() -> None:
    """And how to see it."""
    said = frame.nothing(Inbox(connection=ConnectionChanged("live")), Listing(query="x"), 1200)
    assert said == f"None of 1,200 found is {Listing().shown}: Enter, then F shows all"
