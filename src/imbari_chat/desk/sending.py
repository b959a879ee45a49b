"""What is written: kept as a draft until it is sent, and sent; and what could not be sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from imbari_chat.clock import local_time
from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn
from imbari_chat.desk.talk import Talk
from imbari_chat.errors import Conflict, ImbariError, InvalidData, NotFound, Unavailable
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Message
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view import reducer
from imbari_chat.view.advice import in_words
from imbari_chat.view.inbox import Conversation
from imbari_chat.view.outgoing import Failed, Pending

__all__ = ["Sender"]

_OVERTAKEN: Final = "somebody else wrote meanwhile. Look, and send it again if it still fits"


@dataclass(frozen=True, slots=True)
class _Held:
    """A reply that can still be taken back.

    Attributes:
        until: By the sender's clock, in seconds.
        talk: Where it goes.
        text: What it says.
        last: The last message its writer had seen, if it is to be refused after another one.
    """

    until: float
    talk: Talk
    text: str
    last: Message | None


class Sender:
    """Drafts, replies on their way, and those that were not stored.

    Args:
        store: The desk's.
        drafts: Where drafts are kept.
        forget: Has the outbox forget a reply that was refused. Raises ImbariError.
        spawn: For what waits for the network.
        clock: Gives seconds and never goes back.
        undo: Seconds for which a reply can be taken back.

    Attributes:
        handed_over: The replies that the outbox has had, by ticket.
        sent: What was sent, the latest last.
    """

    def __init__(
        self,
        store: Store,
        drafts: Drafts,
        forget: Callable[[MessageId], Awaitable[None]],
        spawn: Spawn,
        *,
        clock: Callable[[], float],
        undo: float,
    ) -> None:
        self.handed_over: dict[int, OutgoingMessage] = {}
        self.sent: list[str] = []
        self._store = store
        self._drafts = drafts
        self._forget = forget
        self._spawn = spawn
        self._clock = clock
        self._undo = undo
        self._held: dict[int, _Held] = {}
        self._taken_over: set[int] = set()
        for session_id, text in drafts.texts.items():
            store.state = store.state.with_draft(session_id, text)

    def write(self, text: str) -> bool:
        """What stands in the field of the open conversation; says whether that is news."""
        opened, state = self._store.opened, self._store.state
        if opened is None or text == state.draft:
            return False
        self._store.change(lambda state: state.with_draft(opened, text))
        return True

    def keep(self) -> None:
        """What is written goes to disk, and what is held back or was not stored with it."""
        texts: dict[SessionId, list[str]] = {}
        state = self._store.state
        kept: list[Pending | Failed] = [one for one in state.pending if one.ticket in self._held]
        for one in sorted((*kept, *state.failed), key=lambda one: one.ticket):
            texts.setdefault(one.session_id, []).append(one.text)
        for session_id, text in self._store.state.drafts.items():
            texts.setdefault(session_id, []).append(text)
        for session_id in {*self._drafts.texts, *texts}:
            try:
                self._drafts.put(session_id, "\n".join(texts.get(session_id, ())))
            except ImbariError as error:
                self._store.tell(f"Drafts are not kept: {in_words(error)}", is_error=True)

    def send(self, talk: Talk | None, text: str, *, checks: bool) -> bool:
        """Send ``text`` to the open conversation, once it can no longer be taken back.

        Args:
            talk: The open conversation.
            text: What stands in the field.
            checks: Refuse it if a colleague was faster.

        Returns:
            Whether it is on its way.
        """
        conversation = self._store.state.conversation
        if conversation is None or talk is None or not text.strip():
            return False
        try:
            checked_text(text)
        except InvalidData as error:
            self._store.tell(str(error), is_error=True)
            return False
        self.sent.append(text)
        self._store.change(lambda state: state.with_draft(conversation.id, ""))
        self._hold(talk, text, checks=checks, conversation=conversation)
        return True

    def send_again(self, talk: Talk | None, *, checks: bool) -> bool:
        """Send the first reply to the open conversation that was not stored.

        Args:
            talk: The open conversation.
            checks: Refuse it if somebody wrote since what is there now.

        Returns:
            Whether there was one.
        """
        conversation, failure = self._store.state.conversation, self._failure
        if conversation is None or talk is None or failure is None:
            return False
        self._settle(failure, as_draft=False)
        self._hold(talk, failure.text, checks=checks, conversation=conversation)
        return True

    def rework(self) -> bool:
        """Make a draft of the first reply that was not stored; says whether there was one."""
        failure = self._failure
        if failure is not None:
            self._settle(failure, as_draft=True)
        return failure is not None

    def drop(self) -> bool:
        """Give the first reply that was not stored up; says whether there was one.

        It can be recalled as what was sent can be.
        """
        failure = self._failure
        if failure is not None:
            if failure.text not in self.sent:
                self.sent.append(failure.text)
            self._settle(failure, as_draft=False)
        return failure is not None

    @property
    def _failure(self) -> Failed | None:
        return next(iter(self._store.state.not_sent()), None)

    def _settle(self, failure: Failed, *, as_draft: bool) -> None:
        self._store.change(
            lambda state: reducer.failure_settled(state, failure.ticket, as_draft=as_draft)
        )
        self.keep()

    def _hold(self, talk: Talk, text: str, *, checks: bool, conversation: Conversation) -> None:
        """Have it sent, once it can no longer be taken back."""
        # Asking whether a colleague was faster needs a connection, and no reply of one's own ahead.
        can_check = conversation.connection.state == "live" and not self._store.state.sending()
        last = conversation.messages[-1] if conversation.messages and checks and can_check else None
        ticket = self._store.state.next_ticket
        held_until = local_time() + round(self._undo * 1000)
        pending = Pending(ticket, conversation.id, text, held_until=held_until)
        self._held[ticket] = _Held(self._clock() + self._undo, talk, text, last)
        self._store.change(
            lambda state: replace(state, pending=(*state.pending, pending), next_ticket=ticket + 1)
        )
        self.keep()
        self.release()

    def take_back(self) -> bool:
        """The latest reply that is held back is a draft again; says whether there was one."""
        if not self._held:
            return False
        ticket = max(self._held)
        del self._held[ticket]
        self._store.change(lambda state: reducer.reply_taken_back(state, ticket))
        self.keep()
        return True

    def release(self, *, at_once: bool = False) -> None:
        """Send what was held back for long enough, or all of it."""
        due = [key for key, one in self._held.items() if at_once or self._clock() >= one.until]
        for ticket in due:
            self._spawn(self._reply(ticket, self._held.pop(ticket)))
        if due:
            self.keep()

    def take_over(self) -> None:
        """What was refused is kept here from now on, and not by the outbox as well."""
        for failure in self._store.state.failed:
            if failure.ticket not in self._taken_over:
                self._taken_over.add(failure.ticket)
                self.keep()
                if failure.message_id is not None:
                    self._spawn(self._forgotten(failure.message_id))

    async def _forgotten(self, message_id: MessageId) -> None:
        try:
            await self._forget(message_id)
        except NotFound:
            return  # an outbox in memory keeps none
        except ImbariError as error:
            self._store.tell(f"The outbox keeps what was refused: {in_words(error)}", is_error=True)

    async def _handed_over(self, held: _Held) -> OutgoingMessage:
        try:
            return await held.talk.reply(held.text, expect_last=held.last)
        except Unavailable as error:
            if held.last is None or error.outcome_unknown:
                raise
            # Nothing was sent. As what is written offline it waits for the network, unasked.
            return await held.talk.reply(held.text)

    async def _reply(self, ticket: int, held: _Held) -> None:
        try:
            message = await self._handed_over(held)
        except ImbariError as error:
            reason = _OVERTAKEN if isinstance(error, Conflict) else in_words(error)
            self._store.change(lambda state: reducer.reply_failed(state, ticket, reason))
        else:
            self.handed_over[ticket] = message
            at = local_time()
            self._store.change(lambda state: reducer.reply_handed_over(state, ticket, message, at))
