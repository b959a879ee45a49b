"""One visit to the chat: every message printed once, every delivery told, nothing lost."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, Final

from imbari_chat.cli.customer.lead import Lead
from imbari_chat.cli.exit_codes import undelivered
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.client import AsyncCustomerChat
from imbari_chat.clock import local_time
from imbari_chat.errors import Unavailable
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    RecordRejected,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import arrivals
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.view.outgoing import PATIENCE, SENDING, Pending, progress
from imbari_chat.view.sanitize import safe_text

__all__ = ["Visit"]

_HISTORY: Final = 50
_BADGE: Final = "● new reply while you were away"
_A_LITTLE_LATER: Final = (PATIENCE + 50) / 1000
_LONGEST: Final = 60


class Visit:
    """See the module.

    Args:
        chat: A customer's chat, entered.
        stderr: For narration.
        stdout: For what is said.
        at_terminal: Whether a person writes: what was missed is printed whole, what waits is
            narrated, and what the service refuses comes back to be written again.
        json: Print JSON lines, one's own messages too.
        timeout: Seconds without any message arriving after which :meth:`flush` gives up.

    Attributes:
        is_under_way: Whether there is a conversation.
        returned: Texts that were refused and wait to be written again.
        on_returned: Called when there is one more.
    """

    def __init__(
        self,
        chat: AsyncCustomerChat,
        stderr: Stderr,
        stdout: Stdout,
        *,
        at_terminal: bool,
        json: bool,
        timeout: float,
    ) -> None:
        self.stderr = stderr
        self.is_under_way = False
        self.returned: deque[str] = deque()
        self.on_returned: Callable[[], None] = lambda: None
        self._chat = chat
        self._stdout = stdout
        self._at_terminal = at_terminal
        self._json = json
        self._timeout = timeout
        self._shown: set[str] = set()
        self._on_the_way: dict[str, OutgoingMessage] = {}
        self._pending: dict[str, Pending] = {}
        self._told: dict[str, str] = {}
        self._answered = asyncio.Event()
        self._is_away = False

    async def resume(self) -> None:
        """Come back to the newest conversation, if there is one, and look at what is new."""
        sessions = await self._chat.sessions()
        if not sessions:
            return
        session = await self._chat.resume(sessions[0].id)
        self._begin(session)
        history = await self._chat.history(limit=_HISTORY)
        arrived = {one.id: at for one, at in arrivals(history, local_time())}
        for message in history:
            is_news = message.sender == "admin" and arrived[message.id] > (
                session.customer_seen_at or 0
            )
            if is_news:
                self._answered.set()
            if is_news or self._at_terminal:
                self._print(message)
            self._shown.add(message.id)
        if self._chat.has_new_message:
            self.stderr.say(_BADGE)
        await self._chat.show()

    async def start(self, lead: Lead) -> None:
        """Start a conversation.

        Raises:
            InvalidData: A field of the form is not acceptable.
            ImbariError: Whatever the client raises.
        """
        self._begin(
            await self._chat.start(
                name=lead.name or "", email=lead.email or "", phone=lead.phone, topic=lead.topic
            )
        )

    def _begin(self, session: Session) -> None:
        self.is_under_way = True
        if self._json:
            self._stdout.line({"event": "session", "session": record(session)})

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` while following the conversation; whichever fails first ends both.

        Raises:
            ImbariError: The stream has ended for good; in a pipe also: a message was refused.
        """
        following = asyncio.create_task(self._follow())
        working = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({following, working}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            following.cancel()
            working.cancel()
            await asyncio.gather(following, working, return_exceptions=True)

    async def hand_over(self, text: str) -> None:
        """Send what was written here, without waiting for it.

        Raises:
            InvalidData: It is empty or too long.
        """
        message = await self._chat.send(text, timeout=0)
        self._answered.clear()
        self._on_the_way[message.id] = message
        self._pending[message.id] = Pending(0, self._chat.session.id, text)
        self._got_further(message)

    async def flush(self) -> None:
        """Wait for what is on its way, for as long as some of it arrives from time to time.

        Raises:
            ImbariError: In a pipe: a message was refused.
        """
        left = len(self._chat.outbox)
        if left:
            self.stderr.say(f"waiting for {_counted(left)} to be sent; Ctrl-C leaves at once")
        while left:
            before, left = left, len(await self._chat.flush(timeout=self._timeout))
            if left == before:
                break
        for message in list(self._on_the_way.values()):
            self._got_further(message)

    async def answered(self, within: float) -> bool:
        """Whether an answer to what was sent last comes in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), within)
        return self._answered.is_set()

    async def leave(self) -> Unavailable | None:
        """Close the chat, and give back what did not arrive.

        Returns:
            The error to end in if there was anything.
        """
        await self._chat.close()
        not_sent = len(self.returned)
        unknown = 0
        for text in self.returned:
            self.stderr.give_back(text)
        for message in self._on_the_way.values():
            if message.delivery != "confirmed":
                may_be_there = message.delivery == "sent"
                unknown += may_be_there
                not_sent += not may_be_there
                self.stderr.give_back(message.text, unknown=may_be_there)
        return undelivered(not_sent=not_sent, unknown=unknown)

    async def _follow(self) -> None:
        async with aclosing(self._chat.events(history=_HISTORY)) as events:
            async for event in events:
                self._hear(event)

    def _hear(self, event: ChatEvent) -> None:
        match event:
            case MessageAdded(_, OutgoingMessage()):
                pass  # it has arrived when its delivery says so
            case MessageAdded(_, message) if message.id not in self._shown:
                self._heard_message(message)
            case DeliveryChanged(_, message):
                self._got_further(message)
            case RecordRejected():
                self.stderr.rejected(event)
            case ConnectionChanged("live"):
                if self._is_away:
                    self.stderr.say("connected again")
                self._is_away = False
            case ConnectionChanged("reconnecting", reason) if not self._is_away:
                self.stderr.say(f"connection lost{f': {reason}' if reason else ''}; trying again")
                self._is_away = True
            case _:
                pass

    def _heard_message(self, message: Message) -> None:
        if message.sender == "admin":
            self._shown.add(message.id)
            self._print(message)
            self._answered.set()
        elif message.id in self._on_the_way:
            self._arrived(message)
        else:  # written elsewhere, as the same customer
            self._shown.add(message.id)
            if self._at_terminal or self._json:
                self._print(message)

    def _got_further(self, message: OutgoingMessage) -> None:
        """Act on where a message written here is now."""
        if message.id not in self._on_the_way:
            return
        match message.delivery:
            case "confirmed":
                self._arrived(message)
            case "failed":
                self._refused(message)
            case "queued" | "sent" | "held":
                self._note(message)

    def _arrived(self, message: Message) -> None:
        self._shown.add(message.id)
        if self._forget(message.id) is not None:
            self.stderr.say(f"sent: {_short(message.text)}")
        if self._json:
            self._print(message)

    def _refused(self, message: OutgoingMessage) -> None:
        assert message.error is not None
        if not self._at_terminal:
            raise message.error
        self._forget(message.id)
        self.stderr.error(message.error)
        self.returned.append(message.text)
        self.on_returned()

    def _forget(self, message_id: str) -> str | None:
        """Gives what was last said of it."""
        del self._on_the_way[message_id], self._pending[message_id]
        return self._told.pop(message_id, None)

    def _note(self, message: OutgoingMessage) -> None:
        pending = self._pending[message.id]
        self._pending[message.id] = pending.became(
            message, message.delivery, message.error, local_time()
        )
        if self._at_terminal:
            self._narrate()
            if message.delivery == "sent":  # it may be worth a word in a moment
                asyncio.get_running_loop().call_later(_A_LITTLE_LATER, self._narrate)

    def _narrate(self) -> None:
        """Say what messages wait for, once each, as long as they wait for the same."""
        words = progress(tuple(self._pending.values()), now=local_time(), online=True)
        for (message_id, pending), said in zip(self._pending.items(), words, strict=True):
            if said != SENDING and self._told.get(message_id) != said:
                self._told[message_id] = said
                self.stderr.say(f"{said}: {_short(pending.text)}")

    def _print(self, message: Message) -> None:
        if self._json:
            self._stdout.line(
                {
                    "event": "message_added",
                    "session_id": self._chat.session.id,
                    "message": record(message),
                }
            )
            return
        indent = f"\n{' ' * (len(message.label) + 2)}"
        text = safe_text(message.text, multiline=True).replace("\n", indent)
        self._stdout.text(f"{message.label}: {text}")


def _short(text: str) -> str:
    return safe_text(text, max_length=_LONGEST)


def _counted(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"
