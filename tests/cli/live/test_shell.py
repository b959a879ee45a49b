"""The live inbox's loop, with keys from a pipe, a screen in memory and a chat of our own."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from rich.console import Console

from imbari_chat.cli.exits import UsageError
from imbari_chat.cli.live.shell import run_live_inbox
from imbari_chat.client import AsyncAdminChat
from imbari_chat.errors import AccessDenied, Unavailable
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from tests.view.records import message, session

AMINA = session("amina", unreadCount=1)


class Chat:
    """An admin's chat with one customer, whose every call is noted.

    Attributes:
        calls: What was asked, in order.
        refuse: The error that replies, resolving and opening end in.
        gate: Replies wait for it.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuse: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.inbox: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.talk: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.listening = 0
        self.inbox.put_nowait(SessionAdded(AMINA))
        self.inbox.put_nowait(ConnectionChanged("live"))

    def events(self, *, limit: int) -> AsyncGenerator[ChatEvent, None]:
        return self._stream(self.inbox)

    def open(self, session_id: SessionId, *, peek: bool = False) -> "Opened":
        return Opened(self, session_id, peek=peek)

    async def _stream(
        self, queue: "asyncio.Queue[ChatEvent | Exception]"
    ) -> AsyncGenerator[ChatEvent, None]:
        self.listening += 1
        try:
            while True:
                item = await queue.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.listening -= 1


class Opened:
    """A conversation of :class:`Chat`."""

    def __init__(self, chat: Chat, session_id: SessionId, *, peek: bool) -> None:
        self.chat = chat
        self.id = session_id
        self.peek = peek

    async def __aenter__(self) -> Self:
        if not self.peek:
            self.chat.calls.append(f"read {self.id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def events(self) -> AsyncGenerator[ChatEvent, None]:
        return self.chat._stream(self.chat.talk)

    async def reply(self, text: str) -> Message:
        self.chat.calls.append(f"reply {text}")
        await self.chat.gate.wait()
        if self.chat.refuse is not None:
            raise self.chat.refuse
        return message(f"m-{text}", text, sender="admin")

    async def resolve(self) -> None:
        self.chat.calls.append("resolve")
        if self.chat.refuse is not None:
            raise self.chat.refuse

    async def reopen(self) -> None:
        self.chat.calls.append("reopen")


class Desk:
    """A running live inbox: what is typed, what is seen."""

    def __init__(self, chat: Chat, keyboard: PipeInput) -> None:
        self.chat = chat
        self.type = keyboard.send_text
        self._file = io.StringIO()
        self._console = Console(
            file=self._file, width=80, height=24, force_terminal=True, color_system=None
        )
        self._keyboard = keyboard
        self.task: asyncio.Task[None] | None = None

    def start(self, opened: Session | None = None) -> None:
        chat = cast("AsyncAdminChat", self.chat)
        self.task = asyncio.create_task(
            run_live_inbox(chat, session=opened, console=self._console, keyboard=self._keyboard)
        )

    @property
    def output(self) -> str:
        """Everything written to the terminal so far."""
        return self._file.getvalue()

    async def sees(self, words: str) -> None:
        """Wait for a screen with these words."""
        await self.until(lambda: words in self.output.rpartition("\x1b[H")[2])

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not happened():
                assert self.task is not None
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the inbox has ended")
                await asyncio.sleep(0.005)

    async def ends(self) -> None:
        """Wait for the end, and raise what it ended in."""
        assert self.task is not None
        await asyncio.wait_for(self.task, 10)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Desk]:
    """A live inbox that shows its first conversation; ended afterwards if it has not."""
    with create_pipe_input() as keyboard:
        desk = Desk(Chat(), keyboard)
        desk.start(**options)
        try:
            await desk.sees("● live")
            yield desk
        finally:
            assert desk.task is not None
            desk.task.cancel()
            await asyncio.gather(desk.task, return_exceptions=True)


@pytest.mark.parametrize("key", ["q", "\x03"])
async def test_leaving_gives_the_terminal_back_and_leaves_nothing_running(key: str) -> None:
    """Off the alternate screen, cursor shown, no paste mode, no task of its own."""
    before = asyncio.all_tasks()
    async with running() as desk:
        desk.type(key)
        await desk.ends()
        assert desk.chat.listening == 0
        assert asyncio.all_tasks() <= before | {asyncio.current_task()}
    for on, off in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"),
                    ("\x1b[?2004h", "\x1b[?2004l")):  # fmt: skip
        assert on in desk.output
        assert desk.output.rindex(off) > desk.output.rindex(on)


async def test_a_stream_that_ends_for_good_ends_the_inbox_with_its_error() -> None:
    """The terminal is given back first."""
    async with running() as desk:
        desk.chat.inbox.put_nowait(AccessDenied("not an admin any more"))
        with pytest.raises(AccessDenied):
            await desk.ends()
    assert desk.output.rindex("\x1b[?1049l") > desk.output.rindex("\x1b[?1049h")


async def test_an_unexpected_error_in_a_task_is_not_swallowed() -> None:
    """A mistake of ours must be seen."""
    async with running() as desk:
        desk.chat.talk.put_nowait(ZeroDivisionError())
        desk.type("\r")
        with pytest.raises(ZeroDivisionError):
            await desk.ends()


async def test_enter_opens_and_marks_read_and_follows() -> None:
    """What the conversation's stream tells appears."""
    async with running() as desk:
        desk.type("\r")
        desk.chat.talk.put_nowait(MessageAdded(AMINA.id, message("m1", "hello there")))
        desk.chat.talk.put_nowait(ConnectionChanged("live"))
        await desk.sees("hello there")
        assert desk.chat.calls[0] == "read amina"


async def test_a_conversation_can_be_open_from_the_start() -> None:
    """As the command that names one does it."""
    async with running(opened=AMINA) as desk:
        await desk.until(lambda: "read amina" in desk.chat.calls)


async def test_a_message_that_arrives_on_screen_is_marked_read() -> None:
    """Once, whether or not it helps."""
    async with running(opened=AMINA) as desk:
        desk.chat.talk.put_nowait(ConnectionChanged("live"))
        await desk.until(lambda: desk.chat.calls == ["read amina"])
        unread = message("m1", "one more", read=False)
        desk.chat.talk.put_nowait(MessageAdded(AMINA.id, unread))
        await desk.until(lambda: desk.chat.calls == ["read amina", "read amina"])
        desk.chat.inbox.put_nowait(SessionChanged(session("amina", at=5), AMINA))
        desk.type("xyz")
        await desk.sees("xyz")
        assert desk.chat.calls == ["read amina", "read amina"]


async def test_a_look_marks_nothing() -> None:
    """Neither on opening nor later."""
    async with running() as desk:
        desk.type("p")
        desk.chat.talk.put_nowait(MessageAdded(AMINA.id, message("m1", "hello there")))
        desk.chat.talk.put_nowait(ConnectionChanged("live"))
        await desk.sees("hello there")
        assert desk.chat.calls == []


async def test_replies_go_out_in_the_order_they_were_written() -> None:
    """The second waits for the first."""
    async with running(opened=AMINA) as desk:
        desk.chat.gate.clear()
        desk.type("one\rtwo\r")
        await desk.until(lambda: "reply one" in desk.chat.calls)
        await desk.sees("sending…")
        assert "reply two" not in desk.chat.calls
        desk.chat.gate.set()
        await desk.until(lambda: "reply two" in desk.chat.calls)


async def test_a_refused_reply_is_back_in_the_entry_field() -> None:
    """With the reason."""
    async with running(opened=AMINA) as desk:
        desk.chat.refuse = Unavailable("no answer")
        desk.type("precious words\r")
        await desk.sees("Not sent: no answer")
        await desk.sees("› precious words")


async def test_resolving_says_what_came_of_it() -> None:
    """Done, or why not."""
    async with running() as desk:
        desk.type("r")
        await desk.sees("Resolved")
        desk.chat.refuse = AccessDenied("the rules refuse")
        desk.type("r")
        await desk.sees("the rules refuse")


async def test_a_conversation_that_cannot_be_followed_leaves_the_inbox_alone() -> None:
    """The reason is on the status line."""
    async with running() as desk:
        desk.chat.talk.put_nowait(AccessDenied("access was lost"))
        desk.type("\r")
        await desk.sees("access was lost")
        desk.type("\x1b[A")
        await desk.sees("closed")


async def test_closing_stops_following() -> None:
    """One stream is left, the inbox's."""
    async with running(opened=AMINA) as desk:
        await desk.until(lambda: desk.chat.listening == 2)
        desk.type("\x1b")
        await desk.until(lambda: desk.chat.listening == 1)


async def test_leaving_waits_for_a_reply_under_way() -> None:
    """It was sent; leaving must not make a riddle of it."""
    async with running(opened=AMINA) as desk:
        desk.chat.gate.clear()
        desk.type("one\r\x03")
        await desk.sees("Waiting for replies")
        desk.chat.gate.set()
        await desk.ends()


async def test_what_was_not_sent_is_quoted_after_leaving(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Insisting leaves at once, and neither reply nor draft is lost with the screen."""
    async with running(opened=AMINA) as desk:
        desk.chat.gate.clear()
        desk.type("under way\runsent draft")
        await desk.sees("unsent draft")
        desk.type("\x03\x03")
        await desk.ends()
    told = capsys.readouterr().err
    assert "not confirmed" in told
    assert "under way" in told
    assert "unsent draft" in told


async def test_without_a_terminal_it_says_what_to_use_instead() -> None:
    """Never a screen in a pipe."""
    with pytest.raises(UsageError, match="needs a terminal"):
        await run_live_inbox(cast("AsyncAdminChat", Chat()), console=Console(file=io.StringIO()))
