"""Replies that are ready, for an admin."""

from imbari_chat.client.teamwork.writing import TeamWriter
from imbari_chat.errors import InvalidData
from imbari_chat.schema import canned, decode, paths, team_plans
from imbari_chat.schema.teamwork import CannedReply

__all__ = ["CannedReplies"]


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
