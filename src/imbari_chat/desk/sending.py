"""What is written: kept as a draft until it is sent, and sent."""

from dataclasses import replace

from imbari_chat.desk.drafts import Drafts
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn, now
from imbari_chat.desk.talk import Talk
from imbari_chat.errors import Conflict, ImbariError, InvalidData
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Message
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.view import reducer
from imbari_chat.view.outgoing import Pending

__all__ = ["Sender"]

_OVERTAKEN = "somebody else wrote meanwhile. Look, then Enter; Ctrl-S sends all the same"


class Sender:
    """Drafts, and replies on their way.

    Args:
        store: The desk's.
        drafts: Where drafts are kept.
        spawn: For what waits for the network.

    Attributes:
        handed_over: The replies that the outbox has had, by ticket.
    """

    def __init__(self, store: Store, drafts: Drafts, spawn: Spawn) -> None:
        self.handed_over: dict[int, OutgoingMessage] = {}
        self._store = store
        self._drafts = drafts
        self._spawn = spawn
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
        """What is written goes to disk."""
        state = self._store.state
        for session_id in {*self._drafts.texts, *state.drafts}:
            draft = state.drafts.get(session_id, "")
            try:
                self._drafts.put(session_id, draft)
            except ImbariError as error:
                self._store.tell(f"Drafts are not kept: {error}", is_error=True)

    def send(self, talk: Talk | None, text: str, *, checks: bool) -> bool:
        """Send ``text`` to the open conversation.

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
        # Asking whether a colleague was faster needs a connection, and no reply of one's own ahead.
        can_check = conversation.connection.state == "live" and not self._store.state.sending()
        last = conversation.messages[-1] if conversation.messages and checks and can_check else None
        ticket = self._store.state.next_ticket
        pending = Pending(ticket, conversation.id, text)
        self._store.change(
            lambda state: replace(
                state.with_draft(conversation.id, ""),
                pending=(*state.pending, pending),
                next_ticket=ticket + 1,
            )
        )
        self.keep()
        self._spawn(self._reply(talk, ticket, text, last))
        return True

    async def _reply(self, talk: Talk, ticket: int, text: str, last: Message | None) -> None:
        try:
            message = await talk.reply(text, expect_last=last)
        except ImbariError as error:
            reason = _OVERTAKEN if isinstance(error, Conflict) else str(error)
            self._store.change(lambda state: reducer.reply_failed(state, ticket, reason))
        else:
            self.handed_over[ticket] = message
            at = now()
            self._store.change(lambda state: reducer.reply_handed_over(state, ticket, message, at))
