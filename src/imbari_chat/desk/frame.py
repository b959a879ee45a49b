"""What stands around the two panes: header, heading, notice and keys, and how all is laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from math import ceil
from typing import Final, TypeAlias

from rich.style import Style

from imbari_chat.desk.bar import Parts
from imbari_chat.desk.keys import Place as KeyPlace
from imbari_chat.desk.keys import footer
from imbari_chat.schema.forms import MAX_TEXT
from imbari_chat.schema.teamwork import Note
from imbari_chat.view.dates import full
from imbari_chat.view.inbox import Conversation, Inbox
from imbari_chat.view.labels import customer_label, presence_marks
from imbari_chat.view.likeness import reads_as_us
from imbari_chat.view.listing import Listing
from imbari_chat.view.sanitize import safe_text
from imbari_chat.view.widths import cut, widest
from imbari_chat.wire.json import utf16_length

__all__ = [
    "STYLES",
    "Lines",
    "Place",
    "header",
    "heading",
    "keys",
    "note_line",
    "notes",
    "nothing",
    "notice",
    "room",
]

Lines: TypeAlias = Sequence[Parts]

STYLES: Final = """
Screen { background: ansi_default; color: ansi_default; }
ModalScreen { background: transparent; }
#body { height: 1fr; }
#list { height: 1fr; }
#search { height: 1; background: ansi_default; }
#right { width: 1fr; }
#right.beside { border-left: vkey ansi_bright_black; }
#transcript { height: 1fr; }
#reply {
    height: auto; min-height: 3; max-height: 7; padding: 0 1; background: ansi_default;
    border: none; border-top: solid ansi_bright_black;
}
#reply .text-area--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
#reply:focus { border: none; border-top: solid ansi_cyan; }
.question { align: center middle; }
.question Vertical {
    width: 60; height: auto; padding: 1 2; background: ansi_default; border: round ansi_yellow;
}
.question Input { margin: 1 0; background: ansi_default; }
.question .dim { text-style: dim; }
.question .wrong { color: ansi_red; }
TextPage { align: center middle; }
VerticalScroll {
    scrollbar-size-vertical: 1; scrollbar-color: ansi_bright_black;
    scrollbar-background: ansi_default; scrollbar-background-hover: ansi_default;
    scrollbar-background-active: ansi_default; scrollbar-color-hover: ansi_cyan;
    scrollbar-color-active: ansi_cyan;
}
TextPage VerticalScroll {
    width: 78; height: 90%; padding: 1 2; background: ansi_default; border: round ansi_cyan;
}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the desk stands, for its header.

    Attributes:
        project: The project's id.
        account: What to call who is signed in, as long as nothing better is known.
        is_live: A live project, where what is done concerns customers.
    """

    project: str = ""
    account: str = ""
    is_live: bool = False


_DIM: Final = Style(dim=True)
_LONGEST: Final = 200
_LITTLE: Final = 200
_SHORT: Final = 60
_NOTES: Final = 3
_WORDS: Final = {
    "connecting": "connecting…",
    "live": "live",
    "stale": "silent…",
    "reconnecting": "offline, trying again",
    "closed": "closed",
}


def header(
    state: Inbox, place: Place, now: int, unread: str = "", account: str | None = None
) -> Lines:
    """Account, target, connection, how many messages are unread, outbox."""
    target, ink = ("LIVE", Style(color="red", bold=True, reverse=True)) if place.is_live else (
        "emulator", Style(color="cyan"),
    )  # fmt: skip
    connection = state.connection.state
    words = _WORDS[connection]
    left = ceil((state.connection.retry_in or 0) - (now - state.connection_at) / 1000)
    if connection == "reconnecting" and left > 0:
        words += f" in {left} s"
    parts = [
        (" imbari ", Style(bold=True)),
        (f" {target} ", ink),
        (f" {words}", Style(color="green" if connection == "live" else "yellow")),
        (f"  {unread} unread" if unread else "", Style(bold=True)),
        (f"  {len(state.pending)} queued" if state.waiting(now) else "", Style(color="yellow")),
        (
            f"  {len(state.failed)} not sent" if state.failed else "",
            Style(color="red", bold=True),
        ),
        (f"  {safe_text(place.project, max_length=60)}", _DIM),
        (f"  {safe_text(account or place.account, max_length=60)}", _DIM),
    ]
    return [parts]


def heading(state: Inbox, chosen: Listing, below: int, width: int, day: str = "") -> Lines:
    """Whose conversation it is, a stranger's words last on the line; and below how it stands.

    Args:
        state: What is open.
        chosen: What the team keeps of it.
        below: How many messages begin below the edge.
        width: Of the pane, in columns.
        day: Of what stands at the top of the screen, where nothing on it says so.
    """
    conversation = state.conversation
    if conversation is None:
        return []
    session, marks, team = conversation.session, [], chosen.team
    connection = conversation.connection.state
    if connection != "live":
        marks.append((_WORDS[connection], Style(color="yellow")))
    if day:
        marks.append((day, _DIM))
    if below:
        marks.append((f"↓ {below:,} below", Style(color="yellow", bold=True)))
    if conversation.peek:
        marks.append(("only looking", Style(color="magenta")))
    if session.is_resolved:
        marks.append(("✓ resolved", Style(color="green")))
    if block := team.block_of(session):
        end = f" until {full(block.until, None)}" if block.until else ""
        marks.append((f"blocked{end}: {_ours(block.reason)}", Style(color="red")))
    if snooze := team.snooze_of(session):
        marks.append((f"out of sight until {full(snooze.until, None)}", Style(color="blue")))
    if held := team.assignment_of(session.id):
        holder = "you have it" if held.to == chosen.me else f"{_ours(held.label)} has it"
        marks.append((holder, Style(color="blue")))
    if labels := team.labels_of(session.id):
        marks.append((" ".join(f"#{_ours(one)}" for one in labels), Style(color="magenta")))
    if there := presence_marks(state.presence, session.id):
        marks.append((_ours(there), Style(color="green")))
    name = customer_label(session)
    warning = "a customer, not us: " if reads_as_us(name) else ""
    about = (session.customer_email, session.customer_phone, session.topic)
    details = " · ".join(safe_text(one, max_length=_LONGEST) for one in about if one)
    first = [
        (f" {warning}", Style(color="red", bold=True)),
        (safe_text(name, max_length=_LONGEST), Style(bold=True)), (f"  {details}", _DIM),
    ]  # fmt: skip
    second: list[tuple[str, Style]] = [("─", _DIM)]
    for words, style in marks:
        second += [(f" {cut(words, width - 4)} ", style), ("─", _DIM)]
    return [first, _ruled(second, width, _DIM)]


def _ruled(parts: Sequence[tuple[str, Style]], width: int, ink: Style) -> Parts:
    """A line of words, and a rule to its end."""
    left = width - sum(widest(text) for text, _ in parts)
    return [*parts, ("─" * left, ink)]


def _ours(text: str) -> str:
    """What a colleague wrote, short."""
    return safe_text(text, max_length=_SHORT)


def notes(
    conversation: Conversation | None, me: str | None, width: int, zone: tzinfo | None
) -> Lines:
    """The latest notes, under a line that says whose eyes they are for."""
    if conversation is None or not conversation.notes:
        return []
    ink, latest = Style(color="yellow"), conversation.notes[-_NOTES:]
    more = len(conversation.notes) - len(latest)
    words = f"── notes, for the team alone{f'; Alt-N shows {more} more' if more else ''} "
    lines = [[(f" {note_line(one, me, zone)}", ink)] for one in latest]
    return [_ruled([(words, ink)], width, ink), *lines]


def note_line(note: Note, me: str | None, zone: tzinfo | None) -> str:
    """A note, safe to draw."""
    author = "you" if me is not None and note.by == me else _ours(note.author)
    text = safe_text(note.text, max_length=2 * MAX_TEXT)
    return f"{full(note.at, zone)} {author}: {text}"


def notice(state: Inbox) -> Parts:
    """The last thing that happened; while the connection is lost, that."""
    if state.notice is not None:
        ink = Style(color="red") if state.notice.is_error else Style.null()
        return [(f" {safe_text(state.notice.text, max_length=400)}", ink)]
    if state.connection.state in {"reconnecting", "closed"}:
        reason = safe_text(state.connection.reason or "", max_length=_LONGEST)
        return [(f" Not connected: what is shown may be old. F5 tries again. {reason}", _DIM)]
    return []


def room(text: str) -> str:
    """How much of a message's room is taken, once there is little left."""
    length = utf16_length(text)
    return f" {length:,} of {MAX_TEXT:,} " if length > MAX_TEXT - _LITTLE else ""


def keys(place: KeyPlace) -> Parts:
    """The most needed keys of a place."""
    return [(f" {footer(place)}", _DIM)]


def nothing(state: Inbox, chosen: Listing, left_out: int) -> str:
    """What to say where there is no conversation; nothing is claimed that is not known."""
    if not state.sessions and state.connection.state != "live":
        offline = state.connection.state in {"reconnecting", "closed"}
        return "Not loaded: offline" if offline else "Loading conversations…"
    if left_out:
        return f"None of {left_out:,} found is {chosen.shown}: Enter, then F shows all"
    if chosen.query:
        return "Nothing found"
    return "No conversation yet" if chosen.shown == "all" else f"None is {chosen.shown}; f for more"
