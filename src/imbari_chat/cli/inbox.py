"""``inbox`` lists conversations and numbers them, or opens the desk with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, Target, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import NumberedList, short_ids
from imbari_chat.cli.since import moment
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.clock import local_time
from imbari_chat.view.moments import AGO

if TYPE_CHECKING:
    from imbari_chat.cli.team.about import Wanted
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Session, Status
    from imbari_chat.schema.presence import PresenceSnapshot
    from imbari_chat.schema.teamwork import TeamSnapshot
    from imbari_chat.view.listing import Shown as Filter
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["inbox"]

_COLUMNS: Final = (
    "id", "customer_name", "customer_email", "unread_count", "last_message_time", "status",
    "last_message",
)  # fmt: skip


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
            help=f"Only those with a message since then: {AGO}.",
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
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    total: Annotated[
        bool, typer.Option("--total", help="Count all of them too, which reads all.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Open the desk with these, to read and reply there.")
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
    now = local_time()
    earliest = None if since is None else moment(since, now, option="--since")
    if live:
        named: dict[Filter, bool] = {
            "resolved": status is Shown.RESOLVED, "all": status is Shown.ALL, "unread": unread,
            "mine": mine, "unassigned": unassigned, "snoozed": snoozed,
        }  # fmt: skip
        chosen = [name for name, is_asked in named.items() if is_asked]
        if json or jsonl or ids or fields is not None or total or label or len(chosen) > 1:
            raise UsageError(
                "--live shows one of --status, --unread, --mine, --unassigned and --snoozed, and"
                " goes with none of --label, --total, --json, --jsonl, --ids and --fields",
                hint="`imbari-chat watch --jsonl` is live and for scripts",
            )
        from imbari_chat.cli.desk import open_desk

        open_desk(here, shown=next(iter(chosen), "active"), earliest=earliest, limit=limit)
        return
    from imbari_chat.cli.people import told, with_presence
    from imbari_chat.cli.team.about import Wanted
    from imbari_chat.cli.team.about import told as told_of_team
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.team_plans import checked_label

    asked = Wanted(mine, unassigned, tuple(map(checked_label, label or ())), snoozed)
    known = [*Session.model_fields, "presence", "team", "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)

    async def read(chat: "AsyncAdminChat") -> "tuple[_Found, PresenceSnapshot]":
        found = _read(
            chat,
            asked,
            stderr,
            status=status.wanted,
            unread=unread,
            since=earliest,
            limit=limit,
            is_counted=total,
        )
        return await with_presence(chat, found)

    found, presence = with_admin_chat(here, stderr, read)
    sessions, team = found.sessions, found.team
    records = [
        {**record(one), "presence": told(presence, one.id), "team": told_of_team(team, one)}
        for one in sessions
    ]
    about: Mapping[str, JsonValue] = {"more": found.is_cut, "total": found.counts}
    words = found.words(
        asked.words + ("" if status is Shown.ALL else f"{status} "), unread=unread, since=earliest
    )
    if not form.print(stdout, records, name="conversations", columns=_COLUMNS, about=about):
        if sessions:
            from imbari_chat.cli.tables import inbox_table
            from imbari_chat.view.labels import team_marks

            _remember(here, sessions, stderr)
            stdout.draw(
                inbox_table(
                    sessions,
                    short_ids([one.id for one in sessions]),
                    presence,
                    now,
                    width=stdout.width,
                    with_status=status is Shown.ALL,
                    team=[team_marks(team, one, None) for one in sessions],
                ),
            )
        stderr.say(words)
    elif found.is_cut or total:
        stderr.say(words)


@dataclass(frozen=True, slots=True)
class _Found:
    """What ``inbox`` lists.

    Attributes:
        sessions: Newest first.
        team: What the team keeps of them.
        is_cut: Whether there are more.
        counts: Of all: ``conversations``, ``unread_conversations``, ``unread_messages``; if they
            were counted.
    """

    sessions: "list[Session]"
    team: "TeamSnapshot"
    is_cut: bool
    counts: "dict[str, JsonValue] | None" = None

    def words(self, which: str, *, unread: bool, since: int | None) -> str:
        """How much it is, for a person; ``which`` stands in front of "conversations"."""
        from imbari_chat.view.dates import full

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
    asked: "Wanted",
    stderr: Stderr,
    *,
    status: "Status | None",
    unread: bool,
    since: int | None,
    limit: int,
    is_counted: bool,
) -> _Found:
    from imbari_chat.cli.team.about import every, listed

    if not is_counted:
        found, team = await listed(
            chat, asked, stderr, status=status, unread=unread, since=since, limit=limit + 1
        )
        return _Found(found[:limit], team, len(found) > limit)
    every_one, team = await every(chat, asked, stderr, status=status, unread=unread, since=since)
    sessions: list[Session] = []
    conversations = with_unread = messages = 0
    async for one in every_one:
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
    return _Found(sessions, team, conversations > len(sessions), counts)


def _remember(here: Target, sessions: "list[Session]", stderr: Stderr) -> None:
    """Keep the numbers' meaning; a list that cannot be kept is still worth printing."""
    try:
        NumberedList(here.settings()).remember([session.id for session in sessions])
    except OSError as error:
        stderr.warn(f"the numbers below mean nothing to other commands: {error}")
