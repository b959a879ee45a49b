"""What ``watch`` follows, until when, and how each happening is told."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Self

import pytest

from imbari_chat.cli import watch as module
from imbari_chat.cli import watch_streams
from imbari_chat.cli.exit_codes import TimeoutReached, UsageError
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.watch import Watcher, watch
from imbari_chat.cli.watch_lines import Happening, Kind, Lines
from imbari_chat.errors import AccessDenied, ImbariError
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.wire.pushid import PushIds
from tests.view.records import NOW, message, session

LIVE = ConnectionChanged("live")
AMINA = session("amina", customerName="Amina", createdAt=NOW - 9)
BRIAN = session("brian", customerName="Brian", customerEmail="", createdAt=NOW - 9)
HELLO, MORE = message("m1", "Hello"), message("m2", "More", timestamp=NOW + 1)
NOBODY = PresenceSnapshot()


def _said(one: Session, said: Message) -> MessageAdded:
    return MessageAdded(one.id, said)


class Chat:
    """What its streams tell, and what was asked of it."""

    def __init__(self, *events: ChatEvent) -> None:
        self.told = list(events)
        self.changes: list[ChatEvent] = [SessionChanged(BRIAN, BRIAN)]
        self.refuses: ImbariError | None = None
        self.asked: list[object] = []
        self.session = AMINA
        self.waits: list[float | None] = []
        self.times_out = False
        self.lasts = False

    async def events(self, *, limit: int) -> AsyncGenerator[ChatEvent]:
        self.asked.append(f"events {limit}")
        for one in self.told:
            yield one

    async def resolutions(self) -> AsyncGenerator[ChatEvent]:
        self.asked.append("resolutions")
        for one in self.changes:
            yield one
        if self.refuses is not None:
            raise self.refuses

    def open(self, name: str, *, peek: bool) -> Self:
        self.asked.append(f"open {name} {peek}")
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Chat:
    """The one that is watched; the clock stands."""
    chat = Chat(SessionAdded(AMINA), SessionAdded(BRIAN), LIVE, _said(AMINA, HELLO))

    def with_admin_chat(
        _: object, __: object, work: Callable[[Any], Awaitable[None]], *, lasts: bool
    ) -> None:
        chat.lasts = lasts

        async def run() -> None:
            await work(chat)

        asyncio.run(run())

    async def wait_for(work: Awaitable[None], seconds: float | None) -> None:
        chat.waits.append(seconds)
        await work
        if chat.times_out:
            raise TimeoutError

    async def joined(*streams: AsyncGenerator[ChatEvent]) -> AsyncGenerator[ChatEvent]:
        for stream in streams:
            async for event in stream:
                yield event

    async def find(_: object, reference: str, __: object) -> str:
        chat.asked.append(f"find {reference}")
        return AMINA.id

    async def missed_messages(_: object, since: int) -> list[tuple[Session, Message]]:
        chat.asked.append(f"missed {since - NOW}")
        return [(BRIAN, MORE)]

    async def missed_of(_: object, since: int | None, latest: int) -> list[tuple[Session, Message]]:
        chat.asked.append(f"missed {since and since - NOW} {latest}")
        return []

    here = SimpleNamespace(settings=lambda: None)
    for name, double in {
        "target": lambda _: here, "with_admin_chat": with_admin_chat, "find_session": find,
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, double)
    for stream in joined, missed_messages, missed_of:
        monkeypatch.setattr(watch_streams, stream.__name__, stream)
    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    monkeypatch.setattr("time.time_ns", lambda: NOW * 1_000_000)
    return chat


CTX: Any = None
ROW = f"message\t{NOW}\tamina\tAmina\tamina@example.com\tcustomer\tm1\tHello"


def test_all_conversations_are_watched(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as nobody stops it; nothing that was before is asked for."""
    chat.changes = [SessionChanged(BRIAN.model_copy(update={"status": "resolved"}), BRIAN)]
    watch(CTX)
    said = capsys.readouterr()
    assert said.out.splitlines() == [ROW, f"resolved\t{NOW}\tbrian\tBrian\t"]
    assert said.err == "connected; Ctrl-C to stop\n"
    assert chat.asked == ["events 200", "resolutions"]
    assert (chat.waits, chat.lasts) == ([None], True)


def test_one_conversation_is_watched(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose it is is said; of others nothing is."""
    chat.told = [SessionAdded(BRIAN), LIVE, _said(BRIAN, HELLO), _said(AMINA, HELLO)]
    chat.changes.append(SessionChanged(AMINA.model_copy(update={"status": "resolved"}), AMINA))
    watch(CTX, "1")
    said = capsys.readouterr()
    assert said.out.splitlines() == [ROW, f"resolved\t{NOW}\tamina\tAmina\tamina@example.com"]
    assert said.err.splitlines() == [
        "watching Amina <amina@example.com>", "connected; Ctrl-C to stop",
    ]  # fmt: skip
    assert chat.asked[:2] == ["find 1", "open amina True"]
    assert "missed None 0" in chat.asked
    watch(CTX, "1", quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "missed"),
    [
        ({"since": "2h"}, "missed -7200000"),
        ({"session": "1", "since": "2h"}, "missed -7200000 0"),
        ({"session": "1", "history": 5}, "missed None 5"),
    ],
)
def test_it_begins_with_what_was_missed(chat: Chat, options: dict[str, Any], missed: str) -> None:
    """Since a moment, or so much."""
    watch(CTX, **options)
    assert [one for one in chat.asked if "missed" in str(one)] == [missed]


def test_what_was_missed_is_told_before_what_comes_and_once(
    chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """With whose it is, though its conversation has not moved since."""
    late = message("m3", "Late", timestamp=NOW + 60_000)
    chat.told = [LIVE, _said(BRIAN, MORE), _said(AMINA, HELLO), _said(AMINA, late)]
    watch(CTX, since="2h", until="+1m")
    assert capsys.readouterr().out.splitlines() == [
        f"message\t{NOW + 1}\tbrian\tBrian\t\tcustomer\tm2\tMore",
        f"message\t{NOW}\tamina\t\t\tcustomer\tm1\tHello",
    ]


@pytest.mark.parametrize("reference", [None, "1"])
def test_resolutions_that_cannot_be_heard_are_left_out(
    chat: Chat, capsys: pytest.CaptureFixture[str], reference: str | None
) -> None:
    """Of all, and of one. It goes on without them."""
    chat.refuses = AccessDenied("no index")
    watch(CTX, reference)
    said = capsys.readouterr()
    assert said.out == f"{ROW}\n"
    assert "warning: only the 200 conversations that moved last" in said.err


WRONG: list[tuple[dict[str, Any], str, str | None]] = [
    ({"history": 5}, "--history needs a SESSION", "Name one, as in `watch 1 --history 5`"),
    (
        {"history": 5, "session": "1", "since": "2h"},
        "--history needs a SESSION, and no --since",
        "Name one, as in `watch 1 --history 5`",
    ),
    ({"until": "2h"}, "--until is over already", "+30m is half an hour from now"),
    ({"until": "0h"}, "--until is over already", "+30m is half an hour from now"),
    ({"since": "whenever"}, "--since 'whenever'", None),
    ({"until": "whenever"}, "--until 'whenever'", None),
    ({"execute": " "}, "--exec names no program", None),
    ({"execute": "'"}, "--exec cannot be understood: No closing quotation", None),
]


@pytest.mark.parametrize(("options", "what", "hint"), WRONG)
def test_what_cannot_be_watched_is_said(
    chat: Chat, options: dict[str, Any], what: str, hint: str | None
) -> None:
    """Before anything is asked for."""
    with pytest.raises(UsageError) as caught:
        watch(CTX, **options)
    assert what in caught.value.what
    assert hint is None or caught.value.hint == hint
    assert chat.asked == []


TIMES: list[tuple[dict[str, Any], float | None, bool]] = [
    ({}, None, True),
    ({"timeout": 5.0}, 5.0, True),
    ({"until": "+1m"}, 60.0, False),
    ({"until": "+1m", "timeout": 5.0}, 5.0, True),
    ({"until": "+1m", "timeout": 60.0}, 60.0, False),
    ({"until": "+1m", "timeout": 90.0}, 60.0, False),
    ({"since": "2h", "until": "1h"}, None, True),
    ({"since": "2h", "until": "0h"}, None, True),
    ({"since": "2h", "until": "1h", "timeout": 5.0}, 5.0, True),
]


@pytest.mark.parametrize(("options", "seconds", "is_failure"), TIMES)
def test_it_ends_when_it_is_to(
    chat: Chat, options: dict[str, Any], seconds: float | None, is_failure: bool
) -> None:
    """At the moment that was named, which is its end; a --timeout before is none."""
    watch(CTX, **options)
    assert chat.waits == [seconds]
    if seconds is None:
        return
    chat.times_out = True
    if is_failure:
        with pytest.raises(TimeoutReached) as caught:
            watch(CTX, **options)
        assert caught.value.what == "stopped after the --timeout of 5 s"
    else:
        watch(CTX, **options)


def test_what_was_until_then_is_told_and_no_more(
    chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """A time that is over ends it as soon as what was missed has been told."""
    watch(CTX, since="2h", until="0h")
    assert capsys.readouterr().out == ""
    late = message("m0", "Before", timestamp=NOW - 1)
    chat.told = [LIVE, _said(AMINA, late)]
    watch(CTX, "1", since="2h", until="0h")
    assert capsys.readouterr().out == ""
    watch(CTX, "1", until="+1m")
    assert "Before" in capsys.readouterr().out


def test_each_is_told_as_it_is_wanted(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, with a bell, or to a program; all of it, or some."""
    given: list[dict[str, object]] = []

    class Spy(Lines):
        def __init__(self, stdout: Stdout, stderr: Stderr, **options: Any) -> None:
            given.append({"quiet": stderr.quiet, **options})
            super().__init__(stdout, stderr, jsonl=options["jsonl"])

    monkeypatch.setattr(module, "Lines", Spy)
    watch(CTX)
    watch(CTX, execute="take 'this one'", bell=True, jsonl=True, quiet=True)
    assert given == [
        {"quiet": False, "jsonl": False, "bell": False, "program": []},
        {"quiet": True, "jsonl": True, "bell": True, "program": ["take", "this one"]},
    ]
    rows = capsys.readouterr().out.splitlines()
    assert (rows[0], json.loads(rows[1])["event"]) == (ROW, "message_added")
    watch(CTX, event=[Kind.STARTED])
    assert capsys.readouterr().out == ""


async def test_a_happening_as_data() -> None:
    """A message with its conversation's customer; others with the conversation, if it is known."""
    said = Happening(Kind.MESSAGE, 5, "amina", AMINA, HELLO).document(NOBODY)
    assert list(said) == [
        "event", "at", "session_id", "customer_name", "customer_email", "message", "presence",
    ]  # fmt: skip
    assert (said["event"], said["at"], said["session_id"]) == ("message_added", 5, "amina")
    assert (said["customer_name"], said["customer_email"]) == ("Amina", "amina@example.com")
    done = Happening(Kind.RESOLVED, 5, "amina", AMINA).document(NOBODY)
    assert (done["event"], "message" in done) == ("session_resolved", False)
    about: Any = done["session"]
    assert about["id"] == "amina"
    presence: Any = done["presence"]
    assert presence["customer"] == "gone"
    bare = Happening(Kind.MESSAGE, 5, "amina", None, HELLO)
    assert (bare.document(NOBODY)["customer_name"], "session" in bare.document(NOBODY)) == (
        None, False,
    )  # fmt: skip
    assert "session" not in Happening(Kind.DELETED, 5, "amina").document(NOBODY)
    assert bare.row() == ["message", 5, "amina", None, None, "customer", "m1", "Hello"]


BURST = 60_000
BEFORE = Happening(Kind.MESSAGE, 100, "amina", AMINA, HELLO)
CONTINUES: list[tuple[Happening, bool]] = [
    (Happening(Kind.MESSAGE, 100, "amina", AMINA, MORE), True),
    (Happening(Kind.MESSAGE, 100 + BURST, "amina", AMINA, MORE), True),
    (Happening(Kind.MESSAGE, 101 + BURST, "amina", AMINA, MORE), False),
    (Happening(Kind.MESSAGE, 99, "amina", AMINA, MORE), False),
    (Happening(Kind.MESSAGE, 100, "brian", BRIAN, MORE), False),
    (Happening(Kind.MESSAGE, 100, "amina", AMINA, message("m", "x", sender="admin")), False),
    (Happening(Kind.RESOLVED, 100, "amina", AMINA), False),
]


@pytest.mark.parametrize(("one", "continues"), CONTINUES)
async def test_a_burst_is_one_persons_within_a_minute(
    monkeypatch: pytest.MonkeyPatch, one: Happening, continues: bool
) -> None:
    """It rings once, for a customer; a status rings each time."""
    assert one.continues(BEFORE) is continues
    assert not one.continues(None)
    assert not one.continues(Happening(Kind.RESOLVED, 100, "amina", AMINA))
    rung: list[str] = []
    monkeypatch.setattr(Stderr, "ring", lambda _: rung.append("rung"))
    lines = Lines(Stdout(), Stderr(), bell=True)
    for happening in (BEFORE, one):
        await lines.tell(happening, NOBODY)
    is_ours = one.message is not None and one.message.sender == "admin"
    assert len(rung) == 1 + (not continues and not is_ours)
    for happening in (BEFORE, one):
        await Lines(Stdout(), Stderr()).tell(happening, NOBODY)
    assert len(rung) <= 2


async def test_a_person_is_shown_each_day_once_and_who_goes_on_without_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But below a new day the name stands again, though it is one burst."""
    monkeypatch.setattr(Stdout, "is_terminal", True)
    midnight = int(datetime(2024, 3, 13).astimezone().timestamp() * 1000)
    lines, shown = Lines(Stdout(), Stderr()), []
    for at in (-20_000, -10_000, 5_000, 6_000):
        told = message("m", "Hello", timestamp=midnight + at)
        await lines.tell(Happening(Kind.MESSAGE, told.timestamp, "amina", AMINA, told), NOBODY)
        out = capsys.readouterr().out
        shown.append(("──" in out, "Amina" in out, "Hello" in out))
    first, more = (True, True, True), (False, False, True)
    assert shown == [first, more, first, more]
    await lines.tell(Happening(Kind.RESOLVED, midnight + 7_000, "amina", AMINA), NOBODY)
    out = capsys.readouterr().out
    assert ("──" in out, "Amina" in out, "resolved" in out) == (False, True, True)


class Program:
    """What is run for each."""

    def __init__(self, code: int | None = 0, *, hangs: bool = False) -> None:
        self.code, self.hangs = code, hangs
        self.returncode: int | None = None
        self.got: list[object] = []

    async def start(self, *words: str, stdin: int) -> Self:
        assert stdin == asyncio.subprocess.PIPE
        self.got.append(words)
        return self

    async def communicate(self, data: bytes) -> None:
        self.got.append(data)
        if self.hangs:
            await asyncio.Event().wait()
        self.returncode = self.code

    def terminate(self) -> None:
        self.got.append("terminate")

    async def wait(self) -> None:
        self.got.append("wait")
        self.returncode = -15


@pytest.mark.parametrize(("code", "said"), [(0, ""), (3, "warning: take ended with 3\n")])
async def test_a_program_gets_each_as_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, said: str
) -> None:
    """Of JSON, whatever is printed; it is said how it ended, if that was not well."""
    program = Program(code)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", program.start)
    lines = Lines(Stdout(), Stderr(), program=["take", "this"])
    await lines.tell(Happening(Kind.MESSAGE, 5, "amina", AMINA, message("m", "é")), NOBODY)
    words, data = program.got
    assert words == ("take", "this")
    assert isinstance(data, bytes)
    assert data.endswith(b"}\n")
    assert "é".encode() in data
    assert json.loads(data)["message"]["text"] == "é"
    assert capsys.readouterr().err == said


async def test_a_program_that_is_under_way_is_ended_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And waited for."""
    program = Program(hangs=True)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", program.start)
    lines = Lines(Stdout(), Stderr(), program=["take"])
    telling = asyncio.create_task(lines.tell(BEFORE, NOBODY))
    for _ in range(3):
        await asyncio.sleep(0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert telling.cancelled()
    assert program.got[2:] == ["terminate", "wait"]


async def test_a_program_that_cannot_be_started_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""

    async def start(*_: str, stdin: int) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    with pytest.raises(UsageError) as caught:
        await Lines(Stdout(), Stderr(), program=["take"]).tell(BEFORE, NOBODY)
    assert caught.value.what == "--exec 'take' cannot be started: No such file or directory"


async def _kinds(
    capsys: pytest.CaptureFixture[str], *events: ChatEvent, kinds: frozenset[Kind] = frozenset(Kind)
) -> list[str]:
    """What is told of these, in words."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr(quiet=True), kinds=kinds)
    for event in events:
        await watcher.take(event)
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    return [f"{row[0]} {row[2]}" for row in rows]


def _at(one: Session, status: str) -> Session:
    return one.model_copy(update={"status": status})


NEW = session("-Onew", at=9, createdAt=NOW + 9)
EARLY, LATE = (session(PushIds(lambda: [0] * 12).make(NOW + by), createdAt=None) for by in (-9, 9))
R = _at(AMINA, "resolved")
TOLD: list[tuple[list[ChatEvent], list[str]]] = [
    ([SessionAdded(AMINA), LIVE, SessionAdded(NEW), SessionAdded(NEW)], ["started -Onew"]),
    ([SessionAdded(session("x", at=9)), LIVE, SessionAdded(NEW)], []),
    ([LIVE, SessionAdded(AMINA), SessionRemoved(AMINA, deleted=True)],
     ["started amina", "deleted amina"]),
    ([SessionAdded(AMINA), LIVE, SessionAdded(EARLY)], []),
    ([SessionAdded(AMINA), LIVE, SessionAdded(session("web", createdAt=None))], ["started web"]),
    ([SessionAdded(AMINA), LIVE, SessionAdded(LATE)], [f"started {LATE.id}"]),
    ([LIVE, SessionAdded(EARLY)], [f"started {EARLY.id}"]),
    ([SessionAdded(R), LIVE, SessionChanged(AMINA, R)], ["reopened amina"]),
    ([SessionAdded(AMINA), LIVE, SessionChanged(R, AMINA), SessionChanged(R, AMINA)],
     ["resolved amina"]),
    ([SessionAdded(AMINA), LIVE, SessionRemoved(AMINA, deleted=False), SessionAdded(R)],
     ["resolved amina"]),
    ([LIVE, SessionChanged(R, AMINA), SessionChanged(AMINA, R), SessionAdded(AMINA)],
     ["resolved amina", "reopened amina"]),
]  # fmt: skip


@pytest.mark.parametrize(("events", "told"), TOLD)
async def test_what_becomes_of_conversations_is_told_once(
    capsys: pytest.CaptureFixture[str], events: list[ChatEvent], told: list[str]
) -> None:
    """One is started if it is later than what there was; by its id, if it does not say when."""
    assert await _kinds(capsys, *events) == told
    for kind in Kind:
        some = [one for one in told if one.startswith(kind)]
        assert await _kinds(capsys, *events, kinds=frozenset({kind})) == some


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ConnectionChanged("live"), ["connected; Ctrl-C to stop", "connected again"]),
        (
            ConnectionChanged("reconnecting", "cut"),
            ["connection lost: cut; trying again"],
        ),
        (ConnectionChanged("reconnecting"), ["connection lost; trying again"]),
        (ConnectionChanged("stale", "no answer"), ["the connection is silent: no answer"] * 2),
        (ConnectionChanged("stale"), ["the connection is silent"] * 2),
        (ConnectionChanged("connecting"), []),
    ],
)
async def test_how_the_connection_is_is_narrated(
    capsys: pytest.CaptureFixture[str], event: ConnectionChanged, said: list[str]
) -> None:
    """Of one outage once, however often it is tried again."""
    watcher = Watcher(Lines(Stdout(), Stderr()), Stderr())
    for _ in range(2):
        await watcher.take(event)
    assert capsys.readouterr().err.splitlines() == said
