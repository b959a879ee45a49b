"""One conversation, from the admin's end."""

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from imbari_chat.client.channel import Channel
from imbari_chat.errors import AccessDenied, Conflict, NotFound
from imbari_chat.schema import plans
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["AsyncConversation", "no_such_session"]

_WINDOW = 50
_SCAN = 100
_MOST_SCANNED = 10_000
_MARK_TRIES = 8


def no_such_session(session_id: str) -> NotFound:
    """The error for a session that is not there."""
    return NotFound(f"there is no conversation {session_id!r}", hint="List them: imbari-chat inbox")


class AsyncConversation:
    """A conversation as an admin has it open. Get one from :meth:`AsyncAdminChat.open`.

    Entering reads the session and, unless peeking, marks the customer's messages read.
    """

    def __init__(self, channel: Channel, session_id: SessionId, *, peek: bool) -> None:
        self._channel = channel
        self._peek = peek
        self._session: Session | None = None
        self.id = session_id

    @property
    def session(self) -> Session:
        """The session as it was when the conversation was opened.

        Raises:
            RuntimeError: The conversation has not been entered.
        """
        if self._session is None:
            raise RuntimeError("open a conversation with `with` before using it")
        return self._session

    async def __aenter__(self) -> Self:
        self._session = await self._channel.session(self.id)
        if self._session is None:
            raise no_such_session(self.id)
        if not self._peek:
            await self.mark_read()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first."""
        return await self._channel.messages(self.id, limit)

    async def reply(self, text: str, *, patience: float | None = None) -> Message:
        """Send an admin's message; it and the session's preview appear together.

        While the network is away it is tried again, and it is never sent twice. Replies to one
        conversation go out in the order of the calls.

        Args:
            text: What to say.
            patience: How long to keep trying, in seconds; as long as one request may take by
                default. With 0 there is one try.

        Returns:
            The message. Its timestamp is this machine's time; listeners bring the server's.

        Raises:
            InvalidData: The text is empty or too long.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: Patience ended; ``outcome_unknown`` says whether it may have been sent.
        """
        message_id = MessageId(self._channel.new_id(self.session.last_message_time))
        plan = plans.reply(self.id, message_id, text, uid=self._channel.uid)
        return await self._channel.send(plan, self.id, patience)

    async def resolve(self) -> None:
        """Close the matter. The customer reopens it by writing again."""
        await self._channel.commit(plans.resolve(self.id))

    async def reopen(self) -> None:
        """Take a resolved conversation up again."""
        await self._channel.commit(plans.reopen(self.id))

    async def mark_read(self) -> int:
        """Mark the customer's messages read, and take exactly those off the unread count.

        When a colleague marks some at the same moment, the rules refuse one of the two as a whole,
        and that one looks again.

        Returns:
            How many messages this call marked.

        Raises:
            Conflict: Colleagues kept getting in between.
            AccessDenied: Whoever is signed in is not an admin.
        """
        denied: AccessDenied | None = None
        seen: set[MessageId] = set()
        for _ in range(_MARK_TRIES):
            session = await self._channel.session(self.id)
            if session is None:
                raise no_such_session(self.id)
            unread = await self._unread(session.unread_count)
            if not unread:
                return 0
            if denied is not None and seen == set(unread):
                # Nobody has marked anything since: it was not a colleague who got in between.
                raise denied
            # A count that the website let drift below the truth must not become negative.
            counted = min(len(unread), session.unread_count)
            try:
                await self._channel.commit(plans.mark_read(self.id, unread, counted=counted))
            except AccessDenied as error:
                denied, seen = error, set(unread)
                continue
            return len(unread)
        raise Conflict(
            "colleagues are reading this conversation at the same moment", where=self.id
        ) from denied

    async def _unread(self, count: int) -> list[MessageId]:
        """Ids of unread customer messages: as many as the session counts, and all the newest."""
        limit = max(_SCAN, 2 * count)
        while True:
            messages = await self._channel.messages(self.id, limit)
            unread = [message.id for message in messages if message.is_unread]
            if len(unread) >= count or len(messages) < limit or limit >= _MOST_SCANNED:
                return unread
            limit *= 4

    def events(self, *, history: int = _WINDOW) -> AsyncGenerator[ChatEvent, None]:
        """Follow the conversation, through every outage, until the iterator is closed.

        Args:
            history: How many of the messages already there come first, as MessageAdded.

        Yields:
            MessageAdded, MessageChanged, MessageRemoved, RecordRejected, ConnectionChanged. The
            first ConnectionChanged that is live follows the history.

        Raises:
            ImbariError: The stream has ended for good, for example because access was lost.
        """
        return self._channel.message_events(self.id, history=history, window=_WINDOW)
