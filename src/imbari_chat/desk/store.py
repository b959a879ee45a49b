"""What the desk knows and shows, in one place: only the app's own task changes it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view import listing
from imbari_chat.view.inbox import Inbox, noticed
from imbari_chat.view.listing import Listing

__all__ = ["Change", "Store"]

Change: TypeAlias = Callable[[Inbox], Inbox]

_NOTICE: Final = 8.0
"""Seconds for which a notice stays."""


class Store:
    """The desk's state, and who is told that it is another one.

    Args:
        chosen: What the list begins with.
        on_change: Called after every change.
        clock: Gives seconds and never goes back.

    Attributes:
        state: What the streams have told, and what is being written.
        listing: What the person chose to see.
        rows: The conversations to list, in order.
        left_out: How many are found that the filter leaves out, where it leaves out all.
        unread: How many messages are unread of all that is loaded, in words; empty for none.
    """

    def __init__(
        self, chosen: Listing, on_change: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self.state = Inbox()
        self.listing = chosen
        self.rows: list[Session] = []
        self.left_out = 0
        self.unread = ""
        self._on_change = on_change
        self._clock = clock
        self._noticed_at = 0.0

    def change(self, change: Change) -> None:
        """Another state."""
        before = self.state
        self.state = change(before)
        if self.state.notice is not before.notice:
            self._noticed_at = self._clock()
        if self.state.sessions is not before.sessions:
            self._relist()
        self._on_change()

    def choose(self, chosen: Listing) -> None:
        """Another choice of what is listed, or another selection."""
        is_same_list = replace(chosen, selected=self.listing.selected) == self.listing
        self.listing = chosen
        if not is_same_list:
            self._relist()
        self._on_change()

    def tell(self, text: str, *, is_error: bool = False) -> None:
        """Put something on the line of notices."""
        self.change(lambda state: noticed(state, text, is_error=is_error))

    def forget_notice(self) -> None:
        """Take a notice away that has been there for long enough."""
        if self.state.notice is not None and self._clock() - self._noticed_at > _NOTICE:
            self.change(lambda state: replace(state, notice=None))

    @property
    def selected(self) -> Session | None:
        """The conversation that the list's keys are about: the first one, if none was chosen."""
        wanted = self.listing.selected
        found = next((one for one in self.rows if one.id == wanted), None)
        return found or (self.rows[0] if self.rows else None)

    def now_of(self, session: Session) -> Session:
        """The conversation as it is now, as far as it is known."""
        return self.state.sessions.get(session.id) or self.listing.older.get(session.id, session)

    @property
    def opened(self) -> SessionId | None:
        """The open conversation."""
        return self.state.conversation.id if self.state.conversation else None

    def _relist(self) -> None:
        before, self.rows = self.rows, listing.listed(self.listing, self.state.sessions)
        self.unread = listing.unread(self.listing, self.state.sessions)
        self.listing = listing.kept(self.listing, before, self.rows)
        is_vain = bool(self.listing.query) and not self.rows
        self.left_out = listing.in_all(self.listing, self.state.sessions) if is_vain else 0
