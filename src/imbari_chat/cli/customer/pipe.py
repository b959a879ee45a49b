"""Lines of standard input, each a message; nothing is asked."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

from imbari_chat.cli.customer.lead import Lead, topic_of
from imbari_chat.cli.customer.visit import Visit
from imbari_chat.cli.exit_codes import TimeoutReached, UsageError
from imbari_chat.errors import ImbariError, InvalidData

__all__ = ["in_a_pipe"]


async def in_a_pipe(visit: Visit, lead: Lead, wait: float | None) -> None:
    """Send the lines in order, and wait for them to arrive.

    Args:
        visit: With the conversation to go on with, if there is one.
        lead: What options say of the form of a new one.
        wait: Then wait so many seconds for an answer.

    Raises:
        UsageError: A name or an e-mail is needed and no option gives it.
        TimeoutReached: No answer came within ``wait``.
        InvalidData: A field or a line is not acceptable; the lines before it are sent.
        ImbariError: Whatever the client raises.
    """
    lines = _standard_input()
    first = await anext(lines, None)
    if not visit.is_under_way:
        if first is None:
            visit.stderr.say("nothing to send")
            return
        await _start(visit, lead, first)

    async def speak() -> None:
        try:
            if first is not None:
                await visit.hand_over(first)
            async for line in lines:
                await visit.hand_over(line)
        except InvalidData:
            await visit.flush()
            raise
        await visit.flush()
        if wait is not None and not await visit.answered(wait):
            raise TimeoutReached(f"no answer within {wait:g} s")

    await visit.during(speak())


async def _start(visit: Visit, lead: Lead, first: str) -> None:
    """Start a conversation in which ``first`` is to be said."""
    if not lead.name or not lead.email:
        raise UsageError(
            "a new conversation needs a name and an e-mail", hint="Give --name and --email"
        )
    topic = None if lead.topic is None else topic_of(lead.topic)
    try:
        await visit.start(replace(lead, topic=topic))
    except (ImbariError, asyncio.CancelledError):
        visit.stderr.give_back(first)
        raise


async def _standard_input() -> AsyncIterator[str]:
    """The lines of standard input that are not blank.

    A thread of its own reads them, for a read cannot be interrupted and must not hold up the end.

    Raises:
        InvalidData: It is not text in the terminal's encoding.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | InvalidData | None] = asyncio.Queue()

    def put(line: str | InvalidData | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody wants to know
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        try:
            for line in sys.stdin:
                put(line.rstrip("\r\n"))
        except UnicodeDecodeError as error:
            put(InvalidData(f"standard input is not {error.encoding} text: {error.reason}"))
        put(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (line := await lines.get()) is not None:
        if isinstance(line, InvalidData):
            raise line
        if line.strip():
            yield line
