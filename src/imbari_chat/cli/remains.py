"""What was sent from the desk and has not arrived when it ends."""

from collections.abc import Mapping

from imbari_chat.cli.exit_codes import undelivered
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import Unavailable
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.inbox import Inbox
from imbari_chat.view.labels import customer_label

__all__ = ["give_back"]


def give_back(
    state: Inbox, handed_over: Mapping[int, OutgoingMessage], stderr: Stderr
) -> Unavailable | None:
    """Quote it, so that it is not lost with the screen.

    Args:
        state: The last there was.
        handed_over: The replies that the outbox had, by ticket; their deliveries are final by now.
        stderr: Who quotes.

    Returns:
        The error to end in if there is any. Drafts are on disk.
    """
    not_sent = unknown = 0
    for reply in state.pending:
        message = handed_over.get(reply.ticket)
        if message is not None and message.delivery == "confirmed":
            continue
        may_be_there = message is not None and message.delivery == "sent"
        unknown += may_be_there
        not_sent += not may_be_there
        stderr.give_back(reply.text, to=_whom(state, reply.session_id), unknown=may_be_there)
    return undelivered(not_sent=not_sent, unknown=unknown)


def _whom(state: Inbox, session_id: SessionId) -> str:
    session = state.sessions.get(session_id)
    return session_id if session is None else customer_label(session)
