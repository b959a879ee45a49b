"""What programs read: rows, ids, chosen fields, JSON with a version, and errors as JSON."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.cli.data_text import row_text
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.reading.pager import MessagePager
from imbari_chat.emulator import Emulator
from imbari_chat.schema.models import Message
from imbari_chat.wire.json import Json
from tests.cli.harness import Program, Visitor, outside

_LONG = "x" * 500


def test_a_pipe_gets_rows_with_ids_and_whole_texts(program: Program, visitor: Visitor) -> None:
    """Nothing is cut off, and a text cannot make a second row or column."""
    session = visitor.writes(f"one\ttwo\nthree \\ {_LONG}")
    (row,) = program("inbox").stdout.splitlines()
    columns = row.split("\t")
    assert columns[:4] == [session, "Amina Nakato", "amina@example.com", "1"]
    assert columns[5:] == ["active", f"one\\ttwo\\nthree \\\\ {_LONG}"]
    (row,) = program("show", session, "--peek").stdout.splitlines()
    message, of, sent, sender, read, text = row.split("\t")
    assert (len(message), of, sender, read, text) == (20, session, "customer", "false", columns[6])
    assert int(sent) == int(columns[4])


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(st.characters())))
def test_a_row_keeps_every_value_and_obeys_none(values: list[Json]) -> None:
    """Text is read back by undoing the escapes, all else as JSON."""
    row = row_text(values)
    assert not [c for c in row.replace("\t", "") if ord(c) < 32 or 127 <= ord(c) < 160]
    cells = row.split("\t") if values else []
    assert len(cells) == len(values)
    for cell, value in zip(cells, values, strict=True):
        if isinstance(value, str):
            assert json.loads(f'"{cell.replace(chr(34), chr(92) + chr(34))}"') == value
        else:
            assert cell == ("" if value is None else json.dumps(value))


@pytest.mark.parametrize(
    "command", [["inbox"], ["show", "SESSION", "--peek"], ["history", "SESSION"]]
)
def test_forms(program: Program, visitor: Visitor, command: list[str]) -> None:
    """Ids, chosen fields, lines of JSON; chosen fields of a document."""
    session = visitor.writes("Hello")
    command = [session if word == "SESSION" else word for word in command]
    (line,) = program(*command, "--jsonl").stdout.splitlines()
    record = json.loads(line)
    assert record.pop("version") == 1
    assert (
        program(*command, "--ids").stdout == program(*command, "-q").stdout == f"{record['id']}\n"
    )
    assert program(*command, "--fields", "extra, id").stdout == f"{{}}\t{record['id']}\n"
    (line,) = program(*command, "--jsonl", "--fields", "id").stdout.splitlines()
    assert json.loads(line) == {"version": 1, "id": record["id"]}
    document = json.loads(program(*command, "--json").stdout)
    (found,) = document["conversations"]
    assert document["version"] == 1
    assert record in (found, *found.get("messages", ()))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--json", "--ids"], "only one form"),
        (["--json", "--jsonl"], "only one form"),
        (["--ids", "--fields", "id"], "only one form"),
        (["--fields", "id,colour"], "there is no field 'colour'"),
        (["--fields", ""], "there is no field ''"),
    ],
)
def test_forms_that_cannot_be(program: Program, options: list[str], says: str) -> None:
    """They are refused before anything is read; the hint names the fields."""
    told = program("inbox", *options, code=2).stderr
    assert says in told
    assert ("hint: Fields: id, customer_name" in told) is ("field" in says)


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_an_error_is_json_where_json_is_read(program: Program, form: str) -> None:
    """On the last line of standard error, with what a person is told; standard output is empty."""
    result = program("show", "nobody", form, code=3)
    assert result.stdout == ""
    assert json.loads(result.stderr.splitlines()[-1]) == {
        "version": 1,
        "error": {
            "kind": "not-found",
            "exit_code": 3,
            "message": "no conversation has the id, name or e-mail 'nobody'",
            "where": None,
            "hint": "List them: imbari-chat inbox",
        },
    }


def test_after_a_double_dash_nobody_asks_for_json(program: Program, visitor: Visitor) -> None:
    """It is a text then."""
    result = program("reply", "--", "nobody", "--json", code=3)
    assert result.stderr.splitlines()[-2].startswith("error: ")


def test_how_much_there_is(program: Program, visitor: Visitor, emulator: Emulator) -> None:
    """A list that was cut says so, also for programs, and counts on request what it leaves out."""
    for _ in range(3):
        visitor.writes("Hello", "Hi")
    program("resolve", program.inbox()[0]["id"])
    assert (
        "the newest 1; --limit shows more, --total counts"
        in program("inbox", "--limit", "1").stderr
    )
    cut = program.json("inbox", "--limit", "1", "--status", "all")
    assert (cut["more"], cut["total"], len(cut["conversations"])) == (True, None, 1)
    told = program("inbox", "--limit", "1", "--total", terminal=True).stderr
    assert "1 of 2 active conversations; 2 with unread messages, which are 4" in told
    whole = program.json("inbox", "--limit", "2000", "--status", "all", "--total")
    assert (whole["more"], len(whole["conversations"])) == (False, 3)
    assert whole["total"] == {
        "conversations": 3, "unread_conversations": 3, "unread_messages": 6,
    }  # fmt: skip


def test_beyond_a_thousand(program: Program, emulator: Emulator) -> None:
    """All of it, whatever there is."""
    sessions = {
        f"s{number:04}": {
            "customerName": "A", "customerEmail": "a@example.com", "lastMessage": "Hello",
            "lastMessageTime": number, "unreadCount": number % 2, "status": "active",
        }
        for number in range(1, 1204)
    }  # fmt: skip
    outside(emulator, "/chatSessions", sessions)
    result = program("inbox", "--limit", "1500", "--ids")
    assert len(result.stdout.splitlines()) == 1203
    whole = program.json("inbox", "--total")
    assert whole["total"]["conversations"] == 1203
    assert [one["id"] for one in whole["conversations"]][:2] == ["s1203", "s1202"]


def test_show_says_how_much_is_older(program: Program, visitor: Visitor) -> None:
    """A person above what is shown, a program in the document; beside rows it is said."""
    session = visitor.writes("One", "Two", "Three")
    latest = ("show", session, "--peek", "--limit", "1")
    drawn = program(*latest, terminal=True)
    assert "not shown: 2 older messages" in drawn.stdout
    assert drawn.stderr == ""
    rows = program(*latest, "--fields", "text", terminal=True)
    assert rows.stdout == "Three\n"
    for beside in (rows, program(*latest), program(*latest, "--ids", terminal=True)):
        assert "not shown" not in beside.stdout
        assert "not shown: 2 older messages" in beside.stderr
    none = program("history", session, "--since", "2000-01-01", "--until", "2000-01-02")
    assert (none.stdout, none.stderr) == ("", "not shown: 3 newer messages\n")
    shown = program.show(session, "--peek", "--limit", "1")
    assert (shown["older"], shown["older_is_exact"]) == (2, True)
    assert program.show(session, "--peek", "--limit", "3")["older"] == 0


def test_what_is_shown_whole_is_not_read_again(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than the limit are all there are; no more need be read to count what is older."""
    session = visitor.writes("One", "Two", "Three")
    # Taken away and put back it would stand behind the others, which the reference page would show.
    monkeypatch.setattr(AsyncConversation, "browse", None)
    shown = program.show(session, "--peek", "--limit", "4")
    assert [one["text"] for one in shown["messages"]] == ["One", "Two", "Three"]
    assert (shown["older"], shown["older_is_exact"]) == (0, True)


def test_very_much_is_not_counted(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said that there is more, and no more is read."""
    monkeypatch.setattr("imbari_chat.cli.show._MOST_COUNTED", 2)
    monkeypatch.setattr("imbari_chat.cli.show._PAGE", 2)
    session = visitor.writes("1", "2", "3", "4", "5", "6")
    older, pages = MessagePager.older, []

    async def counted(pager: MessagePager) -> list[Message]:
        pages.append(await older(pager))
        return pages[-1]

    monkeypatch.setattr(MessagePager, "older", counted)
    assert "more than 2 older" in program("show", session, "--peek", "--limit", "1").stderr
    assert [[one.text for one in page] for page in pages] == [["5", "6"], ["3", "4"]]
    shown = program.show(session, "--peek", "--limit", "1")
    assert (shown["older"], shown["older_is_exact"]) == (2, False)
    shown = program.show(session, "--peek", "--limit", "4")
    assert (shown["older"], shown["older_is_exact"]) == (2, True)


def test_history_is_all_of_it_or_a_part(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """From the first message on, across pages; what is left out is counted on both ends."""
    session = visitor.writes()
    stored = {
        f"-m{number:04}": {"text": str(number), "from": "customer", "timestamp": number * 1000}
        for number in range(1, 1102)
    }
    outside(emulator, f"/messages/{session}", stored)
    texts = program("history", session, "--fields", "text").stdout.split()
    assert texts == [str(number) for number in range(1, 1102)]
    times = ("--since", "1970-01-01T00:00:02Z", "--until", "1970-01-01T00:00:04Z")
    part = program("history", session, "--fields", "text", *times)
    assert part.stdout.split() == ["2", "3"]
    assert "not shown: 1 older message and 1,098 newer messages" in part.stderr
    assert program.inbox("--limit", "1")[0]["unread_count"] == 0


def test_history_counts_back_from_now_and_marks_nothing(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Lengths of time are those of the clock; what was only looked at stays unread."""
    session = visitor.writes("new")
    then = time.time_ns() // 1_000_000 - 7_200_000
    old = {"text": "old", "from": "customer", "timestamp": then}
    outside(emulator, f"/messages/{session}/-M0", old)
    for limits, texts in (
        ((), ["old", "new"]),
        (("--since", "110m"), ["new"]),
        (("--since", "125m"), ["old", "new"]),
        (("--until", "110m"), ["old"]),
        (("--until", "125m"), []),
    ):
        shown = program("history", session, *limits, "--fields", "text").stdout
        assert shown.split() == texts
    assert program.inbox()[0]["unread_count"] == 1


def test_show_tells_who_is_there_and_what_the_team_keeps_and_history_does_not(
    program: Program, visitor: Visitor
) -> None:
    """Nobody asks for it; what was said is drawn alike."""
    session = visitor.writes("Hello")
    program("notes", session, "a regular")
    (part,) = program.json("history", session)
    shown = program.show(session, "--peek")
    assert shown["session"].keys() - part["session"].keys() == {"presence", "team"}
    assert (len(shown["notes"]), part["notes"]) == (1, [])
    assert shown["messages"] == part["messages"]
    drawn = [
        program(*words, terminal=True).stdout for words in (("show", session), ("history", session))
    ]
    assert ["Hello" in one for one in drawn] == [True, True]
    assert ["a regular" in one for one in drawn] == [True, False]


def test_what_is_longer_than_the_terminal_opens_in_a_pager(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is marked read when the pager has ended; what is short is printed."""
    opened: list[str] = []
    monkeypatch.setattr("rich.pager.SystemPager.show", lambda _, text: opened.append(text))
    monkeypatch.setenv("LINES", "20")
    session = visitor.writes("Hello")
    assert "Hello" in program("show", session, terminal=True).stdout
    assert not opened
    long = visitor.writes("\n".join(map(str, range(50))))
    result = program("show", long, terminal=True)
    assert result.stdout == ""
    assert opened[0].splitlines()[-1].strip() == "49"
    assert "1 message marked read" in result.stderr


def test_what_could_not_be_printed_is_not_marked_read(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    session = visitor.writes("Hello")
    with monkeypatch.context() as patched:
        patched.setattr("imbari_chat.cli.stdout.row_text", full)
        program("show", session, code=1)
    assert program.inbox()[0]["unread_count"] == 1
