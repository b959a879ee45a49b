"""``watch``: what happens in conversations, as it happens. Nothing is marked read."""

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.exit_codes import TimeoutReached, UsageError
from imbari_chat.cli.options import OptionalSession, Quiet, Within, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.watch_lines import Happening, Kind, Lines
from imbari_chat.clock import local_time
from imbari_chat.view.moments import AGO

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.events import (
        ChatEvent,
        ColleaguesChanged,
        ConnectionChanged,
        PresenceChanged,
        TypingChanged,
    )
    from imbari_chat.schema.models import Message, Session

    _Missed = Callable[[], Awaitable[Sequence[tuple[Session, Message]]]]

__all__ = ["watch"]


def watch(
    ctx: typer.Context,
    session: OptionalSession = None,
    event: Annotated[
        list[Kind] | None,
        typer.Option(
            "--event",
            metavar="EVENT",
            help=f"Only this: {', '.join(Kind)}. May be repeated; all of them otherwise.",
        ),
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=1000, help="With SESSION: begin with its latest so many.")
    ] = 0,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help=f"Begin with the messages since then: {AGO}.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="End then: so long from now (+30m), or a date or time.",
        ),
    ] = None,
    timeout: Within = None,
    bell: Annotated[bool, typer.Option("--bell", help="Ring when a customer writes.")] = False,
    execute: Annotated[
        str | None,
        typer.Option(
            "--exec",
            metavar="PROGRAM",
            help="Run this for each, one after the other, with the JSON of --jsonl on its standard"
            " input. Words are split as a shell does; no shell sees them.",
        ),
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", "--json", help="Print one JSON object a line.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Print each new message as it comes, and what is started, resolved, reopened or deleted.

    A conversation that is resolved is seen however long ago it moved; one that is reopened, if it
    was resolved within the last day or is one of the 200 that moved last.

    Each line has the id to answer with. A customer's burst has one heading. In a pipe each is a
    row, with tabs between what it is, the time in ms, the conversation's id, name, e-mail, the
    sender, the message's id and the text.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    now = local_time()
    first = None if since is None else moment(since, now, option="--since")
    last = None if until is None else moment(until, now, option="--until")
    if history and (session is None or first is not None):
        raise UsageError(
            "--history needs a SESSION, and no --since",
            hint="Name one, as in `watch 1 --history 5`",
        )
    if last is not None and last <= now and first is None:
        raise UsageError("--until is over already", hint="+30m is half an hour from now")
    words = [] if execute is None else _words(execute)
    import asyncio

    from imbari_chat.cli.watch_streams import (
        WINDOW,
        as_long_as_it_goes,
        joined,
        missed_messages,
        missed_of,
        only,
    )

    watcher = Watcher(
        Lines(Stdout(), stderr, jsonl=jsonl, bell=bell, program=words),
        stderr,
        kinds=frozenset(event or Kind),
        until=last,
    )

    async def follow(chat: "AsyncAdminChat") -> None:
        events = chat.events(limit=WINDOW)
        if session is None:
            missed = None if first is None else partial(missed_messages, chat, first)
            changes = as_long_as_it_goes(chat.resolutions(), stderr)
            async with aclosing(joined(events, changes)) as all_of_it:
                await watcher.follow(all_of_it, missed)
            return
        name = await find_session(chat, session, here.settings())
        async with chat.open(name, peek=True) as conversation:
            stderr.say(f"watching {addressee(conversation.session)}")
            watcher.knows(conversation.session)
            missed = partial(missed_of, conversation, first, history)
            changes = as_long_as_it_goes(only(chat.resolutions(), name), stderr)
            async with aclosing(joined(only(events, name), changes)) as all_of_it:
                await watcher.follow(all_of_it, missed)

    async def bounded(chat: "AsyncAdminChat") -> None:
        left = None if last is None else max(0.0, (last - local_time()) / 1000)
        if last is not None and last <= now:
            left = None  # it ends with what there was
        limits = [one for one in (timeout, left) if one is not None]
        try:
            await asyncio.wait_for(follow(chat), min(limits, default=None))
        except TimeoutError:
            if left is None or (timeout is not None and timeout < left):
                raise TimeoutReached(f"stopped after the --timeout of {timeout:g} s") from None

    with_admin_chat(here, stderr, bounded, lasts=True)


class Watcher:
    """Tells of what a stream tells.

    Args:
        lines: Where happenings go.
        stderr: Where it is narrated how the stream is, and who is there.
        kinds: What is told.
        until: Tell of no message from this time on, ms; if it is over, end once those were told
            that were missed.
    """

    def __init__(
        self,
        lines: Lines,
        stderr: Stderr,
        *,
        kinds: frozenset[Kind] = frozenset(Kind),
        until: int | None = None,
    ) -> None:
        from imbari_chat.schema.presence import PresenceSnapshot

        self._lines = lines
        self._stderr = stderr
        self._kinds = kinds
        self._until = until
        self._sessions: dict[str, Session] = {}
        self._missed: frozenset[str] = frozenset()
        self._newest = 0
        self._was_live = self._is_lost = False
        self._resolved: dict[str, bool] = {}
        self._presence = PresenceSnapshot()

    def knows(self, session: "Session") -> None:
        """Names for messages that come without their session."""
        self._sessions[session.id] = session

    async def follow(
        self, events: "AsyncIterator[ChatEvent]", missed: "_Missed | None" = None
    ) -> None:
        """Tell until the stream ends, which it does only by raising; or until there is no more.

        Args:
            events: The stream.
            missed: Reads earlier messages that are told first, with their sessions; asked once the
                stream is there, so that none falls between.
        """
        async for event in events:
            is_first = not self._was_live
            await self.take(event)
            if is_first and self._was_live:
                await self._tell_missed([] if missed is None else await missed())
                if self._until is not None and self._until <= local_time():
                    return

    async def _tell_missed(self, missed: "Sequence[tuple[Session, Message]]") -> None:
        for session, message in missed:
            self.knows(session)
            await self._tell_message(session.id, message)
        self._missed = frozenset(message.id for _, message in missed)

    async def take(self, event: "ChatEvent") -> None:
        """One event."""
        from imbari_chat.schema import events as heard

        match event:
            case heard.SessionAdded(session):
                is_new = session.id not in self._sessions and self._began_now(session)
                self.knows(session)
                if is_new:
                    await self._tell_session(Kind.STARTED, session)
                await self._tell_status(session, session.is_resolved)
            case heard.SessionChanged(session, before):
                self.knows(session)
                await self._tell_status(session, before.is_resolved)
            case heard.SessionRemoved(session, deleted) if deleted:
                await self._tell_session(Kind.DELETED, session)
            case heard.MessageAdded(session_id, message):
                await self._tell_message(session_id, message)
            case heard.PresenceChanged() | heard.TypingChanged() | heard.ColleaguesChanged():
                self._tell_presence(event)
            case heard.ConnectionChanged():
                self._narrate(event)
            case heard.RecordRejected():
                self._stderr.rejected(event)
            case _:
                pass

    def _began_now(self, session: "Session") -> bool:
        """Whether it was started while we watch, and did not only move up from further below."""
        from imbari_chat.wire.pushid import is_push_id, timestamp_of

        now = session.created_at
        if now is None:
            now = timestamp_of(session.id) if is_push_id(session.id) else None
        if not self._was_live:
            self._newest = max(self._newest, session.last_message_time)
            return False
        return now is None or now > self._newest

    async def _tell_message(self, session_id: str, message: "Message") -> None:
        late = self._until is not None and message.timestamp >= self._until
        # What was missed may come once more with the stream.
        if late or message.id in self._missed or Kind.MESSAGE not in self._kinds:
            return
        session = self._sessions.get(session_id)
        happening = Happening(Kind.MESSAGE, message.timestamp, session_id, session, message)
        await self._lines.tell(happening, self._presence)

    async def _tell_status(self, session: "Session", before: bool) -> None:
        """Resolved or reopened, once, whichever stream it comes with.

        Args:
            session: As it is.
            before: Whether it was resolved, if that was not told.
        """
        was_resolved = self._resolved.get(session.id, before)
        self._resolved[session.id] = session.is_resolved
        if session.is_resolved != was_resolved:
            await self._tell_session(
                Kind.RESOLVED if session.is_resolved else Kind.REOPENED, session
            )

    async def _tell_session(self, kind: Kind, session: "Session") -> None:
        if kind in self._kinds:
            await self._lines.tell(
                Happening(kind, local_time(), session.id, session), self._presence
            )

    def _tell_presence(self, event: "PresenceChanged | TypingChanged | ColleaguesChanged") -> None:
        """A person is told on standard error; a script, with each happening."""
        from imbari_chat.schema import presence

        self._presence = presence.told(self._presence, event)
        session = self._sessions.get(event.session_id)
        if session is not None and not self._lines.is_json:
            from imbari_chat.view.labels import presence_marks

            marks = presence_marks(self._presence, event.session_id) or "gone"
            self._stderr.say(f"{addressee(session)}: {marks}")

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


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--exec cannot be understood: {error}") from None
    if not words:
        raise UsageError("--exec names no program")
    return words
