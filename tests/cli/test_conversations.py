"""inbox, show, reply, resolve and reopen, against the emulator under the shipped rules."""

import time
from pathlib import Path

import pytest

from imbari_chat.emulator import Emulator
from tests.cli.harness import Program, Visitor, outside


def test_inbox_numbers_conversations_newest_first(program: Program, visitor: Visitor) -> None:
    """The latest to write is number 1."""
    visitor.writes("Hello", name="Amina Nakato")
    visitor.writes("Hi", name="Brian Otieno")
    lines = program("inbox", terminal=True).stdout.splitlines()[2:]
    assert [[line.split()[at] for at in (0, 2, 3)] for line in lines] == [
        ["1", "Brian", "Otieno"],
        ["2", "Amina", "Nakato"],
    ]


@pytest.mark.parametrize("width", [80, 140])
def test_inbox_fits_the_width_there_is(program: Program, visitor: Visitor, width: int) -> None:
    """However long what strangers typed is, no line is wider than the terminal."""
    visitor.writes("x" * 2000, name="n" * 100, email=f"{'e' * 60}@{'d' * 60}.example.com")
    visitor.writes("深煎りの豆 " * 50, name="伊藤 さくら" * 9)
    lines = program("inbox", width=width, terminal=True).stdout.splitlines()
    assert len(lines) == 4
    assert all(len(line) <= width for line in lines)


def test_inbox_shows_more_when_there_is_room(program: Program, visitor: Visitor) -> None:
    """The id and the e-mail appear on a wide terminal, whole."""
    session = visitor.writes("Hello")
    wide = program("inbox", width=140, terminal=True).stdout
    assert session in wide
    assert "amina@example.com" in wide
    narrow = program("inbox", width=80, terminal=True).stdout
    assert session not in narrow
    assert session[:8] in narrow


def test_inbox_lists_by_status(program: Program, visitor: Visitor) -> None:
    """Active is what is listed unless asked otherwise."""
    done, waiting = visitor.writes("One"), visitor.writes("Two")
    program("resolve", done)
    assert [one["id"] for one in program.inbox()] == [waiting]
    assert [one["id"] for one in program.inbox("--status", "resolved")] == [done]
    assert [one["id"] for one in program.inbox("--status", "all")] == [waiting, done]


def test_inbox_lists_only_unread_on_request(program: Program, visitor: Visitor) -> None:
    """What was read is left out."""
    read, unread = visitor.writes("One"), visitor.writes("Two")
    program("show", read)
    assert [one["id"] for one in program.inbox("--unread")] == [unread]


def test_inbox_lists_only_what_was_written_since(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """A time is a length back from now, or a date; the numbers mean what is listed."""
    old, new = visitor.writes("One"), visitor.writes("Two")
    outside(emulator, f"/chatSessions/{old}/lastMessageTime", 1_710_252_300_000)  # 12 March 2024
    for since in ("2h", "1w", "2024-03-13"):
        assert [one["id"] for one in program.inbox("--since", since)] == [new]
    for since in ("2024-03-11", "2024-03-12T00:00+12:00"):
        assert [one["id"] for one in program.inbox("--since", since)] == [new, old]
    assert program.inbox("--since", "2h", "--unread", "--status", "resolved") == []
    result = program("inbox", "--since", "2999-01-01")
    assert (result.stdout, "since 2999-01-01 00:00" in result.stderr) == ("", True)


@pytest.mark.parametrize(
    "command", ["inbox", "export", "search Hello", f"history {'amina'.ljust(20, '-')}"]
)
def test_how_long_ago_counts_from_now(program: Program, emulator: Emulator, command: str) -> None:
    """In whichever command that is asked."""
    name, then = "amina".ljust(20, "-"), time.time_ns() // 1_000_000 - 20 * 60_000
    about = {"lastMessage": "Hello", "lastMessageTime": then, "status": "active"}
    said = {"text": "Hello", "from": "customer", "timestamp": then}
    outside(emulator, f"/chatSessions/{name}", about)
    outside(emulator, f"/messages/{name}/{'m1'.ljust(20, '-')}", said)
    for since, is_listed in (("10m", False), ("30m", True)):
        found = program(*command.split(), "--since", since).stdout
        assert ("Hello" in found) is is_listed


def test_all_are_counted_on_request(program: Program, visitor: Visitor) -> None:
    """Beyond those that are listed; it is said in a pipe too."""
    read = visitor.writes("One")
    visitor.writes("Two")
    visitor.writes("Three", "Four")
    program("show", read)
    counts = {"conversations": 3, "unread_conversations": 2, "unread_messages": 3}
    assert program.json("inbox", "--total", "--limit", "1")["total"] == counts
    said = program("inbox", "--total").stderr
    assert "3 of 3 active conversations; 2 with unread messages, which are 3" in said
    assert "the newest 2; --limit shows more" in program("inbox", "--limit", "2").stderr


@pytest.mark.parametrize(
    ("options", "opened"),
    [
        ("", {}),
        ("--status active", {}),
        ("--status resolved", {"shown": "resolved"}),
        ("--status all", {"shown": "all"}),
        *(
            (f"--{shown}", {"shown": shown})
            for shown in ("unread", "mine", "unassigned", "snoozed")
        ),
        ("--mine --limit 7", {"shown": "mine", "limit": 7}),
        ("--since 2024-03-12T14:05Z", {"earliest": 1_710_252_300_000}),
        ("--unread --mine", None),
        ("--status all --snoozed", None),
        ("--json", None),
        ("--jsonl", None),
        ("--ids", None),
        ("--fields id", None),
        ("--total", None),
        ("--label vip", None),
    ],
)
def test_the_desk_is_opened_with_what_is_asked_for(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    opened: dict[str, object] | None,
) -> None:
    """One filter at a time, as the desk has them; nothing that is for scripts."""
    seen: list[dict[str, object]] = []
    monkeypatch.setattr("imbari_chat.cli.desk.open_desk", lambda _, **asked: seen.append(asked))
    usual = {"shown": "active", "earliest": None, "limit": 20}
    program("inbox", "--live", *options.split(), code=2 if opened is None else 0)
    assert seen == ([] if opened is None else [usual | opened])


def test_an_empty_inbox_prints_no_data(program: Program) -> None:
    """A person is told on stderr; a script reads nothing, or an empty list."""
    result = program("inbox")
    assert result.stdout == ""
    assert "no active conversations" in result.stderr
    assert program.inbox() == []


def test_json_has_the_names_of_the_models(program: Program, visitor: Visitor) -> None:
    """snake_case names, milliseconds, and null for what is not there."""
    session = visitor.writes("Hello")
    (record,) = program.inbox()
    assert record["id"] == session
    assert record["customer_name"] == "Amina Nakato"
    assert record["unread_count"] == 1
    assert record["resolved_at"] is None
    assert isinstance(record["last_message_time"], int)


def test_json_keeps_unknown_fields_apart(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """A field of next year is under ``extra``, and cannot pass for one of ours."""
    session = visitor.writes("Hello")
    outside(emulator, f"/chatSessions/{session}/customer_name", "an impostor")
    (record,) = program.inbox()
    assert record["customer_name"] == "Amina Nakato"
    assert record["extra"] == {"customer_name": "an impostor"}


def test_show_prints_the_conversation_and_marks_it_read(program: Program, visitor: Visitor) -> None:
    """Both messages are shown as new once, and counted no more."""
    session = visitor.writes("Do you ship to Kampala?", "By lorry?")
    first = program("show", session, terminal=True)
    assert first.stdout.count("  new") == 2
    assert "2 messages marked read" in first.stderr
    assert program("show", session, terminal=True).stdout.count("  new") == 0
    assert program.inbox()[0]["unread_count"] == 0


def test_show_can_peek(program: Program, visitor: Visitor) -> None:
    """Peeking leaves everything as it was."""
    session = visitor.writes("Hello")
    program("show", session, "--peek")
    assert program.inbox()[0]["unread_count"] == 1


def test_a_count_of_messages_that_are_not_there_does_not_stop_show(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """There is nothing to mark."""
    session = visitor.writes()
    outside(emulator, f"/chatSessions/{session}/unreadCount", 2)
    assert program("show", session).stderr.endswith("\nno messages yet\n")


def test_show_signs_messages(program: Program, visitor: Visitor) -> None:
    """An admin's messages are the team's; a customer's bear the customer's name."""
    session = visitor.writes("Hello")
    program("reply", session, "Good morning")
    shown = program("show", session, terminal=True).stdout
    assert "\nAmina Nakato  2" in shown
    assert "\nImbari Team  2" in shown


def test_between_conversations_a_line_is_left_empty(program: Program, visitor: Visitor) -> None:
    """As before every message."""
    sessions = [visitor.writes("Hello") for _ in range(2)]
    lines = program("show", *sessions, "--peek", terminal=True).stdout.splitlines()
    assert [at for at, line in enumerate(lines) if not line] == [2, 5, 8]


def test_show_says_what_was_marked_beyond_the_limit(program: Program, visitor: Visitor) -> None:
    """Nothing becomes read silently."""
    for limit, told in ((1, "read, 2 of them not shown"), (2, "read, 1 of them"), (3, "read\n")):
        session = visitor.writes("One", "Two", "Three")
        result = program("show", session, "--limit", str(limit))
        assert f"3 messages marked {told}" in result.stderr


@pytest.mark.parametrize(
    ("read", "count", "told"),
    [
        ([True, False], 0, "1 message marked read"),
        ([False, True], 1, "1 message marked read, 1 of them not shown: see --limit"),
        ([True, True], 1, None),
        ([True, True], 0, None),
    ],
)
def test_what_either_the_count_or_a_message_calls_unread_is_marked(
    program: Program,
    visitor: Visitor,
    emulator: Emulator,
    read: list[bool],
    count: int,
    told: str | None,
) -> None:
    """The website has not always kept both."""
    session = visitor.writes()
    outside(emulator, f"/chatSessions/{session}/unreadCount", count)
    messages = {
        f"-M{at:018}": {"text": "Hello", "from": "customer", "timestamp": at + 1, "read": is_read}
        for at, is_read in enumerate(read)
    }
    outside(emulator, f"/messages/{session}", messages)
    assert program("show", session, "--limit", "1").stderr.splitlines()[1:] == [
        "not shown: 1 older message", *([told] if told else [])
    ]  # fmt: skip
    messages = program.show(session, "--peek")["messages"]
    assert [one["read"] for one in messages] == [True, True]


def test_show_as_json(program: Program, visitor: Visitor) -> None:
    """The session and its messages, oldest first."""
    session = visitor.writes("One", "Two")
    shown = program.show(session)
    assert shown["session"]["id"] == session
    assert [message["text"] for message in shown["messages"]] == ["One", "Two"]
    assert [message["sender"] for message in shown["messages"]] == ["customer"] * 2


def test_a_malformed_message_does_not_stop_show(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """It is reported once on stderr; the others are shown."""
    session = visitor.writes("Hello")
    outside(emulator, f"/messages/{session}/-Ojunk", {"text": 7})
    outside(emulator, f"/messages/{session}/zzz", "not an object")
    result = program("show", session)
    assert "Hello" in result.stdout
    assert result.stderr.count(f"malformed record at /messages/{session}/-Ojunk") == 1
    assert result.stderr.count(f"malformed record at /messages/{session}/zzz") == 1


def test_hostile_text_reaches_no_terminal(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Neither control characters nor Rich's markup come alive; JSON keeps the truth."""
    session = visitor.writes("Hello")
    hostile = "\x1b]0;owned\x07 [bold red]red[/] \u202eevil \x9b31m \ud800"
    outside(emulator, f"/chatSessions/{session}/customerName", "[link=http://x]Eve[/link]\x1b[2J")
    outside(emulator, f"/messages/{session}/-Ohostile", {
        "text": hostile, "from": "customer", "timestamp": 1_700_000_000_000,
    })  # fmt: skip
    for terminal in (True, False):
        for arguments in (("show", session, "--peek"), ("inbox",)):
            result = program(*arguments, terminal=terminal)
            printed = result.stdout + result.stderr
            assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(printed)
            assert "red" in printed or "[link=http://x]Eve" in printed
    raw = program("show", session, "--peek", "--json").stdout
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(raw)
    texts = [message["text"] for message in program.show(session, "--peek")["messages"]]
    assert hostile in texts


def test_reply_is_addressed_and_sent(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Whoever replies reads where and to whom, and the message is there."""
    session = visitor.writes("Do you ship?")
    result = program("reply", session, "Yes, [today]!")
    assert result.stdout == ""
    assert result.stderr == (
        f"at the emulator at {emulator.database_host} (project demo-imbari)\n"
        "to Amina Nakato <amina@example.com> (1 unread)\nsent\n"
        "1 message left unread; --read marks what came before\n"
    )
    assert program.show(session)["messages"][-1]["text"] == "Yes, [today]!"


def test_reply_prints_the_message_as_json(program: Program, visitor: Visitor) -> None:
    """A script learns the id."""
    sent = program.json("reply", visitor.writes("Hello"), "Hi")["message"]
    assert sent["text"] == "Hi"
    assert sent["sender"] == "admin"
    assert len(sent["id"]) == 20


def test_reply_reads_standard_input(program: Program, visitor: Visitor) -> None:
    """Every line counts but the last line's end."""
    session = visitor.writes("Hello")
    program("reply", session, "-", stdin="Dear Amina,\n\nyes.\n")
    assert program.show(session)["messages"][-1]["text"] == "Dear Amina,\n\nyes."


@pytest.mark.parametrize("text", ["- one", "-ish", "--", "-- Imbari"])
def test_a_reply_may_begin_with_a_dash(program: Program, visitor: Visitor, text: str) -> None:
    """After a double dash everything is text, and most of it is before one too."""
    session = visitor.writes("Hello")
    program("reply", "--", session, text)
    assert program.show(session)["messages"][-1]["text"] == text


def test_a_session_is_found_by_the_beginning_of_its_id(program: Program, visitor: Visitor) -> None:
    """An id begins with a dash and is no option for that."""
    session = visitor.writes("Hello")
    assert program.show(session[:15])["session"]["id"] == session


def test_a_number_means_the_list_that_was_printed(program: Program, visitor: Visitor) -> None:
    """A list that has moved since cannot send a reply to somebody else."""
    amina = visitor.writes("Hello")
    program("inbox", terminal=True)
    visitor.writes("Me first", name="Brian Otieno", email="brian@example.com")
    program.inbox()
    result = program("reply", "#1", "For Amina")
    assert "to Amina Nakato" in result.stderr
    assert program.show(amina)["messages"][-1]["text"] == "For Amina"


def test_profiles_have_their_own_lists(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one profile printed means nothing to another."""
    visitor.writes("Hello")
    program("inbox", terminal=True)
    monkeypatch.setenv("IMBARI_CHAT_PROFILE", "other")
    assert "none was printed in this terminal" in program("show", "1", code=2).stderr


def test_a_list_that_cannot_be_kept_is_still_printed(
    program: Program, visitor: Visitor, place: Path
) -> None:
    """The numbers are useless then, and that is said."""
    visitor.writes("Hello")
    (place / "data").mkdir()
    (place / "data" / "inbox").write_text("in the way")
    result = program("inbox", terminal=True)
    assert "Amina Nakato" in result.stdout
    assert "warning: the numbers" in result.stderr


def test_resolve_and_reopen(program: Program, visitor: Visitor) -> None:
    """Each says what it did, and says so when there was nothing to do."""
    session = visitor.writes("Hello")
    assert program.json("resolve", session)[0]["status"] == "resolved"
    assert "already resolved" in program("resolve", session).stderr
    (reopened,) = program.json("reopen", session)
    assert (reopened["status"], reopened["resolved_at"]) == ("active", None)
    assert "already active" in program("reopen", session).stderr


def test_a_reply_to_a_resolved_conversation_says_that_it_stays_so(
    program: Program, visitor: Visitor
) -> None:
    """The writer may not know."""
    session = visitor.writes("Hello")
    program("resolve", session)
    assert "resolved, and stays so" in program("reply", session, "Thanks").stderr


def test_quiet_leaves_only_data(program: Program, visitor: Visitor) -> None:
    """Nothing on stderr when all is well."""
    session = visitor.writes("Hello")
    for arguments in (
        ("show", session), ("reply", session, "x"), ("resolve", session), ("inbox",),
    ):  # fmt: skip
        assert program(*arguments, "--quiet").stderr == ""


def test_who_is_there_has_a_column_and_a_word_above_the_transcript(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Of whoever it is; without anybody there is none."""
    here, away = visitor.writes("One"), visitor.writes("Two", name="Brian Otieno")
    assert "There" not in program("inbox", terminal=True).stdout
    sign = {"state": "online", "at": {".sv": "timestamp"}}
    outside(emulator, f"/presence/customers/{here}/connections/c1", sign)
    heading, _, *rows = program("inbox", terminal=True).stdout.splitlines()
    assert "There" in heading
    assert {row.split()[1]: "online" in row for row in rows} == {away[:8]: False, here[:8]: True}
    for session, is_there in ((here, True), (away, False)):
        shown = program("show", session, "--peek", terminal=True).stdout
        assert ("online" in shown.splitlines()[0]) is is_there


def test_a_conversation_says_what_is_known_of_it(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Above its messages, on two lines; what is not known is not said."""
    session = visitor.writes("Hello")
    about = f"/chatSessions/{session}"
    outside(emulator, f"{about}/createdAt", 1_710_252_300_000)
    outside(emulator, f"{about}/customerPhone", "+254 700 000000")
    outside(emulator, f"{about}/topic", "An order")
    who, what, *_ = program("show", session, "--peek", width=200, terminal=True).stdout.splitlines()
    assert who.split("  ") == ["Amina Nakato", "amina@example.com", "+254 700 000000"]
    assert what.split("  ")[:2] == ["active", "about An order"]
    assert what.split("  ")[2].startswith("since 2024-03-1")
    assert what.endswith(session)
    for field in ("createdAt", "customerPhone", "topic", "customerEmail"):
        outside(emulator, f"{about}/{field}", None)
    who, what, *_ = program("show", session, "--peek", width=200, terminal=True).stdout.splitlines()
    assert (who.strip(), what.strip()) == ("Amina Nakato", f"active  {session}")


def test_a_conversation_without_messages_says_so(program: Program, visitor: Visitor) -> None:
    """On standard error: there is no data."""
    result = program("show", visitor.writes())
    assert "no messages yet" in result.stderr
    assert "no messages yet" not in program("show", visitor.writes("Hello")).stderr
