"""A conversation in a few words as stored: whose it is, who is there, what the team keeps of it."""

from collections.abc import Iterator
from datetime import tzinfo

from imbari_chat.schema.models import ADMIN_LABEL, Message, Session
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Block, TeamSnapshot
from imbari_chat.view.dates import full

__all__ = ["author", "block_words", "customer_label", "presence_marks", "team_marks"]


def customer_label(session: Session) -> str:
    """The customer's name as stored, or words for a record that has none."""
    return session.customer_name if session.customer_name.strip() else "(no name)"


def presence_marks(presence: PresenceSnapshot, session_id: str) -> str:
    """Who is in a conversation, in a few words as stored: "online", "typing…", "open: Amina"."""
    marks = []
    state = presence.of(session_id)
    if presence.is_typing(session_id):
        marks.append("typing…")
    elif state != "gone":
        marks.append(state)
    if presence.is_typing(session_id, "admin"):
        marks.append("colleague typing…")
    if colleagues := presence.colleagues(session_id):
        marks.append("open: " + ", ".join(one.label for one in colleagues))
    return ", ".join(marks)


def author(message: Message, session: Session) -> str:
    """Who a message is signed by: admins as the team, a customer by name."""
    return ADMIN_LABEL if message.sender == "admin" else customer_label(session)


def team_marks(team: TeamSnapshot, session: Session, zone: tzinfo | None) -> str:
    """Who has it, its labels, whether it is out of sight, whether its customer is blocked:
    "Noor · wholesale, urgent · snoozed until 2024-03-12 14:05"."""
    return " · ".join(_marks(team, session, zone))


def block_words(block: Block, zone: tzinfo | None) -> str:
    """How long somebody is blocked, and why."""
    end = "" if block.until is None else f" until {full(block.until, zone)}"
    return f"blocked{end}" + (f": {block.reason}" if block.reason else "")


def _marks(team: TeamSnapshot, session: Session, zone: tzinfo | None) -> Iterator[str]:
    if assignment := team.assignment_of(session.id):
        yield assignment.label
    if labels := team.labels_of(session.id):
        yield ", ".join(labels)
    if snooze := team.snooze_of(session):
        yield f"snoozed until {full(snooze.until, zone)}"
    if block := team.block_of(session):
        yield block_words(block, zone)
