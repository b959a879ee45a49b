"""How programs end that do not say goodbye: soon, and not without a word on what is undelivered."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.client.sending import last_words
from tests.client.scenarios.programs import End, Program
from tests.faults.proxy import Proxy
from tests.view.records import outgoing

SOON = 9.0
"""Seconds; a second is what is promised, on a machine that has nothing else to do.

Whatever a client could wait for instead takes ten or more: a connection, an answer.
"""

SECRET = "the words of the message"

# Each program opens the conversation, says so, and goes on when the network is as it is to be.
PLACES = {
    "blocking": """
        desk = AdminChat.from_env(**flags).__enter__()
        conversation = desk.open({session!r}).__enter__()
        conversation.listen()
        say(ready=True)
        words = hear()["words"]
        """,
    "async": """
        async def talk():
            desk = await AsyncAdminChat.from_env(**flags).__aenter__()
            conversation = await desk.open({session!r}).__aenter__()
            await conversation.listen()
            say(ready=True)
            words = (await asyncio.to_thread(hear))["words"]
        """,
}

QUEUE = {
    "blocking": """
        queued = [conversation.reply(words, timeout=0) for _ in range(3)]
        """,
    "async": """
            queued = [await conversation.reply(words, timeout=0) for _ in range(3)]
        """,
}


Make = Callable[..., Program]


@pytest.fixture
def program(flags: dict[str, Any], proxy: Proxy, session: str) -> Make:
    """A maker of programs that talk through the proxy, from pieces of text."""

    def make(*pieces: str) -> Program:
        text = "".join(piece.rstrip() for piece in pieces)
        filled = text.replace("{session!r}", repr(session))
        return Program(filled, {**flags, "database_emulator": proxy.address, "timeout": 120.0})

    return make


def _names(end: End, ids: list[str]) -> None:
    assert [one for one in ids if one not in end.errors] == []
    assert "undelivered" in end.errors
    assert SECRET not in end.errors


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("face", PLACES)
async def test_a_program_that_ends_in_an_outage_is_gone_at_once_and_names_what_is_left(
    program: Make, proxy: Proxy, face: str, kept: bool, record_property: Callable[..., None]
) -> None:
    """It listens, messages are queued, nobody closed the client, or nobody even kept it."""
    end = {
        ("blocking", True): """
        say(ids=[one.id for one in queued], at=time.time())
        """,
        ("blocking", False): """
        ids = [one.id for one in queued]
        del desk, conversation, queued
        gc.collect()
        say(ids=ids, at=time.time())
        """,
        ("async", True): """
            say(ids=[one.id for one in queued], at=time.time())
            return desk

        kept = asyncio.run(talk())
        """,
        ("async", False): """
            say(ids=[one.id for one in queued], at=time.time())

        asyncio.run(talk())
        gc.collect()
        """,
    }
    async with program(PLACES[face], QUEUE[face], end[face, kept]) as running:
        await running.said()
        await proxy.refuse()
        running.tell(words=SECRET)
        last = await running.said()
        ended = await running.end()
    record_property("seconds", ended.at - last["at"])
    assert ended.at - last["at"] < SOON
    assert ended.code == 0
    _names(ended, last["ids"])


@pytest.mark.parametrize("face", PLACES)
async def test_one_ctrl_c_ends_a_program_that_iterates_in_an_outage(
    program: Make, proxy: Proxy, face: str, record_property: Callable[..., None]
) -> None:
    """And what is queued is named."""
    iterate = {
        "blocking": """
        ids = [one.id for one in queued]
        for event in desk.events():
            say(ids=ids, event=type(event).__name__)
        """,
        "async": """
            ids = [one.id for one in queued]
            async for event in desk.events():
                say(ids=ids, event=type(event).__name__)

        asyncio.run(talk())
        """,
    }
    async with program(PLACES[face], QUEUE[face], iterate[face]) as running:
        await running.said()
        await proxy.refuse()
        running.tell(words=SECRET)
        said = await running.said()
        at = running.interrupt()
        ended = await running.end()
    record_property("seconds", ended.at - at)
    assert ended.at - at < SOON
    assert ended.code in (130, -2)
    assert "KeyboardInterrupt" in ended.errors
    _names(ended, said["ids"])


@pytest.mark.parametrize("face", PLACES)
async def test_one_ctrl_c_ends_a_program_whose_reply_is_in_a_black_hole(
    program: Make, proxy: Proxy, face: str, record_property: Callable[..., None]
) -> None:
    """The message may have arrived, and that is said; over REST it may yet wait for a worker."""
    reply = {
        "blocking": """
        def watch():
            while desk.status.sent != 1:
                time.sleep(0.01)
            say(ids=[one.id for one in desk.outbox])
        threading.Thread(target=watch, daemon=True).start()
        conversation.reply(words)
        """,
        "async": """
            async def watch():
                while desk.status.sent != 1:
                    await asyncio.sleep(0.01)
                say(ids=[one.id for one in desk.outbox])
            watching = asyncio.create_task(watch())
            await conversation.reply(words)

        asyncio.run(talk())
        """,
    }
    first = {
        "blocking": """
        conversation.reply("first")
        say(ready=True)
        hear()
        """,
        "async": """
            await conversation.reply("first")
            say(ready=True)
            await asyncio.to_thread(hear)
        """,
    }
    async with program(PLACES[face], first[face], reply[face]) as running:
        await running.said()
        running.tell(words=SECRET)
        await running.said()
        proxy.stall()
        running.tell(words=SECRET)
        said = await running.said()
        at = running.interrupt()
        ended = await running.end()
    record_property("seconds", ended.at - at)
    assert ended.at - at < SOON
    assert ended.code in (130, -2)
    assert "KeyboardInterrupt" in ended.errors
    over_rest = os.environ.get("IMBARI_CHAT_TRANSPORT") == "rest"
    assert any(words in ended.errors for words in ("may have arrived", *["(not sent)"] * over_rest))
    _names(ended, said["ids"])


@pytest.mark.parametrize("face", PLACES)
async def test_a_handler_that_never_returns_does_not_keep_a_program_alive(
    program: Make, face: str, record_property: Callable[..., None]
) -> None:
    """Its thread, or its task, ends with the program."""
    hang = {
        "blocking": """
        @conversation.on(MessageAdded)
        def hang(event):
            say(handling=True, at=time.time())
            threading.Event().wait()
        conversation.reply("Hello")
        hear()
        """,
        "async": """
            @conversation.on(MessageAdded)
            async def hang(event):
                say(handling=True, at=time.time())
                await asyncio.Event().wait()
            await conversation.reply("Hello")
            await asyncio.to_thread(hear)

        asyncio.run(talk())
        """,
    }
    async with program(PLACES[face], hang[face]) as running:
        await running.said()
        running.tell(words=SECRET)
        said = await running.said()
        assert said["handling"]
        running.tell(words=SECRET)
        ended = await running.end()
    record_property("seconds", ended.at - said["at"])
    assert ended.at - said["at"] < SOON
    assert (ended.code, ended.errors) == (0, "")


@pytest.mark.parametrize("face", PLACES)
async def test_a_program_that_ends_with_everything_delivered_says_nothing(
    program: Make, face: str
) -> None:
    """No warning, no traceback, no word, though nothing was closed."""
    reply = {
        "blocking": """
        say(delivery=conversation.reply("Hello").delivery)
        """,
        "async": """
            say(delivery=(await conversation.reply("Hello")).delivery)

        asyncio.run(talk())
        """,
    }
    async with program(PLACES[face], reply[face]) as running:
        await running.said()
        running.tell(words=SECRET)
        assert await running.said() == {"delivery": "confirmed"}
        ended = await running.end()
    assert (ended.code, ended.errors) == (0, "")


class _Mail:
    """What is left of an outbox."""

    def __init__(self, *texts: str) -> None:
        self.left_behind = tuple(outgoing(f"-m{text}", text) for text in texts)


def test_only_an_outbox_with_something_in_it_has_last_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was forgotten empty needs none."""
    monkeypatch.setattr(last_words, "WITH_MAIL", {_Mail(), _Mail("one", "two")})
    last_words._last_words()
    (said,) = (one.getMessage() for one in caplog.records)
    assert said.startswith("the program ended with 2 messages undelivered: -mone")
