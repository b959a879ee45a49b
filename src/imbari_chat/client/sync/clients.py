"""The blocking clients: the same names as the async ones, without ``await``.

Made by ``make generate`` from the async clients; change those.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from pydantic import BaseModel

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.base import BaseChat, EventSource
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.gateway import RejectionHandler
from imbari_chat.client.reading.pager import Start
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch
from imbari_chat.client.status import ChatStatus
from imbari_chat.client.sync.base import (
    BlockingBase,
    BlockingChatBase,
    BlockingConversationBase,
    BlockingPagerBase,
    BlockingTeamBase,
)
from imbari_chat.client.sync.portal import BlockingIterator
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Sender, Session, Status
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import (
    Assignment,
    Block,
    CannedReply,
    Note,
    Snooze,
    TeamSnapshot,
)

if TYPE_CHECKING:
    from imbari_chat.config import Settings, SettingsFlags

__all__ = ["AdminChat", "BlockingPager", "Conversation", "CustomerChat", "Team"]

C = TypeVar("C", bound=BaseChat)
E = TypeVar("E", bound=ChatEvent)
L = TypeVar("L", bound=EventSource)
R = TypeVar("R", bound=BaseModel)


class _EventSource(BlockingBase[L]):
    """What everything that can be listened to offers, besides its ``events``."""

    def on(
        self,
        kind: type[E],
        *,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
        """Call the decorated function with every event of this kind.

        ::

            @desk.on(MessageAdded, sender="customer")
            def greet(event: MessageAdded) -> None: ...

        Handlers run one after the other, each event through all of them before the next, so they
        see events in order. One that raises is reported to ``on_error`` and goes on receiving.
        Listening begins with the ``with`` block, now inside it, or with :meth:`listen`.

        Args:
            kind: An event class.
            sender: For events that carry a message: only from this side, ``"customer"`` or
                ``"admin"``.
            where: Only events for which this is true.

        Raises:
            InvalidData: ``kind`` is no class of events, ``sender`` neither side, or what is to be
                called cannot be.
            ClientClosed: The client has been closed.
        """
        return self._on(kind, sender, where)

    def wait_for(
        self,
        kind: type[E],
        *,
        timeout: float,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> E:
        """Wait for an event of this kind that has not been waited for before.

        What came since listening began counts, so an answer that is faster than this call is not
        missed; :meth:`listen` begins it. Of events nobody waits for the last 1,000 are kept.

        Args:
            kind: An event class such as MessageAdded.
            timeout: Seconds to wait at most.
            sender: For events that carry a message: only from this side.
            where: Only events for which this is true.

        Raises:
            WaitTimeout: Nothing of the kind came in time; also a ``TimeoutError``.
            ImbariError: The listening has ended for good.
        """
        return self._call(self._client.wait_for(kind, timeout=timeout, sender=sender, where=where))

    def listen(self) -> None:
        """Listen in the background from now on; returns when the connection is live.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        self._call(self._client.listen())

    def wait_closed(self) -> None:
        """Wait until this is closed, while handlers are being called.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        self._wait_closed()


class _Chat(BlockingChatBase[C], _EventSource[C]):
    """An end of the chat: a gateway, closed together with it, and what listens to it."""

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._client.uid

    @property
    def account(self) -> str | None:
        """The e-mail address of who is signed in, or of the service account.

        None until the first call has been made, and of who has none: a customer without an account,
        an emulator's owner.
        """
        return self._client.account

    @property
    def outbox(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way: neither confirmed nor failed, in the order written."""
        return self._client.outbox

    @property
    def status(self) -> ChatStatus:
        """Is it alive, since when, and what is queued: at this moment."""
        return self._client.status

    @property
    def presence(self) -> PresenceSnapshot:
        """Who is there and who types at this moment, as far as is known while events are followed.

        PresenceChanged, TypingChanged and ColleaguesChanged say when it becomes another.
        """
        return self._client.presence

    def reconnect_now(self) -> None:
        """Do not wait for any backoff: somebody knows that the network is back."""
        self._call_soon(self._client.reconnect_now)

    def flush(self, *, timeout: float | None = None) -> tuple[OutgoingMessage, ...]:
        """Wait until every message is delivered or has failed, but for what is held.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            What is still on its way.

        Raises:
            ClientClosed: The client has been closed before.
            ConfigError: The outbox is durable, and its file cannot be read.
            AuthError: The outbox is durable, and nobody is signed in whose messages could be sent.
        """
        return self._call(self._client.flush(timeout=timeout))

    def refused(self) -> tuple[OutgoingMessage, ...]:
        """Messages that the service refused, in the order written, kept by a durable outbox.

        Each says why in its ``error``, and is kept until :meth:`drop`. An outbox in memory keeps
        none: whoever sent it was told.

        Raises:
            ConfigError: The outbox is durable, and its file cannot be read.
            AuthError: Nobody is signed in whose messages they could be.
        """
        return self._call(self._client.refused())

    def hold(self, message_id: str) -> None:
        """Do not send a message of the outbox, nor those behind it in its conversation.

        A message that was accepted more than a day ago is held by itself: :meth:`release` sends it,
        :meth:`drop` gives it up.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._call(self._client.hold(message_id))

    def release(self, message_id: str) -> None:
        """Send a message that is held.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._call(self._client.release(message_id))

    def drop(self, message_id: str) -> None:
        """Give a message of the outbox up, or forget one that was refused and is still on disk.

        One that is with the service may arrive all the same; then it stays ``sent``.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._call(self._client.drop(message_id))

    def close(self) -> tuple[OutgoingMessage, ...]:
        """Close every listener and give back sockets and threads. Closing twice is fine.

        Messages on their way get a fifth of a second to arrive; :meth:`flush` before, to wait
        longer. What does not arrive is logged as a warning.

        Returns:
            Those messages, with their ``error`` set.
        """
        return self._close()


class BlockingPager(BlockingPagerBase[R]):
    """A list, page by page. Made by ``browse()``.

    It stands on the page it gave last: :meth:`older` turns to the page below, :meth:`newer` to the
    page above, and where there is none the answer is empty and it stays where it is. Iterating
    turns away from the start, page after page, and gives one record at a time.

    Turning in one direction gives each record that stays where it is exactly once. One that moves
    up while the pages go down is not given a second time, and :meth:`newer` comes to it.
    """

    def older(self) -> list[R]:
        """The page below the last one; the first page, for a pager that starts at the newest.

        Returns:
            Records in the order in which lists give them; none if there is nothing older. A page
            is shorter than usual at the end of the list, or where few records pass the filter.

        Raises:
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer. The pager stays where it is.
        """
        return self._call(self._client.older())

    def newer(self) -> list[R]:
        """The page above the last one; the first page, for a pager that starts at the oldest.

        At the top it is empty, and later gives what has come since.

        Returns:
            As :meth:`older`.

        Raises:
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer. The pager stays where it is.
        """
        return self._call(self._client.newer())


class Conversation(BlockingConversationBase, _EventSource[AsyncConversation]):
    """A conversation as an admin has it open. Get one from :meth:`AdminChat.open`.

    ::

        with desk.open(session_id) as conversation:
            for message in conversation.history():
                print(message.label, message.text)
            conversation.reply("Your beans shipped today.")

    Entering reads the session and, unless peeking, marks the customer's messages read, but for what
    the rules let nobody change: a malformed record must not hide a conversation. Leaving ends what
    listens. Everything but :attr:`session` works without entering, too.

    Attributes:
        id: The session's.
    """

    @property
    def session(self) -> Session:
        """The session as it was when the conversation was entered.

        Raises:
            RuntimeError: The conversation has not been entered with ``with``.
        """
        return self._client.session

    def show(self) -> None:
        """Colleagues see that this conversation is open, until :meth:`hide` or leaving.

        Entering does so, unless peeking.
        """
        self._call(self._client.show())

    def hide(self) -> None:
        """Colleagues do not see it any more."""
        self._call(self._client.hide())

    def typing(self) -> None:
        """The admin is typing: the customer sees that the team is, for a few seconds.

        Call it at every key: others are told every three seconds at most. It ends by itself, or
        with a reply.
        """
        self._call(self._client.typing())

    def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first.

        Raises:
            InvalidData: ``limit`` is not positive.
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer.
        """
        return self._call(self._client.history(limit=limit))

    def browse(self, *, page_size: int = 100, start: Start = "newest") -> BlockingPager[Message]:
        """All messages page by page, in either direction, while others write.

        Args:
            page_size: How many a page holds.
            start: Where the first page is, ``newest`` or ``oldest``.

        Returns:
            A pager, with ``older()`` and ``newer()``; iterating it gives one message at a time,
            away from the start.

        Raises:
            InvalidData: An argument is not one of those that can be.
        """
        return BlockingPager(self._portal, self._client.browse(page_size=page_size, start=start))

    def reply(
        self,
        text: str,
        *,
        timeout: float | None = None,
        queue: bool = True,
        expect_last: Message | str | None = None,
    ) -> OutgoingMessage:
        """Send an admin's message; it and the session's preview appear together.

        It is never sent twice, and replies to one conversation go out in the order of the calls.
        Being offline is no error: what cannot be sent now is queued, and goes out when the network
        is back.

        Args:
            text: What to say.
            timeout: How long this call takes at most, in seconds; as long as one request may take
                by default. With 0 it hands the message over and returns at once.
            queue: Whether the message stays in the outbox when it cannot be sent now. Otherwise
                that is an error at once.
            expect_last: The last message the writer has seen, or its id: if another one has come
                since, the reply is refused instead. Needs a connection to begin with.

        Returns:
            The message. Its ``delivery`` says where it is, and moves on by itself: ``confirmed``;
            or at the deadline ``queued`` (certainly not there yet) or ``sent`` (perhaps there).

        Raises:
            InvalidData: The text is empty or too long.
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Conflict: ``expect_last`` is no longer the last message.
            Unavailable: With ``queue=False``: not sent; ``outcome_unknown`` says whether it may
                be there all the same. With ``expect_last``: it cannot be checked now. With a
                durable outbox: it cannot be found out who is signed in, and it was not accepted;
                or its file is kept locked, and it may yet go out.
        """
        return self._call(
            self._client.reply(text, timeout=timeout, queue=queue, expect_last=expect_last)
        )

    def resolve(self) -> None:
        """Close the matter. The customer reopens it by writing again.

        Raises:
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        self._call(self._client.resolve())

    def reopen(self) -> None:
        """Take a resolved conversation up again.

        Raises:
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        self._call(self._client.reopen())

    def mark_read(self, *, up_to: Message | str | None = None) -> int:
        """Mark the customer's messages read, and take exactly those off the unread count.

        When a colleague marks some at the same moment, the rules refuse one of the two as a whole,
        and that one looks again.

        Args:
            up_to: The last message that was seen, or its id; what came after it stays unread. All
                by default.

        Returns:
            How many messages this call marked.

        Raises:
            NotFound: There is no message with this id.
            Conflict: Colleagues kept getting in between.
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: The service cannot be reached.
        """
        return self._call(self._client.mark_read(up_to=up_to))

    def events(
        self, *, history: int = 50, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> BlockingIterator[ChatEvent]:
        """Follow the conversation, through every outage, until the iterator is closed.

        Args:
            history: How many of the messages already there come first, as MessageAdded.
            buffer: How many changes are kept while the consumer is busy.
            overflow: What becomes of one more: ``coalesce`` folds the newest into one, which loses
                intermediate states and no message; ``raise`` ends the iteration.

        Yields:
            MessageAdded, MessageChanged, MessageRemoved, RecordRejected, ConnectionChanged,
            DeliveryChanged, PresenceChanged, TypingChanged and ColleaguesChanged. The first
            ConnectionChanged that is live follows the history. What is written here comes at once,
            as MessageAdded with an OutgoingMessage, and MessageRemoved if it is not stored after
            all.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
            InvalidData: An argument is not one of those that can be.
        """
        return BlockingIterator(
            self._portal, self._client.events(history=history, buffer=buffer, overflow=overflow)
        )


class _CannedReplies(BlockingTeamBase):
    """Replies that are ready, with placeholders; part of :class:`Team`."""

    def canned_replies(self) -> list[CannedReply]:
        """The replies that are ready, by name."""
        return self._call(self._client.canned_replies())

    def save_canned_reply(self, name: str, text: str) -> CannedReply:
        """Keep a reply, in place of one of the same name.

        ::

            desk.team.save_canned_reply("shipped", "It is on its way, {first_name}.")

        Args:
            name: What it is called by: up to 40 of a to z, 0 to 9, ``-`` and ``_``.
            text: What it says. ``{name}``, ``{first_name}``, ``{email}`` and ``{topic}`` stand for
                the customer's, ``{admin}`` for what the admin is called.

        Raises:
            InvalidData: It cannot be called so, the text is empty or too long, or it has a
                placeholder that stands for nothing.
        """
        return self._call(self._client.save_canned_reply(name, text))

    def delete_canned_reply(self, name: str) -> None:
        """Keep a reply no more.

        Raises:
            NotFound: There is none of this name.
        """
        self._call(self._client.delete_canned_reply(name))

    def fill(self, name: str, session_id: str) -> str:
        """What a canned reply says in a conversation, its placeholders filled.

        Args:
            name: What it is called by.
            session_id: Which conversation.

        Raises:
            NotFound: There is none of this name.
            InvalidData: It has a placeholder for which there is nothing here.
        """
        return self._call(self._client.fill(name, session_id))


class Team(_CannedReplies):
    """Who has a conversation, what is noted of it, labels, snoozes, blocks and canned replies.

    ::

        desk.team.claim(session.id)
        desk.team.add_note(session.id, "Calls back on Monday.")
        for snapshot in desk.team.follow():
            print(snapshot.assignment_of(session.id), snapshot.labels_of(session.id))

    Get it from :attr:`AdminChat.team`. No customer sees any of it. Each record says who wrote
    it and when, by the server's clock.

    Each method raises SessionNotFound where a conversation is not there, AccessDenied if whoever is
    signed in is not an admin, and Unavailable without an answer; ``outcome_unknown`` then says
    whether it may have been done.
    """

    def read(self, session_id: str | None = None) -> TeamSnapshot:
        """Look once at who has what, labels, snoozes and blocks; the thousand of each that were
        written last.

        Args:
            session_id: Of this conversation alone, and all blocks.
        """
        return self._call(self._client.read(session_id))

    def follow(self) -> BlockingIterator[TeamSnapshot]:
        """Follow what the team keeps, canned replies as well, until the iterator is closed.

        It survives outages; the connection's state is told by :meth:`AdminChat.events`.

        Yields:
            All of it as it is, and again whenever something changes, or a snooze or block ends.
            Of each kind the thousand that were written last.

        Raises:
            ImbariError: It has ended for good: access was lost, or the rules in force are older
                than this program.
        """
        return BlockingIterator(self._portal, self._client.follow())

    def claim(self, session_id: str, *, instead_of: str | None = None) -> Assignment:
        """Take a conversation, which nobody else has; nothing if oneself has it.

        ::

            try:
                desk.team.claim(session.id)
            except Conflict as taken:
                print(taken)

        Args:
            session_id: Which.
            instead_of: The uid of a colleague from whom it may be taken over.

        Raises:
            Conflict: A colleague has it, perhaps since a moment ago.
        """
        return self._call(self._client.claim(session_id, instead_of=instead_of))

    def assign(
        self, session_id: str, uid: str, *, name: str | None = None, instead_of: str | None = None
    ) -> Assignment:
        """Hand a conversation over, which oneself or nobody has; nothing if they have it.

        Args:
            session_id: Which.
            uid: Whose it is to be.
            name: What they are called.
            instead_of: The uid of a colleague from whom it may be taken.

        Raises:
            Conflict: Another colleague has it, perhaps since a moment ago.
            InvalidData: ``uid`` is none.
        """
        return self._call(self._client.assign(session_id, uid, name=name, instead_of=instead_of))

    def unassign(self, session_id: str) -> None:
        """Put a conversation down that oneself has; nothing if nobody has it.

        Raises:
            Conflict: A colleague has it: take it over before.
        """
        self._call(self._client.unassign(session_id))

    def label(self, session_id: str, labels: str | Iterable[str]) -> None:
        """Label a conversation, beside the labels it has.

        Args:
            session_id: Which.
            labels: One or several; they are kept in small letters.

        Raises:
            InvalidData: One is empty, longer than 40 characters, or has one of ``. $ # [ ] /``.
        """
        self._call(self._client.label(session_id, labels))

    def unlabel(self, session_id: str, labels: str | Iterable[str]) -> None:
        """Take labels from a conversation; nothing if it does not have them.

        Args:
            session_id: Which.
            labels: One or several.

        Raises:
            InvalidData: One can be no label.
        """
        self._call(self._client.unlabel(session_id, labels))

    def snooze(self, session_id: str, until: datetime | int) -> Snooze:
        """Put a conversation out of sight until then, or until its customer writes.

        Args:
            session_id: Which.
            until: When it comes back; ms since the epoch, or a datetime, which without a zone is
                local.

        Raises:
            InvalidData: That has passed.
        """
        return self._call(self._client.snooze(session_id, until))

    def unsnooze(self, session_id: str) -> None:
        """Have a conversation in sight again."""
        self._call(self._client.unsnooze(session_id))

    def block(self, session_id: str, reason: str, *, until: datetime | int | None = None) -> Block:
        """Take no more messages from a conversation's customer, in any conversation of theirs.

        Args:
            session_id: Whose.
            reason: Why, for colleagues; up to 500 characters.
            until: When it ends by itself, as for :meth:`snooze`; otherwise with :meth:`unblock`.

        Raises:
            InvalidData: The reason is empty or too long, the end has passed, or the customer has
                no uid that could be blocked: the website started it for nobody.
        """
        return self._call(self._client.block(session_id, reason, until=until))

    def unblock(self, session_id: str) -> None:
        """Let a conversation's customer write again.

        Raises:
            InvalidData: The customer has no uid that could be blocked.
        """
        self._call(self._client.unblock(session_id))

    def notes(self, session_id: str) -> list[Note]:
        """What is noted of a conversation, oldest first."""
        return self._call(self._client.notes(session_id))

    def follow_notes(self, session_id: str) -> BlockingIterator[tuple[Note, ...]]:
        """Follow what is noted of a conversation, until the iterator is closed.

        Yields:
            All notes, oldest first, and again whenever they change.

        Raises:
            ImbariError: It has ended for good.
        """
        return BlockingIterator(self._portal, self._client.follow_notes(session_id))

    def add_note(self, session_id: str, text: str) -> Note:
        """Note something that no customer sees.

        Args:
            session_id: Of which conversation.
            text: What; up to 2,000 characters.

        Returns:
            The note; its time is the server's as far as it is known here.

        Raises:
            InvalidData: The text is empty or too long.
        """
        return self._call(self._client.add_note(session_id, text))

    def delete_note(self, session_id: str, note_id: str) -> None:
        """Take a note away, whoever wrote it.

        Raises:
            NotFound: There is no such note.
        """
        self._call(self._client.delete_note(session_id, note_id))


class AdminChat(_Chat[AsyncAdminChat]):
    """The inbox, for an admin.

    ::

        with AdminChat.from_env() as desk:
            for session in desk.sessions(status="active"):
                with desk.open(session.id) as conversation:
                    conversation.reply("Your beans shipped today.")
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
        self._begin(
            "imbari-chat admin",
            lambda portal: AsyncAdminChat(
                settings, on_rejected=on_rejected, on_error=portal.off_loop(on_error)
            ),
        )

    @property
    def team(self) -> Team:
        """What the team does with conversations beside answering them."""
        return Team(self._portal, self._client.team)

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

            with AdminChat.from_env(timeout=5) as desk:
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

    def sessions(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        limit: int = 50,
    ) -> list[Session]:
        """The conversations with the latest messages, newest first.

        ::

            for session in desk.sessions(status="active", unread=True):
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
        return self._call(
            self._client.sessions(status=status, unread=unread, since=since, limit=limit)
        )

    def browse(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        page_size: int = 50,
        start: Start = "newest",
    ) -> BlockingPager[Session]:
        """All conversations page by page, in either direction, while others write.

        ::

            pager = desk.browse(status="resolved")
            while page := pager.older():
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
        return BlockingPager(
            self._portal,
            self._client.browse(
                status=status, unread=unread, since=since, page_size=page_size, start=start
            ),
        )

    def session_ids(self) -> frozenset[SessionId]:
        """The ids of all conversations, without reading these: some 30 bytes each, over HTTP.

        Raises:
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer.
        """
        return self._call(self._client.session_ids())

    def recount(self, session_id: str) -> UnreadCountMismatch | None:
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
        return self._call(self._client.recount(session_id))

    def get_session(self, session_id: str) -> Session:
        """Read one session.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer.
        """
        return self._call(self._client.get_session(session_id))

    def reply(
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

            desk.reply(session.id, "Your beans shipped today.")

        Args:
            session_id: Which conversation.
            text: What to say.
            timeout: As for :meth:`Conversation.reply`, like all that follows.
            queue: Whether the message stays in the outbox when it cannot be sent now.
            expect_last: The last message the writer has seen, or its id.

        Returns:
            The message, as :meth:`Conversation.reply` gives it.

        Raises:
            InvalidData: The text is empty or too long, or this can be no session's id.
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Conflict: ``expect_last`` is no longer the last message.
            Unavailable: As for :meth:`Conversation.reply`.
        """
        return self._call(
            self._client.reply(
                session_id, text, timeout=timeout, queue=queue, expect_last=expect_last
            )
        )

    def resolve(self, session_id: str) -> None:
        """Close the matter without opening the conversation; as :meth:`Conversation.resolve`.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        self._call(self._client.resolve(session_id))

    def reopen(self, session_id: str) -> None:
        """Take a resolved conversation up again; as :meth:`Conversation.reopen`.

        Raises:
            SessionNotFound: There is none with this id.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        self._call(self._client.reopen(session_id))

    def mark_unread(self, session_id: str) -> bool:
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
        return self._call(self._client.mark_unread(session_id))

    def show(self) -> None:
        """The admin is at the desk: customers see that the team is there, until :meth:`hide`.

        Colleagues see which conversation is open. Offline it is said later.
        """
        self._call(self._client.show())

    def hide(self) -> None:
        """The admin is not at the desk any more, but for conversations that are open."""
        self._call(self._client.hide())

    def read_presence(self, session_id: str | None = None) -> PresenceSnapshot:
        """Who is there and who types, read once; nobody where presence is off or refused.

        Args:
            session_id: In this conversation; by default in those with the latest signs.

        Raises:
            Unavailable: No answer.
        """
        return self._call(self._client.read_presence(session_id))

    def find(self, prefix: str) -> SessionId:
        """The id that begins with ``prefix``; a whole id is its own prefix.

        Raises:
            SessionNotFound: No session's id begins like this.
            InvalidData: Several do; the hint names some.
        """
        return self._call(self._client.find(prefix))

    def open(self, session_id: str, *, peek: bool = False) -> Conversation:
        """Open a conversation.

        ::

            with desk.open(session.id) as conversation:
                conversation.reply("Your beans shipped today.")

        Args:
            session_id: Which.
            peek: Leave the customer's messages unread.

        Raises:
            InvalidData: This can be no session's id.
            SessionNotFound: On entering: there is none with this id.
        """
        return Conversation(self._portal, self._client.open(session_id, peek=peek))

    def events(
        self, *, limit: int = 50, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> BlockingIterator[ChatEvent]:
        """Follow the inbox, through every outage, until the iterator is closed.

        ::

            for event in desk.events():
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
        return BlockingIterator(
            self._portal, self._client.events(limit=limit, buffer=buffer, overflow=overflow)
        )

    def resolutions(self) -> BlockingIterator[ChatEvent]:
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
        return BlockingIterator(self._portal, self._client.resolutions())


class CustomerChat(_Chat[AsyncCustomerChat]):
    """The chat as a customer has it: one conversation, open or minimised.

    ::

        with CustomerChat.from_env() as chat:
            chat.start(name="Amina", email="amina@example.com", topic="Wholesale")
            chat.send("Do you ship to Kampala?")
            answer = chat.wait_for(MessageAdded, timeout=30)

    It listens in the background from :meth:`start` or :meth:`resume` on, so that
    :attr:`has_new_message` is right without anybody iterating events. What :meth:`wait_for` gives
    came since then, and is never one's own message.
    """

    def __init__(
        self,
        settings: "Settings",
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """One for these settings; the customer signs in anonymously at the first call.

        Args:
            settings: Where the chat is. :meth:`from_env` finds them.
            remember: Be the anonymous customer that the settings' profile was before, if any, and
                keep the sign-in for the next time. Otherwise this is somebody new.
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.

        Raises:
            ConfigError: The settings are not usable.
        """
        self._begin(
            "imbari-chat customer",
            lambda portal: AsyncCustomerChat(
                settings,
                remember=remember,
                on_rejected=on_rejected,
                on_error=portal.off_loop(on_error),
            ),
        )

    @classmethod
    def from_env(
        cls,
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: "Unpack[SettingsFlags]",
    ) -> Self:
        """One for the settings that are found: ``flags`` over environment over file.

        ::

            with CustomerChat.from_env(timeout=5) as chat:
                chat.start(name="Amina", email="amina@example.com")

        Args:
            remember: Be the anonymous customer that the settings' profile was before, if any, and
                keep the sign-in for the next time. Otherwise this is somebody new.
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.
            **flags: Fields of :class:`~imbari_chat.config.Settings`; None counts as not given.

        Raises:
            ConfigError: The settings are not usable. Signing in happens at the first call.
        """
        from imbari_chat.config import Settings

        return cls(
            Settings.load(**flags), remember=remember, on_rejected=on_rejected, on_error=on_error
        )

    @property
    def session(self) -> Session:
        """The conversation as it was when it was started or resumed.

        Raises:
            RuntimeError: Neither has happened.
        """
        return self._client.session

    @property
    def is_open(self) -> bool:
        """Whether the customer has the conversation in front of them."""
        return self._client.is_open

    @property
    def has_new_message(self) -> bool:
        """The red badge: an answer came while the chat was minimised or away."""
        return self._client.has_new_message

    def start(
        self,
        *,
        name: str,
        email: str,
        phone: str | None = None,
        topic: str | None = None,
        text: str | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Start a conversation, open, with the first message if there is one.

        ::

            chat.start(name="Amina", email="amina@example.com", text="Do you ship?")

        If nobody knows whether it was started, because the answer was lost, calling it again
        settles that first: there will be one conversation.

        Args:
            name: Who the customer is.
            email: Where to answer when the chat is closed.
            phone: Stored as E.164 where it parses.
            topic: What it is about; ``QUICK_TOPICS`` are what the website offers.
            text: The first message.
            session_id: That of a :class:`StartUnfinished` that another client met, of the same
                customer: this settles that start.

        Raises:
            InvalidData: A field of the form, or the text, is not acceptable; ``where`` names it.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            StartUnfinished: No answer; it may have been started, and ``session_id`` names it.
            Unavailable: No answer; it was not started.
            Conflict: An earlier start with another form or text did go through; ``where`` names its
                session, which :meth:`resume` comes back to.
        """
        return self._call(
            self._client.start(
                name=name, email=email, phone=phone, topic=topic, text=text, session_id=session_id
            )
        )

    def resume(self, session_id: str) -> Session:
        """Come back to a conversation of one's own, minimised until :meth:`show`.

        Raises:
            SessionNotFound: There is no such conversation.
            AccessDenied: It is somebody else's.
        """
        return self._call(self._client.resume(session_id))

    def sessions(self) -> list[Session]:
        """One's own conversations, newest first.

        Raises:
            Unavailable: No answer.
        """
        return self._call(self._client.sessions())

    def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first.

        Raises:
            InvalidData: ``limit`` is not positive.
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer.
        """
        return self._call(self._client.history(limit=limit))

    def browse(self, *, page_size: int = 100, start: Start = "newest") -> BlockingPager[Message]:
        """All messages page by page, in either direction, while others write.

        Args:
            page_size: How many a page holds.
            start: Where the first page is, ``newest`` or ``oldest``.

        Returns:
            A pager, with ``older()`` and ``newer()``; iterating it gives one message at a time,
            away from the start.

        Raises:
            InvalidData: An argument is not one of those that can be.
            RuntimeError: No conversation has been started or resumed.
        """
        return BlockingPager(self._portal, self._client.browse(page_size=page_size, start=start))

    def send(
        self, text: str, *, timeout: float | None = None, queue: bool = True
    ) -> OutgoingMessage:
        """Send a message. A resolved conversation becomes active again.

        Messages go out one after the other, at most one per half second, as the rules demand, and
        none is sent twice. Being offline is no error: what cannot be sent now is queued, and goes
        out when the network is back.

        Args:
            text: What to say.
            timeout: How long this call takes at most, in seconds; as long as one request may take
                by default. With 0 it hands the message over and returns at once.
            queue: Whether the message stays in the outbox when it cannot be sent now. Otherwise
                that is an error at once.

        Returns:
            The message. Its ``delivery`` says where it is, and moves on by itself: ``confirmed``;
            or at the deadline ``queued`` (certainly not there yet) or ``sent`` (perhaps there).

        Raises:
            InvalidData: The text is empty or too long.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            Unavailable: With ``queue=False``: not sent; ``outcome_unknown`` says whether it may
                be there all the same. The file of a durable outbox is kept locked: it may yet go
                out.
            RuntimeError: No conversation has been started or resumed.
        """
        return self._call(self._client.send(text, timeout=timeout, queue=queue))

    def show(self) -> None:
        """The customer looks at the conversation: the badge goes, and the server is told.

        Raises:
            RuntimeError: No conversation has been started or resumed.
            Unavailable: No answer; the badge is gone here all the same.
        """
        self._call(self._client.show())

    def hide(self) -> None:
        """The customer minimises the chat; answers from now on raise the badge."""
        self._call(self._client.hide())

    def typing(self) -> None:
        """The customer is typing: the team sees it for a few seconds.

        Call it at every key: others are told every three seconds at most. It ends by itself, or
        with a message.

        Raises:
            RuntimeError: No conversation has been started or resumed.
        """
        self._call(self._client.typing())

    def events(
        self, *, history: int = 0, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> BlockingIterator[ChatEvent]:
        """Follow the conversation, through every outage, until the iterator is closed.

        Args:
            history: How many of the messages already there come first, as MessageAdded.
            buffer: How many changes are kept while the consumer is busy.
            overflow: What becomes of one more: ``coalesce`` folds the newest into one, which loses
                intermediate states and no message; ``raise`` ends the iteration.

        Yields:
            MessageAdded, MessageChanged, MessageRemoved, RecordRejected, ConnectionChanged,
            DeliveryChanged, PresenceChanged and TypingChanged. What is written here comes at once,
            as MessageAdded with an OutgoingMessage, and MessageRemoved if it is not stored after
            all.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
            InvalidData: An argument is not one of those that can be.
            RuntimeError: No conversation has been started or resumed.
        """
        return BlockingIterator(
            self._portal, self._client.events(history=history, buffer=buffer, overflow=overflow)
        )
