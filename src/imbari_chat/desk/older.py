"""What is behind the stream's window: counted as a whole, and read page by page as it is wanted."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError, NotFound
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view import listing, reducer
from imbari_chat.view.advice import in_words

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.client.reading.pager import SessionPager
    from imbari_chat.desk.streams import Spawn

__all__ = ["OlderConversations"]

_PAGE: Final = 250
_UNASKED: Final = 2_000
"""Conversations that are read without being asked for, so that filters have something to choose
from; a record is some 400 bytes."""

_SEARCHED: Final = 10_000
"""Conversations that a search reads by itself; the end of the list asks for more of them."""


class OlderConversations:
    """Reads them, one page after the other.

    Args:
        chat: An admin's chat, entered.
        store: Told of them.
        spawn: For what waits for the network.
    """

    def __init__(self, chat: "AsyncAdminChat", store: Store, spawn: "Spawn") -> None:
        self._chat = chat
        self._store = store
        self._spawn = spawn
        self._pager: SessionPager | None = None
        self._asked_for = 0
        self._is_reading = self._is_counting = False
        self._deleted: set[SessionId] = set()
        self._added: set[SessionId] = set()
        self._was_away = False
        self._to_renew = 0  # how many were read before the connection was lost, and not since
        self._changing: dict[SessionId, bool] = {}  # whether it has changed since it was asked for

    def begin(self) -> None:
        """The window is there, perhaps again: count all, and read what is read unasked, as well as
        what was read before the connection was lost: nobody tells of what became of it."""
        if not self._is_counting:
            self._is_counting = True
            self._deleted, self._added = set(), set()
            self._spawn(self._count())
        if self._was_away:
            self._was_away, self._pager = False, None
            self._to_renew = len(self._store.listing.older)
        self._read_on()

    def heard(self, event: ChatEvent) -> None:
        """What the window's stream told, which a count that is under way may not hold yet."""
        match event:
            case ConnectionChanged("reconnecting"):
                self._was_away = True
            case SessionAdded(session):
                self._added.add(session.id)
            case SessionRemoved(session, deleted=True):
                self._deleted.add(session.id)
            case _:
                pass

    def changed(self, session_id: SessionId) -> None:
        """Something was done in a conversation; nobody tells of one behind the window."""
        if session_id in self._changing:
            self._changing[session_id] = True
        elif session_id not in self._store.state.sessions:
            self._changing[session_id] = True
            self._spawn(self._read_again(session_id))

    def load_more(self) -> None:
        """The person is at the end of the list."""
        self._asked_for = len(self._store.listing.older) + (
            _SEARCHED if self._store.listing.query else _PAGE
        )
        self._read_on()

    def look(self) -> None:
        """Something may be searched for."""
        self._read_on()

    @property
    def _wanted(self) -> int:
        """How many are to be read."""
        unasked = _SEARCHED if self._store.listing.query else _UNASKED
        return max(self._asked_for, unasked)

    @property
    def _is_enough(self) -> bool:
        chosen = self._store.listing
        return not self._to_renew and (chosen.is_complete or len(chosen.older) >= self._wanted)

    def _read_on(self) -> None:
        if not self._is_reading and not self._is_enough:
            self._is_reading = True
            self._spawn(self._read())

    async def _read(self) -> None:
        store = self._store
        try:
            while not self._is_enough:
                is_asked = bool(store.listing.query) or len(store.listing.older) < self._asked_for
                if is_asked != store.listing.is_loading:
                    store.choose(replace(store.listing, is_loading=is_asked))
                await self._turn()
        except ImbariError as error:
            if store.listing.is_loading:
                store.tell(f"No more could be loaded: {in_words(error)}", is_error=True)
            self._asked_for = 0
        finally:
            self._is_reading = False
            store.choose(replace(store.listing, is_loading=False))

    async def _turn(self) -> None:
        """The next page that has any that were not known."""
        store, page = self._store, list[Session]()
        if self._pager is None:
            self._pager = self._chat.browse(page_size=_PAGE)
        pager = self._pager
        while all(one.id in store.state.sessions for one in page):
            page = await pager.older()
            if len(page) < _PAGE:
                break
        is_last = len(page) < _PAGE
        if pager is self._pager:
            self._to_renew = 0 if is_last else max(0, self._to_renew - len(page))
        window = store.state.sessions
        store.choose(listing.extended(store.listing, page, window, is_last=is_last))

    async def _read_again(self, session_id: SessionId) -> None:
        try:
            while self._changing[session_id]:
                self._changing[session_id] = False
                self._known(await self._chat.get_session(session_id))
        except NotFound:
            self._gone(session_id)
        except ImbariError:
            return  # it is as it was known; the connection is told of by its stream
        finally:
            del self._changing[session_id]

    def _known(self, session: Session) -> None:
        store, said = self._store, SessionChanged(session, session)
        store.choose(listing.known(store.listing, session))
        store.change(lambda state: reducer.reduce_conversation(state, session.id, said, 0))

    def _gone(self, session_id: SessionId) -> None:
        store = self._store
        if (session := store.listing.older.get(session_id)) is not None:
            said = SessionRemoved(session, deleted=True)
            store.choose(listing.heard(store.listing, said, store.state.sessions))
            store.change(lambda state: reducer.reduce_conversation(state, session_id, said, 0))

    async def _count(self) -> None:
        try:
            ids = await self._chat.session_ids()
        except ImbariError:
            return  # the list says how many are loaded; the connection is told of by its stream
        finally:
            self._is_counting = False
        store = self._store
        ids = ids.union(store.state.sessions, self._added) - self._deleted
        store.choose(listing.counted(store.listing, ids, store.state.sessions))
