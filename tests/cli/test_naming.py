"""How conversations are named: numbers of this terminal, ids, names, e-mails and standard input."""

import json
import os
import time
from pathlib import Path

import pytest

from imbari_chat.cli import session_refs
from imbari_chat.cli.session_refs import NumberedList, short_ids
from imbari_chat.client import AsyncConversation
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from tests.cli.harness import Program, Visitor, outside
from tests.cli.terminal import Terminal


def _elsewhere(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(session_refs, "this_terminal", lambda: "another window")


@pytest.fixture
def listed(program: Program, visitor: Visitor) -> str:
    """A conversation that is number 1 of the list in this terminal."""
    session = visitor.writes("Hello")
    program("inbox", terminal=True)
    return session


def test_a_list_elsewhere_renumbers_nothing(
    program: Program, visitor: Visitor, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one in another window, nor one that a program reads."""
    visitor.writes("Me first", name="Brian Otieno", email="brian@example.com")
    for form in ([], ["--json"], ["--jsonl"], ["--ids"], ["--fields", "id"]):
        program("inbox", *form)
    with monkeypatch.context() as patched:
        _elsewhere(patched)
        program("inbox", terminal=True)
        assert program.show("1", "--peek")["session"]["customer_name"] == "Brian Otieno"
    assert program.show("1", "--peek")["session"]["id"] == listed


def test_a_number_from_elsewhere_is_refused(
    program: Program, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what does instead; the text is given back."""
    with monkeypatch.context() as patched:
        _elsewhere(patched)
        refused = program("reply", "1", "precious words", code=2).stderr
    assert "none was printed in this terminal" in refused
    assert "an e-mail, a name or an id" in refused
    assert "not sent:\n  precious words" in refused


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2), (None, 2)])
def test_an_old_number_is_asked_about_or_refused(
    program: Program,
    listed: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str | None,
    code: int,
) -> None:
    """With the name, so that a person can tell; where nobody can be asked it is refused."""
    kept = Path(NumberedList(Settings.load())._file)
    document = json.loads(kept.read_text("utf-8"))
    document["printed"] -= 13 * 3_600_000
    kept.write_text(json.dumps(document), "utf-8")
    if answer is not None:
        monkeypatch.setattr("imbari_chat.cli.stderr.ask", lambda question: asked(question, answer))
    result = program("show", "1", code=code)
    assert ("Hello" in result.stdout) is (code == 0)
    assert code == 0 or "is of an old list, printed 20" in result.stderr


def asked(question: str, answer: str) -> str:
    """A person who reads the question."""
    assert "is Amina Nakato <amina@example.com>. Go on? [y/N]" in question
    return answer.strip()


def test_lists_of_windows_that_are_gone_are_deleted(
    program: Program, listed: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is small, and windows are many."""
    (old,) = (place / "data" / "inbox").iterdir()
    before = time.time() - 3 * 86_400
    os.utime(old, (before, before))
    _elsewhere(monkeypatch)
    program("inbox", terminal=True)
    (new,) = (place / "data" / "inbox").iterdir()
    assert new != old


@pytest.mark.parametrize(
    "reference", ["amina@example.com", "AMINA@example.com", "Amina Nakato", "amina n", " Amina "]
)
def test_a_person_names_their_conversation(
    program: Program, visitor: Visitor, reference: str
) -> None:
    """By e-mail, or by a name or its beginning, in any case of letters."""
    session = visitor.writes("Hello")
    visitor.writes("Hi", name="Brian Otieno", email="brian@example.com")
    assert program.show(reference, "--peek")["session"]["id"] == session


def test_a_person_is_found_however_long_ago_they_wrote(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page; the newest page with any decides, so a name can mean a newer conversation."""
    monkeypatch.setattr(session_refs, "_PAGE", 2)
    oldest = visitor.writes("Hello", name="Zuri", email="zuri@example.com")
    for name in ("Brian", "Amina", "Brian", "Noor"):
        last = visitor.writes("Hi", name=name, email=f"{name}@example.com")
    assert program.show("zuri@example.com", "--peek")["session"]["id"] == oldest
    program("resolve", last)
    assert program.show("noor", "--peek")["session"]["id"] == last
    assert program.show("brian", "--peek")["session"]["customer_name"] == "Brian"
    assert "no conversation has" in program("show", "Omar", code=3).stderr


def test_a_name_of_two_people_names_neither(program: Program, visitor: Visitor) -> None:
    """It says which there are."""
    one = visitor.writes("Hello")
    other = visitor.writes("Hi", email="another@example.com")
    refused = program("reply", "Amina", "precious words", code=7).stderr
    assert "2 conversations are of 'Amina'" in refused
    assert one in refused
    assert other in refused


def test_of_one_persons_conversations_the_active_one_is_meant(
    program: Program, visitor: Visitor
) -> None:
    """Whoever came back is answered where they ask now; two that are active are two."""
    program("resolve", visitor.writes("Last year"))
    now = visitor.writes("Today")
    assert program.show("amina@example.com", "--peek")["session"]["id"] == now
    visitor.writes("Today as well")
    assert "3 conversations" in program("show", "amina@example.com", code=7).stderr


def test_an_id_is_not_taken_for_a_name(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """What the website calls a conversation comes before what a customer calls themselves."""
    visitor.writes("Hello", name="support")
    about = {"customerName": "Eve", "customerEmail": "e@example.com", "lastMessageTime": 1}
    outside(emulator, "/chatSessions/support", {**about, "status": "active", "unreadCount": 0})
    assert program.show("support", "--peek")["session"]["customer_name"] == "Eve"
    assert "no conversation has" in program("show", "id:Eve", code=3).stderr


def test_an_id_that_is_a_number_is_no_number_of_a_list(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """Said so, or on standard input; a list at a terminal says it as it may be given."""
    about = {"customerName": "Eve", "customerEmail": "e@example.com", "lastMessageTime": 1}
    outside(emulator, "/chatSessions/1", {**about, "status": "active", "unreadCount": 0})
    other = visitor.writes("Hello")
    assert "id:1" in program("inbox", terminal=True).stdout
    assert program.show("1", "--peek")["session"]["id"] == other
    assert program.show("id:1", "--peek")["session"]["id"] == "1"
    ids = program("inbox", "-q", "--status", "all").stdout
    assert ids.split() == [other, "1"]
    shown = program.json("show", "-", "--peek", stdin=ids)
    assert [talk["session"]["id"] for talk in shown] == [other, "1"]


@pytest.mark.parametrize("command", ["resolve", "reopen"])
def test_several_are_turned_and_each_once(program: Program, visitor: Visitor, command: str) -> None:
    """By arguments, by standard input, or by both; a row's first column counts."""
    one, two, three = (visitor.writes("Hello") for _ in range(3))
    if command == "reopen":
        program("resolve", one, two, three)
    rows = f"{one}\tAmina\n\n{two}\n"
    done = program(command, three, "-", one, "--ids", stdin=rows)
    assert done.stdout.split() == [three, one, two]
    status = "resolved" if command == "resolve" else "active"
    assert {one["status"] for one in program.inbox("--status", "all")} == {status}


def test_one_that_is_nobodys_keeps_all(program: Program, visitor: Visitor) -> None:
    """A mistyped name does nothing by halves; nor does a standard input that names none."""
    session = visitor.writes("Hello")
    program("resolve", session, "nobody", code=3)
    program("resolve", "-", stdin="\n", code=2)
    assert program.inbox()[0]["status"] == "active"


def test_ids_go_from_one_command_to_another(program: Program, visitor: Visitor) -> None:
    """As a pipe would carry them."""
    one, two = visitor.writes("Hello"), visitor.writes("Hi")
    ids = program("inbox", "-q").stdout
    assert ids == f"{two}\n{one}\n"
    shown = program.json("show", "-", "--peek", stdin=ids)
    assert [talk["session"]["id"] for talk in shown] == [two, one]


@pytest.mark.parametrize(
    ("ids", "short"),
    [
        (["-P7alW130F0-9xSBCKM7"], ["-P7alW13"]),
        (["-P7alW130F0-9xSBCKM7", "-P7alW130G0-9xSBCKM7"], ["-P7alW130F", "-P7alW130G"]),
        (["web", "web-2"], ["web", "web-2"]),
        ([], []),
    ],
)
def test_short_ids_can_be_told_apart(ids: list[str], short: list[str]) -> None:
    """And are found as the beginnings that they are."""
    assert short_ids(ids) == short


def test_a_text_from_standard_input_is_no_list_of_ids(program: Program, visitor: Visitor) -> None:
    """``reply`` takes one conversation."""
    session = visitor.writes("Hello")
    program("reply", session, "-", stdin="Every Tuesday.\n")
    assert program.show(session, "--peek")["messages"][-1]["text"] == "Every Tuesday."


IN_A_WINDOW = """
from imbari_chat.cli.main import run
for arguments in {lines!r}:
    try:
        run(arguments)
    except SystemExit as end:
        print("ended with", int(end.code))
"""


def test_two_windows_have_two_lists(visitor: Visitor) -> None:
    """Real ones; a redirection within one changes nothing."""
    visitor.writes("Do you ship?")
    with Terminal(IN_A_WINDOW.format(lines=[["inbox"], ["show", "1", "--peek"]])) as one:
        one.sees("amina@example.com")
        one.sees("Do you ship?")
        one.sees("ended with 0")
    with Terminal(IN_A_WINDOW.format(lines=[["show", "1", "--peek"]])) as other:
        other.sees("none was printed in this terminal")
        other.sees("ended with 2")


@pytest.mark.parametrize(
    ("error", "code", "turned", "told"),
    [(AccessDenied("not yours"), 5, [1, 3], 2), (Unavailable("away"), 8, [], 1)],
)
def test_one_that_cannot_be_turned_keeps_no_other(
    program: Program,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    error: ImbariError,
    code: int,
    turned: list[int],
    told: int,
) -> None:
    """Each reason is told, and the exit code is the first one's; an outage is all the others'."""
    sessions = [visitor.writes("Hello") for _ in range(4)]
    resolve = AsyncConversation.resolve

    async def refused(conversation: AsyncConversation) -> None:
        if conversation.id in sessions[::2]:
            raise error
        await resolve(conversation)

    monkeypatch.setattr(AsyncConversation, "resolve", refused)
    result = program("resolve", *sessions, "--ids", code=code)
    assert result.stdout.split() == [sessions[number] for number in turned]
    assert result.stderr.count("error: ") == told


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"ids": []}', '{"ids": ["a"], "printed": "?"}'])
def test_a_list_that_cannot_be_read_any_more_is_named(
    program: Program, listed: str, place: Path, kept: str
) -> None:
    """And a new one is asked for."""
    (file,) = (place / "data").rglob("*.json")
    file.write_text(kept)
    result = program("show", "1", code=2)
    assert "the last list cannot be read any more" in result.stderr
    assert str(file) in result.stderr
