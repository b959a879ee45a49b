"""What a team does with conversations beside answering them, for an admin."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime

from imbari_chat.client.arguments import checked_moment
from imbari_chat.client.teamwork import live
from imbari_chat.client.teamwork.canned_replies import CannedReplies
from imbari_chat.errors import (
    AccessDenied,
    Conflict,
    InvalidData,
    InvalidType,
    Unavailable,
)
from imbari_chat.schema import decode, paths, team_plans
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import (
    Assignment,
    Block,
    Note,
    Snooze,
    TeamSnapshot,
)
from imbari_chat.wire.paths import illegal_in_key

__all__ = ["AsyncTeam"]


class AsyncTeam(CannedReplies):
    """Who has a conversation, what is noted of it, labels, snoozes, blocks and canned replies.

    ::

        await desk.team.claim(session.id)
        await desk.team.add_note(session.id, "Calls back on Monday.")
        async for snapshot in desk.team.follow():
            print(snapshot.assignment_of(session.id), snapshot.labels_of(session.id))

    Get it from :attr:`AsyncAdminChat.team`. No customer sees any of it. Each record says who wrote
    it and when, by the server's clock.

    Each method raises SessionNotFound where a conversation is not there, AccessDenied if whoever is
    signed in is not an admin, and Unavailable without an answer; ``outcome_unknown`` then says
    whether it may have been done.
    """

    async def read(self, session_id: str | None = None) -> TeamSnapshot:
        """Look once at who has what, labels, snoozes and blocks; the thousand of each that were
        written last.

        Args:
            session_id: Of this conversation alone, and all blocks.
        """
        wanted = None if session_id is None else paths.session_id(session_id)
        return await live.look(self._gateway, wanted)

    def follow(self) -> AsyncGenerator[TeamSnapshot, None]:
        """Follow what the team keeps, canned replies as well, until the iterator is closed.

        It survives outages; the connection's state is told by :meth:`AsyncAdminChat.events`.

        Yields:
            All of it as it is, and again whenever something changes, or a snooze or block ends.
            Of each kind the thousand that were written last.

        Raises:
            ImbariError: It has ended for good: access was lost, or the rules in force are older
                than this program.
        """
        return live.follow(self._gateway)

    async def claim(self, session_id: str, *, instead_of: str | None = None) -> Assignment:
        """Take a conversation, which nobody else has; nothing if oneself has it.

        ::

            try:
                await desk.team.claim(session.id)
            except Conflict as taken:
                print(taken)

        Args:
            session_id: Which.
            instead_of: The uid of a colleague from whom it may be taken over.

        Raises:
            Conflict: A colleague has it, perhaps since a moment ago.
        """
        me = await self._me()
        return await self._give(session_id, me, self._gateway.name, instead_of)

    async def assign(
        self,
        session_id: str,
        uid: str,
        *,
        name: str | None = None,
        instead_of: str | None = None,
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
        return await self._give(session_id, team_plans.checked_uid(uid), name, instead_of)

    async def unassign(self, session_id: str) -> None:
        """Put a conversation down that oneself has; nothing if nobody has it.

        Raises:
            Conflict: A colleague has it: take it over before.
        """
        name, me = paths.session_id(session_id), await self._me()
        if await self._assignment(name) is None:
            return
        try:
            await self._gateway.commit(team_plans.unassign(name))
        except AccessDenied as error:
            held = await self._assignment(name)
            if held is None or held.to == me:
                raise
            raise _taken(held) from error

    async def label(self, session_id: str, labels: str | Iterable[str]) -> None:
        """Label a conversation, beside the labels it has.

        Args:
            session_id: Which.
            labels: One or several; they are kept in small letters.

        Raises:
            InvalidData: One is empty, longer than 40 characters, or has one of ``. $ # [ ] /``.
        """
        await self._label(session_id, _several(labels), ())

    async def unlabel(self, session_id: str, labels: str | Iterable[str]) -> None:
        """Take labels from a conversation; nothing if it does not have them.

        Args:
            session_id: Which.
            labels: One or several.

        Raises:
            InvalidData: One can be no label.
        """
        await self._label(session_id, (), _several(labels))

    async def snooze(self, session_id: str, until: datetime | int) -> Snooze:
        """Put a conversation out of sight until then, or until its customer writes.

        Args:
            session_id: Which.
            until: When it comes back; ms since the epoch, or a datetime, which without a zone is
                local.

        Raises:
            InvalidData: That has passed.
        """
        end = self._later(until)
        session = await self._session(session_id)
        plan = team_plans.snooze(
            session.id, end, after=session.last_customer_message_id, by=await self._me()
        )
        return await self._written(Snooze, plan)

    async def unsnooze(self, session_id: str) -> None:
        """Have a conversation in sight again."""
        await self._gateway.commit(team_plans.unsnooze(paths.session_id(session_id)))

    async def block(
        self, session_id: str, reason: str, *, until: datetime | int | None = None
    ) -> Block:
        """Take no more messages from a conversation's customer, in any conversation of theirs.

        Args:
            session_id: Whose.
            reason: Why, for colleagues; up to 500 characters.
            until: When it ends by itself, as for :meth:`snooze`; otherwise with :meth:`unblock`.

        Raises:
            InvalidData: The reason is empty or too long, the end has passed, or the customer has
                no uid that could be blocked: the website started it for nobody.
        """
        end = None if until is None else self._later(until)
        uid = await self._customer(session_id)
        plan = team_plans.block(uid, reason, until=end, by=await self._me())
        return await self._written(Block, plan)

    async def unblock(self, session_id: str) -> None:
        """Let a conversation's customer write again.

        Raises:
            InvalidData: The customer has no uid that could be blocked.
        """
        await self._gateway.commit(team_plans.unblock(await self._customer(session_id)))

    async def notes(self, session_id: str) -> list[Note]:
        """What is noted of a conversation, oldest first."""
        return list(await live.read_notes(self._gateway, paths.session_id(session_id)))

    def follow_notes(self, session_id: str) -> AsyncGenerator[tuple[Note, ...], None]:
        """Follow what is noted of a conversation, until the iterator is closed.

        Yields:
            All notes, oldest first, and again whenever they change.

        Raises:
            ImbariError: It has ended for good.
        """
        return live.follow_notes(self._gateway, paths.session_id(session_id))

    async def add_note(self, session_id: str, text: str) -> Note:
        """Note something that no customer sees.

        Args:
            session_id: Of which conversation.
            text: What; up to 2,000 characters.

        Returns:
            The note; its time is the server's as far as it is known here.

        Raises:
            InvalidData: The text is empty or too long.
        """
        name, me = paths.session_id(session_id), await self._me()
        plan = team_plans.add_note(
            name, self._gateway.ids.note(), text, by=me, name=self._gateway.name
        )
        return await self._written(Note, plan)

    async def delete_note(self, session_id: str, note_id: str) -> None:
        """Take a note away, whoever wrote it.

        Raises:
            NotFound: There is no such note.
        """
        name, note = paths.session_id(session_id), paths.note_id(note_id)
        await self._require(paths.note(name, note), f"no note {note_id!r} of this conversation")
        await self._gateway.commit(team_plans.delete_note(name, note))

    async def _give(
        self, session_id: str, uid: str, name: str | None, instead_of: str | None
    ) -> Assignment:
        """Look who has it, and say so with the write: the rules compare the two."""
        if instead_of is not None:
            team_plans.checked_uid(instead_of)
        session, me = paths.session_id(session_id), await self._me()
        held = await self._assignment(session)
        if held is not None and held.to == uid:
            return held
        if held is not None and held.to not in (me, instead_of):
            raise _taken(held)
        had = None if held is None else held.to
        plan = team_plans.assign(session, uid, by=me, name=name, had=had)
        try:
            return await self._written(Assignment, plan)
        except AccessDenied as error:
            held = await self._assignment(session)
            if held is None or held.to == had:
                raise
            raise _taken(held) from error
        except Unavailable as error:
            held = await self._seen_after(error, session)
            if held is None or (held.to, held.by) != (uid, me):
                raise
            return held

    async def _label(self, session_id: str, add: Sequence[str], remove: Sequence[str]) -> None:
        name = paths.session_id(session_id)
        if add or remove:
            await self._gateway.commit(team_plans.label(name, add, remove, by=await self._me()))

    async def _seen_after(self, error: Unavailable, session_id: SessionId) -> Assignment | None:
        """Who has it after a write whose answer was lost; None if nobody, or nobody can tell."""
        if not error.outcome_unknown:
            return None
        try:
            return await self._assignment(session_id)
        except Unavailable:
            return None

    async def _customer(self, session_id: str) -> str:
        """The uid that a block of a conversation's customer stands at."""
        uid = (await self._session(session_id)).customer_uid
        if uid is None or illegal_in_key(uid) is not None:
            raise InvalidData(
                "this customer cannot be blocked: they were not signed in",
                where=f"conversation {session_id}",
            )
        return uid

    async def _assignment(self, session_id: SessionId) -> Assignment | None:
        raw = await self._gateway.transport.get(paths.assignment(session_id))
        if raw is None:
            return None
        read = decode.record(Assignment, session_id, raw, paths.ASSIGNMENTS)
        return next(iter(self._gateway.usable([read])), None)

    def _later(self, until: datetime | int) -> int:
        end = checked_moment(until, "until")
        if end is None:
            raise InvalidType("until is a moment, not None", where="until")
        if end <= self._gateway.ids.now():
            raise InvalidData("that time has passed already", where="until")
        return end


def _several(labels: str | Iterable[str]) -> list[str]:
    if not isinstance(labels, Iterable):
        raise InvalidType(f"labels are texts, not {type(labels).__name__}", where="labels")
    return [labels] if isinstance(labels, str) else list(labels)


def _taken(held: Assignment) -> Conflict:
    return Conflict(
        f"{held.label} has this conversation",
        where=held.session_id,
        hint=f"To take it from them, name them: instead_of={held.to!r}",
    )
