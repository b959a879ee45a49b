"""The desk: streams feed its state, keys change it, intents are carried out beside it.

Only the app's own task touches the state. Whatever waits for the network is a task that posts a
change; one that fails with anything but an expected error ends the desk with it.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, TextArea

from imbari_chat.desk import frame
from imbari_chat.desk.bar import Bar
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.help_page import HelpPage
from imbari_chat.desk.keys import bindings
from imbari_chat.desk.list_pane import ListPane, Picture
from imbari_chat.desk.reply_box import ReplyBox
from imbari_chat.desk.talk import Talk
from imbari_chat.desk.transcript import Said, Transcript
from imbari_chat.errors import Conflict, ImbariError, InvalidData, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view import commands, listing, reducer, seen
from imbari_chat.view.composer import Composer
from imbari_chat.view.inbox import Inbox, noticed
from imbari_chat.view.listing import Listing
from imbari_chat.view.outgoing import Pending
from imbari_chat.view.seen import Gaze, Seen

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.client.reading.pager import SessionPager

__all__ = ["Desk", "Place"]

_WIDE: Final = 110
"""Columns from which list and conversation stand side by side."""

_GLANCE: Final = 0.2
"""Seconds between looks at what is on the screen."""

_NOTICE: Final = 8.0
"""Seconds for which a notice stays."""

_DRAFTS: Final = 0.3
"""Seconds of quiet after which what is written goes to disk."""

_LAST_SENDS: Final = 0.3
"""Seconds that replies on their way are given when the person leaves."""

_PAGE: Final = 100
_LIVE: Final = ConnectionChanged("live")

_Change: TypeAlias = Callable[[Inbox], Inbox]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the desk stands, for its header.

    Attributes:
        project: The project's id.
        account: Who is signed in, if that is known.
        is_live: A live project, where what is done concerns customers.
    """

    project: str = ""
    account: str = ""
    is_live: bool = False


class Desk(App[None]):
    """The full-screen desk.

    Args:
        chat: An admin's chat, entered.
        place: What the header says.
        shown: Which conversations the list begins with.
        limit: How many conversations are followed; older ones are loaded when asked for.
        session: Open this conversation at once.
        peek: Never mark anything read.
        drafts: Where drafts are kept.
        zone: The reader's time zone; None for the system's.
        clock: Gives seconds and never goes back.
    """

    CSS = frame.STYLES
    BINDINGS: ClassVar[list[BindingType]] = list(bindings("everywhere"))
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        chat: "AsyncAdminChat",
        *,
        place: Place | None = None,
        shown: listing.Shown = "active",
        limit: int = 50,
        session: Session | None = None,
        peek: bool = False,
        drafts: Drafts | None = None,
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True)
        self.state = Inbox()
        self.listing = Listing(shown=shown)
        self.rows: list[Session] = []
        self.handed_over: dict[int, OutgoingMessage] = {}
        self.is_interrupted = False
        self.failure: BaseException | None = None
        self._chat = chat
        self._place = place or Place()
        self._limit = limit
        self._first = session
        self._peek = peek
        self._drafts = drafts or Drafts(None)
        self._zone = zone
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._talk: Talk | None = None
        self._following: asyncio.Task[None] | None = None
        self._pager: SessionPager | None = None
        self._is_whole = self._is_turning = False
        self._divider: MessageId | None = None
        self._has_begun = False
        self._seen = Seen()
        self._is_focused = True
        self._noticed_at = 0.0
        # Kept by name, because changes are told before they are on the screen and after.
        self._list_pane = ListPane(self._picture)
        self._transcript = Transcript(self._said)
        self._reply_box = ReplyBox()
        self._bars = (
            Bar(lambda: frame.header(self.state, self._place, _now()), name="header"),
            Bar(self._heading, name="heading", height=2),
            Bar(lambda: [frame.notice(self.state)], name="notice"),
            Bar(lambda: [frame.keys(self._is_in_list)], name="footer"),
        )
        self._leaving_since: float | None = None
        for session_id, text in self._drafts.texts.items():
            self.state = self.state.with_draft(session_id, Composer.holding(text))

    def compose(self) -> ComposeResult:
        header, heading, notice, footer = self._bars
        yield header
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Input(placeholder="search", id="search", compact=True)
                yield self._list_pane
            with Vertical(id="right"):
                yield heading
                yield self._transcript
                yield self._reply_box
        yield notice
        yield footer

    def on_mount(self) -> None:
        self.begin_capture_print(self, stdout=False)
        self._relist()
        self.query_one("#search").display = False
        self._list_pane.focus()
        self._lay_out()
        for name in ("SIGHUP", "SIGTERM"):
            _handle(name, self.action_interrupt)
        self.set_interval(_GLANCE, self._glance)
        self.set_interval(1.0, self._redrawn)
        self._spawn(self._follow_inbox())
        if self._first is not None:
            self._open(self._first, peek=self._peek)
        self._redrawn()

    async def on_unmount(self) -> None:
        self._keep_draft()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What is shown

    def _picture(self) -> Picture:
        opened = self.state.conversation.id if self.state.conversation else None
        return Picture(
            self.rows,
            self.listing,
            opened,
            frozenset(self.state.drafts),
            f"{self.listing.shown} · {listing.reach(self.listing, self.rows, self.state.sessions)}",
            frame.nothing(self.state, self.listing),
            _now(),
        )

    def _heading(self) -> frame.Lines:
        below = 0 if self.state.conversation is None else self._transcript.below
        return frame.heading(self.state, below, self._transcript.size.width)

    def _said(self) -> Said:
        conversation = self.state.conversation
        if conversation is None:
            return Said(top="Open a conversation with Enter")
        now = _now()
        top = "loading…"
        if self._is_whole:
            top = "the beginning of the conversation"
        elif conversation.connection.state == "live":
            top = "older messages above: PgUp" if not self._is_turning else "loading older…"
        elif conversation.connection.state == "reconnecting" and not conversation.messages:
            top = "not loaded: waits for the network"
        sending = zip(self.state.sending(), self.state.progress(now), strict=True)
        return Said(
            conversation.messages,
            tuple(sending),
            self._divider,
            conversation.session.customer_seen_at,
            top,
            now - now % 60_000,
            self._zone,
        )

    @property
    def _is_in_list(self) -> bool:
        return not isinstance(self.focused, ReplyBox)

    def _lay_out(self) -> None:
        """List and conversation side by side, or one at a time where there is little room."""
        wide = self.size.width >= _WIDE
        opened = self.state.conversation is not None
        in_list = self._is_in_list or not opened
        self.query_one("#left").display = wide or in_list
        self.query_one("#left").styles.width = 46 if wide else "1fr"
        self.query_one("#right").display = wide or not in_list
        self._reply_box.display = opened and self.size.height >= 12

    def on_resize(self) -> None:
        self._lay_out()

    def on_descendant_focus(self) -> None:
        self._lay_out()
        self._redrawn()

    def _change(self, change: _Change) -> None:
        before = self.state
        self.state = change(before)
        if self.state.notice is not before.notice:
            self._noticed_at = self._clock()
        if self.state.sessions is not before.sessions:
            self._relist()
        self._show_draft()
        self._redrawn()

    def _list(self, chosen: Listing) -> None:
        if replace(chosen, selected=self.listing.selected) != self.listing:
            self.listing = chosen
            self._relist()
        self.listing = chosen
        self._redrawn()

    def _relist(self) -> None:
        self.rows = listing.listed(self.listing, self.state.sessions)

    def _redrawn(self) -> None:
        for widget in (*self._bars, self._list_pane):
            widget.refresh()
        self._transcript.update()

    def _tell(self, text: str, *, is_error: bool = False) -> None:
        self._change(lambda state: noticed(state, text, is_error=is_error))

    # Read means seen

    def on_app_focus(self) -> None:
        self._is_focused = True

    def on_app_blur(self) -> None:
        self._is_focused = False

    def _glance(self) -> None:
        if self.state.notice is not None and self._clock() - self._noticed_at > _NOTICE:
            self._change(lambda state: replace(state, notice=None))
        if self._has_left():
            self.exit()
        conversation = self.state.conversation
        if conversation is None or not self.screen_stack:
            return
        gaze = Gaze(
            drawn=self._transcript.drawn(),
            terminal_focused=self._is_focused,
            pane_focused=isinstance(self.screen_stack[0].focused, ReplyBox),
            covered=len(self.screen_stack) > 1,
            peek=conversation.peek or self._peek,
            live=conversation.connection.state == "live",
        )
        self._seen = seen.looked(self._seen, gaze, int(self._clock() * 1000))
        self._seen, last = seen.to_mark(
            self._seen, conversation.messages, conversation.session.unread_count
        )
        if last is not None and self._talk is not None:
            self._spawn(self._mark(self._talk, last, self._seen.asked))

    async def _mark(self, talk: Talk, last: Message, asked: frozenset[MessageId]) -> None:
        try:
            await talk.mark_read(last)
        except Unavailable:
            self._seen = seen.unmarked(self._seen, asked)
        except ImbariError as error:
            self._tell(f"Not marked read: {error}", is_error=True)

    # Keys in the list

    def action_move(self, by: int) -> None:
        self._list(listing.moved(self.listing, self.rows, by))
        if by > 0 and self.rows and self._selected() == self.rows[-1]:
            self._load_more()

    def action_top(self) -> None:
        self._list(replace(self.listing, selected=None))

    def action_bottom(self) -> None:
        self.action_move(len(self.rows))

    def action_open(self) -> None:
        selected = self._selected()
        if selected is not None:
            self._open(selected, peek=self._peek)

    def action_peek(self) -> None:
        selected = self._selected()
        if selected is not None:
            self._open(selected, peek=True)

    def action_next_unread(self) -> None:
        self._jump(listing.following(self.listing, self.rows, "unread"), "unread")

    def action_next_waiting(self) -> None:
        self._jump(listing.following(self.listing, self.rows, "waiting"), "waiting")

    def _jump(self, to: Session | None, kind: str) -> None:
        if to is None:
            self._tell(f"None of these is {kind}")
        else:
            self._list(replace(self.listing, selected=to.id))

    def action_filter(self) -> None:
        self._list(listing.other_shown(self.listing))

    def action_order(self) -> None:
        self._list(listing.other_order(self.listing))
        self._tell(f"First: {self.listing.order}")

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(replace(self.listing, query=event.value, selected=None))

    def on_input_submitted(self) -> None:
        self._list_pane.focus()

    def on_list_pane_clicked(self, event: ListPane.Clicked) -> None:
        self._open(event.session, peek=self._peek)

    def _selected(self) -> Session | None:
        wanted = self.listing.selected
        found = next((one for one in self.rows if one.id == wanted), None)
        return found or (self.rows[0] if self.rows else None)

    def _load_more(self) -> None:
        if self.listing.is_complete or self.listing.is_loading:
            return
        self._list(replace(self.listing, is_loading=True))
        self._spawn(self._turn_list())

    async def _turn_list(self) -> None:
        if self._pager is None:
            self._pager = self._chat.browse(page_size=_PAGE)
        try:
            page = await self._pager.older()
            while page and all(one.id in self.state.sessions for one in page):
                page = await self._pager.older()
        except ImbariError as error:
            self._list(replace(self.listing, is_loading=False))
            self._tell(f"No more could be loaded: {error}", is_error=True)
            return
        older = {**self.listing.older, **{one.id: one for one in page}}
        is_complete = len(page) < _PAGE
        self._list(replace(self.listing, older=older, is_complete=is_complete, is_loading=False))

    # Keys in a conversation

    def action_send(self) -> None:
        # Behind the characters that were typed before it and are on their way to the field.
        self._reply_box.call_later(self._send, checks=True)

    def action_insist(self) -> None:
        self._reply_box.call_later(self._send, checks=False)

    def _send(self, *, checks: bool) -> None:
        conversation, talk = self.state.conversation, self._talk
        text = self._reply_box.text
        if conversation is None or talk is None or not text.strip():
            return
        try:
            checked_text(text)
        except InvalidData as error:
            self._tell(str(error), is_error=True)
            return
        # Asking whether a colleague was faster needs a connection, and no reply of one's own ahead.
        can_check = conversation.connection.state == "live" and not self.state.sending()
        last = conversation.messages[-1] if conversation.messages and checks and can_check else None
        ticket = self.state.next_ticket
        pending = Pending(ticket, conversation.id, text)
        self._change(
            lambda state: replace(
                state.with_draft(conversation.id, Composer()),
                pending=(*state.pending, pending),
                next_ticket=ticket + 1,
            )
        )
        self._keep_draft()
        self._transcript.to_bottom()
        self._spawn(self._reply(talk, ticket, text, last))

    async def _reply(self, talk: Talk, ticket: int, text: str, last: Message | None) -> None:
        try:
            message = await talk.reply(text, expect_last=last)
        except Conflict:
            reason = "somebody else wrote meanwhile. Look, then Enter; Ctrl-S sends all the same"
            self._change(lambda state: reducer.reply_failed(state, ticket, reason))
        except ImbariError as error:
            words = str(error)
            self._change(lambda state: reducer.reply_failed(state, ticket, words))
        else:
            self.handed_over[ticket] = message
            at = _now()
            self._change(lambda state: reducer.reply_handed_over(state, ticket, message, at))

    def action_newline(self) -> None:
        self._reply_box.insert("\n")

    def action_scroll(self, pages: int) -> None:
        self._transcript.scroll(pages)
        self._redrawn()

    def action_oldest(self) -> None:
        self._transcript.to_top()
        self._redrawn()

    def action_newest(self) -> None:
        self._transcript.to_bottom()
        self._redrawn()

    def on_transcript_reached_top(self) -> None:
        if self._is_whole or self._is_turning or self._talk is None:
            return
        self._is_turning = True
        self._redrawn()
        self._spawn(self._turn_back(self._talk))

    async def _turn_back(self, talk: Talk) -> None:
        try:
            page, is_whole = await talk.older(_PAGE)
        except ImbariError as error:
            self._tell(f"No older messages could be loaded: {error}", is_error=True)
            return
        finally:
            self._is_turning = False
        if talk is self._talk:
            self._is_whole = is_whole
            self._change(lambda state: reducer.with_older(state, talk.id, page))

    def action_copy(self) -> None:
        newest = self._transcript.newest_drawn()
        conversation = self.state.conversation
        found = conversation and next((m for m in conversation.messages if m.id == newest), None)
        if found:
            self.copy_to_clipboard(found.text)
            self._tell("Copied the newest message on the screen")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        conversation = self.state.conversation
        if conversation is None:
            return
        composer = Composer.holding(event.text_area.text)
        if composer.text != self.state.composer.text:
            self.state = self.state.with_draft(conversation.id, composer)
            self.set_timer(_DRAFTS, self._keep_draft)
            self._redrawn()

    def _keep_draft(self) -> None:
        conversation = self.state.conversation
        for session_id in {*self._drafts.texts, *self.state.drafts}:
            draft = self.state.drafts.get(session_id, Composer()).text
            try:
                self._drafts.put(session_id, draft)
            except ImbariError as error:
                if conversation is not None:
                    self._tell(f"Drafts are not kept: {error}", is_error=True)

    def _show_draft(self) -> None:
        """The field holds the open conversation's draft, also when a reply has come back."""
        field = self._reply_box if self._reply_box.is_mounted else None
        if field is not None and field.text != self.state.composer.text:
            field.load_text(self.state.composer.text)
            field.move_cursor(field.document.end)

    # Everywhere

    def action_status(self) -> None:
        conversation = self.state.conversation
        session = self._selected()
        if not self._is_in_list and conversation is not None:
            session = conversation.session
        if session is not None:
            self._tell("Reopening…" if session.is_resolved else "Resolving…")
            self._spawn(self._set_status(session.id, resolved=not session.is_resolved))

    async def _set_status(self, session_id: SessionId, *, resolved: bool) -> None:
        try:
            if resolved:
                await self._chat.resolve(session_id)
            else:
                await self._chat.reopen(session_id)
        except ImbariError as error:
            self._tell(str(error), is_error=True)
        else:
            self._tell("Resolved" if resolved else "Reopened")

    def action_other_pane(self) -> None:
        if self._is_in_list and self.state.conversation is not None:
            self._focus_reply()
        else:
            self.query_one("#left").display = True
            self._list_pane.focus()

    def action_step_back(self) -> None:
        field = self.query_one("#search", Input)
        if self._is_in_list and field.display:
            field.value = ""
            field.display = False
            self._list_pane.focus()
            return
        self._keep_draft()
        self._stop_following()
        self._change(lambda state: replace(state, conversation=None, focus="list"))
        self.query_one("#left").display = True
        self._list_pane.focus()
        self._lay_out()

    async def action_help(self) -> None:
        if len(self.screen_stack) == 1:
            await self.push_screen(HelpPage())

    def action_reconnect(self) -> None:
        self._chat.reconnect_now()
        if self._talk is not None:
            self._talk.hurry()
        self._tell("Trying again now…")

    def action_redraw(self) -> None:
        self.refresh(repaint=True, layout=True)

    def action_leave(self) -> None:
        self._leave(interrupted=False)

    def action_interrupt(self) -> None:
        self._leave(interrupted=True)

    def _leave(self, *, interrupted: bool) -> None:
        """Replies on their way are given a moment, unless the person insists."""
        now = self._clock()
        self._leaving_since = now if self._leaving_since is None else now - _LAST_SENDS
        self.is_interrupted = interrupted
        if self._has_left():
            self.exit()

    def _has_left(self) -> bool:
        if self._leaving_since is None:
            return False
        return not self.state.pending or self._clock() - self._leaving_since >= _LAST_SENDS

    def on_print(self, event: events.Print) -> None:
        if event.text.strip():
            self._tell(event.text.strip())

    # Streams

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failure = error
            self.exit()

    async def _follow_inbox(self) -> None:
        async with aclosing(self._chat.events(limit=self._limit)) as heard:
            async for event in heard:
                self._heard(event)

    def _heard(self, event: ChatEvent) -> None:
        chosen = listing.heard(self.listing, event, self.state.sessions)
        at = _now()
        if chosen is not self.listing:
            self.listing = chosen
            self._relist()
        self._change(lambda state: reducer.reduce(state, event, at))
        if event == _LIVE:
            is_whole = len(self.state.sessions) < self._limit
            self._list(replace(self.listing, is_complete=self.listing.is_complete or is_whole))
            if self._talk is not None:
                self._talk.hurry()

    def _open(self, session: Session, *, peek: bool) -> None:
        opened = self.state.conversation
        if opened is not None and (opened.id, opened.peek) == (session.id, peek):
            self._focus_reply()
            return
        self._keep_draft()
        self._stop_following()
        self.listing = replace(self.listing, selected=session.id)
        self._divider, self._seen = None, Seen()
        self._has_begun = self._is_whole = self._is_turning = False
        transcript = self._transcript
        transcript.begin()
        self._change(lambda state: commands.opening(state, session, peek=peek)[0])
        self._talk = Talk(self._chat, session.id, self._heard_in(session.id), peek=peek)
        self._following = self._spawn(self._follow(self._talk))
        self._focus_reply()

    def _focus_reply(self) -> None:
        self.query_one("#right").display = True
        field = self._reply_box
        field.display = True
        field.focus()

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = self._talk = None

    def _heard_in(self, session_id: SessionId) -> Callable[[ChatEvent], None]:
        def heard(event: ChatEvent) -> None:
            at = _now()
            self._change(lambda state: reducer.reduce_conversation(state, session_id, event, at))
            if event == _LIVE:
                self._begin_reading()

        return heard

    def _begin_reading(self) -> None:
        """The history is here: the divider stays where it is now, and reading begins there."""
        conversation = self.state.conversation
        if conversation is None or self._has_begun:
            return
        self._has_begun = True
        unread = [one for one in conversation.messages if one.is_unread]
        if unread:
            self._divider = unread[0].id
            transcript = self._transcript
            transcript.update()
            transcript.to_message(unread[0].id)
        if len(unread) < conversation.session.unread_count or len(conversation.messages) < 50:
            self.on_transcript_reached_top()

    async def _follow(self, talk: Talk) -> None:
        try:
            await talk.follow()
        except ImbariError as error:
            reason = str(error)
            self._change(lambda state: reducer.conversation_failed(state, talk.id, reason))


def _handle(name: str, handler: Callable[[], None]) -> None:
    """Listen to a signal, where there is such a thing and the loop may."""
    number = getattr(signal, name, None)
    if number is not None:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(number, handler)


def _now() -> int:
    return time.time_ns() // 1_000_000
