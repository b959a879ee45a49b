"""The room of the open conversation: whose it is, what was said, the reply, and their keys."""

import re
from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea

from imbari_chat.clock import local_time
from imbari_chat.desk import frame
from imbari_chat.desk.bar import Bar
from imbari_chat.desk.keys import bindings, key_of
from imbari_chat.desk.prompts import Choose
from imbari_chat.desk.reading import Reader
from imbari_chat.desk.reply_box import ReplyBox
from imbari_chat.desk.sending import Sender
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn, Streams
from imbari_chat.desk.text_page import TextPage
from imbari_chat.desk.transcript import Said, Transcript
from imbari_chat.errors import InvalidData
from imbari_chat.schema import canned
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.sanitize import safe_text

__all__ = ["ConversationPane"]

_LINK: Final = re.compile(r"https?://[^\s<>\"'\x00-\x1f]+[^\s<>\"'\x00-\x1f.,;:!?)\]]")

_CHOICES: Final = (
    f"{key_of('again')} sends it again  {key_of('rework')} edits it  {key_of('drop')} drops it"
)

_PREVIEW: Final = 100

_QUIET: Final = 0.3
"""Seconds of quiet after which what is written goes to disk."""


class ConversationPane(Vertical):
    """What was said and is being written, and what its keys do.

    Args:
        store: The desk's.
        streams: What the conversation is followed with.
        sender: Who sends.
        spawn: For what waits for the network.
        clock: Gives seconds and never goes back.
        zone: The reader's time zone; None for the system's.
        name: What the admin is called, for canned replies that say so.
    """

    BINDINGS = bindings("reply")  # Textual's own way

    def __init__(
        self,
        store: Store,
        streams: Streams,
        sender: Sender,
        spawn: Spawn,
        *,
        clock: Callable[[], float],
        zone: tzinfo | None,
        name: str | None,
    ) -> None:
        super().__init__(id="right")
        self._store = store
        self._streams = streams
        self._sender = sender
        self._zone = zone
        self._name = name
        self._heading = Bar(self._heading_lines, name="heading", height=2)
        self._transcript = Transcript(self._said)
        self._notes = Bar(self._note_lines, name="notes", height=0)
        self._field = ReplyBox()
        self._recalled = 0  # how far back what stands in the field was sent
        self._shown: tuple[SessionId | None, str] = None, ""
        self.reader = Reader(store, self._transcript, spawn, clock)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._transcript
        yield self._notes
        yield self._field

    @property
    def has_keys(self) -> bool:
        """Whether keys go to the reply."""
        return self._field.is_attached and self.screen.focused is self._field

    def take_focus(self) -> None:
        """Keys go to the reply."""
        self.display = self._field.display = True
        self.screen.set_focus(self._field)

    def take_typed(self) -> None:
        """What stands in the field is the draft, whether or not the field has told of it."""
        text = self._field.text
        self._shown = self._store.opened, text
        if self._sender.write(text):
            if text:
                self._streams.typing()
            self.set_timer(_QUIET, self._sender.keep)

    def lay_out(self) -> None:
        """Show the entry field where there is somebody to write to."""
        self._field.display = self._store.opened is not None

    def redraw(self) -> None:
        """The store has changed. The field holds the draft of the conversation that is open, also
        when a reply has come back; what is being typed may be ahead of the store."""
        shown = self._store.opened, self._store.state.draft
        if self._field.is_mounted and shown != self._shown:
            self._shown = shown
            if self._field.text != self._store.state.draft:
                self._field.load_text(self._store.state.draft)
                self._field.move_cursor(self._field.document.end)
        self._heading.update()
        self._notes.update()
        self._transcript.update()

    def history_came(self) -> None:
        """What is there of the conversation has come."""
        if self.reader.history_came():
            self._streams.turn_back()

    def _heading_lines(self) -> frame.Lines:
        below = 0 if self._store.opened is None else self._transcript.below
        return frame.heading(
            self._store.state,
            self._store.listing,
            below,
            self._heading.size.width,
            self._transcript.day,
        )

    def _note_lines(self) -> frame.Lines:
        store = self._store
        return frame.notes(
            store.state.conversation, store.listing.me, self._heading.size.width, self._zone
        )

    def _said(self) -> Said:
        state = self._store.state
        conversation = state.conversation
        if conversation is None:
            return Said(top="Open a conversation with Enter")
        at = local_time()
        top = "loading…"
        if self._streams.is_whole:
            top = "the beginning of the conversation"
        elif conversation.connection.state == "live":
            turning = self._streams.is_turning
            top = "loading older…" if turning else "older messages above: PgUp"
        elif conversation.connection.state == "reconnecting" and not conversation.messages:
            top = "not loaded: waits for the network"
        return Said(
            conversation.messages,
            tuple(zip(state.sending(), state.progress(at), strict=True)),
            state.not_sent(),
            _CHOICES,
            self.reader.divider,
            conversation.session.customer_seen_at,
            top,
            at - at % 60_000,
            self._zone,
        )

    def action_send(self) -> None:
        self._send(checks=True)

    def action_insist(self) -> None:
        """Send it unasked: what is written, or else what was not sent."""
        if self._field.text.strip():
            self._send(checks=False)
        else:
            self._again(checks=False)

    def action_again(self) -> None:
        self._again(checks=True)

    def action_rework(self) -> None:
        self._tell_if_none(self._sender.rework())

    def action_drop(self) -> None:
        if self._tell_if_none(self._sender.drop()):
            self._store.tell("Dropped; ↑ in an empty field brings it back")

    def _again(self, *, checks: bool) -> None:
        if self._tell_if_none(self._sender.send_again(self._streams.talk, checks=checks)):
            self._transcript.to_bottom()

    def _tell_if_none(self, found: bool) -> bool:
        if not found:
            self._store.tell("Nothing that was not sent is here")
        return found

    def _send(self, *, checks: bool) -> None:
        wanted = canned.named(self._field.text)
        if wanted is not None and checks:
            self._put_canned(wanted)
        elif self._sender.send(self._streams.talk, self._field.text, checks=checks):
            self._transcript.to_bottom()

    async def action_canned(self) -> None:
        ready = self._store.listing.team.canned_replies.values()
        choices = [
            (safe_text(f"/{one.name}  {one.text}", max_length=_PREVIEW), one.name)
            for one in sorted(ready, key=lambda one: one.name)
        ]
        if choices:
            question = Choose("Canned replies; a name can be written as well: /name", choices)
            await self.app.push_screen(question, self._put_canned)
        else:
            self._store.tell("There is no canned reply yet")

    def _put_canned(self, name: str | None) -> None:
        """Have a canned reply in the field, to be read before it is sent."""
        conversation = self._store.state.conversation
        if name is None or conversation is None:
            return
        reply = self._store.listing.team.canned_replies.get(name)
        if reply is None:
            self._store.tell(
                f"There is no canned reply /{name}. Alt-R shows them; Ctrl-S sends it as it is",
                is_error=True,
            )
            return
        try:
            text = canned.filled(reply.text, conversation.session, admin=self._name)
        except InvalidData as error:
            self._store.tell(str(error), is_error=True)
        else:
            self._sender.write(text)

    async def action_notes(self) -> None:
        conversation = self._store.state.conversation
        if conversation is not None and conversation.notes:
            lines = [
                frame.note_line(one, self._store.listing.me, self._zone)
                for one in conversation.notes
            ]
            await self.app.push_screen(TextPage(lines))
        else:
            self._store.tell("Nothing is noted here; Alt-I notes something")

    def action_take_back(self) -> None:
        if not self._sender.take_back():
            self._store.tell("Nothing is held back any more")

    def action_undo(self) -> None:
        self._field.undo()

    def action_redo(self) -> None:
        self._field.redo()

    def action_earlier(self) -> None:
        """Up: what was sent before, if nothing else is written; else a line up."""
        if self._may_recall and self._recalled < len(self._sender.sent):
            self._recall(self._recalled + 1)
        else:
            self._field.action_cursor_up()

    def action_later(self) -> None:
        if self._may_recall and self._recalled:
            self._recall(self._recalled - 1)
        else:
            self._field.action_cursor_down()

    @property
    def _may_recall(self) -> bool:
        """Nothing is written, or what was recalled and not changed."""
        sent = self._sender.sent
        is_recalled = 0 < self._recalled <= len(sent) and self._field.text == sent[-self._recalled]
        if not self._field.text:
            self._recalled = 0
        return is_recalled or not self._field.text

    def _recall(self, back: int) -> None:
        self._recalled = back
        self._sender.write(self._sender.sent[-back] if back else "")

    def action_newline(self) -> None:
        self._field.insert("\n")

    def action_scroll(self, pages: int) -> None:
        self._transcript.scroll(pages)
        self._heading.update()

    def action_oldest(self) -> None:
        self._transcript.to_top()
        self._heading.update()

    def action_newest(self) -> None:
        self._transcript.to_bottom()
        self._heading.update()

    def on_transcript_reached_top(self) -> None:
        self._streams.turn_back()
        self._transcript.update()

    def action_copy(self) -> None:
        newest = next(self._newest_first(), None)
        if newest is None:
            self._store.tell("There is no message on the screen")
        else:
            self.app.copy_to_clipboard(newest)
            self._store.tell("Copied the newest message on the screen")

    def action_copy_link(self) -> None:
        links = [link for text in self._newest_first() for link in reversed(_LINK.findall(text))]
        if links:
            self.app.copy_to_clipboard(links[0])
            self._store.tell(f"Copied {links[0]}")
        else:
            self._store.tell("There is no link on the screen")

    def _newest_first(self) -> Iterator[str]:
        """The texts on the screen."""
        conversation = self._store.state.conversation
        shown = self._transcript.on_screen()
        for message in reversed(conversation.messages if conversation else ()):
            if message.id in shown:
                yield message.text

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._field.border_title = frame.room(event.text_area.text)
        self.take_typed()
