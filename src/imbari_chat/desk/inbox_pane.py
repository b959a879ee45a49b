"""The room of the list: the field of its search, the conversations, and the keys of both."""

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from imbari_chat.desk import frame
from imbari_chat.desk.keys import bindings
from imbari_chat.desk.list_pane import ListPane, Picture
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams, now
from imbari_chat.schema.models import Session
from imbari_chat.view import listing

__all__ = ["InboxPane"]


class InboxPane(Vertical):
    """What is listed, and what its keys do.

    Args:
        store: The desk's.
        streams: What loads more.
    """

    BINDINGS = bindings("list")  # Textual's own way

    class Opened(Message):
        """A conversation is to be opened.

        Attributes:
            session: Which.
            peek: For a look only.
        """

        def __init__(self, session: Session, *, peek: bool) -> None:
            super().__init__()
            self.session = session
            self.peek = peek

    def __init__(self, store: Store, streams: Streams) -> None:
        super().__init__(id="left")
        self._store = store
        self._streams = streams
        self._list = ListPane(self._picture)
        self._search = Input(placeholder="search", id="search", compact=True)

    def compose(self) -> ComposeResult:
        self._search.display = False
        yield self._search
        yield self._list

    def redraw(self) -> None:
        """The store has changed."""
        self._list.refresh()

    def take_focus(self) -> None:
        """Keys go to the list."""
        self.display = True
        self._list.focus()

    def _picture(self) -> Picture:
        store = self._store
        reach = listing.reach(store.listing, store.rows, store.state.sessions)
        return Picture(
            store.rows,
            store.listing,
            store.opened,
            frozenset(store.state.drafts),
            f"{store.listing.shown} · {reach}",
            frame.nothing(store.state, store.listing),
            now(),
        )

    def action_move(self, by: int) -> None:
        store = self._store
        store.choose(listing.moved(store.listing, store.rows, by))
        if by > 0 and store.rows and store.selected == store.rows[-1]:
            self._streams.load_more()

    def action_top(self) -> None:
        self._store.choose(replace(self._store.listing, selected=None))

    def action_bottom(self) -> None:
        self.action_move(len(self._store.rows))

    def action_open(self) -> None:
        self._ask_to_open(peek=False)

    def action_peek(self) -> None:
        self._ask_to_open(peek=True)

    def _ask_to_open(self, *, peek: bool) -> None:
        if self._store.selected is not None:
            self.post_message(self.Opened(self._store.selected, peek=peek))

    def on_list_pane_clicked(self, event: ListPane.Clicked) -> None:
        self.post_message(self.Opened(event.session, peek=False))

    def action_next_unread(self) -> None:
        self._jump("unread")

    def action_next_waiting(self) -> None:
        self._jump("waiting")

    def _jump(self, kind: listing.Kind) -> None:
        store = self._store
        to = listing.following(store.listing, store.rows, kind)
        if to is None:
            store.tell(f"None of these is {kind}")
        else:
            store.choose(replace(store.listing, selected=to.id))

    def action_filter(self) -> None:
        self._store.choose(listing.other_shown(self._store.listing))

    def action_order(self) -> None:
        self._store.choose(listing.other_order(self._store.listing))
        self._store.tell(f"First: {self._store.listing.order}")

    def action_search(self) -> None:
        self._search.display = True
        self._search.focus()

    def end_search(self) -> bool:
        """Search no more; says whether there was a search."""
        was_searching = self._search.display
        self._search.value = ""
        self._search.display = False
        self._list.focus()
        return was_searching

    def on_input_changed(self, event: Input.Changed) -> None:
        self._store.choose(replace(self._store.listing, query=event.value, selected=None))

    def on_input_submitted(self) -> None:
        self._list.focus()
