"""Acting: ``reply`` answers a customer, ``resolve`` and ``reopen`` close and reopen a matter."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.draft import Draft, given_text
from imbari_chat.cli.narration import Narrator
from imbari_chat.cli.options import (
    Json,
    Quiet,
    SessionArgument,
    target,
    with_admin_chat,
)
from imbari_chat.cli.output import Output, record
from imbari_chat.cli.references import addressee, find_session
from imbari_chat.errors import ImbariError, Unavailable

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Message, Session, Status

__all__ = ["reopen", "reply", "resolve"]

_CONTEXT = 3
"""Latest messages shown to whoever writes a reply in an editor."""


def reply(
    ctx: typer.Context,
    session: SessionArgument,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]",
            help="In quotes; - reads standard input. Without it, your editor opens.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer the customer. What could not be sent is given back, never lost."""
    tell, out, here = Narrator(quiet=quiet), Output(), target(ctx)
    given = given_text(text or ())

    async def write(chat: "AsyncAdminChat") -> "Message":
        from imbari_chat.schema.forms import checked_text

        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            about = conversation.session
            _address(tell, about)
            if given is not None:
                return await conversation.reply(given, queue=False)
            draft = Draft(here.settings().data_dir / "drafts", name)
            with draft.kept_unless_sent(tell):
                written = draft.edit(_context(about, await conversation.history(limit=_CONTEXT)))
                return await conversation.reply(checked_text(written), queue=False)

    with _given_back(given, tell):
        message = with_admin_chat(here, tell, write)
    tell.say("sent")
    if json:
        out.document(record(message))


def resolve(
    ctx: typer.Context, session: SessionArgument, json: Json = False, quiet: Quiet = False
) -> None:
    """Close the matter. The customer reopens it by writing again."""
    _turn(ctx, session, "resolved", json=json, quiet=quiet)


def reopen(
    ctx: typer.Context, session: SessionArgument, json: Json = False, quiet: Quiet = False
) -> None:
    """Take a resolved conversation up again."""
    _turn(ctx, session, "active", json=json, quiet=quiet)


def _turn(ctx: typer.Context, reference: str, status: "Status", *, json: bool, quiet: bool) -> None:
    tell, here = Narrator(quiet=quiet), target(ctx)

    async def turn(chat: "AsyncAdminChat") -> "Session":
        name = await find_session(chat, reference, here.settings())
        async with chat.open(name, peek=True) as conversation:
            about = conversation.session
            if about.status == status:
                tell.say(f"already {status}: the conversation with {addressee(about)}")
                return about
            await (conversation.resolve() if status == "resolved" else conversation.reopen())
            tell.say(f"{status} now: the conversation with {addressee(about)}")
            return await chat.session(name)

    session = with_admin_chat(here, tell, turn)
    if json:
        Output().document(record(session))


def _address(tell: Narrator, session: "Session") -> None:
    """Say who will read it, and what the writer may not know."""
    notes = []
    if session.unread_count:
        notes.append(f"{session.unread_count} unread")
    if session.is_resolved:
        notes.append("resolved, and stays so")
    tell.say(f"to {addressee(session)}" + (f" ({', '.join(notes)})" if notes else ""))


def _context(session: "Session", messages: "list[Message]") -> list[str]:
    from imbari_chat.view.inbox import author
    from imbari_chat.view.text import safe_text

    lines = [f"To {safe_text(addressee(session))}"]
    for message in messages:
        lines += ["", f"{safe_text(author(message, session))}:"]
        lines += safe_text(message.text, multiline=True).splitlines()
    return lines


@contextmanager
def _given_back(text: str | None, tell: Narrator) -> Iterator[None]:
    """Print a text that was not sent, so that it can be sent again."""
    try:
        yield
    except (ImbariError, KeyboardInterrupt) as error:
        if text is not None and text.strip():
            unknown = isinstance(error, Unavailable) and error.outcome_unknown
            tell.warn("it is not known whether this was sent:" if unknown else "not sent:")
            tell.quote(text)
        raise
