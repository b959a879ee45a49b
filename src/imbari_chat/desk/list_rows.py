"""A conversation's two lines in the list: a stranger's words always last on theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.style import Style

from imbari_chat.desk.bar import Parts
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.view.dates import full, since
from imbari_chat.view.labels import customer_label
from imbari_chat.view.likeness import reads_as_us
from imbari_chat.view.listing import Listing, is_waiting
from imbari_chat.view.sanitize import safe_text
from imbari_chat.view.widths import cut

__all__ = ["Picture", "first_line", "second_line"]

_DIM: Final = Style(dim=True)
_LONGEST: Final = 200
_OURS: Final = 16
_THERE: Final = {"online": "● ", "away": "○ ", "gone": "  "}
_WORDS: Final = {"customer": "them: ", "admin": "us: ", None: ""}


@dataclass(frozen=True, slots=True)
class Picture:
    """What the list shows.

    Attributes:
        rows: In order.
        place: The row that is selected.
        listing: The selection, and who wrote last.
        opened: The open conversation.
        drafts: The conversations with a draft.
        failed: Those with a reply that was not sent.
        presence: Who is there, who types, and which colleagues have what open.
        reach: How far the list goes, in words.
        nothing: What to say when there are no rows.
        now: ms since the epoch.
    """

    rows: Sequence[Session]
    place: int
    listing: Listing
    opened: SessionId | None
    drafts: frozenset[SessionId]
    failed: frozenset[SessionId]
    presence: PresenceSnapshot
    reach: str
    nothing: str
    now: int


def first_line(picture: Picture, session: Session, *, is_selected: bool) -> Parts:
    """Who: unread, when, there or not, name and address."""
    count = session.unread_count
    badge = "99+" if count > 99 else str(count) if count else "✓" if session.is_resolved else ""
    name = safe_text(customer_label(session), max_length=_LONGEST)
    marker = "▸" if session.id == picture.opened else ">" if is_selected else " "
    there = _THERE[picture.presence.of(session.id)]
    return [
        (marker, Style(color="cyan")),
        (f"{badge:>3} ", Style(color="green" if session.is_resolved else "red", bold=count > 0)),
        (f"{since(session.last_message_time, picture.now, None):<7}", _DIM),
        (there, Style(color="green")),
        ("not us! " if reads_as_us(customer_label(session)) else "", Style(color="red", bold=True)),
        (name, Style(bold=count > 0, dim=session.is_resolved)),
        (f"  {safe_text(session.customer_email, max_length=_LONGEST)}", _DIM),
    ]


def _short(text: str) -> str:
    """Words of ours in so many columns that a preview has room behind them."""
    return f"{cut(text, _OURS)} " if text else ""


def second_line(picture: Picture, session: Session) -> Parts:
    """What: how long it waits, who is at it, who wrote last, and the preview."""
    waits, listing = "", picture.listing
    if is_waiting(listing, session):
        ago = since(listing.waiting_since(session), picture.now, None)
        waits = "waits " if ago == "now" else f"waits {ago} "
    if session.is_resolved and session.unread_count:
        waits = "resolved "  # where else there is a mark, there is a number
    draft = "draft " if session.id in picture.drafts else ""
    who = _WORDS[listing.last_sender(session)]
    text = safe_text(session.last_message, max_length=_LONGEST) or "no message yet"
    colleagues = picture.presence.colleagues(session.id)
    opened = ", ".join(safe_text(one.label, max_length=_LONGEST) for one in colleagues)
    types = picture.presence.is_typing(session.id)
    team = listing.team
    held, snooze = team.assignment_of(session.id), team.snooze_of(session)
    holder = "" if held is None else "you" if held.to == listing.me else held.label
    until = "" if snooze is None else f"until {full(snooze.until, None)} "
    labels = safe_text(" ".join(f"#{one}" for one in team.labels_of(session.id)))
    return [
        ("    ", Style.null()),
        (waits, Style(color="yellow")),
        ("not sent " if session.id in picture.failed else "", Style(color="red", bold=True)),
        (draft, Style(color="magenta")),
        ("blocked " if team.block_of(session) else "", Style(color="red")),
        (until, Style(color="blue")),
        (_short(holder and f"@{safe_text(holder, max_length=_LONGEST)}"), Style(color="blue")),
        (_short(opened and f"open: {opened}"), Style(color="blue")),
        (_short(labels), Style(color="magenta")),
        ("typing… " if types else "", Style(color="green")),
        (who, _DIM),
        (text, Style.null() if session.unread_count else _DIM),
    ]
