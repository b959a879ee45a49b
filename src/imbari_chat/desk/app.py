"""The desk: streams feed its store, keys change it, what a key asks for is done beside it.

Only the app's own task touches the store. Whatever waits for the network is a task that posts a
change; one that fails with anything but an expected error ends the desk with it.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Input, TextArea

from imbari_chat.clock import local_time
from imbari_chat.desk import frame
from imbari_chat.desk.away import Away, Edit
from imbari_chat.desk.bar import Bar
from imbari_chat.desk.cells import InColumns
from imbari_chat.desk.conversation_pane import ConversationPane
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.handover import Directory
from imbari_chat.desk.inbox_pane import InboxPane
from imbari_chat.desk.keys import Place as KeyPlace
from imbari_chat.desk.keys import bindings, help_lines
from imbari_chat.desk.leaving import Leaving
from imbari_chat.desk.notifier import Notices, Notifier
from imbari_chat.desk.sending import Sender
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams
from imbari_chat.desk.teamwork import Teamwork
from imbari_chat.desk.terminal import driver
from imbari_chat.desk.text_page import TextPage
from imbari_chat.schema.models import Message, Session
from imbari_chat.view.labels import customer_label
from imbari_chat.view.listing import Listing

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat

__all__ = ["Desk"]

_WIDE: Final = 110
"""Columns from which list and conversation stand side by side."""

_LIST: Final = 64
"""Columns of the list at most, beside a conversation."""

_GLANCE: Final = 0.2
"""Seconds between looks at what is on the screen."""


class Desk(App[None]):
    """The full-screen desk.

    Args:
        chat: An admin's chat, entered.
        chosen: What the list begins with.
        place: What the header says.
        limit: How many conversations are followed; older ones are loaded when asked for.
        peek: Never mark anything read.
        undo: Seconds for which a reply can be taken back.
        notices: How somebody who does not look is told.
        name: What the admin is called, for canned replies that say so.
        edit: Lets the person edit a text in an editor of their own.
        drafts: Where drafts are kept.
        zone: The reader's time zone; None for the system's.
        directory: Where admins have accounts; None if that is not known.
        clock: Gives seconds and never goes back.

    Attributes:
        store: What it knows and shows.
        sender: What it sends.
        leaving: Whether, and how, the person leaves.
        failure: What it ended with.
    """

    CSS = frame.STYLES
    BINDINGS: ClassVar[list[BindingType]] = list(bindings("everywhere"))
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        chat: "AsyncAdminChat",
        chosen: Listing | None = None,
        *,
        place: frame.Place | None = None,
        limit: int = 50,
        peek: bool = False,
        undo: float = 0.0,
        notices: Notices | None = None,
        name: str | None = None,
        edit: Edit | None = None,
        drafts: Drafts | None = None,
        zone: tzinfo | None = None,
        directory: Directory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True, driver_class=driver(lambda: self.leaving.gone()))
        self.failure: BaseException | None = None
        self.store = Store(chosen or Listing(), self._redrawn, clock)
        self.sender = Sender(
            self.store, drafts or Drafts(None), chat.drop, self._spawn, clock=clock, undo=undo
        )
        self._away = Away(self.store)
        self.leaving = Leaving(self.store, self.sender, self._end, clock)
        self._notifier = Notifier(notices or Notices(), self.store, self._control, self._spawn)
        self._edit = edit
        self._place = place or frame.Place()
        self._peek = peek
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams = Streams(
            chat,
            self.store,
            self._spawn,
            limit=limit,
            on_history=self._history_came,
            on_message=self._customer_wrote,
        )
        self._teamwork = Teamwork(
            self, chat, self.store, self._spawn, zone, directory, self._streams.older.changed
        )
        self._is_focused = True
        # Kept by name, because changes are told before they are on the screen and after.
        self._inbox = InboxPane(self.store, self._streams, self._open)
        self._conversation = ConversationPane(
            self.store, self._streams, self.sender, self._spawn, clock=clock, zone=zone, name=name
        )
        self._bars = (
            Bar(
                lambda: frame.header(
                    self.store.state, self._place, local_time(), self.store.unread, chat.account
                ),
                name="header",
            ),
            Bar(lambda: [frame.notice(self.store.state)], name="notice"),
            Bar(lambda: [frame.keys(self._key_place)], name="footer"),
        )

    def compose(self) -> ComposeResult:
        header, notice, footer = self._bars
        yield header
        with Horizontal(id="body"):
            yield self._inbox
            yield self._conversation
        yield notice
        yield footer

    async def run_async(self, *arguments: Any, **named: Any) -> None:
        """As Textual's, at the terminal's size, whatever a shell has once exported of it."""
        os.environ.pop("COLUMNS", None)
        os.environ.pop("LINES", None)
        await super().run_async(*arguments, **named)

    def on_mount(self) -> None:
        self.begin_capture_print(self, stdout=False)
        self._notifier.begin()
        self._inbox.take_focus()
        self._lay_out()
        self.leaving.listen()
        # What stood on the screen is gone after a shell, or an editor, had it.
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.set_interval(_GLANCE, self._glance)
        self.set_interval(1.0, self._redrawn)
        self._streams.begin()
        self._redrawn()

    async def on_unmount(self) -> None:
        self._notifier.end()
        self.sender.keep()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What is shown

    def _lay_out(self, size: Size | None = None) -> None:
        """List and conversation side by side, or one at a time where there is little room.

        Args:
            size: The terminal's, if that is about to become another one.
        """
        width = (size or self.size).width
        wide = width >= _WIDE
        in_list = not self._conversation.has_keys or self.store.opened is None
        self._inbox.display = wide or in_list
        self._inbox.styles.width = min(width * 2 // 5, _LIST) if wide else "1fr"
        self._conversation.display = wide or not in_list
        self._conversation.set_class(wide, "beside")
        self._conversation.lay_out()

    @property
    def _key_place(self) -> KeyPlace:
        """Whose keys are in force."""
        if self._conversation.has_keys:
            return "reply"
        return "search" if self._inbox.is_searching else "list"

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size)  # Textual's own handler comes after this one

    def on_descendant_focus(self) -> None:
        self._lay_out()
        self._redrawn()

    def _display(
        self, screen: Screen[Any], renderable: RenderableType | CompositorUpdate | None
    ) -> None:
        """As Textual's, which has no place of its own for this."""
        if isinstance(renderable, CompositorUpdate):
            renderable = InColumns(renderable)
        super()._display(screen, cast("Any", renderable))

    def _redrawn(self) -> None:
        for bar in self._bars:
            bar.update()
        self._inbox.redraw()
        self._conversation.redraw()
        self._notifier.update()

    def on_app_focus(self) -> None:
        self._is_focused = True

    def on_app_blur(self) -> None:
        self._is_focused = False

    def _glance(self) -> None:
        self.store.forget_notice()
        self.sender.release()
        self.sender.take_over()
        self.leaving.look()
        if self.screen_stack:
            self._conversation.reader.look(
                self._streams.talk,
                focused=self._looks,
                in_pane=self._conversation.has_keys,
                covered=len(self.screen_stack) > 1,
            )

    def _customer_wrote(self, session: Session, message: Message) -> None:
        """News for who does not look at that conversation."""
        is_open = self.store.opened == session.id and self._conversation.has_keys
        self._away.heard(customer_label(session))
        if not (is_open and self._looks):
            self._notifier.tell(customer_label(session), message.text)

    @property
    def _looks(self) -> bool:
        """Whether somebody can be taken to look at the desk."""
        return self._is_focused and not self._away.is_on

    def _control(self, sequence: str) -> None:
        """Tell the terminal something that is not drawn."""
        if self._driver is not None:
            self._driver.write(sequence)

    # Which conversation is open

    def _open(self, session: Session, peek: bool) -> None:
        peek = peek or self._peek
        opened = self.store.state.conversation
        is_followed = opened is not None and opened.connection.state != "closed"
        if not is_followed or opened is None or (opened.id, opened.peek) != (session.id, peek):
            self.sender.keep()
            self._conversation.reader.begin()
            self._streams.open(session, peek=peek)
        self._conversation.take_focus()
        self._lay_out()

    def _history_came(self) -> None:
        self._conversation.history_came()

    def action_search(self) -> None:
        self._inbox.search()
        self._lay_out()

    def action_list(self) -> None:
        self._inbox.take_focus()
        self._lay_out()

    def action_other_pane(self) -> None:
        if self._conversation.has_keys or self.store.opened is None:
            self._inbox.take_focus()
        else:
            self._conversation.take_focus()
        self._lay_out()

    def action_step_back(self) -> None:
        if not self._conversation.has_keys and self._inbox.end_search():
            return
        self.sender.keep()
        self._streams.close()
        self.store.change(lambda state: replace(state, conversation=None))
        self._inbox.take_focus()
        self._lay_out()

    # Everywhere

    async def run_action(self, *arguments: Any, **named: Any) -> bool:
        """What a key does comes behind what was typed before it, which goes to a field by a queue
        of the field's own."""
        field = self.focused
        if isinstance(field, Input | TextArea):
            done = asyncio.Event()
            field.call_later(done.set)
            with suppress(TimeoutError):  # a field that is being taken away has no queue any more
                await asyncio.wait_for(done.wait(), 1.0)
            self._inbox.take_typed()
            self._conversation.take_typed()
        return await super().run_action(*arguments, **named)

    async def action_team(self, what: str) -> None:
        """Something that is done with a conversation: the open one, or the selected one."""
        conversation = self.store.state.conversation
        session = self.store.selected
        if self._conversation.has_keys and conversation is not None:
            session = conversation.session
            if what == "unread":
                self.action_step_back()  # what is looked at would be read again
        elif session is not None:
            # It is about this one from now on, whatever comes on top.
            self.store.choose(replace(self.store.listing, selected=session.id))
        if session is not None:
            await self._teamwork.begin(what, session)

    async def action_help(self) -> None:
        if len(self.screen_stack) == 1:
            await self.push_screen(TextPage(help_lines()))

    def action_editor(self) -> None:
        """Write on in an editor, which has the terminal meanwhile."""
        if self._edit is None or self.store.opened is None:
            return
        left = ExitStack()
        try:
            left.enter_context(self.suspend())
        except SuspendNotSupported:
            self.store.tell("No editor can be opened in this terminal", is_error=True)
            return
        self._away.is_on = True
        draft = self.store.state.draft
        self._spawn(self._away.write(self._edit, draft, self.sender.write, left))

    def action_reconnect(self) -> None:
        self._streams.reconnect()
        self.store.tell("Trying again now…")

    def action_redraw(self) -> None:
        self.refresh(repaint=True, layout=True)

    def action_leave(self) -> None:
        self.leaving.begin(interrupted=False)

    def action_interrupt(self) -> None:
        self.leaving.begin(interrupted=True)

    def on_print(self, event: events.Print) -> None:
        if event.text.strip():
            self.store.tell(event.text.strip())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _handle_exception(self, error: Exception) -> None:
        """A mistake of ours ends the desk, and whoever called tells of it once the terminal is as
        before; Textual would show it with the texts that customers wrote."""
        self.failure = self.failure or error
        if self.is_headless:
            super()._handle_exception(error)
        self._end()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failure = error
            self._end()

    def _end(self) -> None:
        """Once the terminal is ours, which an editor would otherwise lose under its feet."""
        if not self._away.after(self.exit):
            self.exit()
