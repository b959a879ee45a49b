"""Acting: ``reply`` answers a customer, ``resolve`` and ``reopen`` close and reopen a matter."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.completion import canned_replies
from imbari_chat.cli.editor import Draft, given_text
from imbari_chat.cli.options import (
    Json,
    Quiet,
    SessionArgument,
    SessionArguments,
    target,
    with_admin_chat,
)
from imbari_chat.cli.records import Form, Ids
from imbari_chat.cli.session_refs import addressee, find_session, find_sessions, named_offline
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.cli.team import canned
from imbari_chat.errors import Conflict, ImbariError, Unavailable

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.schema.models import Message, Session, Status
    from imbari_chat.schema.outgoing import OutgoingMessage
    from imbari_chat.schema.paths import SessionId
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["reopen", "reply", "resolve"]

_CONTEXT = 3
"""Latest messages shown to whoever writes a reply in an editor."""


class SentAlready(ImbariError):
    """The reply was sent, and what was to follow it failed."""


def reply(
    ctx: typer.Context,
    session: SessionArgument,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]",
            help="In quotes, or /NAME for a canned reply; - reads standard input. Without it, your"
            " editor opens.",
            autocompletion=canned_replies,
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
    read: Annotated[
        bool,
        typer.Option("--read", help="Then mark read what was there before; it stays unread else."),
    ] = False,
    resolve: Annotated[bool, typer.Option("--resolve", help="Then close the matter.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer the customer. What could not be sent is given back, or kept with --queue: never lost.

    It says to whom before it sends, and what stays unread afterwards.

    A reply written in the editor is not sent if somebody, a colleague perhaps, wrote while it was
    open; --anyway sends it. A reply given here, or piped in, is sent whatever came before. With
    --queue a reply that waits is exit code 8, like one that is given back.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    given = given_text(text or ())
    outgoing = _Outgoing(given, queue=queue)

    async def write(chat: "AsyncAdminChat") -> "_Sent":
        try:
            return await converse(chat)
        except Unavailable as error:
            name = named_offline(session, here.settings()) if queue else None
            if (
                name is None
                or given is None
                or canned.asks(given)
                or outgoing.is_under_way
                or error.outcome_unknown
            ):
                raise
            return _Sent(await outgoing.send(chat.open(name, peek=True), given))

    async def converse(chat: "AsyncAdminChat") -> "_Sent":
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            unread = conversation.session.unread_count
            _address(stderr, conversation.session)
            seen = await conversation.history(limit=_CONTEXT) if given is None or read else []
            if given is not None:
                text = await canned.said(chat, given, name)
                message = await outgoing.send(conversation, text)
            else:
                message = await written(chat, conversation, seen)
            if message.delivery != "confirmed":
                return _Sent(message, unread)
            stderr.say("sent")
            with _saying_that_it_was_sent(name):
                marked = await conversation.mark_read(up_to=seen[-1]) if read and seen else 0
                if resolve:
                    await conversation.resolve()
            return _Sent(message, max(0, unread - marked), marked, resolve)

    async def written(
        chat: "AsyncAdminChat", conversation: "AsyncConversation", shown: "list[Message]"
    ) -> "OutgoingMessage":
        draft = Draft(here.settings().data_dir / "drafts", conversation.id)
        with draft.kept_unless_sent(stderr):
            text = draft.edit(_context(conversation.session, shown))
            text = await canned.said(chat, text, conversation.id)
            if anyway or not shown:
                return await outgoing.send(conversation, text)
            with _explaining_a_conflict(conversation.session, draft):
                return await outgoing.send(conversation, text, expect_last=shown[-1])

    with outgoing.given_back(stderr):
        sent = with_admin_chat(here, stderr, write, writes=True, queues=queue)
    if json:
        Stdout(tells_what_was_done=True).document(sent.document())
    if sent.message.delivery != "confirmed":
        raise Unavailable(
            "the reply could not be sent yet, and is kept on this machine",
            where=str(sent.message.id),
            hint="Send it: imbari-chat outbox flush; see it: imbari-chat outbox list",
        )
    if words := sent.words():
        stderr.say(words)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A reply, and what was done after it.

    Attributes:
        message: The reply.
        unread: The customer's messages that are unread still.
        marked: How many were marked read.
        is_resolved: Whether the matter was closed.
    """

    message: "OutgoingMessage"
    unread: int = 0
    marked: int = 0
    is_resolved: bool = False

    def document(self) -> "dict[str, JsonValue]":
        """As JSON."""
        return {
            "message": record(self.message),
            "marked_read": self.marked,
            "unread": self.unread,
            "resolved": self.is_resolved,
        }

    def words(self) -> str:
        """What to tell besides that it was sent."""
        told = [f"{_counted(self.marked)} marked read"] if self.marked else []
        if self.unread:
            told.append(f"{_counted(self.unread)} left unread; --read marks what came before")
        return ", ".join([*told, *(["resolved now"] if self.is_resolved else [])])


def _counted(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"


def resolve(
    ctx: typer.Context,
    session: SessionArguments,
    json: Json = False,
    ids: Ids = False,
    quiet: Quiet = False,
) -> None:
    """Close matters. A customer reopens one by writing again."""
    _turn(ctx, session, "resolved", Form(json=json, jsonl=False, ids=ids), quiet=quiet)


def reopen(
    ctx: typer.Context,
    session: SessionArguments,
    json: Json = False,
    ids: Ids = False,
    quiet: Quiet = False,
) -> None:
    """Take resolved conversations up again."""
    _turn(ctx, session, "active", Form(json=json, jsonl=False, ids=ids), quiet=quiet)


def _turn(
    ctx: typer.Context, references: Sequence[str], status: "Status", form: Form, *, quiet: bool
) -> None:
    """Change the status of all that are named, or of none if one of them is nobody's.

    One that fails then does not keep the others; the first failure is the command's.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    failed: list[ImbariError] = []

    async def turn(chat: "AsyncAdminChat") -> "list[Session]":
        turned = []
        for name in await find_sessions(chat, references, here.settings()):
            try:
                turned.append(await _turn_one(chat, name, status, stderr))
            except Unavailable as error:
                failed.append(error)
                break
            except ImbariError as error:
                failed.append(error)
        return turned

    sessions = with_admin_chat(here, stderr, turn, writes=True)
    stdout = Stdout(tells_what_was_done=True)
    if form.json:
        stdout.document({"conversations": [record(one) for one in sessions]})
    elif form.ids:
        stdout.rows([one.id] for one in sessions)
    for error in failed[1:]:
        stderr.error(error)
    if failed:
        raise failed[0]


async def _turn_one(
    chat: "AsyncAdminChat", name: "SessionId", status: "Status", stderr: Stderr
) -> "Session":
    async with chat.open(name, peek=True) as conversation:
        about = conversation.session
        if about.status == status:
            stderr.say(f"already {status}: the conversation with {addressee(about)}")
            return about
        await (conversation.resolve() if status == "resolved" else conversation.reopen())
        stderr.say(f"{status} now: the conversation with {addressee(about)}")
        return await chat.get_session(name)


@contextmanager
def _saying_that_it_was_sent(name: "SessionId") -> Iterator[None]:
    """What fails after a reply must not let it be sent again."""
    try:
        yield
    except ImbariError as error:
        raise SentAlready(
            f"the reply was sent, and is not to be sent again; but then: {error.what}",
            where=error.where,
            hint=f"Look: imbari-chat show {shlex.quote(name)}",
        ) from error


def _address(stderr: Stderr, session: "Session") -> None:
    """Say who will read it, and what the writer may not know."""
    notes = []
    if session.unread_count:
        notes.append(f"{session.unread_count} unread")
    if session.is_resolved:
        notes.append("resolved, and stays so")
    stderr.say(f"to {addressee(session)}" + (f" ({', '.join(notes)})" if notes else ""))


def _context(session: "Session", messages: "list[Message]") -> list[str]:
    from imbari_chat.view.labels import author
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
        self.is_under_way = self.is_sent = False

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
        message = await conversation.reply(text, queue=self._queue, expect_last=expect_last)
        self.is_sent = message.delivery == "confirmed"
        return message

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
            if self.is_sent:
                raise
            if self._given is not None and self._given.strip():
                stderr.give_back(self._given, unknown=unknown)
            elif unknown:
                stderr.warn("it is not known whether it was sent; look before sending it again")
            raise
