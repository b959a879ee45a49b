"""The live inbox's loop: one task owns the state, everything else sends it changes.

The inbox's stream, the open conversation's stream and every intent run as tasks of their own. Each
tells what happened by posting a function from state to state; a task that fails with anything but
an expected error ends the loop with it.

A reply is handed over and not waited for: what becomes of it is told by the streams, also when its
conversation has been closed. Whatever has not arrived when the person leaves is given back.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prompt_toolkit.input import Input
from rich.console import Console
from rich.text import Text

from imbari_chat.cli.exit_codes import Interrupted
from imbari_chat.cli.live.remains import give_back
from imbari_chat.cli.live.screen import fitted, screen
from imbari_chat.cli.live.terminal import keyboard_beside, taken_over
from imbari_chat.cli.stderr import Stderr
from imbari_chat.desk.talk import Talk
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view import reducer
from imbari_chat.view.commands import (
    CloseConversation,
    Intent,
    OpenConversation,
    Quit,
    Reconnect,
    Reopen,
    Resolve,
    SendReply,
    opening,
    press,
)
from imbari_chat.view.inbox import Filter, Inbox, noticed
from imbari_chat.view.keys import Key

if TYPE_CHECKING:
    from rich.live import Live

    from imbari_chat.client import AsyncAdminChat

__all__ = ["run_live_inbox"]

_TICK: Final = 1.0
"""Seconds between redraws when nothing happens: times age, and Windows tells no resize."""

_LAST_SENDS: Final = 0.3
"""Seconds that replies on their way are given when the person leaves."""

_LIVE: Final = ConnectionChanged("live")

_Change: TypeAlias = Callable[[Inbox], Inbox]


async def run_live_inbox(
    chat: "AsyncAdminChat",
    *,
    session: Session | None = None,
    peek: bool = False,
    shown: Filter = "all",
    limit: int = 50,
    title: str = "",
    zone: tzinfo | None = None,
    console: Console | None = None,
    keyboard: Input | None = None,
) -> None:
    """Take over the terminal and show the inbox live until the person leaves (q, Ctrl-C).

    However it ends, the terminal is as before, no task of its own is running, and ``chat`` is
    closed. What was written and has not arrived by then is given back on standard error.

    Args:
        chat: An admin's chat, entered.
        session: Open this conversation at once.
        peek: Open it without marking anything read.
        shown: Which conversations the list begins with.
        limit: How many conversations the list holds.
        title: Which project this is, for the banner.
        zone: The reader's time zone; None for the system's.
        console: What to draw on; standard output by default.
        keyboard: What to read; the terminal by default.

    Raises:
        UsageError: There is no terminal.
        Interrupted: The person pressed Ctrl-C.
        Unavailable: They left, and replies did not arrive.
        ImbariError: The inbox's stream has ended for good.
    """
    console = console or Console(highlight=False)
    keyboard = keyboard or keyboard_beside(console)
    shell = _Shell(chat, console, limit=limit, title=title, zone=zone)
    shell.state = Inbox(filter=shown)
    try:
        await shell.run(keyboard, session, peek=peek)
    finally:
        await chat.close()
        lost = give_back(shell.state, shell.handed_over, Stderr())
    if shell.is_interrupted:
        raise Interrupted
    if lost is not None:
        raise lost


class _Shell:
    """See :func:`run_live_inbox`."""

    def __init__(
        self,
        chat: "AsyncAdminChat",
        console: Console,
        *,
        limit: int,
        title: str,
        zone: tzinfo | None,
    ) -> None:
        self.state = Inbox()
        self._chat = chat
        self._console = console
        self._limit = limit
        self._title = title
        self._zone = zone
        self._posted: asyncio.Queue[Key | _Change | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._talk: Talk | None = None
        self._following: asyncio.Task[None] | None = None
        self.handed_over: dict[int, OutgoingMessage] = {}
        self._marked: set[MessageId] = set()
        self._unmarked: set[MessageId] = set()
        self._leaving_until: float | None = None
        self.is_interrupted = False

    async def run(self, keyboard: Input, session: Session | None, *, peek: bool) -> None:
        loop = asyncio.get_running_loop()

        def narrate(line: str) -> None:
            loop.call_soon_threadsafe(self._narrate, line)

        try:
            with taken_over(
                self._console,
                keyboard,
                picture=self._picture,
                on_key=self._posted.put_nowait,
                on_end=lambda: self._posted.put_nowait(Key("ctrl-c")),
                on_resize=lambda: self._post(lambda state: state),
                on_narration=narrate,
            ) as live:
                await self._chat.show()
                self._spawn(self._follow_inbox())
                if session is not None:
                    self.state, intents = opening(self.state, session, peek=peek)
                    self._carry_out(intents)
                await self._until_left(live)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_left(self, live: "Live") -> None:
        while not self._has_left():
            live.refresh()
            try:
                async with asyncio.timeout(self._until_tick()):
                    self._take(await self._posted.get())
            except TimeoutError:
                continue
            while not self._posted.empty():
                self._take(self._posted.get_nowait())
            self._mark_read()

    def _until_tick(self) -> float:
        if self._leaving_until is None:
            return _TICK
        return max(min(_TICK, self._leaving_until - time.monotonic()), 0)

    def _has_left(self) -> bool:
        if self._leaving_until is None:
            return False
        return not self.state.pending or time.monotonic() >= self._leaving_until

    def _take(self, posted: Key | _Change | BaseException) -> None:
        if isinstance(posted, BaseException):
            raise posted
        if isinstance(posted, Key):
            before = self.state.composer.text
            self.state, intents = press(self.state, posted)
            self._carry_out(intents)
            if self._talk is not None and self.state.composer.text not in ("", before):
                self._spawn(self._talk.typing())
        else:
            self.state = posted(self.state)

    def _picture(self) -> Text:
        width, height = self._console.size
        now = _now()
        self.state = fitted(self.state, width, height, now=now, zone=self._zone)
        return screen(self.state, width, height, now=now, zone=self._zone, title=self._title)

    def _post(self, change: _Change) -> None:
        self._posted.put_nowait(change)

    def _narrate(self, line: str) -> None:
        self._post(lambda state: noticed(state, line))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._posted.put_nowait(error)

    def _carry_out(self, intents: tuple[Intent, ...]) -> None:
        for intent in intents:
            match intent:
                case OpenConversation(session_id):
                    self._stop_following()
                    self._open(session_id)
                case CloseConversation():
                    self._stop_following()
                case SendReply():
                    assert self._talk is not None
                    self._spawn(self._reply(self._talk, intent))
                case Resolve(session_id):
                    self._spawn(self._set_status(session_id, resolved=True))
                case Reopen(session_id):
                    self._spawn(self._set_status(session_id, resolved=False))
                case Reconnect():
                    self._chat.reconnect_now()
                    self._hurry()
                case Quit(interrupted):
                    self._leave(interrupted=interrupted)

    def _leave(self, *, interrupted: bool) -> None:
        """Replies on their way are given a moment, unless the person insists."""
        now = time.monotonic()
        self._leaving_until = now if self._leaving_until is not None else now + _LAST_SENDS
        self.is_interrupted = interrupted
        self.state = noticed(self.state, "Leaving: a moment for replies on their way")

    def _open(self, session_id: SessionId) -> None:
        def heard(event: ChatEvent) -> None:
            at = _now()
            self._post(lambda state: reducer.reduce_conversation(state, session_id, event, at))
            if event == _LIVE:  # what could not be marked read may be now
                self._marked -= self._unmarked
                self._unmarked.clear()

        conversation = self.state.conversation
        peek = conversation is not None and conversation.peek
        self._talk = Talk(self._chat, session_id, heard, peek=peek)
        self._following = self._spawn(self._follow(self._talk))

    def _hurry(self) -> None:
        if self._talk is not None:
            self._talk.hurry()

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = self._talk = None

    async def _follow_inbox(self) -> None:
        async with aclosing(self._chat.events(limit=self._limit)) as events:
            async for event in events:
                self._heard(event)

    def _heard(self, event: ChatEvent) -> None:
        at = _now()
        self._post(lambda state: reducer.reduce(state, event, at))
        if event == _LIVE:
            self._hurry()

    async def _follow(self, talk: Talk) -> None:
        """Follow a conversation; if it cannot be followed, the inbox goes on without."""
        try:
            await talk.follow()
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: reducer.conversation_failed(state, talk.id, reason))

    async def _reply(self, talk: Talk, intent: SendReply) -> None:
        try:
            message = await talk.reply(intent.text)
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: reducer.reply_failed(state, intent.ticket, reason))
            return
        self.handed_over[intent.ticket] = message
        at = _now()
        self._post(lambda state: reducer.reply_handed_over(state, intent.ticket, message, at))

    async def _set_status(self, session_id: SessionId, *, resolved: bool) -> None:
        try:
            async with self._chat.open(session_id, peek=True) as conversation:
                await (conversation.resolve() if resolved else conversation.reopen())
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: noticed(state, reason, is_error=True))
        else:
            done = "Resolved" if resolved else "Reopened"
            self._post(lambda state: noticed(state, done))

    def _mark_read(self) -> None:
        """Mark what has come on screen read; once per message, so that no refusal is repeated."""
        conversation = self.state.conversation
        if conversation is None or not conversation.has_unread:
            return
        if conversation.connection.state != "live":
            return
        unread = [message for message in conversation.messages if message.is_unread]
        new = {message.id for message in unread} - self._marked
        if new and self._talk is not None:
            self._marked |= new
            self._spawn(self._mark(self._talk, unread[-1], new))

    async def _mark(self, talk: Talk, last: Message, new: set[MessageId]) -> None:
        try:
            await talk.mark_read(last)
        except Unavailable:
            self._unmarked |= new
        except ImbariError as error:
            reason = f"Not marked read: {error}"
            self._post(lambda state: noticed(state, reason, is_error=True))


def _now() -> int:
    return time.time_ns() // 1_000_000
