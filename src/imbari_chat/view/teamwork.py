"""What a team keeps of a conversation, in a few words as stored."""

from collections.abc import Iterator
from datetime import tzinfo

from imbari_chat.schema.models import Session
from imbari_chat.schema.teamwork import Block, TeamSnapshot
from imbari_chat.view.dates import full

__all__ = ["block_words", "team_marks"]


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
