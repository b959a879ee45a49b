"""What the team keeps of conversations, for commands that list and show them.

It is read beside what was asked for, and left out where the rules in force know nothing of it, but
for what is asked by it.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import AccessDenied, InvalidData
from imbari_chat.schema.teamwork import Note, TeamSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.console import RenderableType

    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Session, Status
    from imbari_chat.wire.json import Json

__all__ = ["Wanted", "every", "listed", "team_blocks", "told", "with_notes"]

_LONGEST: Final = 1000
_PAGE: Final = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations to list. Those that are snoozed are listed when they are asked for.

    Attributes:
        mine: Only those that whoever asks has.
        unassigned: Only those that nobody has.
        labels: Only those with all of these.
        snoozed: Only those that are out of sight.
    """

    mine: bool = False
    unassigned: bool = False
    labels: tuple[str, ...] = ()
    snoozed: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether anything is asked of the team's."""
        return self != Wanted()

    @property
    def words(self) -> str:
        """Which, in front of "conversations"."""
        parts = {
            "snoozed": self.snoozed,
            "unassigned": self.unassigned,
            "own": self.mine,
            **{f"{one!r}": True for one in self.labels},
        }
        return "".join(f"{part} " for part, is_asked in parts.items() if is_asked)

    def admits(self, session: "Session", team: TeamSnapshot, uid: str | None) -> bool:
        """Whether a conversation is one of them.

        Args:
            session: The conversation.
            team: What the team keeps.
            uid: Who asks.
        """
        held = team.assignment_of(session.id)
        is_snoozed = not session.is_resolved and team.snooze_of(session) is not None
        return (
            is_snoozed is self.snoozed
            and not (self.mine and (held is None or held.to != uid))
            and not (self.unassigned and held is not None)
            and set(self.labels) <= set(team.labels_of(session.id))
        )


async def listed(
    chat: "AsyncAdminChat",
    wanted: Wanted,
    stderr: Stderr,
    *,
    status: "Status | None",
    unread: bool,
    since: int | None,
    limit: int,
) -> "tuple[list[Session], TeamSnapshot]":
    """The latest conversations that are wanted, and what the team keeps.

    Args:
        chat: An admin's.
        wanted: Which.
        stderr: Told if the rules in force are older.
        status: As for :meth:`AsyncAdminChat.sessions`, like all that follows.
        unread: See there.
        since: See there.
        limit: See there.
    """
    sessions, kept_by_team = await asyncio.gather(
        chat.sessions(status=status, unread=unread, since=since, limit=limit),
        _kept(chat.team.read(), required=wanted.is_asked),
    )
    team = _or_nothing(kept_by_team, stderr)
    uid = _uid(chat)
    kept = [one for one in sessions if wanted.admits(one, team, uid)]
    if len(kept) == len(sessions) or len(sessions) < limit:
        return kept, team
    kept = []
    async for one in chat.browse(status=status, unread=unread, since=since):
        if wanted.admits(one, team, uid):
            kept.append(one)
            if len(kept) == limit:
                break
    return kept, team


async def every(
    chat: "AsyncAdminChat",
    wanted: Wanted,
    stderr: Stderr,
    *,
    status: "Status | None",
    unread: bool,
    since: int | None,
) -> "tuple[AsyncIterator[Session], TeamSnapshot]":
    """All that are wanted, newest first and page by page, and what the team keeps; as listed."""
    pager = chat.browse(status=status, unread=unread, since=since, page_size=_PAGE)
    page, kept_by_team = await asyncio.gather(
        pager.older(), _kept(chat.team.read(), required=wanted.is_asked)
    )
    team = _or_nothing(kept_by_team, stderr)

    async def found(page: "Sequence[Session]") -> "AsyncIterator[Session]":
        while page:
            for one in page:
                if wanted.admits(one, team, _uid(chat)):
                    yield one
            page = await pager.older()

    return found(page), team


async def with_notes(
    chat: "AsyncAdminChat", work: Awaitable[T], session_id: str, stderr: Stderr
) -> tuple[T, TeamSnapshot, list[Note]]:
    """What ``work`` gives, and what the team keeps of a conversation.

    Args:
        chat: An admin's.
        work: What was asked for. Raises what it raises.
        session_id: Which conversation.
        stderr: Told if the rules in force are older.
    """
    done, team, notes = await asyncio.gather(
        work, _kept(chat.team.read(session_id)), _kept(chat.team.notes(session_id))
    )
    return done, _or_nothing(None if notes is None else team, stderr), notes or []


def told(team: TeamSnapshot, session: "Session") -> "Json":
    """What the team keeps of a conversation, as data."""
    held, snooze, block = (
        team.assignment_of(session.id),
        team.snooze_of(session),
        team.block_of(session),
    )
    return {
        "assignee": None if held is None else {"uid": held.to, "name": held.name},
        "labels": list(team.labels_of(session.id)),
        "snoozed_until": None if snooze is None else snooze.until,
        "block": None if block is None else {"reason": block.reason, "until": block.until},
    }


def team_blocks(
    team: TeamSnapshot, session: "Session", notes: "Sequence[Note]"
) -> "list[RenderableType]":
    """What the team keeps of a conversation, between its heading and its messages."""
    from rich.text import Text

    from imbari_chat.cli.team.notes import note_blocks
    from imbari_chat.view.labels import team_marks
    from imbari_chat.view.sanitize import safe_text

    marks = safe_text(team_marks(team, session, None), max_length=_LONGEST)
    return [*([Text(marks, "yellow")] if marks else []), *note_blocks(notes)]


def _uid(chat: "AsyncAdminChat") -> str:
    return chat.uid or "service"


async def _kept(reading: Awaitable[T], *, required: bool = False) -> T | None:
    """What the team keeps; None if the rules in force know nothing of it."""
    try:
        return await reading
    except (AccessDenied, InvalidData):  # refused, or without an index
        if required:
            raise
        return None


def _or_nothing(team: TeamSnapshot | None, stderr: Stderr) -> TeamSnapshot:
    if team is None:
        stderr.say("what the team keeps is left out: the rules in force are older")
        return TeamSnapshot()
    return team
