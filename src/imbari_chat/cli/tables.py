"""Records as a person reads them: the inbox as a table, a conversation as a transcript.

Times are milliseconds since the epoch and come in as arguments; stored strings pass ``safe_text``
here and become plain ``Text``, so Rich's markup never sees them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imbari_chat.cli.columns import stand_ins
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.view.dates import clock_time, full, since
from imbari_chat.view.labels import author, customer_label, presence_marks
from imbari_chat.view.sanitize import safe_text

__all__ = [
    "cell",
    "event_line",
    "facts_table",
    "grid",
    "inbox_table",
    "message_block",
    "session_heading",
    "session_line",
]

WIDE: Final = 110
"""From this many columns on there is room for e-mail addresses and ids."""

_NAME: Final = 60
_SHORT_ID: Final = 12
_PREVIEW: Final = 300
_INDENT: Final = 2
_CLOCK: Final = len("00:00  ")


def inbox_table(
    sessions: Sequence[Session],
    ids: Sequence[str],
    presence: PresenceSnapshot,
    now: int,
    *,
    width: int,
    with_status: bool,
    team: Sequence[str] = (),
) -> RenderableType:
    """The sessions as numbered lines, as given.

    Args:
        sessions: In the order of their numbers.
        ids: What to show of their ids where there is no room for all of them.
        presence: Who is there; without anybody there is no column for it.
        now: Milliseconds since the epoch.
        width: Columns there are.
        with_status: Say of each whether it is resolved.
        team: What the team keeps of each; without anything there is no column for it.
    """
    wide = width >= WIDE
    table = grid(expand=True)
    table.add_column("#", justify="right", style="bold", no_wrap=True)
    if not wide:
        table.add_column("Id", no_wrap=True, max_width=_SHORT_ID)
    table.add_column("Customer", no_wrap=True, min_width=12, max_width=24)
    if wide:
        table.add_column("E-mail", no_wrap=True, max_width=28)
    table.add_column("New", justify="right", no_wrap=True)
    table.add_column("Latest", no_wrap=True)
    there = [presence_marks(presence, session.id) for session in sessions]
    if any(there):
        table.add_column("There", no_wrap=True, max_width=24)
    if with_status:
        table.add_column("Status", no_wrap=True)
    if any(team):
        table.add_column("Team", no_wrap=True, max_width=30)
    table.add_column("Message", no_wrap=True, ratio=1)
    if wide:
        table.add_column("Id", no_wrap=True, min_width=20)
    for number, session in enumerate(sessions, start=1):
        cells = [Text(str(number))]
        if not wide:
            cells.append(cell(ids[number - 1], _NAME))
        cells.append(cell(customer_label(session), _NAME))
        if wide:
            cells.append(cell(session.customer_email, _NAME))
        cells.append(Text(str(session.unread_count) if session.unread_count else "", "bold"))
        cells.append(Text(since(session.last_message_time, now, None)))
        if any(there):
            cells.append(cell(there[number - 1], _NAME, "green"))
        if with_status:
            cells.append(Text(session.status))
        if any(team):
            cells.append(cell(team[number - 1], _NAME))
        cells.append(cell(session.last_message, _PREVIEW))
        if wide:
            cells.append(cell(session.id, _NAME))
        table.add_row(*cells, style="dim" if session.is_resolved else "")
    return table


def session_heading(
    session: Session, presence: PresenceSnapshot, *, more: str | None = None
) -> RenderableType:
    """Whose conversation it is: lines above the transcript, which may say what is not in it."""
    who = _stored(customer_label(session), _NAME)
    who.stylize("bold")
    if session.customer_email:
        who.append(f"  {safe_text(session.customer_email, max_length=_NAME)}")
    if session.customer_phone:
        who.append(f"  {safe_text(session.customer_phone, max_length=_NAME)}")
    about: list[str] = [session.status]
    if session.topic:
        about.append(f"about {safe_text(session.topic, max_length=_NAME)}")
    if session.created_at:
        about.append(f"since {full(session.created_at, None)}")
    about.append(safe_text(session.id, max_length=_NAME))
    if marks := presence_marks(presence, session.id):
        who.append(f"  {safe_text(marks, max_length=_PREVIEW)}", "green")
    lines = [who, Text("  ".join(about), "dim")]
    return Group(*lines, Text(more, "yellow")) if more else Group(*lines)


def message_block(message: Message, session: Session, *, new: bool) -> RenderableType:
    """One message of a transcript: who and when, and below it the text, at full length."""
    style = "cyan" if message.sender == "admin" else "bold"
    head = Text("\n")
    head.append(safe_text(author(message, session), max_length=_NAME), style)
    head.append(f"  {full(message.timestamp, None)}", "dim")
    if new:
        head.append("  new", "bold yellow")
    return Group(head, Padding(Text(safe_text(message.text, multiline=True)), (0, 0, 0, _INDENT)))


def event_line(
    message: Message, session: Session | None, short_id: str, *, continues: bool = False
) -> RenderableType:
    """One message of a live stream; further lines of its text are indented below.

    Args:
        message: What came.
        session: Whose conversation it is, if that is known.
        short_id: What to answer with.
        continues: It is one burst with the line before, so neither time nor name is said again.
    """
    first, *more = safe_text(message.text, multiline=True).split("\n")
    if continues:
        line = Text(f"{' ' * _CLOCK}{_stored(short_id, _NAME)}  ", "dim").append(first, "not dim")
    else:
        line = Text(f"{clock_time(message.timestamp, None):{_CLOCK}}", "dim")
        line.append(f"{_stored(short_id, _NAME)}  ", "not dim")
        sender: str = message.sender
        if session is not None and message.sender == "admin":
            sender = f"{author(message, session)} to {customer_label(session)}"
        elif session is not None:
            sender = author(message, session)
        style = "not dim cyan" if message.sender == "admin" else "not dim bold"
        line.append(safe_text(sender, max_length=2 * _NAME), style)
        line.append(": ").append(first, "not dim")
    if not more:
        return line
    return Group(line, Padding(Text("\n".join(more)), (0, 0, 0, _CLOCK)))


def session_line(words: str, at: int, session: Session, short_id: str) -> RenderableType:
    """What became of a conversation, as a line of a live stream."""
    line = Text(f"{clock_time(at, None):{_CLOCK}}", "dim")
    line.append(f"{_stored(short_id, _NAME)}  ", "not dim")
    line.append(f"{safe_text(customer_label(session), max_length=_NAME)} ", "not dim bold")
    return line.append(words, "not dim yellow")


def facts_table(facts: Mapping[str, Text]) -> Table:
    """Names and values below each other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def grid(headings: Iterable[str] = (), *, expand: bool = False) -> Table:
    """An empty table in the one style there is: headings above a rule, no frame."""
    from rich import box

    table = Table(
        box=box.SIMPLE_HEAD,
        expand=expand,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
        header_style="bold",
        border_style="dim",
    )
    for heading in headings:
        table.add_column(heading)
    return table


def cell(text: str, limit: int, style: str = "") -> Text:
    """A stored text in a table, at most ``limit`` characters of it, in columns of its own."""
    return Text(stand_ins(safe_text(text, max_length=limit)), style)


def _stored(text: str, limit: int) -> Text:
    return Text(safe_text(text, max_length=limit))
