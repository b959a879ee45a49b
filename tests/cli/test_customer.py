"""``customer`` in a pipe and at a terminal, against an emulator under the shipped rules."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from imbari_chat.cli.customer.lead import Lead, mistake_in, questions, topic_of
from imbari_chat.cli.customer.pipe import in_a_pipe
from imbari_chat.cli.customer.run import run_customer
from imbari_chat.cli.customer.terminal import asked
from imbari_chat.cli.exit_codes import TimeoutReached, UsageError
from imbari_chat.cli.stderr import Stderr
from imbari_chat.client import AsyncAdminChat
from imbari_chat.errors import InvalidData
from imbari_chat.schema.forms import QUICK_TOPICS
from imbari_chat.schema.models import Message, Session
from tests.cli.harness import Program
from tests.cli.standard import Standard
from tests.cli.terminal import Terminal

AMINA = Lead(name="Amina", email="amina@example.com")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standard]:
    """Standard input of the command."""
    standard = Standard()
    monkeypatch.setattr(sys, "stdin", standard.stream)
    yield standard
    standard.end()


def given(stdin: Standard, *lines: str) -> None:
    """Standard input that is complete."""
    for line in lines:
        stdin.line(line)
    stdin.end()


async def stored() -> list[tuple[Session, list[Message]]]:
    """Every conversation and its messages, as an admin sees them."""
    async with AsyncAdminChat.from_env() as desk:
        found = []
        for session in await desk.sessions():
            async with desk.open(session.id, peek=True) as conversation:
                found.append((session, await conversation.history()))
        return found


async def answer(text: str) -> None:
    """An admin answers the newest conversation."""
    async with AsyncAdminChat.from_env() as desk:
        session = (await desk.sessions())[0]
        async with desk.open(session.id) as conversation:
            await conversation.reply(text)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110  # what is printed sets no event
            await asyncio.sleep(0.01)


async def test_each_line_is_a_message(place: Path, stdin: Standard) -> None:
    """Blank ones are none; the form comes from options."""
    given(stdin, "Hello", "", "  ", "Do you ship to Kampala?")
    await run_customer({}, Lead("Amina", "amina@example.com", topic="2"))
    ((session, messages),) = await stored()
    assert (session.customer_name, session.topic) == ("Amina", "Wholesale")
    assert [one.text for one in messages] == ["Hello", "Do you ship to Kampala?"]
    assert session.unread_count == 2


@pytest.mark.parametrize("lead", [Lead(name="Amina"), Lead(email="amina@example.com")])
async def test_without_a_name_nothing_is_asked_and_nothing_starts(
    place: Path, stdin: Standard, lead: Lead
) -> None:
    """A pipe gets no prompt."""
    given(stdin, "Hello")
    with pytest.raises(UsageError, match="name and an e-mail"):
        await run_customer({}, lead)
    assert await stored() == []


async def test_a_mistake_in_the_form_is_refused(place: Path, stdin: Standard) -> None:
    """With the field's name."""
    given(stdin, "Hello")
    with pytest.raises(InvalidData, match="e-mail"):
        await run_customer({}, Lead(name="Amina", email="nowhere"))


@pytest.mark.parametrize("error", [InvalidData("no"), asyncio.CancelledError()])
async def test_what_was_to_be_said_first_is_given_back_if_nothing_starts(
    stdin: Standard, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """It has been read, and will not be again."""
    given(stdin, "Hello")

    async def start(_: Lead) -> None:
        raise error

    visit: Any = SimpleNamespace(is_under_way=False, stderr=Stderr(), start=start)
    with pytest.raises(type(error)):
        await in_a_pipe(visit, AMINA, None)
    assert capsys.readouterr().err == "warning: not sent:\n  Hello\n"


async def test_nothing_to_say_starts_nothing(
    place: Path, stdin: Standard, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty conversation would only puzzle the desk."""
    given(stdin)
    await run_customer({}, AMINA)
    assert await stored() == []
    assert capsys.readouterr().err.splitlines()[1:] == ["nothing to send"]


async def test_answers_are_printed_as_they_come(
    place: Path, stdin: Standard, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the pipe is still open; one's own lines are not repeated."""
    stdin.line("Hello")
    running = asyncio.create_task(run_customer({}, AMINA))
    messages: list[str] = []
    while not messages:
        messages = [one.text for _, said in await stored() for one in said]
    await answer("Good\x1b[31m day")
    printed: list[str] = []

    def has_answered() -> bool:
        printed.append(capsys.readouterr().out)
        return "Imbari Team" in "".join(printed)

    await until(has_answered)
    stdin.end()
    await running
    assert "".join(printed) == "Imbari Team: Good\ufffd[31m day\n"


async def test_a_pipe_that_stays_open_keeps_nobody_from_leaving(
    place: Path, stdin: Standard
) -> None:
    """Whatever ends the visit: what reads is not waited for."""
    stdin.line("Hello")
    running = asyncio.create_task(run_customer({}, AMINA))
    while not [one for _, said in await stored() for one in said]:
        pass
    readers = [one for one in threading.enumerate() if one.name == "standard input"]
    assert {one.daemon for one in readers} == {True}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_wait_ends_with_the_answer(
    place: Path, stdin: Standard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Long before its time is over."""
    given(stdin, "Hello")
    running = asyncio.create_task(run_customer({}, AMINA, wait=60))
    while not [one for _, said in await stored() for one in said]:
        pass
    await answer("Good day")
    await asyncio.wait_for(running, 20)
    assert capsys.readouterr().out == "Imbari Team: Good day\n"


async def test_wait_without_an_answer_says_so(place: Path, stdin: Standard) -> None:
    """As a time limit that was reached."""
    given(stdin, "Hello")
    with pytest.raises(TimeoutReached, match="no answer"):
        await run_customer({}, AMINA, wait=0.2)


async def test_the_next_visit_resumes_and_shows_what_was_missed(
    place: Path, stdin: Standard, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The badge and the answer once; the visit after that has neither."""
    given(stdin, "Hello")
    await run_customer({}, AMINA)
    await answer("Good day")
    for told in (True, False):
        again = Standard()
        monkeypatch.setattr(sys, "stdin", again.stream)
        given(again)
        await run_customer({}, Lead())
        printed = capsys.readouterr()
        assert ("Imbari Team: Good day" in printed.out) is told
        assert ("● new reply while you were away" in printed.err) is told
    assert len(await stored()) == 1


async def test_new_starts_another_conversation(
    place: Path, stdin: Standard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same customer."""
    given(stdin, "Hello")
    await run_customer({}, AMINA)
    again = Standard()
    monkeypatch.setattr(sys, "stdin", again.stream)
    given(again, "Another matter")
    await run_customer({}, AMINA, new=True)
    sessions = [session for session, _ in await stored()]
    assert len(sessions) == 2
    assert len({session.customer_uid for session in sessions}) == 1


async def test_json_prints_the_session_and_every_message_once(
    place: Path, stdin: Standard, capsys: pytest.CaptureFixture[str]
) -> None:
    """One's own too, with their ids."""
    given(stdin, "Hello", "Hello")
    await run_customer({}, AMINA, json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["session", "message_added", "message_added"]
    ((_, messages),) = await stored()
    assert [line["message"]["id"] for line in lines[1:]] == [one.id for one in messages]


async def test_input_that_is_no_text_is_refused(place: Path, stdin: Standard) -> None:
    """Not half of it sent as something else."""
    stdin.line("Hello")
    stdin.raw(b"\xff\xfe\n")
    stdin.end()
    with pytest.raises(InvalidData, match="not utf-8"):
        await run_customer({}, AMINA)


async def test_the_form_is_asked_field_by_field_and_again_on_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What options gave is not asked; a topic goes by its number."""
    with (
        create_pipe_input() as keyboard,
        create_app_session(input=keyboard, output=DummyOutput()),
    ):
        keyboard.send_text("\rAmina\rnowhere\ramina@example.com\r1\r")
        lead = await asked(Lead(phone="+254712345678"), PromptSession(), Stderr())
    assert lead == Lead("Amina", "amina@example.com", "+254712345678", "An order")
    told = capsys.readouterr().err
    assert "the name is missing" in told
    assert "not an e-mail address" in told


async def test_at_a_terminal_answers_appear_above_the_prompt(place: Path) -> None:
    """The whole visit: form, message, answer, Ctrl-D."""
    code = (
        "import asyncio\n"
        "from imbari_chat.cli.customer.lead import Lead\n"
        "from imbari_chat.cli.customer.run import run_customer\n"
        "asyncio.run(run_customer({}, Lead(phone='', topic='')))"
    )
    with Terminal(code) as terminal:
        await asyncio.to_thread(terminal.sees, "Your name")
        terminal.press("Amina\r")
        await asyncio.to_thread(terminal.sees, "Your e-mail")
        terminal.press("amina@example.com\r")
        await asyncio.to_thread(terminal.sees, "You:")
        terminal.press("Hello\r")
        while not [one for _, said in await stored() for one in said]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await answer("Good day")
        await asyncio.to_thread(terminal.sees, "Imbari Team: Good day")
        assert await asyncio.to_thread(_leave, terminal) == 0


@pytest.mark.parametrize("reads_keys", [True, False])
@pytest.mark.parametrize("writes_to_a_screen", [True, False])
@pytest.mark.parametrize("json", [True, False])
async def test_nobody_is_prompted_unless_a_person_types_and_reads(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, reads_keys: bool, writes_to_a_screen: bool,
    json: bool,
) -> None:  # fmt: skip
    """Prompts in a file, or between lines of JSON, would spoil what is read there."""
    ways: list[str] = []

    async def going(way: str) -> None:
        ways.append(way)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: reads_keys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: writes_to_a_screen)
    for way in ("at_terminal", "in_a_pipe"):
        monkeypatch.setattr(f"imbari_chat.cli.customer.run.{way}", lambda *_, way=way: going(way))
    await run_customer({}, AMINA, json=json)
    has_person = reads_keys and writes_to_a_screen and not json
    assert ways == ["at_terminal" if has_person else "in_a_pipe"]


def _leave(terminal: Terminal) -> int:
    """Press Ctrl-D as a person does: again, if nothing happens.

    Between one prompt and the next the terminal is in its ordinary mode, where the key goes
    nowhere.
    """
    for _ in range(30):
        terminal.press("\x04")
        with suppress(subprocess.TimeoutExpired):
            return terminal.ends(within=1)
    raise AssertionError("the customer did not leave")


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ([], {"new": False, "wait": None, "json": False, "quiet": False}),
        (["--new"], {"new": True, "wait": None, "json": False, "quiet": False}),
        (["--wait", "7"], {"new": False, "wait": 7.0, "json": False, "quiet": False}),
        (["--json", "--quiet"], {"new": False, "wait": None, "json": True, "quiet": True}),
    ],
)
def test_what_is_asked_for_is_what_is_done(
    program: Program, monkeypatch: pytest.MonkeyPatch, options: list[str], taken: dict[str, object]
) -> None:
    """Each option, and none that was not given."""
    given: dict[str, Any] = {}

    async def taking(_: object, lead: Lead, **options: Any) -> None:
        given.update(options, lead=lead)

    monkeypatch.setattr("imbari_chat.cli.customer.run.run_customer", taking)
    who = ("--name", "Amina", "--email", "a@b.c", "--phone", "1", "--topic", "An order")
    program("customer", *who, *options)
    assert given.pop("lead") == Lead("Amina", "a@b.c", "1", "An order")
    assert given == taken


GOOD = Lead("Amina", "amina@example.com", "+254 700 000000", "An order")


@pytest.mark.parametrize("field", ["name", "email", "phone", "topic"])
def test_a_mistake_is_told_where_it_was_typed(field: str) -> None:
    """Whatever is missing or wrong of what is asked later."""
    bad = {"name": "n" * 101, "email": "nowhere", "phone": "call me", "topic": "t" * 1000}
    assert mistake_in(field, GOOD) is None
    assert mistake_in(field, replace(GOOD, **{field: bad[field]})) is not None
    for other in sorted(bad.keys() - {field}):
        assert mistake_in(field, replace(GOOD, **{other: bad[other]})) is None
    assert mistake_in(field, replace(GOOD, **{field: "\ud800"})) is not None


@pytest.mark.parametrize(("field", "told"), [("name", "the name"), ("email", "the e-mail")])
def test_what_is_missing_is_told_as_such(field: str, told: str) -> None:
    """Whether it was left blank or not asked for yet."""
    for blank in ("", None):
        mistake = mistake_in(field, replace(GOOD, **{field: blank}))
        assert mistake is not None
        assert mistake.what.startswith(f"{told} is missing")


@pytest.mark.parametrize(
    ("answer", "topic"),
    [
        ("1", QUICK_TOPICS[0]),
        (" 2 ", QUICK_TOPICS[1]),
        ("0", "0"),
        ("99", "99"),
        ("My own", "My own"),
    ],
)
def test_a_number_means_a_topic_of_the_list(answer: str, topic: str) -> None:
    """Counted from 1; anything else is the person's own words."""
    assert topic_of(answer) == topic


def test_every_field_is_asked_for_once() -> None:
    """In the order in which they are checked, with the topics to choose from."""
    asked_for = dict(questions())
    assert list(asked_for) == ["name", "email", "phone", "topic"]
    assert f"  1 {QUICK_TOPICS[0]}\n" in asked_for["topic"]
    assert asked_for["phone"].endswith("(optional): ")
