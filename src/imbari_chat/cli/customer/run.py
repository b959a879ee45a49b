"""A customer's visit from beginning to end, at a terminal or in a pipe."""

import sys
from collections.abc import Mapping
from typing import Any

from imbari_chat.cli.customer.lead import Lead
from imbari_chat.cli.customer.pipe import in_a_pipe
from imbari_chat.cli.customer.terminal import at_terminal
from imbari_chat.cli.customer.visit import Visit
from imbari_chat.cli.stderr import Stderr, narrating_log
from imbari_chat.cli.stdout import Stdout
from imbari_chat.client import AsyncCustomerChat
from imbari_chat.config import Settings

__all__ = ["run_customer"]


async def run_customer(
    flags: Mapping[str, Any],
    lead: Lead,
    *,
    new: bool = False,
    wait: float | None = None,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Be a customer until standard input ends (Ctrl-D), or Ctrl-C.

    Messages that have not been sent by then are waited for, and given back on standard error if
    that is in vain.

    Args:
        flags: Where the chat is, by the names of :class:`~imbari_chat.config.Settings`.
        lead: What options say of the lead form. Unused when a conversation is resumed.
        new: Start another conversation even if there is one to resume.
        wait: In a pipe: after the last line wait so many seconds for an answer.
        json: JSON lines: one ``session`` first, then ``message_added`` for every message.
        quiet: Narrate nothing but warnings and errors.

    Raises:
        UsageError: In a pipe: a name or an e-mail is needed and no option gives it.
        TimeoutReached: In a pipe: no answer came within ``wait``.
        InvalidData: In a pipe: a field or a message is not acceptable.
        Unavailable: Messages did not arrive.
        ImbariError: Whatever the client raises.
    """
    stderr = Stderr(quiet=quiet)
    has_person = sys.stdin.isatty() and sys.stdout.isatty() and not json
    settings = Settings.load(**flags)
    stderr.name_target(settings)
    with narrating_log(stderr):
        async with AsyncCustomerChat.from_env(
            remember=True, on_rejected=stderr.rejected, **flags
        ) as chat:
            visit = Visit(
                chat,
                stderr,
                Stdout(tells_what_was_done=True),
                at_terminal=has_person,
                json=json,
                timeout=settings.timeout,
            )
            try:
                if not new:
                    await visit.resume()
                if has_person:
                    await at_terminal(visit, lead)
                else:
                    await in_a_pipe(visit, lead, wait)
            finally:
                lost = await visit.leave()
            if lost is not None:
                raise lost
