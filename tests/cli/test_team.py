"""assign, label, snooze, notes, block and canned, and what inbox, show and reply make of them."""

import json
import time
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli.colleagues import open_accounts
from imbari_chat.cli.team import canned
from imbari_chat.cli.team.assign import _colleague
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.errors import ImbariError
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.people import Person
from tests.cli.harness import Program, Visitor, outside


def listed(program: Program, *options: str) -> list[str]:
    return [one["id"] for one in program.inbox(*options)]


def test_assign_takes_hands_over_and_puts_down(program: Program, visitor: Visitor) -> None:
    """And says whose it is now."""
    session = visitor.writes("Hello")
    mine = program("assign", session)
    assert (mine.stdout, "yours now: the conversation with Amina" in mine.stderr) == ("", True)
    assert program.json("assign", session)["team"]["assignee"]["uid"] == "imbari-chat"
    handed = program("assign", session, "--to", "uid:noor")
    assert "noor has it now" in handed.stderr
    taken = program("assign", session, code=6)
    assert "error: noor has this conversation" in taken.stderr
    assert f"imbari-chat assign {session} --take" in taken.stderr
    assert program("assign", session, "--release", code=6).stdout == ""
    assert program("assign", session, "--to", "uid:brian", code=6).stdout == ""
    program("assign", session, "--take")
    put_down = program("assign", session, "--release")
    assert "nobody has it now" in put_down.stderr
    assert program.json("assign", session, "--release")["team"]["assignee"] is None


def test_a_colleague_is_named_as_the_team_knows_them(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """By name or uid; two of one name are told apart, and a typing error assigns nothing."""
    session, other = visitor.writes("One"), visitor.writes("Two")
    outside(emulator, f"/assignments/{other}", {"to": "u1", "name": "Noor"})
    outside(
        emulator,
        "/presence/admins/u2/aa",
        {"at": {".sv": "timestamp"}, "name": "Brian", "session": other},
    )
    assert "Noor has it now" in program("assign", session, "--to", "noor").stderr
    assert "Brian has it now" in program("assign", session, "--to", "u2", "--take").stderr
    unknown = program("assign", session, "--to", "Nor", "--take", code=3)
    assert "Known are Brian, Noor" in unknown.stderr
    outside(emulator, f"/assignments/{other}/name", "Brian")
    twice = program("assign", session, "--to", "Brian", "--take", code=7)
    assert "uid:u1 or uid:u2" in twice.stderr


def test_a_colleague_is_named_by_account(program: Program, visitor: Visitor) -> None:
    """Whom nobody has seen yet, by e-mail or by the name of the account; customers are nobody."""
    session = visitor.writes("Hello")
    with closing(open_accounts(Settings.load())) as accounts:
        uid = accounts.create("noor@example.com", "password").uid
        accounts.grant("noor@example.com")
        accounts._client.update_user(uid, display_name="Noor A")
        accounts.create("brian@example.com", "password")
    given = program.json("assign", session, "--to", "noor@example.com")["team"]["assignee"]
    assert (given["uid"], given["name"]) == (uid, "Noor A")
    program("assign", session, "--take")
    assert "Noor A has it now" in program("assign", session, "--to", "noor a").stderr
    for nobody in ("brian@example.com", "Brian"):
        refused = program("assign", session, "--to", nobody, "--take", code=3)
        assert f"nobody who is known here is called '{nobody}'" in refused.stderr


U1, OTHER = Person("u1", "Noor"), Person("u9", "Noor", "noor@example.com")
TEAM = (Person("me", "Me"), U1, *(Person(f"u{at}", "Brian") for at in range(2, 6)))
NOT_FOUND = "nobody who is known here is called 'nor'"


@pytest.mark.parametrize(
    ("reference", "known", "account", "found"),
    [
        (" noor ", TEAM, OTHER, U1),
        ("noor", (), OTHER, OTHER),
        ("nor", (), "not asked", (NOT_FOUND, "Name one as uid:UID")),
        ("nor", TEAM[:1], None, (NOT_FOUND, "Name one as uid:UID")),
        ("nor", TEAM[:3], None, (NOT_FOUND, "Known are Noor, Brian")),
        ("nor", TEAM[:3], "not asked", (NOT_FOUND, "Known are Noor, Brian")),
        (
            "brian",
            TEAM,
            OTHER,
            ("several colleagues are called 'brian'", "Name one as uid:u2 or uid:u3 or uid:u4"),
        ),
        ("uid:u1", TEAM, OTHER, U1),
        ("uid: u1 ", TEAM, OTHER, U1),
        ("uid:Noor", TEAM, OTHER, Person("Noor")),
        ("uid:U1", TEAM, OTHER, Person("U1")),
        (" ", TEAM, OTHER, ("--to whom? An empty name names nobody", None)),
    ],
)
async def test_whom_a_reference_means(
    monkeypatch: pytest.MonkeyPatch,
    reference: str,
    known: tuple[Person, ...],
    account: Any,
    found: Any,
) -> None:
    """Whom the team knows, before accounts that may be looked at; a uid is nothing else."""

    async def read_presence() -> None:
        return None

    async def find(name: str) -> Any:
        assert account != "not asked"
        return account

    asked = SimpleNamespace(can_be_asked=account != "not asked", find=find)
    monkeypatch.setattr("imbari_chat.cli.colleagues.Colleagues", lambda _: asked)
    monkeypatch.setattr("imbari_chat.view.people.known", lambda *_: known)
    chat: Any = SimpleNamespace(read_presence=read_presence, uid="me")
    nothing: Any = None
    try:
        meant: Any = await _colleague(chat, nothing, nothing, reference)
    except ImbariError as error:
        meant = (error.what, error.hint)
    assert meant == found


def test_labels_are_added_printed_and_taken_away(program: Program, visitor: Visitor) -> None:
    """One a line for scripts; in small letters."""
    session = visitor.writes("Hello")
    assert program("label", session, "Wholesale", "urgent").stdout == ""
    assert program("label", session).stdout == "urgent\nwholesale\n"
    changed = program.json("label", session, "vip", "--remove", "URGENT")
    assert changed == {"session_id": session, "labels": ["vip", "wholesale"]}
    for label in changed["labels"]:
        last = program("label", session, "--remove", label)
    assert last.stderr.endswith(": no labels\n")
    wrong = program("label", session, "a/b", code=7)
    assert "'a/b' cannot be a label" in wrong.stderr


def test_inbox_leaves_out_what_is_snoozed_until_its_customer_writes(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """It is listed on request, and comes back by itself."""
    away, here = visitor.writes("One"), visitor.writes("Two")
    said = program("snooze", away, "2h")
    assert "snoozed until 2" in said.stderr
    assert (listed(program), listed(program, "--snoozed")) == ([here], [away])
    program("snooze", away, "--wake")
    assert listed(program) == [here, away]
    program("snooze", away, "tomorrow")
    assert listed(program, "--limit", "1") == [here]
    outside(emulator, f"/chatSessions/{away}/lastCustomerMessageId", "-PPPPPPPPPPPPPPPPPPP")
    assert listed(program) == [here, away]


def test_what_is_resolved_is_listed_as_such_though_it_is_snoozed(
    program: Program, visitor: Visitor
) -> None:
    """Out of sight is what is still to be done."""
    session = visitor.writes("Hello")
    program("snooze", session, "1d")
    program("resolve", session)
    assert listed(program, "--status", "resolved") == [session]
    assert listed(program, "--status", "all") == [session]
    assert listed(program, "--snoozed", "--status", "all") == []


def test_a_limit_is_filled_from_behind_what_is_left_out(program: Program, visitor: Visitor) -> None:
    """Two wanted of three, the newest of which is snoozed."""
    first, second, third = (visitor.writes(text) for text in ("One", "Two", "Three"))
    program("snooze", third, "1d")
    assert listed(program, "--limit", "2") == [second, first]


def test_inbox_lists_by_who_has_it_and_by_label(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Filters narrow each other down; what nothing fits is said in words."""
    mine, theirs, free = (visitor.writes(text) for text in ("One", "Two", "Three"))
    program("assign", mine)
    outside(emulator, f"/assignments/{theirs}", {"to": "noor", "name": "Noor"})
    program("label", mine, "vip")
    program("label", theirs, "vip", "wholesale")
    assert listed(program, "--mine") == [mine]
    assert listed(program, "--unassigned") == [free]
    assert listed(program, "--label", "VIP") == [theirs, mine]
    assert listed(program, "--label", "vip", "--label", "wholesale") == [theirs]
    counted = program.json("inbox", "--mine", "--total")
    assert counted["total"]["conversations"] == len(counted["conversations"]) == 1
    nothing = program("inbox", "--mine", "--label", "wholesale")
    assert "no own 'wholesale' active conversations" in nothing.stderr
    table = program("inbox", width=140, terminal=True).stdout
    assert "Noor · vip, wholesale" in table
    (record,) = program.inbox("--label", "wholesale")
    assert record["team"] == {
        "assignee": {"uid": "noor", "name": "Noor"},
        "labels": ["vip", "wholesale"],
        "snoozed_until": None,
        "block": None,
    }


def test_without_anything_of_the_team_inbox_has_no_column_for_it(
    program: Program, visitor: Visitor
) -> None:
    """Most shops are one person."""
    visitor.writes("Hello")
    assert "Team" not in program("inbox", width=140, terminal=True).stdout


def test_notes_stand_apart_and_no_customer_sees_them(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the messages, with who wrote them; as data beside them."""
    monkeypatch.setenv("IMBARI_CHAT_NAME", "Noor")
    session = visitor.writes("Hello")
    assert "nothing is noted" in program("notes", session).stderr
    said = program("notes", session, "Pays [bold]late[/bold]\x1b[31m")
    assert (said.stdout, "no customer sees it" in said.stderr) == ("", True)
    program("notes", session, "-", stdin="Calls on Mondays\n")
    shown = program("show", session, "--peek", terminal=True).stdout
    apart = [shown.index(one) for one in ("note by Noor", "Pays [bold]late[/bold]", "Hello")]
    assert apart == sorted(apart)
    assert "\x1b" not in shown
    data = program.show(session, "--peek")
    assert [one["text"] for one in data["notes"]][1] == "Calls on Mondays"
    assert [one["text"] for one in data["messages"]] == ["Hello"]
    first, second = program.json("notes", session)
    assert first["id"] in program("notes", session).stdout
    assert "several notes" in program("notes", session, "--delete", "-", code=7).stderr
    assert "no note of it" in program("notes", session, "--delete", " ", code=3).stderr
    program("notes", session, "--delete", first["id"])
    assert [one["id"] for one in program.json("notes", session)] == [second["id"]]
    gone = program("notes", session, "--delete", first["id"], code=3)
    assert "no note of it has the id" in gone.stderr
    program("notes", session, "--delete", second["id"][:4])
    assert program.json("notes", session) == []


def test_block_says_why_and_until_when_and_lists(program: Program, visitor: Visitor) -> None:
    """One of a customer, however many conversations; and lifted."""
    session = visitor.writes("Hello")
    assert "nobody is blocked" in program("block").stderr
    day, before = 24 * 3_600_000, time.time() * 1000
    said = program("block", session, "--reason", "Shouts", "--until", "3d")
    assert "blocked until 2" in said.stderr
    (block,) = program.json("block")
    assert before - 1 <= block["until"] - 3 * day <= time.time() * 1000
    assert (block["reason"], block["by"]) == ("Shouts", "imbari-chat")
    assert "Shouts" in program("block", width=140, terminal=True).stdout
    assert "blocked until" in program("show", session, "--peek", terminal=True).stdout
    assert program.show(session, "--peek")["session"]["team"]["block"] == {
        "reason": "Shouts",
        "until": block["until"],
    }
    assert "may write again: Amina" in program("block", session, "--lift").stderr
    assert program.json("block") == []


@pytest.mark.parametrize("uid", [None, "", "a.b", "a/b"])
def test_a_customer_who_was_not_signed_in_cannot_be_blocked(
    program: Program, visitor: Visitor, emulator: Emulator, uid: str | None
) -> None:
    """It is said so, instead of nothing happening, or something elsewhere."""
    session = visitor.writes("Hello")
    outside(emulator, f"/chatSessions/{session}/customerUid", uid)
    result = program("block", session, "--reason", "Shouts", code=7)
    assert "they were not signed in" in result.stderr


def test_a_reply_asks_for_a_canned_one_by_a_slash(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filled for whoever reads it; two slashes are a slash; what is not there is not sent."""
    monkeypatch.setenv("IMBARI_CHAT_NAME", "Noor")
    session = visitor.writes("Hello")
    program("canned", "save", "hi", "Hello {first_name}, {admin} here.")
    program("reply", session, "/hi")
    program("reply", session, "-", stdin="/hi\n")
    program("reply", session, "//hi")
    said = [one["text"] for one in program.show(session, "--peek")["messages"]]
    assert said == ["Hello", *["Hello Amina, Noor here."] * 2, "/hi"]
    unknown = program("reply", session, "/bye", code=3)
    assert "no canned reply 'bye'" in unknown.stderr
    assert "write //bye" in unknown.stderr
    assert len(program.show(session, "--peek")["messages"]) == 4


@pytest.mark.parametrize(
    ("text", "goes_out"),
    [
        ("/hi", "Hello."),
        ("//hi", "/hi"),
        *(
            (text, text)
            for text in ("hi", "// hi", "//", "///hi", "a/hi", "//hi there", "/hi there")
        ),
    ],
)
async def test_only_the_name_alone_is_anything_but_what_it_says(text: str, goes_out: str) -> None:
    """A slash anywhere else is a slash, and nothing of it is lost."""

    async def fill(name: str, session_id: str) -> str:
        assert (name, session_id) == ("hi", "amina")
        return "Hello."

    chat: Any = SimpleNamespace(team=SimpleNamespace(fill=fill))
    assert await canned.said(chat, text, SessionId("amina")) == goes_out


def test_a_canned_reply_is_never_queued_by_its_name(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline nobody knows what it says."""
    session = visitor.writes("Hello")
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:9")
    program("reply", session, "/hi", "--queue", code=8)
    assert "the outbox is empty" in program("outbox", "list").stderr


def test_canned_replies_are_listed_shown_and_deleted(program: Program) -> None:
    """A placeholder that stands for nothing is told when it is kept."""
    assert "no reply is ready" in program("canned", "list").stderr
    program("canned", "save", "shipped", "On its way,\n{first_name}.")
    assert "kept as /hi" in program("canned", "save", "/hi", "-", stdin="Hello").stderr
    heads, _, *lines = program("canned", "list", terminal=True).stdout.splitlines()
    assert [heads.split(), *(line.split(None, 1) for line in lines)] == [
        ["Name", "Text"], ["/hi", "Hello"], ["/shipped", "On its way,⏎{first_name}."],
    ]  # fmt: skip
    assert (
        program("canned", "list").stdout.splitlines()[-1]
        == r"shipped	On its way,\n{first_name}."
    )
    names = [one["name"] for one in program.json("canned", "list")]
    assert names == ["hi", "shipped"]
    assert program("canned", "show", "shipped").stdout == "On its way,\n{first_name}.\n"
    assert program.json("canned", "show", "hi")["text"] == "Hello"
    wrong = program("canned", "save", "oops", "Hello {nmae}", code=7)
    assert "{nmae} stands for nothing" in wrong.stderr
    assert "{first_name}" in wrong.stderr
    program("canned", "delete", "/hi")
    assert "List them" in program("canned", "show", "hi", code=3).stderr
    program("canned", "delete", "hi", code=3)


def test_rules_of_before_leave_the_team_out_of_the_inbox(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """What was asked by it is refused; all else is listed, and it is said so."""
    from imbari_chat.schema import strict_rules

    session = visitor.writes("Hello")
    old = strict_rules().replace('".indexOn": "at",\n      ".read"', '".read"')
    emulator.load_rules(old)
    try:
        result = program("inbox", "--json")
        assert [one["id"] for one in json.loads(result.stdout)["conversations"]] == [session]
        assert "the rules in force are older" in result.stderr
        assert "Hello" in program("show", session, "--peek", terminal=True).stdout
        program("inbox", "--mine", code=7)
    finally:
        emulator.load_rules(strict_rules())


def test_what_was_done_is_told_as_data(program: Program, visitor: Visitor) -> None:
    """One document each, with what came of it; without it they print nothing."""
    session = visitor.writes("Hello")
    (block,) = program.json("block", session, "--reason", "Shouts")
    assert (block["reason"], block["until"], block["id"]) == ("Shouts", None, block["uid"])
    assert program.json("block", session, "--lift") == []
    (note,) = program.json("notes", session, "Pays late")
    assert note["text"] == "Pays late"
    (gone,) = program.json("notes", session, "--delete", note["id"])
    assert gone["id"] == note["id"]
    saved = program.json("canned", "save", "/hi", "Hello")
    assert (saved["name"], saved["text"]) == ("hi", "Hello")
    hours, before = 2 * 3_600_000, time.time() * 1000
    snoozed = program.json("snooze", session, "2h")
    assert snoozed["session_id"] == session
    assert before - 1 <= snoozed["snoozed_until"] - hours <= time.time() * 1000
    assert program.json("snooze", session, "--wake")["snoozed_until"] is None


def test_a_person_reads_notes_with_their_ids(program: Program, visitor: Visitor) -> None:
    """Which --delete takes; where they stand above a conversation nobody needs them."""
    session = visitor.writes("Hello")
    program("notes", session, "Pays late")
    (note,) = program.json("notes", session)
    assert note["id"] in program("notes", session, terminal=True).stdout
    assert note["id"] not in program("show", session, "--peek", terminal=True).stdout


def test_a_limit_ends_among_what_is_behind(program: Program, visitor: Visitor) -> None:
    """Older ones that fit as well are not listed."""
    first, second, third = (visitor.writes(text) for text in ("One", "Two", "Three"))
    program("snooze", third, "1d")
    assert listed(program, "--limit", "1") == [second]
    assert listed(program, "--limit", "5") == [second, first]


@pytest.mark.parametrize(("limit", "found"), [("1", 1), ("2", 2), ("3", 2), ("4", 2)])
def test_a_limit_is_of_those_that_are_asked_for(
    program: Program, visitor: Visitor, limit: str, found: int
) -> None:
    """However many others stand before them."""
    sessions = [visitor.writes(f"text {number}") for number in range(4)]
    for one in sessions[:2]:
        program("label", one, "vip")
    assert listed(program, "--label", "vip", "--limit", limit) == sessions[:2][::-1][:found]
