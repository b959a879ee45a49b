"""Looking: ``inbox`` lists conversations, ``show`` reads one, ``watch`` waits for messages."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.exit_codes import TimeoutReached, UsageError
from imbari_chat.cli.options import (
    Json,
    Quiet,
    SessionArgument,
    Target,
    Within,
    target,
    with_admin_chat,
)
from imbari_chat.cli.session_refs import LastInbox, addressee, find_session
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.schema.events import (
        ChatEvent,
        ColleaguesChanged,
        ConnectionChanged,
        PresenceChanged,
        TypingChanged,
    )
    from imbari_chat.schema.models import Message, Session, Status
    from imbari_chat.schema.presence import PresenceSnapshot
    from imbari_chat.schema.teamwork import Note, TeamSnapshot
    from imbari_chat.view.listing import Shown as Filter
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["inbox", "show", "watch"]


class Shown(StrEnum):
    """Which conversations ``inbox`` lists."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ALL = "all"

    @property
    def wanted(self) -> "Status | None":
        """The status that they have; None for any."""
        return None if self is Shown.ALL else "active" if self is Shown.ACTIVE else "resolved"


def inbox(
    ctx: typer.Context,
    status: Annotated[Shown, typer.Option(help="Which conversations.")] = Shown.ACTIVE,
    unread: Annotated[
        bool, typer.Option("--unread", help="Only those with unread messages.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only those with a message since then: so long ago (45m, 2h, 3d, 1w), or a date or"
            " time (2024-03-12, 2024-03-12T14:05).",
            show_default=False,
        ),
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that you have.")] = False,
    unassigned: Annotated[
        bool, typer.Option("--unassigned", help="Only those that nobody has.")
    ] = False,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL", help="Only those labelled so; may be repeated."),
    ] = None,
    snoozed: Annotated[
        bool, typer.Option("--snoozed", help="Only those that are out of sight for a while.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    live: Annotated[
        bool, typer.Option("--live", help="Open the desk with these, to read and reply there.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List conversations, newest first, and number them for the other commands."""
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    now = time.time_ns() // 1_000_000
    earliest = None if since is None else moment(since, now, option="--since")
    if live:
        named: dict[Filter, bool] = {
            "resolved": status is Shown.RESOLVED, "all": status is Shown.ALL, "unread": unread,
            "mine": mine, "unassigned": unassigned, "snoozed": snoozed,
        }  # fmt: skip
        chosen = [name for name, is_asked in named.items() if is_asked]
        if json or label or len(chosen) > 1:
            raise UsageError(
                "--live shows one of --status, --unread, --mine, --unassigned and --snoozed, and"
                " goes with neither --label nor --json",
                hint="`imbari-chat watch --jsonl` is live and for scripts",
            )
        from imbari_chat.cli.desk import open_desk

        open_desk(here, shown=next(iter(chosen), "active"), earliest=earliest, limit=limit)
        return
    from imbari_chat.cli.team.about import Wanted, listed
    from imbari_chat.cli.team.about import told as told_of_team
    from imbari_chat.schema.team_plans import checked_label

    asked = Wanted(mine, unassigned, tuple(map(checked_label, label or ())), snoozed)
    wanted = status.wanted

    from imbari_chat.cli.people import told, with_presence

    async def read(
        chat: "AsyncAdminChat",
    ) -> "tuple[tuple[list[Session], TeamSnapshot], PresenceSnapshot]":
        found = listed(
            chat, asked, stderr, status=wanted, unread=unread, since=earliest, limit=limit
        )
        return await with_presence(chat, found)

    (sessions, team), presence = with_admin_chat(here, stderr, read)
    if json:
        stdout.document(
            [
                {
                    **record(one),
                    "presence": told(presence, one.id),
                    "team": told_of_team(team, one),
                }
                for one in sessions
            ]
        )
        return
    _remember(here, sessions, stderr)
    if not sessions:
        from imbari_chat.view.dates import full

        which = asked.words + ("" if wanted is None else f"{wanted} ")
        whose = " with unread messages" if unread else ""
        when = "" if earliest is None else f" since {full(earliest, None)}"
        stderr.say(f"no {which}conversations{whose}{when}")
        return
    from imbari_chat.cli.tables import inbox_table
    from imbari_chat.view.teamwork import team_marks

    stdout.draw(
        inbox_table(
            sessions,
            presence,
            now,
            width=stdout.width,
            with_status=wanted is None,
            team=[team_marks(team, one, None) for one in sessions],
        )
    )
    if len(sessions) == limit:
        stderr.say(f"the newest {limit}; --limit shows more")


def show(
    ctx: typer.Context,
    session: SessionArgument,
    peek: Annotated[bool, typer.Option("--peek", help="Leave messages unread.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="The latest so many messages.")
    ] = 100,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read a conversation, which marks its messages read."""
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)

    from imbari_chat.cli.people import told, with_presence
    from imbari_chat.cli.team.about import told as told_of_team
    from imbari_chat.cli.team.about import with_notes

    async def read(
        chat: "AsyncAdminChat",
    ) -> "tuple[tuple[_Reading, TeamSnapshot, list[Note]], PresenceSnapshot]":
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            reading = _read(conversation, limit=limit, peek=peek)
            noted = with_notes(chat, reading, conversation.id, stderr)
            return await with_presence(chat, noted, conversation.id)

    (reading, team, notes), presence = with_admin_chat(here, stderr, read, writes=not peek)
    if json:
        messages: list[JsonValue] = [record(message) for message in reading.messages]
        about = {
            **record(reading.session),
            "presence": told(presence, reading.session.id),
            "team": told_of_team(team, reading.session),
        }
        noted: list[JsonValue] = [record(note) for note in notes]
        stdout.document({"session": about, "notes": noted, "messages": messages})
    else:
        from imbari_chat.cli.tables import message_block, session_heading
        from imbari_chat.cli.team.about import team_blocks

        blocks = [
            message_block(message, reading.session, new=message.is_unread)
            for message in reading.messages
        ]
        kept = team_blocks(team, reading.session, notes)
        stdout.draw(session_heading(reading.session, presence), *kept, *blocks)
        if not blocks:
            stderr.say("no messages yet")
    if reading.marked:
        beyond = reading.marked - sum(message.is_unread for message in reading.messages)
        more = f", {beyond} of them not shown: see --limit" if beyond > 0 else ""
        stderr.say(
            f"{reading.marked} message{'' if reading.marked == 1 else 's'} marked read{more}"
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """A conversation as it is printed: messages that were unread are still shown so."""

    session: "Session"
    messages: "list[Message]"
    marked: int


async def _read(conversation: "AsyncConversation", *, limit: int, peek: bool) -> _Reading:
    """Read first, mark then, and look again if more was marked than had been read."""
    from imbari_chat.schema.order import message_place

    messages = await conversation.history(limit=limit)
    unread = sum(message.is_unread for message in messages)
    marked = 0
    if not peek and (unread or conversation.session.unread_count):
        marked = await conversation.mark_read()
    if marked > unread:
        known = {message.id for message in messages}
        floor = message_place(messages[0]) if len(messages) >= limit else ()
        later = await conversation.history(limit=limit)
        # Marked a moment ago, and new to the reader all the same.
        messages += [
            one.model_copy(update={"read": False}) if one.sender == "customer" else one
            for one in later
            if one.id not in known and message_place(one) > floor
        ]
    return _Reading(conversation.session, messages, marked)


def watch(
    ctx: typer.Context,
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="Only this conversation; all of them otherwise.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=1000, help="With SESSION: begin with its latest so many.")
    ] = 0,
    timeout: Within = None,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            "--json",
            help="One JSON object a line for each message.",
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Print each new message as it comes, until Ctrl-C. Nothing is marked read."""
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    if history and session is None:
        raise UsageError("--history needs a SESSION", hint="Name one, as in `watch 1 --history 5`")

    async def follow(chat: "AsyncAdminChat") -> None:
        watcher = _Watcher(stdout, stderr, jsonl=jsonl)
        if session is None:
            await watcher.follow(chat.events())
            return
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            stderr.say(f"watching {addressee(conversation.session)}")
            watcher.knows(conversation.session)
            await watcher.follow(conversation.events(history=history))

    import asyncio

    async def bounded(chat: "AsyncAdminChat") -> None:
        try:
            await asyncio.wait_for(follow(chat), timeout)
        except TimeoutError:
            raise TimeoutReached(f"stopped after the --timeout of {timeout:g} s") from None

    with_admin_chat(here, stderr, bounded, lasts=True)


class _Watcher:
    """Prints what a stream tells."""

    def __init__(self, stdout: Stdout, stderr: Stderr, *, jsonl: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._jsonl = jsonl
        self._sessions: dict[str, Session] = {}
        self._was_live = self._is_lost = False
        self._presence: PresenceSnapshot | None = None

    def knows(self, session: "Session") -> None:
        """Names for messages that come without their session."""
        self._sessions[session.id] = session

    async def follow(self, events: "AsyncIterator[ChatEvent]") -> None:
        """Print until the stream ends, which it does only by raising."""
        async for event in events:
            self._take(event)

    def _take(self, event: "ChatEvent") -> None:
        from imbari_chat.schema import events as heard

        match event:
            case heard.SessionAdded(session) | heard.SessionChanged(session):
                self.knows(session)
            case heard.MessageAdded(session_id, message):
                self._print(message, session_id)
            case heard.PresenceChanged() | heard.TypingChanged() | heard.ColleaguesChanged():
                self._tell_presence(event)
            case heard.ConnectionChanged():
                self._narrate(event)
            case heard.RecordRejected():
                self._stderr.rejected(event)
            case heard.SessionRemoved(session, deleted) if deleted:
                self._stderr.say(f"deleted: the conversation with {addressee(session)}")
            case _:
                pass

    def _print(self, message: "Message", session_id: str) -> None:
        session = self._sessions.get(session_id)
        if self._jsonl:
            from imbari_chat.cli.people import told
            from imbari_chat.schema.presence import PresenceSnapshot

            there = self._presence or PresenceSnapshot()
            self._stdout.line(
                {
                    "event": "message_added",
                    "session_id": session_id,
                    "customer_name": session.customer_name if session else None,
                    "message": record(message),
                    "presence": told(there, session_id),
                }
            )
            return
        from imbari_chat.cli.tables import event_line

        self._stdout.draw(event_line(message, session))

    def _tell_presence(self, event: "PresenceChanged | TypingChanged | ColleaguesChanged") -> None:
        """A person is told on standard error; a script, with each message."""
        from imbari_chat.schema import presence

        now = presence.told(self._presence or presence.PresenceSnapshot(), event)
        self._presence = now
        session = self._sessions.get(event.session_id)
        if session is not None and not self._jsonl:
            from imbari_chat.view.inbox import presence_marks
            from imbari_chat.view.sanitize import safe_text

            marks = presence_marks(now, event.session_id) or "gone"
            self._stderr.say(f"{addressee(session)}: {safe_text(marks)}")

    def _narrate(self, change: "ConnectionChanged") -> None:
        """Once per outage, however often it is tried again."""
        reason = f": {change.reason}" if change.reason else ""
        match change.state:
            case "live":
                self._stderr.say(
                    "connected again" if self._was_live else "connected; Ctrl-C to stop"
                )
                self._was_live, self._is_lost = True, False
            case "reconnecting" if not self._is_lost:
                self._stderr.say(f"connection lost{reason}; trying again")
                self._is_lost = True
            case "stale":
                self._stderr.say(f"the connection is silent{reason}")
            case _:
                pass


def _remember(here: Target, sessions: "list[Session]", stderr: Stderr) -> None:
    """Keep the numbers' meaning; a list that cannot be kept is still worth printing."""
    try:
        LastInbox(here.settings()).remember([session.id for session in sessions])
    except OSError as error:
        stderr.warn(f"the numbers below mean nothing to other commands: {error}")
