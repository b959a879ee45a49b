"""One conversation as a desk has it open: entered as soon as it can be, followed, replied
to. Being offline at any of it is waited out.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, TypeAlias

from imbari_chat.engine.backoff import Backoff, BackoffPolicy
from imbari_chat.errors import ImbariError, NotFound, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from imbari_chat.schema.models import Message
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.client.reading.pager import MessagePager

__all__ = ["Talk"]

_Entered: TypeAlias = "AsyncConversation | ImbariError"


class Talk:
    """A conversation of the desk, for as long as it is open there.

    Args:
        chat: An admin's chat, entered.
        session_id: Which conversation.
        on_event: Told what the conversation's stream tells, and of trouble in entering it.
        peek: Colleagues are not to see that it is open.
    """

    def __init__(
        self,
        chat: "AsyncAdminChat",
        session_id: SessionId,
        on_event: Callable[[ChatEvent], None],
        *,
        peek: bool = False,
    ) -> None:
        self._peek = peek
        self.id = session_id
        self._chat = chat
        self._on_event = on_event
        self._entered: asyncio.Future[_Entered] = asyncio.get_running_loop().create_future()
        self._again = asyncio.Event()
        self._turn = asyncio.Lock()
        self._pager: MessagePager | None = None

    async def follow(self) -> None:
        """Enter it and follow it, until cancelled.

        Raises:
            ImbariError: It cannot be entered for another reason than the network, or its stream
                has ended for good.
        """
        try:
            async with AsyncExitStack() as stack:
                conversation = await self._enter(stack)
                self._entered.set_result(conversation)
                if not self._peek:
                    await conversation.show()
                async with aclosing(conversation.events()) as events:
                    async for event in events:
                        self._on_event(event)
        except ImbariError as error:
            self._give_up(error)
            raise
        finally:
            self._give_up(Unavailable("the conversation was closed before it could be read"))

    def hurry(self) -> None:
        """Do not wait before the next try to enter: the network is back."""
        self._again.set()

    async def reply(self, text: str, *, expect_last: Message | None = None) -> OutgoingMessage:
        """Hand a reply over, as soon as the conversation is entered and after those before it.

        Args:
            text: What to say.
            expect_last: The last message the writer has seen, if the reply shall be refused when
                another one has come since.

        Raises:
            Conflict: Another message has come since.
            ImbariError: It was not handed over.
        """
        async with self._turn:
            conversation = await self._conversation()
            return await conversation.reply(text, timeout=0, expect_last=expect_last)

    async def older(self, page_size: int) -> tuple[list[Message], bool]:
        """The next page above what was loaded, and whether the conversation begins with it.

        The first page is the newest one, which may hold what is known already.

        Raises:
            ImbariError: It could not be read.
        """
        conversation = await self._conversation()
        if self._pager is None:
            self._pager = conversation.browse(page_size=page_size)
        page = await self._pager.older()
        return page, len(page) < page_size

    async def typing(self) -> None:
        """Something is being written here; said only once the conversation is entered."""
        if self._entered.done():
            conversation = self._entered.result()
            if not isinstance(conversation, ImbariError):
                await conversation.typing()

    async def mark_read(self, last: Message) -> None:
        """Mark what the customer wrote read, up to the ``last`` message that is on screen.

        Raises:
            ImbariError: It could not be marked.
        """
        conversation = await self._conversation()
        try:
            await conversation.mark_read(up_to=last)
        except NotFound:
            return  # deleted meanwhile; the stream tells

    async def _enter(self, stack: AsyncExitStack) -> "AsyncConversation":
        backoff = Backoff(BackoffPolicy())
        while True:
            self._again.clear()
            try:
                # What has been read is marked when it is on screen.
                return await stack.enter_async_context(self._chat.open(self.id, peek=True))
            except Unavailable as error:
                luck = random.random()  # noqa: S311  # for a pause, not a secret
                pause = backoff.next(luck, error.retry_after)
                self._on_event(ConnectionChanged("reconnecting", error.what, pause))
            try:
                async with asyncio.timeout(pause):
                    await self._again.wait()
            except TimeoutError:
                continue

    async def _conversation(self) -> "AsyncConversation":
        entered = await asyncio.shield(self._entered)
        if isinstance(entered, ImbariError):
            raise entered
        return entered

    def _give_up(self, error: ImbariError) -> None:
        if not self._entered.done():
            self._entered.set_result(error)
