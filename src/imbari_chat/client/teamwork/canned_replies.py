"""Replies that are ready, and what all that the team writes has in common: it is signed."""

from typing import TypeVar

from imbari_chat.client.gateway import Gateway
from imbari_chat.errors import InvalidData, NotFound, SessionNotFound
from imbari_chat.schema import canned, decode, paths, team_plans
from imbari_chat.schema.models import Session
from imbari_chat.schema.plans import Plan
from imbari_chat.schema.teamwork import CannedReply, TeamRecord
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = ["CannedReplies", "TeamWriter"]

T = TypeVar("T", bound=TeamRecord)


class TeamWriter:
    """Writes for an admin.

    Args:
        gateway: The admin's.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def _me(self) -> str:
        """One's uid; above the rules, where there is none, a word for it."""
        await self._gateway.transport.open()
        return self._gateway.uid or "service"

    async def _written(self, model: type[T], plan: Plan) -> T:
        await self._gateway.commit(plan)
        return team_plans.as_written(model, plan, self._gateway.ids.now())

    async def _session(self, session_id: str) -> Session:
        found = await self._gateway.session(paths.session_id(session_id))
        if found is None:
            raise SessionNotFound.named(session_id)
        return found

    async def _require(self, place: Path, complaint: str) -> Json:
        raw = await self._gateway.transport.get(place)
        if raw is None:
            raise NotFound(f"there is {complaint}")
        return raw


class CannedReplies(TeamWriter):
    """Replies that are ready, with placeholders; part of :class:`AsyncTeam`."""

    async def canned_replies(self) -> list[CannedReply]:
        """The replies that are ready, by name."""
        raw = await self._gateway.transport.get(paths.CANNED_REPLIES)
        rows = decode.as_mapping(raw)
        read = [decode.record(CannedReply, key, rows[key], paths.CANNED_REPLIES) for key in rows]
        return sorted(self._gateway.usable(read), key=lambda one: one.name)

    async def save_canned_reply(self, name: str, text: str) -> CannedReply:
        """Keep a reply, in place of one of the same name.

        ::

            await desk.team.save_canned_reply("shipped", "It is on its way, {first_name}.")

        Args:
            name: What it is called by: up to 40 of a to z, 0 to 9, ``-`` and ``_``.
            text: What it says. ``{name}``, ``{first_name}``, ``{email}`` and ``{topic}`` stand for
                the customer's, ``{admin}`` for what the admin is called.

        Raises:
            InvalidData: It cannot be called so, the text is empty or too long, or it has a
                placeholder that stands for nothing.
        """
        plan = team_plans.save_canned_reply(name, text, by=await self._me())
        return await self._written(CannedReply, plan)

    async def delete_canned_reply(self, name: str) -> None:
        """Keep a reply no more.

        Raises:
            NotFound: There is none of this name.
        """
        place = paths.canned_reply(canned.checked_name(name))
        await self._require(place, f"no canned reply {name!r}")
        await self._gateway.commit(team_plans.delete_canned_reply(name))

    async def fill(self, name: str, session_id: str) -> str:
        """What a canned reply says in a conversation, its placeholders filled.

        Args:
            name: What it is called by.
            session_id: Which conversation.

        Raises:
            NotFound: There is none of this name.
            InvalidData: It has a placeholder for which there is nothing here.
        """
        key = canned.checked_name(name)
        raw = await self._require(paths.canned_reply(key), f"no canned reply {name!r}")
        read = self._gateway.usable([decode.record(CannedReply, key, raw, paths.CANNED_REPLIES)])
        if not read:
            raise InvalidData(f"the canned reply {name!r} has no text")
        session = await self._session(session_id)
        return canned.filled(read[0].text, session, admin=self._gateway.name)
