"""``show`` reads conversations and marks them read; ``history`` reads one, and marks nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.options import (
    Json,
    Quiet,
    SessionArgument,
    SessionArguments,
    target,
    with_admin_chat,
)
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import find_session, find_sessions
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.clock import local_time
from imbari_chat.view.moments import AGO

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.schema.models import Message, Session
    from imbari_chat.schema.paths import SessionId
    from imbari_chat.schema.presence import PresenceSnapshot
    from imbari_chat.schema.teamwork import Note, TeamSnapshot
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["history", "show"]

_COLUMNS: Final = ("id", "session_id", "timestamp", "sender", "read", "text")
_PAGE: Final = 500
_MOST_COUNTED: Final = 1000
"""Older messages that are counted; of more it is only said that there are more."""

_When = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help=f"{AGO[0].upper()}{AGO[1:]}.",
    ),
]


def show(
    ctx: typer.Context,
    session: SessionArguments,
    peek: Annotated[bool, typer.Option("--peek", help="Leave messages unread.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="The latest so many messages.")
    ] = 100,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Read conversations, which marks their messages read once they are printed.

    What is longer than the terminal opens in a pager. In a pipe each message is a row, with tabs
    between its id, the conversation's, the time in ms, the sender, whether it was read, and the
    text.
    """
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    form = _form(json=json, jsonl=jsonl, ids=ids, fields=fields)

    async def read(chat: "AsyncAdminChat") -> None:
        names = await find_sessions(chat, session, here.settings())
        talks = [await _talk(chat, name, limit, stderr) for name in names]
        _print(talks, form, stdout, stderr)
        for talk in talks:
            if not peek:
                await _mark_read(chat, talk, stderr)

    with_admin_chat(here, stderr, read, writes=not peek)


def history(
    ctx: typer.Context,
    session: SessionArgument,
    since: _When = None,
    until: _When = None,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Read a conversation from its first message on, or a part of it. Nothing is marked read.

    It is printed as `show` prints.
    """
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    form = _form(json=json, jsonl=jsonl, ids=ids, fields=fields)
    now = local_time()
    first = None if since is None else moment(since, now, option="--since")
    last = None if until is None else moment(until, now, option="--until")

    async def read(chat: "AsyncAdminChat") -> None:
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            talk = await _part(conversation, first, last)
        _print([talk], form, stdout, stderr)

    with_admin_chat(here, stderr, read)


@dataclass(frozen=True, slots=True)
class _Talk:
    """A conversation, or a part of it.

    Attributes:
        session: Whose it is.
        messages: Oldest first.
        presence: Who is there; None if nobody asked.
        team: What the team keeps of it; None if nobody asked.
        notes: The team's, oldest first.
        older: Messages before these.
        newer: Messages after these.
        is_exact: Whether there are no more than ``older``.
    """

    session: "Session"
    messages: "Sequence[Message]"
    presence: "PresenceSnapshot | None" = None
    team: "TeamSnapshot | None" = None
    notes: "Sequence[Note]" = ()
    older: int = 0
    newer: int = 0
    is_exact: bool = True

    def document(self, form: Form) -> "dict[str, JsonValue]":
        """As JSON."""
        from imbari_chat.cli.people import told
        from imbari_chat.cli.team.about import told as told_of_team

        about = record(self.session)
        if self.presence is not None:
            about["presence"] = told(self.presence, self.session.id)
        if self.team is not None:
            about["team"] = told_of_team(self.team, self.session)
        return {
            "session": about,
            "notes": [record(one) for one in self.notes],
            "messages": [form.chosen(one) for one in self.records()],
            "older": self.older,
            "older_is_exact": self.is_exact,
            "newer": self.newer,
        }

    def records(self) -> "list[Mapping[str, JsonValue]]":
        """Its messages, which say whose they are."""
        return [{"session_id": self.session.id, **record(one)} for one in self.messages]

    def beyond(self) -> str | None:
        """What is said of messages that are not here."""
        more = "" if self.is_exact else "more than "
        told = [
            f"{more if which == 'older' else ''}{count:,} {which} {_messages(count)}"
            for which, count in (("older", self.older), ("newer", self.newer))
            if count
        ]
        return f"not shown: {' and '.join(told)}" if told else None


def _form(*, json: bool, jsonl: bool, ids: bool, fields: str | None) -> Form:
    from imbari_chat.schema.models import Message

    known = ["session_id", *Message.model_fields, "extra"]
    return Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)


async def _talk(chat: "AsyncAdminChat", name: "SessionId", limit: int, stderr: Stderr) -> _Talk:
    """The end of a conversation, how much comes before it, and what the team keeps of it."""
    from imbari_chat.cli.people import with_presence
    from imbari_chat.cli.team.about import with_notes

    async with chat.open(name, peek=True) as conversation:
        work = with_notes(chat, conversation.history(limit=limit), conversation.id, stderr)
        (messages, team, notes), presence = await with_presence(chat, work, conversation.id)
        older, is_exact = 0, True
        if len(messages) == limit:
            pager = conversation.browse(page_size=_PAGE)
            while is_exact and (page := await pager.older()):
                older += len(page)
                is_exact = older - limit <= _MOST_COUNTED
            older = min(max(0, older - limit), _MOST_COUNTED)
        return _Talk(
            conversation.session, messages, presence, team, notes, older, is_exact=is_exact
        )


async def _part(conversation: "AsyncConversation", first: int | None, last: int | None) -> _Talk:
    """The messages between two times, ms; all there are without them."""
    messages: list[Message] = []
    older = newer = 0
    async for message in conversation.browse(page_size=_PAGE, start="oldest"):
        if first is not None and message.timestamp < first:
            older += 1
        elif last is not None and message.timestamp >= last:
            newer += 1
        else:
            messages.append(message)
    return _Talk(conversation.session, messages, older=older, newer=newer)


def _print(talks: Sequence[_Talk], form: Form, stdout: Stdout, stderr: Stderr) -> None:
    if form.json:
        stdout.document({"conversations": [talk.document(form) for talk in talks]})
        return
    records = [one for talk in talks for one in talk.records()]
    printed = form.print(stdout, records, name="messages", columns=_COLUMNS)
    drawn = stdout.is_terminal and not printed
    if drawn:
        from rich.text import Text

        from imbari_chat.cli.tables import message_block, session_heading
        from imbari_chat.cli.team.about import team_blocks
        from imbari_chat.schema.presence import PresenceSnapshot

        parts: list[RenderableType] = []
        for number, talk in enumerate(talks):
            parts += [Text()] if number else []
            there = talk.presence or PresenceSnapshot()
            parts.append(session_heading(talk.session, there, more=talk.beyond()))
            if talk.team is not None:
                parts += team_blocks(talk.team, talk.session, talk.notes)
            parts += [message_block(one, talk.session, new=one.is_unread) for one in talk.messages]
        stdout.draw(*parts, paged=True)
    for talk in talks:
        beyond = talk.beyond()
        if not (talk.messages or beyond):
            stderr.say("no messages yet")
        if beyond and not drawn:
            stderr.say(beyond)


async def _mark_read(chat: "AsyncAdminChat", talk: _Talk, stderr: Stderr) -> None:
    """Mark what was printed, and what is older; what has come since stays unread."""
    unread = sum(message.is_unread for message in talk.messages)
    if not talk.messages or not (unread or talk.session.unread_count):
        return
    marked = await chat.open(talk.session.id, peek=True).mark_read(up_to=talk.messages[-1])
    if marked:
        beyond = marked - unread
        more = f", {beyond} of them not shown: see --limit" if beyond > 0 else ""
        stderr.say(f"{marked} {_messages(marked)} marked read{more}")


def _messages(count: int) -> str:
    return "message" if count == 1 else "messages"
