"""Acting: ``reply`` answers a customer, ``resolve`` and ``reopen`` close and reopen a matter."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.editor import Draft, given_text
from imbari_chat.cli.options import (
    Json,
    Quiet,
    SessionArgument,
    target,
    with_admin_chat,
)
from imbari_chat.cli.session_refs import addressee, find_session, named_offline
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.errors import Conflict, ImbariError, Unavailable

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.schema.models import Message, Session, Status
    from imbari_chat.schema.outgoing import OutgoingMessage

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
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="From the editor: also if somebody wrote meanwhile."),
    ] = False,
    queue: Annotated[
        bool,
        typer.Option(
            "--queue",
            help="Keep what cannot be sent now on this machine; `imbari-chat outbox` sends it.",
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer the customer. What could not be sent is given back, or kept with --queue: never lost.

    A reply written in the editor is not sent if somebody, a colleague perhaps, wrote while it was
    open; --anyway sends it. A reply given here, or piped in, is sent whatever came before. With
    --queue a reply that waits is exit code 8, like one that is given back.
    """
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    given = given_text(text or ())
    outgoing = _Outgoing(given, queue=queue)

    async def write(chat: "AsyncAdminChat") -> "OutgoingMessage":
        try:
            return await converse(chat)
        except Unavailable as error:
            name = named_offline(session, here.settings()) if queue else None
            if name is None or given is None or outgoing.is_under_way or error.outcome_unknown:
                raise
            return await outgoing.send(chat.open(name, peek=True), given)

    async def converse(chat: "AsyncAdminChat") -> "OutgoingMessage":
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            _address(stderr, conversation.session)
            if given is not None:
                return await outgoing.send(conversation, given)
            draft = Draft(here.settings().data_dir / "drafts", name)
            with draft.kept_unless_sent(stderr):
                shown = await conversation.history(limit=_CONTEXT)
                written = draft.edit(_context(conversation.session, shown))
                if anyway or not shown:
                    return await outgoing.send(conversation, written)
                with _explaining_a_conflict(conversation.session, draft):
                    return await outgoing.send(conversation, written, expect_last=shown[-1])

    with outgoing.given_back(stderr):
        message = with_admin_chat(here, stderr, write, writes=True, queues=queue)
    if json:
        stdout.receipt(record(message))
    if message.delivery != "confirmed":
        raise Unavailable(
            "the reply could not be sent yet, and is kept on this machine",
            where=str(message.id),
            hint="Send it: imbari-chat outbox flush; see it: imbari-chat outbox list",
        )
    stderr.say("sent")


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
    stderr, here = Stderr(quiet=quiet), target(ctx)

    async def turn(chat: "AsyncAdminChat") -> "Session":
        name = await find_session(chat, reference, here.settings())
        async with chat.open(name, peek=True) as conversation:
            about = conversation.session
            if about.status == status:
                stderr.say(f"already {status}: the conversation with {addressee(about)}")
                return about
            await (conversation.resolve() if status == "resolved" else conversation.reopen())
            stderr.say(f"{status} now: the conversation with {addressee(about)}")
            return await chat.get_session(name)

    session = with_admin_chat(here, stderr, turn, writes=True)
    if json:
        Stdout().receipt(record(session))


def _address(stderr: Stderr, session: "Session") -> None:
    """Say who will read it, and what the writer may not know."""
    notes = []
    if session.unread_count:
        notes.append(f"{session.unread_count} unread")
    if session.is_resolved:
        notes.append("resolved, and stays so")
    stderr.say(f"to {addressee(session)}" + (f" ({', '.join(notes)})" if notes else ""))


def _context(session: "Session", messages: "list[Message]") -> list[str]:
    from imbari_chat.view.inbox import author
    from imbari_chat.view.sanitize import safe_text

    lines = [f"To {safe_text(addressee(session))}"]
    for message in messages:
        lines += ["", f"{safe_text(author(message, session))}:"]
        lines += safe_text(message.text, multiline=True).splitlines()
    return lines


@contextmanager
def _explaining_a_conflict(session: "Session", draft: Draft) -> Iterator[None]:
    """Say what a conflict means here, and what to do."""
    try:
        yield
    except Conflict as error:
        name, file = shlex.quote(session.id), shlex.quote(str(draft.file))
        raise Conflict(
            f"while you wrote, another message came in the conversation with {addressee(session)},"
            " so yours was not sent",
            hint=f"Look: imbari-chat show {name} --peek; to send it all the same:"
            f" imbari-chat reply {name} - < {file}",
        ) from error


class _Outgoing:
    """A reply, and whether it may have been sent.

    Args:
        given: The text, if it was given and has no other place.
        queue: Whether it is kept when it cannot be sent now.
    """

    def __init__(self, given: str | None, *, queue: bool) -> None:
        self._given = given
        self._queue = queue
        self.is_under_way = False

    async def send(
        self,
        conversation: "AsyncConversation",
        text: str,
        *,
        expect_last: "Message | None" = None,
    ) -> "OutgoingMessage":
        """Send it now; or keep it, if that was asked for, or not at all."""
        from imbari_chat.schema.forms import checked_text

        checked_text(text)
        self.is_under_way = True
        return await conversation.reply(text, queue=self._queue, expect_last=expect_last)

    @contextmanager
    def given_back(self, stderr: Stderr) -> Iterator[None]:
        """If the block fails say whether it was sent, and print the text that was given."""
        try:
            yield
        except (ImbariError, KeyboardInterrupt) as error:
            unknown = (
                error.outcome_unknown
                if isinstance(error, Unavailable)
                else isinstance(error, KeyboardInterrupt) and self.is_under_way
            )
            if self._given is not None and self._given.strip():
                stderr.give_back(self._given, unknown=unknown)
            elif unknown:
                stderr.warn("it is not known whether it was sent; look before sending it again")
            raise
