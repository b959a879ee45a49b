"""A conversation's two lines in the list, with their inks."""

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from imbari_chat.desk import frame
from imbari_chat.desk.bar import Parts
from imbari_chat.desk.keys import footer
from imbari_chat.desk.list_rows import Picture, first_line, second_line
from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import ID_FIELD, Colleague, Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Assignment, Block, Labels, Note, Snooze, TeamSnapshot
from imbari_chat.view.inbox import Conversation, Inbox, Notice
from imbari_chat.view.listing import Listing
from imbari_chat.view.outgoing import Failed, Pending
from tests.view.records import NOW, session

AMINA = SessionId("amina")
LATER = NOW + 3_600_000


def inked(parts: Parts) -> str:
    """A line as it is read, with its inks: ``‹red bold:not sent›``, and plain text as it is."""
    return "".join(text if str(ink) == "none" else f"‹{ink}:{text}›" for text, ink in parts if text)


def _picture(**changed: Any) -> Picture:
    picture = Picture(
        (), 0, Listing(me="me"), None, frozenset(), frozenset(), PresenceSnapshot(), "", "", LATER
    )
    return replace(picture, **changed)


@pytest.mark.parametrize(
    ("fields", "changed", "is_selected", "line"),
    [
        (
            {},
            {},
            False,
            (
                "‹cyan: ›‹not bold red:    ›‹dim:1h     ›‹green:  ›‹not bold not dim:amina›"
                "‹dim:  amina@example.com›"
            ),
        ),
        (
            {"unreadCount": 1},
            {"opened": AMINA, "presence": PresenceSnapshot({(AMINA, "customer"): "online"})},
            True,
            (
                "‹cyan:▸›‹bold red:  1 ›‹dim:1h     ›‹green:● ›‹bold not dim:amina›"
                "‹dim:  amina@example.com›"
            ),
        ),
        (
            {"unreadCount": 99, "customerName": " "},
            {"presence": PresenceSnapshot({(AMINA, "customer"): "away"})},
            True,
            (
                "‹cyan:>›‹bold red: 99 ›‹dim:1h     ›‹green:○ ›‹bold not dim:(no name)›"
                "‹dim:  amina@example.com›"
            ),
        ),
        (
            {"unreadCount": 100, "customerName": "Imbari Team", "customerEmail": ""},
            {"opened": SessionId("brian")},
            False,
            (
                "‹cyan: ›‹bold red:99+ ›‹dim:1h     ›‹green:  ›‹bold red:not us! ›"
                "‹bold not dim:Imbari Team›‹dim:  ›"
            ),
        ),
        (
            {"status": "resolved"},
            {},
            False,
            (
                "‹cyan: ›‹not bold green:  ✓ ›‹dim:1h     ›‹green:  ›‹not bold dim:amina›"
                "‹dim:  amina@example.com›"
            ),
        ),
    ],
)
def test_the_first_line_says_who(
    fields: dict[str, Any], changed: dict[str, Any], is_selected: bool, line: str
) -> None:
    """Unread, when, there or not, and a stranger's words last."""
    shown = first_line(_picture(**changed), session("amina", **fields), is_selected=is_selected)
    assert inked(shown) == line


def _team(**kept: dict[str, object]) -> TeamSnapshot:
    kinds: dict[str, tuple[str, Any]] = {
        "blocks": ("u", Block), "labels": (AMINA, Labels), "snoozes": (AMINA, Snooze),
        "assignments": (AMINA, Assignment),
    }  # fmt: skip
    records: dict[str, Any] = {
        name: {kinds[name][0]: kinds[name][1].model_validate({ID_FIELD: kinds[name][0], **fields})}
        for name, fields in kept.items()
    }
    return TeamSnapshot(at=NOW, **records)


def _listed(team: TeamSnapshot) -> dict[str, Any]:
    return {"listing": Listing(me="me", team=team)}


@pytest.mark.parametrize(
    ("fields", "changed", "line"),
    [
        ({}, {}, "‹dim:amina says hello›"),
        ({"unreadCount": 1}, {}, "‹yellow:waits 1h ›‹dim:them: ›amina says hello"),
        ({"unreadCount": 1}, {"now": NOW}, "‹yellow:waits ›‹dim:them: ›amina says hello"),
        ({"lastMessage": ""}, {}, "‹dim:no message yet›"),
        ({}, {"drafts": {AMINA}}, "‹magenta:draft ›‹dim:amina says hello›"),
        ({}, {"failed": {AMINA}}, "‹bold red:not sent ›‹dim:amina says hello›"),
        ({}, {"drafts": {"b"}, "failed": {"b"}}, "‹dim:amina says hello›"),
        (
            {},
            _listed(_team(blocks={"reason": "spam"})),
            "‹red:blocked ›‹dim:amina says hello›",
        ),
        (
            {},
            _listed(_team(assignments={"to": "me", "name": "Noor"})),
            "‹blue:@you ›‹dim:amina says hello›",
        ),
        (
            {},
            _listed(_team(assignments={"to": "u2", "name": "Noor of the night shift"})),
            "‹blue:@Noor of the ni… ›‹dim:amina says hello›",
        ),
        (
            {},
            _listed(_team(labels={"names": {"vip": True, "urgent": True}})),
            "‹magenta:#urgent #vip ›‹dim:amina says hello›",
        ),
        (
            {},
            {"presence": PresenceSnapshot(opened={AMINA: (Colleague("u1", "B"), Colleague("u2"))})},
            "‹blue:open: B, u2 ›‹dim:amina says hello›",
        ),
        (
            {"status": "resolved", "unreadCount": 2},
            {},
            "‹yellow:resolved ›‹dim:them: ›amina says hello",
        ),
        ({"status": "resolved"}, {}, "‹dim:amina says hello›"),
        (
            {},
            {"presence": PresenceSnapshot(typing=frozenset({(AMINA, "customer")}))},
            "‹green:typing… ›‹dim:amina says hello›",
        ),
    ],
)
def test_the_second_line_says_what(
    fields: dict[str, Any], changed: dict[str, Any], line: str
) -> None:
    """How long it waits, who is at it, and a stranger's words last."""
    shown = second_line(_picture(**changed), session("amina", customerUid="u", **fields))
    assert inked(shown) == f"    {line}"


def test_what_is_out_of_sight_says_until_when() -> None:
    """By the clock on the wall."""
    snoozed = _picture(**_listed(_team(snoozes={"until": NOW + 1})))
    shown = inked(second_line(snoozed, session("amina")))
    assert shown.startswith("    ‹blue:until 20")
    assert shown.endswith(" ›‹dim:amina says hello›")


def test_the_frame_has_its_inks() -> None:
    """What is not as usual is coloured, and most what cannot be undone."""
    quiet, busy = Inbox(connection=ConnectionChanged("live")), Inbox(
        sessions={AMINA: session("amina", unreadCount=2)},
        connection=ConnectionChanged("reconnecting"),
        pending=(Pending(1, AMINA, "x", delivery="sent", since=NOW - 60_000),),
        failed=(Failed(2, AMINA, "x", "why"),),
        notice=Notice("No", is_error=True),
    )  # fmt: skip
    (told,) = frame.header(quiet, frame.Place("shop", "noor"), NOW)
    assert inked(told) == ("‹bold: imbari ›‹cyan: emulator ›‹green: live›‹dim:  shop›‹dim:  noor›")
    (told,) = frame.header(quiet, frame.Place("shop", "default"), NOW, "", "noor@imbari.example")
    assert inked(told).endswith("‹dim:  shop›‹dim:  noor@imbari.example›")
    (told,) = frame.header(busy, frame.Place("shop", "noor", is_live=True), NOW, "2")
    assert inked(told) == (
        "‹bold: imbari ›‹bold reverse red: LIVE ›‹yellow: offline, trying again›"
        "‹bold:  2 unread›‹yellow:  1 queued›‹bold red:  1 not sent›‹dim:  shop›‹dim:  noor›"
    )
    assert inked(frame.notice(busy)) == "‹red: No›"
    assert inked(frame.notice(replace(quiet, notice=Notice("Yes")))) == " Yes"
    assert inked(frame.notice(replace(busy, notice=None))) == (
        "‹dim: Not connected: what is shown may be old. F5 tries again. ›"
    )


def test_the_heading_has_its_inks() -> None:
    """Each mark its own, on a rule that goes to the end of the pane."""
    team = _team(
        blocks={"reason": "spam"},
        labels={"names": {"vip": True}},
        assignments={"to": "me"},
    )
    about = session("amina", customerUid="u", status="resolved", customerName="Imbari Team")
    state = Inbox(
        conversation=Conversation(about, peek=True, connection=ConnectionChanged("stale")),
        presence=PresenceSnapshot({(AMINA, "customer"): "online"}),
    )
    first, second = frame.heading(state, Listing(me="me", team=team), 2, 111)
    assert inked(first) == (
        "‹bold red: a customer, not us: ›‹bold:Imbari Team›‹dim:  amina@example.com›"
    )
    assert inked(second) == (
        "‹dim:─›‹yellow: silent… ›‹dim:─›‹bold yellow: ↓ 2 below ›‹dim:─›"
        "‹magenta: only looking ›‹dim:─›‹green: ✓ resolved ›‹dim:─›‹red: blocked: spam ›‹dim:─›"
        "‹blue: you have it ›‹dim:─›‹magenta: #vip ›‹dim:─›‹green: online ›‹dim:─›"
        f"‹dim:{'─' * 14}›"
    )


def test_who_wrote_last_is_said_where_it_is_known() -> None:
    """Also that it was us."""
    senders: list[tuple[Sender, str]] = [("admin", "us: "), ("customer", "them: ")]
    for sender, words in senders:
        known = _picture(listing=Listing(last_senders={AMINA: sender}))
        shown = inked(second_line(known, session("amina")))
        assert shown.endswith(f"‹dim:{words}›‹dim:amina says hello›")


def test_of_a_strangers_words_so_much_is_kept_as_a_line_may_hold() -> None:
    """However long they are: each is cut before it is measured."""
    long = "x" * 5_000
    fields: dict[str, Any] = {
        "customerName": long,
        "customerEmail": long,
        "customerPhone": long,
        "topic": long,
    }
    everything = session("amina", lastMessage=long, customerUid="u", **fields)
    team = _team(blocks={"reason": long})
    shown = _picture(
        listing=Listing(team=team),
        presence=PresenceSnapshot(opened={AMINA: (Colleague("u1", long),)}),
    )
    first = first_line(shown, everything, is_selected=False)
    assert [len(text) for text, _ in first][-2:] == [200, 202]
    assert [len(text) for text, _ in second_line(shown, everything)][-1] == 200
    conversation = Conversation(everything, connection=ConnectionChanged("live"))
    state = Inbox(connection=ConnectionChanged("closed", long), conversation=conversation)
    name, second = frame.heading(state, Listing(team=team), 0, 400)
    assert [len(text) for text, _ in name] == [1, 200, 2 + 3 * 200 + 2 * 3]
    assert max(len(text) for text, _ in second if "─" not in text) == len(" blocked:  ") + 60
    assert len(inked(frame.notice(state))) < 300
    note = Note.model_validate({ID_FIELD: "n", "text": long, "at": NOW, "by": long})
    line = frame.note_line(note, None, UTC)
    assert len(line) == len("2024-03-12 14:05 ") + 60 + len(": ") + 4_000
    anonymous = Note.model_validate({ID_FIELD: "n", "text": "x", "at": NOW})
    assert "you" not in frame.note_line(anonymous, None, UTC)
    told = frame.notes(Conversation(everything, notes=(note,)), None, 40, UTC)
    assert {str(ink) for parts in told for _, ink in parts} == {"yellow"}
    (keys,) = frame.keys("list")
    assert (str(keys[1]), keys[0]) == ("dim", f" {footer('list')}")


def test_a_conversation_that_is_out_of_sight_says_so_above_it() -> None:
    """In blue, as what the team decided is."""
    state = Inbox(conversation=Conversation(session("amina"), connection=ConnectionChanged("live")))
    _, second = frame.heading(state, Listing(team=_team(snoozes={"until": NOW + 1})), 0, 80)
    assert inked(second).startswith("‹dim:─›‹blue: out of sight until 20")
