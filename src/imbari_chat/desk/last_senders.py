"""Who wrote last, looked up where nothing has told it."""

import asyncio
from typing import TYPE_CHECKING, Final

from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError
from imbari_chat.schema.models import Message, Session
from imbari_chat.view import listing

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.desk.streams import Spawn

__all__ = ["LastSenders"]

_NEAR: Final = 25
"""Rows above and below the selection of which it is looked up unasked."""

_AT_A_TIME: Final = 20


class LastSenders:
    """Reads the last message of conversations: of those around the selection, and of all that are
    loaded once somebody wants to see who waits.

    Args:
        chat: An admin's chat, entered.
        store: Told of what is found.
        spawn: For what waits for the network.
    """

    def __init__(self, chat: "AsyncAdminChat", store: Store, spawn: "Spawn") -> None:
        self._chat = chat
        self._store = store
        self._spawn = spawn
        self._is_reading = False
        self._may_read = self._wants_all = False

    def begin(self) -> None:
        """The connection is there, perhaps again."""
        self._may_read = True
        self.look()

    def look(self) -> None:
        """Other rows are shown, or wanted."""
        if self._may_read and not self._is_reading and self._wanted():
            self._is_reading = True
            self._spawn(self._read())

    def look_at_all(self) -> None:
        """Somebody goes to who waits next."""
        self._wants_all = True
        self.look()

    def _wanted(self) -> list[Session]:
        """The next of which it is to be looked up."""
        store = self._store
        if self._wants_all or listing.asks_who_waits(store.listing):
            return listing.unheard_of(store.listing, store.state.sessions)[:_AT_A_TIME]
        at = listing.place(store.listing, store.rows)
        near = store.rows[max(0, at - _NEAR) : at + _NEAR]
        return [one for one in near if listing.is_unheard_of(store.listing, one)][:_AT_A_TIME]

    async def _read(self) -> None:
        try:
            while wanted := self._wanted():
                last = await asyncio.gather(*map(self._last_of, wanted))
                found = {one.id: message for one, message in zip(wanted, last, strict=True)}
                self._store.choose(listing.looked_at(self._store.listing, found))
        except ImbariError:
            self._may_read = False  # the connection is told of by its stream
        finally:
            self._is_reading = False

    async def _last_of(self, session: Session) -> Message | None:
        said = await self._chat.open(session.id, peek=True).history(limit=1)
        return said[-1] if said else None
