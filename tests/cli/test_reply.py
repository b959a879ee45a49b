"""``reply`` when something comes in between: the network, or a colleague."""

import asyncio
import sys
from pathlib import Path

import pytest
from typer.testing import Result

from imbari_chat.client import AdminChat, AsyncConversation
from imbari_chat.emulator import Emulator
from imbari_chat.errors import Unavailable
from imbari_chat.schema.models import Message
from tests.cli.harness import Program, Visitor, outside
from tests.cli.relay import Fate, Relay
from tests.cli.terminal import Terminal


def said_in(session: str) -> list[str]:
    """The texts of a conversation."""
    with AdminChat.from_env() as desk, desk.open(session, peek=True) as conversation:
        return [one.text for one in conversation.history()]


async def replied(
    program: Program, emulator: Emulator, session: str, fate: Fate, *, code: int
) -> Result:
    """What comes of a reply whose update has this fate."""
    async with Relay(emulator.database_host, fate) as relay:
        return await asyncio.to_thread(
            program, "--emulator", relay.address, "--request-timeout", "2",
            "reply", session, "precious words", code=code,
        )  # fmt: skip


async def test_a_lost_answer_is_looked_for(
    program: Program, emulator: Emulator, visitor: Visitor
) -> None:
    """The reply is there, once, and so it was sent."""
    session = await asyncio.to_thread(visitor.writes, "Hello")
    result = await replied(program, emulator, session, "answer lost", code=0)
    assert "sent" in result.stderr
    assert "warning" not in result.stderr
    assert await asyncio.to_thread(said_in, session) == ["Hello", "precious words"]


async def test_without_any_answer_it_says_that_nobody_knows(
    program: Program, emulator: Emulator, visitor: Visitor
) -> None:
    """At the deadline, with the text, and one error."""
    session = await asyncio.to_thread(visitor.writes, "Hello")
    result = await replied(program, emulator, session, "swallowed", code=8)
    assert "it is not known whether this was sent" in result.stderr
    assert "\n  precious words\n" in result.stderr
    assert result.stderr.count("warning:") == result.stderr.count("error:") == 1


def test_without_a_server_it_says_that_it_was_not_sent(program: Program) -> None:
    """And gives the text back."""
    result = program("--emulator", "127.0.0.1:9", "reply", "-Oabc", "precious words", code=8)
    assert "warning: not sent:\n  precious words\n" in result.stderr
    assert result.stderr.count("error:") == 1


async def test_a_reply_that_may_wait_is_kept_and_goes_out_later(
    program: Program, emulator: Emulator, visitor: Visitor
) -> None:
    """Whether the way is cut before the conversation could be looked at, or in the middle of it."""
    session = await asyncio.to_thread(visitor.writes, "Hello")
    async with Relay(emulator.database_host, "all swallowed") as relay:
        to = ("--emulator", relay.address, "--request-timeout", "1")
        reply = (*to, "reply", session, "precious words", "--queue")
        result = await asyncio.to_thread(program, *reply, code=8)
        assert "kept on this machine" in result.stderr
        assert "precious" not in result.stderr
        (kept,) = await asyncio.to_thread(program.json, *to, "outbox", "list")
        assert kept["text"] == "precious words"
        relay.fate = None
        sent = await asyncio.to_thread(program, *to, "outbox", "flush", "--timeout", "5")
        assert "1 sent, 0 kept" in sent.stderr
    assert await asyncio.to_thread(said_in, session) == ["Hello", "precious words"]


def test_a_reply_that_may_wait_is_kept_where_nobody_answers(program: Program) -> None:
    """A whole id needs no look at the conversation; the beginning of one does."""
    nowhere = ("--emulator", "127.0.0.1:9", "--request-timeout", "1")
    program(*nowhere, "reply", f"-Oabc{'x' * 15}", "precious words", "--queue", code=8)
    (kept,) = program.json(*nowhere, "outbox", "list")
    assert (kept["text"], kept["state"]) == ("precious words", "queued")  # nobody heard of it
    result = program(*nowhere, "reply", "-Oabc", "other words", "--queue", code=8)
    assert "warning: not sent:\n  other words\n" in result.stderr


COLLEAGUE = """
import pathlib, sys
from imbari_chat.client import AdminChat
with AdminChat.from_env() as desk, desk.open({session!r}) as conversation:
    conversation.reply("I have this one")
pathlib.Path(sys.argv[1]).write_text("precious words", encoding="utf-8")
"""

REPLY = """
from imbari_chat.cli.main import run
run(["reply", {session!r}, *{options!r}])
"""


@pytest.mark.parametrize("anyway", [True, False])
def test_a_colleague_may_answer_while_the_editor_is_open(
    place: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, *, anyway: bool
) -> None:
    """Then the reply is kept and not sent, unless it is to be sent anyway."""
    session = visitor.writes("Hello")
    script = place / "editor.py"
    script.write_text(COLLEAGUE.format(session=session), encoding="utf-8")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    options = ["--anyway"] if anyway else []
    with Terminal(REPLY.format(session=session, options=options), size=(200, 24)) as terminal:
        assert terminal.ends() == (0 if anyway else 6)
    kept = list((place / "data" / "drafts").iterdir())
    expected = ["Hello", "I have this one"]
    if anyway:
        assert kept == []
        expected.append("precious words")
    else:
        (draft,) = kept
        assert draft.read_text("utf-8") == "precious words\n"
        assert "another message came" in terminal.text
        assert f"imbari-chat reply {session} - < {draft}" in terminal.text
    assert said_in(session) == expected


def test_a_reply_given_on_the_command_line_expects_nothing(
    program: Program, visitor: Visitor
) -> None:
    """Whoever scripts it has not looked."""
    session = visitor.writes("Hello")
    program("reply", session, "one")
    program("reply", session, "two")
    assert said_in(session) == ["Hello", "one", "two"]


def test_a_reply_leaves_nothing_unread_by_accident(program: Program, visitor: Visitor) -> None:
    """It says what it leaves, and marks what was there before if it is told to."""
    session = visitor.writes("One", "Two")
    assert "2 messages left unread; --read" in program("reply", session, "Yes").stderr
    told = program("reply", session, "Yes", "--read").stderr
    assert told.splitlines()[-2:] == ["sent", "2 messages marked read"]
    (inbox,) = program.inbox()
    assert (inbox["unread_count"], inbox["status"]) == (0, "active")
    assert "unread" not in program("reply", session, "Yes", "--read").stderr


def test_a_reply_may_close_the_matter(program: Program, visitor: Visitor) -> None:
    """A program is told all of it."""
    done = program.json("reply", visitor.writes("One"), "Yes", "--read", "--resolve")
    assert (done["marked_read"], done["unread"], done["resolved"]) == (1, 0, True)
    (inbox,) = program.inbox("--status", "all")
    assert (inbox["unread_count"], inbox["status"]) == (0, "resolved")


def test_what_comes_after_a_reply_stays_unread(
    program: Program, visitor: Visitor, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen what came while it was sent."""
    session = visitor.writes("One")
    latest = {"text": "Two", "from": "customer", "timestamp": {".sv": "timestamp"}}
    marking = AsyncConversation.mark_read

    async def later(conversation: AsyncConversation, *, up_to: Message) -> int:
        await asyncio.to_thread(outside, emulator, f"/messages/{session}/-later", latest)
        await asyncio.to_thread(outside, emulator, f"/chatSessions/{session}/unreadCount", 2)
        return await marking(conversation, up_to=up_to)

    monkeypatch.setattr(AsyncConversation, "mark_read", later)
    program("reply", session, "Yes", "--read")
    assert program.inbox()[0]["unread_count"] == 1


def test_what_fails_after_a_reply_does_not_call_it_unsent(
    program: Program, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that is given back would be sent a second time."""

    async def away(*_: object) -> None:
        raise Unavailable("the network is away")

    session = visitor.writes("One")
    monkeypatch.setattr(AsyncConversation, "resolve", away)
    told = program("reply", session, "precious words", "--resolve", code=1).stderr
    assert "the reply was sent, and is not to be sent again; but then: the network is away" in told
    assert "precious words" not in told
    assert said_in(session) == ["One", "precious words"]
