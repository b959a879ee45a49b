"""The room of the list: the field of its search above the conversations."""

from collections.abc import Callable
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from imbari_chat.desk.keys import bindings
from imbari_chat.desk.list_pane import ListPane
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Streams
from imbari_chat.schema.models import Session

__all__ = ["InboxPane"]


class _SearchField(Input):
    """Takes letters; keys that go on to what was found."""

    BINDINGS = bindings("search")  # Textual's own way


class InboxPane(Vertical):
    """What is listed, and the search in it.

    Args:
        store: The desk's.
        streams: What loads more.
        on_open: As for the list.
    """

    def __init__(
        self, store: Store, streams: Streams, on_open: Callable[[Session, bool], None]
    ) -> None:
        super().__init__(id="left")
        self._store = store
        self._streams = streams
        self._list = ListPane(store, streams, on_open)
        self._search = _SearchField(placeholder="search", id="search", compact=True)

    def compose(self) -> ComposeResult:
        self._search.display = False
        yield self._search
        yield self._list

    def redraw(self) -> None:
        """The store has changed."""
        self._list.update()

    @property
    def is_searching(self) -> bool:
        """Whether keys go to the search."""
        return self._search.is_attached and self.screen.focused is self._search

    def take_focus(self) -> None:
        """Keys go to the list."""
        self.display = True
        self.screen.set_focus(self._list)

    def search(self) -> None:
        """Keys go to the search."""
        self._search.display = True
        self.screen.set_focus(self._search)

    def end_search(self) -> bool:
        """Search no more; says whether there was a search."""
        was_searching = self._search.display
        self._search.value = ""
        self._search.display = False
        self._look_for("")
        self.take_focus()
        return was_searching

    def take_typed(self) -> None:
        """What stands in the field is searched for, whether or not the field has told of it."""
        self._look_for(self._search.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._look_for(event.value)

    def _look_for(self, query: str) -> None:
        if query != self._store.listing.query:
            self._store.choose(replace(self._store.listing, query=query, selected=None))
            self._streams.older.look()
