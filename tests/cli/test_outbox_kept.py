"""What ``outbox`` says and decides of messages that are kept, without sending any."""

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from imbari_chat.cli import event_loop, outbox
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.session_refs import NumberedList
from imbari_chat.cli.stdout import Stdout
from imbari_chat.client import transports
from imbari_chat.errors import NotFound, Unavailable
from imbari_chat.net.store_file import Row, becoming
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.plan_text import pack
from tests.view.records import NOW

MINUTE = 60_000


def _row(key: str, text: str, lane: str = "-Amina", **more: Any) -> Row:
    key = f"-M{key:->18}"
    plan = plans.reply(SessionId(lane), MessageId(key), text, uid="u")
    return replace(Row(key, lane, pack(plan), NOW - 5 * MINUTE, "u"), **more)


ONE = _row("A1", "one\ntwo", tries=1)
HELD = _row("A2", "x" * 99, lane="-Brian", state="held", tries=1)
REFUSED = _row("B3", "three", state="refused", reason="not\nyours", uid=None)
GONE = _row("B4", "four", state="dropped")


class Kept:
    """A file of messages, and what is written of them.

    Attributes:
        sends: What is kept once it was tried to send them.
        asked: Whose file was asked for, and how long was waited.
    """

    def __init__(self, *rows: Row) -> None:
        self.kept = list(rows)
        self.sends: list[Row] | None = None
        self.written: list[object] = []
        self.is_open = 0
        self.asked: list[object] = []

    @property
    def file(self) -> Self:
        return self

    def exists(self) -> bool:
        return bool(self.kept)

    def rows(self) -> list[Row]:
        assert self.is_open
        assert self.exists()
        return self.kept

    def write(self, statements: Sequence[object]) -> None:
        assert self.is_open
        self.written += statements

    def close(self) -> None:
        self.is_open -= 1


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Kept]:
    """Four messages, of which one was given up."""
    kept = Kept(ONE, HELD, REFUSED, GONE)

    def file(settings: object, role: str) -> Kept:
        kept.is_open += 1
        kept.asked.append(role)
        return kept

    def run(work: Any) -> str:
        work.close()
        kept.kept = kept.kept if kept.sends is None else kept.sends
        return "u"

    settings: Any = SimpleNamespace(
        data_dir=tmp_path, profile="me", where=lambda: {"url": "x"}, target=lambda: "shop"
    )
    monkeypatch.setattr(transports, "outbox_file", file)
    monkeypatch.setattr(event_loop, "run", run)
    monkeypatch.setattr(outbox, "target", lambda _: SimpleNamespace(settings=lambda: settings))
    monkeypatch.setattr("time.time_ns", lambda: NOW * 1_000_000)
    NumberedList(settings, "message").remember([ONE.key, HELD.key, REFUSED.key])
    NumberedList(settings, "customer's message").remember([HELD.key])
    yield kept
    assert kept.is_open == 0


CTX: Any = None
RECORDS = [
    {
        "id": ONE.key, "session_id": "-Amina", "state": "sent", "created": ONE.created,
        "uid": "u", "reason": None, "text": "one\ntwo",
    },
    {
        "id": HELD.key, "session_id": "-Brian", "state": "held", "created": HELD.created,
        "uid": "u", "reason": None, "text": "x" * 99,
    },
    {
        "id": REFUSED.key, "session_id": "-Amina", "state": "refused", "created": REFUSED.created,
        "uid": None, "reason": "not\nyours", "text": "three",
    },
]  # fmt: skip


def test_what_is_kept_is_listed_for_programs(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, in each form; what was given up is not."""
    outbox.list_(CTX, json=True)
    assert json.loads(capsys.readouterr().out) == {"version": 1, "messages": RECORDS}
    outbox.list_(CTX, jsonl=True, fields="id,state")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["id"], one["state"]) for one in lines] == [
        (ONE.key, "sent"), (HELD.key, "held"), (REFUSED.key, "refused"),
    ]  # fmt: skip
    outbox.list_(CTX, ids=True)
    assert capsys.readouterr().out.split() == [ONE.key, HELD.key, REFUSED.key]
    outbox.list_(CTX)
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == f"{ONE.key}\t-Amina\tsent\t{ONE.created}\tu\t\tone\\ntwo"
    with pytest.raises(UsageError, match="only one form"):
        outbox.list_(CTX, json=True, ids=True)
    with pytest.raises(UsageError, match="no field 'x'"):
        outbox.list_(CTX, fields="x")
    assert set(kept.asked) == {"admin"}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[], io.StringIO]:
    """Puts a terminal in the place of standard output."""

    def put() -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(Stdout, "is_terminal", True)
        monkeypatch.setenv("COLUMNS", "110")
        return stream

    return put


def test_what_is_kept_is_drawn_for_a_person(
    kept: Kept, screen: Callable[[], io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    """With numbers, which the other commands take from then on."""
    stream = screen()
    kept.kept.reverse()
    outbox.list_(CTX, side="customer")
    rows = [line.split() for line in stream.getvalue().splitlines()]
    assert rows[0] == ["#", "Id", "State", "Since", "Message"]
    assert [row for row in rows if row[0].isdigit()] == [
        ["1", REFUSED.key, "refused", "5m", "three"],
        ["2", HELD.key, "held", "5m", f"{'x' * 59}…"],
        ["3", ONE.key, "sent", "5m", "one⏎two"],
    ]
    stream = screen()
    outbox.show(CTX, ["1"], side="customer", json=True)
    assert json.loads(stream.getvalue())["messages"] == [RECORDS[2]]
    assert set(kept.asked) == {"customer"}
    kept.kept = []
    outbox.list_(CTX, side="customer")
    assert capsys.readouterr().err == "the outbox is empty\n"
    kept.kept = [REFUSED]
    outbox.show(CTX, ["1"], side="customer")  # an empty list was not printed


@pytest.mark.parametrize(("width", "text"), [(38, 0), (40, 1), (60, 21), (80, 41), (200, 60)])
def test_what_names_a_message_is_shown_however_narrow_a_terminal_is(
    kept: Kept,
    screen: Callable[[], io.StringIO],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    text: int,
) -> None:
    """The message has what is left, on one line; if that is nothing, no place."""
    kept.kept = [HELD, _row("C5", "word " * 20, state="held")]
    stream = screen()
    monkeypatch.setenv("COLUMNS", f"{width}")
    outbox.list_(CTX)
    _, rule, row, _ = stream.getvalue().splitlines()
    assert len(rule) == width
    said = [f"{'x' * (text - 1)}…"] if text else []
    assert row.split() == ["1", HELD.key, "held", "5m", *said]


def test_where_a_message_is_is_said_as_it_says_it_itself(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that certainly never left is not sent."""
    kept.kept = [*ALL, WAITS[0]]
    outbox.list_(CTX, fields="state")
    assert capsys.readouterr().out.split() == ["sent", "held", "refused", "queued"]


def test_messages_are_shown_in_full(
    kept: Kept, screen: Callable[[], io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of each, and only what there is."""
    outbox.show(CTX, ["2", ONE.key], json=True)
    assert json.loads(capsys.readouterr().out)["messages"] == [RECORDS[1], RECORDS[0]]
    stream = screen()
    outbox.show(CTX, [REFUSED.key, ONE.key])
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    told = [line.split(None, 1) for line in lines if line]
    assert told[:8] == [
        ["id", REFUSED.key], ["session", "id  -Amina"], ["state", "refused"],
        ["created", str(REFUSED.created)], ["reason", "not"], ["yours"], ["text", "three"],
        ["id", ONE.key],
    ]  # fmt: skip


FOUND: list[tuple[str, Row | type[Exception], str]] = [
    ("1", ONE, ""),
    ("#3", REFUSED, ""),
    ("4", NotFound, "it had 3 messages"),
    (ONE.key, ONE, ""),
    (ONE.key[:-1], UsageError, "more than one message begins with"),
    (REFUSED.key[:19], REFUSED, ""),
    ("-z", NotFound, "the outbox holds no message '-z'"),
    (GONE.key, NotFound, "the outbox holds no message"),
]


@pytest.mark.parametrize(("reference", "found", "words"), FOUND)
def test_a_message_is_named_by_what_is_its_alone(
    kept: Kept,
    capsys: pytest.CaptureFixture[str],
    reference: str,
    found: Row | type[Exception],
    words: str,
) -> None:
    """A number of the list, an id, or the beginning of one."""
    if isinstance(found, Row):
        outbox.show(CTX, [reference], json=True)
        (shown,) = json.loads(capsys.readouterr().out)["messages"]
        assert shown["id"] == found.key
        return
    with pytest.raises(found) as caught:
        outbox.show(CTX, [reference], json=True)
    assert words in str(caught.value)
    if reference == "-z":
        assert getattr(caught.value, "hint", None) == "List them: imbari-chat outbox list"


def test_a_whole_id_is_no_beginning_of_another(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.kept = [replace(REFUSED, key=f"{ONE.key}x"), ONE]
    outbox.show(CTX, [ONE.key], json=True)
    (shown,) = json.loads(capsys.readouterr().out)["messages"]
    assert shown["text"] == "one\ntwo"


@pytest.mark.parametrize(("command", "state"), [(outbox.drop, "dropped"), (outbox.hold, "held")])
def test_what_becomes_of_messages_is_noted_and_told(
    kept: Kept, capsys: pytest.CaptureFixture[str], command: Any, state: Any
) -> None:
    """Of all that are named, or of none."""
    command(CTX, ["1", REFUSED.key])
    assert kept.written == [becoming(ONE.key, state), becoming(REFUSED.key, state)]
    assert capsys.readouterr().err == f"{state}: {ONE.key}, {REFUSED.key}\n"
    command(CTX, ["1"], quiet=True, side="customer")
    assert kept.written[2:] == [becoming(HELD.key, state)]
    assert capsys.readouterr().err == ""
    with pytest.raises(NotFound):
        command(CTX, ["1", "-z"])
    assert len(kept.written) == 3


WAITS = [_row(f"C{at}", "x") for at in range(3)]
ALL = [ONE, HELD, REFUSED]


@pytest.mark.parametrize(
    ("left", "said", "waits"),
    [
        ([HELD, REFUSED], "1 sent, 2 kept", ""),
        ([ONE, HELD, REFUSED], "0 sent, 3 kept", "a message still waits"),
        (WAITS[:2], "1 sent, 2 kept", "2 messages still wait"),
        ([_row("A1", "x", uid="other")], "2 sent, 1 kept", ""),
        ([_row("A1", "x", lane="-Brian"), HELD], "1 sent, 2 kept", ""),
        ([_row("A1", "x", state="refused")], "2 sent, 1 kept", ""),
        ([], "3 sent, 0 kept", ""),
    ],
)
def test_what_still_waits_after_sending_is_a_failure(
    kept: Kept, capsys: pytest.CaptureFixture[str], left: list[Row], said: str, waits: str
) -> None:
    """But for what is held, what is behind it, and what is somebody else's."""
    kept.kept, kept.sends = ALL, left
    if waits:
        with pytest.raises(Unavailable) as caught:
            outbox.flush(CTX)
        assert caught.value.what == waits
        assert caught.value.hint == "See what waits: imbari-chat outbox list"
    else:
        outbox.flush(CTX)
    assert capsys.readouterr().err == f"at shop\n{said}\n"
    assert kept.written == []


def test_what_is_held_is_sent_if_it_is_named(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or all of it, if that is wanted."""
    kept.kept, kept.sends = [*ALL, _row("D1", "x", state="held")], []
    outbox.flush(CTX, ["2"], quiet=True)
    assert kept.written == [becoming(HELD.key, "queued")]
    kept.kept = [*ALL, _row("D1", "x", state="held")]
    outbox.flush(CTX, held=True, quiet=True)
    assert kept.written[1:] == [
        becoming(HELD.key, "queued"),
        becoming("-M----------------D1", "queued"),
    ]
    assert capsys.readouterr().err == ""


def test_an_empty_outbox_is_not_sent(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor made."""
    kept.kept = []
    monkeypatch.setattr(event_loop, "run", None)
    outbox.flush(CTX)
    assert capsys.readouterr().err == "at shop\nthe outbox is empty\n"


@pytest.mark.parametrize("side", ["admin", "customer"])
async def test_whoever_it_is_of_sends_it(monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    """A customer who is remembered on this machine; as durably as it was kept."""
    made: list[object] = []

    class Chat:
        uid = "u"

        def __init__(self, settings: object, **options: object) -> None:
            made.extend((type(self).__name__, settings, options))

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            made.append("closed")

        async def flush(self, *, timeout: float | None) -> None:
            made.append(timeout)

    for name in ("AsyncAdminChat", "AsyncCustomerChat"):
        monkeypatch.setattr(f"imbari_chat.client.{name}", type(name, (Chat,), {}))
    settings: Any = SimpleNamespace(model_copy=lambda *, update: update)
    assert await outbox._flush(settings, side, 3.0) == "u"
    name, options = (
        ("AsyncAdminChat", {}) if side == "admin" else ("AsyncCustomerChat", {"remember": True})
    )
    assert made == [name, {"outbox": "durable"}, options, 3.0, "closed"]
