"""The live inbox's loop, with keys from a pipe, a screen in memory and a chat of our own."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, cast

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from rich.console import Console

from imbari_chat.cli.exit_codes import Interrupted, UsageError
from imbari_chat.cli.live import shell
from imbari_chat.cli.live.shell import run_live_inbox
from imbari_chat.client import AsyncAdminChat
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.states import Delivery
from tests.view import records
from tests.view.records import message, outgoing, session

AMINA = session("amina", unreadCount=1)
LIVE = ConnectionChanged("live")


class Chat:
    """An admin's chat with one customer, whose every call is noted.

    Attributes:
        calls: What was asked, in order.
        shown: What others see of it, in order.
        refuse: The error that resolving and handing replies over end in.
        away: The error that entering and marking end in.
        written: The replies handed over.
        at_close: What becomes of those not confirmed when the chat is closed.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.shown: list[str] = []
        self.refuse: Exception | None = None
        self.away: Exception | None = None
        self.written: list[OutgoingMessage] = []
        self.at_close: Delivery = "failed"
        self.is_closed = False
        self.inbox: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.talk: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue()
        self.listening = 0
        self.inbox.put_nowait(SessionAdded(AMINA))
        self.inbox.put_nowait(ConnectionChanged("live"))

    def events(self, *, limit: int) -> AsyncGenerator[ChatEvent, None]:
        return self._stream(self.inbox)

    def open(self, session_id: SessionId, *, peek: bool = False) -> "Opened":
        return Opened(self, session_id, peek=peek)

    def becomes(self, index: int, delivery: Delivery, error: ImbariError | None = None) -> None:
        """A reply gets further, as the inbox's stream tells."""
        self.inbox.put_nowait(records.delivery("amina", self.written[index], delivery, error))

    def reconnect_now(self) -> None:
        self.calls.append("reconnect")

    async def show(self) -> None:
        """Nobody else is there to see it."""

    async def close(self) -> None:
        self.is_closed = True
        for one in self.written:
            if one.delivery != "confirmed":
                one.became(self.at_close)

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
        assert self.peek
        self.chat.calls.append(f"enter {self.id}")
        if self.chat.away is not None:
            raise self.chat.away
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

    async def reply(
        self, text: str, *, timeout: float, expect_last: Message | None
    ) -> OutgoingMessage:
        assert timeout == 0
        if self.chat.refuse is not None:
            raise self.chat.refuse
        self.chat.written.append(outgoing(f"m{len(self.chat.written)}", text))
        return self.chat.written[-1]

    async def show(self) -> None:
        self.chat.shown.append(f"show {self.id}")

    async def typing(self) -> None:
        self.chat.shown.append(f"type {self.id}")

    async def mark_read(self, *, up_to: Message) -> int:
        self.chat.calls.append(f"read {up_to.id}")
        if self.chat.away is not None:
            raise self.chat.away
        return 1

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

    @property
    def screen(self) -> str:
        """What stands there now."""
        return self.output.rpartition("\x1b[H")[2]

    def says(self, key: str, text: str) -> None:
        """The customer writes, as the open conversation's stream tells."""
        said = message(key, text, read=False)
        self.chat.talk.put_nowait(MessageAdded(AMINA.id, said))

    async def sees(self, words: str) -> None:
        """Wait for a screen with these words."""
        await self.until(lambda: words in self.screen)

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
    """Off the alternate screen, cursor shown, no paste mode, no task of its own, no connection."""
    before = asyncio.all_tasks()
    async with running() as desk:
        desk.type(key)
        with suppress(Interrupted):
            await desk.ends()
        assert desk.chat.listening == 0
        assert desk.chat.is_closed
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


async def test_ctrl_c_is_told_from_leaving() -> None:
    """A program that was interrupted has another exit code."""
    async with running() as desk:
        desk.type("\x03")
        with pytest.raises(Interrupted):
            await desk.ends()


async def test_enter_opens_and_follows_and_marks_what_is_on_screen_read() -> None:
    """What the conversation's stream tells appears; nothing is marked that has not been seen."""
    async with running() as desk:
        desk.type("\r")
        desk.says("m1", "hello there")
        await desk.until(lambda: "enter amina" in desk.chat.calls)
        assert "read m1" not in desk.chat.calls
        desk.chat.talk.put_nowait(LIVE)
        await desk.sees("hello there")
        await desk.until(lambda: desk.chat.calls == ["enter amina", "read m1"])


async def test_a_conversation_can_be_open_from_the_start() -> None:
    """As the command that names one does it."""
    async with running(opened=AMINA) as desk:
        await desk.until(lambda: "enter amina" in desk.chat.calls)


async def test_a_message_that_arrives_on_screen_is_marked_read() -> None:
    """Once, whether or not it helps."""
    async with running(opened=AMINA) as desk:
        desk.chat.talk.put_nowait(LIVE)
        desk.says("m1", "one more")
        await desk.until(lambda: desk.chat.calls == ["enter amina", "read m1"])
        desk.chat.inbox.put_nowait(SessionChanged(session("amina", at=5), AMINA))
        desk.type("xyz")
        await desk.sees("xyz")
        assert desk.chat.calls == ["enter amina", "read m1"]


async def test_colleagues_and_the_customer_are_told_what_is_open_and_written() -> None:
    """Unless one only looks; and nothing is said of a draft that is taken back."""
    async with running(opened=AMINA) as desk:
        await desk.until(lambda: "show amina" in desk.chat.shown)
        desk.type("xy")
        await desk.until(lambda: desk.chat.shown == ["show amina", "type amina", "type amina"])
    async with running() as desk:
        desk.type("p")
        desk.says("m1", "hello there")
        desk.chat.talk.put_nowait(LIVE)
        await desk.sees("hello there")
        assert desk.chat.shown == []


async def test_what_could_not_be_marked_while_offline_is_marked_when_it_is_over() -> None:
    """Without a word: the banner shows the outage."""
    async with running(opened=AMINA) as desk:
        await desk.until(lambda: "enter amina" in desk.chat.calls)
        desk.chat.away = Unavailable("cannot connect")
        desk.chat.talk.put_nowait(LIVE)
        desk.says("m1", "one more")
        await desk.until(lambda: desk.chat.calls.count("read m1") == 1)
        desk.chat.away = None
        desk.chat.talk.put_nowait(ConnectionChanged("reconnecting"))
        desk.chat.talk.put_nowait(LIVE)
        await desk.until(lambda: desk.chat.calls.count("read m1") == 2)
        assert "Not marked" not in desk.output


async def test_a_look_marks_nothing() -> None:
    """Neither on opening nor later."""
    async with running() as desk:
        desk.type("p")
        desk.says("m1", "hello there")
        desk.chat.talk.put_nowait(LIVE)
        await desk.sees("hello there")
        assert desk.chat.calls == ["enter amina"]


async def test_a_reply_goes_out_through_the_conversation_that_is_open() -> None:
    """Not through another one, which would have to be read first; nobody waits for its end."""
    async with running(opened=AMINA) as desk:
        desk.type("one\rtwo\r")
        await desk.until(lambda: [one.text for one in desk.chat.written] == ["one", "two"])
        assert desk.chat.calls == ["enter amina"]
        await desk.sees("sending…")


async def test_a_reply_shows_where_it_is_until_it_is_a_message() -> None:
    """Each delivery as it is told, and how many wait."""
    async with running(opened=AMINA) as desk:
        desk.chat.talk.put_nowait(LIVE)
        desk.type("hello\r")
        await desk.sees("sending…")
        desk.chat.becomes(0, "queued", Unavailable("cannot connect"))
        await desk.sees("waits for the network")
        await desk.sees("1 reply waits")
        desk.chat.becomes(0, "confirmed")
        await desk.until(lambda: "waits" not in desk.screen)
        assert desk.screen.count("hello") == 1
        assert "sending…" not in desk.screen


async def test_a_refused_reply_is_back_in_the_entry_field() -> None:
    """With the reason."""
    async with running(opened=AMINA) as desk:
        desk.type("precious words\r")
        await desk.until(lambda: bool(desk.chat.written))
        desk.chat.becomes(0, "failed", AccessDenied("the rules refuse"))
        await desk.sees("Not sent: the rules refuse")
        await desk.sees("› precious words")


async def test_a_reply_that_is_not_taken_is_back_in_the_entry_field() -> None:
    """As when it is refused later."""
    async with running(opened=AMINA) as desk:
        desk.chat.refuse = Unavailable("the connection has been closed")
        desk.type("precious words\r")
        await desk.sees("Not sent: the connection has been closed")
        await desk.sees("› precious words")


async def test_a_conversation_opened_offline_is_entered_when_the_network_is_back() -> None:
    """What was written to it meanwhile goes out then, in order."""
    async with running() as desk:
        desk.chat.away = Unavailable("cannot connect")
        desk.type("\rone\rtwo\r")
        await desk.sees("reconnecting…")
        desk.chat.away = None
        desk.chat.inbox.put_nowait(LIVE)
        await desk.until(lambda: [one.text for one in desk.chat.written] == ["one", "two"])


async def test_closing_a_conversation_that_was_not_entered_keeps_what_was_written_to_it() -> None:
    """As a draft."""
    async with running() as desk:
        desk.chat.away = Unavailable("cannot connect")
        desk.type("\rprecious words\r")
        await desk.until(lambda: "enter amina" in desk.chat.calls)
        desk.type("\x1b")
        await desk.sees("Not sent to amina")
        desk.type("\r")
        await desk.sees("› precious words")


async def test_a_key_connects_again_at_once() -> None:
    """All streams, the outbox, and the conversation that waits to be entered."""
    async with running() as desk:
        desk.chat.away = Unavailable("cannot connect")
        desk.type("\r")
        await desk.sees("reconnecting…")
        tries = desk.chat.calls.count("enter amina")
        desk.type("\x1b[15~")
        await desk.until(lambda: "reconnect" in desk.chat.calls)
        await desk.until(lambda: desk.chat.calls.count("enter amina") > tries)


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


async def test_leaving_waits_a_moment_for_a_reply_on_its_way() -> None:
    """It was sent; leaving must not make a riddle of it."""
    async with running(opened=AMINA) as desk:
        desk.type("one\r\x03")
        await desk.sees("Leaving")
        desk.chat.becomes(0, "confirmed")
        with pytest.raises(Interrupted):
            await desk.ends()


@pytest.mark.parametrize(
    ("delivery", "told"),
    [("failed", "not sent to amina:"), ("sent", "it is not known whether this was sent to amina;")],
)
async def test_what_did_not_arrive_is_given_back_after_leaving(
    delivery: Delivery, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replies and drafts, each once, with what is known of them, and an error for the replies."""
    async with running(opened=AMINA) as desk:
        desk.chat.at_close = delivery
        desk.type("on its way\runsent draft")
        await desk.sees("unsent draft")
        desk.type("\tq")
        with pytest.raises(Unavailable, match="1 message") as left:
            await desk.ends()
    assert left.value.outcome_unknown is (delivery == "sent")
    warned, quoted, *draft = capsys.readouterr().err.splitlines()
    assert warned.startswith(f"warning: {told}")
    assert quoted == "  on its way"
    assert draft == ["warning: not sent to amina:", "  unsent draft"]


async def test_a_draft_alone_is_no_reason_for_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """It is given back, and was never to be sent."""
    async with running(opened=AMINA) as desk:
        desk.type("unsent draft")
        await desk.sees("unsent draft")
        desk.type("\tq")
        await desk.ends()
    assert "  unsent draft" in capsys.readouterr().err.splitlines()


async def test_insisting_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C ends the moment that replies are given."""
    monkeypatch.setattr(shell, "_LAST_SENDS", 3600.0)
    async with running(opened=AMINA) as desk:
        desk.type("one\r\x03")
        await desk.sees("Leaving")
        desk.type("\x03")
        with pytest.raises(Interrupted):
            await desk.ends()


async def test_without_a_terminal_it_says_what_to_use_instead() -> None:
    """Never a screen in a pipe."""
    with pytest.raises(UsageError, match="needs a terminal"):
        await run_live_inbox(cast("AsyncAdminChat", Chat()), console=Console(file=io.StringIO()))
