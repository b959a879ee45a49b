"""The demo without a person: an admin who plays theirs, and the checks afterwards.

What is printed is what the admin's stream brings, as it comes; what is checked is what is stored
and what every stream told.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from imbari_chat.cli.demo.cast import ANSWERS, Part
from imbari_chat.cli.demo.customers import Customer
from imbari_chat.client import AsyncAdminChat
from imbari_chat.schema.events import ConnectionChanged, MessageAdded, SessionAdded, SessionChanged
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId

__all__ = ["Check", "Desk", "checks", "exchange_length"]

_REPLIES: Final = {2: ANSWERS[0], 3: ANSWERS[1], 5: ANSWERS[2]}
_RESOLVED_AFTER: Final = 4


def exchange_length(part: Part) -> int:
    """How many messages a conversation has in the end, both sides together."""
    return part.lines + sum(number <= part.lines for number in _REPLIES)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that had to be true.

    Attributes:
        claim: What.
        passed: Whether it was.
        seen: What was seen instead, when it was not.
    """

    claim: str
    passed: bool
    seen: str = ""


@dataclass(slots=True)
class Desk:
    """An admin who reads everything, answers by the script, and resolves what is settled.

    Attributes:
        chat: Signed in.
        on_message: Told of each message as the stream brings it.
        live: Set when the stream is live: customers may come.
        sent: The replies sent, by conversation, in order.
        seen: How often the stream told of each message.
        statuses: Which statuses each conversation went through.
    """

    chat: AsyncAdminChat
    on_message: Callable[[Session, Message], None]
    live: asyncio.Event = field(default_factory=asyncio.Event)
    sent: dict[SessionId, list[Message]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    statuses: dict[SessionId, list[str]] = field(default_factory=dict)
    _resolved: set[SessionId] = field(default_factory=set)
    _heard: Counter[SessionId] = field(default_factory=Counter)
    _sessions: dict[SessionId, Session] = field(default_factory=dict)

    async def serve(self, customer_messages: int) -> None:
        """Serve until so many customer messages are dealt with, and the stream has told of all.

        Raises:
            ImbariError: Whatever the client raises.
        """
        async with aclosing(self.chat.events()) as events:
            async for event in events:
                match event:
                    case ConnectionChanged("live"):
                        self.live.set()
                    case SessionAdded(session) | SessionChanged(session):
                        self._note(session)
                    case MessageAdded(session_id, message):
                        self.seen[message.id] += 1
                        self.on_message(self._sessions[session_id], message)
                        if message.sender == "customer":
                            await self._deal_with(session_id)
                    case _:
                        pass
                if self._heard.total() >= customer_messages and self._all_heard_back():
                    return

    def _note(self, session: Session) -> None:
        self._sessions[session.id] = session
        statuses = self.statuses.setdefault(session.id, [])
        if statuses[-1:] != [session.status]:
            statuses.append(session.status)

    async def _deal_with(self, session_id: SessionId) -> None:
        self._heard[session_id] += 1
        count = self._heard[session_id]
        async with self.chat.open(session_id) as conversation:  # opening marks read
            if count in _REPLIES:
                message = await conversation.reply(_REPLIES[count])
                self.sent.setdefault(session_id, []).append(message)
            if count == _RESOLVED_AFTER:
                self._resolved.add(session_id)
                await conversation.resolve()

    def _all_heard_back(self) -> bool:
        replies = (one for replies in self.sent.values() for one in replies)
        return all(self.seen[one.id] for one in replies) and all(
            self._has_come_to_its_end(session_id) for session_id in self._resolved
        )

    def _has_come_to_its_end(self, session_id: SessionId) -> bool:
        """Whether it was told that it was resolved, and what the customer's writing made of that.

        What one did oneself is told at once, and what others did may be told after their message.
        """
        is_reopened = self._heard[session_id] > _RESOLVED_AFTER
        end = ["resolved", "active"] if is_reopened else ["resolved"]
        return self.statuses[session_id][-len(end) :] == end


async def checks(desk: Desk, customers: Sequence[Customer], refusals: Sequence[str]) -> list[Check]:
    """Compare what was sent, what is stored and what every stream told.

    Args:
        desk: After serving.
        customers: After playing.
        refusals: What the rules refused, in the emulator's words.
    """
    stored = {
        session.id: (session, await _messages(desk.chat, session.id))
        for session in await desk.chat.sessions(limit=len(customers) + 1)
    }
    return list(_judge(desk, customers, stored, refusals))


def _judge(
    desk: Desk,
    customers: Sequence[Customer],
    stored: dict[SessionId, tuple[Session, list[Message]]],
    refusals: Sequence[str],
) -> Iterator[Check]:
    wrong = []
    for customer in customers:
        assert customer.session_id is not None
        messages = stored[customer.session_id][1]
        theirs = [one.text for one in messages if one.sender == "customer"]
        ours = [one.text for one in messages if one.sender == "admin"]
        sent = [one.text for one in desk.sent.get(customer.session_id, [])]
        if theirs != customer.sent or ours != sent:
            wrong.append(f"{customer.part.name}: {len(messages)} stored")
    yield _check("every message is stored once and in order, both ways", wrong)

    total = [one.id for _, messages in stored.values() for one in messages]
    yield _check(
        "the desk's stream told of every message once",
        [key for key in {*total, *desk.seen} if desk.seen[key] != 1 or key not in total],
    )
    wrong = []
    for customer in customers:
        assert customer.session_id is not None
        ids = {one.id for one in stored[customer.session_id][1]}
        wrong += [key for key in ids | {*customer.seen} if customer.seen[key] != 1]
        wrong += [key for key in customer.seen if key not in ids]
    yield _check("every customer's stream told of their messages once, and no others", wrong)

    yield _check(
        "unread counts are zero and equal the unread messages",
        [
            f"{session.id}: count {session.unread_count}, unread {unread}"
            for session, messages in stored.values()
            for unread in [sum(one.is_unread for one in messages)]
            if session.unread_count != unread or unread
        ],
    )
    came_back = [one for one in customers if one.part.afterthought is not None]
    yield _check(
        "one conversation was resolved and reopened by writing, the others stay resolved",
        [
            f"{customer.part.name}: {seen}"
            for customer in customers
            for seen in [desk.statuses.get(customer.session_id or SessionId(""), [])]
            if seen[-3:]
            != (
                ["active", "resolved", "active"]
                if customer in came_back
                else ["active", "resolved"]
            )
        ],
    )
    yield _check("the rules refused nothing", list(refusals))


def _check(claim: str, wrong: Sequence[str]) -> Check:
    return Check(claim, not wrong, "; ".join(wrong))


async def _messages(chat: AsyncAdminChat, session_id: SessionId) -> list[Message]:
    async with chat.open(session_id, peek=True) as conversation:
        return await conversation.history()
