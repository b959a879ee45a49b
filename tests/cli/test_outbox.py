"""``outbox``: what waits on this machine is listed, shown, held, dropped and sent."""

import asyncio
from pathlib import Path

import pytest

from imbari_chat import AsyncAdminChat
from imbari_chat.errors import Unavailable
from imbari_chat.identity.rest import RestAccess
from tests.cli.harness import Program, Visitor


@pytest.fixture
def session(place: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> str:
    """A conversation with three answers that a program has left behind."""
    monkeypatch.setenv("IMBARI_CHAT_OUTBOX", "durable")
    session = visitor.writes("Hello")
    with monkeypatch.context() as outage:
        outage.setattr(RestAccess, "update", _away)
        asyncio.run(_leave(session))
    return session


def _away(*_: object) -> None:
    raise Unavailable("away")


async def _leave(session: str) -> None:
    async with AsyncAdminChat.from_env(transport="rest") as desk:
        for text in ("one", "two", "three"):
            await desk.reply(session, text, timeout=0)


def _texts(program: Program, session: str) -> list[str]:
    return [one["text"] for one in program.show(session, "--peek")["messages"]]


def test_what_waits_is_listed_and_shown(program: Program, session: str) -> None:
    """By numbers and ids, for people and for programs."""
    listed = program.json("outbox", "list")
    assert [one["text"] for one in listed] == ["one", "two", "three"]
    assert {(one["session_id"], one["state"]) for one in listed} == {(session, "queued")}
    assert "two" in program("outbox", "list", width=120, terminal=True).stdout
    (shown,) = program.json("outbox", "show", "2")
    assert shown == listed[1]
    ids = [one["id"] for one in listed]
    # What is written within a millisecond differs at its end.
    shared = next(at for at, (one, other) in enumerate(zip(*ids[1:], strict=True)) if one != other)
    for name in (ids[2], ids[2][: shared + 1]):
        assert program.json("outbox", "show", name) == [listed[2]]
    assert "more than one" in program("outbox", "show", ids[2][:shared], code=2).stderr
    assert "three" in program("outbox", "show", "3").stdout


def test_what_is_held_waits_until_it_is_named(program: Program, session: str) -> None:
    """And so do those behind it; what is dropped is gone, and the rest is sent in order."""
    program("outbox", "list", terminal=True)
    program("outbox", "hold", "2")
    assert "1 sent, 2 kept" in program("outbox", "flush", "--timeout", "5").stderr
    held, behind = program.json("outbox", "list")
    assert (held["text"], held["state"], behind["text"]) == ("two", "held", "three")
    assert "2 sent, 0 kept" in program("outbox", "flush", "--held").stderr
    assert _texts(program, session) == ["Hello", "one", "two", "three"]
    assert program.json("outbox", "list") == []
    assert "empty" in program("outbox", "list").stderr


def test_what_is_dropped_is_never_sent(program: Program, session: str) -> None:
    """Whoever sends later does not know it any more; a number means the list that was printed."""
    program("outbox", "list", terminal=True)
    program("outbox", "drop", "1")
    program("outbox", "drop", "1", code=3)
    program("outbox", "drop", "3")
    program("outbox", "flush")
    assert _texts(program, session) == ["Hello", "two"]


def test_a_message_that_is_not_there_is_not_found(program: Program, session: str) -> None:
    """Nothing is done then."""
    for command in ("show", "drop", "hold", "flush"):
        assert "no message '-z'" in program("outbox", command, "-z", code=3).stderr
        assert "none was printed in this terminal" in program("outbox", command, "1", code=2).stderr
    program("outbox", "list", terminal=True)
    assert "no number 9; it had 3" in program("outbox", "drop", "1", "9", code=3).stderr
    assert len(program.json("outbox", "list")) == 3
    assert "more than one" in program("outbox", "drop", "-", code=2).stderr


def test_an_outbox_that_was_never_used_is_empty(program: Program, place: Path) -> None:
    """And looking makes none."""
    assert program.json("outbox", "list") == []
    assert not (place / "data" / "outbox").exists()
    assert "the outbox is empty" in program("outbox", "flush").stderr
    assert not (place / "data" / "outbox").exists()


def test_what_still_waits_is_a_failure(
    program: Program, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the network, whose exit code it has; what somebody holds back, and what is behind, is
    none."""
    program("outbox", "list", terminal=True)
    monkeypatch.setattr(RestAccess, "update", _away)
    monkeypatch.setenv("IMBARI_CHAT_TRANSPORT", "rest")
    result = program("outbox", "flush", "--timeout", "0.1", code=8)
    assert "0 sent, 3 kept" in result.stderr
    assert "3 messages still wait" in result.stderr
    program("outbox", "hold", "1")
    assert "0 sent, 3 kept" in program("outbox", "flush", "--timeout", "0.1").stderr
