"""A customer who plays their part through the customer's client, at a human pace."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from imbari_chat.cli.demo.cast import Part, reaction
from imbari_chat.client import AsyncCustomerChat
from imbari_chat.schema.events import MessageAdded
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import SessionId

__all__ = ["Customer", "Pace"]

_PATIENCE: Final = 24 * 3600.0
_GLANCE: Final = 1.0  # how often a customer with an afterthought looks whether all is settled


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast customers type.

    Attributes:
        chance: Where hesitation comes from; seed it to play the same again.
        speed: 1 for a person; 10 is ten times as fast.
    """

    chance: random.Random
    speed: float = 1.0

    async def typing(self, text: str) -> None:
        """Wait as long as ``text`` takes to type, at most five seconds."""
        seconds = min(0.6 + len(text) * self.chance.uniform(0.03, 0.07), 5.0)
        await asyncio.sleep(seconds / self.speed)


@dataclass(slots=True)
class Customer:
    """One customer of the demo, and what passed before their eyes.

    Attributes:
        part: What they say.
        session_id: Their conversation, once it is started.
        sent: What they sent, in order.
        seen: How often the stream told them of each message.
    """

    part: Part
    session_id: SessionId | None = None
    sent: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, flags: Mapping[str, Any], pace: Pace, *, until: int | None = None) -> None:
        """Play the part to its end, and then stay to read.

        Args:
            flags: Settings that lead to the stage.
            pace: How fast.
            until: Leave once the stream has told of this many messages; None: never.

        Raises:
            ImbariError: Whatever the client raises.
        """
        async with AsyncCustomerChat.from_env(**flags) as chat:
            await asyncio.sleep(self.part.late / pace.speed)
            await pace.typing(self.part.greeting)
            session = await chat.start(
                name=self.part.name,
                email=self.part.email,
                phone=self.part.phone,
                topic=self.part.topic,
                text=self.part.greeting,
            )
            self.session_id = session.id
            self.sent.append(self.part.greeting)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(chat))
                await self._converse(chat, pace)
                while until is None or self.seen.total() < until:
                    self._news.clear()
                    await self._news.wait()
                watching.cancel()

    async def _converse(self, chat: AsyncCustomerChat, pace: Pace) -> None:
        await self._say(chat, pace, self.part.question)
        answer = await self._answer(chat)
        await self._say(chat, pace, reaction(self.part, answer.text))
        await self._answer(chat)
        await self._say(chat, pace, self.part.thanks)
        if self.part.afterthought is not None:
            # No event tells a customer of it.
            while not any(one.is_resolved for one in await chat.sessions()):  # noqa: ASYNC110
                await asyncio.sleep(_GLANCE / pace.speed)
            await self._say(chat, pace, self.part.afterthought)

    async def _say(self, chat: AsyncCustomerChat, pace: Pace, text: str) -> None:
        await pace.typing(text)
        await chat.send(text)
        self.sent.append(text)

    async def _answer(self, chat: AsyncCustomerChat) -> Message:
        return (await chat.wait_for(MessageAdded, timeout=_PATIENCE)).message

    async def _watch(self, chat: AsyncCustomerChat) -> None:
        async with aclosing(chat.events(history=50)) as events:
            async for event in events:
                if isinstance(event, MessageAdded):
                    self.seen[event.message.id] += 1
                    self._news.set()
