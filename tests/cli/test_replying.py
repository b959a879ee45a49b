"""What ``reply``, ``resolve`` and ``reopen`` say and do, before a chat that answers at once."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import pytest

from imbari_chat.cli import reply as module
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.reply import SentAlready, reopen, reply, resolve
from imbari_chat.errors import (
    AccessDenied,
    Conflict,
    ImbariError,
    InvalidData,
    NotFound,
    Unavailable,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage, became
from tests.view.records import message, outgoing, session

WHOLE = "-O0123456789abcdefgh"
AMINA = session(WHOLE, customerName="Amina", customerEmail="a@x", unreadCount=2)
HELLO, MORE = message("m1", "Hello"), message("m2", "two\nlines", sender="admin")


class Chat:
    """An admin's, with one conversation or several.

    Attributes:
        calls: What was done, in order.
        becomes: What becomes of a reply.
        fails: What each of these things ends in.
    """

    def __init__(self, *sessions: Session) -> None:
        self.sessions = {one.id: one for one in sessions or (AMINA,)}
        self.calls: list[str] = []
        self.becomes: Any = "confirmed"
        self.fails: dict[str, BaseException] = {}
        self.history = [HELLO, MORE]
        self.options: dict[str, bool] = {}

    def open(self, session_id: str, *, peek: bool) -> "Conversation":
        assert peek
        return Conversation(self, session_id)

    async def get_session(self, session_id: str) -> Session:
        return self.sessions[session_id]  # type: ignore[index]

    def done(self, what: str, *details: object) -> None:
        self.calls.append(" ".join([what, *map(str, details)]))
        if what in self.fails:
            raise self.fails[what]


class Conversation:
    """One of a chat's."""

    def __init__(self, chat: Chat, session_id: Any) -> None:
        self._chat, self.id = chat, session_id

    @property
    def session(self) -> Session:
        return self._chat.sessions[self.id]

    async def __aenter__(self) -> Self:
        self._chat.done("open", self.id[:4])
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def history(self, *, limit: int) -> list[Message]:
        self._chat.done("history", limit)
        return self._chat.history

    async def reply(
        self, text: str, *, queue: bool, expect_last: Message | None
    ) -> OutgoingMessage:
        last = None if expect_last is None else expect_last.id
        self._chat.done("reply", text, queue, last)
        sent = outgoing("-M", text)
        became(sent, self._chat.becomes)
        return sent

    async def mark_read(self, *, up_to: Message) -> int:
        self._chat.done("mark", up_to.id)
        return 1

    async def resolve(self) -> None:
        self._becomes("resolved")

    async def reopen(self) -> None:
        self._becomes("active")

    def _becomes(self, status: str) -> None:
        self._chat.done(status, self.id[:4])
        changed = self.session.model_copy(update={"status": status})
        self._chat.sessions[self.id] = changed


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Chat:
    """The one that commands find, whoever is asked for."""
    chat = Chat()

    def with_admin_chat(
        _: object, __: object, work: Callable[[Any], Awaitable[Any]], **options: bool
    ) -> Any:
        chat.options = options

        async def run() -> Any:
            return await work(chat)

        return asyncio.run(run())

    async def find(_: object, reference: str, __: object) -> str:
        chat.done("find", reference)
        return WHOLE

    async def find_all(_: object, references: Sequence[str], __: object) -> Sequence[str]:
        return references

    settings = SimpleNamespace(data_dir=tmp_path)
    monkeypatch.setattr(module, "target", lambda _: SimpleNamespace(settings=lambda: settings))
    monkeypatch.setattr(module, "with_admin_chat", with_admin_chat)
    monkeypatch.setattr(module, "find_session", find)
    monkeypatch.setattr(module, "find_sessions", find_all)
    return chat


CTX: Any = None


def test_a_reply_is_sent_to_whom_it_says(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    """What is left unread is told; nothing is read for it, or marked."""
    reply(CTX, "1", ["Hi"])
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "to Amina <a@x> (2 unread)", "sent",
        "2 messages left unread; --read marks what came before",
    ]  # fmt: skip
    assert said.out == ""
    assert chat.calls == ["find 1", "open -O01", "reply Hi False None"]
    assert chat.options == {"writes": True, "queues": False}


LEFT = "left unread; --read marks what came before"


@pytest.mark.parametrize(
    ("unread", "status", "options", "to", "then"),
    [
        (0, "active", {}, "", ""),
        (0, "active", {"read": True}, "", "1 message marked read"),
        (0, "resolved", {}, " (resolved, and stays so)", ""),
        (1, "resolved", {}, " (1 unread, resolved, and stays so)",
         f"1 message {LEFT}"),
        (1, "active", {"read": True}, " (1 unread)", "1 message marked read"),
        (3, "active", {"read": True, "resolve": True}, " (3 unread)",
         f"1 message marked read, 2 messages {LEFT}, resolved now"),
        (0, "active", {"resolve": True}, "", "resolved now"),
    ],
)  # fmt: skip
def test_what_the_writer_may_not_know_is_told(
    chat: Chat,
    capsys: pytest.CaptureFixture[str],
    unread: int,
    status: str,
    options: dict[str, bool],
    to: str,
    then: str,
) -> None:
    """Before, and what was done besides afterwards."""
    chat.sessions = {AMINA.id: AMINA.model_copy(update={"unread_count": unread, "status": status})}
    reply(CTX, "1", ["Hi"], **options)
    lines = [f"to Amina <a@x>{to}", "sent", *([then] if then else [])]
    assert capsys.readouterr().err.splitlines() == lines
    expected = ["find 1", "open -O01", "reply Hi False None"]
    if "read" in options:
        expected[2:2] = ["history 3"]
        expected.append("mark m2")
    if "resolve" in options:
        expected.append("resolved -O01")
    assert chat.calls == expected


def test_a_program_is_told_what_was_done(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    """In quiet mode nobody else is."""
    reply(CTX, "1", ["Hi"], read=True, resolve=True, json=True, quiet=True)
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["message"]["text"], told["message"]["id"]) == ("Hi", "-M")
    assert (told["marked_read"], told["unread"], told["resolved"]) == (1, 1, True)
    assert said.err == ""


def _nothing_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)


def test_what_was_done_is_no_failure_where_it_cannot_be_told(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script would do it again."""
    _nothing_can_be_printed(monkeypatch)
    reply(CTX, "1", ["Hi"], json=True)
    resolve(CTX, [AMINA.id], json=True)
    assert capsys.readouterr().err.count("warning: ") == 2
    assert chat.calls[-1] == "resolved -O01"


def test_without_a_text_and_a_person_there_is_nothing_to_send(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(UsageError, match="there is no text to send"):
        reply(CTX, "1", None)
    assert chat.calls == []


def test_where_nothing_was_said_nothing_is_marked(chat: Chat) -> None:
    """There is nothing up to which it could be."""
    chat.history = []
    reply(CTX, "1", ["Hi"], read=True)
    assert "mark" not in " ".join(chat.calls)


def test_a_reply_that_waits_is_a_failure_that_keeps_it(
    chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is given back, and nothing else done."""
    chat.becomes = "sent"
    with pytest.raises(Unavailable) as caught:
        reply(CTX, "1", ["Hi"], queue=True, read=True, resolve=True, json=True)
    assert caught.value.what == "the reply could not be sent yet, and is kept on this machine"
    assert caught.value.where == "-M"
    assert caught.value.hint == (
        "Send it: imbari-chat outbox flush; see it: imbari-chat outbox list"
    )
    said = capsys.readouterr()
    assert said.err == "to Amina <a@x> (2 unread)\n"
    assert json.loads(said.out)["unread"] == 2
    assert chat.calls[-1] == "reply Hi True None"
    assert chat.options["queues"]


@pytest.mark.parametrize(
    ("session_id", "text", "queue", "unknown", "at", "keeps"),
    [
        (WHOLE, "Hi", True, False, "find", True),
        (WHOLE, "//hi", True, False, "find", True),
        (WHOLE, "Hi", False, False, "find", False),
        ("-O01", "Hi", True, False, "find", False),
        (WHOLE, "/hi", True, False, "find", False),
        (WHOLE, "Hi", True, True, "find", False),
        (WHOLE, "Hi", True, False, "open", True),
        (WHOLE, "Hi", True, False, "reply", False),
    ],
)
def test_without_a_look_only_what_can_go_out_as_it_is_is_kept(
    chat: Chat,
    capsys: pytest.CaptureFixture[str],
    session_id: str,
    text: str,
    queue: bool,
    unknown: bool,
    at: str,
    keeps: bool,
) -> None:
    """To a conversation that is named by its whole id, and once. All else is given back."""
    chat.fails[at] = Unavailable("away", outcome_unknown=unknown)
    chat.becomes = "queued"
    with pytest.raises(Unavailable) as caught:
        reply(CTX, session_id, [text], queue=queue, json=True)
    said = capsys.readouterr()
    assert (f"  {text}\n" in said.err) is not keeps
    if keeps:
        told = json.loads(said.out)
        assert (told["marked_read"], told["unread"], told["resolved"]) == (0, 0, False)
    assert (caught.value.what == "away") is not keeps
    replies = [one for one in chat.calls if one.startswith("reply")]
    assert len(replies) == (keeps or at == "reply")


GIVEN_BACK: list[tuple[str, BaseException, str]] = [
    ("find", Unavailable("away"), "not sent:\n  Hi\n"),
    ("find", NotFound("no"), "not sent:\n  Hi\n"),
    ("find", KeyboardInterrupt(), "not sent:\n  Hi\n"),
    ("reply", AccessDenied("no"), "not sent:\n  Hi\n"),
    ("reply", Unavailable("away"), "not sent:\n  Hi\n"),
    ("reply", Unavailable("away", outcome_unknown=True), "it is not known"),
    ("reply", KeyboardInterrupt(), "it is not known"),
    ("mark", KeyboardInterrupt(), ""),
]


@pytest.mark.parametrize(("at", "error", "said"), GIVEN_BACK)
def test_what_was_not_sent_is_given_back(
    chat: Chat, capsys: pytest.CaptureFixture[str], at: str, error: BaseException, said: str
) -> None:
    """Where it is not known that is said; what was sent is not."""
    chat.fails[at] = error
    with pytest.raises(type(error)):
        reply(CTX, "1", ["Hi"], read=True)
    told = capsys.readouterr().err
    assert (said in told) if said else "  Hi" not in told
    assert ("  Hi\n" in told) is bool(said)


def test_a_text_that_cannot_be_sent_is_not_tried(
    chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """A blank one is not given back: nobody wrote it."""
    for text in ("  ", "x" * 2001):
        with pytest.raises(InvalidData):
            reply(CTX, "1", [text])
        assert ("not sent" in capsys.readouterr().err) is (text != "  ")
    assert "reply" not in " ".join(chat.calls)


@pytest.mark.parametrize("at", ["mark", "resolved"])
def test_what_fails_after_a_reply_does_not_call_it_unsent(
    chat: Chat, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    """Whoever reads it will not send it again, and knows where to look."""
    chat.fails[at] = AccessDenied("not yours", where="/x")
    with pytest.raises(SentAlready) as caught:
        reply(CTX, "1", ["Hi"], read=True, resolve=True)
    assert caught.value.what == (
        "the reply was sent, and is not to be sent again; but then: not yours"
    )
    assert caught.value.where == "/x"
    assert caught.value.hint == f"Look: imbari-chat show {WHOLE}"
    assert capsys.readouterr().err.splitlines()[1:] == ["sent"]


class Draft:
    """What a person writes in an editor.

    Attributes:
        shown: What they saw, for each that was written.
        kept: Whether what they wrote was kept, for each.
    """

    text = "Hi"
    shown: ClassVar[list[list[str]]] = []
    kept: ClassVar[list[bool]] = []

    def __init__(self, directory: Path, session_id: str) -> None:
        self.file = directory / f"{session_id} x.txt"

    def edit(self, context: list[str]) -> str:
        Draft.shown.append(context)
        return self.text

    @contextmanager
    def kept_unless_sent(self, _: object) -> Iterator[None]:
        Draft.kept.append(True)
        yield
        Draft.kept[-1] = False


@pytest.fixture
def editor(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> type[Draft]:
    """An editor opens."""
    Draft.shown, Draft.kept = [], []
    monkeypatch.setattr(module, "given_text", lambda words: words[0] if words else None)
    monkeypatch.setattr(module, "Draft", Draft)
    return Draft


@pytest.mark.parametrize(("anyway", "last"), [(False, "m2"), (True, None)])
def test_whoever_writes_in_an_editor_sees_what_was_said(
    chat: Chat, editor: type[Draft], anyway: bool, last: str | None
) -> None:
    """And is not overtaken, unless that does not matter to them."""
    reply(CTX, "1", None, anyway=anyway)
    assert editor.shown == [
        ["To Amina <a@x>", "", "Amina:", "Hello", "", "Imbari Team:", "two", "lines"]
    ]
    assert chat.calls[-2:] == ["history 3", f"reply Hi False {last}"]
    assert editor.kept == [False]
    chat.history = []
    reply(CTX, "1", None)
    assert editor.shown[-1] == ["To Amina <a@x>"]
    assert chat.calls[-1] == "reply Hi False None"


def test_a_draft_that_was_overtaken_is_kept_and_can_be_sent(
    chat: Chat, editor: type[Draft], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By a command that stands there; it is not printed as well."""
    chat.fails["reply"] = Conflict("another")
    with pytest.raises(Conflict) as caught:
        reply(CTX, "1", None)
    assert caught.value.what == (
        "while you wrote, another message came in the conversation with Amina <a@x>,"
        " so yours was not sent"
    )
    assert caught.value.hint == (
        f"Look: imbari-chat show {WHOLE} --peek; to send it all the same:"
        f" imbari-chat reply {WHOLE} - < '{tmp_path / 'drafts' / WHOLE} x.txt'"
    )
    assert editor.kept == [True]
    assert "  Hi" not in capsys.readouterr().err


@pytest.mark.parametrize("unknown", [True, False])
def test_a_draft_is_kept_where_it_may_not_have_been_sent(
    chat: Chat, editor: type[Draft], capsys: pytest.CaptureFixture[str], unknown: bool
) -> None:
    """It is a file, so nothing but the doubt is said."""
    chat.fails["reply"] = Unavailable("away", outcome_unknown=unknown)
    with pytest.raises(Unavailable):
        reply(CTX, WHOLE, None, queue=True)
    doubt = "warning: it is not known whether it was sent; look before sending it again\n"
    assert capsys.readouterr().err.endswith(doubt) is unknown
    assert (editor.kept, len([one for one in chat.calls if "reply" in one])) == ([True], 1)


BRIAN = session("-Brian", customerName="Brian", customerEmail="", status="resolved")


@pytest.mark.parametrize(
    ("command", "said", "done"),
    [
        (
            resolve,
            ["resolved now: the conversation with Amina <a@x>",
             "already resolved: the conversation with Brian"],
            "resolved -O01",
        ),
        (
            reopen,
            ["already active: the conversation with Amina <a@x>",
             "active now: the conversation with Brian"],
            "active -Bri",
        ),
    ],
)  # fmt: skip
def test_those_that_are_named_are_turned(
    chat: Chat,
    capsys: pytest.CaptureFixture[str],
    command: Callable[..., None],
    said: list[str],
    done: str,
) -> None:
    """If they are not yet; each is told as it is then."""
    chat.sessions[BRIAN.id] = BRIAN
    command(CTX, [AMINA.id, BRIAN.id], json=True)
    told = json.loads(capsys.readouterr().out)["conversations"]
    status = "resolved" if command is resolve else "active"
    assert [(one["id"], one["status"]) for one in told] == [
        (AMINA.id, status), (BRIAN.id, status),
    ]  # fmt: skip
    chat.sessions, chat.calls = {AMINA.id: AMINA, BRIAN.id: BRIAN}, []
    command(CTX, [AMINA.id, BRIAN.id])
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in said))
    assert [one for one in chat.calls if not one.startswith("open")] == [done]
    assert chat.options == {"writes": True}
    command(CTX, [AMINA.id, BRIAN.id], ids=True, quiet=True)
    assert capsys.readouterr() == (f"{AMINA.id}\n{BRIAN.id}\n", "")


NOOR = session("-Noor")
NO, AWAY = AccessDenied("not yours"), Unavailable("away")


@pytest.mark.parametrize(
    ("fails", "turned", "told", "ends"),
    [
        ({AMINA.id: NO, NOOR.id: AccessDenied("nor this")}, [BRIAN.id], ["nor this"], NO),
        ({NOOR.id: AWAY}, [AMINA.id], [], AWAY),
        ({AMINA.id: NO, NOOR.id: AWAY}, [], ["away"], NO),
    ],
)
def test_one_that_cannot_be_turned_keeps_no_other(
    chat: Chat,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: dict[str, ImbariError],
    turned: list[str],
    told: list[str],
    ends: ImbariError,
) -> None:
    """An outage is all the others'. The first failure ends the command, the rest are told."""

    async def turn(conversation: Conversation) -> None:
        if conversation.id in fails:
            raise fails[conversation.id]

    monkeypatch.setattr(Conversation, "resolve", turn)
    chat.sessions |= {NOOR.id: NOOR, BRIAN.id: BRIAN}
    with pytest.raises(type(ends)) as caught:
        resolve(CTX, [AMINA.id, NOOR.id, BRIAN.id], ids=True)
    assert caught.value is ends
    said = capsys.readouterr()
    assert said.out.splitlines() == turned
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == [
        f"error: {one}" for one in told
    ]
