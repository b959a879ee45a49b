"""The admin's end of the chat: the inbox, and conversations opened from it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self, Unpack

from imbari_chat.client.arguments import checked_buffer, checked_count
from imbari_chat.client.base import BaseChat
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.gateway import Gateway, RejectionHandler
from imbari_chat.client.reading.pager import SessionPager, Start, latest_sessions
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch, mark_unread, repair
from imbari_chat.client.teamwork.team import AsyncTeam
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import InvalidData, SessionNotFound
from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session, Status
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot

if TYPE_CHECKING:
    from imbari_chat.config import Settings, SettingsFlags

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

    def __init__(
        self,
        settings: "Settings",
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """One for these settings; whoever it is signs in at the first call.

        Args:
            settings: Where the chat is, and who asks. :meth:`from_env` finds them.
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.

        Raises:
            ConfigError: The settings are not usable.
        """
        from imbari_chat.client import transports

        self._use(
            Gateway(
                transports.admin_transport(settings),
                on_rejected=on_rejected,
                on_error=on_error,
                policy=SEND_POLICY,
                timeout=settings.timeout,
                store=transports.outbox_store(settings, "admin"),
                presence=settings.presence,
                name=settings.name,
            )
        )

    def _use(self, gateway: Gateway) -> None:
        super()._use(gateway)
        self._background = gateway.dispatcher(self.events)
        self._team: AsyncTeam = AsyncTeam(gateway)

    @property
    def team(self) -> AsyncTeam:
        """What the team does with conversations beside answering them."""
        return self._team

    @classmethod
    def from_env(
        cls,
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: "Unpack[SettingsFlags]",
    ) -> Self:
        """One for the settings that are found: ``flags`` over environment over file.

        ::

            async with AsyncAdminChat.from_env(timeout=5) as desk:
                print(desk.uid)

        Args:
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.
            **flags: Fields of :class:`~imbari_chat.config.Settings`; None counts as not given.

        Raises:
            ConfigError: The settings are not usable. Signing in happens at the first call.
        """
        from imbari_chat.config import Settings

        return cls(Settings.load(**flags), on_rejected=on_rejected, on_error=on_error)

    async def sessions(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        limit: int = 50,
    ) -> list[Session]:
        """The conversations with the latest messages, newest first.

        ::

            for session in await desk.sessions(status="active", unread=True):
                print(session.customer_name, session.unread_count)

        Args:
            status: Only these; None for all.
            unread: Only those with unread messages.
            since: Only those whose last message came at this time or later; ms since the epoch, or
                a datetime, which without a zone is local.
            limit: At most this many.

        Raises:
            InvalidData: An argument is not one of those that can be.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer.
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
            InvalidData: An argument is not one of those that can be.
        """
        return SessionPager(
            self._gateway,
            status=status,
            unread=unread,
            since=since,
            page_size=page_size,
            start=start,
        )

    async def session_ids(self) -> frozenset[SessionId]:
        """The ids of all conversations, without reading these: some 30 bytes each, over HTTP.

        Raises:
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer.
        """
        raw = await self._gateway.transport.get_shallow(paths.SESSIONS)
        return frozenset(map(SessionId, decode.as_mapping(raw)))

    async def recount(self, session_id: str) -> UnreadCountMismatch | None:
        """Put a conversation's unread count right, if the website's writes let it drift.

        Whatever lands in between is not overwritten.

        Returns:
            What was wrong; None if nothing was.

        Raises:
            SessionNotFound: There is no such conversation.
            Conflict: Somebody kept writing while it was counted.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been put right.
        """
        return await repair(self._gateway, paths.session_id(session_id))

    async def get_session(self, session_id: str) -> Session:
        """Read one session.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer.
        """
        found = await self._gateway.session(paths.session_id(session_id))
        if found is None:
            raise SessionNotFound.named(session_id)
        return found

    async def reply(
        self,
        session_id: str,
        text: str,
        *,
        timeout: float | None = None,
        queue: bool = True,
        expect_last: Message | str | None = None,
    ) -> OutgoingMessage:
        """Answer a conversation without opening it; nothing is marked read.

        ::

            await desk.reply(session.id, "Your beans shipped today.")

        Args:
            session_id: Which conversation.
            text: What to say.
            timeout: As for :meth:`AsyncConversation.reply`, like all that follows.
            queue: Whether the message stays in the outbox when it cannot be sent now.
            expect_last: The last message the writer has seen, or its id.

        Returns:
            The message, as :meth:`AsyncConversation.reply` gives it.

        Raises:
            InvalidData: The text is empty or too long, or this can be no session's id.
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Conflict: ``expect_last`` is no longer the last message.
            Unavailable: As for :meth:`AsyncConversation.reply`.
        """
        conversation = self.open(session_id, peek=True)
        return await conversation.reply(text, timeout=timeout, queue=queue, expect_last=expect_last)

    async def resolve(self, session_id: str) -> None:
        """Close the matter without opening the conversation; as :meth:`AsyncConversation.resolve`.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        await self.open(session_id, peek=True).resolve()

    async def reopen(self, session_id: str) -> None:
        """Take a resolved conversation up again; as :meth:`AsyncConversation.reopen`.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        await self.open(session_id, peek=True).reopen()

    async def mark_unread(self, session_id: str) -> bool:
        """Mark the customer's latest message unread, so that colleagues see there is something.

        Returns:
            Whether it was marked; False if something is unread already, or the customer wrote
            nothing.

        Raises:
            SessionNotFound: There is no such conversation.
            Conflict: Colleagues kept getting in between.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been marked.
        """
        return await mark_unread(self._gateway, paths.session_id(session_id))

    async def show(self) -> None:
        """The admin is at the desk: customers see that the team is there, until :meth:`hide`.

        Colleagues see which conversation is open. Offline it is said later.
        """
        self._gateway.check()
        self._gateway.presence.sat_down()

    async def hide(self) -> None:
        """The admin is not at the desk any more, but for conversations that are open."""
        self._gateway.check()
        self._gateway.presence.got_up()

    async def read_presence(self, session_id: str | None = None) -> PresenceSnapshot:
        """Who is there and who types, read once; nobody where presence is off or refused.

        Args:
            session_id: In this conversation; by default in those with the latest signs.

        Raises:
            Unavailable: No answer.
        """
        self._gateway.check()
        wanted = None if session_id is None else paths.session_id(session_id)
        return await self._gateway.presence.read(wanted)

    async def find(self, prefix: str) -> SessionId:
        """The id that begins with ``prefix``; a whole id is its own prefix.

        Raises:
            SessionNotFound: No session's id begins like this.
            InvalidData: Several do; the hint names some.
        """
        wanted = paths.session_id(prefix)
        raw = await self._gateway.transport.get(paths.SESSIONS, paths.sessions_like(wanted))
        # Keys that look like integers sort before all others, so the range may hold strangers.
        ids = sorted(key for key in decode.as_mapping(raw) if key.startswith(prefix))
        if wanted in ids or len(ids) == 1:
            return wanted if wanted in ids else SessionId(ids[0])
        if not ids:
            raise SessionNotFound(
                f"there is no conversation whose id begins with {prefix!r}",
                hint="sessions() lists those there are",
            )
        raise InvalidData(
            f"several conversations begin with {prefix!r}", hint=f"For example {', '.join(ids[:3])}"
        )

    def open(self, session_id: str, *, peek: bool = False) -> AsyncConversation:
        """Open a conversation.

        ::

            async with desk.open(session.id) as conversation:
                await conversation.reply("Your beans shipped today.")

        Args:
            session_id: Which.
            peek: Leave the customer's messages unread.

        Raises:
            InvalidData: This can be no session's id.
            SessionNotFound: On entering: there is none with this id.
        """
        return AsyncConversation(self._gateway, paths.session_id(session_id), peek=peek)

    def events(
        self, *, limit: int = 50, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> AsyncGenerator[ChatEvent, None]:
        """Follow the inbox, through every outage, until the iterator is closed.

        ::

            async for event in desk.events():
                if isinstance(event, MessageAdded):
                    print(event.message.text)

        Args:
            limit: How many conversations the window holds.
            buffer: How many changes are kept while the consumer is busy.
            overflow: What becomes of one more: ``coalesce`` folds the newest into one, which loses
                intermediate states and no message; ``raise`` ends the iteration.

        Yields:
            SessionAdded for each conversation in the window, oldest first; ConnectionChanged with
            ``live``; then SessionAdded, SessionChanged and SessionRemoved as they happen, and after
            each the MessageAdded it came with, from whichever side; RecordRejected,
            ConnectionChanged, DeliveryChanged, PresenceChanged, TypingChanged and ColleaguesChanged
            in between. What is written here comes at once, as
            MessageAdded with an OutgoingMessage, and MessageRemoved if it is not stored after all.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
            InvalidData: An argument is not one of those that can be.
        """
        from imbari_chat.client.events.event_stream import session_events

        checked_count("limit", limit)
        checked_buffer(buffer, overflow)
        return session_events(self._gateway, limit=limit, buffer=buffer, overflow=overflow)

    def resolutions(self) -> AsyncGenerator[ChatEvent, None]:
        """Follow what is resolved and reopened in all conversations, however long ago they moved.

        It survives outages; the connection's state is told by :meth:`events`, which tells of those
        in its window as well.

        Yields:
            SessionChanged for each that is resolved from now on, and for each of those, or of those
            that were resolved in the day before, that is reopened.

        Raises:
            InvalidData: The rules in force are older than this program, and have no index for it.
            ImbariError: It has ended for good.
        """
        from imbari_chat.client.events.resolutions import resolutions

        return resolutions(self._gateway)
