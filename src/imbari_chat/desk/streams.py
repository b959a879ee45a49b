"""The streams that feed the store, and the pages behind them."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from imbari_chat.clock import local_time
from imbari_chat.desk.last_senders import LastSenders
from imbari_chat.desk.older import OlderConversations
from imbari_chat.desk.store import Store
from imbari_chat.desk.talk import Talk
from imbari_chat.errors import ImbariError
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    SessionChanged,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view import listing, reducer
from imbari_chat.view.advice import in_words
from imbari_chat.view.inbox import Conversation

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat

__all__ = ["Spawn", "Streams"]

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Does work beside the app; what it fails with ends the desk."""

_PAGE: Final = 100


class Streams:
    """The inbox's stream and the open conversation's.

    Args:
        chat: An admin's chat, entered.
        store: What they feed.
        spawn: For what waits for the network.
        limit: How many conversations are followed; older ones are loaded when asked for.
        on_message: Called with the conversation, and what its customer wrote there.
        on_history: Called when what is there of a conversation has come.

    Attributes:
        talk: The open conversation.
        older: The conversations behind the inbox's window.
        last_senders: Looks up who wrote last.
        is_whole: It is loaded to its beginning.
        is_turning: Older messages of it are on their way.
    """

    def __init__(
        self,
        chat: "AsyncAdminChat",
        store: Store,
        spawn: Spawn,
        *,
        limit: int,
        on_history: Callable[[], None],
        on_message: Callable[[Session, Message], None],
    ) -> None:
        self.talk: Talk | None = None
        self.older = OlderConversations(chat, store, spawn)
        self.last_senders = LastSenders(chat, store, spawn)
        self.is_whole = self.is_turning = False
        self._chat = chat
        self._store = store
        self._spawn = spawn
        self._limit = limit
        self._on_history = on_history
        self._on_message = on_message
        self._following: tuple[asyncio.Task[None], ...] = ()

    def begin(self) -> None:
        """Follow the inbox, and let customers see that the team is there."""
        self._spawn(self._follow_inbox())
        self._spawn(self._follow_team())
        self._spawn(self._follow_resolutions())

    def open(self, session: Session, *, peek: bool) -> None:
        """Follow this conversation, and no longer the one that was open."""
        self.close()
        self.is_whole = self.is_turning = False
        self._store.listing = replace(self._store.listing, selected=session.id)
        opened = Conversation(session, peek=peek)
        self._store.change(lambda state: replace(state, conversation=opened))
        self.talk = Talk(self._chat, session.id, self._heard_in(session.id), peek=peek)
        self._following = (
            self._spawn(self._follow(self.talk)), self._spawn(self._follow_notes(session.id))
        )  # fmt: skip
        self.older.changed(session.id)

    def close(self) -> None:
        """Follow no conversation."""
        for task in self._following:
            task.cancel()
        self._following, self.talk = (), None

    def typing(self) -> None:
        """Something is being written to the open conversation."""
        if self.talk is not None:
            self._spawn(self.talk.typing())

    def reconnect(self) -> None:
        """Try again now instead of waiting."""
        self._chat.reconnect_now()
        self._hurry()

    def turn_back(self) -> None:
        """Older messages of the open conversation."""
        if not self.is_whole and not self.is_turning and self.talk is not None:
            self.is_turning = True
            self._spawn(self._turn_back(self.talk))

    async def _follow_inbox(self) -> None:
        await self._chat.show()
        async with aclosing(self._chat.events(limit=self._limit)) as heard:
            async for event in heard:
                self._heard(event)

    def _heard(self, event: ChatEvent) -> None:
        store, at = self._store, local_time()
        self.older.heard(event)
        store.choose(listing.heard(store.listing, event, store.state.sessions))
        store.change(lambda state: reducer.reduce(state, event, at))
        match event:
            case MessageAdded(session_id, message) if message.sender == "customer":
                session = store.state.sessions.get(session_id)
                if session is not None:
                    self._on_message(session, message)
            case _:
                pass
        if _is_live(event):
            is_whole = len(store.state.sessions) < self._limit
            store.choose(replace(store.listing, is_complete=store.listing.is_complete or is_whole))
            self._hurry()
            self.older.begin()
            self.last_senders.begin()

    def _hurry(self) -> None:
        if self.talk is not None:
            self.talk.hurry()

    def _heard_in(self, session_id: SessionId) -> Callable[[ChatEvent], None]:
        def heard(event: ChatEvent) -> None:
            at = local_time()
            self._store.change(
                lambda state: reducer.reduce_conversation(state, session_id, event, at)
            )
            if _is_live(event):
                self._on_history()
            elif isinstance(event, MessageChanged):
                self.older.changed(session_id)  # its unread messages are others

        return heard

    async def _follow(self, talk: Talk) -> None:
        try:
            await talk.follow()
        except ImbariError as error:
            reason = in_words(error)
            self._store.change(lambda state: reducer.conversation_failed(state, talk.id, reason))

    async def _follow_team(self) -> None:
        store = self._store
        try:
            async with aclosing(self._chat.team.follow()) as heard:
                async for snapshot in heard:
                    store.choose(replace(store.listing, team=snapshot, me=self._chat.uid))
        except ImbariError as error:
            store.tell(f"Who has what is not shown: {in_words(error)}", is_error=True)

    async def _follow_resolutions(self) -> None:
        """What colleagues resolve, or reopen, behind the window."""
        try:
            async with aclosing(self._chat.resolutions()) as heard:
                async for event in heard:
                    if isinstance(event, SessionChanged):
                        self.older.changed(event.session.id)
        except ImbariError as error:
            self._store.tell(f"What is resolved behind the newest is not seen: {error}")

    async def _follow_notes(self, session_id: SessionId) -> None:
        try:
            async with aclosing(self._chat.team.follow_notes(session_id)) as heard:
                async for notes in heard:
                    self._store.change(partial(reducer.noted, session_id=session_id, notes=notes))
        except ImbariError as error:
            self._store.tell(f"Notes are not shown: {in_words(error)}", is_error=True)

    async def _turn_back(self, talk: Talk) -> None:
        try:
            page, is_whole = await talk.older(_PAGE)
        except ImbariError as error:
            if talk is self.talk:
                self.is_turning = False
                self._store.tell(
                    f"No older messages could be loaded: {in_words(error)}", is_error=True
                )
            return
        if talk is self.talk:
            self.is_turning, self.is_whole = False, is_whole
            self._store.change(lambda state: reducer.with_older(state, talk.id, page))


def _is_live(event: ChatEvent) -> bool:
    """Whether what there is to begin with has been told; a reason may be added."""
    return isinstance(event, ConnectionChanged) and event.state == "live"
