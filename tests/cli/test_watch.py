"""watch, against the emulator: a process of its own, because it runs until it is stopped."""

import asyncio
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imbari_chat import (
    AdminChat,
    ChatEvent,
    ConnectionChanged,
    Message,
    MessageAdded,
    PresenceChanged,
    RecordRejected,
    Session,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
    TypingChanged,
)
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.watch import Watcher
from imbari_chat.cli.watch_lines import Kind, Lines
from imbari_chat.cli.watch_streams import WINDOW, joined
from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests import programs
from tests.cli.harness import Program, Visitor, outside
from tests.zones import time_zone

_PATIENCE = 20.0


class Watch:
    """A running ``imbari-chat watch``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: dict[str, queue.Queue[str | None]] = {}
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            lines: queue.Queue[str | None] = queue.Queue()
            self._lines[name] = lines
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream: Iterator[str], lines: "queue.Queue[str | None]") -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def printed(self) -> str:
        """The next line of data."""
        line = self._lines["stdout"].get(timeout=_PATIENCE)
        assert line is not None
        return line

    def row(self) -> list[str]:
        """The next line of data, by its columns."""
        return self.printed().split("\t")

    def narrated(self, words: str) -> None:
        """Wait for a line of narration with these words."""
        seen: list[str] = []
        while True:
            line = self._lines["stderr"].get(timeout=_PATIENCE)
            assert line is not None, seen
            seen.append(line)
            if words in line:
                return


@contextmanager
def started(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run it until the block ends."""
    with programs.Popen(
        [*programs.OURS, "watch", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def watching(*arguments: str) -> Iterator[Watch]:
    """The same, with its output read as it comes."""
    with started(*arguments) as process:
        yield Watch(process)


def test_watch_tells_of_all_conversations(visitor: Visitor, program: Program) -> None:
    """What was there before is not news; what comes is, from either side. A program reads rows."""
    old = visitor.writes("An old message")
    with watching() as watch:
        watch.narrated("connected")
        new = visitor.writes("Hello\tthere", name="Brian Otieno", email="brian@example.com")
        started, message = watch.row(), watch.row()
        assert started[:1] + started[2:] == ["started", new, "Brian Otieno", "brian@example.com"]
        assert message[2:6] == [new, "Brian Otieno", "brian@example.com", "customer"]
        assert (message[0], message[7]) == ("message", "Hello\\tthere")
        program("reply", old, "An answer")
        assert watch.row()[2] == old
        program("resolve", new)
        assert watch.row()[::2][:2] == ["resolved", new]
        program("reopen", new)
        assert watch.row()[::2][:2] == ["reopened", new]


def _old(visitor: Visitor, emulator: Emulator) -> str:
    """A conversation that two hundred others have moved after."""
    old = visitor.writes("Long ago")
    outside(emulator, f"/chatSessions/{old}/lastMessageTime", 1000)
    newer = {"customerName": "A", "customerEmail": "", "lastMessage": "", "unreadCount": 0}
    for at in range(WINDOW):
        record = {**newer, "lastMessageTime": 2000 + at, "status": "active"}
        outside(emulator, f"/chatSessions/newer{at:03}", record)
    return old


@pytest.mark.parametrize("of_one", [False, True])
def test_resolving_is_seen_however_long_ago_a_conversation_moved(
    visitor: Visitor, program: Program, emulator: Emulator, *, of_one: bool
) -> None:
    """It moves none up, so no window of the inbox shows it."""
    old = _old(visitor, emulator)
    with watching(*([old] if of_one else [])) as watch:
        watch.narrated("connected")
        for done, told in (("resolve", "resolved"), ("reopen", "reopened")) * 2:
            program(done, old)
            assert watch.row()[::2][:2] == [told, old]


async def test_what_two_streams_tell_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever comes first; and a conversation may come into the window with it."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr(quiet=True))
    resolved = AMINA.model_copy(update={"status": "resolved"})
    for event in (
        SessionAdded(BRIAN),
        ConnectionChanged("live"),
        SessionChanged(resolved, AMINA),
        SessionAdded(AMINA),
        SessionChanged(AMINA, resolved),
        SessionChanged(resolved, AMINA),
        SessionChanged(resolved, AMINA),
    ):
        await watcher.take(event)
    told = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == ["resolved", "reopened", "resolved"]


async def test_it_is_called_live_once_all_of_it_is() -> None:
    """Else what is resolved in between would be told by nobody."""
    live, first, second = ConnectionChanged("live"), asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[ChatEvent, None]:
        yield live
        first.set()
        await asyncio.Event().wait()

    async def changes() -> AsyncGenerator[ChatEvent, None]:
        yield ConnectionChanged("connecting")
        await second.wait()
        yield live
        await asyncio.Event().wait()

    async with aclosing(joined(events(), changes())) as both:
        told = asyncio.ensure_future(anext(both))
        for _ in range(9):
            await asyncio.sleep(0)
        assert not told.done()
        second.set()
        assert await told == live


async def test_what_ends_one_of_several_streams_ends_them_all() -> None:
    """And what they had told before was taken."""
    closed = []

    async def stream(
        *events: ChatEvent, error: Exception | None = None
    ) -> AsyncGenerator[ChatEvent, None]:
        try:
            for event in events:
                yield event
            if error is not None:
                raise error
            await asyncio.Event().wait()
        finally:
            closed.append(events)

    both = joined(stream(SessionAdded(AMINA)), stream(SessionAdded(BRIAN), error=OSError("gone")))
    heard = [str(await anext(both)) for _ in range(2)]
    assert sorted(heard) == sorted(map(str, (SessionAdded(AMINA), SessionAdded(BRIAN))))
    with pytest.raises(OSError, match="gone"):
        await anext(both)
    assert len(closed) == 2


@pytest.mark.usefixtures("nowhere")
def test_without_an_index_it_says_what_it_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older rules are no reason to see nothing."""
    older = strict_rules().replace(', "resolvedAt"]', "]")
    assert older != strict_rules()
    with Emulator(rules=older) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        with watching() as watch:
            watch.narrated("only the 200 conversations that moved last are seen to be resolved")
            session = Visitor().writes("Hello")
            assert [watch.row()[0] for _ in range(2)] == ["started", "message"]
            Program()("resolve", session)
            assert watch.row()[0] == "resolved"


def test_watch_prints_json_lines(visitor: Visitor) -> None:
    """One object each, with the session it belongs to; only what was asked for."""
    with watching("--jsonl", "--event", "message") as watch:
        watch.narrated("connected")
        session = visitor.writes("Hello")
        event = json.loads(watch.printed())
        assert (event["version"], event["event"]) == (1, "message_added")
        assert event["session_id"] == session
        assert event["customer_name"] == "Amina Nakato"
        assert event["message"]["text"] == "Hello"
        assert event["at"] == event["message"]["timestamp"]


def test_watch_follows_one_conversation(visitor: Visitor, program: Program) -> None:
    """History first if asked for; other conversations are left out."""
    session = visitor.writes("One", "Two")
    with watching(session, "--history", "1") as watch:
        assert watch.row()[7] == "Two"
        visitor.writes("Elsewhere")
        program("reply", session, "Three")
        assert watch.row()[7] == "Three"
        program("resolve", session)
        assert watch.row()[0] == "resolved"


def test_watch_begins_with_what_came_since(visitor: Visitor, emulator: Emulator) -> None:
    """In the order of time over all conversations, and goes on with what comes, each once."""
    amina, brian = visitor.writes("1", "4"), visitor.writes("2", name="Brian Otieno")
    for session, times in ((amina, (1000, 4000)), (brian, (2000,))):
        with AdminChat.from_env() as desk, desk.open(session, peek=True) as conversation:
            for message, at in zip(conversation.history(), times, strict=True):
                outside(emulator, f"/messages/{session}/{message.id}/timestamp", at)
        outside(emulator, f"/chatSessions/{session}/lastMessageTime", times[-1])
    with watching("--since", "1970-01-01T00:00:02Z", "--event", "message") as watch:
        assert [watch.row()[7] for _ in range(2)] == ["2", "4"]
        visitor.writes("5")
        assert watch.row()[7] == "5"


def _long_ago(emulator: Emulator, program: Program, session: str) -> tuple[str, ...]:
    """Let all messages be of 1970; the options that watch that time, which is over."""
    outside(emulator, f"/chatSessions/{session}/lastMessageTime", 5000)
    for message_id in program("show", session, "--peek", "--ids").stdout.split():
        outside(emulator, f"/messages/{session}/{message_id}/timestamp", 5000)
    return ("--since", "1970-01-01T00:00:04Z", "--until", "1970-01-01T00:00:06Z")


def test_a_time_that_is_over_ends_it(
    visitor: Visitor, program: Program, emulator: Emulator
) -> None:
    """With what there was; one to come ends it then, and neither is a failure."""
    past = _long_ago(emulator, program, visitor.writes("One"))
    assert program("watch", *past).stdout.split("\t")[7] == "One\n"
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    assert program("watch", "--until", soon).stdout == ""
    assert "--until is over" in program("watch", "--until", "2h", code=2).stderr


def test_a_program_gets_each_on_standard_input(
    visitor: Visitor, program: Program, place: Path, emulator: Emulator
) -> None:
    """As JSON; what strangers write is in no argument, and no shell sees it."""
    (place / "take.py").write_text(
        "import json, sys\n"
        "told = json.load(sys.stdin)\n"
        "open('told', 'a').write(f'{sys.argv[1:]} {told[\"message\"][\"text\"]}\\n')\n"
        "sys.exit(len(sys.argv) - 2)\n"
    )
    hostile = "$(touch owned); `touch owned`"
    session = visitor.writes(hostile)
    past = _long_ago(emulator, program, session)
    take = f"{shlex.quote(sys.executable)} take.py '$(touch owned)' second"
    assert "ended with 1" in program("watch", session, *past, "--exec", take).stderr
    assert (place / "told").read_text() == f"['$(touch owned)', 'second'] {hostile}\n"
    assert not (place / "owned").exists()
    for line, says in (("no-such-program", "cannot be started"), ("'", "understood")):
        assert says in program("watch", session, *past, "--exec", line, code=2).stderr


def test_watch_marks_nothing_read(visitor: Visitor, program: Program) -> None:
    """Somebody may watch a wall."""
    with watching() as watch:
        watch.narrated("connected")
        visitor.writes("Hello")
        watch.printed()
    assert program.inbox()[0]["unread_count"] == 1


def test_watch_ends_with_ctrl_c(place: Path) -> None:
    """Exit code 130, and no traceback."""
    with watching() as watch:
        watch.narrated("connected")
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(_PATIENCE) == 130


def test_watch_ends_quietly_when_its_reader_has_gone(visitor: Visitor) -> None:
    """As in ``watch --jsonl | head -1``."""
    with started("--jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "connected" in process.stderr.readline()
        visitor.writes("Hello")
        assert "Hello" in process.stdout.readline()
        process.stdout.close()
        visitor.writes("Is anybody there?")
        assert process.wait(_PATIENCE) == 0
        assert process.stderr.read() == ""


async def test_an_outage_is_narrated_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is tried again; and so is its end."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr())
    lost = ConnectionChanged("reconnecting", "cannot connect", 0.3)
    again = ConnectionChanged("connecting")
    for event in (ConnectionChanged("live"), lost, again, lost, again, lost):
        await watcher.take(event)
    for event in (ConnectionChanged("live"), lost):
        await watcher.take(event)
    said = capsys.readouterr().err
    assert said.count("connection lost: cannot connect") == 2
    assert said.count("connected again") == 1


AMINA = Session.model_validate(
    {"$id": "-P7alW130F0-9xSBCKM7", "customerName": "Amina", "createdAt": 1000}
)
BRIAN = Session.model_validate({"$id": "web", "customerName": "Brian", "createdAt": 9_000_000})
_NIGHT = 1_700_000_000_000 // 86_400_000 * 86_400_000
"""Midnight in UTC, ms."""


def _said(text: str, at: int, session: Session = AMINA, sender: str = "customer") -> MessageAdded:
    fields = {"$id": f"-m{at}{text}", "text": text, "from": sender, "timestamp": at}
    return MessageAdded(session.id, Message.model_validate(fields))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A person in Nairobi at a terminal."""
    monkeypatch.setattr(Stdout, "is_terminal", True)
    with time_zone("Africa/Nairobi"):
        yield


@pytest.mark.usefixtures("terminal")
async def test_a_person_reads_lines_with_what_one_answers_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A burst has one heading, a new day its date, and each line an id."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr(quiet=True))
    evening = _NIGHT - 3 * 3_600_000  # midnight there
    for event in (
        SessionAdded(AMINA),
        ConnectionChanged("live"),
        _said("One", evening - 120_000),
        _said("Two\nlines", evening - 90_000),
        _said("An answer", evening - 80_000, sender="admin"),
        _said("Three", evening - 75_000),
        SessionAdded(BRIAN),
        _said("Four", evening - 1000, BRIAN),
        _said("Five", evening + 1000, BRIAN),
    ):
        await watcher.take(event)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "started" not in line and not line.startswith("──")] == [
        "23:58  -P7alW13  Amina: One",
        "       -P7alW13  Two",
        "       lines",
        "23:58  -P7alW13  Imbari Team to Amina: An answer",
        "23:58  -P7alW13  Amina: Three",
        "23:59  web  Brian: Four",
        "00:00  web  Brian: Five",
    ]
    days = [line for line in lines if line.startswith("──")]
    assert days[0] == "── 2023-11-13 ──"
    assert days[-1] == "── 2023-11-14 ──"
    assert any(line.endswith("web  Brian started") for line in lines)


async def test_the_bell_rings_once_for_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """For customers, at a terminal; what the team writes needs none."""
    rung: list[str] = []
    monkeypatch.setattr(Stderr, "ring", lambda _: rung.append("rung"))
    watcher = Watcher(Lines(Stdout(), Stderr(), bell=True), Stderr())
    for event in (
        ConnectionChanged("live"),
        _said("One", 1000),
        _said("Two", 2000),
        _said("Answer", 3000, sender="admin"),
        _said("Three", 4000, BRIAN),
    ):
        await watcher.take(event)
    assert len(rung) == 2


async def test_what_comes_while_the_past_is_read_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is in the past, and then comes with the stream."""

    async def events() -> AsyncGenerator[ChatEvent, None]:
        for event in (ConnectionChanged("live"), _said("Two", 2000), _said("Three", 3000)):
            yield event

    async def missed() -> list[tuple[Session, Message]]:
        return [(AMINA, _said(text, at).message) for text, at in (("One", 1000), ("Two", 2000))]

    await Watcher(Lines(Stdout(), Stderr()), Stderr()).follow(events(), missed)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("\t")[7] for row in rows] == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("created", "told"), [(8000, ["started"]), (4000, []), (None, ["started"])]
)
async def test_what_only_moves_up_was_not_started(
    created: int | None, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the server's times: whatever moved before we watched is older than what was there."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr())
    there = AMINA.model_copy(update={"last_message_time": 5000})
    await watcher.take(SessionAdded(there))
    await watcher.take(ConnectionChanged("live"))
    await watcher.take(SessionAdded(BRIAN.model_copy(update={"created_at": created})))
    await watcher.take(SessionRemoved(there, deleted=False))
    await watcher.take(SessionAdded(there))
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == told


RESOLVED = AMINA.model_copy(update={"status": "resolved"})


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (SessionChanged(RESOLVED, AMINA), ["resolved"]),
        (SessionChanged(AMINA, RESOLVED), ["reopened"]),
        (SessionChanged(AMINA.model_copy(update={"unread_count": 1}), AMINA), []),
        (SessionRemoved(AMINA, deleted=True), ["deleted"]),
        (SessionRemoved(AMINA, deleted=False), []),
        (_said("One", 5999), ["message"]),
        (_said("Two", 6000), []),
    ],
)
@pytest.mark.parametrize("kinds", [frozenset(Kind), frozenset({Kind.STARTED})])
async def test_each_happening_is_told_if_it_is_asked_for(
    event: ChatEvent, told: list[str], kinds: frozenset[Kind], capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to the time that it is to end at; what is no happening is not told."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr(), kinds=kinds, until=6000)
    await watcher.take(event)
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == (told if len(kinds) > 1 else [])
    assert all(row[2] == AMINA.id for row in rows)


@pytest.mark.parametrize("is_json", [False, True])
async def test_who_comes_and_goes_is_narrated_to_a_person(
    capsys: pytest.CaptureFixture[str], *, is_json: bool
) -> None:
    """Of a conversation that was heard of; a program reads it beside what happens."""
    watcher = Watcher(Lines(Stdout(), Stderr(), jsonl=is_json), Stderr())
    for event in (
        PresenceChanged(AMINA.id, "customer", "online"),
        SessionAdded(AMINA),
        TypingChanged(AMINA.id, "customer", True),
        TypingChanged(AMINA.id, "customer", False),
        _said("Hello", 1000),
        PresenceChanged(AMINA.id, "customer", "gone"),
        RecordRejected("/messages/x/y", ("text: missing",), None),
        ConnectionChanged("stale", "no answer"),
    ):
        await watcher.take(event)
    told, said = capsys.readouterr()
    always = ["warning: malformed record at /messages/x/y: text: missing"]
    always += ["the connection is silent: no answer"]
    person = ["Amina: typing…", "Amina: online", "Amina: gone"]
    assert said.splitlines() == ([] if is_json else person) + always
    if is_json:
        assert json.loads(told)["presence"]["customer"] == "online"


def test_an_empty_command_names_no_program(program: Program) -> None:
    """Blanks are not one."""
    assert "names no program" in program("watch", "--exec", " ", code=2).stderr


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("sender", ["customer", "admin"])
async def test_of_a_conversation_that_was_not_heard_of_the_side_is_told(
    capsys: pytest.CaptureFixture[str], sender: str
) -> None:
    """Its customer has no name here."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr(quiet=True))
    await watcher.take(_said("Hello", _NIGHT, sender=sender))
    assert capsys.readouterr().out.splitlines()[-1] == f"03:00  -P7alW13  {sender}: Hello"


def test_it_rings_only_if_it_is_asked_to(
    visitor: Visitor, program: Program, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not everybody who watches wants to hear it."""
    past, rung = _long_ago(emulator, program, visitor.writes("One")), list[str]()
    monkeypatch.setattr(Stderr, "ring", lambda _: rung.append("rung"))
    program("watch", *past)
    assert rung == []
    program("watch", *past, "--bell")
    assert rung == ["rung"]
