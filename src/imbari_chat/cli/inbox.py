"""``inbox`` lists conversations and numbers them, or shows them live."""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, Target, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import NumberedList, short_ids
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Session, Status
    from imbari_chat.schema.presence import PresenceSnapshot
    from imbari_chat.view.inbox import Filter
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["inbox"]

_COLUMNS: Final = (
    "id", "customer_name", "customer_email", "unread_count", "last_message_time", "status",
    "last_message",
)  # fmt: skip
_PAGE: Final = 500


class Shown(StrEnum):
    """Which conversations ``inbox`` lists."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ALL = "all"


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
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    total: Annotated[
        bool, typer.Option("--total", help="Count all of them too, which reads all.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Keep them on the screen, and read and reply there.")
    ] = False,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """List conversations, newest first, and number them for the other commands.

    The numbers belong to the terminal that shows them. In a pipe there are none: each conversation
    is a row, with tabs between id, name, e-mail, unread messages, time in ms, status and text.
    """
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    now = time.time_ns() // 1_000_000
    earliest = None if since is None else moment(since, now, option="--since")
    if live:
        for_programs = json or jsonl or ids or fields is not None
        if for_programs or total or unread or since is not None or status is Shown.RESOLVED:
            raise UsageError(
                "--live goes with --limit and --status all alone, not with --json, --since,"
                " --unread and the like",
                hint="`imbari-chat watch --jsonl` is live and for scripts",
            )
        _live(here, stderr, shown="all" if status is Shown.ALL else "active", limit=limit)
        return
    wanted: Literal["active", "resolved"] | None = (
        None if status is Shown.ALL else "active" if status is Shown.ACTIVE else "resolved"
    )
    from imbari_chat.cli.people import told, with_presence
    from imbari_chat.schema.models import Session

    known = [*Session.model_fields, "presence", "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)

    async def read(chat: "AsyncAdminChat") -> "tuple[_Found, PresenceSnapshot]":
        found = _read(
            chat, status=wanted, unread=unread, since=earliest, limit=limit, is_counted=total
        )
        return await with_presence(chat, found)

    found, presence = with_admin_chat(here, stderr, read, tells=True)
    sessions = found.sessions
    records = [{**record(one), "presence": told(presence, one.id)} for one in sessions]
    about: Mapping[str, JsonValue] = {"more": found.is_cut, "total": found.counts}
    if not form.print(stdout, records, name="conversations", columns=_COLUMNS, about=about):
        if sessions:
            from imbari_chat.cli.tables import inbox_table

            _remember(here, sessions, stderr)
            stdout.draw(
                inbox_table(
                    sessions,
                    short_ids([one.id for one in sessions]),
                    presence,
                    now,
                    width=stdout.width,
                    with_status=wanted is None,
                ),
            )
        stderr.say(found.words(wanted, unread=unread, since=earliest))
    elif found.is_cut or total:
        stderr.say(found.words(wanted, unread=unread, since=earliest))


@dataclass(frozen=True, slots=True)
class _Found:
    """What ``inbox`` lists.

    Attributes:
        sessions: Newest first.
        is_cut: Whether there are more.
        counts: Of all: ``conversations``, ``unread_conversations``, ``unread_messages``; if they
            were counted.
    """

    sessions: "list[Session]"
    is_cut: bool
    counts: "dict[str, JsonValue] | None" = None

    def words(self, status: "Status | None", *, unread: bool, since: int | None) -> str:
        """How much it is, for a person."""
        from imbari_chat.view.dates import full

        which = "" if status is None else f"{status} "
        whose = " with unread messages" if unread else ""
        when = "" if since is None else f" since {full(since, None)}"
        count = len(self.sessions)
        if not count:
            return f"no {which}conversations{whose}{when}"
        what = f"{which}conversation{'' if count == 1 else 's'}{whose}{when}"
        if self.counts is not None:
            conversations, with_unread, messages = self.counts.values()
            return (
                f"{count:,} of {conversations:,} {which}conversations{whose}{when}; {with_unread:,}"
                f" with unread messages, which are {messages:,}"
            )
        if self.is_cut:
            return f"the newest {count:,}; --limit shows more, --total counts them"
        return f"{count:,} {what}"


async def _read(
    chat: "AsyncAdminChat",
    *,
    status: "Status | None",
    unread: bool,
    since: int | None,
    limit: int,
    is_counted: bool,
) -> _Found:
    if not is_counted:
        found = await chat.sessions(status=status, unread=unread, since=since, limit=limit + 1)
        return _Found(found[:limit], len(found) > limit)
    sessions: list[Session] = []
    conversations = with_unread = messages = 0
    async for one in chat.browse(status=status, unread=unread, since=since, page_size=_PAGE):
        if len(sessions) < limit:
            sessions.append(one)
        conversations += 1
        with_unread += one.unread_count > 0
        messages += one.unread_count
    counts: dict[str, JsonValue] = {
        "conversations": conversations,
        "unread_conversations": with_unread,
        "unread_messages": messages,
    }
    return _Found(sessions, conversations > len(sessions), counts)


def _live(here: Target, stderr: Stderr, *, shown: "Filter", limit: int) -> None:
    from imbari_chat.cli.live.shell import run_live_inbox

    gc.enable()  # which is off in commands that end by themselves

    async def run(chat: "AsyncAdminChat") -> None:
        title = here.settings().project_id()
        await run_live_inbox(chat, shown=shown, limit=limit, title=title)

    with_admin_chat(here, stderr, run, writes=True, lasts=True)


def _remember(here: Target, sessions: "list[Session]", stderr: Stderr) -> None:
    """Keep the numbers' meaning; a list that cannot be kept is still worth printing."""
    try:
        NumberedList(here.settings()).remember([session.id for session in sessions])
    except OSError as error:
        stderr.warn(f"the numbers below mean nothing to other commands: {error}")
