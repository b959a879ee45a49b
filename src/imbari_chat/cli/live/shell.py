"""The live inbox's loop: one task owns the state, everything else sends it changes.

The inbox's stream, the open conversation's stream and every intent run as tasks of their own. Each
tells what happened by posting a function from state to state; a task that fails with anything but
an expected error ends the loop with it.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prompt_toolkit.input import Input, create_input
from rich.console import Console
from rich.text import Text

from imbari_chat.cli.exits import UsageError
from imbari_chat.cli.live.screen import fitted, screen
from imbari_chat.cli.live.terminal import taken_over
from imbari_chat.cli.narration import Narrator
from imbari_chat.errors import ImbariError, NotFound
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view import inbox as view
from imbari_chat.view.inbox import Filter, Inbox
from imbari_chat.view.keys import Key
from imbari_chat.view.pressing import (
    CloseConversation,
    Intent,
    OpenConversation,
    Quit,
    Reopen,
    Resolve,
    SendReply,
    opening,
    press,
)

if TYPE_CHECKING:
    from rich.live import Live

    from imbari_chat.client import AsyncAdminChat

__all__ = ["run_live_inbox"]

_TICK: Final = 1.0
"""Seconds between redraws when nothing happens: times age, and Windows tells no resize."""

_LAST_SENDS: Final = 5.0
"""Seconds that replies under way are given when the person leaves."""

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

    However it ends, the terminal is as before and no task of its own is running; ``chat`` stays
    open. Replies not confirmed by then are quoted on standard error.

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
        ImbariError: The inbox's stream has ended for good.
    """
    console = console or Console(highlight=False)
    if keyboard is None:
        if not console.is_terminal:
            raise _no_terminal()
        keyboard = create_input()
        if keyboard.fileno() < 0 or not _is_terminal(keyboard):
            raise _no_terminal()
    shell = _Shell(chat, console, limit=limit, title=title, zone=zone)
    shell.state = Inbox(filter=shown)
    try:
        await shell.run(keyboard, session, peek=peek)
    finally:
        _quote_unsent(shell.state)


def _no_terminal() -> UsageError:
    return UsageError(
        "the live inbox needs a terminal", hint="In a pipe use `imbari-chat watch` and `reply`"
    )


def _is_terminal(keyboard: Input) -> bool:
    import os

    return os.isatty(keyboard.fileno())


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
        self._following: asyncio.Task[None] | None = None
        self._turns: defaultdict[SessionId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._marked: set[MessageId] = set()
        self._leaving_until: float | None = None

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
                async with asyncio.timeout(_TICK):
                    self._take(await self._posted.get())
            except TimeoutError:
                continue
            while not self._posted.empty():
                self._take(self._posted.get_nowait())
            self._mark_read()

    def _has_left(self) -> bool:
        if self._leaving_until is None:
            return False
        return not self.state.pending or time.monotonic() >= self._leaving_until

    def _take(self, posted: Key | _Change | BaseException) -> None:
        if isinstance(posted, BaseException):
            raise posted
        if isinstance(posted, Key):
            self.state, intents = press(self.state, posted)
            self._carry_out(intents)
        else:
            self.state = posted(self.state)

    def _picture(self) -> Text:
        width, height = self._console.size
        now = time.time_ns() // 1_000_000
        self.state = fitted(self.state, width, height, now=now, zone=self._zone)
        return screen(self.state, width, height, now=now, zone=self._zone, title=self._title)

    def _post(self, change: _Change) -> None:
        self._posted.put_nowait(change)

    def _narrate(self, line: str) -> None:
        self._post(lambda state: view.noticed(state, line))

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
                case OpenConversation(session_id, peek):
                    self._stop_following()
                    self._following = self._spawn(self._follow(session_id, peek=peek))
                case CloseConversation():
                    self._stop_following()
                case SendReply():
                    self._spawn(self._reply(intent))
                case Resolve(session_id):
                    self._spawn(self._set_status(session_id, resolved=True))
                case Reopen(session_id):
                    self._spawn(self._set_status(session_id, resolved=False))
                case Quit():
                    self._leave()

    def _leave(self) -> None:
        """Replies under way are given a moment, unless the person insists."""
        now = time.monotonic()
        self._leaving_until = now if self._leaving_until is not None else now + _LAST_SENDS
        self.state = view.noticed(self.state, "Waiting for replies under way; again to leave now")

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow_inbox(self) -> None:
        async with aclosing(self._chat.events(limit=self._limit)) as events:
            async for event in events:
                self._heard(event)

    def _heard(self, event: ChatEvent) -> None:
        self._post(lambda state: view.reduce(state, event))

    async def _follow(self, session_id: SessionId, *, peek: bool) -> None:
        """Follow a conversation; if it cannot be followed, the inbox goes on without."""

        def heard(event: ChatEvent) -> None:
            self._post(lambda state: view.reduce_conversation(state, session_id, event))

        try:
            async with (
                self._chat.open(session_id, peek=peek) as conversation,
                aclosing(conversation.events()) as events,
            ):
                async for event in events:
                    heard(event)
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: view.conversation_failed(state, session_id, reason))

    async def _reply(self, intent: SendReply) -> None:
        """Send one reply; those to the same conversation go in the order they were written."""
        try:
            async with (
                self._turns[intent.session_id],
                self._chat.open(intent.session_id, peek=True) as conversation,
            ):
                message = await conversation.reply(intent.text)
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: view.reply_failed(state, intent.ticket, reason))
        else:
            self._sent(intent.ticket, message)

    def _sent(self, ticket: int, message: Message) -> None:
        self._post(lambda state: view.reply_sent(state, ticket, message))

    async def _set_status(self, session_id: SessionId, *, resolved: bool) -> None:
        try:
            async with self._chat.open(session_id, peek=True) as conversation:
                await (conversation.resolve() if resolved else conversation.reopen())
        except ImbariError as error:
            reason = str(error)
            self._post(lambda state: view.noticed(state, reason, is_error=True))
        else:
            done = "Resolved" if resolved else "Reopened"
            self._post(lambda state: view.noticed(state, done))

    def _mark_read(self) -> None:
        """Mark what has come on screen read; once per message, so that no refusal is repeated."""
        conversation = self.state.conversation
        if conversation is None or not conversation.has_unread:
            return
        if conversation.connection.state != "live":
            return
        unread = {message.id for message in conversation.messages if message.is_unread}
        if unread - self._marked:
            self._marked |= unread
            self._spawn(self._mark(conversation.id))

    async def _mark(self, session_id: SessionId) -> None:
        try:
            async with self._chat.open(session_id):
                return  # entering marks it read
        except NotFound:
            return  # deleted meanwhile; the stream tells
        except ImbariError as error:
            reason = f"Not marked read: {error}"
            self._post(lambda state: view.noticed(state, reason, is_error=True))


def _quote_unsent(state: Inbox) -> None:
    """What was written and may not have arrived, so that it is not lost with the screen."""
    tell = Narrator()
    for pending in state.pending:
        tell.warn("this reply was not confirmed; look before sending it again:")
        tell.quote(pending.text)
    for draft in state.drafts.values():
        if draft.text.strip():
            tell.warn("this was written and not sent:")
            tell.quote(draft.text)
