"""What is done with a conversation beside answering it, each with one key."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from textual import events

from imbari_chat.desk.teamwork import ends_of_blocks, ends_of_snoozes
from imbari_chat.errors import Conflict, ImbariError, Unavailable
from imbari_chat.schema.events import SessionChanged
from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.teamwork import (
    Assignment,
    Block,
    CannedReply,
    Labels,
    Note,
    Snooze,
    TeamSnapshot,
)
from imbari_chat.view.moments import coming
from imbari_chat.view.people import Person
from tests.desk.desks import Chat, look, opened, row_of, screen_of, until
from tests.view.records import NOW, message, session
from tests.zones import time_zone

AMINA = session("amina", customerUid="u-amina", customerName="Amina W", unreadCount=1)
BRIAN = session("brian", at=-5)
HELLO = message("m1", "Hello", timestamp=NOW)
HELD = Assignment.model_validate({ID_FIELD: "amina", "to": "u2", "name": "Brian"})
MINE = Assignment.model_validate({ID_FIELD: "amina", "to": "me"})
LABELS = Labels.model_validate({ID_FIELD: "amina", "names": {"vip": True, "late": True}})
SNOOZE = Snooze.model_validate({ID_FIELD: "amina", "until": NOW + 9_000_000, "at": NOW})
BLOCK = Block.model_validate({ID_FIELD: "u-amina", "reason": "spam"})
SHIPPED = CannedReply.model_validate({ID_FIELD: "shipped", "text": "Sent, {first_name}."})
NAMED = CannedReply.model_validate({ID_FIELD: "bye", "text": "Yours, {admin}"})


def _team(**kept: object) -> TeamSnapshot:
    return TeamSnapshot(at=NOW, **kept)  # type: ignore[arg-type]  # by kind


@pytest.mark.parametrize(
    ("kept", "keys", "asked"),
    [
        ({}, "r", "resolve amina"),
        ({}, "u", "unread amina"),
        ({}, "c", "claim amina instead_of=None"),
        ({"assignments": {"amina": HELD}}, "c1", "claim amina instead_of=u2"),
        ({"assignments": {"amina": MINE, "brian": HELD}}, "a1",
         "assign amina u2 name=Brian instead_of=me"),
        ({"assignments": {"amina": MINE}}, "a0", "unassign amina"),
        ({"labels": {"amina": LABELS}}, "l,New\n", "label amina ['new']"),
        ({"snoozes": {"amina": SNOOZE}}, "fffffz", "unsnooze amina"),
        ({}, "iCalls back\n", "add_note amina Calls back"),
        ({}, "xspam\n5", "block amina spam until=None"),
        ({"blocks": {"u-amina": BLOCK}}, "x1", "unblock amina"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
async def test_each_is_one_key(kept: dict[str, object], keys: str, asked: str) -> None:
    """In the list, and what it asks is answered by the key that follows at once."""
    chat = Chat(AMINA, BRIAN)
    chat.team.snapshots.put_nowait(_team(**kept))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        for at, key in enumerate(keys):
            name = {"\n": "enter", ",": "comma"}.get(key, key)
            if at < 2:
                app.post_message(events.Key(name, key))
            else:
                await pilot.press(name)
        await until(pilot, lambda: asked in chat.calls)


async def test_what_was_acted_on_stays_selected() -> None:
    """Whatever comes on top meanwhile, the next key is about the same conversation."""
    chat = Chat(AMINA, BRIAN)
    async with opened(chat) as (app, pilot):
        await pilot.press("c")
        chat.inbox.put_nowait(SessionChanged(session("brian", at=9), BRIAN))
        await until(pilot, lambda: app.store.rows[0].id == "brian")
        await pilot.press("r")
        await until(pilot, lambda: chat.calls == ["claim amina instead_of=None", "resolve amina"])


class _Directory:
    """Accounts of admins, given when the test lets it."""

    can_be_asked = True

    def __init__(self, *people: Person, refuse: ImbariError | None = None) -> None:
        self.people = people
        self.refuse = refuse
        self.may_answer = asyncio.Event()

    async def admins(self) -> list[Person]:
        await self.may_answer.wait()
        if self.refuse is not None:
            raise self.refuse
        return list(self.people)

    async def find(self, reference: str) -> Person | None:
        if self.refuse is not None:
            raise self.refuse
        return next((one for one in self.people if one.email == reference), None)


OFFLINE = Unavailable("cannot connect")
NOOR = Person("u3", "Noor A", "noor@example.com")
OMAR = Person("u4", None, "omar@example.com")


async def test_admins_are_listed_also_those_who_were_not_seen() -> None:
    """Behind those who were, once they are known, while the question is asked."""
    chat, directory = Chat(AMINA, BRIAN), _Directory(NOOR, OMAR)
    chat.team.snapshots.put_nowait(_team(assignments={"brian": HELD}))
    async with opened(chat, directory=directory) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("a")
        await pilot.pause()
        assert row_of(app, "1  Brian  u2") < row_of(app, "0  nobody: put it down")
        directory.may_answer.set()
        await until(pilot, lambda: any("Noor A" in row for row in screen_of(app)))
        assert row_of(app, "2  Noor A  noor@example.com") < row_of(app, "3  omar@example.com")
        await pilot.press("3")
        await until(pilot, lambda: chat.calls)
        assert chat.calls == ["assign amina u4 name=omar@example.com instead_of=None"]
        await pilot.press("a")
        await pilot.pause()
        assert row_of(app, "2  Noor A")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("brian", "assign amina u2 name=Brian instead_of=None"),
        ("noor@example.com", "assign amina u3 name=Noor A instead_of=None"),
        ("uid:u9", "assign amina u9 name=None instead_of=None"),
    ],
)
async def test_somebody_else_can_be_typed(typed: str, asked: str) -> None:
    """By name, e-mail or uid."""
    chat = Chat(AMINA, BRIAN)
    chat.team.snapshots.put_nowait(_team(assignments={"brian": HELD}))
    async with opened(chat, directory=_Directory(NOOR)) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("a", "plus", *typed, "enter")
        await until(pilot, lambda: chat.calls)
        assert chat.calls == [asked]


@pytest.mark.parametrize(
    ("directory", "told"),
    [
        (None, "No admin is known as Brian; uid: and a uid names anybody"),
        (_Directory(OMAR), "No admin is known as Brian"),
        (
            _Directory(refuse=OFFLINE),
            "Nobody could be looked up: cannot connect",
        ),
    ],
)
async def test_nobody_gets_it_who_is_not_known(directory: _Directory | None, told: str) -> None:
    """And it is said why."""
    chat = Chat(AMINA)
    async with opened(chat, directory=directory) as (app, pilot):
        await pilot.press("a", "plus", *"Brian", "enter")
        await pilot.pause()
        assert row_of(app, told)
        assert chat.calls == []


async def test_it_is_said_why_admins_are_not_listed() -> None:
    """Those who were seen can be chosen all the same."""
    chat, directory = Chat(AMINA, BRIAN), _Directory(refuse=OFFLINE)
    chat.team.snapshots.put_nowait(_team(assignments={"brian": HELD}))
    async with opened(chat, directory=directory) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        directory.may_answer.set()
        await pilot.press("a")
        await until(pilot, lambda: app.store.state.notice)
        await pilot.pause()
        assert row_of(app, "Other admins cannot be listed: cannot connect")
        await pilot.press("1")
        await until(pilot, lambda: chat.calls)


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter", "2"], "r01"),
        (["down", "down", "enter"], "r01"),
        (["up", "enter"], "r24"),
        (["pagedown", "pagedown", "2"], "r10"),
        (["pagedown", "pagedown", "pagedown", "k", "enter"], "r23"),
    ],
)
async def test_a_choice_goes_on_beyond_what_fits(keys: list[str], chosen: str) -> None:
    """By its place, or by its number among those that are on the screen; Enter by itself chooses
    nothing."""
    chat = Chat(AMINA, messages=(HELLO,))
    ready = {
        f"r{at:02}": CannedReply.model_validate({ID_FIELD: f"r{at:02}", "text": f"reply {at}"})
        for at in range(25)
    }
    chat.team.snapshots.put_nowait(_team(canned_replies=ready))
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("enter", "alt+r")
        await pilot.pause()
        assert row_of(app, "9  /r08  reply 8")
        assert row_of(app, "↓16 A number chooses")
        await pilot.press(*keys)
        await pilot.pause()
        assert app.store.state.draft == f"reply {int(chosen[1:])}"


async def test_a_choice_fits_a_small_window() -> None:
    """What is marked is on the screen, also after the window has shrunk."""
    chat = Chat(AMINA, BRIAN)
    async with opened(chat, size=(80, 24)) as (app, pilot):
        await pilot.press("z", *["down"] * 6)
        await pilot.resize_terminal(80, 12)
        await until(pilot, lambda: any("↑2 A number" in row for row in screen_of(app)))
        assert row_of(app, ">") < row_of(app, "↑2 A number chooses")


async def test_labels_that_are_taken_out_of_the_line_are_taken_away() -> None:
    """And those that stay are not written again."""
    chat = Chat(AMINA)
    chat.team.snapshots.put_nowait(_team(labels={"amina": LABELS}))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("l", *["backspace"] * len(", vip"), "enter")
        await until(pilot, lambda: chat.calls)
        assert chat.calls == ["unlabel amina ['vip']"]


async def test_leaving_a_question_does_nothing() -> None:
    """Nothing is taken from a colleague, and nobody is blocked without a reason."""
    chat = Chat(AMINA)
    chat.team.snapshots.put_nowait(_team(assignments={"amina": HELD}))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        for key in ("c", "a", "l", "z", "i", "x"):
            await pilot.press(key, "escape")
        await pilot.press("x", "enter")
        await pilot.pause()
        assert chat.calls == []
        assert len(app.screen_stack) == 1


async def test_a_colleague_who_was_faster_is_told() -> None:
    """As the client says it."""
    chat = Chat(AMINA)
    chat.team.refuse = Conflict("Brian has this conversation")
    async with opened(chat) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: chat.calls)
        await pilot.pause()
        assert row_of(app, "Brian has this conversation")


async def test_what_the_team_keeps_is_shown() -> None:
    """In the list and above the conversation."""
    chat = Chat(AMINA, messages=(HELLO,))
    chat.team.snapshots.put_nowait(
        _team(assignments={"amina": HELD}, labels={"amina": LABELS}, blocks={"u-amina": BLOCK})
    )
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("enter")
        await pilot.pause()
        assert "blocked @Brian #late #vip" in screen_of(app)[2]
        assert "blocked: spam ─ Brian has it ─ #late #vip ─" in screen_of(app)[2]


async def test_what_is_out_of_sight_is_not_listed() -> None:
    """But where it is asked for."""
    chat = Chat(AMINA, BRIAN)
    chat.team.snapshots.put_nowait(_team(snoozes={"amina": SNOOZE}, assignments={"brian": MINE}))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        listed = {}
        for _ in range(8):
            listed[app.store.listing.shown] = [one.id for one in app.store.rows]
            await pilot.press("f")
        assert listed["active"] == ["brian"]
        assert listed["snoozed"] == ["amina"]
        assert listed["mine"] == ["brian"]
        assert listed["unassigned"] == []
        assert listed["all"] == ["amina", "brian"]


async def test_notes_are_shown_apart() -> None:
    """Under a line that says so, the latest three; all of them on a page."""
    chat = Chat(AMINA, messages=(HELLO,))
    notes = [
        Note.model_validate({ID_FIELD: f"n{at}", "text": f"note {at}", "name": "Noor", "at": NOW})
        for at in range(5)
    ]
    chat.team.noted.put_nowait(tuple(notes))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: any("Noor: note 4" in row for row in screen_of(app)))
        assert row_of(app, "for the team alone; Alt-N shows 2 more") < row_of(app, "note 2")
        assert not any("note 1" in row for row in screen_of(app))
        await pilot.press("alt+n")
        await pilot.pause()
        assert row_of(app, "note 0")


async def test_a_canned_reply_is_read_before_it_is_sent() -> None:
    """Its name becomes its text; another Enter sends."""
    chat = Chat(AMINA, messages=(HELLO,))
    chat.team.snapshots.put_nowait(_team(canned_replies={"shipped": SHIPPED, "bye": NAMED}))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("enter", *"/shipped", "enter")
        assert app.store.state.draft == "Sent, Amina."
        assert not chat.written
        await pilot.press("enter")
        await until(pilot, lambda: [one.text for one in chat.written] == ["Sent, Amina."])
        await pilot.press("alt+r", "2")
        await pilot.pause()
        assert app.store.state.draft == "Sent, Amina."
        notice = app.store.state.notice
        await pilot.press("alt+r", "escape")
        await pilot.pause()
        assert (app.store.state.draft, app.store.state.notice) == ("Sent, Amina.", notice)


@pytest.mark.parametrize(
    ("written", "told"), [("/nope", "no canned reply /nope"), ("/bye", "what you are called")]
)
async def test_a_canned_reply_that_cannot_be_filled_is_told(written: str, told: str) -> None:
    """What was written stays, and can be sent as it is."""
    chat = Chat(AMINA, messages=(HELLO,))
    chat.team.snapshots.put_nowait(_team(canned_replies={"bye": NAMED}))
    async with opened(chat) as (app, pilot):
        await until(pilot, lambda: app.store.listing.team.at == NOW)
        await pilot.press("enter", *written, "enter")
        await pilot.pause()
        assert row_of(app, told)
        notice = app.store.state.notice
        assert notice is not None
        assert notice.is_error
        assert app.store.state.draft == written
        await pilot.press("ctrl+s")
        await until(pilot, lambda: [one.text for one in chat.written] == [written])


async def test_what_is_marked_unread_is_closed() -> None:
    """Else it would be read again by being looked at."""
    chat = Chat(AMINA, messages=(HELLO,))
    async with opened(chat) as (app, pilot):
        await pilot.press("enter", "alt+u")
        await until(pilot, lambda: "unread amina" in chat.calls)
        look(app)
        await pilot.pause()
        assert app.store.opened is None
        assert chat.calls == ["open amina", "unread amina"]


async def test_what_is_unread_is_not_said_to_be_marked() -> None:
    """Nothing was done."""
    async with opened(Chat(session("amina", unreadCount=1), session("brian", at=-1))) as (
        app,
        pilot,
    ):
        for keys, told in (("u", "Nothing to mark: it is unread already"), ("ju", "Marked unread")):
            await pilot.press(*keys)
            await pilot.pause()
            assert row_of(app, told)


def test_ends_are_mornings_and_hours() -> None:
    """From a Sunday evening, Monday is tomorrow."""
    now = datetime(2026, 11, 29, 21, 30)  # noqa: DTZ001  # as on the wall
    snoozes = dict(ends_of_snoozes(now, None))
    assert snoozes["in an hour"].isoformat() == "2026-11-29T22:30:00"
    assert snoozes["tomorrow morning"] == snoozes["Monday morning"]
    assert snoozes["Monday morning"].isoformat() == "2026-11-30T09:00:00"
    assert dict(ends_of_blocks(now))["somebody lifts it"] == "never"


@pytest.mark.parametrize("eve", ["2024-03-30T14:05:41.7", "2024-10-26T14:05:41.7"])
def test_mornings_are_at_nine_though_clocks_change_at_night(eve: str) -> None:
    """By the clock on the wall of the day itself, offered or typed; hours are hours."""
    with time_zone("CET-1CEST,M3.5.0,M10.5.0/3"):
        now = datetime.fromisoformat(eve).astimezone()
        ends = dict(ends_of_snoozes(now, None))
        mornings = [end for words, end in ends.items() if "morning" in words]
        assert [f"{one.astimezone():%H:%M:%S.%f}" for one in mornings] == ["09:00:00.000000"] * 2
        assert ends["in an hour"].timestamp() == now.timestamp() + 3600
        typed = coming("tomorrow", round(now.timestamp() * 1000))
        assert typed == round(ends["tomorrow morning"].timestamp() * 1000)


async def test_an_end_can_be_typed() -> None:
    """Whatever the line mode takes; what it does not is told, and can be mended."""
    chat = Chat(AMINA)
    async with opened(chat, zone=UTC) as (app, pilot):
        await pilot.press("z", "6", *"soon", "enter")
        await pilot.pause()
        assert row_of(app, "neither a date nor a length of time")
        await pilot.press("ctrl+u", *"2024-03-12", "enter")
        await pilot.pause()
        assert row_of(app, "has passed already")
        await pilot.press("ctrl+u", *"2100-03-12T14:05")
        await pilot.pause()
        assert not any("has passed already" in row for row in screen_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: chat.calls)
        assert chat.calls == ["snooze amina 2100-03-12 14:05:00+00:00"]
        assert row_of(app, "Out of sight until 2100-03-12 14:05")
        before = datetime.now(UTC)
        await pilot.press("x", *"spam", "enter", "6", *"90m", "enter")
        await until(pilot, lambda: len(chat.calls) == 2)
        end = datetime.fromisoformat(chat.calls[1].removeprefix("block amina spam until="))
        assert timedelta(minutes=90) <= end - before < timedelta(minutes=92)


async def test_a_typed_end_can_be_left() -> None:
    """Then nothing ends, because nothing begins."""
    chat = Chat(AMINA)
    async with opened(chat) as (app, pilot):
        await pilot.press("z", "6", *"2h", "escape", "x", *"spam", "enter", "6", "escape")
        await pilot.pause()
        assert chat.calls == []
        assert len(app.screen_stack) == 1
