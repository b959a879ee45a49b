"""The admin's end of the chat: the inbox, and conversations opened from it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Final, Self

from imbari_chat.client.base import BaseChat
from imbari_chat.client.conversation import AsyncConversation, no_such_session
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.events.diff import SessionDiff
from imbari_chat.client.events.event_stream import follow, with_deliveries
from imbari_chat.client.events.new_messages import with_messages
from imbari_chat.client.gateway import Gateway, RejectionHandler
from imbari_chat.client.reading.pager import SessionPager, Start, latest_sessions
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch, repair
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import InvalidData, NotFound
from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import (
    ChatEvent,
)
from imbari_chat.schema.models import Session, Status
from imbari_chat.schema.paths import SessionId

__all__ = ["AsyncAdminChat"]

SEND_POLICY: Final = OutboxPolicy(batch=50)
"""Replies to different conversations share an update when there is a queue of them."""


class AsyncAdminChat(BaseChat):
    """The inbox, for an admin.

    ::

        async with AsyncAdminChat.from_env() as desk:
            for session in await desk.sessions(status="active"):
                async with desk.open(session.id) as conversation:
                    await conversation.reply("Your beans shipped today.")
    """

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, gateway.dispatcher(self.events))

    @classmethod
    def from_env(
        cls,
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: Any,
    ) -> Self:
        """Build one from the settings: ``flags`` over environment over file.

        Args:
            on_rejected: Called with every malformed record that a read comes across.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.
            **flags: Fields of :class:`~imbari_chat.config.Settings`.

        Raises:
            ConfigError: The settings are not usable. Signing in happens at the first call.
        """
        from imbari_chat.client import transports
        from imbari_chat.config import Settings

        settings = Settings.load(**flags)
        transport = transports.admin_transport(settings)
        return cls(
            Gateway(
                transport,
                on_rejected=on_rejected,
                on_error=on_error,
                policy=SEND_POLICY,
                timeout=settings.timeout,
            )
        )

    async def sessions(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        limit: int = 50,
    ) -> list[Session]:
        """The conversations with the latest messages, newest first.

        Args:
            status: Only these; None for all.
            unread: Only those with unread messages.
            since: Only those whose last message came at this time or later; ms since the epoch, or
                a datetime, which without a zone is local.
            limit: At most this many.

        Raises:
            InvalidData: ``limit`` is not positive.
            AccessDenied: Whoever is signed in is not an admin.
        """
        return await latest_sessions(
            self._gateway, status=status, unread=unread, since=since, limit=limit
        )

    def browse(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        page_size: int = 50,
        start: Start = "newest",
    ) -> SessionPager:
        """All conversations page by page, in either direction, while others write.

        ::

            pager = desk.browse(status="resolved")
            while page := await pager.older():
                ...

        Args:
            status: Only these; None for all.
            unread: Only those with unread messages.
            since: Only those whose last message came at this time or later; as for
                :meth:`sessions`.
            page_size: How many a page holds.
            start: Where the first page is, ``newest`` or ``oldest``.

        Returns:
            A pager, with ``older()`` and ``newer()``; iterating it gives one session at a time,
            away from the start.

        Raises:
            InvalidData: ``page_size`` is not positive.
        """
        return SessionPager(
            self._gateway,
            status=status,
            unread=unread,
            since=since,
            page_size=page_size,
            start=start,
        )

    async def recount(self, session_id: str) -> UnreadCountMismatch | None:
        """Put a conversation's unread count right, if the website's writes let it drift.

        Whatever lands in between is not overwritten.

        Returns:
            What was wrong; None if nothing was.

        Raises:
            NotFound: There is no such conversation.
            Conflict: Somebody kept writing while it was counted.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been put right.
        """
        return await repair(self._gateway, paths.session_id(session_id))

    async def session(self, session_id: str) -> Session:
        """Read one session.

        Raises:
            NotFound: There is none with this id.
        """
        found = await self._gateway.session(paths.session_id(session_id))
        if found is None:
            raise no_such_session(session_id)
        return found

    async def find(self, prefix: str) -> SessionId:
        """The id that begins with ``prefix``; a whole id is its own prefix.

        Raises:
            NotFound: No session's id begins like this.
            InvalidData: Several do; the hint names some.
        """
        wanted = paths.session_id(prefix)
        raw = await self._gateway.transport.get(paths.SESSIONS, paths.sessions_like(wanted))
        # Keys that look like integers sort before all others, so the range may hold strangers.
        ids = sorted(key for key in decode.as_mapping(raw) if key.startswith(prefix))
        if wanted in ids or len(ids) == 1:
            return wanted if wanted in ids else SessionId(ids[0])
        if not ids:
            raise NotFound(
                f"there is no conversation whose id begins with {prefix!r}",
                hint="List them: imbari-chat inbox",
            )
        raise InvalidData(
            f"several conversations begin with {prefix!r}", hint=f"For example {', '.join(ids[:3])}"
        )

    def open(self, session_id: str, *, peek: bool = False) -> AsyncConversation:
        """Open a conversation: ``async with desk.open(id) as conversation``.

        Args:
            session_id: Which.
            peek: Leave the customer's messages unread.

        Raises:
            InvalidData: This can be no session's id.
            NotFound: On entering: there is none with this id.
        """
        return AsyncConversation(self._gateway, paths.session_id(session_id), peek=peek)

    def events(
        self, *, limit: int = 50, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> AsyncGenerator[ChatEvent, None]:
        """Follow the inbox, through every outage, until the iterator is closed.

        Args:
            limit: How many conversations the window holds.
            buffer: How many changes are kept while the consumer is busy.
            overflow: What becomes of one more: ``coalesce`` folds the newest into one, which loses
                intermediate states and no message; ``raise`` ends the iteration.

        Yields:
            SessionAdded for each conversation in the window, oldest first; ConnectionChanged with
            ``live``; then SessionAdded, SessionChanged and SessionRemoved as they happen, and after
            each the MessageAdded it came with, from whichever side; RecordRejected,
            ConnectionChanged and DeliveryChanged in between.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
        """
        diff = SessionDiff(limit)
        batches = follow(
            self._gateway,
            paths.SESSIONS,
            paths.sessions_in_order(),
            diff,
            buffer=buffer,
            overflow=overflow,
        )
        return with_deliveries(self._gateway, with_messages(self._gateway, diff, batches))
